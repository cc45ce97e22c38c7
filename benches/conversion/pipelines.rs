//! The element in pipelines: `appsrc ! lipsyncframes ! ...`.

use crate::report::{Report, Row};
use crate::{COLD, SOURCE, frames};
use gst::prelude::*;

/// Frames to a buffer.
const BATCH: usize = 25;

/// Buffers pushed in one go.
const BATCHES: usize = 2;

const PIPELINES: [(&str, &str); 6] = [
    ("memcpy of the input", ""),
    (
        "to I420, one thread",
        "lipsyncframes n-threads=1 ! video/x-raw,format=I420",
    ),
    (
        "to RGBA, one thread",
        "lipsyncframes n-threads=1 ! video/x-raw,format=RGBA",
    ),
    (
        "to I420, all cores",
        "lipsyncframes ! video/x-raw,format=I420",
    ),
    (
        "to JPEG, one thread",
        "lipsyncframes n-threads=1 ! jpegenc quality=75",
    ),
    (
        "to JPEG, a second thread for jpegenc",
        "lipsyncframes n-threads=1 ! queue ! jpegenc quality=75",
    ),
];

pub fn measure_all(report: &mut Report) {
    gst::init().expect("GStreamer");
    gstlipsyncframes::plugin_register_static().expect("the plugin");
    let frames = frames(&SOURCE, COLD);
    let batches: Vec<Vec<u8>> = frames.chunks_exact(BATCH).map(<[_]>::concat).collect();
    let rows = PIPELINES.map(|(name, elements)| {
        let n_frames = BATCHES * BATCH;
        if elements.is_empty() {
            let batches = &batches;
            let mut copy = batches[0].clone();
            return Row::new(name, n_frames, move || {
                for batch in batches {
                    copy.copy_from_slice(batch);
                }
            });
        }
        let buffers: Vec<gst::Buffer> = batches
            .iter()
            .map(|batch| gst::Buffer::from_slice(batch.clone()))
            .collect();
        let running = Running::new(elements);
        Row::new(name, n_frames, move || running.convert(&buffers))
    });
    report.section(
        "Pipelines: appsrc ! ... ! fakesink, batches of 25, BGR 640x360 to 320x320",
        rows.into(),
    );
}

/// A pipeline that is playing.
struct Running {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sink: gst::Element,
}

impl Running {
    fn new(elements: &str) -> Self {
        let pipeline = gst::parse::launch(&format!(
            "appsrc name=source format=time caps=video/x-float,format=BGR_F32LE,width=640,\
             height=360,framerate=25/1 ! {elements} \
             ! fakesink name=sink sync=false async=false signal-handoffs=true"
        ))
        .expect("a valid pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
        pipeline.set_state(gst::State::Playing).expect("playing");
        let source = pipeline.by_name("source").expect("the source");
        Self {
            source: source.downcast().expect("an appsrc"),
            sink: pipeline.by_name("sink").expect("the sink"),
            pipeline,
        }
    }

    /// Sends `buffers` through, and returns when the last frame has arrived.
    fn convert(&self, buffers: &[gst::Buffer]) {
        let (sender, receiver) = std::sync::mpsc::channel();
        let handler = self.sink.connect("handoff", false, move |_| {
            let _ = sender.send(());
            None
        });
        for buffer in buffers {
            self.source.push_buffer(buffer.clone()).expect("running");
        }
        for _ in 0..BATCHES * BATCH {
            receiver.recv().expect("a frame");
        }
        self.sink.disconnect(handler);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
