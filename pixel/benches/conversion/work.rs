//! The work alone, without waiting for memory: on a part of a frame that stays in the second-level
//! cache.

use crate::common::frames::{bytes, frames};
use crate::common::report::{Report, Row, Times};
use crate::geometry::{FORMATS, GEOMETRIES, Geometry, SQUARE, USUAL, conversion};
use crate::memory::{Figures, case_name};
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
pub fn stages(report: &mut Report, figures: &Figures) {
    let cases = GEOMETRIES
        .into_iter()
        .flat_map(|geometry| FORMATS.map(|format| (geometry, format)));
    let rows = cases.clone().flat_map(|(geometry, format)| {
        let picture = |to| in_cache(backend(), geometry.with_rows(8, to), format);
        let all = work(backend(), geometry, format);
        [all, picture(FEW_ROWS), picture(MORE_ROWS)]
    });
    let mut times = Times::default();
    times.measure("the work alone", &mut rows.collect::<Vec<_>>());

    let lines = cases.enumerate().map(|(index, (geometry, format))| {
        let [work, few, more] = [0, 1, 2].map(|row| 3 * index + row);
        let row_time = times.difference(more, few) / f64::from(MORE_ROWS - FEW_ROWS);
        let output = row_time * f64::from(geometry.to.1);
        let work = times.median(work);
        let name = case_name(geometry, Layout::Interleaved, format);
        let case = figures.main(&name);
        let [limit, ours] = [case.limit, case.ours].map(|row| figures.times.median(row));
        let (less, more) = (work.min(limit), work.max(limit));
        let overlap = match 3.0 * less > more {
            true => format!("{:.0} %", 100.0 * (less + more - ours) / less),
            // It is next to nothing, whether it overlaps or not.
            false => String::new(),
        };
        let mut cells = [work - output, output, work, limit, ours].map(|time| format!("{time:.1}"));
        if !geometry.is_scaled() {
            // Rows are read as they are written.
            cells[..2].fill(String::new());
        }
        (name, [&cells[..], &[overlap]].concat())
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

/// What each backend takes, and how many times as long the next lower one does.
pub fn backends_in_turn(report: &mut Report) {
    let mut rows = Vec::new();
    for geometry in [USUAL, SQUARE] {
        for format in FORMATS {
            let base = rows.len();
            for backend in backends() {
                let name = case_name(geometry, Layout::Interleaved, format);
                let row = work(backend, geometry, format).named(format!("{name}, {backend}"));
                // The one before, which is faster
                rows.push(row.compared_to(base.max(rows.len().saturating_sub(1))));
            }
        }
    }
    let title = "Backends: the work alone, one thread; the ratio is to the next higher one";
    report.section(title, rows);
}
