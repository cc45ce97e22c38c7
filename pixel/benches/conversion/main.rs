//! What a frame costs, next to what memory and OpenCV cost, measured in one run.
//! docs/performance.md says how to run it and how to read its tables.

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
use memory::Figures;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() -> Result<(), String> {
    let Some(mut report) = Report::from_arguments("conversion", WORKSPACE)? else {
        return Ok(());
    };
    report.note(&machine::describe());
    let mut figures = Figures::default();
    for geometry in geometry::GEOMETRIES {
        figures.measure(geometry);
    }
    figures.main_table(&mut report);
    report.picture(plot::TITLE, &plot::draw(&figures))?;
    work::stages(&mut report, &figures);
    work::backends_in_turn(&mut report);
    figures.all_cores_table(&mut report);
    memory::threads(&mut report);
    figures.float16_table(&mut report);
    report.save()
}
