//! The specification: what every backend computes, one value after the other, in 32-bit floats and
//! without fused multiply-add.
//!
//! Rows between the kernels are *RGB rows*: the red levels of a row, then the green, then the blue,
//! each 0 to 255 and not rounded.

use super::axis::Columns;
use super::backend::{BlendedRow, Kernels, PairSums, SourceRow};
use super::color::{Component, Levels};
use super::format::PixelFormat;

pub static KERNELS: Kernels = Kernels {
    name: "scalar",
    widen,
    scale_row,
    pack_row,
    luma_row,
    chroma_rows,
    chroma_pair_row,
};

/// `p + (q - p) * weight`
#[inline(always)]
pub(super) fn lerp(p: f32, q: f32, weight: f32) -> f32 {
    p + (q - p) * weight
}

/// Float to level, 0 to 255. Written with comparisons that are false for NaN, which so becomes 0.
#[inline(always)]
pub(super) fn level(sample: f32, levels: Levels) -> f32 {
    let value = sample * levels.scale + levels.offset;
    let value = if value > 0.0 { value } else { 0.0 };
    if value < 255.0 { value } else { 255.0 }
}

/// 1.5 * 2^23: adding it to a float leaves no bits for a fraction.
pub(super) const NO_FRACTION: f32 = 12_582_912.0;

/// Rounds half to even. `value` is a level or a YCbCr component: above -1 and below 257.
///
/// Adding [`NO_FRACTION`] rounds, in the processor's default mode. `f32::round_ties_even` gives the same, but calls a function of the C
/// library for each value where SSE 4.1 cannot be assumed.
fn round(value: f32) -> u8 {
    ((value + NO_FRACTION) - NO_FRACTION) as u8
}

/// Samples of float16 to float32.
fn widen(halves: &[u8], floats: &mut [u8]) {
    let (halves, _) = halves.as_chunks();
    let (floats, _) = floats.as_chunks_mut();
    for (float, &half) in floats.iter_mut().zip(halves) {
        *float = widen_sample(u16::from_le_bytes(half)).to_le_bytes();
    }
}

/// IEEE 754 binary16 to binary32, which has room for all of it.
fn widen_sample(half: u16) -> f32 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(half & 0x3ff) / 1024.0;
    let magnitude = match half >> 10 & 0x1f {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction) * 2f32.powi(i32::from(exponent) - 15),
    };
    sign * magnitude
}

/// A source row, converted and scaled horizontally to an RGB row.
fn scale_row(
    row: SourceRow,
    columns: &Columns,
    levels: Levels,
    _scratch: &mut [f32],
    out: &mut [f32],
) {
    for (channel, out) in out.chunks_exact_mut(columns.taps.len()).enumerate() {
        let (samples, step) = match row {
            SourceRow::Interleaved { pixels, order } => (&pixels[4 * order[channel]..], 3),
            SourceRow::Planar(planes) => (planes[channel], 1),
        };
        let (samples, _) = samples.as_chunks::<4>();
        let sample = |index: usize| level(f32::from_le_bytes(samples[index * step]), levels);
        for (out, tap) in out.iter_mut().zip(&columns.taps) {
            *out = lerp(sample(tap.first), sample(tap.second), tap.weight);
        }
    }
}

/// The red, green and blue level of each pixel of a row.
fn pixels(row: BlendedRow) -> impl Iterator<Item = [f32; 3]> {
    let width = row.top.len() / 3;
    let level = move |index: usize| lerp(row.top[index], row.bottom[index], row.weight);
    (0..width).map(move |x| [x, width + x, 2 * width + x].map(level))
}

/// A row as pixels of `format`, which is one of the RGB family.
fn pack_row(row: BlendedRow, format: PixelFormat, out: &mut [u8]) {
    match format {
        PixelFormat::Rgb => pack(row, out, |red, green, blue| [red, green, blue]),
        PixelFormat::Bgr => pack(row, out, |red, green, blue| [blue, green, red]),
        PixelFormat::Bgra | PixelFormat::Bgrx => {
            pack(row, out, |red, green, blue| [blue, green, red, 255])
        }
        _ => pack(row, out, |red, green, blue| [red, green, blue, 255]),
    }
}

fn pack<const BYTES: usize>(row: BlendedRow, out: &mut [u8], pixel: fn(u8, u8, u8) -> [u8; BYTES]) {
    let (out, _) = out.as_chunks_mut::<BYTES>();
    for (out, levels) in out.iter_mut().zip(pixels(row)) {
        let [red, green, blue] = levels.map(round);
        *out = pixel(red, green, blue);
    }
}

fn component(component: &Component, [red, green, blue]: [f32; 3]) -> u8 {
    let sum = (component.r * red + component.g * green) + component.b * blue;
    round(sum + component.offset)
}

/// Luma of a row, and an RGB row of half its width, rounded up: the sums of two neighbouring pixels.
/// The last pixel counts twice where the width is odd.
fn luma_row(
    row: BlendedRow,
    luma: &Component,
    _scratch: &mut [f32],
    out: &mut [u8],
    sums: &mut [f32],
) {
    for (out, pixel) in out.iter_mut().zip(pixels(row)) {
        *out = component(luma, pixel);
    }
    let half_width = sums.len() / 3;
    let mut pixels = pixels(row);
    for x in 0..half_width {
        let Some(left) = pixels.next() else { return };
        let right = pixels.next().unwrap_or(left);
        for channel in 0..3 {
            sums[channel * half_width + x] = left[channel] + right[channel];
        }
    }
}

/// Means of 2x2 pixels, from what [`luma_row`] made of the upper and the lower row.
fn means([top, bottom]: PairSums) -> impl Iterator<Item = [f32; 3]> {
    let width = top.len() / 3;
    let mean = move |index: usize| (top[index] + bottom[index]) * 0.25;
    (0..width).map(move |x| [x, width + x, 2 * width + x].map(mean))
}

fn chroma_rows(sums: PairSums, components: [&Component; 2], first: &mut [u8], second: &mut [u8]) {
    for (row, out) in components.into_iter().zip([first, second]) {
        for (out, mean) in out.iter_mut().zip(means(sums)) {
            *out = component(row, mean);
        }
    }
}

fn chroma_pair_row(sums: PairSums, components: [&Component; 2], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<2>();
    for (out, mean) in out.iter_mut().zip(means(sums)) {
        *out = components.map(|row| component(row, mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::YCbCr;
    use crate::{Matrix, Quantization, Range};

    #[test]
    fn round_is_half_to_even_and_saturates() {
        for (value, expected) in [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (254.5, 254),
            (255.5, 255),
            (-0.25, 0),
        ] {
            assert_eq!(round(value), expected, "{value}");
        }
        // Every level in steps of 1/64, against the standard library's definition.
        for step in -32..(257 * 64) {
            let value = step as f32 / 64.0;
            assert_eq!(round(value), value.round_ties_even() as u8, "{value}");
        }
    }

    #[test]
    fn level_clamps_and_takes_nan_as_zero() {
        let unit = Levels::from(Range::Unit);
        let signed = Levels::from(Range::SignedUnit);
        let byte = Levels::from(Range::Byte);
        assert_eq!(level(0.5, unit), 127.5);
        assert_eq!(level(-1.0, signed), 0.0);
        assert_eq!(level(0.0, signed), 127.5);
        assert_eq!(level(1.0, signed), 255.0);
        assert_eq!(level(200.25, byte), 200.25);
        for levels in [unit, signed, byte] {
            assert_eq!(level(f32::NAN, levels), 0.0);
            assert_eq!(level(-f32::NAN, levels), 0.0);
            assert_eq!(level(f32::INFINITY, levels), 255.0);
            assert_eq!(level(f32::NEG_INFINITY, levels), 0.0);
            assert_eq!(level(f32::MAX, levels), 255.0);
        }
        assert_eq!(level(f32::from_bits(1), byte), f32::from_bits(1));
    }

    #[test]
    fn odd_widths_repeat_the_last_pixel() {
        let row = [1.0, 2.0, 3.0, 0.0, 0.0, 4.0, 8.0, 8.0, 8.0];
        let row = BlendedRow {
            top: &row,
            bottom: &row,
            weight: 0.0,
        };
        let luma = YCbCr::new(Matrix::Bt601, Quantization::Full).y;
        let (mut out, mut sums) = ([0; 3], [-1.0; 6]);
        luma_row(row, &luma, &mut [], &mut out, &mut sums);
        assert_eq!(sums, [3.0, 6.0, 0.0, 8.0, 16.0, 16.0]);
        assert_eq!(out, [1, 2, 4]);
    }
}
