//! The way back: `videotofloat`, and the pixel path under it.

#[path = "common/patience.rs"]
mod patience;

use gst::prelude::*;
use gst_check::Harness;
use gstlipsyncframes::pixel::{
    ChannelOrder, ConvertError, FloatFormat, Layout, PixelFormat, Plan, PlanError, Plane, Range,
    Sample, Source, Target, ToFloat,
};
use half::f16;
use std::sync::Once;

const RGB_FORMATS: [(PixelFormat, &str, usize, [usize; 3]); 6] = [
    (PixelFormat::Rgb, "RGB", 3, [0, 1, 2]),
    (PixelFormat::Bgr, "BGR", 3, [2, 1, 0]),
    (PixelFormat::Rgbx, "RGBx", 4, [0, 1, 2]),
    (PixelFormat::Bgrx, "BGRx", 4, [2, 1, 0]),
    (PixelFormat::Rgba, "RGBA", 4, [0, 1, 2]),
    (PixelFormat::Bgra, "BGRA", 4, [2, 1, 0]),
];
const RANGES: [(Range, &str); 3] = [
    (Range::Unit, "unit"),
    (Range::SignedUnit, "signed-unit"),
    (Range::Byte, "byte"),
];

fn float_formats() -> Vec<(FloatFormat, String)> {
    let mut formats = Vec::new();
    for (sample, suffix) in [(Sample::F32, "F32LE"), (Sample::F16, "F16LE")] {
        for (layout, planar) in [(Layout::Interleaved, ""), (Layout::Planar, "P")] {
            for (order, name) in [(ChannelOrder::Bgr, "BGR"), (ChannelOrder::Rgb, "RGB")] {
                let format = FloatFormat {
                    sample,
                    layout,
                    order,
                };
                formats.push((format, format!("{name}{planar}_{suffix}")));
            }
        }
    }
    formats
}

fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstlipsyncframes::plugin_register_static().unwrap();
        gst::glib::log_set_always_fatal(
            gst::glib::LogLevels::LEVEL_CRITICAL | gst::glib::LogLevels::LEVEL_WARNING,
        );
    });
}

/// Red, green and blue of the pixel at x, y: all levels, and no two channels alike.
fn level(x: usize, y: usize, channel: usize) -> u8 {
    (x * 7 + y * 53 + channel * 101 + x * y) as u8
}

/// A frame in `format`, rows `stride` bytes apart; alpha and padding are not like anything else.
fn frame(
    (_, _, pixel_bytes, positions): (PixelFormat, &str, usize, [usize; 3]),
    width: usize,
    height: usize,
    stride: usize,
) -> Vec<u8> {
    let mut bytes = vec![0xa5; stride * height];
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                bytes[y * stride + x * pixel_bytes + positions[channel]] = level(x, y, channel);
            }
        }
    }
    bytes
}

/// What the documentation says, one sample after the other, in f64.
fn expected(format: FloatFormat, range: Range, width: usize, height: usize) -> Vec<u8> {
    let mut samples = vec![0.0; width * height * 3];
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let position = match format.order {
                    ChannelOrder::Rgb => channel,
                    ChannelOrder::Bgr => 2 - channel,
                };
                let at = match format.layout {
                    Layout::Interleaved => (y * width + x) * 3 + position,
                    Layout::Planar => (position * height + y) * width + x,
                };
                let level = f64::from(level(x, y, channel));
                samples[at] = match range {
                    Range::Unit => level / 255.0,
                    Range::SignedUnit => (level - 127.5) / 127.5,
                    Range::Byte => level,
                    _ => panic!("{range:?} is not known here"),
                };
            }
        }
    }
    match format.sample {
        Sample::F32 => samples
            .iter()
            .flat_map(|&sample| (sample as f32).to_le_bytes())
            .collect(),
        Sample::F16 => samples
            .iter()
            .flat_map(|&sample| f16::from_f32(sample as f32).to_le_bytes())
            .collect(),
        sample => panic!("{sample:?} is not known here"),
    }
}

#[test]
fn every_format_range_size_and_number_of_threads() {
    for (width, height) in [(1, 1), (1, 7), (7, 1), (17, 5), (64, 64), (320, 321)] {
        for rgb in RGB_FORMATS {
            for padding in [0, 5] {
                let stride = width * rgb.2 + padding;
                let mut source = frame(rgb, width, height, stride);
                // The last row may lack its padding.
                source.truncate(stride * height - padding);
                for (format, name) in float_formats() {
                    for (range, _) in RANGES {
                        let (columns, rows) = (width as u32, height as u32);
                        let mut plan = ToFloat::new(rgb.0, columns, rows, format, range).unwrap();
                        let expected = expected(format, range, width, height);
                        for threads in [1, 2, 3, 16] {
                            let mut floats = vec![0xff; plan.target_bytes()];
                            plan.convert(&source, stride, &mut floats, threads).unwrap();
                            assert!(
                                floats == expected,
                                "{rgb:?} {width}x{height} {name} {range:?} {threads} threads"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn large_frames_are_shared_and_small_ones_are_not() {
    let (format, _) = float_formats()[0];
    let threads = |width, height| {
        let plan = ToFloat::new(PixelFormat::Rgb, width, height, format, Range::Unit);
        plan.unwrap().threads(2)
    };
    assert_eq!(threads(64, 64), 1);
    assert_eq!(threads(320, 321), 2);
}

/// All 256 levels, there and back.
#[test]
fn there_and_back_is_the_identity() {
    let levels: Vec<u8> = (0..=255)
        .flat_map(|level| [level, 255 - level, level ^ 0x55])
        .collect();
    for (format, name) in float_formats() {
        for (range, _) in RANGES {
            let mut there = ToFloat::new(PixelFormat::Rgb, 16, 16, format, range).unwrap();
            let mut floats = vec![0; there.target_bytes()];
            there.convert(&levels, 48, &mut floats, 1).unwrap();
            let source = Source {
                format,
                width: 16,
                height: 16,
                range,
            };
            let target = Target::new(PixelFormat::Rgb, 16, 16);
            let mut back = Plan::new(source, target).unwrap();
            let mut rgb = vec![0; 768];
            let plane = Plane {
                data: &mut rgb,
                stride: 48,
            };
            let planes = [plane, Plane::default(), Plane::default()];
            back.convert(&floats, planes, 1).unwrap();
            assert_eq!(rgb, levels, "{name} {range:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (format, _) = float_formats()[0];
    let new = |source, width, height| ToFloat::new(source, width, height, format, Range::Unit);
    for (source, width, height, message) in [
        (
            PixelFormat::I420,
            2,
            2,
            "source format I420: expected one of the RGB family",
        ),
        (
            PixelFormat::Rgb,
            0,
            2,
            "frame size 0x2: width and height must be 1 to 16384",
        ),
        (
            PixelFormat::Rgb,
            2,
            16385,
            "frame size 2x16385: width and height must be 1 to 16384",
        ),
    ] {
        let error: PlanError = new(source, width, height).err().unwrap();
        assert_eq!(error.to_string(), message);
    }

    let mut plan = new(PixelFormat::Rgb, 4, 2).unwrap();
    let mut floats = [0xff; 96];
    for (source, stride, target, message) in [
        (24, 12, 95, "target of 95 bytes: a frame is 96 bytes"),
        (
            23,
            12,
            96,
            "plane 0 of 23 bytes with stride 12: it must have at least 24 bytes",
        ),
        (24, 11, 96, "with a stride of at least 12"),
        (
            24,
            usize::MAX,
            96,
            "it must have at least 18446744073709551615 bytes",
        ),
    ] {
        let error: ConvertError = plan
            .convert(&vec![0; source], stride, &mut floats[..target], 1)
            .unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(
            floats.iter().all(|&byte| byte == 0xff),
            "nothing is written"
        );
    }
}

fn pulled(harness: &mut Harness) -> Vec<u8> {
    let buffer = harness.pull().unwrap();
    let map = buffer.map_readable().unwrap();
    map.to_vec()
}

#[test]
fn the_element_with_every_format_and_range() {
    init();
    let (width, height) = (18, 5);
    for rgb in RGB_FORMATS {
        // GStreamer's own stride for packed RGB
        let stride = (width * rgb.2).next_multiple_of(4);
        let source = frame(rgb, width, height, stride);
        for (format, name) in float_formats() {
            for (range, range_name) in RANGES {
                let mut harness = Harness::new_parse(&format!("videotofloat range={range_name}"));
                harness.set_sink_caps_str(&format!("video/x-float,format={name}"));
                harness.set_src_caps_str(&format!(
                    "video/x-raw,format={},width={width},height={height},framerate=25/1,\
                     pixel-aspect-ratio=4/3",
                    rgb.1
                ));
                let mut buffer = gst::Buffer::from_slice(source.clone());
                let pts = gst::ClockTime::from_mseconds(80);
                buffer.get_mut().unwrap().set_pts(pts);
                harness.push(buffer).unwrap();
                let caps = harness.sinkpad().unwrap().current_caps().unwrap();
                let caps = caps.structure(0).unwrap();
                assert_eq!(caps.get::<i32>("width"), Ok(18));
                assert_eq!(
                    caps.get::<gst::Fraction>("framerate"),
                    Ok(gst::Fraction::new(25, 1))
                );
                let aspect = caps.get::<gst::Fraction>("pixel-aspect-ratio");
                assert_eq!(aspect, Ok(gst::Fraction::new(4, 3)));
                let output = harness.pull().unwrap();
                assert_eq!(output.pts(), Some(pts));
                let floats = output.map_readable().unwrap();
                let expected = expected(format, range, width, height);
                assert!(floats.as_slice() == expected, "{rgb:?} {name} {range_name}");
            }
        }
    }
}

#[test]
fn strides_of_the_meta_count() {
    init();
    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float,format=RGB_F32LE");
    harness.set_src_caps_str("video/x-raw,format=RGB,width=3,height=2,framerate=0/1");
    let rgb = RGB_FORMATS[0];
    // Rows 40 bytes apart, the first at the beginning or after 7 bytes of something else.
    for offset in [0, 7] {
        let bytes = [vec![0x5a; offset], frame(rgb, 3, 2, 40)].concat();
        let mut buffer = gst::Buffer::from_slice(bytes);
        gst_video::VideoMeta::add_full(
            buffer.get_mut().unwrap(),
            gst_video::VideoFrameFlags::empty(),
            gst_video::VideoFormat::Rgb,
            3,
            2,
            &[offset],
            &[40],
        )
        .unwrap();
        harness.push(buffer).unwrap();
        assert_eq!(
            pulled(&mut harness),
            expected(float_formats()[1].0, Range::Unit, 3, 2)
        );
    }
}

/// Decoders ask before they leave out copying their frames.
#[test]
fn upstream_hears_that_strides_are_understood() {
    init();
    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float");
    let caps = "video/x-raw,format=RGB,width=3,height=2,framerate=25/1";
    harness.set_src_caps_str(caps);
    let caps: gst::Caps = caps.parse().unwrap();
    let mut query = gst::query::Allocation::new(Some(&caps), true);
    assert!(harness.srcpad().unwrap().peer_query(&mut query));
    let meta = query.find_allocation_meta::<gst_video::VideoMeta>();
    assert!(meta.is_some(), "{query:?}");
}

#[test]
fn bgr_floats_where_downstream_does_not_care_and_other_sizes_never() {
    init();
    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float");
    harness.set_src_caps_str("video/x-raw,format=RGBA,width=3,height=2,framerate=25/1");
    harness.push(gst::Buffer::from_slice(vec![0; 24])).unwrap();
    let caps = harness.sinkpad().unwrap().current_caps().unwrap();
    assert_eq!(
        caps.structure(0).unwrap().get::<&str>("format"),
        Ok("BGR_F32LE")
    );

    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float,width=4");
    harness.set_src_caps_str("video/x-raw,format=RGBA,width=3,height=2,framerate=25/1");
    let refused = harness.push(gst::Buffer::from_slice(vec![0; 24]));
    assert_eq!(refused, Err(gst::FlowError::NotNegotiated));
}

#[test]
fn a_short_buffer_is_an_error_and_the_next_one_is_converted() {
    init();
    let element = gst::ElementFactory::make("videotofloat").build().unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_sink_caps_str("video/x-float");
    harness.set_src_caps_str("video/x-raw,format=RGBA,width=3,height=2,framerate=25/1");
    let result = harness.push(gst::Buffer::from_slice(vec![0; 23]));
    assert_eq!(result, Err(gst::FlowError::Error));
    let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("filtered");
    };
    let text = error.error().message().to_owned();
    assert!(text.contains("buffer of 23 bytes"), "{text}");
    assert_eq!(harness.buffers_in_queue(), 0);

    harness
        .push(gst::Buffer::from_slice(vec![255; 24]))
        .unwrap();
    assert_eq!(pulled(&mut harness), 1f32.to_le_bytes().repeat(18));
    assert!(bus.pop_filtered(&[gst::MessageType::Error]).is_none());
}

#[test]
fn the_range_can_change_while_playing() {
    init();
    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float,format=RGB_F32LE");
    harness.set_src_caps_str("video/x-raw,format=RGB,width=1,height=1,framerate=25/1");
    let element = harness.element().unwrap();
    for (range, value) in [
        ("byte", 255.0f32),
        ("signed-unit", 1.0),
        ("unit", 1.0),
        ("byte", 255.0),
    ] {
        element.set_property_from_str("range", range);
        harness.push(gst::Buffer::from_slice(vec![255; 4])).unwrap();
        assert_eq!(
            pulled(&mut harness),
            value.to_le_bytes().repeat(3),
            "{range}"
        );
    }
}

/// The whole way in a pipeline: at equal size, `videotofloat ! lipsyncframes` changes no byte.
#[test]
fn a_pipeline_there_and_back_changes_nothing() {
    init();
    for (_, float) in float_formats() {
        for (_, range) in RANGES {
            let pipeline = gst::parse::launch(&format!(
                "videotestsrc pattern=smpte num-buffers=2 ! video/x-raw,format=RGBA,width=321,\
                 height=240 ! tee name=tee ! queue ! appsink name=before sync=false tee. ! queue \
                 ! videotofloat range={range} ! video/x-float,format={float} \
                 ! lipsyncframes range={range} ! video/x-raw,format=RGBA,width=321,height=240 \
                 ! appsink name=after sync=false"
            ))
            .unwrap()
            .downcast::<gst::Pipeline>()
            .unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            let [before, after] = ["before", "after"].map(|name| {
                let sink = pipeline.by_name(name).unwrap();
                sink.downcast::<gst_app::AppSink>().unwrap()
            });
            for _ in 0..2 {
                let [before, after] = [&before, &after].map(|sink| {
                    let sample = sink.try_pull_sample(patience::clock_time()).unwrap();
                    let map = sample.buffer().unwrap().map_readable().unwrap();
                    map.to_vec()
                });
                assert!(before == after, "{float} {range}");
            }
            pipeline.set_state(gst::State::Null).unwrap();
        }
    }
}
