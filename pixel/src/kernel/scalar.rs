//! The specification: what every backend computes, one sample after the other.

use super::columns::Columns;
use super::interface::{BlendedRow, Chroma, Kernels, PixelBytes, Row, RowPair, Samples, SourceRow};
use crate::arithmetic::{Component, DEEP_PIXEL, DEEPEST, SampleScale, YCbCr};
use crate::format::Sample;

pub static KERNELS: Kernels = Kernels {
    name: "scalar",
    scale_row,
    write_rgb,
    write_ycbcr,
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

/// A sample of a pixel of a source row
fn source_sample(row: SourceRow, pixel: usize, channel: usize) -> i16 {
    let float = match row.samples {
        Samples::Interleaved(samples) => float(samples, 3 * pixel + channel, row.sample),
        Samples::Planar(planes) => float(planes[channel], pixel, row.sample),
    };
    deep_sample(float, row.scale)
}

fn scale_row(row: SourceRow, columns: &Columns, _unscaled: &mut [i16], out: &mut [i16]) {
    let (out, _) = out.as_chunks_mut::<DEEP_PIXEL>();
    for (out, tap) in out.iter_mut().zip(&columns.taps) {
        for (channel, out) in out.iter_mut().take(3).enumerate() {
            let [p, q] = [tap.first, tap.second].map(|pixel| source_sample(row, pixel, channel));
            *out = lerp(p, q, tap.weight);
        }
    }
}

/// Pixel `x` of a row
fn pixel(row: Row, x: usize) -> [i16; 3] {
    std::array::from_fn(|channel| match row {
        Row::Source(row) => source_sample(row, x, channel),
        Row::Blended(row) => {
            let [p, q] = [row.top, row.bottom].map(|samples| samples[x * DEEP_PIXEL + channel]);
            lerp(p, q, row.weight)
        }
    })
}

fn write_rgb(row: &Row, bytes: &PixelBytes, out: &mut [u8]) {
    for (x, out) in out.chunks_exact_mut(bytes.channels.len()).enumerate() {
        let pixel = pixel(*row, x);
        for (out, &channel) in out.iter_mut().zip(&bytes.channels) {
            *out = if channel < 3 {
                level(pixel[channel])
            } else {
                255
            };
        }
    }
}

/// The mean of 2x2 pixels, vertically, then horizontally.
fn mean(rows: [Row; 2], x: usize) -> [i16; 3] {
    let column = |x: usize| {
        let [top, bottom] = rows.map(|row| pixel(row, x));
        std::array::from_fn(|channel| average(top[channel], bottom[channel]))
    };
    let [left, right]: [[i16; 3]; 2] = [column(2 * x), column(2 * x + 1)];
    std::array::from_fn(|channel| average(left[channel], right[channel]))
}

fn write_ycbcr(rows: &RowPair, ycbcr: &YCbCr, luma: [&mut [u8]; 2], chroma: Chroma) {
    let rows = match *rows {
        RowPair::Blended(top, bottom) => [Row::Blended(top), Row::Blended(bottom)],
        RowPair::Source(top, bottom) => [Row::Blended(BlendedRow::of(top)), Row::Source(bottom)],
    };
    for (row, luma) in rows.into_iter().zip(luma) {
        for (x, luma) in luma.iter_mut().enumerate() {
            *luma = component(&ycbcr.y, pixel(row, x));
        }
    }
    match chroma {
        Chroma::Planar(cb, cr) => {
            for (x, (cb, cr)) in cb.iter_mut().zip(cr).enumerate() {
                let mean = mean(rows, x);
                (*cb, *cr) = (component(&ycbcr.cb, mean), component(&ycbcr.cr, mean));
            }
        }
        Chroma::Interleaved(out) => {
            for (x, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                let mean = mean(rows, x);
                *out = [component(&ycbcr.cb, mean), component(&ycbcr.cr, mean)];
            }
        }
    }
}

#[cfg(test)]
#[path = "../../tests/unit/scalar.rs"]
mod tests;
