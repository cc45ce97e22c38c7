//! Of `src/share.rs`.

use super::*;

/// Which of the next `count` frames are shared, if the others make `helped` of 8 bands of each.
fn shared(share: &mut Share, count: usize, helped: usize) -> Vec<bool> {
    let next_frame = |_| {
        let is_shared = share.threads(2) == 2;
        if is_shared {
            share.learn(helped, 8, 2);
        }
        is_shared
    };
    (0..count).map(next_frame).collect()
}

#[test]
fn threads_that_come_in_time_are_always_asked() {
    let mut share = Share::default();
    assert_eq!(shared(&mut share, 5, 4), [true; 5]);
    assert_eq!(shared(&mut share, 5, 2), [true; 5]);
}

#[test]
fn threads_that_come_late_are_asked_less_and_less_until_they_do_not() {
    let mut share = Share::default();
    assert_eq!(
        shared(&mut share, 11, 1),
        [
            true, false, true, false, false, true, false, false, false, false, true
        ]
    );
    let asked = shared(&mut share, 10_000, 0);
    let asked = asked.into_iter().filter(|&is_shared| is_shared).count();
    assert!((300..320).contains(&asked), "{asked}");
    // One frame in time, and they are asked for every one again.
    while share.threads(2) == 1 {}
    share.learn(4, 8, 2);
    assert_eq!(shared(&mut share, 3, 4), [true; 3]);
}

#[test]
fn every_band_is_worked_on_once() {
    for threads in 1..5 {
        let mut workers = vec![Vec::new(); threads];
        let mut share = Share::default();
        share.prepare(threads).unwrap();
        share.run(&mut workers, 0..37, |worker, band| worker.push(band));
        let mut bands = workers.concat();
        bands.sort_unstable();
        assert_eq!(bands, (0..37).collect::<Vec<_>>());
    }
}
