//! `lipsyncframes`: the float32 frames of lip-sync and talking-head networks as 8-bit video.

pub mod float_video;
pub mod lipsyncframes;
pub mod pixel;
pub mod pool;

use gst::glib;

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    lipsyncframes::register(plugin)
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
