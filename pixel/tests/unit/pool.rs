//! Of `src/pool.rs`.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn threads_are_named_and_no_more_than_the_cores() {
    start().unwrap();
    assert_eq!(running_threads(), default_threads());
    let pool = running().unwrap();
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
    assert_eq!(running().unwrap().install(|| 6 * 7), 42);
}
