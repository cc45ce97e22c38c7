//! The way back: `videotofloat`, and the pixel path under it.

#[path = "common/memories.rs"]
mod memories;
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

/// A harness whose element posts errors on the bus.
fn with_bus(upstream: &str) -> (Harness, gst::Bus) {
    init();
    let element = gst::ElementFactory::make("videotofloat").build().unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_sink_caps_str("video/x-float,format=RGB_F32LE");
    harness.set_src_caps_str(upstream);
    (harness, bus)
}

fn error(bus: &gst::Bus) -> Option<String> {
    let message = bus.pop_filtered(&[gst::MessageType::Error])?;
    let gst::MessageView::Error(error) = message.view() else {
        unreachable!("filtered");
    };
    Some(error.error().message().to_owned())
}

/// `buffer` is one error that says all of `expected`, and the frame after it is converted.
fn refused(harness: &mut Harness, bus: &gst::Bus, buffer: gst::Buffer, expected: &[&str]) {
    let result = harness.push(buffer);
    assert_eq!(result, Err(gst::FlowError::Error), "{expected:?}");
    let text = error(bus).unwrap();
    for expected in expected {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(harness.buffers_in_queue(), 0);

    let good = gst::Buffer::from_slice(vec![255; 24]);
    harness.push(good).unwrap();
    assert_eq!(pulled(harness), 1f32.to_le_bytes().repeat(18));
    assert_eq!(error(bus), None);
}

const RGBA_3X2: &str = "video/x-raw,format=RGBA,width=3,height=2,framerate=25/1";

#[test]
fn a_short_buffer_is_an_error_and_the_next_one_is_converted() {
    let (mut harness, bus) = with_bus(RGBA_3X2);
    for (bytes, there) in [
        (0, "the 0 bytes of the buffer"),
        (23, "the 23 bytes of the buffer"),
    ] {
        let buffer = gst::Buffer::from_slice(vec![0; bytes]);
        refused(&mut harness, &bus, buffer, &[there, "2 rows of 12 bytes"]);
    }
}

#[test]
fn metas_that_say_more_than_there_is_are_errors() {
    use gst_video::VideoFormat::{Bgra, I420, Rgba};
    let (mut harness, bus) = with_bus(RGBA_3X2);
    for (format, width, height, offsets, strides, expected) in [
        (Rgba, 3, 2, &[24][..], &[12][..], "plane 0 at offset 24"),
        (Rgba, 3, 2, &[1], &[12], "at offset 1 with stride 12"),
        (Rgba, 3, 2, &[usize::MAX], &[12], "18446744073709551615"),
        (Rgba, 3, 2, &[0], &[13], "with stride 13: expected 2 rows"),
        (Rgba, 3, 2, &[0], &[i32::MAX], "with stride 2147483647"),
        (Rgba, 3, 2, &[12], &[-12], "offset 12 with stride -12"),
        (Rgba, 3, 2, &[0], &[i32::MIN], "with stride -2147483648"),
        (Rgba, 3, 2, &[0], &[11], "with stride 11"),
        (Rgba, 3, 2, &[0], &[0], "with stride 0"),
        (Rgba, 3, 2, &[], &[], "RGBA 3x2 with 0 planes: expected"),
        (Rgba, 3, 2, &[0, 12], &[12, 12], "RGBA 3x2 with 2 planes"),
        (Rgba, 2, 2, &[0], &[12], "RGBA 2x2 with 1 planes: expected"),
        (Rgba, 3, 1, &[0], &[12], "RGBA 3x1 with 1 planes: expected"),
        (Bgra, 3, 2, &[0], &[12], "BGRA 3x2 with 1 planes: expected"),
        (I420, 3, 2, &[0, 8, 12], &[4, 4, 4], "I420 3x2 with 3"),
    ] {
        let mut buffer = gst::Buffer::from_slice(vec![0; 24]);
        let meta = gst_video::VideoMeta::add_full(
            buffer.get_mut().unwrap(),
            gst_video::VideoFrameFlags::empty(),
            format,
            width,
            height,
            offsets,
            strides,
        );
        meta.unwrap();
        refused(&mut harness, &bus, buffer, &[expected]);
    }
}

#[test]
fn a_meta_for_a_larger_frame_is_no_lie() {
    let (mut harness, bus) = with_bus("video/x-raw,format=RGB,width=3,height=2,framerate=25/1");
    let mut buffer = gst::Buffer::from_slice(frame(RGB_FORMATS[0], 3, 3, 15));
    gst_video::VideoMeta::add_full(
        buffer.get_mut().unwrap(),
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::Rgb,
        5,
        3,
        &[0],
        &[15],
    )
    .unwrap();
    harness.push(buffer).unwrap();
    let (format, _) = float_formats()[1];
    assert_eq!(pulled(&mut harness), expected(format, Range::Unit, 3, 2));
    assert_eq!(error(&bus), None);
}

#[test]
fn memory_that_cannot_be_read_is_an_error() {
    let (mut harness, bus) = with_bus(RGBA_3X2);
    for memories in [1, 2, 3] {
        let buffer = memories::unmappable(memories, 24 / memories);
        let memories = format!("24 bytes in {memories} memories, of which 0 bytes can be mapped");
        refused(&mut harness, &bus, buffer, &[&memories]);
    }
    // The first half can be read.
    let mut buffer = memories::in_pieces([&[0; 12][..]]);
    buffer.append(memories::unmappable(1, 12));
    refused(&mut harness, &bus, buffer, &["24 bytes in 2 memories"]);
}

#[test]
fn memory_in_pieces_is_put_together() {
    let (mut harness, _bus) = with_bus("video/x-raw,format=RGB,width=3,height=2,framerate=25/1");
    let bytes = frame(RGB_FORMATS[0], 3, 2, 12);
    for has_meta in [false, true] {
        let mut buffer = memories::in_pieces(bytes.chunks(7));
        if has_meta {
            gst_video::VideoMeta::add_full(
                buffer.get_mut().unwrap(),
                gst_video::VideoFrameFlags::empty(),
                gst_video::VideoFormat::Rgb,
                3,
                2,
                &[0],
                &[12],
            )
            .unwrap();
        }
        harness.push(buffer).unwrap();
        let (format, _) = float_formats()[1];
        assert_eq!(pulled(&mut harness), expected(format, Range::Unit, 3, 2));
    }
}

/// Of float frames, the size of a buffer says how many it holds.
#[test]
fn buffers_of_downstream_s_pool_hold_one_frame_whatever_size_it_says() {
    for size in [0, 1, 71, 72, 73, 144, 4096] {
        let (mut harness, bus) = with_bus(RGBA_3X2);
        let pad = harness.sinkpad().unwrap();
        pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
            if let Some(query) = info.query_mut()
                && let gst::QueryViewMut::Allocation(allocation) = query.view_mut()
            {
                let pool = gst::BufferPool::new();
                allocation.add_allocation_pool(Some(&pool), size, 0, 0);
                return gst::PadProbeReturn::Handled;
            }
            gst::PadProbeReturn::Ok
        })
        .unwrap();
        // Other caps, so that the element asks.
        harness.set_src_caps_str(&RGBA_3X2.replace("25/1", "30/1"));
        for _ in 0..3 {
            let buffer = gst::Buffer::from_slice(vec![255; 24]);
            assert!(harness.push(buffer).is_ok(), "{size}: {:?}", error(&bus));
            let floats = pulled(&mut harness);
            assert!(
                floats == 1f32.to_le_bytes().repeat(18),
                "{size}: {floats:?}"
            );
        }
    }
}

#[test]
fn frame_numbers_survive() {
    let (mut harness, _bus) = with_bus(RGBA_3X2);
    for (offset, end) in [(0, 1), (7, 8), (u64::MAX, u64::MAX)] {
        let mut buffer = gst::Buffer::from_slice(vec![0; 24]);
        buffer.get_mut().unwrap().set_offset(offset);
        buffer.get_mut().unwrap().set_offset_end(end);
        harness.push(buffer).unwrap();
        let output = harness.pull().unwrap();
        assert_eq!((output.offset(), output.offset_end()), (offset, end));
    }
}

/// What colorimetry says of black and white counts; of the rest, no sample depends.
#[test]
fn the_colorimetry_s_range_counts() {
    init();
    let levels: Vec<u8> = (0..=255).flat_map(|level| [level; 3]).collect();
    let full = |level: f64| level / 255.0;
    let limited = |level: f64| ((level - 16.0) / 219.0).clamp(0.0, 1.0);
    for (colorimetry, meaning) in [
        ("", full as fn(f64) -> f64),
        (",colorimetry=sRGB", full),
        (",colorimetry=1:1:5:1", full),
        (",colorimetry=1:1:0:0", full),
        (",colorimetry=0:1:0:0", full),
        (",colorimetry=2:1:5:1", limited),
        (",colorimetry=2:1:0:0", limited),
        (",colorimetry=bt709", limited),
    ] {
        for (range, range_name) in RANGES {
            let mut harness = Harness::new_parse(&format!("videotofloat range={range_name}"));
            harness.set_sink_caps_str("video/x-float,format=RGB_F32LE");
            harness.set_src_caps_str(&format!(
                "video/x-raw,format=RGB,width=16,height=16,framerate=25/1{colorimetry}"
            ));
            harness
                .push(gst::Buffer::from_slice(levels.clone()))
                .unwrap();
            let floats = pulled(&mut harness);
            let (floats, _) = floats.as_chunks::<4>();
            for (&float, &level) in floats.iter().zip(&levels) {
                let unit = meaning(f64::from(level));
                let expected = match range {
                    Range::Unit => unit,
                    Range::SignedUnit => unit * 2.0 - 1.0,
                    Range::Byte => unit * 255.0,
                    _ => panic!("{range:?} is not known here"),
                };
                let difference = f64::from(f32::from_le_bytes(float)) - expected;
                let unit_in_last_place = expected.abs().max(0.01) * f64::from(f32::EPSILON);
                assert!(
                    difference.abs() <= unit_in_last_place,
                    "{colorimetry} {range_name}: {float:?} of {level}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn only_whole_pictures_of_one_view() {
    const FRAMES: &str = "video/x-raw,format=RGBA,width=3,height=2,framerate=25/1";
    for (field, expected) in [
        ("interlace-mode=interleaved", "expected progressive"),
        ("interlace-mode=mixed", "interlace-mode mixed: expected"),
        ("interlace-mode=alternate", "interlace-mode alternate"),
        ("multiview-mode=side-by-side", "expected mono"),
        ("multiview-mode=frame-by-frame", "mode frame-by-frame"),
        ("multiview-mode=separated,views=2", "mode separated"),
        ("views=2", "views 2: expected 1"),
    ] {
        let (mut harness, bus) = with_bus(&format!("{FRAMES},{field}"));
        let text = error(&bus).unwrap();
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("deinterlace and glviewconvert"), "{text}");
        let buffer = gst::Buffer::from_slice(vec![0; 24]);
        let pushed = harness.push(buffer);
        assert_eq!(pushed, Err(gst::FlowError::NotNegotiated), "{field}");
        // Good caps make up for it.
        harness.set_src_caps_str(FRAMES);
        let buffer = gst::Buffer::from_slice(vec![255; 24]);
        harness.push(buffer).unwrap();
        assert_eq!(pulled(&mut harness), 1f32.to_le_bytes().repeat(18));
    }
    for field in [
        "interlace-mode=progressive",
        "multiview-mode=mono,multiview-flags=0:ffffffff",
        "multiview-mode=left",
        "views=1",
    ] {
        let (mut harness, bus) = with_bus(&format!("{FRAMES},{field}"));
        harness.push(gst::Buffer::from_slice(vec![0; 24])).unwrap();
        assert_eq!(error(&bus), None);
    }
}

/// So that `deinterlace` and such know what to make.
#[test]
fn upstream_sees_what_is_taken() {
    init();
    let mut harness = Harness::new("videotofloat");
    harness.set_sink_caps_str("video/x-float");
    let caps = harness.srcpad().unwrap().peer_query_caps(None);
    for (fields, is_taken) in [
        ("", true),
        (",interlace-mode=progressive", true),
        (",interlace-mode=interleaved", false),
        (",multiview-mode=mono", true),
        (",multiview-mode=top-bottom", false),
        (",colorimetry=2:1:5:1", true),
        (",colorimetry=sRGB", true),
    ] {
        let raw: gst::Caps = format!("video/x-raw,format=RGB{fields}").parse().unwrap();
        assert_eq!(caps.can_intersect(&raw), is_taken, "{fields}: {caps}");
    }
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

#[test]
fn bytes_without_caps_are_explained() {
    init();
    let element = gst::ElementFactory::make("videotofloat").build().unwrap();
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.play();
    let pad = harness.srcpad().unwrap();
    pad.push_event(gst::event::StreamStart::new("no caps"));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    pad.push_event(gst::event::Segment::new(&segment));
    let pushed = pad.push(gst::Buffer::from_slice([0; 12]));
    assert_eq!(pushed, Err(gst::FlowError::NotNegotiated));
    let text = error(&bus).unwrap();
    assert!(text.contains("rawvideoparse format="), "{text}");
}
