//! GObject and BaseTransform: translates between GStreamer and the pixel path.

use crate::common;
use crate::lock::Lock;
use crate::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use crate::media::raw_video;

use gst::glib;
use gst::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo};
use lipsyncframes_pixel::{ToFloat, pool};

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
        let plan = ToFloat::new(format, width, height, output.format, range.into())
            .map_err(|error| error.to_string())?;
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

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let range = self.settings.lock().range;
        let conversion = VideoInfo::from_caps(incaps)
            .map_err(|_| format!("input caps {incaps} are no video frames"))
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
        if query.allocation_pools().next().is_none()
            && let (Some(caps), _) = query.get_owned()
            && let Some(frame_bytes) = self.unit_size(&caps).and_then(|n| u32::try_from(n).ok())
        {
            query.add_allocation_pool(Some(&gst::BufferPool::new()), frame_bytes, 0, 0);
        }
        self.parent_decide_allocation(query)
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
    let frame = VideoFrameRef::from_buffer_ref_readable(input, &conversion.input)
        .map_err(|_| format!("A buffer of {} bytes is no video frame", input.size()))?;
    let pixels = frame
        .plane_data(0)
        .map_err(|error| format!("The input cannot be read: {error}"))?;
    let stride = frame.plane_stride().first().copied().unwrap_or(0);
    let stride = usize::try_from(stride)
        .map_err(|_| format!("A stride of {stride} bytes: expected a positive one"))?;
    let mut floats = output
        .map_writable()
        .map_err(|error| format!("The output buffer cannot be written: {error}"))?;
    let threads = pool::threads(settings.n_threads);
    conversion
        .plan
        .convert(pixels, stride, &mut floats, threads)
        .map_err(|error| format!("A frame cannot be converted: {error}"))
}
