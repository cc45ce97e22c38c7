//! Frames on both sides: sizes, memory layouts, planes.

use crate::arithmetic::{Matrix, Quantization, Range};

/// Largest width and height of a source or target frame.
pub const MAX_SIZE: u32 = 16384;

/// What a network emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// How the samples lie in memory
    pub format: FloatFormat,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub width: u32,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub height: u32,
    /// What the samples mean
    pub range: Range,
}

/// Part of a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// From the left edge of the frame
    pub x: u32,
    /// From the top edge of the frame
    pub y: u32,
    /// In pixels
    pub width: u32,
    /// In pixels
    pub height: u32,
}

/// The frame to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// How the pixels lie in memory
    pub format: PixelFormat,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub width: u32,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub height: u32,
    /// The part that the source is scaled to; the rest is black. Its edges lie on even pixels or on
    /// the edge of the frame, so that no chroma sample belongs to the picture and the border.
    pub picture: Rectangle,
    /// For YCbCr formats only
    pub matrix: Matrix,
    /// For YCbCr formats only
    pub quantization: Quantization,
}

impl Target {
    /// A frame that the picture fills, in full-range BT.601 where the format is a YCbCr one.
    pub fn new(format: PixelFormat, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            picture: Rectangle {
                x: 0,
                y: 0,
                width,
                height,
            },
            matrix: Matrix::default(),
            quantization: Quantization::default(),
        }
    }

    /// Bytes of a frame whose planes and rows lie back to back.
    pub fn frame_bytes(&self) -> usize {
        let planes = 0..self.format.n_planes();
        planes.map(|plane| self.plane_bytes(plane)).sum()
    }

    /// The planes of such a frame: as much of them as there is, where it is too short.
    pub fn planes<'a>(&self, mut frame: &'a mut [u8]) -> Planes<'a> {
        std::array::from_fn(|plane| {
            if plane >= self.format.n_planes() {
                return Plane::default();
            }
            let bytes = self.plane_bytes(plane).min(frame.len());
            Plane {
                data: frame.split_off_mut(..bytes).unwrap_or_default(),
                stride: self.format.row_bytes(plane, self.width as usize),
            }
        })
    }

    fn plane_bytes(&self, plane: usize) -> usize {
        let [width, height] = [self.width, self.height].map(|n| n as usize);
        self.format.row_bytes(plane, width) * self.format.plane_rows(plane, height)
    }
}

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
#[non_exhaustive]
pub enum Sample {
    /// float32
    F32,
    /// float16, converted to float32 before anything else, which loses nothing
    F16,
}

impl Sample {
    /// Bytes of a sample.
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
    /// Width of a sample
    pub sample: Sample,
    /// Where the samples of a pixel are
    pub layout: Layout,
    /// Which of them is red
    pub order: ChannelOrder,
}

impl FloatFormat {
    /// Positions of red, green and blue in a pixel, or of their planes in a frame.
    pub(crate) fn positions(self) -> [usize; 3] {
        match self.order {
            ChannelOrder::Rgb => [0, 1, 2],
            ChannelOrder::Bgr => [2, 1, 0],
        }
    }

    /// Bytes of a row of `width` pixels: of all of it, or of a plane's.
    pub(crate) fn row_bytes(self, width: usize) -> usize {
        let samples = match self.layout {
            Layout::Interleaved => 3 * width,
            Layout::Planar => width,
        };
        samples * self.sample.bytes()
    }

    /// Bytes of a frame.
    pub(crate) fn frame_bytes(self, width: usize, height: usize) -> usize {
        width * height * 3 * self.sample.bytes()
    }
}

/// 8-bit output formats, named as GStreamer names them: by the order of the bytes in memory. `x` and
/// alpha are 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// 4 bytes a pixel
    Rgba,
    /// A plane of luma, and one each of Cb and Cr at half the width and height
    I420,
    /// A plane of luma, and one of Cb and Cr side by side, at half the width and height
    Nv12,
    /// 4 bytes a pixel
    Rgbx,
    /// 4 bytes a pixel
    Bgra,
    /// 4 bytes a pixel
    Bgrx,
    /// 3 bytes a pixel
    Rgb,
    /// 3 bytes a pixel
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

    /// What the bytes of a pixel are: 0 to 2 for red, green and blue, 3 for what is always 255. Empty
    /// where a pixel has no bytes of its own.
    pub(crate) fn channels(self) -> &'static [usize] {
        match self {
            Self::Rgba | Self::Rgbx => &[0, 1, 2, 3],
            Self::Bgra | Self::Bgrx => &[2, 1, 0, 3],
            Self::Rgb => &[0, 1, 2],
            Self::Bgr => &[2, 1, 0],
            Self::I420 | Self::Nv12 => &[],
        }
    }

    pub(crate) fn n_planes(self) -> usize {
        match self {
            Self::I420 => 3,
            Self::Nv12 => 2,
            _ => 1,
        }
    }

    /// Bytes that `width` pixels take in a row of `plane`, without padding.
    pub(crate) fn row_bytes(self, plane: usize, width: usize) -> usize {
        match (self, plane) {
            (Self::I420 | Self::Nv12, 0) => width,
            (Self::I420, _) => width.div_ceil(2),
            (Self::Nv12, 1) => width.div_ceil(2) * 2,
            (Self::Nv12, _) => 0,
            _ => width * self.channels().len(),
        }
    }

    /// Rows of `plane` in a frame of `height` rows.
    pub(crate) fn plane_rows(self, plane: usize, height: usize) -> usize {
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
    /// From the first byte of the first row at least to the last byte of the last
    pub data: &'a mut [u8],
    /// Bytes from the start of a row to the start of the next
    pub stride: usize,
}

impl<'a> Plane<'a> {
    pub(crate) fn row(&mut self, row: usize, bytes: usize) -> &mut [u8] {
        let start = row * self.stride;
        &mut self.data[start..start + bytes]
    }

    /// Row `row` and the one below it, of which the second is empty if they are to be only one.
    pub(crate) fn two_rows(&mut self, row: usize, rows: usize, bytes: usize) -> [&mut [u8]; 2] {
        let (first, second) = self.data[row * self.stride..].split_at_mut(match rows {
            1 => bytes,
            _ => self.stride,
        });
        let second_bytes = if rows == 1 { 0 } else { bytes };
        [&mut first[..bytes], &mut second[..second_bytes]]
    }

    /// Cuts off everything above `row`. The last rows may lack their padding, so the cut can lie
    /// beyond the end.
    pub(crate) fn split_off_top(&mut self, row: usize) -> Self {
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
pub(crate) fn split_off_top<'a>(
    planes: &mut Planes<'a>,
    format: PixelFormat,
    rows: usize,
) -> Planes<'a> {
    std::array::from_fn(|plane| planes[plane].split_off_top(format.plane_rows(plane, rows)))
}
