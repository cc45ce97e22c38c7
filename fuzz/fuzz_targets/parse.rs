//! `floatvideoparse`: however a stream of bytes is cut, the same buffers come out of it.

#![no_main]

mod gstreamer;

use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;

const FORMATS: [&str; 8] = [
    "BGR_F32LE",
    "RGB_F32LE",
    "BGRP_F32LE",
    "RGBP_F32LE",
    "BGR_F16LE",
    "RGB_F16LE",
    "BGRP_F16LE",
    "RGBP_F16LE",
];

fuzz_target!(|data: &[u8]| {
    gstreamer::init();
    // It fails where there are too few bytes to make a case of.
    let _ = run(&mut Unstructured::new(data));
});

/// What the stream is, but for its pieces.
#[derive(Debug)]
struct Stream {
    format: &'static str,
    width: u32,
    height: u32,
    framerate: gst::Fraction,
    frames_per_buffer: u32,
    /// Whether the frames are described by caps and not by properties
    has_caps: bool,
    /// Where its bytes begin, or the time of the first of them
    start: Start,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    Byte(u64),
    Time(Option<gst::ClockTime>),
}

fn run(u: &mut Unstructured) -> arbitrary::Result<()> {
    let framerates = [(25, 1), (0, 1), (30000, 1001), (i32::MAX, 1), (1, i32::MAX)];
    let (numerator, denominator) = *u.choose(&framerates)?;
    let stream = Stream {
        format: *u.choose(&FORMATS)?,
        width: size(u)?,
        height: size(u)?,
        framerate: gst::Fraction::new(numerator, denominator),
        frames_per_buffer: *u.choose(&[1, 1, 2, 3, 10, u32::MAX])?,
        has_caps: u.arbitrary()?,
        start: match u.int_in_range(0..=2u8)? {
            0 => Start::Byte(0),
            1 => Start::Byte(u.int_in_range(0..=5000)?),
            _ => Start::Time(gstreamer::time(u)?),
        },
    };
    let length = u.int_in_range(0..=4000usize)?;
    let bytes: Vec<u8> = (0..length).map(|at| (at ^ at >> 8) as u8).collect();

    let whole = play(&stream, vec![gst::Buffer::from_slice(bytes.clone())]);
    let mut pieces = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let most = *u.choose(&[10, 100, 1000])?;
        let length = if u.is_empty() {
            rest.len()
        } else {
            u.int_in_range(0..=most.min(rest.len()))?
        };
        pieces.push(gstreamer::buffer(u, &rest[..length])?);
        rest = &rest[length..];
    }
    let cut = play(&stream, pieces);
    assert_eq!(whole.len(), cut.len(), "{stream:?}, {length} bytes");
    for (index, (whole, cut)) in whole.iter().zip(&cut).enumerate() {
        assert!(
            whole == cut,
            "buffer {index} of {stream:?}: {cut:?} instead of {whole:?}"
        );
    }
    Ok(())
}

/// A width or height, mostly small.
fn size(u: &mut Unstructured) -> arbitrary::Result<u32> {
    if u.ratio(1u8, 16)? {
        return Ok(*u.choose(&[0, 16384])?);
    }
    u.int_in_range(1..=8)
}

/// What is to be the same of a buffer.
#[derive(Debug, PartialEq)]
struct Output {
    bytes: Vec<u8>,
    pts: Option<gst::ClockTime>,
    duration: Option<gst::ClockTime>,
}

/// What the element makes of a stream that comes in `pieces`.
fn play(stream: &Stream, pieces: Vec<gst::Buffer>) -> Vec<Output> {
    let element = gst::ElementFactory::make("floatvideoparse")
        .property_from_str("format", stream.format)
        .property("width", stream.width)
        .property("height", stream.height)
        .property("framerate", stream.framerate)
        .property("frames-per-buffer", stream.frames_per_buffer)
        .build()
        .unwrap();
    let mut harness = gstreamer::harness(&element);
    harness.play();
    harness.push_event(gst::event::StreamStart::new("bytes"));
    if stream.has_caps {
        let caps = gst::Caps::builder("video/x-float")
            .field("format", stream.format)
            .field("width", stream.width as i32)
            .field("height", stream.height as i32)
            .field("framerate", stream.framerate);
        harness.push_event(gst::event::Caps::new(&caps.build()));
    }
    let mut first_pts = None;
    match stream.start {
        Start::Byte(offset) => {
            let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
            segment.set_start(gst::format::Bytes::from_u64(offset));
            segment.set_time(gst::format::Bytes::from_u64(offset));
            harness.push_event(gst::event::Segment::new(&segment));
        }
        Start::Time(time) => {
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            harness.push_event(gst::event::Segment::new(&segment));
            first_pts = time;
        }
    }
    for mut piece in pieces {
        piece.make_mut().set_pts(first_pts.take());
        if harness.push(piece).is_err() {
            break;
        }
    }
    harness.push_event(gst::event::Eos::new());
    let buffers = std::iter::from_fn(|| harness.try_pull());
    buffers
        .map(|buffer| Output {
            bytes: buffer.map_readable().unwrap().to_vec(),
            pts: buffer.pts(),
            duration: buffer.duration(),
        })
        .collect()
}
