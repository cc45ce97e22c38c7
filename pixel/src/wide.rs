//! The kernels in the shape that compilers turn into vector instructions, written once for all
//! vector widths.
//!
//! Each computes what its namesake in [`scalar`](super::scalar) specifies, byte for byte. They are
//! inlined into the backends, each of which compiles them for its own instructions: loops without
//! branches or bounds checks, over arrays whose length the compiler knows.

use super::axis::{Columns, Scaling, Tap};
use super::backend::{BlendedRow, PairSums, SourceRow};
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
        SourceRow::Interleaved { pixels, order } => {
            let [first, second, third] = channels_in_order(out, order);
            deinterleave(pixels, levels, first.iter_mut().zip(second).zip(third));
        }
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

/// Interleaved pixels to levels, for the pixels' first, second and third channel.
#[inline(always)]
pub fn deinterleave<'a>(
    pixels: &[u8],
    levels: Levels,
    outs: impl Iterator<Item = ((&'a mut f32, &'a mut f32), &'a mut f32)>,
) {
    let (pixels, _) = pixels.as_chunks::<12>();
    for (((first, second), third), pixel) in outs.zip(pixels) {
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

/// A channel of a blended row, or a part of it.
#[derive(Clone, Copy)]
pub struct Channel<'a> {
    top: &'a [f32],
    bottom: &'a [f32],
    weight: f32,
}

impl<'a> Channel<'a> {
    #[inline(always)]
    fn levels(self) -> impl Iterator<Item = f32> {
        let pairs = self.top.iter().zip(self.bottom);
        pairs.map(move |(&top, &bottom)| lerp(top, bottom, self.weight))
    }

    /// The upper and the lower row, `N` levels at a time. A rest of fewer is left out.
    #[inline(always)]
    pub fn chunks<const N: usize>(self) -> impl Iterator<Item = [&'a [f32; N]; 2]> {
        let (tops, _) = self.top.as_chunks();
        let (bottoms, _) = self.bottom.as_chunks();
        tops.iter().zip(bottoms).map(|(top, bottom)| [top, bottom])
    }

    /// The last `N` levels of both rows
    #[inline(always)]
    pub fn last_chunk<const N: usize>(self) -> Option<[&'a [f32; N]; 2]> {
        Some([self.top.last_chunk()?, self.bottom.last_chunk()?])
    }

    #[inline(always)]
    fn split_at(self, index: usize) -> (Self, Self) {
        let (top, top_rest) = self.top.split_at(index);
        let (bottom, bottom_rest) = self.bottom.split_at(index);
        let part = |top, bottom| Self {
            top,
            bottom,
            weight: self.weight,
        };
        (part(top, bottom), part(top_rest, bottom_rest))
    }
}

#[inline(always)]
pub fn blended_channels(row: BlendedRow) -> [Channel; 3] {
    let [tr, tg, tb] = channels(row.top);
    let [br, bg, bb] = channels(row.bottom);
    [(tr, br), (tg, bg), (tb, bb)].map(|(top, bottom)| Channel {
        top,
        bottom,
        weight: row.weight,
    })
}

/// Full-range chroma can be 255.5, which would round to 256.
#[inline(always)]
fn component(component: &Component, red: f32, green: f32, blue: f32) -> u32 {
    let sum = (component.r * red + component.g * green) + component.b * blue;
    let value = sum + component.offset;
    round(if value < 255.0 { value } else { 255.0 })
}

/// What `luma_row` reads and writes, or a part of it.
pub struct LumaRow<'a> {
    channels: [Channel<'a>; 3],
    out: &'a mut [u8],
    sums: [&'a mut [f32]; 3],
}

/// `N` pixels of it. `HALF` is half of that.
pub struct LumaBlock<'a, const N: usize, const HALF: usize> {
    /// The upper and the lower row of each channel
    pub channels: [[&'a [f32; N]; 2]; 3],
    pub out: &'a mut [u8; N],
    pub sums: [&'a mut [f32; HALF]; 3],
}

impl<'a> LumaRow<'a> {
    #[inline(always)]
    pub fn new(row: BlendedRow<'a>, out: &'a mut [u8], sums: &'a mut [f32]) -> Self {
        Self {
            channels: blended_channels(row),
            out,
            sums: channels_mut(sums),
        }
    }

    /// Splits it into blocks, and a rest that is shorter than one.
    #[inline(always)]
    pub fn blocks<const N: usize, const HALF: usize>(
        self,
    ) -> (impl Iterator<Item = LumaBlock<'a, N, HALF>>, Self) {
        let (outs, out_rest) = self.out.as_chunks_mut::<N>();
        let width = outs.len() * N;
        let channels = self.channels.map(|channel| channel.split_at(width));
        let sums = self.sums.map(|sums| sums.split_at_mut(width / 2));
        let [red, green, blue] = channels.map(|(channel, _)| channel.chunks());
        let channels_rest = channels.map(|(_, rest)| rest);
        let [
            (red_sums, red_rest),
            (green_sums, green_rest),
            (blue_sums, blue_rest),
        ] = sums;
        let chunks = |sums: &'a mut [f32]| sums.as_chunks_mut().0.iter_mut();
        let sums = chunks(red_sums)
            .zip(chunks(green_sums))
            .zip(chunks(blue_sums));
        let blocks = outs.iter_mut().zip(red.zip(green).zip(blue)).zip(sums);
        let blocks = blocks.map(
            |((out, ((r, g), b)), ((r_sums, g_sums), b_sums))| LumaBlock {
                channels: [r, g, b],
                out,
                sums: [r_sums, g_sums, b_sums],
            },
        );
        let rest = Self {
            channels: channels_rest,
            out: out_rest,
            sums: [red_rest, green_rest, blue_rest],
        };
        (blocks, rest)
    }

    /// `scratch` has room for an RGB row.
    #[inline(always)]
    pub fn make(self, luma: &Component, scratch: &mut [f32]) {
        let width = self.out.len();
        if width == 0 {
            return;
        }
        let levels = &mut scratch[..3 * width];
        for (levels, channel) in channels_mut(levels).into_iter().zip(self.channels) {
            for (level, blended) in levels.iter_mut().zip(channel.levels()) {
                *level = blended;
            }
        }
        let levels = channels(levels);
        let [red, green, blue] = levels;
        let pixels = red.iter().zip(green).zip(blue);
        for (out, ((&red, &green), &blue)) in self.out.iter_mut().zip(pixels) {
            *out = component(luma, red, green, blue) as u8;
        }
        for (levels, sums) in levels.into_iter().zip(self.sums) {
            let (pairs, last) = levels.as_chunks::<2>();
            let (sums, last_sum) = sums.split_at_mut(pairs.len());
            for (sum, [left, right]) in sums.iter_mut().zip(pairs) {
                *sum = left + right;
            }
            for (sum, last) in last_sum.iter_mut().zip(last) {
                *sum = last + last;
            }
        }
    }
}

#[inline(always)]
pub fn luma_row(
    row: BlendedRow,
    luma: &Component,
    scratch: &mut [f32],
    out: &mut [u8],
    sums: &mut [f32],
) {
    LumaRow::new(row, out, sums).make(luma, scratch);
}

/// Means of 2x2 pixels, from the sums of two rows.
#[inline(always)]
fn means<'a>([top, bottom]: [&'a [f32]; 2]) -> impl Iterator<Item = ((f32, f32), f32)> {
    let [tr, tg, tb] = channels(top);
    let [br, bg, bb] = channels(bottom);
    let mean = |(top, bottom): (&f32, &f32)| (top + bottom) * 0.25;
    let channel = move |top: &'a [f32], bottom: &'a [f32]| top.iter().zip(bottom).map(mean);
    channel(tr, br).zip(channel(tg, bg)).zip(channel(tb, bb))
}

#[inline(always)]
pub fn chroma_rows(
    sums: PairSums,
    components: [&Component; 2],
    first: &mut [u8],
    second: &mut [u8],
) {
    let outs = first.iter_mut().zip(second);
    for ((first, second), ((red, green), blue)) in outs.zip(means(sums)) {
        let values = components.map(|row| component(row, red, green, blue));
        [*first, *second] = values.map(|value| value as u8);
    }
}

#[inline(always)]
pub fn chroma_pair_row(sums: PairSums, components: [&Component; 2], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<2>();
    for (out, ((red, green), blue)) in out.iter_mut().zip(means(sums)) {
        let [first, second] = components.map(|row| component(row, red, green, blue));
        *out = ((first | second << 8) as u16).to_le_bytes();
    }
}

#[inline(always)]
pub fn pack_row(row: BlendedRow, format: PixelFormat, out: &mut [u8]) {
    let [red, green, blue] = blended_channels(row);
    match format {
        PixelFormat::Rgb => pack_24(red, green, blue, out),
        PixelFormat::Bgr => pack_24(blue, green, red, out),
        PixelFormat::Bgra | PixelFormat::Bgrx => pack_32(blue, green, red, out),
        _ => pack_32(red, green, blue, out),
    }
}

/// 2^23: as [`NO_FRACTION`](super::scalar), for what is not negative.
pub const NO_FRACTION_OR_SIGN: f32 = 8_388_608.0;

/// As [`round`] for a level. Beside it, bits are set in the highest byte only.
#[inline(always)]
fn round_low(level: f32) -> u32 {
    (level + NO_FRACTION_OR_SIGN).to_bits()
}

#[inline(always)]
fn pack_32(first: Channel, second: Channel, third: Channel, out: &mut [u8]) {
    let pixels = first.levels().zip(second.levels()).zip(third.levels());
    let (out, _) = out.as_chunks_mut::<4>();
    for (out, ((first, second), third)) in out.iter_mut().zip(pixels) {
        let pixel =
            round_low(first) | round_low(second) << 8 | round_low(third) << 16 | 0xff00_0000;
        *out = pixel.to_le_bytes();
    }
}

#[inline(always)]
fn pack_24(first: Channel, second: Channel, third: Channel, out: &mut [u8]) {
    let pixels = first.levels().zip(second.levels()).zip(third.levels());
    let (out, _) = out.as_chunks_mut::<3>();
    for (out, ((first, second), third)) in out.iter_mut().zip(pixels) {
        *out = [first, second, third].map(|level| round(level) as u8);
    }
}
