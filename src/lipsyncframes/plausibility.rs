//! Whether what comes in can be what caps and properties say it is.
//!
//! Any bytes are floats of some value, and every value becomes some level: float64, big-endian floats
//! and floats of another range all give pictures. What gives them away is that many samples are far
//! outside of the range.

use crate::media::float_video::{FloatVideoInfo, LipSyncFramesRange};
use lipsyncframes_pixel::Sample;

/// Frames that are looked at after each change of caps or range. The number is not measured: some, because a
/// stream can begin with black.
const FRAMES: usize = 8;

/// Samples that are looked at in a frame. From memory that took 5 us at 96x96, 8 at 640x360 and 15 at
/// 1920x1080 (AMD EPYC, median of 64 frames), and a later frame takes 10 ns.
const SAMPLES: usize = 256;

/// What is outside of the range by more than this part of it is far outside. It is not measured: networks
/// without a sigmoid or tanh at their end overshoot by some hundredths.
const MARGIN: f32 = 0.125;

/// More than so many of the samples are too many, 1 in 4. Of 60 frames of a talking head, 0.49 to 0.69 of the
/// samples were far outside where they were float64 or big-endian, 0.62 to 0.68 where they were from -1 to 1 and
/// read as 0 to 1, 0.81 of float32 that was read as float16, and all that were from 0 to 255. Not seen is
/// what becomes small numbers, and so black: 0 to 1 with the range `byte`, whole numbers up to 255 of 64 bits
/// or big-endian.
const TOO_MANY: usize = SAMPLES / 4;

/// Looks at the first frames.
pub struct Plausibility {
    sample: Sample,
    range: LipSyncFramesRange,
    frames_left: usize,
}

impl Plausibility {
    pub fn new(input: &FloatVideoInfo, range: LipSyncFramesRange) -> Self {
        Self {
            sample: input.format.sample,
            range,
            frames_left: FRAMES,
        }
    }

    /// Looks at a frame, if it is one of the first.
    ///
    /// # Errors
    ///
    /// A sentence about a frame of which too many samples are NaN or far outside of the range.
    pub fn check(&mut self, frame: &[u8]) -> Result<(), String> {
        let Some(frames_left) = self.frames_left.checked_sub(1) else {
            return Ok(());
        };
        self.frames_left = frames_left;
        let bytes = self.sample.bytes();
        // Odd, so that of the two halves of a float64 not all are the same half.
        let step = (frame.len() / bytes / SAMPLES) | 1;
        let samples = frame
            .chunks_exact(bytes)
            .step_by(step)
            .take(SAMPLES)
            .map(read);
        let (low, high) = bounds(self.range);
        let margin = (high - low) * MARGIN;
        let possible = low - margin..=high + margin;
        let looked_at = samples.len();
        let mut impossible = samples.filter(|sample| !possible.contains(sample));
        let example = impossible.next();
        let count = impossible.count() + usize::from(example.is_some());
        match example {
            Some(example) if count * SAMPLES > looked_at * TOO_MANY => Err(format!(
                "{count} of {looked_at} samples that were looked at, {example:e} for one, are NaN or far \
                 outside of {low} to {high}, where they should be: is that the range of what comes \
                 (property range), and is it little-endian {}, not of another type, size or format?",
                match self.sample {
                    Sample::F16 => "float16",
                    _ => "float32",
                }
            )),
            _ => Ok(()),
        }
    }
}

/// Black and white.
fn bounds(range: LipSyncFramesRange) -> (f32, f32) {
    match range {
        LipSyncFramesRange::Unit => (0.0, 1.0),
        LipSyncFramesRange::SignedUnit => (-1.0, 1.0),
        LipSyncFramesRange::Byte => (0.0, 255.0),
    }
}

/// A float32 or, of two bytes, a float16.
fn read(bytes: &[u8]) -> f32 {
    match *bytes {
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
        [low, high] => {
            let bits = u16::from_le_bytes([low, high]);
            // As a float32 it is too small by the difference between the biases of the exponents.
            let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * 2f32.powi(112);
            let value = match bits & 0x7c00 {
                0x7c00 => f32::NAN,
                _ => magnitude,
            };
            if bits & 0x8000 == 0 { value } else { -value }
        }
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lipsyncframes_pixel::{ChannelOrder, FloatFormat, Layout};

    /// What is said of a frame of 40x30 with these bytes.
    fn check(sample: Sample, range: LipSyncFramesRange, frame: &[u8]) -> Result<(), String> {
        let format = FloatFormat {
            sample,
            layout: Layout::Interleaved,
            order: ChannelOrder::Bgr,
        };
        let info = FloatVideoInfo::new(format, 40, 30, gst::Fraction::new(25, 1));
        Plausibility::new(&info, range).check(frame)
    }

    /// Levels of a picture that is darker at the top, from 0 to 1.
    fn picture() -> impl Iterator<Item = f32> {
        (0..3600u32).map(|index| ((index + index * 7919 % 255) % 3600 * 255 / 3600) as f32 / 255.0)
    }

    fn bytes(samples: impl Iterator<Item = f32>) -> Vec<u8> {
        samples.flat_map(f32::to_le_bytes).collect()
    }

    #[test]
    fn float16_is_read_as_it_is() {
        for bits in 0..=u16::MAX {
            let (expected, got) = (half::f16::from_bits(bits), read(&bits.to_le_bytes()));
            if expected.is_finite() {
                assert_eq!(got, expected.to_f32(), "{bits:#x}");
            } else {
                assert!(got.is_nan(), "{bits:#x}");
            }
        }
    }

    #[test]
    fn pictures_are_plausible() {
        use LipSyncFramesRange::{Byte, SignedUnit, Unit};
        for (range, scale, offset) in [
            (Unit, 1.0, 0.0),
            (SignedUnit, 2.0, -1.0),
            (Byte, 255.0, 0.0),
        ] {
            let frame = bytes(picture().map(|level| level * scale + offset));
            assert_eq!(check(Sample::F32, range, &frame), Ok(()));
            // Overshoot
            let frame = bytes(picture().map(|level| (level * 1.2 - 0.1) * scale + offset));
            assert_eq!(check(Sample::F32, range, &frame), Ok(()));
            // Black, and a mask over a fifth of it
            assert_eq!(
                check(Sample::F32, range, &bytes([offset; 3600].into_iter())),
                Ok(())
            );
            let masked = (0..).zip(picture()).map(|(index, level)| {
                if index < 720 {
                    f32::NAN
                } else {
                    level * scale + offset
                }
            });
            assert_eq!(check(Sample::F32, range, &bytes(masked)), Ok(()));
        }
        let half: Vec<u8> = picture()
            .flat_map(|level| half::f16::from_f32(level).to_le_bytes())
            .collect();
        assert_eq!(check(Sample::F16, Unit, &half), Ok(()));
    }

    #[test]
    fn what_is_something_else_is_not() {
        use LipSyncFramesRange::{SignedUnit, Unit};
        let doubles: Vec<u8> = picture()
            .flat_map(|level| f64::from(level).to_le_bytes())
            .take(14_400)
            .collect();
        let big_endian: Vec<u8> = picture().flat_map(f32::to_be_bytes).collect();
        let half_big_endian: Vec<u8> = picture()
            .flat_map(|level| half::f16::from_f32(level).to_be_bytes())
            .collect();
        for range in [Unit, SignedUnit] {
            check(Sample::F32, range, &doubles).unwrap_err();
            check(Sample::F32, range, &big_endian).unwrap_err();
            check(Sample::F32, range, &bytes([f32::NAN; 3600].into_iter())).unwrap_err();
            check(
                Sample::F32,
                range,
                &bytes(picture().map(|level| level * 255.0)),
            )
            .unwrap_err();
            check(Sample::F16, range, &bytes(picture())[..7200]).unwrap_err();
        }
        check(Sample::F16, Unit, &half_big_endian).unwrap_err();
        let problem = check(
            Sample::F32,
            Unit,
            &bytes(picture().map(|level| level * 2.0 - 1.0)),
        );
        assert!(problem.unwrap_err().contains("outside of 0 to 1"));
    }

    #[test]
    fn only_the_first_frames_are_looked_at() {
        gst::init().unwrap();
        let wrong = bytes([300.0; 3600].into_iter());
        let info = FloatVideoInfo::from_caps(
            &"video/x-float,format=BGR_F32LE,width=40,height=30"
                .parse::<gst::Caps>()
                .unwrap(),
        );
        let mut plausibility = Plausibility::new(&info.unwrap(), LipSyncFramesRange::Byte);
        for _ in 0..FRAMES {
            plausibility.check(&wrong).unwrap_err();
        }
        assert_eq!(plausibility.check(&wrong), Ok(()));
    }
}
