//! DESIGN.md's arithmetic once more, written to be read and not to be fast: no bands, no tables, no
//! strides, every step over the whole frame. What `pixel/src` makes must be equal to it, byte for
//! byte.

// Each test file compiles this module for itself, and none uses all of it.
#![allow(dead_code)]

use half::f16;
use lipsyncframes_pixel::{
    ChannelOrder, Layout, Matrix, PixelFormat, Quantization, Range, Sample, Source, Target,
};

/// Red, green and blue in 128ths of a level, 0 to 32640; rows from top to bottom.
pub struct Image {
    width: usize,
    height: usize,
    pixels: Vec<[i64; 3]>,
}

impl Image {
    fn from_fn(
        width: usize,
        height: usize,
        mut pixel: impl FnMut(usize, usize) -> [i64; 3],
    ) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                pixels.push(pixel(x, y));
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    fn pixel(&self, x: usize, y: usize) -> [i64; 3] {
        self.pixels[y * self.width + x]
    }

    /// The pixel, or the nearest one of the edge.
    fn nearest_pixel(&self, x: usize, y: usize) -> [i64; 3] {
        self.pixel(x.min(self.width - 1), y.min(self.height - 1))
    }
}

/// Size of one plane of an output frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneShape {
    pub row_bytes: usize,
    pub rows: usize,
}

/// The planes that a frame of `target` has.
pub fn plane_shapes(target: &Target) -> Vec<PlaneShape> {
    let (width, height) = (target.width as usize, target.height as usize);
    let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
    let shapes: &[(usize, usize)] = match target.format {
        PixelFormat::I420 => &[
            (width, height),
            (chroma_width, chroma_height),
            (chroma_width, chroma_height),
        ],
        PixelFormat::Nv12 => &[(width, height), (2 * chroma_width, chroma_height)],
        PixelFormat::Rgb | PixelFormat::Bgr => &[(3 * width, height)],
        PixelFormat::Rgba | PixelFormat::Rgbx | PixelFormat::Bgra | PixelFormat::Bgrx => {
            &[(4 * width, height)]
        }
        format => panic!("{format:?} is not known here"),
    };
    shapes
        .iter()
        .map(|&(row_bytes, rows)| PlaneShape { row_bytes, rows })
        .collect()
}

/// Converts one frame; returns the planes, without padding.
pub fn convert(source: &Source, target: &Target, bytes: &[u8]) -> Vec<Vec<u8>> {
    let picture = scale(
        &deep(source, bytes),
        target.picture.width,
        target.picture.height,
    );
    quantise(&picture, target)
}

/// Step 1: floats to deep samples.
pub fn deep(source: &Source, bytes: &[u8]) -> Image {
    let (width, height) = (source.width as usize, source.height as usize);
    let sample_bytes = source.format.sample.bytes();
    assert_eq!(bytes.len(), width * height * 3 * sample_bytes);
    let [red, green, blue] = match source.format.order {
        ChannelOrder::Rgb => [0, 1, 2],
        ChannelOrder::Bgr => [2, 1, 0],
    };
    let sample = |x: usize, y: usize, channel: usize| {
        let index = match source.format.layout {
            Layout::Interleaved => (y * width + x) * 3 + channel,
            Layout::Planar => (channel * height + y) * width + x,
        };
        let at = index * sample_bytes;
        let sample = match source.format.sample {
            Sample::F32 => f32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte])),
            Sample::F16 => f16::from_le_bytes([0, 1].map(|byte| bytes[at + byte])).to_f32(),
            sample => panic!("{sample:?} is not known here"),
        };
        sample_to_deep(sample, source.range)
    };
    Image::from_fn(width, height, |x, y| {
        [sample(x, y, red), sample(x, y, green), sample(x, y, blue)]
    })
}

fn sample_to_deep(sample: f32, range: Range) -> i64 {
    let (a, b) = match range {
        Range::Unit => (32640.0, 0.0),
        Range::SignedUnit => (16320.0, 16320.0),
        Range::Byte => (128.0, 0.0),
        _ => panic!("{range:?} is not known here"),
    };
    if sample.is_nan() {
        0
    } else {
        (sample * a + b).clamp(0.0, 32640.0).round_ties_even() as i64
    }
}

/// Steps 2 and 3: bilinear, horizontally, then vertically.
pub fn scale(image: &Image, width: u32, height: u32) -> Image {
    let (width, height) = (width as usize, height as usize);
    Image::from_fn(width, height, |x, y| {
        let (left, right, x_weight) = neighbours(x, width, image.width);
        let (top, bottom, y_weight) = neighbours(y, height, image.height);
        [0, 1, 2].map(|channel| {
            let sample = |x: usize, y: usize| image.pixel(x, y)[channel];
            lerp(
                lerp(sample(left, top), sample(right, top), x_weight),
                lerp(sample(left, bottom), sample(right, bottom), x_weight),
                y_weight,
            )
        })
    })
}

/// The two source positions that position `at` of `length` lies between, and the second one's
/// weight in 16384ths.
fn neighbours(at: usize, length: usize, source_length: usize) -> (usize, usize, i64) {
    let last = source_length - 1;
    let position = (at as f64 + 0.5) * source_length as f64 / length as f64 - 0.5;
    let position = position.clamp(0.0, last as f64);
    // Of the whole position: that a weight of 16384 is none of the next follows from it.
    let first = position.floor();
    let steps = first as i64 * 16384 + ((position - first) * 16384.0 + 0.5).floor() as i64;
    let (first, weight) = ((steps / 16384) as usize, steps % 16384);
    (first, (first + 1).min(last), weight)
}

fn lerp(p: i64, q: i64, weight: i64) -> i64 {
    p + ((q - p) * weight + 8192).div_euclid(16384)
}

/// Steps 4 and 5: the picture on a black frame, as bytes of the target's format.
pub fn quantise(picture: &Image, target: &Target) -> Vec<Vec<u8>> {
    let at = target.picture;
    assert_eq!(
        (picture.width, picture.height),
        (at.width as usize, at.height as usize)
    );
    let columns = at.x as usize..(at.x + at.width) as usize;
    let rows = at.y as usize..(at.y + at.height) as usize;
    let frame = Image::from_fn(target.width as usize, target.height as usize, |x, y| {
        if columns.contains(&x) && rows.contains(&y) {
            picture.pixel(x - columns.start, y - rows.start)
        } else {
            [0; 3]
        }
    });

    let rgb_plane = |pixel_bytes: fn([u8; 3]) -> Vec<u8>| {
        let pixels = frame.pixels.iter();
        vec![
            pixels
                .flat_map(|pixel| pixel_bytes(pixel.map(to_byte)))
                .collect(),
        ]
    };
    match target.format {
        PixelFormat::Rgb => rgb_plane(|[r, g, b]| vec![r, g, b]),
        PixelFormat::Bgr => rgb_plane(|[r, g, b]| vec![b, g, r]),
        PixelFormat::Rgba | PixelFormat::Rgbx => rgb_plane(|[r, g, b]| vec![r, g, b, 255]),
        PixelFormat::Bgra | PixelFormat::Bgrx => rgb_plane(|[r, g, b]| vec![b, g, r, 255]),
        PixelFormat::I420 => {
            let [y, cb, cr] = ycbcr_planes(&frame, target);
            vec![y, cb, cr]
        }
        PixelFormat::Nv12 => {
            let [y, cb, cr] = ycbcr_planes(&frame, target);
            let cb_cr = cb.into_iter().zip(cr).flat_map(|(cb, cr)| [cb, cr]);
            vec![y, cb_cr.collect()]
        }
        format => panic!("{format:?} is not known here"),
    }
}

/// The nearest level, halves up.
fn to_byte(deep: i64) -> u8 {
    ((deep + 64) / 128) as u8
}

fn average(p: i64, q: i64) -> i64 {
    (p + q + 1) / 2
}

/// Y in full, Cb and Cr at half width and height.
fn ycbcr_planes(frame: &Image, target: &Target) -> [Vec<u8>; 3] {
    let [y_row, cb_row, cr_row] = matrix_rows(target.matrix, target.quantization);
    let luma = frame.pixels.iter().map(|&pixel| y_row.apply(pixel));

    let chroma_width = frame.width.div_ceil(2);
    let chroma_height = frame.height.div_ceil(2);
    let means = Image::from_fn(chroma_width, chroma_height, |x, y| {
        let (x, y) = (2 * x, 2 * y);
        let top_left = frame.nearest_pixel(x, y);
        let top_right = frame.nearest_pixel(x + 1, y);
        let bottom_left = frame.nearest_pixel(x, y + 1);
        let bottom_right = frame.nearest_pixel(x + 1, y + 1);
        [0, 1, 2].map(|channel| {
            let left = average(top_left[channel], bottom_left[channel]);
            let right = average(top_right[channel], bottom_right[channel]);
            average(left, right)
        })
    });
    let chroma = |row: MatrixRow| means.pixels.iter().map(|&mean| row.apply(mean)).collect();
    [luma.collect(), chroma(cb_row), chroma(cr_row)]
}

struct MatrixRow {
    /// In 16384ths
    weights: [i64; 3],
    offset: i64,
}

impl MatrixRow {
    fn apply(&self, [r, g, b]: [i64; 3]) -> u8 {
        let [r_weight, g_weight, b_weight] = self.weights;
        let sum = r_weight * r + g_weight * g + b_weight * b;
        // 128ths times 16384ths are 2^21 to a level.
        let half = 1 << 20;
        (self.offset + (sum + half).div_euclid(1 << 21)).clamp(0, 255) as u8
    }
}

/// The rows for Y, Cb and Cr, with Cb = (B - Y) / (2 (1 - Kb)) and Cr = (R - Y) / (2 (1 - Kr)), so
/// that both span -0.5 to 0.5 where R, G and B span 0 to 1.
fn matrix_rows(matrix: Matrix, quantization: Quantization) -> [MatrixRow; 3] {
    let [kr, kb]: [f64; 2] = match matrix {
        Matrix::Bt601 => [0.299, 0.114],
        Matrix::Bt709 => [0.2126, 0.0722],
        _ => panic!("{matrix:?} is not known here"),
    };
    // How many of the 255 steps between the darkest and the brightest are used, and where luma
    // begins.
    let (luma_steps, chroma_steps, darkest) = match quantization {
        Quantization::Full => (255.0, 255.0, 0),
        Quantization::Limited => (219.0, 224.0, 16),
        _ => panic!("{quantization:?} is not known here"),
    };
    let row = |[r, b, sum]: [f64; 3], steps: f64, offset: i64| {
        let [r, b, sum] =
            [r, b, sum].map(|weight| (16384.0 * weight * (steps / 255.0) + 0.5).floor() as i64);
        MatrixRow {
            weights: [r, sum - r - b, b],
            offset,
        }
    };
    let cb = [-kr, 1.0 - kb].map(|weight| weight / (2.0 * (1.0 - kb)));
    let cr = [1.0 - kr, -kb].map(|weight| weight / (2.0 * (1.0 - kr)));
    [
        row([kr, kb, 1.0], luma_steps, darkest),
        row([cb[0], cb[1], 0.0], chroma_steps, 128),
        row([cr[0], cr[1], 0.0], chroma_steps, 128),
    ]
}

/// The same by real numbers, in f64: planes of components, not rounded. The picture fills the frame.
pub fn exact(source: &Source, target: &Target, bytes: &[u8]) -> Vec<Vec<f64>> {
    let (width, height) = (target.width as usize, target.height as usize);
    let (source_width, source_height) = (source.width as usize, source.height as usize);
    let level = |x: usize, y: usize, channel: usize| {
        let channel = match source.format.order {
            ChannelOrder::Rgb => channel,
            ChannelOrder::Bgr => 2 - channel,
        };
        let index = match source.format.layout {
            Layout::Interleaved => (y * source_width + x) * 3 + channel,
            Layout::Planar => (channel * source_height + y) * source_width + x,
        };
        let sample = f64::from(f32::from_le_bytes(bytes.as_chunks().0[index]));
        let level = match source.range {
            Range::Unit => sample * 255.0,
            Range::SignedUnit => sample * 127.5 + 127.5,
            _ => sample,
        };
        if level.is_nan() {
            0.0
        } else {
            level.clamp(0.0, 255.0)
        }
    };
    let between = |at: usize, length: usize, source_length: usize| {
        let x = (at as f64 + 0.5) * source_length as f64 / length as f64 - 0.5;
        let x = x.clamp(0.0, (source_length - 1) as f64);
        (
            x as usize,
            (x as usize + 1).min(source_length - 1),
            x.fract(),
        )
    };
    let pixel = |x: usize, y: usize| {
        let (left, right, x_weight) = between(x.min(width - 1), width, source_width);
        let (top, bottom, y_weight) = between(y.min(height - 1), height, source_height);
        [0, 1, 2].map(|channel| {
            let row = |y| {
                let (p, q) = (level(left, y, channel), level(right, y, channel));
                p + (q - p) * x_weight
            };
            row(top) + (row(bottom) - row(top)) * y_weight
        })
    };
    let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    if !target.format.is_ycbcr() {
        assert_eq!(target.format, PixelFormat::Rgb);
        return vec![pixels().flat_map(|(x, y)| pixel(x, y)).collect()];
    }
    assert_eq!(target.format, PixelFormat::I420);
    let (kr, kb) = match target.matrix {
        Matrix::Bt601 => (0.299, 0.114),
        _ => (0.2126, 0.0722),
    };
    let (luma_scale, luma_offset, chroma_scale) = match target.quantization {
        Quantization::Full => (1.0, 0.0, 1.0),
        _ => (219.0 / 255.0, 16.0, 224.0 / 255.0),
    };
    let luma = |[r, g, b]: [f64; 3]| kr * r + (1.0 - kr - kb) * g + kb * b;
    let means = (0..height.div_ceil(2)).flat_map(|y| (0..width.div_ceil(2)).map(move |x| (x, y)));
    let means: Vec<[f64; 3]> = means
        .map(|(x, y)| {
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| pixel(2 * x + i, 2 * y + j));
            [0, 1, 2].map(|channel| four.iter().map(|pixel| pixel[channel]).sum::<f64>() / 4.0)
        })
        .collect();
    let chroma = |channel: usize, k: f64| -> Vec<f64> {
        let difference = |&mean: &[f64; 3]| (mean[channel] - luma(mean)) / (2.0 * (1.0 - k));
        means
            .iter()
            .map(|mean| 128.0 + chroma_scale * difference(mean))
            .collect()
    };
    let luma = pixels().map(|(x, y)| luma_offset + luma_scale * luma(pixel(x, y)));
    vec![luma.collect(), chroma(2, kb), chroma(0, kr)]
}

/// Samples that a network should not emit, and that must do no harm.
pub const ODD_SAMPLES: [f32; 12] = [
    f32::NAN,
    -f32::NAN,
    // A signalling NaN
    f32::from_bits(0x7fa0_0001),
    f32::INFINITY,
    f32::NEG_INFINITY,
    -0.0,
    0.0,
    // Denormals: the smallest, and one in the middle
    f32::from_bits(1),
    -f32::from_bits(1),
    f32::from_bits(0x0040_0000),
    f32::MAX,
    f32::MIN,
];

/// Random numbers below the bound that each call states. The same for the same seed, on every
/// machine.
pub fn random(seed: u64) -> impl FnMut(u32) -> u32 {
    let mut state = seed;
    move |bound| {
        // Knuth's MMIX generator. Its high bits are the random ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (((state >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// The sample that means `level`, 0 to 255.
pub fn level_to_sample(level: f32, range: Range) -> f32 {
    match range {
        Range::Unit => level / 255.0,
        Range::SignedUnit => level / 127.5 - 1.0,
        Range::Byte => level,
        _ => panic!("{range:?} is not known here"),
    }
}

/// A source frame of `samples` float32 samples of noise, little-endian: levels from below 0 to
/// above 255, some of them half-way between two bytes, and now and then one of [`ODD_SAMPLES`].
/// The same for the same arguments, on every machine.
pub fn noise(samples: usize, range: Range, seed: u64) -> Vec<u8> {
    let mut random_below = random(seed);
    let mut bytes = Vec::with_capacity(samples * 4);
    for _ in 0..samples {
        let level = match random_below(32) {
            0..4 => random_below(260) as f32 - 2.5,
            _ => random_below(1 << 24) as f32 * (295.0 / (1 << 24) as f32) - 20.0,
        };
        let sample = if random_below(32) == 0 {
            ODD_SAMPLES[random_below(ODD_SAMPLES.len() as u32) as usize]
        } else {
            level_to_sample(level, range)
        };
        bytes.extend(sample.to_le_bytes());
    }
    bytes
}

/// [`noise`] that fills one frame of `source`.
pub fn noise_frame(source: &Source, seed: u64) -> Vec<u8> {
    let samples = source.width as usize * source.height as usize * 3;
    let floats = noise(samples, source.range, seed);
    match source.format.sample {
        Sample::F32 => floats,
        Sample::F16 => to_float16(&floats),
        sample => panic!("{sample:?} is not known here"),
    }
}

/// The nearest float16 of each float32.
pub fn to_float16(floats: &[u8]) -> Vec<u8> {
    let (floats, _) = floats.as_chunks();
    let halves = floats
        .iter()
        .map(|&bytes| f16::from_f32(f32::from_le_bytes(bytes)));
    halves.flat_map(f16::to_le_bytes).collect()
}
