//! Many pipelines in one process at once: streams that go on, pipelines that come and go, and elements
//! whose neighbours fail. Every frame that comes out is checked.
//!
//! `cargo test` does a fixed number of rounds, `scripts/test-reliability` goes on for minutes.

#[path = "../common/leaks.rs"]
mod leaks;
#[path = "../../pixel/tests/naive/mod.rs"]
mod naive;
#[path = "../common/patience.rs"]
mod patience;
#[path = "../common/planes.rs"]
mod planes;

mod case;
mod faults;
mod pipelines;
mod report;
mod tally;

use case::Random;
use gst::glib;
use indicatif::{ProgressBar, ProgressStyle};
use pipelines::Checked;
use report::Figures;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tally::Tally;

const STREAMS: usize = 32;
const LIFE_CYCLES: usize = 16;
const FAULTS: usize = 16;
const PIPELINES: usize = STREAMS + LIFE_CYCLES + FAULTS;

/// What each of them does in each half, where nobody asks for minutes
const ROUNDS: u64 = 30;

const MINUTES: &str = "RELIABILITY_MINUTES";

#[test]
#[cfg(target_os = "linux")]
fn many_pipelines_do_each_other_no_harm_and_leave_nothing() {
    let environment = [
        // As in scripts/test-reliability
        ("MALLOC_ARENA_MAX", Some("1")),
        ("MALLOC_MMAP_THRESHOLD_", Some("65536")),
        (MINUTES, None),
        (report::FILE, None),
    ];
    println!(
        "{}",
        patience::in_own_process("for_some_rounds_or_minutes", &environment)
    );
}

#[test]
#[ignore = "run by many_pipelines_do_each_other_no_harm_and_leave_nothing, and by scripts/test-reliability"]
fn for_some_rounds_or_minutes() {
    let (length, title) = match std::env::var(MINUTES) {
        Ok(minutes) => (
            Length::Time(Duration::from_secs(minutes.parse::<u64>().unwrap() * 30)),
            format!("{minutes} min"),
        ),
        Err(_) => (Length::Rounds(ROUNDS), format!("{} rounds", 2 * ROUNDS)),
    };
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
    let tally = Arc::<Tally>::default();
    count_criticals(tally.clone());
    leaks::watch();

    let mut randoms: Vec<_> = (0..PIPELINES as u64).map(naive::random).collect();
    let streams = randoms.iter_mut().take(STREAMS);
    let mut streams: Vec<_> = streams
        .map(|random| Checked::stream(random, &tally))
        .collect();
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %, {eta} left");
    let bar = ProgressBar::new(200).with_style(style.expect("a valid template"));
    let [half, end] = ["first half", "second half"].map(|half| {
        bar.set_message(half);
        do_half(length, &mut streams, &mut randoms, &tally, &bar);
        Figures::now(&tally)
    });
    bar.finish_and_clear();
    drop(streams);
    let left = leaks::objects_left();

    report::write(
        &format!("{PIPELINES} pipelines at once, {title}"),
        [&half, &end],
        left.len(),
    );
    assert_eq!(*tally.problems(), [""; 0]);
    assert_eq!(left, [""; 0]);
    end.assert_good(&half);
}

/// Criticals and warnings of GLib are programming errors.
fn count_criticals(tally: Arc<Tally>) {
    glib::log_set_default_handler(move |domain, level, message| {
        if matches!(level, glib::LogLevel::Critical | glib::LogLevel::Warning) {
            tally.criticals.fetch_add(1, Ordering::Relaxed);
        }
        eprintln!("{} {level:?}: {message}", domain.unwrap_or_default());
    });
}

/// How much is to be done in each half.
#[derive(Clone, Copy)]
enum Length {
    Rounds(u64),
    Time(Duration),
}

impl Length {
    /// How much has been done after `rounds` rounds of one, 1 being all.
    fn done(self, rounds: f64, began: Instant) -> f64 {
        match self {
            Self::Rounds(number) => rounds / number as f64,
            Self::Time(time) => began.elapsed().as_secs_f64() / time.as_secs_f64(),
        }
    }
}

type Round<'a> = Box<dyn FnMut(Random) + Send + 'a>;

/// Runs all of them at once, each on a thread of its own. Where one fails, all end.
fn do_half<R: FnMut(u32) -> u32 + Send>(
    length: Length,
    streams: &mut [Checked],
    randoms: &mut [R],
    tally: &Arc<Tally>,
    bar: &ProgressBar,
) {
    let began = Instant::now();
    let (rounds_before, position) = (tally.rounds(), bar.position());
    let has_failed = AtomicBool::new(false);
    let go_on = |mut round: Round, random: Random| {
        let mut rounds = 0.0;
        while length.done(rounds, began) < 1.0 && !has_failed.load(Ordering::Relaxed) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| round(random))) {
                tally.fail(&*panic);
                has_failed.store(true, Ordering::Relaxed);
            }
            rounds += 1.0;
            tally.rounds.fetch_add(1, Ordering::Relaxed);
        }
    };
    let go_on = &go_on;
    let mut rounds: Vec<Round> = Vec::new();
    for stream in streams {
        rounds.push(Box::new(|random| stream.round(random, tally)));
    }
    for number in 0..LIFE_CYCLES {
        let file = format!("{}/reliability-{number}.f32", env!("CARGO_TARGET_TMPDIR"));
        rounds.push(Box::new(move |random| match random(4) {
            0 => pipelines::seeks(random, tally, Path::new(&file)),
            _ => pipelines::life_cycle(random, tally),
        }));
    }
    for _ in 0..FAULTS {
        rounds.push(Box::new(|random| faults::round(random, tally)));
    }
    thread::scope(|scope| {
        let threads = rounds.into_iter().zip(randoms);
        let threads: Vec<_> = threads
            .map(|(round, random)| scope.spawn(move || go_on(round, random)))
            .collect();
        let mut last = (0, Instant::now());
        while !threads.iter().all(|thread| thread.is_finished()) {
            thread::sleep(Duration::from_millis(100));
            let rounds = tally.rounds() - rounds_before;
            if rounds != last.0 {
                last = (rounds, Instant::now());
            } else if last.1.elapsed() > 2 * patience::PATIENCE {
                eprintln!(
                    "No round has ended for {:?}: something hangs",
                    last.1.elapsed()
                );
                std::process::exit(1);
            }
            let done = length.done(rounds as f64 / PIPELINES as f64, began);
            bar.set_position(position + (done.min(1.0) * 100.0) as u64);
        }
    });
}
