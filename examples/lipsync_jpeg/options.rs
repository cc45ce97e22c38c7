//! The command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Parser, value_parser};
use gstlipsyncframes::lipsyncframes::LipSyncFramesRange;
use gstlipsyncframes::pixel::MAX_SIZE;
use gstlipsyncframes::pixel::pool::MAX_THREADS;
use std::path::{Path, PathBuf};

const SIZES: std::ops::RangeInclusive<i64> = 1..=MAX_SIZE as i64;

const AFTER_HELP: &str = "\
Examples:
  A video to a folder of 320x320 JPEGs and a picture to look at:
    lipsync_jpeg --video talk.mp4 --output frames --contact-sheet sheet.png

  What a network wrote to a pipe, planar and -1 to 1, 8 frames at a time:
    network | lipsync_jpeg --raw - --format RGBP_F32LE --range signed-unit \\
      --width 256 --height 256 --batch 8 --output frames

  Multipart MJPEG on standard output, for a player or a server:
    lipsync_jpeg --video talk.mp4 --output - | ffplay -f mpjpeg -

  Other encoders: PNG images, or one H.264 stream, frames/stream.h264:
    lipsync_jpeg --video talk.mp4 --encoder pngenc --output frames
    lipsync_jpeg --video talk.mp4 --encoder 'x264enc tune=zerolatency' --output frames

Ctrl-C stops reading, and what was converted until then is written; a second one ends at once.

Exit status: 0 when all is done or the reader of standard output went away, 1 on an error, 2 on a
wrong command line, 130 after Ctrl-C.";

/// Turns the float32 frames of a lip-sync network, or of a video that stands in for one, into JPEGs
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

    /// Float32 frames, back to back, from a file or from standard input (-)
    #[arg(long, value_name = "FILE|-")]
    pub raw: Option<PathBuf>,

    /// Order of the floats: interleaved (H x W x C), or planar (C x H x W) where it has a P
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "BGR_F32LE",
        value_parser = PossibleValuesParser::new(["BGR_F32LE", "RGB_F32LE", "BGRP_F32LE", "RGBP_F32LE"]),
    )]
    pub format: String,

    /// Width of a float frame; a video is scaled to it
    #[arg(long, value_name = "PIXELS", default_value_t = 640, value_parser = value_parser!(i32).range(SIZES))]
    pub width: i32,

    /// Height of a float frame; a video is scaled to it
    #[arg(long, value_name = "PIXELS", default_value_t = 360, value_parser = value_parser!(i32).range(SIZES))]
    pub height: i32,

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

    /// Encoder, as gst-launch-1.0 would take it
    #[arg(
        long,
        value_name = "ELEMENTS",
        default_value = "jpegenc quality=75 idct-method=islow"
    )]
    pub encoder: String,

    /// Folder for frame-00001.jpg and so on (or stream.h264 and the like, where the encoder does
    /// not make images); - is standard output, as a multipart MJPEG stream
    #[arg(long, value_name = "DIR|-")]
    pub output: Option<PathBuf>,

    /// PNG to make of up to 24 frames from all over the clip
    #[arg(long, value_name = "FILE.png", value_parser = parse_png_path)]
    pub contact_sheet: Option<PathBuf>,
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

fn parse_png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let is_png = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    if !is_png {
        return Err("the contact sheet is a PNG: expected a name that ends in .png".into());
    }
    Ok(path)
}
