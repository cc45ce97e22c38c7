//! The work alone, without waiting for memory: on a part of a frame that stays in the second-level
//! cache.

use crate::common::frames::{bytes, frames, name};
use crate::common::report::{Report, Row, Times, add};
use crate::geometry::{FORMATS, GEOMETRIES, Geometry, SQUARE, USUAL, conversion};
use crate::memory::Figure;
use lipsyncframes_pixel::{Layout, PixelFormat, Sample, backend, backends};

/// Conversions in a turn
const PASSES: usize = 64;

/// What fits into the second-level cache beside the picture
const PART_BYTES: usize = 640 << 10;

/// Rows of two pictures of the same frame: the second takes as much more time as *down* and *write* take
/// for the rows that it has more. Odd, so that no row falls on a row of the frame.
const FEW_ROWS: u32 = 25;
const MORE_ROWS: u32 = 73;

fn in_cache(backend: &str, geometry: Geometry, format: PixelFormat) -> Row<'static> {
    let source = geometry.source(Layout::Interleaved, Sample::F32);
    let frames = frames(&source, 1);
    conversion(backend, source, geometry.target(format), frames, 1).passes(PASSES)
}

/// Of part of a frame, in the time of all of it.
fn work(backend: &str, geometry: Geometry, format: PixelFormat) -> Row<'static> {
    let all = bytes(&geometry.source(Layout::Interleaved, Sample::F32));
    // Both divide the heights of all that is so large.
    let parts = if all / 8 < PART_BYTES { 8 } else { 40 };
    let part = geometry.with_rows(geometry.from.1 / parts, geometry.to.1 / parts);
    in_cache(backend, part, format).of_parts(parts)
}

/// What bounds each conversion of interleaved frames: its stages, memory, or both in turn.
pub fn stages(report: &mut Report, figures: &[Figure]) {
    let mut rows = Vec::new();
    let mut add_rows = |geometry: Geometry, format| {
        let mut add = |row| add(&mut rows, row);
        // Without scaling, rows are not blended: the taps of a single row have no weight, either.
        let from = if geometry.is_scaled() { 8 } else { 1 };
        let picture = |to| in_cache(backend(), geometry.with_rows(from, to), format);
        let all = add(work(backend(), geometry, format));
        (all, [FEW_ROWS, MORE_ROWS].map(|to| add(picture(to))))
    };
    let cases: Vec<_> = GEOMETRIES
        .into_iter()
        .flat_map(|geometry| FORMATS.map(|format| (geometry, format)))
        .map(|(geometry, format)| (geometry, format, add_rows(geometry, format)))
        .collect();
    let times = Times::measure("the work alone", &mut rows);

    let lines = cases
        .into_iter()
        .map(|(geometry, format, (all, [few, more]))| {
            let row_time = times.difference(more, few) / f64::from(MORE_ROWS - FEW_ROWS);
            let output = row_time * f64::from(geometry.to.1);
            let work = times.median(all);
            let figure = figures.iter().find(|figure| {
                let of_figure = (figure.geometry, figure.layout, figure.format);
                of_figure == (geometry, Layout::Interleaved, format)
            });
            let figure = figure.expect("all geometries from memory");
            let (limit, ours) = (figure.limit, figure.ours);
            let (less, more) = (work.min(limit), work.max(limit));
            let overlap = match 3.0 * less > more {
                true => format!("{:.0} %", 100.0 * (less + more - ours) / less),
                // It is next to nothing, whether it overlaps or not.
                false => String::new(),
            };
            let mut cells: Vec<String> = [work - output, output, work, limit, ours]
                .map(|time| format!("{time:.1}"))
                .into();
            cells.push(overlap);
            (format!("{geometry}: BGR to {}", name(format)), cells)
        });
    report.table(
        "Stage by stage, one thread: microseconds for a frame",
        &[
            "read, across",
            "down, write",
            "the work",
            "limit",
            "from memory",
            "overlap",
        ],
        lines.collect(),
    );
}

/// What each backend gains.
pub fn backends_in_turn(report: &mut Report) {
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for geometry in [USUAL, SQUARE] {
        for format in FORMATS {
            for backend in backends() {
                rows.push(work(backend, geometry, format));
                names.push((geometry, format, backend));
            }
        }
    }
    let times = Times::measure("backends", &mut rows);
    let lines = names
        .iter()
        .enumerate()
        .map(|(row, &(geometry, format, backend))| {
            let gain = match names.get(row + 1) {
                Some(&next) if (next.0, next.1) == (geometry, format) => {
                    format!("{:.2}", times.ratio(row + 1, row))
                }
                _ => String::new(),
            };
            let name = format!("{geometry}: BGR to {}, {backend}", name(format));
            (name, vec![format!("{:.1}", times.median(row)), gain])
        });
    report.table(
        "Backends: the work alone, one thread",
        &["us", "times as fast as the next"],
        lines.collect(),
    );
}
