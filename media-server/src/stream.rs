//! One stream: its pipeline, the frames that wait in it, and its newest picture.
//!
//! Frames are converted as soon as they have come. Their pictures are shown one after the other, each
//! for as long as the framerate says, so that a batch of a second is a second of video and not a flash.

use crate::frames::{FrameBody, FrameKind};
use crate::memory::{FrameMemory, Memory};
use crate::options::Options;
use crate::pipeline::{CONVERTING, JpegPipeline, Output, lock};
use crate::refusal::Refusal;
use axum::body::Bytes;
use gst::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What separates the pictures of an MJPEG stream.
pub const BOUNDARY: &str = "lipsyncframes";

/// A JPEG, as all viewers get it.
pub struct Picture {
    /// How many pictures of the stream there were before
    pub number: u64,
    pub jpeg: Bytes,
    /// The same as a part of an MJPEG stream, with its head before it and the next boundary after it
    pub part: Bytes,
}

impl Picture {
    fn new(number: u64, jpeg: &[u8]) -> Self {
        let head = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Frame-Number: {number}\r\n\r\n",
            jpeg.len()
        );
        let tail = format!("\r\n--{BOUNDARY}\r\n");
        let part = Bytes::from([head.as_bytes(), jpeg, tail.as_bytes()].concat());
        Self {
            number,
            jpeg: part.slice(head.len()..head.len() + jpeg.len()),
            part,
        }
    }
}

/// The newest picture; `None` before the first. It closes when the stream ends.
pub type Newest = watch::Receiver<Option<Arc<Picture>>>;

/// What an accepted frame takes with it through the pipeline.
struct Ticket {
    /// Its place in the queue, until its picture is shown
    place: OwnedSemaphorePermit,
    /// When the post that brought it began
    posted: Instant,
    duration: Duration,
}

/// A frame whose picture is yet to be shown.
struct Encoded {
    picture: Picture,
    place: OwnedSemaphorePermit,
    since: Instant,
    duration: Duration,
}

/// How a stream is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    Running,
    /// It takes no more frames; those that it has taken are still shown.
    Ending,
    Failed(String),
}

/// Where frames go in: one post at a time.
struct Input {
    kind: FrameKind,
    /// When the framerate was last set, on the stream's clock, and the frames since then
    began: gst::ClockTime,
    frames: u64,
}

impl Input {
    /// When the next frame is shown, on the stream's clock.
    fn next_time(&self) -> gst::ClockTime {
        let rate = self.kind.info.framerate;
        let second = gst::ClockTime::SECOND.nseconds() * rate.denom() as u64;
        let since = self.frames.mul_div_floor(second, rate.numer() as u64);
        self.began + gst::ClockTime::from_nseconds(since.unwrap_or(0))
    }
}

pub struct Stream {
    pub name: String,
    /// Another one for every stream, also of the same name, and of a server that has started again
    pub id: u64,
    pipeline: JpegPipeline<Ticket>,
    input: tokio::sync::Mutex<Input>,
    /// Of the frames that came last. The range is that of all.
    kind: Mutex<FrameKind>,
    /// Room for frames that are accepted and not shown yet
    places: Arc<Semaphore>,
    /// Room for frames that are received and not converted yet
    converting: Arc<Semaphore>,
    newest: Newest,
    ending: CancellationToken,
    accepted: AtomicU64,
    shown: AtomicU64,
    rate: Mutex<Rate>,
    viewers: Arc<()>,
    last_use: Mutex<Instant>,
}

/// The other end of a stream, for whoever shows its pictures.
pub struct Show {
    encoded: mpsc::UnboundedReceiver<Encoded>,
    failed: CancellationToken,
    newest: watch::Sender<Option<Arc<Picture>>>,
}

impl Stream {
    /// Starts a stream. `on_encoded` is told how long after the beginning of its post each frame was a
    /// JPEG.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    pub fn start(
        name: &str,
        kind: FrameKind,
        options: &Options,
        on_encoded: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Result<(Self, Show), String> {
        // It never holds more than there are places.
        let (sender, encoded) = mpsc::unbounded_channel();
        let sender = Mutex::new(Some(sender));
        let (newest_sender, newest) = watch::channel(None);
        let count = AtomicU64::new(0);
        let failed = CancellationToken::new();
        let on_failed = failed.clone();
        let pipeline = JpegPipeline::start(options, move |output: Output<Ticket>| match output {
            Output::Jpeg(jpeg, ticket) => {
                on_encoded(ticket.posted.elapsed());
                let number = count.fetch_add(1, Ordering::Relaxed);
                let encoded = ticket.exchange(Picture::new(number, jpeg));
                if let Some(sender) = &*lock(&sender) {
                    // It fails where the stream is being dropped.
                    let _ = sender.send(encoded);
                }
            }
            Output::End => drop(lock(&sender).take()),
            Output::Failed => {
                drop(lock(&sender).take());
                on_failed.cancel();
            }
        })?;
        pipeline.set_range(kind.range);
        pipeline.set_input(&kind.info);
        let input = Input {
            kind,
            began: gst::ClockTime::ZERO,
            frames: 0,
        };
        let stream = Self {
            name: name.into(),
            id: new_id(),
            pipeline,
            input: tokio::sync::Mutex::new(input),
            kind: Mutex::new(kind),
            places: Arc::new(Semaphore::new(options.max_queued)),
            converting: Arc::new(Semaphore::new(CONVERTING)),
            newest,
            ending: CancellationToken::new(),
            accepted: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            rate: Mutex::new(Rate::new()),
            viewers: Arc::default(),
            last_use: Mutex::new(Instant::now()),
        };
        let show = Show {
            encoded,
            failed,
            newest: newest_sender,
        };
        Ok((stream, show))
    }

    /// Accepts all frames of `body`, and returns how many they were.
    ///
    /// # Errors
    ///
    /// They tell the client how many frames were accepted before.
    pub async fn accept(
        &self,
        kind: FrameKind,
        body: &mut FrameBody<'_>,
        memory: &Arc<Memory>,
        options: &Options,
    ) -> Result<u64, Refusal> {
        let posted = Instant::now();
        let mut input = self.take_input(kind, options).await?;
        let mut accepted = 0;
        let all = async {
            while body.has_more().await? {
                if self.is_full() {
                    body.give_way();
                }
                let ticket = self.ticket(kind, posted, options).await?;
                body.take_turn().await?;
                let received = self.receive(kind, body, memory, options).await?;
                self.push(&mut input, gst::Buffer::from_slice(received), ticket)?;
                accepted += 1;
            }
            Ok(())
        };
        let outcome = tokio::select! {
            // Where both are true, the post has come to its end.
            biased;
            outcome = all => outcome,
            () = self.ending.cancelled() => Err(ending_refusal()),
        };
        match outcome {
            Ok(()) => Ok(accepted),
            Err(refusal) => Err(refusal.after(accepted)),
        }
    }

    /// Reads a frame into memory: the one copy that is made of it in this process.
    async fn receive(
        &self,
        kind: FrameKind,
        body: &mut FrameBody<'_>,
        memory: &Arc<Memory>,
        options: &Options,
    ) -> Result<FrameMemory, Refusal> {
        let bytes = kind.info.frame_bytes();
        let mut memory = memory.take(bytes, &self.converting, options).await?;
        body.read(memory.as_mut(), &kind.info).await?;
        Ok(memory)
    }

    /// Accepts all frames of `batch`.
    pub async fn accept_buffer(
        &self,
        kind: FrameKind,
        batch: &gst::Buffer,
        options: &Options,
    ) -> Result<(), Refusal> {
        let posted = Instant::now();
        let mut input = self.take_input(kind, options).await?;
        let bytes = kind.info.frame_bytes();
        for start in (0..batch.size()).step_by(bytes) {
            let frame = batch
                .copy_region(gst::BufferCopyFlags::MEMORY, start..start + bytes)
                .map_err(|error| Refusal::failed(error.to_string()))?;
            let ticket = self.ticket(kind, posted, options).await?;
            self.push(&mut input, frame, ticket)?;
        }
        Ok(())
    }

    /// Waits until no other post is under way, and makes ready for frames of `kind`.
    async fn take_input(
        &self,
        kind: FrameKind,
        options: &Options,
    ) -> Result<tokio::sync::MutexGuard<'_, Input>, Refusal> {
        let input = timeout(options.queue_wait, self.input.lock()).await;
        let mut input = input.map_err(|_| {
            Refusal::busy(
                "another post to this stream is under way",
                format!("its end within {:?} (--queue-wait)", options.queue_wait),
                "none",
            )
        })?;
        *lock(&self.last_use) = Instant::now();
        self.set_kind(&mut input, kind)?;
        Ok(input)
    }

    /// Waits for room for a frame in the queue.
    async fn ticket(
        &self,
        kind: FrameKind,
        posted: Instant,
        options: &Options,
    ) -> Result<Ticket, Refusal> {
        Ok(Ticket {
            place: self.find_place(options).await?,
            posted,
            duration: kind.frame_duration(),
        })
    }

    /// Puts a frame into the pipeline: from here on, it is accepted.
    fn push(
        &self,
        input: &mut Input,
        mut buffer: gst::Buffer,
        ticket: Ticket,
    ) -> Result<(), Refusal> {
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(input.next_time());
        }
        self.pipeline
            .push(buffer, ticket)
            .map_err(|failure| self.has_failed(&failure))?;
        input.frames += 1;
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// From here on, frames are of this kind.
    fn set_kind(&self, input: &mut Input, kind: FrameKind) -> Result<(), Refusal> {
        let before = input.kind;
        if kind.range != before.range {
            return Err(Refusal::conflict(
                "the stream has floats of another range, which cannot change",
                format!("range={}", before.range_name()),
                format!("range={}", kind.range_name()),
            ));
        }
        if kind.info != before.info {
            let began = input.next_time();
            *input = Input {
                kind,
                began,
                frames: 0,
            };
            self.pipeline.set_input(&kind.info);
            *lock(&self.kind) = kind;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// Waits for room in the queue.
    async fn find_place(&self, options: &Options) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = timeout(options.queue_wait, self.places.clone().acquire_owned()).await;
        match self.state() {
            State::Running => {}
            State::Ending => return Err(ending_refusal()),
            State::Failed(failure) => return Err(self.has_failed(&failure)),
        }
        match place {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Refusal::busy(
                "the stream's queue is full",
                format!(
                    "room for a frame within {:?} (--queue-wait)",
                    options.queue_wait
                ),
                format!("{} frames queued (--max-queued)", self.queued()),
            )),
        }
    }

    /// What is answered where the stream would be needed.
    pub fn has_failed(&self, failure: &str) -> Refusal {
        Refusal::conflict(
            format!("the stream has failed: {failure}"),
            "a stream that works; DELETE makes room for a new one of this name",
            "one that does not",
        )
    }

    pub fn state(&self) -> State {
        match self.pipeline.failure() {
            Some(failure) => State::Failed(failure),
            None if self.is_ending() => State::Ending,
            None => State::Running,
        }
    }

    /// Takes no more frames. Those accepted are shown, and then it is over.
    pub async fn end(&self) {
        self.ending.cancel();
        // A post that is under way is broken off.
        let _input = self.input.lock().await;
        self.pipeline.end();
    }

    /// Returns when all is shown, or nothing more will be.
    pub async fn wait_for_end(&self) {
        let mut newest = self.newest.clone();
        while newest.changed().await.is_ok() {}
    }

    /// Shows pictures, each in its time, until the stream has ended; without waiting any more once
    /// `hurry` says so.
    pub async fn show(&self, mut show: Show, hurry: &CancellationToken) {
        let mut due = Instant::now();
        while let Some(encoded) = show.encoded.recv().await {
            // One that comes late is shown at once, and later ones are that much later. One that had to
            // wait was not late, whenever this task comes to it.
            due = due.max(encoded.since);
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => {}
                () = hurry.cancelled() => {}
                () = show.failed.cancelled() => {}
            }
            due += encoded.duration;
            show.newest.send_replace(Some(Arc::new(encoded.picture)));
            self.shown.fetch_add(1, Ordering::Relaxed);
            lock(&self.rate).count();
            *lock(&self.last_use) = Instant::now();
            drop(encoded.place);
        }
    }

    pub fn newest(&self) -> Newest {
        self.newest.clone()
    }

    /// Counts a viewer, for as long as what is returned is kept.
    pub fn viewer(&self) -> Arc<()> {
        self.viewers.clone()
    }

    pub fn viewers(&self) -> usize {
        Arc::strong_count(&self.viewers) - 1
    }

    /// Frames that are accepted and not shown yet.
    pub fn queued(&self) -> u64 {
        self.accepted().saturating_sub(self.shown())
    }

    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub fn shown(&self) -> u64 {
        self.shown.load(Ordering::Relaxed)
    }

    pub fn frames_per_second(&self) -> f64 {
        lock(&self.rate).per_second()
    }

    pub fn kind(&self) -> FrameKind {
        *lock(&self.kind)
    }

    /// The counters of its lipsyncframes element.
    pub fn stats(&self) -> gst::Structure {
        self.pipeline.stats()
    }

    pub fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Whether nothing was posted or shown for so long.
    pub fn is_idle(&self, duration: Duration) -> bool {
        let is_posted_to = self.input.try_lock().is_err();
        let is_done = self.queued() == 0 || self.pipeline.failure().is_some();
        is_done && !is_posted_to && lock(&self.last_use).elapsed() > duration
    }

    /// Gives back what a stream that has failed still holds.
    pub fn stop(&self) {
        self.pipeline.stop();
    }
}

fn new_id() -> u64 {
    static STARTED: AtomicU64 = AtomicU64::new(0);
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    // Few enough digits for JavaScript, whose integers have 53 bits
    since_1970.as_millis() as u64 + STARTED.fetch_add(1, Ordering::Relaxed)
}

fn ending_refusal() -> Refusal {
    Refusal::conflict(
        "the stream is ending",
        "a post before its end, or after it for a new one",
        "one in between",
    )
}

impl Ticket {
    /// Hands in the ticket of a frame that has become `picture`.
    fn exchange(self, picture: Picture) -> Encoded {
        Encoded {
            picture,
            place: self.place,
            since: Instant::now(),
            duration: self.duration,
        }
    }
}

/// Pictures per second, as of the last second or more.
struct Rate {
    began: Instant,
    count: u32,
    last: f64,
}

impl Rate {
    const WINDOW: Duration = Duration::from_secs(1);

    fn new() -> Self {
        Self {
            began: Instant::now(),
            count: 0,
            last: 0.0,
        }
    }

    fn count(&mut self) {
        self.count += 1;
        self.turn();
    }

    fn per_second(&mut self) -> f64 {
        self.turn();
        self.last
    }

    fn turn(&mut self) {
        let elapsed = self.began.elapsed();
        if elapsed >= Self::WINDOW {
            self.last = f64::from(self.count) / elapsed.as_secs_f64();
            self.began = Instant::now();
            self.count = 0;
        }
    }
}
