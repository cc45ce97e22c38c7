//! `lipsyncframes` and `videotofloat`, whatever their neighbours and the application do: any caps,
//! buffers, events, queries, properties and states, in any order. What comes out has the size that its
//! caps say.

#![no_main]

mod gstreamer;

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use gst_video::{VideoFormat, VideoFrameFlags, VideoFrameRef, VideoInfo, VideoMeta};
use gstlipsyncframes::media::float_video::FloatVideoInfo;
use gstlipsyncframes::media::tensors::{self, Reading};
use gstlipsyncframes::pixel::ChannelOrder;
use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;

/// Most bytes of an input buffer; more only cost time.
const MOST_BYTES: usize = 1 << 20;

const MOST_ACTIONS: usize = 40;

fuzz_target!(|data: &[u8]| {
    gstreamer::init();
    // It fails where there are too few bytes to go on with.
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> arbitrary::Result<()> {
    let factory = *u.choose(&["lipsyncframes", "videotofloat"])?;
    let element = gst::ElementFactory::make(factory).build().unwrap();
    let mut harness = gstreamer::harness(&element);
    harness.play();
    if u.ratio(3u8, 4)? {
        harness.set_sink_caps(output_caps(u)?);
    }
    if u.ratio(7u8, 8)? {
        harness.push_event(gst::event::StreamStart::new("fuzz"));
        harness.push_event(caps_event(u)?);
        harness.push_event(segment(u)?);
    }
    for _ in 0..MOST_ACTIONS {
        if u.is_empty() {
            break;
        }
        act(u, &element, &mut harness)?;
        while let Some(buffer) = harness.try_pull() {
            check(&element, &buffer);
        }
    }
    Ok(())
}

fn act(
    u: &mut Unstructured,
    element: &gst::Element,
    harness: &mut Harness,
) -> arbitrary::Result<()> {
    match u.int_in_range(0..=19u8)? {
        0..=8 => {
            let buffer = input(u, element)?;
            let _ = harness.push(buffer);
        }
        9 | 10 => {
            let event = caps_event(u)?;
            harness.push_event(event);
        }
        11 | 12 => {
            let event = downstream_event(u)?;
            harness.push_event(event);
        }
        13 => {
            let event = upstream_event(u)?;
            harness.push_upstream_event(event);
        }
        14 | 15 => query(u, element)?,
        16 | 17 => set_property(u, element)?,
        18 => harness.set_sink_caps(output_caps(u)?),
        _ => {
            use gst::State::{Null, Paused, Playing, Ready};
            let state = *u.choose(&[Null, Ready, Paused, Playing])?;
            let _ = element.set_state(state);
        }
    }
    Ok(())
}

/// A buffer has the size and the planes that the caps say it came with.
fn check(element: &gst::Element, buffer: &gst::BufferRef) {
    let caps = element.static_pad("src").unwrap().current_caps();
    // Stopping takes them away.
    let Some(caps) = caps else { return };
    if let Ok(info) = FloatVideoInfo::from_caps(&caps) {
        assert_eq!(buffer.size(), info.frame_bytes(), "{caps}");
    } else {
        let info = VideoInfo::from_caps(&caps).unwrap();
        assert!(
            buffer.size() >= info.size(),
            "{} bytes of {caps}",
            buffer.size()
        );
        VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    }
}

/// The size of a frame of the input's caps, if they are of frames.
fn frame_bytes(element: &gst::Element) -> Option<usize> {
    let caps = element.static_pad("sink").unwrap().current_caps()?;
    FloatVideoInfo::from_caps(&caps)
        .or_else(|_| tensors::info(&caps, Reading::new(ChannelOrder::Bgr)))
        .map(|info| info.frame_bytes() * info.frames_in_buffer.unwrap_or(1))
        .ok()
        .or_else(|| Some(VideoInfo::from_caps(&caps).ok()?.size()))
}

fn input(u: &mut Unstructured, element: &gst::Element) -> arbitrary::Result<gst::Buffer> {
    let frame = frame_bytes(element).unwrap_or(100);
    let bytes = match u.int_in_range(0..=7u8)? {
        0 => u.int_in_range(0..=300)?,
        1 => frame.saturating_add(u.int_in_range(1..=20)?),
        2 => frame.saturating_sub(u.int_in_range(1..=20)?),
        3 => frame.saturating_mul(u.int_in_range(0..=4)?),
        _ => frame,
    };
    let pattern = u.bytes(u.len().min(8))?;
    let bytes: Vec<u8> = pattern
        .iter()
        .chain(&[0x3f])
        .copied()
        .cycle()
        .take(bytes.min(MOST_BYTES))
        .collect();
    let mut buffer = gstreamer::buffer(u, &bytes)?;
    let buffer_ref = buffer.make_mut();
    buffer_ref.set_pts(gstreamer::time(u)?);
    buffer_ref.set_dts(gstreamer::time(u)?);
    buffer_ref.set_duration(gstreamer::time(u)?);
    buffer_ref.set_offset(u.arbitrary()?);
    buffer_ref.set_flags(gst::BufferFlags::from_bits_truncate(u.arbitrary()?));
    if u.ratio(1u8, 4)? {
        add_video_meta(u, buffer_ref, element)?;
    }
    if u.ratio(1u8, 8)? {
        let caps = caps(u)?;
        let time = gstreamer::time(u)?.unwrap_or(gst::ClockTime::ZERO);
        gst::ReferenceTimestampMeta::add(buffer_ref, &caps, time, gstreamer::time(u)?);
    }
    Ok(buffer)
}

/// One that is right, or wrong in some of what it says.
fn add_video_meta(
    u: &mut Unstructured,
    buffer: &mut gst::BufferRef,
    element: &gst::Element,
) -> arbitrary::Result<()> {
    let caps = element.static_pad("sink").unwrap().current_caps();
    let info = caps.and_then(|caps| VideoInfo::from_caps(&caps).ok());
    let (mut format, mut width, mut height) = (VideoFormat::Rgb, 4, 2);
    let mut strides = [12, 0, 0, 0];
    if let Some(info) = &info {
        (format, width, height) = (info.format(), info.width(), info.height());
        strides[..info.stride().len()].copy_from_slice(info.stride());
    }
    let mut offsets = [0; 4];
    if u.ratio(1u8, 3)? {
        format = *u.choose(&[VideoFormat::Bgr, VideoFormat::Rgba, VideoFormat::I420])?;
    }
    if u.ratio(1u8, 3)? {
        width = size(u)? as u32;
    }
    if u.ratio(1u8, 3)? {
        height = size(u)? as u32;
    }
    if u.ratio(1u8, 2)? {
        strides[0] = *u.choose(&[
            0,
            1,
            -1,
            -strides[0],
            strides[0] + 4,
            2 * strides[0],
            i32::MAX,
            i32::MIN,
        ])?;
    }
    if u.ratio(1u8, 3)? {
        offsets[0] = *u.choose(&[
            1,
            4,
            buffer.size(),
            buffer.size() + 1,
            usize::MAX,
            usize::MAX / 2,
        ])?;
    }
    if format == VideoFormat::Encoded || format == VideoFormat::Unknown {
        return Ok(());
    }
    let planes = if u.ratio(1u8, 4)? {
        u.int_in_range(0..=4)?
    } else {
        1
    };
    let flags = VideoFrameFlags::from_bits_truncate(u.arbitrary()?);
    let _ = VideoMeta::add_full(
        buffer,
        flags,
        format,
        width,
        height,
        &offsets[..planes],
        &strides[..planes],
    );
    Ok(())
}

/// A width or height, mostly small.
fn size(u: &mut Unstructured) -> arbitrary::Result<i32> {
    const EXTREMES: [i32; 9] = [i32::MIN, -1, 0, 16383, 16384, 16385, 32768, 65536, i32::MAX];
    if u.ratio(1u8, 8)? {
        return Ok(*u.choose(&EXTREMES)?);
    }
    u.int_in_range(1..=40)
}

fn fraction(u: &mut Unstructured) -> arbitrary::Result<gst::Fraction> {
    const FRACTIONS: [(i32, i32); 12] = [
        (25, 1),
        (30000, 1001),
        (0, 1),
        (1, 1),
        (4, 3),
        (1, i32::MAX),
        (i32::MAX, 1),
        (i32::MAX, i32::MAX - 1),
        (-25, 1),
        (i32::MIN + 1, 1),
        (-1, i32::MAX),
        (1_000_000_000, 1),
    ];
    let (numerator, denominator) = *u.choose(&FRACTIONS)?;
    Ok(gst::Fraction::new(numerator, denominator))
}

const FLOAT_FORMATS: [&str; 8] = [
    "BGR_F32LE",
    "RGB_F32LE",
    "BGRP_F32LE",
    "RGBP_F32LE",
    "BGR_F16LE",
    "RGB_F16LE",
    "BGRP_F16LE",
    "RGBP_F16LE",
];

const RAW_FORMATS: [&str; 12] = [
    "RGBA",
    "I420",
    "NV12",
    "RGBx",
    "BGRA",
    "BGRx",
    "RGB",
    "BGR",
    "GRAY8",
    "ENCODED",
    "RGB16",
    "NV12_64Z32",
];

/// A value that a field has not, or should not have.
fn strange_value(u: &mut Unstructured) -> arbitrary::Result<glib::SendValue> {
    let strange: String = u.arbitrary::<String>()?.replace('\0', "");
    Ok(match u.int_in_range(0..=11u8)? {
        0 => size(u)?.to_send_value(),
        1 => u.arbitrary::<u64>()?.to_send_value(),
        2 => u.arbitrary::<f64>()?.to_send_value(),
        3 => u.arbitrary::<bool>()?.to_send_value(),
        4 => fraction(u)?.to_send_value(),
        5 => gst::IntRange::new(1i32, 16384).to_send_value(),
        6 => gst::List::new([1i32, 2]).to_send_value(),
        7 => gst::List::new(FLOAT_FORMATS).to_send_value(),
        8 => gst::List::new(RAW_FORMATS).to_send_value(),
        9 => gst::Array::new(["float32"]).to_send_value(),
        10 => None::<String>.to_send_value(),
        _ => strange.to_send_value(),
    })
}

/// Caps of float frames, tensors, video or something else, nearly right for the most part.
fn caps(u: &mut Unstructured) -> arbitrary::Result<gst::Caps> {
    let mut fields: Vec<(&str, glib::SendValue)> = Vec::new();
    let (width, height) = (size(u)?, size(u)?);
    let media_type = match u.int_in_range(0..=7u8)? {
        0..=2 => {
            fields.push(("format", u.choose(&FLOAT_FORMATS)?.to_send_value()));
            fields.push(("width", width.to_send_value()));
            fields.push(("height", height.to_send_value()));
            "video/x-float"
        }
        3 | 4 => {
            let format = *u.choose(&["static", "static", "static", "flexible", "sparse"])?;
            fields.push(("format", format.to_send_value()));
            fields.push((
                "num_tensors",
                u.choose(&[1, 1, 1, 0, 2, -1, 256])?.to_send_value(),
            ));
            fields.push((
                "types",
                u.choose(&["float32", "float16", "uint8", "float32,float32"])?
                    .to_send_value(),
            ));
            let frames = *u.choose(&[
                "",
                ":1",
                ":3",
                ":1:1:1",
                ":0",
                ":4294967295",
                ":2:2",
                ".3:2:2",
                ":",
            ])?;
            let dimensions = if u.arbitrary()? {
                format!("3:{width}:{height}{frames}")
            } else {
                format!("{width}:{height}:3{frames}")
            };
            fields.push(("dimensions", dimensions.to_send_value()));
            "other/tensors"
        }
        5 | 6 => {
            fields.push(("format", u.choose(&RAW_FORMATS)?.to_send_value()));
            fields.push(("width", width.to_send_value()));
            fields.push(("height", height.to_send_value()));
            if u.ratio(1u8, 4)? {
                let mode =
                    u.choose(&["interleaved", "mixed", "fields", "alternate", "progressive"])?;
                fields.push(("interlace-mode", mode.to_send_value()));
            }
            if u.ratio(1u8, 4)? {
                let colorimetry = u.choose(&[
                    "1:4:0:0", "bt601", "bt709", "sRGB", "2:3:5:1", "", "9:9:9:9",
                ])?;
                fields.push(("colorimetry", colorimetry.to_send_value()));
            }
            if u.ratio(1u8, 8)? {
                let mode = u.choose(&["side-by-side", "top-bottom", "multiview-frame-by-frame"])?;
                fields.push(("multiview-mode", mode.to_send_value()));
            }
            "video/x-raw"
        }
        _ => *u.choose(&[
            "video/x-bayer",
            "audio/x-raw",
            "application/octet-stream",
            "image/jpeg",
        ])?,
    };
    if u.ratio(3u8, 4)? {
        fields.push(("framerate", fraction(u)?.to_send_value()));
    }
    if u.ratio(1u8, 3)? {
        fields.push(("pixel-aspect-ratio", fraction(u)?.to_send_value()));
    }
    while !u.is_empty() && u.ratio(1u8, 8)? {
        let named = u.choose_index(fields.len() + 1)?;
        let name = fields.get(named).map_or("views", |(name, _)| *name);
        fields.push((name, strange_value(u)?));
    }
    let mut structure = gst::Structure::new_empty(media_type);
    for (name, value) in fields {
        structure.set_value(name, value);
    }
    if u.ratio(1u8, 8)? && !structure.is_empty() {
        let missing = structure
            .fields()
            .nth(u.choose_index(structure.n_fields())?)
            .unwrap()
            .to_owned();
        structure.remove_field(missing.as_str());
    }
    let mut caps = gst::Caps::from(structure);
    if u.ratio(1u8, 16)? {
        let features = match u.int_in_range(0..=2u8)? {
            0 => gst::CapsFeatures::new(["memory:GLMemory"]),
            1 => gst::CapsFeatures::new_any(),
            _ => gst::CapsFeatures::new(["memory:SystemMemory", "meta:GstVideoOverlayComposition"]),
        };
        caps.make_mut().set_features(0, Some(features));
    }
    Ok(caps)
}

/// Caps for a query: also some, any or none.
fn query_caps(u: &mut Unstructured) -> arbitrary::Result<gst::Caps> {
    let mut all = caps(u)?;
    match u.int_in_range(0..=7u8)? {
        0 => all = gst::Caps::new_any(),
        1 => all = gst::Caps::new_empty(),
        2 => all.merge(caps(u)?),
        _ => {}
    }
    Ok(all)
}

fn fixed_caps(u: &mut Unstructured) -> arbitrary::Result<gst::Caps> {
    let mut caps = caps(u)?;
    caps.fixate();
    Ok(caps)
}

fn caps_event(u: &mut Unstructured) -> arbitrary::Result<gst::Event> {
    Ok(gst::event::Caps::new(&fixed_caps(u)?))
}

/// What downstream takes: sizes that do not take long, or whatever.
fn output_caps(u: &mut Unstructured) -> arbitrary::Result<gst::Caps> {
    match u.int_in_range(0..=3u8)? {
        0 => Ok(gst::Caps::new_any()),
        1 => query_caps(u),
        2 => {
            let format = *u.choose(&FLOAT_FORMATS)?;
            Ok(gst::Caps::builder("video/x-float")
                .field("format", format)
                .build())
        }
        _ => {
            let formats = [*u.choose(&RAW_FORMATS)?, *u.choose(&RAW_FORMATS)?];
            let mut caps =
                gst::Caps::builder("video/x-raw").field("format", gst::List::new(formats));
            for field in ["width", "height"] {
                let most = u.int_in_range(1..=70)?;
                if u.arbitrary()? {
                    caps = caps.field(field, most);
                } else if u.arbitrary()? {
                    caps = caps.field(field, gst::IntRange::new(1, most + 1));
                }
            }
            if u.ratio(1u8, 3)? {
                caps = caps.field("pixel-aspect-ratio", fraction(u)?);
            }
            Ok(caps.build())
        }
    }
}

fn format(u: &mut Unstructured) -> arbitrary::Result<gst::Format> {
    use gst::Format::{Buffers, Bytes, Default, Percent, Time};
    Ok(*u.choose(&[Time, Time, Time, Bytes, Default, Buffers, Percent])?)
}

fn position(
    u: &mut Unstructured,
    format: gst::Format,
) -> arbitrary::Result<gst::GenericFormattedValue> {
    let value = *u.choose(&[-1, 0, 1, 40_000_000, 1_000_000_000, i64::MAX])?;
    // A percentage has bounds that its type knows of.
    let value = if format == gst::Format::Percent {
        value.clamp(0, 1_000_000)
    } else {
        value
    };
    Ok(gst::GenericFormattedValue::new(format, value))
}

fn rate(u: &mut Unstructured) -> arbitrary::Result<f64> {
    Ok(*u.choose(&[1.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-300, f64::MAX, -1e-9])?)
}

fn segment(u: &mut Unstructured) -> arbitrary::Result<gst::Event> {
    let format = format(u)?;
    let mut segment = gst::Segment::new();
    segment.reset_with_format(format);
    if u.ratio(1u8, 2)? {
        segment.set_rate(rate(u)?);
        segment.set_applied_rate(rate(u)?);
        segment.set_flags(gst::SegmentFlags::from_bits_truncate(u.arbitrary()?));
        segment.set_start(position(u, format)?);
        segment.set_stop(position(u, format)?);
        segment.set_time(position(u, format)?);
        segment.set_base(position(u, format)?);
        segment.set_position(position(u, format)?);
        segment.set_duration(position(u, format)?);
        segment.set_offset(position(u, format)?);
    }
    Ok(gst::event::Segment::new(&segment))
}

fn downstream_event(u: &mut Unstructured) -> arbitrary::Result<gst::Event> {
    let structure = gst::Structure::new_empty("fuzz");
    let format = format(u)?;
    Ok(match u.int_in_range(0..=13u8)? {
        0..=2 => segment(u)?,
        3 => gst::event::FlushStart::new(),
        4 | 5 => gst::event::FlushStop::new(u.arbitrary()?),
        6 => gst::event::Eos::new(),
        7 => {
            let start = gstreamer::time(u)?.unwrap_or(gst::ClockTime::ZERO);
            gst::event::Gap::new(start, gstreamer::time(u)?)
        }
        8 => gst::event::StreamStart::new("another"),
        9 => gst::event::Tag::new(gst::TagList::new()),
        10 => gst::event::SegmentDone::new(position(u, format)?),
        11 => gst::event::CustomDownstream::new(structure),
        12 => gst::event::CustomDownstreamOob::new(structure),
        _ => gst::event::InstantRateChange::new(
            rate(u)?.clamp(0.1, 10.0),
            gst::SegmentFlags::empty(),
        ),
    })
}

fn upstream_event(u: &mut Unstructured) -> arbitrary::Result<gst::Event> {
    let format = format(u)?;
    Ok(match u.int_in_range(0..=5u8)? {
        0 => gst::event::Reconfigure::new(),
        1 => {
            let proportion = *u.choose(&[0.0, 0.5, 1.0, 100.0, f64::MAX])?;
            let difference = u.int_in_range(0..=i64::MAX)?;
            // BaseTransform calls it a programming error where there is no time.
            let time = gstreamer::time(u)?.unwrap_or(gst::ClockTime::ZERO);
            gst::event::Qos::new(gst::QOSType::Underflow, proportion, difference, time)
        }
        2 => gst::event::Seek::new(
            rate(u)?,
            // Such an event has no positions.
            gst::SeekFlags::from_bits_truncate(u.arbitrary()?)
                - gst::SeekFlags::INSTANT_RATE_CHANGE,
            gst::SeekType::Set,
            position(u, format)?,
            *u.choose(&[gst::SeekType::None, gst::SeekType::Set, gst::SeekType::End])?,
            position(u, format)?,
        ),
        3 => gst::event::Latency::new(gstreamer::time(u)?.unwrap_or(gst::ClockTime::ZERO)),
        4 => gst::event::Navigation::new(
            gst::Structure::builder("application/x-gst-navigation")
                .field("event", "mouse-move")
                .field("pointer_x", u.arbitrary::<f64>()?)
                .field("pointer_y", u.arbitrary::<f64>()?)
                .build(),
        ),
        _ => gst::event::CustomUpstream::new(gst::Structure::new_empty("fuzz")),
    })
}

/// Asks one of the pads something.
fn query(u: &mut Unstructured, element: &gst::Element) -> arbitrary::Result<()> {
    let pad = element.static_pad(u.choose(&["sink", "src"])?).unwrap();
    let format = format(u)?;
    match u.int_in_range(0..=13u8)? {
        0 | 1 => {
            let caps = query_caps(u)?;
            let filter = if u.arbitrary()? { Some(&caps) } else { None };
            pad.query(&mut gst::query::Caps::new(filter));
        }
        2 | 3 => {
            pad.query(&mut gst::query::AcceptCaps::new(&fixed_caps(u)?));
        }
        4 | 5 => {
            let caps = fixed_caps(u)?;
            let caps = if u.ratio(7u8, 8)? { Some(&caps) } else { None };
            pad.query(&mut gst::query::Allocation::new(caps, u.arbitrary()?));
        }
        6 => {
            pad.query(&mut gst::query::Latency::new());
        }
        7 => {
            pad.query(&mut gst::query::Position::new(format));
        }
        8 => {
            pad.query(&mut gst::query::Duration::new(format));
        }
        9 => {
            pad.query(&mut gst::query::Seeking::new(format));
        }
        10 => {
            let value = position(u, format)?;
            let to = *u.choose(&[gst::Format::Time, gst::Format::Bytes, gst::Format::Default])?;
            pad.query(&mut gst::query::Convert::new(value, to));
        }
        11 => {
            pad.query(&mut gst::query::Drain::new());
        }
        12 => {
            pad.query(&mut gst::query::Segment::new(format));
        }
        _ => {
            pad.query(&mut gst::query::Custom::new(gst::Structure::new_empty(
                "fuzz",
            )));
        }
    }
    Ok(())
}

fn set_property(u: &mut Unstructured, element: &gst::Element) -> arbitrary::Result<()> {
    let is_converter = element.has_property("stats");
    match u.int_in_range(0..=6u8)? {
        0 => element.set_property_from_str("range", u.choose(&["unit", "signed-unit", "byte"])?),
        1 => element.set_property("n-threads", u.int_in_range(0..=16u32)?),
        2 => element.set_property("qos", u.arbitrary::<bool>()?),
        3 if is_converter => element.set_property("add-borders", u.arbitrary::<bool>()?),
        4 if is_converter => {
            element.set_property_from_str("layout", u.choose(&["auto", "interleaved", "planar"])?);
        }
        5 if is_converter => {
            element.set_property_from_str("channel-order", u.choose(&["bgr", "rgb"])?)
        }
        _ if is_converter => {
            element.property::<gst::Structure>("stats");
        }
        _ => {}
    }
    Ok(())
}
