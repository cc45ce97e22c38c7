//! Who receives: a few posts at a time, each to its end.
//!
//! With all at a time, each frame waits for its turn again and again while the others go by, and nothing of
//! it is in the cache when it comes. With 48 streams, 1,200 frames a second, on two cores, that was a
//! state of its own: a hold-up of a second let all posts overlap; frames then took 1,030 us of CPU instead
//! of 560, posts a second instead of 15 ms, and so they went on overlapping.

use crate::options::Options;
use crate::refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a client may keep us waiting before its turn is over. Those that are so slow are in nobody's
/// way, and receive beside the others.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// The turns of all posts.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

/// That of one post.
pub struct Turn {
    turns: Turns,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// As many as there are cores: while one waits for its client, another goes on.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        Self(Arc::new(Semaphore::new(cores)))
    }

    pub fn turn(&self) -> Turn {
        Turn {
            turns: self.clone(),
            permit: None,
        }
    }
}

impl Turn {
    /// Waits for it, if it is not there yet.
    pub async fn take(&mut self, options: &Options) -> Result<(), Refusal> {
        if self.permit.is_none() {
            let permit = self.turns.0.clone().acquire_owned();
            let Ok(Ok(permit)) = timeout(options.queue_wait, permit).await else {
                return Err(Refusal::busy(
                    "other posts are still being received",
                    format!("a turn within {:?} (--queue-wait)", options.queue_wait),
                    "none",
                ));
            };
            self.permit = Some(permit);
        }
        Ok(())
    }

    /// Lets others go first.
    pub fn give_way(&mut self) {
        self.permit = None;
    }
}
