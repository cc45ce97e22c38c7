use super::*;
use crate::pacer::Step::{End, Show, Wait, WaitUntil};

const FRAME: Duration = Duration::from_millis(40);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A pacer whose pictures are numbers, and its clock.
struct Test {
    pacer: Pacer<u64>,
    now: Duration,
}

impl Test {
    fn new(max_lag: Option<u64>, catch_up: f64) -> Self {
        let max_lag = max_lag.map(ms);
        Self {
            pacer: Pacer::new(Pace { max_lag, catch_up }),
            now: Duration::ZERO,
        }
    }

    /// Frames with these numbers come at once, with their pictures.
    fn post(&mut self, numbers: std::ops::Range<u64>) {
        self.post_from(None, numbers);
    }

    fn post_from(&mut self, start: Option<u64>, numbers: std::ops::Range<u64>) {
        let mut sequence = Sequence::new(start.map(ms), None);
        for number in numbers {
            let accepted = self.pacer.accept(self.now, &mut sequence, FRAME);
            self.pacer.add(self.now, accepted, number);
        }
    }

    /// What is shown until `end`, and when, in milliseconds.
    fn shown_until(&mut self, end: u64) -> Vec<(u64, u64)> {
        let end = ms(end);
        let mut shown = Vec::new();
        loop {
            match self.pacer.next(self.now) {
                Show(picture) => shown.push((self.now.as_millis() as u64, picture)),
                WaitUntil(time) if time <= end => {
                    assert!(time > self.now, "{time:?} has come already");
                    self.now = time;
                }
                WaitUntil(_) | Wait | End => {
                    self.now = end;
                    return shown;
                }
            }
        }
    }

    fn idle(&mut self, number: u64, pictures: &[u64]) {
        for &picture in pictures {
            self.pacer.add_idle(number, FRAME, picture);
        }
        self.pacer.complete_idle(number, pictures.len());
    }
}

#[test]
fn frames_follow_each_other_at_their_framerate() {
    let mut test = Test::new(None, 0.0);
    assert_eq!(test.pacer.next(ms(0)), Wait);
    test.post(0..3);
    assert_eq!(test.shown_until(100), [(0, 0), (40, 1), (80, 2)]);
    // Between two batches there is no gap, where the second is there in time, even if it is looked at late.
    test.post(3..5);
    test.now = ms(123);
    assert_eq!(test.shown_until(1000), [(123, 3), (160, 4)]);
    // It was there when the one before had 20 ms to go.
    assert_eq!(test.pacer.lag(), ms(20));
    let counts = test.pacer.counts();
    assert_eq!((counts.accepted, counts.shown), (5, 5));
}

#[test]
fn without_a_bound_a_stall_makes_all_later_frames_late() {
    let mut test = Test::new(None, 0.0);
    test.post(0..25);
    test.shown_until(2000);
    // A second too late, and then the next one, in time
    test.post(25..50);
    test.post(50..75);
    assert_eq!(test.shown_until(2999).len(), 25);
    test.now = ms(3000);
    let next = Sequence::default();
    assert_eq!(test.pacer.lag_of_next(test.now, &next), ms(1000));
    test.post(75..100);
    assert_eq!(test.shown_until(5000).len(), 50);
    assert_eq!(test.pacer.lag(), ms(1000));
    assert_eq!(test.pacer.counts().skipped, 0);
}

#[test]
fn what_is_later_than_the_bound_is_skipped() {
    let mut test = Test::new(Some(200), 0.0);
    test.post(0..25);
    test.shown_until(2000);
    test.post(25..50);
    test.post(50..75);
    let shown = test.shown_until(10_000);
    // The first of the second batch would be 1000 ms late: 20 frames are left out until it is 200.
    let numbers: Vec<_> = shown.iter().map(|(_, number)| *number).collect();
    let expected: Vec<_> = (25..50).chain(70..75).collect();
    assert_eq!(numbers, expected);
    assert_eq!(test.pacer.counts().skipped, 20);
    assert_eq!(test.pacer.lag(), ms(200));
}

#[test]
fn a_clock_that_is_fast_costs_a_frame_now_and_then() {
    let mut test = Test::new(Some(100), 0.0);
    let mut shown = Vec::new();
    // 2 %: a frame every 39.2 ms, each shown for 40
    for number in 0..5000 {
        let comes = Duration::from_micros(39_200 * number);
        shown.extend(test.shown_until(comes.as_millis() as u64));
        test.post(number..number + 1);
    }
    let counts = test.pacer.counts();
    assert!((90..=102).contains(&counts.skipped), "{counts:?}");
    assert!(test.pacer.lag() <= ms(101), "{:?}", test.pacer.lag());
    assert!(shown.is_sorted_by(|(_, one), (_, next)| one < next && next - one <= 2));
}

#[test]
fn late_frames_are_shown_faster_until_they_are_in_time() {
    let mut test = Test::new(Some(10_000), 25.0);
    test.post(0..25);
    test.shown_until(2000);
    test.post(25..50);
    test.post(50..75);
    test.shown_until(2999);
    // 1000 ms late, and 32 instead of 40 ms each: 8 ms are gained by each
    let late = test.shown_until(20_000);
    let first: Vec<_> = late
        .iter()
        .take(3)
        .map(|(time, _)| time - late[0].0)
        .collect();
    assert_eq!(first, [0, 32, 64]);
    assert_eq!(test.pacer.lag(), ms(1000 - 24 * 8));
    for batch in 0..10 {
        test.now = ms(20_000 + 1000 * batch);
        test.post(75..100);
        test.shown_until(20_999 + 1000 * batch);
    }
    assert_eq!(test.pacer.lag(), Duration::ZERO);
    assert_eq!(test.pacer.counts().skipped, 0);
}

#[test]
fn the_newest_frame_is_shown_however_late_it_is() {
    let mut test = Test::new(Some(0), 0.0);
    test.post(0..1);
    test.shown_until(1);
    test.post(1..2);
    test.post(2..3);
    test.post(3..4);
    assert_eq!(test.shown_until(100), [(40, 3)]);
    assert_eq!(test.pacer.counts().skipped, 2);
}

#[test]
fn a_post_can_name_its_time() {
    let mut test = Test::new(Some(100), 0.0);
    // The first such time means now, here at 0.
    test.post_from(Some(5000), 0..2);
    test.post_from(Some(5200), 2..4);
    assert_eq!(test.shown_until(150), [(0, 0), (40, 1)]);
    assert_eq!(test.shown_until(400), [(200, 2), (240, 3)]);
    // Its time was 300 to 420: what is more than 100 ms late is left out.
    test.now = ms(430);
    test.post_from(Some(5300), 4..8);
    assert_eq!(test.shown_until(600), [(430, 5), (470, 6), (510, 7)]);
    assert_eq!(test.pacer.lag(), ms(90));
}

#[test]
fn an_interruption_drops_what_is_queued_and_what_is_converted() {
    let mut test = Test::new(None, 0.0);
    test.post_from(Some(0), 0..190);
    let mut sequence = Sequence::default();
    let converting = test.pacer.accept(test.now, &mut sequence, FRAME);
    test.shown_until(90);
    assert_eq!(test.pacer.interrupt(test.now), 188);
    assert_eq!(test.pacer.next(test.now), Wait);
    // What was before it does not come back,
    assert!(!test.pacer.add(test.now, converting, 190));
    assert_eq!(test.pacer.next(test.now), Wait);
    // and what comes is shown at once, also where it says when.
    test.post_from(Some(70_000), 200..202);
    assert_eq!(test.shown_until(1000), [(90, 200), (130, 201)]);
    let counts = test.pacer.counts();
    assert_eq!(
        (
            counts.accepted,
            counts.shown,
            counts.dropped,
            counts.queued()
        ),
        (193, 5, 188, 0)
    );
}

#[test]
fn a_frame_of_an_hour_can_be_interrupted() {
    let hour = Duration::from_secs(3600);
    let mut test = Test::new(None, 0.0);
    let mut sequence = Sequence::default();
    for number in 0..2 {
        let accepted = test.pacer.accept(ms(0), &mut sequence, hour);
        test.pacer.add(ms(0), accepted, number);
    }
    assert_eq!(test.pacer.next(ms(0)), Show(0));
    assert_eq!(test.pacer.next(ms(1)), WaitUntil(hour));
    assert_eq!(test.pacer.interrupt(ms(2)), 1);
    test.pacer.close();
    assert_eq!(test.pacer.next(ms(2)), End);
}

#[test]
fn an_idle_loop_is_shown_between_sentences() {
    let mut test = Test::new(None, 0.0);
    test.idle(0, &[100, 101]);
    let idle = test.shown_until(230);
    assert_eq!(idle, [(100, 100), (140, 101), (180, 100), (220, 101)]);
    // It is left when its picture has been shown as long as the others,
    test.post(0..2);
    assert_eq!(test.shown_until(300), [(260, 0), (300, 1)]);
    // and comes back when it is clear that nothing follows, from its beginning.
    assert_eq!(test.shown_until(480), [(440, 100), (480, 101)]);
    assert_eq!(test.pacer.counts().shown, 2);
    // Another one takes its place when it is whole,
    test.pacer.add_idle(1, FRAME, 200);
    assert_eq!(test.shown_until(520), [(520, 100)]);
    test.pacer.complete_idle(1, 1);
    assert_eq!(test.shown_until(600), [(560, 200), (600, 200)]);
    // and one of nothing ends it.
    test.pacer.complete_idle(2, 0);
    assert_eq!(test.pacer.next(test.now), Wait);
}

#[test]
fn an_idle_loop_does_not_flash_between_two_posts() {
    let mut test = Test::new(None, 0.0);
    test.idle(0, &[100]);
    test.post(0..1);
    assert_eq!(test.shown_until(99), [(0, 0)]);
    test.post(1..2);
    assert_eq!(test.shown_until(150), [(99, 1)]);
    // Nor while a frame is being converted.
    let accepted = test.pacer.accept(test.now, &mut Sequence::default(), FRAME);
    assert_eq!(test.pacer.next(ms(1000)), Wait);
    assert!(test.pacer.add(ms(1000), accepted, 2));
    assert_eq!(test.pacer.next(ms(1000)), Show(2));
}

#[test]
fn an_idle_loop_is_shown_while_the_time_of_a_post_has_not_come() {
    let mut test = Test::new(None, 0.0);
    test.idle(0, &[100]);
    test.post_from(Some(0), 0..1);
    test.post_from(Some(220), 1..2);
    let shown = test.shown_until(250);
    assert_eq!(shown, [(0, 0), (140, 100), (180, 100), (220, 1)]);
}

#[test]
fn it_ends_when_all_is_shown() {
    let mut test = Test::new(None, 0.0);
    test.idle(0, &[100]);
    test.post(0..3);
    test.pacer.close();
    assert_eq!(test.pacer.next(ms(0)), Show(0));
    assert_eq!(test.pacer.next(ms(0)), WaitUntil(ms(40)));
    test.pacer.hurry();
    assert_eq!(test.pacer.next(ms(1)), Show(1));
    assert_eq!(test.pacer.next(ms(1)), Show(2));
    assert_eq!(test.pacer.next(ms(1)), End);
}

#[test]
fn a_frame_that_is_given_up_was_never_there() {
    let mut test = Test::new(None, 0.0);
    let mut sequence = Sequence::default();
    let accepted = test.pacer.accept(ms(0), &mut sequence, FRAME);
    test.pacer.give_up(accepted);
    assert_eq!(test.pacer.counts(), Counts::default());
    assert_eq!(test.pacer.lag_of_next(ms(0), &Sequence::default()), ms(0));
}

/// The numbers of the frames that are taken of a post, when its first has this one.
fn taken(pacer: &mut Pacer<u64>, first: Option<u64>, count: usize) -> Vec<u64> {
    let mut sequence = Sequence::new(None, first);
    let mut taken = Vec::new();
    for _ in 0..count {
        if !pacer.is_repeated(&mut sequence, FRAME) {
            taken.push(pacer.accept(ms(0), &mut sequence, FRAME).number);
        }
    }
    taken
}

#[test]
fn frames_with_numbers_are_taken_once() {
    let pacer = &mut Test::new(None, 0.0).pacer;
    // Whoever does not number frames gets numbers, too.
    assert_eq!(taken(pacer, None, 3), [0, 1, 2]);
    assert_eq!(pacer.next_number(), 3);
    assert_eq!(taken(pacer, Some(1), 4), [3, 4]);
    assert!(taken(pacer, Some(0), 5).is_empty());
    // What is left out went somewhere else, and is not expected any more.
    assert_eq!(taken(pacer, Some(100), 2), [100, 101]);
    assert!(taken(pacer, Some(50), 2).is_empty());
    assert_eq!(taken(pacer, None, 1), [102]);
    assert_eq!(pacer.counts().accepted, 8);
    pacer.interrupt(ms(0));
    assert_eq!(taken(pacer, Some(102), 2), [103]);
    pacer.set_next_number(7);
    assert_eq!(taken(pacer, Some(7), 2), [7, 8]);
}

#[test]
fn a_frame_that_was_given_up_may_come_again() {
    let pacer = &mut Test::new(None, 0.0).pacer;
    let mut sequence = Sequence::new(None, Some(10));
    let accepted = pacer.accept(ms(0), &mut sequence, FRAME);
    pacer.give_up(accepted);
    assert_eq!(pacer.next_number(), 10);
    assert_eq!(taken(pacer, Some(10), 1), [10]);
}

#[test]
fn what_is_not_taken_again_has_its_time_nevertheless() {
    let mut test = Test::new(None, 0.0);
    test.post_from(Some(1000), 0..2);
    test.shown_until(80);
    // A post of three, the first two of which have been taken, and are to be shown at 1000 ms.
    let mut sequence = Sequence::new(Some(ms(1000)), Some(0));
    assert!(test.pacer.is_repeated(&mut sequence, FRAME));
    assert!(test.pacer.is_repeated(&mut sequence, FRAME));
    assert!(!test.pacer.is_repeated(&mut sequence, FRAME));
    assert_eq!(test.pacer.lag_of_next(test.now, &sequence), ms(0));
    let accepted = test.pacer.accept(test.now, &mut sequence, FRAME);
    assert_eq!((accepted.number, accepted.time), (2, ms(80)));
}
