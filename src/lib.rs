//! `lipsyncframes`: the float32 frames of lip-sync and talking-head networks as 8-bit video.

pub mod pixel;
pub mod pool;
