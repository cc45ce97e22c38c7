//! Sample ranges and YCbCr matrices.

/// What range the network's floats have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Range {
    /// 0 to 1
    #[default]
    Unit,
    /// -1 to 1
    SignedUnit,
    /// 0 to 255
    Byte,
}

/// `v = clamp(s * scale + offset, 0, 255)`: how a float becomes a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Levels {
    pub scale: f32,
    pub offset: f32,
}

impl From<Range> for Levels {
    fn from(range: Range) -> Self {
        let (scale, offset) = match range {
            Range::Unit => (255.0, 0.0),
            Range::SignedUnit => (127.5, 127.5),
            Range::Byte => (1.0, 0.0),
        };
        Self { scale, offset }
    }
}

/// Whose luma coefficients a YCbCr output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Matrix {
    /// ITU-R BT.601, which JFIF prescribes: Kr = 0.299, Kb = 0.114
    #[default]
    Bt601,
    /// ITU-R BT.709: Kr = 0.2126, Kb = 0.0722
    Bt709,
}

/// What part of 0 to 255 a YCbCr output uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quantization {
    /// 0 to 255 for luma and chroma, as in JPEG
    #[default]
    Full,
    /// 16 to 235 for luma, 16 to 240 for chroma, as in television
    Limited,
}

/// One row of the matrix: a component is `(r * R + g * G) + b * B`, then `+ offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    pub r: f32,
    pub g: f32,
    pub b: f32,
    pub offset: f32,
}

/// The matrix from RGB levels (0 to 255) to Y, Cb, Cr.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YCbCr {
    pub y: Component,
    pub cb: Component,
    pub cr: Component,
}

impl YCbCr {
    /// Formulas of ITU-R BT.601-7 and BT.709-6, in f64, rounded to f32 once:
    /// `Y = Kr R + Kg G + Kb B`, `Cb = (B - Y) / (2 (1 - Kb))`, `Cr = (R - Y) / (2 (1 - Kr))`.
    pub fn new(matrix: Matrix, quantization: Quantization) -> Self {
        let (kr, kb) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
        };
        let kg = 1.0 - kr - kb;
        let (luma_scale, luma_offset, chroma_scale) = match quantization {
            Quantization::Full => (1.0, 0.0, 1.0),
            Quantization::Limited => (219.0 / 255.0, 16.0, 224.0 / 255.0),
        };
        let component = |[r, g, b]: [f64; 3], scale: f64, offset: f32| Component {
            r: (r * scale) as f32,
            g: (g * scale) as f32,
            b: (b * scale) as f32,
            offset,
        };
        Self {
            y: component([kr, kg, kb], luma_scale, luma_offset),
            cb: component(
                [-kr, -kg, 1.0 - kb],
                chroma_scale / (2.0 * (1.0 - kb)),
                128.0,
            ),
            cr: component(
                [1.0 - kr, -kg, -kb],
                chroma_scale / (2.0 * (1.0 - kr)),
                128.0,
            ),
        }
    }

    /// Y, Cb and Cr of black: what borders are filled with.
    pub fn black(&self) -> [u8; 3] {
        [self.y, self.cb, self.cr].map(|component| component.offset as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(component: Component, [r, g, b]: [f32; 3]) -> f32 {
        component.r * r + component.g * g + component.b * b + component.offset
    }

    #[test]
    fn greys_have_no_chroma_and_span_the_range() {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for (quantization, black, white) in [
                (Quantization::Full, 0.0, 255.0),
                (Quantization::Limited, 16.0, 235.0),
            ] {
                let ycbcr = YCbCr::new(matrix, quantization);
                assert!((value(ycbcr.y, [0.0; 3]) - black).abs() < 1e-3);
                assert!((value(ycbcr.y, [255.0; 3]) - white).abs() < 1e-3);
                for grey in [0.0, 77.0, 255.0] {
                    assert!((value(ycbcr.cb, [grey; 3]) - 128.0).abs() < 1e-3);
                    assert!((value(ycbcr.cr, [grey; 3]) - 128.0).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn bt601_is_the_matrix_of_the_jfif_standard() {
        let ycbcr = YCbCr::new(Matrix::Bt601, Quantization::Full);
        let near = |a: f32, b: f32| assert!((a - b).abs() < 1e-5, "{a} {b}");
        near(ycbcr.cb.r, -0.168_735_9);
        near(ycbcr.cb.g, -0.331_264_1);
        near(ycbcr.cb.b, 0.5);
        near(ycbcr.cr.r, 0.5);
        near(ycbcr.cr.g, -0.418_687_6);
        near(ycbcr.cr.b, -0.081_312_4);
    }

    #[test]
    fn limited_blue_reaches_240() {
        let ycbcr = YCbCr::new(Matrix::Bt709, Quantization::Limited);
        assert!((value(ycbcr.cb, [0.0, 0.0, 255.0]) - 240.0).abs() < 1e-3);
        assert!((value(ycbcr.cr, [255.0, 0.0, 0.0]) - 240.0).abs() < 1e-3);
    }
}
