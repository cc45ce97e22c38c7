//! Where the float frames come from, and how they get into the pipeline.

use crate::frames::Frames;
use crate::options::{Options, is_standard_stream};
use crate::video;
use gstlipsyncframes::media::float_video::{FloatVideoInfo, MEDIA_TYPE};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

pub struct Source {
    pub frames: Box<dyn Frames>,
    pub caps: gst::Caps,
    pub info: FloatVideoInfo,
    /// How many frames there will be, where that can be told
    pub length: Option<u64>,
}

impl Source {
    pub fn open(options: &Options) -> Result<Self, String> {
        match (&options.video, &options.raw) {
            (Some(path), _) => Self::open_video(path, options),
            (None, Some(path)) => Self::open_raw(path, options),
            (None, None) => Err("there is no --video and no --raw".into()),
        }
    }

    fn open_video(path: &Path, options: &Options) -> Result<Self, String> {
        let wanted = float_caps(options, options.framerate, gst::Fraction::new(1, 1));
        let (frames, picture) = video::open(path, float_info(&wanted)?, options.range)?;
        let caps = float_caps(options, picture.framerate, picture.pixel_aspect_ratio);
        Ok(Self {
            frames: Box::new(frames),
            info: float_info(&caps)?,
            caps,
            length: picture.length,
        })
    }

    fn open_raw(path: &Path, options: &Options) -> Result<Self, String> {
        let caps = float_caps(options, options.framerate, gst::Fraction::new(1, 1));
        let info = float_info(&caps)?;
        let mut length = None;
        let (name, reader): (_, Box<dyn Read + Send>) = if is_standard_stream(path) {
            ("standard input".into(), Box::new(std::io::stdin()))
        } else {
            let name = path.display().to_string();
            let failed = |error| format!("{name}: {error}");
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_file() {
                length = Some(metadata.len() / info.frame_bytes() as u64);
            }
            (name, Box::new(file))
        };
        let frames = RawFrames {
            name,
            reader,
            n_frames: 0,
            layout: info.to_string(),
        };
        Ok(Self {
            frames: Box::new(frames),
            caps,
            info,
            length,
        })
    }

    /// Pushes every frame into `appsrc`, `batch` of them to a buffer, until there are no more or
    /// the pipeline takes no more.
    ///
    /// What comes before an error is delivered, too.
    pub fn feed(mut self, appsrc: &gst_app::AppSrc, batch: usize) -> Result<(), String> {
        let frame_bytes = self.info.frame_bytes();
        let mut n_frames = 0;
        loop {
            let mut data = reserve(batch * frame_bytes)?;
            let mut is_there_more = Ok(true);
            while is_there_more == Ok(true) && data.len() < batch * frame_bytes {
                let filled = data.len();
                data.resize(filled + frame_bytes, 0);
                is_there_more = self.frames.next_frame(&mut data[filled..]);
                if is_there_more != Ok(true) {
                    data.truncate(filled);
                }
            }
            if !data.is_empty() {
                let n_batch = data.len() / frame_bytes;
                let mut buffer = gst::Buffer::from_mut_slice(data);
                if let Some(buffer) = buffer.get_mut() {
                    buffer.set_pts(self.time(n_frames));
                }
                if appsrc.push_buffer(buffer).is_err() {
                    // The pipeline is stopping. If that is because of an error, it says so itself.
                    return Ok(());
                }
                n_frames += n_batch as u64;
            }
            if !is_there_more? {
                return Ok(());
            }
        }
    }

    /// When frame `n` is shown.
    fn time(&self, n: u64) -> Option<gst::ClockTime> {
        use gst::prelude::*;
        let rate = self.info.framerate;
        let (numerator, denominator) = (rate.numer() as u64, rate.denom() as u64);
        n.mul_div_floor(gst::ClockTime::SECOND.nseconds() * denominator, numerator)
            .map(gst::ClockTime::from_nseconds)
    }
}

/// Memory for a batch. It can be too much to ask for, which must not abort the program.
fn reserve(bytes: usize) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    data.try_reserve_exact(bytes)
        .map_err(|_| format!("no memory for a batch of {bytes} bytes: try a smaller --batch"))?;
    Ok(data)
}

fn float_caps(options: &Options, framerate: gst::Fraction, aspect: gst::Fraction) -> gst::Caps {
    gst::Caps::builder(MEDIA_TYPE)
        .field("format", options.format.as_str())
        .field("width", options.width)
        .field("height", options.height)
        .field("framerate", framerate)
        .field("pixel-aspect-ratio", aspect)
        .build()
}

fn float_info(caps: &gst::Caps) -> Result<FloatVideoInfo, String> {
    FloatVideoInfo::from_caps(caps)
}

struct RawFrames {
    name: String,
    reader: Box<dyn Read + Send>,
    n_frames: u64,
    /// Format and size of a frame, for messages
    layout: String,
}

impl Frames for RawFrames {
    fn next_frame(&mut self, frame: &mut [u8]) -> Result<bool, String> {
        let Self {
            name,
            n_frames,
            layout,
            ..
        } = self;
        let mut filled = 0;
        while filled < frame.len() {
            match self.reader.read(&mut frame[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
        let expected = format!("a frame of {layout} has {} bytes", frame.len());
        match filled {
            0 if *n_frames == 0 => Err(format!("{name} is empty: {expected}")),
            0 => Ok(false),
            _ if filled < frame.len() => Err(format!(
                "{name} ends in the middle of a frame: {filled} bytes are left over after \
                 {n_frames} frames, and {expected}"
            )),
            _ => {
                *n_frames += 1;
                Ok(true)
            }
        }
    }
}
