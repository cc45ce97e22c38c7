//! The `videotofloat` element.
//!
//! The way back: turns 8-bit RGB video of any kind into `video/x-float` of the same size, as networks
//! take it and as [`lipsyncframes`](crate::lipsyncframes) turns it into video again. It makes any
//! source a source of floats.
//!
//! ```text
//! gst-launch-1.0 videotestsrc num-buffers=100 ! video/x-raw,width=640,height=360 \
//!   ! videoconvert ! videotofloat ! lipsyncframes ! jpegenc ! multifilesink location=%05d.jpg
//! ```
//!
//! Of level v it makes `v / 255` (`range=unit`), `v / 127.5 - 1` (`signed-unit`) or v itself (`byte`),
//! rounded once, to the sample's width; `lipsyncframes` with the same range makes v of it again. The
//! format is what downstream asks for, `BGR_F32LE` where that is open. Alpha is dropped.
//!
//! Where `colorimetry` says that black is 16 and white 235, levels are taken for what they mean, and
//! what lies beyond is clamped; `lipsyncframes` makes full-range levels of such floats. Frames must be
//! progressive, and one view each.
//!
//! # Properties
//!
//! Both can be changed while playing.
//!
//! | property | values | default | |
//! |---|---|---|---|
//! | `range` | `unit` (0 to 1), `signed-unit` (-1 to 1), `byte` (0 to 255) | `unit` | range of the floats |
//! | `n-threads` | 0 to 16 | 0 | most threads to convert a frame on, the streaming thread among them; 0 is one per core, at most 16. Small frames are not split |

mod imp;

pub use imp::VideoToFloat;

use gst::glib;
use gst::prelude::*;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "videotofloat",
        gst::Rank::NONE,
        VideoToFloat::static_type(),
    )
}
