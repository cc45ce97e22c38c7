//! Memory layouts on both sides, and the planes of an output frame.

/// Order of the three channels of a float frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelOrder {
    /// Blue first, as OpenCV has it
    Bgr,
    /// Red first
    Rgb,
}

/// How the samples of a float frame are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// H x W x C: the three samples of a pixel side by side
    Interleaved,
    /// C x H x W: a whole plane per channel
    Planar,
}

/// Width of the samples of a float frame: little-endian IEEE 754 numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sample {
    F32,
    /// Converted to float32 before anything else, which loses nothing
    F16,
}

impl Sample {
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// Format of a float frame, tightly packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FloatFormat {
    pub sample: Sample,
    pub layout: Layout,
    pub order: ChannelOrder,
}

/// 8-bit output formats, named as GStreamer names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    Rgba,
    I420,
    Nv12,
    Rgbx,
    Bgra,
    Bgrx,
    Rgb,
    Bgr,
}

impl PixelFormat {
    /// Every format, in the element's order of preference.
    pub const ALL: [Self; 8] = [
        Self::Rgba,
        Self::I420,
        Self::Nv12,
        Self::Rgbx,
        Self::Bgra,
        Self::Bgrx,
        Self::Rgb,
        Self::Bgr,
    ];

    /// Whether chroma is stored apart, at half the width and height.
    pub fn is_ycbcr(self) -> bool {
        matches!(self, Self::I420 | Self::Nv12)
    }

    /// Which bytes of a pixel are red, green and blue, if it has those.
    pub(super) fn positions(self) -> Option<[usize; 3]> {
        match self {
            Self::Rgba | Self::Rgbx | Self::Rgb => Some([0, 1, 2]),
            Self::Bgra | Self::Bgrx | Self::Bgr => Some([2, 1, 0]),
            Self::I420 | Self::Nv12 => None,
        }
    }

    pub(super) fn n_planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            _ => 1,
        }
    }

    /// Bytes that `width` pixels take in a row of `plane`, without padding.
    pub(super) fn row_bytes(self, plane: usize, width: usize) -> usize {
        match (self, plane) {
            (Self::I420 | Self::Nv12, 0) => width,
            (Self::I420, _) => width.div_ceil(2),
            (Self::Nv12, _) => width.div_ceil(2) * 2,
            (Self::Rgb | Self::Bgr, _) => width * 3,
            (Self::Rgba | Self::Rgbx | Self::Bgra | Self::Bgrx, _) => width * 4,
        }
    }

    /// Rows of `plane` in a frame of `height` rows.
    pub(super) fn plane_rows(self, plane: usize, height: usize) -> usize {
        if self.is_ycbcr() && plane > 0 {
            height.div_ceil(2)
        } else {
            height
        }
    }
}

/// One plane of an output frame. A row starts every `stride` bytes; bytes of a stride that lie
/// beyond the row are left as they are.
#[derive(Debug, Default)]
pub struct Plane<'a> {
    pub data: &'a mut [u8],
    /// Bytes from the start of a row to the start of the next
    pub stride: usize,
}

impl<'a> Plane<'a> {
    pub(super) fn row(&mut self, row: usize, bytes: usize) -> &mut [u8] {
        let start = row * self.stride;
        &mut self.data[start..start + bytes]
    }

    /// Cuts off everything above `row`. The last rows may lack their padding, so the cut can lie
    /// beyond the end.
    fn split_off_top(&mut self, row: usize) -> Self {
        let data = std::mem::take(&mut self.data);
        let (top, rest) = data.split_at_mut((row * self.stride).min(data.len()));
        self.data = rest;
        Self {
            data: top,
            stride: self.stride,
        }
    }
}

/// The planes of an output frame, or of a band of it. Planes that the format does not have are
/// empty.
pub type Planes<'a> = [Plane<'a>; 3];

/// Splits the first `rows` picture rows off `planes`, and returns them.
pub(super) fn split_off_top<'a>(
    planes: &mut Planes<'a>,
    format: PixelFormat,
    rows: usize,
) -> Planes<'a> {
    std::array::from_fn(|plane| planes[plane].split_off_top(format.plane_rows(plane, rows)))
}
