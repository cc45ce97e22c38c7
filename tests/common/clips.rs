//! Clips to feed programs with.

use crate::patience;
use gst::prelude::*;

/// Runs a pipeline to its end.
pub fn launch(description: &str) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = pipeline.bus().unwrap().timed_pop_filtered(
        patience::clock_time(),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).unwrap();
    let message = message.expect("a clip within the time");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
}
