//! Which frames come too late to be converted, where the inherited property `qos` is set.
//!
//! BaseTransform would judge a batch by its first frame, and drop all of it.

use gst::ClockTime;

/// What downstream has said of how late it is, and what came of it.
#[derive(Default)]
pub struct Qos {
    /// Running time up to which frames are too late
    earliest: Option<ClockTime>,
    proportion: f64,
    dropped: u64,
    /// Whether frames have been dropped since the last that was converted
    is_discont: bool,
}

impl Qos {
    pub fn update(&mut self, event: &gst::event::Qos) {
        let (_, proportion, diff, timestamp) = event.get();
        self.proportion = proportion;
        let diff_abs = ClockTime::from_nseconds(diff.unsigned_abs());
        self.earliest = timestamp.and_then(|timestamp| match diff {
            ..0 => timestamp.checked_sub(diff_abs),
            _ => Some(timestamp.saturating_add(diff_abs)),
        });
    }

    /// Whether frames have been dropped since this was asked before.
    pub fn take_discont(&mut self) -> bool {
        std::mem::take(&mut self.is_discont)
    }

    /// The message about a frame that is dropped because it comes too late, or `None` if it does not.
    /// `processed` frames have been converted so far.
    pub fn drop_late_frame(
        &mut self,
        pts: Option<ClockTime>,
        duration: Option<ClockTime>,
        segment: &gst::Segment,
        processed: u64,
    ) -> Option<gst::message::QosBuilder<'static>> {
        let segment = segment.downcast_ref::<ClockTime>()?;
        let running_time = segment.to_running_time(pts)?;
        let earliest = self.earliest.filter(|&earliest| running_time <= earliest)?;
        self.dropped += 1;
        self.is_discont = true;
        let jitter = (earliest - running_time).nseconds();
        let jitter = i64::try_from(jitter).unwrap_or(i64::MAX);
        Some(
            gst::message::Qos::builder(false)
                .running_time(running_time)
                .stream_time(segment.to_stream_time(pts))
                .timestamp(pts)
                .duration(duration)
                // All of the quality that there is, in millionths
                .values(jitter, self.proportion, 1_000_000)
                .stats(
                    gst::format::Buffers::from_u64(processed),
                    gst::format::Buffers::from_u64(self.dropped),
                ),
        )
    }
}
