//! What goes over the wire.

pub mod float_video;
pub(crate) mod raw_video;
pub mod tensors;
