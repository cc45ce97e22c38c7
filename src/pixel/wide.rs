//! The kernels in the shape that compilers turn into vector instructions, written once for all
//! vector widths.
//!
//! Each computes what its namesake in [`scalar`](super::scalar) specifies, byte for byte. They are
//! inlined into the backends, each of which compiles them for its own instructions: loops without
//! branches or bounds checks, over arrays whose length the compiler knows.

use super::axis::{Columns, Scaling, Tap};
use super::backend::SourceRow;
use super::color::{Component, Levels};
use super::format::PixelFormat;
use super::scalar::{NO_FRACTION, lerp, level};

/// As [`scalar::round`](super::scalar::round), for 0 to 255 and a little more: after the addition,
/// the integer is in the low bits.
#[inline(always)]
fn round(value: f32) -> u32 {
    (value + NO_FRACTION).to_bits() & 0xff
}

#[inline(always)]
pub fn sample(bytes: &[u8], index: usize) -> f32 {
    f32::from_le_bytes([
        bytes[4 * index],
        bytes[4 * index + 1],
        bytes[4 * index + 2],
        bytes[4 * index + 3],
    ])
}

/// Splits an RGB row into its channels.
#[inline(always)]
pub fn channels(rgb: &[f32]) -> [&[f32]; 3] {
    let width = rgb.len() / 3;
    let (red, rest) = rgb.split_at(width);
    let (green, blue) = rest.split_at(width);
    [red, green, &blue[..width]]
}

#[inline(always)]
pub fn channels_mut(rgb: &mut [f32]) -> [&mut [f32]; 3] {
    let width = rgb.len() / 3;
    let (red, rest) = rgb.split_at_mut(width);
    let (green, blue) = rest.split_at_mut(width);
    [red, green, &mut blue[..width]]
}

/// Splits an RGB row into its channels, in the order that interleaved pixels have them.
#[inline(always)]
pub fn channels_in_order(rgb: &mut [f32], order: [usize; 3]) -> [&mut [f32]; 3] {
    let [red, green, blue] = channels_mut(rgb);
    if order[0] == 0 {
        [red, green, blue]
    } else {
        [blue, green, red]
    }
}

#[inline(always)]
pub fn widen(halves: &[u8], floats: &mut [u8]) {
    let (halves, _) = halves.as_chunks();
    let (floats, _) = floats.as_chunks_mut();
    for (float, &half) in floats.iter_mut().zip(halves) {
        *float = widen_sample(u16::from_le_bytes(half)).to_le_bytes();
    }
}

/// As [`scalar::widen_sample`](super::scalar), by moving exponent and fraction to where a float32
/// has them.
#[inline(always)]
fn widen_sample(half: u16) -> f32 {
    /// Between the two exponents' biases, 15 and 127
    const REBIAS: u32 = 112 << 23;
    /// 2^-14, the least normal float16. A subnormal one becomes this and its fraction of it, so that it
    /// does not matter whether the processor takes subnormals of float32 as 0.
    const LEAST: u32 = 113 << 23;
    let bits = u32::from(half & 0x7fff) << 13;
    let magnitude = if bits < 1 << 23 {
        (f32::from_bits(LEAST + bits) - f32::from_bits(LEAST)).to_bits()
    } else if bits < 31 << 23 {
        bits + REBIAS
    } else {
        bits + 2 * REBIAS
    };
    f32::from_bits(magnitude | u32::from(half & 0x8000) << 16)
}

#[inline(always)]
pub fn scale_row(
    row: SourceRow,
    columns: &Columns,
    levels: Levels,
    scratch: &mut [f32],
    out: &mut [f32],
) {
    match (row, columns.scaling) {
        (row, Scaling::None) => convert_row(row, levels, out),
        (row, Scaling::Any) => {
            convert_row(row, levels, scratch);
            for (samples, out) in channels(scratch).into_iter().zip(channels_mut(out)) {
                interpolate(samples, &columns.taps, out);
            }
        }
        (SourceRow::Planar(planes), scaling) => {
            for (plane, out) in planes.into_iter().zip(channels_mut(out)) {
                match scaling {
                    Scaling::Half => halve_plane(plane, levels, out),
                    _ => pick(plane, 1, 0, columns, levels, out),
                }
            }
        }
        (SourceRow::Interleaved { pixels, order }, Scaling::Half) => {
            halve_pixels(pixels, order, levels, out);
        }
        (SourceRow::Interleaved { pixels, order }, _) => {
            for (position, out) in order.into_iter().zip(channels_mut(out)) {
                pick(pixels, 3, position, columns, levels, out);
            }
        }
    }
}

/// A row of floats to an RGB row of the same width, or to the beginning of each channel of a longer
/// one.
#[inline(always)]
pub fn convert_row(row: SourceRow, levels: Levels, out: &mut [f32]) {
    match row {
        SourceRow::Interleaved { pixels, order } => deinterleave(pixels, order, levels, out),
        SourceRow::Planar(planes) => {
            for (plane, out) in planes.into_iter().zip(channels_mut(out)) {
                convert(plane, levels, out);
            }
        }
    }
}

/// As [`level`], for where compilers make no vectors.
///
/// There, on arm64, they turn its comparisons into branches that depend on the picture. On x86-64
/// they do not, and maximum and minimum took 16 to 31 % more instructions for 1920x1080 to 320x320.
#[inline(always)]
#[expect(clippy::manual_clamp, reason = "clamp leaves NaN as it is")]
fn single_level(sample: f32, levels: Levels) -> f32 {
    if cfg!(target_arch = "aarch64") {
        (sample * levels.scale + levels.offset).max(0.0).min(255.0)
    } else {
        level(sample, levels)
    }
}

/// Floats to levels, in their order.
#[inline(always)]
fn convert(bytes: &[u8], levels: Levels, out: &mut [f32]) {
    let (samples, _) = bytes.as_chunks::<4>();
    for (out, &bytes) in out.iter_mut().zip(samples) {
        *out = level(f32::from_le_bytes(bytes), levels);
    }
}

/// Bilinear interpolation of one channel.
#[inline(always)]
pub fn interpolate(samples: &[f32], taps: &[Tap], out: &mut [f32]) {
    for (out, tap) in out.iter_mut().zip(taps) {
        *out = lerp(samples[tap.first], samples[tap.second], tap.weight);
    }
}

/// Bilinear interpolation of the channel at `position` of pixels of `step` floats. Where most samples
/// are in no tap, this costs less than converting all of them.
#[inline(always)]
fn pick(
    row: &[u8],
    step: usize,
    position: usize,
    columns: &Columns,
    levels: Levels,
    out: &mut [f32],
) {
    let (row, _) = row[4 * position..].as_chunks::<4>();
    let sample = |index: usize| single_level(f32::from_le_bytes(row[index * step]), levels);
    for (out, tap) in out.iter_mut().zip(&columns.taps) {
        *out = lerp(sample(tap.first), sample(tap.second), tap.weight);
    }
}

#[inline(always)]
pub fn halve_plane(plane: &[u8], levels: Levels, out: &mut [f32]) {
    let (pairs, _) = plane.as_chunks::<8>();
    for (out, pair) in out.iter_mut().zip(pairs) {
        let [p, q] = [0, 1].map(|index| level(sample(pair, index), levels));
        *out = lerp(p, q, 0.5);
    }
}

#[inline(always)]
fn deinterleave(pixels: &[u8], order: [usize; 3], levels: Levels, out: &mut [f32]) {
    let [first, second, third] = channels_in_order(out, order);
    let (pixels, _) = pixels.as_chunks::<12>();
    let out = first.iter_mut().zip(second).zip(third);
    for (((first, second), third), pixel) in out.zip(pixels) {
        *first = level(sample(pixel, 0), levels);
        *second = level(sample(pixel, 1), levels);
        *third = level(sample(pixel, 2), levels);
    }
}

#[inline(always)]
fn halve_pixels(pixels: &[u8], order: [usize; 3], levels: Levels, out: &mut [f32]) {
    let [first, second, third] = channels_in_order(out, order);
    halve_pairs(pixels, levels, first.iter_mut().zip(second).zip(third));
}

/// Means of pairs of interleaved pixels, for the pixels' first, second and third channel.
#[inline(always)]
pub fn halve_pairs<'a>(
    pixels: &[u8],
    levels: Levels,
    outs: impl Iterator<Item = ((&'a mut f32, &'a mut f32), &'a mut f32)>,
) {
    let (pairs, _) = pixels.as_chunks::<24>();
    for (((first, second), third), pair) in outs.zip(pairs) {
        let mean = |index: usize| {
            let [p, q] = [index, index + 3].map(|index| level(sample(pair, index), levels));
            lerp(p, q, 0.5)
        };
        *first = mean(0);
        *second = mean(1);
        *third = mean(2);
    }
}

#[inline(always)]
pub fn blend_rows(top: &[f32], bottom: &[f32], weight: f32, out: &mut [f32]) {
    for ((out, &top), &bottom) in out.iter_mut().zip(top).zip(bottom) {
        *out = lerp(top, bottom, weight);
    }
}

#[inline(always)]
pub fn halve_rows(top: &[f32], bottom: &[f32], width: usize, out: &mut [f32]) {
    let channels = top.chunks_exact(width).zip(bottom.chunks_exact(width));
    for ((top, bottom), out) in channels.zip(out.chunks_exact_mut(width.div_ceil(2))) {
        let (top_pairs, top_rest) = top.as_chunks::<2>();
        let (bottom_pairs, bottom_rest) = bottom.as_chunks::<2>();
        let (out, out_rest) = out.split_at_mut(width / 2);
        for ((out, top), bottom) in out.iter_mut().zip(top_pairs).zip(bottom_pairs) {
            *out = ((top[0] + top[1]) + (bottom[0] + bottom[1])) * 0.25;
        }
        for ((out, &top), &bottom) in out_rest.iter_mut().zip(top_rest).zip(bottom_rest) {
            *out = ((top + top) + (bottom + bottom)) * 0.25;
        }
    }
}

/// Full-range chroma can be 255.5, which would round to 256.
#[inline(always)]
fn component(component: &Component, red: f32, green: f32, blue: f32) -> u32 {
    let sum = (component.r * red + component.g * green) + component.b * blue;
    let value = sum + component.offset;
    round(if value < 255.0 { value } else { 255.0 })
}

#[inline(always)]
pub fn component_row(rgb: &[f32], row: &Component, out: &mut [u8]) {
    let [red, green, blue] = channels(rgb);
    let pixels = red.iter().zip(green).zip(blue);
    for (out, ((&red, &green), &blue)) in out.iter_mut().zip(pixels) {
        *out = component(row, red, green, blue) as u8;
    }
}

#[inline(always)]
pub fn component_pair_row(rgb: &[f32], rows: [&Component; 2], out: &mut [u8]) {
    let [red, green, blue] = channels(rgb);
    let pixels = red.iter().zip(green).zip(blue);
    let (out, _) = out.as_chunks_mut::<2>();
    for (out, ((&red, &green), &blue)) in out.iter_mut().zip(pixels) {
        let [first, second] = rows.map(|row| component(row, red, green, blue));
        *out = ((first | second << 8) as u16).to_le_bytes();
    }
}

#[inline(always)]
pub fn pack_row(rgb: &[f32], format: PixelFormat, out: &mut [u8]) {
    let [red, green, blue] = channels(rgb);
    match format {
        PixelFormat::Rgb => pack_24(red, green, blue, out),
        PixelFormat::Bgr => pack_24(blue, green, red, out),
        PixelFormat::Bgra | PixelFormat::Bgrx => pack_32(blue, green, red, out),
        _ => pack_32(red, green, blue, out),
    }
}

#[inline(always)]
fn pack_32(first: &[f32], second: &[f32], third: &[f32], out: &mut [u8]) {
    let pixels = first.iter().zip(second).zip(third);
    let (out, _) = out.as_chunks_mut::<4>();
    for (out, ((&first, &second), &third)) in out.iter_mut().zip(pixels) {
        let pixel = round(first) | round(second) << 8 | round(third) << 16 | 0xff00_0000;
        *out = pixel.to_le_bytes();
    }
}

#[inline(always)]
fn pack_24(first: &[f32], second: &[f32], third: &[f32], out: &mut [u8]) {
    let pixels = first.iter().zip(second).zip(third);
    let (out, _) = out.as_chunks_mut::<3>();
    for (out, ((&first, &second), &third)) in out.iter_mut().zip(pixels) {
        *out = [first, second, third].map(|level| round(level) as u8);
    }
}
