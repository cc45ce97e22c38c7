//! Memory for float frames: reused, and limited for the whole process.

use crate::config::Limits;
use crate::error::Error;
use crate::pipeline::lock;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory that is kept for the next frames: bytes of it, and pieces. More would not be in the cache any
/// more, and would take long to search.
const KEPT_BYTES: usize = 32 << 20;
const KEPT_PIECES: usize = 64;

/// What all float frames of the process are in.
pub struct Memory {
    kibibytes: Arc<Semaphore>,
    free: Mutex<Vec<Vec<u8>>>,
}

/// Memory of a frame. Whoever drops it, after converting the frame, makes room for another.
pub struct FrameMemory {
    bytes: Vec<u8>,
    memory: Arc<Memory>,
    _converting: OwnedSemaphorePermit,
    _share: OwnedSemaphorePermit,
}

impl Memory {
    pub fn new(limits: &Limits) -> Self {
        let kibibytes = limits.memory / 1024;
        Self {
            kibibytes: Arc::new(Semaphore::new(kibibytes as usize)),
            free: Mutex::default(),
        }
    }

    /// Waits for memory of this size, and for one of the places of a pipeline in `converting`. What is in
    /// the memory is of no use.
    pub async fn take(
        self: &Arc<Self>,
        bytes: usize,
        converting: &Arc<Semaphore>,
        limits: &Limits,
    ) -> Result<FrameMemory, Error> {
        let converting = converting.clone().acquire_owned();
        let Ok(Ok(converting)) = timeout(limits.queue_wait, converting).await else {
            return Err(Error::busy(
                "frames are not converted fast enough",
                format!(
                    "one to be done within {:?} (--queue-wait)",
                    limits.queue_wait
                ),
                "none",
            ));
        };
        let kibibytes = bytes.div_ceil(1024) as u32;
        let share = self.kibibytes.clone().acquire_many_owned(kibibytes);
        let Ok(Ok(share)) = timeout(limits.queue_wait, share).await else {
            return Err(Error::busy(
                "there is no memory left for frames",
                format!(
                    "{bytes} bytes within {:?} (--queue-wait)",
                    limits.queue_wait
                ),
                format!("{} MiB in use by others (--memory)", limits.memory >> 20),
            ));
        };
        Ok(FrameMemory {
            bytes: self.reuse(bytes).unwrap_or_else(|| vec![0; bytes]),
            memory: self.clone(),
            _converting: converting,
            _share: share,
        })
    }

    /// What was given back last, because it is still in the cache: from there, a frame is received and
    /// converted in less time. A GstBufferPool gives what was given back first.
    fn reuse(&self, bytes: usize) -> Option<Vec<u8>> {
        let mut free = lock(&self.free);
        let last = free.iter().rposition(|memory| memory.len() == bytes)?;
        Some(free.remove(last))
    }
}

impl AsRef<[u8]> for FrameMemory {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for FrameMemory {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for FrameMemory {
    fn drop(&mut self) {
        let mut free = lock(&self.memory.free);
        free.push(std::mem::take(&mut self.bytes));
        let mut kept: usize = free.iter().map(Vec::len).sum();
        while kept > KEPT_BYTES || free.len() > KEPT_PIECES {
            kept -= free.remove(0).len();
        }
    }
}
