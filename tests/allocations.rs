//! Heap allocations of the element for each frame, counted by dhat, which replaces Rust's
//! allocator in this process. Output buffers come from a pool in C and do not count.

use gst_check::Harness;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FRAMES: u64 = 32;

/// Allocations while 10 batches of [`FRAMES`] frames pass, on `n_threads` threads.
fn allocations(n_threads: u32, downstream: &str) -> u64 {
    let element = gst::ElementFactory::make("lipsyncframes")
        .property("n-threads", n_threads)
        .build()
        .unwrap();
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_sink_caps_str(downstream);
    harness.set_src_caps_str("video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1");
    harness.set_drop_buffers(true);
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
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
    let _profiler = dhat::Profiler::builder().testing().build();
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
