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
#[derive(Debug)]
pub struct PoolError(ThreadPoolBuildError);

impl std::fmt::Display for PoolError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let (threads, error) = (default_threads(), &self.0);
        write!(
            f,
            "the pool of {threads} threads cannot be started: {error}"
        )
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
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
    POOL.get_or_try_init(|| {
        ThreadPoolBuilder::new()
            .num_threads(default_threads())
            .thread_name(|index| format!("lipsyncframes{index}"))
            .build()
    })
    .map(|_| ())
    .map_err(PoolError)
}

static POOL: OnceCell<ThreadPool> = OnceCell::new();

/// Threads of the pool that are there now: none before the first element that may use it has started.
pub fn running_threads() -> usize {
    POOL.get().map_or(0, ThreadPool::current_num_threads)
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
    let Some(pool) = POOL.get().filter(|_| !others.is_empty()) else {
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
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn threads_are_named_and_no_more_than_the_cores() {
        start().unwrap();
        assert_eq!(running_threads(), default_threads());
        let pool = POOL.get().unwrap();
        let name = pool.install(|| std::thread::current().name().map(str::to_owned));
        let name = name.expect("pool threads have a name");
        assert!(name.starts_with("lipsyncframes"), "{name}");
        // Linux cuts thread names after 15 bytes; the number must still be in it.
        assert!(name.len() <= 15, "{name}");
    }

    #[test]
    fn everybody_works_once_and_the_caller_among_them() {
        start().unwrap();
        let caller = std::thread::current().id();
        for count in 0..40 {
            let (mut own, mut others) = (None, vec![None; count]);
            let own_work = || own = Some(std::thread::current().id());
            work_together(own_work, &mut others, |thread| {
                assert_eq!(thread.replace(std::thread::current().id()), None);
            });
            assert_eq!(own, Some(caller));
            assert!(others.iter().all(|&id| id.is_some() && id != Some(caller)));
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_after_all_other_work_and_the_pool_goes_on() {
        start().unwrap();
        for failing in 0..8 {
            let done = AtomicUsize::new(0);
            let mut others = [1, 2, 3, 4, 5, 6, 7];
            let work = |number: usize| {
                assert_ne!(number, failing, "{failing} fails, on purpose");
                done.fetch_add(1, Ordering::Relaxed);
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                work_together(|| work(0), &mut others, |&mut number| work(number));
            }));
            assert!(outcome.is_err());
            assert_eq!(done.load(Ordering::Relaxed), 7);
        }
        assert_eq!(POOL.get().unwrap().install(|| 6 * 7), 42);
    }
}
