//! The one rayon pool that every `lipsyncframes` element of the process shares.

use once_cell::sync::OnceCell;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::sync::LazyLock;

/// Most threads the pool has, and most bands a frame is split into.
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

/// The pool, created at the first call that succeeds.
///
/// Never called while the plugin loads: GStreamer scans plugins in a forked helper process, where
/// threads would be started for nothing.
///
/// # Errors
///
/// When the operating system refuses a thread. Nothing is kept then, so that a later call, with
/// more memory or a higher limit at hand, can succeed.
pub fn shared() -> Result<&'static ThreadPool, ThreadPoolBuildError> {
    static POOL: OnceCell<ThreadPool> = OnceCell::new();
    POOL.get_or_try_init(|| {
        ThreadPoolBuilder::new()
            .num_threads(default_threads())
            .thread_name(|index| format!("lipsyncframes{index}"))
            .build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_caller_gets_the_same_pool() {
        let pools: Vec<usize> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| std::ptr::from_ref(shared().unwrap()) as usize))
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .collect()
        });
        assert!(pools.iter().all(|&pool| pool == pools[0]));
    }

    #[test]
    fn threads_are_named_and_no_more_than_the_cores() {
        let pool = shared().unwrap();
        assert_eq!(pool.current_num_threads(), default_threads());
        let name = pool.install(|| std::thread::current().name().map(str::to_owned));
        let name = name.expect("pool threads have a name");
        assert!(name.starts_with("lipsyncframes"), "{name}");
        // Linux cuts thread names after 15 bytes; the number must still be in it.
        assert!(name.len() <= 15, "{name}");
    }

    #[test]
    fn a_panic_reaches_the_caller_after_all_other_work_and_the_pool_goes_on() {
        let pool = shared().unwrap();
        let done = AtomicUsize::new(0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.in_place_scope(|scope| {
                for band in 0..8 {
                    let done = &done;
                    scope.spawn(move |_| {
                        if band == 3 {
                            panic!("band 3 fails, on purpose");
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }));
        assert!(outcome.is_err());
        assert_eq!(done.load(Ordering::Relaxed), 7);
        assert_eq!(pool.install(|| 6 * 7), 42);
    }
}
