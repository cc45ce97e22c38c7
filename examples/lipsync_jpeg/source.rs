//! Where the float frames come from, and how they get into the pipeline.

use crate::frames::Frames;
use crate::npy;
use crate::options::{DEFAULT_FORMAT, DEFAULT_HEIGHT, DEFAULT_WIDTH, Options, is_standard_stream};
use crate::video;
use gstlipsyncframes::media::float_video::{self, FloatVideoInfo};
use gstlipsyncframes::pixel::Sample;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
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
        let mut info = wanted_info(options)?;
        if info.format.sample != Sample::F32 {
            return Err(format!(
                "--format {}: a video is turned into float32; expected one with F32LE, or --raw",
                options.format.as_deref().unwrap_or_default()
            ));
        }
        let (frames, picture) = video::open(path, info, options.range)?;
        info.framerate = picture.framerate;
        info.pixel_aspect_ratio = picture.pixel_aspect_ratio;
        Ok(Self {
            frames: Box::new(frames),
            caps: info.to_caps(),
            info,
            length: picture.length,
        })
    }

    fn open_raw(path: &Path, options: &Options) -> Result<Self, String> {
        let mut file_bytes = None;
        let (name, mut reader): (_, Box<dyn Read + Send>) = if is_standard_stream(path) {
            ("standard input".into(), Box::new(std::io::stdin()))
        } else {
            let name = path.display().to_string();
            let failed = |error| format!("{name}: {error}");
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_file() {
                file_bytes = Some(metadata.len());
            }
            (name, Box::new(file))
        };
        let in_file = |problem| format!("{name}: {problem}");
        let mut beginning = Vec::new();
        (&mut reader)
            .take(npy::MAGIC.len() as u64)
            .read_to_end(&mut beginning)
            .map_err(|error| in_file(error.to_string()))?;

        let (info, length, reader): (_, _, Box<dyn Read + Send>) = if beginning == npy::MAGIC {
            let array = npy::read_header(&mut reader).map_err(in_file)?;
            let info = array_info(&array, options).map_err(in_file)?;
            let bytes = array.n_frames.saturating_mul(info.frame_bytes() as u64);
            (info, Some(array.n_frames), Box::new(reader.take(bytes)))
        } else {
            let info = wanted_info(options)?;
            let length = file_bytes.map(|bytes| bytes / info.frame_bytes() as u64);
            let reader = Cursor::new(beginning).chain(reader);
            (info, length, Box::new(reader))
        };
        let frames = RawFrames {
            name,
            reader,
            n_frames: 0,
            layout: info.to_string(),
            expected: length,
        };
        Ok(Self {
            frames: Box::new(frames),
            caps: info.to_caps(),
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

/// Frames as the command line has them.
fn wanted_info(options: &Options) -> Result<FloatVideoInfo, String> {
    let name = options.format.as_deref().unwrap_or(DEFAULT_FORMAT);
    let (_, format) = float_video::formats()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("there is no format {name}"))?;
    let width = options.width.unwrap_or(DEFAULT_WIDTH);
    let height = options.height.unwrap_or(DEFAULT_HEIGHT);
    Ok(FloatVideoInfo::new(
        format,
        width,
        height,
        options.framerate,
    ))
}

/// Frames as a numpy array has them. It does not say what the order of the channels is.
///
/// # Errors
///
/// Where the command line says otherwise.
fn array_info(array: &npy::Array, options: &Options) -> Result<FloatVideoInfo, String> {
    let wanted = wanted_info(options)?;
    let mut info = wanted;
    info.format.sample = array.sample;
    info.format.layout = array.layout;
    (info.width, info.height) = (array.width, array.height);
    let says_otherwise = (options.format.is_some() && info.format != wanted.format)
        || options.width.is_some_and(|width| width != array.width)
        || options.height.is_some_and(|height| height != array.height);
    if says_otherwise {
        return Err(format!(
            "it holds frames of {info}: expected the {wanted} of --format, --width and --height; without \
             the latter two, and with that --format, it is read as it is"
        ));
    }
    // They have not been checked: the file could say anything.
    FloatVideoInfo::from_caps(&info.to_caps())
}

struct RawFrames {
    name: String,
    reader: Box<dyn Read + Send>,
    n_frames: u64,
    /// Format and size of a frame, for messages
    layout: String,
    /// How many frames there should be, where that is known
    expected: Option<u64>,
}

impl Frames for RawFrames {
    fn next_frame(&mut self, frame: &mut [u8]) -> Result<bool, String> {
        let Self {
            name,
            n_frames,
            layout,
            expected: n_expected,
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
            0 if n_expected.is_some_and(|n_expected| *n_frames < n_expected) => Err(format!(
                "{name} ends after {n_frames} frames: expected {}",
                n_expected.unwrap_or_default()
            )),
            0 => Ok(false),
            _ if filled < frame.len() => Err(format!(
                "{name} ends in the middle of a frame: {filled} bytes are left over after \
                 {n_frames} frames, and {expected}. Width, height or format may be wrong"
            )),
            _ => {
                *n_frames += 1;
                Ok(true)
            }
        }
    }
}
