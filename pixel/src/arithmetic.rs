//! The numbers of a conversion. After floats have become *deep samples*, levels (0 to 255) in 128ths,
//! everything is integer arithmetic, so that all processors give the same bytes.

/// What range the network's floats have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Range {
    /// 0 to 1
    #[default]
    Unit,
    /// -1 to 1
    SignedUnit,
    /// 0 to 255
    Byte,
}

/// Whose luma coefficients a YCbCr output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Matrix {
    /// ITU-R BT.601, which JFIF prescribes: Kr = 0.299, Kb = 0.114
    #[default]
    Bt601,
    /// ITU-R BT.709: Kr = 0.2126, Kb = 0.0722
    Bt709,
}

/// What part of 0 to 255 a YCbCr output, or an RGB source of [`ToFloat`](crate::ToFloat), uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Quantization {
    /// 0 to 255 for all, as in JPEG
    #[default]
    Full,
    /// 16 to 235 for luma and RGB, 16 to 240 for chroma, as in television
    Limited,
}

/// Deep samples of a pixel: red, green and blue in the order of the source, and one that counts for nothing.
pub const DEEP_PIXEL: usize = 4;

/// The deep sample of level 255.
pub const DEEPEST: i16 = 255 << 7;

/// How a float s becomes a deep sample: `round_half_even(clamp(s * factor + offset, 0, DEEPEST))`,
/// product and sum each rounded to f32; NaN becomes 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleScale {
    pub factor: f32,
    pub offset: f32,
}

impl From<Range> for SampleScale {
    fn from(range: Range) -> Self {
        let (factor, offset) = match range {
            Range::Unit => (32640.0, 0.0),
            Range::SignedUnit => (16320.0, 16320.0),
            Range::Byte => (128.0, 0.0),
        };
        Self { factor, offset }
    }
}

/// What a weight of a [`Tap`] counts: 1/16384 of the second sample.
pub const WEIGHT_ONE: i32 = 1 << 14;

/// Where one output coordinate lies between two source samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// Source sample at or before the coordinate
    pub first: usize,
    /// The one after it, or the same where there is none
    pub second: usize,
    /// Share of `second`, in 16384ths: 0 to 16383
    pub weight: i16,
}

/// Taps for scaling `source` samples to `target` samples, half-pixel centres, no antialiasing:
/// `x = clamp((X + 0.5) * source / target - 0.5, 0, source - 1)`, in f64.
///
/// This is the mapping of OpenCV's `INTER_LINEAR` and of torch's `align_corners=False`.
pub fn taps(source: usize, target: usize) -> Vec<Tap> {
    let last = source - 1;
    let tap = |position: usize| {
        let x = (position as f64 + 0.5) * source as f64 / target as f64 - 0.5;
        let x = x.clamp(0.0, last as f64);
        let weight = (x.fract() * f64::from(WEIGHT_ONE) + 0.5).floor() as i32;
        // A weight of all is the next sample's weight of nothing.
        let (first, weight) = match weight {
            WEIGHT_ONE => (x as usize + 1, 0),
            _ => (x as usize, weight as i16),
        };
        Tap {
            first,
            second: (first + 1).min(last),
            weight,
        }
    };
    (0..target).map(tap).collect()
}

/// One row of a matrix: the component of deep samples is
/// `clamp((sum(factors * samples) + offset) >> 21, 0, 255)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// In 16384ths, in the order of the deep samples of a pixel; the fourth is 0.
    pub factors: [i16; DEEP_PIXEL],
    /// With the half that makes the shift round
    pub offset: i32,
}

/// The matrix from deep samples to Y, Cb, Cr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YCbCr {
    pub y: Component,
    pub cb: Component,
    pub cr: Component,
}

impl YCbCr {
    /// Formulas of ITU-R BT.601-7 and BT.709-6:
    /// `Y = Kr R + Kg G + Kb B`, `Cb = (B - Y) / (2 (1 - Kb))`, `Cr = (R - Y) / (2 (1 - Kr))`.
    ///
    /// `order` has the positions of red, green and blue among the samples of a pixel.
    pub fn new(matrix: Matrix, quantization: Quantization, order: [usize; 3]) -> Self {
        let (kr, kb): (f64, f64) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let (luma_scale, luma_offset, chroma_scale) = match quantization {
            Quantization::Full => (1.0, 0, 1.0),
            Quantization::Limited => (219.0 / 255.0, 16, 224.0 / 255.0),
        };
        let rounded = |value: f64| (f64::from(WEIGHT_ONE) * value + 0.5).floor() as i16;
        // Green is what makes the sum right, so that greys stay grey.
        let component = |red: f64, blue: f64, sum: f64, offset: i32| {
            let (red, blue) = (rounded(red), rounded(blue));
            let mut factors = [0; 4];
            for (position, factor) in order
                .into_iter()
                .zip([red, rounded(sum) - red - blue, blue])
            {
                factors[position] = factor;
            }
            Component {
                factors,
                offset: (offset << 21) + (1 << 20),
            }
        };
        let cb_scale = chroma_scale / (2.0 * (1.0 - kb));
        let cr_scale = chroma_scale / (2.0 * (1.0 - kr));
        Self {
            y: component(kr * luma_scale, kb * luma_scale, luma_scale, luma_offset),
            cb: component(-kr * cb_scale, (1.0 - kb) * cb_scale, 0.0, 128),
            cr: component((1.0 - kr) * cr_scale, -kb * cr_scale, 0.0, 128),
        }
    }

    /// Y, Cb and Cr of black: what borders are filled with.
    pub fn black(&self) -> [u8; 3] {
        [self.y, self.cb, self.cr].map(|component| (component.offset >> 21) as u8)
    }
}

#[cfg(test)]
#[path = "../tests/unit/arithmetic.rs"]
mod tests;
