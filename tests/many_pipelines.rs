//! Many pipelines in one process: threads, memory, and objects left behind.
//!
//! A pipeline that hangs holds up the pushing of frames, which has no limit. The process that the
//! test runs in has one.

#[path = "common/patience.rs"]
mod patience;

use gst::prelude::*;
use patience::in_own_process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PIPELINES: usize = 64;
const BATCH: usize = 5;

/// Enough work for two bands, so that the pool is in use, but little to write.
const CAPS: &str = "video/x-float,format=BGRP_F32LE,width=512,height=200,framerate=25/1";
const FRAME_BYTES: usize = 512 * 200 * 3 * 4;

struct Running {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    received: Arc<AtomicUsize>,
    wrong: Arc<AtomicUsize>,
}

/// Starts a pipeline in which every frame is of one `level`, and checks each at its end.
fn start(level: u8) -> Running {
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time block=true max-buffers=2 max-bytes=0 caps={CAPS} \
         ! lipsyncframes n-threads=2 range=byte ! video/x-raw,format=RGB,width=8,height=100 \
         ! fakesink name=sink async=false"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let source = pipeline.by_name("source").unwrap();
    let source = source.downcast::<gst_app::AppSrc>().unwrap();
    let (received, wrong) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let sink = pipeline.by_name("sink").unwrap();
    sink.static_pad("sink")
        .unwrap()
        .add_probe(gst::PadProbeType::BUFFER, {
            let (received, wrong) = (received.clone(), wrong.clone());
            move |_, info| {
                let map = info.buffer().unwrap().map_readable().unwrap();
                if map.len() != 8 * 3 * 100 || map.iter().any(|&byte| byte != level) {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
                received.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            }
        })
        .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    Running {
        pipeline,
        source,
        received,
        wrong,
    }
}

/// Pushes `batches` more of `memory` through each pipeline, and waits until all have come out.
fn run(running: &[Running], memories: &[gst::Memory], batches: usize) {
    let before = running[0].received.load(Ordering::Relaxed);
    for _ in 0..batches {
        for (running, memory) in running.iter().zip(memories) {
            let mut buffer = gst::Buffer::new();
            buffer.get_mut().unwrap().append_memory(memory.clone());
            running.source.push_buffer(buffer).unwrap();
        }
    }
    let expected = before + batches * BATCH;
    for running in running {
        let bus = running.pipeline.bus().unwrap();
        patience::until("the rest of the frames", || {
            let message = bus.pop_filtered(&[gst::MessageType::Error]);
            assert!(message.is_none(), "{message:?}");
            running.received.load(Ordering::Relaxed) >= expected
        });
    }
}

fn stop(running: Vec<Running>) {
    for running in running {
        running.source.end_of_stream().unwrap();
        let bus = running.pipeline.bus().unwrap();
        let message = bus.timed_pop_filtered(
            patience::clock_time(),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        );
        assert_eq!(message.unwrap().type_(), gst::MessageType::Eos);
        running.pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(running.wrong.load(Ordering::Relaxed), 0);
    }
}

fn init() {
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
}

/// One memory of a batch for each pipeline, all of its level.
fn memories(pipelines: usize) -> Vec<gst::Memory> {
    (0..pipelines)
        .map(|level| {
            let sample = (level as f32).to_le_bytes();
            gst::Memory::from_slice(sample.repeat(FRAME_BYTES / 4 * BATCH))
        })
        .collect()
}

/// Names of this process's threads.
fn thread_names() -> Vec<String> {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

/// Resident memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn many_pipelines_share_one_pool_and_memory_does_not_grow() {
    println!("{}", in_own_process("share_one_pool_and_do_not_grow", &[]));
}

#[test]
#[ignore = "run by many_pipelines_share_one_pool_and_memory_does_not_grow"]
fn share_one_pool_and_do_not_grow() {
    init();
    let memories = memories(PIPELINES);
    let running: Vec<Running> = (0..PIPELINES).map(|level| start(level as u8)).collect();
    run(&running, &memories, 1000 / BATCH);

    let names = thread_names();
    let pool = names
        .iter()
        .filter(|name| name.starts_with("lipsyncframes"));
    assert_eq!(
        pool.count(),
        gstlipsyncframes::pixel::pool::default_threads(),
        "{names:?}"
    );
    // What GStreamer starts: a thread for each source, and its pool's for the state changes.
    let sources = names.iter().filter(|name| name.starts_with("source:src"));
    assert_eq!(sources.count(), PIPELINES, "{names:?}");

    let after_1_000 = resident();
    run(&running, &memories, 9000 / BATCH);
    let after_10_000 = resident();
    println!(
        "resident after 1,000 frames of each: {after_1_000} KiB, after 10,000: {after_10_000} KiB"
    );
    assert!(after_10_000 < after_1_000 + 4096);
    stop(running);
}

#[test]
fn no_object_is_left() {
    in_own_process("leave_no_object", &[("GST_TRACERS", Some("leaks"))]);
}

#[test]
#[ignore = "run by no_object_is_left"]
fn leave_no_object() {
    init();
    let tracers = gst::active_tracers();
    let tracer = tracers.into_iter().next().expect("the leaks tracer");
    let memories = memories(PIPELINES);
    let running: Vec<Running> = (0..PIPELINES).map(|level| start(level as u8)).collect();
    run(&running, &memories, 4);
    stop(running);

    // An element that fails in mid-stream.
    let failing = start(0);
    failing
        .source
        .push_buffer(gst::Buffer::with_size(1).unwrap())
        .unwrap();
    let bus = failing.pipeline.bus().unwrap();
    bus.timed_pop_filtered(patience::clock_time(), &[gst::MessageType::Error])
        .expect("an error");
    failing.pipeline.set_state(gst::State::Null).unwrap();
    drop((bus, failing, memories));

    let live: gst::Structure = tracer.emit_by_name("get-live-objects", &[]);
    let objects = live.get::<gst::List>("live-objects-list").unwrap();
    // The registry keeps the plugin and its factories.
    let left: Vec<String> = objects
        .iter()
        .map(|object| format!("{object:?}"))
        .filter(|object| !object.contains("GstPlugin") && !object.contains("GstElementFactory"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
    // Freeing the list, GStreamer 1.22 takes away references that it never added.
    std::mem::forget((live, objects));
}
