//! GObject and BaseParse: translates between GStreamer and the arithmetic of `stream` and
//! `timeline`.

use super::stream::Stream;
use super::timeline::{Timeline, Timing};
use crate::common;
use crate::lock::Lock;
use crate::media::float_video::{self, FloatVideoFormat, FloatVideoInfo, METAS_OF_A_MOMENT};

use gst::ClockTime;
use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_base::{BaseParseFrame, BaseParseFrameFlags};
use lipsyncframes_pixel::MAX_SIZE;

use std::ops::ControlFlow;
use std::sync::LazyLock;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "floatvideoparse",
        gst::DebugColorFlags::empty(),
        Some("Byte streams to float frames"),
    )
});

#[derive(Debug, Clone, Copy)]
struct Settings {
    format: FloatVideoFormat,
    width: u32,
    height: u32,
    framerate: gst::Fraction,
    frames_per_buffer: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: FloatVideoFormat::default(),
            width: 0,
            height: 0,
            framerate: gst::Fraction::new(25, 1),
            frames_per_buffer: 1,
        }
    }
}

impl Settings {
    /// The frames of a stream whose caps do not describe them.
    fn info(&self) -> Result<FloatVideoInfo, String> {
        if self.width == 0 || self.height == 0 {
            return Err(format!(
                "Frames of {}x{}: set the properties width and height to 1 to {MAX_SIZE}, because \
                 bytes do not say how large a frame is",
                self.width, self.height
            ));
        }
        let format = self.format.into();
        Ok(FloatVideoInfo::new(
            format,
            self.width,
            self.height,
            self.framerate,
        ))
    }
}

/// What belongs to the streaming thread.
#[derive(Default)]
struct State {
    /// Caps of the input, unless they are of bytes
    input: Option<gst::Caps>,
    /// What the stream is cut into, from its first bytes or caps on. If it cannot be, that has been
    /// posted: upstream sends what was refused again with every event and buffer, and the
    /// application need not hear of it again.
    stream: Option<Result<Stream, gst::FlowError>>,
    timeline: Timeline,
    /// Of the buffer that is on its way
    timing: Timing,
    /// Whether upstream says when its buffers are to be shown, rather than where their bytes are
    is_timed: bool,
    /// Whether upstream's segment runs backwards, which has been posted
    is_backwards: bool,
    /// Whether a buffer has left
    has_output: bool,
    /// Whether upstream has said that there is nothing for a while
    has_gap: bool,
    /// Whether it has been posted that the stream ended before there was a frame
    is_found_empty: bool,
    /// Why downstream did not take the last buffer
    refusal: Option<gst::FlowError>,
}

glib::wrapper! {
    /// The element, for programs that register it statically; everybody else makes it by its name,
    /// `floatvideoparse`.
    pub struct FloatVideoParse(ObjectSubclass<Imp>)
        @extends gst_base::BaseParse, gst::Element, gst::Object;
}

#[derive(Default, glib::Properties)]
#[properties(wrapper_type = FloatVideoParse)]
pub struct Imp {
    /// Format of the frames. Not to be changed while playing.
    #[property(
        name = "format", type = FloatVideoFormat, member = format, get, set,
        nick = "Format",
        blurb = "Format of the frames, named as in caps",
        default, mutable_ready
    )]
    /// Width of the frames in pixels, 1 to 16384; 0 where it is not set. Not to be changed while
    /// playing.
    #[property(
        name = "width", type = u32, member = width, get, set,
        nick = "Width",
        blurb = "Width of the frames in pixels; must be set",
        maximum = MAX_SIZE,
        mutable_ready
    )]
    /// Height of the frames in pixels, 1 to 16384; 0 where it is not set. Not to be changed while
    /// playing.
    #[property(
        name = "height", type = u32, member = height, get, set,
        nick = "Height",
        blurb = "Height of the frames in pixels; must be set",
        maximum = MAX_SIZE,
        mutable_ready
    )]
    /// Frames per second; 0/1 where it is unknown, and there are no timestamps. Not to be changed
    /// while playing.
    #[property(
        name = "framerate", type = gst::Fraction, member = framerate, get, set,
        nick = "Framerate",
        blurb = "Frames per second (0/1 = unknown: no timestamps)",
        minimum = gst::Fraction::new(0, 1),
        maximum = gst::Fraction::new(i32::MAX, 1),
        default = Settings::default().framerate,
        mutable_ready
    )]
    /// Frames to put in an output buffer, 1 or more; the last may have fewer. Not to be changed while
    /// playing.
    #[property(
        name = "frames-per-buffer", type = u32, member = frames_per_buffer, get, set,
        nick = "Frames per buffer",
        blurb = "Frames to put in an output buffer; the last may have fewer",
        minimum = 1,
        default = Settings::default().frames_per_buffer,
        mutable_ready
    )]
    settings: Lock<Settings>,
    state: Lock<State>,
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "GstFloatVideoParse";
    type Type = FloatVideoParse;
    type ParentType = gst_base::BaseParse;
}

#[glib::derived_properties]
impl ObjectImpl for Imp {
    fn constructed(&self) {
        self.parent_constructed();
        let parse = self.obj().downgrade();
        // BaseParse keeps the buffers to itself until a frame is whole.
        self.obj().sink_pad().add_probe(
            gst::PadProbeType::BUFFER | gst::PadProbeType::PUSH,
            move |_, info| {
                if let Some(parse) = parse.upgrade()
                    && let Some(buffer) = info.buffer()
                {
                    let timing = Timing {
                        pts: buffer.pts(),
                        duration: buffer.duration(),
                    };
                    let mut state = parse.imp().state.lock();
                    state.timeline.receive(buffer.size() as u64, timing);
                }
                gst::PadProbeReturn::Ok
            },
        );
    }
}

impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Float video parser",
                "Codec/Parser/Video",
                "Cuts a stream of bytes into float frames with timestamps, for lipsyncframes",
                "The lipsyncframes authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let frames = float_video::template_caps();
            let mut input = frames.clone();
            input.merge(bytes_caps());
            common::pad_templates(input, frames)
        });
        &TEMPLATES
    }

    /// BaseParse does not say how long a frame is where the stream ends before there is one.
    fn post_message(&self, message: gst::Message) -> bool {
        if let gst::MessageView::Error(error) = message.view()
            && error.error().matches(gst::StreamError::WrongType)
        {
            self.report_no_frame(0);
            return true;
        }
        self.parent_post_message(message)
    }
}

/// Caps of sources that know that they send anything at all. Files and pipes have none.
fn bytes_caps() -> gst::Caps {
    gst::Caps::new_empty_simple("application/octet-stream")
}

impl BaseParseImpl for Imp {
    /// BaseParse would first read 64 KiB, and a larger frame in a second read. Sources with
    /// `num-buffers` count reads.
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        // What is wrong is said when there is something to cut.
        if let Ok(stream) = self.describe() {
            self.set_least_read(&stream);
        }
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        Ok(())
    }

    /// Float frames that downstream takes, or bytes.
    fn sink_caps(&self, filter: Option<&gst::Caps>) -> gst::Caps {
        let mut caps = self
            .obj()
            .src_pad()
            .peer_query_caps(Some(&float_video::template_caps()));
        caps.merge(bytes_caps());
        match filter {
            Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
            None => caps,
        }
    }

    /// Any caps at all are let in, so that `set_sink_caps` can say what is wrong with them. All that
    /// the application would hear otherwise is "not-negotiated".
    fn sink_query(&self, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryViewMut::AcceptCaps(query) = query.view_mut() {
            query.set_result(true);
            return true;
        }
        self.parent_sink_query(query)
    }

    fn set_sink_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let is_of_bytes = caps.can_intersect(&bytes_caps());
        let input = (!is_of_bytes).then(|| caps.clone());
        if self.state.lock().input != input {
            // What has come is of the caps that it came with.
            self.obj().drain();
            let mut state = self.state.lock();
            state.input = input;
            state.stream = None;
            let end = state.timing.end();
            state.timeline.restart(end);
        }
        self.stream()
            .map(|_| ())
            .map_err(|_| gst::loggable_error!(CAT, "refused with caps {caps}"))
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Segment(segment) => {
                if self.refuse_backwards(segment.segment()) {
                    return false;
                }
                let Ok(stream) = self.stream() else {
                    return false;
                };
                let timed = segment.segment().downcast_ref::<ClockTime>();
                let (is_timed, start) = (timed.is_some(), timed.and_then(|timed| timed.start()));
                let event = if is_timed || stream.pace().is_some() {
                    event
                } else {
                    // There is no time at which it begins.
                    let from_start = gst::FormattedSegment::<gst::format::Bytes>::new();
                    let segment = gst::event::Segment::builder(&from_start);
                    segment.seqnum(event.seqnum()).build()
                };
                self.state.lock().is_timed = is_timed;
                let is_handled = self.parent_sink_event(event);
                self.state.lock().timeline.restart(start);
                is_handled
            }
            // BaseParse would make up caps for it.
            gst::EventView::Gap(_) => {
                self.state.lock().has_gap = true;
                self.stream().is_ok() && self.parent_sink_event(event)
            }
            gst::EventView::Eos(_) => {
                let is_empty = {
                    let state = self.state.lock();
                    state.timeline.is_untouched() && !state.has_gap
                };
                if is_empty {
                    // BaseParse would let it pass.
                    self.report_no_frame(0);
                }
                self.parent_sink_event(event)
            }
            _ => self.parent_sink_event(event),
        }
    }

    fn src_event(&self, event: gst::Event) -> bool {
        self.align_seek(event)
            .is_some_and(|event| self.parent_src_event(event))
    }

    fn convert(
        &self,
        position: impl gst::format::FormattedValue,
        format: gst::Format,
    ) -> Option<gst::GenericFormattedValue> {
        let position: gst::GenericFormattedValue = position.into();
        if position.format() == format {
            return Some(position);
        }
        if let 0 | -1 = position.value() {
            // The beginning, and the open end of a seek. BaseParse counts on it that they can
            // always be converted: where not, it goes on with a value it has not initialised.
            return Some(gst::GenericFormattedValue::new(format, position.value()));
        }
        let is_timed = self.state.lock().is_timed;
        if is_timed && [position.format(), format].contains(&gst::Format::Bytes) {
            // They would be upstream's, which need not be those of the frames alone.
            return None;
        }
        self.describe().ok()?.convert(position, format)
    }

    fn handle_frame(
        &self,
        frame: BaseParseFrame,
    ) -> Result<(gst::FlowSuccess, u32), gst::FlowError> {
        let stream = self.stream()?;
        let available = frame.buffer().map_or(0, |buffer| buffer.size() as u64);
        if available == 0 {
            // A source that is read from has returned nothing: it has come to its end.
            return Ok((gst::FlowSuccess::Ok, 0));
        }
        let frames = (available / stream.frame_bytes).min(stream.frames_per_buffer);
        if frames < stream.frames_per_buffer && !self.obj().is_draining() {
            // BaseParse comes back with more.
            return Ok((gst::FlowSuccess::Ok, 0));
        }
        let result = match frames {
            0 => self.drop_leftover(&stream, frame, available),
            frames => self.finish(&stream, frame, frames * stream.frame_bytes),
        };
        Ok((result?, 0))
    }

    /// Gives the buffer its timestamps once more: where upstream has some, BaseParse has replaced
    /// them by what it makes of those.
    fn pre_push_frame(
        &self,
        frame: &mut BaseParseFrame,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let timing = self.state.lock().timing;
        if let Some(buffer) = frame.buffer_mut() {
            buffer.set_pts(timing.pts);
            // Decoded order is something that raw pictures do not have.
            buffer.set_dts(None);
            buffer.set_duration(timing.duration);
        }
        let segment = self.obj().segment();
        if let Some(segment) = segment.downcast_ref::<ClockTime>()
            && let (Some(pts), Some(stop)) = (timing.pts, segment.stop())
            && pts >= stop
        {
            // BaseParse would let one pass that begins where the segment stops.
            return Err(gst::FlowError::Eos);
        }
        self.parent_pre_push_frame(frame)
    }
}

impl Imp {
    /// Sends the first `bytes` of `frame`.
    fn finish(
        &self,
        stream: &Stream,
        mut frame: BaseParseFrame,
        bytes: u64,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let input = frame.buffer().ok_or(gst::FlowError::Error)?;
        let mut buffer = self.cut(input, bytes as usize)?;
        // What is left of a broken frame counts as a frame.
        let offset = frame.offset() - frame.offset() % stream.frame_bytes;
        let (timing, is_first) = {
            let mut state = self.state.lock();
            state.timing = state.timeline.timing(bytes, stream.pace(), offset);
            state.timeline.consume(bytes);
            (state.timing, !state.has_output)
        };
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(timing.pts);
            buffer.set_duration(timing.duration);
        }
        frame.set_output_buffer(buffer);
        if is_first {
            self.announce_duration(stream);
        }
        let result = self.obj().finish_frame(frame, bytes as u32);
        let earlier = {
            let mut state = self.state.lock();
            state.has_output = true;
            std::mem::replace(&mut state.refusal, result.err())
        };
        if let Err(error) = result
            && earlier != Some(error)
        {
            self.explain_refusal(error);
        }
        result
    }

    /// Says why downstream does not take frames, where all that the application would hear is
    /// "not-negotiated" or "not-linked".
    fn explain_refusal(&self, error: gst::FlowError) {
        let parse = self.obj();
        let pad = parse.src_pad();
        match error {
            gst::FlowError::NotNegotiated => {
                if let Some(caps) = pad.current_caps()
                    && !pad.peer_query_accept_caps(&caps)
                {
                    let taken = pad.peer_query_caps(None);
                    gst::element_imp_error!(
                        self,
                        gst::CoreError::Negotiation,
                        ("{caps} is not taken downstream: it takes {taken}")
                    );
                }
            }
            // Where upstream pushes, it may have others to push to.
            gst::FlowError::NotLinked
                if parse.sink_pad().mode() == gst::PadMode::Pull && !pad.is_linked() =>
            {
                gst::element_imp_error!(
                    self,
                    gst::CoreError::Pad,
                    ("Nothing takes the frames: link the src pad, for example to lipsyncframes")
                );
            }
            _ => (),
        }
    }

    /// Drops what is left where the stream ends or breaks off, and says so. BaseParse would do it
    /// silently.
    fn drop_leftover(
        &self,
        stream: &Stream,
        mut frame: BaseParseFrame,
        bytes: u64,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let (has_output, refusal) = {
            let mut state = self.state.lock();
            state.timeline.consume(bytes);
            (state.has_output, state.refusal)
        };
        if !has_output {
            self.report_no_frame(bytes);
        } else if refusal.is_none() {
            let (info, frame_bytes) = (stream.info, stream.frame_bytes);
            let problem = format!("{bytes} bytes are left over after the last whole frame");
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("{problem}: {info} has {frame_bytes} bytes a frame. Where the stream was not cut \
                     off, width, height or format is wrong")
            );
        }
        frame.set_flags(BaseParseFrameFlags::DROP);
        self.obj().finish_frame(frame, bytes as u32)
    }

    /// Posts, once, that the stream ended after `bytes`, before there was a frame.
    fn report_no_frame(&self, bytes: u64) {
        if std::mem::replace(&mut self.state.lock().is_found_empty, true) {
            return;
        }
        // Where it is not known what a frame is, that is what has to be mended first.
        let Ok(stream) = self.stream() else { return };
        let (info, frame_bytes) = (stream.info, stream.frame_bytes);
        let problem = format!("The stream ended after {bytes} bytes, before there was a frame");
        gst::element_imp_error!(
            self,
            gst::StreamError::Format,
            ("{problem}: {info} has {frame_bytes} bytes a frame. Check what upstream sends, and \
                 the format and size")
        );
    }

    /// Says, once, that nothing is played backwards, if `segment` is to be.
    fn refuse_backwards(&self, segment: &gst::Segment) -> bool {
        let rate = segment.rate();
        let is_backwards = rate < 0.0;
        let was_backwards = std::mem::replace(&mut self.state.lock().is_backwards, is_backwards);
        if is_backwards && !was_backwards {
            gst::element_imp_error!(
                self,
                gst::StreamError::Failed,
                ("A segment of rate {rate} comes in, and frames are only sent forwards: seek \
                     with a rate above 0")
            );
        }
        is_backwards
    }

    /// What the stream is or will be cut into.
    fn describe(&self) -> Result<Stream, String> {
        if let Some(Ok(stream)) = self.state.lock().stream {
            return Ok(stream);
        }
        let settings = *self.settings.lock();
        let info = match self.input_caps() {
            Some(caps) => FloatVideoInfo::from_caps(&caps)?,
            None => self.info_of_properties(&settings)?,
        };
        Stream::new(info, settings.frames_per_buffer)
    }

    /// What the properties say, unless upstream says something else.
    fn info_of_properties(&self, settings: &Settings) -> Result<FloatVideoInfo, String> {
        let info = settings.info()?;
        let caps = info.to_caps();
        let sent = self.obj().sink_pad().peer_query_caps(None);
        if !sent.can_intersect(&caps) && !sent.can_intersect(&bytes_caps()) {
            return Err(format!(
                "The properties say {caps}, and upstream sends {sent}: set them to what comes, or \
                 let upstream's caps say all of it"
            ));
        }
        Ok(info)
    }

    /// What the stream is cut into. Announced downstream when it is first asked for.
    fn stream(&self) -> Result<Stream, gst::FlowError> {
        if let Some(stream) = self.state.lock().stream {
            return stream;
        }
        let stream = self.describe().map_err(|problem| {
            gst::element_imp_error!(self, gst::StreamError::Format, ("{problem}"));
            gst::FlowError::NotNegotiated
        });
        self.state.lock().stream = Some(stream);
        self.announce(&stream?);
        stream
    }

    /// Has BaseParse read whole buffers.
    fn set_least_read(&self, stream: &Stream) {
        let bytes = stream.buffer_bytes();
        self.obj().set_min_frame_size(bytes as u32);
    }

    /// Prepares BaseParse and downstream for what is to come.
    fn announce(&self, stream: &Stream) {
        self.set_least_read(stream);
        let parse = self.obj();
        // The first frame of a buffer waits for the last.
        let latency = stream.start(stream.frames_per_buffer - 1);
        let latency = latency.unwrap_or(ClockTime::ZERO);
        parse.set_latency(latency, latency);
        let caps = self.input_caps().unwrap_or_else(|| stream.info.to_caps());
        let pad = parse.src_pad();
        pad.push_event(gst::event::Caps::new(&caps));
    }

    /// Caps of the input, unless they are of bytes. A source that is read from, and does not
    /// send anything by itself, sends no caps either, and has to be asked.
    fn input_caps(&self) -> Option<gst::Caps> {
        if let Some(caps) = &self.state.lock().input {
            return Some(caps.clone());
        }
        let any_frames = gst::Caps::new_empty_simple(float_video::MEDIA_TYPE);
        let caps = self.obj().sink_pad().peer_query_caps(Some(&any_frames));
        (caps.is_fixed() && caps != any_frames).then_some(caps)
    }

    /// Takes the first `bytes` of `input`, without copying them.
    fn cut(&self, input: &gst::BufferRef, bytes: usize) -> Result<gst::Buffer, gst::FlowError> {
        use gst::BufferCopyFlags as Copy;
        use gst::BufferFlags as Flags;
        let mut buffer = input
            .copy_region(Copy::FLAGS | Copy::META | Copy::MEMORY, 0..bytes)
            .map_err(|error| {
                let problem = format!("{bytes} of {} bytes cannot be used: {error}", input.size());
                gst::element_imp_error!(self, gst::StreamError::Failed, ("{problem}"));
                gst::FlowError::Error
            })?;
        if let Some(buffer) = buffer.get_mut() {
            // Whatever the bytes were sent as, these are whole pictures.
            buffer.unset_flags(Flags::DELTA_UNIT | Flags::HEADER);
            if !self.state.lock().timeline.is_at_beginning() {
                buffer.unset_flags(Flags::RESYNC);
                buffer.foreach_meta_mut(|meta| {
                    let action = if METAS_OF_A_MOMENT.contains(&meta.api().name()) {
                        gst::buffer::BufferMetaForeachAction::Remove
                    } else {
                        gst::buffer::BufferMetaForeachAction::Keep
                    };
                    ControlFlow::Continue(action)
                });
            }
        }
        Ok(buffer)
    }

    /// Lets BaseParse know how long the stream is, if upstream knows. By itself, it would guess at
    /// it, and only after some seconds.
    fn announce_duration(&self, stream: &Stream) {
        if self.state.lock().is_timed {
            return;
        }
        let parse = self.obj();
        if let Some(bytes) = parse.sink_pad().peer_query_duration::<gst::format::Bytes>()
            && let Some(frames) = stream.frame(bytes.into())
        {
            parse.set_duration(gst::format::Default::from_u64(frames), 0);
        }
    }

    /// Sees to it that `event`, if it is a seek, goes to the beginning of a frame. `None` if that
    /// cannot be done.
    fn align_seek(&self, event: gst::Event) -> Option<gst::Event> {
        let gst::EventView::Seek(seek) = event.view() else {
            return Some(event);
        };
        let (rate, flags, start_type, start, stop_type, stop) = seek.get();
        let parse = self.obj();
        let is_pulling = parse.sink_pad().mode() == gst::PadMode::Pull;
        if rate < 0.0 {
            // BaseParse keeps all of it before it sends the first.
            gst::warning!(CAT, imp = self, "no seek with the negative rate {rate}");
            return None;
        }
        if self.stops_before_start(seek) {
            gst::warning!(CAT, imp = self, "no seek from {start:?} to {stop:?}");
            return None;
        }
        if self.state.lock().is_timed {
            return Some(event);
        }
        if start_type != gst::SeekType::Set {
            // Upstream would take it only in bytes, and start in the middle of a frame.
            return (start.format() != gst::Format::Bytes).then_some(event);
        }
        let stream = self.describe().ok()?;
        let frame = stream.frame(start)?;
        let offset = stream.offset(frame)?;
        if let Some(time) = stream.start(frame) {
            // BaseParse starts from what its index has before the position asked for, which can be
            // the beginning of the stream, and reads on from there.
            parse.add_index_entry(offset, time, true, true);
        }
        if start.format() != gst::Format::Bytes || is_pulling {
            return Some(event);
        }
        // Upstream answers it itself, and would start in the middle of a frame.
        let start = gst::format::Bytes::from_u64(offset).into();
        let seek = gst::event::Seek::builder::<gst::GenericFormattedValue>(
            rate, flags, start_type, start, stop_type, stop,
        );
        Some(seek.seqnum(event.seqnum()).build())
    }

    /// Whether `seek` stops before it starts, which is a critical to BaseParse.
    fn stops_before_start(&self, seek: &gst::event::Seek) -> bool {
        let (_, _, start_type, start, stop_type, stop) = seek.get();
        let stop = match stop_type {
            gst::SeekType::Set => stop,
            gst::SeekType::None if !self.state.lock().is_timed => {
                // It stays what it was. BaseParse::segment() would wait for a frame to be shown.
                let mut query = gst::query::Segment::new(gst::Format::Time);
                self.obj().src_pad().query(query.query_mut());
                query.result().2
            }
            _ => return false,
        };
        let start = self.convert(start, stop.format());
        let is_after =
            |start: gst::GenericFormattedValue| (0..start.value()).contains(&stop.value());
        start_type == gst::SeekType::Set && start.is_some_and(is_after)
    }
}
