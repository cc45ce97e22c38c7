//! The element in pipelines: `appsrc ! lipsyncframes ! ...`.
//!
//! ```text
//! cargo bench                               # tables, also those of pixel/benches
//! cargo bench -- --report docs/FILE.md      # and the same in Markdown
//! ```

#[path = "../../pixel/benches/common/mod.rs"]
#[allow(dead_code, reason = "the conversion's benchmark needs more of it")]
mod common;
mod two_pass;

use crate::common::frames::{SOURCE, bytes, frames, name, planes, rgba_bytes};
use crate::common::report::{Report, Row};
use crate::two_pass::TwoPass;
use gst::prelude::*;
use lipsyncframes_pixel::{PixelFormat, Plan, Target};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

const TARGET_SIZE: (u32, u32) = (320, 320);

const CAPS: &str = "video/x-float,format=BGR_F32LE,width=640,height=360,framerate=25/1";

const JPEGENC: &str = "jpegenc quality=75 idct-method=islow";

/// Frames to a buffer.
const BATCH: usize = 25;

/// Batches of which the rate of JPEGs is measured.
const BATCHES_TO_JPEG: usize = 8;

/// Frames that many pipelines share
const MANY_FRAMES: usize = 64;

/// Passes in a turn of many pipelines, of which each has but four frames in a pass.
const MANY_PASSES: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workspace = env!("CARGO_MANIFEST_DIR");
    let Some(mut report) = Report::from_arguments("pipelines", workspace)? else {
        return Ok(());
    };
    gst::init()?;
    gstlipsyncframes::plugin_register_static()?;
    measure_element(&mut report);
    measure_jpeg(&mut report);
    measure_many(&mut report);
    Ok(report.save()?)
}

/// `frames` in buffers of `batch`.
fn buffers(frames: &[Vec<u8>], batch: usize) -> Vec<gst::Buffer> {
    let batches = frames.chunks_exact(batch);
    batches
        .map(|frames| gst::Buffer::from_slice(frames.concat()))
        .collect()
}

fn n_frames(buffers: &[gst::Buffer]) -> usize {
    buffers.iter().map(|buffer| buffer.size()).sum::<usize>() / bytes(&SOURCE)
}

fn pipeline<'a>(elements: &str, buffers: &'a [gst::Buffer]) -> Row<'a> {
    let n_frames = n_frames(buffers);
    let running = Running::new(elements, n_frames);
    let row = Row::new(n_frames, move || {
        running.push(buffers);
        running.wait();
    });
    row.named(elements)
}

fn measure_element(report: &mut Report) {
    let buffers = buffers(&frames(&SOURCE, 2 * BATCH), BATCH);
    let mut rows = vec![copy(&buffers)];
    for format in [PixelFormat::I420, PixelFormat::Rgba] {
        rows.push(conversion(format, &buffers));
        let format = name(format);
        let elements = format!("lipsyncframes n-threads=1 ! video/x-raw,format={format}");
        rows.push(pipeline(&elements, &buffers));
    }
    let title = "The element: appsrc ! lipsyncframes ! fakesink, 640x360 to 320x320, batches of 25";
    let times = report.section(title, rows);
    report.note(&format!(
        "The element and its pipeline add {:.1} us to a frame of I420 and {:.1} us to one of RGBA, \
         the medians of the differences within a round.",
        times.difference(2, 1),
        times.difference(4, 3),
    ));
}

fn copy(buffers: &[gst::Buffer]) -> Row<'_> {
    let mut copy = vec![0; buffers[0].size()];
    let row = Row::new(n_frames(buffers), move || {
        for buffer in buffers {
            copy.copy_from_slice(&buffer.map_readable().expect("readable"));
            black_box(&mut copy);
        }
    });
    row.named("memcpy of the input")
}

/// What the element does with the frames, without the element.
fn conversion(format: PixelFormat, buffers: &[gst::Buffer]) -> Row<'_> {
    let target = Target::new(format, TARGET_SIZE.0, TARGET_SIZE.1);
    let mut plan = Plan::new(SOURCE, target).expect("a valid plan");
    // fakesink keeps the last frame, so that the element's pool uses two buffers in turn.
    let mut outs = [(); 2].map(|()| vec![0; rgba_bytes(TARGET_SIZE)]);
    let row = Row::new(n_frames(buffers), move || {
        for buffer in buffers {
            let batch = buffer.map_readable().expect("readable");
            for (index, frame) in batch.chunks_exact(bytes(&SOURCE)).enumerate() {
                let out = &mut outs[index % 2];
                plan.convert(frame, planes(out, &target), 1)
                    .expect("planned for these frames");
                black_box(out);
            }
        }
    });
    row.named(format!("the conversion alone, to {}", name(format)))
}

fn measure_jpeg(report: &mut Report) {
    let frames = frames(&SOURCE, BATCH);
    // Several, so that two threads have the time to fall into step.
    let batch = &buffers(&frames, BATCH)[0];
    let buffers = vec![batch.clone(); BATCHES_TO_JPEG];
    let mut rows = vec![two_pass_jpeg(&frames)];
    for elements in [
        "lipsyncframes n-threads=1",
        "lipsyncframes",
        "lipsyncframes n-threads=1 ! queue",
        "lipsyncframes ! queue",
    ] {
        rows.push(pipeline(&format!("{elements} ! {JPEGENC}"), &buffers));
    }
    let times = report.section("To JPEG: batches of 25, BGR 640x360 to 320x320", rows);
    let milliseconds = |row: usize| times.median(row) * BATCH as f64 / 1e3;
    report.note(&format!(
        "A batch takes {:.1} ms in two passes on one thread, and {:.1} ms with \
         lipsyncframes ! jpegenc on one thread, the medians: {:.0} JPEGs a second. With a queue \
         between them, and all cores, it is {:.2} times as many.",
        milliseconds(0),
        milliseconds(1),
        1e6 / times.median(1),
        times.ratio(1, 4),
    ));
}

/// The first system's way to JPEGs, on one thread, one frame after the other.
fn two_pass_jpeg(frames: &[Vec<u8>]) -> Row<'_> {
    let two_pass = TwoPass::new(&SOURCE, TARGET_SIZE);
    let mut encoder = gst_check::Harness::new_parse(&format!(
        "videoconvert ! video/x-raw,format=I420,colorimetry=1:4:0:0 ! {JPEGENC}"
    ));
    encoder.set_src_caps_str("video/x-raw,format=RGBA,width=320,height=320,framerate=25/1");
    let row = Row::new(frames.len(), move || {
        for frame in frames {
            let picture = gst::Buffer::from_slice(two_pass.convert(frame));
            black_box(encoder.push_and_pull(picture).expect("a JPEG"));
        }
    });
    row.named("two passes, then jpegenc")
}

/// Many pipelines for the cores, and as few as two, with the same frames in the same batches.
fn measure_many(report: &mut Report) {
    let buffers = buffers(&frames(&SOURCE, MANY_FRAMES), 4);
    let mut rows = Vec::new();
    let to_jpeg = format!("lipsyncframes ! {JPEGENC}");
    for elements in ["lipsyncframes ! video/x-raw,format=I420", &to_jpeg] {
        let base = rows.len();
        for count in [2, 16] {
            let buffers = &buffers;
            let shares: Vec<_> = buffers
                .chunks(buffers.len() / count)
                .map(|share| (Running::new(elements, n_frames(share)), share))
                .collect();
            let row = Row::new(MANY_FRAMES, move || {
                shares
                    .iter()
                    .for_each(|(running, share)| running.push(share));
                shares.iter().for_each(|(running, _)| running.wait());
            });
            let row = row.named(format!("{count} of {elements}"));
            rows.push(row.passes(MANY_PASSES).compared_to(base));
        }
    }
    let title = "Many pipelines at once: appsrc ! ... ! fakesink, batches of 4";
    let times = report.section(title, rows);
    report.note(&format!(
        "16 pipelines make {:.2} times as many frames a second as 2, {:.2} times as many JPEGs.",
        times.ratio(0, 1),
        times.ratio(2, 3),
    ));
}

/// A pipeline that is playing.
struct Running {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    done: mpsc::Receiver<()>,
}

impl Running {
    /// `n_frames` are sent through at a time.
    fn new(elements: &str, n_frames: usize) -> Self {
        let pipeline = gst::parse::launch(&format!(
            "appsrc name=source format=time caps={CAPS} ! {elements} \
             ! fakesink name=sink sync=false async=false"
        ))
        .expect("a valid pipeline")
        .downcast::<gst::Pipeline>()
        .expect("a pipeline");
        let source = pipeline.by_name("source").expect("the source");
        let sink = pipeline.by_name("sink").expect("the sink");

        // Of all the frames, the last alone wakes the thread that waits for them.
        let (sender, done) = mpsc::channel();
        let arrived = AtomicUsize::new(0);
        let pad = sink.static_pad("sink").expect("a sink's pad");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let before = arrived.fetch_add(1, Ordering::Relaxed);
            if (before + 1).is_multiple_of(n_frames) {
                let _ = sender.send(());
            }
            gst::PadProbeReturn::Ok
        });

        pipeline.set_state(gst::State::Playing).expect("playing");
        Self {
            pipeline,
            source: source.downcast().expect("an appsrc"),
            done,
        }
    }

    fn push(&self, buffers: &[gst::Buffer]) {
        for buffer in buffers {
            self.source.push_buffer(buffer.clone()).expect("running");
        }
    }

    /// Returns when the last frame has arrived.
    fn wait(&self) {
        self.done.recv().expect("the frames");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
