//! One buffer in, one per frame out: order, timestamps, flags, metas.

use super::*;
use gst::ClockTime;

const RGBA_4X2: &str = "video/x-raw,format=RGBA,width=4,height=2";

fn ms(milliseconds: u64) -> Option<ClockTime> {
    Some(ClockTime::from_mseconds(milliseconds))
}

fn pts(buffers: &[gst::Buffer]) -> Vec<Option<ClockTime>> {
    buffers.iter().map(|buffer| buffer.pts()).collect()
}

fn durations(buffers: &[gst::Buffer]) -> Vec<Option<ClockTime>> {
    buffers.iter().map(|buffer| buffer.duration()).collect()
}

#[test]
fn each_frame_leaves_in_order_as_a_buffer_of_its_own() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let levels: Vec<u8> = (1..=32).collect();
    setup.harness.push(small_frames(&levels)).unwrap();
    let buffers = setup.pulled();
    assert_eq!(first_bytes(&buffers), levels);
    for buffer in &buffers {
        assert_eq!(buffer.size(), 4 * 2 * 4);
    }
}

#[test]
fn the_number_of_frames_may_change_from_buffer_to_buffer() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    for frames in [1, 7, 1, 25, 2] {
        let levels: Vec<u8> = (0..frames).collect();
        setup.harness.push(small_frames(&levels)).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), levels);
    }
    assert_eq!(setup.stat("frames"), 36);
    assert_eq!(setup.stat("batches"), 5);
}

#[test]
fn frames_are_one_frame_time_apart() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let buffer = timed(small_frames(&[1, 2, 3]), ClockTime::from_mseconds(1000));
    setup.harness.push(buffer).unwrap();
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [ms(1000), ms(1040), ms(1080)]);
    assert_eq!(durations(&buffers), [ms(40); 3]);
    assert!(buffers.iter().all(|buffer| buffer.dts().is_none()));
}

#[test]
fn without_a_framerate_the_buffer_s_duration_is_shared_out() {
    let caps = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=0/1";
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(caps);
    let mut buffer = timed(small_frames(&[1, 2, 3, 4]), ClockTime::from_mseconds(500));
    buffer.get_mut().unwrap().set_duration(ms(100));
    setup.harness.push(buffer).unwrap();
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [ms(500), ms(525), ms(550), ms(575)]);
    assert_eq!(durations(&buffers), [ms(25); 4]);
}

#[test]
fn missing_timestamps_stay_missing() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1, 2])).unwrap();
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [None, None]);
    assert_eq!(durations(&buffers), [ms(40); 2]);
}

#[test]
fn the_highest_framerate_there_is() {
    let caps = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=2147483647/1";
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(caps);
    setup
        .harness
        .push(timed(small_frames(&[1, 2, 3]), ClockTime::SECOND))
        .unwrap();
    let second = ClockTime::SECOND;
    assert_eq!(
        pts(&setup.pulled()),
        [Some(second), Some(second), Some(second)]
    );
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn discont_and_resync_belong_to_the_first_frame() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(small_frames(&[1])).unwrap();
    setup.pulled();
    let mut buffer = small_frames(&[1, 2, 3]);
    use gst::BufferFlags as Flags;
    let flags = Flags::DISCONT | Flags::RESYNC | Flags::CORRUPTED;
    buffer.get_mut().unwrap().set_flags(flags);
    setup.harness.push(buffer).unwrap();
    let flags: Vec<Flags> = setup
        .pulled()
        .iter()
        .map(|buffer| buffer.flags() & flags)
        .collect();
    assert_eq!(
        flags,
        [
            Flags::DISCONT | Flags::RESYNC | Flags::CORRUPTED,
            Flags::CORRUPTED,
            Flags::CORRUPTED
        ]
    );
}

#[test]
fn flags_of_the_input_s_bytes_belong_to_no_frame() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    // The first buffer of a stream is DISCONT.
    setup.harness.push(small_frames(&[1])).unwrap();
    setup.pulled();
    use gst::BufferFlags as Flags;
    for flag in [
        // There is something in each frame now, and the next element need not do without it.
        Flags::GAP,
        // Pictures do not depend on others, and come before no others either.
        Flags::DELTA_UNIT,
        Flags::HEADER,
        // It says that memory was exchanged: a pool does not take such a buffer back.
        Flags::TAG_MEMORY,
    ] {
        let mut buffer = small_frames(&[1, 2, 3]);
        let flags = flag | Flags::CORRUPTED;
        buffer.get_mut().unwrap().set_flags(flags);
        setup.harness.push(buffer).unwrap();
        let flags: Vec<Flags> = setup.pulled().iter().map(|buffer| buffer.flags()).collect();
        assert_eq!(flags, [Flags::CORRUPTED; 3], "{flag:?}");
    }
}

#[test]
fn metas_of_a_moment_belong_to_the_first_frame_and_others_to_all() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let mut buffer = small_frames(&[1, 2, 3]);
    metas::add_some_of_a_moment(buffer.get_mut().unwrap());
    // Stands for any meta without tags.
    gst::meta::ProtectionMeta::add(
        buffer.get_mut().unwrap(),
        gst::Structure::new_empty("speaker"),
    );
    setup.harness.push(buffer).unwrap();
    let buffers = setup.pulled();
    let has_other = |buffer: &gst::Buffer| buffer.meta::<gst::meta::ProtectionMeta>().is_some();
    assert!(buffers.iter().all(has_other));
    let of_a_moment: Vec<_> = buffers
        .iter()
        .map(|buffer| metas::of_a_moment(buffer))
        .collect();
    assert_eq!(of_a_moment, [metas::SOME_OF_A_MOMENT, &[], &[]]);
}

#[test]
fn a_video_meta_on_the_input_is_ignored() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let mut buffer = small_frames(&[9]);
    gst_video::VideoMeta::add(
        buffer.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::Gray8,
        8,
        8,
    )
    .unwrap();
    setup.harness.push(buffer).unwrap();
    let buffers = setup.pulled();
    assert_eq!(first_bytes(&buffers), [9]);
    let meta = buffers[0].meta::<gst_video::VideoMeta>();
    assert!(meta.is_none_or(|meta| meta.format() == gst_video::VideoFormat::Rgba));
}

#[test]
fn backwards_a_batch_leaves_last_frame_first() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let mut segment = gst::FormattedSegment::<ClockTime>::new();
    segment.set_rate(-1.0);
    segment.set_stop(ClockTime::from_seconds(2));
    assert!(setup.harness.push_event(gst::event::Segment::new(&segment)));
    for (start, levels) in [(1080, [4, 5]), (1000, [2, 3])] {
        let mut buffer = timed(small_frames(&levels), ClockTime::from_mseconds(start));
        {
            let buffer = buffer.get_mut().unwrap();
            buffer.set_flags(gst::BufferFlags::DISCONT);
            metas::add_some_of_a_moment(buffer);
        }
        setup.harness.push(buffer).unwrap();
    }
    let buffers = setup.pulled();
    assert_eq!(pts(&buffers), [ms(1120), ms(1080), ms(1040), ms(1000)]);
    assert_eq!(first_bytes(&buffers), [5, 4, 3, 2]);
    // The first to leave follows nothing; what belongs to the first in time stays with it.
    let is_discont = |buffer: &gst::Buffer| buffer.flags().contains(gst::BufferFlags::DISCONT);
    let disconts: Vec<bool> = buffers.iter().map(is_discont).collect();
    assert_eq!(disconts, [true, false, true, false]);
    for (buffer, expected) in buffers.iter().zip([false, true, false, true]) {
        assert_eq!(!metas::of_a_moment(buffer).is_empty(), expected);
    }
}

#[test]
fn frames_keep_their_numbers() {
    let none = gst::ffi::GST_BUFFER_OFFSET_NONE;
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let batch_bytes = 3 * SMALL_BYTES as u64;
    for (offset, offset_end, expected) in [
        (10, 13, [(10, 11), (11, 12), (12, 13)]),
        (10, none, [(10, 11), (11, 12), (12, 13)]),
        // Bytes of a file, not frames
        (batch_bytes, 2 * batch_bytes, [(none, none); 3]),
        (none, none, [(none, none); 3]),
        (none, 3, [(none, none); 3]),
        (none - 2, none, [(none, none); 3]),
    ] {
        let mut buffer = small_frames(&[1, 2, 3]);
        buffer.get_mut().unwrap().set_offset(offset);
        buffer.get_mut().unwrap().set_offset_end(offset_end);
        setup.harness.push(buffer).unwrap();
        let buffers = setup.pulled();
        let numbers: Vec<(u64, u64)> = buffers
            .iter()
            .map(|buffer| (buffer.offset(), buffer.offset_end()))
            .collect();
        assert_eq!(numbers, expected, "{offset} to {offset_end}");
    }
}
