//! NNStreamer's `other/tensors` as input.

use super::*;
use crate::naive;
use gst::ClockTime;
use gstlipsyncframes::pixel::{PixelFormat, Range, Source, Target};

fn tensor_caps(types: &str, dimensions: &str) -> String {
    format!(
        "other/tensors,format=static,num_tensors=1,types={types},\
         dimensions=(string)\"{dimensions}\",framerate=10/1"
    )
}

const RGB: &str = "video/x-raw,format=RGB,width=5,height=4";

/// Pushes `frames` frames as one tensor, and compares what comes with the naive implementation.
fn assert_converted(properties: &str, dimensions: &str, frames: usize, source: Source) {
    let types = match source.format.sample {
        Sample::F32 => "float32",
        Sample::F16 => "float16",
        sample => panic!("{sample:?} is not known here"),
    };
    let mut setup = Setup::new(properties)
        .downstream(RGB)
        .upstream(&tensor_caps(types, dimensions));
    assert_eq!(setup.errors(), Vec::<String>::new());
    let input: Vec<Vec<u8>> = (0..frames as u64)
        .map(|seed| naive::noise_frame(&source, seed))
        .collect();
    let buffer = gst::Buffer::from_slice(input.concat());
    setup
        .harness
        .push(timed(buffer, ClockTime::SECOND))
        .unwrap();
    let buffers = setup.pulled();
    assert_eq!(buffers.len(), frames);
    let target = Target::new(PixelFormat::Rgb, 5, 4);
    for (index, (buffer, input)) in buffers.iter().zip(&input).enumerate() {
        let map = buffer.map_readable().unwrap();
        let expected = &naive::convert(&source, &target, input)[0];
        // Rows of 15 bytes start every 16.
        for (row, expected) in map.chunks(16).zip(expected.chunks(15)) {
            assert_eq!(&row[..15], expected, "{dimensions} frame {index}");
        }
        // Each buffer lasts 100 ms, and each frame its part of that.
        let at = ClockTime::from_nseconds(100_000_000 * index as u64 / frames as u64);
        assert_eq!(buffer.pts(), Some(ClockTime::SECOND + at));
    }
}

fn source(sample: Sample, layout: Layout, order: ChannelOrder, size: (u32, u32)) -> Source {
    Source {
        format: float_format(sample, layout, order),
        width: size.0,
        height: size.1,
        range: Range::Unit,
    }
}

#[test]
fn every_frame_of_a_tensor_is_a_buffer() {
    use ChannelOrder::{Bgr, Rgb};
    use Layout::{Interleaved, Planar};
    for sample in [Sample::F32, Sample::F16] {
        for (properties, order) in [
            ("", Bgr),
            ("channel-order=bgr", Bgr),
            ("channel-order=rgb", Rgb),
        ] {
            let interleaved = source(sample, Interleaved, order, (7, 2));
            assert_converted(properties, "3:7:2", 1, interleaved);
            assert_converted(properties, "3:7:2:4:1", 4, interleaved);
            let planar = source(sample, Planar, order, (7, 2));
            assert_converted(properties, "7:2:3:1", 1, planar);
            assert_converted(properties, "7:2:3:3", 3, planar);
        }
    }
}

#[test]
fn the_layout_is_as_the_property_says() {
    let both = "3:8:3:2";
    let sources = [
        ("layout=auto", Layout::Interleaved, (8, 3)),
        ("layout=interleaved", Layout::Interleaved, (8, 3)),
        ("layout=planar", Layout::Planar, (3, 8)),
    ];
    for (properties, layout, size) in sources {
        let source = source(Sample::F32, layout, ChannelOrder::Bgr, size);
        assert_converted(properties, both, 2, source);
    }
}

#[test]
fn the_framerate_is_that_of_frames() {
    for (dimensions, expected) in [("3:4:2", 10), ("3:4:2:25", 250)] {
        let setup = Setup::new("")
            .downstream("video/x-raw")
            .upstream(&tensor_caps("float32", dimensions));
        let framerate: gst::Fraction = setup.output_structure().get("framerate").unwrap();
        assert_eq!(framerate, gst::Fraction::new(expected, 1));
    }
}

#[test]
fn what_cannot_be_frames_is_refused_with_what_was_expected() {
    for (caps, expected) in [
        (
            tensor_caps("uint8", "3:4:2"),
            "types uint8: expected float32 or float16",
        ),
        (
            tensor_caps("float32", "4:4:2:1"),
            "dimensions 4:4:2:1: expected 3:WIDTH:HEIGHT[:FRAMES] or WIDTH:HEIGHT:3[:FRAMES]",
        ),
        (
            tensor_caps("float32", "3:4:2:0"),
            "dimensions 3:4:2:0: 0 frames: expected 1 or more",
        ),
        (
            tensor_caps("float32", "3:4:2,3:4:2"),
            "dimensions 3:4:2,3:4:2: 2 tensors in a buffer: expected 1",
        ),
        (
            "other/tensors,format=flexible,framerate=10/1".into(),
            "format flexible: expected static",
        ),
        (
            "other/tensors,format=sparse,framerate=10/1".into(),
            "format sparse: expected static",
        ),
        (
            "other/tensors,num_tensors=2,types=(string)\"float32,float32\",\
             dimensions=(string)\"3:4:2,3:4:2\",framerate=10/1"
                .into(),
            "num_tensors 2: expected 1",
        ),
    ] {
        let setup = Setup::new("").downstream("video/x-raw").upstream(&caps);
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{caps}: {errors:?}");
        assert!(errors[0].contains(expected), "{caps}: {errors:?}");
    }
}

#[test]
fn a_buffer_holds_as_many_frames_as_the_dimensions_say() {
    let mut setup = Setup::new("")
        .downstream("video/x-raw")
        .upstream(&tensor_caps("float32", "3:4:2:3"));
    for frames in [1, 2, 4, 6] {
        let buffer = small_frames(&vec![1; frames]);
        assert_eq!(setup.harness.push(buffer), Err(gst::FlowError::Error));
        let errors = setup.errors();
        let expected = format!("{frames} frames: expected 3 frames of BGR_F32LE 4x2");
        assert!(errors[0].contains(&expected), "{errors:?}");
        assert_eq!(setup.pulled().len(), 0);
    }
    setup.harness.push(small_frames(&[1, 2, 3])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [1, 2, 3]);
}

#[test]
fn in_a_pipeline_behind_capssetter() {
    init();
    let pipeline = gst::parse::launch(
        "videotestsrc num-buffers=4 ! video/x-raw,format=GRAY8,width=192,height=1,framerate=1/1 \
         ! capssetter join=false replace=true caps=\"other/tensors,format=static,num_tensors=1,\
           types=float32,dimensions=(string)3:4:2:2,framerate=1/1\" \
         ! lipsyncframes ! jpegenc ! appsink name=sink sync=false",
    )
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    let sink = sink.downcast::<gst_app::AppSink>().unwrap();
    let pictures = std::iter::from_fn(|| sink.try_pull_sample(patience::clock_time())).count();
    assert!(sink.is_eos(), "in vain: the end");
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(pictures, 8);
}
