//! The conversion alone, without GStreamer.

use crate::frames::{
    COLD, SOURCE, TARGET_SIZE, WARM, bytes, float16, frames, name, planes, rgba_bytes, target,
};
use crate::limits;
use crate::opencv::OpenCv;
use crate::plot::{Line, Plot};
use crate::report::{Report, Row};
use crate::two_pass::TwoPass;
use lipsyncframes_pixel::pool::default_threads;
use lipsyncframes_pixel::{Layout, PixelFormat, Plan, Sample, Source, Target, backend, backends};
use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

const BEYOND_THE_CACHE: &str = "more than the cache holds";
const IN_CACHE: &str = "in cache";

const ORDERS: [(&str, Layout); 2] = [("BGR", Layout::Interleaved), ("BGRP", Layout::Planar)];

/// Passes over the frames that stay in the caches, in each turn.
const WARM_PASSES: usize = 8;

/// Frames for a method that takes ten times as long as the others.
const FEW: usize = 4;

/// Source bytes of which the caches do not hold much to the next turn.
const MORE_THAN_THE_CACHE: usize = 64 << 20;

/// A conversion of all `frames`, on up to `threads` threads.
fn conversion<'a>(
    name: String,
    mut plan: Plan,
    target: Target,
    frames: &'a [Vec<u8>],
    threads: usize,
) -> Row<'a> {
    let mut out = vec![0; rgba_bytes((target.width, target.height))];
    Row::new(name, frames.len(), move || {
        for frame in frames {
            plan.convert(frame, planes(&mut out, &target), threads)
                .expect("planned for these frames");
            black_box(&mut out);
        }
    })
}

fn plan(source: Source, target: Target) -> Plan {
    Plan::new(source, target).expect("a valid plan")
}

/// Every way to do it, on one thread and some also on all.
pub fn compare(report: &mut Report) {
    for (count, kind, passes) in [(COLD, BEYOND_THE_CACHE, 1), (WARM, IN_CACHE, WARM_PASSES)] {
        let frames = frames(&SOURCE, count);
        let halves = float16(&frames);
        let (read_bytes, out_bytes) = (bytes(&SOURCE), rgba_bytes(TARGET_SIZE));
        let streaming = "streaming: read a frame from start to end, write 320x320 RGBA";
        let limit = "memory limit: the same, four parts side by side";
        let mut rows = vec![
            limits::streaming(streaming, &frames, read_bytes, out_bytes, 1),
            limits::streaming(limit, &frames, read_bytes, out_bytes, 4),
            limits::copy(&frames),
        ];
        rows.extend(kernel_rows(&frames));
        rows.extend(float16_rows(&halves));
        let opencv = OpenCv::start(&SOURCE, TARGET_SIZE, &frames);
        let has_opencv = opencv.is_some();
        rows.extend(opencv.map_or_else(Vec::new, opencv_rows));
        rows.extend(two_pass_rows(&frames));
        let rows = rows.into_iter().map(|row| row.passes(passes));
        let title = format!("{count} frames, {kind}: 640x360 to 320x320, one thread");
        report.section(&title, rows.collect());
        if !has_opencv {
            report.note("OpenCV is not measured: python3 cannot import cv2 and numpy.");
        }
    }
}

/// Without waiting for memory: on part of a frame that fits into the second-level cache.
pub fn measure_work(report: &mut Report) {
    const PARTS: u32 = 8;
    const PASSES: usize = 64;
    let part = Source {
        height: SOURCE.height / PARTS,
        ..SOURCE
    };
    let frames = frames(&part, 1);
    let (width, height) = (TARGET_SIZE.0, TARGET_SIZE.1 / PARTS);
    let limit = "memory limit: read a frame, write 320x320 RGBA";
    let out_bytes = rgba_bytes((width, height));
    let mut rows = vec![limits::streaming(
        limit,
        &frames,
        bytes(&part),
        out_bytes,
        4,
    )];
    for (order, layout) in ORDERS {
        for format in [PixelFormat::Rgba, PixelFormat::I420] {
            let mut source = part;
            source.format.layout = layout;
            let target = Target::new(format, width, height);
            let name = format!("{order} to {}, {}", name(format), backend());
            rows.push(conversion(name, plan(source, target), target, &frames, 1));
        }
    }
    let rows = rows.into_iter();
    let rows = rows.map(|row| row.passes(PASSES).of_a_frame(1.0 / f64::from(PARTS)));
    let title = "The work alone: eight times an eighth of a frame, in the second-level cache";
    report.section(title, rows.collect());
}

fn kernel_rows(frames: &[Vec<u8>]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (order, layout) in ORDERS {
        let mut source = SOURCE;
        source.format.layout = layout;
        for format in [PixelFormat::Rgba, PixelFormat::I420] {
            for backend in backends() {
                let target = target(format);
                let plan = Plan::with_backend(source, target, backend).expect("a valid plan");
                let name = format!("{order} to {}, {backend}", name(format));
                rows.push(conversion(name, plan, target, frames, 1));
            }
        }
        for format in [PixelFormat::Nv12, PixelFormat::Rgb] {
            let target = target(format);
            let name = format!("{order} to {}, {}", name(format), backend());
            rows.push(conversion(name, plan(source, target), target, frames, 1));
        }
    }
    rows
}

fn float16_rows(frames: &[Vec<u8>]) -> [Row<'_>; 2] {
    [PixelFormat::Rgba, PixelFormat::I420].map(|format| {
        let mut source = SOURCE;
        source.format.sample = Sample::F16;
        let target = target(format);
        let name = format!("BGR of float16 to {}, {}", name(format), backend());
        conversion(name, plan(source, target), target, frames, 1)
    })
}

fn opencv_rows(mut opencv: OpenCv) -> Vec<Row<'static>> {
    check("OpenCV", &opencv.first_picture(), 1);
    let version = opencv.version.clone();
    let n_frames = opencv.n_frames;
    let opencv = Rc::new(RefCell::new(opencv));
    let kinds = [("RGBA", 1), ("RGBA", default_threads()), ("I420", 1)];
    let rows = kinds.map(|(format, threads)| {
        let steps = format!("resize, convertScaleAbs, cvtColor to {format}");
        let name = format!("OpenCV {version}: {steps}, {}", n_threads(threads));
        let opencv = Rc::clone(&opencv);
        Row::timed(name, n_frames, move || {
            opencv.borrow_mut().convert(format, threads)
        })
    });
    rows.into()
}

fn two_pass_rows(frames: &[Vec<u8>]) -> [Row<'_>; 2] {
    [1, default_threads()].map(|threads| {
        let mut two_pass = TwoPass::new(&SOURCE, TARGET_SIZE, threads);
        // It truncates before it scales.
        check("two passes", two_pass.convert(&frames[0]), 2);
        let name = format!("two passes, pixel by pixel, {}", n_threads(threads));
        Row::new(name, FEW, move || {
            for frame in &frames[..FEW] {
                black_box(two_pass.convert(frame));
            }
        })
    })
}

/// What makes another picture is no peer.
fn check(peer: &str, rgba: &[u8], tolerance: u8) {
    let target = target(PixelFormat::Rgba);
    let mut ours = vec![0; rgba.len()];
    plan(SOURCE, target)
        .convert(&frames(&SOURCE, 1)[0], planes(&mut ours, &target), 1)
        .expect("planned for this frame");
    let off = ours
        .iter()
        .zip(rgba)
        .map(|(ours, other)| ours.abs_diff(*other))
        .max();
    assert!(off <= Some(tolerance), "{peer} is off by {off:?}");
}

fn n_threads(threads: usize) -> String {
    format!("{threads} thread{}", if threads == 1 { "" } else { "s" })
}

pub fn measure_threads(report: &mut Report) {
    let threads = default_threads();
    let mut lines = Vec::new();
    for (count, kind, passes) in [(COLD, BEYOND_THE_CACHE, 1), (WARM, IN_CACHE, WARM_PASSES)] {
        let frames = frames(&SOURCE, count);
        let formats = [PixelFormat::Rgba, PixelFormat::I420];
        let mut rows = Vec::new();
        for format in formats {
            let base = rows.len();
            for used in 1..=threads {
                let target = target(format);
                let name = format!("BGR to {}, {}", name(format), n_threads(used));
                let row = conversion(name, plan(SOURCE, target), target, &frames, used);
                rows.push(row.passes(passes).compared_to(base));
            }
        }
        let title = format!("Threads: 640x360 to 320x320, {count} frames, {kind}");
        let times = report.section(&title, rows);
        for (index, format) in formats.into_iter().enumerate() {
            let first = index * threads;
            let point = |used: usize| (used as f64, times.ratio(first + used - 1, first));
            lines.push(Line::new(
                format!("{}, {kind}", name(format)),
                (1..=threads).map(point),
            ));
        }
    }
    let ideal = Line::new("ideal", (1..=threads).map(|n| (n as f64, 1.0 / n as f64)));
    lines.push(ideal.reference());
    report.plot(
        "threads",
        &Plot {
            title: "Time for a frame against threads",
            x_label: "threads",
            y_label: "time, in that of one thread",
            lines,
        },
    );
}

/// Two rows for each pair of sizes: the memory limit, and the conversion to I420.
fn size_rows<'a>(sizes: &[(Source, Target)], frames: &'a [Vec<Vec<u8>>]) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for (&(source, target), frames) in sizes.iter().zip(frames) {
        let (width, height) = (target.width, target.height);
        let name = format!("{}x{} to {width}x{height}", source.width, source.height);
        // At most two source rows are read for an output row.
        let read_rows = source.height.min(2 * height) as usize;
        let read_bytes = bytes(&source) / source.height as usize * read_rows;
        let out_bytes = (width * height * 3 / 2) as usize;
        let base = rows.len();
        let limit = format!("memory limit, {name}");
        let limit = limits::streaming(limit, frames, read_bytes, out_bytes, 4);
        rows.push(limit.compared_to(base));
        let row = conversion(name, plan(source, target), target, frames, 1);
        rows.push(row.compared_to(base));
    }
    rows
}

fn scaled((width, height): (u32, u32), to: (u32, u32)) -> (Source, Target) {
    let source = Source {
        width,
        height,
        ..SOURCE
    };
    (source, Target::new(PixelFormat::I420, to.0, to.1))
}

fn cold_frames(sizes: &[(Source, Target)]) -> Vec<Vec<Vec<u8>>> {
    let sources = sizes.iter().map(|(source, _)| source);
    sources
        .map(|source| frames(source, MORE_THAN_THE_CACHE / bytes(source) + 1))
        .collect()
}

pub fn measure_sizes(report: &mut Report) {
    let sizes = [
        (320, 180),
        (640, 360),
        (960, 540),
        (1280, 720),
        (1920, 1080),
    ];
    let sizes = sizes.map(|size| scaled(size, size));
    let frames = cold_frames(&sizes);
    let title = "Frame sizes: BGR to I420 of the same size, one thread";
    let times = report.section(title, size_rows(&sizes, &frames));
    let line = |name: &str, row: usize| {
        let points = sizes.iter().enumerate().map(|(index, (source, _))| {
            let pixels = f64::from(source.width * source.height);
            (pixels / 1e6, times.median(2 * index + row) / 1e3)
        });
        Line::new(name, points)
    };
    report.plot(
        "sizes",
        &Plot {
            title: "Time for a frame against its size",
            x_label: "million pixels",
            y_label: "ms",
            lines: vec![
                line("BGR to I420, one thread", 1),
                line("memory limit", 0).reference(),
            ],
        },
    );
}

pub fn measure_ratios(report: &mut Report) {
    let sizes = [
        ((640, 360), (320, 320)),
        ((1920, 1080), (320, 320)),
        ((512, 512), (320, 320)),
        ((320, 320), (320, 320)),
        ((96, 96), (320, 320)),
        ((256, 256), (640, 640)),
    ];
    let sizes = sizes.map(|(from, to)| scaled(from, to));
    let frames = cold_frames(&sizes);
    let title = "Scaling: BGR to I420, one thread";
    report.section(title, size_rows(&sizes, &frames));
}
