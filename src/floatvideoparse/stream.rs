//! How a stream is cut: the sizes of its frames and buffers, and where and when frames begin.

use crate::media::float_video::FloatVideoInfo;
use gst::format::{Bytes, Default as Frames};
use gst::prelude::*;
use gst::{ClockTime, GenericFormattedValue};

/// More than this is not put into one buffer. BaseParse could count to twice as much, but GStreamer
/// 1.22 ends the process where the memory for a buffer is not to be had.
pub const MAX_BUFFER_BYTES: u64 = 1 << 30;

/// A stream of which it is known what it is to be cut into.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stream {
    pub info: FloatVideoInfo,
    pub frame_bytes: u64,
    pub frames_per_buffer: u64,
}

impl Stream {
    /// # Errors
    ///
    /// When a buffer would have more than [`MAX_BUFFER_BYTES`].
    pub fn new(info: FloatVideoInfo, frames_per_buffer: u32) -> Result<Self, String> {
        let stream = Self {
            info,
            frame_bytes: info.frame_bytes() as u64,
            frames_per_buffer: frames_per_buffer.into(),
        };
        let bytes = stream.buffer_bytes();
        if bytes > MAX_BUFFER_BYTES {
            return Err(format!(
                "{frames_per_buffer} frames of {info} have {bytes} bytes: at most \
                 {MAX_BUFFER_BYTES} are possible in a buffer"
            ));
        }
        Ok(stream)
    }

    /// Bytes of a buffer that is not the last.
    pub fn buffer_bytes(&self) -> u64 {
        self.frame_bytes * self.frames_per_buffer
    }

    /// How long bytes last, unless the framerate is 0/1.
    pub fn pace(&self) -> Option<Pace> {
        let (parts, length) = self.frames_and_length()?;
        Pace::new(length, parts * self.frame_bytes)
    }

    /// A number of frames, and how many nanoseconds they last.
    fn frames_and_length(&self) -> Option<(u64, u64)> {
        let framerate = self.info.framerate;
        let (numer, denom) = (framerate.numer(), framerate.denom());
        // Seconds times an i32 fit in 64 bits: 2^30 * 2^31.
        (numer > 0).then(|| {
            (
                u64::from(numer.unsigned_abs()),
                ClockTime::SECOND.nseconds() * u64::from(denom.unsigned_abs()),
            )
        })
    }

    /// The frame that a stream shows at `time`.
    fn frame_at(&self, time: ClockTime) -> Option<u64> {
        let (frames, length) = self.frames_and_length()?;
        // The last to begin at `time` or before. As the beginnings are rounded down, that is the
        // last to begin before the next nanosecond.
        let next = time.nseconds().checked_add(1)?;
        next.mul_div_ceil(frames, length)?.checked_sub(1)
    }

    /// The frame of which `position` is a part.
    pub fn frame(&self, position: GenericFormattedValue) -> Option<u64> {
        match position {
            GenericFormattedValue::Bytes(bytes) => Some(*bytes? / self.frame_bytes),
            GenericFormattedValue::Default(frames) => Some(*frames?),
            GenericFormattedValue::Time(time) => self.frame_at(time?),
            _ => None,
        }
    }

    /// Where `frame` begins, in bytes.
    pub fn offset(&self, frame: u64) -> Option<u64> {
        let offset = frame.checked_mul(self.frame_bytes)?;
        // Offsets are signed in seeks and queries.
        i64::try_from(offset).is_ok().then_some(offset)
    }

    /// When `frame` begins.
    pub fn start(&self, frame: u64) -> Option<ClockTime> {
        self.pace()?.time(self.offset(frame)?)
    }

    /// The beginning, in `format`, of the frame of which `position` is a part.
    pub fn convert(
        &self,
        position: GenericFormattedValue,
        format: gst::Format,
    ) -> Option<GenericFormattedValue> {
        let frame = self.frame(position)?;
        Some(match format {
            gst::Format::Bytes => Bytes::from_u64(self.offset(frame)?).into(),
            gst::Format::Default => Frames::from_u64(frame).into(),
            gst::Format::Time => self.start(frame)?.into(),
            _ => return None,
        })
    }
}

/// How long bytes last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    nanoseconds: u64,
    bytes: u64,
}

impl Pace {
    /// `None` where there are no bytes.
    pub fn new(nanoseconds: u64, bytes: u64) -> Option<Self> {
        (bytes > 0).then_some(Self { nanoseconds, bytes })
    }

    /// How long `bytes` last, rounded down. `None` where the queries of GStreamer, which are
    /// signed, cannot express it.
    pub fn time(&self, bytes: u64) -> Option<ClockTime> {
        let time = bytes.mul_div_floor(self.nanoseconds, self.bytes)?;
        i64::try_from(time)
            .is_ok()
            .then(|| ClockTime::from_nseconds(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::float_video::FloatVideoFormat;

    fn info(width: u32, height: u32, framerate: (i32, i32)) -> FloatVideoInfo {
        let format = FloatVideoFormat::BgrF32Le.into();
        FloatVideoInfo::new(format, width, height, framerate.into())
    }

    fn stream(framerate: (i32, i32)) -> Stream {
        Stream::new(info(4, 2, framerate), 1).unwrap()
    }

    fn bytes(bytes: u64) -> GenericFormattedValue {
        Bytes::from_u64(bytes).into()
    }

    fn frames(frames: u64) -> GenericFormattedValue {
        Frames::from_u64(frames).into()
    }

    fn ns(nanoseconds: u64) -> GenericFormattedValue {
        ClockTime::from_nseconds(nanoseconds).into()
    }

    #[test]
    fn positions_become_the_beginning_of_their_frame() {
        let stream = stream((25, 1));
        for (position, frame) in [
            (bytes(0), 0),
            (bytes(95), 0),
            (bytes(96), 1),
            (ns(39_999_999), 0),
            (ns(40_000_000), 1),
            (ns(79_999_999), 1),
            (frames(7), 7),
        ] {
            for (format, expected) in [
                (gst::Format::Bytes, bytes(frame * 96)),
                (gst::Format::Default, frames(frame)),
                (gst::Format::Time, ns(frame * 40_000_000)),
            ] {
                assert_eq!(stream.convert(position, format), Some(expected));
            }
        }
        assert_eq!(stream.convert(bytes(0), gst::Format::Percent), None);
        assert_eq!(
            stream.convert(GenericFormattedValue::Bytes(None), gst::Format::Time),
            None
        );
    }

    #[test]
    fn the_time_at_which_a_frame_begins_leads_back_to_it() {
        for framerate in [
            (25, 1),
            (30, 1),
            (30000, 1001),
            (1, 3),
            (7, 3),
            (999_999_937, 1),
        ] {
            let stream = stream(framerate);
            for frame in (0..1000).chain(1_000_000_000..1_000_001_000) {
                let start = stream.start(frame).unwrap();
                assert_eq!(stream.frame(start.into()), Some(frame), "{framerate:?}");
            }
        }
    }

    #[test]
    fn beginnings_are_rounded_once() {
        let stream = stream((30000, 1001));
        let hour = stream.start(30000 * 3600).unwrap();
        assert_eq!(hour, 1001 * ClockTime::from_seconds(3600));
        assert_eq!(stream.start(1), Some(ClockTime::from_nseconds(33_366_666)));
        assert_eq!(stream.start(2), Some(ClockTime::from_nseconds(66_733_333)));
    }

    #[test]
    fn without_a_framerate_there_is_no_time() {
        let stream = stream((0, 1));
        assert_eq!(stream.pace(), None);
        assert_eq!(stream.convert(bytes(96), gst::Format::Time), None);
        assert_eq!(stream.convert(ns(1), gst::Format::Bytes), None);
        assert_eq!(
            stream.convert(frames(2), gst::Format::Bytes),
            Some(bytes(192))
        );
    }

    #[test]
    fn positions_beyond_what_can_be_expressed() {
        let slow = stream((1, i32::MAX));
        assert!(slow.start(4).is_some());
        assert_eq!(slow.start(5), None);
        let fast = stream((i32::MAX, 1));
        let last = ClockTime::MAX;
        assert_eq!(fast.frame(last.into()), None);
        assert_eq!(fast.offset(u64::MAX / 96), None);
        assert_eq!(fast.offset(u64::MAX), None);
        let beyond = fast.convert(frames(u64::MAX / 2), gst::Format::Bytes);
        assert_eq!(beyond, None);
    }

    #[test]
    fn buffers_have_a_limit() {
        let most = (MAX_BUFFER_BYTES / 96) as u32;
        assert!(Stream::new(info(4, 2, (25, 1)), most).is_ok());
        let error = Stream::new(info(4, 2, (25, 1)), most + 1).unwrap_err();
        assert!(
            error.starts_with("11184811 frames of BGR_F32LE 4x2 have"),
            "{error}"
        );
        assert!(
            error.contains("1073741856 bytes: at most 1073741824"),
            "{error}"
        );
        // 2^31 bytes more than an i32 holds, and as much as 64 bits have to hold
        for frames_per_buffer in [1, u32::MAX] {
            let error = Stream::new(info(16384, 16384, (25, 1)), frames_per_buffer).unwrap_err();
            let bytes = 3_221_225_472 * u64::from(frames_per_buffer);
            assert!(
                error.contains(&format!("16384x16384 have {bytes} bytes")),
                "{error}"
            );
        }
    }
}
