//! What goes over the wire.

pub mod float_video;
pub mod planes;
pub(crate) mod raw_video;
pub mod tensors;
