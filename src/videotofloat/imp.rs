//! GObject and BaseTransform: translates between GStreamer and the pixel path.

use crate::common;
use crate::lock::Lock;
use crate::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use crate::media::{planes, raw_video};

use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_base::subclass::prelude::*;
use gst_video::{VideoColorRange, VideoFormat, VideoInfo};
use lipsyncframes_pixel::{Quantization, ToFloat, pool};

use std::sync::LazyLock;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "videotofloat",
        gst::DebugColorFlags::empty(),
        Some("8-bit video to float frames"),
    )
});

/// What can be converted, in the order of preference: without alpha first.
const FORMATS: [VideoFormat; 6] = [
    VideoFormat::Bgr,
    VideoFormat::Rgb,
    VideoFormat::Bgrx,
    VideoFormat::Rgbx,
    VideoFormat::Bgra,
    VideoFormat::Rgba,
];

/// Fields that float frames have in common with the video they are made of.
const COMMON_FIELDS: [&str; 4] = ["width", "height", "framerate", "pixel-aspect-ratio"];

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Settings {
    range: LipSyncFramesRange,
    n_threads: u32,
}

/// What was negotiated, and the plan that follows from it.
struct Conversion {
    input: VideoInfo,
    output: FloatVideoInfo,
    /// The range that `plan` was made with
    range: LipSyncFramesRange,
    plan: ToFloat,
}

impl Conversion {
    fn new(
        input: VideoInfo,
        output: FloatVideoInfo,
        range: LipSyncFramesRange,
    ) -> Result<Self, String> {
        let format = raw_video::pixel_format(input.format())?;
        let (width, height) = (input.width(), input.height());
        if (width, height) != (output.width, output.height) {
            let (output_width, output_height) = (output.width, output.height);
            return Err(format!(
                "{width}x{height} to {output_width}x{output_height}: expected the same size"
            ));
        }
        let mut plan = ToFloat::new(format, width, height, output.format, range.into())
            .map_err(|error| error.to_string())?;
        if input.colorimetry().range() == VideoColorRange::Range16_235 {
            plan = plan.with_quantization(Quantization::Limited);
        }
        Ok(Self {
            input,
            output,
            range,
            plan,
        })
    }
}

glib::wrapper! {
    /// The element, for programs that register it statically; everybody else makes it by its name,
    /// `videotofloat`.
    pub struct VideoToFloat(ObjectSubclass<Imp>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

#[derive(Default, glib::Properties)]
#[properties(wrapper_type = VideoToFloat)]
pub struct Imp {
    /// What range the floats have. Can be changed while playing.
    #[property(
        name = "range", type = LipSyncFramesRange, member = range, get, set,
        nick = "Range",
        blurb = "Range of the float samples",
        default, mutable_playing
    )]
    /// Most threads to convert a frame on, 0 to 16; 0 is one per core, at most 16. Can be changed
    /// while playing.
    #[property(
        name = "n-threads", type = u32, member = n_threads, get, set,
        nick = "Threads",
        blurb = "Most threads to convert a frame on (0 = one per core, at most 16)",
        maximum = pool::MAX_THREADS as u32,
        mutable_playing
    )]
    settings: Lock<Settings>,
    conversion: Lock<Option<Conversion>>,
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "GstVideoToFloat";
    type Type = VideoToFloat;
    type ParentType = gst_base::BaseTransform;
}

#[glib::derived_properties]
impl ObjectImpl for Imp {}

impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Video to float frames",
                "Filter/Converter/Video",
                "Converts 8-bit RGB video to float frames of the same size, as networks take them",
                "The lipsyncframes authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| common::pad_templates(video_template(), float_video::template_caps()));
        &TEMPLATES
    }
}

fn video_template() -> gst::Caps {
    gst::Caps::from(raw_video::structure(FORMATS))
}

/// Reads input caps.
///
/// # Errors
///
/// A sentence that names the field, its value and what was expected.
fn video_info(caps: &gst::CapsRef) -> Result<VideoInfo, String> {
    float_video::in_system_memory(caps)
        .and_then(float_video::whole_pictures)
        .map_err(|problem| {
            format!("{problem}, in caps {caps}; deinterlace and glviewconvert make such video")
        })?;
    VideoInfo::from_caps(caps).map_err(|_| format!("input caps {caps} are no video frames"))
}

impl BaseTransformImpl for Imp {
    const MODE: BaseTransformMode = BaseTransformMode::NeverInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let threads = pool::threads(self.settings.lock().n_threads);
        common::start_thread_pool(threads)
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.conversion.lock() = None;
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let template = if direction == gst::PadDirection::Sink {
            float_video::template_caps()
        } else {
            video_template()
        };
        let mut other = gst::Caps::new_empty();
        for structure in caps.iter() {
            for template in template.iter() {
                let mut result = template.to_owned();
                if direction == gst::PadDirection::Src {
                    result.set("interlace-mode", "progressive");
                    result.set("multiview-mode", gst::List::new(float_video::ONE_VIEW));
                }
                for field in COMMON_FIELDS {
                    if let Ok(value) = structure.value(field) {
                        result.set_value(field, value.clone());
                    }
                }
                other.merge_structure(result);
            }
        }
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(&other, gst::CapsIntersectMode::First),
            None => other,
        })
    }

    /// What the query for caps lists is expected by elements that can choose. Caps that do not say
    /// what it lists, or that say otherwise, come to `set_caps`, which can say what is wrong with them.
    fn accept_caps(&self, direction: gst::PadDirection, caps: &gst::Caps) -> bool {
        (direction == gst::PadDirection::Sink && caps.is_subset(&video_template()))
            || self.parent_accept_caps(direction, caps)
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let range = self.settings.lock().range;
        let conversion = video_info(incaps)
            .and_then(|input| {
                let output = FloatVideoInfo::from_caps(outcaps)?;
                Conversion::new(input, output, range)
            })
            .map_err(|problem| {
                gst::element_imp_error!(self, gst::CoreError::Negotiation, ("{problem}"));
                gst::loggable_error!(CAT, "{problem}")
            })?;
        *self.conversion.lock() = Some(conversion);
        Ok(())
    }

    fn unit_size(&self, caps: &gst::Caps) -> Option<usize> {
        // In this order: VideoInfo takes any media type, and gives 0 bytes for what it does not know.
        match FloatVideoInfo::from_caps(caps) {
            Ok(info) => Some(info.frame_bytes()),
            Err(_) => Some(VideoInfo::from_caps(caps).ok()?.size()),
        }
    }

    /// The input's size depends on its strides, the output's does not.
    fn transform_size(
        &self,
        _direction: gst::PadDirection,
        _caps: &gst::Caps,
        _size: usize,
        othercaps: &gst::Caps,
    ) -> Option<usize> {
        self.unit_size(othercaps)
    }

    /// Rows with padding are understood, so that decoders need not copy their frames.
    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
        self.parent_propose_allocation(decide_query, query)
    }

    /// Sees to it that there is a pool: float frames are large.
    fn decide_allocation(
        &self,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        if let (Some(caps), _) = query.get_owned()
            && let Some(frame_bytes) = self.unit_size(&caps).and_then(|n| u32::try_from(n).ok())
        {
            match query.allocation_pools().next() {
                None => query.add_allocation_pool(Some(&gst::BufferPool::new()), frame_bytes, 0, 0),
                Some((pool, size, min, max)) => {
                    let pool = pool.unwrap_or_default();
                    let size = size.max(frame_bytes);
                    query.set_nth_allocation_pool(0, Some(&pool), size, min, max);
                }
            }
        }
        self.parent_decide_allocation(query)
    }

    fn submit_input_buffer(
        &self,
        is_discont: bool,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let result = self.parent_submit_input_buffer(is_discont, buffer);
        let has_caps = self.obj().sink_pad().has_current_caps();
        if result == Err(gst::FlowError::NotNegotiated) && !has_caps {
            let problem = common::no_caps("rawvideoparse format=FORMAT width=WIDTH height=HEIGHT");
            gst::element_imp_error!(self, gst::StreamError::Format, ("{problem}"));
        }
        result
    }

    fn transform(
        &self,
        input: &gst::Buffer,
        output: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let settings = *self.settings.lock();
        let mut conversion = self.conversion.lock().take();
        let result = match &mut conversion {
            Some(conversion) => convert(conversion, settings, input, output).map_err(|problem| {
                gst::element_imp_error!(self, gst::StreamError::Failed, ("{problem}"));
                gst::FlowError::Error
            }),
            None => Err(gst::FlowError::NotNegotiated),
        };
        *self.conversion.lock() = conversion;
        result.map(|()| gst::FlowSuccess::Ok)
    }
}

/// # Errors
///
/// A sentence about what is wrong with the buffers.
fn convert(
    conversion: &mut Conversion,
    settings: Settings,
    input: &gst::BufferRef,
    output: &mut gst::BufferRef,
) -> Result<(), String> {
    if settings.range != conversion.range {
        let (input, output) = (conversion.input.clone(), conversion.output);
        *conversion = Conversion::new(input, output, settings.range)?;
    }
    let frame_bytes = conversion.output.frame_bytes();
    if output.size() < frame_bytes {
        let bytes = output.size();
        return Err(format!(
            "The pool gave a buffer of {bytes} bytes: expected {frame_bytes}, one frame"
        ));
    }
    // A buffer's size says how many float frames it holds.
    output.set_size(frame_bytes);
    let mut floats = output
        .map_writable()
        .map_err(|error| format!("The output buffer cannot be written: {error}"))?;
    let threads = pool::threads(settings.n_threads);
    let (plan, info) = (&mut conversion.plan, &conversion.input);
    planes::read(input, info, |pixels, stride| {
        plan.convert(pixels, stride, &mut floats, threads)
    })
    .map_err(|problem| format!("A buffer is no video frame: {problem}"))?
    .map_err(|error| format!("A frame cannot be converted: {error}"))
}
