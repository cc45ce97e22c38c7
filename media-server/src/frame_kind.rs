//! What frames are.

use gstlipsyncframes::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use std::time::Duration;

/// What the frames of a post are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameKind {
    /// Their format, size and framerate, which is not 0
    pub info: FloatVideoInfo,
    /// What their floats reach from and to
    pub range: LipSyncFramesRange,
}

impl FrameKind {
    /// As the property `range` has it.
    pub fn range_name(&self) -> &'static str {
        let name = float_video::ranges().find(|(_, range)| *range == self.range);
        name.map_or("", |(name, _)| name)
    }

    /// How long a frame is shown.
    pub fn frame_duration(&self) -> Duration {
        let rate = self.info.framerate;
        Duration::from_secs_f64(f64::from(rate.denom()) / f64::from(rate.numer()))
    }
}
