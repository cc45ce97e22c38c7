//! The one thread pool that all conversions of the process share.

use once_cell::sync::OnceCell;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Most threads the pool has, and most threads that share a frame.
pub const MAX_THREADS: usize = 16;

/// Number of threads that `n-threads=0` stands for: one per core, at most [`MAX_THREADS`].
///
/// Honours CPU affinity and cgroup limits, so it is right inside containers, too. Looked up once:
/// it reads several files, which was measured as 100 us, and the pool does not change either.
pub fn default_threads() -> usize {
    static THREADS: LazyLock<usize> = LazyLock::new(|| {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
    });
    *THREADS
}

/// What a setting of `n_threads` stands for: 0 is [`default_threads`].
pub fn threads(n_threads: u32) -> usize {
    match n_threads {
        0 => default_threads(),
        threads => threads as usize,
    }
}

/// The pool's threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the pool of {threads} threads cannot be started: {source}")]
pub struct PoolError {
    threads: usize,
    source: ThreadPoolBuildError,
}

/// Starts the pool, unless it runs. Conversions that may use it do that by themselves; this is for who
/// wants to know early whether it is possible.
///
/// Never called while the plugin loads: GStreamer scans plugins in a forked helper process, where
/// threads would be started for nothing.
///
/// # Errors
///
/// When the operating system refuses a thread. Nothing is kept then, so that a later call, with
/// more memory or a higher limit at hand, can succeed.
pub fn start() -> Result<(), PoolError> {
    let process = std::process::id();
    let start = || {
        let threads = ThreadPoolBuilder::new()
            .num_threads(default_threads())
            .thread_name(|index| format!("lipsyncframes{index}"))
            .build()?;
        // Each has begun when this returns. In a child that is forked while one of them first uses what rayon
        // has as statics, the child's own threads would wait for that for ever.
        threads.broadcast(|_| ());
        Ok(Box::new(Pool {
            process,
            threads,
            of_children: OnceCell::new(),
        }))
    };
    match slot().get_or_try_init(start) {
        Ok(_) => Ok(()),
        Err(source) => Err(PoolError {
            threads: default_threads(),
            source,
        }),
    }
}

/// The pool of a process. A child that is forked has a copy of it, but none of its threads: to give them work
/// would be to wait for ever. So it has a pool of its own, further down the chain, and nothing here is dropped.
struct Pool {
    process: u32,
    threads: ThreadPool,
    of_children: OnceCell<Box<Pool>>,
}

static POOL: OnceCell<Box<Pool>> = OnceCell::new();

/// Where the pool of this process is, or will be.
fn slot() -> &'static OnceCell<Box<Pool>> {
    let mut slot = &POOL;
    while let Some(pool) = slot.get()
        && pool.process != std::process::id()
    {
        slot = &pool.of_children;
    }
    slot
}

fn running() -> Option<&'static ThreadPool> {
    slot().get().map(|pool| &pool.threads)
}

/// Threads of the pool that are there now: none before the first element that may use it has started.
pub fn running_threads() -> usize {
    running().map_or(0, ThreadPool::current_num_threads)
}

/// How long [`work_together`] watches for others to finish before it goes to sleep.
///
/// Going to sleep and being woken took two threads from 0.58 of one thread's time to 0.84 in the
/// same run (640x360 to 320x320, virtual machine). Longer gains nothing.
const WATCH: Duration = Duration::from_micros(25);

/// Runs `own` on the caller's own thread, and at the same time `help` on a thread of the pool for each of
/// `others`, where the pool has been started. Returns when all are done.
///
/// A thread of the pool may come late, or when all is done; so both should take what there is to do
/// piece by piece from what they share.
pub(crate) fn work_together<T: Send>(
    own: impl FnOnce(),
    others: &mut [T],
    help: impl Fn(&mut T) + Sync,
) {
    let Some(pool) = running().filter(|_| !others.is_empty()) else {
        return own();
    };
    let at_work = AtomicUsize::new(0);
    pool.in_place_scope(|scope| {
        for other in others {
            scope.spawn(|_| {
                at_work.fetch_add(1, Ordering::Relaxed);
                help(other);
                at_work.fetch_sub(1, Ordering::Relaxed);
            });
        }
        own();
        // The scope waits for all of them, and does so asleep. Those that have not begun may be waiting
        // for this very core, so there is no use in watching for them.
        let began = Instant::now();
        while at_work.load(Ordering::Relaxed) > 0 && began.elapsed() < WATCH {
            std::hint::spin_loop();
        }
    });
}

#[cfg(test)]
#[path = "../tests/unit/pool.rs"]
mod tests;
