//! The backend for x86-64 processors with AVX-512, as Ice Lake and Zen 4 have it.
//!
//! For the work alone, 640x360 to 320x320, it takes 8 to 25 % less time than AVX2 on Zen 4, and to RGB a
//! third less. There, an instruction for 512 bits takes as long as two for 256; what is saved is moving
//! floats about, and instructions that are no arithmetic. The kernels of [`wide`] compiled for AVX-512
//! had saved less than 10 %.

#![allow(unsafe_code)]

use super::avx2::{
    self, PREFETCH_BYTES, PREFETCH_PLANE_BYTES, load_8, prefetch_after, prefetch_after_row, store_8,
};
use super::axis::{Columns, Scaling, WINDOW_SAMPLES};
use super::backend::{BlendedRow, Kernels, PairSums, SourceRow};
use super::color::{Component, Levels};
use super::format::PixelFormat;
use super::scalar::NO_FRACTION;
use super::wide;
use std::arch::x86_64::*;

/// The kernels, if this processor can run them.
pub fn kernels() -> Option<&'static Kernels> {
    let is_there = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vl");
    (is_there && avx2::is_there()).then_some(&KERNELS)
}

/// Only for processors that have AVX-512 F, BW, VBMI and VL, and what the AVX2 backend needs; [`kernels`]
/// sees to that. Those without VBMI lower their clock for such registers, and are left to AVX2.
static KERNELS: Kernels = Kernels {
    name: "avx512",
    widen: safe::widen,
    scale_row: safe::scale_row,
    pack_row: safe::pack_row,
    luma_row: safe::luma_row,
    chroma_rows: safe::chroma_rows,
    chroma_pair_row: safe::chroma_pair_row,
};

#[inline]
#[target_feature(enable = "avx512f")]
fn load_bytes(bytes: &[u8; 64]) -> __m512 {
    // SAFETY: an array of 64 bytes is what is read; it need not be aligned.
    unsafe { _mm512_loadu_ps(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16(levels: &[f32; 16]) -> __m512 {
    // SAFETY: an array of 16 floats is what is read; it need not be aligned.
    unsafe { _mm512_loadu_ps(levels.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_16(floats: __m512, out: &mut [f32; 16]) {
    // SAFETY: an array of 16 floats is what is written; it need not be aligned.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), floats) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_places(places: &[i32; 16]) -> __m512i {
    // SAFETY: an array of 16 integers is what is read; it need not be aligned.
    unsafe { _mm512_loadu_si512(places.as_ptr().cast()) }
}

/// Floats to levels, as [`super::scalar`] has it. Without `OFFSET`, that of `levels` is 0.
#[inline]
#[target_feature(enable = "avx512f")]
fn level<const OFFSET: bool>(floats: __m512, levels: Levels) -> __m512 {
    let mut value = _mm512_mul_ps(floats, _mm512_set1_ps(levels.scale));
    if OFFSET {
        value = _mm512_add_ps(value, _mm512_set1_ps(levels.offset));
    }
    // Of NaN and a number, these two take the second: the number.
    let value = _mm512_max_ps(value, _mm512_setzero_ps());
    _mm512_min_ps(value, _mm512_set1_ps(255.0))
}

/// `p + (q - p) * weight`
#[inline]
#[target_feature(enable = "avx512f")]
fn lerp(p: __m512, q: __m512, weight: __m512) -> __m512 {
    _mm512_add_ps(p, _mm512_mul_ps(_mm512_sub_ps(q, p), weight))
}

/// Sixteen levels between those of two rows.
#[inline]
#[target_feature(enable = "avx512f")]
fn blend_16([top, bottom]: [&[f32; 16]; 2], weight: __m512) -> __m512 {
    lerp(load_16(top), load_16(bottom), weight)
}

/// Sixteen pixels side by side, of three floats each
type Pixels = [u8; 192];

/// Where [`gather`] leaves the samples `first`, `first + step` and so on of a channel. Those from 16
/// on are in a second register.
const fn places(channel: usize, first: usize, step: usize) -> [i32; 16] {
    let mut places = [0; 16];
    let mut n = 0;
    while n < 16 {
        let sample = first + step * n;
        places[n] = (sample / 16 * 16 + (3 * sample + channel) % 16) as i32;
        n += 1;
    }
    places
}

/// The sixteen samples of a channel, in no order: sample n is in place `3 * n + CHANNEL`, modulo 16.
///
/// That is where it is in one of the three registers that hold the pixels. 16 is no multiple of 3, so
/// each of them has the channel in places where the others do not: it takes no permutation.
#[inline]
#[target_feature(enable = "avx512f")]
fn gather<const CHANNEL: usize>(pixels: &Pixels) -> __m512 {
    /// Which places of register `index` hold the channel
    const fn mask(channel: usize, index: usize) -> u16 {
        0b1001_0010_0100_1001 << ((channel + 2 * index) % 3)
    }
    let (registers, _) = pixels.as_chunks();
    let first = load_bytes(&registers[0]);
    let second = load_bytes(&registers[1]);
    let third = load_bytes(&registers[2]);
    let two = _mm512_mask_blend_ps(const { mask(CHANNEL, 1) }, first, second);
    _mm512_mask_blend_ps(const { mask(CHANNEL, 2) }, two, third)
}

/// Writes the means of pairs of pixels, of one channel.
#[inline]
#[target_feature(enable = "avx512f")]
fn halve_channel<const CHANNEL: usize, const OFFSET: bool>(
    pixels: &[Pixels; 2],
    levels: Levels,
    out: &mut [f32; 16],
) {
    let a = level::<OFFSET>(gather::<CHANNEL>(&pixels[0]), levels);
    let b = level::<OFFSET>(gather::<CHANNEL>(&pixels[1]), levels);
    let left = load_places(&const { places(CHANNEL, 0, 2) });
    let right = load_places(&const { places(CHANNEL, 1, 2) });
    let p = _mm512_permutex2var_ps(a, left, b);
    let q = _mm512_permutex2var_ps(a, right, b);
    store_16(lerp(p, q, _mm512_set1_ps(0.5)), out);
}

/// The shorter way for interleaved pixels at half the width.
#[target_feature(enable = "avx512f")]
fn halve_pixels<const OFFSET: bool>(
    pixels: &[u8],
    order: [usize; 3],
    levels: Levels,
    out: &mut [f32],
) {
    // 16 pairs of pixels of 3 floats.
    let (chunks, rest) = pixels.as_chunks::<384>();
    let [first, second, third] = wide::channels_in_order(out, order);
    let (first, first_rest) = first.as_chunks_mut();
    let (second, second_rest) = second.as_chunks_mut();
    let (third, third_rest) = third.as_chunks_mut();

    let outs = first.iter_mut().zip(second).zip(third);
    for (chunk, ((first, second), third)) in chunks.iter().zip(outs) {
        let (halves, _) = chunk.as_chunks();
        let pixels = &[halves[0], halves[1]];
        halve_channel::<0, OFFSET>(pixels, levels, first);
        halve_channel::<1, OFFSET>(pixels, levels, second);
        halve_channel::<2, OFFSET>(pixels, levels, third);
        // First of all, it took 2 to 6 % more time over frames from memory on Zen 4.
        prefetch_after(chunk, PREFETCH_BYTES);
    }

    let outs = first_rest.iter_mut().zip(second_rest).zip(third_rest);
    wide::halve_pairs(rest, levels, outs);
}

/// The even and the odd ones of 32 floats in two registers
const EVEN: [i32; 16] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
const ODD: [i32; 16] = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31];

/// The same for a row of a plane.
#[target_feature(enable = "avx512f")]
fn halve_plane<const OFFSET: bool>(plane: &[u8], levels: Levels, out: &mut [f32]) {
    // 16 pairs of floats.
    let (chunks, rest) = plane.as_chunks::<128>();
    let (out, out_rest) = out.as_chunks_mut();
    for (chunk, out) in chunks.iter().zip(out) {
        let (halves, _) = chunk.as_chunks();
        let a = level::<OFFSET>(load_bytes(&halves[0]), levels);
        let b = level::<OFFSET>(load_bytes(&halves[1]), levels);
        let p = _mm512_permutex2var_ps(a, load_places(&EVEN), b);
        let q = _mm512_permutex2var_ps(a, load_places(&ODD), b);
        store_16(lerp(p, q, _mm512_set1_ps(0.5)), out);
        prefetch_after(chunk, PREFETCH_PLANE_BYTES);
    }
    wide::halve_plane(rest, levels, out_rest);
}

/// As in [`avx2`].
#[target_feature(enable = "avx512f")]
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

/// A row of floats to levels, as [`wide::convert_row`] does it.
///
/// For interleaved pixels, to fetch a whole row's worth at once, as AVX2 does, took 20 % more time over
/// frames from memory on Zen 4: so many requests wait for each other. Planes fared worse the other way.
#[target_feature(enable = "avx512f")]
fn convert_row(row: SourceRow, levels: Levels, out: &mut [f32]) {
    match row {
        SourceRow::Interleaved { pixels, order } => {
            convert_pixels(pixels, wide::channels_in_order(out, order), levels);
        }
        SourceRow::Planar(_) => {
            prefetch_after_row(row);
            wide::convert_row(row, levels, out);
        }
    }
}

#[target_feature(enable = "avx512f")]
fn convert_pixels(pixels: &[u8], [first, second, third]: [&mut [f32]; 3], levels: Levels) {
    let (chunks, rest) = pixels.as_chunks();
    let width = 16 * chunks.len();
    let (first, first_rest) = first.split_at_mut(width);
    let (second, second_rest) = second.split_at_mut(width);
    let (third, third_rest) = third.split_at_mut(width);

    let (first, second) = (first.as_chunks_mut().0, second.as_chunks_mut().0);
    let outs = first.iter_mut().zip(second).zip(third.as_chunks_mut().0);
    for (chunk, ((first, second), third)) in chunks.iter().zip(outs) {
        convert_channel::<0>(chunk, levels, first);
        convert_channel::<1>(chunk, levels, second);
        convert_channel::<2>(chunk, levels, third);
        prefetch_after(chunk, PREFETCH_BYTES);
    }

    let outs = first_rest.iter_mut().zip(second_rest).zip(third_rest);
    wide::deinterleave(rest, levels, outs);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn convert_channel<const CHANNEL: usize>(pixels: &Pixels, levels: Levels, out: &mut [f32; 16]) {
    let samples = level::<true>(gather::<CHANNEL>(pixels), levels);
    let places = load_places(&const { places(CHANNEL, 0, 1) });
    store_16(_mm512_permutexvar_ps(places, samples), out);
}

/// As in [`avx2`], where picking out of two registers takes more instructions.
#[target_feature(enable = "avx512f,avx512vl")]
fn interpolate(samples: &[f32], columns: &Columns, out: &mut [f32]) {
    let (outs, rest) = out.as_chunks_mut::<8>();
    for (window, out) in columns.windows.iter().zip(outs) {
        let samples = &samples[window.start..][..WINDOW_SAMPLES];
        let [a, b, c, d, e, f, g, h] = window.offsets;
        let offsets = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
        let p = _mm256_permutex2var_ps(load_8(samples, 0), offsets, load_8(samples, 8));
        let q = _mm256_permutex2var_ps(load_8(samples, 1), offsets, load_8(samples, 9));
        store_8(avx2::lerp(p, q, load_8(&window.weights, 0)), out);
    }
    let (_, rest_taps) = columns.taps.as_chunks::<8>();
    wide::interpolate(samples, rest_taps, rest);
}

#[target_feature(enable = "avx512vbmi,avx512vl")]
fn scale_row(
    row: SourceRow,
    columns: &Columns,
    levels: Levels,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    match (row, columns.scaling) {
        (row, Scaling::Half) if levels.offset == 0.0 => halve_row::<false>(row, levels, out),
        (row, Scaling::Half) => halve_row::<true>(row, levels, out),
        (row, Scaling::None) => convert_row(row, levels, out),
        (row, Scaling::Any) => {
            convert_row(row, levels, scratch);
            for (samples, out) in wide::channels(scratch)
                .into_iter()
                .zip(wide::channels_mut(out))
            {
                interpolate(samples, columns, out);
            }
        }
        (_, Scaling::Sparse) => wide::scale_row(row, columns, levels, scratch, out),
    }
}

/// Pixels of the RGB family, sixteen at a time.
#[target_feature(enable = "avx512vbmi")]
fn pack_row(row: BlendedRow, format: PixelFormat, out: &mut [u8]) {
    if row.top.len() < 3 * 16 {
        return wide::pack_row(row, format, out);
    }
    let [red, green, blue] = wide::blended_channels(row);
    match format {
        PixelFormat::Rgb => pack::<48>([red, green, blue], row.weight, out),
        PixelFormat::Bgr => pack::<48>([blue, green, red], row.weight, out),
        PixelFormat::Bgra | PixelFormat::Bgrx => pack::<64>([blue, green, red], row.weight, out),
        _ => pack::<64>([red, green, blue], row.weight, out),
    }
}

#[target_feature(enable = "avx512vbmi")]
fn pack<const BYTES: usize>(channels: [wide::Channel; 3], weight: f32, out: &mut [u8]) {
    let weight = _mm512_set1_ps(weight);
    let [first, second, third] = channels;
    let chunks = first.chunks().zip(second.chunks()).zip(third.chunks());
    let (outs, rest) = out.as_chunks_mut::<BYTES>();
    for (out, ((first, second), third)) in outs.iter_mut().zip(chunks) {
        pack_16(first, second, third, weight, out);
    }
    if rest.is_empty() {
        return;
    }
    // Of the last sixteen pixels, some are done again.
    let channels = (first.last_chunk(), second.last_chunk(), third.last_chunk());
    if let (Some(first), Some(second), Some(third)) = channels
        && let Some(out) = out.last_chunk_mut()
    {
        pack_16::<BYTES>(first, second, third, weight, out);
    }
}

/// `BYTES` is what sixteen pixels take.
#[inline]
#[target_feature(enable = "avx512vbmi")]
fn pack_16<const BYTES: usize>(
    first: [&[f32; 16]; 2],
    second: [&[f32; 16]; 2],
    third: [&[f32; 16]; 2],
    weight: __m512,
    out: &mut [u8; BYTES],
) {
    let first = round_low(blend_16(first, weight));
    let second = _mm512_slli_epi32::<8>(round_low(blend_16(second, weight)));
    let third = _mm512_slli_epi32::<16>(round_low(blend_16(third, weight)));
    let pixels = _mm512_or_si512(_mm512_or_si512(first, second), third);
    if BYTES == 64 {
        let pixels = _mm512_or_si512(pixels, _mm512_set1_epi32(0xff00_0000_u32 as i32));
        // SAFETY: an array of 64 bytes is what is written; it need not be aligned.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), pixels) };
    } else {
        let places = load_byte_places(&const { three_of_four() });
        let bytes = _mm512_permutexvar_epi8(places, pixels);
        let (low, high) = out.split_at_mut(32);
        let high = &mut high[..16];
        // SAFETY: slices of 32 and 16 bytes are what is written; they need not be aligned.
        unsafe {
            _mm256_storeu_si256(low.as_mut_ptr().cast(), _mm512_castsi512_si256(bytes));
            let bytes = _mm512_extracti32x4_epi32::<2>(bytes);
            _mm_storeu_si128(high.as_mut_ptr().cast(), bytes);
        }
    }
}

/// The lower three bytes of each of sixteen pixels
const fn three_of_four() -> [u8; 64] {
    let mut places = [0; 64];
    let mut n = 0;
    while n < 48 {
        places[n] = (n / 3 * 4 + n % 3) as u8;
        n += 1;
    }
    places
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_byte_places(places: &[u8; 64]) -> __m512i {
    // SAFETY: an array of 64 bytes is what is read; it need not be aligned.
    unsafe { _mm512_loadu_si512(places.as_ptr().cast()) }
}

/// Rounds as [`wide`] does for pixels: beside the lowest byte, bits are set in the highest only.
#[inline]
#[target_feature(enable = "avx512f")]
fn round_low(levels: __m512) -> __m512i {
    _mm512_castps_si512(_mm512_add_ps(
        levels,
        _mm512_set1_ps(wide::NO_FRACTION_OR_SIGN),
    ))
}

/// The lowest byte of each of 32 pixels in two registers
const fn low_bytes() -> [u8; 64] {
    let mut places = [0; 64];
    let mut n = 0;
    while n < 32 {
        places[n] = (4 * n) as u8;
        n += 1;
    }
    places
}

/// Luma of sixteen pixels, in the lowest byte of each.
#[inline]
#[target_feature(enable = "avx512f")]
fn luma_16(luma: &Component, [red, green, blue]: [__m512; 3]) -> __m512i {
    let red = _mm512_mul_ps(red, _mm512_set1_ps(luma.r));
    let green = _mm512_mul_ps(green, _mm512_set1_ps(luma.g));
    let blue = _mm512_mul_ps(blue, _mm512_set1_ps(luma.b));
    let sum = _mm512_add_ps(_mm512_add_ps(red, green), blue);
    let sum = _mm512_add_ps(sum, _mm512_set1_ps(luma.offset));
    _mm512_castps_si512(_mm512_add_ps(sum, _mm512_set1_ps(NO_FRACTION)))
}

/// Luma and the sums of pairs, 32 pixels at a time.
#[target_feature(enable = "avx512vbmi,avx512vl")]
fn luma_row(
    row: BlendedRow,
    luma: &Component,
    scratch: &mut [f32],
    out: &mut [u8],
    sums: &mut [f32],
) {
    let (blocks, rest) = wide::LumaRow::new(row, out, sums).blocks();
    let weight = _mm512_set1_ps(row.weight);
    for wide::LumaBlock {
        channels,
        out,
        sums,
    } in blocks
    {
        let mut left = [_mm512_setzero_ps(); 3];
        let mut right = left;
        for (channel, sums) in sums.into_iter().enumerate() {
            let [top, bottom]: [&[f32; 32]; 2] = channels[channel];
            let ((top, _), (bottom, _)) = (top.as_chunks(), bottom.as_chunks());
            let a = blend_16([&top[0], &bottom[0]], weight);
            let b = blend_16([&top[1], &bottom[1]], weight);
            let even = _mm512_permutex2var_ps(a, load_places(&EVEN), b);
            let odd = _mm512_permutex2var_ps(a, load_places(&ODD), b);
            store_16(_mm512_add_ps(even, odd), sums);
            (left[channel], right[channel]) = (a, b);
        }
        let (left, right) = (luma_16(luma, left), luma_16(luma, right));
        let places = load_byte_places(&const { low_bytes() });
        let bytes = _mm512_permutex2var_epi8(left, places, right);
        // SAFETY: an array of 32 bytes is what is written; it need not be aligned.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_castsi512_si256(bytes)) };
    }
    rest.make(luma, scratch);
}

/// Defines `$name`, which calls `$kernel`, compiled for AVX-512.
macro_rules! kernel {
    ($name:ident, $kernel:path, $($argument:ident: $type:ty),*) => {
        pub fn $name($($argument: $type),*) {
            #[target_feature(enable = "avx512vbmi,avx512vl")]
            fn with_avx512($($argument: $type),*) {
                $kernel($($argument),*);
            }
            // SAFETY: nothing but KERNELS refers to this function, and `kernels` hands those out
            // only after it has found these features on this processor.
            unsafe { with_avx512($($argument),*) }
        }
    };
}

/// What [`KERNELS`] refers to.
mod safe {
    use super::*;

    kernel!(widen, avx2::widen, halves: &[u8], floats: &mut [u8]);
    kernel!(scale_row, super::scale_row, row: SourceRow, columns: &Columns, levels: Levels, scratch: &mut [f32], out: &mut [f32]);
    kernel!(pack_row, super::pack_row, row: BlendedRow, format: PixelFormat, out: &mut [u8]);
    kernel!(luma_row, super::luma_row, row: BlendedRow, luma: &Component, scratch: &mut [f32], out: &mut [u8], sums: &mut [f32]);
    kernel!(chroma_rows, wide::chroma_rows, sums: PairSums, components: [&Component; 2], first: &mut [u8], second: &mut [u8]);
    kernel!(chroma_pair_row, wide::chroma_pair_row, sums: PairSums, components: [&Component; 2], out: &mut [u8]);
}
