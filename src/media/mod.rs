//! What goes over the wire.

pub mod float_video;
pub mod tensors;
