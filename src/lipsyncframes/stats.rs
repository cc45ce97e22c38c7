//! What the element counts, for its `stats` property.

use std::time::Duration;

use gst::prelude::*;

/// Convert times that the percentiles look back on.
const RECENT: usize = 1024;

/// Upper bounds of the buckets in which convert times are counted, from what a small picture takes to
/// the time that a frame lasts.
const BOUNDS: [Duration; 12] = [
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_micros(1000),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
];

/// Counters since the element last started.
pub struct Stats {
    frames: u64,
    batches: u64,
    bytes_in: u64,
    bytes_out: u64,
    convert_time_total: Duration,
    /// How many frames took at most as long as each of [`BOUNDS`], and longer than the one before
    counts: [u64; BOUNDS.len()],
    /// Convert times of the last [`RECENT`] frames, the oldest overwritten first. Its memory is
    /// reserved at once, so that counting a frame never allocates.
    recent: Vec<Duration>,
    implausible_frames: u64,
    threads: usize,
}

impl Stats {
    pub fn new(threads: usize) -> Self {
        Self {
            frames: 0,
            batches: 0,
            bytes_in: 0,
            bytes_out: 0,
            convert_time_total: Duration::ZERO,
            counts: [0; BOUNDS.len()],
            recent: Vec::with_capacity(RECENT),
            implausible_frames: 0,
            threads,
        }
    }

    pub fn frames(&self) -> u64 {
        self.frames
    }

    pub fn count_batch(&mut self) {
        self.batches += 1;
    }

    pub fn count_frame(&mut self, bytes_in: usize, bytes_out: usize, convert_time: Duration) {
        self.bytes_in += bytes_in as u64;
        self.bytes_out += bytes_out as u64;
        self.convert_time_total += convert_time;
        let bucket = BOUNDS.partition_point(|&bound| bound < convert_time);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        let oldest = (self.frames % RECENT as u64) as usize;
        match self.recent.get_mut(oldest) {
            Some(slot) => *slot = convert_time,
            None => self.recent.push(convert_time),
        }
        self.frames += 1;
    }

    /// Returns how many there are with this one.
    pub fn count_implausible(&mut self) -> u64 {
        self.implausible_frames += 1;
        self.implausible_frames
    }

    /// `threads` is what a frame is converted on from now on.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    pub fn to_structure(&self) -> gst::Structure {
        let mut sorted = self.recent.clone();
        sorted.sort_unstable();
        gst::Structure::builder("application/x-lipsyncframes-stats")
            .field("frames", self.frames)
            .field("batches", self.batches)
            .field("bytes-in", self.bytes_in)
            .field("bytes-out", self.bytes_out)
            .field("convert-time-total", nanoseconds(self.convert_time_total))
            .field("convert-time-p50", nanoseconds(percentile(&sorted, 50)))
            .field("convert-time-p99", nanoseconds(percentile(&sorted, 99)))
            .field("convert-time-bounds", array(BOUNDS.map(nanoseconds)))
            .field("convert-time-counts", array(self.counts))
            .field("implausible-frames", self.implausible_frames)
            .field("threads", self.threads as u32)
            .field("backend", lipsyncframes_pixel::backend())
            .build()
    }
}

fn array<const N: usize>(values: [u64; N]) -> gst::Array {
    gst::Array::new(values.map(|value| value.to_send_value()))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The smallest of `sorted` that at least `percent` % do not exceed; 0 where there are none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    let index = rank.saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert_times(stats: &Stats) -> [u64; 3] {
        let structure = stats.to_structure();
        ["total", "p50", "p99"].map(|figure| {
            structure
                .get(format!("convert-time-{figure}").as_str())
                .unwrap()
        })
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        gst::init().unwrap();
        let mut stats = Stats::new(1);
        assert_eq!(convert_times(&stats), [0, 0, 0]);
        for nanos in 1..=100 {
            stats.count_frame(10, 3, Duration::from_nanos(nanos));
        }
        assert_eq!(convert_times(&stats), [5050, 50, 99]);
        let structure = stats.to_structure();
        assert_eq!(structure.get::<u64>("frames").unwrap(), 100);
        assert_eq!(structure.get::<u64>("bytes-in").unwrap(), 1000);
        assert_eq!(structure.get::<u64>("bytes-out").unwrap(), 300);
    }

    #[test]
    fn every_frame_is_counted_in_one_bucket_if_it_has_one() {
        gst::init().unwrap();
        let mut stats = Stats::new(1);
        for micros in [0, 25, 26, 100_000, 100_001] {
            stats.count_frame(1, 1, Duration::from_micros(micros));
        }
        let structure = stats.to_structure();
        let values = |field| {
            let array = structure.get::<gst::Array>(field).unwrap();
            let values = array.iter().map(|value| value.get::<u64>().unwrap());
            values.collect::<Vec<_>>()
        };
        assert_eq!(
            values("convert-time-counts"),
            [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
        let bounds = values("convert-time-bounds");
        assert_eq!((bounds[0], bounds[11]), (25_000, 100_000_000));
        assert!(bounds.is_sorted());
    }

    #[test]
    fn percentiles_forget_old_frames_and_memory_does_not_grow() {
        gst::init().unwrap();
        let mut stats = Stats::new(1);
        let capacity = stats.recent.capacity();
        for frame in 0..5000 {
            let nanos = if frame < 3976 { 1_000_000 } else { 7 };
            stats.count_frame(1, 1, Duration::from_nanos(nanos));
        }
        let [total, p50, p99] = convert_times(&stats);
        assert_eq!(total, 3976 * 1_000_000 + 1024 * 7);
        assert_eq!([p50, p99], [7, 7]);
        assert_eq!(stats.recent.capacity(), capacity);
    }
}
