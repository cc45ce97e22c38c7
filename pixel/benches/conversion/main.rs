//! What a frame costs, next to what memory and OpenCV cost, measured in one run.
//!
//! ```text
//! cargo bench                               # tables
//! cargo bench -- --report docs/FILE.md      # and the same in Markdown, with a plot
//! ```
//!
//! docs/performance.md says how to read them.

#[path = "../common/mod.rs"]
mod common;
mod geometry;
mod limits;
mod machine;
mod memory;
mod opencv;
mod plot;
mod work;

use common::report::Report;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() -> Result<(), String> {
    let Some(mut report) = Report::from_arguments("conversion", WORKSPACE)? else {
        return Ok(());
    };
    report.list("The machine", &machine::describe());
    let figures = memory::measure(&mut report);
    report.picture(plot::TITLE, &plot::draw(&figures))?;
    work::stages(&mut report, &figures);
    work::backends_in_turn(&mut report);
    memory::all_cores(&mut report, &figures);
    memory::threads(&mut report);
    memory::half_precision(&mut report, &figures);
    report.save()
}
