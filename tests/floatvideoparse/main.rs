//! The parser as its neighbours see it: gst-check's Harness on both pads, and real pipelines.

#[path = "../common/metas.rs"]
mod metas;
#[path = "../common/patience.rs"]
mod patience;

mod bad_input;
mod chunks;
mod input_caps;
mod pipelines;
mod seeking;
mod streaming;
mod timestamps;

use gst::ClockTime;
use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once};

/// Properties for the frame that most tests use: 96 bytes, 25 frames/s.
const SMALL: &str = "width=4 height=2";
const SMALL_CAPS: &str = "video/x-float,format=BGR_F32LE,width=4,height=2,framerate=25/1";
const SMALL_BYTES: usize = 4 * 2 * 3 * 4;

fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstlipsyncframes::plugin_register_static().unwrap();
        // A critical is a programming error: here it ends the test run.
        glib::log_set_always_fatal(
            glib::LogLevels::LEVEL_CRITICAL | glib::LogLevels::LEVEL_WARNING,
        );
    });
}

/// A harness around the element, with a bus of its own.
struct Setup {
    harness: Harness,
    element: gst::Element,
    log: Log,
}

impl Setup {
    /// `properties` as in a launch line. Nothing is sent yet.
    fn new(properties: &str) -> Self {
        init();
        let description = format!("floatvideoparse {properties}");
        let element = gst::parse::launch(&description).unwrap();
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let harness = Harness::with_element(&element, Some("sink"), Some("src"));
        Self {
            harness,
            element,
            log: Log::new(&bus),
        }
    }

    /// Gets a stream of bytes, as from a pipe.
    fn of_bytes(properties: &str) -> Self {
        let mut setup = Self::new(properties);
        setup.harness.play();
        setup.push_event(gst::event::StreamStart::new("bytes"));
        setup.push_event(byte_segment(0));
        setup
    }

    /// Gets frames with timestamps.
    fn of_frames(properties: &str, caps: &str) -> Self {
        let mut setup = Self::new(properties);
        setup.harness.set_src_caps_str(caps);
        setup
    }

    fn push_event(&mut self, event: gst::Event) -> bool {
        self.harness.push_event(event)
    }

    fn push(&mut self, bytes: &[u8]) {
        let buffer = gst::Buffer::from_slice(bytes.to_vec());
        self.harness.push(buffer).unwrap();
    }

    fn end(&mut self) {
        assert!(self.push_event(gst::event::Eos::new()));
    }

    fn src_pad(&self) -> gst::Pad {
        self.element.static_pad("src").unwrap()
    }

    fn sink_pad(&self) -> gst::Pad {
        self.element.static_pad("sink").unwrap()
    }

    fn pulled(&mut self) -> Vec<gst::Buffer> {
        std::iter::from_fn(|| self.harness.try_pull()).collect()
    }

    fn output_caps(&self) -> String {
        let caps = self.src_pad().current_caps();
        caps.expect("caps").to_string()
    }

    fn errors(&self) -> Vec<String> {
        self.log.take(gst::MessageType::Error)
    }

    fn warnings(&self) -> Vec<String> {
        self.log.take(gst::MessageType::Warning)
    }
}

/// Errors and warnings posted on a bus.
struct Log(Arc<Mutex<Vec<(gst::MessageType, String)>>>);

impl Log {
    fn new(bus: &gst::Bus) -> Self {
        let posted = Arc::new(Mutex::new(Vec::new()));
        let log = Self(posted.clone());
        bus.set_sync_handler(move |_, message| {
            let text = match message.view() {
                gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
                gst::MessageView::Warning(warning) => Some(warning.error().message().to_owned()),
                _ => None,
            };
            let posted = &mut posted.lock().unwrap();
            posted.extend(text.map(|text| (message.type_(), text)));
            gst::BusSyncReply::Pass
        });
        log
    }

    /// Those of a kind since the last call.
    fn take(&self, kind: gst::MessageType) -> Vec<String> {
        let mut posted = self.0.lock().unwrap();
        let taken = posted.extract_if(.., |(posted, _)| *posted == kind);
        taken.map(|(_, text)| text).collect()
    }
}

fn byte_segment(start: u64) -> gst::Event {
    let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    let start = gst::format::Bytes::from_u64(start);
    segment.set_start(start);
    segment.set_time(start);
    gst::event::Segment::new(&segment)
}

/// Bytes that tell where they are from: no two frames are the same.
fn numbered_bytes(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|index| (index ^ index >> 8 ^ index >> 16) as u8)
        .collect()
}

/// Says where bytes differ, rather than printing all of them.
#[track_caller]
fn assert_contents(buffers: &[gst::Buffer], expected: &[u8]) {
    let contents: Vec<u8> = buffers
        .iter()
        .flat_map(|buffer| buffer.map_readable().unwrap().to_vec())
        .collect();
    assert_eq!(contents.len(), expected.len(), "bytes");
    let first = contents.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!(first, None, "the first byte that differs");
}

fn sizes(buffers: &[gst::Buffer]) -> Vec<usize> {
    buffers.iter().map(|buffer| buffer.size()).collect()
}

fn ms(milliseconds: u64) -> Option<ClockTime> {
    Some(ClockTime::from_mseconds(milliseconds))
}

fn ns(nanoseconds: u64) -> Option<ClockTime> {
    Some(ClockTime::from_nseconds(nanoseconds))
}

fn pts(buffers: &[gst::Buffer]) -> Vec<Option<ClockTime>> {
    buffers.iter().map(|buffer| buffer.pts()).collect()
}

fn durations(buffers: &[gst::Buffer]) -> Vec<Option<ClockTime>> {
    buffers.iter().map(|buffer| buffer.duration()).collect()
}

/// A file of a test's own, removed at its end.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let file = Self::missing(name);
        std::fs::write(&file.0, bytes).unwrap();
        file
    }

    fn missing(name: &str) -> Self {
        let name = format!("floatvideoparse-{}-{name}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl std::fmt::Display for File {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

/// A pipeline, stopped at the end of its test.
struct Pipeline {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    log: Log,
}

impl Pipeline {
    fn new(description: &str) -> Self {
        init();
        let pipeline = gst::parse::launch(description).unwrap();
        let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
        let bus = pipeline.bus().unwrap();
        let log = Log::new(&bus);
        Self { pipeline, bus, log }
    }

    fn start(&self, state: gst::State) {
        self.pipeline.set_state(state).unwrap();
    }

    /// Waits until the first of `kinds` comes.
    fn wait_for(&self, kinds: &[gst::MessageType]) -> gst::Message {
        self.bus
            .timed_pop_filtered(patience::clock_time(), kinds)
            .unwrap_or_else(|| panic!("in vain: {kinds:?}"))
    }

    fn wait_for_preroll(&self) {
        let message = self.wait_for(&[gst::MessageType::AsyncDone, gst::MessageType::Error]);
        assert_eq!(message.type_(), gst::MessageType::AsyncDone, "{message:?}");
    }

    fn wait_for_end(&self) {
        let message = self.wait_for(&[gst::MessageType::Eos, gst::MessageType::Error]);
        assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    }

    fn errors(&self) -> Vec<String> {
        self.log.take(gst::MessageType::Error)
    }

    fn warnings(&self) -> Vec<String> {
        self.log.take(gst::MessageType::Warning)
    }

    /// The appsink called "sink".
    fn sink(&self) -> gst_app::AppSink {
        let sink = self.pipeline.by_name("sink").unwrap();
        sink.downcast().unwrap()
    }

    /// What the appsink called "sink" gets until the end of the stream.
    fn all_samples(&self) -> Vec<gst::Buffer> {
        let sink = self.sink();
        let buffers = std::iter::from_fn(|| sink.try_pull_sample(patience::clock_time()))
            .map(|sample| sample.buffer_owned().unwrap())
            .collect();
        assert!(sink.is_eos(), "in vain: the end of the stream");
        buffers
    }

    /// Plays from the beginning to the end.
    fn play(description: &str) -> (Self, Vec<gst::Buffer>) {
        let pipeline = Self::new(description);
        pipeline.start(gst::State::Playing);
        let buffers = pipeline.all_samples();
        pipeline.wait_for_end();
        (pipeline, buffers)
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
