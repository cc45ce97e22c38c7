//! Video frames as GStreamer has them, and as the naive implementation makes them.

use crate::naive::PlaneShape;
use gst_video::VideoFrameExt;
use gstlipsyncframes::pixel::PixelFormat;

/// The format's name in caps.
pub fn name(format: PixelFormat) -> &'static str {
    match format {
        PixelFormat::Rgba => "RGBA",
        PixelFormat::I420 => "I420",
        PixelFormat::Nv12 => "NV12",
        PixelFormat::Rgbx => "RGBx",
        PixelFormat::Bgra => "BGRA",
        PixelFormat::Bgrx => "BGRx",
        PixelFormat::Rgb => "RGB",
        PixelFormat::Bgr => "BGR",
        _ => panic!("{format:?} is not known here"),
    }
}

/// The first plane and row that is not as `expected`, if there is one.
pub fn first_difference(
    frame: &gst_video::VideoFrameRef<&gst::BufferRef>,
    expected: &[Vec<u8>],
    shapes: &[PlaneShape],
) -> Option<(usize, usize)> {
    expected
        .iter()
        .zip(shapes)
        .enumerate()
        .find_map(|(plane, (expected, shape))| {
            let stride = frame.plane_stride()[plane] as usize;
            let data = frame.plane_data(plane as u32).unwrap();
            let rows = data.chunks(stride).zip(expected.chunks(shape.row_bytes));
            let mut rows = rows.map(|(row, expected)| row[..shape.row_bytes] == *expected);
            Some((plane, rows.position(|is_equal| !is_equal)?))
        })
}
