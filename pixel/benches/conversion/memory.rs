//! Frames from memory: ours beside the memory limit and OpenCV.

use crate::common::frames::{float16, frames, many_frames, name, planes};
use crate::common::report::{Report, Times};
use crate::geometry::{FORMATS, GEOMETRIES, Geometry, SQUARE, USUAL, conversion};
use crate::limits;
use crate::opencv::{self, OpenCv};
use lipsyncframes_pixel::pool::default_threads;
use lipsyncframes_pixel::{Layout, PixelFormat, Plan, Sample, backend};

/// Those that are converted on all cores, too
const SHARED: [Geometry; 4] = [USUAL, SQUARE, GEOMETRIES[6], GEOMETRIES[8]];

/// Those that are converted from float16, too
const FLOAT16: [Geometry; 3] = [USUAL, SQUARE, GEOMETRIES[5]];

/// What a conversion is to reach, a multiple of OpenCV's speed or of the memory limit's time, and what it
/// should rather reach.
const GOAL: (f64, f64) = (2.0, 1.5);
const AIM: (f64, f64) = (2.5, 1.3);

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// One thread, float32
    Main,
    AllCores,
    Float16,
}

/// A conversion, and the numbers of the rows that belong to it.
pub struct Case {
    name: String,
    kind: Kind,
    pub limit: usize,
    pub ours: usize,
    /// One for each way to do it
    opencv: Vec<usize>,
}

/// All that was measured.
#[derive(Default)]
pub struct Figures {
    pub times: Times,
    cases: Vec<Case>,
}

/// Microseconds or a multiple, for a table.
fn us(time: f64) -> String {
    format!("{time:.1}")
}

fn multiple(ratio: f64) -> String {
    format!("{ratio:.2}")
}

impl Figures {
    /// The main case that `name` says, as [`case_name`] makes it.
    pub fn main(&self, name: &str) -> &Case {
        let mut cases = self.of_kind(Kind::Main);
        let case = cases.find(|case| case.name == name);
        case.expect("every geometry has been measured")
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(move |case| case.kind == kind)
    }

    /// The fastest way of OpenCV
    pub fn opencv(&self, case: &Case) -> Option<usize> {
        let median = |&row: &usize| self.times.median(row);
        let rows = case.opencv.iter().copied();
        rows.min_by(|a, b| median(a).total_cmp(&median(b)))
    }

    /// OpenCV's time, and that in multiples of ours
    fn opencv_cells(&self, case: &Case) -> [String; 2] {
        self.opencv(case).map_or_else(Default::default, |row| {
            let ratio = self.times.ratio(row, case.ours);
            [us(self.times.median(row)), multiple(ratio)]
        })
    }

    /// Whether a case is so much faster than OpenCV, and whether it is so close to the limit.
    fn reaches(&self, case: &Case, (opencv, limit): (f64, f64)) -> (bool, bool) {
        let over_ours = |row| self.times.ratio(row, case.ours);
        let is_fast = self
            .opencv(case)
            .is_some_and(|row| over_ours(row) >= opencv);
        (is_fast, self.times.ratio(case.ours, case.limit) <= limit)
    }

    fn table(
        &self,
        report: &mut Report,
        title: &str,
        kind: Kind,
        columns: &[&str],
        cells: impl Fn(&Case) -> Vec<String>,
    ) {
        let lines = self
            .of_kind(kind)
            .map(|case| (case.name.clone(), cells(case)));
        report.table(title, columns, lines.collect());
    }

    /// The table of all geometries on one thread, and how many rows reach the goal.
    pub fn main_table(&self, report: &mut Report) {
        let columns = [
            "limit, us",
            "ours, us",
            "OpenCV, us",
            "ours / limit",
            "OpenCV / ours",
            "goal",
        ];
        let times = &self.times;
        let title = "One thread, frames from memory";
        self.table(report, title, Kind::Main, &columns, |case| {
            let [opencv, over_ours] = self.opencv_cells(case);
            let goal = match self.reaches(case, GOAL) {
                (true, true) => "both",
                (true, false) => "OpenCV",
                (false, true) => "limit",
                (false, false) => "neither",
            };
            vec![
                us(times.median(case.limit)),
                us(times.median(case.ours)),
                opencv,
                multiple(times.ratio(case.ours, case.limit)),
                over_ours,
                goal.to_owned(),
            ]
        });
        let count = |goal| {
            let cases = self
                .of_kind(Kind::Main)
                .map(|case| self.reaches(case, goal));
            cases.filter(|&(opencv, limit)| opencv || limit).count()
        };
        report.note(&format!(
            "{} of {} rows reach {} times OpenCV's speed or {} times the memory limit, {} reach {} or {}.",
            count(GOAL),
            self.of_kind(Kind::Main).count(),
            GOAL.0,
            GOAL.1,
            count(AIM),
            AIM.0,
            AIM.1,
        ));
    }

    pub fn all_cores_table(&self, report: &mut Report) {
        let title = format!("All cores, {}, frames from memory", default_threads());
        let columns = ["ours, us", "gain over one", "OpenCV, us", "OpenCV / ours"];
        let times = &self.times;
        self.table(report, &title, Kind::AllCores, &columns, |case| {
            let gain = times.ratio(self.main(&case.name).ours, case.ours);
            let [opencv, over_ours] = self.opencv_cells(case);
            vec![
                us(times.median(case.ours)),
                multiple(gain),
                opencv,
                over_ours,
            ]
        });
    }

    pub fn float16_table(&self, report: &mut Report) {
        let title = "float16, one thread, frames from memory";
        let columns = ["limit, us", "ours, us", "ours / limit", "float16 / float32"];
        let times = &self.times;
        self.table(report, title, Kind::Float16, &columns, |case| {
            vec![
                us(times.median(case.limit)),
                us(times.median(case.ours)),
                multiple(times.ratio(case.ours, case.limit)),
                multiple(times.ratio(case.ours, self.main(&case.name).ours)),
            ]
        });
    }

    /// Measures all that belongs to `geometry`, with one Python.
    pub fn measure(&mut self, geometry: Geometry) {
        let interleaved = geometry.source(Layout::Interleaved, Sample::F32);
        let frames = many_frames(&interleaved);
        let halves = float16(&frames);
        let opencv = OpenCv::start(geometry.from, geometry.to, &frames);
        if let Some(opencv) = &opencv {
            check(geometry, opencv);
        }
        let mut kinds = vec![
            (Kind::Main, Layout::Interleaved, 1),
            (Kind::Main, Layout::Planar, 1),
        ];
        if default_threads() > 1 && SHARED.contains(&geometry) {
            kinds.push((Kind::AllCores, Layout::Interleaved, default_threads()));
        }
        if FLOAT16.contains(&geometry) {
            kinds.push((Kind::Float16, Layout::Interleaved, 1));
        }

        let mut rows = Vec::new();
        let first = self.times.n_rows();
        let mut add = |row| {
            rows.push(row);
            first + rows.len() - 1
        };
        for format in FORMATS {
            let target = geometry.target(format);
            let limit = add(limits::row(&interleaved, &target, &frames));
            for &(kind, layout, threads) in &kinds {
                let (sample, frames, limit, opencv) = match kind {
                    Kind::Float16 => {
                        let source = geometry.source(layout, Sample::F16);
                        let limit = add(limits::row(&source, &target, &halves));
                        (Sample::F16, &halves, limit, None)
                    }
                    _ => (Sample::F32, &frames, limit, opencv.as_ref()),
                };
                let source = geometry.source(layout, sample);
                let ours = add(conversion(backend(), source, target, frames, threads));
                let opencv = opencv.map_or_else(Vec::new, |opencv| {
                    let rows = opencv::ways(layout).iter();
                    rows.map(|way| add(opencv.row(way, &name(format), threads)))
                        .collect()
                });
                self.cases.push(Case {
                    name: case_name(geometry, layout, format),
                    kind,
                    limit,
                    ours,
                    opencv,
                });
            }
        }
        self.times.measure(&geometry.to_string(), &mut rows);
    }
}

pub fn case_name(geometry: Geometry, layout: Layout, format: PixelFormat) -> String {
    let order = match layout {
        Layout::Interleaved => "BGR",
        _ => "BGRP",
    };
    format!("{geometry}: {order} to {}", name(format))
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
            let mut pairs = ours.iter().zip(&theirs);
            let is_same = pairs.all(|(ours, theirs)| ours.abs_diff(*theirs) <= 1);
            assert!(is_same, "OpenCV, {way}, makes another picture");
        }
    }
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
