//! Of `src/arithmetic.rs`.

use super::*;

fn tap(first: usize, second: usize, weight: i16) -> Tap {
    Tap {
        first,
        second,
        weight,
    }
}

#[test]
fn taps_by_hand() {
    assert_eq!(taps(3, 3), [tap(0, 1, 0), tap(1, 2, 0), tap(2, 2, 0)]);
    assert_eq!(taps(4, 2), [tap(0, 1, 8192), tap(2, 3, 8192)]);
    let doubled = [
        tap(0, 1, 0),
        tap(0, 1, 4096),
        tap(0, 1, 12288),
        tap(1, 1, 0),
    ];
    assert_eq!(taps(2, 4), doubled);
    assert_eq!(taps(1, 3), [tap(0, 0, 0); 3]);
    // 1 + 1/6 in 16384ths is 16384 and 2730.67.
    assert_eq!(taps(4, 3)[1], tap(1, 2, 8192));
    assert_eq!(taps(4, 3)[0], tap(0, 1, 2731));
}

#[test]
fn a_weight_of_all_is_the_next_sample() {
    let taps = taps(16384, 16383);
    let expected = (0..16383).map(|position| {
        let x = (position as f64 + 0.5) * 16384.0 / 16383.0 - 0.5;
        (x * 16384.0 + 0.5).floor() as usize
    });
    for (tap, expected) in taps.iter().zip(expected) {
        assert_eq!(tap.first * 16384 + tap.weight as usize, expected);
        assert!((0..16384).contains(&i32::from(tap.weight)));
    }
}

#[test]
fn no_tap_leaves_the_source() {
    for (source, target) in (1..40).flat_map(|n| (1..40).map(move |m| (n, m))) {
        for tap in taps(source, target) {
            assert!(tap.first < source && tap.second < source);
            assert!(tap.second == tap.first + 1 || tap.weight == 0);
        }
    }
}

#[test]
fn factors_are_those_of_the_jfif_standard() {
    let ycbcr = YCbCr::new(Matrix::Bt601, Quantization::Full, [2, 1, 0]);
    // 16384 times 0.299 is 4898.8, 0.114: 1867.8; blue first.
    assert_eq!(ycbcr.y.factors, [1868, 9617, 4899, 0]);
    // -0.168736: -2764.6, 0.5: 8192
    assert_eq!(ycbcr.cb.factors, [8192, -5427, -2765, 0]);
    // -0.081312: -1332.2
    assert_eq!(ycbcr.cr.factors, [-1332, -6860, 8192, 0]);
    assert_eq!(ycbcr.black(), [0, 128, 128]);
    let limited = YCbCr::new(Matrix::Bt709, Quantization::Limited, [0, 1, 2]);
    assert_eq!(limited.black(), [16, 128, 128]);
    // 219/255 of 16384 is 14070.96.
    assert_eq!(limited.y.factors.iter().sum::<i16>(), 14071);
}
