//! One stream: its pipeline, the frames that wait in it, and its newest picture.
//!
//! Frames are converted as soon as they have come. Their pictures are shown one after the other, each for
//! as long as the framerate says, so that a batch of a second is a second of video and not a flash.

use crate::config::{Config, StreamConfig};
use crate::error::{Error, Progress};
use crate::frame_kind::FrameKind;
use crate::pacer::{Accepted, Counts, Pace, Pacer, Sequence, Step};
use crate::picture::Picture;
use crate::pipeline::{CONVERTING, JpegPipeline, Output, lock};
use gst::prelude::*;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The newest picture; `None` before the first. It closes when the stream ends.
pub(crate) type Newest = watch::Receiver<Option<Arc<Picture>>>;

/// What a frame takes with it through the pipeline.
enum Ticket {
    Speech {
        accepted: Accepted,
        /// Its place in the queue, until its picture is shown
        place: OwnedSemaphorePermit,
        /// When the post that brought it began
        posted: Instant,
    },
    Idle {
        loop_number: u64,
        duration: Duration,
    },
}

/// A picture that is yet to be shown.
#[derive(Clone)]
struct Queued {
    picture: Arc<Picture>,
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

/// How a stream is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It takes frames and shows them.
    Running,
    /// It takes no more frames; those that it has taken are still shown.
    Ending,
    /// Why it does nothing any more
    Failed(String),
}

/// Somebody who posts to a stream.
#[derive(Clone)]
pub(crate) struct Producer {
    /// Another one for everybody
    pub id: u64,
    /// Whether nothing can come from there any more
    pub is_gone: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// How frames are posted.
#[derive(Clone, Default)]
pub(crate) struct Post {
    /// `None` where it does not matter who it is
    pub producer: Option<Producer>,
    /// Whether it is posted although somebody else posts to the stream
    pub is_takeover: bool,
    /// Whether what is queued is dropped
    pub is_interruption: bool,
    /// When the first frame is to be shown, by the producer's clock
    pub start: Option<Duration>,
    /// The first frame's number. Frames whose numbers the stream has had are not taken again.
    pub first: Option<u64>,
}

/// What became of a post.
pub(crate) struct Posted {
    pub progress: Progress,
    /// How much later than it should be its first frame is shown
    pub lag: Duration,
}

/// Frames that come one after the other.
pub(crate) trait FrameSource {
    /// Whether there is another one.
    async fn has_more(&mut self) -> Result<bool, Error>;
    /// The next one takes some time to be wanted.
    fn give_way(&mut self);
    /// The next one, which takes one of the places in `converting` until it is converted.
    async fn read(&mut self, converting: &Arc<Semaphore>) -> Result<gst::Buffer, Error>;
}

/// Where frames go in: one post at a time.
struct Input {
    kind: Option<FrameKind>,
    /// When the framerate was last set, on the pipeline's clock, and the frames since then
    began: gst::ClockTime,
    frames: u64,
}

impl Input {
    /// When the next frame is shown, on the pipeline's clock.
    fn next_time(&self) -> gst::ClockTime {
        let Some(kind) = self.kind else {
            return self.began;
        };
        let rate = kind.info.framerate;
        let second = gst::ClockTime::SECOND.nseconds() * rate.denom() as u64;
        let since = self.frames.mul_div_floor(second, rate.numer() as u64);
        self.began + gst::ClockTime::from_nseconds(since.unwrap_or(0))
    }
}

/// The pacer's time when a stream begins: producers can name times before that.
const BEGIN: Duration = Duration::from_secs(366 * 86_400);

/// When pictures are shown, and whoever waits for that.
struct Pacing {
    pacer: Mutex<Pacer<Queued>>,
    /// That the pacer should be asked again
    changed: Notify,
    began: Instant,
}

impl Pacing {
    fn now(&self) -> Duration {
        BEGIN + self.began.elapsed()
    }

    fn instant(&self, time: Duration) -> Instant {
        self.began + time.saturating_sub(BEGIN)
    }

    /// Changes something that whoever shows pictures has to know of, where `change` says so.
    fn change(&self, change: impl FnOnce(&mut Pacer<Queued>, Duration) -> bool) {
        let has_changed = change(&mut lock(&self.pacer), self.now());
        if has_changed {
            self.changed.notify_one();
        }
    }

    fn take(&self, ticket: Ticket, jpeg: &[u8]) {
        match ticket {
            Ticket::Speech {
                accepted, place, ..
            } => {
                let queued = Queued {
                    picture: Arc::new(Picture::new(Some(accepted.number), jpeg)),
                    _place: Some(Arc::new(place)),
                };
                self.change(|pacer, now| pacer.add(now, accepted, queued));
            }
            Ticket::Idle {
                loop_number,
                duration,
            } => {
                let queued = Queued {
                    picture: Arc::new(Picture::new(None, jpeg)),
                    _place: None,
                };
                self.change(|pacer, _| pacer.add_idle(loop_number, duration, queued));
            }
        }
    }

    fn close(&self) {
        self.change(|pacer, _| {
            pacer.close();
            true
        });
    }
}

/// A stream: frames go in, and viewers see the newest picture.
pub struct Stream {
    name: String,
    id: u64,
    /// Whether it stays although nobody posts to it
    is_kept: AtomicBool,
    config: Mutex<StreamConfig>,
    most_queued: usize,
    queue_wait: Duration,
    pipeline: JpegPipeline<Ticket>,
    input: tokio::sync::Mutex<Input>,
    /// Of the frames that came last. The range is that of all.
    kind: Mutex<Option<FrameKind>>,
    /// Room for frames that are accepted and not shown yet
    places: Arc<Semaphore>,
    /// Room for frames that are received and not converted yet
    converting: Arc<Semaphore>,
    pacing: Arc<Pacing>,
    newest: Newest,
    producer: Mutex<Option<Producer>>,
    /// Breaks off the posts that have begun. Both happen with the pacer locked, so that no frame of theirs
    /// is accepted any more.
    posts: Mutex<CancellationToken>,
    idle_loops: AtomicU64,
    ending: CancellationToken,
    rate: Mutex<Rate>,
    viewers: Arc<()>,
    last_use: Mutex<Instant>,
}

/// The other end of a stream, for whoever shows its pictures.
pub(crate) struct Show {
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
    pub(crate) fn start(
        name: &str,
        config: &Config,
        on_encoded: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Result<(Self, Show), String> {
        let stream_config = config.stream;
        let pacing = Arc::new(Pacing {
            pacer: Mutex::new(Pacer::new(pace(&stream_config))),
            changed: Notify::new(),
            began: Instant::now(),
        });
        let (newest_sender, newest) = watch::channel(None);
        let failed = CancellationToken::new();
        let (on_failed, paced) = (failed.clone(), pacing.clone());
        let on_output = move |output: Output<Ticket>| match output {
            Output::Jpeg(jpeg, ticket) => {
                if let Ticket::Speech { posted, .. } = &ticket {
                    on_encoded(posted.elapsed());
                }
                paced.take(ticket, jpeg);
            }
            Output::End => paced.close(),
            Output::Failed => {
                on_failed.cancel();
                paced.close();
            }
        };
        let pipeline = JpegPipeline::start(&config.encoding, &stream_config, on_output)?;
        let input = Input {
            kind: None,
            began: gst::ClockTime::ZERO,
            frames: 0,
        };
        let stream = Self {
            name: name.into(),
            id: new_id(),
            is_kept: AtomicBool::new(false),
            config: Mutex::new(stream_config),
            most_queued: config.limits.queued,
            queue_wait: config.limits.queue_wait,
            pipeline,
            input: tokio::sync::Mutex::new(input),
            kind: Mutex::new(None),
            places: Arc::new(Semaphore::new(config.limits.queued)),
            converting: Arc::new(Semaphore::new(CONVERTING)),
            pacing,
            newest,
            producer: Mutex::new(None),
            posts: Mutex::default(),
            idle_loops: AtomicU64::new(0),
            ending: CancellationToken::new(),
            rate: Mutex::new(Rate::new()),
            viewers: Arc::default(),
            last_use: Mutex::new(Instant::now()),
        };
        let show = Show {
            failed,
            newest: newest_sender,
        };
        Ok((stream, show))
    }

    /// Takes all frames of `batch`, one after the other in its memory, which is not copied. Returns when
    /// the last one is in the queue; it is shown when its time has come.
    ///
    /// # Errors
    ///
    /// Where the batch is not a whole number of frames, there is no room within
    /// [`Limits::queue_wait`](crate::Limits::queue_wait), or the stream was interrupted meanwhile, ends or
    /// has failed. [`Error::accepted`] says how many frames of the batch are shown nevertheless.
    pub async fn push(&self, kind: FrameKind, batch: gst::Buffer) -> Result<(), Error> {
        let bytes = kind.info.frame_bytes();
        if batch.size() == 0 || !batch.size().is_multiple_of(bytes) {
            return Err(Error::invalid(
                "the buffer is not a whole number of frames",
                format!("one or more frames of {}, {bytes} bytes each", kind.info),
                format!("{} bytes", batch.size()),
            ));
        }
        let mut batch = Batch {
            batch,
            bytes,
            at: 0,
        };
        self.accept(kind, &Post::default(), &mut batch).await?;
        Ok(())
    }

    /// Accepts all frames of `source`.
    ///
    /// # Errors
    ///
    /// They tell how many frames were accepted before.
    pub(crate) async fn accept(
        &self,
        kind: FrameKind,
        post: &Post,
        source: &mut impl FrameSource,
    ) -> Result<Posted, Error> {
        let posted_at = Instant::now();
        let posts = self.begin(post)?;
        let mut sequence = Sequence::new(post.start, post.first);
        let mut frames = 0;
        let mut lag = Duration::ZERO;
        let all = async {
            let mut input = self.take_input(kind).await?;
            while source.has_more().await? {
                let duration = kind.frame_duration();
                if lock(&self.pacing.pacer).is_repeated(&mut sequence, duration) {
                    source.read(&self.converting).await?;
                    continue;
                }
                if self.places.available_permits() == 0 {
                    source.give_way();
                }
                let place = self.find_place().await?;
                let frame = source.read(&self.converting).await?;
                let accepted = {
                    let mut pacer = lock(&self.pacing.pacer);
                    if posts.is_cancelled() {
                        return Err(self.broken_off());
                    }
                    let now = self.pacing.now();
                    if frames == 0 {
                        lag = pacer.lag_of_next(now, &sequence);
                    }
                    pacer.accept(now, &mut sequence, duration)
                };
                let ticket = Ticket::Speech {
                    accepted,
                    place,
                    posted: posted_at,
                };
                self.put_in(&mut input, frame, ticket).inspect_err(|_| {
                    lock(&self.pacing.pacer).give_up(accepted);
                })?;
                frames += 1;
            }
            Ok(())
        };
        let outcome = tokio::select! {
            // Where several are true, the post has come to its end.
            biased;
            outcome = all => outcome,
            () = self.ending.cancelled() => Err(ending()),
            () = posts.cancelled() => Err(self.broken_off()),
        };
        let progress = Progress {
            accepted: frames,
            next: self.next_number(),
        };
        match outcome {
            Ok(()) => Ok(Posted { progress, lag }),
            Err(error) => Err(error.after(progress)),
        }
    }

    /// Shows all frames of `source` whenever there is nothing else to show, over and over; returns how many
    /// they are. What was shown so before is shown until they are converted, and for good if they do not
    /// come to their end.
    pub(crate) async fn accept_idle(
        &self,
        kind: FrameKind,
        source: &mut impl FrameSource,
    ) -> Result<usize, Error> {
        let loop_number = self.idle_loops.fetch_add(1, Ordering::Relaxed);
        let mut count = 0;
        let all = async {
            let mut input = self.take_input(kind).await?;
            while source.has_more().await? {
                if count == self.most_queued {
                    return Err(Error::new(
                        crate::ErrorKind::TooLarge,
                        "the idle loop has too many frames",
                        format!("at most {} (--max-queued)", self.most_queued),
                        "more",
                    ));
                }
                let frame = source.read(&self.converting).await?;
                let ticket = Ticket::Idle {
                    loop_number,
                    duration: kind.frame_duration(),
                };
                self.put_in(&mut input, frame, ticket)?;
                count += 1;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            outcome = all => outcome?,
            () = self.ending.cancelled() => return Err(ending()),
        }
        let complete = |pacer: &mut Pacer<_>, _| pacer.complete_idle(loop_number, count);
        self.pacing.change(complete);
        Ok(count)
    }

    /// From now on, the last picture stays where there is nothing to show.
    pub fn clear_idle(&self) {
        let loop_number = self.idle_loops.fetch_add(1, Ordering::Relaxed);
        self.pacing
            .change(|pacer, _| pacer.complete_idle(loop_number, 0));
    }

    /// Makes sure that nobody else posts to the stream, unless they are gone or `post` takes it over.
    pub(crate) fn check_producer(&self, post: &Post) -> Result<(), Error> {
        self.check_other(lock(&self.producer).as_ref(), post)
            .map(drop)
    }

    /// Whether the last post came from somebody else, who may be replaced.
    fn check_other(&self, last: Option<&Producer>, post: &Post) -> Result<bool, Error> {
        let (Some(producer), Some(last)) = (&post.producer, last) else {
            return Ok(false);
        };
        if last.id == producer.id {
            return Ok(false);
        }
        if post.is_takeover || (last.is_gone)() {
            return Ok(true);
        }
        Err(Error::conflict(
            "somebody else posts to this stream",
            "takeover=true to take their place, or the end of their connection",
            "another connection",
        ))
    }

    /// Replaces whoever posted before, where that may be, and interrupts the stream where that is wanted.
    /// Returns what breaks the post off.
    fn begin(&self, post: &Post) -> Result<CancellationToken, Error> {
        if let Some(producer) = &post.producer {
            let mut last = lock(&self.producer);
            if self.check_other(last.as_ref(), post)? {
                let _pacer = lock(&self.pacing.pacer);
                self.break_off_posts();
            }
            *last = Some(producer.clone());
        }
        if post.is_interruption {
            self.drop_queued(post.first);
        }
        Ok(lock(&self.posts).clone())
    }

    /// To be called with the pacer locked.
    fn break_off_posts(&self) {
        std::mem::take(&mut *lock(&self.posts)).cancel();
    }

    fn broken_off(&self) -> Error {
        Error::conflict(
            "the post was broken off",
            "no interruption of the stream meanwhile, and nobody who takes it over",
            "one of them",
        )
    }

    /// Drops all frames that wait to be shown, and breaks off posts that are under way; returns how many
    /// frames were dropped. Frames that come from now on are shown at once.
    pub fn interrupt(&self) -> u64 {
        self.drop_queued(None)
    }

    /// The same; where `first` is given, frames of this number and above may come again.
    fn drop_queued(&self, first: Option<u64>) -> u64 {
        let mut dropped = 0;
        self.pacing.change(|pacer, now| {
            self.break_off_posts();
            dropped = pacer.interrupt(now);
            if let Some(first) = first {
                pacer.set_next_number(first);
            }
            true
        });
        dropped
    }

    /// Waits until no other post is under way, and makes ready for frames of `kind`.
    async fn take_input(
        &self,
        kind: FrameKind,
    ) -> Result<tokio::sync::MutexGuard<'_, Input>, Error> {
        let input = timeout(self.queue_wait, self.input.lock()).await;
        let mut input = input.map_err(|_| {
            Error::busy(
                "another post to this stream is under way",
                format!("its end within {:?} (--queue-wait)", self.queue_wait),
                "none",
            )
        })?;
        *lock(&self.last_use) = Instant::now();
        self.set_kind(&mut input, kind)?;
        Ok(input)
    }

    /// Puts a frame into the pipeline.
    fn put_in(
        &self,
        input: &mut Input,
        mut buffer: gst::Buffer,
        ticket: Ticket,
    ) -> Result<(), Error> {
        buffer.make_mut().set_pts(input.next_time());
        self.pipeline
            .push(buffer, ticket)
            .map_err(|failure| self.has_failed(&failure))?;
        input.frames += 1;
        Ok(())
    }

    /// From here on, frames are of this kind.
    fn set_kind(&self, input: &mut Input, kind: FrameKind) -> Result<(), Error> {
        if let Some(before) = input.kind
            && kind.range != before.range
        {
            return Err(Error::conflict(
                "the stream has floats of another range, which cannot change",
                format!("range={}", before.range_name()),
                format!("range={}", kind.range_name()),
            ));
        }
        if input.kind != Some(kind) {
            let began = input.next_time();
            *input = Input {
                kind: Some(kind),
                began,
                frames: 0,
            };
            self.pipeline.set_range(kind.range);
            self.pipeline.set_input(&kind.info);
            *lock(&self.kind) = Some(kind);
        }
        Ok(())
    }

    /// Waits for room in the queue.
    async fn find_place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = timeout(self.queue_wait, self.places.clone().acquire_owned()).await;
        match self.state() {
            State::Running => {}
            State::Ending => return Err(ending()),
            State::Failed(failure) => return Err(self.has_failed(&failure)),
        }
        match place {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Error::busy(
                "the stream's queue is full",
                format!(
                    "room for a frame within {:?} (--queue-wait)",
                    self.queue_wait
                ),
                format!("{} frames queued (--max-queued)", self.counts().queued()),
            )),
        }
    }

    /// What is answered where the stream would be needed.
    pub(crate) fn has_failed(&self, failure: &str) -> Error {
        Error::conflict(
            format!("the stream has failed: {failure}"),
            "a stream that works; DELETE makes room for a new one of this name",
            "one that does not",
        )
    }

    /// Whether it takes frames.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.state() {
            State::Running => Ok(()),
            State::Ending => Err(ending()),
            State::Failed(failure) => Err(self.has_failed(&failure)),
        }
    }

    /// How it is doing.
    pub fn state(&self) -> State {
        match self.pipeline.failure() {
            Some(failure) => State::Failed(failure),
            None if self.is_ending() => State::Ending,
            None => State::Running,
        }
    }

    /// How it works.
    pub fn config(&self) -> StreamConfig {
        *lock(&self.config)
    }

    /// Changes how it works, from the next frame on.
    pub fn set_config(&self, config: StreamConfig) {
        let before = std::mem::replace(&mut *lock(&self.config), config);
        if before == config {
            return;
        }
        self.pipeline.set_shape(&config);
        self.pacing.change(|pacer, _| {
            pacer.set_pace(pace(&config));
            true
        });
    }

    /// Keeps the stream until somebody ends it, also where nobody posts to it.
    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }

    /// Whether it stays although nobody posts to it.
    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Takes no more frames. Those accepted are shown, and then it is over.
    pub(crate) async fn end(&self) {
        self.ending.cancel();
        // A post that is under way is broken off.
        let _input = self.input.lock().await;
        self.pipeline.end();
    }

    /// Takes no more frames, and shows none of those that it has taken.
    pub(crate) async fn end_now(&self) {
        self.ending.cancel();
        self.interrupt();
        self.end().await;
    }

    /// Returns when all is shown, or nothing more will be.
    pub(crate) async fn wait_for_end(&self) {
        let mut newest = self.newest.clone();
        while newest.changed().await.is_ok() {}
    }

    /// Shows pictures, each in its time, until the stream has ended; without waiting any more once
    /// `hurry` says so.
    pub(crate) async fn show(&self, show: Show, hurry: &CancellationToken) {
        let mut is_hurrying = false;
        loop {
            let step = lock(&self.pacing.pacer).next(self.pacing.now());
            let until = match step {
                Step::Show(queued) => {
                    // What the idle loop shows is no use of the stream.
                    if queued.picture.number.is_some() {
                        *lock(&self.last_use) = Instant::now();
                    }
                    show.newest.send_replace(Some(queued.picture));
                    lock(&self.rate).count();
                    continue;
                }
                Step::End => return,
                Step::WaitUntil(time) => Some(self.pacing.instant(time)),
                Step::Wait => None,
            };
            let its_time = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = its_time => {}
                () = self.pacing.changed.notified() => {}
                () = hurry.cancelled(), if !is_hurrying => is_hurrying = true,
                () = show.failed.cancelled(), if !is_hurrying => is_hurrying = true,
            }
            if is_hurrying {
                lock(&self.pacing.pacer).hurry();
            }
        }
    }

    pub(crate) fn newest(&self) -> Newest {
        self.newest.clone()
    }

    /// Counts a viewer, for as long as what is returned is kept.
    pub(crate) fn viewer(&self) -> Arc<()> {
        self.viewers.clone()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Another number for every stream, also of the same name, of another server and of one that has started
    /// again
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Those who watch it.
    pub fn viewers(&self) -> usize {
        Arc::strong_count(&self.viewers) - 1
    }

    /// What became of its frames.
    pub fn counts(&self) -> Counts {
        lock(&self.pacing.pacer).counts()
    }

    /// The number of the frame that it expects next.
    pub fn next_number(&self) -> u64 {
        lock(&self.pacing.pacer).next_number()
    }

    /// How much later than it should be the last frame was shown.
    pub fn lag(&self) -> Duration {
        lock(&self.pacing.pacer).lag()
    }

    /// Pictures shown a second, as of the last second or more.
    pub fn pictures_per_second(&self) -> f64 {
        lock(&self.rate).per_second()
    }

    /// What its last frames were; `None` before the first.
    pub fn kind(&self) -> Option<FrameKind> {
        *lock(&self.kind)
    }

    /// The counters of its lipsyncframes element.
    pub(crate) fn stats(&self) -> gst::Structure {
        self.pipeline.stats()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Whether nothing was posted or shown for so long.
    pub(crate) fn is_idle(&self, duration: Duration) -> bool {
        let is_posted_to = self.input.try_lock().is_err();
        let is_done = self.counts().queued() == 0 || self.pipeline.failure().is_some();
        is_done && !is_posted_to && lock(&self.last_use).elapsed() > duration
    }

    /// Gives back what a stream that has failed still holds.
    pub(crate) fn stop(&self) {
        self.pipeline.stop();
    }
}

/// Frames of a buffer.
struct Batch {
    batch: gst::Buffer,
    bytes: usize,
    at: usize,
}

impl FrameSource for Batch {
    async fn has_more(&mut self) -> Result<bool, Error> {
        Ok(self.at < self.batch.size())
    }

    fn give_way(&mut self) {}

    async fn read(&mut self, _converting: &Arc<Semaphore>) -> Result<gst::Buffer, Error> {
        let range = self.at..self.at + self.bytes;
        self.at = range.end;
        self.batch
            .copy_region(gst::BufferCopyFlags::MEMORY, range)
            .map_err(|error| Error::failed(error.to_string()))
    }
}

fn pace(config: &StreamConfig) -> Pace {
    Pace {
        max_lag: config.max_lag,
        catch_up: config.catch_up,
    }
}

/// Random: a number made of the time could be that of a stream of this name on another server, too.
fn new_id() -> u64 {
    let random = RandomState::new().hash_one(());
    // JavaScript's integers have 53 bits.
    random >> 11
}

fn ending() -> Error {
    Error::conflict(
        "the stream is ending",
        "a post before its end, or after it for a new one",
        "one in between",
    )
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
