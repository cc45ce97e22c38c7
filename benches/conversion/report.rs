//! Measuring in turn, and the table of it.

use std::fmt::Write;
use std::time::Instant;

/// Rounds of a section, in each of which every row has its turn.
const ROUNDS: usize = 41;

/// Something to measure.
pub struct Row<'a> {
    pub name: String,
    /// Frames that one call of `work` converts
    pub frames: usize,
    /// Calls of `work` in a turn. If there are several, one goes before them, to fill the caches.
    pub passes: usize,
    /// What the time counts for in the comparison with the section's first row
    pub scale: f64,
    pub work: Box<dyn FnMut() + 'a>,
}

impl<'a> Row<'a> {
    pub fn new(name: impl Into<String>, frames: usize, work: impl FnMut() + 'a) -> Self {
        Self {
            name: name.into(),
            frames,
            passes: 1,
            scale: 1.0,
            work: Box::new(work),
        }
    }
}

#[derive(Default)]
pub struct Report {
    pub markdown: String,
}

impl Report {
    /// Measures `rows` in turn, again and again, and prints a table of them.
    ///
    /// A virtual machine has fast and slow seconds. In turn, all rows get their share of both, and
    /// a ratio is the median of those within a round, so that it hardly depends on them.
    pub fn section(&mut self, title: &str, mut rows: Vec<Row>) {
        let mut times = vec![Vec::with_capacity(ROUNDS); rows.len()];
        for row in &mut rows {
            (row.work)();
        }
        for round in 0..ROUNDS {
            eprint!("\r{title}: {} of {ROUNDS} rounds ", round + 1);
            for (row, times) in rows.iter_mut().zip(&mut times) {
                if row.passes > 1 {
                    (row.work)();
                }
                let start = Instant::now();
                for _ in 0..row.passes {
                    (row.work)();
                }
                let frames = row.frames * row.passes;
                times.push(start.elapsed().as_secs_f64() / frames as f64);
            }
        }
        eprint!("\r\x1b[K");

        println!("\n{title}");
        println!(
            "{:>56} {:>9} {:>9} {:>7}",
            "", "min us", "median us", "ratio"
        );
        let _ = write!(
            self.markdown,
            "\n### {title}\n\n| | min, us | median, us | ratio |\n|---|--:|--:|--:|\n"
        );
        for (row, own) in rows.iter().zip(&times) {
            let ratios = own.iter().zip(&times[0]);
            let ratio = median(ratios.map(|(time, first)| time / first * row.scale));
            let min = own.iter().copied().fold(f64::INFINITY, f64::min) * 1e6;
            let median = median(own.iter().copied()) * 1e6;
            println!("{:>56} {min:9.1} {median:9.1} {ratio:7.2}", row.name);
            let _ = writeln!(
                self.markdown,
                "| {} | {min:.1} | {median:.1} | {ratio:.2} |",
                row.name
            );
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
