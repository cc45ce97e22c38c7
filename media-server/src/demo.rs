//! A video in the place of a network: decoded, turned into floats, and accepted as a stream, batch by batch
//! as time goes by, over and over.

use crate::error::Error;
use crate::frame_kind::FrameKind;
use crate::server::MediaServer;
use gst::prelude::*;
use gstlipsyncframes::media::float_video::{FloatVideoInfo, LipSyncFramesRange};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::{error, warn};

const NAME: &str = "demo";
const BATCH: u32 = 5;

/// How often a wait for the next batch looks for an error: the sink never hears of one that keeps
/// decoding from beginning.
const ERROR_POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Starts showing `video`, on a thread of its own.
///
/// # Errors
///
/// A sentence about a file that is not there or a pipeline that cannot be made.
pub fn start(server: MediaServer, video: &Path) -> Result<(), String> {
    std::fs::metadata(video).map_err(|error| format!("--demo {}: {error}", video.display()))?;
    let description = format!(
        "filesrc name=file ! decodebin ! videoconvert ! videoscale ! videorate \
         ! video/x-raw,format=BGR,width=640,height=360,framerate=25/1,pixel-aspect-ratio=1/1 \
         ! videotofloat ! video/x-float,format=BGR_F32LE \
         ! floatvideoparse frames-per-buffer={BATCH} \
         ! appsink name=sink sync=true max-buffers=2"
    );
    let pipeline = gst::parse::launch(&description)
        .map_err(|error| format!("--demo: {error}"))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "--demo: no pipeline")?;
    let file = pipeline.by_name("file").ok_or("--demo: no element file")?;
    file.set_property("location", video);
    let appsink = pipeline
        .by_name("sink")
        .and_downcast::<gst_app::AppSink>()
        .ok_or("--demo: no element sink")?;
    let handle = Handle::current();
    let name = video.display().to_string();
    let play = move || {
        if let Err(problem) = play(&server, &pipeline, &appsink, &handle) {
            error!(
                video = name,
                problem, "the demo is over: the video cannot be played"
            );
        }
        let _ = pipeline.set_state(gst::State::Null);
    };
    std::thread::Builder::new()
        .name("demo".into())
        .spawn(play)
        .map(drop)
        .map_err(|error| format!("--demo: no thread: {error}"))
}

fn play(
    server: &MediaServer,
    pipeline: &gst::Pipeline,
    appsink: &gst_app::AppSink,
    handle: &Handle,
) -> Result<(), String> {
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|error| first_error(pipeline).unwrap_or_else(|| error.to_string()))?;
    let mut frames_of_this_round = 0;
    while !server.is_stopping() {
        let Some(sample) = appsink.try_pull_sample(ERROR_POLL) else {
            if let Some(problem) = first_error(pipeline) {
                return Err(problem);
            }
            if !appsink.is_eos() {
                continue;
            }
            if frames_of_this_round == 0 {
                return Err("the video has no pictures".into());
            }
            frames_of_this_round = 0;
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
            pipeline
                .seek_simple(flags, gst::ClockTime::ZERO)
                .map_err(|error| format!("back to the beginning: {error}"))?;
            continue;
        };
        frames_of_this_round += 1;
        let (Some(caps), Some(buffer)) = (sample.caps(), sample.buffer_owned()) else {
            return Err("a sample without caps or without a buffer".into());
        };
        let kind = FrameKind {
            info: FloatVideoInfo::from_caps(caps)?,
            range: LipSyncFramesRange::Unit,
        };
        if let Err(error) = handle.block_on(push(server, kind, buffer)) {
            // Somebody has deleted the stream, or there are too many others.
            warn!(%error, "the demo waits");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}

async fn push(server: &MediaServer, kind: FrameKind, batch: gst::Buffer) -> Result<(), Error> {
    server.start_stream(NAME)?.push(kind, batch).await
}

/// What has gone wrong first, if anything has, and what would have to be installed.
fn first_error(pipeline: &gst::Pipeline) -> Option<String> {
    let bus = pipeline.bus()?;
    let mut missing = String::new();
    let relevant = [gst::MessageType::Error, gst::MessageType::Element];
    while let Some(message) = bus.pop_filtered(&relevant) {
        match message.view() {
            gst::MessageView::Error(error) => {
                let details = error.debug().unwrap_or_default();
                return Some(format!("{missing}{} ({details})", error.error()));
            }
            gst::MessageView::Element(element) => {
                let name = element
                    .structure()
                    .filter(|structure| structure.name() == "missing-plugin")
                    .and_then(|structure| structure.get::<String>("name").ok());
                if let Some(name) = name {
                    missing += &format!("no {name} is installed. ");
                }
            }
            _ => {}
        }
    }
    None
}
