//! What is wrong gets one clear error, and nothing of it is pushed.

use super::*;
use gst::ClockTime;

fn refused(setup: &mut Setup, buffer: gst::Buffer) -> String {
    assert_eq!(setup.harness.push(buffer), Err(gst::FlowError::Error));
    assert_eq!(setup.pulled().len(), 0, "nothing is pushed");
    let errors = setup.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].clone()
}

#[test]
fn buffers_that_are_not_whole_frames() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    for (bytes, expected) in [
        (0, "an empty buffer, 0 bytes"),
        (1, "1 bytes, 0 frames and 1 bytes over"),
        (SMALL_BYTES - 1, "95 bytes, 0 frames and 95 bytes over"),
        (SMALL_BYTES + 1, "97 bytes, 1 frames and 1 bytes over"),
        (SMALL_BYTES * 3 / 2, "144 bytes, 1 frames and 48 bytes over"),
    ] {
        let error = refused(&mut setup, gst::Buffer::with_size(bytes).unwrap());
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("BGR_F32LE 4x2"), "{error}");
        assert!(error.contains("96 bytes each"), "{error}");
    }
    // The element is none the worse for it.
    setup.harness.push(small_frames(&[5, 6])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [5, 6]);
    assert_eq!(setup.stat("frames"), 2);
    assert_eq!(setup.stat("batches"), 1);
}

#[test]
fn memory_that_cannot_be_read() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    for memories in [1, 2, 3] {
        let buffer = memories::unmappable(memories, 2 * SMALL_BYTES / memories);
        let error = refused(&mut setup, buffer);
        let expected = format!("192 bytes in {memories} memories, of which 0 bytes can be mapped");
        assert!(error.contains(&expected), "{error}");
    }
    // The first frame can be read.
    let mut buffer = small_frames(&[7]);
    let unreadable = memories::unmappable(1, SMALL_BYTES);
    buffer.append(unreadable);
    let error = refused(&mut setup, buffer);
    assert!(error.contains("192 bytes in 2 memories"), "{error}");

    setup.harness.push(small_frames(&[5, 6])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [5, 6]);
    assert_eq!(setup.stat("batches"), 1);
}

#[test]
fn timestamps_that_end_beyond_64_bits() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    let last = ClockTime::MAX - ClockTime::from_mseconds(79);
    let error = refused(&mut setup, timed(small_frames(&[1, 2]), last));
    assert!(error.contains("PTS 18446744073630551614 ns"), "{error}");
    assert!(error.contains("2 frames"), "{error}");

    let fits = ClockTime::MAX - ClockTime::from_mseconds(80);
    setup
        .harness
        .push(timed(small_frames(&[1, 2]), fits))
        .unwrap();
    let buffers = setup.pulled();
    assert_eq!(buffers[1].pts(), Some(fits + ClockTime::from_mseconds(40)));
}

#[test]
fn caps_that_are_no_float_frames() {
    for (caps, expected) in [
        (
            "video/x-float,width=4,height=2",
            "no format: expected BGR_F32LE",
        ),
        (
            "video/x-float,format=BGR_F32LE",
            "no width: expected 1 to 16384",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4",
            "no height: expected 1 to 16384",
        ),
        (
            "video/x-float,format=RGB,width=4,height=2",
            "format RGB: expected one of",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=0,height=2",
            "width 0: expected 1 to 16384",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4,height=16385",
            "height 16385: expected 1 to 16384",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=2147483647,height=2147483647",
            "width 2147483647: expected 1 to 16384",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=-1/1",
            "framerate -1/1: expected a fraction of 0/1 or more",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4,height=2,interlace-mode=interleaved",
            "interlace-mode interleaved: expected progressive",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4,height=2,multiview-mode=side-by-side",
            "multiview-mode side-by-side: expected mono",
        ),
        (
            "video/x-float(memory:GLMemory),format=BGR_F32LE,width=4,height=2",
            "features memory:GLMemory: expected system memory",
        ),
    ] {
        let mut setup = Setup::new("").downstream("video/x-raw").upstream(caps);
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{caps}: {errors:?}");
        assert!(errors[0].contains(expected), "{errors:?}");
        let pushed = setup.harness.push(small_frames(&[1]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated), "{caps}");

        // Good caps make up for it, also those that were there before.
        for caps in [SMALL, caps, SMALL] {
            setup.harness.set_src_caps_str(caps);
        }
        setup.harness.push(small_frames(&[1])).unwrap();
    }
}

#[test]
fn other_media_types_are_not_accepted() {
    let setup = Setup::new("").downstream("video/x-raw");
    let caps: gst::Caps = "video/x-raw,format=RGB,width=4,height=2".parse().unwrap();
    assert!(!setup.sink_pad().query_accept_caps(&caps));
    let caps: gst::Caps = SMALL.parse().unwrap();
    assert!(setup.sink_pad().query_accept_caps(&caps));
}

#[test]
fn a_buffer_before_any_caps() {
    let mut setup = Setup::new("");
    setup.harness.play();
    let pad = setup.harness.srcpad().unwrap();
    pad.push_event(gst::event::StreamStart::new("no caps"));
    let segment = gst::FormattedSegment::<ClockTime>::new();
    pad.push_event(gst::event::Segment::new(&segment));
    for _ in 0..2 {
        let pushed = pad.push(small_frames(&[1]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
    }
    let errors = setup.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("without caps"), "{errors:?}");
    assert!(errors[0].contains("floatvideoparse width="), "{errors:?}");
}

/// Needs 128 TiB of stack for each thread, which no machine gives.
#[test]
fn a_pool_that_cannot_be_built() {
    let stack = (1u64 << 47).to_string();
    patience::in_own_process(
        "bad_input::in_a_process_without_threads",
        &[("RUST_MIN_STACK", Some(&stack))],
    );
}

#[test]
#[ignore = "run by a_pool_that_cannot_be_built"]
fn in_a_process_without_threads() {
    init();
    let element = gst::parse::launch("lipsyncframes n-threads=2").unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    assert!(element.set_state(gst::State::Paused).is_err());
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("filtered");
    };
    let text = error.error().message().to_owned();
    assert!(text.contains("pool of"), "{text}");
    assert!(text.contains("n-threads=1"), "{text}");
    element.set_state(gst::State::Null).unwrap();

    // One thread needs no pool.
    let mut setup = Setup::new("n-threads=1")
        .downstream("video/x-raw")
        .upstream(SMALL);
    setup.harness.push(small_frames(&[3])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [3]);
}
