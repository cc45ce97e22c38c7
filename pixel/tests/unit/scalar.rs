//! Of `src/kernel/scalar.rs`.

use super::*;
use crate::arithmetic::Range;

#[test]
fn deep_samples_round_half_to_even_and_saturate() {
    let byte = SampleScale::from(Range::Byte);
    for (float, deep) in [
        (0.5 / 128.0, 0),
        (1.5 / 128.0, 2),
        (2.5 / 128.0, 2),
        (254.5, 32576),
        (255.0, 32640),
        (255.1, 32640),
        (-0.1, 0),
        (f32::NAN, 0),
        (-f32::NAN, 0),
        (f32::INFINITY, 32640),
        (f32::NEG_INFINITY, 0),
        (f32::MAX, 32640),
        (f32::from_bits(1), 0),
    ] {
        assert_eq!(deep_sample(float, byte), deep, "{float}");
    }
    let signed = SampleScale::from(Range::SignedUnit);
    assert_eq!(
        [-1.0, 0.0, 1.0].map(|float| deep_sample(float, signed)),
        [0, 16320, 32640]
    );
    assert_eq!(deep_sample(f32::NAN, signed), 0);
}

#[test]
fn lerp_rounds_half_up_in_both_directions() {
    assert_eq!(lerp(0, 1, 8192), 1);
    assert_eq!(lerp(1, 0, 8192), 1);
    assert_eq!(lerp(0, 32640, 16383), 32638);
    assert_eq!(lerp(32640, 0, 16383), 2);
    assert_eq!(lerp(7, 9999, 0), 7);
    // What vector backends do instead at half the width.
    for (p, q) in [(0, 1), (5, 2), (32640, 32639), (32640, 0)] {
        assert_eq!(lerp(p, q, 8192), average(p, q));
    }
}
