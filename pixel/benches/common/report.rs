//! Measuring in turn, and tables: on standard output, and in a section of a Markdown file.

use super::frames::MORE_THAN_THE_CACHE;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rounds, in each of which every row has its turn. Odd, so that one of them is the median.
const ROUNDS: usize = 15;

/// Something to measure.
pub struct Row<'a> {
    name: String,
    /// Frames that one call of `work` converts
    frames: f64,
    /// Calls of `work` in a turn. If there are several, one goes before them, to fill the caches; before
    /// a single one, they are filled with something else.
    passes: usize,
    /// The row that this one is compared to in a table of [`Report::section`]
    base: usize,
    /// Tells how long it took.
    work: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Row<'a> {
    pub fn new(frames: usize, mut work: impl FnMut() + 'a) -> Self {
        Self::timed(frames, move || {
            let start = Instant::now();
            work();
            start.elapsed()
        })
    }

    /// For work that is better measured where it is done.
    pub fn timed(frames: usize, work: impl FnMut() -> Duration + 'a) -> Self {
        Self {
            name: String::new(),
            frames: frames as f64,
            passes: 1,
            base: 0,
            work: Box::new(work),
        }
    }

    /// For a table of [`Report::section`]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    pub fn passes(mut self, passes: usize) -> Self {
        self.passes = passes;
        self
    }

    /// For work on parts of frames, `parts` of which are one.
    pub fn of_parts(mut self, parts: u32) -> Self {
        self.frames /= f64::from(parts);
        self
    }

    pub fn compared_to(mut self, base: usize) -> Self {
        self.base = base;
        self
    }

    /// Microseconds for a frame.
    fn turn(&mut self, elsewhere: &[u8]) -> f64 {
        if self.passes > 1 {
            (self.work)();
        } else {
            let cache_lines = elsewhere.chunks(64);
            black_box(cache_lines.fold(0, |sum, line| sum ^ line[0]));
        }
        let elapsed: Duration = (0..self.passes).map(|_| (self.work)()).sum();
        elapsed.as_secs_f64() * 1e6 / (self.frames * self.passes as f64)
    }
}

/// Microseconds for a frame, by row and round.
#[derive(Default)]
pub struct Times(Vec<Vec<f64>>);

impl Times {
    pub fn n_rows(&self) -> usize {
        self.0.len()
    }

    /// Measures further rows in turn, again and again.
    ///
    /// A virtual machine has fast and slow seconds. In turn, all rows get their share of both, and a
    /// ratio is the median of those within a round, so that it hardly depends on them.
    pub fn measure(&mut self, title: &str, rows: &mut [Row]) {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
        let bar = ProgressBar::new((rows.len() * (ROUNDS + 1)) as u64)
            .with_style(style.expect("a valid template"))
            .with_message(title.to_owned());
        // Some of what one row leaves in the cache serves the next if that reads the same frames, and
        // OpenCV has frames of its own. Without this, BGR, measured after the limit, took 0.8 times as
        // long as BGRP, measured after OpenCV; with it, 1.0 to 1.1 times.
        let elsewhere = vec![1; MORE_THAN_THE_CACHE];
        let first = self.n_rows();
        self.0.resize(first + rows.len(), Vec::new());
        for round in 0..=ROUNDS {
            for (row, times) in rows.iter_mut().zip(&mut self.0[first..]) {
                let time = row.turn(&elsewhere);
                // The first round is for what is slow only once.
                if round > 0 {
                    times.push(time);
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a benchmark has found.
pub struct Report {
    /// The benchmark, of which the section in the file has its name
    name: &'static str,
    file: Option<PathBuf>,
    markdown: String,
}

impl Report {
    /// As the arguments want it, or none if they are not those of `cargo bench`: `cargo test
    /// --all-targets` runs benchmarks, too. A file is named relative to `workspace`, because Cargo
    /// runs each benchmark in its own package.
    ///
    /// # Errors
    ///
    /// When the arguments make no sense, or the file cannot be written, which is better known now than
    /// when all is measured.
    pub fn from_arguments(name: &'static str, workspace: &str) -> Result<Option<Self>, String> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if !arguments.iter().any(|argument| argument == "--bench") {
            return Ok(None);
        }
        let mut file = None;
        let mut rest = arguments
            .into_iter()
            .filter(|argument| argument != "--bench");
        while let Some(argument) = rest.next() {
            file = match (argument.as_str(), rest.next()) {
                ("--report", Some(name)) => Some(Path::new(workspace).join(name)),
                _ => return Err("usage: cargo bench [-- --report FILE.md]".to_owned()),
            };
        }
        let report = Self {
            name,
            file,
            markdown: String::new(),
        };
        report.save()?;
        Ok(Some(report))
    }

    /// Measures `rows` in turn, and makes a table of them.
    pub fn section(&mut self, title: &str, mut rows: Vec<Row>) -> Times {
        let mut times = Times::default();
        times.measure(title, &mut rows);
        let lines = rows.into_iter().enumerate().map(|(index, row)| {
            let (median, ratio) = (times.median(index), times.ratio(index, row.base));
            (
                row.name,
                vec![format!("{median:.1}"), format!("{ratio:.2}")],
            )
        });
        self.table(title, &["us", "ratio"], lines.collect());
        times
    }

    /// Lines of a name and numbers.
    pub fn table(&mut self, title: &str, columns: &[&str], lines: Vec<(String, Vec<String>)>) {
        println!("\n{title}\n");
        let _ = writeln!(self.markdown, "\n### {title}\n");
        let names = lines.iter().map(|(name, _)| name.chars().count());
        let name_width = names.max().unwrap_or_default();
        let heads = columns.iter().map(|&column| column.to_owned());
        let heads = (String::new(), heads.collect());
        for (index, (name, cells)) in std::iter::once(heads).chain(lines).enumerate() {
            print!("{name:name_width$}");
            for (cell, column) in cells.iter().zip(columns) {
                print!("  {cell:>width$}", width = column.len().max(7));
            }
            println!();
            let _ = writeln!(self.markdown, "| {name} | {} |", cells.join(" | "));
            if index == 0 {
                let _ = writeln!(self.markdown, "|---|{}", "--:|".repeat(columns.len()));
            }
        }
    }

    /// A paragraph.
    pub fn note(&mut self, text: &str) {
        println!("\n{text}");
        let _ = writeln!(self.markdown, "\n{text}");
    }

    /// Puts a picture beside the report's file, with the same name.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn picture(&mut self, title: &str, svg: &str) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let file = file.with_extension("svg");
        let name = file.file_name().unwrap_or_default().display();
        let _ = writeln!(self.markdown, "\n![{title}]({name})");
        write(&file, svg)
    }

    /// Replaces this benchmark's section of the file; what stands outside is not the report's.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub fn save(&self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", file.display()));
            }
            text => text.unwrap_or_default(),
        };
        let [start, end] = ["start", "end"].map(|edge| {
            format!(
                "<!-- {edge} of what cargo bench -- --report writes: {} -->\n",
                self.name
            )
        });
        let (above, rest) = text.split_once(&start).unwrap_or((&text, &end));
        let (section, below) = rest.split_once(&end).unwrap_or(("", rest));
        // Nothing measured yet
        let section = match self.markdown.as_str() {
            "" => section,
            markdown => &format!("{markdown}\n"),
        };
        write(file, &format!("{above}{start}{section}{end}{below}"))
    }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
