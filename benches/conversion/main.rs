//! What a frame costs, next to what memory and the alternatives cost, measured in one run.
//!
//! ```text
//! cargo bench                          # the table
//! cargo bench -- --report FILE.md      # the table in Markdown
//! ```
//!
//! Times are per frame, the minimum and the median of many repeats. Ratios within a run mean more
//! than times: machines differ, and a virtual one differs from minute to minute.

mod pipelines;
mod report;
mod two_pass;

use gstlipsyncframes::pixel::{
    ChannelOrder, FloatFormat, Layout, PixelFormat, Plan, Plane, Planes, Range, Sample, Source,
    Target, backend, backends,
};
use gstlipsyncframes::pool::default_threads;
use report::{Report, Row};
use std::hint::black_box;

const SOURCE: Source = Source {
    format: FloatFormat {
        sample: Sample::F32,
        layout: Layout::Interleaved,
        order: ChannelOrder::Bgr,
    },
    width: 640,
    height: 360,
    range: Range::Unit,
};
const TARGET_SIZE: (u32, u32) = (320, 320);

/// Distinct frames: more than the caches hold, and few enough to stay in them.
const COLD: usize = 64;
const WARM: usize = 4;

/// Passes over the frames that stay in the caches, in each turn.
const WARM_PASSES: usize = 8;

/// `count` distinct frames of `source`, with samples from 0 to 1: slopes with a little noise,
/// because pure noise, which no network emits, takes jpegenc nearly twice as long.
pub fn frames(source: &Source, count: usize) -> Vec<Vec<u8>> {
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    let (width, height) = (source.width as usize, source.height as usize);
    let mut frame = |shift: usize| {
        let sample = |index: usize| {
            let (x, y) = (index / 3 % width, index / 3 / width);
            let slope = (x + 3 * y + 40 * (index % 3) + shift) % 255;
            (slope as f32 / 255.0 + 0.05 * noise())
                .min(1.0)
                .to_le_bytes()
        };
        (0..width * height * 3).flat_map(sample).collect()
    };
    (0..count).map(|index| frame(5 * index)).collect()
}

/// Splits packed memory into the planes of `target`.
pub fn planes<'a>(memory: &'a mut [u8], target: &Target) -> Planes<'a> {
    let (width, height) = (target.width as usize, target.height as usize);
    let chroma = width.div_ceil(2);
    let (strides, rest_rows) = match target.format {
        PixelFormat::I420 => ([width, chroma, chroma], height.div_ceil(2)),
        PixelFormat::Nv12 => ([width, 2 * chroma, 0], height.div_ceil(2)),
        PixelFormat::Rgb | PixelFormat::Bgr => ([3 * width, 0, 0], 0),
        _ => ([4 * width, 0, 0], 0),
    };
    let (first, rest) = memory.split_at_mut(strides[0] * height);
    let (second, third) = rest.split_at_mut(strides[1] * rest_rows);
    let mut data = [first, second, third].into_iter();
    strides.map(|stride| Plane {
        data: data.next().unwrap_or_default(),
        stride,
    })
}

fn target(format: PixelFormat) -> Target {
    Target::new(format, TARGET_SIZE.0, TARGET_SIZE.1)
}

/// A conversion of all `frames`, in `bands` bands.
fn conversion<'a>(
    name: String,
    mut plan: Plan,
    target: Target,
    frames: &'a [Vec<u8>],
    bands: usize,
) -> Row<'a> {
    let mut out = vec![0; target.width as usize * target.height as usize * 4];
    Row::new(name, frames.len(), move || {
        for frame in frames {
            plan.convert_in_bands(frame, planes(&mut out, &target), bands, bands)
                .expect("planned for these frames");
            black_box(&mut out);
        }
    })
}

/// Reads every frame and writes as much as an RGBA picture: what no conversion can be faster than.
fn streaming_limit(frames: &[Vec<u8>]) -> Row<'_> {
    let mut out = vec![0u8; (TARGET_SIZE.0 * TARGET_SIZE.1 * 4) as usize];
    let name = "streaming limit: read a frame, write 320x320 RGBA";
    Row::new(name, frames.len(), move || {
        for (index, frame) in frames.iter().enumerate() {
            let mut sums = [0u64; 16];
            for block in frame.as_chunks::<128>().0 {
                for (sum, bytes) in sums.iter_mut().zip(block.as_chunks::<8>().0) {
                    *sum ^= u64::from_le_bytes(*bytes);
                }
            }
            black_box(sums);
            out.fill(index as u8);
            black_box(&mut out);
        }
    })
}

fn copy(frames: &[Vec<u8>]) -> Row<'_> {
    let mut out = frames[0].clone();
    Row::new("memcpy of a frame", frames.len(), move || {
        for frame in frames {
            out.copy_from_slice(frame);
            black_box(&mut out);
        }
    })
}

fn kernels(report: &mut Report, count: usize, kind: &str) {
    let frames = frames(&SOURCE, count);
    let mut rows = vec![streaming_limit(&frames), copy(&frames)];
    for (name, layout) in [("BGR", Layout::Interleaved), ("BGRP", Layout::Planar)] {
        let mut source = SOURCE;
        source.format.layout = layout;
        for format in [PixelFormat::Rgba, PixelFormat::I420] {
            for backend in backends() {
                let target = target(format);
                let plan = Plan::with_backend(source, target, backend).expect("a valid plan");
                let name = format!("{name} to {format:?}, {backend}");
                rows.push(conversion(name, plan, target, &frames, 1));
            }
        }
        for format in [PixelFormat::Nv12, PixelFormat::Rgb] {
            let target = target(format);
            let plan = Plan::new(source, target).expect("a valid plan");
            let name = format!("{name} to {format:?}, {}", backend());
            rows.push(conversion(name, plan, target, &frames, 1));
        }
    }
    for threads in [1, default_threads()] {
        rows.push(two_pass::row(&SOURCE, TARGET_SIZE, &frames, threads));
    }
    if count == WARM {
        rows.iter_mut().for_each(|row| row.passes = WARM_PASSES);
    }
    let title = format!("{count} frames, {kind}: 640x360 to 320x320, one thread");
    report.section(&title, rows);
}

fn threads(report: &mut Report) {
    let frames = frames(&SOURCE, WARM);
    for format in [PixelFormat::Rgba, PixelFormat::I420] {
        let rows = (1..=default_threads()).map(|bands| {
            let target = target(format);
            let plan = Plan::new(SOURCE, target).expect("a valid plan");
            let mut row = conversion(format!("{bands} bands"), plan, target, &frames, bands);
            row.passes = WARM_PASSES;
            row
        });
        let title = format!("Threads: BGR to {format:?}, 640x360 to 320x320, in cache");
        report.section(&title, rows.collect());
    }
}

fn sizes(report: &mut Report) {
    let sizes = [
        ((640, 360), (320, 320)),
        ((320, 320), (320, 320)),
        ((1920, 1080), (320, 320)),
        ((512, 512), (320, 320)),
        ((96, 96), (320, 320)),
        ((256, 256), (640, 640)),
    ];
    let sources = sizes.map(|((width, height), _)| Source {
        width,
        height,
        ..SOURCE
    });
    let more_than_the_cache = 64 << 20;
    let frames = sources.map(|source| {
        let bytes = (source.width * source.height) as usize * 12;
        frames(&source, more_than_the_cache / bytes + 1)
    });
    let rows = sizes.iter().zip(sources).zip(&frames);
    let rows = rows.map(|((&((width, height), to), source), frames)| {
        let target = Target::new(PixelFormat::I420, to.0, to.1);
        let plan = Plan::new(source, target).expect("a valid plan");
        let name = format!("{width}x{height} to {}x{}", to.0, to.1);
        let mut row = conversion(name, plan, target, frames, 1);
        let floats = |width: u32, height: u32| f64::from(width * height);
        row.scale =
            (floats(640, 360) + floats(320, 320)) / (floats(width, height) + floats(to.0, to.1));
        row
    });
    report.section(
        "Sizes: BGR to I420, one thread; ratio per pixel read and written",
        rows.collect(),
    );
}

fn main() {
    // cargo passes --bench.
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let file = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => None,
        (Some("--report"), Some(file)) => Some(file),
        _ => {
            eprintln!("Usage: cargo bench [-- --report FILE.md]");
            std::process::exit(2);
        }
    };
    let mut report = Report::default();
    kernels(&mut report, COLD, "more than the cache holds");
    kernels(&mut report, WARM, "in cache");
    threads(&mut report);
    sizes(&mut report);
    pipelines::measure_all(&mut report);
    if let Some(file) = file
        && let Err(error) = std::fs::write(&file, &report.markdown)
    {
        eprintln!("{file}: {error}");
        std::process::exit(1);
    }
}
