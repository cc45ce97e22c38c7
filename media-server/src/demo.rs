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
    let play = move || {
        if let Err(problem) = play(&server, &pipeline, &appsink, &handle) {
            error!(problem, "the demo is over");
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
        let Ok(sample) = appsink.pull_sample() else {
            if let Some(problem) = first_error(pipeline) {
                return Err(problem);
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

fn first_error(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error.error().to_string()),
        _ => None,
    }
}
