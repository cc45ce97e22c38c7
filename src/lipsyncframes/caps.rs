//! Which output follows from which input.

use crate::media::float_video::{self, FloatVideoInfo};
use crate::media::raw_video;
use crate::media::tensors::{self, Reading};
use gst::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo};
use lipsyncframes_pixel::{Matrix, PixelFormat, Quantization, Rectangle, Target};

/// Output width and height where downstream leaves them open.
const DEFAULT_SIZE: i32 = 320;

/// Full-range BT.601, transfer function and primaries unknown: what `jpegdec` gives, and what
/// `jpegenc`, which ignores the field, takes its input for.
const DEFAULT_COLORIMETRY: &str = "1:4:0:0";

/// What is said of frames that are one picture each, where downstream wants to hear it.
const ONE_VIEW: &str = "mono";

/// Chroma lies in the middle of its 2x2 pixels.
const CHROMA_SITE: &str = "jpeg";

/// Caps of everything that can be converted.
pub fn input_template() -> gst::Caps {
    let mut caps = float_video::template_caps();
    caps.merge_structure(tensors::template_structure());
    caps
}

/// Reads input caps; of tensors, what they leave open as `reading` says.
///
/// # Errors
///
/// A sentence that names the field, its value and what was expected.
pub fn input_info(caps: &gst::CapsRef, reading: Reading) -> Result<FloatVideoInfo, String> {
    match caps.structure(0) {
        Some(structure) if structure.name() == tensors::MEDIA_TYPE => tensors::info(caps, reading),
        _ => FloatVideoInfo::from_caps(caps),
    }
}

/// Caps of every frame that can be made.
pub fn output_template() -> gst::Caps {
    gst::Caps::from(output_structure())
}

fn output_structure() -> gst::Structure {
    raw_video::structure(raw_video::FORMATS.map(|(format, _)| format))
}

/// What can be made of `input`: any format and size, at the same framerate.
pub fn output_caps(input: &gst::CapsRef) -> gst::Caps {
    if input.is_any() {
        return output_template();
    }
    let outputs = input.iter().map(|input| {
        let mut output = output_structure();
        if input.name() == tensors::MEDIA_TYPE {
            // It depends on the dimensions.
            if let Some(framerate) = tensors::framerate(input) {
                output.set("framerate", framerate);
            }
        } else if let Ok(framerate) = input.value("framerate") {
            output.set_value("framerate", framerate.clone());
        } else {
            output.set("framerate", gst::Fraction::new(0, 1));
        }
        output.set("interlace-mode", "progressive");
        output
    });
    merged(outputs)
}

/// What `output` can be made of.
pub fn input_caps(output: &gst::CapsRef) -> gst::Caps {
    let template = input_template();
    if output.is_any() {
        return template;
    }
    let inputs = output.iter().flat_map(|output| {
        let framerate = output.value("framerate").ok().cloned();
        template.iter().map(move |template| {
            let mut input = template.to_owned();
            if let Some(framerate) = &framerate
                && input.name() == float_video::MEDIA_TYPE
            {
                input.set_value("framerate", framerate.clone());
            }
            input
        })
    });
    merged(inputs)
}

/// One caps of all `structures`, each only once.
fn merged(structures: impl Iterator<Item = gst::Structure>) -> gst::Caps {
    let mut caps = gst::Caps::new_empty();
    for structure in structures {
        caps.merge_structure(structure);
    }
    caps
}

/// Chooses from `candidates` what to make of `input`: the best format that any of them takes, at
/// 320x320 where the size is open. `None` where none of them can be made.
pub fn fixate(
    input: &FloatVideoInfo,
    candidates: &gst::CapsRef,
    add_borders: bool,
) -> Option<gst::Caps> {
    raw_video::FORMATS
        .into_iter()
        .flat_map(|format| candidates.iter().map(move |candidate| (format, candidate)))
        .find_map(|(format, candidate)| fixate_structure(input, candidate, format, add_borders))
}

fn fixate_structure(
    input: &FloatVideoInfo,
    candidate: &gst::StructureRef,
    (video_format, pixel_format): (VideoFormat, PixelFormat),
    add_borders: bool,
) -> Option<gst::Caps> {
    let name = video_format.to_str();
    let is_made = allows(candidate, "format", name)
        && allows(candidate, "multiview-mode", ONE_VIEW)
        && allows(candidate, "views", 1);
    if !is_made {
        return None;
    }
    let mut output = candidate.to_owned();
    if output.has_field("multiview-mode") {
        output.set("multiview-mode", ONE_VIEW);
    }
    if output.has_field("views") {
        output.set("views", 1);
    }
    output.set("format", name);
    if pixel_format.is_ycbcr() {
        if !allows(candidate, "chroma-site", CHROMA_SITE) {
            return None;
        }
        output.set("chroma-site", CHROMA_SITE);
        output.set("colorimetry", ycbcr_colorimetry(candidate)?);
    } else if candidate.has_field("colorimetry") {
        output.set("colorimetry", rgb_colorimetry(candidate)?);
    }
    output.fixate_field_nearest_int("width", DEFAULT_SIZE);
    output.fixate_field_nearest_int("height", DEFAULT_SIZE);
    fixate_aspect(input, &mut output, add_borders);

    let mut caps = gst::Caps::from(output);
    caps.fixate();
    // Catches what GStreamer itself does not take, such as RGB with a YCbCr colorimetry.
    let info = VideoInfo::from_caps(&caps).ok()?;
    target(input, &info, add_borders).ok()?;
    Some(caps)
}

/// Whether `value` is among what `structure` allows for `field`. Intersects, because
/// `gst_value_can_intersect` says yes to every list.
fn allows<T: ToSendValue>(structure: &gst::StructureRef, field: &str, value: T) -> bool {
    structure.value(field).map_or(true, |allowed| {
        allowed.intersect(&value.to_send_value()).is_some()
    })
}

/// The default where `candidate` allows it, else another full-range BT.601, else the first one that
/// the element can make.
fn ycbcr_colorimetry(candidate: &gst::StructureRef) -> Option<String> {
    if allows(candidate, "colorimetry", DEFAULT_COLORIMETRY) {
        return Some(DEFAULT_COLORIMETRY.to_owned());
    }
    let names = colorimetries(candidate);
    let find = |is_wanted: fn((Matrix, Quantization)) -> bool| {
        names.iter().find(|name| {
            let colorimetry = name.parse::<VideoColorimetry>().ok();
            colorimetry.as_ref().and_then(ycbcr).is_some_and(is_wanted)
        })
    };
    let name = find(|kind| kind == (Matrix::Bt601, Quantization::Full)).or_else(|| find(|_| true));
    name.cloned()
}

/// The first full-range one that `candidate` allows.
fn rgb_colorimetry(candidate: &gst::StructureRef) -> Option<String> {
    colorimetries(candidate).into_iter().find(|name| {
        let colorimetry = name.parse::<VideoColorimetry>();
        colorimetry.is_ok_and(|colorimetry| colorimetry.range() == VideoColorRange::Range0_255)
    })
}

/// The colorimetries that `candidate` lists.
fn colorimetries(candidate: &gst::StructureRef) -> Vec<String> {
    match candidate.get::<String>("colorimetry") {
        Ok(name) => vec![name],
        Err(_) => candidate
            .get::<gst::List>("colorimetry")
            .map(|list| list.iter().filter_map(|name| name.get().ok()).collect())
            .unwrap_or_default(),
    }
}

/// Matrix and range of `colorimetry`, if the element can make them. The other two parts, transfer
/// function and primaries, only say how to show what the network meant; they change no sample.
fn ycbcr(colorimetry: &VideoColorimetry) -> Option<(Matrix, Quantization)> {
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Bt601 => Matrix::Bt601,
        VideoColorMatrix::Bt709 => Matrix::Bt709,
        _ => return None,
    };
    let quantization = match colorimetry.range() {
        VideoColorRange::Range0_255 => Quantization::Full,
        VideoColorRange::Range16_235 => Quantization::Limited,
        _ => return None,
    };
    Some((matrix, quantization))
}

/// Stretching keeps the display aspect through the pixel aspect ratio, where downstream allows
/// that; borders keep it with square pixels.
fn fixate_aspect(input: &FloatVideoInfo, output: &mut gst::Structure, add_borders: bool) {
    const FIELD: &str = "pixel-aspect-ratio";
    let square = gst::Fraction::new(1, 1);
    let (Ok(width), Ok(height)) = (output.get::<i32>("width"), output.get::<i32>("height")) else {
        return;
    };
    let wanted = if add_borders {
        square
    } else {
        stretched_aspect(input, i64::from(width), i64::from(height))
    };
    if allows(output, FIELD, wanted) {
        output.set(FIELD, wanted);
    } else {
        output.fixate_field_nearest_fraction(FIELD, square);
    }
}

/// The pixel aspect ratio with which `width` x `height` is shown in the shape of `input`.
fn stretched_aspect(input: &FloatVideoInfo, width: i64, height: i64) -> gst::Fraction {
    let (par_numer, par_denom) = known_aspect(input.pixel_aspect_ratio);
    // At most 2^14 * 2^31 * 2^14 each.
    let numer = i64::from(input.width) * par_numer * height;
    let denom = i64::from(input.height) * par_denom * width;
    let divisor = greatest_common_divisor(numer, denom);
    match (
        i32::try_from(numer / divisor),
        i32::try_from(denom / divisor),
    ) {
        (Ok(numer), Ok(denom)) => gst::Fraction::new(numer, denom),
        // Too fine to be written exactly.
        _ => gst::Fraction::approximate_f64(numer as f64 / denom as f64)
            .filter(|aspect| aspect.numer() > 0)
            .unwrap_or(gst::Fraction::new(1, 1)),
    }
}

/// Numerator and denominator of a pixel aspect ratio, where 0/1, unknown, counts as square.
fn known_aspect(aspect: gst::Fraction) -> (i64, i64) {
    if aspect.numer() > 0 {
        (i64::from(aspect.numer()), i64::from(aspect.denom()))
    } else {
        (1, 1)
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// What to tell the pixel path to make of `input` for `output`.
///
/// # Errors
///
/// A sentence that names what the element cannot make.
pub fn target(
    input: &FloatVideoInfo,
    output: &VideoInfo,
    add_borders: bool,
) -> Result<Target, String> {
    let format = raw_video::pixel_format(output.format())?;
    let mut target = Target::new(format, output.width(), output.height());
    let colorimetry = output.colorimetry();
    if format.is_ycbcr() {
        (target.matrix, target.quantization) = ycbcr(&colorimetry).ok_or_else(|| {
            format!("colorimetry {colorimetry}: expected BT.601 or BT.709, full or limited range")
        })?;
    } else if colorimetry.range() == VideoColorRange::Range16_235 {
        return Err(format!(
            "colorimetry {colorimetry}: expected full range for RGB"
        ));
    }
    if add_borders {
        target.picture = picture_with_borders(input, output);
    }
    Ok(target)
}

/// The largest rectangle of the input's shape in the middle of the output, its inner edges moved to
/// the nearest even pixel.
fn picture_with_borders(input: &FloatVideoInfo, output: &VideoInfo) -> Rectangle {
    let (input_numer, input_denom) = known_aspect(input.pixel_aspect_ratio);
    let (output_numer, output_denom) = known_aspect(output.par());
    // Width : height of the picture in output pixels, each at most 2^14 * 2^31 * 2^31.
    let wide = i128::from(input.width) * i128::from(input_numer) * i128::from(output_denom);
    let high = i128::from(input.height) * i128::from(input_denom) * i128::from(output_numer);
    let (width, height) = (output.width(), output.height());
    let [output_width, output_height] = [width, height].map(i128::from);
    let is_wider = wide * output_height >= high * output_width;
    let (x, width) = if is_wider {
        (0, width)
    } else {
        centred(output_height * wide, high, width)
    };
    let (y, height) = if is_wider {
        centred(output_width * high, wide, height)
    } else {
        (0, height)
    };
    Rectangle {
        x,
        y,
        width,
        height,
    }
}

/// Start and length of `numer / denom`, rounded to the nearest even number of at least 2, in the
/// middle of `whole`.
fn centred(numer: i128, denom: i128, whole: u32) -> (u32, u32) {
    let even = (numer + denom) / (2 * denom) * 2;
    let length = u32::try_from(even.max(2)).map_or(whole, |length| length.min(whole));
    ((whole - length) / 4 * 2, length)
}
