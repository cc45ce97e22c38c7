//! `lipsyncframes`: the float frames of lip-sync and talking-head networks as 8-bit video.
//!
//! - [`lipsyncframes`]: the element
//! - [`videotofloat`]: the element for the way back
//! - [`floatvideoparse`]: the element that makes float frames of byte streams
//! - [`media`]: the media types between them, `video/x-float` and `other/tensors`
//! - [`pixel`]: the conversion itself, a crate without GStreamer
//!
//! As a plugin, GStreamer loads it by itself. A program that links this crate calls
//! [`plugin_register_static`] once, after `gst::init`.
//!
//! # In a server
//!
//! `media-server` in the repository is one. What it takes from here:
//!
//! ```
//! use gst::prelude::*;
//! use gstlipsyncframes::{media::float_video, pixel::pool, plugin_register_static};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     gst::init()?;
//!     plugin_register_static()?;
//!
//!     // All elements of the process share one pool of so many threads, which starts with the first of
//!     // them that may use it. n-threads=1 does without it: with more streams than cores, those are all
//!     // busy anyway. A server with threads of its own plans with what is left.
//!     println!("{} of {} threads run", pool::running_threads(), pool::default_threads());
//!
//!     // What clients may call their formats.
//!     let formats: Vec<_> = float_video::formats().map(|(name, _)| name).collect();
//!     assert!(formats.contains(&"BGR_F32LE"));
//!
//!     let pipeline = gst::parse::launch(
//!         "videotestsrc num-buffers=10 ! videotofloat \
//!          ! lipsyncframes name=lipsyncframes n-threads=1 ! fakesink",
//!     )?
//!     .downcast::<gst::Pipeline>()
//!     .map_err(|_| "no pipeline")?;
//!     pipeline.set_state(gst::State::Playing)?;
//!     let bus = pipeline.bus().ok_or("no bus")?;
//!     bus.timed_pop_filtered(gst::ClockTime::NONE, &[gst::MessageType::Eos, gst::MessageType::Error]);
//!
//!     // The fields are listed with the element. Reading them costs about as much as sorting 1024
//!     // numbers, so once for each scrape, not for each frame.
//!     let element = pipeline.by_name("lipsyncframes").ok_or("no element")?;
//!     let stats = element.property::<gst::Structure>("stats");
//!     assert_eq!(stats.get::<u64>("frames")?, 10);
//!     let p99 = stats.get::<u64>("convert-time-p99")?;
//!     let bounds = stats.get::<gst::Array>("convert-time-bounds")?;
//!     let counts = stats.get::<gst::Array>("convert-time-counts")?;
//!     for (bound, count) in bounds.iter().zip(counts.iter()) {
//!         let (bound, count) = (bound.get::<u64>()?, count.get::<u64>()?);
//!         println!("{count} frames took up to {bound} ns, and longer than those before");
//!     }
//!     println!("99 % took up to {p99} ns");
//!     pipeline.set_state(gst::State::Null)?;
//!     Ok(())
//! }
//! ```

#![forbid(unsafe_code)]

mod common;
pub mod floatvideoparse;
pub mod lipsyncframes;
mod lock;
pub mod media;
pub mod videotofloat;

pub use lipsyncframes_pixel as pixel;

/// Registers the elements in a program that links this crate. To be called once, after `gst::init`.
///
/// # Errors
///
/// When GStreamer refuses the plugin or one of its elements; its debug log says why.
pub use plugin::plugin_register_static;

#[expect(
    missing_docs,
    reason = "what the macro makes has none, and is not to be seen but for the above"
)]
mod plugin {
    use crate::lipsyncframes::LipSyncFrames;
    use gst::glib;
    use gst::glib::object::ObjectSubclassIs;
    use gst::glib::subclass::types::ObjectSubclass;
    use std::sync::LazyLock;

    /// Whether the elements' types can be this copy's. GObject has one type of a name in a process, so that
    /// where the plugin is linked and found as a file, too, the first has them. To register them again panics.
    static IS_FIRST_COPY: LazyLock<bool> = LazyLock::new(|| {
        type Subclass = <LipSyncFrames as ObjectSubclassIs>::Subclass;
        glib::Type::from_name(Subclass::NAME).is_none()
    });

    fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
        if !*IS_FIRST_COPY {
            glib::g_warning!(
                "lipsyncframes",
                "The plugin is in this process already, linked or from another file: its elements are those \
                 of that copy, and this one, version {}, has none",
                env!("CARGO_PKG_VERSION")
            );
            return Ok(());
        }
        crate::lipsyncframes::register(plugin)?;
        crate::floatvideoparse::register(plugin)?;
        crate::videotofloat::register(plugin)
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
}

/// Compiles the README's Rust.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
