//! The stages for vectors of any length.
//!
//! A kernel compares the slices that it gets with what it reads and writes, once, and then uses pointers
//! into them; what is unsafe here is unsafe because of those.

use super::columns::{Columns, Scaling};
use super::interface::{BlendedRow, Chroma, PixelBytes, Samples, SourceRow};
use super::simd::{Lanes, Simd, lanes};
use crate::arithmetic::{Component, DEEP_PIXEL, DEEPEST, SampleScale};
use crate::format::Sample;
use std::ops::Range;

const SAMPLE: usize = size_of::<i16>();

/// Two pixels of three samples side by side as two of four.
const TRIPLES_TO_QUADS: [u8; 16] = [0, 1, 2, 3, 4, 5, 128, 128, 6, 7, 8, 9, 10, 11, 128, 128];

/// `p + (((q - p) * weight + 8192) >> 14)`, for twice the weight.
#[inline(always)]
fn lerp<S: Simd>(simd: S, p: S::Ints, q: S::Ints, twice_weight: S::Ints) -> S::Ints {
    simd.add_i16(p, simd.mul_round(simd.sub_i16(q, p), twice_weight))
}

// --- Read ---

/// How a row is read: `F16` whether samples are float16, `OFFSET` whether their scale has an offset. To add
/// 0 instead took 7 to 16 % more time.
#[derive(Clone, Copy)]
struct Reader<S: Simd, const F16: bool, const OFFSET: bool> {
    simd: S,
    factor: S::Floats,
    offset: S::Floats,
    bound: S::Floats,
    /// See [`SourceRow::ahead`].
    ahead: usize,
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Reader<S, F16, OFFSET> {
    const BYTES: usize = if F16 { 2 } else { 4 };

    #[inline(always)]
    fn new(simd: S, scale: SampleScale, ahead: usize) -> Self {
        Self {
            simd,
            factor: simd.splat_f32(scale.factor),
            offset: simd.splat_f32(scale.offset),
            bound: simd.splat_f32(f32::from(DEEPEST)),
            ahead,
        }
    }

    /// Asks for what is read some time after `samples` samples from `from`.
    #[inline(always)]
    fn prefetch(self, from: *const u8, samples: usize) {
        let from = from.wrapping_add(self.ahead);
        for line in 0..(samples * Self::BYTES).div_ceil(64) {
            self.simd.prefetch(from.wrapping_add(64 * line));
        }
    }

    /// Four deep samples a lane, as i32
    #[inline(always)]
    unsafe fn deep(self, at: Lanes) -> S::Ints {
        let simd = self.simd;
        // SAFETY: the caller's
        let floats = unsafe {
            if F16 {
                simd.load_f16(at)
            } else {
                simd.as_floats(simd.load(at))
            }
        };
        let mut value = simd.mul_f32(floats, self.factor);
        if OFFSET {
            value = simd.add_f32(value, self.offset);
        }
        simd.round(simd.at_most(value, self.bound))
    }

    /// Deep samples: four a lane of the vector that starts at sample `first`, and four of that at `second`.
    #[inline(always)]
    unsafe fn packed(self, from: *const u8, first: usize, second: usize) -> S::Ints {
        let at = |sample: usize| lanes(from.wrapping_add(sample * Self::BYTES), 4 * Self::BYTES);
        // SAFETY: the caller's
        unsafe {
            self.simd
                .pack_u16(self.deep(at(first)), self.deep(at(second)))
        }
    }

    /// The samples `range` of a row as they come, rounded up to a block; returns where that ends.
    #[inline(always)]
    fn read(self, samples: &[u8], range: Range<usize>, out: &mut [i16]) -> usize {
        let simd = self.simd;
        let vector = 8 * S::LANES;
        let block = 2 * vector;
        let end = range.start + range.len().next_multiple_of(block);
        assert!(samples.len() >= end * Self::BYTES && out.len() >= end);
        for start in range.step_by(block) {
            // SAFETY: there are so many blocks to read and to write.
            unsafe {
                let from = samples.as_ptr().add(start * Self::BYTES);
                let to = out.as_mut_ptr().add(start).cast::<u8>();
                self.prefetch(from, block);
                let first = self.packed(from, 0, vector / 2);
                let second = self.packed(from, vector, vector + vector / 2);
                simd.store(simd.packed_in_order(first), to, 16);
                simd.store(simd.packed_in_order(second), to.add(vector * SAMPLE), 16);
            }
        }
        end
    }

    /// Pixels of a row of interleaved ones, each loaded with one sample too many: the middle of each pair,
    /// or what the taps of `columns` say.
    ///
    /// Quarters of the row are worked on side by side where pixels are left out, so that memory is asked for
    /// four pages at a time: 1920x1080 to 320x320 takes 0.85 of the time from memory. Where more is done for a
    /// row, it makes no difference.
    #[inline(always)]
    fn pick<const HALF: bool>(self, samples: &[u8], columns: &Columns, out: &mut [i16]) {
        let simd = self.simd;
        let block = 2 * S::LANES;
        let blocks = columns.width().div_ceil(block);
        let (starts, weights) = columns.starts_and_weights::<3>();
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        if HALF {
            assert!(samples.len() > blocks * block * 6 * Self::BYTES);
        } else {
            assert!(samples.len() >= (3 * columns.source_width() + 4) * Self::BYTES);
            assert!(starts.len() >= blocks * block && weights.len() >= blocks * block * DEEP_PIXEL);
        }
        let parts = if HALF { 1 } else { 4 };
        let part = blocks.div_ceil(parts);
        for index in 0..part * parts {
            let index = index % parts * part + index / parts;
            if index >= blocks {
                continue;
            }
            let x = index * block;
            // SAFETY: there are so many pixels to read and to write; what is read of the last pixel of the
            // row ends one sample after it.
            unsafe {
                let at = |pixel: usize| {
                    let start = if HALF {
                        6 * pixel
                    } else {
                        *starts.get_unchecked(pixel) as usize
                    };
                    samples.as_ptr().add(start * Self::BYTES)
                };
                let first = [at(x), at(x + block - 2)];
                let second = [at(x + 1), at(x + block - 1)];
                let right = 3 * Self::BYTES;
                if HALF {
                    self.prefetch(first[0], 6 * block);
                } else {
                    for pixel in x..x + block {
                        self.prefetch(at(pixel), 1);
                    }
                }
                let p = simd.pack_u16(self.deep(first), self.deep(second));
                let first = [first[0].add(right), first[1].add(right)];
                let second = [second[0].add(right), second[1].add(right)];
                let q = simd.pack_u16(self.deep(first), self.deep(second));
                let scaled = if HALF {
                    simd.average(p, q)
                } else {
                    let weights = weights.as_ptr().add(x * DEEP_PIXEL).cast();
                    lerp(simd, p, q, simd.load(lanes(weights, 16)))
                };
                simd.store(scaled, out.as_mut_ptr().add(x * DEEP_PIXEL).cast(), 16);
            }
        }
    }

    /// The pixels `range` that rows of three planes make, rounded up to a block; where `HALF`, each the
    /// middle of two. Returns where that ends.
    #[inline(always)]
    fn read_planes<const HALF: bool>(
        self,
        planes: [&[u8]; 3],
        range: Range<usize>,
        out: &mut [i16],
    ) -> usize {
        let simd = self.simd;
        let (vector, block) = (4 * S::LANES, 8 * S::LANES);
        let pixels = if HALF { block / 2 } else { block };
        let end = range.start + range.len().next_multiple_of(pixels);
        let bytes = end * (block / pixels) * Self::BYTES;
        assert!(planes.iter().all(|plane| plane.len() >= bytes));
        assert!(out.len() >= end * DEEP_PIXEL);
        for x in range.step_by(pixels) {
            // SAFETY: there are so many blocks to read and to write.
            unsafe {
                let start = x * (block / pixels) * Self::BYTES;
                let [first, second, third] = planes;
                let first = first.as_ptr().add(start);
                let second = second.as_ptr().add(start);
                let third = third.as_ptr().add(start);
                self.prefetch(first, block);
                self.prefetch(second, block);
                self.prefetch(third, block);
                // Lanes have four samples of the first vector, and four of the second.
                let first = self.packed(first, 0, vector);
                let second = self.packed(second, 0, vector);
                let third = self.packed(third, 0, vector);
                let pixel = DEEP_PIXEL * SAMPLE;
                let to = out.as_mut_ptr().cast::<u8>().add(x * pixel);
                if HALF {
                    // The middles are in the even samples, two a lane of each vector.
                    let first = simd.average(first, simd.odd_samples(first));
                    let second = simd.average(second, simd.odd_samples(second));
                    let third = simd.average(third, simd.odd_samples(third));
                    let first_two = simd.even_samples(first, second);
                    simd.store(simd.low_i32(first_two, third), to, 16);
                    simd.store(
                        simd.high_i32(first_two, third),
                        to.add(vector / 2 * pixel),
                        16,
                    );
                } else {
                    // The fourth sample of a pixel is any.
                    let [low, low_third] =
                        [simd.low_i16(first, second), simd.low_i16(third, third)];
                    simd.store(simd.low_i32(low, low_third), to, 4 * pixel);
                    simd.store(simd.high_i32(low, low_third), to.add(2 * pixel), 4 * pixel);
                    let [high, high_third] =
                        [simd.high_i16(first, second), simd.high_i16(third, third)];
                    let to = to.add(vector * pixel);
                    simd.store(simd.low_i32(high, high_third), to, 4 * pixel);
                    simd.store(
                        simd.high_i32(high, high_third),
                        to.add(2 * pixel),
                        4 * pixel,
                    );
                }
            }
        }
        end
    }
}

// --- Across ---

/// Scales a row of pixels of `PIXEL` samples, 3 or 4, to the pixels `range`.
#[inline(always)]
fn across<S: Simd, const PIXEL: usize>(
    simd: S,
    row: &[i16],
    columns: &Columns,
    range: Range<usize>,
    out: &mut [i16],
) {
    let vector = 2 * S::LANES;
    let end = range.start + range.len().next_multiple_of(vector);
    let (starts, weights) = columns.starts_and_weights::<PIXEL>();
    assert!(starts.len() >= end && weights.len() >= end * DEEP_PIXEL);
    assert!(row.len() >= PIXEL * columns.source_width() + 8 && out.len() >= end * DEEP_PIXEL);
    let control = simd.splat_lane(&TRIPLES_TO_QUADS);
    for x in range.step_by(vector) {
        // SAFETY: there are so many starts and weights, and so much to write. Starts are less than the samples
        // of the row, after which there are eight more.
        unsafe {
            let at = |pixel: usize| {
                row.as_ptr()
                    .add(*starts.get_unchecked(pixel) as usize)
                    .cast()
            };
            let last = x + vector - 2;
            let mut a = simd.load([at(x), at(last)]);
            let mut b = simd.load([at(x + 1), at(last + 1)]);
            if PIXEL == 3 {
                a = simd.shuffle_bytes(a, control);
                b = simd.shuffle_bytes(b, control);
            }
            let (p, q) = (simd.low_i64(a, b), simd.high_i64(a, b));
            let weights = simd.load(lanes(weights.as_ptr().add(x * DEEP_PIXEL).cast(), 16));
            let to = out.as_mut_ptr().add(x * DEEP_PIXEL).cast();
            simd.store(lerp(simd, p, q, weights), to, 16);
        }
    }
}

/// Pixels that are scaled together.
const SPAN: usize = 128;

/// `width` pixels in spans. Memory rests while rows are scaled, and long rows leave the first-level cache
/// before they are: to read and scale them by turns takes 0.9 of the time for 512x512 to 320x320 and for
/// 1920x1080 to 1280x720. To write by turns, too, gained nothing.
#[inline(always)]
fn spans(width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width)
        .step_by(SPAN)
        .map(move |start| start..(start + SPAN).min(width))
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
    match (row.sample, row.scale.offset == 0.0) {
        (Sample::F32, true) => scale_row_as::<S, false, false>(simd, row, columns, unscaled, out),
        (Sample::F32, false) => scale_row_as::<S, false, true>(simd, row, columns, unscaled, out),
        (Sample::F16, true) => scale_row_as::<S, true, false>(simd, row, columns, unscaled, out),
        (Sample::F16, false) => scale_row_as::<S, true, true>(simd, row, columns, unscaled, out),
    }
}

#[inline(always)]
fn scale_row_as<S: Simd, const F16: bool, const OFFSET: bool>(
    simd: S,
    row: SourceRow,
    columns: &Columns,
    unscaled: &mut [i16],
    out: &mut [i16],
) {
    let reader = Reader::<S, F16, OFFSET>::new(simd, row.scale, row.ahead);
    let width = columns.width();
    match (row.samples, columns.scaling) {
        (Samples::Interleaved(samples), Scaling::None) => {
            reader.read(samples, 0..3 * width, out);
        }
        (Samples::Interleaved(samples), Scaling::Half) => {
            reader.pick::<true>(samples, columns, out);
        }
        (Samples::Interleaved(samples), Scaling::Sparse) => {
            reader.pick::<false>(samples, columns, out);
        }
        (Samples::Interleaved(samples), Scaling::Any) => {
            let mut done = 0;
            for range in spans(width) {
                let source = done..3 * columns.source_end(range.end);
                done = reader.read(samples, source, unscaled);
                across::<S, 3>(simd, unscaled, columns, range, out);
            }
        }
        (Samples::Planar(planes), Scaling::None) => {
            reader.read_planes::<false>(planes, 0..width, out);
        }
        (Samples::Planar(planes), Scaling::Half) => {
            reader.read_planes::<true>(planes, 0..width, out);
        }
        (Samples::Planar(planes), Scaling::Sparse | Scaling::Any) => {
            let mut done = 0;
            for range in spans(width) {
                let source = done..columns.source_end(range.end);
                done = reader.read_planes::<false>(planes, source, unscaled);
                across::<S, DEEP_PIXEL>(simd, unscaled, columns, range, out);
            }
        }
    }
}

// --- Down and write ---

/// Blends a row vector by vector.
#[derive(Clone, Copy)]
struct Blender<'a, S: Simd> {
    simd: S,
    row: BlendedRow<'a>,
    twice_weight: S::Ints,
    to_quads: S::Ints,
}

impl<'a, S: Simd> Blender<'a, S> {
    /// For `pixels` pixels
    #[inline(always)]
    fn new(simd: S, row: BlendedRow<'a>, pixels: usize) -> Self {
        assert!(row.top.len().min(row.bottom.len()) >= pixels * row.pixel + 2);
        Self {
            simd,
            row,
            twice_weight: simd.splat_i16(2 * row.weight),
            to_quads: simd.splat_lane(&TRIPLES_TO_QUADS),
        }
    }

    /// Two pixels a lane of one of the rows, side by side, from pixel `x` on
    #[inline(always)]
    unsafe fn load(self, row: &[i16], x: usize) -> S::Ints {
        let at = |pixel: usize| {
            let from = row.as_ptr().wrapping_add(x * pixel).cast();
            lanes(from, 2 * pixel * SAMPLE)
        };
        // SAFETY: the caller's; of three samples a pixel, two more are read.
        unsafe {
            match self.row.pixel {
                3 => self.simd.load(at(3)),
                _ => self.simd.load(at(DEEP_PIXEL)),
            }
        }
    }

    /// Two pixels a lane, blended
    #[inline(always)]
    unsafe fn vector(self, x: usize) -> S::Ints {
        let Self { simd, row, .. } = self;
        // SAFETY: the caller's
        let mut blended = unsafe { self.load(row.top, x) };
        if row.weight != 0 {
            // SAFETY: the caller's
            let bottom = unsafe { self.load(row.bottom, x) };
            blended = lerp(simd, blended, bottom, self.twice_weight);
        }
        match row.pixel {
            3 => simd.shuffle_bytes(blended, self.to_quads),
            _ => blended,
        }
    }
}

#[inline(always)]
pub fn write_rgb<S: Simd>(simd: S, row: BlendedRow, bytes: &PixelBytes, out: &mut [u8]) {
    let vector = 2 * S::LANES;
    let pixel = bytes.channels.len();
    // A lane of three bytes a pixel ends with four bytes too many, which the next one puts right.
    let room = out.len() - 4 * (4 - pixel);
    let pixels = room / pixel / (2 * vector) * (2 * vector);
    let row = Blender::new(simd, row, pixels);
    let (control, always) = (
        simd.splat_lane(&bytes.control),
        simd.splat_lane(&bytes.always),
    );
    // (deep * 256 + 16384) >> 15 is (deep + 64) >> 7.
    let to_level = simd.splat_i16(256);
    for x in (0..pixels).step_by(2 * vector) {
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let first = simd.mul_round(row.vector(x), to_level);
            let second = simd.mul_round(row.vector(x + vector), to_level);
            let four_a_lane = simd.packed_in_order(simd.pack_u8(first, second));
            let four_a_lane = simd.or(simd.shuffle_bytes(four_a_lane, control), always);
            simd.store(four_a_lane, out.as_mut_ptr().add(x * pixel), 4 * pixel);
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

#[inline(always)]
pub fn write_luma<S: Simd>(
    simd: S,
    row: BlendedRow,
    luma: &Component,
    blended: &mut [i16],
    out: &mut [u8],
) {
    let vector = 2 * S::LANES;
    let pixels = out.len() / (4 * vector) * (4 * vector);
    assert!(blended.len() >= pixels * DEEP_PIXEL);
    let (row, y) = (Blender::new(simd, row, pixels), Factors::new(simd, luma));
    for x in (0..pixels).step_by(4 * vector) {
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let (a, b) = (row.vector(x), row.vector(x + vector));
            let (c, d) = (row.vector(x + 2 * vector), row.vector(x + 3 * vector));
            let to = blended.as_mut_ptr().add(x * DEEP_PIXEL).cast::<u8>();
            let step = vector * DEEP_PIXEL * SAMPLE;
            simd.store(a, to, 16);
            simd.store(b, to.add(step), 16);
            simd.store(c, to.add(2 * step), 16);
            simd.store(d, to.add(3 * step), 16);
            // Lanes have two pixels of each vector.
            let words = simd.pack_i16(y.of(a, b), y.of(c, d));
            simd.store_pairs(words, out.as_mut_ptr().add(x));
        }
    }
}

/// Two pixels a lane, from pixel `x` on, between two rows
#[inline(always)]
unsafe fn mean<S: Simd>(simd: S, [top, bottom]: [&[i16]; 2], x: usize) -> S::Ints {
    // SAFETY: the caller's
    unsafe {
        let top = top.as_ptr().add(x * DEEP_PIXEL).cast();
        let bottom = bottom.as_ptr().add(x * DEEP_PIXEL).cast();
        simd.average(simd.load(lanes(top, 16)), simd.load(lanes(bottom, 16)))
    }
}

#[inline(always)]
pub fn write_chroma<S: Simd>(simd: S, rows: [&[i16]; 2], [cb, cr]: [&Component; 2], out: Chroma) {
    let vector = 2 * S::LANES;
    let (first, second, is_planar) = match out {
        Chroma::Planar(cb, cr) => (cb, cr, true),
        Chroma::Interleaved(out) => (out, &mut [][..], false),
    };
    // Of pixels before their mean is taken; as many bytes are written for them.
    let pixels = first.len() * if is_planar { 2 } else { 1 } / (4 * vector) * (4 * vector);
    assert!(rows.iter().all(|row| row.len() >= pixels * DEEP_PIXEL));
    assert!(!is_planar || second.len() >= pixels / 2);
    let (cb, cr) = (Factors::new(simd, cb), Factors::new(simd, cr));
    let side_by_side = simd.splat_lane(&[0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]);
    for x in (0..pixels).step_by(4 * vector) {
        // SAFETY: there are so many pixels to read and to write.
        unsafe {
            let (a, b) = (mean(simd, rows, x), mean(simd, rows, x + vector));
            let (c, d) = (
                mean(simd, rows, x + 2 * vector),
                mean(simd, rows, x + 3 * vector),
            );
            let left = simd.average(simd.low_i64(a, b), simd.high_i64(a, b));
            let right = simd.average(simd.low_i64(c, d), simd.high_i64(c, d));
            // Lanes have one mean of each vector: four of Cb, and then of Cr.
            let words = simd.pack_i16(cb.of(left, right), cr.of(left, right));
            if is_planar {
                let (first, second) = (first.as_mut_ptr(), second.as_mut_ptr());
                simd.store_apart(words, first.add(x / 2), second.add(x / 2));
            } else {
                simd.store_pairs(
                    simd.shuffle_bytes(words, side_by_side),
                    first.as_mut_ptr().add(x),
                );
            }
        }
    }
}
