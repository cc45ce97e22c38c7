//! The pixel path as a library: values worked out by hand, and every format, size and way to split
//! the work against the naive implementation in `naive/mod.rs`.

mod naive;

use half::f16;
use lipsyncframes_pixel::{
    ChannelOrder, ConvertError, FloatFormat, Layout, MAX_SIZE, Matrix, PixelFormat, Plan,
    PlanError, Plane, Planes, Quantization, Range, Rectangle, Sample, Source, Target, backends,
};

const SOURCE_FORMATS: [FloatFormat; 8] = [
    source_format(Layout::Interleaved, ChannelOrder::Bgr),
    source_format(Layout::Interleaved, ChannelOrder::Rgb),
    source_format(Layout::Planar, ChannelOrder::Bgr),
    source_format(Layout::Planar, ChannelOrder::Rgb),
    float16(Layout::Interleaved, ChannelOrder::Bgr),
    float16(Layout::Interleaved, ChannelOrder::Rgb),
    float16(Layout::Planar, ChannelOrder::Bgr),
    float16(Layout::Planar, ChannelOrder::Rgb),
];

const RANGES: [Range; 3] = [Range::Unit, Range::SignedUnit, Range::Byte];

/// Matrix and quantization together.
const COLORIMETRIES: [(Matrix, Quantization); 4] = [
    (Matrix::Bt601, Quantization::Full),
    (Matrix::Bt601, Quantization::Limited),
    (Matrix::Bt709, Quantization::Full),
    (Matrix::Bt709, Quantization::Limited),
];

/// How the work is to be split.
#[derive(Debug, Clone, Copy)]
enum Split {
    /// Each on a thread of its own
    Bands(usize),
    Shared {
        bands: usize,
        threads: usize,
    },
    /// As the element does it
    Threads(usize),
}

const ONE_BAND: Split = Split::Bands(1);

const SPLITS: [Split; 8] = [
    Split::Bands(1),
    Split::Bands(2),
    Split::Bands(3),
    Split::Bands(16),
    Split::Threads(1),
    Split::Threads(2),
    Split::Threads(3),
    Split::Threads(16),
];

/// What output memory holds before a conversion.
const UNTOUCHED: u8 = 0xa5;

const fn source_format(layout: Layout, order: ChannelOrder) -> FloatFormat {
    FloatFormat {
        sample: Sample::F32,
        layout,
        order,
    }
}

const fn float16(layout: Layout, order: ChannelOrder) -> FloatFormat {
    FloatFormat {
        sample: Sample::F16,
        layout,
        order,
    }
}

/// Interleaved RGB in 0 to 255, so that tests can state levels as they are.
fn rgb_source(width: u32, height: u32) -> Source {
    Source {
        format: source_format(Layout::Interleaved, ChannelOrder::Rgb),
        width,
        height,
        range: Range::Byte,
    }
}

fn little_endian(samples: &[f32]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// A frame for [`rgb_source`] whose three channels are equal.
fn grey_frame(levels: &[f32]) -> Vec<u8> {
    rgb_frame(&levels.iter().map(|&level| [level; 3]).collect::<Vec<_>>())
}

/// A frame for [`rgb_source`].
fn rgb_frame(pixels: &[[f32; 3]]) -> Vec<u8> {
    little_endian(pixels.as_flattened())
}

fn coloured(mut target: Target, (matrix, quantization): (Matrix, Quantization)) -> Target {
    target.matrix = matrix;
    target.quantization = quantization;
    target
}

/// Every output format, those with a matrix in every colorimetry.
fn every_target(width: u32, height: u32) -> Vec<Target> {
    let mut targets = Vec::new();
    for format in PixelFormat::ALL {
        let target = Target::new(format, width, height);
        if format.is_ycbcr() {
            targets.extend(COLORIMETRIES.map(|colorimetry| coloured(target, colorimetry)));
        } else {
            targets.push(target);
        }
    }
    targets
}

/// Calls the library on `planes`, whose rows start `strides` apart.
fn try_convert(
    plan: &mut Plan,
    source: &[u8],
    planes: &mut [Vec<u8>],
    strides: &[usize],
    split: Split,
) -> Result<(), ConvertError> {
    let mut planes = planes
        .iter_mut()
        .zip(strides)
        .map(|(data, &stride)| Plane { data, stride });
    let planes: Planes = std::array::from_fn(|_| planes.next().unwrap_or_default());
    match split {
        Split::Bands(bands) => plan.convert_in_bands(source, planes, bands, bands),
        Split::Shared { bands, threads } => plan.convert_in_bands(source, planes, bands, threads),
        Split::Threads(threads) => plan.convert(source, planes, threads),
    }
}

/// Memory for a frame of `target` without padding, and its strides.
fn tight_planes(target: &Target) -> (Vec<Vec<u8>>, Vec<usize>) {
    naive::plane_shapes(target)
        .iter()
        .map(|shape| {
            (
                vec![UNTOUCHED; shape.row_bytes * shape.rows],
                shape.row_bytes,
            )
        })
        .unzip()
}

/// Converts to planes without padding.
fn convert(plan: &mut Plan, target: &Target, source: &[u8], split: Split) -> Vec<Vec<u8>> {
    let (mut planes, strides) = tight_planes(target);
    try_convert(plan, source, &mut planes, &strides, split).unwrap();
    planes
}

/// Like `assert_eq!`, but names the first byte that differs and not all of them.
#[track_caller]
fn assert_planes_equal(
    actual: &[Vec<u8>],
    expected: &[Vec<u8>],
    target: &Target,
    context: impl std::fmt::Debug,
) {
    if actual == expected {
        return;
    }
    assert_eq!(actual.len(), expected.len(), "number of planes");
    let shapes = naive::plane_shapes(target);
    for (plane, shape) in shapes.iter().enumerate() {
        let (actual, expected) = (&actual[plane], &expected[plane]);
        assert_eq!(actual.len(), expected.len(), "bytes of plane {plane}");
        if let Some(at) = (0..actual.len()).find(|&at| actual[at] != expected[at]) {
            panic!(
                "plane {plane}, row {}, byte {}: {} instead of {}; {target:?}, {context:?}",
                at / shape.row_bytes,
                at % shape.row_bytes,
                actual[at],
                expected[at],
            );
        }
    }
}

/// Both implementations must make of `frame` what was worked out by hand.
#[track_caller]
fn assert_by_hand(source: Source, frame: &[u8], target: Target, by_hand: &[&[u8]]) {
    let by_hand: Vec<Vec<u8>> = by_hand.iter().map(|plane| plane.to_vec()).collect();
    let naive = naive::convert(&source, &target, frame);
    assert_planes_equal(&naive, &by_hand, &target, "naive");
    for backend in backends() {
        let mut plan = Plan::with_backend(source, target, backend).unwrap();
        for split in SPLITS {
            let planes = convert(&mut plan, &target, frame, split);
            assert_planes_equal(&planes, &by_hand, &target, (backend, split));
        }
    }
}

/// [`assert_by_hand`] for grey frames; only one byte a pixel is stated.
#[track_caller]
fn assert_greys_by_hand(source_size: (u32, u32), levels: &[f32], size: (u32, u32), greys: &[u8]) {
    let rgb: Vec<u8> = greys.iter().flat_map(|&grey| [grey; 3]).collect();
    assert_by_hand(
        rgb_source(source_size.0, source_size.1),
        &grey_frame(levels),
        Target::new(PixelFormat::Rgb, size.0, size.1),
        &[&rgb],
    );
}

// Values worked out by hand.

#[test]
fn two_by_two_to_four_by_four() {
    // Half-pixel centres: output 0..4 lie at -0.25 (held at 0), 0.25, 0.75 and 1.25 (held at 1).
    // Top row: 0, 25, 75, 100. Bottom row: 200, 160, 80, 40. Between them, at a quarter:
    // 50, 58.75, 76.25, 85, and at three quarters: 150, 126.25, 78.75, 55.
    #[rustfmt::skip]
    let greys = [
          0,  25, 75, 100,
         50,  59, 76,  85,
        150, 126, 79,  55,
        200, 160, 80,  40,
    ];
    assert_greys_by_hand((2, 2), &[0.0, 100.0, 200.0, 40.0], (4, 4), &greys);
}

#[test]
fn four_by_four_to_two_by_two() {
    // Outputs lie at 0.5 and 2.5: each is the mean of four pixels, here 0.5, 2.5, 3.5 and 100.75.
    // Halves go up.
    #[rustfmt::skip]
    let levels = [
        0.0, 1.0,   2.0,   3.0,
        1.0, 0.0,   3.0,   2.0,
        3.0, 4.0, 100.0, 101.0,
        4.0, 3.0, 101.0, 101.0,
    ];
    assert_greys_by_hand((4, 4), &levels, (2, 2), &[1, 3, 4, 101]);
}

#[test]
fn reduction_reads_only_the_two_nearest_pixels() {
    // One output of four inputs lies at 1.5. No antialiasing: the outer two count for nothing.
    assert_greys_by_hand((4, 1), &[255.0, 10.0, 20.0, 0.0], (1, 1), &[15]);
    assert_greys_by_hand((1, 4), &[255.0, 10.0, 20.0, 0.0], (1, 1), &[15]);
    // One of five lies at 2 exactly.
    assert_greys_by_hand((5, 1), &[255.0, 255.0, 7.0, 255.0, 255.0], (1, 1), &[7]);
}

#[test]
fn ratios_that_are_no_whole_number() {
    // Two of three lie at 0.25 and 1.75.
    assert_greys_by_hand((3, 1), &[0.0, 40.0, 80.0], (2, 1), &[10, 70]);
    // Three of five lie at 1/3, 2 and 11/3.
    let levels = [0.0, 31.0, 60.0, 90.0, 121.0];
    // 31/3 = 10.33; 60; 90 + 2/3 * 31 = 110.67
    assert_greys_by_hand((5, 1), &levels, (3, 1), &[10, 60, 111]);
    assert_greys_by_hand((1, 5), &levels, (1, 3), &[10, 60, 111]);
    // Five of three lie at -0.2 (held at 0), 0.4, 1, 1.6 and 2.2 (held at 2).
    assert_greys_by_hand((3, 1), &[0.0, 101.0, 51.0], (5, 1), &[0, 40, 101, 71, 51]);
}

#[test]
fn one_pixel_fills_any_frame() {
    let source = rgb_source(1, 1);
    let frame = rgb_frame(&[[10.0, 20.0, 30.0]]);
    for (width, height) in [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (40, 30)] {
        let target = Target::new(PixelFormat::Bgra, width, height);
        let pixels = [30, 20, 10, 255].repeat((width * height) as usize);
        assert_by_hand(source, &frame, target, &[&pixels]);
    }
}

#[test]
fn every_source_format_says_which_sample_is_which() {
    // Two pixels, red 1, 4, green 2, 5, blue 3, 6.
    let target = Target::new(PixelFormat::Rgb, 2, 1);
    for (layout, order, samples) in [
        (
            Layout::Interleaved,
            ChannelOrder::Bgr,
            [3.0, 2.0, 1.0, 6.0, 5.0, 4.0],
        ),
        (
            Layout::Interleaved,
            ChannelOrder::Rgb,
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        (
            Layout::Planar,
            ChannelOrder::Bgr,
            [3.0, 6.0, 2.0, 5.0, 1.0, 4.0],
        ),
        (
            Layout::Planar,
            ChannelOrder::Rgb,
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
    ] {
        let source = Source {
            format: source_format(layout, order),
            ..rgb_source(2, 1)
        };
        let frame = little_endian(&samples);
        assert_by_hand(source, &frame, target, &[&[1, 2, 3, 4, 5, 6]]);
    }
}

#[test]
fn every_rgb_format_has_its_own_byte_order() {
    let frame = rgb_frame(&[[1.0, 2.0, 3.0]]);
    for (format, bytes) in [
        (PixelFormat::Rgba, [1, 2, 3, 255].as_slice()),
        (PixelFormat::Rgbx, &[1, 2, 3, 255]),
        (PixelFormat::Bgra, &[3, 2, 1, 255]),
        (PixelFormat::Bgrx, &[3, 2, 1, 255]),
        (PixelFormat::Rgb, &[1, 2, 3]),
        (PixelFormat::Bgr, &[3, 2, 1]),
    ] {
        let target = Target::new(format, 1, 1);
        assert_by_hand(rgb_source(1, 1), &frame, target, &[bytes]);
    }
}

#[test]
fn ranges_map_their_bounds_to_0_and_255() {
    for (range, samples, bytes) in [
        // 0.5 is 127.5, which rounds to 128; 0.25 is 63.75.
        (
            Range::Unit,
            [0.0, 0.25, 0.5, 1.0, -0.1, 1.1],
            [0, 64, 128, 255, 0, 255],
        ),
        // 0 is 127.5; 0.25 is 159.375.
        (
            Range::SignedUnit,
            [-1.0, 0.25, 0.0, 1.0, -1.1, 1.1],
            [0, 159, 128, 255, 0, 255],
        ),
        (
            Range::Byte,
            [0.0, 63.75, 127.4, 255.0, -0.1, 255.9],
            [0, 64, 127, 255, 0, 255],
        ),
    ] {
        let source = Source {
            range,
            ..rgb_source(2, 1)
        };
        let target = Target::new(PixelFormat::Rgb, 2, 1);
        assert_by_hand(source, &little_endian(&samples), target, &[&bytes]);
    }
}

#[test]
fn halves_round_up() {
    let levels = [0.5, 1.5, 2.5, 3.5, 126.5, 127.5, 253.5, 254.5];
    let greys = [1, 2, 3, 4, 127, 128, 254, 255];
    assert_greys_by_hand((8, 1), &levels, (8, 1), &greys);
    // And a 128th beside the half.
    let levels = [2.5 - 1.0 / 128.0, 2.5, 2.5 + 1.0 / 128.0];
    assert_greys_by_hand((3, 1), &levels, (3, 1), &[2, 3, 3]);
}

#[test]
fn halves_of_a_128th_round_to_even() {
    // 318.5, 319.5 and 320.5 become 318, 320 and 320; 320 is the half between 2 and 3.
    let levels = [318.5 / 128.0, 319.5 / 128.0, 320.5 / 128.0];
    assert_greys_by_hand((3, 1), &levels, (3, 1), &[2, 3, 3]);
}

#[test]
fn odd_samples_become_levels() {
    let denormal = f32::from_bits(1);
    let samples = [
        f32::NAN,
        -f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        denormal,
        -denormal,
        f32::MAX,
        f32::MIN,
    ];
    for (range, zero) in [(Range::Unit, 0), (Range::Byte, 0), (Range::SignedUnit, 128)] {
        let source = Source {
            range,
            ..rgb_source(3, 1)
        };
        let target = Target::new(PixelFormat::Rgb, 3, 1);
        let bytes = [0, 0, 255, 0, zero, zero, zero, 255, 0];
        assert_by_hand(source, &little_endian(&samples), target, &[&bytes]);
    }
}

#[test]
fn odd_samples_do_not_spread() {
    // The clamp comes before the scaling: 0, 63.75, 191.25, 255.
    for infinity in [f32::INFINITY, f32::MAX, 1e6] {
        assert_greys_by_hand((2, 1), &[0.0, infinity], (4, 1), &[0, 64, 191, 255]);
        assert_greys_by_hand((1, 2), &[-infinity, infinity], (1, 4), &[0, 64, 191, 255]);
    }
    assert_greys_by_hand((2, 1), &[f32::NAN, 255.0], (4, 1), &[0, 64, 191, 255]);
    // Nor does a neighbour count that has no weight.
    assert_greys_by_hand((2, 1), &[f32::NAN, 100.0], (2, 1), &[0, 100]);
}

#[test]
fn primaries_in_ycbcr() {
    let colours = [
        [255.0, 0.0, 0.0],
        [0.0, 255.0, 0.0],
        [0.0, 0.0, 255.0],
        [255.0, 255.0, 255.0],
        [0.0, 0.0, 0.0],
    ];
    for (colorimetry, ycbcr) in [
        // Red: Y = 0.299 * 255 = 76.2; Cb = 128 - 0.168736 * 255 = 84.97;
        // Cr = 128 + 127.5, which rounds to 256 and is held at 255.
        // Green: 149.7; 128 - 0.331264 * 255 = 43.53; 128 - 0.418688 * 255 = 21.2.
        // Blue: 29.07; 255.5; 128 - 0.081312 * 255 = 107.3.
        (
            (Matrix::Bt601, Quantization::Full),
            [
                [76, 85, 255],
                [150, 44, 21],
                [29, 255, 107],
                [255, 128, 128],
                [0, 128, 128],
            ],
        ),
        // Red: Y = 16 + 0.299 * 219 = 81.48; Cb = 128 - 0.168736 * 224 = 90.2;
        // Cr = 128 + 112.
        // Green: 16 + 0.587 * 219 = 144.6; 128 - 0.331264 * 224 = 53.8;
        // 128 - 0.418688 * 224 = 34.2.
        // Blue: 16 + 0.114 * 219 = 40.97; 240; 128 - 0.081312 * 224 = 109.8.
        (
            (Matrix::Bt601, Quantization::Limited),
            [
                [81, 90, 240],
                [145, 54, 34],
                [41, 240, 110],
                [235, 128, 128],
                [16, 128, 128],
            ],
        ),
        // Red: Y = 0.2126 * 255 = 54.2; Cb = 128 - 0.2126 / 1.8556 * 255 = 98.8; 255.5.
        // Green: 182.4; 128 - 0.7152 / 1.8556 * 255 = 29.7; 128 - 0.7152 / 1.5748 * 255 = 12.2.
        // Blue: 18.4; 255.5; 128 - 0.0722 / 1.5748 * 255 = 116.3.
        (
            (Matrix::Bt709, Quantization::Full),
            [
                [54, 99, 255],
                [182, 30, 12],
                [18, 255, 116],
                [255, 128, 128],
                [0, 128, 128],
            ],
        ),
        // Red: Y = 16 + 0.2126 * 219 = 62.6; Cb = 128 - 0.2126 / 1.8556 * 224 = 102.3; 240.
        // Green: 172.6; 128 - 0.7152 / 1.8556 * 224 = 41.7; 128 - 0.7152 / 1.5748 * 224 = 26.3.
        // Blue: 31.8; 240; 128 - 0.0722 / 1.5748 * 224 = 117.7.
        (
            (Matrix::Bt709, Quantization::Limited),
            [
                [63, 102, 240],
                [173, 42, 26],
                [32, 240, 118],
                [235, 128, 128],
                [16, 128, 128],
            ],
        ),
    ] {
        for (colour, [y, cb, cr]) in colours.into_iter().zip(ycbcr) {
            let source = rgb_source(1, 1);
            let frame = rgb_frame(&[colour]);
            let i420 = coloured(Target::new(PixelFormat::I420, 2, 2), colorimetry);
            assert_by_hand(source, &frame, i420, &[&[y; 4], &[cb], &[cr]]);
            let nv12 = coloured(Target::new(PixelFormat::Nv12, 2, 2), colorimetry);
            assert_by_hand(source, &frame, nv12, &[&[y; 4], &[cb, cr]]);
        }
    }
}

#[test]
fn chroma_of_an_odd_frame_repeats_the_edge() {
    // Blue alone, so that Y = 0.114 B, Cb = 128 + B / 2 and Cr = 128 - 0.081312 B.
    #[rustfmt::skip]
    let blue = [
          0.0,  40.0,  80.0,
         40.0,  80.0, 120.0,
        200.0, 100.0,  20.0,
    ];
    let frame = rgb_frame(&blue.map(|blue| [0.0, 0.0, blue]));
    // 0, 4.56, 9.12; 4.56, 9.12, 13.68; 22.8, 11.4, 2.28
    let y = [0, 5, 9, 5, 9, 14, 23, 11, 2];
    // Means: 40 of the whole block; 100 = (80 + 80 + 120 + 120) / 4 on the right;
    // 150 = (200 + 100 + 200 + 100) / 4 at the bottom; 20 in the corner.
    let cb = [148, 178, 203, 138];
    // 124.7, 119.9, 115.8, 126.4
    let cr = [125, 120, 116, 126];
    let source = rgb_source(3, 3);
    let i420 = Target::new(PixelFormat::I420, 3, 3);
    assert_by_hand(source, &frame, i420, &[&y, &cb, &cr]);
    let nv12 = Target::new(PixelFormat::Nv12, 3, 3);
    let cb_cr = [148, 125, 178, 120, 203, 116, 138, 126];
    assert_by_hand(source, &frame, nv12, &[&y, &cb_cr]);
}

#[test]
fn chroma_halves_round_up() {
    // Cb = 128 + B / 2: 128.5, 129.5, 130.5 and 131.5, one for each chroma sample.
    let blue = [1.0, 1.0, 3.0, 3.0, 5.0, 5.0, 7.0, 7.0];
    let frame = rgb_frame(&blue.map(|blue| [0.0, 0.0, blue]));
    let target = Target::new(PixelFormat::I420, 8, 1);
    // Y = 0.114 B: 0.114, 0.342, 0.57, 0.798. Cr = 128 - 0.081312 B: 127.9 to 127.4.
    let y = [0, 0, 0, 0, 1, 1, 1, 1];
    let cr = [128, 128, 128, 127];
    let cb = [129, 130, 131, 132];
    assert_by_hand(rgb_source(8, 1), &frame, target, &[&y, &cb, &cr]);
}

#[test]
fn ycbcr_is_made_from_unrounded_rgb() {
    // Green 0.6: Y = 0.587 * 0.6 = 0.35. From the rounded 1, it would be 0.59 and so 1.
    let source = rgb_source(1, 1);
    let target = Target::new(PixelFormat::I420, 1, 1);
    let green = rgb_frame(&[[0.0, 0.6, 0.0]]);
    // Cb = 128 - 0.331264 * 0.6 = 127.8; Cr = 128 - 0.418688 * 0.6 = 127.7
    assert_by_hand(source, &green, target, &[&[0], &[128], &[128]]);
    // Blue 1.4: Cb = 128.7. From the rounded 1, it would be 128.5 and so 128.
    let blue = rgb_frame(&[[0.0, 0.0, 1.4]]);
    // Cr = 128 - 0.081312 * 1.4 = 127.9
    assert_by_hand(source, &blue, target, &[&[0], &[129], &[128]]);
}

#[test]
fn borders_are_black() {
    let source = rgb_source(1, 1);
    let white = rgb_frame(&[[255.0; 3]]);
    let bordered = |format| Target {
        picture: Rectangle {
            x: 2,
            y: 2,
            width: 2,
            height: 2,
        },
        ..Target::new(format, 6, 4)
    };

    let white_at = [14, 15, 20, 21];
    let pixels = |black: &[u8], white: &[u8]| -> Vec<u8> {
        (0..24)
            .flat_map(|pixel| {
                if white_at.contains(&pixel) {
                    white
                } else {
                    black
                }
            })
            .copied()
            .collect()
    };
    for format in [
        PixelFormat::Rgba,
        PixelFormat::Rgbx,
        PixelFormat::Bgra,
        PixelFormat::Bgrx,
    ] {
        let rgba = pixels(&[0, 0, 0, 255], &[255, 255, 255, 255]);
        assert_by_hand(source, &white, bordered(format), &[&rgba]);
    }
    for format in [PixelFormat::Rgb, PixelFormat::Bgr] {
        let rgb = pixels(&[0, 0, 0], &[255, 255, 255]);
        assert_by_hand(source, &white, bordered(format), &[&rgb]);
    }
    for (colorimetry, black, white_luma) in [
        ((Matrix::Bt601, Quantization::Full), 0, 255),
        ((Matrix::Bt709, Quantization::Full), 0, 255),
        ((Matrix::Bt601, Quantization::Limited), 16, 235),
        ((Matrix::Bt709, Quantization::Limited), 16, 235),
    ] {
        let y = pixels(&[black], &[white_luma]);
        let i420 = coloured(bordered(PixelFormat::I420), colorimetry);
        assert_by_hand(source, &white, i420, &[&y, &[128; 6], &[128; 6]]);
        let nv12 = coloured(bordered(PixelFormat::Nv12), colorimetry);
        assert_by_hand(source, &white, nv12, &[&y, &[128; 12]]);
    }
}

#[test]
fn a_picture_may_end_at_the_odd_edge_of_the_frame() {
    // Blue 100 in the lower right 3x1 of 5x3: Y = 11.4, Cb = 178, Cr = 119.9.
    let target = Target {
        picture: Rectangle {
            x: 2,
            y: 2,
            width: 3,
            height: 1,
        },
        ..Target::new(PixelFormat::I420, 5, 3)
    };
    #[rustfmt::skip]
    let y = [
        0, 0,  0,  0,  0,
        0, 0,  0,  0,  0,
        0, 0, 11, 11, 11,
    ];
    #[rustfmt::skip]
    let cb = [
        128, 128, 128,
        128, 178, 178,
    ];
    #[rustfmt::skip]
    let cr = [
        128, 128, 128,
        128, 120, 120,
    ];
    let frame = rgb_frame(&[[0.0, 0.0, 100.0]]);
    assert_by_hand(rgb_source(1, 1), &frame, target, &[&y, &cb, &cr]);
}

// Everything against the naive implementation.

/// Every source format to each of `targets`, whose pictures are of one size, in every split.
/// `variant` chooses range and noise.
#[track_caller]
fn assert_like_naive(source_size: (u32, u32), targets: &[Target], variant: usize) {
    for (index, format) in SOURCE_FORMATS.into_iter().enumerate() {
        let source = Source {
            format,
            width: source_size.0,
            height: source_size.1,
            range: RANGES[(variant + index) % RANGES.len()],
        };
        let frame = naive::noise_frame(&source, (variant * SOURCE_FORMATS.len() + index) as u64);
        let picture = targets[0].picture;
        let image = naive::scale(&naive::deep(&source, &frame), picture.width, picture.height);
        for target in targets {
            let expected = naive::quantise(&image, target);
            for backend in backends() {
                let mut plan = Plan::with_backend(source, *target, backend).unwrap();
                for split in SPLITS {
                    let planes = convert(&mut plan, target, &frame, split);
                    assert_planes_equal(&planes, &expected, target, (source, backend, split));
                }
            }
        }
    }
}

/// [`assert_like_naive`] for every output format. Of the four colorimetries, each YCbCr format is
/// made in one, the next variant in the next: small frames cover all.
#[track_caller]
fn assert_sizes_like_naive(source_size: (u32, u32), size: (u32, u32), variant: usize) {
    let targets: Vec<Target> = PixelFormat::ALL
        .into_iter()
        .enumerate()
        .map(|(index, format)| {
            let colorimetry = COLORIMETRIES[(variant + index) % COLORIMETRIES.len()];
            coloured(Target::new(format, size.0, size.1), colorimetry)
        })
        .collect();
    assert_like_naive(source_size, &targets, variant);
}

#[test]
fn like_naive_640x360_to_320x320() {
    assert_sizes_like_naive((640, 360), (320, 320), 0);
}

#[test]
fn like_naive_320x320_to_320x320() {
    assert_sizes_like_naive((320, 320), (320, 320), 1);
}

#[test]
fn like_naive_1920x1080_to_320x320() {
    assert_sizes_like_naive((1920, 1080), (320, 320), 2);
}

#[test]
fn like_naive_641x481_to_111x30() {
    assert_sizes_like_naive((641, 481), (111, 30), 3);
}

#[test]
fn like_naive_30x111_to_641x481() {
    assert_sizes_like_naive((30, 111), (641, 481), 4);
}

#[test]
fn like_naive_1x1_to_320x320() {
    assert_sizes_like_naive((1, 1), (320, 320), 5);
}

#[test]
fn like_naive_1x7_to_33x1() {
    for variant in 0..12 {
        assert_sizes_like_naive((1, 7), (33, 1), variant);
    }
}

#[test]
fn like_naive_in_every_colorimetry() {
    for variant in 0..RANGES.len() {
        assert_like_naive((23, 17), &every_target(37, 29), variant);
        assert_like_naive((37, 29), &every_target(24, 18), variant);
    }
}

/// Every size from 1x1 to 9x9 from every such size.
#[test]
fn like_naive_in_every_small_size() {
    let sizes: Vec<(u32, u32)> = (1..=9)
        .flat_map(|width| (1..=9).map(move |height| (width, height)))
        .collect();
    let mut variant = 0;
    for &(source_width, source_height) in &sizes {
        for &(width, height) in &sizes {
            // Not every combination of formats in every size, but all of them among any few
            // hundred neighbouring sizes
            variant += 1;
            let source = Source {
                format: SOURCE_FORMATS[variant % 8],
                width: source_width,
                height: source_height,
                range: RANGES[variant % 3],
            };
            let frame = naive::noise_frame(&source, variant as u64);
            let image = naive::scale(&naive::deep(&source, &frame), width, height);
            let rgb_format = PixelFormat::ALL[(variant / 8) % 8];
            for format in [PixelFormat::I420, PixelFormat::Nv12, rgb_format] {
                let target = Target::new(format, width, height);
                let target = coloured(target, COLORIMETRIES[(variant / 3) % 4]);
                let expected = naive::quantise(&image, &target);
                for backend in backends() {
                    let mut plan = Plan::with_backend(source, target, backend).unwrap();
                    for bands in [1, 2, 3, 16] {
                        let planes = convert(&mut plan, &target, &frame, Split::Bands(bands));
                        assert_planes_equal(&planes, &expected, &target, (source, backend, bands));
                    }
                }
            }
        }
    }
}

#[test]
fn like_naive_in_one_row_or_column() {
    let long = 401;
    for (variant, (source_size, size)) in [
        ((long, 1), (7, 1)),
        ((7, 1), (long, 1)),
        ((1, long), (1, 7)),
        ((1, 7), (1, long)),
        ((long, 1), (1, long)),
        ((1, long), (long, 1)),
        ((1, 1), (1, long)),
        ((1, 1), (long, 1)),
        // Some weights are next to nothing here, but not nothing.
        ((1, 1001), (1, 1499)),
        ((1001, 1), (1499, 1)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_like_naive(source_size, &every_target(size.0, size.1), variant);
    }
}

#[test]
fn like_naive_at_the_largest_width_and_height() {
    for (source_size, (width, height)) in [
        ((MAX_SIZE, 1), (1, MAX_SIZE)),
        ((1, MAX_SIZE), (MAX_SIZE, 1)),
        ((MAX_SIZE, 2), (MAX_SIZE - 1, 3)),
    ] {
        let targets =
            [PixelFormat::Nv12, PixelFormat::Bgr].map(|format| Target::new(format, width, height));
        assert_like_naive(source_size, &targets, 0);
    }
}

#[test]
fn like_naive_with_borders() {
    let (width, height) = (21, 15);
    for (variant, (x, y, picture_width, picture_height)) in [
        // In the middle, in each corner, over the whole width or height, and as small as it can be
        (4, 2, 10, 8),
        (0, 0, 6, 4),
        (14, 0, 7, 6),
        (0, 10, 8, 5),
        (10, 8, 11, 7),
        (0, 4, 21, 6),
        (6, 0, 8, 15),
        (20, 14, 1, 1),
        (2, 14, 2, 1),
        (8, 6, 2, 2),
        // All of the frame
        (0, 0, 21, 15),
    ]
    .into_iter()
    .enumerate()
    {
        let picture = Rectangle {
            x,
            y,
            width: picture_width,
            height: picture_height,
        };
        let targets: Vec<Target> = every_target(width, height)
            .into_iter()
            .map(|target| Target { picture, ..target })
            .collect();
        assert_like_naive((13, 11), &targets, variant);
    }
}

#[test]
fn any_number_of_bands_and_threads() {
    let source = rgb_source(5, 9);
    let frame = naive::noise_frame(&source, 1);
    for height in [1, 2, 3, 4, 31] {
        let target = Target::new(PixelFormat::I420, 9, height);
        let expected = naive::convert(&source, &target, &frame);
        let mut plan = Plan::new(source, target).unwrap();
        for number in (0..=33).chain([1000, usize::MAX]) {
            let shared = [(number, 2), (number, 3), (2, number)];
            let shared = shared.map(|(bands, threads)| Split::Shared { bands, threads });
            let alone = [Split::Bands(number), Split::Threads(number)];
            for split in alone.into_iter().chain(shared) {
                let planes = convert(&mut plan, &target, &frame, split);
                assert_planes_equal(&planes, &expected, &target, split);
            }
        }
    }
}

#[test]
fn small_frames_are_not_shared() {
    let used = |source: Source, size: u32, threads: usize| {
        let target = Target::new(PixelFormat::Rgba, size, size);
        Plan::new(source, target).unwrap().threads(threads)
    };
    for threads in [1, 2, 3, 16, usize::MAX] {
        let large = used(rgb_source(1920, 1080), 320, threads);
        assert!((1..=threads).contains(&large), "{large} of {threads}");
        // Not worth a hand-over
        assert_eq!(used(rgb_source(2, 2), 2, threads), 1);
        assert_eq!(used(rgb_source(1, 1), 1, threads), 1);
    }
    assert_eq!(used(rgb_source(1920, 1080), 320, 0), 1);
    // Else the tests above would not have left the caller's thread.
    assert_eq!(used(rgb_source(1920, 1080), 320, 3), 3);
    assert!(used(rgb_source(640, 360), 320, 2) > 1);
}

// Memory.

#[test]
fn padding_is_left_alone() {
    let source = Source {
        format: source_format(Layout::Planar, ChannelOrder::Bgr),
        ..rgb_source(11, 13)
    };
    let frame = naive::noise_frame(&source, 2);
    let picture = Rectangle {
        x: 4,
        y: 2,
        width: 6,
        height: 8,
    };
    let targets = every_target(17, 15);
    let bordered = targets.iter().map(|&target| Target { picture, ..target });
    for target in targets.iter().copied().chain(bordered) {
        let expected = naive::convert(&source, &target, &frame);
        let shapes = naive::plane_shapes(&target);
        let mut plan = Plan::new(source, target).unwrap();
        // Bytes before the first row (so that rows start at odd addresses, too), after each row,
        // and after the last, which may lack the padding that the others have
        for (before, between, after) in [
            (0, 1, 0),
            (0, 1, 1),
            (1, 0, 0),
            (1, 13, 0),
            (3, 64, 7),
            (2, 5, 100),
        ] {
            let mut memory: Vec<Vec<u8>> = Vec::new();
            let mut expected_memory = Vec::new();
            for (shape, plane) in shapes.iter().zip(&expected) {
                let stride = shape.row_bytes + between;
                let length = before + stride * (shape.rows - 1) + shape.row_bytes + after;
                let mut with_padding = vec![UNTOUCHED; length];
                memory.push(with_padding.clone());
                for (row, bytes) in plane.chunks(shape.row_bytes).enumerate() {
                    let start = before + row * stride;
                    with_padding[start..start + bytes.len()].copy_from_slice(bytes);
                }
                expected_memory.push(with_padding);
            }
            for bands in [1, 2, 3, 16] {
                let mut memory = memory.clone();
                let mut planes = memory.iter_mut().zip(&shapes).map(|(data, shape)| Plane {
                    data: &mut data[before..],
                    stride: shape.row_bytes + between,
                });
                let planes = std::array::from_fn(|_| planes.next().unwrap_or_default());
                plan.convert_in_bands(&frame, planes, bands, bands).unwrap();
                assert!(
                    memory == expected_memory,
                    "{target:?}, padding {before}, {between}, {after}, {bands} bands"
                );
            }
        }
    }
}

#[test]
fn the_stride_of_a_single_row_is_not_added_to_anything() {
    // Chroma of a frame of two rows has one.
    for (format, height) in [
        (PixelFormat::Rgba, 1),
        (PixelFormat::I420, 1),
        (PixelFormat::Nv12, 1),
        (PixelFormat::I420, 2),
        (PixelFormat::Nv12, 2),
    ] {
        let source = rgb_source(3, 3);
        let frame = naive::noise_frame(&source, 3);
        let target = Target::new(format, 5, height);
        let expected = naive::convert(&source, &target, &frame);
        let (mut planes, mut strides) = tight_planes(&target);
        for (stride, shape) in strides.iter_mut().zip(naive::plane_shapes(&target)) {
            if shape.rows == 1 {
                *stride = usize::MAX;
            }
        }
        let mut plan = Plan::new(source, target).unwrap();
        for split in SPLITS {
            try_convert(&mut plan, &frame, &mut planes, &strides, split).unwrap();
            assert_planes_equal(&planes, &expected, &target, split);
        }
    }
}

#[test]
fn planes_that_the_format_lacks_are_ignored() {
    let source = rgb_source(2, 2);
    let frame = naive::noise_frame(&source, 4);
    for format in PixelFormat::ALL {
        let target = Target::new(format, 4, 4);
        let expected = naive::convert(&source, &target, &frame);
        let (mut planes, mut strides) = tight_planes(&target);
        let used = planes.len();
        planes.resize(3, vec![UNTOUCHED; 64]);
        // Neither a stride that is too small nor one that fits makes them matter.
        for stride in [0, 16] {
            strides.resize(used, 0);
            strides.resize(3, stride);
            let mut plan = Plan::new(source, target).unwrap();
            try_convert(&mut plan, &frame, &mut planes, &strides, Split::Bands(2)).unwrap();
            assert_planes_equal(&planes[..used], &expected, &target, stride);
            let mut unused = planes[used..].iter().flatten();
            assert!(unused.all(|&byte| byte == UNTOUCHED), "{format:?}");
        }
    }
}

#[test]
fn every_float16_is_as_its_float32() {
    let halves: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let floats = (0..=u16::MAX).flat_map(|bits| f16::from_bits(bits).to_f32().to_le_bytes());
    let (halves, floats) = (halves.repeat(3), floats.collect::<Vec<u8>>().repeat(3));
    for layout in [Layout::Interleaved, Layout::Planar] {
        for range in RANGES {
            for size in [256, 200, 333] {
                let source = |format| Source {
                    format,
                    width: 256,
                    height: 256,
                    range,
                };
                let target = Target::new(PixelFormat::Rgb, size, size);
                let wide = source(source_format(layout, ChannelOrder::Rgb));
                let mut plan = Plan::with_backend(wide, target, "scalar").unwrap();
                let expected = convert(&mut plan, &target, &floats, ONE_BAND);
                for backend in backends() {
                    let narrow = source(float16(layout, ChannelOrder::Rgb));
                    let mut plan = Plan::with_backend(narrow, target, backend).unwrap();
                    let planes = convert(&mut plan, &target, &halves, ONE_BAND);
                    assert_planes_equal(&planes, &expected, &target, (backend, range));
                }
            }
        }
    }
}

#[test]
fn a_source_may_start_at_any_address() {
    // A size of which no backend makes vectors, and one of which all do, and which leaves a rest.
    for ((width, height), to) in [((13, 7), (10, 9)), ((80, 2), (40, 2))] {
        for (format, range) in SOURCE_FORMATS
            .into_iter()
            .flat_map(|format| RANGES.map(|range| (format, range)))
        {
            let source = Source {
                format,
                width,
                height,
                range,
            };
            let frame = naive::noise_frame(&source, 5);
            for target in every_target(to.0, to.1) {
                let expected = naive::convert(&source, &target, &frame);
                for backend in backends() {
                    let mut plan = Plan::with_backend(source, target, backend).unwrap();
                    for offset in 0..16 {
                        let mut memory = vec![0; offset];
                        memory.extend(&frame);
                        let moved = &memory[offset..];
                        let planes = convert(&mut plan, &target, moved, Split::Bands(2));
                        let context = (source, backend, offset);
                        assert_planes_equal(&planes, &expected, &target, context);
                    }
                }
            }
        }
    }
}

// Quality.

/// The bound that the arithmetic promises. Rounding alone costs a half.
const FAR_OFF: f64 = 0.53;

#[test]
fn within_a_little_more_than_half_a_level_of_real_numbers() {
    let mut worst = 0.0f64;
    for (index, (source_size, (width, height))) in [
        ((64, 36), (32, 32)),
        ((30, 11), (64, 48)),
        ((41, 43), (40, 42)),
        ((200, 150), (173, 91)),
        ((48, 48), (160, 160)),
        ((3, 3), (100, 100)),
        ((80, 45), (80, 45)),
    ]
    .into_iter()
    .enumerate()
    {
        for range in RANGES {
            let source = Source {
                range,
                ..rgb_source(source_size.0, source_size.1)
            };
            let frame = naive::noise_frame(&source, index as u64);
            let i420 = Target::new(PixelFormat::I420, width, height);
            let targets = COLORIMETRIES.map(|colorimetry| coloured(i420, colorimetry));
            let rgb = Target::new(PixelFormat::Rgb, width, height);
            for target in targets.into_iter().chain([rgb]) {
                let mut plan = Plan::with_backend(source, target, "scalar").unwrap();
                let planes = convert(&mut plan, &target, &frame, ONE_BAND);
                for (plane, exact) in planes.iter().zip(naive::exact(&source, &target, &frame)) {
                    assert_eq!(plane.len(), exact.len());
                    for (&byte, exact) in plane.iter().zip(exact) {
                        // 128 and a half of 255 are 255.5, which is no byte.
                        let off = (f64::from(byte) - exact.clamp(0.0, 255.0)).abs();
                        assert!(off <= FAR_OFF, "{byte} for {exact}; {source:?} {target:?}");
                        worst = worst.max(off);
                    }
                }
            }
        }
    }
    // The bound is no larger than it must be.
    assert!(worst > 0.505, "{worst}");
}

// Errors.

#[test]
#[cfg(target_arch = "aarch64")]
fn arm64_has_neon() {
    assert_eq!(backends().collect::<Vec<_>>(), ["neon", "scalar"]);
}

#[test]
fn a_backend_that_is_unknown_is_refused_with_those_that_are_known() {
    let target = Target::new(PixelFormat::Rgb, 2, 2);
    let error = Plan::with_backend(rgb_source(2, 2), target, "abacus")
        .err()
        .unwrap();
    assert_eq!(
        error,
        PlanError::Backend {
            name: "abacus".to_owned(),
            known: backends().collect()
        }
    );
    let message = error.to_string();
    assert!(
        message.starts_with("backend abacus: this machine can run "),
        "{message}"
    );
    assert!(message.ends_with("scalar"), "{message}");
}

#[test]
fn sizes_are_1_to_16384() {
    assert_eq!(MAX_SIZE, 16384);
    for bad in [0, 16385, u32::MAX] {
        for (width, height) in [(bad, 2), (2, bad), (bad, bad)] {
            for of in ["source", "target"] {
                let (source, target) = if of == "source" {
                    (rgb_source(width, height), (2, 2))
                } else {
                    (rgb_source(2, 2), (width, height))
                };
                for format in PixelFormat::ALL {
                    let target = Target::new(format, target.0, target.1);
                    let error = Plan::new(source, target).err().unwrap();
                    assert_eq!(error, PlanError::Size { of, width, height });
                    let message = error.to_string();
                    assert!(
                        message.contains(of)
                            && message.contains(&format!("{width}x{height}"))
                            && message.contains("16384"),
                        "{message}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_largest_frame_can_be_planned() {
    let source = rgb_source(MAX_SIZE, MAX_SIZE);
    let target = Target::new(PixelFormat::Rgba, MAX_SIZE, MAX_SIZE);
    let mut plan = Plan::new(source, target).unwrap();
    assert_eq!(plan.source_bytes(), 3_221_225_472);
    let error = try_convert(&mut plan, &[], &mut [], &[], ONE_BAND).unwrap_err();
    assert!(error.to_string().contains("3221225472"), "{error}");
}

#[test]
fn pictures_lie_in_the_frame_on_even_pixels() {
    for format in [PixelFormat::Rgba, PixelFormat::I420] {
        for (x, y, width, height) in [
            // Empty
            (0, 0, 0, 6),
            (0, 0, 9, 0),
            // Too large
            (0, 0, 10, 6),
            (0, 0, 9, 7),
            (0, 0, u32::MAX, 6),
            // Outside
            (10, 0, 1, 6),
            (0, 6, 9, 1),
            (8, 0, 2, 6),
            (0, 4, 9, 4),
            (u32::MAX - 1, 0, 2, 6),
            (u32::MAX - 1, 0, 4, 6),
            (0, u32::MAX - 1, 9, u32::MAX),
            // Starts or ends on an odd pixel inside
            (1, 0, 8, 6),
            (0, 1, 9, 5),
            (0, 0, 3, 6),
            (0, 0, 9, 3),
            (2, 2, 3, 2),
            (2, 2, 2, 1),
        ] {
            let picture = Rectangle {
                x,
                y,
                width,
                height,
            };
            let target = Target {
                picture,
                ..Target::new(format, 9, 6)
            };
            let error = Plan::new(rgb_source(2, 2), target).err();
            assert_eq!(
                error,
                Some(PlanError::Picture {
                    picture,
                    width: 9,
                    height: 6
                })
            );
            let message = error.unwrap().to_string();
            assert!(
                message.contains(&format!("{width}x{height} at {x},{y}"))
                    && message.contains("9x6"),
                "{message}"
            );
        }
    }
}

#[test]
fn a_source_is_exactly_one_frame() {
    for target in every_target(6, 6) {
        for target in [
            target,
            Target {
                picture: Rectangle {
                    x: 2,
                    y: 2,
                    width: 2,
                    height: 2,
                },
                ..target
            },
        ] {
            let mut plan = Plan::new(rgb_source(5, 3), target).unwrap();
            // 5 * 3 * 3 * 4
            assert_eq!(plan.source_bytes(), 180);
            for wrong in [0, 1, 176, 179, 181, 184, 360] {
                for split in SPLITS {
                    let (mut planes, strides) = tight_planes(&target);
                    let source = vec![0; wrong];
                    let error = try_convert(&mut plan, &source, &mut planes, &strides, split);
                    let error = error.unwrap_err();
                    assert!(
                        matches!(
                            error,
                            ConvertError::Source { bytes, expected: 180 } if bytes == wrong
                        ),
                        "{error:?}"
                    );
                    assert!(
                        error.to_string().contains(&format!("{wrong} bytes"))
                            && error.to_string().contains("180 bytes"),
                        "{error}"
                    );
                    assert_untouched(&planes);
                }
            }
        }
    }
}

#[track_caller]
fn assert_untouched(planes: &[Vec<u8>]) {
    assert!(planes.iter().flatten().all(|&byte| byte == UNTOUCHED));
}

/// Every plane in turn has `stride` and `bytes` that `spoil` makes of the right ones.
fn assert_plane_errors(spoil: impl Fn(usize, usize) -> (usize, usize)) {
    let source = rgb_source(5, 3);
    let frame = naive::noise_frame(&source, 6);
    let picture = Rectangle {
        x: 2,
        y: 2,
        width: 4,
        height: 2,
    };
    for target in every_target(9, 7) {
        for target in [target, Target { picture, ..target }] {
            let shapes = naive::plane_shapes(&target);
            let mut plan = Plan::new(source, target).unwrap();
            for (wrong, shape) in shapes.iter().enumerate() {
                let (mut planes, mut strides) = tight_planes(&target);
                let (stride, bytes) = spoil(strides[wrong], planes[wrong].len());
                strides[wrong] = stride;
                planes[wrong].resize(bytes, UNTOUCHED);
                for split in SPLITS {
                    let error = try_convert(&mut plan, &frame, &mut planes, &strides, split);
                    let error = error.unwrap_err();
                    let needed = stride
                        .saturating_mul(shape.rows - 1)
                        .saturating_add(shape.row_bytes);
                    match error {
                        ConvertError::Plane {
                            plane,
                            bytes: actual_bytes,
                            stride: actual_stride,
                            expected_bytes,
                            expected_stride,
                        } => {
                            assert_eq!(plane, wrong);
                            assert_eq!((actual_bytes, actual_stride), (bytes, stride));
                            assert_eq!(expected_stride, shape.row_bytes);
                            assert_eq!(expected_bytes, needed, "{error}");
                        }
                        _ => panic!("{error:?}"),
                    }
                    let message = error.to_string();
                    for value in [
                        format!("plane {wrong}"),
                        format!("{bytes} bytes"),
                        format!("stride {stride}"),
                        format!("{needed} bytes"),
                        format!("stride of at least {}", shape.row_bytes),
                    ] {
                        assert!(message.contains(&value), "no {value:?} in {message:?}");
                    }
                    assert_untouched(&planes);
                }
            }
        }
    }
}

#[test]
fn a_plane_reaches_to_the_end_of_its_last_row() {
    assert_plane_errors(|stride, bytes| (stride, bytes - 1));
    assert_plane_errors(|stride, _| (stride, 0));
    // The padding makes it longer than the memory.
    assert_plane_errors(|stride, bytes| (stride + 1, bytes));
    assert_plane_errors(|stride, bytes| (2 * stride, bytes));
}

#[test]
fn a_stride_is_no_less_than_the_row() {
    assert_plane_errors(|stride, bytes| (stride - 1, bytes));
    assert_plane_errors(|_, bytes| (0, bytes));
}

#[test]
fn a_stride_that_overflows_is_an_error() {
    assert_plane_errors(|_, bytes| (usize::MAX, bytes));
    assert_plane_errors(|_, bytes| (usize::MAX / 2, bytes));
    assert_plane_errors(|_, bytes| (isize::MAX as usize, bytes));
}

#[test]
fn a_plan_goes_on_after_an_error() {
    let source = rgb_source(5, 3);
    let frame = naive::noise_frame(&source, 7);
    let target = Target::new(PixelFormat::I420, 8, 8);
    let expected = naive::convert(&source, &target, &frame);
    let mut plan = Plan::new(source, target).unwrap();
    let (mut planes, strides) = tight_planes(&target);
    for split in SPLITS {
        try_convert(&mut plan, &frame[1..], &mut planes, &strides, split).unwrap_err();
        try_convert(&mut plan, &frame, &mut planes, &strides, split).unwrap();
        assert_planes_equal(&planes, &expected, &target, split);
    }
}

// One plan, many frames; many plans, one pool.

#[test]
fn a_plan_remembers_nothing_of_earlier_frames() {
    let splits = [3, 1, 16, 2, 5].map(Split::Bands);
    let splits = splits.into_iter().chain([4, 1, 2].map(Split::Threads));
    let source = Source {
        format: source_format(Layout::Interleaved, ChannelOrder::Bgr),
        width: 40,
        height: 30,
        range: Range::SignedUnit,
    };
    for target in every_target(33, 21) {
        let mut plan = Plan::new(source, target).unwrap();
        for (seed, split) in splits.clone().enumerate() {
            let frame = naive::noise_frame(&source, seed as u64);
            let mut fresh = Plan::new(source, target).unwrap();
            let expected = convert(&mut fresh, &target, &frame, ONE_BAND);
            let planes = convert(&mut plan, &target, &frame, split);
            assert_planes_equal(&planes, &expected, &target, split);
            assert_planes_equal(
                &planes,
                &naive::convert(&source, &target, &frame),
                &target,
                split,
            );
        }
    }
}

#[test]
fn eight_threads_share_the_pool() {
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for (index, format) in PixelFormat::ALL.into_iter().enumerate() {
            let start = &start;
            let source = Source {
                format: SOURCE_FORMATS[index % 8],
                // Different sizes, large enough for convert() to split
                width: 640 - 16 * index as u32,
                height: 360,
                range: RANGES[index % 3],
            };
            let target = Target::new(format, 64, 80 + 3 * index as u32);
            // Made here and used there: a plan can be sent to another thread.
            let mut plan = Plan::new(source, target).unwrap();
            assert!(plan.threads(3) > 1);
            scope.spawn(move || {
                let frames = [0, 1].map(|seed| naive::noise_frame(&source, seed));
                let expected = frames
                    .each_ref()
                    .map(|frame| naive::convert(&source, &target, frame));
                start.wait();
                for round in 0..10 {
                    for split in [
                        Split::Bands(3),
                        Split::Threads(2),
                        Split::Bands(16),
                        Split::Threads(16),
                    ] {
                        let turn = round % 2;
                        let planes = convert(&mut plan, &target, &frames[turn], split);
                        assert_planes_equal(&planes, &expected[turn], &target, split);
                    }
                }
            });
        }
    });
}

#[test]
fn planes_of_a_frame_lie_back_to_back() {
    for (format, expected) in [
        (PixelFormat::Rgba, [(60, 20), (0, 0), (0, 0)]),
        (PixelFormat::Bgr, [(45, 15), (0, 0), (0, 0)]),
        (PixelFormat::I420, [(15, 5), (6, 3), (6, 3)]),
        (PixelFormat::Nv12, [(15, 5), (12, 6), (0, 0)]),
    ] {
        let target = Target::new(format, 5, 3);
        let mut frame: Vec<u8> = (0..target.frame_bytes() as u8).collect();
        let planes = target.planes(&mut frame);
        let mut first = 0;
        for (plane, (bytes, stride)) in planes.iter().zip(expected) {
            assert_eq!(
                (plane.data.len(), plane.stride),
                (bytes, stride),
                "{format:?}"
            );
            assert!(plane.data.first().is_none_or(|byte| *byte == first));
            first += bytes as u8;
        }
        assert_eq!(usize::from(first), target.frame_bytes());
    }
}

#[test]
fn a_frame_that_is_too_short_is_refused() {
    let target = Target::new(PixelFormat::I420, 4, 4);
    let mut plan = Plan::new(rgb_source(2, 2), target).unwrap();
    let white = 1f32.to_le_bytes().repeat(2 * 2 * 3);
    for missing in 1..=target.frame_bytes() {
        let mut frame = vec![7; target.frame_bytes() - missing];
        let result = plan.convert(&white, target.planes(&mut frame), 1);
        assert!(
            matches!(result, Err(ConvertError::Plane { .. })),
            "{missing}"
        );
        assert!(frame.iter().all(|byte| *byte == 7));
    }
}
