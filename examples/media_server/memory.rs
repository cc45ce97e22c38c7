//! Memory for float frames: reused, and limited for the whole process.

use crate::frames::{FrameBody, FrameKind};
use crate::options::{MIB, Options};
use crate::refusal::Refusal;
use gst::prelude::*;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What all float frames of the process may take.
#[derive(Clone)]
pub struct Budget {
    kibibytes: Arc<Semaphore>,
}

/// A frame's part of the budget, until it is dropped.
pub struct Share {
    _permit: OwnedSemaphorePermit,
}

impl Budget {
    pub fn new(options: &Options) -> Self {
        let kibibytes = options.memory * MIB / 1024;
        Self {
            kibibytes: Arc::new(Semaphore::new(kibibytes as usize)),
        }
    }

    /// Waits for `bytes` of it.
    pub async fn take(&self, bytes: usize, options: &Options) -> Result<Share, Refusal> {
        let kibibytes = bytes.div_ceil(1024) as u32;
        let taken = self.kibibytes.clone().acquire_many_owned(kibibytes);
        match timeout(options.queue_wait, taken).await {
            Ok(Ok(permit)) => Ok(Share { _permit: permit }),
            _ => Err(Refusal::busy(
                "there is no memory left for frames",
                format!("{bytes} bytes within {:?}", options.queue_wait),
                format!("{} MiB in use by others (--memory)", options.memory),
            )),
        }
    }
}

/// Buffers of one size. New memory comes in pages that the kernel must clear, which took about as long
/// as to receive a frame.
pub struct FramePool {
    pool: gst::BufferPool,
    kind: FrameKind,
}

impl FramePool {
    /// # Errors
    ///
    /// Where GStreamer makes no pool of it.
    pub fn new(kind: FrameKind) -> Result<Self, String> {
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        let bytes = kind.info.frame_bytes() as u32;
        config.set_params(Some(&kind.info.to_caps()), bytes, 0, 0);
        pool.set_config(config)
            .and_then(|()| pool.set_active(true))
            .map_err(|error| error.to_string())?;
        Ok(Self { pool, kind })
    }

    pub fn kind(&self) -> &FrameKind {
        &self.kind
    }

    /// Reads the next frame of `body` into a buffer: the one copy that is made of it in this process.
    pub async fn read(&self, body: &mut FrameBody<'_>) -> Result<gst::Buffer, Refusal> {
        // The pool has no most, so that this does not wait.
        let buffer = self
            .pool
            .acquire_buffer(None)
            .map_err(|error| Refusal::failed(format!("no buffer for a frame: {error}")))?;
        let mut memory = buffer
            .into_mapped_buffer_writable()
            .map_err(|_| Refusal::failed("the buffer of a frame cannot be written"))?;
        body.read(&mut memory, &self.kind.info).await?;
        Ok(memory.into_buffer())
    }
}

impl Drop for FramePool {
    fn drop(&mut self) {
        // What is still in a pipeline comes back later, and is freed then.
        let _ = self.pool.set_active(false);
    }
}
