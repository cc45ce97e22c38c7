//! What a frame costs, next to what memory and the alternatives cost, measured in one run.
//!
//! ```text
//! cargo bench                          # tables
//! cargo bench -- --report FILE.md      # and the same in Markdown, with plots
//! ```
//!
//! docs/performance.md says how to read them.

mod counts;
mod frames;
mod kernels;
mod limits;
mod machine;
mod opencv;
mod plot;
mod report;
mod two_pass;

use clap::Parser;
use report::Report;
use std::error::Error;
use std::path::PathBuf;

/// Measures what a frame costs, next to what memory and other ways cost, in a few minutes.
#[derive(Parser)]
#[command(bin_name = "cargo bench --")]
struct Options {
    /// Write the tables to FILE, with two plots beside it. Of what FILE holds already, all above
    /// the line that marks the report stays.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Only convert a few frames with BACKEND to FORMAT, RGBA or I420, to be counted by valgrind
    #[arg(long, num_args = 2, value_names = ["BACKEND", "FORMAT"])]
    convert: Vec<String>,

    /// What cargo bench passes, and cargo test, which runs benches with --all-targets, does not
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let [backend, format] = &options.convert[..] {
        return counts::convert(backend, format);
    }
    if !options.bench {
        return Ok(());
    }

    let mut report = Report::new(options.report)?;
    report.list("The machine", &machine::describe());
    kernels::compare(&mut report);
    kernels::measure_work(&mut report);
    kernels::measure_threads(&mut report);
    kernels::measure_sizes(&mut report);
    kernels::measure_ratios(&mut report);
    counts::measure(&mut report);
    Ok(report.save()?)
}
