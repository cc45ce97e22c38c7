//! The examples, as programs to run, and clips to feed them.

use gst::prelude::*;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longer than anything takes on a busy machine. Only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The example `name`, which cargo builds along with the tests.
pub fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test
        .ancestors()
        .nth(2)
        .expect("tests are in target/<profile>/deps")
        .join("examples")
        .join(name);
    assert!(
        program.exists(),
        "no {}: run cargo test without --test, or cargo build --example {name} first",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .env("G_DEBUG", "fatal-criticals")
        .stdin(Stdio::null());
    command
}

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
