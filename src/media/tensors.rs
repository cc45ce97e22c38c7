//! `other/tensors`: NNStreamer's media type, as far as it holds frames.
//!
//! | field | value |
//! |---|---|
//! | `format` | `static`; so if absent |
//! | `num_tensors` | 1; so if absent |
//! | `types` | `float32` or `float16` |
//! | `dimensions` | `3:WIDTH:HEIGHT[:FRAMES]` (interleaved) or `WIDTH:HEIGHT:3[:FRAMES]` (planar), innermost first, up to 16, further ones 1 |
//! | `framerate` | of buffers, each of which holds all FRAMES; 0/1 if absent |
//!
//! Such caps say neither which channel is which nor, where width and height are 3, what the layout
//! is: [`Reading`] does.

use crate::media::float_video::{
    FloatVideoInfo, fraction, in_system_memory, required, size_in_range,
};
use lipsyncframes_pixel::{ChannelOrder, FloatFormat, Layout, Sample};

/// Name of the media type.
pub const MEDIA_TYPE: &str = "other/tensors";

/// Most dimensions that NNStreamer knows.
const MAX_RANK: usize = 16;

const TYPES: [(&str, Sample); 2] = [("float32", Sample::F32), ("float16", Sample::F16)];

const EXPECTED_DIMENSIONS: &str = "3:WIDTH:HEIGHT[:FRAMES] or WIDTH:HEIGHT:3[:FRAMES]";

/// How to read what the caps of tensors leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// `None`: what the dimensions fit, interleaved where they fit both
    pub layout: Option<Layout>,
    /// Which of the three channels is which
    pub order: ChannelOrder,
}

impl Reading {
    /// Frames of that order, in the layout that their dimensions fit.
    pub const fn new(order: ChannelOrder) -> Self {
        Self {
            layout: None,
            order,
        }
    }
}

/// Tensors that may hold frames, of every size.
pub fn template_structure() -> gst::Structure {
    gst::Structure::builder(MEDIA_TYPE)
        .field("format", "static")
        .field("num_tensors", 1)
        .field("types", gst::List::new(TYPES.map(|(name, _)| name)))
        .field(
            "framerate",
            gst::FractionRange::new(gst::Fraction::new(0, 1), gst::Fraction::new(i32::MAX, 1)),
        )
        .build()
}

/// Reads fixed `caps`.
///
/// # Errors
///
/// A sentence that names the field, its value and what was expected.
pub fn info(caps: &gst::CapsRef, reading: Reading) -> Result<FloatVideoInfo, String> {
    in_system_memory(caps)
        .and_then(|structure| info_of_fields(structure, reading))
        .map_err(|problem| format!("{problem}, in caps {caps}"))
}

fn info_of_fields(
    structure: &gst::StructureRef,
    reading: Reading,
) -> Result<FloatVideoInfo, String> {
    if structure.has_field("format") {
        let format: String = required(structure, "format", "static")?;
        if format != "static" {
            return Err(format!(
                "format {format}: expected static, tensors whose caps say what is in them"
            ));
        }
    }
    if structure.has_field("num_tensors") {
        let count: i32 = required(structure, "num_tensors", "1")?;
        if count != 1 {
            return Err(format!("num_tensors {count}: expected 1 to a buffer"));
        }
    }
    let expected_types = TYPES.map(|(name, _)| name).join(" or ");
    let name: String = required(structure, "types", &expected_types)?;
    let (_, sample) = TYPES
        .into_iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| format!("types {name}: expected {expected_types}"))?;

    let text: String = required(structure, "dimensions", EXPECTED_DIMENSIONS)?;
    let (layout, [width, height], frames) =
        shape(&text, reading.layout).map_err(|problem| format!("dimensions {text}: {problem}"))?;
    let of_buffers = fraction(structure, "framerate", gst::Fraction::new(0, 1))?;
    let format = FloatFormat {
        sample,
        layout,
        order: reading.order,
    };
    let framerate = framerate_of_frames(of_buffers, frames)?;
    Ok(FloatVideoInfo {
        frames_in_buffer: Some(frames),
        ..FloatVideoInfo::new(format, width, height, framerate)
    })
}

/// The framerate that the frames of fixed caps have, if they have a readable one.
pub fn framerate(structure: &gst::StructureRef) -> Option<gst::Fraction> {
    let of_buffers = structure.get("framerate").ok()?;
    let text: String = structure.get("dimensions").ok()?;
    let [.., frames] = dimensions(&text).ok()?;
    framerate_of_frames(of_buffers, frames as usize).ok()
}

/// Layout, width and height, and number of frames.
fn shape(text: &str, wanted: Option<Layout>) -> Result<(Layout, [u32; 2], usize), String> {
    let [a, b, c, frames] = dimensions(text)?;
    let layout = match wanted {
        Some(layout) => layout,
        None if a != 3 && c == 3 => Layout::Planar,
        None => Layout::Interleaved,
    };
    let (channels, size, expected) = match (layout, wanted) {
        (Layout::Interleaved, Some(_)) => (a, [b, c], "3:WIDTH:HEIGHT[:FRAMES], interleaved"),
        (Layout::Planar, Some(_)) => (c, [a, b], "WIDTH:HEIGHT:3[:FRAMES], planar"),
        (Layout::Interleaved, None) => (a, [b, c], EXPECTED_DIMENSIONS),
        (Layout::Planar, None) => (c, [a, b], EXPECTED_DIMENSIONS),
    };
    if channels != 3 {
        return Err(format!("expected {expected}"));
    }
    let [width, height] = size;
    let size = [
        size_in_range("width", width)?,
        size_in_range("height", height)?,
    ];
    if frames == 0 {
        return Err("0 frames: expected 1 or more".into());
    }
    Ok((layout, size, frames as usize))
}

/// The first four dimensions; those that are left out are 1.
fn dimensions(text: &str) -> Result<[u32; 4], String> {
    let tensors = text.split([',', '.']).count();
    if tensors > 1 {
        return Err(format!("{tensors} tensors in a buffer: expected 1"));
    }
    let numbers: Vec<u32> = text
        .split(':')
        .map(|number| number.trim().parse::<u32>())
        .collect::<Result<_, _>>()
        .map_err(|_| format!("expected {EXPECTED_DIMENSIONS}"))?;
    if numbers.len() > MAX_RANK {
        let rank = numbers.len();
        return Err(format!("{rank} dimensions: expected at most {MAX_RANK}"));
    }
    if numbers.iter().skip(4).any(|&number| number != 1) {
        return Err(format!(
            "expected {EXPECTED_DIMENSIONS}, further dimensions 1"
        ));
    }
    Ok(std::array::from_fn(|index| {
        numbers.get(index).copied().unwrap_or(1)
    }))
}

fn framerate_of_frames(of_buffers: gst::Fraction, frames: usize) -> Result<gst::Fraction, String> {
    let (numer, denom) = (of_buffers.numer(), of_buffers.denom());
    i32::try_from(frames)
        .ok()
        .and_then(|frames| {
            // Frames that come one a minute, 60 at a time, are one a second.
            let whole = gst::Fraction::new(frames, denom);
            Some(gst::Fraction::new(
                numer.checked_mul(whole.numer())?,
                whole.denom(),
            ))
        })
        .ok_or_else(|| {
            format!("framerate {numer}/{denom} of buffers of {frames} frames: too high for caps")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BGR: Reading = Reading::new(ChannelOrder::Bgr);

    fn read(fields: &str, reading: Reading) -> Result<FloatVideoInfo, String> {
        gst::init().unwrap();
        let caps: gst::Caps = format!("other/tensors{fields}").parse().unwrap();
        info(&caps, reading)
    }

    fn with_dimensions(dimensions: &str) -> String {
        format!(
            ",format=static,num_tensors=1,types=float32,dimensions=(string)\"{dimensions}\",\
             framerate=25/1"
        )
    }

    #[test]
    fn dimensions_say_layout_size_and_number() {
        use Layout::{Interleaved, Planar};
        for (dimensions, layout, size, frames) in [
            ("3:640:360", Interleaved, (640, 360), 1),
            ("3:640:360:1", Interleaved, (640, 360), 1),
            ("3:640:360:25", Interleaved, (640, 360), 25),
            (
                "3:640:360:25:1:1:1:1:1:1:1:1:1:1:1:1",
                Interleaved,
                (640, 360),
                25,
            ),
            ("3:640", Interleaved, (640, 1), 1),
            ("640:360:3", Planar, (640, 360), 1),
            ("640:360:3:4:1", Planar, (640, 360), 4),
            ("3:360:3", Interleaved, (360, 3), 1),
            ("3", Interleaved, (1, 1), 1),
        ] {
            let info = read(&with_dimensions(dimensions), BGR).unwrap();
            assert_eq!(info.format.layout, layout, "{dimensions}");
            assert_eq!((info.width, info.height), size, "{dimensions}");
            assert_eq!(info.frames_in_buffer, Some(frames), "{dimensions}");
            assert_eq!(info.format.order, ChannelOrder::Bgr);
            assert_eq!(info.framerate, gst::Fraction::new(25 * frames as i32, 1));
        }
    }

    #[test]
    fn the_layout_can_be_said() {
        let planar = Reading {
            layout: Some(Layout::Planar),
            order: ChannelOrder::Rgb,
        };
        let info = read(&with_dimensions("3:360:3"), planar).unwrap();
        assert_eq!((info.width, info.height), (3, 360));
        assert_eq!(info.to_string(), "RGBP_F32LE 3x360");
        let error = read(&with_dimensions("3:640:360"), planar).unwrap_err();
        let expected = "dimensions 3:640:360: expected WIDTH:HEIGHT:3[:FRAMES], planar, in caps ";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn only_dimensions_and_types_are_required() {
        let info = read(",types=float16,dimensions=(string)3:4:2:5", BGR).unwrap();
        assert_eq!(info.format.sample, Sample::F16);
        assert_eq!(info.framerate, gst::Fraction::new(0, 1));
    }

    #[test]
    fn a_framerate_of_buffers_becomes_one_of_frames() {
        for (of_buffers, frames, expected) in [
            ((25, 1), 1, (25, 1)),
            ((1, 1), 25, (25, 1)),
            ((30000, 1001), 2, (60000, 1001)),
            ((1, i32::MAX), i32::MAX, (1, 1)),
            ((0, 1), 25, (0, 1)),
        ] {
            let of_buffers = gst::Fraction::new(of_buffers.0, of_buffers.1);
            let of_frames = framerate_of_frames(of_buffers, frames as usize).unwrap();
            assert_eq!((of_frames.numer(), of_frames.denom()), expected);
        }
        let highest = gst::Fraction::new(i32::MAX, 1);
        let error = framerate_of_frames(highest, 2).unwrap_err();
        assert!(
            error.contains("2147483647/1 of buffers of 2 frames"),
            "{error}"
        );
    }

    #[test]
    fn what_is_impossible_is_named() {
        let expected_both = "expected 3:WIDTH:HEIGHT[:FRAMES] or WIDTH:HEIGHT:3[:FRAMES]";
        for (dimensions, message) in [
            ("4:640:360:1", expected_both),
            ("1:640:360:1", expected_both),
            ("640:360", expected_both),
            ("", expected_both),
            ("3:-640:360", expected_both),
            ("3:640:360:2:2", "further dimensions 1"),
            ("3:640:360:0", "0 frames: expected 1 or more"),
            ("3:0:360", "width 0: expected 1 to 16384"),
            ("3:640:16385", "height 16385: expected 1 to 16384"),
            ("16385:640:3", "width 16385: expected 1 to 16384"),
            ("3:640:360:1,3:2:2:1", "2 tensors in a buffer: expected 1"),
            ("3:640:360:1.3:2:2:1", "2 tensors in a buffer: expected 1"),
            (
                "3:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1",
                "17 dimensions: expected at most 16",
            ),
        ] {
            let error = read(&with_dimensions(dimensions), BGR).unwrap_err();
            assert!(error.contains(message), "{dimensions}: {error}");
            assert!(
                error.starts_with(&format!("dimensions {dimensions}: ")),
                "{error}"
            );
        }
        for (fields, message) in [
            (
                ",types=uint8,dimensions=(string)3:4:2",
                "types uint8: expected float32 or float16",
            ),
            (
                ",dimensions=(string)3:4:2",
                "no types: expected float32 or float16",
            ),
            (",types=float32", "no dimensions: expected 3:WIDTH:HEIGHT"),
            (",format=flexible", "format flexible: expected static"),
            (",format=sparse", "format sparse: expected static"),
            (",num_tensors=2", "num_tensors 2: expected 1"),
        ] {
            let error = read(fields, BGR).unwrap_err();
            assert!(error.contains(message), "{fields}: {error}");
        }
    }
}
