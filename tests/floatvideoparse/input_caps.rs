//! What the input's caps say, and what becomes of it.

use super::*;

#[test]
fn the_properties_count_for_bytes() {
    let properties = "format=RGBP_F32LE width=3 height=5 framerate=30000/1001";
    for caps in [None, Some("application/octet-stream")] {
        let mut setup = match caps {
            None => Setup::of_bytes(properties),
            Some(caps) => Setup::of_frames(properties, caps),
        };
        setup.push(&numbered_bytes(3 * 5 * 12));
        assert_eq!(sizes(&setup.pulled()), [180]);
        assert_eq!(
            setup.output_caps(),
            "video/x-float, format=(string)RGBP_F32LE, width=(int)3, height=(int)5, \
             framerate=(fraction)30000/1001, pixel-aspect-ratio=(fraction)1/1"
        );
    }
}

#[test]
fn the_caps_count_where_they_describe_frames() {
    let caps = "video/x-float, format=(string)RGB_F32LE, width=(int)1, height=(int)2, \
                framerate=(fraction)50/1, pixel-aspect-ratio=(fraction)4/3, \
                interlace-mode=(string)progressive, colorimetry=(string)sRGB, \
                multiview-mode=(string)mono, speaker=(string)a";
    let mut setup = Setup::of_frames("width=640 height=360 framerate=25/1", caps);
    // Before any frame, so that a gap can be sent on.
    assert_eq!(setup.output_caps(), caps);
    setup.push(&numbered_bytes(48));
    let buffers = setup.pulled();
    assert_eq!(sizes(&buffers), [24, 24]);
    assert_eq!(pts(&buffers), [ms(0), ms(20)]);
}

#[test]
fn a_filter_before_a_file_that_is_pulled_counts_too() {
    let file = File::new("filtered.f32", &numbered_bytes(3 * SMALL_BYTES));
    let caps = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=50/1,colorimetry=sRGB";
    let (pipeline, buffers) = Pipeline::play(&format!(
        "filesrc location={file} ! {caps} ! floatvideoparse ! appsink name=sink sync=false"
    ));
    let output = pipeline.sink().static_pad("sink").unwrap().current_caps();
    assert_eq!(output, Some(caps.parse().unwrap()));
    assert_eq!(sizes(&buffers), [96; 3]);
    assert_eq!(pts(&buffers), [ms(0), ms(20), ms(40)]);
}

#[test]
fn upstream_learns_what_downstream_takes() {
    let mut setup = Setup::new("");
    setup.harness.set_sink_caps_str("video/x-float,width=320");
    let caps = setup.sink_pad().query_caps(None).to_string();
    assert!(caps.contains("width=(int)320"), "{caps}");
    assert!(caps.contains("height=(int)[ 1, 16384 ]"), "{caps}");
    assert!(caps.ends_with("application/octet-stream"), "{caps}");

    let filter: gst::Caps = "video/x-float,width=100".parse().unwrap();
    assert!(setup.sink_pad().query_caps(Some(&filter)).is_empty());
}

#[test]
fn media_types() {
    let setup = Setup::new(SMALL);
    let caps = setup.sink_pad().query_caps(None);
    for (other, is_possible) in [
        ("video/x-raw,format=RGB,width=4,height=2", false),
        ("video/x-h264", false),
        ("application/octet-stream", true),
        (SMALL_CAPS, true),
    ] {
        assert_eq!(
            caps.can_intersect(&other.parse::<gst::Caps>().unwrap()),
            is_possible
        );
    }
}

#[test]
fn the_caps_may_change_in_mid_stream() {
    let mut setup = Setup::of_frames("frames-per-buffer=2", SMALL_CAPS);
    setup.push(&numbered_bytes(3 * SMALL_BYTES));
    // The third frame is of the old caps, and has to leave before the new.
    let caps = "video/x-float,format=BGR_F32LE,width=1,height=1,framerate=50/1";
    setup.push_event(gst::event::Caps::new(&caps.parse::<gst::Caps>().unwrap()));
    let before = setup.pulled();
    assert_eq!(sizes(&before), [192, 96]);
    setup.push(&numbered_bytes(4 * 12));
    let after = setup.pulled();
    assert_eq!(sizes(&after), [24, 24]);
    assert_eq!(pts(&before), [ms(0), ms(80)]);
    assert_eq!(pts(&after), [ms(120), ms(160)]);
    assert_eq!(durations(&after), [ms(40), ms(40)]);
    assert_eq!(setup.warnings(), Vec::<String>::new());

    // Half a frame cannot become a frame of other caps.
    setup.push(&numbered_bytes(5));
    setup.harness.set_src_caps_str(SMALL_CAPS);
    let warnings = setup.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("5 bytes are left over"),
        "{warnings:?}"
    );
    setup.push(&numbered_bytes(2 * SMALL_BYTES));
    assert_eq!(sizes(&setup.pulled()), [192]);
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn the_same_caps_again_change_nothing() {
    let mut setup = Setup::of_frames("", SMALL_CAPS);
    let input = numbered_bytes(2 * SMALL_BYTES);
    for piece in input.chunks(50) {
        setup.push(piece);
        let same = gst::event::Caps::new(&SMALL_CAPS.parse::<gst::Caps>().unwrap());
        assert!(setup.push_event(same));
    }
    let buffers = setup.pulled();
    assert_contents(&buffers, &input);
    assert_eq!(pts(&buffers), [ms(0), ms(40)]);
    assert_eq!(setup.warnings(), Vec::<String>::new());
}

#[test]
fn a_downstream_that_takes_something_else_is_named() {
    let file = File::new("refused.f32", &numbered_bytes(3 * SMALL_BYTES));
    for way in ["", "! queue"] {
        let pipeline = Pipeline::new(&format!(
            "filesrc location={file} {way} ! floatvideoparse {SMALL} ! video/x-float,width=320 \
             ! fakesink"
        ));
        pipeline.start(gst::State::Playing);
        pipeline.wait_for(&[gst::MessageType::Error]);
        // BaseParse or the source adds that the stream stopped.
        let errors = pipeline.errors();
        let expected = "width=(int)4, height=(int)2";
        assert!(errors[0].contains(expected), "{errors:?}");
        let expected = "it takes video/x-float, width=(int)320";
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}
