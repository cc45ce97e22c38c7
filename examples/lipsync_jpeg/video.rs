//! A video as a stand-in for a network: decoded, scaled and turned into floats.

use crate::frames::Frames;
use crate::pipeline::{describe_error, make_element};
use gst::prelude::*;
use gstlipsyncframes::lipsyncframes::LipSyncFramesRange;
use gstlipsyncframes::media::{float_video::FloatVideoInfo, planes};
use gstlipsyncframes::pixel::{ChannelOrder, Layout};
use std::path::Path;

/// What a video of variable framerate is brought to.
const USUAL_FRAMERATE: gst::Fraction = gst::Fraction::new_raw(25, 1);

/// How often a wait for the next frame looks for an error.
const ERROR_POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// What is known of a video once its first frame is decoded.
pub struct Picture {
    pub framerate: gst::Fraction,
    pub pixel_aspect_ratio: gst::Fraction,
    pub length: Option<u64>,
}

pub struct VideoFrames {
    name: String,
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    appsink: gst_app::AppSink,
    /// Decoders that this file would need
    missing: Vec<String>,
    /// Decoded, but not asked for yet
    first: Option<gst::Sample>,
    layout: Layout,
    /// The float, as bytes, for each 8-bit sample
    floats: [[u8; 4]; 256],
}

/// Opens the video at `path` and decodes its first frame, to be scaled to what `wanted` says.
pub fn open(
    path: &Path,
    wanted: FloatVideoInfo,
    range: LipSyncFramesRange,
) -> Result<(VideoFrames, Picture), String> {
    let name = path.display().to_string();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{name}: {error}"))?;
    if metadata.is_dir() {
        return Err(format!("{name} is a directory: expected a video file"));
    }

    let mut floats = [[0; 4]; 256];
    for (sample, float) in floats.iter_mut().enumerate() {
        *float = to_float(sample as f32, range)?.to_le_bytes();
    }

    let (pipeline, appsink) = build_decoder(path, wanted)?;
    let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
    let mut frames = VideoFrames {
        name,
        pipeline,
        bus,
        appsink,
        missing: Vec::new(),
        first: None,
        layout: wanted.format.layout,
        floats,
    };
    if frames.pipeline.set_state(gst::State::Playing).is_err() {
        return Err(frames
            .error_on_bus()
            .unwrap_or_else(|| format!("{}: the video decoder does not start", frames.name)));
    }
    let first = frames
        .next_sample()?
        .ok_or_else(|| format!("{} has no video frames", frames.name))?;
    let info = video_info(&first)?;
    frames.first = Some(first);

    let duration = frames.pipeline.query_duration::<gst::ClockTime>();
    let picture = Picture {
        framerate: info.fps(),
        pixel_aspect_ratio: info.par(),
        length: duration.and_then(|duration| {
            let (numerator, denominator) = (info.fps().numer() as u64, info.fps().denom() as u64);
            duration
                .nseconds()
                .mul_div_round(numerator, denominator * gst::ClockTime::SECOND.nseconds())
        }),
    };
    Ok((frames, picture))
}

/// What a network would say instead of an 8-bit `sample`.
fn to_float(sample: f32, range: LipSyncFramesRange) -> Result<f32, String> {
    match range {
        LipSyncFramesRange::Unit => Ok(sample / 255.0),
        LipSyncFramesRange::SignedUnit => Ok(sample / 127.5 - 1.0),
        LipSyncFramesRange::Byte => Ok(sample),
        range => Err(format!("no video is turned into floats of range {range:?}")),
    }
}

/// `filesrc ! decodebin ! [videorate !] videoconvert ! videoflip ! videoscale ! appsink`
fn build_decoder(
    path: &Path,
    wanted: FloatVideoInfo,
) -> Result<(gst::Pipeline, gst_app::AppSink), String> {
    let format = match wanted.format.order {
        ChannelOrder::Bgr => gst_video::VideoFormat::Bgr,
        ChannelOrder::Rgb => gst_video::VideoFormat::Rgb,
    };
    // The pixel-aspect-ratio is left open, so that a picture that is stretched here can be told
    // from one that is not, and add-borders can do the right thing.
    let scaled = gst_video::VideoCapsBuilder::new()
        .format(format)
        .width(wanted.width as i32)
        .height(wanted.height as i32)
        .build();

    let filesrc = make_element("filesrc")?;
    filesrc.set_property("location", path);
    let decodebin = make_element("decodebin")?;
    // Sound and subtitles are not decoded. They leave as they are, and nobody takes them.
    decodebin.connect("autoplug-continue", false, |arguments| {
        let caps = arguments.get(2)?.get::<gst::Caps>().ok()?;
        Some((!is_beside_the_picture(&caps)).to_value())
    });
    let videoconvert = make_element("videoconvert")?;
    // Phones film upright videos lying down, with a tag that says so.
    let videoflip = make_element("videoflip")?;
    videoflip.set_property_from_str("video-direction", "auto");
    let videoscale = make_element("videoscale")?;
    let appsink = gst_app::AppSink::builder()
        .caps(&scaled)
        .sync(false)
        .max_buffers(4)
        .build();

    let pipeline = gst::Pipeline::new();
    let picture_path = [&videoconvert, &videoflip, &videoscale, appsink.upcast_ref()];
    let link = || {
        pipeline.add_many([&filesrc, &decodebin])?;
        pipeline.add_many(picture_path)?;
        filesrc.link(&decodebin)?;
        gst::Element::link_many(picture_path)
    };
    link().map_err(|error| error.to_string())?;

    let entry = videoconvert
        .static_pad("sink")
        .ok_or("videoconvert has no sink pad")?;
    let weak_entry = entry.downgrade();
    decodebin.connect_pad_added(move |decodebin, pad| {
        let Some(entry) = weak_entry.upgrade() else {
            return;
        };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        // Of several pictures in a file, the first is it.
        if entry.is_linked() || is_beside_the_picture(&caps) {
            return;
        }
        if let Err(problem) = attach(decodebin, pad, &caps, &entry) {
            gst::element_error!(decodebin, gst::StreamError::Failed, ("{problem}"));
        }
    });
    let weak_entry = entry.downgrade();
    decodebin.connect_no_more_pads(move |decodebin| {
        if weak_entry.upgrade().is_some_and(|entry| !entry.is_linked()) {
            gst::element_error!(
                decodebin,
                gst::StreamError::WrongType,
                ("there is no video in it that can be decoded")
            );
        }
    });
    Ok((pipeline, appsink))
}

/// Whether `caps` are those of sound, subtitles and the like.
fn is_beside_the_picture(caps: &gst::CapsRef) -> bool {
    let name = caps.structure(0).map_or("", |structure| structure.name());
    [
        "audio/",
        "text/",
        "subpicture/",
        "application/x-subtitle",
        "meta/",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
}

/// Links decoded video to `entry`, with a videorate in between if its framerate is variable: a
/// network's is not.
fn attach(
    decodebin: &gst::Element,
    pad: &gst::Pad,
    caps: &gst::CapsRef,
    entry: &gst::Pad,
) -> Result<(), String> {
    let framerate = caps
        .structure(0)
        .and_then(|structure| structure.get::<gst::Fraction>("framerate").ok());
    if framerate.is_some_and(|framerate| framerate.numer() > 0) {
        return pad.link(entry).map(drop).map_err(|error| error.to_string());
    }
    let videorate = make_element("videorate")?;
    let capsfilter = make_element("capsfilter")?;
    let steady = gst_video::VideoCapsBuilder::new()
        .framerate(USUAL_FRAMERATE)
        .build();
    capsfilter.set_property("caps", steady);
    let bin = decodebin
        .parent()
        .and_downcast::<gst::Bin>()
        .ok_or("the decoder is in no pipeline")?;
    let link = || -> Result<(), Box<dyn std::error::Error>> {
        let no_pad = "an element lacks a pad";
        bin.add_many([&videorate, &capsfilter])?;
        videorate.link(&capsfilter)?;
        capsfilter.static_pad("src").ok_or(no_pad)?.link(entry)?;
        capsfilter.sync_state_with_parent()?;
        videorate.sync_state_with_parent()?;
        pad.link(&videorate.static_pad("sink").ok_or(no_pad)?)?;
        Ok(())
    };
    link().map_err(|error| error.to_string())
}

fn video_info(sample: &gst::Sample) -> Result<gst_video::VideoInfo, String> {
    sample
        .caps()
        .and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok())
        .ok_or_else(|| "the decoder gave something that is no video frame".into())
}

impl VideoFrames {
    fn next_sample(&mut self) -> Result<Option<gst::Sample>, String> {
        loop {
            if let Some(sample) = self.appsink.try_pull_sample(ERROR_POLL) {
                return Ok(Some(sample));
            }
            if let Some(error) = self.error_on_bus() {
                return Err(error);
            }
            if self.appsink.is_eos() {
                return Ok(None);
            }
        }
    }

    fn error_on_bus(&mut self) -> Option<String> {
        let relevant = [gst::MessageType::Error, gst::MessageType::Element];
        while let Some(message) = self.bus.pop_filtered(&relevant) {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let mut text = format!("{} cannot be read as a video: ", self.name);
                    for decoder in &self.missing {
                        text += &format!("no {decoder} is installed. ");
                    }
                    return Some(text + &describe_error(error));
                }
                gst::MessageView::Element(element) => {
                    let decoder = element
                        .structure()
                        .filter(|structure| structure.name() == "missing-plugin")
                        .and_then(|structure| structure.get::<String>("name").ok());
                    self.missing.extend(decoder);
                }
                _ => {}
            }
        }
        None
    }

    fn write_floats(&self, sample: &gst::Sample, frame: &mut [u8]) -> Result<(), String> {
        let info = video_info(sample)?;
        let buffer = sample.buffer().ok_or("a decoded frame without a buffer")?;
        planes::read(buffer, &info, |pixels, stride| {
            self.write_pixels(&info, pixels, stride, frame);
        })
        .map_err(|problem| format!("a decoded frame cannot be read: {problem}"))
    }

    fn write_pixels(
        &self,
        info: &gst_video::VideoInfo,
        pixels: &[u8],
        stride: usize,
        frame: &mut [u8],
    ) {
        let row_bytes = info.width() as usize * 3;
        let rows = pixels.chunks(stride).map(|row| &row[..row_bytes]);
        let (floats, _) = frame.as_chunks_mut::<4>();
        match self.layout {
            Layout::Interleaved => {
                for (out, row) in floats.chunks_exact_mut(row_bytes).zip(rows) {
                    for (out, &sample) in out.iter_mut().zip(row) {
                        *out = self.floats[usize::from(sample)];
                    }
                }
            }
            Layout::Planar => {
                let samples = info.width() as usize * info.height() as usize;
                for (channel, plane) in floats.chunks_exact_mut(samples).enumerate() {
                    let channel_samples = rows
                        .clone()
                        .flat_map(|row| row.iter().skip(channel).step_by(3));
                    for (out, &sample) in plane.iter_mut().zip(channel_samples) {
                        *out = self.floats[usize::from(sample)];
                    }
                }
            }
        }
    }
}

impl Frames for VideoFrames {
    fn next_frame(&mut self, frame: &mut [u8]) -> Result<bool, String> {
        let sample = match self.first.take() {
            Some(sample) => Some(sample),
            None => self.next_sample()?,
        };
        let Some(sample) = sample else {
            return Ok(false);
        };
        self.write_floats(&sample, frame)?;
        Ok(true)
    }
}

impl Drop for VideoFrames {
    fn drop(&mut self) {
        // A failure to stop leaves nothing to be done.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
