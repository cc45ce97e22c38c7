//! Threads that are converting when the interpreter ends.
//!
//! Before 3.14, a daemon thread that wants the interpreter back by then is ended by `pthread_exit()`, which unwinds
//! its stack. Through Rust's frames that is undefined, and was seen to end the process with SIGSEGV. So no such thread
//! may come back: those that are converting stay where they are, as 3.14 has it for all.

use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How long the interpreter's end waits for threads that are converting: far longer than a frame takes.
const PATIENCE: Duration = Duration::from_secs(10);

// No lock, which a process that forks might inherit locked.
static IS_EXITING: AtomicBool = AtomicBool::new(false);
/// Threads that have let go of the interpreter
static DETACHED: AtomicUsize = AtomicUsize::new(0);
/// Those of them that will not take it again
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// Does `work` while other threads have the interpreter.
pub fn detach<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    DETACHED.fetch_add(1, SeqCst);
    let result = py.detach(|| {
        let result = work();
        if IS_EXITING.load(SeqCst) {
            PARKED.fetch_add(1, SeqCst);
            loop {
                std::thread::park();
            }
        }
        result
    });
    DETACHED.fetch_sub(1, SeqCst);
    result
}

/// Called once, at the interpreter's end: waits until every thread that is converting has come back, or never will.
#[pyfunction]
pub fn prepare_exit(py: Python<'_>) {
    py.detach(|| {
        IS_EXITING.store(true, SeqCst);
        let began = Instant::now();
        while DETACHED.load(SeqCst) > PARKED.load(SeqCst) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Called in a child that was forked, which has none of the threads.
#[pyfunction]
pub fn forget_threads() {
    DETACHED.store(0, SeqCst);
    PARKED.store(0, SeqCst);
}
