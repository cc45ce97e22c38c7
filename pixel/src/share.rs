//! How a frame is shared by threads: cut into bands, of which each thread takes one after the other.

use crate::pool::{self, PoolError};
use std::sync::{Mutex, PoisonError};

/// Least work for which a thread of its own pays, in samples that are read or made for it.
///
/// Handing over costs the caller 5 us when the other thread sleeps, and hardly anything when it is
/// still awake from the last frame. Two threads took 0.5 to 0.6 of one thread's time in the latter
/// case; where they were too late to help, a frame of 45 us became 5 us longer. One core converts
/// this much in 15 to 20 us (virtual machine, a Xeon with AMX, 2 cores).
const MIN_THREAD_SAMPLES: usize = 128 * 1024;

/// Bands for each thread that shares a frame. Threads take one after the other, so that one that
/// comes late leaves more of them to the others.
///
/// A virtual machine wakes a thread in 40 us. With one band for each of two threads, a frame that came
/// 200 us after the last took 0.94 of one thread's time, with two 0.92, with four 0.80, with eight
/// 0.82. Where no thread comes late, four cost 5 % more than one.
const BANDS_PER_THREAD: usize = 4;

/// Most frames for which threads that came too late are not asked.
const LONGEST_PAUSE: u32 = 32;

/// How many of `threads` threads are worth it for so much work: at least 1.
pub fn threads_worth(samples: usize, threads: usize) -> usize {
    threads
        .min(samples / MIN_THREAD_SAMPLES)
        .clamp(1, pool::MAX_THREADS)
}

/// Shares the frames of one conversion.
///
/// The pool's threads come too late where all cores are busy, with an encoder behind a queue for one.
/// Then the caller converts nearly all of the frame and waits for them for nothing, so that they are not
/// asked for a while: one frame, then two, up to [`LONGEST_PAUSE`], until they come in time.
#[derive(Default)]
pub struct Share {
    /// Frames until they are asked again
    left: u32,
    /// As many as it was the last time
    pause: u32,
}

impl Share {
    /// Into how many bands a frame is cut for `threads` threads.
    pub fn bands(threads: usize) -> usize {
        match threads {
            1 => 1,
            threads => threads * BANDS_PER_THREAD,
        }
    }

    /// How many threads share the next frame, where as many as `threads` may: all of them, or one.
    pub fn threads(&mut self, threads: usize) -> usize {
        let is_worth_asking = self.left == 0;
        self.left = self.left.saturating_sub(1);
        if is_worth_asking { threads } else { 1 }
    }

    /// Sees to it that [`run`](Self::run) finds what it needs for `threads` threads.
    pub fn prepare(&self, threads: usize) -> Result<(), PoolError> {
        if threads > 1 { pool::start() } else { Ok(()) }
    }

    /// Does `work` for each of `bands`, on the caller's own thread with the first of `workers` and on a
    /// thread of the pool with each of the others.
    pub fn run<W: Send, B: Send>(
        &mut self,
        workers: &mut [W],
        bands: impl ExactSizeIterator<Item = B> + Send,
        work: impl Fn(&mut W, B) + Sync,
    ) {
        let (n_bands, threads) = (bands.len(), workers.len());
        let Some((own, others)) = workers.split_first_mut() else {
            return;
        };
        let bands = Mutex::new(bands);
        // An iterator is valid after every step, also of a thread that panicked then.
        let next_band = || bands.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut own_bands = 0;
        let own_work = || {
            while let Some(band) = next_band() {
                work(own, band);
                own_bands += 1;
            }
        };
        let help = |other: &mut W| {
            while let Some(band) = next_band() {
                work(other, band);
            }
        };
        pool::work_together(own_work, others, help);
        if threads > 1 {
            self.learn(n_bands - own_bands, n_bands, threads);
        }
    }

    /// Learns that `threads` shared a frame, and all but the caller's made `helped` of its `bands`: in time
    /// is at least half of what would have been fair.
    fn learn(&mut self, helped: usize, bands: usize, threads: usize) {
        let is_in_time = 2 * helped * threads >= bands * (threads - 1);
        self.pause = match (is_in_time, self.pause) {
            (true, _) => 0,
            (false, 0) => 1,
            (false, pause) => (2 * pause).min(LONGEST_PAUSE),
        };
        self.left = self.pause;
    }
}

#[cfg(test)]
#[path = "../tests/unit/share.rs"]
mod tests;
