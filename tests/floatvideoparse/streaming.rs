//! Flush, gaps, segments, state changes.

use super::*;

fn types(setup: &mut Setup) -> Vec<gst::EventType> {
    std::iter::from_fn(|| setup.harness.try_pull_event())
        .map(|event| event.type_())
        .collect()
}

#[test]
fn events_come_in_order_and_the_end_after_the_last_frame() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} frames-per-buffer=2"));
    setup.push(&numbered_bytes(3 * SMALL_BYTES));
    assert_eq!(setup.pulled().len(), 1);
    setup.end();
    assert_eq!(setup.pulled().len(), 1);
    let types = types(&mut setup);
    assert_eq!(
        &types[..3],
        [
            gst::EventType::StreamStart,
            gst::EventType::Caps,
            gst::EventType::Segment
        ]
    );
    assert_eq!(types.last(), Some(&gst::EventType::Eos));
}

#[test]
fn the_segment_is_one_of_time() {
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&numbered_bytes(SMALL_BYTES));
    let event = std::iter::from_fn(|| setup.harness.try_pull_event())
        .find(|event| event.type_() == gst::EventType::Segment)
        .unwrap();
    let gst::EventView::Segment(segment) = event.view() else {
        unreachable!("found by its type");
    };
    let segment = segment.segment().downcast_ref::<ClockTime>().unwrap();
    assert_eq!(segment.start(), ms(0));
    assert_eq!(segment.stop(), None);
}

#[test]
fn a_flush_drops_what_is_not_a_frame_yet() {
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&numbered_bytes(SMALL_BYTES + 50));
    assert_eq!(setup.pulled().len(), 1);
    setup.push_event(gst::event::FlushStart::new());
    setup.push_event(gst::event::FlushStop::new(true));
    setup.push_event(byte_segment(10 * SMALL_BYTES as u64));
    let input = numbered_bytes(2 * SMALL_BYTES);
    setup.push(&input);
    let buffers = setup.pulled();
    assert_contents(&buffers, &input);
    assert_eq!(pts(&buffers), [ms(400), ms(440)]);
    assert_eq!(setup.warnings(), Vec::<String>::new());
}

#[test]
fn timestamps_from_before_a_flush_are_forgotten() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let mut buffer = gst::Buffer::from_slice(numbered_bytes(SMALL_BYTES + 50));
    buffer.get_mut().unwrap().set_pts(ms(7000));
    setup.harness.push(buffer).unwrap();
    setup.push_event(gst::event::FlushStart::new());
    setup.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<ClockTime>::new();
    setup.push_event(gst::event::Segment::new(&segment));
    setup.push(&numbered_bytes(SMALL_BYTES));
    assert_eq!(pts(&setup.pulled()), [ms(7000), ms(0)]);
}

#[test]
fn where_the_stream_breaks_off_frames_do_not_mix() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} frames-per-buffer=2"));
    setup.push(&numbered_bytes(SMALL_BYTES + 50));
    assert_eq!(setup.pulled().len(), 0);
    let input = numbered_bytes(2 * SMALL_BYTES);
    let mut buffer = gst::Buffer::from_slice(input.clone());
    buffer
        .get_mut()
        .unwrap()
        .set_flags(gst::BufferFlags::DISCONT);
    setup.harness.push(buffer).unwrap();
    let buffers = setup.pulled();
    assert_eq!(sizes(&buffers), [96, 192]);
    assert_contents(&buffers[1..], &input);
    assert!(buffers[1].flags().contains(gst::BufferFlags::DISCONT));
    assert_eq!(pts(&buffers), [ms(0), ms(40)]);
    let warnings = setup.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("50 bytes are left over"),
        "{warnings:?}"
    );
}

/// With timestamps, which have to be found again after the break.
#[test]
fn timestamps_after_a_break() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    for (bytes, time) in [(SMALL_BYTES + 50, ms(0)), (3 * SMALL_BYTES, ms(1000))] {
        let mut buffer = gst::Buffer::from_slice(numbered_bytes(bytes));
        {
            let buffer = buffer.get_mut().unwrap();
            buffer.set_pts(time);
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        setup.harness.push(buffer).unwrap();
    }
    let expected = [ms(0), ms(1000), ms(1040), ms(1080)];
    assert_eq!(pts(&setup.pulled()), expected);
}

#[test]
fn an_upstream_that_goes_backwards() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let mut segment = gst::FormattedSegment::<ClockTime>::new();
    segment.set_stop(ClockTime::SECOND);
    segment.set_rate(-1.5);
    setup.push_event(gst::event::Segment::new(&segment));
    for _ in 0..3 {
        let buffer = gst::Buffer::from_slice(numbered_bytes(SMALL_BYTES));
        assert_eq!(setup.harness.push(buffer), Err(gst::FlowError::Error));
    }
    assert_eq!(setup.pulled().len(), 0);
    assert_eq!(
        setup.errors(),
        [
            "A segment of rate -1.5 comes in, and frames are only sent forwards: seek with a rate above 0"
        ]
    );

    segment.set_rate(1.5);
    setup.push_event(gst::event::Segment::new(&segment));
    setup.push(&numbered_bytes(SMALL_BYTES));
    assert_eq!(setup.pulled().len(), 1);
}

#[test]
fn a_gap_before_the_first_frame_has_the_right_caps() {
    for mut setup in [Setup::of_bytes(SMALL), Setup::of_frames("", SMALL_CAPS)] {
        let gap = gst::event::Gap::builder(ClockTime::ZERO)
            .duration(ClockTime::SECOND)
            .build();
        assert!(setup.push_event(gap));
        assert!(setup.output_caps().contains("width=(int)4, height=(int)2"));
        setup.push(&numbered_bytes(SMALL_BYTES));
        assert_eq!(setup.pulled().len(), 1);
        assert_eq!(setup.errors(), Vec::<String>::new());
    }
}

#[test]
fn a_downstream_that_has_enough_is_not_told_of_leftovers() {
    let mut setup = Setup::of_bytes(SMALL);
    let peer = setup.src_pad().peer().unwrap();
    peer.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.flow_res = Err(gst::FlowError::Eos);
        gst::PadProbeReturn::Handled
    })
    .unwrap();
    let buffer = gst::Buffer::from_slice(numbered_bytes(SMALL_BYTES + 50));
    assert_eq!(setup.harness.push(buffer), Err(gst::FlowError::Eos));
    setup.end();
    assert_eq!(setup.warnings(), Vec::<String>::new());
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn a_stop_in_mid_frame_leaves_the_element_ready() {
    let mut setup = Setup::of_bytes(SMALL);
    for (width, bytes) in [(4, 96), (2, 48), (8, 192)] {
        setup.push(&numbered_bytes(10));
        setup.element.set_state(gst::State::Null).unwrap();
        setup.element.set_property("width", width as u32);
        setup.harness.play();
        setup.push_event(gst::event::StreamStart::new("again"));
        setup.push_event(byte_segment(0));
        let input = numbered_bytes(2 * bytes);
        setup.push(&input);
        let buffers = setup.pulled();
        assert_eq!(sizes(&buffers), [bytes; 2]);
        assert_eq!(pts(&buffers), [ms(0), ms(40)]);
        assert_contents(&buffers, &input);
    }
    assert_eq!(setup.warnings(), Vec::<String>::new());
}

#[test]
fn states_up_and_down_in_a_pipeline() {
    let file = File::new("states.f32", &numbered_bytes(20 * SMALL_BYTES));
    for way in ["", "! queue"] {
        let pipeline = Pipeline::new(&format!(
            "filesrc location={file} {way} ! floatvideoparse {SMALL} ! fakesink sync=false"
        ));
        for round in 0..20 {
            if round % 2 == 0 {
                pipeline.start(gst::State::Playing);
                pipeline.wait_for_end();
            } else {
                pipeline.start(gst::State::Paused);
                pipeline.wait_for_preroll();
            }
            let down = [gst::State::Null, gst::State::Ready][round / 2 % 2];
            pipeline.start(down);
        }
    }
}
