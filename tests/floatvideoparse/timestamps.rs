//! Times of frames: by their number in a stream of bytes, upstream's where it has some.

use super::*;

fn stamped(frames: usize, pts: Option<ClockTime>) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(numbered_bytes(frames * SMALL_BYTES));
    buffer.get_mut().unwrap().set_pts(pts);
    buffer
}

#[test]
fn frames_of_bytes_are_numbered() {
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&numbered_bytes(3 * SMALL_BYTES));
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [ms(0), ms(40), ms(80)]);
    assert_eq!(durations(&buffers), [ms(40); 3]);
    assert!(buffers.iter().all(|buffer| buffer.dts().is_none()));
}

#[test]
fn rounding_errors_do_not_add_up() {
    for (numer, denom) in [
        (30, 1),
        (30000, 1001),
        (24000, 1001),
        (7, 3),
        (1_000_003, 1),
    ] {
        let properties = format!("width=1 height=1 framerate={numer}/{denom}");
        let mut setup = Setup::of_bytes(&properties);
        // 30,000 frames in pieces of 7 bytes are as good as any, but slow to push.
        for piece in numbered_bytes(30_000 * 12).chunks(1000) {
            setup.push(piece);
        }
        let buffers = setup.pulled();
        assert_eq!(buffers.len(), 30_000);
        for (number, buffer) in (0..).zip(&buffers) {
            let expected = u128::from(number as u64) * 1_000_000_000 * denom / numer;
            assert_eq!(buffer.pts(), ns(expected as u64), "{numer}/{denom}");
        }
        for pair in buffers.windows(2) {
            assert_eq!(
                pair[0].pts().unwrap() + pair[0].duration().unwrap(),
                pair[1].pts().unwrap()
            );
        }
    }
}

#[test]
fn buffers_of_several_frames_last_as_long_as_their_frames() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} frames-per-buffer=4 framerate=30/1"));
    setup.push(&numbered_bytes(10 * SMALL_BYTES));
    setup.end();
    let buffers = setup.pulled();
    assert_eq!(sizes(&buffers), [384, 384, 192]);
    assert_eq!(pts(&buffers), [ns(0), ns(133_333_333), ns(266_666_666)]);
    let expected = [ns(133_333_333), ns(133_333_333), ns(66_666_667)];
    assert_eq!(durations(&buffers), expected);
    assert_eq!(setup.warnings(), Vec::<String>::new());
}

#[test]
fn without_a_framerate_bytes_have_no_times() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} framerate=0/1"));
    setup.push(&numbered_bytes(2 * SMALL_BYTES));
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [None; 2]);
    assert_eq!(durations(&buffers), [None; 2]);
    assert!(setup.output_caps().contains("framerate=(fraction)0/1"));
}

#[test]
fn the_highest_and_the_lowest_framerate() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} framerate=2147483647/1"));
    setup.push(&numbered_bytes(3 * SMALL_BYTES));
    assert_eq!(pts(&setup.pulled()), [ns(0); 3]);

    let mut setup = Setup::of_bytes(&format!("{SMALL} framerate=1/2147483647"));
    setup.push(&numbered_bytes(6 * SMALL_BYTES));
    let frame = 2_147_483_647_000_000_000;
    let mut expected: Vec<_> = (0..5).map(|number| ns(number * frame)).collect();
    // Times are signed in many places: what 63 bits do not hold is left out.
    expected.push(None);
    assert_eq!(pts(&setup.pulled()), expected);
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn upstream_s_timestamps_are_kept() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    for time in [1000, 1040, 5000, 5000, 4000] {
        setup.harness.push(stamped(1, ms(time))).unwrap();
    }
    let buffers = setup.pulled();
    let expected = [ms(1000), ms(1040), ms(5000), ms(5000), ms(4000)];
    assert_eq!(pts(&buffers), expected);
    assert_eq!(durations(&buffers), [ms(40); 5]);
    assert!(buffers.iter().all(|buffer| buffer.dts().is_none()));
}

#[test]
fn threes_become_ones_and_twos_and_sevens() {
    let times = [ms(1000), ms(1120), ms(2000), ms(2120)];
    for (frames_per_buffer, expected) in [
        (
            1,
            vec![
                1000, 1040, 1080, 1120, 1160, 1200, 2000, 2040, 2080, 2120, 2160, 2200,
            ],
        ),
        (2, vec![1000, 1080, 1160, 2000, 2080, 2160]),
        (7, vec![1000, 2040]),
    ] {
        let properties = format!("frames-per-buffer={frames_per_buffer}");
        let mut setup = Setup::of_frames(&properties, SMALL_CAPS);
        for time in times {
            setup.harness.push(stamped(3, time)).unwrap();
        }
        setup.end();
        let buffers = setup.pulled();
        let expected: Vec<_> = expected.into_iter().map(ms).collect();
        assert_eq!(pts(&buffers), expected);
        assert_eq!(
            buffers.iter().map(|buffer| buffer.size()).sum::<usize>(),
            12 * SMALL_BYTES
        );
        assert_eq!(setup.warnings(), Vec::<String>::new());
    }
}

#[test]
fn frames_in_pieces_begin_when_upstream_says() {
    // A live source stamps each piece with the time at which it came.
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    for (bytes, time) in [
        (96, ms(10)),
        (64, ms(70)),
        (64, None),
        (64, ms(100)),
        (96, ms(200)),
    ] {
        let mut buffer = gst::Buffer::from_slice(numbered_bytes(bytes));
        buffer.get_mut().unwrap().set_pts(time);
        setup.harness.push(buffer).unwrap();
    }
    let buffers = setup.pulled();
    // The third frame begins 96 bytes, one frame, after the piece that came at 70 ms.
    assert_eq!(pts(&buffers), [ms(10), ms(70), ms(110), ms(200)]);
}

#[test]
fn timestamps_of_bytes_are_kept_too() {
    // As from "fdsrc do-timestamp=true"
    let mut setup = Setup::of_bytes(SMALL);
    for time in [ms(100), None, ms(300)] {
        setup.harness.push(stamped(1, time)).unwrap();
    }
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [ms(100), ms(140), ms(300)]);
    assert!(buffers.iter().all(|buffer| buffer.dts().is_none()));
}

#[test]
fn frames_without_timestamps_are_counted_from_the_segment_s_start() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let mut segment = gst::FormattedSegment::<ClockTime>::new();
    segment.set_start(ClockTime::from_seconds(3));
    setup.push_event(gst::event::Segment::new(&segment));
    setup.harness.push(stamped(2, None)).unwrap();
    setup.harness.push(stamped(1, ms(5000))).unwrap();
    setup.harness.push(stamped(1, None)).unwrap();
    let expected = [ms(3000), ms(3040), ms(5000), ms(5040)];
    assert_eq!(pts(&setup.pulled()), expected);
}

#[test]
fn without_a_framerate_upstream_s_durations_are_shared_out() {
    let caps = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=0/1";
    let mut setup = Setup::of_frames("", caps);
    let mut buffer = stamped(4, ms(500));
    buffer.get_mut().unwrap().set_duration(ms(100));
    setup.harness.push(buffer).unwrap();
    setup.harness.push(stamped(2, ms(900))).unwrap();
    let buffers = setup.pulled();
    let expected = [ms(500), ms(525), ms(550), ms(575), ms(900), None];
    assert_eq!(pts(&buffers), expected);
    let expected = [ms(25), ms(25), ms(25), ms(25), None, None];
    assert_eq!(durations(&buffers), expected);
}

#[test]
fn discont_and_metas_of_a_moment_belong_to_the_first_frame() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    setup.harness.push(stamped(1, ms(0))).unwrap();
    setup.pulled();
    let mut buffer = stamped(3, ms(40));
    {
        use gst::BufferFlags as Flags;
        let buffer = buffer.get_mut().unwrap();
        buffer.set_flags(Flags::DISCONT | Flags::RESYNC | Flags::CORRUPTED | Flags::DELTA_UNIT);
        metas::add_some_of_a_moment(buffer);
        gst_video::VideoRegionOfInterestMeta::add(buffer, "face", (1, 0, 2, 2));
    }
    setup.harness.push(buffer).unwrap();
    let found: Vec<_> = setup
        .pulled()
        .iter()
        .map(|buffer| {
            (
                buffer.flags() - gst::BufferFlags::TAG_MEMORY,
                metas::of_a_moment(buffer),
                buffer
                    .meta::<gst_video::VideoRegionOfInterestMeta>()
                    .is_some(),
            )
        })
        .collect();
    use gst::BufferFlags as Flags;
    let first = Flags::DISCONT | Flags::RESYNC | Flags::CORRUPTED;
    let other = Flags::CORRUPTED;
    assert_eq!(
        found,
        [
            (first, metas::SOME_OF_A_MOMENT.to_vec(), true),
            (other, vec![], true),
            (other, vec![], true)
        ]
    );
}

#[test]
fn frames_that_wait_for_others_are_latency() {
    for (properties, expected) in [
        (SMALL.to_string(), 30),
        (format!("{SMALL} frames-per-buffer=5"), 30 + 4 * 40),
        (format!("{SMALL} frames-per-buffer=5 framerate=0/1"), 30),
    ] {
        let mut setup = Setup::of_bytes(&properties);
        setup
            .harness
            .set_upstream_latency(ClockTime::from_mseconds(30));
        setup.push(&numbered_bytes(5 * SMALL_BYTES));
        assert_eq!(setup.harness.query_latency(), ms(expected), "{properties}");
    }
}
