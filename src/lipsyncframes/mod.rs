//! The `lipsyncframes` element.
//!
//! Turns the frames of a lip-sync or talking-head network, floats of 32 or 16 bits in any of
//! four layouts, 1 to 32 and more to a buffer, into 8-bit video of any size: usually 320x320, for `jpegenc`.
//!
//! ```text
//! gst-launch-1.0 filesrc location=frames.f32 blocksize=2764800 \
//!   ! video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1 \
//!   ! lipsyncframes ! jpegenc quality=75 ! multifilesink location=%05d.jpg
//! ```
//!
//! Each frame leaves as a buffer of its own. With t = the input's PTS and d = 1/framerate, frame i
//! has PTS t + i * d and duration d.
//!
//! Tensors of NNStreamer are taken as well: `other/tensors` with one static tensor of `float32` or
//! `float16` and `dimensions` of `3:WIDTH:HEIGHT[:FRAMES]` (interleaved) or `WIDTH:HEIGHT:3[:FRAMES]`
//! (planar). Their framerate is that of buffers: each frame lasts its part of a buffer.
//!
//! The output has the size that downstream asks for, 320x320 where that is open; the format is RGBA
//! where downstream takes it, else I420, NV12, RGBx, BGRA, BGRx, RGB, BGR in this order. YCbCr is
//! full-range BT.601, which is what JPEG wants, unless downstream asks for BT.709 or limited range.
//! The picture is stretched to the output size and keeps its display aspect through the
//! pixel-aspect-ratio, or, with `add-borders=true`, through black borders.
//!
//! # Properties
//!
//! All but `layout` and `channel-order` can be changed while playing.
//!
//! | property | values | default | |
//! |---|---|---|---|
//! | `range` | `unit` (0 to 1), `signed-unit` (-1 to 1), `byte` (0 to 255) | `unit` | what the network's floats mean; values outside are clamped, NaN is black |
//! | `add-borders` | boolean | `false` | keep the display aspect with black borders instead of stretching |
//! | `n-threads` | 0 to 16 | 0 | most threads to convert a frame on, the streaming thread among them; 0 is one per core, at most 16. Small frames are not split |
//! | `layout` | `auto`, `interleaved`, `planar` | `auto` | layout of tensors whose dimensions fit both, such as `3:640:3` |
//! | `channel-order` | `bgr`, `rgb` | `bgr` | order of the channels of tensors, whose caps do not say it |
//! | `stats` | structure, read-only | | counters since the element started, see below |
//!
//! The fields of `stats` are of type `guint64` unless noted otherwise: `frames`, `batches` (input
//! buffers), `bytes-in`, `bytes-out`, `convert-time-total`, `convert-time-p50` and
//! `convert-time-p99` (in nanoseconds, the percentiles of the last 1024 frames), `implausible-frames`
//! (see below), `threads` (`guint`, on which a frame is converted now), `backend` (string, the instructions in use). Two fields are
//! `GstValueArray` of `guint64`, for histograms: `convert-time-bounds` (in nanoseconds, ascending) and
//! `convert-time-counts` (frames that took at most as long as the bound, and longer than the one before
//! it; those above the last bound are only in `frames`).
//!
//! # Floats that cannot be meant
//!
//! Any bytes are floats of some value, and become a picture. Of each of the first eight frames after a
//! change of caps or range, 256 samples are looked at; where more than a quarter of them are NaN or
//! outside of the range by more than an eighth of it, the frame counts as one of `implausible-frames`. With
//! the first of them, the element posts a warning on the bus, once until it stops. Usually `range` is wrong
//! then, or the floats are of 64 bits or big-endian. The frames are converted all the same. What is wrong
//! and comes out black, such as 0 to 1 with `range=byte`, is not noticed.

mod batch;
mod caps;
mod imp;
mod plausibility;
mod qos;
mod settings;
mod stats;

pub use crate::media::float_video::LipSyncFramesRange;
pub use imp::LipSyncFrames;
pub use settings::{LipSyncFramesChannelOrder, LipSyncFramesLayout};

use gst::glib;
use gst::prelude::*;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "lipsyncframes",
        gst::Rank::NONE,
        LipSyncFrames::static_type(),
    )
}
