//! What is told at half time and at the end.

use crate::tally::Tally;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// The environment variable that names the file that the table is put into
pub const FILE: &str = "RELIABILITY_REPORT";

const EDGES: [&str; 2] = [
    "<!-- start of what scripts/test-reliability writes -->\n",
    "<!-- end of what scripts/test-reliability writes -->\n",
];

/// Figures of a moment.
pub struct Figures {
    rounds: u64,
    sent: u64,
    checked: u64,
    wrong: u64,
    faults: u64,
    recovered: u64,
    criticals: u64,
    /// MiB
    resident: u64,
    threads: u64,
    pool_threads: u64,
}

impl Figures {
    pub fn now(tally: &Tally) -> Self {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let names = thread_names();
        let pool = names
            .iter()
            .filter(|name| name.starts_with("lipsyncframes"));
        Self {
            rounds: get(&tally.rounds),
            sent: get(&tally.sent),
            checked: get(&tally.checked),
            wrong: get(&tally.wrong),
            faults: get(&tally.faults),
            recovered: get(&tally.recovered),
            criticals: get(&tally.criticals),
            resident: resident(),
            threads: names.len() as u64,
            pool_threads: pool.count() as u64,
        }
    }

    /// That nothing is wrong at the end, and nothing has grown since half time.
    pub fn assert_good(&self, half: &Self) {
        assert_eq!((self.wrong, self.criticals), (0, 0));
        assert_eq!(self.recovered, self.faults);
        let pool = gstlipsyncframes::pixel::pool::default_threads() as u64;
        assert_eq!(self.pool_threads, pool);
        // GLib keeps a few threads for a while. One for each pipeline would be hundreds.
        assert!(
            self.threads < half.threads + 32,
            "{} after {}",
            self.threads,
            half.threads
        );
        // With malloc as scripts/test-reliability sets it up, it is within 1 MiB after ten seconds.
        let (half, end) = (half.resident, self.resident);
        assert!(end <= half + 8, "{end} MiB after {half}");
    }
}

/// Names of this process's threads.
fn thread_names() -> Vec<String> {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .collect()
}

/// Resident memory of this process, in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() / 1024
}

/// Prints the table, and puts it into a file, if there is one for it.
pub fn write(title: &str, halves: [&Figures; 2], left: usize) {
    let mut text = format!("{title}:\n\n| | at half time | at the end |\n|---|--:|--:|\n");
    type Figure = fn(&Figures) -> u64;
    let lines: [(&str, Figure); 10] = [
        ("rounds", |figures| figures.rounds),
        ("frames in", |figures| figures.sent),
        ("frames out, each checked", |figures| figures.checked),
        ("of these, wrong", |figures| figures.wrong),
        ("faults injected", |figures| figures.faults),
        ("recovered from", |figures| figures.recovered),
        ("criticals and warnings of GLib", |figures| {
            figures.criticals
        }),
        ("resident memory, MiB", |figures| figures.resident),
        ("threads", |figures| figures.threads),
        ("of these, the pool's", |figures| figures.pool_threads),
    ];
    for (name, figure) in lines {
        let [half, end] = halves.map(figure);
        let _ = writeln!(text, "| {name} | {half} | {end} |");
    }
    let _ = writeln!(text, "| objects left | | {left} |");
    println!("{text}");
    if let Ok(file) = std::env::var(FILE) {
        let page = std::fs::read_to_string(&file).unwrap();
        let (above, rest) = page.split_once(EDGES[0]).expect("where the table begins");
        let (_, below) = rest.split_once(EDGES[1]).expect("where the table ends");
        let [start, end] = EDGES;
        std::fs::write(&file, format!("{above}{start}\n{text}\n{end}{below}")).unwrap();
    }
}
