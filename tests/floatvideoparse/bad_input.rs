//! What is wrong gets an error or a warning that names it.

use super::*;

fn pushed(setup: &mut Setup, bytes: usize) -> Result<gst::FlowSuccess, gst::FlowError> {
    let buffer = gst::Buffer::from_slice(numbered_bytes(bytes));
    setup.harness.push(buffer)
}

#[test]
fn a_size_that_is_not_set() {
    for (properties, size) in [
        ("", "0x0"),
        ("width=640", "640x0"),
        ("height=360", "0x360"),
        ("width=0 height=360", "0x360"),
    ] {
        let mut setup = Setup::of_bytes(properties);
        assert!(pushed(&mut setup, 100).is_err());
        assert!(pushed(&mut setup, 100).is_err());
        assert_eq!(setup.pulled().len(), 0);
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected =
            format!("Frames of {size}: set the properties width and height to 1 to 16384");
        assert!(errors[0].starts_with(&expected), "{errors:?}");
    }
}

#[test]
fn a_size_that_is_not_set_for_a_file() {
    let file = File::new("unset.f32", &numbered_bytes(100));
    let pipeline = Pipeline::new(&format!(
        "filesrc location={file} ! floatvideoparse width=4 ! fakesink"
    ));
    pipeline.start(gst::State::Playing);
    pipeline.wait_for(&[gst::MessageType::Error]);
    // BaseParse adds that the stream stopped.
    let errors = pipeline.errors();
    let expected = "Frames of 4x0: set the properties";
    assert!(errors[0].starts_with(expected), "{errors:?}");
}

#[test]
fn buffers_that_would_be_too_large() {
    for (properties, frames, bytes) in [
        ("width=16384 height=16384", 1, 3_221_225_472u64),
        (
            "width=640 height=360 frames-per-buffer=389",
            389,
            1_075_507_200,
        ),
        (
            "width=16384 height=16384 frames-per-buffer=4294967295",
            u32::MAX,
            3_221_225_472 * u64::from(u32::MAX),
        ),
    ] {
        let mut setup = Setup::of_bytes(properties);
        assert!(pushed(&mut setup, 100).is_err());
        assert!(pushed(&mut setup, 100).is_err());
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with(&format!("{frames} frames of BGR_F32LE")),
            "{errors:?}"
        );
        assert!(
            errors[0].contains(&format!("have {bytes} bytes")),
            "{errors:?}"
        );
        assert!(
            errors[0].contains("at most 1073741824 are possible"),
            "{errors:?}"
        );
    }
    let mut setup = Setup::of_bytes("width=640 height=360 frames-per-buffer=388");
    assert!(pushed(&mut setup, 100).is_ok());
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn caps_that_are_no_float_frames() {
    for (caps, expected) in [
        (
            "video/x-float,width=4,height=2",
            "no format: expected BGR_F32LE",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=0,height=2",
            "width 0: expected 1 to 16384",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=16384,height=16384",
            "1 frames of BGR_F32LE 16384x16384 have 3221225472 bytes",
        ),
        (
            "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=-1/1",
            "framerate -1/1: expected a fraction of 0/1 or more",
        ),
    ] {
        let mut setup = Setup::of_frames(SMALL, caps);
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{caps}: {errors:?}");
        assert!(errors[0].contains(expected), "{errors:?}");
        let result = pushed(&mut setup, SMALL_BYTES);
        assert_eq!(result, Err(gst::FlowError::NotNegotiated), "{caps}");
        assert_eq!(setup.pulled().len(), 0);

        // Good caps make up for it.
        setup.harness.set_src_caps_str(SMALL_CAPS);
        pushed(&mut setup, SMALL_BYTES).unwrap();
        assert_eq!(setup.pulled().len(), 1);
    }
}

#[test]
fn a_last_frame_that_is_not_whole() {
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&numbered_bytes(3 * SMALL_BYTES - 1));
    setup.end();
    assert_eq!(setup.pulled().len(), 2);
    assert_eq!(setup.errors(), Vec::<String>::new());
    assert_eq!(
        setup.warnings(),
        [
            "95 bytes are left over after the last whole frame: BGR_F32LE 4x2 has 96 bytes a frame. \
          Where the stream was not cut off, width, height or format is wrong"
        ]
    );
}

/// What is posted first where so many bytes come instead of a frame.
fn ended_after(bytes: usize) -> String {
    format!(
        "The stream ended after {bytes} bytes, before there was a frame: BGR_F32LE 4x2 has 96 bytes \
         a frame. Check what upstream sends, and the format and size"
    )
}

#[test]
fn a_stream_that_is_shorter_than_a_frame() {
    let mut setup = Setup::of_bytes(&format!("{SMALL} frames-per-buffer=3"));
    setup.push(&numbered_bytes(90));
    setup.push(&numbered_bytes(5));
    setup.end();
    assert_eq!(setup.pulled().len(), 0);
    assert_eq!(setup.errors(), [ended_after(95)]);
    let is_ended = std::iter::from_fn(|| setup.harness.try_pull_event())
        .any(|event| event.type_() == gst::EventType::Eos);
    assert!(is_ended);

    for bytes in [95, 0] {
        let file = File::new("short.f32", &numbered_bytes(bytes));
        for way in ["", "! queue"] {
            let pipeline = Pipeline::new(&format!(
                "filesrc location={file} {way} ! floatvideoparse {SMALL} ! appsink name=sink"
            ));
            pipeline.start(gst::State::Playing);
            assert_eq!(pipeline.all_samples().len(), 0);
            assert_eq!(pipeline.errors(), [ended_after(bytes)], "{way}");
        }
    }
}

#[test]
fn a_stream_of_nothing() {
    for mut setup in [Setup::of_bytes(SMALL), Setup::of_frames("", SMALL_CAPS)] {
        setup.end();
        assert_eq!(setup.errors(), [ended_after(0)]);
        assert_eq!(setup.warnings(), Vec::<String>::new());
    }
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&[]);
    setup.end();
    assert_eq!(setup.errors(), [ended_after(0)]);
}

/// As "fdsrc" ends
#[test]
fn an_end_before_there_is_a_segment() {
    for (properties, expected) in [
        (SMALL, &*ended_after(0)),
        ("", "Frames of 0x0: set the properties"),
    ] {
        let mut setup = Setup::new(properties);
        setup.harness.play();
        setup.push_event(gst::event::StreamStart::new("nothing"));
        setup.end();
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(expected), "{errors:?}");
    }
}

#[test]
fn an_upstream_that_says_that_it_has_nothing() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let gap = gst::event::Gap::builder(ClockTime::ZERO).build();
    assert!(setup.push_event(gap));
    setup.end();
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn a_source_that_is_read_from_and_returns_nothing_at_its_end() {
    for frames in [3usize, 0] {
        let pipeline = Pipeline::new(&format!(
            "appsrc name=source stream-type=random-access format=bytes size=960 \
             ! floatvideoparse {SMALL} ! appsink name=sink sync=false"
        ));
        let source = pipeline.pipeline.by_name("source").unwrap();
        let source = source.downcast::<gst_app::AppSrc>().unwrap();
        let mut rest = frames;
        source.set_callbacks(
            gst_app::AppSrcCallbacks::builder()
                .seek_data(|_, _| true)
                .need_data(move |source, _| {
                    let bytes = if rest > 0 { SMALL_BYTES } else { 0 };
                    rest = rest.saturating_sub(1);
                    let buffer = gst::Buffer::from_slice(numbered_bytes(bytes));
                    // It may have stopped by now.
                    let _ = source.push_buffer(buffer);
                })
                .build(),
        );
        pipeline.start(gst::State::Playing);
        assert_eq!(sizes(&pipeline.all_samples()), vec![SMALL_BYTES; frames]);
        let expected = Vec::from_iter((frames == 0).then(|| ended_after(0)));
        assert_eq!(pipeline.errors(), expected);
        assert_eq!(pipeline.warnings(), Vec::<String>::new());
    }
}

#[test]
fn other_media_types_are_named() {
    for caps in ["video/x-raw,format=RGB,width=4,height=2", "video/x-h264"] {
        let mut setup = Setup::of_frames(SMALL, caps);
        let errors = setup.errors();
        let media_type = caps.split(',').next().unwrap();
        let expected = format!("media type {media_type}: expected video/x-float");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(&expected), "{errors:?}");
        let result = pushed(&mut setup, SMALL_BYTES);
        assert_eq!(result, Err(gst::FlowError::NotNegotiated), "{caps}");
        assert_eq!(setup.errors(), Vec::<String>::new());
    }
}

#[test]
fn a_filter_that_contradicts_the_properties() {
    let file = File::new("contradicted.f32", &numbered_bytes(3 * SMALL_BYTES));
    for (filter, is_possible) in [
        ("format={RGB_F32LE,RGBP_F32LE},width=4,height=2", false),
        ("format={RGB_F32LE,BGR_F32LE},width=[1,3]", false),
        ("format={RGB_F32LE,BGR_F32LE},width=[1,4]", true),
    ] {
        let pipeline = Pipeline::new(&format!(
            "filesrc location={file} ! capsfilter caps=\"video/x-float,{filter}\" \
             ! floatvideoparse {SMALL} ! appsink name=sink sync=false"
        ));
        pipeline.start(gst::State::Playing);
        let frames = pipeline.all_samples().len();
        assert_eq!(frames, if is_possible { 3 } else { 0 }, "{filter}");
        let errors = pipeline.errors();
        let expected = "The properties say video/x-float, format=(string)BGR_F32LE, width=(int)4";
        let is_said = errors.first().is_some_and(|error| {
            error.starts_with(expected) && error.contains("upstream sends video/x-float, format")
        });
        assert_eq!(is_said, !is_possible, "{filter}: {errors:?}");
    }
}

#[test]
fn a_downstream_that_changes_its_mind() {
    let mut setup = Setup::of_bytes(SMALL);
    setup.push(&numbered_bytes(SMALL_BYTES));
    setup.harness.set_sink_caps_str("video/x-float,width=320");
    let peer = setup.src_pad().peer().unwrap();
    peer.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.flow_res = Err(gst::FlowError::NotNegotiated);
        gst::PadProbeReturn::Handled
    })
    .unwrap();
    for _ in 0..2 {
        let result = pushed(&mut setup, SMALL_BYTES);
        assert_eq!(result, Err(gst::FlowError::NotNegotiated));
    }
    let errors = setup.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let expected = "is not taken downstream: it takes video/x-float, width=(int)320";
    assert!(errors[0].contains(expected), "{errors:?}");
}

#[test]
fn a_file_for_nobody() {
    let file = File::new("nobody.f32", &numbered_bytes(SMALL_BYTES));
    let pipeline = Pipeline::new(&format!(
        "filesrc location={file} ! floatvideoparse {SMALL}"
    ));
    pipeline.start(gst::State::Playing);
    pipeline.wait_for(&[gst::MessageType::Error]);
    let errors = pipeline.errors();
    let expected = "Nothing takes the frames: link the src pad";
    assert!(errors[0].starts_with(expected), "{errors:?}");
}
