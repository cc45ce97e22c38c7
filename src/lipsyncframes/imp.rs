//! GObject and BaseTransform: translates between GStreamer and the pixel path.

use super::batch::{Batch, Frame};
use super::caps;
use super::plausibility::Plausibility;
use super::qos::Qos;
use super::settings::{LipSyncFramesChannelOrder, LipSyncFramesLayout, Settings};
use super::stats::Stats;
use crate::common;
use crate::lock::Lock;
use crate::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use crate::media::{planes, tensors};

use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_base::subclass::{BaseTransformMode, base_transform::GenerateOutputSuccess};
use lipsyncframes_pixel::{Plan, Source, pool::MAX_THREADS};

use std::sync::LazyLock;
use std::time::Instant;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "lipsyncframes",
        gst::DebugColorFlags::empty(),
        Some("Float frames to 8-bit video"),
    )
});

/// What was negotiated, and the plan that follows from it.
struct Conversion {
    input: FloatVideoInfo,
    output: gst_video::VideoInfo,
    /// The settings that `plan` was made with
    settings: Settings,
    plan: Plan,
    plausibility: Plausibility,
}

impl Conversion {
    fn new(
        input: FloatVideoInfo,
        output: gst_video::VideoInfo,
        settings: Settings,
    ) -> Result<Self, String> {
        let source = Source {
            format: input.format,
            width: input.width,
            height: input.height,
            range: settings.range.into(),
        };
        let target = caps::target(&input, &output, settings.add_borders)?;
        let plan = Plan::new(source, target).map_err(|error| error.to_string())?;
        Ok(Self {
            input,
            output,
            settings,
            plan,
            plausibility: Plausibility::new(&input, settings.range),
        })
    }
}

/// What belongs to the streaming thread. It takes the parts out to work on them, so that no lock is
/// held while the pool works.
#[derive(Default)]
struct State {
    conversion: Option<Conversion>,
    batch: Option<Batch>,
    /// Input caps for which an error has been posted, empty ones where there were none. Upstream sends
    /// refused caps again with every event and buffer; the application need not hear of them again.
    refused: Option<gst::Caps>,
}

const STATS: &str = "stats";

glib::wrapper! {
    /// The element, for programs that register it statically; everybody else makes it by its name,
    /// `lipsyncframes`.
    pub struct LipSyncFrames(ObjectSubclass<Imp>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

impl LipSyncFrames {
    /// Counters since the element started; the [module's documentation](crate::lipsyncframes) lists
    /// them.
    pub fn stats(&self) -> gst::Structure {
        self.property(STATS)
    }
}

#[derive(glib::Properties)]
#[properties(wrapper_type = LipSyncFrames)]
pub struct Imp {
    /// What range the network's floats have. Can be changed while playing.
    #[property(
        name = "range", type = LipSyncFramesRange, member = range, get, set,
        nick = "Range",
        blurb = "Range of the float samples; what lies outside is clamped",
        default, mutable_playing
    )]
    /// Whether black borders keep the display aspect, instead of stretching. Can be changed while
    /// playing.
    #[property(
        name = "add-borders", type = bool, member = add_borders, get, set = Self::set_add_borders,
        nick = "Add borders",
        blurb = "Keep the display aspect with black borders instead of stretching",
        mutable_playing
    )]
    /// Most threads to convert a frame on, 0 to 16; 0 is one per core, at most 16. Can be changed
    /// while playing.
    #[property(
        name = "n-threads", type = u32, member = n_threads, get, set,
        nick = "Threads",
        blurb = "Most threads to convert a frame on (0 = one per core, at most 16)",
        maximum = MAX_THREADS as u32,
        mutable_playing
    )]
    /// Layout of tensors whose dimensions fit both. Not to be changed while playing.
    #[property(
        name = "layout", type = LipSyncFramesLayout, member = layout, get, set,
        nick = "Layout",
        blurb = "Layout of tensors (other/tensors) whose dimensions fit both",
        default, mutable_ready
    )]
    /// Order of the channels of tensors, whose caps do not say it. Not to be changed while playing.
    #[property(
        name = "channel-order", type = LipSyncFramesChannelOrder, member = channel_order, get, set,
        nick = "Channel order",
        blurb = "Order of the channels of tensors (other/tensors), whose caps do not say it",
        default, mutable_ready
    )]
    settings: Lock<Settings>,
    state: Lock<State>,
    qos: Lock<Qos>,
    stats: Lock<Stats>,
}

impl Default for Imp {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            settings: Lock::new(settings),
            state: Lock::default(),
            qos: Lock::default(),
            stats: Lock::new(Stats::new(settings.threads())),
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "GstLipSyncFrames";
    type Type = LipSyncFrames;
    type ParentType = gst_base::BaseTransform;
}

#[glib::derived_properties]
impl ObjectImpl for Imp {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let mut properties = Imp::derived_properties().to_vec();
            // Not derived, which a `gst::Structure` cannot be.
            properties.push(
                glib::ParamSpecBoxed::builder::<gst::Structure>(STATS)
                    .nick("Statistics")
                    .blurb(
                        "Counters since the element started: frames, batches, bytes-in, bytes-out, \
                         convert-time-total in ns, convert-time-p50 and convert-time-p99 in ns of \
                         the last 1024 frames, convert-time-counts of frames that took up to each \
                         of convert-time-bounds in ns, implausible-frames among the first ones \
                         (many samples NaN or far outside of the range), threads in use for a \
                         frame, backend",
                    )
                    .read_only()
                    .build(),
            );
            properties
        });
        &PROPERTIES
    }

    fn property(&self, id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == STATS {
            self.stats.lock().to_structure().to_value()
        } else {
            self.derived_property(id, pspec)
        }
    }
}

impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Lip-sync frames to video",
                "Filter/Converter/Video/Scaler",
                "Converts the float frames of lip-sync and talking-head networks, one or more \
                 to a buffer, to scaled 8-bit video, by default RGBA or I420 of 320x320",
                "The lipsyncframes authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            common::pad_templates(caps::input_template(), caps::output_template())
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for Imp {
    const MODE: BaseTransformMode = BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let threads = self.settings.lock().threads();
        common::start_thread_pool(threads)?;
        *self.stats.lock() = Stats::new(threads);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        *self.qos.lock() = Qos::default();
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let other = if direction == gst::PadDirection::Sink {
            caps::output_caps(caps)
        } else {
            caps::input_caps(caps)
        };
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
            None => other,
        })
    }

    fn fixate_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        othercaps: gst::Caps,
    ) -> gst::Caps {
        if direction != gst::PadDirection::Sink {
            return self.parent_fixate_caps(direction, caps, othercaps);
        }
        // Without a peer, BaseTransform proposes our own input caps for the output.
        let candidates = if othercaps.can_intersect(&caps::output_template()) {
            othercaps
        } else {
            caps::output_caps(caps)
        };
        self.fixate_output(caps, &candidates)
            .unwrap_or_else(gst::Caps::new_empty)
    }

    /// Any float frames or tensors at all are let in, so that `sink_event` can say what is wrong with them.
    /// All that the application would hear otherwise is "not-negotiated".
    fn accept_caps(&self, direction: gst::PadDirection, caps: &gst::Caps) -> bool {
        let is_known = caps.structure(0).is_some_and(|structure| {
            [float_video::MEDIA_TYPE, tensors::MEDIA_TYPE].contains(&structure.name().as_str())
        });
        (direction == gst::PadDirection::Sink && is_known)
            || self.parent_accept_caps(direction, caps)
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let settings = *self.settings.lock();
        let conversion = caps::input_info(incaps, settings.reading()).and_then(|input| {
            let output = gst_video::VideoInfo::from_caps(outcaps)
                .map_err(|_| format!("output caps {outcaps} are no video frames"))?;
            Conversion::new(input, output, settings)
        });
        let mut state = self.state.lock();
        match conversion {
            Ok(conversion) => {
                let threads = conversion.plan.threads(settings.threads());
                state.conversion = Some(conversion);
                state.refused = None;
                self.stats.lock().set_threads(threads);
                Ok(())
            }
            Err(problem) => {
                drop(state);
                gst::element_imp_error!(self, gst::CoreError::Negotiation, ("{problem}"));
                Err(gst::loggable_error!(CAT, "{problem}"))
            }
        }
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Caps(caps_event) => {
                let caps = caps_event.caps_owned();
                // The conversion stays: BaseTransform does not call set_caps for caps that are
                // the same again.
                self.state.lock().batch = None;
                let is_set = self.input_info(&caps).is_ok() && self.parent_sink_event(event);
                if is_set {
                    self.state.lock().refused = None;
                } else {
                    self.explain_refusal(caps);
                }
                is_set
            }
            gst::EventView::FlushStop(_) => {
                self.state.lock().batch = None;
                *self.qos.lock() = Qos::default();
                self.parent_sink_event(event)
            }
            _ => self.parent_sink_event(event),
        }
    }

    fn src_event(&self, event: gst::Event) -> bool {
        match event.view() {
            // BaseTransform must not hear of it, or it drops whole batches.
            gst::EventView::Qos(qos) => {
                self.qos.lock().update(qos);
                self.obj().sink_pad().push_event(event)
            }
            _ => self.parent_src_event(event),
        }
    }

    /// Sees to it that there is a pool of whole video frames, downstream's or our own. The parent
    /// class configures it.
    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        let (Some(caps), _) = query.get_owned() else {
            return Err(gst::loggable_error!(CAT, "ALLOCATION query without caps"));
        };
        let info = gst_video::VideoInfo::from_caps(&caps)
            .map_err(|_| gst::loggable_error!(CAT, "no video frames: {caps}"))?;
        let frame_bytes = info.size() as u32;
        let offered = query.allocation_pools().next();
        let is_offered = offered.is_some();
        let (pool, size, min, max) = offered.unwrap_or((None, frame_bytes, 0, 0));
        let pool = pool.unwrap_or_else(|| gst_video::VideoBufferPool::new().upcast());
        let size = size.max(frame_bytes);

        let strides_are_understood = query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some();
        let option = gst_video::BUFFER_POOL_OPTION_VIDEO_META.as_str();
        if strides_are_understood && pool.has_option(option) {
            let mut config = pool.config();
            config.set_params(Some(&caps), size, min, max);
            config.add_option(option);
            if let Err(error) = pool.set_config(config) {
                gst::debug!(CAT, imp = self, "pool without video meta: {error}");
            }
        }
        if is_offered {
            query.set_nth_allocation_pool(0, Some(&pool), size, min, max);
        } else {
            query.add_allocation_pool(Some(&pool), size, min, max);
        }
        self.parent_decide_allocation(query)
    }

    fn submit_input_buffer(
        &self,
        is_discont: bool,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let result = self.parent_submit_input_buffer(is_discont, buffer);
        if result == Err(gst::FlowError::NotNegotiated) {
            self.explain_current_refusal();
        }
        result
    }

    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        if let Some(buffer) = self.take_queued_buffer() {
            // What is left of a batch whose frames downstream did not take goes with it.
            self.state.lock().batch = None;
            let batch = self.open_batch(buffer)?;
            self.state.lock().batch = Some(batch);
        } else if self.state.lock().batch.is_some() && !self.obj().reconfigure() {
            // BaseTransform renegotiates between buffers only; a batch can be a second long.
            if self.is_flushing() {
                return Err(gst::FlowError::Flushing);
            }
            self.explain_current_refusal();
            return Err(gst::FlowError::NotNegotiated);
        }

        let (conversion, batch) = {
            let mut state = self.state.lock();
            (state.conversion.take(), state.batch.take())
        };
        let Some(mut batch) = batch else {
            self.state.lock().conversion = conversion;
            return Ok(GenerateOutputSuccess::NoOutput);
        };
        let mut conversion = conversion.ok_or(gst::FlowError::NotNegotiated)?;
        let output = loop {
            match batch.next_frame() {
                Some(frame) if self.drop_late_frame(&frame) => {}
                Some(frame) => break self.convert_frame(&mut conversion, &frame),
                None => {
                    self.state.lock().conversion = Some(conversion);
                    return Ok(GenerateOutputSuccess::NoOutput);
                }
            }
        };
        let mut state = self.state.lock();
        state.conversion = Some(conversion);
        let output = output?;
        state.batch = Some(batch);
        // BaseTransform does not call set_caps where downstream asks for what it had before.
        state.refused = None;
        Ok(GenerateOutputSuccess::Buffer(output))
    }
}

impl Imp {
    fn set_add_borders(&self, add_borders: bool) {
        self.settings.lock().add_borders = add_borders;
        // The output's pixel-aspect-ratio depends on it.
        self.obj().reconfigure_src();
    }

    fn input_info(&self, caps: &gst::CapsRef) -> Result<FloatVideoInfo, String> {
        caps::input_info(caps, self.settings.lock().reading())
    }

    fn fixate_output(&self, caps: &gst::CapsRef, candidates: &gst::CapsRef) -> Option<gst::Caps> {
        let input = self.input_info(caps).ok()?;
        let add_borders = self.settings.lock().add_borders;
        caps::fixate(&input, candidates, add_borders)
    }

    fn is_flushing(&self) -> bool {
        let flags = self.obj().src_pad().pad_flags();
        flags.contains(gst::PadFlags::FLUSHING)
    }

    /// Posts why the input's caps cannot be renegotiated, or that there are none.
    fn explain_current_refusal(&self) {
        if let Some(caps) = self.obj().sink_pad().current_caps() {
            self.explain_refusal(caps);
        } else if self.state.lock().refused.is_none() {
            let problem = common::no_caps("floatvideoparse width=WIDTH height=HEIGHT");
            gst::element_imp_error!(self, gst::StreamError::Format, ("{problem}"));
            self.state.lock().refused = Some(gst::Caps::new_empty());
        }
    }

    /// Posts why `caps` could not be negotiated, if it is because of them or of what downstream
    /// takes, and has not been posted yet. Other reasons, such as a downstream that is being
    /// flushed, are no errors or have been posted where they were met.
    fn explain_refusal(&self, caps: gst::Caps) {
        if self.state.lock().refused.as_ref() == Some(&caps) {
            return;
        }
        if let Err(problem) = self.input_info(&caps) {
            gst::element_imp_error!(self, gst::StreamError::Format, ("{problem}"));
        } else {
            if self.is_flushing() {
                return;
            }
            let possible = caps::output_caps(&caps);
            let taken = self.obj().src_pad().peer_query_caps(None);
            let candidates = taken.intersect(&possible);
            if self.fixate_output(&caps, &candidates).is_some() {
                return;
            }
            gst::element_imp_error!(
                self,
                gst::CoreError::Negotiation,
                ("Nothing that can be made of {caps} is taken downstream: it takes {taken}"),
                [
                    "possible are {possible}, with a full-range colorimetry where the format is \
                     one of RGB, with chroma-site=jpeg and a colorimetry of BT.601 or BT.709 where \
                     it is I420 or NV12"
                ]
            );
        }
        self.state.lock().refused = Some(caps);
    }

    fn open_batch(&self, buffer: gst::Buffer) -> Result<Batch, gst::FlowError> {
        let input = match &self.state.lock().conversion {
            Some(conversion) => conversion.input,
            None => return Err(gst::FlowError::NotNegotiated),
        };
        let rate = self.obj().segment().rate();
        let batch = Batch::new(buffer, &input, rate).map_err(|problem| {
            gst::element_imp_error!(self, gst::StreamError::Format, ("Got {problem}"));
            gst::FlowError::Error
        })?;
        self.stats.lock().count_batch();
        Ok(batch)
    }

    /// Whether a frame is too late to be converted; then downstream's QoS is answered.
    fn drop_late_frame(&self, frame: &Frame) -> bool {
        if !self.obj().is_qos() {
            return false;
        }
        let processed = self.stats.lock().frames();
        let message = self.qos.lock().drop_late_frame(
            frame.pts,
            frame.duration,
            &self.obj().segment(),
            processed,
        );
        let Some(message) = message else {
            return false;
        };
        // Fails where there is no bus.
        let _ = self.post_message(message.src(&*self.obj()).build());
        true
    }

    fn convert_frame(
        &self,
        conversion: &mut Conversion,
        frame: &Frame,
    ) -> Result<gst::Buffer, gst::FlowError> {
        self.follow_settings(conversion)?;
        if let Err(problem) = conversion.plausibility.check(frame.data) {
            self.warn_once(&problem);
        }
        let mut buffer = self.acquire_buffer()?;
        let output = buffer.get_mut().ok_or_else(|| {
            self.fail("The buffer pool gave a buffer that somebody else holds".into())
        })?;
        let began = Instant::now();
        self.convert_pixels(conversion, frame.data, output)?;
        let convert_time = began.elapsed();
        frame.copy_metadata(output);
        if self.qos.lock().take_discont() {
            output.set_flags(gst::BufferFlags::DISCONT);
        }
        self.stats
            .lock()
            .count_frame(frame.data.len(), output.size(), convert_time);
        Ok(buffer)
    }

    /// Counts an implausible frame, and posts what is wrong with it if it is the first.
    fn warn_once(&self, problem: &str) {
        if self.stats.lock().count_implausible() == 1 {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("The frames do not look like what they are said to be: {problem}")
            );
        }
    }

    /// Makes a new plan if a property that it depends on has changed since the last frame.
    fn follow_settings(&self, conversion: &mut Conversion) -> Result<(), gst::FlowError> {
        let settings = *self.settings.lock();
        if settings == conversion.settings {
            return Ok(());
        }
        conversion.settings.n_threads = settings.n_threads;
        if settings != conversion.settings {
            let (input, output) = (conversion.input, conversion.output.clone());
            *conversion =
                Conversion::new(input, output, settings).map_err(|problem| self.fail(problem))?;
        }
        self.stats
            .lock()
            .set_threads(conversion.plan.threads(settings.threads()));
        Ok(())
    }

    fn acquire_buffer(&self) -> Result<gst::Buffer, gst::FlowError> {
        let Some(pool) = self.obj().buffer_pool() else {
            // BaseTransform takes it away when it stops.
            return Err(gst::FlowError::Flushing);
        };
        pool.set_active(true)
            .map_err(|error| self.fail(format!("The buffer pool cannot be activated: {error}")))?;
        pool.acquire_buffer(None).map_err(|error| match error {
            gst::FlowError::Error => self.fail("The buffer pool has no buffer to give".into()),
            error => error,
        })
    }

    fn convert_pixels(
        &self,
        conversion: &mut Conversion,
        source: &[u8],
        output: &mut gst::BufferRef,
    ) -> Result<(), gst::FlowError> {
        let Conversion {
            output: info,
            settings,
            plan,
            ..
        } = conversion;
        planes::write(output, info, |planes| {
            plan.convert(source, planes, settings.threads())
        })
        .map_err(|problem| self.fail(format!("The output buffer cannot be written: {problem}")))?
        .map_err(|error| self.fail(format!("A frame cannot be converted: {error}")))
    }

    /// Posts an element error, and returns what ends the stream.
    fn fail(&self, problem: String) -> gst::FlowError {
        gst::element_imp_error!(self, gst::StreamError::Failed, ("{problem}"));
        gst::FlowError::Error
    }
}
