//! Frames from memory: ours beside the memory limit and OpenCV.

use crate::common::frames::{float16, frames, many_frames, name, planes};
use crate::common::report::{Report, Times, add};
use crate::geometry::{FORMATS, GEOMETRIES, Geometry, SQUARE, USUAL, conversion};
use crate::limits;
use crate::opencv::{self, OpenCv};
use lipsyncframes_pixel::pool::default_threads;
use lipsyncframes_pixel::{Layout, PixelFormat, Plan, Sample, backend};

/// Those that are converted on all cores, too
const SHARED: [Geometry; 4] = [USUAL, SQUARE, GEOMETRIES[6], GEOMETRIES[8]];

/// Those that are converted from float16, too
const FLOAT16: [Geometry; 3] = [USUAL, SQUARE, GEOMETRIES[5]];

/// What a conversion is to reach: a multiple of OpenCV's speed, or of the memory limit's time.
const GOAL: (f64, f64) = (2.0, 1.5);
/// What it should rather reach
const AIM: (f64, f64) = (2.5, 1.3);

/// A conversion, and the numbers of the rows that belong to it.
struct Case {
    layout: Layout,
    sample: Sample,
    format: PixelFormat,
    threads: usize,
    limit: usize,
    ours: usize,
    /// One for each way to do it
    opencv: Vec<usize>,
}

/// What was measured of it, in microseconds.
pub struct Figure {
    pub geometry: Geometry,
    pub layout: Layout,
    sample: Sample,
    pub format: PixelFormat,
    threads: usize,
    pub limit: f64,
    pub ours: f64,
    pub over_limit: f64,
    pub opencv: Option<Peer>,
}

pub struct Peer {
    time: f64,
    pub over_limit: f64,
    over_ours: f64,
}

impl Figure {
    fn new(geometry: Geometry, case: &Case, times: &Times) -> Self {
        let fastest = |&a: &usize, &b: &usize| times.median(a).total_cmp(&times.median(b));
        let opencv = case.opencv.iter().copied().min_by(fastest);
        Self {
            geometry,
            layout: case.layout,
            sample: case.sample,
            format: case.format,
            threads: case.threads,
            limit: times.median(case.limit),
            ours: times.median(case.ours),
            over_limit: times.ratio(case.ours, case.limit),
            opencv: opencv.map(|row| Peer {
                time: times.median(row),
                over_limit: times.ratio(row, case.limit),
                over_ours: times.ratio(row, case.ours),
            }),
        }
    }

    fn is_main(&self) -> bool {
        self.sample == Sample::F32 && self.threads == 1
    }

    fn name(&self) -> String {
        let order = match self.layout {
            Layout::Interleaved => "BGR",
            _ => "BGRP",
        };
        format!("{}: {order} to {}", self.geometry, name(self.format))
    }

    fn is_fast(&self, opencv: f64) -> bool {
        self.opencv
            .as_ref()
            .is_some_and(|peer| peer.over_ours >= opencv)
    }

    fn reaches(&self, (opencv, limit): (f64, f64)) -> bool {
        self.is_fast(opencv) || self.over_limit <= limit
    }

    /// Which half of the goal it reaches
    fn goal(&self) -> &'static str {
        match (self.is_fast(GOAL.0), self.over_limit <= GOAL.1) {
            (true, true) => "both",
            (true, false) => "OpenCV",
            (false, true) => "limit",
            (false, false) => "neither",
        }
    }

    /// OpenCV's time, and that in multiples of ours
    fn opencv_cells(&self) -> [String; 2] {
        match &self.opencv {
            Some(peer) => [
                format!("{:.1}", peer.time),
                format!("{:.2}", peer.over_ours),
            ],
            None => [(); 2].map(|()| String::new()),
        }
    }
}

/// Every geometry in turn. Prints the table of all that is on one thread.
pub fn measure(report: &mut Report) -> Vec<Figure> {
    let mut version = None;
    let figures: Vec<Figure> = GEOMETRIES
        .into_iter()
        .flat_map(|geometry| measure_geometry(geometry, &mut version))
        .collect();
    let main: Vec<&Figure> = figures.iter().filter(|figure| figure.is_main()).collect();
    let lines = main.iter().map(|figure| {
        let mut cells = vec![
            format!("{:.1}", figure.limit),
            format!("{:.1}", figure.ours),
        ];
        let [opencv, over_ours] = figure.opencv_cells();
        cells.extend([opencv, format!("{:.2}", figure.over_limit), over_ours]);
        cells.push(figure.goal().to_owned());
        (figure.name(), cells)
    });
    let columns = [
        "limit, us",
        "ours, us",
        "OpenCV, us",
        "ours / limit",
        "OpenCV / ours",
        "goal",
    ];
    report.table("One thread, frames from memory", &columns, lines.collect());
    match version {
        Some(version) => report.note(&format!("OpenCV is version {version}.")),
        None => report.note("OpenCV is not measured: python3 cannot import cv2 and numpy."),
    }

    let count = |goal| main.iter().filter(|figure| figure.reaches(goal)).count();
    report.note(&format!(
        "{} of {} rows reach {} times OpenCV's speed or {} times the memory limit, {} reach {} or {}.",
        count(GOAL),
        main.len(),
        GOAL.0,
        GOAL.1,
        count(AIM),
        AIM.0,
        AIM.1,
    ));
    figures
}

fn measure_geometry(geometry: Geometry, version: &mut Option<String>) -> Vec<Figure> {
    let interleaved = geometry.source(Layout::Interleaved, Sample::F32);
    let frames = many_frames(&interleaved);
    let halves = match FLOAT16.contains(&geometry) {
        true => float16(&frames),
        false => Vec::new(),
    };
    let opencv = OpenCv::start(geometry.from, geometry.to, &frames);
    if let Some(opencv) = &opencv {
        check(geometry, opencv);
        *version = Some(opencv.version.clone());
    }

    let mut rows = Vec::new();
    let mut cases = Vec::new();
    for format in FORMATS {
        let target = geometry.target(format);
        let limit = add(&mut rows, limits::row(&interleaved, &target, &frames));
        let all = default_threads();
        let is_shared = all > 1 && SHARED.contains(&geometry);
        for (layout, threads, is_there) in [
            (Layout::Interleaved, 1, true),
            (Layout::Planar, 1, true),
            (Layout::Interleaved, all, is_shared),
        ] {
            if !is_there {
                continue;
            }
            let source = geometry.source(layout, Sample::F32);
            let ours = conversion(backend(), source, target, &frames, threads);
            let ours = add(&mut rows, ours);
            let mut opencv_row = |&way| {
                let row = opencv.as_ref()?.row(way, &name(format), threads);
                Some(add(&mut rows, row))
            };
            cases.push(Case {
                layout,
                sample: Sample::F32,
                format,
                threads,
                limit,
                ours,
                opencv: opencv::ways(layout)
                    .iter()
                    .filter_map(&mut opencv_row)
                    .collect(),
            });
        }
        if !halves.is_empty() {
            let source = geometry.source(Layout::Interleaved, Sample::F16);
            cases.push(Case {
                layout: Layout::Interleaved,
                sample: Sample::F16,
                format,
                threads: 1,
                limit: add(&mut rows, limits::row(&source, &target, &halves)),
                ours: add(&mut rows, conversion(backend(), source, target, &halves, 1)),
                opencv: Vec::new(),
            });
        }
    }
    let times = Times::measure(&geometry.to_string(), &mut rows);
    let figures = cases.iter().map(|case| Figure::new(geometry, case, &times));
    figures.collect()
}

/// What makes another picture is no peer.
fn check(geometry: Geometry, opencv: &OpenCv) {
    let target = geometry.target(PixelFormat::Rgba);
    for layout in [Layout::Interleaved, Layout::Planar] {
        let source = geometry.source(layout, Sample::F32);
        let mut plan = Plan::new(source, target).expect("a valid plan");
        for way in opencv::ways(layout) {
            let theirs = opencv.first_picture(way, geometry.to);
            let mut ours = vec![0; theirs.len()];
            plan.convert(&frames(&source, 1)[0], planes(&mut ours, &target), 1)
                .expect("planned for this frame");
            let pairs = ours.iter().zip(&theirs);
            let off = pairs.map(|(ours, theirs)| ours.abs_diff(*theirs)).max();
            assert!(off <= Some(1), "OpenCV, {way}, is off by {off:?}");
        }
    }
}

/// The figures that have a figure on one thread and of float32 beside them
fn beside<'a>(
    figures: &'a [Figure],
    is_wanted: impl Fn(&Figure) -> bool + 'a,
) -> impl Iterator<Item = (&'a Figure, &'a Figure)> {
    let wanted = figures.iter().filter(move |figure| is_wanted(figure));
    wanted.filter_map(|figure| {
        let base = figures
            .iter()
            .find(|base| base.is_main() && base.name() == figure.name())?;
        Some((figure, base))
    })
}

pub fn all_cores(report: &mut Report, figures: &[Figure]) {
    let lines = beside(figures, |figure| figure.threads > 1).map(|(figure, base)| {
        let mut cells = vec![
            format!("{:.1}", figure.ours),
            format!("{:.2}", base.ours / figure.ours),
        ];
        cells.extend(figure.opencv_cells());
        (figure.name(), cells)
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return;
    }
    report.table(
        &format!("All cores, {}, frames from memory", default_threads()),
        &["ours, us", "gain over one", "OpenCV, us", "OpenCV / ours"],
        lines,
    );
}

pub fn half_precision(report: &mut Report, figures: &[Figure]) {
    let lines = beside(figures, |figure| figure.sample == Sample::F16).map(|(figure, base)| {
        let cells = vec![
            format!("{:.1}", figure.limit),
            format!("{:.1}", figure.ours),
            format!("{:.2}", figure.over_limit),
            format!("{:.2}", figure.ours / base.ours),
        ];
        (figure.name(), cells)
    });
    report.table(
        "float16, one thread, frames from memory",
        &["limit, us", "ours, us", "ours / limit", "float16 / float32"],
        lines.collect(),
    );
}

pub fn threads(report: &mut Report) {
    let source = USUAL.source(Layout::Interleaved, Sample::F32);
    let frames = many_frames(&source);
    let mut rows = Vec::new();
    for format in FORMATS {
        let base = rows.len();
        for threads in 1..=default_threads() {
            let row = conversion(backend(), source, USUAL.target(format), &frames, threads);
            let name = format!("BGR to {}, threads: {threads}", name(format));
            rows.push(row.named(name).compared_to(base));
        }
    }
    report.section(&format!("Threads: {USUAL}, frames from memory"), rows);
}
