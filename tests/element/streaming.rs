//! Flush, seek, EOS, gaps, renegotiation and state changes: as a well-behaved filter.

use super::*;
use gst::ClockTime;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const RGBA_4X2: &str = "video/x-raw,format=RGBA,width=4,height=2";

/// Lets downstream answer its `nth` buffer from now on with `result`, once.
fn fail_buffer(setup: &Setup, nth: usize, result: gst::FlowError) {
    let seen = AtomicUsize::new(0);
    let peer = setup.src_pad().peer().unwrap();
    peer.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if seen.fetch_add(1, Ordering::SeqCst) == nth {
            info.flow_res = Err(result);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    })
    .unwrap();
}

#[test]
fn a_downstream_that_fails_in_mid_batch_ends_the_batch() {
    for result in [
        gst::FlowError::Flushing,
        gst::FlowError::Eos,
        gst::FlowError::Error,
        gst::FlowError::NotNegotiated,
    ] {
        let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
        fail_buffer(&setup, 2, result);
        let pushed = setup.harness.push(small_frames(&[1, 2, 3, 4, 5]));
        assert_eq!(pushed, Err(result));
        assert_eq!(first_bytes(&setup.pulled()), [1, 2]);
        // 4 and 5 are gone; the next buffer is whole.
        setup.harness.push(small_frames(&[6, 7])).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [6, 7]);
        assert_eq!(setup.errors(), Vec::<String>::new());
    }
}

#[test]
fn a_flush_in_mid_batch_drops_the_rest() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let peer = setup.src_pad().peer().unwrap();
    let sink_pad = setup.sink_pad();
    let seen = AtomicUsize::new(0);
    peer.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        if seen.fetch_add(1, Ordering::SeqCst) == 1 {
            // As a seek does, from the middle of the batch.
            sink_pad.send_event(gst::event::FlushStart::new());
        }
        gst::PadProbeReturn::Ok
    })
    .unwrap();
    let pushed = setup.harness.push(small_frames(&[1, 2, 3, 4]));
    assert_eq!(pushed, Err(gst::FlowError::Flushing));
    setup.pulled();

    setup.harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<ClockTime>::new();
    setup.harness.push_event(gst::event::Segment::new(&segment));
    setup.harness.push(small_frames(&[8, 9])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [8, 9]);
}

#[test]
fn eos_comes_after_the_last_frame() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1, 2, 3])).unwrap();
    assert!(setup.harness.push_event(gst::event::Eos::new()));
    assert_eq!(setup.pulled().len(), 3);
    let events = std::iter::from_fn(|| setup.harness.try_pull_event());
    assert!(events.last().unwrap().type_() == gst::EventType::Eos);
    let pushed = setup.harness.push(small_frames(&[4]));
    assert_eq!(pushed, Err(gst::FlowError::Eos));
}

#[test]
fn gaps_tags_and_segments_pass() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    while setup.harness.try_pull_event().is_some() {}
    let mut segment = gst::FormattedSegment::<ClockTime>::new();
    segment.set_start(ClockTime::from_seconds(3));
    let gap = gst::event::Gap::builder(ClockTime::SECOND)
        .duration(ClockTime::SECOND)
        .build();
    assert!(setup.harness.push_event(gap));
    assert!(setup.harness.push_event(gst::event::Segment::new(&segment)));
    assert!(
        setup
            .harness
            .push_event(gst::event::Tag::new(gst::TagList::new()))
    );
    setup.harness.push(small_frames(&[1])).unwrap();
    let types: Vec<gst::EventType> = std::iter::from_fn(|| setup.harness.try_pull_event())
        .map(|event| event.type_())
        .collect();
    assert_eq!(
        types,
        [
            gst::EventType::Gap,
            gst::EventType::Segment,
            gst::EventType::Tag
        ]
    );
}

#[test]
fn seeks_and_queries_reach_upstream() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let seek = gst::event::Seek::new(
        1.0,
        gst::SeekFlags::FLUSH,
        gst::SeekType::Set,
        ClockTime::SECOND,
        gst::SeekType::None,
        ClockTime::NONE,
    );
    setup.harness.push_upstream_event(seek);
    let events = std::iter::from_fn(|| setup.harness.try_pull_upstream_event());
    assert!(
        events
            .map(|event| event.type_())
            .any(|kind| kind == gst::EventType::Seek)
    );
    setup
        .harness
        .set_upstream_latency(ClockTime::from_mseconds(30));
    assert_eq!(
        setup.harness.query_latency(),
        Some(ClockTime::from_mseconds(30))
    );
}

#[test]
fn the_input_may_change_in_mid_stream() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    setup.harness.push(small_frames(&[1])).unwrap();
    assert_eq!(
        setup.pulled()[0].duration(),
        Some(ClockTime::from_mseconds(40))
    );

    // framerate
    setup
        .harness
        .set_src_caps_str("video/x-float,format=BGR_F32LE,width=4,height=2,framerate=50/1");
    setup.harness.push(small_frames(&[2])).unwrap();
    let buffers = setup.pulled();
    assert_eq!(buffers[0].duration(), Some(ClockTime::from_mseconds(20)));
    assert_eq!(
        setup.output_structure().get::<gst::Fraction>("framerate"),
        Ok(gst::Fraction::new(50, 1))
    );

    // size: the same bytes are two frames now
    setup
        .harness
        .set_src_caps_str("video/x-float,format=BGR_F32LE,width=2,height=2,framerate=50/1");
    setup.harness.push(small_frames(&[3])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [3, 3]);

    // format: one red pixel
    let red: Vec<u8> = [1.0f32, 0.0, 0.0]
        .iter()
        .flat_map(|s| s.to_le_bytes())
        .collect();
    for (format, expected) in [("RGB_F32LE", 255), ("BGR_F32LE", 0), ("RGBP_F32LE", 255)] {
        setup
            .harness
            .set_src_caps_str(&format!("video/x-float,format={format},width=1,height=1"));
        setup
            .harness
            .push(gst::Buffer::from_slice(red.clone()))
            .unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [expected]);
    }
    assert_eq!(setup.errors(), Vec::<String>::new());
}

fn sizes(buffers: &[gst::Buffer]) -> Vec<usize> {
    buffers.iter().map(|buffer| buffer.size()).collect()
}

#[test]
fn downstream_may_ask_for_something_else_between_buffers() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1])).unwrap();
    // This sends a RECONFIGURE event as well.
    setup
        .harness
        .set_sink_caps_str("video/x-raw,format=I420,width=8,height=8");
    setup.harness.push(small_frames(&[2])).unwrap();
    assert_eq!(sizes(&setup.pulled()), [32, 96]);
}

#[test]
fn the_same_caps_again_change_nothing() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    for level in 0..3 {
        setup.harness.push(small_frames(&[level])).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [level]);
        let same = gst::event::Caps::new(&SMALL.parse::<gst::Caps>().unwrap());
        assert!(setup.harness.push_event(same));
    }
}

#[test]
fn a_downstream_that_asks_for_what_cannot_be_made_is_explained_once() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1])).unwrap();
    setup.harness.set_sink_caps_str("video/x-raw,format=GRAY8");
    for _ in 0..3 {
        let pushed = setup.harness.push(small_frames(&[2]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
    }
    let errors = setup.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("GRAY8"), "{errors:?}");
}

#[test]
fn a_downstream_that_asks_again_for_what_cannot_be_made_is_explained_again() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    for _ in 0..2 {
        setup.harness.set_sink_caps_str("video/x-raw,format=GRAY8");
        let pushed = setup.harness.push(small_frames(&[1]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        // The caps of before, so that nothing is negotiated anew.
        setup.harness.set_sink_caps_str(RGBA_4X2);
        setup.harness.push(small_frames(&[2])).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [2]);
    }
}

#[test]
fn downstream_may_ask_for_something_else_in_mid_batch() {
    init();
    let setup = Setup::new("");
    // Not a harness's sink: one whose caps can change under it.
    let wanted = Arc::new(Mutex::new("video/x-raw,format=RGBA,width=4,height=2"));
    let received: Arc<Mutex<Vec<(usize, u8)>>> = Arc::default();
    let sink = gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function({
            let (wanted, received) = (wanted.clone(), received.clone());
            move |pad, _, buffer| {
                let mut received = received.lock().unwrap();
                received.push((buffer.size(), first_byte(&buffer)));
                if received.len() == 2 {
                    *wanted.lock().unwrap() = "video/x-raw,format=RGBA,width=2,height=2";
                    pad.push_event(gst::event::Reconfigure::new());
                }
                Ok(gst::FlowSuccess::Ok)
            }
        })
        .query_function(move |pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let caps: gst::Caps = wanted.lock().unwrap().parse().unwrap();
                query.set_result(&caps);
                true
            }
            gst::QueryViewMut::AcceptCaps(query) => {
                query.set_result(true);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build();
    sink.set_active(true).unwrap();
    let src_pad = setup.src_pad();
    src_pad.unlink(&src_pad.peer().unwrap()).unwrap();
    src_pad.link(&sink).unwrap();

    let mut setup = setup.upstream(SMALL);
    setup.harness.push(small_frames(&[1, 2, 3, 4])).unwrap();
    // Nothing of the batch is lost, and nothing has the old size any more.
    assert_eq!(
        *received.lock().unwrap(),
        [(32, 1), (32, 2), (16, 3), (16, 4)]
    );
    drop(setup);
}

#[test]
fn a_stop_in_mid_batch_leaves_the_element_ready() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    fail_buffer(&setup, 1, gst::FlowError::Flushing);
    assert!(setup.harness.push(small_frames(&[1, 2, 3])).is_err());
    setup.pulled();
    for _ in 0..10 {
        setup.element.set_state(gst::State::Null).unwrap();
        setup.harness.play();
        setup.harness.set_src_caps_str(SMALL);
        setup.harness.push_event(gst::event::Segment::new(
            &gst::FormattedSegment::<ClockTime>::new(),
        ));
        setup.harness.push(small_frames(&[4, 5])).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [4, 5]);
        assert_eq!(setup.stat("frames"), 2);
    }
}

/// Bytes of which the test can tell whether somebody holds them.
struct Held(Arc<Vec<u8>>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn a_stop_in_mid_batch_lets_go_of_the_batch() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    fail_buffer(&setup, 1, gst::FlowError::Flushing);
    let bytes = Arc::new(small_frames(&[1, 2, 3]).map_readable().unwrap().to_vec());
    let buffer = gst::Buffer::from_slice(Held(bytes.clone()));
    assert!(setup.harness.push(buffer).is_err());
    setup.element.set_state(gst::State::Null).unwrap();
    assert_eq!(Arc::strong_count(&bytes), 1, "somebody holds the batch");
}

#[test]
fn an_error_is_posted_again_after_a_stop() {
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    for _ in 0..2 {
        let no_height = "video/x-float,format=BGR_F32LE,width=4";
        setup.harness.set_src_caps_str(no_height);
        // The caps come once more with the buffer, but are explained once.
        let pushed = setup.harness.push(small_frames(&[1]));
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        setup.element.set_state(gst::State::Null).unwrap();
        setup.harness.play();
    }
}

#[test]
fn states_up_and_down_in_a_pipeline() {
    init();
    let pipeline = gst::parse::launch(&format!(
        "fakesrc num-buffers=20 filltype=zero sizetype=fixed sizemax={SMALL_BYTES} format=time datarate=2400 \
         ! {SMALL} ! lipsyncframes ! fakesink sync=false"
    ))
    .unwrap();
    let bus = pipeline.bus().unwrap();
    for round in 0..20 {
        let state = [gst::State::Playing, gst::State::Paused][round % 2];
        pipeline.set_state(state).unwrap();
        let end = if state == gst::State::Playing {
            gst::MessageType::Eos
        } else {
            gst::MessageType::AsyncDone
        };
        let message = bus
            .timed_pop_filtered(patience::clock_time(), &[end, gst::MessageType::Error])
            .unwrap();
        assert_eq!(message.type_(), end, "{message:?}");
        let down = [gst::State::Null, gst::State::Ready][round / 2 % 2];
        pipeline.set_state(down).unwrap();
    }
    pipeline.set_state(gst::State::Null).unwrap();
}
