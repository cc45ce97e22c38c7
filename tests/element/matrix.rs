//! Every input format x output format x size x number of threads x batch: the bytes are those of
//! the naive implementation.

use super::*;
use crate::{naive, planes};
use gstlipsyncframes::pixel::{PixelFormat, Range, Source, Target};

const SIZES: [((u32, u32), (u32, u32)); 7] = [
    ((640, 360), (320, 320)),
    ((1, 1), (320, 320)),
    ((1, 7), (33, 1)),
    ((641, 481), (111, 30)),
    ((30, 111), (641, 481)),
    ((1920, 1080), (320, 320)),
    ((320, 320), (320, 320)),
];
const THREADS: [u32; 4] = [1, 2, 3, 16];
const BATCHES: [usize; 4] = [1, 7, 25, 32];

/// Two frames in turn, so that a frame taken for its neighbour is noticed: `count` of them.
fn alternating(frames: &[Vec<u8>; 2], count: usize) -> gst::Buffer {
    let pair = frames.concat();
    let bytes = frames[0].len() * count;
    let mut batch = pair.repeat(count.div_ceil(2));
    batch.truncate(bytes);
    gst::Buffer::from_slice(batch)
}

fn check_input((input_name, input): (&str, FloatFormat), size: usize) {
    init();
    let ((width, height), (target_width, target_height)) = SIZES[size];
    let source = Source {
        format: input,
        width,
        height,
        range: Range::Unit,
    };
    let frames = [1, 2].map(|seed| naive::noise_frame(&source, seed));
    let largest = alternating(&frames, BATCHES[BATCHES.len() - 1]);
    let batches = BATCHES.map(|count| {
        largest
            .copy_region(gst::BufferCopyFlags::MEMORY, ..count * frames[0].len())
            .unwrap()
    });
    let upstream =
        format!("video/x-float,format={input_name},width={width},height={height},framerate=25/1");

    for format in PixelFormat::ALL {
        let target = Target::new(format, target_width, target_height);
        let shapes = naive::plane_shapes(&target);
        let expected = frames
            .each_ref()
            .map(|frame| naive::convert(&source, &target, frame));
        let downstream = format!(
            "video/x-raw,format={},width={target_width},height={target_height}",
            planes::name(format)
        );
        for threads in THREADS {
            let mut setup = Setup::new(&format!("n-threads={threads}"))
                .downstream(&downstream)
                .upstream(&upstream);
            let info = gst_video::VideoInfo::from_caps(&setup.output_caps()).unwrap();
            for (batch, count) in batches.iter().zip(BATCHES) {
                setup.harness.push(batch.clone()).unwrap();
                let buffers = setup.pulled();
                assert_eq!(buffers.len(), count);
                for (index, buffer) in buffers.into_iter().enumerate() {
                    let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &info).unwrap();
                    let (frame, expected) = (frame.as_video_frame_ref(), &expected[index % 2]);
                    let difference = planes::first_difference(&frame, expected, &shapes);
                    assert_eq!(difference, None, "plane and row of frame {index}");
                }
            }
        }
    }
}

/// One test for each size, so that they run side by side.
fn check_size(size: usize) {
    for input in FLOAT_FORMATS {
        check_input(input, size);
    }
}

#[test]
fn from_640x360_to_320x320() {
    check_size(0);
}

#[test]
fn from_1x1_to_320x320() {
    check_size(1);
}

#[test]
fn from_1x7_to_33x1() {
    check_size(2);
}

#[test]
fn from_641x481_to_111x30() {
    check_size(3);
}

#[test]
fn from_30x111_to_641x481() {
    check_size(4);
}

#[test]
fn from_1920x1080_to_320x320() {
    check_size(5);
}

#[test]
fn from_320x320_to_320x320() {
    check_size(6);
}
