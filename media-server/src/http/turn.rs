//! Who receives: a few posts at a time, each to its end.
//!
//! With all at a time, each frame waits for its turn again and again while the others go by, and nothing of
//! it is in the cache when it comes. With 48 streams, 1,200 frames a second, on two cores, that was a
//! state of its own: a hold-up of a second let all posts overlap; frames then took 1,030 us of CPU instead
//! of 560, posts a second instead of 15 ms, and so they went on overlapping.
//!
//! A turn is held by bytes that come, not by whoever waits for them: those whose bytes come slowly are in
//! nobody's way, and receive beside the others.

use crate::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a client may keep us waiting in a turn.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// For every byte that came, it may be this much longer, in nanoseconds: a client that sends less than 20
/// MB/s is slow. With 2.5, 400 MB/s, clients that were short of CPU time passed for slow: half of the load
/// runs on two cores fell into the state described above and did not leave it, 900 us a frame instead of 620.
/// There, each of 48 posts still comes at 30 MB/s.
const PATIENCE_PER_BYTE: f64 = 50.0;

/// The turns of all posts.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

/// That of one post.
pub struct Turn {
    turns: Turns,
    permit: Option<OwnedSemaphorePermit>,
    queue_wait: Duration,
    /// Whether it goes without
    is_slow: bool,
    received: u64,
    starved: Duration,
}

impl Turns {
    /// As many as there are cores: while one waits for its client, another goes on.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// One that waits for so long at most.
    pub fn turn(&self, queue_wait: Duration) -> Turn {
        Turn {
            turns: self.clone(),
            permit: None,
            queue_wait,
            is_slow: false,
            received: 0,
            starved: Duration::ZERO,
        }
    }
}

impl Turn {
    /// Waits for it, if it is not there yet and needed. To be called before each frame.
    pub async fn take(&mut self) -> Result<(), Error> {
        if self.permit.is_some() {
            return Ok(());
        }
        // One that has been slow may be fast again.
        self.is_slow &= self.is_starved(Duration::ZERO);
        self.received = 0;
        self.starved = Duration::ZERO;
        if !self.is_slow {
            let permit = self.turns.0.clone().acquire_owned();
            let Ok(Ok(permit)) = timeout(self.queue_wait, permit).await else {
                return Err(Error::busy(
                    "other posts are still being received",
                    format!("a turn within {:?} (--queue-wait)", self.queue_wait),
                    "none",
                ));
            };
            self.permit = Some(permit);
        }
        Ok(())
    }

    /// Counts bytes that came, after the client had kept us waiting for so long.
    pub fn count(&mut self, bytes: usize, starved: Duration) {
        self.received += bytes as u64;
        self.starved += starved;
        if self.is_starved(PATIENCE) {
            self.give_way_to_faster();
        }
    }

    fn is_starved(&self, patience: Duration) -> bool {
        let earned = self.received as f64 * PATIENCE_PER_BYTE;
        self.starved > patience + Duration::from_nanos(earned as u64)
    }

    /// Lets others go first, and goes without until the bytes come faster.
    pub fn give_way_to_faster(&mut self) {
        self.permit = None;
        self.is_slow = true;
    }

    /// Lets others go first.
    pub fn give_way(&mut self) {
        self.permit = None;
    }
}
