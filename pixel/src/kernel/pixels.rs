//! Where the deep pixels of a row come from: floats, or one or two deep rows.
//!
//! What is unsafe is unsafe because it goes through pointers: callers see to it, by `assert_len`, that there
//! are so many pixels.

use super::columns::Columns;
use super::interface::{BlendedRow, SourceRow};
use super::simd::{Lanes, Simd, lanes};
use crate::arithmetic::{DEEP_PIXEL, DEEPEST};

/// Bytes of a deep sample
pub const SAMPLE: usize = size_of::<i16>();

/// Two pixels of three samples side by side as two of four.
const TRIPLES_TO_QUADS: [u8; 16] = [0, 1, 2, 3, 4, 5, 128, 128, 6, 7, 8, 9, 10, 11, 128, 128];

/// Pixels of a row, `N` vectors at a time: as many as are made together.
///
/// Each load of a loop should go from one cache line to the next, at most: the processor's prefetching
/// follows each by itself. Twice as much in a turn took 1.13 times as long for the middles of planes.
///
/// Closures that are handed to the standard library's functions would not be compiled for the instruction
/// set: one took 30 times as long. Hence the loops.
pub trait Pixels<S: Simd, const N: usize>: Copy {
    /// Panics unless there are `pixels` pixels.
    fn assert_len(self, pixels: usize);

    /// The pixels from `x` on, two a lane of each vector. The fourth sample of each is any.
    unsafe fn vectors(self, x: usize) -> [S::Ints; N];
}

/// Pixels of a vector
pub const fn vector<S: Simd>() -> usize {
    2 * S::LANES
}

/// `M` vectors from pixel `x` on; `N` divides them.
#[inline(always)]
pub unsafe fn vectors<S: Simd, const N: usize, const M: usize>(
    pixels: impl Pixels<S, N>,
    x: usize,
) -> [S::Ints; M] {
    // SAFETY: the caller's
    unsafe {
        let some = pixels.vectors(x);
        let mut all = [some[0]; M];
        all[..N].copy_from_slice(&some);
        for first in (N..M).step_by(N) {
            let some = pixels.vectors(x + first * vector::<S>());
            all[first..first + N].copy_from_slice(&some);
        }
        all
    }
}

/// `p + (((q - p) * weight + 8192) >> 14)`, for twice the weight.
#[inline(always)]
fn lerp<S: Simd>(simd: S, p: S::Ints, q: S::Ints, twice_weight: S::Ints) -> S::Ints {
    simd.add_i16(p, simd.mul_round(simd.sub_i16(q, p), twice_weight))
}

// --- Floats ---

/// How floats are read: `F16` whether they are float16, `OFFSET` whether their scale has an offset. To add 0
/// instead took 7 to 16 % more time.
#[derive(Clone, Copy)]
pub struct Reader<S: Simd, const F16: bool, const OFFSET: bool> {
    pub simd: S,
    factor: S::Floats,
    offset: S::Floats,
    bound: S::Floats,
    /// See [`SourceRow::ahead`].
    ahead: usize,
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Reader<S, F16, OFFSET> {
    pub const BYTES: usize = if F16 { 2 } else { 4 };

    #[inline(always)]
    pub fn new(simd: S, row: &SourceRow) -> Self {
        Self {
            simd,
            factor: simd.splat_f32(row.scale.factor),
            offset: simd.splat_f32(row.scale.offset),
            bound: simd.splat_f32(f32::from(DEEPEST)),
            ahead: row.ahead,
        }
    }

    /// Asks for what is read some time after `samples` samples from `from`.
    #[inline(always)]
    pub fn prefetch(self, from: *const u8, samples: usize) {
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
    pub unsafe fn packed(self, from: *const u8, first: usize, second: usize) -> S::Ints {
        let at = |sample: usize| lanes(from.wrapping_add(sample * Self::BYTES), 4 * Self::BYTES);
        // SAFETY: the caller's
        unsafe {
            let (first, second) = (self.deep(at(first)), self.deep(at(second)));
            self.simd.pack_u16(first, second)
        }
    }

    /// Deep pixels, two a lane, each of the three samples at its address and one more
    #[inline(always)]
    unsafe fn pixels(self, first: Lanes, second: Lanes) -> S::Ints {
        // SAFETY: the caller's
        unsafe { self.simd.pack_u16(self.deep(first), self.deep(second)) }
    }
}

/// An interleaved row
#[derive(Clone, Copy)]
pub struct Interleaved<'a, S: Simd, const F16: bool, const OFFSET: bool> {
    pub reader: Reader<S, F16, OFFSET>,
    pub row: &'a [u8],
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Interleaved<'_, S, F16, OFFSET> {
    const PIXEL: usize = 3 * Reader::<S, F16, OFFSET>::BYTES;
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Pixels<S, 1>
    for Interleaved<'_, S, F16, OFFSET>
{
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        assert!(self.row.len() > pixels * Self::PIXEL + 4);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        let Self { reader, row } = self;
        let at = |from: *const u8| lanes(from, 2 * Self::PIXEL);
        // SAFETY: the caller's
        unsafe {
            let from = row.as_ptr().add(x * Self::PIXEL);
            reader.prefetch(from, 3 * vector::<S>());
            [reader.pixels(at(from), at(from.add(Self::PIXEL)))]
        }
    }
}

/// The middle of each pair of pixels of an interleaved row
#[derive(Clone, Copy)]
pub struct Middles<'a, S: Simd, const F16: bool, const OFFSET: bool>(
    pub Interleaved<'a, S, F16, OFFSET>,
);

impl<S: Simd, const F16: bool, const OFFSET: bool> Pixels<S, 1> for Middles<'_, S, F16, OFFSET> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        self.0.assert_len(2 * pixels);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        let Interleaved { reader, row } = self.0;
        let pixel = Interleaved::<S, F16, OFFSET>::PIXEL;
        let at = |from: *const u8| lanes(from, 4 * pixel);
        // SAFETY: the caller's
        unsafe {
            let from = row.as_ptr().add(2 * x * pixel);
            reader.prefetch(from, 12 * S::LANES);
            let left = reader.pixels(at(from), at(from.add(2 * pixel)));
            let right = reader.pixels(at(from.add(pixel)), at(from.add(3 * pixel)));
            [reader.simd.average(left, right)]
        }
    }
}

/// What the taps of an interleaved row say, without reading the pixels that are in none
#[derive(Clone, Copy)]
pub struct Picked<'a, S: Simd, const F16: bool, const OFFSET: bool> {
    pub reader: Reader<S, F16, OFFSET>,
    pub row: &'a [u8],
    pub columns: &'a Columns,
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Pixels<S, 1> for Picked<'_, S, F16, OFFSET> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        let (starts, weights) = self.columns.starts_and_weights::<3>();
        assert!(starts.len() >= pixels && weights.len() >= pixels * DEEP_PIXEL);
        let bytes = Reader::<S, F16, OFFSET>::BYTES;
        // After the last pixel, the one at its right and a sample more
        assert!(self.row.len() >= (3 * self.columns.source_width() + 4) * bytes);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        let Self {
            reader,
            row,
            columns,
        } = self;
        let bytes = Reader::<S, F16, OFFSET>::BYTES;
        let (starts, weights) = columns.starts_and_weights::<3>();
        let last = x + 2 * S::LANES - 2;
        // SAFETY: the caller's; starts are less than the samples of the row.
        unsafe {
            let at = |x: usize| row.as_ptr().add(*starts.get_unchecked(x) as usize * bytes);
            for x in x..last + 2 {
                reader.prefetch(at(x), 1);
            }
            let (first, second) = ([at(x), at(last)], [at(x + 1), at(last + 1)]);
            let p = reader.pixels(first, second);
            let right = |at: *const u8| at.wrapping_add(3 * bytes);
            let q = reader.pixels(first.map(right), second.map(right));
            let weights = weights.as_ptr().add(x * DEEP_PIXEL).cast();
            [lerp(
                reader.simd,
                p,
                q,
                reader.simd.load(lanes(weights, 16)),
            )]
        }
    }
}

/// Rows of three planes
#[derive(Clone, Copy)]
pub struct Planar<'a, S: Simd, const F16: bool, const OFFSET: bool> {
    pub reader: Reader<S, F16, OFFSET>,
    pub planes: [&'a [u8]; 3],
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Planar<'_, S, F16, OFFSET> {
    /// Samples of four vectors of pixels, two of each a lane. To fetch of all planes before any is
    /// read takes 1.1 times as long from memory; in [`PlanarMiddles`], 0.9 times.
    #[inline(always)]
    unsafe fn samples(self, from: *const u8) -> S::Ints {
        let Self { reader, .. } = self;
        reader.prefetch(from, 8 * S::LANES);
        // SAFETY: the caller's
        let packed = unsafe { reader.packed(from, 0, 4 * S::LANES) };
        reader.simd.deal_pairs(packed)
    }
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Pixels<S, 4> for Planar<'_, S, F16, OFFSET> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        let bytes = pixels * Reader::<S, F16, OFFSET>::BYTES;
        assert!(self.planes.iter().all(|plane| plane.len() >= bytes));
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 4] {
        let simd = self.reader.simd;
        let start = x * Reader::<S, F16, OFFSET>::BYTES;
        let [first, second, third] = self.planes;
        // SAFETY: the caller's
        let (first, second, third) = unsafe {
            (
                self.samples(first.as_ptr().add(start)),
                self.samples(second.as_ptr().add(start)),
                self.samples(third.as_ptr().add(start)),
            )
        };
        let (low, low_third) = (simd.low_i16(first, second), simd.low_i16(third, third));
        let (high, high_third) = (simd.high_i16(first, second), simd.high_i16(third, third));
        [
            simd.low_i32(low, low_third),
            simd.high_i32(low, low_third),
            simd.low_i32(high, high_third),
            simd.high_i32(high, high_third),
        ]
    }
}

/// The middle of each pair of pixels of rows of three planes
#[derive(Clone, Copy)]
pub struct PlanarMiddles<'a, S: Simd, const F16: bool, const OFFSET: bool>(
    pub Planar<'a, S, F16, OFFSET>,
);

impl<S: Simd, const F16: bool, const OFFSET: bool> Pixels<S, 2>
    for PlanarMiddles<'_, S, F16, OFFSET>
{
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        self.0.assert_len(2 * pixels);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 2] {
        let Planar { reader, planes } = self.0;
        let simd = reader.simd;
        let vector = 4 * S::LANES;
        let start = 2 * x * Reader::<S, F16, OFFSET>::BYTES;
        let [first, second, third] = planes;
        // SAFETY: the caller's
        let (first, second, third) = unsafe {
            let first = first.as_ptr().add(start);
            let second = second.as_ptr().add(start);
            let third = third.as_ptr().add(start);
            reader.prefetch(first, 2 * vector);
            reader.prefetch(second, 2 * vector);
            reader.prefetch(third, 2 * vector);
            // Lanes have four samples of the first vector, and four of the second.
            (
                reader.packed(first, 0, vector),
                reader.packed(second, 0, vector),
                reader.packed(third, 0, vector),
            )
        };
        // The middles are in the even samples, two a lane of each vector.
        let first = simd.average(first, simd.odd_samples(first));
        let second = simd.average(second, simd.odd_samples(second));
        let third = simd.average(third, simd.odd_samples(third));
        let first_two = simd.even_samples(first, second);
        [
            simd.low_i32(first_two, third),
            simd.high_i32(first_two, third),
        ]
    }
}

// --- Deep rows ---

/// What the taps of a deep row say, whose pixels have `PIXEL` samples, 3 or 4
#[derive(Clone, Copy)]
pub struct Across<'a, S: Simd, const PIXEL: usize> {
    pub simd: S,
    pub row: &'a [i16],
    pub columns: &'a Columns,
}

impl<S: Simd, const PIXEL: usize> Pixels<S, 1> for Across<'_, S, PIXEL> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        let (starts, weights) = self.columns.starts_and_weights::<PIXEL>();
        assert!(starts.len() >= pixels && weights.len() >= pixels * DEEP_PIXEL);
        assert!(self.row.len() >= PIXEL * self.columns.source_width() + 8);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        let Self { simd, row, columns } = self;
        let (starts, weights) = columns.starts_and_weights::<PIXEL>();
        let last = x + 2 * S::LANES - 2;
        // SAFETY: the caller's; starts are less than the samples of the row, after which there are eight more.
        unsafe {
            let at = |x: usize| row.as_ptr().add(*starts.get_unchecked(x) as usize).cast();
            let mut a = simd.load([at(x), at(last)]);
            let mut b = simd.load([at(x + 1), at(last + 1)]);
            if PIXEL == 3 {
                let control = simd.splat_lane(&TRIPLES_TO_QUADS);
                a = simd.shuffle_bytes(a, control);
                b = simd.shuffle_bytes(b, control);
            }
            let weights = weights.as_ptr().add(x * DEEP_PIXEL).cast();
            let weights = simd.load(lanes(weights, 16));
            [lerp(simd, simd.low_i64(a, b), simd.high_i64(a, b), weights)]
        }
    }
}

/// A deep row as it is
#[derive(Clone, Copy)]
pub struct Deep<'a, S: Simd> {
    pub simd: S,
    pub row: &'a [i16],
}

impl<S: Simd> Pixels<S, 1> for Deep<'_, S> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        assert!(self.row.len() >= pixels * DEEP_PIXEL);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        // SAFETY: the caller's
        unsafe {
            let from = self.row.as_ptr().add(x * DEEP_PIXEL);
            [self.simd.load(lanes(from.cast(), 16))]
        }
    }
}

/// A row between two deep ones
#[derive(Clone, Copy)]
pub struct Blend<'a, S: Simd> {
    top: Deep<'a, S>,
    bottom: Deep<'a, S>,
    twice_weight: S::Ints,
}

impl<'a, S: Simd> Blend<'a, S> {
    #[inline(always)]
    pub fn new(simd: S, row: BlendedRow<'a>) -> Self {
        Self {
            top: Deep { simd, row: row.top },
            bottom: Deep {
                simd,
                row: row.bottom,
            },
            twice_weight: simd.splat_i16(2 * row.weight),
        }
    }
}

impl<S: Simd> Pixels<S, 1> for Blend<'_, S> {
    #[inline(always)]
    fn assert_len(self, pixels: usize) {
        self.top.assert_len(pixels);
        self.bottom.assert_len(pixels);
    }

    #[inline(always)]
    unsafe fn vectors(self, x: usize) -> [S::Ints; 1] {
        // SAFETY: the caller's
        let ([top], [bottom]) = unsafe { (self.top.vectors(x), self.bottom.vectors(x)) };
        [lerp(self.top.simd, top, bottom, self.twice_weight)]
    }
}
