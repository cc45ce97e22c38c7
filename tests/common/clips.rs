//! Clips to feed programs with.

use gst::prelude::*;
use std::time::Duration;

/// Longer than anything takes on a busy machine. Only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a pipeline to its end.
pub fn launch(description: &str) {
    gst::init().unwrap();
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(PATIENCE.as_secs()),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).unwrap();
    let message = message.expect("a clip within the time");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
}
