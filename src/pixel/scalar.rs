//! The specification: what every backend computes, one value after the other, in 32-bit floats and
//! without fused multiply-add.
//!
//! Rows between the kernels are *RGB rows*: the red levels of a row, then the green, then the blue,
//! each 0 to 255 and not rounded.

use super::axis::Columns;
use super::backend::{Kernels, SourceRow};
use super::color::{Component, Levels};
use super::format::PixelFormat;

pub static KERNELS: Kernels = Kernels {
    name: "scalar",
    widen,
    scale_row,
    blend_rows,
    halve_rows,
    component_row,
    component_pair_row,
    pack_row,
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

/// Two RGB rows scaled vertically to one.
fn blend_rows(top: &[f32], bottom: &[f32], weight: f32, out: &mut [f32]) {
    for ((out, &top), &bottom) in out.iter_mut().zip(top).zip(bottom) {
        *out = lerp(top, bottom, weight);
    }
}

/// Means of 2x2 pixels: two RGB rows of `width` pixels to one of half the width, rounded up. The
/// last pixel of a row counts twice where the width is odd.
fn halve_rows(top: &[f32], bottom: &[f32], width: usize, out: &mut [f32]) {
    let channels = top.chunks_exact(width).zip(bottom.chunks_exact(width));
    for ((top, bottom), out) in channels.zip(out.chunks_exact_mut(width.div_ceil(2))) {
        for ((out, top), bottom) in out.iter_mut().zip(top.chunks(2)).zip(bottom.chunks(2)) {
            let sum = |pair: &[f32]| pair[0] + pair[pair.len() - 1];
            *out = (sum(top) + sum(bottom)) * 0.25;
        }
    }
}

/// One YCbCr component of an RGB row.
fn component_row(rgb: &[f32], component: &Component, out: &mut [u8]) {
    component_every(rgb, component, out, 1);
}

/// Two YCbCr components of an RGB row, in turn.
fn component_pair_row(rgb: &[f32], [first, second]: [&Component; 2], out: &mut [u8]) {
    component_every(rgb, first, out, 2);
    component_every(rgb, second, &mut out[1..], 2);
}

fn component_every(rgb: &[f32], component: &Component, out: &mut [u8], step: usize) {
    let width = rgb.len() / 3;
    let (red, rest) = rgb.split_at(width);
    let (green, blue) = rest.split_at(width);
    let pixels = red.iter().zip(green).zip(blue);
    for (out, ((&red, &green), &blue)) in out.iter_mut().step_by(step).zip(pixels) {
        let sum = (component.r * red + component.g * green) + component.b * blue;
        *out = round(sum + component.offset);
    }
}

/// An RGB row as pixels of `format`, which is one of the RGB family.
fn pack_row(rgb: &[f32], format: PixelFormat, out: &mut [u8]) {
    match format {
        PixelFormat::Rgb => pack(rgb, out, |red, green, blue| [red, green, blue]),
        PixelFormat::Bgr => pack(rgb, out, |red, green, blue| [blue, green, red]),
        PixelFormat::Bgra | PixelFormat::Bgrx => {
            pack(rgb, out, |red, green, blue| [blue, green, red, 255])
        }
        _ => pack(rgb, out, |red, green, blue| [red, green, blue, 255]),
    }
}

fn pack<const BYTES: usize>(rgb: &[f32], out: &mut [u8], pixel: fn(u8, u8, u8) -> [u8; BYTES]) {
    let width = rgb.len() / 3;
    let (red, rest) = rgb.split_at(width);
    let (green, blue) = rest.split_at(width);
    let (out, _) = out.as_chunks_mut::<BYTES>();
    for (out, ((&red, &green), &blue)) in out.iter_mut().zip(red.iter().zip(green).zip(blue)) {
        *out = pixel(round(red), round(green), round(blue));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::Range;

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
        let top = [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 8.0, 8.0, 8.0];
        let bottom = [3.0, 4.0, 5.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0];
        let mut out = [-1.0; 6];
        halve_rows(&top, &bottom, 3, &mut out);
        assert_eq!(out, [2.5, 4.0, 0.0, 2.0, 4.0, 4.0]);
    }
}
