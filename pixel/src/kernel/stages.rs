//! The stages for vectors of any length, and what a vector must be able to do.

use super::columns::{Columns, Scaling};
use super::{BlendedRow, Chroma, DEEP_PIXEL, PixelBytes, Samples, SourceRow};
use crate::arithmetic::{Component, DEEPEST, SampleScale, YCbCr};
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
    /// A vector can be read from `from`.
    unsafe fn load(self, from: *const i16) -> Self::Ints;
    /// # Safety
    ///
    /// 8 samples can be read from `from` at as many of `starts` as there are lanes.
    unsafe fn load_lanes(self, from: *const i16, starts: [usize; 4]) -> Self::Ints;
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

/// How far ahead of where it is read the source is fetched, to the second-level cache, where a row is in
/// one piece.
///
/// The processor's own prefetching ends with each page of 4 KiB, and nothing is fetched while the other
/// stages work: what is under way meanwhile has to be more than a row of the usual sizes.
const PREFETCH_BYTES: usize = 9 * 1024;

/// Asks for what comes after the cache lines that begin in `bytes` bytes from `from`.
#[inline(always)]
fn prefetch_after<S: Simd>(simd: S, from: *const u8, bytes: usize, distance: usize) {
    for line in (0..bytes).step_by(64) {
        simd.prefetch(from.wrapping_add(line + distance));
    }
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
}

impl<S: Simd, const F16: bool, const OFFSET: bool> Reader<S, F16, OFFSET> {
    const SAMPLE_BYTES: usize = if F16 { 2 } else { 4 };

    /// Deep samples as i32, four a lane, each lane `stride` samples after the one before.
    ///
    /// # Safety
    ///
    /// They can be read from `from`.
    #[inline(always)]
    unsafe fn lanes(self, from: *const u8, stride: usize) -> S::Ints {
        let Self { simd, scale } = self;
        let stride = stride * Self::SAMPLE_BYTES;
        // SAFETY: as the caller promises.
        let floats = unsafe {
            if F16 {
                simd.load_f16(from, stride)
            } else {
                simd.load_f32(from, stride)
            }
        };
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

    /// Pointers to `blocks` blocks of `block` samples each.
    #[inline(always)]
    fn blocks(samples: &[u8], block: usize, blocks: usize) -> impl Iterator<Item = *const u8> {
        let bytes = block * Self::SAMPLE_BYTES;
        assert!(samples.len() >= blocks * bytes);
        samples.chunks_exact(bytes).take(blocks).map(<[u8]>::as_ptr)
    }

    /// A row of `count` samples, as they come.
    #[inline(always)]
    fn read(self, samples: &[u8], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 8 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        assert!(out.len() >= blocks * block);
        let outs = out.chunks_exact_mut(block);
        for (from, out) in Self::blocks(samples, block, blocks).zip(outs) {
            prefetch_after(simd, from, block * Self::SAMPLE_BYTES, PREFETCH_BYTES);
            for start in [0, vector] {
                // SAFETY: a block is read and written.
                unsafe {
                    let packed = self.packed(from, start, start + vector / 2, 4);
                    let to = out.as_mut_ptr().add(start);
                    simd.store(simd.packed_in_order(packed), to.cast());
                }
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
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        assert!(samples.len() >= (blocks * block * 6 + 1) * Self::SAMPLE_BYTES);
        let outs = out.chunks_exact_mut(block * DEEP_PIXEL);
        for (from, out) in Self::blocks(samples, block * 6, blocks).zip(outs) {
            prefetch_after(simd, from, block * 6 * Self::SAMPLE_BYTES, PREFETCH_BYTES);
            for pixel in [0, vector] {
                // Every lane has two pairs of pixels, and begins with the left or the right pixel of
                // one: the fourth sample is one too many.
                let start = 6 * pixel;
                // SAFETY: what is read ends one sample after the block.
                unsafe {
                    let left = self.packed(from, start, start + 6, 12);
                    let right = self.packed(from, start + 3, start + 9, 12);
                    let to = out.as_mut_ptr().add(pixel * DEEP_PIXEL);
                    simd.store(simd.average(left, right), to.cast());
                }
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
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        let [first, second, third] = planes.map(|plane| Self::blocks(plane, block, blocks));
        let outs = out.chunks_exact_mut(block * DEEP_PIXEL);
        for (((first, second), third), out) in first.zip(second).zip(third).zip(outs) {
            let mut packed = [simd.splat_i16(0); 3];
            for (packed, from) in packed.iter_mut().zip([first, second, third]) {
                prefetch_after(simd, from, block * Self::SAMPLE_BYTES, PREFETCH_BYTES / 3);
                // SAFETY: a block is read.
                *packed = unsafe { self.packed(from, 0, vector, 4) };
            }
            // Lanes have four pixels of the first vector, and four of the second.
            let [a, b, c, d] = interleave(simd, packed);
            for (pixels, start) in [(a, 0), (b, 2), (c, vector), (d, vector + 2)] {
                // SAFETY: each lane is written where its two pixels are, in the block.
                unsafe {
                    let to = out.as_mut_ptr().add(start * DEEP_PIXEL);
                    simd.store_lanes(pixels, to.cast(), 4 * DEEP_PIXEL * size_of::<i16>());
                }
            }
        }
    }

    /// The same for rows of which each two samples become one of `count`: their middle.
    #[inline(always)]
    fn halve_planes(self, planes: [&[u8]; 3], count: usize, out: &mut [i16]) {
        let Self { simd, .. } = self;
        let vector = 4 * S::LANES;
        let block = 2 * vector;
        let blocks = count.div_ceil(block);
        assert!(out.len() >= blocks * block * DEEP_PIXEL);
        let [first, second, third] = planes.map(|plane| Self::blocks(plane, 2 * block, blocks));
        let outs = out.chunks_exact_mut(block * DEEP_PIXEL);
        for (((first, second), third), out) in first.zip(second).zip(third).zip(outs) {
            // Each vector has the pairs of two of those that are made, their means in the even samples.
            for (vector, start) in [(0, 0), (1, 2 * vector)] {
                let mut means = [simd.splat_i16(0); 3];
                for (means, from) in means.iter_mut().zip([first, second, third]) {
                    // SAFETY: a block is read.
                    let pairs = unsafe { self.packed(from, start, start + 4 * S::LANES, 4) };
                    *means = simd.average(pairs, simd.odd_samples(pairs));
                }
                let [first, second, third] = means;
                let first_two = simd.even_samples(first, second);
                // SAFETY: these are the four vectors of a block.
                unsafe {
                    let to = out.as_mut_ptr().add(vector * block / 2 * DEEP_PIXEL);
                    simd.store(simd.low_i32(first_two, third), to.cast());
                    let to = to.add(2 * S::LANES * DEEP_PIXEL);
                    simd.store(simd.high_i32(first_two, third), to.cast());
                }
            }
        }
    }
}

/// Eight samples a lane of each plane as eight pixels a lane, in four vectors. The fourth sample of a
/// pixel is any.
#[inline(always)]
fn interleave<S: Simd>(simd: S, [first, second, third]: [S::Ints; 3]) -> [S::Ints; 4] {
    let [low, low_third] = [simd.low_i16(first, second), simd.low_i16(third, third)];
    let [high, high_third] = [simd.high_i16(first, second), simd.high_i16(third, third)];
    [
        simd.low_i32(low, low_third),
        simd.high_i32(low, low_third),
        simd.low_i32(high, high_third),
        simd.high_i32(high, high_third),
    ]
}

// --- Across ---

/// Two pixels of three samples side by side as two of four.
const TRIPLES_TO_QUADS: [u8; 16] = [0, 1, 2, 3, 4, 5, 128, 128, 6, 7, 8, 9, 10, 11, 128, 128];

/// `p + (((q - p) * weight + 8192) >> 14)`, for twice the weight.
#[inline(always)]
fn lerp<S: Simd>(simd: S, p: S::Ints, q: S::Ints, twice_weight: S::Ints) -> S::Ints {
    simd.add_i16(p, simd.mul_round(simd.sub_i16(q, p), twice_weight))
}

/// Triples as pixels, where nothing is scaled.
#[inline(always)]
fn expand<S: Simd>(simd: S, row: &[i16], count: usize, out: &mut [i16]) {
    let vector = 2 * S::LANES;
    let vectors = count.div_ceil(vector);
    assert!(row.len() >= vectors * vector * 3 + 2 && out.len() >= vectors * vector * DEEP_PIXEL);
    let control = simd.splat_lane(&TRIPLES_TO_QUADS);
    let outs = out.chunks_exact_mut(vector * DEEP_PIXEL);
    for (row, out) in row.chunks_exact(vector * 3).zip(outs).take(vectors) {
        // SAFETY: what is read ends two samples after the vector.
        unsafe {
            let triples = simd.load_lanes(row.as_ptr(), [0, 6, 12, 18]);
            simd.store(
                simd.shuffle_bytes(triples, control),
                out.as_mut_ptr().cast(),
            );
        }
    }
}

/// Scales a row of pixels of `PIXEL` samples, 3 or 4.
#[inline(always)]
fn across<S: Simd, const PIXEL: usize>(simd: S, row: &[i16], columns: &Columns, out: &mut [i16]) {
    let vector = 2 * S::LANES;
    let vectors = columns.width().div_ceil(vector);
    assert!(row.len() >= PIXEL * columns.source_width() + 8);
    assert!(out.len() >= vectors * vector * DEEP_PIXEL);
    let control = simd.splat_lane(&TRIPLES_TO_QUADS);
    let (starts, weights) = columns.starts_and_weights::<PIXEL>();
    let starts = starts.chunks_exact(vector);
    let weights = weights.chunks_exact(vector * DEEP_PIXEL);
    let outs = out.chunks_exact_mut(vector * DEEP_PIXEL);
    for ((starts, weights), out) in starts.zip(weights).zip(outs).take(vectors) {
        let mut taps = [simd.splat_i16(0); 2];
        for (pixel, taps) in taps.iter_mut().enumerate() {
            let start = |lane: usize| match lane < S::LANES {
                true => starts[2 * lane + pixel] as usize,
                false => 0,
            };
            // SAFETY: starts are less than the samples of the row, after which there are eight more.
            *taps =
                unsafe { simd.load_lanes(row.as_ptr(), [start(0), start(1), start(2), start(3)]) };
            if PIXEL == 3 {
                *taps = simd.shuffle_bytes(*taps, control);
            }
        }
        let [a, b] = taps;
        let (p, q) = (simd.low_i64(a, b), simd.high_i64(a, b));
        // SAFETY: there is a vector of weights, and one to write.
        unsafe {
            let weights = simd.load(weights.as_ptr());
            simd.store(lerp(simd, p, q, weights), out.as_mut_ptr().cast());
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
    match (row.sample, row.scale.offset == 0.0) {
        (Sample::F32, true) => scale_row_as::<S, false, false>(simd, row, columns, scratch, out),
        (Sample::F32, false) => scale_row_as::<S, false, true>(simd, row, columns, scratch, out),
        (Sample::F16, true) => scale_row_as::<S, true, false>(simd, row, columns, scratch, out),
        (Sample::F16, false) => scale_row_as::<S, true, true>(simd, row, columns, scratch, out),
    }
}

#[inline(always)]
fn scale_row_as<S: Simd, const F16: bool, const OFFSET: bool>(
    simd: S,
    row: SourceRow,
    columns: &Columns,
    scratch: &mut [i16],
    out: &mut [i16],
) {
    let scale = Scale::new(simd, row.scale);
    let reader = Reader::<S, F16, OFFSET> { simd, scale };
    let (source_width, width) = (columns.source_width(), columns.width());
    match (row.samples, columns.scaling) {
        (Samples::Interleaved(samples), Scaling::Half) => reader.halve_pixels(samples, width, out),
        (Samples::Interleaved(samples), Scaling::None) => {
            reader.read(samples, 3 * source_width, scratch);
            expand(simd, scratch, width, out);
        }
        (Samples::Interleaved(samples), Scaling::Any) => {
            reader.read(samples, 3 * source_width, scratch);
            across::<S, 3>(simd, scratch, columns, out);
        }
        (Samples::Planar(planes), Scaling::Half) => reader.halve_planes(planes, width, out),
        (Samples::Planar(planes), Scaling::None) => reader.read_planes(planes, width, out),
        (Samples::Planar(planes), Scaling::Any) => {
            reader.read_planes(planes, source_width, scratch);
            across::<S, 4>(simd, scratch, columns, out);
        }
    }
}

// --- Down and write ---

/// Blends rows vector by vector. `BLEND` is whether the bottom row counts.
#[derive(Clone, Copy)]
struct Blender<'a, S: Simd, const BLEND: bool> {
    simd: S,
    row: BlendedRow<'a>,
    twice_weight: S::Ints,
}

impl<'a, S: Simd, const BLEND: bool> Blender<'a, S, BLEND> {
    /// For `pixels` pixels.
    #[inline(always)]
    fn new(simd: S, row: BlendedRow<'a>, pixels: usize) -> Self {
        assert!(row.top.len().min(row.bottom.len()) >= pixels * DEEP_PIXEL);
        Self {
            simd,
            row,
            twice_weight: simd.splat_i16(2 * row.weight),
        }
    }

    /// The vector that begins with pixel `x`.
    ///
    /// # Safety
    ///
    /// Its pixels are among those promised.
    #[inline(always)]
    unsafe fn vector(self, x: usize) -> S::Ints {
        let Self { simd, row, .. } = self;
        // SAFETY: as the caller promises.
        unsafe {
            let top = simd.load(row.top.as_ptr().add(x * DEEP_PIXEL));
            if !BLEND {
                return top;
            }
            let bottom = simd.load(row.bottom.as_ptr().add(x * DEEP_PIXEL));
            lerp(simd, top, bottom, self.twice_weight)
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
                self.vector(x),
                self.vector(x + vector),
                self.vector(x + 2 * vector),
                self.vector(x + 3 * vector),
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
    match (row.weight, bytes.channels.len()) {
        (0, 3) => write_rgb_as::<S, false, 3>(simd, row, bytes, out),
        (0, _) => write_rgb_as::<S, false, 4>(simd, row, bytes, out),
        (_, 3) => write_rgb_as::<S, true, 3>(simd, row, bytes, out),
        _ => write_rgb_as::<S, true, 4>(simd, row, bytes, out),
    }
}

#[inline(always)]
fn write_rgb_as<S: Simd, const BLEND: bool, const PIXEL: usize>(
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
    let blocks = (out.len() / PIXEL).div_ceil(block);
    let row = Blender::<S, BLEND>::new(simd, row, blocks * block);
    // A lane of three bytes a pixel ends with four bytes too many, which the next lane puts right.
    let mut out = Blocks::new(out, block * PIXEL, 4 * (4 - PIXEL));
    for index in 0..blocks {
        // SAFETY: the row has all blocks, and there is room for them where they are written.
        unsafe {
            let x = index * block;
            let first = simd.mul_round(row.vector(x), to_level);
            let second = simd.mul_round(row.vector(x + vector), to_level);
            let pixels = simd.packed_in_order(simd.pack_u8(first, second));
            let pixels = simd.or(simd.shuffle_bytes(pixels, control), always);
            match PIXEL {
                3 => simd.store_lanes(pixels, out.at(index), 4 * PIXEL),
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
pub fn write_ycbcr<S: Simd>(
    simd: S,
    rows: [BlendedRow; 2],
    ycbcr: &YCbCr,
    luma: [&mut [u8]; 2],
    chroma: Chroma,
) {
    if rows.iter().all(|row| row.weight == 0) {
        write_ycbcr_as::<S, false>(simd, rows, ycbcr, luma, chroma);
    } else {
        write_ycbcr_as::<S, true>(simd, rows, ycbcr, luma, chroma);
    }
}

#[inline(always)]
fn write_ycbcr_as<S: Simd, const BLEND: bool>(
    simd: S,
    [top, bottom]: [BlendedRow; 2],
    ycbcr: &YCbCr,
    luma: [&mut [u8]; 2],
    chroma: Chroma,
) {
    let vector = 2 * S::LANES;
    let block = 4 * vector;
    let blocks = luma[0].len().div_ceil(block);
    let y = Factors::new(simd, &ycbcr.y);
    let cb = Factors::new(simd, &ycbcr.cb);
    let cr = Factors::new(simd, &ycbcr.cr);
    let side_by_side = simd.splat_lane(&[0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15]);
    let top = Blender::<S, BLEND>::new(simd, top, blocks * block);
    let bottom = Blender::<S, BLEND>::new(simd, bottom, blocks * block);
    let [luma_top, luma_bottom] = luma;
    let mut luma_top = Blocks::new(luma_top, block, 0);
    let mut luma_bottom = Blocks::new(luma_bottom, block, 0);
    let (first, second, is_planar) = match chroma {
        Chroma::Planar(cb, cr) => (cb, cr, true),
        Chroma::Interleaved(out) => (out, &mut [][..], false),
    };
    let chroma_block = if is_planar { block / 2 } else { block };
    let mut first = Blocks::new(first, chroma_block, 0);
    let mut second = Blocks::new(second, chroma_block, 0);
    for index in 0..blocks {
        // SAFETY: the rows have all blocks, and there is room for them where they are written.
        unsafe {
            let [a, b, c, d] = top.block(index * block);
            let [e, f, g, h] = bottom.block(index * block);
            // Lanes have two pixels of each vector.
            simd.store_pairs(simd.pack_i16(y.of(a, b), y.of(c, d)), luma_top.at(index));
            simd.store_pairs(simd.pack_i16(y.of(e, f), y.of(g, h)), luma_bottom.at(index));
            let (a, b) = (simd.average(a, e), simd.average(b, f));
            let (c, d) = (simd.average(c, g), simd.average(d, h));
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
    luma_top.finish();
    luma_bottom.finish();
    first.finish();
    second.finish();
}
