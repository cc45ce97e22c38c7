//! What is counted.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

#[derive(Default)]
pub struct Tally {
    pub rounds: AtomicU64,
    /// Frames that have gone in
    pub sent: AtomicU64,
    /// Frames that have come out, of which each is checked
    pub checked: AtomicU64,
    /// Frames that were not what they should be
    pub wrong: AtomicU64,
    pub faults: AtomicU64,
    /// Faults after which the next frames were right
    pub recovered: AtomicU64,
    /// Criticals and warnings of GLib
    pub criticals: AtomicU64,
    problems: Mutex<Vec<String>>,
}

impl Tally {
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// A frame has come out.
    pub fn count(&self, checked: &Result<u64, String>) {
        self.checked.fetch_add(1, Ordering::Relaxed);
        if let Err(problem) = checked {
            self.wrong.fetch_add(1, Ordering::Relaxed);
            self.problems().push(problem.clone());
        }
    }

    /// A round has ended with a panic.
    pub fn fail(&self, panic: &(dyn Any + Send)) {
        let text = panic
            .downcast_ref::<String>()
            .map_or("a panic", String::as_str);
        self.problems().push(text.to_owned());
    }

    /// What went wrong, in words
    pub fn problems(&self) -> MutexGuard<'_, Vec<String>> {
        self.problems.lock().unwrap()
    }
}
