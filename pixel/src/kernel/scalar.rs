//! The specification: what every backend computes, one sample after the other.

use super::columns::Columns;
use super::interface::{BlendedRow, Chroma, Kernels, PixelBytes, Samples, SourceRow};
use crate::arithmetic::{Component, DEEP_PIXEL, DEEPEST, SampleScale};
use crate::format::{Layout, Sample};

pub static KERNELS: Kernels = Kernels {
    name: "scalar",
    scale_row,
    write_rgb,
    write_luma,
    write_chroma,
};

/// Float to deep sample. Rust does not fuse the product and the sum, and `as` makes NaN 0.
fn deep_sample(float: f32, scale: SampleScale) -> i16 {
    let value = float * scale.factor + scale.offset;
    value.clamp(0.0, f32::from(DEEPEST)).round_ties_even() as i16
}

/// `weight` is in 16384ths.
fn lerp(p: i16, q: i16, weight: i16) -> i16 {
    let difference = i32::from(q) - i32::from(p);
    p + ((difference * i32::from(weight) + 8192) >> 14) as i16
}

/// The middle of two.
fn average(p: i16, q: i16) -> i16 {
    ((i32::from(p) + i32::from(q) + 1) >> 1) as i16
}

fn level(deep: i16) -> u8 {
    ((i32::from(deep) + 64) >> 7) as u8
}

fn component(component: &Component, pixel: [i16; 3]) -> u8 {
    let products = pixel.into_iter().zip(component.factors);
    let sum: i32 = products
        .map(|(deep, factor)| i32::from(deep) * i32::from(factor))
        .sum();
    ((sum + component.offset) >> 21).clamp(0, 255) as u8
}

/// IEEE 754 binary16 to binary32, which has room for all of it.
fn widen(half: u16) -> f32 {
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

fn float(samples: &[u8], index: usize, sample: Sample) -> f32 {
    match sample {
        Sample::F32 => f32::from_le_bytes(samples.as_chunks().0[index]),
        Sample::F16 => widen(u16::from_le_bytes(samples.as_chunks().0[index])),
    }
}

fn scale_row(row: SourceRow, columns: &Columns, _unscaled: &mut [i16], out: &mut [i16]) {
    let sample = |pixel: usize, channel: usize| {
        let float = match row.samples {
            Samples::Interleaved(samples) => float(samples, 3 * pixel + channel, row.sample),
            Samples::Planar(planes) => float(planes[channel], pixel, row.sample),
        };
        deep_sample(float, row.scale)
    };
    let layout = match row.samples {
        Samples::Interleaved(_) => Layout::Interleaved,
        Samples::Planar(_) => Layout::Planar,
    };
    let out = out.chunks_exact_mut(columns.deep_pixel(layout));
    for (out, tap) in out.zip(&columns.taps) {
        for (channel, out) in out.iter_mut().take(3).enumerate() {
            let (p, q) = (sample(tap.first, channel), sample(tap.second, channel));
            *out = lerp(p, q, tap.weight);
        }
    }
}

/// Pixel `x` of a blended row.
fn pixel(row: BlendedRow, x: usize) -> [i16; 3] {
    let [top, bottom] = [row.top, row.bottom].map(|samples| &samples[x * row.pixel..]);
    std::array::from_fn(|channel| lerp(top[channel], bottom[channel], row.weight))
}

fn write_rgb(row: BlendedRow, bytes: &PixelBytes, out: &mut [u8]) {
    for (x, out) in out.chunks_exact_mut(bytes.channels.len()).enumerate() {
        let pixel = pixel(row, x);
        for (out, &channel) in out.iter_mut().zip(&bytes.channels) {
            *out = if channel < 3 {
                level(pixel[channel])
            } else {
                255
            };
        }
    }
}

fn write_luma(row: BlendedRow, luma: &Component, blended: &mut [i16], out: &mut [u8]) {
    let (blended, _) = blended.as_chunks_mut::<DEEP_PIXEL>();
    for (x, (out, blended)) in out.iter_mut().zip(blended).enumerate() {
        let pixel = pixel(row, x);
        *out = component(luma, pixel);
        blended[..3].copy_from_slice(&pixel);
    }
}

/// The mean of 2x2 pixels, vertically, then horizontally.
fn mean(rows: [&[i16]; 2], x: usize) -> [i16; 3] {
    let [top, bottom] = rows.map(|row| &row[2 * x * DEEP_PIXEL..]);
    std::array::from_fn(|channel| {
        let right = channel + DEEP_PIXEL;
        average(
            average(top[channel], bottom[channel]),
            average(top[right], bottom[right]),
        )
    })
}

fn write_chroma(rows: [&[i16]; 2], [cb, cr]: [&Component; 2], out: Chroma) {
    match out {
        Chroma::Planar(cbs, crs) => {
            for (x, (out_cb, out_cr)) in cbs.iter_mut().zip(crs).enumerate() {
                let mean = mean(rows, x);
                (*out_cb, *out_cr) = (component(cb, mean), component(cr, mean));
            }
        }
        Chroma::Interleaved(out) => {
            for (x, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                let mean = mean(rows, x);
                *out = [component(cb, mean), component(cr, mean)];
            }
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/scalar.rs"]
mod tests;
