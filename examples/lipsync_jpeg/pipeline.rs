//! The pipeline: `appsrc ! lipsyncframes ! capsfilter ! queue ! encoder ! appsink`.

use crate::options::Options;
use gst::glib;
use gst::prelude::*;
use std::sync::{Arc, OnceLock};

/// Debian's package for elements whose name begins so.
const PACKAGES: [(&str, &str); 16] = [
    ("aom", "gstreamer1.0-plugins-bad"),
    ("avenc_", "gstreamer1.0-libav"),
    ("jpeg", "gstreamer1.0-plugins-good"),
    ("nv", "gstreamer1.0-plugins-bad (and NVIDIA's driver)"),
    ("openh264enc", "gstreamer1.0-plugins-bad"),
    ("openjpegenc", "gstreamer1.0-plugins-bad"),
    ("png", "gstreamer1.0-plugins-good"),
    ("svtav1enc", "gstreamer1.0-plugins-bad"),
    ("theoraenc", "gstreamer1.0-plugins-base"),
    ("vaapi", "gstreamer1.0-vaapi"),
    ("va", "gstreamer1.0-plugins-bad (and a VA-API driver)"),
    ("vp8enc", "gstreamer1.0-plugins-good"),
    ("vp9enc", "gstreamer1.0-plugins-good"),
    ("webpenc", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("x265enc", "gstreamer1.0-plugins-bad"),
];

pub struct Pipeline {
    pub pipeline: gst::Pipeline,
    pub bus: gst::Bus,
    pub appsrc: gst_app::AppSrc,
    pub lipsyncframes: gst::Element,
    pub appsink: gst_app::AppSink,
}

impl Pipeline {
    /// A pipeline for frames of `caps`, which come in buffers of `batch_bytes`.
    pub fn new(options: &Options, caps: &gst::Caps, batch_bytes: u64) -> Result<Self, String> {
        // One batch waits here while one is being converted and one is being read: memory does not
        // grow with the clip.
        let appsrc = gst_app::AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            .block(true)
            .max_bytes(batch_bytes)
            .build();
        let lipsyncframes = make_element("lipsyncframes")?;
        lipsyncframes.set_property("range", options.range);
        lipsyncframes.set_property("add-borders", options.add_borders);
        lipsyncframes.set_property("n-threads", options.threads);

        let (width, height) = options.size;
        let size = gst::Caps::builder("video/x-raw")
            .field("width", width)
            .field("height", height)
            .build();
        let capsfilter = make_element("capsfilter")?;
        capsfilter.set_property("caps", size);

        // A frame is encoded while the next ones are converted.
        let queue = make_element("queue")?;
        queue.set_property("max-size-buffers", 4u32);
        queue.set_property("max-size-bytes", 0u32);
        queue.set_property("max-size-time", 0u64);

        let description = options.encoder();
        let encoder = make_elements(&description)
            .map_err(|problem| format!("--encoder {description:?}: {problem}"))?;
        let appsink = gst_app::AppSink::builder()
            .caps(&accepted_caps(&encoder))
            .sync(false)
            .enable_last_sample(false)
            .build();

        let pipeline = gst::Pipeline::new();
        let elements = [
            appsrc.upcast_ref(),
            &lipsyncframes,
            &capsfilter,
            &queue,
            &encoder,
            appsink.upcast_ref(),
        ];
        pipeline
            .add_many(elements)
            .and_then(|()| gst::Element::link_many(elements))
            .map_err(|_| {
                format!(
                    "--encoder {description:?} cannot follow lipsyncframes: expected one that takes \
                     video/x-raw in RGBA, I420, NV12, RGBx, BGRA, BGRx, RGB or BGR"
                )
            })?;
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
        Ok(Self {
            pipeline,
            bus,
            appsrc,
            lipsyncframes,
            appsink,
        })
    }
}

/// Makes an element, or says where it can be had.
pub fn make_element(name: &str) -> Result<gst::Element, String> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| describe_missing(name))
}

/// What an error on the bus says, with the details that the element gives.
pub fn describe_error(error: &gst::message::Error) -> String {
    let message = error.error();
    match error.debug() {
        Some(debug) => format!("{message}\n{debug}"),
        None => message.to_string(),
    }
}

/// Makes a bin of elements in a row, as gst-launch-1.0 would take them.
pub fn make_elements(description: &str) -> Result<gst::Element, String> {
    let mut context = gst::ParseContext::new();
    let parse = || {
        let flags = gst::ParseFlags::FATAL_ERRORS;
        gst::parse::bin_from_description_full(description, true, Some(&mut context), flags)
    };
    let (elements, warning) = with_warning(parse);
    let elements = elements.map_err(|error| {
        let missing = context.missing_elements();
        // An element is listed as missing also where it has no such property.
        match missing.first() {
            Some(name) if error.matches(gst::ParseError::NoSuchElement) => describe_missing(name),
            _ => error.to_string(),
        }
    })?;
    if let Some(warning) = warning {
        return Err(format!(
            "{warning}; gst-inspect-1.0 ELEMENT says what its properties can be"
        ));
    }
    if elements.static_pad("sink").is_none() || elements.static_pad("src").is_none() {
        return Err(
            "expected elements with one input and one output that are not linked yet".into(),
        );
    }
    Ok(elements)
}

/// Sets properties with `set`. What GLib only warns of, and goes on with the default, is returned: the
/// first value that is out of its property's range.
fn with_warning<T>(set: impl FnOnce() -> T) -> (T, Option<String>) {
    const GOBJECT: Option<&str> = Some("GLib-GObject");
    let first = Arc::new(OnceLock::new());
    let seen = first.clone();
    let handler = glib::log_set_handler(
        GOBJECT,
        // The latter since GLib 2.76.
        glib::LogLevels::LEVEL_WARNING | glib::LogLevels::LEVEL_CRITICAL,
        false,
        false,
        move |_, _, message| {
            let _ = seen.set(message.to_owned());
        },
    );
    let result = set();
    glib::log_remove_handler(GOBJECT, handler);
    (result, first.get().cloned())
}

fn describe_missing(element: &str) -> String {
    let known = PACKAGES
        .iter()
        .find(|(prefix, _)| element.starts_with(prefix));
    match known {
        Some((_, package)) => format!(
            "the GStreamer element {element} is not installed; on Debian and Ubuntu it is in the \
             package {package}"
        ),
        None => format!(
            "there is no GStreamer element {element} here: is it spelt as gst-inspect-1.0 lists \
             it? Packages with plugins are found by: apt-file search gstreamer-1.0/libgst"
        ),
    }
}

/// What to ask of the encoder: anything, but H.264 and H.265 in the form that makes sense in a file
/// of its own.
fn accepted_caps(encoder: &gst::Element) -> gst::Caps {
    let mut caps = encoder
        .static_pad("src")
        .map_or_else(gst::Caps::new_any, |pad| pad.query_caps(None));
    for structure in caps.make_mut().iter_mut() {
        if matches!(structure.name().as_str(), "video/x-h264" | "video/x-h265") {
            structure.set("stream-format", "byte-stream");
        }
    }
    caps
}
