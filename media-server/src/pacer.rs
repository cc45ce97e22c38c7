//! Which picture of a stream is shown when.
//!
//! It has no clock and no threads: whoever has them says what time it is, as the time since the stream
//! began, and shows what it is told to.
//!
//! **When a frame should be shown.** The frames of a post follow each other at their framerate, from the
//! time at which the first of them was there, or from the time that the post names. A frame that comes
//! later than that should be shown when it comes. **Lag** is how much later than it should be a frame is
//! shown: because others are in front of it, or because it was there too late for the time that was named.

use std::collections::VecDeque;
use std::time::Duration;

/// How long there must be no frame before the idle loop begins. Posts that follow each other by a hair too
/// late would show a picture of it in between.
pub const IDLE_AFTER: Duration = Duration::from_millis(100);

/// How lag is dealt with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// A frame that would be shown later than this is skipped, unless there is no newer one.
    pub max_lag: Option<Duration>,
    /// By how many percent faster frames are shown while there is lag
    pub catch_up: f64,
}

/// The frames of a stream, on their way from being accepted to being shown.
pub struct Pacer<P> {
    pace: Pace,
    queue: VecDeque<Frame<P>>,
    idle: Option<IdleLoop<P>>,
    idle_to_come: Option<IdleToCome<P>>,
    /// Until when the picture that was shown last is shown
    shown_until: Duration,
    is_idle_shown: bool,
    /// How long all frames together are shown that are accepted and were neither shown nor dropped yet
    pending: Duration,
    /// Of the next frame, unless its producer says another one
    next_number: u64,
    /// What was accepted before the last interruption is of no use any more.
    interruptions: u64,
    /// When a post was to be shown by its own clock, and when that was on ours
    anchor: Option<(Duration, Duration)>,
    counts: Counts,
    lag: Duration,
    /// Nothing more comes.
    is_closed: bool,
    /// Nothing waits for its time any more.
    is_hurrying: bool,
}

/// What became of a stream's frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames taken
    pub accepted: u64,
    /// Frames shown
    pub shown: u64,
    /// Frames not shown because they were later than they may be
    pub skipped: u64,
    /// Frames not shown because they were interrupted
    pub dropped: u64,
}

impl Counts {
    /// Frames that are accepted, and neither shown yet nor given up.
    pub fn queued(&self) -> u64 {
        self.accepted - self.shown - self.skipped - self.dropped
    }
}

/// Frames that belong together: they follow each other without a gap.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequence {
    /// When its first frame is to be shown, by the producer's clock
    start: Option<Duration>,
    /// When its next frame is to be shown, by ours. Not known before its first one is there.
    next: Option<Duration>,
    /// That of its next frame, where the producer numbers them
    number: Option<u64>,
}

impl Sequence {
    /// `start` is when its first frame is to be shown, by the producer's clock, of which the first such time
    /// of a stream, or after an interruption, means now. `first` is the first frame's number, where the
    /// producer numbers them.
    pub fn new(start: Option<Duration>, first: Option<u64>) -> Self {
        Self {
            start,
            next: None,
            number: first,
        }
    }
}

/// What a frame that is accepted takes with it until its picture is there.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// What its producer says; otherwise one more than that of the frame before, from 0
    pub number: u64,
    interruptions: u64,
    time: Duration,
    /// Whether the producer named the time
    is_time_named: bool,
    duration: Duration,
}

struct Frame<P> {
    picture: P,
    /// When its picture was there
    there: Duration,
    /// When it should be shown
    time: Duration,
    duration: Duration,
}

struct IdleLoop<P> {
    pictures: Vec<(P, Duration)>,
    next: usize,
}

struct IdleToCome<P> {
    loop_number: u64,
    pictures: Vec<(P, Duration)>,
    /// How many there will be, once that is known
    count: Option<usize>,
}

/// What is to be done now.
#[derive(Debug, PartialEq)]
pub enum Step<P> {
    /// Show this.
    Show(P),
    /// Come again at this time, or when something has changed.
    WaitUntil(Duration),
    /// Come again when something has changed.
    Wait,
    /// All is over.
    End,
}

impl<P: Clone> Pacer<P> {
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            queue: VecDeque::new(),
            idle: None,
            idle_to_come: None,
            shown_until: Duration::ZERO,
            is_idle_shown: false,
            pending: Duration::ZERO,
            next_number: 0,
            interruptions: 0,
            anchor: None,
            counts: Counts::default(),
            lag: Duration::ZERO,
            is_closed: false,
            is_hurrying: false,
        }
    }

    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
        self.skip();
    }

    /// Passes over the next frame of `sequence`, which is to be shown for `duration`, where it has been
    /// accepted before.
    pub fn is_repeated(&self, sequence: &mut Sequence, duration: Duration) -> bool {
        let repeated = sequence.number.filter(|&number| number < self.next_number);
        if let Some(number) = repeated {
            sequence.number = Some(number + 1);
            sequence.start = sequence.start.map(|start| start + duration);
        }
        repeated.is_some()
    }

    /// Takes a frame of `sequence` that is there, though not its picture, and is to be shown for `duration`.
    pub fn accept(
        &mut self,
        now: Duration,
        sequence: &mut Sequence,
        duration: Duration,
    ) -> Accepted {
        let time = match sequence.next {
            Some(time) => time,
            None => self.first_time(now, sequence.start),
        };
        sequence.next = Some(time + duration);
        let number = sequence.number.unwrap_or(self.next_number);
        self.next_number = number + 1;
        if sequence.number.is_some() {
            sequence.number = Some(self.next_number);
        }
        self.counts.accepted += 1;
        self.pending += duration;
        Accepted {
            number,
            interruptions: self.interruptions,
            time,
            is_time_named: sequence.start.is_some(),
            duration,
        }
    }

    fn first_time(&mut self, now: Duration, start: Option<Duration>) -> Duration {
        let Some(start) = start else {
            return now;
        };
        let (named, meant) = *self.anchor.get_or_insert((start, now));
        (meant + start).saturating_sub(named)
    }

    /// Takes back a frame that was accepted last and will have no picture.
    pub fn give_up(&mut self, accepted: Accepted) {
        if accepted.interruptions == self.interruptions {
            self.counts.accepted -= 1;
            self.next_number = accepted.number;
            self.pending = self.pending.saturating_sub(accepted.duration);
        }
    }

    /// Takes the picture of a frame that was accepted. Pictures come in the order of frames. Returns whether
    /// [`next`](Self::next) is to be asked again.
    pub fn add(&mut self, now: Duration, accepted: Accepted, picture: P) -> bool {
        if accepted.interruptions != self.interruptions {
            return false;
        }
        let time = if accepted.is_time_named {
            accepted.time
        } else {
            accepted.time.max(now)
        };
        self.queue.push_back(Frame {
            picture,
            there: now,
            time,
            duration: accepted.duration,
        });
        let is_first = self.queue.len() == 1;
        self.skip();
        is_first
    }

    /// Takes a picture of the idle loop of this number, which replaces the one of before when it is
    /// complete. Returns whether [`next`](Self::next) is to be asked again.
    pub fn add_idle(&mut self, loop_number: u64, duration: Duration, picture: P) -> bool {
        self.idle_to_come(loop_number)
            .pictures
            .push((picture, duration));
        self.begin_idle_loop()
    }

    /// Says of how many pictures the idle loop is; with none, the one of before ends. Returns whether
    /// [`next`](Self::next) is to be asked again.
    pub fn complete_idle(&mut self, loop_number: u64, count: usize) -> bool {
        self.idle_to_come(loop_number).count = Some(count);
        self.begin_idle_loop()
    }

    fn idle_to_come(&mut self, loop_number: u64) -> &mut IdleToCome<P> {
        let new = || IdleToCome {
            loop_number,
            pictures: Vec::new(),
            count: None,
        };
        let coming = self.idle_to_come.get_or_insert_with(new);
        if coming.loop_number != loop_number {
            *coming = new();
        }
        coming
    }

    fn begin_idle_loop(&mut self) -> bool {
        let is_complete = |coming: &IdleToCome<P>| coming.count == Some(coming.pictures.len());
        if !self.idle_to_come.as_ref().is_some_and(is_complete) {
            return false;
        }
        self.idle = self.idle_to_come.take().and_then(|complete| {
            let pictures = complete.pictures;
            (!pictures.is_empty()).then_some(IdleLoop { pictures, next: 0 })
        });
        true
    }

    /// Gives up all frames that are accepted and not shown, and returns how many they were. What is accepted
    /// next is shown as soon as it is there.
    pub fn interrupt(&mut self, now: Duration) -> u64 {
        let dropped = self.counts.queued();
        self.counts.dropped += dropped;
        self.interruptions += 1;
        self.queue.clear();
        self.pending = Duration::ZERO;
        self.shown_until = self.shown_until.min(now);
        self.anchor = None;
        self.lag = Duration::ZERO;
        dropped
    }

    /// That of the next frame: those below have been accepted, or are not expected any more.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// From now on, frames of this number and above have not been accepted.
    pub fn set_next_number(&mut self, number: u64) {
        self.next_number = number;
    }

    /// Nothing more comes: it ends when all that is here was shown.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// From now on, nothing waits for its time.
    pub fn hurry(&mut self) {
        self.is_hurrying = true;
    }

    /// What is to be done now.
    pub fn next(&mut self, now: Duration) -> Step<P> {
        self.skip();
        let speech = self.queue.front().map(|frame| self.begin_of(frame));
        if speech.is_some_and(|begin| begin <= now || self.is_hurrying)
            && let Some(frame) = self.queue.pop_front()
        {
            return Step::Show(self.show(frame, now));
        }
        if self.is_closed && speech.is_none() {
            return Step::End;
        }
        let idle = self.begin_of_idle().filter(|&begin| {
            let is_speech_later = speech.is_none_or(|speech| begin < speech);
            is_speech_later && !self.is_closed
        });
        match (idle, speech) {
            (Some(begin), _) if begin <= now => self.show_idle(now),
            (Some(begin), _) | (None, Some(begin)) => Step::WaitUntil(begin),
            (None, None) => Step::Wait,
        }
    }

    /// When a frame can be shown that nothing is in front of.
    fn begin_of(&self, frame: &Frame<P>) -> Duration {
        self.shown_until.max(frame.time).max(frame.there)
    }

    /// Skips frames that are later than they may be, as long as there is a newer one.
    fn skip(&mut self) {
        let Some(max_lag) = self.pace.max_lag else {
            return;
        };
        while self.queue.len() > 1
            && let Some(frame) = self.queue.front()
            && self.begin_of(frame) - frame.time > max_lag
        {
            self.pending = self.pending.saturating_sub(frame.duration);
            self.counts.skipped += 1;
            self.queue.pop_front();
        }
    }

    fn show(&mut self, frame: Frame<P>, now: Duration) -> P {
        // Not when it is shown, but when it should be: so that one that is shown a little late because the
        // machine is busy does not make all others later.
        let begin = if self.is_hurrying {
            now
        } else {
            self.begin_of(&frame)
        };
        self.lag = begin.saturating_sub(frame.time);
        let faster = frame.duration.div_f64(1.0 + self.pace.catch_up / 100.0);
        let in_time = frame.duration.saturating_sub(self.lag);
        self.shown_until = begin + faster.max(in_time);
        self.is_idle_shown = false;
        self.pending = self.pending.saturating_sub(frame.duration);
        self.counts.shown += 1;
        frame.picture
    }

    /// When the next picture of the idle loop would be shown: not while a frame waits for its picture.
    fn begin_of_idle(&self) -> Option<Duration> {
        let is_frame_coming = self.queue.is_empty() && self.counts.queued() > 0;
        if self.idle.is_none() || is_frame_coming {
            return None;
        }
        Some(if self.is_idle_shown {
            self.shown_until
        } else {
            self.shown_until + IDLE_AFTER
        })
    }

    fn show_idle(&mut self, now: Duration) -> Step<P> {
        let is_first = !std::mem::replace(&mut self.is_idle_shown, true);
        let Some(idle) = &mut self.idle else {
            return Step::Wait;
        };
        idle.next = if is_first {
            0
        } else {
            idle.next % idle.pictures.len()
        };
        let (picture, duration) = idle.pictures[idle.next].clone();
        idle.next += 1;
        // What should have been shown long ago is not caught up with.
        self.shown_until = if is_first || now > self.shown_until + duration {
            now + duration
        } else {
            self.shown_until + duration
        };
        Step::Show(picture)
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How much later than it should be the last frame was shown.
    pub fn lag(&self) -> Duration {
        self.lag
    }

    /// How much later than it should be the first frame of `sequence` would be shown that came now.
    pub fn lag_of_next(&self, now: Duration, sequence: &Sequence) -> Duration {
        let room = now.max(self.shown_until + self.pending);
        let time = match (sequence.start, self.anchor) {
            (Some(start), Some((named, meant))) => (meant + start).saturating_sub(named),
            _ => now,
        };
        room.saturating_sub(time)
    }
}

#[cfg(test)]
#[path = "../tests/unit/pacer.rs"]
mod tests;
