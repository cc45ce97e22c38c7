//! Of `src/to_float.rs`.

use super::*;

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
