//! Measuring in turn, and the tables of it.

use crate::plot::Plot;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rounds of a section, in each of which every row has its turn.
const ROUNDS: usize = 41;

/// What stands above the report in its file is not the report's.
const MARKER: &str = "<!-- cargo bench -- --report writes what follows -->\n";

/// Something to measure.
pub struct Row<'a> {
    name: String,
    /// Frames that one call of `work` converts
    frames: f64,
    /// Calls of `work` in a turn. If there are several, one goes before them, to fill the caches.
    passes: usize,
    /// The row of the section that this one is compared to
    base: usize,
    /// Tells how long it took.
    work: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Row<'a> {
    pub fn new(name: impl Into<String>, frames: usize, mut work: impl FnMut() + 'a) -> Self {
        Self::timed(name, frames, move || {
            let start = Instant::now();
            work();
            start.elapsed()
        })
    }

    /// For work that is better measured where it is done.
    pub fn timed(
        name: impl Into<String>,
        frames: usize,
        work: impl FnMut() -> Duration + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            frames: frames as f64,
            passes: 1,
            base: 0,
            work: Box::new(work),
        }
    }

    pub fn passes(mut self, passes: usize) -> Self {
        self.passes = passes;
        self
    }

    /// For work on parts of frames, each of this size.
    pub fn of_a_frame(mut self, share: f64) -> Self {
        self.frames *= share;
        self
    }

    pub fn compared_to(mut self, base: usize) -> Self {
        self.base = base;
        self
    }

    /// Seconds for a frame.
    fn turn(&mut self) -> f64 {
        if self.passes > 1 {
            (self.work)();
        }
        let elapsed: Duration = (0..self.passes).map(|_| (self.work)()).sum();
        elapsed.as_secs_f64() / (self.frames * self.passes as f64)
    }
}

/// Microseconds for a frame, by row and round.
pub struct Times(Vec<Vec<f64>>);

impl Times {
    fn min(&self, row: usize) -> f64 {
        self.0[row].iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn median(&self, row: usize) -> f64 {
        median(self.0[row].iter().copied())
    }

    /// Median of the ratios within a round.
    pub fn ratio(&self, row: usize, base: usize) -> f64 {
        let pairs = self.0[row].iter().zip(&self.0[base]);
        median(pairs.map(|(time, base)| time / base))
    }

    /// Median of the differences within a round.
    pub fn difference(&self, row: usize, base: usize) -> f64 {
        let pairs = self.0[row].iter().zip(&self.0[base]);
        median(pairs.map(|(time, base)| time - base))
    }
}

/// Tables on standard output, and in Markdown.
pub struct Report {
    file: Option<PathBuf>,
    /// What is to stand in the file
    markdown: String,
    plots: Vec<(PathBuf, String)>,
}

impl Report {
    /// # Errors
    ///
    /// When `file` cannot be read or written, which is better known now than when all is measured.
    pub fn new(file: Option<PathBuf>) -> Result<Self, String> {
        let markdown = match &file {
            Some(file) => {
                text_above_marker(file).map_err(|error| format!("{}: {error}", file.display()))?
            }
            None => String::new(),
        };
        Ok(Self {
            file,
            markdown: markdown + MARKER,
            plots: Vec::new(),
        })
    }

    /// Measures `rows` in turn, again and again, and prints a table of them.
    ///
    /// A virtual machine has fast and slow seconds. In turn, all rows get their share of both, and
    /// a ratio is the median of those within a round, so that it hardly depends on them.
    pub fn section(&mut self, title: &str, mut rows: Vec<Row>) -> Times {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}");
        let bar = ProgressBar::new(ROUNDS as u64)
            .with_style(style.expect("a valid template"))
            .with_message(title.to_owned());
        let mut times = Times(vec![Vec::with_capacity(ROUNDS); rows.len()]);
        for row in &mut rows {
            row.turn();
        }
        for _ in 0..ROUNDS {
            for (row, times) in rows.iter_mut().zip(&mut times.0) {
                times.push(row.turn() * 1e6);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();

        let lines = rows.iter().enumerate().map(|(index, row)| {
            let ratio = times.ratio(index, row.base);
            let [min, median] = [times.min(index), times.median(index)];
            let numbers = [
                format!("{min:.1}"),
                format!("{median:.1}"),
                format!("{ratio:.2}"),
            ];
            (row.name.clone(), numbers)
        });
        self.table(title, ["min, us", "median, us", "ratio"], lines.collect());
        times
    }

    pub fn table(&mut self, title: &str, columns: [&str; 3], lines: Vec<(String, [String; 3])>) {
        self.heading(title);
        let width = lines.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or_default();
        let [a, b, c] = columns;
        let [a_width, b_width, c_width] = columns.map(|column| column.len().max(9) + 1);
        println!("{:>width$} {a:>a_width$} {b:>b_width$} {c:>c_width$}", "");
        let _ = writeln!(self.markdown, "| | {a} | {b} | {c} |\n|---|--:|--:|--:|");
        for (name, [a, b, c]) in lines {
            println!("{name:>width$} {a:>a_width$} {b:>b_width$} {c:>c_width$}");
            let _ = writeln!(self.markdown, "| {name} | {a} | {b} | {c} |");
        }
    }

    pub fn list(&mut self, title: &str, items: &[String]) {
        self.heading(title);
        for item in items {
            println!("- {item}");
            let _ = writeln!(self.markdown, "- {item}");
        }
    }

    fn heading(&mut self, title: &str) {
        println!("\n{title}");
        let _ = writeln!(self.markdown, "\n### {title}\n");
    }

    /// A line below a table.
    pub fn note(&mut self, text: &str) {
        println!("{text}");
        let _ = writeln!(self.markdown, "\n{text}");
    }

    /// Draws `plot` beside the report's file.
    pub fn plot(&mut self, name: &str, plot: &Plot) {
        let Some(file) = &self.file else { return };
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{name}.svg");
        let _ = writeln!(self.markdown, "\n![{}]({name})", plot.title);
        self.plots.push((file.with_file_name(name), plot.draw()));
    }

    pub fn save(&self) -> Result<(), String> {
        if let Some(file) = &self.file {
            write(file, &self.markdown)?;
        }
        self.plots
            .iter()
            .try_for_each(|(file, svg)| write(file, svg))
    }
}

fn text_above_marker(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(file)?
        .read_to_string(&mut text)?;
    let above = text.split(MARKER).next().unwrap_or_default();
    Ok(above.to_owned())
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
