//! Heap allocations of the element for each frame, counted by dhat, which replaces Rust's
//! allocator in this process. Output buffers come from a pool in C and do not count.

use gst::prelude::*;
use gst_check::Harness;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FRAMES: u64 = 32;

const FLOATS: &str = "video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1";

/// Starts dhat's counters. There is one set of them in a process, so that tests take turns.
fn count() -> (dhat::Profiler, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
    (dhat::Profiler::builder().testing().build(), turn)
}

fn harness(element: &gst::Element, downstream: &str, upstream: &str) -> Harness {
    let mut harness = Harness::with_element(element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(downstream);
    harness.set_src_caps_str(upstream);
    harness.set_drop_buffers(true);
    harness
}

/// Allocations while 10 batches of [`FRAMES`] frames pass, on `n_threads` threads.
fn allocations(n_threads: u32, downstream: &str) -> u64 {
    let element = gst::ElementFactory::make("lipsyncframes")
        .property("n-threads", n_threads)
        .build()
        .unwrap();
    let mut harness = harness(&element, downstream, FLOATS);
    let batch = gst::Buffer::from_slice(vec![0u8; 640 * 360 * 12 * FRAMES as usize]);
    harness.push(batch.clone()).unwrap();

    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..10 {
        harness.push(batch.clone()).unwrap();
    }
    dhat::HeapStats::get().total_blocks - before
}

#[test]
fn none_per_frame_beyond_the_hand_over() {
    let _counting = count();
    for downstream in ["video/x-raw,format=RGBA", "video/x-raw,format=I420"] {
        assert_eq!(allocations(1, downstream), 0);
        // As many as there are cores, which must not be looked up every time.
        let cores = gstlipsyncframes::pixel::pool::default_threads() as u64;
        assert!(allocations(0, downstream) <= 10 * FRAMES * cores);
        // For each thread that helps, rayon boxes a job of some 60 bytes, and now and then it needs a
        // further block for its queue of them, which holds 63. What a thread of the pool allocates
        // once can come as late as this on a busy machine.
        for handed_over in 1..4 {
            let jobs = 10 * FRAMES * handed_over;
            let blocks = jobs / 63 + 1;
            let counted = allocations(handed_over as u32 + 1, downstream);
            assert!(counted <= jobs + blocks + 2, "{handed_over}: {counted}");
        }
    }
}

/// A frame that stays on one thread however many there may be is converted by the same plan.
#[test]
fn none_for_another_number_of_threads() {
    let _counting = count();
    let element = gst::ElementFactory::make("lipsyncframes").build().unwrap();
    let caps = "video/x-float,format=BGR_F32LE,width=16,height=16,framerate=25/1";
    let mut harness = harness(&element, "video/x-raw,width=16,height=16", caps);
    let frame = gst::Buffer::from_slice(vec![0u8; 16 * 16 * 12]);
    harness.push(frame.clone()).unwrap();
    for n_threads in [1u32, 2, 16, 0, 3] {
        element.set_property("n-threads", n_threads);
        let before = dhat::HeapStats::get().total_blocks;
        harness.push(frame.clone()).unwrap();
        let counted = dhat::HeapStats::get().total_blocks - before;
        assert_eq!(counted, 0, "n-threads={n_threads}");
    }
}

/// A server keeps elements for the next stream, in which other sizes may come.
#[test]
fn a_stopped_element_holds_no_more_than_a_new_one() {
    let _counting = count();
    let video = "video/x-raw,format=RGB,width=640,height=360,framerate=25/1";
    for (name, upstream, downstream, bytes) in [
        (
            "lipsyncframes",
            FLOATS,
            "video/x-raw,width=1920,height=1080",
            640 * 360 * 12,
        ),
        ("videotofloat", video, "video/x-float", 640 * 360 * 3),
    ] {
        let held = || dhat::HeapStats::get().curr_bytes;
        let frame = gst::Buffer::from_slice(vec![0u8; bytes]);
        // What comes into being once in the process does so the first time.
        for is_first in [true, false] {
            let element = gst::ElementFactory::make(name)
                .property("n-threads", 1u32)
                .build()
                .unwrap();
            let before = held();
            let mut harness = harness(&element, downstream, upstream);
            harness.push(frame.clone()).unwrap();
            element.set_state(gst::State::Null).unwrap();
            assert!(
                is_first || held() == before,
                "{name}: {} after {before}",
                held()
            );
        }
    }
}
