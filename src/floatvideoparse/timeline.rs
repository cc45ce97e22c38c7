//! When the bytes of a stream are to be shown: as upstream says, or else as their place says.

use super::stream::Pace;
use gst::ClockTime;
use std::collections::VecDeque;

/// PTS and duration of a buffer, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    pub pts: Option<ClockTime>,
    pub duration: Option<ClockTime>,
}

impl Timing {
    /// When the buffer ends.
    pub fn end(&self) -> Option<ClockTime> {
        self.pts?.checked_add(self.duration?)
    }
}

/// Keeps upstream's timestamps until the bytes that they belong to leave.
///
/// BaseParse keeps them too, but not how far behind them a frame begins: where buffers of three
/// frames become buffers of two, the second would begin when upstream's second does, which is a
/// frame too early.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Bytes that have come from upstream
    received: u64,
    /// Bytes that have left, or were dropped
    consumed: u64,
    /// Where upstream's buffers begin, from the next byte to leave on
    beginnings: VecDeque<u64>,
    /// By position, the first of them at the next byte to leave, or before it
    stamps: VecDeque<Stamp>,
}

/// From which time on the bytes from `position` on are to be shown.
#[derive(Debug)]
struct Stamp {
    position: u64,
    pts: ClockTime,
    /// How long they last, where upstream says so
    pace: Option<Pace>,
}

impl Timeline {
    /// Upstream has sent a buffer of so many bytes.
    pub fn receive(&mut self, bytes: u64, timing: Timing) {
        self.beginnings.push_back(self.received);
        if let Some(pts) = timing.pts {
            self.stamps.push_back(Stamp {
                position: self.received,
                pts,
                pace: timing
                    .duration
                    .and_then(|duration| Pace::new(duration.nseconds(), bytes)),
            });
        }
        self.received += bytes;
    }

    /// Whether not a byte has come from upstream.
    pub fn is_untouched(&self) -> bool {
        self.received == 0
    }

    /// So many bytes have left.
    pub fn consume(&mut self, bytes: u64) {
        self.consumed += bytes;
        let is_past = |position: &u64| *position < self.consumed;
        while self.beginnings.front().is_some_and(is_past) {
            self.beginnings.pop_front();
        }
    }

    /// Whether the next byte to leave is the first of a buffer of upstream's.
    pub fn is_at_beginning(&self) -> bool {
        self.beginnings.front() == Some(&self.consumed)
    }

    /// What has not left never will. What upstream sends from now on is to be shown from `pts` on,
    /// if that is known and upstream says nothing else.
    pub fn restart(&mut self, pts: Option<ClockTime>) {
        self.consumed = self.received;
        self.beginnings.clear();
        self.stamps.clear();
        self.stamps.extend(pts.map(|pts| Stamp {
            position: self.received,
            pts,
            pace: None,
        }));
    }

    /// When the next `bytes` to leave are to be shown. `pace` is the framerate's. Bytes for which
    /// there is no timestamp at all are shown as far behind 0 as `offset` bytes last.
    pub fn timing(&mut self, bytes: u64, pace: Option<Pace>, offset: u64) -> Timing {
        self.drop_past();
        let stamp = self
            .stamps
            .front()
            .filter(|stamp| stamp.position <= self.consumed);
        let (begin, distance, pace) = match stamp {
            Some(stamp) => {
                let distance = self.consumed - stamp.position;
                (stamp.pts, distance, pace.or(stamp.pace))
            }
            None => (ClockTime::ZERO, offset, pace),
        };
        let Some(pace) = pace else {
            let is_stamped = stamp.is_some() && distance == 0;
            return Timing {
                pts: is_stamped.then_some(begin),
                duration: None,
            };
        };
        let after = |bytes: u64| begin.checked_add(pace.time(bytes)?);
        let pts = after(distance);
        let end = distance.checked_add(bytes).and_then(after);
        Timing {
            pts,
            duration: end.zip(pts).and_then(|(end, pts)| end.checked_sub(pts)),
        }
    }

    /// Forgets timestamps that a later one has replaced.
    fn drop_past(&mut self) {
        while self
            .stamps
            .get(1)
            .is_some_and(|next| next.position <= self.consumed)
        {
            self.stamps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(pts: u64) -> Timing {
        Timing {
            pts: Some(ClockTime::from_nseconds(pts)),
            duration: None,
        }
    }

    fn timing(pts: u64, duration: u64) -> Timing {
        Timing {
            duration: Some(ClockTime::from_nseconds(duration)),
            ..at(pts)
        }
    }

    /// Ten bytes a frame, three frames a second.
    fn thirds() -> Option<Pace> {
        Pace::new(SECOND, 30)
    }

    #[test]
    fn without_timestamps_the_offset_counts() {
        let mut timeline = Timeline::default();
        timeline.receive(100, Timing::default());
        assert_eq!(timeline.timing(10, thirds(), 0), timing(0, 333_333_333));
        timeline.consume(10);
        let second = timeline.timing(10, thirds(), 10);
        assert_eq!(second, timing(333_333_333, 333_333_333));
        timeline.consume(10);
        let third = timeline.timing(10, thirds(), 20);
        assert_eq!(third, timing(666_666_666, 333_333_334));
        assert_eq!(third.end(), Some(ClockTime::SECOND));
        assert_eq!(timeline.timing(10, None, 20), Timing::default());
    }

    #[test]
    fn timestamps_hold_for_what_begins_in_the_middle_of_a_buffer() {
        let mut timeline = Timeline::default();
        // Buffers of three frames, a second each, with a second of nothing between them
        timeline.receive(30, at(SECOND));
        timeline.receive(30, at(3 * SECOND));
        // Two frames at a time: the second pair begins in one buffer, the third in the other.
        let mut starts = Vec::new();
        for _ in 0..3 {
            starts.push(timeline.timing(20, thirds(), 0).pts.unwrap().nseconds());
            timeline.consume(20);
        }
        assert_eq!(starts, [SECOND, SECOND * 5 / 3, 3_333_333_333]);
    }

    #[test]
    fn what_begins_with_a_buffer_of_upstream_s() {
        let mut timeline = Timeline::default();
        timeline.receive(20, Timing::default());
        timeline.receive(5, Timing::default());
        timeline.receive(5, Timing::default());
        let beginnings = [0, 1, 2].map(|_| {
            let is_at_beginning = timeline.is_at_beginning();
            timeline.consume(10);
            is_at_beginning
        });
        assert_eq!(beginnings, [true, false, true]);
        assert!(!timeline.is_at_beginning());
    }

    #[test]
    fn what_has_no_timestamp_follows_what_has_one() {
        let mut timeline = Timeline::default();
        timeline.receive(10, at(SECOND));
        timeline.receive(20, Timing::default());
        timeline.receive(10, at(7 * SECOND));
        timeline.consume(20);
        let third = timeline.timing(10, thirds(), 0);
        assert_eq!(third, timing(1_666_666_666, 333_333_334));
        timeline.consume(10);
        assert_eq!(timeline.timing(10, thirds(), 0).pts, at(7 * SECOND).pts);
    }

    #[test]
    fn a_timestamp_does_not_hold_for_what_came_before_it() {
        let mut timeline = Timeline::default();
        timeline.receive(4, Timing::default());
        timeline.receive(26, at(7 * SECOND));
        assert_eq!(timeline.timing(10, thirds(), 30).pts, at(SECOND).pts);
        timeline.consume(10);
        // 6 bytes of 30 behind it
        let second = timeline.timing(10, thirds(), 40);
        assert_eq!(second.pts, at(7 * SECOND + SECOND / 5).pts);
    }

    #[test]
    fn without_a_framerate_the_buffer_s_duration_is_shared_out() {
        let mut timeline = Timeline::default();
        timeline.receive(30, timing(5, 100));
        timeline.receive(30, at(200));
        assert_eq!(timeline.timing(10, None, 0), timing(5, 33));
        timeline.consume(10);
        assert_eq!(timeline.timing(20, None, 0), timing(38, 67));
        timeline.consume(20);
        // Where that is missing too, only the first frame's time is known.
        assert_eq!(timeline.timing(10, None, 0), at(200));
        timeline.consume(10);
        assert_eq!(timeline.timing(10, None, 0), Timing::default());
    }

    #[test]
    fn a_restart_forgets_what_has_not_left() {
        let mut timeline = Timeline::default();
        timeline.receive(25, at(SECOND));
        timeline.consume(10);
        timeline.restart(None);
        assert_eq!(
            timeline.timing(10, thirds(), 60),
            timing(2 * SECOND, 333_333_333)
        );
        timeline.receive(10, at(9 * SECOND));
        assert_eq!(
            timeline.timing(10, thirds(), 60),
            timing(9 * SECOND, 333_333_333)
        );

        timeline.restart(ClockTime::from_seconds(4).into());
        timeline.receive(20, Timing::default());
        timeline.consume(10);
        let second = timeline.timing(10, thirds(), 0);
        assert_eq!(second.pts, at(4 * SECOND + 333_333_333).pts);
    }

    #[test]
    fn a_timestamp_replaces_that_of_a_restart() {
        let mut timeline = Timeline::default();
        timeline.restart(Some(ClockTime::ZERO));
        timeline.receive(10, at(SECOND));
        assert_eq!(timeline.timing(10, thirds(), 0).pts, at(SECOND).pts);
    }

    #[test]
    fn times_beyond_64_bits_are_left_out() {
        let mut timeline = Timeline::default();
        let last = ClockTime::MAX.nseconds();
        timeline.receive(30, at(last - 1));
        let first = timeline.timing(10, thirds(), 0);
        assert_eq!(first, at(last - 1));
        assert_eq!(first.end(), None);
        timeline.consume(10);
        assert_eq!(timeline.timing(10, thirds(), 0), Timing::default());
    }
}
