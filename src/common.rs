//! What elements have in common.

use gst::glib;
use lipsyncframes_pixel::{Range, pool};

/// The range of the network's floats: the property `range` of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstLipSyncFramesRange")]
#[repr(i32)]
#[non_exhaustive]
pub enum LipSyncFramesRange {
    /// `unit`: black is 0, white is 1
    #[default]
    #[enum_value(name = "0 to 1", nick = "unit")]
    Unit = 0,
    /// `signed-unit`: black is -1, white is 1
    #[enum_value(name = "-1 to 1", nick = "signed-unit")]
    SignedUnit = 1,
    /// `byte`: black is 0, white is 255
    #[enum_value(name = "0 to 255", nick = "byte")]
    Byte = 2,
}

impl From<LipSyncFramesRange> for Range {
    fn from(range: LipSyncFramesRange) -> Self {
        match range {
            LipSyncFramesRange::Unit => Self::Unit,
            LipSyncFramesRange::SignedUnit => Self::SignedUnit,
            LipSyncFramesRange::Byte => Self::Byte,
        }
    }
}

/// The pad templates of an element with one pad in and one pad out, which are always there.
pub fn pad_templates(input: gst::Caps, output: gst::Caps) -> Vec<gst::PadTemplate> {
    [
        ("sink", gst::PadDirection::Sink, input),
        ("src", gst::PadDirection::Src, output),
    ]
    .into_iter()
    .filter_map(|(name, direction, caps)| {
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).ok()
    })
    .collect()
}

/// Starts the pool for an element that starts and may use `threads` threads.
pub fn start_pool(threads: usize) -> Result<(), gst::ErrorMessage> {
    if threads > 1 {
        pool::start().map_err(|error| {
            gst::error_msg!(
                gst::ResourceError::Failed,
                ("{error}. Raise the limits on threads and memory, or set n-threads=1 \
                     to do without the pool")
            )
        })?;
    }
    Ok(())
}
