//! A stream whose every output frame is known beforehand.

use crate::naive::{self, PlaneShape};
use crate::planes;
use gst::ClockTime;
use gstlipsyncframes::media::float_video;
use gstlipsyncframes::pixel::{PixelFormat, Range, Source, Target};

/// Random numbers below a bound.
pub type Random<'a> = &'a mut dyn FnMut(u32) -> u32;

const FRAME_TIME: ClockTime = ClockTime::from_mseconds(40);

/// About so many bytes of input, at most 32 frames, go in at a time.
const BATCH_BYTES: usize = 2 << 20;

/// How the frames go in.
#[derive(Clone, Copy, PartialEq)]
pub enum Input {
    /// Many to a buffer, with timestamps
    Batches,
    /// In pieces that end anywhere
    Bytes,
    /// As 8-bit video, which is made floats first
    Video,
}

pub struct Case {
    pub input: Input,
    /// As in a launch line
    pub elements: String,
    pub upstream: Option<String>,
    pub downstream: String,
    pub frame_bytes: usize,
    /// Frames that go in at a time are a multiple of it, at most `most`.
    pub frames_per_buffer: u32,
    pub most: u32,
    /// Two frames in turn, `most` and one more
    frames: gst::Buffer,
    expected: [Vec<Vec<u8>>; 2],
    shapes: Vec<PlaneShape>,
    info: gst_video::VideoInfo,
}

impl Case {
    /// Frames of up to `size` pixels, in both directions, on both sides.
    pub fn random(random: Random, size: u32) -> Self {
        let input =
            [Input::Batches, Input::Batches, Input::Bytes, Input::Video][random(4) as usize];
        let formats: Vec<_> = float_video::formats().collect();
        let (format_name, format) = formats[random(formats.len() as u32) as usize];
        let (range_name, range) = [
            ("unit", Range::Unit),
            ("signed-unit", Range::SignedUnit),
            ("byte", Range::Byte),
        ][random(3) as usize];
        let (width, height) = (1 + random(size), 1 + random(size));
        let converter = format!("lipsyncframes range={range_name} n-threads={}", random(5));
        let frames_per_buffer = if input == Input::Bytes {
            1 + random(4)
        } else {
            1
        };

        let (frames, expected, target, elements, upstream);
        if input == Input::Video {
            // What it must give back is what it got.
            target = Target::new(PixelFormat::Rgbx, width, height);
            frames = [(); 2].map(|()| {
                let pixels = (0..width * height).flat_map(|_| {
                    let [r, g, b] = [(); 3].map(|()| random(256) as u8);
                    [r, g, b, 255]
                });
                pixels.collect::<Vec<u8>>()
            });
            expected = frames.clone().map(|frame| vec![frame]);
            elements = format!("videotofloat range={range_name} ! {converter}");
            upstream = Some(format!(
                "video/x-raw,format=RGBx,width={width},height={height}"
            ));
        } else {
            let source = Source {
                format,
                width,
                height,
                range,
            };
            let format = PixelFormat::ALL[random(8) as usize];
            target = Target::new(format, 1 + random(size), 1 + random(size));
            frames = [(); 2].map(|()| naive::noise_frame(&source, random(u32::MAX).into()));
            expected = frames
                .each_ref()
                .map(|frame| naive::convert(&source, &target, frame));
            let frame = format!("format={format_name} width={width} height={height}");
            (elements, upstream) = if input == Input::Bytes {
                let parser =
                    format!("floatvideoparse {frame} frames-per-buffer={frames_per_buffer}");
                (format!("{parser} ! {converter}"), None)
            } else {
                let caps = format!("video/x-float,{}", frame.replace(' ', ","));
                (converter, Some(caps))
            };
        }
        let frame_bytes = frames[0].len();
        let most = (BATCH_BYTES / frame_bytes).clamp(4, 32) as u32;
        let (name, width, height) = (planes::name(target.format), target.width, target.height);
        let info = gst_video::VideoFormat::from_string(name);
        Self {
            input,
            elements,
            upstream: upstream.map(|caps| format!("{caps},framerate=25/1")),
            downstream: format!("video/x-raw,format={name},width={width},height={height}"),
            frame_bytes,
            frames_per_buffer,
            most,
            frames: gst::Buffer::from_slice(frames.concat().repeat(most as usize / 2 + 1)),
            expected,
            shapes: naive::plane_shapes(&target),
            info: gst_video::VideoInfo::builder(info, width, height)
                .build()
                .unwrap(),
        }
    }

    /// A number of frames to go in at a time, at least two.
    pub fn some(&self, random: Random) -> u32 {
        let buffers = 2 + random(self.most / self.frames_per_buffer);
        (buffers * self.frames_per_buffer)
            .min(self.most / self.frames_per_buffer * self.frames_per_buffer)
    }

    /// The buffers in which `count` frames go in, of which the first is the stream's frame `first`.
    pub fn buffers(&self, first: u64, count: u32, random: Random) -> Vec<gst::Buffer> {
        let start = (first % 2) as usize * self.frame_bytes;
        let end = start + count as usize * self.frame_bytes;
        let mut cuts = vec![start];
        match self.input {
            Input::Batches => (),
            Input::Video => {
                cuts.extend((start + 1..end).filter(|at| at.is_multiple_of(self.frame_bytes)))
            }
            Input::Bytes => {
                let bytes = (end - start) as u32;
                cuts.extend((0..random(8)).map(|_| start + random(bytes) as usize));
                cuts.sort_unstable();
                cuts.dedup();
            }
        }
        cuts.push(end);
        let pieces = cuts.windows(2).zip(first..);
        pieces
            .map(|(cut, index)| {
                let part = self
                    .frames
                    .copy_region(gst::BufferCopyFlags::MEMORY, cut[0]..cut[1]);
                let mut buffer = part.unwrap();
                if self.input != Input::Bytes {
                    buffer.get_mut().unwrap().set_pts(index * FRAME_TIME);
                }
                buffer
            })
            .collect()
    }

    /// Which of the stream's frames `buffer` is, by its timestamp.
    ///
    /// # Errors
    ///
    /// What is wrong with it, if it is not exactly that frame.
    pub fn check(&self, buffer: &gst::BufferRef) -> Result<u64, String> {
        let pts = buffer.pts().ok_or("a frame without a timestamp")?;
        if pts % FRAME_TIME.nseconds() != ClockTime::ZERO {
            return Err(format!("a frame at {pts}"));
        }
        let index = pts.nseconds() / FRAME_TIME.nseconds();
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|error| error.to_string())?;
        let expected = &self.expected[(index % 2) as usize];
        match planes::first_difference(&frame, expected, &self.shapes) {
            None => Ok(index),
            Some((plane, row)) => Err(format!(
                "frame {index} differs in plane {plane}, row {row}: {}",
                self.elements
            )),
        }
    }
}
