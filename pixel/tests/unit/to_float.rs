//! Of `src/to_float.rs`.

use super::*;

#[test]
fn limited_levels_mean_what_full_ones_do() {
    let floats =
        |range, quantization| samples(Sample::F32, range, quantization).map(f32::from_le_bytes);
    let limited = floats(Range::Unit, Quantization::Limited);
    assert!(limited[..=16].iter().all(|&float| float == 0.0));
    assert!(limited[235..].iter().all(|&float| float == 1.0));
    // 219 / 3 = 73; the middle is 125.5.
    assert_eq!(limited[16 + 73], 1.0 / 3.0);
    let signed = floats(Range::SignedUnit, Quantization::Limited);
    assert_eq!((signed[16], signed[235]), (-1.0, 1.0));
    assert_eq!(signed[125], -signed[126]);
    assert_eq!(floats(Range::Byte, Quantization::Limited)[235], 255.0);
    let full = floats(Range::Byte, Quantization::Full);
    assert!(
        full.iter()
            .zip(0..=255u8)
            .all(|(&float, byte)| float == f32::from(byte))
    );
}

#[test]
fn narrow_rounds_half_to_even() {
    for (float, half) in [
        (0.0, 0x0000),
        (1.0, 0x3c00),
        (-1.0, 0xbc00),
        (0.5, 0x3800),
        (255.0, 0x5bf8),
        // 1 + 2^-11 lies between 1 and 1 + 2^-10, 1 + 3 * 2^-11 between that and 1 + 2^-9.
        (1.0 + 2f32.powi(-11), 0x3c00),
        (1.0 + 3.0 * 2f32.powi(-11), 0x3c02),
        (1.0 + 2f32.powi(-11) + 2f32.powi(-20), 0x3c01),
        // Rounding can raise the exponent.
        (2.0 - 2f32.powi(-12), 0x4000),
    ] {
        assert_eq!(narrow(float), half, "{float}");
    }
}
