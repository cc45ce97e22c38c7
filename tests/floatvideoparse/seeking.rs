//! Seeks and queries on files: read by the element itself, and sent through a queue.

use super::*;

const FRAMES: usize = 1000;
/// Of a file of 40 seconds
const END: u64 = 40_000;

/// Both ways to get at a file.
fn on_both(test: impl Fn(&Pipeline)) {
    on_both_with(SMALL, test);
}

fn on_both_with(properties: &str, test: impl Fn(&Pipeline)) {
    let name = std::thread::current().name().unwrap().replace(':', "_");
    let file = File::new(&name, &numbered_bytes(FRAMES * SMALL_BYTES));
    for way in ["", "! queue"] {
        let pipeline = Pipeline::new(&format!(
            "filesrc location={file} {way} ! floatvideoparse name=parse {properties} \
             ! appsink name=sink sync=false"
        ));
        pipeline.start(gst::State::Paused);
        pipeline.wait_for_preroll();
        test(&pipeline);
        let errors = pipeline.errors();
        assert_eq!(errors, Vec::<String>::new(), "{way}");
    }
}

fn seek(pipeline: &Pipeline, flags: gst::SeekFlags, time: Option<ClockTime>) {
    let flags = flags | gst::SeekFlags::FLUSH;
    pipeline.pipeline.seek_simple(flags, time.unwrap()).unwrap();
}

fn sample_after_seek(pipeline: &Pipeline) -> gst::Sample {
    pipeline.wait_for_preroll();
    let sample = pipeline.sink().try_pull_preroll(patience::clock_time());
    sample.expect("what is shown first")
}

/// What is shown first after a seek.
fn first_after_seek(pipeline: &Pipeline) -> gst::Buffer {
    sample_after_seek(pipeline).buffer_owned().unwrap()
}

fn assert_is_frame(buffer: &gst::Buffer, number: usize) {
    assert_eq!(buffer.pts(), ms(number as u64 * 40));
    let all = numbered_bytes((number + 1) * SMALL_BYTES);
    let is_same = buffer.map_readable().unwrap()[..] == all[number * SMALL_BYTES..];
    assert!(is_same, "frame {number}");
}

#[test]
fn durations_are_known_before_the_first_frame_is_shown() {
    on_both(|pipeline| {
        let bytes = (FRAMES * SMALL_BYTES) as u64;
        for element in [
            pipeline.pipeline.clone().upcast(),
            pipeline.pipeline.by_name("parse").unwrap(),
        ] {
            let time = element.query_duration::<ClockTime>();
            assert_eq!(time, ms(END));
            let bytes_long = element.query_duration::<gst::format::Bytes>();
            assert_eq!(bytes_long, Some(gst::format::Bytes::from_u64(bytes)));
            let frames = element.query_duration::<gst::format::Default>();
            assert_eq!(frames, Some(gst::format::Default::from_usize(FRAMES)));
        }
    });
}

#[test]
fn a_frame_that_is_not_whole_is_not_part_of_the_duration() {
    let file = File::new("duration.f32", &numbered_bytes(10 * SMALL_BYTES - 1));
    let pipeline = Pipeline::new(&format!(
        "filesrc location={file} ! floatvideoparse {SMALL} ! fakesink"
    ));
    pipeline.start(gst::State::Paused);
    pipeline.wait_for_preroll();
    assert_eq!(pipeline.pipeline.query_duration::<ClockTime>(), ms(360));
}

#[test]
fn files_can_be_sought() {
    on_both(|pipeline| {
        let mut query = gst::query::Seeking::new(gst::Format::Time);
        assert!(pipeline.pipeline.query(&mut query));
        let (is_seekable, start, end) = query.result();
        assert!(is_seekable);
        assert_eq!(start, ms(0).into());
        assert_eq!(end, ms(END).into());
    });
}

#[test]
fn seeks_go_to_the_frame_that_is_shown_then() {
    on_both(|pipeline| {
        for flags in [
            gst::SeekFlags::empty(),
            gst::SeekFlags::ACCURATE,
            gst::SeekFlags::KEY_UNIT,
        ] {
            for (time, frame) in [
                (ms(10_000), 250),
                (ms(10_039), 250),
                (ms(10_040), 251),
                (ns(10_079_999_999), 251),
                (ms(0), 0),
                (ms(39), 0),
                (ms(40), 1),
                (ms(39_999), 999),
                (ms(20_001), 500),
                (ms(35_000), 875),
            ] {
                seek(pipeline, flags, time);
                assert_is_frame(&first_after_seek(pipeline), frame);
            }
        }
    });
}

#[test]
fn the_stream_goes_on_from_there_to_the_end() {
    on_both_with(&format!("{SMALL} frames-per-buffer=4"), |pipeline| {
        // 10 frames before the end, and not where a buffer began when it was played first
        seek(pipeline, gst::SeekFlags::ACCURATE, ms(END - 10 * 40 + 20));
        pipeline.wait_for_preroll();
        pipeline.start(gst::State::Playing);
        let buffers = pipeline.all_samples();
        assert_eq!(sizes(&buffers), [4 * 96, 4 * 96, 2 * 96]);
        assert_eq!(pts(&buffers), [ms(39_600), ms(39_760), ms(39_920)]);
    });
}

#[test]
fn a_stop_ends_the_stream_before_the_frame_that_begins_then() {
    for flags in [gst::SeekFlags::empty(), gst::SeekFlags::ACCURATE] {
        on_both(|pipeline| {
            // The sink would leave out what is too late.
            let sent = Arc::new(Mutex::new(Vec::new()));
            let parse = pipeline.pipeline.by_name("parse").unwrap();
            let pad = parse.static_pad("src").unwrap();
            pad.add_probe(gst::PadProbeType::BUFFER, {
                let sent = sent.clone();
                move |_, info| {
                    sent.lock().unwrap().extend(info.buffer().cloned());
                    gst::PadProbeReturn::Ok
                }
            });
            let (start, stop) = (ClockTime::from_seconds(1), ClockTime::from_seconds(2));
            let set = gst::SeekType::Set;
            let flags = flags | gst::SeekFlags::FLUSH;
            pipeline
                .pipeline
                .seek(1.0, flags, set, start, set, stop)
                .unwrap();
            pipeline.wait_for_preroll();
            pipeline.start(gst::State::Playing);
            assert_eq!(pipeline.all_samples().len(), 25);
            pipeline.wait_for_end();
            let sent = sent.lock().unwrap();
            let first = sent.iter().position(|buffer| buffer.pts() == ms(1000));
            let sent = &sent[first.unwrap()..];
            assert_eq!(sent.len(), 25);
            assert_is_frame(&sent[0], 25);
            assert_is_frame(&sent[24], 49);
            assert_eq!(pipeline.warnings(), Vec::<String>::new());
        });
    }
}

#[test]
fn seeks_by_frames_and_by_bytes() {
    on_both(|pipeline| {
        let flags = gst::SeekFlags::FLUSH;
        let frame = gst::format::Default::from_u64(321);
        pipeline.pipeline.seek_simple(flags, frame).unwrap();
        assert_is_frame(&first_after_seek(pipeline), 321);
        for (byte, frame) in [(96 * 77, 77), (96 * 77 + 1, 77), (96 * 77 + 95, 77), (0, 0)] {
            let byte = gst::format::Bytes::from_u64(byte);
            pipeline.pipeline.seek_simple(flags, byte).unwrap();
            assert_is_frame(&first_after_seek(pipeline), frame);
        }
    });
}

#[test]
fn a_seek_past_the_end_ends_the_stream() {
    on_both(|pipeline| {
        for past in [
            ms(END),
            ms(END + 20),
            ms(3_600_000),
            Some(ClockTime::from_nseconds(i64::MAX as u64)),
        ] {
            seek(pipeline, gst::SeekFlags::ACCURATE, past);
            pipeline.start(gst::State::Playing);
            assert_eq!(pipeline.all_samples().len(), 0, "{past:?}");
            pipeline.wait_for_end();
            // It can be played all the same afterwards.
            pipeline.start(gst::State::Paused);
            seek(pipeline, gst::SeekFlags::empty(), ms(8000));
            assert_is_frame(&first_after_seek(pipeline), 200);
        }
    });
}

#[test]
fn backwards_is_refused() {
    on_both(|pipeline| {
        let result = pipeline.pipeline.seek(
            -1.0,
            gst::SeekFlags::FLUSH,
            gst::SeekType::Set,
            ClockTime::ZERO,
            gst::SeekType::Set,
            ClockTime::from_seconds(2),
        );
        assert!(result.is_err());
        seek(pipeline, gst::SeekFlags::empty(), ms(8000));
        assert_is_frame(&first_after_seek(pipeline), 200);
    });
}

/// Upstream would go backwards, if it were asked to.
#[test]
fn backwards_is_refused_where_upstream_seeks() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let set = gst::SeekType::Set;
    let (start, stop) = (ClockTime::ZERO, ClockTime::SECOND);
    let flags = gst::SeekFlags::FLUSH;
    for (rate, is_sought) in [(-1.0, false), (1.0, true)] {
        let seek = gst::event::Seek::new(rate, flags, set, start, set, stop);
        assert_eq!(setup.src_pad().send_event(seek), is_sought);
        let mut events = std::iter::from_fn(|| setup.harness.try_pull_upstream_event());
        let is_forwarded = events.any(|event| event.type_() == gst::EventType::Seek);
        assert_eq!(is_forwarded, is_sought);
    }
}

#[test]
fn a_stop_before_the_start_is_refused() {
    use gst::format::{Bytes, Default as Frames, SpecificFormattedValue};
    fn between<V: SpecificFormattedValue>(
        pipeline: &Pipeline,
        start: V,
        stop: Option<V>,
    ) -> Result<(), glib::BoolError> {
        let (set, flags) = (gst::SeekType::Set, gst::SeekFlags::FLUSH);
        match stop {
            Some(stop) => pipeline.pipeline.seek(1.0, flags, set, start, set, stop),
            // It stays where it is.
            None => {
                let (none, stop) = (gst::SeekType::None, start);
                pipeline.pipeline.seek(1.0, flags, set, start, none, stop)
            }
        }
    }
    on_both(|pipeline| {
        let seconds = ClockTime::from_seconds;
        let (frames, bytes) = (Frames::from_u64, Bytes::from_u64);
        between(pipeline, seconds(5), Some(seconds(2))).unwrap_err();
        between(pipeline, frames(50), Some(frames(49))).unwrap_err();
        between(pipeline, bytes(960), Some(bytes(0))).unwrap_err();

        between(pipeline, seconds(1), Some(seconds(2))).unwrap();
        assert_is_frame(&first_after_seek(pipeline), 25);
        between(pipeline, seconds(5), None).unwrap_err();
        between(pipeline, frames(51), None).unwrap_err();
        between(pipeline, frames(40), None).unwrap();
        assert_is_frame(&first_after_seek(pipeline), 40);
        between(pipeline, seconds(8), Some(seconds(8))).unwrap();
        pipeline.start(gst::State::Playing);
        assert_eq!(pipeline.all_samples().len(), 0);
    });
}

#[test]
fn seeks_from_the_end_of_the_file_are_refused() {
    on_both(|pipeline| {
        let end = gst::GenericFormattedValue::new(gst::Format::Bytes, -100);
        let open = gst::GenericFormattedValue::new(gst::Format::Bytes, -1);
        let flags = gst::SeekFlags::FLUSH;
        let result = pipeline.pipeline.seek(
            1.0,
            flags,
            gst::SeekType::End,
            end,
            gst::SeekType::Set,
            open,
        );
        result.unwrap_err();
    });
}

#[test]
fn without_a_framerate_there_are_no_seeks_by_time() {
    on_both_with(&format!("{SMALL} framerate=0/1"), |pipeline| {
        let flags = gst::SeekFlags::FLUSH;
        let result = pipeline.pipeline.seek_simple(flags, ClockTime::SECOND);
        assert!(result.is_err());
        assert_eq!(pipeline.pipeline.query_duration::<ClockTime>(), None);
        let frames = pipeline.pipeline.query_duration();
        assert_eq!(frames, Some(gst::format::Default::from_usize(FRAMES)));
    });
}

#[test]
fn without_a_framerate_upstream_can_be_sought_by_bytes() {
    let input = numbered_bytes(FRAMES * SMALL_BYTES);
    let file = File::new("by_bytes.f32", &input);
    let pipeline = Pipeline::new(&format!(
        "filesrc location={file} ! queue ! floatvideoparse {SMALL} framerate=0/1 \
         ! appsink name=sink sync=false"
    ));
    pipeline.start(gst::State::Paused);
    pipeline.wait_for_preroll();
    let byte = gst::format::Bytes::from_u64(96 * 77 + 50);
    pipeline
        .pipeline
        .seek_simple(gst::SeekFlags::FLUSH, byte)
        .unwrap();
    let sample = sample_after_seek(&pipeline);
    assert_contents(&[sample.buffer_owned().unwrap()], &input[96 * 77..96 * 78]);
    let segment = sample.segment().unwrap();
    assert_eq!(segment.start(), gst::GenericFormattedValue::from(ms(0)));
}

#[test]
fn conversions_and_position() {
    on_both(|pipeline| {
        let parse = pipeline.pipeline.by_name("parse").unwrap();
        let pad = parse.static_pad("src").unwrap();
        use gst::format::{Bytes, Default as Frames};
        let (byte, time) = (Bytes::from_u64(10 * 96 + 50), ms(439).unwrap());
        let (start, frame) = (Some(Bytes::from_u64(10 * 96)), Some(Frames::from_u64(10)));
        assert_eq!(pad.query_convert(byte), Some(ms(400)));
        assert_eq!(pad.query_convert(byte), Some(frame));
        assert_eq!(pad.query_convert(time), Some(frame));
        assert_eq!(pad.query_convert(time), Some(start));
        assert_eq!(pad.query_convert(frame.unwrap()), Some(ms(400)));
        assert_eq!(pad.query_convert(frame.unwrap()), Some(start));

        seek(pipeline, gst::SeekFlags::empty(), ms(8000));
        pipeline.wait_for_preroll();
        assert_eq!(pipeline.pipeline.query_position::<ClockTime>(), ms(8000));
    });
}

#[test]
fn upstream_s_bytes_are_not_converted_where_it_has_times() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    setup.push(&numbered_bytes(3 * SMALL_BYTES));
    let pad = setup.src_pad();
    let (byte, frame) = (
        gst::format::Bytes::from_u64(96),
        gst::format::Default::from_u64(1),
    );
    assert_eq!(pad.query_convert::<Option<ClockTime>>(byte), None);
    assert_eq!(pad.query_convert::<Option<gst::format::Bytes>>(frame), None);
    assert_eq!(pad.query_convert(frame), Some(ms(40)));
}

#[test]
fn many_seeks_while_playing() {
    on_both(|pipeline| {
        pipeline.start(gst::State::Playing);
        for round in 0..200 {
            let flags = [gst::SeekFlags::ACCURATE, gst::SeekFlags::KEY_UNIT][round % 2];
            seek(pipeline, flags, ms(round as u64 * 7919 % END));
        }
        seek(pipeline, gst::SeekFlags::ACCURATE, ms(END - 400));
        let buffers = pipeline.all_samples();
        let rest: Vec<_> = (FRAMES - 10..FRAMES)
            .map(|frame| ms(frame as u64 * 40))
            .collect();
        assert_eq!(pts(&buffers), rest);
    });
}
