//! The backend for x86-64 processors with AVX2.

#![allow(unsafe_code)]

use super::axis::{Columns, Scaling, WINDOW_SAMPLES};
use super::backend::{BlendedRow, Kernels, PairSums, SourceRow};
use super::color::{Component, Levels};
use super::format::PixelFormat;
use super::wide;
use std::arch::x86_64::*;

/// The kernels, if this processor can run them.
pub fn kernels() -> Option<&'static Kernels> {
    is_there().then_some(&KERNELS)
}

pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")
}

/// Only for processors that have AVX2 and F16C, as all with AVX2 do; [`is_there`] sees to that.
static KERNELS: Kernels = Kernels {
    name: "avx2",
    widen: safe::widen,
    scale_row: safe::scale_row,
    pack_row: safe::pack_row,
    luma_row: safe::luma_row,
    chroma_rows: safe::chroma_rows,
    chroma_pair_row: safe::chroma_pair_row,
};

/// How far ahead of the conversion its source is fetched, to the second-level cache, where a row is in
/// one piece.
///
/// The processor's own prefetching ends with each page of 4 KiB, and nothing is fetched while the rows
/// between are worked on: what is under way meanwhile has to be more than a row. Over 64 frames on a
/// virtual machine with Zen 4 cores, in multiples of the time that reading takes, without this, with
/// 3 KiB, 8 KiB and 12 KiB: 1.5, 1.7, 1.3, 1.3 for RGBA and 3.0, 2.4, 1.6, 1.6 for I420; 16 and 32 KiB did
/// as 12. On a Xeon with AMX it matters less: 16 KiB took 5 % more time than 4 there, 3 KiB 7 % less.
///
/// Fetching to the first-level cache is worse on Zen 4, presumably because fewer of its lines can be
/// under way at a time. So is fetching every second line only.
pub(super) const PREFETCH_BYTES: usize = 9 * 1024;

/// The same where a row is in three pieces
pub(super) const PREFETCH_PLANE_BYTES: usize = PREFETCH_BYTES / 3;

/// Asks the processor for what comes `distance` after `bytes`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn prefetch_after(bytes: &[u8], distance: usize) {
    const CACHE_LINE: usize = 64;
    for line in bytes.chunks(CACHE_LINE) {
        let later = line.as_ptr().wrapping_add(distance);
        _mm_prefetch::<_MM_HINT_T1>(later.cast());
    }
}

/// The same for a whole row, which takes a third off the time without scaling, and a fifth off that at
/// ratios for which there is no shorter way.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn prefetch_after_row(row: SourceRow) {
    match row {
        SourceRow::Interleaved { pixels, .. } => prefetch_after(pixels, PREFETCH_BYTES),
        SourceRow::Planar(planes) => {
            for plane in planes {
                prefetch_after(plane, PREFETCH_PLANE_BYTES);
            }
        }
    }
}

/// Eight samples at a time, with the instruction made for it.
#[target_feature(enable = "avx2,f16c")]
pub(super) fn widen(halves: &[u8], floats: &mut [u8]) {
    let (lines, rest) = halves.as_chunks::<64>();
    let (outs, rest_out) = floats.as_chunks_mut::<128>();
    for (line, out) in lines.iter().zip(outs) {
        prefetch_after(line, PREFETCH_BYTES);
        let eights = line.as_chunks::<16>().0.iter();
        for (eight, out) in eights.zip(out.as_chunks_mut::<32>().0) {
            // SAFETY: arrays of 16 and 32 bytes are what is read and written; they need not be
            // aligned.
            unsafe {
                let halves = _mm_loadu_si128(eight.as_ptr().cast());
                _mm256_storeu_ps(out.as_mut_ptr().cast(), _mm256_cvtph_ps(halves));
            }
        }
    }
    wide::widen(rest, rest_out);
}

/// Floats to levels, as [`super::scalar`] has it. Without `OFFSET`, that of `levels` is 0.
#[inline]
#[target_feature(enable = "avx2")]
fn level<const OFFSET: bool>(floats: __m256, levels: Levels) -> __m256 {
    let mut value = _mm256_mul_ps(floats, _mm256_set1_ps(levels.scale));
    if OFFSET {
        value = _mm256_add_ps(value, _mm256_set1_ps(levels.offset));
    }
    // Of NaN and a number, these two take the second: the number.
    let value = _mm256_max_ps(value, _mm256_setzero_ps());
    _mm256_min_ps(value, _mm256_set1_ps(255.0))
}

/// `p + (q - p) * weight`
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn lerp(p: __m256, q: __m256, weight: __m256) -> __m256 {
    _mm256_add_ps(p, _mm256_mul_ps(_mm256_sub_ps(q, p), weight))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_8(floats: __m256, out: &mut [f32; 8]) {
    // SAFETY: an array of 8 floats is what is written; it need not be aligned.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), floats) };
}

/// Writes the means of `p` and `q`.
#[inline]
#[target_feature(enable = "avx2")]
fn store_means(p: __m256, q: __m256, out: &mut [f32; 8]) {
    store_8(lerp(p, q, _mm256_set1_ps(0.5)), out);
}

// Of two vectors, each lane takes the even or the odd ones of its own: quarters of them are then in
// the order 0, 2, 1, 3.
const EVEN: i32 = 0b10_00_10_00;
const ODD: i32 = 0b11_01_11_01;
const IN_ORDER: i32 = 0b11_01_10_00;

/// Puts the quarters back in order.
#[inline]
#[target_feature(enable = "avx2")]
fn in_order(floats: __m256) -> __m256 {
    _mm256_castpd_ps(_mm256_permute4x64_pd::<IN_ORDER>(_mm256_castps_pd(floats)))
}

/// Four floats of `bytes`, from float `index`.
#[inline]
#[target_feature(enable = "avx2")]
fn load_4(bytes: &[u8], index: usize) -> __m128 {
    let sample = |next: usize| wide::sample(bytes, index + next);
    _mm_setr_ps(sample(0), sample(1), sample(2), sample(3))
}

/// Eight floats of `levels`, from float `first`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_8(levels: &[f32], first: usize) -> __m256 {
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|next| levels[first + next]);
    _mm256_setr_ps(a, b, c, d, e, f, g, h)
}

/// The shorter way for interleaved pixels at half the width, which is 640 to 320.
///
/// From safe code, compilers make 104 instructions for 8 pixels here, most of them to move floats
/// between lanes. This takes 61, or 67 with an offset, prefetching included: each 128-bit lane works on
/// 4 pixels of its own, so that no float leaves its lane.
#[target_feature(enable = "avx2")]
fn halve_pixels<const OFFSET: bool>(
    pixels: &[u8],
    order: [usize; 3],
    levels: Levels,
    out: &mut [f32],
) {
    // 8 pairs of pixels of 3 floats.
    let (chunks, rest) = pixels.as_chunks::<192>();
    let [first, second, third] = wide::channels_in_order(out, order);
    let (first, first_rest) = first.as_chunks_mut::<8>();
    let (second, second_rest) = second.as_chunks_mut::<8>();
    let (third, third_rest) = third.as_chunks_mut::<8>();

    let outs = first.iter_mut().zip(second).zip(third);
    for (chunk, ((first, second), third)) in chunks.iter().zip(outs) {
        prefetch_after(chunk, PREFETCH_BYTES);
        // Floats 4i to 4i + 3 of the first 4 pairs, and the same of the other 4.
        let levels = |i: usize| {
            let (low, high) = (load_4(chunk, 4 * i), load_4(chunk, 24 + 4 * i));
            level::<OFFSET>(_mm256_set_m128(high, low), levels)
        };
        let [a, b, c] = [levels(0), levels(1), levels(2)];
        let [d, e, f] = [levels(3), levels(4), levels(5)];
        // With p and q for the left and right pixel of a pair, 0, 1, 2 for the channel:
        // a = p0 p1 p2 q0, b = q1 q2 p0 p1, c = p2 q0 q1 q2; d, e and f are the next two pairs.
        const LOW_HIGH: i32 = 0b11_10_01_00;
        const HIGH_LOW: i32 = 0b01_00_11_10;
        let p01 = [
            _mm256_shuffle_ps::<LOW_HIGH>(a, b),
            _mm256_shuffle_ps::<LOW_HIGH>(d, e),
        ];
        let p2_q0 = [
            _mm256_shuffle_ps::<HIGH_LOW>(a, c),
            _mm256_shuffle_ps::<HIGH_LOW>(d, f),
        ];
        let q12 = [
            _mm256_shuffle_ps::<LOW_HIGH>(b, c),
            _mm256_shuffle_ps::<LOW_HIGH>(e, f),
        ];
        let even = |[x, y]: [__m256; 2]| _mm256_shuffle_ps::<EVEN>(x, y);
        let odd = |[x, y]: [__m256; 2]| _mm256_shuffle_ps::<ODD>(x, y);
        store_means(even(p01), odd(p2_q0), first);
        store_means(odd(p01), even(q12), second);
        store_means(even(p2_q0), odd(q12), third);
    }

    let outs = first_rest.iter_mut().zip(second_rest).zip(third_rest);
    wide::halve_pairs(rest, levels, outs);
}

/// The same for a row of a plane. Here the prefetching is what compilers do not do.
#[target_feature(enable = "avx2")]
fn halve_plane<const OFFSET: bool>(plane: &[u8], levels: Levels, out: &mut [f32]) {
    // 8 pairs of floats.
    let (chunks, rest) = plane.as_chunks::<64>();
    let (out, out_rest) = out.as_chunks_mut::<8>();
    for (chunk, out) in chunks.iter().zip(out) {
        prefetch_after(chunk, PREFETCH_PLANE_BYTES);
        // Pairs 0, 1, 4 and 5, and pairs 2, 3, 6 and 7: shuffling within lanes sorts them.
        let a = _mm256_set_m128(load_4(chunk, 8), load_4(chunk, 0));
        let b = _mm256_set_m128(load_4(chunk, 12), load_4(chunk, 4));
        let (a, b) = (level::<OFFSET>(a, levels), level::<OFFSET>(b, levels));
        let p = _mm256_shuffle_ps::<EVEN>(a, b);
        let q = _mm256_shuffle_ps::<ODD>(a, b);
        store_means(p, q, out);
    }
    wide::halve_plane(rest, levels, out_rest);
}

/// `OFFSET` is whether the levels have one. To add 0 instead took 7 to 16 % more time for the work alone,
/// on Zen 4.
#[target_feature(enable = "avx2")]
fn halve_row<const OFFSET: bool>(row: SourceRow, levels: Levels, out: &mut [f32]) {
    match row {
        SourceRow::Interleaved { pixels, order } => {
            halve_pixels::<OFFSET>(pixels, order, levels, out);
        }
        SourceRow::Planar(planes) => {
            for (plane, out) in planes.into_iter().zip(wide::channels_mut(out)) {
                halve_plane::<OFFSET>(plane, levels, out);
            }
        }
    }
}

/// The samples at `offsets`, 0 to 15, from `first` on.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(samples: &[f32], first: usize, offsets: __m256i) -> __m256 {
    let low = _mm256_permutevar8x32_ps(load_8(samples, first), offsets);
    let high = _mm256_permutevar8x32_ps(load_8(samples, first + 8), offsets);
    // Permuting looks at the lower three bits of an offset. The fourth says which half is meant;
    // blending looks for it in the sign.
    let fourth_bit = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(offsets));
    _mm256_blendv_ps(low, high, fourth_bit)
}

/// Bilinear interpolation at ratios up to 2, where all that eight taps need is in two registers.
#[target_feature(enable = "avx2")]
fn interpolate(samples: &[f32], columns: &Columns, out: &mut [f32]) {
    let (outs, rest) = out.as_chunks_mut::<8>();
    for (window, out) in columns.windows.iter().zip(outs) {
        let samples = &samples[window.start..][..WINDOW_SAMPLES];
        let [a, b, c, d, e, f, g, h] = window.offsets;
        let offsets = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
        let p = choose(samples, 0, offsets);
        let q = choose(samples, 1, offsets);
        store_8(lerp(p, q, load_8(&window.weights, 0)), out);
    }
    let (_, rest_taps) = columns.taps.as_chunks::<8>();
    wide::interpolate(samples, rest_taps, rest);
}

#[target_feature(enable = "avx2")]
pub(super) fn scale_row(
    row: SourceRow,
    columns: &Columns,
    levels: Levels,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    match (row, columns.scaling) {
        (row, Scaling::Half) if levels.offset == 0.0 => halve_row::<false>(row, levels, out),
        (row, Scaling::Half) => halve_row::<true>(row, levels, out),
        (row, Scaling::None) => {
            prefetch_after_row(row);
            wide::convert_row(row, levels, out);
        }
        (row, Scaling::Any) => {
            prefetch_after_row(row);
            wide::convert_row(row, levels, scratch);
            for (samples, out) in wide::channels(scratch)
                .into_iter()
                .zip(wide::channels_mut(out))
            {
                interpolate(samples, columns, out);
            }
        }
        // Where half the samples are in no tap, most of them are not worth fetching.
        (_, Scaling::Sparse) => wide::scale_row(row, columns, levels, scratch, out),
    }
}

/// Writes the luma of 16 pixels and the sums of their pairs.
#[inline]
#[target_feature(enable = "avx2")]
fn luma_block(block: wide::LumaBlock<16, 8>, luma: &Component, weight: __m256) {
    let mut sums = [_mm256_set1_ps(0.0); 2];
    let factors = [luma.r, luma.g, luma.b];
    for (channel, pair_sums) in block.sums.into_iter().enumerate() {
        let [top, bottom] = block.channels[channel];
        let left = lerp(load_8(top, 0), load_8(bottom, 0), weight);
        let right = lerp(load_8(top, 8), load_8(bottom, 8), weight);
        let even = _mm256_shuffle_ps::<EVEN>(left, right);
        let odd = _mm256_shuffle_ps::<ODD>(left, right);
        store_8(in_order(_mm256_add_ps(even, odd)), pair_sums);
        let factor = _mm256_set1_ps(factors[channel]);
        let [left, right] = [_mm256_mul_ps(left, factor), _mm256_mul_ps(right, factor)];
        sums = match channel {
            0 => [left, right],
            _ => [_mm256_add_ps(sums[0], left), _mm256_add_ps(sums[1], right)],
        };
    }
    let offset = _mm256_set1_ps(luma.offset);
    let left = _mm256_cvtps_epi32(_mm256_add_ps(sums[0], offset));
    let right = _mm256_cvtps_epi32(_mm256_add_ps(sums[1], offset));
    let words = _mm256_permute4x64_epi64::<IN_ORDER>(_mm256_packs_epi32(left, right));
    let high = _mm256_extracti128_si256::<1>(words);
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), high);
    // SAFETY: an array of 16 bytes is what is written; it need not be aligned.
    unsafe { _mm_storeu_si128(block.out.as_mut_ptr().cast(), bytes) };
}

#[target_feature(enable = "avx2")]
fn luma_row(
    row: BlendedRow,
    luma: &Component,
    scratch: &mut [f32],
    out: &mut [u8],
    sums: &mut [f32],
) {
    let (blocks, rest) = wide::LumaRow::new(row, out, sums).blocks();
    let weight = _mm256_set1_ps(row.weight);
    for block in blocks {
        luma_block(block, luma, weight);
    }
    rest.make(luma, scratch);
}

/// Defines `$name`, which calls `$kernel`, compiled for AVX2.
macro_rules! kernel {
    ($name:ident, $kernel:path, $($argument:ident: $type:ty),*) => {
        pub fn $name($($argument: $type),*) {
            #[target_feature(enable = "avx2,f16c")]
            fn with_avx2($($argument: $type),*) {
                $kernel($($argument),*);
            }
            // SAFETY: nothing but KERNELS refers to this function, and `kernels` hands those out
            // only after it has found these features on this processor.
            unsafe { with_avx2($($argument),*) }
        }
    };
}

/// What [`KERNELS`] refers to.
mod safe {
    use super::*;

    kernel!(widen, super::widen, halves: &[u8], floats: &mut [u8]);
    kernel!(scale_row, super::scale_row, row: SourceRow, columns: &Columns, levels: Levels, scratch: &mut [f32], out: &mut [f32]);
    kernel!(pack_row, wide::pack_row, row: BlendedRow, format: PixelFormat, out: &mut [u8]);
    kernel!(luma_row, super::luma_row, row: BlendedRow, luma: &Component, scratch: &mut [f32], out: &mut [u8], sums: &mut [f32]);
    kernel!(chroma_rows, wide::chroma_rows, sums: PairSums, components: [&Component; 2], first: &mut [u8], second: &mut [u8]);
    kernel!(chroma_pair_row, wide::chroma_pair_row, sums: PairSums, components: [&Component; 2], out: &mut [u8]);
}
