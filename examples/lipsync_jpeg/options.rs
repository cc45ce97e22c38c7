//! The command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Parser, value_parser};
use gstlipsyncframes::lipsyncframes::LipSyncFramesRange;
use gstlipsyncframes::media::float_video;
use gstlipsyncframes::pixel::MAX_SIZE;
use gstlipsyncframes::pixel::pool::MAX_THREADS;
use std::path::{Path, PathBuf};

const SIZES: std::ops::RangeInclusive<i64> = 1..=MAX_SIZE as i64;

pub const DEFAULT_FORMAT: &str = "BGR_F32LE";
pub const DEFAULT_WIDTH: u32 = 640;
pub const DEFAULT_HEIGHT: u32 = 360;

const DEFAULT_ENCODER: &str = "jpegenc quality=75 idct-method=islow";

/// What the names of videos end in that are not made without being told how.
const OTHER_VIDEOS: [&str; 8] = ["avi", "flv", "m4v", "mkv", "mov", "mpg", "ts", "webm"];

const AFTER_HELP: &str = "\
Examples:
  A video to a folder of 320x320 JPEGs and a picture to look at:
    lipsync_jpeg --video talk.mp4 --output frames --contact-sheet sheet.png

  A batch that Python saved (numpy.save('batch.npy', frames)), which says its size and type itself:
    lipsync_jpeg --raw batch.npy --output frames

  The same as a video, and with sound:
    lipsync_jpeg --raw batch.npy --output talk.mp4
    ffmpeg -i talk.mp4 -i speech.wav -c:v copy -shortest talk-with-sound.mp4

  What a network wrote to a pipe, planar and -1 to 1, 8 frames at a time:
    network | lipsync_jpeg --raw - --format RGBP_F32LE --range signed-unit \\
      --width 256 --height 256 --batch 8 --output frames

  Multipart MJPEG on standard output, for a player or a server:
    lipsync_jpeg --video talk.mp4 --output - | ffplay -f mpjpeg -

  Other encoders: PNG images, or one video, frames/stream.h264 or frames/stream.webm:
    lipsync_jpeg --video talk.mp4 --encoder pngenc --output frames
    lipsync_jpeg --video talk.mp4 --encoder 'x264enc tune=zerolatency' --output frames
    lipsync_jpeg --video talk.mp4 --output frames \
      --encoder 'capsfilter caps=video/x-raw,colorimetry=bt601 ! vp8enc ! webmmux streamable=true'

Ctrl-C stops reading, and what was converted until then is written; a second one ends at once.

Exit status: 0 when all is done or the reader of standard output went away, 1 on an error, 2 on a
wrong command line, 130 after Ctrl-C.";

/// Turns the float frames of a lip-sync network, or of a video that stands in for one, into JPEGs
/// with the GStreamer element lipsyncframes.
#[derive(Debug, Parser)]
#[command(
    name = "lipsync_jpeg",
    version,
    after_help = AFTER_HELP,
    group(ArgGroup::new("input").required(true).args(["video", "raw"])),
    group(ArgGroup::new("result").required(true).multiple(true).args(["output", "contact_sheet"])),
)]
pub struct Options {
    /// Video to make float frames of, as a network would emit them: any file GStreamer decodes
    #[arg(long, value_name = "FILE")]
    pub video: Option<PathBuf>,

    /// Float frames from a file or from standard input (-): back to back without a header, or a .npy file,
    /// whose header says type, width and height
    #[arg(long, value_name = "FILE|-")]
    pub raw: Option<PathBuf>,

    /// Type and order of the floats: of 32 or 16 bits; interleaved (H x W x C), or planar (C x H x W) where
    /// it has a P [default: BGR_F32LE, or with blue first what a .npy file has]
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = PossibleValuesParser::new(float_video::formats().map(|(name, _)| name)),
    )]
    pub format: Option<String>,

    /// Width of a float frame; a video is scaled to it [default: 640, or what a .npy file has]
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(SIZES))]
    pub width: Option<u32>,

    /// Height of a float frame; a video is scaled to it [default: 360, or what a .npy file has]
    #[arg(long, value_name = "PIXELS", value_parser = value_parser!(u32).range(SIZES))]
    pub height: Option<u32>,

    /// Range of the floats: 0 to 1, -1 to 1, or 0 to 255
    #[arg(
        long,
        default_value = "unit",
        value_parser = PossibleValuesParser::new(["unit", "signed-unit", "byte"]).map(parse_range),
    )]
    pub range: LipSyncFramesRange,

    /// Frames per second of --raw, such as 25 or 30000/1001; a video has its own, and where that
    /// varies, it is brought to 25
    #[arg(
        long,
        value_name = "FPS",
        default_value = "25/1",
        value_parser = parse_framerate,
        conflicts_with = "video",
    )]
    pub framerate: gst::Fraction,

    /// Frames in a buffer that goes into the element
    #[arg(long, value_name = "FRAMES", default_value_t = 25, value_parser = value_parser!(u32).range(1..=1000))]
    pub batch: u32,

    /// Size of the pictures to make
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "320x320", value_parser = parse_size)]
    pub size: (i32, i32),

    /// Keep the display aspect with black borders, instead of stretching to the size
    #[arg(long)]
    pub add_borders: bool,

    /// Most threads to convert a frame on; 0: one per core, at most 16
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        value_parser = value_parser!(u32).range(..=MAX_THREADS as i64),
    )]
    pub threads: u32,

    /// Encoder, as gst-launch-1.0 would take it [default: jpegenc quality=75 idct-method=islow, or x264enc for
    /// an MP4 file]
    #[arg(long, value_name = "ELEMENTS")]
    encoder: Option<String>,

    /// Folder for frame-00001.jpg and so on (or stream.h264 and the like, where the encoder does
    /// not make images); or an MP4 file, NAME.mp4; - is standard output, as a multipart MJPEG stream
    #[arg(long, value_name = "DIR|FILE.mp4|-", value_parser = parse_output)]
    pub output: Option<PathBuf>,

    /// PNG to make of up to 24 frames from all over the clip
    #[arg(long, value_name = "FILE.png", value_parser = parse_png_path)]
    pub contact_sheet: Option<PathBuf>,
}

impl Options {
    /// The elements that encode, as gst-launch-1.0 would take them.
    pub fn encoder(&self) -> String {
        match (&self.encoder, &self.output) {
            (encoder, Some(path)) if is_mp4(path) => {
                // Players assume limited range, and BT.709 for pictures of more than 576 rows.
                let colorimetry = if self.size.1 > 576 { "bt709" } else { "bt601" };
                let encoder = encoder.as_deref().unwrap_or("x264enc");
                // What is written goes through a pipe of ours, where mp4mux cannot go back to the
                // beginning. With this it need not, and players need not read the file to its end.
                format!(
                    "capsfilter caps=video/x-raw,colorimetry={colorimetry} ! {encoder} \
                     ! mp4mux faststart=true"
                )
            }
            (encoder, _) => encoder.as_deref().unwrap_or(DEFAULT_ENCODER).to_owned(),
        }
    }
}

/// Whether `path` is that of one MP4 file.
pub fn is_mp4(path: &Path) -> bool {
    has_extension(path, "mp4") && !path.is_dir()
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// Whether `path` stands for standard input or output.
pub fn is_standard_stream(path: &Path) -> bool {
    path == Path::new("-")
}

fn parse_range(name: String) -> LipSyncFramesRange {
    match name.as_str() {
        "byte" => LipSyncFramesRange::Byte,
        "signed-unit" => LipSyncFramesRange::SignedUnit,
        _ => LipSyncFramesRange::Unit,
    }
}

fn parse_framerate(text: &str) -> Result<gst::Fraction, String> {
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    match (numerator.parse(), denominator.parse()) {
        (Ok(numerator @ 1..=i32::MAX), Ok(denominator @ 1..=i32::MAX)) => {
            Ok(gst::Fraction::new(numerator, denominator))
        }
        _ => Err("expected a rate above 0, such as 25, 25/1 or 30000/1001".into()),
    }
}

fn parse_size(text: &str) -> Result<(i32, i32), String> {
    let side = |digits: &str| {
        let side = digits.parse().ok()?;
        SIZES.contains(&i64::from(side)).then_some(side)
    };
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| format!("expected WIDTHxHEIGHT, each 1 to {MAX_SIZE}, such as 320x320"))
}

fn parse_output(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_other = OTHER_VIDEOS
        .iter()
        .any(|extension| has_extension(&path, extension));
    if is_other && !path.is_dir() {
        return Err(
            "expected a folder, a file that ends in .mp4, or -; other videos are made in a folder, by \
             --encoder"
                .into(),
        );
    }
    Ok(path)
}

fn parse_png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !has_extension(&path, "png") {
        return Err("the contact sheet is a PNG: expected a name that ends in .png".into());
    }
    Ok(path)
}
