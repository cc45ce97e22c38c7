//! The pixel crate: every backend makes the scalar one's bytes, the way back leads back, and nothing is
//! written outside of the rows. What cannot be done is refused, and then nothing is written at all.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use lipsyncframes_pixel::{
    ChannelOrder, FloatFormat, Layout, MAX_SIZE, Matrix, PixelFormat, Plan, Plane, Quantization,
    Range, Rectangle, Sample, Source, Target, ToFloat, backends,
};

/// Sizes from here on only cost time.
const LONGEST: u32 = 300;

/// Most frames have no more rows: a kernel has a loop for pixels, not for rows.
const FEW_ROWS: u32 = 8;

/// Bytes in front of a plane and behind it.
const GUARD: usize = 64;

/// What memory holds where nothing has been written.
const UNTOUCHED: u8 = 0xa5;

/// Samples that are not numbers, or hardly.
const ODD_SAMPLES: [u32; 8] = [
    0x7fc0_0000, // NaN
    0xffc0_0001, // NaN, negative
    0x7f80_0001, // NaN that signals
    0x7f80_0000, // infinity
    0xff80_0000, // negative infinity
    0x0000_0001, // the least denormal
    0x8000_0000, // negative 0
    0x7f7f_ffff, // the largest float
];

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    let is_way_back = u.ratio(1u8, 4).unwrap_or(false);
    // It fails where there are too few bytes to make a case of.
    let _ = if is_way_back {
        to_float(&mut u)
    } else {
        to_pixels(&mut u)
    };
});

fn to_pixels(u: &mut Unstructured) -> arbitrary::Result<()> {
    let ranges = [Range::Unit, Range::SignedUnit, Range::Byte];
    let source = Source {
        format: float_format(u)?,
        width: width(u)?,
        height: height(u)?,
        range: *u.choose(&ranges)?,
    };
    let picture = (width(u)?, height(u)?);
    let (x, picture_width, width) = stretch(u, picture.0)?;
    let (y, picture_height, height) = stretch(u, picture.1)?;
    let target = Target {
        format: *u.choose(&PixelFormat::ALL)?,
        width,
        height,
        picture: Rectangle {
            x,
            y,
            width: picture_width,
            height: picture_height,
        },
        matrix: *u.choose(&[Matrix::Bt601, Matrix::Bt709])?,
        quantization: *u.choose(&[Quantization::Full, Quantization::Limited])?,
    };
    if u.ratio(1u8, 16)? {
        return refuse_plan(u, source, target);
    }
    let bytes = source.width as usize * source.height as usize * 3 * source.format.sample.bytes();
    let offset = u.int_in_range(0..=15usize)?;
    let mut memory = vec![0; offset];
    memory.extend(samples(u, source.format.sample, bytes)?);
    let frame = &memory[offset..];
    let mut planes = Vec::new();
    for (row_bytes, rows) in plane_shapes(&target) {
        planes.push(Guarded::new(u, row_bytes, rows)?);
    }

    if u.ratio(1u8, 16)? {
        let mut plan = Plan::new(source, target).unwrap();
        return refuse_memory(u, &mut plan, frame, planes);
    }
    let mut expected = planes.clone();
    let mut scalar = Plan::with_backend(source, target, "scalar").unwrap();
    scalar
        .convert_in_bands(frame, borrow(&mut expected), 1, 1)
        .unwrap();
    expected.iter().for_each(Guarded::check);

    for backend in backends() {
        let mut plan = Plan::with_backend(source, target, backend).unwrap();
        assert_eq!(plan.source_bytes(), bytes);
        let threads = thread_count(u)?;
        let bands = *u.choose(&[1, 2, 5, 64, 0, usize::MAX])?;
        for is_banded in [true, false] {
            let mut actual = planes.clone();
            let borrowed = borrow(&mut actual);
            if is_banded {
                plan.convert_in_bands(frame, borrowed, bands, threads)
            } else {
                plan.convert(frame, borrowed, threads)
            }
            .unwrap();
            assert!(
                actual
                    .iter()
                    .zip(&expected)
                    .all(|(a, b)| a.memory == b.memory),
                "{backend}, {bands} bands, {threads} threads: {source:?} to {target:?}"
            );
        }
    }

    Ok(())
}

/// Sizes and pictures that cannot be.
fn refuse_plan(
    u: &mut Unstructured,
    mut source: Source,
    mut target: Target,
) -> arbitrary::Result<()> {
    let bad_size = *u.choose(&[0, MAX_SIZE + 1, u32::MAX])?;
    match u.int_in_range(0..=7u8)? {
        0 => source.width = bad_size,
        1 => source.height = bad_size,
        2 => target.width = bad_size,
        3 => target.height = bad_size,
        4 => target.picture.x = target.width - target.picture.width + 1 + u.arbitrary::<u32>()? / 2,
        5 => {
            target.picture.height = target.height - target.picture.y + 1 + u.arbitrary::<u32>()? / 2
        }
        6 => target.picture.width = 0,
        _ => target.picture.y |= 1,
    }
    let message = Plan::new(source, target).err().unwrap().to_string();
    assert!(!message.is_empty());
    Ok(())
}

/// Memory that is too small, or strides that are.
fn refuse_memory(
    u: &mut Unstructured,
    plan: &mut Plan,
    frame: &[u8],
    mut memory: Vec<Guarded>,
) -> arbitrary::Result<()> {
    let index = u.choose_index(memory.len())?;
    let mut planes = borrow(&mut memory);
    let plane = &mut planes[index];
    let mut source = frame;
    match u.int_in_range(0..=4u8)? {
        0 => source = &frame[..u.int_in_range(0..=frame.len() - 1)?],
        1 => source = &[0; 20_000_000][..frame.len() + u.int_in_range(1..=100)?],
        2 => {
            let least = plane.data.len() - plane.stride.min(plane.data.len());
            let bytes = u.int_in_range(0..=plane.data.len() - 1)?;
            // Behind the last row there may be padding that it does not need.
            if bytes >= least {
                return Ok(());
            }
            plane.data = &mut std::mem::take(&mut plane.data)[..bytes];
        }
        3 => plane.stride = usize::MAX - u.int_in_range(0..=8)?,
        _ => plane.stride = 0,
    }
    // One row needs no stride to be found, but has one at least as long as itself.
    let is_one_row = plane.stride > 8 && plane.data.len() < plane.stride;
    let threads = u.int_in_range(0..=3)?;
    match plan.convert(source, planes, threads) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            memory.iter().for_each(Guarded::check_untouched);
        }
        Ok(()) => assert!(is_one_row, "taken"),
    }
    Ok(())
}

fn to_float(u: &mut Unstructured) -> arbitrary::Result<()> {
    let format = *u.choose(&PixelFormat::ALL)?;
    let (width, height) = (width(u)?, height(u)?);
    let float_format = float_format(u)?;
    let range = *u.choose(&[Range::Unit, Range::SignedUnit, Range::Byte])?;
    let Ok(mut plan) = ToFloat::new(format, width, height, float_format, range) else {
        assert!(format.is_ycbcr());
        return Ok(());
    };
    let (row_bytes, rows) = plane_shapes(&Target::new(format, width, height))[0];
    let mut pixels = Guarded::new(u, row_bytes, rows)?;
    let bytes = samples(u, Sample::F16, row_bytes * rows)?;
    for (row, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
        pixels.row(row).copy_from_slice(bytes);
    }
    let source = &pixels.memory[GUARD..pixels.end];
    let stride = pixels.stride;

    let bytes = plan.target_bytes();
    let convert = |plan: &mut ToFloat, threads| {
        let mut memory = vec![UNTOUCHED; GUARD + bytes + GUARD];
        let result = plan.convert(source, stride, &mut memory[GUARD..GUARD + bytes], threads);
        result.unwrap();
        let guards = memory[..GUARD].iter().chain(&memory[GUARD + bytes..]);
        assert!(guards.into_iter().all(|&byte| byte == UNTOUCHED));
        memory[GUARD..GUARD + bytes].to_vec()
    };
    let floats = convert(&mut plan, 1);
    let threads = thread_count(u)?;
    assert!(floats == convert(&mut plan, threads), "{threads} threads");

    // What has been narrowed to a byte's float comes back as that byte; alpha is not kept.
    let source_of_floats = Source {
        format: float_format,
        width,
        height,
        range,
    };
    let target = Target::new(format, width, height);
    let mut back = pixels.clone();
    let planes = borrow(std::slice::from_mut(&mut back));
    let mut plan_back = Plan::new(source_of_floats, target).unwrap();
    plan_back.convert(&floats, planes, 1).unwrap();
    for row in 0..rows {
        let pixel_bytes = row_bytes / width as usize;
        let (there, back) = (pixels.row(row).to_vec(), back.row(row));
        for (there, back) in there.chunks(pixel_bytes).zip(back.chunks(pixel_bytes)) {
            assert_eq!(
                there[..3],
                back[..3],
                "{format:?} to {float_format:?} {range:?}"
            );
        }
    }

    // A wrong size of anything is refused.
    let source = &pixels.memory[GUARD..pixels.end];
    let mut target = vec![UNTOUCHED; bytes + 1];
    let refused = match u.int_in_range(0..=3u8)? {
        0 => plan.convert(source, stride, &mut target, threads),
        1 => plan.convert(
            source,
            stride,
            &mut target[..u.int_in_range(0..=bytes - 1)?],
            threads,
        ),
        2 => plan.convert(source, row_bytes - 1, &mut target[..bytes], threads),
        _ => plan.convert(
            &source[..row_bytes - 1],
            stride,
            &mut target[..bytes],
            threads,
        ),
    };
    assert!(!refused.unwrap_err().to_string().is_empty());
    assert!(target.iter().all(|&byte| byte == UNTOUCHED));
    Ok(())
}

fn float_format(u: &mut Unstructured) -> arbitrary::Result<FloatFormat> {
    Ok(FloatFormat {
        sample: *u.choose(&[Sample::F32, Sample::F16])?,
        layout: *u.choose(&[Layout::Interleaved, Layout::Planar])?,
        order: *u.choose(&[ChannelOrder::Bgr, ChannelOrder::Rgb])?,
    })
}

/// Mostly one: waking another costs more than a small frame.
fn thread_count(u: &mut Unstructured) -> arbitrary::Result<usize> {
    Ok(*u.choose(&[1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 16, 0, usize::MAX])?)
}

fn width(u: &mut Unstructured) -> arbitrary::Result<u32> {
    let longest = *u.choose(&[2, 20, 20, 70, LONGEST])?;
    u.int_in_range(1..=longest)
}

fn height(u: &mut Unstructured) -> arbitrary::Result<u32> {
    let is_tall = u.ratio(1u8, 50)?;
    u.int_in_range(1..=if is_tall { LONGEST } else { FEW_ROWS })
}

/// Where a picture begins, how long it is, and how long its target.
fn stretch(u: &mut Unstructured, picture: u32) -> arbitrary::Result<(u32, u32, u32)> {
    let border = if u.ratio(1u8, 4)? { FEW_ROWS } else { 0 };
    let before = 2 * u.int_in_range(0..=border)?;
    // Borders begin on even pixels.
    let after = u.int_in_range(0..=if picture % 2 == 0 { border } else { 0 })?;
    Ok((before, picture, before + picture + after))
}

/// `bytes` bytes, of samples of all kinds.
fn samples(u: &mut Unstructured, sample: Sample, bytes: usize) -> arbitrary::Result<Vec<u8>> {
    let pattern = u.bytes(u.len().min(32))?.to_vec();
    let kind = u.int_in_range(0..=3u8)?;
    let mut state = u.arbitrary::<u32>()? | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut samples = Vec::with_capacity(bytes + 4);
    while samples.len() < bytes {
        let bits = match kind {
            // Mostly what is converted, and a little more
            0 => (random() as f32 / u32::MAX as f32 * 1.5 - 0.25).to_bits(),
            1 => (random() as f32 / u32::MAX as f32 * 300.0 - 20.0).to_bits(),
            2 => ODD_SAMPLES[random() as usize % ODD_SAMPLES.len()],
            _ => random(),
        };
        match sample {
            // Half of a float32 is as good a float16 as any: it has a sign and an exponent, too.
            Sample::F16 => samples.extend_from_slice(&bits.to_le_bytes()[2..]),
            _ => samples.extend_from_slice(&bits.to_le_bytes()),
        }
    }
    samples.truncate(bytes);
    let given = pattern.len().min(bytes);
    samples[..given].copy_from_slice(&pattern[..given]);
    Ok(samples)
}

/// Bytes of a row, and rows, of each plane.
fn plane_shapes(target: &Target) -> Vec<(usize, usize)> {
    let (width, height) = (target.width as usize, target.height as usize);
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    match target.format {
        PixelFormat::I420 => vec![
            (width, height),
            (half_width, half_height),
            (half_width, half_height),
        ],
        PixelFormat::Nv12 => vec![(width, height), (2 * half_width, half_height)],
        PixelFormat::Rgb | PixelFormat::Bgr => vec![(3 * width, height)],
        _ => vec![(4 * width, height)],
    }
}

/// A plane, and memory around it.
#[derive(Clone)]
struct Guarded {
    memory: Vec<u8>,
    /// Of the plane
    end: usize,
    stride: usize,
    row_bytes: usize,
    rows: usize,
}

impl Guarded {
    fn new(u: &mut Unstructured, row_bytes: usize, rows: usize) -> arbitrary::Result<Self> {
        let stride = row_bytes + *u.choose(&[0, 0, 1, 3, 64])?;
        let padding_of_last = if u.arbitrary()? {
            stride - row_bytes
        } else {
            0
        };
        let end = GUARD + (rows - 1) * stride + row_bytes + padding_of_last;
        Ok(Self {
            memory: vec![UNTOUCHED; end + GUARD],
            end,
            stride,
            row_bytes,
            rows,
        })
    }

    fn plane(&mut self) -> Plane<'_> {
        Plane {
            data: &mut self.memory[GUARD..self.end],
            stride: self.stride,
        }
    }

    fn row(&mut self, row: usize) -> &mut [u8] {
        &mut self.memory[GUARD + row * self.stride..][..self.row_bytes]
    }

    /// All but the rows is as it was.
    fn check(&self) {
        let mut around = self.clone();
        (0..self.rows).for_each(|row| around.row(row).fill(UNTOUCHED));
        around.check_untouched();
    }

    fn check_untouched(&self) {
        let touched = self.memory.iter().position(|&byte| byte != UNTOUCHED);
        assert_eq!(
            touched, None,
            "byte, {GUARD} of which are in front of the plane"
        );
    }
}

fn borrow(planes: &mut [Guarded]) -> [Plane<'_>; 3] {
    let mut planes = planes.iter_mut().map(Guarded::plane);
    std::array::from_fn(|_| planes.next().unwrap_or_default())
}
