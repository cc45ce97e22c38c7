//! `video/x-raw`: the formats of 8-bit frames.

use super::float_video::frame_structure;
use gst_video::VideoFormat;
use lipsyncframes_pixel::PixelFormat;

/// Name of the media type.
pub const MEDIA_TYPE: &str = "video/x-raw";

/// Every format, what GStreamer calls it beside what the pixels are called here; the best to make of
/// floats first. This is the only list of them.
pub const FORMATS: [(VideoFormat, PixelFormat); 8] = [
    (VideoFormat::Rgba, PixelFormat::Rgba),
    (VideoFormat::I420, PixelFormat::I420),
    (VideoFormat::Nv12, PixelFormat::Nv12),
    (VideoFormat::Rgbx, PixelFormat::Rgbx),
    (VideoFormat::Bgra, PixelFormat::Bgra),
    (VideoFormat::Bgrx, PixelFormat::Bgrx),
    (VideoFormat::Rgb, PixelFormat::Rgb),
    (VideoFormat::Bgr, PixelFormat::Bgr),
];

/// # Errors
///
/// A sentence that names `format` and what was expected.
pub fn pixel_format(format: VideoFormat) -> Result<PixelFormat, String> {
    let found = FORMATS.into_iter().find(|(known, _)| *known == format);
    found.map(|(_, pixel_format)| pixel_format).ok_or_else(|| {
        let known = FORMATS.map(|(known, _)| known.to_str().as_str());
        format!("format {format}: expected one of {}", known.join(", "))
    })
}

/// Frames in any of `formats`, of every size and framerate that is converted.
pub fn structure(formats: impl IntoIterator<Item = VideoFormat>) -> gst::Structure {
    let names = formats.into_iter().map(VideoFormat::to_str);
    frame_structure(MEDIA_TYPE, gst::List::new(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_listed_once_and_has_the_same_name_on_both_sides() {
        for format in PixelFormat::ALL {
            let names: Vec<_> = FORMATS
                .iter()
                .filter(|(_, pixel_format)| *pixel_format == format)
                .map(|(video_format, _)| video_format.to_str().to_lowercase())
                .collect();
            assert_eq!(names, [format!("{format:?}").to_lowercase()]);
        }
        assert_eq!(pixel_format(VideoFormat::Nv12), Ok(PixelFormat::Nv12));
        let error = pixel_format(VideoFormat::Yuy2).unwrap_err();
        assert!(
            error.starts_with("format YUY2: expected one of RGBA, I420"),
            "{error}"
        );
    }
}
