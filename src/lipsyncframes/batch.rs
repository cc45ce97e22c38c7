//! A buffer of one or more frames, handed out frame by frame with its timestamps.

use crate::media::float_video::{FloatVideoInfo, METAS_OF_A_MOMENT};
use crate::media::planes;
use gst::ClockTime;
use gst::meta::MetaTransformCopy;
use gst::prelude::*;
use std::ops::ControlFlow;

/// An input buffer of which some frames are yet to be converted.
///
/// It stays mapped from the first frame to the last: memory in several pieces is merged by mapping
/// it, and that must not happen for every frame.
pub struct Batch {
    data: gst::MappedBuffer<gst::buffer::Readable>,
    timestamps: Timestamps,
    /// Number of the first frame
    offset: Option<u64>,
    frame_bytes: usize,
    /// Whether the last frame is handed out first
    is_reversed: bool,
    /// How many have been handed out
    handed_out: usize,
}

/// One frame of a batch.
pub struct Frame<'a> {
    pub data: &'a [u8],
    /// The buffer it came in
    pub buffer: &'a gst::BufferRef,
    pub pts: Option<ClockTime>,
    pub duration: Option<ClockTime>,
    offset: Option<u64>,
    /// Whether it is the first in time
    is_first: bool,
    /// Whether it is handed out first
    is_leading: bool,
}

impl Batch {
    /// Opens `buffer`, which holds frames like `info`, to hand them out in the order that playing at `rate`
    /// wants.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong with the buffer: not a whole number of frames, timestamps that
    /// do not fit in 64 bits, memory that cannot be read.
    pub fn new(buffer: gst::Buffer, info: &FloatVideoInfo, rate: f64) -> Result<Self, String> {
        let bytes = buffer.size();
        let frame_bytes = info.frame_bytes();
        if bytes == 0 || !bytes.is_multiple_of(frame_bytes) {
            let problem = match (bytes / frame_bytes, bytes % frame_bytes) {
                (0, 0) => "an empty buffer, 0 bytes".to_string(),
                (frames, rest) => {
                    format!("a buffer of {bytes} bytes, {frames} frames and {rest} bytes over")
                }
            };
            return Err(format!(
                "{problem}: expected one or more whole frames of {info}, {frame_bytes} bytes each"
            ));
        }
        let frames = bytes / frame_bytes;
        if let Some(expected) = info.frames_in_buffer
            && frames != expected
        {
            return Err(format!(
                "a buffer of {bytes} bytes, {frames} frames: expected {expected} frames of {info}, \
                 as the dimensions of the tensors say"
            ));
        }
        let timestamps = Timestamps::new(buffer.pts(), buffer.duration(), info.framerate, frames)?;
        let offset = frame_number(&buffer, frames);
        let data = buffer
            .into_mapped_buffer_readable()
            .map_err(|buffer| planes::unreadable(&buffer, 0))?;
        if data.len() != bytes {
            return Err(planes::unreadable(data.buffer(), data.len()));
        }
        Ok(Self {
            data,
            timestamps,
            offset,
            frame_bytes,
            is_reversed: rate < 0.0,
            handed_out: 0,
        })
    }

    /// The next frame to convert, or `None` after the last.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        let mut frames = self.data.chunks_exact(self.frame_bytes);
        let index = if self.is_reversed {
            frames.len().checked_sub(self.handed_out + 1)?
        } else {
            self.handed_out
        };
        let data = frames.nth(index)?;
        self.handed_out += 1;
        Some(Frame {
            data,
            buffer: self.data.buffer(),
            pts: self.timestamps.pts(index),
            duration: self.timestamps.duration(index),
            offset: self
                .offset
                .and_then(|offset| offset.checked_add(index as u64)),
            is_first: index == 0,
            is_leading: self.handed_out == 1,
        })
    }
}

/// The number of the first of `frames` frames in a stream of them, as parsers and videotestsrc count them in
/// OFFSET and OFFSET_END. Sources of bytes count those there.
fn frame_number(buffer: &gst::BufferRef, frames: usize) -> Option<u64> {
    let is_valid = |offset: &u64| *offset != gst::ffi::GST_BUFFER_OFFSET_NONE;
    let offset = Some(buffer.offset()).filter(is_valid)?;
    let end = offset.checked_add(frames as u64)?;
    let counts_frames = !is_valid(&buffer.offset_end()) || buffer.offset_end() == end;
    counts_frames.then_some(offset)
}

impl Frame<'_> {
    /// Gives `output` the frame's timestamps, and of the input buffer's flags and metas those that
    /// still hold: what BaseTransform does for elements that make one buffer of one.
    pub fn copy_metadata(&self, output: &mut gst::BufferRef) {
        output.set_pts(self.pts);
        output.set_duration(self.duration);
        if let Some(offset) = self.offset {
            output.set_offset(offset);
            output.set_offset_end(offset + 1);
        }

        use gst::BufferFlags as Flags;
        // Wrong for what has been converted: it has memory of its own and stands for itself.
        let dropped = Flags::TAG_MEMORY | Flags::GAP | Flags::DELTA_UNIT | Flags::HEADER;
        let mut flags = self.buffer.flags() - dropped;
        if !self.is_leading {
            flags -= Flags::DISCONT | Flags::RESYNC;
        }
        output.set_flags(flags);

        self.buffer.foreach_meta(|meta| {
            let is_of_a_moment = METAS_OF_A_MOMENT.contains(&meta.api().name());
            // A tag says that a meta depends on memory, size or colours, which are others now.
            if meta.tags().is_empty() && (self.is_first || !is_of_a_moment) {
                // Fails for metas that cannot be copied, which then stay behind.
                let _ = meta.transform(output, &MetaTransformCopy::new(..));
            }
            ControlFlow::Continue(())
        });
    }
}

/// When the frames of a batch begin.
///
/// Frame i begins at `pts + i * length / parts`, rounded to nanoseconds once, and lasts until the
/// next begins, so that durations add up and no gap opens at framerates like 30/1.
#[derive(Debug, PartialEq)]
struct Timestamps {
    pts: Option<ClockTime>,
    /// Nanoseconds that `parts` frames last, if known
    length: Option<u64>,
    parts: u64,
}

impl Timestamps {
    /// # Errors
    ///
    /// When the batch ends beyond what 64 bits of nanoseconds hold.
    fn new(
        pts: Option<ClockTime>,
        duration: Option<ClockTime>,
        framerate: gst::Fraction,
        frames: usize,
    ) -> Result<Self, String> {
        let second = ClockTime::SECOND.nseconds();
        let (length, parts) = match (framerate.numer(), framerate.denom()) {
            (0, _) => (duration.map(ClockTime::nseconds), frames as u64),
            // Seconds times an i32 fit in 64 bits: 2^30 * 2^31.
            (numer, denom) => (
                Some(second * u64::from(denom.unsigned_abs())),
                u64::from(numer.unsigned_abs()),
            ),
        };
        let timestamps = Self { pts, length, parts };
        if let Some(pts) = pts
            && length.is_some()
            && timestamps
                .offset(frames)
                .and_then(|offset| pts.checked_add(offset))
                .is_none()
        {
            return Err(format!(
                "a buffer of {frames} frames with PTS {} ns ends after the last timestamp there \
                 is, {} ns",
                pts.nseconds(),
                ClockTime::MAX.nseconds()
            ));
        }
        Ok(timestamps)
    }

    /// From the start of the batch to the start of frame `index`.
    fn offset(&self, index: usize) -> Option<ClockTime> {
        let offset = (index as u64).mul_div_floor(self.length?, self.parts)?;
        (offset <= ClockTime::MAX.nseconds()).then(|| ClockTime::from_nseconds(offset))
    }

    fn pts(&self, index: usize) -> Option<ClockTime> {
        if index == 0 {
            return self.pts;
        }
        self.pts?.checked_add(self.offset(index)?)
    }

    fn duration(&self, index: usize) -> Option<ClockTime> {
        self.offset(index + 1)?.checked_sub(self.offset(index)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(nseconds: u64) -> Option<ClockTime> {
        Some(ClockTime::from_nseconds(nseconds))
    }

    fn framerate(numer: i32, denom: i32) -> gst::Fraction {
        gst::Fraction::new(numer, denom)
    }

    #[test]
    fn frames_follow_each_other_at_the_framerate() {
        let timestamps = Timestamps::new(ns(1000), None, framerate(25, 1), 3).unwrap();
        assert_eq!(timestamps.pts(0), ns(1000));
        assert_eq!(timestamps.pts(1), ns(40_001_000));
        assert_eq!(timestamps.pts(2), ns(80_001_000));
        assert_eq!(timestamps.duration(2), ns(40_000_000));
    }

    #[test]
    fn rounding_errors_do_not_add_up() {
        let timestamps = Timestamps::new(ns(0), None, framerate(30, 1), 32).unwrap();
        assert_eq!(timestamps.pts(1), ns(33_333_333));
        assert_eq!(timestamps.pts(3), ns(100_000_000));
        assert_eq!(timestamps.pts(30), ns(1_000_000_000));
        for index in 0..32 {
            let end = timestamps.pts(index).unwrap() + timestamps.duration(index).unwrap();
            assert_eq!(Some(end), timestamps.pts(index + 1));
        }
    }

    #[test]
    fn the_duration_counts_where_there_is_no_framerate() {
        let timestamps = Timestamps::new(ns(7), ns(100), framerate(0, 1), 3).unwrap();
        assert_eq!(
            [0, 1, 2].map(|index| timestamps.pts(index)),
            [ns(7), ns(40), ns(73)]
        );
        assert_eq!(
            [0, 1, 2].map(|index| timestamps.duration(index)),
            [ns(33), ns(33), ns(34)]
        );
    }

    #[test]
    fn what_is_missing_stays_missing() {
        let no_pts = Timestamps::new(None, None, framerate(25, 1), 2).unwrap();
        assert_eq!((no_pts.pts(0), no_pts.pts(1)), (None, None));
        assert_eq!(no_pts.duration(1), ns(40_000_000));

        let no_length = Timestamps::new(ns(5), None, framerate(0, 1), 2).unwrap();
        assert_eq!((no_length.pts(0), no_length.pts(1)), (ns(5), None));
        assert_eq!(no_length.duration(0), None);
    }

    #[test]
    fn the_highest_framerate_there_is() {
        let timestamps = Timestamps::new(ns(0), None, framerate(i32::MAX, 1), 32).unwrap();
        assert_eq!(timestamps.pts(31), ns(14));
        assert_eq!(timestamps.duration(0), ns(0));
    }

    #[test]
    fn the_end_must_fit_in_64_bits() {
        let max = ClockTime::MAX.nseconds();
        let fits = Timestamps::new(ns(max - 80_000_000), None, framerate(25, 1), 2).unwrap();
        assert_eq!(fits.pts(1), ns(max - 40_000_000));
        let error = Timestamps::new(ns(max - 79_999_999), None, framerate(25, 1), 2).unwrap_err();
        assert!(error.contains("18446744073629551615 ns"), "{error}");
        assert!(Timestamps::new(ns(max), ns(1), framerate(0, 1), 1).is_err());
        assert!(Timestamps::new(ns(max), None, framerate(0, 1), 1).is_ok());
        // A second for every i32::MAX: 2^31 s are no problem, 32 of them neither.
        assert!(Timestamps::new(ns(0), None, framerate(1, i32::MAX), 9).is_err());
    }
}
