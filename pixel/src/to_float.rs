//! The way back: 8-bit RGB frames to float frames of the same size.

use crate::arithmetic::{Quantization, Range, SampleScale};
use crate::error::{self, ConvertError, PlanError};
use crate::format::{FloatFormat, Layout, PixelFormat, Plane, Planes, Sample};
use crate::pool;
use crate::share::{Share, threads_worth};

/// A conversion of 8-bit RGB frames to float frames, ready to run on any number of frames.
///
/// Of a byte v it makes the float nearest to `v / 255`, `v / 127.5 - 1` or `v`, as the [`Range`] is. A
/// [`Plan`](crate::Plan) of the same range makes v of it again, also of a float16.
///
/// ```
/// use lipsyncframes_pixel::*;
///
/// let format = FloatFormat {
///     sample: Sample::F32,
///     layout: Layout::Planar,
///     order: ChannelOrder::Bgr,
/// };
/// let mut plan = ToFloat::new(PixelFormat::Rgb, 2, 1, format, Range::Byte)?;
/// let mut floats = [0; 2 * 1 * 3 * 4];
/// plan.convert(&[1, 2, 3, 4, 5, 6], 6, &mut floats, 1)?;
/// let blue_green_red = [3.0f32, 6.0, 2.0, 5.0, 1.0, 4.0];
/// assert_eq!(floats.as_slice(), blue_green_red.map(f32::to_le_bytes).as_flattened());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ToFloat {
    source: PixelFormat,
    width: usize,
    height: usize,
    target: FloatFormat,
    range: Range,
    /// Which byte of a pixel each channel of the target is
    positions: [usize; 3],
    /// The sample of each byte; of a float16, the first two bytes count.
    ///
    /// Looking up takes 1.2 to 1.4 times as long as a memcpy of the floats out of the cache, 1.7 to 2.4
    /// times in it (640x360, one core, a Xeon with AMX); float16 is less than twice as slow for a byte.
    samples: [[u8; 4]; 256],
    share: Share,
}

impl ToFloat {
    /// Plans the conversion of frames of `width` x `height` pixels.
    ///
    /// # Errors
    ///
    /// When a size is not 1 to [`MAX_SIZE`](super::MAX_SIZE), or `source` is not one of the RGB
    /// family.
    pub fn new(
        source: PixelFormat,
        width: u32,
        height: u32,
        target: FloatFormat,
        range: Range,
    ) -> Result<Self, PlanError> {
        error::check_size("frame", width, height)?;
        let channels = source.channels();
        if channels.is_empty() {
            return Err(PlanError::NotRgb(source));
        }
        let mut positions = [0; 3];
        for (position, &channel) in channels
            .iter()
            .enumerate()
            .filter(|(_, channel)| **channel < 3)
        {
            positions[target.positions()[channel]] = position;
        }
        let samples = samples(target.sample, range, Quantization::Full);
        Ok(Self {
            source,
            width: width as usize,
            height: height as usize,
            target,
            range,
            positions,
            samples,
            share: Share::default(),
        })
    }

    /// The same of frames with this quantization, which is full until this is called. Of limited ones
    /// black is 16 and white 235, of each channel; what lies beyond is clamped.
    pub fn with_quantization(mut self, quantization: Quantization) -> Self {
        self.samples = samples(self.target.sample, self.range, quantization);
        self
    }

    /// Bytes of a float frame.
    pub fn target_bytes(&self) -> usize {
        self.target.frame_bytes(self.width, self.height)
    }

    /// Number of threads that [`convert`](Self::convert) uses when it may use `threads`.
    pub fn threads(&self, threads: usize) -> usize {
        threads_worth(3 * self.width * self.height, threads).min(self.height)
    }

    /// Converts one frame, whose rows start `stride` bytes apart, on up to `threads` threads: the
    /// caller's and some of the shared pool.
    ///
    /// # Errors
    ///
    /// When `source` or `target` has not the size that the plan needs, or the pool cannot be built.
    /// Nothing has been written then.
    pub fn convert(
        &mut self,
        source: &[u8],
        stride: usize,
        target: &mut [u8],
        threads: usize,
    ) -> Result<(), ConvertError> {
        let (width, height) = (self.width, self.height);
        let row_bytes = self.source.row_bytes(0, width);
        error::check_plane(0, source, stride, row_bytes, height)?;
        error::check_target(target, self.target_bytes())?;

        let threads = self.share.threads(self.threads(threads));
        self.share.prepare(threads)?;
        let mut share = std::mem::take(&mut self.share);
        let n_bands = Share::bands(threads).min(height);
        let first_row = |band: usize| band * height / n_bands;
        let mut rest = self.planes(target);
        let bands = (0..n_bands).map(|band| {
            let rows = first_row(band)..first_row(band + 1);
            let planes = rest.each_mut().map(|plane| plane.split_off_top(rows.len()));
            (rows, planes)
        });
        let workers = &mut [(); pool::MAX_THREADS][..threads];
        share.run(workers, bands, |(), (rows, mut planes)| {
            for (index, row) in rows.enumerate() {
                let pixels = &source[row * stride..][..row_bytes];
                let out = planes
                    .each_mut()
                    .map(|plane| plane.row(index, plane.stride));
                self.convert_row(pixels, out);
            }
        });
        self.share = share;
        Ok(())
    }

    /// The planes of a float frame; the first is all of it where it is interleaved.
    fn planes<'a>(&self, frame: &'a mut [u8]) -> Planes<'a> {
        let stride = self.target.row_bytes(self.width);
        let planes = frame.chunks_exact_mut(stride * self.height);
        let mut planes = planes.map(|data| Plane { data, stride });
        std::array::from_fn(|_| planes.next().unwrap_or_default())
    }

    fn convert_row(&self, pixels: &[u8], out: [&mut [u8]; 3]) {
        match (self.source.row_bytes(0, 1), self.target.sample) {
            (3, Sample::F32) => self.convert_pixels::<3, 4>(pixels, out),
            (3, Sample::F16) => self.convert_pixels::<3, 2>(pixels, out),
            (_, Sample::F32) => self.convert_pixels::<4, 4>(pixels, out),
            (_, Sample::F16) => self.convert_pixels::<4, 2>(pixels, out),
        }
    }

    fn convert_pixels<const PIXEL: usize, const SAMPLE: usize>(
        &self,
        pixels: &[u8],
        [first, second, third]: [&mut [u8]; 3],
    ) {
        let (pixels, _) = pixels.as_chunks::<PIXEL>();
        let (first, _) = first.as_chunks_mut::<SAMPLE>();
        let sample = |pixel: &[u8; PIXEL], channel: usize| {
            let sample = &self.samples[usize::from(pixel[self.positions[channel]])];
            std::array::from_fn(|byte| sample[byte])
        };
        match self.target.layout {
            Layout::Interleaved => {
                let (out, _) = first.as_chunks_mut::<3>();
                for (out, pixel) in out.iter_mut().zip(pixels) {
                    *out = std::array::from_fn(|channel| sample(pixel, channel));
                }
            }
            Layout::Planar => {
                let (second, _) = second.as_chunks_mut::<SAMPLE>();
                let (third, _) = third.as_chunks_mut::<SAMPLE>();
                let out = first.iter_mut().zip(second).zip(third);
                for (((first, second), third), pixel) in out.zip(pixels) {
                    *first = sample(pixel, 0);
                    *second = sample(pixel, 1);
                    *third = sample(pixel, 2);
                }
            }
        }
    }
}

/// The sample of each byte.
fn samples(sample: Sample, range: Range, quantization: Quantization) -> [[u8; 4]; 256] {
    let scale = SampleScale::from(range);
    let (factor, offset) = (f64::from(scale.factor), f64::from(scale.offset));
    std::array::from_fn(|byte| {
        let level = match quantization {
            Quantization::Full => byte as f64,
            Quantization::Limited => (byte as f64 - 16.0).clamp(0.0, 219.0) * 255.0 / 219.0,
        };
        let float = ((level * 128.0 - offset) / factor) as f32;
        match sample {
            Sample::F32 => float.to_le_bytes(),
            Sample::F16 => {
                let [low, high] = narrow(float).to_le_bytes();
                [low, high, 0, 0]
            }
        }
    })
}

/// The nearest float16, where there is a tie the even one. For 0 and for what is a normal float16.
fn narrow(float: f32) -> u16 {
    let bits = float.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    if magnitude == 0 {
        return sign;
    }
    let is_odd = magnitude >> 13 & 1;
    // The difference between the exponents' biases is 112.
    let rounded = ((magnitude + 0xfff + is_odd) >> 13) - (112 << 10);
    sign | rounded as u16
}

#[cfg(test)]
#[path = "../tests/unit/to_float.rs"]
mod tests;
