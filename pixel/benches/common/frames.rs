//! The frames that everything here works on.

use half::f16;
use lipsyncframes_pixel::{
    ChannelOrder, FloatFormat, Layout, PixelFormat, Plane, Planes, Range, Sample, Source, Target,
};

/// What the usual network emits.
pub const SOURCE: Source = Source {
    format: FloatFormat {
        sample: Sample::F32,
        layout: Layout::Interleaved,
        order: ChannelOrder::Bgr,
    },
    width: 640,
    height: 360,
    range: Range::Unit,
};

/// Bytes of frames of which the caches hold little until their next turn.
pub const MORE_THAN_THE_CACHE: usize = 72 << 20;

/// As GStreamer writes it.
pub fn name(format: PixelFormat) -> String {
    format!("{format:?}").to_uppercase()
}

/// Bytes of a frame of `source`.
pub fn bytes(source: &Source) -> usize {
    source.width as usize * source.height as usize * 3 * source.format.sample.bytes()
}

/// Bytes of a picture in RGBA, and no less than one in any format.
pub fn rgba_bytes((width, height): (u32, u32)) -> usize {
    width as usize * height as usize * 4
}

/// Distinct frames of `source`, more than the caches hold.
pub fn many_frames(source: &Source) -> Vec<Vec<u8>> {
    frames(source, MORE_THAN_THE_CACHE / bytes(source) + 1)
}

/// `count` distinct frames of `source`, of float32 from 0 to 1. Planar or not, they are as large.
///
/// What the samples are matters to jpegenc only, to which these cost what a face costs: at 320x320
/// and quality 75, 2.09 million instructions and 11.1 kB for one of them, 2.09 million and 11.0 kB
/// for one of the clip of scripts/demo (GStreamer 1.22). With half the noise, it took 3 % fewer
/// instructions and 15 % fewer bytes; with saw-teeth instead of ups and downs, 2.35 million and
/// 20.7 kB.
pub fn frames(source: &Source, count: usize) -> Vec<Vec<u8>> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    let (width, height) = (source.width as usize, source.height as usize);
    let mut frame = |shift: usize| {
        let sample = |index: usize| {
            let (x, y) = (index / 3 % width, index / 3 / width);
            let slope = ((x + 3 * y + 40 * (index % 3) + shift) % 510).abs_diff(255);
            (slope as f32 / 255.0 + 0.1 * noise())
                .min(1.0)
                .to_le_bytes()
        };
        (0..width * height * 3).flat_map(sample).collect()
    };
    (0..count).map(|index| frame(5 * index)).collect()
}

/// The same frames, as a network of half precision emits them.
pub fn float16(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let narrow = |frame: &Vec<u8>| {
        let (floats, _) = frame.as_chunks();
        let halves = floats
            .iter()
            .map(|&float| f16::from_f32(f32::from_le_bytes(float)));
        halves.flat_map(f16::to_le_bytes).collect()
    };
    frames.iter().map(narrow).collect()
}

/// Splits packed memory into the planes of `target`.
pub fn planes<'a>(memory: &'a mut [u8], target: &Target) -> Planes<'a> {
    let (width, height) = (target.width as usize, target.height as usize);
    let chroma = width.div_ceil(2);
    let (strides, rest_rows) = match target.format {
        PixelFormat::I420 => ([width, chroma, chroma], height.div_ceil(2)),
        PixelFormat::Nv12 => ([width, 2 * chroma, 0], height.div_ceil(2)),
        PixelFormat::Rgb | PixelFormat::Bgr => ([3 * width, 0, 0], 0),
        _ => ([4 * width, 0, 0], 0),
    };
    let (first, rest) = memory.split_at_mut(strides[0] * height);
    let (second, third) = rest.split_at_mut(strides[1] * rest_rows);
    let mut data = [first, second, third].into_iter();
    strides.map(|stride| Plane {
        data: data.next().unwrap_or_default(),
        stride,
    })
}
