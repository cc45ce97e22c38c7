//! `video/x-float`: the media type of frames as a network emits them.
//!
//! | field | value |
//! |---|---|
//! | `format` | `BGR_F32LE`, `RGB_F32LE` (H x W x C), `BGRP_F32LE`, `RGBP_F32LE` (C x H x W), and the same with `F16LE` |
//! | `width`, `height` | 1 to 16384 |
//! | `framerate` | 0/1 or more, per frame, not per buffer; 0/1 if absent |
//! | `pixel-aspect-ratio` | 1/1 if absent |
//! | `interlace-mode` | `progressive`, also if absent |
//! | `multiview-mode`, `views` | `mono`, `left` or `right`, 1: one view, also if absent |
//!
//! Samples are little-endian IEEE float32 or float16, rows and planes tightly packed. A buffer holds one or
//! more whole frames back to back.

use gst::glib;
use gst::glib::value::FromValue;
use gst::prelude::*;
use lipsyncframes_pixel::{ChannelOrder, FloatFormat, Layout, MAX_SIZE, Range, Sample};

/// Name of the media type.
pub const MEDIA_TYPE: &str = "video/x-float";

/// Metas that hold for the moment at which their buffer begins, and so for its first frame only.
pub(crate) const METAS_OF_A_MOMENT: [&str; 3] = [
    "GstReferenceTimestampMetaAPI",
    "GstVideoTimeCodeMetaAPI",
    "GstVideoCaptionMetaAPI",
];

/// The formats; their nicks are their names in caps. This is the only list of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstFloatVideoFormat")]
#[repr(i32)]
#[non_exhaustive]
pub enum FloatVideoFormat {
    /// `BGR_F32LE`: H x W x C, blue first, float32
    #[default]
    #[enum_value(name = "H x W x C, blue first", nick = "BGR_F32LE")]
    BgrF32Le = 0,
    /// `RGB_F32LE`: H x W x C, red first, float32
    #[enum_value(name = "H x W x C, red first", nick = "RGB_F32LE")]
    RgbF32Le = 1,
    /// `BGRP_F32LE`: C x H x W, blue first, float32
    #[enum_value(name = "C x H x W, blue first", nick = "BGRP_F32LE")]
    BgrpF32Le = 2,
    /// `RGBP_F32LE`: C x H x W, red first, float32
    #[enum_value(name = "C x H x W, red first", nick = "RGBP_F32LE")]
    RgbpF32Le = 3,
    /// `BGR_F16LE`: H x W x C, blue first, float16
    #[enum_value(name = "H x W x C, blue first, float16", nick = "BGR_F16LE")]
    BgrF16Le = 4,
    /// `RGB_F16LE`: H x W x C, red first, float16
    #[enum_value(name = "H x W x C, red first, float16", nick = "RGB_F16LE")]
    RgbF16Le = 5,
    /// `BGRP_F16LE`: C x H x W, blue first, float16
    #[enum_value(name = "C x H x W, blue first, float16", nick = "BGRP_F16LE")]
    BgrpF16Le = 6,
    /// `RGBP_F16LE`: C x H x W, red first, float16
    #[enum_value(name = "C x H x W, red first, float16", nick = "RGBP_F16LE")]
    RgbpF16Le = 7,
}

impl From<FloatVideoFormat> for FloatFormat {
    fn from(format: FloatVideoFormat) -> Self {
        use ChannelOrder::{Bgr, Rgb};
        use FloatVideoFormat as Format;
        use Layout::{Interleaved, Planar};
        use Sample::{F16, F32};
        let (sample, layout, order) = match format {
            Format::BgrF32Le => (F32, Interleaved, Bgr),
            Format::RgbF32Le => (F32, Interleaved, Rgb),
            Format::BgrpF32Le => (F32, Planar, Bgr),
            Format::RgbpF32Le => (F32, Planar, Rgb),
            Format::BgrF16Le => (F16, Interleaved, Bgr),
            Format::RgbF16Le => (F16, Interleaved, Rgb),
            Format::BgrpF16Le => (F16, Planar, Bgr),
            Format::RgbpF16Le => (F16, Planar, Rgb),
        };
        Self {
            sample,
            layout,
            order,
        }
    }
}

/// Every format and its name in caps, for programs that are told formats by name.
pub fn formats() -> impl Iterator<Item = (&'static str, FloatFormat)> {
    named::<FloatVideoFormat>().map(|(name, format)| (name, format.into()))
}

fn format_names() -> Vec<&'static str> {
    formats().map(|(name, _)| name).collect()
}

/// What range the floats have. Caps do not say it: it is the property `range` of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstLipSyncFramesRange")]
#[repr(i32)]
#[non_exhaustive]
pub enum LipSyncFramesRange {
    /// `unit`: black is 0, white is 1
    #[default]
    #[enum_value(name = "0 to 1", nick = "unit")]
    Unit = 0,
    /// `signed-unit`: black is -1, white is 1
    #[enum_value(name = "-1 to 1", nick = "signed-unit")]
    SignedUnit = 1,
    /// `byte`: black is 0, white is 255
    #[enum_value(name = "0 to 255", nick = "byte")]
    Byte = 2,
}

impl From<LipSyncFramesRange> for Range {
    fn from(range: LipSyncFramesRange) -> Self {
        match range {
            LipSyncFramesRange::Unit => Self::Unit,
            LipSyncFramesRange::SignedUnit => Self::SignedUnit,
            LipSyncFramesRange::Byte => Self::Byte,
        }
    }
}

/// Every range and its name as the value of a property, for programs that are told ranges by name.
pub fn ranges() -> impl Iterator<Item = (&'static str, LipSyncFramesRange)> {
    named()
}

/// Every value of an enumeration, and its nick.
fn named<E>() -> impl Iterator<Item = (&'static str, E)>
where
    E: StaticType + HasParamSpec<ParamSpec = glib::ParamSpecEnum> + for<'a> FromValue<'a>,
{
    let class = glib::EnumClass::new::<E>();
    let named = |value: &glib::EnumValue| Some((value.nick(), value.to_value(&class).get().ok()?));
    let values: Vec<_> = class.values().iter().filter_map(named).collect();
    values.into_iter()
}

/// Caps of every float frame there can be.
pub fn template_caps() -> gst::Caps {
    let formats = gst::List::new(format_names());
    gst::Caps::from(frame_structure(MEDIA_TYPE, formats))
}

/// Frames of `media_type` in any of `formats`, of every size and framerate that is converted.
pub(crate) fn frame_structure(media_type: &str, formats: gst::List) -> gst::Structure {
    let sizes = gst::IntRange::new(1, MAX_SIZE as i32);
    gst::Structure::builder(media_type)
        .field("format", formats)
        .field("width", sizes)
        .field("height", sizes)
        .field(
            "framerate",
            gst::FractionRange::new(gst::Fraction::new(0, 1), gst::Fraction::new(i32::MAX, 1)),
        )
        .build()
}

/// What fixed caps say of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FloatVideoInfo {
    /// Width of the samples, their layout and the order of channels
    pub format: FloatFormat,
    /// In pixels, 1 to 16384
    pub width: u32,
    /// In pixels, 1 to 16384
    pub height: u32,
    /// Frames per second, 0/1 if unknown or variable
    pub framerate: gst::Fraction,
    /// Width to height of a pixel as it is to be shown, 0/1 if unknown
    pub pixel_aspect_ratio: gst::Fraction,
    /// How many frames every buffer holds; `None`: one or more, as its size says
    pub frames_in_buffer: Option<usize>,
}

impl FloatVideoInfo {
    /// Frames of `width` x `height` square pixels, of which a buffer holds one or more. A framerate of
    /// 0/1 is unknown or variable.
    pub fn new(format: FloatFormat, width: u32, height: u32, framerate: gst::Fraction) -> Self {
        Self {
            format,
            width,
            height,
            framerate,
            pixel_aspect_ratio: gst::Fraction::new(1, 1),
            frames_in_buffer: None,
        }
    }

    /// Reads `caps`.
    ///
    /// # Errors
    ///
    /// A sentence that names the field, its value and what was expected.
    pub fn from_caps(caps: &gst::CapsRef) -> Result<Self, String> {
        in_system_memory(caps)
            .and_then(Self::from_fields)
            .map_err(|problem| format!("{problem}, in caps {caps}"))
    }

    fn from_fields(structure: &gst::StructureRef) -> Result<Self, String> {
        if structure.name() != MEDIA_TYPE {
            return Err(format!(
                "media type {}: expected {MEDIA_TYPE}",
                structure.name()
            ));
        }
        whole_pictures(structure)?;
        let expected_formats = format_names().join(", ");
        let name: String = required(structure, "format", &expected_formats)?;
        let (_, format) = formats()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| format!("format {name}: expected one of {expected_formats}"))?;
        Ok(Self {
            format,
            width: size(structure, "width")?,
            height: size(structure, "height")?,
            framerate: fraction(structure, "framerate", gst::Fraction::new(0, 1))?,
            pixel_aspect_ratio: fraction(
                structure,
                "pixel-aspect-ratio",
                gst::Fraction::new(1, 1),
            )?,
            frames_in_buffer: None,
        })
    }

    /// Caps that say the same.
    pub fn to_caps(&self) -> gst::Caps {
        gst::Caps::builder(MEDIA_TYPE)
            .field("format", self.format_name())
            .field("width", self.width as i32)
            .field("height", self.height as i32)
            .field("framerate", self.framerate)
            .field("pixel-aspect-ratio", self.pixel_aspect_ratio)
            .build()
    }

    fn format_name(&self) -> &'static str {
        formats()
            .find(|(_, format)| *format == self.format)
            .map_or("", |(name, _)| name)
    }

    /// Bytes of one frame.
    pub fn frame_bytes(&self) -> usize {
        self.width as usize * self.height as usize * 3 * self.format.sample.bytes()
    }
}

impl std::fmt::Display for FloatVideoInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} {}x{}", self.format_name(), self.width, self.height)
    }
}

/// Values of `multiview-mode` that say that a frame is one view.
pub(crate) const ONE_VIEW: [&str; 3] = ["mono", "left", "right"];

/// Whether each frame is one picture. Neither networks nor scaling know of two fields or views in one,
/// and of two in turns only every other one belongs together.
pub(crate) fn whole_pictures(structure: &gst::StructureRef) -> Result<(), String> {
    let expectations = [
        ("interlace-mode", &["progressive"][..]),
        ("multiview-mode", &ONE_VIEW),
        ("views", &["1"]),
    ];
    for (field, expected) in expectations {
        let Ok(value) = structure.value(field) else {
            continue;
        };
        let value = value.serialize().map_err(|error| error.to_string())?;
        if !expected.contains(&value.as_str()) {
            let expected = expected.join(" or ");
            return Err(format!("{field} {value}: expected {expected}"));
        }
    }
    Ok(())
}

/// The first structure of `caps`, which must be about system memory.
pub(crate) fn in_system_memory(caps: &gst::CapsRef) -> Result<&gst::StructureRef, String> {
    let is_system_memory = |features: &gst::CapsFeaturesRef| {
        features.is_any() || features.is_equal(gst::CAPS_FEATURES_MEMORY_SYSTEM_MEMORY.as_ref())
    };
    if let Some(features) = caps.features(0)
        && !is_system_memory(features)
    {
        return Err(format!("features {features}: expected system memory"));
    }
    caps.structure(0).ok_or_else(|| "no media type".into())
}

pub(crate) fn required<'a, T: glib::value::FromValue<'a>>(
    structure: &'a gst::StructureRef,
    field: &str,
    expected: &str,
) -> Result<T, String> {
    match structure.value(field) {
        Ok(value) => value
            .get()
            .map_err(|_| format!("{field} is {value:?}: expected {expected}")),
        Err(_) => Err(format!("no {field}: expected {expected}")),
    }
}

fn size(structure: &gst::StructureRef, field: &str) -> Result<u32, String> {
    let value: i32 = required(structure, field, &format!("1 to {MAX_SIZE}"))?;
    size_in_range(field, value)
}

/// A width or height that can be converted.
pub(crate) fn size_in_range<T>(field: &str, value: T) -> Result<u32, String>
where
    T: Copy + std::fmt::Display + TryInto<u32>,
{
    value
        .try_into()
        .ok()
        .filter(|size| (1..=MAX_SIZE).contains(size))
        .ok_or_else(|| format!("{field} {value}: expected 1 to {MAX_SIZE}"))
}

/// A fraction that is not negative, or `absent` where the caps do not say. A pixel aspect ratio or
/// framerate of 0 in the denominator cannot be expressed in caps.
pub(crate) fn fraction(
    structure: &gst::StructureRef,
    field: &str,
    absent: gst::Fraction,
) -> Result<gst::Fraction, String> {
    if !structure.has_field(field) {
        return Ok(absent);
    }
    let expected = "a fraction of 0/1 or more";
    let value: gst::Fraction = required(structure, field, expected)?;
    if value.numer() < 0 {
        let (numer, denom) = (value.numer(), value.denom());
        return Err(format!("{field} {numer}/{denom}: expected {expected}"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(fields: &str) -> Result<FloatVideoInfo, String> {
        gst::init().unwrap();
        let caps: gst::Caps = format!("video/x-float{fields}").parse().unwrap();
        FloatVideoInfo::from_caps(&caps)
    }

    #[test]
    fn reads_all_fields() {
        let info = info(
            ",format=RGBP_F32LE,width=640,height=360,framerate=30000/1001,\
             pixel-aspect-ratio=12/11",
        )
        .unwrap();
        assert_eq!(info.format, FloatVideoFormat::RgbpF32Le.into());
        assert_eq!((info.width, info.height), (640, 360));
        assert_eq!(info.framerate, gst::Fraction::new(30000, 1001));
        assert_eq!(info.pixel_aspect_ratio, gst::Fraction::new(12, 11));
        assert_eq!(info.frame_bytes(), 2_764_800);
        assert_eq!(info.to_string(), "RGBP_F32LE 640x360");
    }

    #[test]
    fn caps_and_info_say_the_same() {
        for name in format_names() {
            let fields = format!(",format={name},width=1,height=16384,framerate=0/1");
            let info = info(&fields).unwrap();
            assert_eq!(info.to_string(), format!("{name} 1x16384"));
            assert_eq!(FloatVideoInfo::from_caps(&info.to_caps()), Ok(info));
        }
    }

    #[test]
    fn framerate_and_aspect_have_defaults() {
        let info = info(",format=BGR_F32LE,width=1,height=1").unwrap();
        assert_eq!(info.framerate, gst::Fraction::new(0, 1));
        assert_eq!(info.pixel_aspect_ratio, gst::Fraction::new(1, 1));
    }

    #[test]
    fn errors_name_the_field_the_value_and_the_expectation() {
        for (fields, message) in [
            ("", "no format: expected BGR_F32LE, RGB_F32LE"),
            (",format=BGR_F32LE", "no width: expected 1 to 16384"),
            (
                ",format=GRAY_F32LE",
                "format GRAY_F32LE: expected one of BGR_F32LE",
            ),
            (
                ",format=BGR_F32LE,width=640",
                "no height: expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=0,height=1",
                "width 0: expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=1,height=16385",
                "height 16385: expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=2147483647,height=1",
                "width 2147483647: expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=-640,height=1",
                "width -640: expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=(string)wide,height=1",
                "expected 1 to 16384",
            ),
            (
                ",format=BGR_F32LE,width=1,height=1,framerate=-25/1",
                "framerate -25/1: expected a fraction of 0/1 or more",
            ),
            (
                ",format=BGR_F32LE,width=1,height=1,interlace-mode=interleaved",
                "interlace-mode interleaved: expected progressive",
            ),
            (
                ",format=BGR_F32LE,width=1,height=1,multiview-mode=side-by-side",
                "multiview-mode side-by-side: expected mono or left or right",
            ),
            (
                ",format=BGR_F32LE,width=1,height=1,views=2",
                "views 2: expected 1",
            ),
        ] {
            let error = info(fields).unwrap_err();
            assert!(error.contains(message), "{fields}: {error}");
            assert!(error.contains("in caps video/x-float"), "{error}");
        }
    }

    #[test]
    fn what_is_said_of_whole_pictures_changes_nothing() {
        let fields = ",format=BGR_F32LE,width=1,height=1";
        let said = ",interlace-mode=progressive,multiview-mode=left,views=1";
        assert_eq!(info(&format!("{fields}{said}")), info(fields));
    }

    #[test]
    fn another_media_type_is_refused() {
        gst::init().unwrap();
        let caps: gst::Caps = "video/x-raw,format=RGB".parse().unwrap();
        let error = FloatVideoInfo::from_caps(&caps).unwrap_err();
        assert!(error.contains("expected video/x-float"), "{error}");
    }
}
