//! The stages for vectors of any length.
//!
//! A kernel compares the slices that it gets with what it reads and writes, once, and then uses pointers
//! into them; what is unsafe here is unsafe because of those.

use super::columns::{BLOCK, Columns, Scaling};
use super::interface::{Chroma, PixelBytes, Row, RowPair, Samples, SourceRow};
use super::pixels::{
    Across, Blend, Deep, Interleaved, Middles, Picked, Pixels, Planar, PlanarMiddles, Reader,
    SAMPLE, vector, vectors,
};
use super::simd::Simd;
use crate::arithmetic::{Component, DEEP_PIXEL, YCbCr};
use crate::format::Sample;
use std::ops::Range;

// --- Read and across ---

/// Pixels that are scaled together.
const SPAN: usize = 64;

/// `width` pixels in spans. Memory rests while rows are scaled, and long rows leave the first-level cache
/// before they are: to read and scale them by turns takes 0.9 of the time for 512x512 to 320x320 and for
/// 1920x1080 to 1280x720. To write by turns, too, gained nothing.
#[inline(always)]
fn spans(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width)
        .step_by(SPAN)
        .map(move |start| start..(start + SPAN).min(width))
}

/// Stores `N` vectors of pixels for each of `starts`, of which none is at `end` or beyond.
#[inline(always)]
fn store_vectors<S: Simd, const N: usize>(
    simd: S,
    pixels: impl Pixels<S, N>,
    starts: impl Iterator<Item = usize>,
    end: usize,
    out: &mut [i16],
) {
    let end = end.next_multiple_of(N * vector::<S>());
    pixels.assert_len(end);
    assert!(out.len() >= end * DEEP_PIXEL);
    for x in starts {
        debug_assert!(x < end);
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let mut to = out.as_mut_ptr().add(x * DEEP_PIXEL).cast::<u8>();
            for vector in pixels.vectors(x) {
                simd.store(vector, to, 16);
                to = to.add(16 * S::LANES);
            }
        }
    }
}

/// Stores the pixels `range`, rounded up to `N` vectors; returns where that ends.
#[inline(always)]
fn store_range<S: Simd, const N: usize>(
    simd: S,
    pixels: impl Pixels<S, N>,
    range: Range<usize>,
    out: &mut [i16],
) -> usize {
    let step = N * vector::<S>();
    let end = range.start + range.len().next_multiple_of(step);
    store_vectors(simd, pixels, range.step_by(step), end, out);
    end
}

/// Stores `width` pixels, quarters of the row side by side, so that memory is asked for four pages at a time:
/// 1920x1080 to 320x320 takes 0.85 of the time from memory. Where more of a row is read, the processor's own
/// prefetching needs it in order.
#[inline(always)]
fn store_in_quarters<S: Simd>(simd: S, pixels: impl Pixels<S, 1>, width: usize, out: &mut [i16]) {
    let vectors = width.div_ceil(vector::<S>());
    let part = vectors.div_ceil(4);
    let starts = (0..4 * part)
        .map(|index| index % 4 * part + index / 4)
        .filter(|&index| index < vectors)
        .map(|index| index * vector::<S>());
    store_vectors(simd, pixels, starts, width, out);
}

/// The samples `range` of an interleaved row as they come, rounded up to whole vectors; returns where that
/// ends.
#[inline(always)]
fn read<S: Simd, const F16: bool, const OFFSET: bool>(
    reader: Reader<S, F16, OFFSET>,
    samples: &[u8],
    range: Range<usize>,
    out: &mut [i16],
) -> usize {
    let simd = reader.simd;
    let vector = 8 * S::LANES;
    let bytes = Reader::<S, F16, OFFSET>::BYTES;
    let end = range.start + range.len().next_multiple_of(2 * vector);
    assert!(samples.len() >= end * bytes && out.len() >= end);
    for start in range.step_by(2 * vector) {
        // SAFETY: there are so many samples to read and to write.
        unsafe {
            let from = samples.as_ptr().add(start * bytes);
            let to = out.as_mut_ptr().add(start).cast::<u8>();
            reader.prefetch(from, 2 * vector);
            let first = reader.packed(from, 0, vector / 2);
            let second = reader.packed(from, vector, vector + vector / 2);
            simd.store(simd.packed_in_order(first), to, 16);
            simd.store(simd.packed_in_order(second), to.add(vector * SAMPLE), 16);
        }
    }
    end
}

/// Does something with a [`Reader`] for a [`SourceRow`].
macro_rules! with_reader {
    ($simd:ident, $row:expr, $reader:ident => $body:expr) => {
        match ($row.sample, $row.scale.offset == 0.0) {
            (Sample::F32, true) => {
                let $reader = Reader::<S, false, false>::new($simd, &$row);
                $body
            }
            (Sample::F32, false) => {
                let $reader = Reader::<S, false, true>::new($simd, &$row);
                $body
            }
            (Sample::F16, true) => {
                let $reader = Reader::<S, true, false>::new($simd, &$row);
                $body
            }
            (Sample::F16, false) => {
                let $reader = Reader::<S, true, true>::new($simd, &$row);
                $body
            }
        }
    };
}

/// Read and across, the one in the other where that is shorter.
#[inline(always)]
pub fn scale_row<S: Simd>(
    simd: S,
    row: SourceRow,
    columns: &Columns,
    unscaled: &mut [i16],
    out: &mut [i16],
) {
    with_reader!(simd, row, reader => match row.samples {
        Samples::Interleaved(row) => scale_interleaved(reader, row, columns, unscaled, out),
        Samples::Planar(planes) => scale_planar(reader, planes, columns, unscaled, out),
    });
}

#[inline(always)]
fn scale_interleaved<S: Simd, const F16: bool, const OFFSET: bool>(
    reader: Reader<S, F16, OFFSET>,
    row: &[u8],
    columns: &Columns,
    unscaled: &mut [i16],
    out: &mut [i16],
) {
    let (simd, width) = (reader.simd, columns.width());
    let pixels = Interleaved { reader, row };
    match columns.scaling {
        Scaling::None => {
            store_range(simd, pixels, 0..width, out);
        }
        Scaling::Half => {
            store_range(simd, Middles(pixels), 0..width, out);
        }
        Scaling::Sparse => {
            let pixels = Picked {
                reader,
                row,
                columns,
            };
            store_in_quarters(simd, pixels, width, out);
        }
        Scaling::Any => {
            let mut done = 0;
            for range in spans(width) {
                let source = done..3 * columns.source_end(range.end);
                done = read(reader, row, source, unscaled);
                let row = &*unscaled;
                store_range(simd, Across::<S, 3> { simd, row, columns }, range, out);
            }
        }
    }
}

#[inline(always)]
fn scale_planar<S: Simd, const F16: bool, const OFFSET: bool>(
    reader: Reader<S, F16, OFFSET>,
    planes: [&[u8]; 3],
    columns: &Columns,
    unscaled: &mut [i16],
    out: &mut [i16],
) {
    let (simd, width) = (reader.simd, columns.width());
    let pixels = Planar { reader, planes };
    match columns.scaling {
        Scaling::None => {
            store_range(simd, pixels, 0..width, out);
        }
        Scaling::Half => {
            store_range(simd, PlanarMiddles(pixels), 0..width, out);
        }
        Scaling::Sparse | Scaling::Any => {
            let mut done = 0;
            for range in spans(width) {
                let source = done..columns.source_end(range.end);
                done = store_range(simd, pixels, source, unscaled);
                let row = &*unscaled;
                store_range(
                    simd,
                    Across::<S, DEEP_PIXEL> { simd, row, columns },
                    range,
                    out,
                );
            }
        }
    }
}

// --- Down and write ---

/// [`PixelBytes`] in vectors
#[derive(Clone, Copy)]
struct Bytes<S: Simd> {
    simd: S,
    control: S::Ints,
    always: S::Ints,
    to_level: S::Ints,
}

impl<S: Simd> Bytes<S> {
    #[inline(always)]
    fn new(simd: S, bytes: &PixelBytes) -> Self {
        Self {
            simd,
            control: simd.splat_lane(&bytes.control),
            always: simd.splat_lane(&bytes.always),
            // (deep * 256 + 16384) >> 15 is (deep + 64) >> 7.
            to_level: simd.splat_i16(256),
        }
    }

    /// Four pixels a lane, of two a lane of each vector
    #[inline(always)]
    fn of(self, a: S::Ints, b: S::Ints) -> S::Ints {
        let Self { simd, to_level, .. } = self;
        let (a, b) = (simd.mul_round(a, to_level), simd.mul_round(b, to_level));
        let four_a_lane = simd.packed_in_order(simd.pack_u8(a, b));
        simd.or(simd.shuffle_bytes(four_a_lane, self.control), self.always)
    }
}

#[inline(always)]
pub fn write_rgb<S: Simd>(simd: S, row: &Row, bytes: &PixelBytes, out: &mut [u8]) {
    match *row {
        Row::Blended(row) => write_pixels(simd, Blend::new(simd, row), bytes, out),
        Row::Source(row) => with_reader!(simd, row, reader => match row.samples {
            Samples::Interleaved(row) => {
                write_pixels(simd, Interleaved { reader, row }, bytes, out);
            }
            Samples::Planar(planes) => write_pixels(simd, Planar { reader, planes }, bytes, out),
        }),
    }
}

#[inline(always)]
fn write_pixels<S: Simd, const N: usize>(
    simd: S,
    row: impl Pixels<S, N>,
    bytes: &PixelBytes,
    out: &mut [u8],
) {
    match bytes.channels.len() {
        3 => write_bytes::<S, N, 3>(simd, row, bytes, out),
        _ => write_bytes::<S, N, 4>(simd, row, bytes, out),
    }
}

/// `PIXEL` bytes a pixel
#[inline(always)]
fn write_bytes<S: Simd, const N: usize, const PIXEL: usize>(
    simd: S,
    row: impl Pixels<S, N>,
    bytes: &PixelBytes,
    out: &mut [u8],
) {
    // A lane of three bytes a pixel ends with four bytes too many, which the next one puts right.
    let room = out.len() - 4 * (4 - PIXEL);
    let pixels = room / PIXEL / BLOCK * BLOCK;
    row.assert_len(pixels);
    let bytes = Bytes::new(simd, bytes);
    let step = N.max(2) * vector::<S>();
    for x in (0..pixels).step_by(step) {
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let to = out.as_mut_ptr().add(x * PIXEL);
            if N == 4 {
                let [a, b, c, d] = vectors(row, x);
                simd.store(bytes.of(a, b), to, 4 * PIXEL);
                simd.store(bytes.of(c, d), to.add(step / 2 * PIXEL), 4 * PIXEL);
            } else {
                let [a, b] = vectors(row, x);
                simd.store(bytes.of(a, b), to, 4 * PIXEL);
            }
        }
    }
}

/// A [`Component`] in vectors
#[derive(Clone, Copy)]
struct Factors<S: Simd> {
    simd: S,
    factors: S::Ints,
    offset: S::Ints,
}

impl<S: Simd> Factors<S> {
    #[inline(always)]
    fn new(simd: S, component: &Component) -> Self {
        let mut lane = [0; 16];
        for (bytes, factor) in lane
            .chunks_exact_mut(2)
            .zip(component.factors.iter().cycle())
        {
            bytes.copy_from_slice(&factor.to_ne_bytes());
        }
        Self {
            simd,
            factors: simd.splat_lane(&lane),
            offset: simd.splat_i32(component.offset),
        }
    }

    /// The components of two pixels a lane of each vector, as i32
    #[inline(always)]
    fn of(self, a: S::Ints, b: S::Ints) -> S::Ints {
        let Self { simd, factors, .. } = self;
        let (a, b) = (
            simd.mul_add_pairs(a, factors),
            simd.mul_add_pairs(b, factors),
        );
        simd.shift_right_21(simd.add_i32(simd.add_neighbours(a, b), self.offset))
    }
}

/// Where two rows of YCbCr go.
struct YCbCrRows<'a> {
    ycbcr: &'a YCbCr,
    luma: [&'a mut [u8]; 2],
    chroma: Chroma<'a>,
}

#[inline(always)]
pub fn write_ycbcr<S: Simd>(
    simd: S,
    rows: &RowPair,
    ycbcr: &YCbCr,
    luma: [&mut [u8]; 2],
    chroma: Chroma,
) {
    let out = YCbCrRows {
        ycbcr,
        luma,
        chroma,
    };
    match *rows {
        RowPair::Blended(top, bottom) => {
            let top = Blend::new(simd, top);
            let bottom = Blend::new(simd, bottom);
            write_pair(simd, top, bottom, out);
        }
        RowPair::Source(row, bottom) => {
            let top = Deep { simd, row };
            with_reader!(simd, bottom, reader => match bottom.samples {
                Samples::Interleaved(row) => {
                    write_pair(simd, top, Interleaved { reader, row }, out);
                }
                Samples::Planar(planes) => write_pair(simd, top, Planar { reader, planes }, out),
            });
        }
    }
}

/// Eight pixels a lane
#[inline(always)]
unsafe fn write_luma<S: Simd>(simd: S, y: Factors<S>, [a, b, c, d]: [S::Ints; 4], to: *mut u8) {
    // Lanes have two pixels of each vector.
    let words = simd.pack_i16(y.of(a, b), y.of(c, d));
    // SAFETY: the caller's
    unsafe { simd.store_pairs(words, to) };
}

#[inline(always)]
fn write_pair<S: Simd, const N: usize>(
    simd: S,
    top: impl Pixels<S, 1>,
    bottom: impl Pixels<S, N>,
    out: YCbCrRows,
) {
    let YCbCrRows {
        ycbcr,
        luma,
        chroma,
    } = out;
    let [top_luma, bottom_luma] = luma;
    let (first, second, is_planar) = match chroma {
        Chroma::Planar(cb, cr) => (cb, cr, true),
        Chroma::Interleaved(out) => (out, &mut [][..], false),
    };
    let pixels = top_luma.len() / BLOCK * BLOCK;
    top.assert_len(pixels);
    bottom.assert_len(pixels);
    assert!(bottom_luma.len() >= pixels);
    assert!(first.len() >= if is_planar { pixels / 2 } else { pixels });
    assert!(!is_planar || second.len() >= pixels / 2);
    let y = Factors::new(simd, &ycbcr.y);
    let (cb, cr) = (Factors::new(simd, &ycbcr.cb), Factors::new(simd, &ycbcr.cr));
    let side_by_side = simd.splat_lane(&[0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]);
    for x in (0..pixels).step_by(4 * vector::<S>()) {
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let above = vectors(top, x);
            write_luma(simd, y, above, top_luma.as_mut_ptr().add(x));
            let below = vectors(bottom, x);
            write_luma(simd, y, below, bottom_luma.as_mut_ptr().add(x));
            let (a, b) = (
                simd.average(above[0], below[0]),
                simd.average(above[1], below[1]),
            );
            let (c, d) = (
                simd.average(above[2], below[2]),
                simd.average(above[3], below[3]),
            );
            let left = simd.average(simd.low_i64(a, b), simd.high_i64(a, b));
            let right = simd.average(simd.low_i64(c, d), simd.high_i64(c, d));
            // Lanes have one mean of each vector: four of Cb, and then of Cr.
            let words = simd.pack_i16(cb.of(left, right), cr.of(left, right));
            if is_planar {
                let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
                simd.store_apart(words, first.add(x / 2), second.add(x / 2));
            } else {
                let words = simd.shuffle_bytes(words, side_by_side);
                simd.store_pairs(words, first.as_mut_ptr().add(x));
            }
        }
    }
}
