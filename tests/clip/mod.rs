//! A small video to test with.

use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const FRAMES: usize = 30;

/// [`FRAMES`] frames of SMPTE colour bars, 96x64, as Motion JPEG in AVI, made once.
pub fn clip() -> PathBuf {
    static CLIP: OnceLock<PathBuf> = OnceLock::new();
    CLIP.get_or_init(|| {
        gst::init().unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clip.avi");
        let pipeline = gst::parse::launch(&format!(
            "videotestsrc num-buffers={FRAMES} ! video/x-raw,width=96,height=64,framerate=25/1 \
             ! jpegenc ! avimux ! filesink name=sink"
        ))
        .unwrap();
        let bin = pipeline.downcast_ref::<gst::Bin>().unwrap();
        bin.by_name("sink").unwrap().set_property("location", &path);
        pipeline.set_state(gst::State::Playing).unwrap();
        let message = pipeline.bus().unwrap().timed_pop_filtered(
            gst::ClockTime::from_seconds(60),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        );
        assert_eq!(message.unwrap().type_(), gst::MessageType::Eos);
        pipeline.set_state(gst::State::Null).unwrap();
        path
    })
    .clone()
}
