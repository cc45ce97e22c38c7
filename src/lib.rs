//! `lipsyncframes`: the float frames of lip-sync and talking-head networks as 8-bit video.
//!
//! - [`lipsyncframes`]: the element
//! - [`videotofloat`]: the element for the way back
//! - [`floatvideoparse`]: the element that makes float frames of byte streams
//! - [`float_video`]: the media type between them, `video/x-float`
//! - [`tensors`]: NNStreamer's media type, `other/tensors`, which `lipsyncframes` takes as well
//! - [`pixel`]: the conversion itself, usable without GStreamer
//! - [`pool`]: the threads that all conversions of the process share
//!
//! As a plugin, GStreamer loads it by itself. A program that links this crate calls
//! [`plugin_register_static`] once, after `gst::init`.

pub mod float_video;
pub mod floatvideoparse;
pub mod lipsyncframes;
pub mod pixel;
pub mod pool;
pub mod tensors;
pub mod videotofloat;

use gst::glib;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks also what a panicking thread held: in the elements, all of it is valid after every statement,
/// and a property getter must not panic in its turn.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    lipsyncframes::register(plugin)?;
    floatvideoparse::register(plugin)?;
    videotofloat::register(plugin)
}

gst::plugin_define!(
    lipsyncframes,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("BUILD_REL_DATE")
);

/// Compiles the README's Rust.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
