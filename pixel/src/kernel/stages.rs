//! The stages for vectors of any length, and what a vector must be able to do.

use super::columns::{Columns, Scaling};
use super::{BlendedRow, Chroma, DEEP_PIXEL, PixelBytes, Samples, SourceRow};
use crate::arithmetic::{Component, DEEPEST, SampleScale};
use crate::format::Sample;

/// Vectors of some lanes of 128 bits. Every operation works on each lane by itself; only memory and
/// the `in_order` ones see them side by side.
///
/// A value of the type proves that the processor has the instructions.
pub trait Simd: Copy {
    const LANES: usize;
    /// Four f32 a lane
    type Floats: Copy;
    /// Eight i16 a lane, or four i32, or sixteen u8
    type Ints: Copy;

    /// # Safety
    ///
    /// 16 bytes can be read at `stride` times the number of each lane from `from`.
    unsafe fn load_f32(self, from: *const u8, stride: usize) -> Self::Floats;
    /// Four float16 a lane, widened.
    ///
    /// # Safety
    ///
    /// 8 bytes can be read at `stride` times the number of each lane from `from`.
    unsafe fn load_f16(self, from: *const u8, stride: usize) -> Self::Floats;
    /// # Safety
    ///
    /// As many starts as there are lanes can be read from `starts`, `step` apart, and four f32 at each of
    /// them from `from`.
    unsafe fn load_f32_at(self, from: *const u8, starts: *const u32, step: usize) -> Self::Floats;
    /// # Safety
    ///
    /// The same for float16.
    unsafe fn load_f16_at(self, from: *const u8, starts: *const u32, step: usize) -> Self::Floats;
    /// # Safety
    ///
    /// A vector can be read from `from`.
    unsafe fn load(self, from: *const i16) -> Self::Ints;
    /// # Safety
    ///
    /// As many starts as there are lanes can be read from `starts`, `step` apart, and 8 samples at each
    /// of them from `from`.
    unsafe fn load_lanes(self, from: *const i16, starts: *const u32, step: usize) -> Self::Ints;
    /// # Safety
    ///
    /// A vector can be written to `to`.
    unsafe fn store(self, vector: Self::Ints, to: *mut u8);
    /// # Safety
    ///
    /// 16 bytes can be written at `stride` times the number of each lane from `to`.
    unsafe fn store_lanes(self, vector: Self::Ints, to: *mut u8, stride: usize);
    /// Eight words a lane as bytes: two of each lane, then the next two.
    ///
    /// # Safety
    ///
    /// Half a vector can be written to `to`.
    unsafe fn store_pairs(self, words: Self::Ints, to: *mut u8);
    /// Eight words a lane as bytes, four of them to `first`: one of each lane, then the next; and the
    /// other four to `second`.
    ///
    /// # Safety
    ///
    /// A quarter of a vector can be written to each.
    unsafe fn store_apart(self, words: Self::Ints, first: *mut u8, second: *mut u8);
    /// Asks for the cache line of any address.
    fn prefetch(self, address: *const u8);

    fn splat_f32(self, value: f32) -> Self::Floats;
    fn mul_f32(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn add_f32(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The lesser; NaN stays NaN.
    fn at_most(self, value: Self::Floats, bound: Self::Floats) -> Self::Floats;
    /// Half to even; NaN and what is less than an i32 become 0 or less.
    fn round(self, value: Self::Floats) -> Self::Ints;

    fn splat_i16(self, value: i16) -> Self::Ints;
    fn splat_i32(self, value: i32) -> Self::Ints;
    /// The same 128 bits in each lane
    fn splat_lane(self, lane: &[u8; 16]) -> Self::Ints;
    fn add_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn sub_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// `(a * b + 16384) >> 15`
    fn mul_round(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// `(a + b + 1) >> 1`, of what is not negative
    fn average(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn or(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// The second i16 of each pair in the place of the first; the second is any.
    fn odd_samples(self, a: Self::Ints) -> Self::Ints;
    /// Pairs of the first i16 of each pair
    fn even_samples(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Sums of neighbouring products of i16, as i32
    fn mul_add_pairs(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Sums of neighbouring i32, those of `a` and then those of `b`
    fn add_neighbours(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn add_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i32 `>> 21`
    fn shift_right_21(self, a: Self::Ints) -> Self::Ints;

    /// i32 as u16, saturated
    fn pack_u16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i32 as i16, saturated
    fn pack_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// i16 as u8, saturated
    fn pack_u8(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// After a pack: all of `a`, and then all of `b`.
    fn packed_in_order(self, packed: Self::Ints) -> Self::Ints;
    /// Byte `control[i]` at i, in each lane; `control[i]` is less than 16, or 128 for 0.
    fn shuffle_bytes(self, a: Self::Ints, control: Self::Ints) -> Self::Ints;
    fn low_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i16(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn low_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i32(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn low_i64(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn high_i64(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;
}

// --- Read ---

/// A [`SampleScale`] in vectors
#[derive(Clone, Copy)]
struct Scale<S: Simd> {
    factor: S::Floats,
    offset: S::Floats,
    bound: S::Floats,
}

impl<S: Simd> Scale<S> {
    #[inline(always)]
    fn new(simd: S, scale: SampleScale) -> Self {
        Self {
            factor: simd.splat_f32(scale.factor),
            offset: simd.splat_f32(scale.offset),
            bound: simd.splat_f32(f32::from(DEEPEST)),
        }
    }
}

/// How samples are read: `F16` whether they are float16, `OFFSET` whether the scale has an offset.
/// Adding 0 instead took 7 to 16 % more time.
#[derive(Clone, Copy)]
struct Reader<S: Simd, const F16: bool, const OFFSET: bool> {
    simd: S,
    scale: Scale<S>,
    /// See [`SourceRow::ahead`].
    ahead: usize,
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Reader<S, F16, OFFSET> {
    const SAMPLE_BYTES: usize = if F16 { 2 } else { 4 };

    /// Asks for what is read some time after `samples` samples from `from`.
    #[inline(always)]
    fn prefetch(self, from: *const u8, samples: usize) {
        for offset in (0..samples * Self::SAMPLE_BYTES).step_by(64) {
            self.simd.prefetch(from.wrapping_add(offset + self.ahead));
        }
    }

    /// Deep samples as i32, four a lane, each lane `stride` samples after the one before.
    ///
    /// # Safety
    ///
    /// They can be read from `from`.
    #[inline(always)]
    unsafe fn lanes(self, from: *const u8, stride: usize) -> S::Ints {
        let simd = self.simd;
        let stride = stride * Self::SAMPLE_BYTES;
        // SAFETY: as the caller promises.
        let floats = unsafe {
            if F16 {
                simd.load_f16(from, stride)
            } else {
                simd.load_f32(from, stride)
            }
        };
        self.deep(floats)
    }

    /// The same for lanes that start at samples `starts`, `step` apart.
    ///
    /// # Safety
    ///
    /// They can be read from `from`.
    #[inline(always)]
    unsafe fn lanes_at(self, from: *const u8, starts: *const u32, step: usize) -> S::Ints {
        // SAFETY: as the caller promises.
        let floats = unsafe {
            if F16 {
                self.simd.load_f16_at(from, starts, step)
            } else {
                self.simd.load_f32_at(from, starts, step)
            }
        };
        self.deep(floats)
    }

    #[inline(always)]
    fn deep(self, floats: S::Floats) -> S::Ints {
        let Self { simd, scale, .. } = self;
        let mut value = simd.mul_f32(floats, scale.factor);
        if OFFSET {
            value = simd.add_f32(value, scale.offset);
        }
        simd.round(simd.at_most(value, scale.bound))
    }

    /// Deep samples, four a lane of the vector at sample `first` and four of that at `second`.
    ///
    /// # Safety
    ///
    /// They can be read from `from`.
    #[inline(always)]
    unsafe fn packed(self, from: *const u8, first: usize, second: usize, stride: usize) -> S::Ints {
        // SAFETY: as the caller promises.
        let (first, second) = unsafe {
            (
                self.lanes(from.add(first * Self::SAMPLE_BYTES), stride),
                self.lanes(from.add(second * Self::SAMPLE_BYTES), stride),
            )
        };
        self.simd.pack_u16(first, second)
    }

    /// A row of `count` samples, as they come.
    #[inline(always)]
    fn read(self, samples: &[u8], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 8 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        assert!(samples.len() >= blocks * block * Self::SAMPLE_BYTES);
        assert!(out.len() >= blocks * block);
        for index in 0..blocks {
            // SAFETY: there are so many blocks to read and to write.
            unsafe {
                let from = samples.as_ptr().add(index * block * Self::SAMPLE_BYTES);
                self.prefetch(from, block);
                let to = out.as_mut_ptr().add(index * block);
                let first = self.packed(from, 0, vector / 2, 4);
                let second = self.packed(from, vector, vector + vector / 2, 4);
                simd.store(simd.packed_in_order(first), to.cast());
                simd.store(simd.packed_in_order(second), to.add(vector).cast());
            }
        }
    }

    /// A row of interleaved pixels, of which each two become one of `count`: their middle.
    #[inline(always)]
    fn halve_pixels(self, samples: &[u8], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 2 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        assert!(samples.len() >= (blocks * block * 6 + 1) * Self::SAMPLE_BYTES);
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        for index in 0..blocks {
            // Every lane has two pairs of pixels, and begins with the left or the right pixel of one: the
            // fourth sample is one too many.
            //
            // SAFETY: there are so many blocks to read, and one sample more, and to write.
            unsafe {
                let from = samples.as_ptr().add(index * block * 6 * Self::SAMPLE_BYTES);
                let to = out.as_mut_ptr().add(index * block * DEEP_PIXEL);
                self.prefetch(from, block * 6);
                let left = self.packed(from, 0, 6, 12);
                let right = self.packed(from, 3, 9, 12);
                simd.store(simd.average(left, right), to.cast());
                let from = from.add(vector * 6 * Self::SAMPLE_BYTES);
                let left = self.packed(from, 0, 6, 12);
                let right = self.packed(from, 3, 9, 12);
                let to = to.add(vector * DEEP_PIXEL);
                simd.store(simd.average(left, right), to.cast());
            }
        }
    }

    /// The taps of a row of interleaved pixels, where there are not many.
    ///
    /// Its four quarters are worked on side by side, so that memory is asked for four pages at a time:
    /// 1920x1080 to 320x320 takes 0.85 of the time from memory. Where more is done for a row, it makes no
    /// difference.
    #[inline(always)]
    fn pick_pixels(self, samples: &[u8], columns: &Columns, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let block = 2 * S::LANES;
        let blocks = columns.width().div_ceil(block);
        let (starts, weights) = columns.starts_and_weights::<3>();
        assert!(samples.len() >= (3 * columns.source_width() + 4) * Self::SAMPLE_BYTES);
        assert!(starts.len() >= blocks * block && weights.len() >= blocks * block * DEEP_PIXEL);
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        let quarter = blocks.div_ceil(4);
        for index in (0..quarter).flat_map(|index| (index..blocks).step_by(quarter)) {
            let x = index * block;
            // SAFETY: there are so many starts and weights, and so much to write. Starts are those of
            // pixels of the row, and what is read ends with the next pixel and one sample more.
            unsafe {
                for start in &starts[x..x + block] {
                    self.prefetch(
                        samples.as_ptr().add(*start as usize * Self::SAMPLE_BYTES),
                        1,
                    );
                }
                let starts = starts.as_ptr().add(x);
                let from = samples.as_ptr();
                let a = self.lanes_at(from, starts, 2);
                let b = self.lanes_at(from, starts.add(1), 2);
                let left = simd.pack_u16(a, b);
                let from = from.add(3 * Self::SAMPLE_BYTES);
                let a = self.lanes_at(from, starts, 2);
                let b = self.lanes_at(from, starts.add(1), 2);
                let right = simd.pack_u16(a, b);
                let weights = simd.load(weights.as_ptr().add(x * DEEP_PIXEL));
                let to = out.as_mut_ptr().add(x * DEEP_PIXEL);
                simd.store(lerp(simd, left, right, weights), to.cast());
            }
        }
    }

    /// Rows of three planes as pixels.
    #[inline(always)]
    fn read_planes(self, planes: [&[u8]; 3], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 4 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        for plane in planes {
            assert!(plane.len() >= blocks * block * Self::SAMPLE_BYTES);
        }
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        for index in 0..blocks {
            // SAFETY: there are so many blocks to read and to write; each lane is written where its
            // two pixels are.
            unsafe {
                let start = index * block * Self::SAMPLE_BYTES;
                for plane in planes {
                    self.prefetch(plane.as_ptr().add(start), block);
                }
                let first = self.packed(planes[0].as_ptr().add(start), 0, vector, 4);
                let second = self.packed(planes[1].as_ptr().add(start), 0, vector, 4);
                let third = self.packed(planes[2].as_ptr().add(start), 0, vector, 4);
                let [low, low_third] = [simd.low_i16(first, second), simd.low_i16(third, third)];
                let [high, high_third] =
                    [simd.high_i16(first, second), simd.high_i16(third, third)];
                // Lanes have four pixels of the first vector, and four of the second. The fourth
                // sample of a pixel is any.
                let to = out
                    .as_mut_ptr()
                    .add(index * block * DEEP_PIXEL)
                    .cast::<u8>();
                let pixel = DEEP_PIXEL * size_of::<i16>();
                simd.store_lanes(simd.low_i32(low, low_third), to, 4 * pixel);
                simd.store_lanes(simd.high_i32(low, low_third), to.add(2 * pixel), 4 * pixel);
                let to = to.add(vector * pixel);
                simd.store_lanes(simd.low_i32(high, high_third), to, 4 * pixel);
                simd.store_lanes(
                    simd.high_i32(high, high_third),
                    to.add(2 * pixel),
                    4 * pixel,
                );
            }
        }
    }

    /// The same for rows of which each two samples become one of `count`: their middle.
    #[inline(always)]
    fn halve_planes(self, planes: [&[u8]; 3], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 2 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        for plane in planes {
            assert!(plane.len() >= 2 * blocks * block * Self::SAMPLE_BYTES);
        }
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        for index in 0..blocks {
            // SAFETY: there are so many blocks to read and to write.
            unsafe {
                let start = 2 * index * block * Self::SAMPLE_BYTES;
                for plane in planes {
                    self.prefetch(plane.as_ptr().add(start), 2 * block);
                }
                let first = self.packed(planes[0].as_ptr().add(start), 0, block, 4);
                let second = self.packed(planes[1].as_ptr().add(start), 0, block, 4);
                let third = self.packed(planes[2].as_ptr().add(start), 0, block, 4);
                // Means of pairs, in the even samples.
                let first = simd.average(first, simd.odd_samples(first));
                let second = simd.average(second, simd.odd_samples(second));
                let third = simd.average(third, simd.odd_samples(third));
                let first_two = simd.even_samples(first, second);
                // Lanes have two pixels of the first vector, and two of the second.
                let to = out.as_mut_ptr().add(index * block * DEEP_PIXEL);
                simd.store(simd.low_i32(first_two, third), to.cast());
                simd.store(
                    simd.high_i32(first_two, third),
                    to.add(vector * DEEP_PIXEL).cast(),
                );
            }
        }
    }
}

// --- Across ---

/// Two pixels of three samples side by side as two of four.
const TRIPLES_TO_QUADS: [u8; 16] = [0, 1, 2, 3, 4, 5, 128, 128, 6, 7, 8, 9, 10, 11, 128, 128];

/// `p + (((q - p) * weight + 8192) >> 14)`, for twice the weight.
#[inline(always)]
fn lerp<S: Simd>(simd: S, p: S::Ints, q: S::Ints, twice_weight: S::Ints) -> S::Ints {
    simd.add_i16(p, simd.mul_round(simd.sub_i16(q, p), twice_weight))
}

/// Scales a row of pixels of `PIXEL` samples, 3 or 4.
#[inline(always)]
fn across<S: Simd, const PIXEL: usize>(simd: S, row: &[i16], columns: &Columns, out: &mut [i16]) {
    let vector = 2 * S::LANES;
    let vectors = columns.width().div_ceil(vector);
    assert!(row.len() >= PIXEL * columns.source_width() + 8);
    assert!(out.len() >= vectors * vector * DEEP_PIXEL);
    let (starts, weights) = columns.starts_and_weights::<PIXEL>();
    assert!(starts.len() >= vectors * vector && weights.len() >= vectors * vector * DEEP_PIXEL);
    let control = simd.splat_lane(&TRIPLES_TO_QUADS);
    for index in 0..vectors {
        let x = index * vector;
        // SAFETY: there are so many starts and weights, and so much to write. Starts are less than
        // the samples of the row, after which there are eight more.
        unsafe {
            let starts = starts.as_ptr().add(x);
            let mut a = simd.load_lanes(row.as_ptr(), starts, 2);
            let mut b = simd.load_lanes(row.as_ptr(), starts.add(1), 2);
            if PIXEL == 3 {
                a = simd.shuffle_bytes(a, control);
                b = simd.shuffle_bytes(b, control);
            }
            let (p, q) = (simd.low_i64(a, b), simd.high_i64(a, b));
            let weights = simd.load(weights.as_ptr().add(x * DEEP_PIXEL));
            let to = out.as_mut_ptr().add(x * DEEP_PIXEL);
            simd.store(lerp(simd, p, q, weights), to.cast());
        }
    }
}

/// Read and across, the one in the other where that is shorter.
#[inline(always)]
pub fn scale_row<S: Simd>(
    simd: S,
    row: SourceRow,
    columns: &Columns,
    scratch: &mut [i16],
    out: &mut [i16],
) {
    let rows = (scratch, out);
    match (row.sample, row.scale.offset == 0.0) {
        (Sample::F32, true) => scale_row_as::<S, false, false>(simd, row, columns, rows),
        (Sample::F32, false) => scale_row_as::<S, false, true>(simd, row, columns, rows),
        (Sample::F16, true) => scale_row_as::<S, true, false>(simd, row, columns, rows),
        (Sample::F16, false) => scale_row_as::<S, true, true>(simd, row, columns, rows),
    }
}

#[inline(always)]
fn scale_row_as<S: Simd, const F16: bool, const OFFSET: bool>(
    simd: S,
    row: SourceRow,
    columns: &Columns,
    (scratch, out): (&mut [i16], &mut [i16]),
) {
    let scale = Scale::new(simd, row.scale);
    let reader = Reader::<S, F16, OFFSET> {
        simd,
        scale,
        ahead: row.ahead,
    };
    let (source_width, width) = (columns.source_width(), columns.width());
    match (row.samples, columns.scaling) {
        (Samples::Interleaved(samples), Scaling::None) => reader.read(samples, 3 * width, out),
        (Samples::Interleaved(samples), Scaling::Half) => reader.halve_pixels(samples, width, out),
        (Samples::Interleaved(samples), Scaling::Sparse) => {
            reader.pick_pixels(samples, columns, out)
        }
        (Samples::Interleaved(samples), Scaling::Any) => {
            reader.read(samples, 3 * source_width, scratch);
            across::<S, 3>(simd, scratch, columns, out);
        }
        (Samples::Planar(planes), Scaling::None) => reader.read_planes(planes, width, out),
        (Samples::Planar(planes), Scaling::Half) => reader.halve_planes(planes, width, out),
        (Samples::Planar(planes), Scaling::Sparse | Scaling::Any) => {
            reader.read_planes(planes, source_width, scratch);
            across::<S, 4>(simd, scratch, columns, out);
        }
    }
}

// --- Down and write ---

/// Blends rows of pixels of `PIXEL` samples, vector by vector. `BLEND` is whether the bottom row counts.
#[derive(Clone, Copy)]
struct Blender<'a, S: Simd, const BLEND: bool, const PIXEL: usize> {
    simd: S,
    row: BlendedRow<'a>,
    twice_weight: S::Ints,
    to_quads: S::Ints,
}

impl<'a, S: Simd, const BLEND: bool, const PIXEL: usize> Blender<'a, S, BLEND, PIXEL> {
    /// For `pixels` pixels.
    #[inline(always)]
    fn new(simd: S, row: BlendedRow<'a>, pixels: usize) -> Self {
        assert!(row.top.len().min(row.bottom.len()) >= pixels * PIXEL + 2);
        Self {
            simd,
            row,
            twice_weight: simd.splat_i16(2 * row.weight),
            to_quads: simd.splat_lane(&TRIPLES_TO_QUADS),
        }
    }

    /// Two pixels a lane, side by side, from pixel `x` on.
    ///
    /// # Safety
    ///
    /// They are among those promised.
    #[inline(always)]
    unsafe fn vector(self, x: usize) -> S::Ints {
        let Self { simd, row, .. } = self;
        // SAFETY: as the caller promises; of three samples a pixel, two more are read.
        unsafe {
            let top = Self::load(simd, row.top.as_ptr().add(x * PIXEL));
            if !BLEND {
                return top;
            }
            let bottom = Self::load(simd, row.bottom.as_ptr().add(x * PIXEL));
            lerp(simd, top, bottom, self.twice_weight)
        }
    }

    /// # Safety
    ///
    /// The samples can be read.
    #[inline(always)]
    unsafe fn load(simd: S, from: *const i16) -> S::Ints {
        // SAFETY: as the caller promises.
        unsafe {
            match PIXEL {
                3 => simd.load_lanes(from, [0, 6, 12, 18].as_ptr(), 1),
                _ => simd.load(from),
            }
        }
    }

    /// The same with four samples a pixel.
    ///
    /// # Safety
    ///
    /// The pixels are among those promised.
    #[inline(always)]
    unsafe fn quads(self, x: usize) -> S::Ints {
        // SAFETY: as the caller promises.
        let vector = unsafe { self.vector(x) };
        match PIXEL {
            3 => self.simd.shuffle_bytes(vector, self.to_quads),
            _ => vector,
        }
    }

    /// The four vectors from pixel `x` on.
    ///
    /// # Safety
    ///
    /// Their pixels are among those promised.
    #[inline(always)]
    unsafe fn block(self, x: usize) -> [S::Ints; 4] {
        let vector = 2 * S::LANES;
        // SAFETY: as the caller promises.
        unsafe {
            [
                self.quads(x),
                self.quads(x + vector),
                self.quads(x + 2 * vector),
                self.quads(x + 3 * vector),
            ]
        }
    }
}

/// The rest of a row that is no whole block, with room for two.
const REST_BYTES: usize = 192;

/// Where a kernel writes a row block by block: to the row as long as there is room, and then to a buffer.
struct Blocks<'a> {
    row: &'a mut [u8],
    /// In the row
    whole: usize,
    /// Bytes of a block
    block: usize,
    rest: [u8; REST_BYTES],
}

impl<'a> Blocks<'a> {
    #[inline(always)]
    fn new(row: &'a mut [u8], block: usize, excess: usize) -> Self {
        Self {
            whole: row.len().saturating_sub(excess) / block,
            row,
            block,
            rest: [0; REST_BYTES],
        }
    }

    /// Where block `index` belongs.
    #[inline(always)]
    fn at(&mut self, index: usize) -> *mut u8 {
        let start = index * self.block;
        match index < self.whole {
            // SAFETY: the block and its excess are in the row.
            true => unsafe { self.row.as_mut_ptr().add(start) },
            false => self.rest[start - self.whole * self.block..].as_mut_ptr(),
        }
    }

    #[inline(always)]
    fn finish(self) {
        let rest = &mut self.row[self.whole * self.block..];
        rest.copy_from_slice(&self.rest[..rest.len()]);
    }
}

#[inline(always)]
pub fn write_rgb<S: Simd>(simd: S, row: BlendedRow, bytes: &PixelBytes, out: &mut [u8]) {
    match (row.pixel, row.weight) {
        (3, 0) => write_rgb_from::<S, false, 3>(simd, row, bytes, out),
        (3, _) => write_rgb_from::<S, true, 3>(simd, row, bytes, out),
        (_, 0) => write_rgb_from::<S, false, DEEP_PIXEL>(simd, row, bytes, out),
        _ => write_rgb_from::<S, true, DEEP_PIXEL>(simd, row, bytes, out),
    }
}

#[inline(always)]
fn write_rgb_from<S: Simd, const BLEND: bool, const PIXEL: usize>(
    simd: S,
    row: BlendedRow,
    bytes: &PixelBytes,
    out: &mut [u8],
) {
    match bytes.channels.len() {
        3 => write_rgb_as::<S, BLEND, PIXEL, 3>(simd, row, bytes, out),
        _ => write_rgb_as::<S, BLEND, PIXEL, 4>(simd, row, bytes, out),
    }
}

#[inline(always)]
fn write_rgb_as<S: Simd, const BLEND: bool, const PIXEL: usize, const BYTES: usize>(
    simd: S,
    row: BlendedRow,
    bytes: &PixelBytes,
    out: &mut [u8],
) {
    let control = simd.splat_lane(&bytes.control);
    let always = simd.splat_lane(&bytes.always);
    // (deep * 256 + 16384) >> 15 is (deep + 64) >> 7.
    let to_level = simd.splat_i16(256);
    let vector = 2 * S::LANES;
    let block = 2 * vector;
    let blocks = (out.len() / BYTES).div_ceil(block);
    let row = Blender::<S, BLEND, PIXEL>::new(simd, row, blocks * block);
    // A lane of three bytes a pixel ends with four bytes too many, which the next lane puts right.
    let mut out = Blocks::new(out, block * BYTES, 4 * (4 - BYTES));
    for index in 0..blocks {
        // SAFETY: the row has all blocks, and there is room for them where they are written.
        unsafe {
            let x = index * block;
            let first = simd.mul_round(row.vector(x), to_level);
            let second = simd.mul_round(row.vector(x + vector), to_level);
            let pixels = simd.packed_in_order(simd.pack_u8(first, second));
            let pixels = simd.or(simd.shuffle_bytes(pixels, control), always);
            match BYTES {
                3 => simd.store_lanes(pixels, out.at(index), 12),
                _ => simd.store(pixels, out.at(index)),
            }
        }
    }
    out.finish();
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

    /// The components of two pixels a lane of each vector, as i32.
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
    match (row.pixel, row.weight) {
        (3, 0) => write_luma_as::<S, false, 3>(simd, row, luma, blended, out),
        (3, _) => write_luma_as::<S, true, 3>(simd, row, luma, blended, out),
        (_, 0) => write_luma_as::<S, false, DEEP_PIXEL>(simd, row, luma, blended, out),
        _ => write_luma_as::<S, true, DEEP_PIXEL>(simd, row, luma, blended, out),
    }
}

#[inline(always)]
fn write_luma_as<S: Simd, const BLEND: bool, const PIXEL: usize>(
    simd: S,
    row: BlendedRow,
    luma: &Component,
    blended: &mut [i16],
    out: &mut [u8],
) {
    let vector = 2 * S::LANES;
    let block = 4 * vector;
    let blocks = out.len().div_ceil(block);
    assert!(blended.len() >= blocks * block * DEEP_PIXEL);
    let y = Factors::new(simd, luma);
    let row = Blender::<S, BLEND, PIXEL>::new(simd, row, blocks * block);
    let mut out = Blocks::new(out, block, 0);
    for index in 0..blocks {
        // SAFETY: the row has all blocks, and there is room for them where they are written.
        unsafe {
            let [a, b, c, d] = row.block(index * block);
            let to = blended
                .as_mut_ptr()
                .add(index * block * DEEP_PIXEL)
                .cast::<u8>();
            let step = vector * DEEP_PIXEL * size_of::<i16>();
            simd.store(a, to);
            simd.store(b, to.add(step));
            simd.store(c, to.add(2 * step));
            simd.store(d, to.add(3 * step));
            // Lanes have two pixels of each vector.
            simd.store_pairs(simd.pack_i16(y.of(a, b), y.of(c, d)), out.at(index));
        }
    }
    out.finish();
}

#[inline(always)]
pub fn write_chroma<S: Simd>(simd: S, rows: [&[i16]; 2], [cb, cr]: [&Component; 2], out: Chroma) {
    let vector = 2 * S::LANES;
    // Of pixels before their mean is taken
    let block = 4 * vector;
    let (first, second, is_planar) = match out {
        Chroma::Planar(cb, cr) => (cb, cr, true),
        Chroma::Interleaved(out) => (out, &mut [][..], false),
    };
    let block_bytes = if is_planar { block / 2 } else { block };
    let blocks = first.len().div_ceil(block_bytes);
    let [top, bottom] = rows;
    assert!(top.len().min(bottom.len()) >= blocks * block * DEEP_PIXEL);
    let (cb, cr) = (Factors::new(simd, cb), Factors::new(simd, cr));
    let side_by_side = simd.splat_lane(&[0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]);
    let mut first = Blocks::new(first, block_bytes, 0);
    let mut second = Blocks::new(second, block_bytes, 0);
    for index in 0..blocks {
        // SAFETY: the rows have all blocks, and there is room for them where they are written.
        unsafe {
            let (top, bottom) = (top.as_ptr(), bottom.as_ptr());
            let at = index * block * DEEP_PIXEL;
            let step = vector * DEEP_PIXEL;
            let a = simd.average(simd.load(top.add(at)), simd.load(bottom.add(at)));
            let at = at + step;
            let b = simd.average(simd.load(top.add(at)), simd.load(bottom.add(at)));
            let at = at + step;
            let c = simd.average(simd.load(top.add(at)), simd.load(bottom.add(at)));
            let at = at + step;
            let d = simd.average(simd.load(top.add(at)), simd.load(bottom.add(at)));
            let left = simd.average(simd.low_i64(a, b), simd.high_i64(a, b));
            let right = simd.average(simd.low_i64(c, d), simd.high_i64(c, d));
            // Lanes have one mean of each vector: four of Cb, and then of Cr.
            let words = simd.pack_i16(cb.of(left, right), cr.of(left, right));
            if is_planar {
                simd.store_apart(words, first.at(index), second.at(index));
            } else {
                simd.store_pairs(simd.shuffle_bytes(words, side_by_side), first.at(index));
            }
        }
    }
    first.finish();
    second.finish();
}
