//! The pixel path on random sizes, formats, memory layouts and samples: every backend, in any
//! number of bands, must give the bytes of the scalar one, and the scalar one those of the naive
//! implementation in `naive/mod.rs`.

mod naive;

use lipsyncframes_pixel::{
    ChannelOrder, FloatFormat, Layout, Matrix, PixelFormat, Plan, Plane, Quantization, Range,
    Rectangle, Sample, Source, Target, backends,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;

/// Of each of the two tests, unless the environment variable `PROPTEST_CASES` says otherwise.
const CASES: u32 = 20_000;

/// What output memory holds before a conversion.
const UNTOUCHED: u8 = 0xa5;

/// Two frames, one after the other with the same plan.
#[derive(Debug)]
struct Case {
    source: Source,
    target: Target,
    samples: Samples,
    colours: Colours,
    seed: u32,
    /// How far the source is from the start of its memory
    source_offset: usize,
    /// How far each plane of the target is from the start of its memory
    target_offset: usize,
    /// Bytes after each row of a plane
    padding: [usize; 3],
    /// Whether the last row has padding like the others
    last_row_padded: bool,
    /// Number of bands of the first and of the second frame
    bands: [usize; 2],
}

/// What the samples of a frame are like. A failure is reduced to the first of these that shows it.
#[derive(Debug, Clone, Copy)]
enum Samples {
    /// Whole levels, 0 to 255
    Whole,
    /// Levels of 0 to 3 and of 252 to 255, in halves
    Extreme,
    /// Levels half-way between two bytes, or the next float up or down
    Half,
    /// Levels from -64 to 320
    Noise,
    /// NaN, infinities, denormals and such
    Odd,
    /// Any 32 bits
    Bits,
    /// Each sample like one of the above
    Mixed,
}

impl Samples {
    const ALL: [Self; 7] = [
        Self::Whole,
        Self::Extreme,
        Self::Half,
        Self::Noise,
        Self::Odd,
        Self::Bits,
        Self::Mixed,
    ];

    fn draw(self, range: Range, random_below: &mut impl FnMut(u32) -> u32) -> f32 {
        let level = match self {
            Self::Whole => random_below(256) as f32,
            Self::Extreme => random_below(2) as f32 * 252.0 + random_below(7) as f32 / 2.0,
            Self::Half => {
                let half = random_below(256) as f32 + 0.5;
                match random_below(3) {
                    0 => half.next_down(),
                    1 => half.next_up(),
                    _ => half,
                }
            }
            Self::Noise => random_below(1 << 24) as f32 * (384.0 / (1 << 24) as f32) - 64.0,
            Self::Odd => {
                return naive::ODD_SAMPLES[random_below(naive::ODD_SAMPLES.len() as u32) as usize];
            }
            Self::Bits => return f32::from_bits(random_below(u32::MAX)),
            Self::Mixed => {
                let other = Self::ALL[random_below(6) as usize];
                return other.draw(range, random_below);
            }
        };
        naive::level_to_sample(level, range)
    }
}

/// How the channels of a frame go together.
#[derive(Debug, Clone, Copy)]
enum Colours {
    Any,
    /// All three are the same, and so is luma.
    Grey,
    /// Of red, green and blue, only this is not 0. Chroma comes to its bounds.
    Only(usize),
}

/// Width or height of everything.
#[derive(Debug, Clone, Copy)]
struct Lengths {
    source: u32,
    before: u32,
    picture: u32,
    target: u32,
}

/// One length in 20 exceeds `longest`, far enough for weights that are next to nothing.
fn lengths(longest: u32) -> impl Strategy<Value = Lengths> {
    let length = move || {
        prop_oneof![
            2 => 1..=2u32,
            17 => 1..=longest,
            1 => 1..=700u32,
        ]
    };
    let source_and_picture = prop_oneof![
        2 => length().prop_map(|length| (length, length)),
        2 => length().prop_map(|length| (2 * length, length)),
        1 => length().prop_map(|length| (length, 2 * length)),
        // Ratios of small numbers, as sizes of frames have
        2 => (1..=16u32, 1..=16u32, 1..=longest.div_ceil(16))
            .prop_map(|(source, picture, times)| (source * times, picture * times)),
        4 => (length(), length()),
    ];
    let border = || {
        prop_oneof![
            3 => Just(0),
            1 => 0..=6u32,
        ]
    };
    (source_and_picture, border(), border()).prop_map(|((source, picture), before, after)| {
        // Edges lie on even pixels, or on the edge of the target.
        let before = before * 2;
        let end = before + picture;
        let after = if end.is_multiple_of(2) { after } else { 0 };
        Lengths {
            source,
            before,
            picture,
            target: end + after,
        }
    })
}

fn source_and_target(layout: Layout) -> impl Strategy<Value = (Source, Target)> {
    (
        (lengths(80), lengths(40)),
        (
            select(&[Sample::F32, Sample::F16][..]),
            select(&[ChannelOrder::Rgb, ChannelOrder::Bgr][..]),
        ),
        select(&[Range::Byte, Range::Unit, Range::SignedUnit][..]),
        select(&PixelFormat::ALL[..]),
        select(&[Matrix::Bt601, Matrix::Bt709][..]),
        select(&[Quantization::Full, Quantization::Limited][..]),
    )
        .prop_map(
            move |((x, y), (sample, order), range, format, matrix, quantization)| {
                let source = Source {
                    format: FloatFormat {
                        sample,
                        layout,
                        order,
                    },
                    width: x.source,
                    height: y.source,
                    range,
                };
                let target = Target {
                    format,
                    width: x.target,
                    height: y.target,
                    picture: Rectangle {
                        x: x.before,
                        y: y.before,
                        width: x.picture,
                        height: y.picture,
                    },
                    matrix,
                    quantization,
                };
                (source, target)
            },
        )
}

fn case(layout: Layout) -> impl Strategy<Value = Case> {
    let padding = || {
        prop_oneof![
            1 => Just(0),
            1 => 0..=70usize,
        ]
    };
    let bands = || {
        prop_oneof![
            2 => Just(1),
            1 => 1..=16usize,
        ]
    };
    let colours = prop_oneof![
        3 => Just(Colours::Any),
        1 => Just(Colours::Grey),
        1 => (0..3usize).prop_map(Colours::Only),
    ];
    (
        source_and_target(layout),
        (select(&Samples::ALL[..]), colours, any::<u32>()),
        (0..16usize, 0..16usize),
        [padding(), padding(), padding()],
        any::<bool>(),
        [bands(), bands()],
    )
        .prop_map(
            |((source, target), frames, offsets, padding, last_row_padded, bands)| Case {
                source,
                target,
                samples: frames.0,
                colours: frames.1,
                seed: frames.2,
                source_offset: offsets.0,
                target_offset: offsets.1,
                padding,
                last_row_padded,
                bands,
            },
        )
}

/// Memory with a frame that ends where the memory ends, so that tools see a read beyond it.
fn source_memory(case: &Case, frame: u64) -> Box<[u8]> {
    let Source {
        format,
        width,
        height,
        range,
    } = case.source;
    let pixels = width as usize * height as usize;
    let mut random_below = naive::random(u64::from(case.seed) << 1 | frame);
    let mut channel = || -> Vec<f32> {
        (0..pixels)
            .map(|_| case.samples.draw(range, &mut random_below))
            .collect()
    };
    let [red, green, blue] = match case.colours {
        Colours::Any => [channel(), channel(), channel()],
        Colours::Grey => {
            let grey = channel();
            [grey.clone(), grey.clone(), grey]
        }
        Colours::Only(only) => {
            let mut channels = [0; 3].map(|_| vec![naive::level_to_sample(0.0, range); pixels]);
            channels[only] = channel();
            channels
        }
    };
    let channels = match format.order {
        ChannelOrder::Rgb => [red, green, blue],
        ChannelOrder::Bgr => [blue, green, red],
    };

    let mut floats = Vec::with_capacity(pixels * 3 * 4);
    match format.layout {
        Layout::Interleaved => {
            for pixel in 0..pixels {
                for channel in &channels {
                    floats.extend(channel[pixel].to_le_bytes());
                }
            }
        }
        Layout::Planar => {
            for sample in channels.iter().flatten() {
                floats.extend(sample.to_le_bytes());
            }
        }
    }
    if format.sample == Sample::F16 {
        floats = naive::to_float16(&floats);
    }
    let mut memory = Vec::with_capacity(case.source_offset + floats.len());
    memory.resize(case.source_offset, 0);
    memory.extend(floats);
    memory.into_boxed_slice()
}

/// Memory for each plane, no longer than it must be; and the plane's stride.
fn target_memory(case: &Case) -> Vec<(Box<[u8]>, usize)> {
    let planes = naive::plane_shapes(&case.target).into_iter();
    planes
        .zip(case.padding)
        .map(|(shape, padding)| {
            let stride = shape.row_bytes + padding;
            let missing = if case.last_row_padded { 0 } else { padding };
            let bytes = case.target_offset + shape.rows * stride - missing;
            (vec![UNTOUCHED; bytes].into_boxed_slice(), stride)
        })
        .collect()
}

/// All memory of a target after a conversion.
fn convert(plan: &mut Plan, case: &Case, source: &[u8], bands: usize) -> Vec<Box<[u8]>> {
    let mut memory = target_memory(case);
    let mut planes = memory.iter_mut().map(|(memory, stride)| Plane {
        data: &mut memory[case.target_offset..],
        stride: *stride,
    });
    let planes = std::array::from_fn(|_| planes.next().unwrap_or_default());
    let threads = bands.min(3);
    plan.convert_in_bands(&source[case.source_offset..], planes, bands, threads)
        .unwrap();
    memory.into_iter().map(|(memory, _)| memory).collect()
}

/// The same by the naive implementation.
fn convert_naively(case: &Case, source: &[u8]) -> Vec<Box<[u8]>> {
    let planes = naive::convert(&case.source, &case.target, &source[case.source_offset..]);
    let shapes = naive::plane_shapes(&case.target);
    let mut memory = target_memory(case);
    for (((memory, stride), plane), shape) in memory.iter_mut().zip(&planes).zip(shapes) {
        let rows = memory[case.target_offset..].chunks_mut(*stride);
        for (row, naive_row) in rows.zip(plane.chunks_exact(shape.row_bytes)) {
            row[..shape.row_bytes].copy_from_slice(naive_row);
        }
    }
    memory.into_iter().map(|(memory, _)| memory).collect()
}

/// Names the first byte that differs.
fn check_equal(
    actual: &[Box<[u8]>],
    expected: &[Box<[u8]>],
    case: &Case,
    context: impl std::fmt::Display,
) -> Result<(), TestCaseError> {
    let shapes = naive::plane_shapes(&case.target).into_iter();
    for (plane, shape) in shapes.enumerate() {
        let (actual, expected) = (&actual[plane], &expected[plane]);
        let Some(at) = (0..actual.len()).find(|&at| actual[at] != expected[at]) else {
            continue;
        };
        let place = match at.checked_sub(case.target_offset) {
            None => format!("byte {at} before plane {plane}"),
            Some(at) => {
                let stride = shape.row_bytes + case.padding[plane];
                format!("plane {plane}, row {}, byte {}", at / stride, at % stride)
            }
        };
        return Err(TestCaseError::fail(format!(
            "{context}, {place}: {} instead of {}",
            actual[at], expected[at]
        )));
    }
    Ok(())
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let plan = |backend| Plan::with_backend(case.source, case.target, backend).unwrap();
    let frames = [0, 1].map(|frame| source_memory(case, frame));
    let expected = frames
        .each_ref()
        .map(|frame| convert(&mut plan("scalar"), case, frame, 1));
    for (frame, scalar) in frames.iter().zip(&expected) {
        let naive = convert_naively(case, frame);
        check_equal(scalar, &naive, case, "scalar, in one band")?;
    }
    for backend in backends() {
        let mut plan = plan(backend);
        for (frame, bands) in case.bands.into_iter().enumerate() {
            let actual = convert(&mut plan, case, &frames[frame], bands);
            let context = format!("{backend}, frame {frame} of 2");
            check_equal(&actual, &expected[frame], case, context)?;
        }
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: CASES,
        // The file is to be kept: what failed once is tried first from then on.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_backend_equals_the_scalar_one_from_interleaved(case in case(Layout::Interleaved)) {
        check(&case)?;
    }

    #[test]
    fn every_backend_equals_the_scalar_one_from_planar(case in case(Layout::Planar)) {
        check(&case)?;
    }
}
