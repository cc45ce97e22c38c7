//! A pipeline inside the process: `appsrc ! lipsyncframes ! encoder ! appsink`.

use crate::config::{Encoding, Fit, StreamConfig};
use gst::glib;
use gst::prelude::*;
use gstlipsyncframes::media::float_video::{FloatVideoInfo, LipSyncFramesRange};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tracing::warn;

/// What comes out of a pipeline.
pub enum Output<'a, T> {
    /// A JPEG, and the ticket that its frame went in with
    Jpeg(&'a [u8], T),
    /// The last output: all is done.
    End,
    /// The last output: nothing more will come.
    Failed,
}

/// Frames that are received for a pipeline and not converted yet. The fewer there are, the more of them
/// are still in the cache when they are converted.
pub const CONVERTING: usize = 3;

/// Makes JPEGs of float frames. Every frame goes in with a ticket, which comes out with its JPEG.
pub struct JpegPipeline<T> {
    pipeline: gst::Pipeline,
    appsrc: gst_app::AppSrc,
    lipsyncframes: gst::Element,
    shape: Shape,
    inside: Arc<Inside<T>>,
}

/// What pictures are like for frames of some size.
#[derive(Clone)]
struct Shape {
    capsfilter: gst::Element,
    config: Arc<Mutex<StreamConfig>>,
}

/// What the streaming threads share with whoever feeds the pipeline.
struct Inside<T> {
    tickets: Mutex<VecDeque<T>>,
    failure: OnceLock<String>,
}

impl<T: Send + 'static> JpegPipeline<T> {
    /// Starts a pipeline. It calls `on_output` on a thread of its own, which must not wait there.
    ///
    /// # Errors
    ///
    /// A sentence about an element that is missing or does not start.
    pub fn start(
        encoding: &Encoding,
        config: &StreamConfig,
        on_output: impl Fn(Output<T>) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        // How much waits in appsrc is limited by who feeds it, in frames.
        let description = format!(
            "appsrc name=source format=time max-bytes=0 \
             ! lipsyncframes name=lipsyncframes n-threads={} \
             ! capsfilter name=shape ! {} \
             ! appsink name=sink caps=image/jpeg sync=false enable-last-sample=false",
            encoding.threads, encoding.encoder
        );
        let pipeline = gst::parse::launch(&description)
            .map_err(|error| format!("{error}, in {description}"))?
            .downcast::<gst::Pipeline>()
            .map_err(|_| format!("no pipeline: {description}"))?;
        let appsrc = element(&pipeline, "source")?;
        let appsink: gst_app::AppSink = element(&pipeline, "sink")?;
        let lipsyncframes: gst::Element = element(&pipeline, "lipsyncframes")?;
        let shape = Shape {
            capsfilter: element(&pipeline, "shape")?,
            config: Arc::new(Mutex::new(*config)),
        };
        shape.follow(&lipsyncframes)?;
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;

        let inside = Arc::new(Inside {
            tickets: Mutex::default(),
            failure: OnceLock::new(),
        });
        let on_output = Arc::new(on_output);
        collect(&appsink, inside.clone(), on_output.clone());
        watch(&bus, inside.clone(), on_output);
        let started = Self {
            pipeline,
            appsrc,
            lipsyncframes,
            shape,
            inside,
        };
        started.set_shape(config);
        started
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(|error| started.failure().unwrap_or_else(|| error.to_string()))?;
        Ok(started)
    }

    /// Frames that go in from now on are of this kind.
    pub fn set_input(&self, info: &FloatVideoInfo) {
        self.appsrc.set_caps(Some(&info.to_caps()));
    }

    /// The range of the floats, also of those that are inside already.
    pub fn set_range(&self, range: LipSyncFramesRange) {
        self.lipsyncframes.set_property("range", range);
    }

    /// What pictures are like, from the next frame on that is converted.
    pub fn set_shape(&self, config: &StreamConfig) {
        *lock(&self.shape.config) = *config;
        let borders = config.fit == Fit::Borders;
        self.lipsyncframes.set_property("add-borders", borders);
        let input = self.lipsyncframes.static_pad("sink");
        if let Some(caps) = input.and_then(|pad| pad.current_caps()) {
            self.shape.set(&caps);
        }
    }

    /// Puts one frame in. Two threads must not do so at a time: tickets have the order of frames.
    ///
    /// # Errors
    ///
    /// Why the pipeline does nothing any more.
    pub fn push(&self, frame: gst::Buffer, ticket: T) -> Result<(), String> {
        lock(&self.inside.tickets).push_back(ticket);
        let pushed = self.appsrc.push_buffer(frame);
        if let Some(failure) = self.failure() {
            // Nothing will come out for this frame.
            lock(&self.inside.tickets).clear();
            return Err(failure);
        }
        pushed.map(drop).map_err(|error| {
            lock(&self.inside.tickets).pop_back();
            error.to_string()
        })
    }

    /// Nothing more goes in. What is inside comes out, and then [`Output::End`].
    pub fn end(&self) {
        // Refused only where it has ended already.
        let _ = self.appsrc.end_of_stream();
    }

    /// What went wrong, if anything did.
    pub fn failure(&self) -> Option<String> {
        self.inside.failure.get().cloned()
    }

    /// Gives back what a pipeline that has failed still holds. Its figures stay.
    pub fn stop(&self) {
        // Waits until the streaming thread is done with its frame.
        let _ = self.pipeline.set_state(gst::State::Null);
    }

    /// The element's counters.
    pub fn stats(&self) -> gst::Structure {
        self.lipsyncframes.property("stats")
    }
}

impl Shape {
    /// Sets what pictures are like before lipsyncframes learns of frames of another size: not when they are
    /// put in, because there may be others in front of them.
    fn follow(&self, lipsyncframes: &gst::Element) -> Result<(), String> {
        let shape = self.clone();
        let sink = lipsyncframes.static_pad("sink").ok_or("no pad sink")?;
        sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) {
                shape.set(event.caps());
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    fn set(&self, input: &gst::CapsRef) {
        let config = *lock(&self.config);
        let size = |field: &str| input.structure(0)?.get::<i32>(field).ok();
        let mut caps = gst::Caps::builder("video/x-raw");
        let of_input = [("width", config.width), ("height", config.height)];
        for (field, given) in of_input {
            let size = given.map(|size| size as i32).or_else(|| size(field));
            caps = caps.field_if_some(field, size);
        }
        if config.fit == Fit::Borders {
            // A JPEG does not say that its pixels are no squares, and lipsyncframes would rather make them
            // so than add borders.
            caps = caps.field("pixel-aspect-ratio", gst::Fraction::new(1, 1));
        }
        self.capsfilter.set_property("caps", caps.build());
    }
}

impl<T> Drop for JpegPipeline<T> {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn collect<T: Send + 'static>(
    appsink: &gst_app::AppSink,
    inside: Arc<Inside<T>>,
    on_output: Arc<impl Fn(Output<T>) + Send + Sync + 'static>,
) {
    let new_sample = move |appsink: &gst_app::AppSink| {
        let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        let jpeg = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        if jpeg.len() != buffer.size() {
            // Memory that cannot be mapped passes for none.
            return Err(gst::FlowError::Error);
        }
        // Gone where the pipeline has failed.
        let ticket = lock(&inside.tickets).pop_front();
        if let Some(ticket) = ticket {
            on_output(Output::Jpeg(&jpeg, ticket));
        }
        Ok(gst::FlowSuccess::Ok)
    };
    appsink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(new_sample)
            .build(),
    );
}

/// Passes on how the pipeline ends, from whatever thread says so.
fn watch<T: Send + 'static>(
    bus: &gst::Bus,
    inside: Arc<Inside<T>>,
    on_output: Arc<impl Fn(Output<T>) + Send + Sync + 'static>,
) {
    bus.set_sync_handler(move |_, message| {
        match message.view() {
            gst::MessageView::Eos(_) => on_output(Output::End),
            gst::MessageView::Error(error) => {
                let problem = match error.debug() {
                    Some(debug) => format!("{} ({debug})", error.error()),
                    None => error.error().to_string(),
                };
                // Of several errors, the first is the cause of the others.
                let _ = inside.failure.set(problem);
                // What the tickets hold, room in the queue, is free again.
                lock(&inside.tickets).clear();
                on_output(Output::Failed);
            }
            gst::MessageView::Warning(warning) => {
                let problem = warning.error().to_string();
                warn!(problem, "a pipeline warns");
            }
            _ => {}
        }
        // Nobody else reads the bus.
        gst::BusSyncReply::Drop
    });
}

fn element<E: IsA<gst::Element>>(pipeline: &gst::Pipeline, name: &str) -> Result<E, String> {
    pipeline
        .by_name(name)
        .and_downcast()
        .ok_or_else(|| format!("the pipeline has no element {name} of the kind it should be"))
}

/// Starts a pipeline, before any other runs. A property's value that is out of its range, of which GLib
/// only warns and goes on with the default, is an error, too.
///
/// # Errors
///
/// Those of `start`, and GLib's sentence about the value.
pub fn strictly<T>(start: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
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
    let started = start();
    glib::log_remove_handler(GOBJECT, handler);
    match first.get() {
        Some(warning) => Err(format!(
            "--encoder: {warning}; gst-inspect-1.0 ELEMENT says what its properties can be"
        )),
        None => started,
    }
}

/// Locks also what a panicking thread held: all of it is valid after every statement.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
