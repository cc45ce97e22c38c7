//! What kernels are given, and the table of them that a backend fills.

use super::columns::Columns;
use crate::arithmetic::{DEEP_PIXEL, SampleScale, YCbCr};
use crate::format::Sample;

/// Samples that a deep row must have for a row of `width` pixels: kernels work on whole vectors, and
/// read and write beyond its end.
pub fn deep_row_samples(width: usize) -> usize {
    DEEP_PIXEL * width.next_multiple_of(64) + 64
}

/// Bytes that a kernel may read after a source row, since it works on whole vectors.
pub const READABLE_AFTER_ROW: usize = 512;

/// One source row, and [`READABLE_AFTER_ROW`] bytes after it, of each plane if there are several.
#[derive(Debug, Clone, Copy)]
pub struct SourceRow<'a> {
    pub sample: Sample,
    pub samples: Samples<'a>,
    pub scale: SampleScale,
    /// Bytes from where it is to what is read some time later, and asked for meanwhile
    pub ahead: usize,
}

#[derive(Debug, Clone, Copy)]
pub enum Samples<'a> {
    Interleaved(&'a [u8]),
    /// The rows of the three planes, in the order in which the frame has them
    Planar([&'a [u8]; 3]),
}

/// A row of the picture. Kernels make it as they write it, which saves storing it and loading it again.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// A source row as it is, where nothing is scaled
    Source(SourceRow<'a>),
    Blended(BlendedRow<'a>),
}

/// Two rows of the picture that share a row of chroma
#[derive(Debug, Clone, Copy)]
pub enum RowPair<'a> {
    /// Source rows as they are; the upper one has been made deep.
    Source(&'a [i16], SourceRow<'a>),
    Blended(BlendedRow<'a>, BlendedRow<'a>),
}

/// A deep row between two others: `lerp(top, bottom, weight)`.
#[derive(Debug, Clone, Copy)]
pub struct BlendedRow<'a> {
    pub top: &'a [i16],
    pub bottom: &'a [i16],
    /// Of the bottom row, in 16384ths
    pub weight: i16,
}

impl<'a> BlendedRow<'a> {
    /// `row` as it is
    pub fn of(row: &'a [i16]) -> Self {
        Self {
            top: row,
            bottom: row,
            weight: 0,
        }
    }
}

/// What the bytes of a pixel of the RGB family are.
#[derive(Debug)]
pub struct PixelBytes {
    /// Which sample of a deep pixel each byte is; 3 for what is always 255
    pub channels: Vec<usize>,
    /// For four pixels, which of the bytes of four deep pixels each byte is; 128 for none
    pub control: [u8; 16],
    /// 255 where the byte is always 255
    pub always: [u8; 16],
}

impl PixelBytes {
    pub fn new(channels: Vec<usize>) -> Self {
        let (mut control, mut always) = ([128; 16], [0; 16]);
        for pixel in 0..4 {
            for (byte, &channel) in channels.iter().enumerate() {
                let at = channels.len() * pixel + byte;
                match channel {
                    3 => always[at] = 255,
                    _ => control[at] = (DEEP_PIXEL * pixel + channel) as u8,
                }
            }
        }
        Self {
            channels,
            control,
            always,
        }
    }
}

/// Where chroma goes.
pub enum Chroma<'a> {
    /// A row of Cb and one of Cr
    Planar(&'a mut [u8], &'a mut [u8]),
    /// Cb and Cr side by side
    Interleaved(&'a mut [u8]),
}

/// The inner loops of a conversion.
pub struct Kernels {
    /// The backend's name, as `stats` shows it and the environment variable takes it
    pub name: &'static str,
    /// Reads a row, and scales it to the width of the picture. `unscaled` has room for a deep row of the
    /// source's width.
    pub scale_row: fn(row: SourceRow, columns: &Columns, unscaled: &mut [i16], out: &mut [i16]),
    /// A row as pixels of the RGB family, 3 or 4 bytes each; of 3, with room for four bytes more
    pub write_rgb: fn(row: &Row, bytes: &PixelBytes, out: &mut [u8]),
    /// Two rows as luma, and the mean of each 2x2 pixels as chroma. Where the width is odd, they have the
    /// last pixel once more.
    pub write_ycbcr: fn(rows: &RowPair, ycbcr: &YCbCr, luma: [&mut [u8]; 2], chroma: Chroma),
}
