//! The `floatvideoparse` element.
//!
//! Cuts a stream of bytes, in pieces of any size, into whole frames of `video/x-float` with
//! timestamps: files, pipes, sockets and shared memory become what `lipsyncframes` takes.
//!
//! ```text
//! cat frames.f32 | gst-launch-1.0 fdsrc ! floatvideoparse width=640 height=360 framerate=25/1 \
//!   ! lipsyncframes ! jpegenc quality=75 ! multifilesink location=%05d.jpg
//! ```
//!
//! Frame n begins at n / framerate, and memory is shared with the input where a frame comes in one
//! piece. Sources of bytes that can be sought can be sought by time, frames and bytes: a seek goes
//! to the frame that is shown at that time, or of which that byte is a part. Playing backwards is
//! refused, because BaseParse would keep all of it before it sends the first frame: seeks fail, and a
//! segment of upstream's that runs backwards is an error.
//!
//! Where the stream ends, or breaks off, within a frame, a warning says how many bytes were left
//! over. Where that is before the first frame, or nothing comes at all, it is an error.
//!
//! The input can have `video/x-float` caps. Then they count, not the properties, and frames are
//! put together anew, `frames-per-buffer` in a buffer. What upstream has stamped keeps its
//! timestamps; frames behind that, in the same buffer or in one without a timestamp, follow at the
//! framerate. With a framerate of 0/1, upstream's durations are shared out.
//!
//! # Properties
//!
//! They take effect when the element starts.
//!
//! | property | values | default | |
//! |---|---|---|---|
//! | `format` | the formats of [`float_video`](crate::media::float_video) | `BGR_F32LE` | |
//! | `width`, `height` | 1 to 16384 | 0 | must be set, unless the input has caps that say it |
//! | `framerate` | 0/1 or more | 25/1 | frames per second; with 0/1 there are no timestamps |
//! | `frames-per-buffer` | 1 or more | 1 | the last may have fewer; up to 1 GiB fits in a buffer |

mod imp;
mod stream;
mod timeline;

pub use imp::FloatVideoParse;

use gst::glib;
use gst::prelude::*;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "floatvideoparse",
        gst::Rank::NONE,
        FloatVideoParse::static_type(),
    )
}
