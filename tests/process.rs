//! What the elements do to the process that they are in, and it to them: its limits, and its end.

#[path = "common/patience.rs"]
mod patience;

use gst::prelude::*;
use patience::in_own_process;
use std::process::Command;

/// Frames of a size that several threads share.
const FRAMES: &str = "video/x-raw,width=640,height=360,framerate=25/1 ! videotofloat";

fn init() {
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
}

fn launch(description: &str) -> gst::Pipeline {
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.downcast().unwrap()
}

/// Waits until frames have come to the pipeline's sink since this was called.
fn wait_for_frames(pipeline: &gst::Pipeline) {
    let pad = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let (sender, frames) = std::sync::mpsc::channel();
    let probe = pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        // As soon as there are enough of them, nobody receives them.
        let _ = sender.send(());
        gst::PadProbeReturn::Ok
    });
    for _ in 0..10 {
        frames.recv_timeout(patience::PATIENCE).expect("frames");
    }
    pad.remove_probe(probe.unwrap());
}

/// What the stack of a thread of the pool takes in [`in_a_process_that_gets_no_threads`].
#[cfg(target_os = "linux")]
const STACK_BYTES: u64 = 64 << 20;

/// Lets this process have only half a stack of the pool's more than it has, or as much as it wants.
#[cfg(target_os = "linux")]
fn limit_memory(is_limited: bool) {
    let limit = if is_limited {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmSize:"));
        let kib = line.unwrap().split_whitespace().nth(1).unwrap();
        (kib.parse::<u64>().unwrap() * 1024 + STACK_BYTES / 2).to_string()
    } else {
        "unlimited".to_owned()
    };
    // With the colon it is the limit that can be raised again.
    let pid = std::process::id();
    let mut command = Command::new("prlimit");
    command.args([format!("--pid={pid}"), format!("--as={limit}:")]);
    assert!(patience::end_of(&mut command.spawn().unwrap()).success());
}

#[test]
#[cfg(target_os = "linux")]
fn where_no_thread_can_be_had_the_pipeline_fails_and_can_be_started_later() {
    let stack = STACK_BYTES.to_string();
    in_own_process(
        "in_a_process_that_gets_no_threads",
        &[("RUST_MIN_STACK", Some(&stack))],
    );
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by where_no_thread_can_be_had_the_pipeline_fails_and_can_be_started_later"]
fn in_a_process_that_gets_no_threads() {
    init();
    let source = format!("videotestsrc ! {FRAMES} n-threads=1 ! lipsyncframes");
    let neighbour = launch(&format!("{source} n-threads=1 ! fakesink name=sink"));
    neighbour.set_state(gst::State::Playing).unwrap();
    wait_for_frames(&neighbour);

    let pipeline = launch(&format!("{source} n-threads=2 ! fakesink name=sink"));
    limit_memory(true);
    for _ in 0..3 {
        assert!(pipeline.set_state(gst::State::Playing).is_err());
        let error = pipeline
            .bus()
            .unwrap()
            .pop_filtered(&[gst::MessageType::Error]);
        let error = error.expect("an error");
        let gst::MessageView::Error(error) = error.view() else {
            unreachable!("filtered");
        };
        let text = error.error().message().to_owned();
        assert!(text.contains("cannot be started"), "{text}");
        assert!(text.contains("n-threads=1"), "{text}");
        pipeline.set_state(gst::State::Null).unwrap();
        wait_for_frames(&neighbour);
    }
    limit_memory(false);
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_for_frames(&pipeline);
    for pipeline in [pipeline, neighbour] {
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

const EXIT_CODE: i32 = 77;

#[test]
fn a_process_can_exit_while_pipelines_play() {
    for test in ["exit_on_the_main_thread", "exit_on_a_streaming_thread"] {
        for _ in 0..5 {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", test, "--ignored", "--test-threads=1"]);
            let output = patience::output(&mut command);
            assert_eq!(output.status.code(), Some(EXIT_CODE), "{test}: {output:?}");
        }
    }
}

/// Four pipelines that share the pool's threads
fn playing() -> Vec<gst::Pipeline> {
    init();
    let pipelines = [(); 4].map(|()| {
        launch(&format!(
            "videotestsrc ! {FRAMES} n-threads=3 ! lipsyncframes n-threads=3 ! fakesink name=sink"
        ))
    });
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    pipelines.iter().for_each(wait_for_frames);
    pipelines.into()
}

#[test]
#[ignore = "run by a_process_can_exit_while_pipelines_play"]
fn exit_on_the_main_thread() {
    let _pipelines = playing();
    std::process::exit(EXIT_CODE);
}

#[test]
#[ignore = "run by a_process_can_exit_while_pipelines_play"]
fn exit_on_a_streaming_thread() {
    let pipelines = playing();
    let pad = pipelines[0]
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, |_, _| {
        std::process::exit(EXIT_CODE)
    });
    std::thread::sleep(patience::PATIENCE);
}
