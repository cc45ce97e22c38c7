//! The inherited property `qos`: frames that come too late are not converted.

use super::*;
use gst::ClockTime;

const CAPS: &str = "video/x-raw,format=RGBA,width=4,height=2";

/// Tells upstream that what was to be shown at `running_time` came `diff` nanoseconds late.
fn tell_late(setup: &mut Setup, running_time: ClockTime, diff: i64) {
    let event = gst::event::Qos::builder(gst::QOSType::Underflow, 1.5, diff)
        .timestamp(running_time)
        .build();
    assert!(setup.harness.push_upstream_event(event));
}

fn push_batch(setup: &mut Setup, start: u64, levels: &[u8]) -> Vec<gst::Buffer> {
    let buffer = timed(small_frames(levels), ClockTime::from_mseconds(start));
    setup.harness.push(buffer).unwrap();
    setup.pulled()
}

/// Running time, and how many had been converted and dropped.
fn messages(setup: &Setup) -> Vec<(u64, u64, u64)> {
    let messages = std::iter::from_fn(|| setup.bus.pop_filtered(&[gst::MessageType::Qos]));
    let figures = messages.map(|message| match message.view() {
        gst::MessageView::Qos(qos) => {
            assert_eq!(message.src(), Some(setup.element.upcast_ref()));
            let (processed, dropped) = qos.stats();
            let running_time = qos.get().1.unwrap();
            (
                running_time.mseconds(),
                processed.value() as u64,
                dropped.value() as u64,
            )
        }
        _ => unreachable!("filtered"),
    });
    figures.collect()
}

fn is_discont(buffer: &gst::Buffer) -> bool {
    buffer.flags().contains(gst::BufferFlags::DISCONT)
}

#[test]
fn each_frame_of_a_batch_is_judged_by_itself() {
    let mut setup = Setup::new("qos=true").downstream(CAPS).upstream(SMALL);
    // The event reaches upstream, as without qos.
    tell_late(&mut setup, ClockTime::ZERO, 0);
    let event = std::iter::from_fn(|| setup.harness.try_pull_upstream_event())
        .find(|event| event.type_() == gst::EventType::Qos);
    assert!(event.is_some());

    let levels: Vec<u8> = (1..=25).collect();
    let buffers = push_batch(&mut setup, 0, &levels);
    assert_eq!(first_bytes(&buffers), levels[1..]);
    assert!(is_discont(&buffers[0]) && !is_discont(&buffers[1]));
    assert_eq!(messages(&setup), [(0, 0, 1)]);

    // In the middle of a batch: up to 1040 + 60 ms are too late.
    tell_late(&mut setup, ClockTime::from_mseconds(1040), 60_000_000);
    let buffers = push_batch(&mut setup, 1000, &[1, 2, 3, 4]);
    assert_eq!(first_bytes(&buffers), [4]);
    assert!(is_discont(&buffers[0]));
    assert_eq!(
        messages(&setup),
        [(1000, 24, 2), (1040, 24, 3), (1080, 24, 4)]
    );

    // All of a batch, and the next is in time again.
    assert!(push_batch(&mut setup, 900, &[1, 2]).is_empty());
    assert_eq!(messages(&setup).len(), 2);
    let buffers = push_batch(&mut setup, 1200, &[7, 8]);
    assert_eq!(first_bytes(&buffers), [7, 8]);
    assert_eq!(setup.stat("frames"), 24 + 1 + 2);
}

#[test]
fn early_frames_are_not_late() {
    let mut setup = Setup::new("qos=true").downstream(CAPS).upstream(SMALL);
    tell_late(&mut setup, ClockTime::from_mseconds(100), -40_000_000);
    // Up to 60 ms are too late.
    assert_eq!(first_bytes(&push_batch(&mut setup, 40, &[1, 2])), [2]);
}

#[test]
fn a_flush_forgets_what_was_late() {
    let mut setup = Setup::new("qos=true").downstream(CAPS).upstream(SMALL);
    tell_late(&mut setup, ClockTime::SECOND, i64::MAX);
    assert!(push_batch(&mut setup, 0, &[1, 2]).is_empty());
    assert!(setup.harness.push_event(gst::event::FlushStart::new()));
    assert!(setup.harness.push_event(gst::event::FlushStop::new(true)));
    let segment = gst::FormattedSegment::<ClockTime>::new();
    assert!(setup.harness.push_event(gst::event::Segment::new(&segment)));
    assert_eq!(push_batch(&mut setup, 0, &[1, 2]).len(), 2);
}

#[test]
fn without_the_property_nothing_is_dropped() {
    let mut setup = Setup::new("").downstream(CAPS).upstream(SMALL);
    tell_late(&mut setup, ClockTime::SECOND, 0);
    assert_eq!(push_batch(&mut setup, 0, &[1, 2]).len(), 2);
    assert!(messages(&setup).is_empty());
}

#[test]
fn frames_without_timestamps_cannot_be_late() {
    let mut setup = Setup::new("qos=true").downstream(CAPS).upstream(SMALL);
    tell_late(&mut setup, ClockTime::SECOND, 0);
    setup.harness.push(small_frames(&[1, 2])).unwrap();
    assert_eq!(setup.pulled().len(), 2);
}
