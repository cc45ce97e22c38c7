//! One picture of frames from all over the clip.

use crate::pipeline::{describe_error, make_elements};
use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstlipsyncframes::media::planes;
use std::fs::File;
use std::io::{Error, Write};
use std::path::{Path, PathBuf};

/// Frames on the sheet.
const MAX_TILES: usize = 24;
const COLUMNS: usize = 6;
/// Frames that are kept to choose from. The more there are, the more even are the distances between
/// those chosen.
const MAX_KEPT: usize = 4 * MAX_TILES;
/// Larger frames are scaled down.
const MAX_TILE_SIDE: u64 = 320;
/// Pixels between two frames and around all.
const GAP: usize = 8;
/// Dark grey
const BACKGROUND: u8 = 32;
const PIXEL_BYTES: usize = 3;

/// How often a wait for the next picture looks for an error.
const ERROR_POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

pub struct ContactSheet {
    path: PathBuf,
    file: File,
    /// What the frames are, once there is one
    encoding: Option<Encoding>,
    /// Every `stride`-th frame so far, encoded as it came
    kept: Vec<Vec<u8>>,
    stride: u64,
    n_frames: u64,
}

struct Encoding {
    caps: gst::Caps,
    decoder: &'static str,
}

impl ContactSheet {
    /// Creates the file at once: whether that is possible should not turn out after hours.
    pub fn create(path: &Path) -> Result<Self, String> {
        let file = File::create(path)
            .map_err(|error| format!("--contact-sheet {}: {error}", path.display()))?;
        Ok(Self {
            path: path.into(),
            file,
            encoding: None,
            kept: Vec::new(),
            stride: 1,
            n_frames: 0,
        })
    }

    /// Looks at the next frame, an image of `media_type`, as `caps` say in full.
    pub fn add(
        &mut self,
        media_type: &str,
        caps: &gst::CapsRef,
        image: &[u8],
    ) -> std::io::Result<()> {
        if self.encoding.is_none() {
            let decoder = match media_type {
                "image/jpeg" => "jpegdec idct-method=islow",
                "image/png" => "pngdec",
                _ => {
                    return Err(Error::other(format!(
                        "--contact-sheet needs JPEG or PNG images, but the encoder makes \
                         {media_type}"
                    )));
                }
            };
            let caps = caps.to_owned();
            self.encoding = Some(Encoding { caps, decoder });
        }
        if self.n_frames.is_multiple_of(self.stride) {
            if self.kept.len() == MAX_KEPT {
                // The clip is longer than thought so far: every other one will do.
                let mut is_even = false;
                self.kept.retain(|_| {
                    is_even = !is_even;
                    is_even
                });
                self.stride *= 2;
            }
            self.kept.push(image.into());
        }
        self.n_frames += 1;
        Ok(())
    }

    /// Draws the sheet. Where there is no frame to draw, there is no sheet.
    pub fn finish(mut self) -> std::io::Result<()> {
        let Some(encoding) = self.encoding else {
            return std::fs::remove_file(&self.path);
        };
        let tiles = choose(&self.kept).cloned().collect();
        draw(tiles, &encoding)
            .and_then(|png| {
                let written = self.file.write_all(&png);
                written.map_err(|error| error.to_string())
            })
            .map_err(|error| {
                // The error says more than half a picture.
                let _ = std::fs::remove_file(&self.path);
                Error::other(format!("--contact-sheet {}: {error}", self.path.display()))
            })
    }
}

/// Up to [`MAX_TILES`] of `frames` at even distances, the first and the last among them.
fn choose(frames: &[Vec<u8>]) -> impl Iterator<Item = &Vec<u8>> {
    let n_tiles = frames.len().min(MAX_TILES);
    (0..n_tiles)
        .map(move |tile| tile * (frames.len() - 1) / (n_tiles - 1).max(1))
        .filter_map(|index| frames.get(index))
}

/// The size on the sheet of images that are as `caps` say.
fn tile_size(caps: &gst::Caps) -> Option<(u64, u64)> {
    let structure = caps.structure(0)?;
    let side = |name| u64::try_from(structure.get::<i32>(name).ok()?).ok();
    let (width, height) = (side("width")?, side("height")?);
    let longer = width.max(height);
    let scale = |side: u64| (side * MAX_TILE_SIDE / longer).max(1);
    Some(if longer > MAX_TILE_SIDE {
        (scale(width), scale(height))
    } else {
        (width, height)
    })
}

/// A PNG of `images`, which are as `encoding` says.
fn draw(images: Vec<Vec<u8>>, encoding: &Encoding) -> Result<Vec<u8>, String> {
    let size =
        tile_size(&encoding.caps).ok_or("the encoder does not say how large its images are")?;
    // The pixel aspect ratio is left open: pixels are shown as they are.
    let decode = format!(
        "{} ! videoconvert ! videoscale method=bilinear2 \
         ! capsfilter caps=video/x-raw,format=RGB,width={},height={}",
        encoding.decoder, size.0, size.1
    );
    let tiles = run_through(&decode, &encoding.caps, images)?;
    let (sheet, info) = arrange(&tiles)?;
    let caps = info.to_caps().map_err(|error| error.to_string())?;
    let pngs = run_through("pngenc", &caps, vec![sheet])?;
    pngs.first()
        .and_then(|png| png.buffer()?.map_readable().ok())
        .map(|png| png.to_vec())
        .ok_or_else(|| "the PNG cannot be read".into())
}

/// The pixels of all `tiles`, side by side and below each other. Each is as large as the first.
fn arrange(tiles: &[gst::Sample]) -> Result<(Vec<u8>, VideoInfo), String> {
    let unreadable = "a decoded frame cannot be read";
    let tile_info = tiles
        .first()
        .and_then(|tile| tile.caps())
        .and_then(|caps| VideoInfo::from_caps(caps).ok())
        .ok_or(unreadable)?;
    let row_bytes = tile_info.width() as usize * PIXEL_BYTES;
    let (step_x, step_y) = (
        tile_info.width() as usize + GAP,
        tile_info.height() as usize + GAP,
    );
    let width = COLUMNS.min(tiles.len()) * step_x + GAP;
    let height = tiles.len().div_ceil(COLUMNS) * step_y + GAP;
    let info = VideoInfo::builder(VideoFormat::Rgb, width as u32, height as u32)
        .build()
        .map_err(|error| error.to_string())?;
    let stride = info.stride()[0] as usize;
    let mut sheet = vec![BACKGROUND; info.size()];
    for (index, tile) in tiles.iter().enumerate() {
        let left = (GAP + index % COLUMNS * step_x) * PIXEL_BYTES;
        let top = GAP + index / COLUMNS * step_y;
        let to = sheet.chunks_exact_mut(stride).skip(top);
        let buffer = tile.buffer().ok_or(unreadable)?;
        planes::read(buffer, &tile_info, |pixels, stride| {
            for (from, to) in pixels.chunks(stride).zip(to) {
                to[left..][..row_bytes].copy_from_slice(&from[..row_bytes]);
            }
        })
        .map_err(|problem| format!("{unreadable}: {problem}"))?;
    }
    Ok((sheet, info))
}

/// What `elements` make of each of `buffers`, which are as `caps` say.
fn run_through(
    elements: &str,
    caps: &gst::Caps,
    buffers: Vec<Vec<u8>>,
) -> Result<Vec<gst::Sample>, String> {
    let elements = make_elements(elements)?;
    let appsrc = gst_app::AppSrc::builder()
        .caps(caps)
        .format(gst::Format::Time)
        .build();
    let appsink = gst_app::AppSink::builder().sync(false).build();
    let pipeline = gst::Pipeline::new();
    let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
    let path = [appsrc.upcast_ref(), &elements, appsink.upcast_ref()];
    pipeline
        .add_many(path)
        .and_then(|()| gst::Element::link_many(path))
        .map_err(|error| error.to_string())?;

    let n_buffers = buffers.len();
    let run = || {
        let mut samples = Vec::new();
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|error| error.to_string())?;
        for buffer in buffers {
            // Refused only after an error, which the bus tells.
            let _ = appsrc.push_buffer(gst::Buffer::from_slice(buffer));
        }
        let _ = appsrc.end_of_stream();
        while !appsink.is_eos() {
            samples.extend(appsink.try_pull_sample(ERROR_POLL));
            let error = bus.pop_filtered(&[gst::MessageType::Error]);
            if let Some(gst::MessageView::Error(error)) = error.as_ref().map(|error| error.view()) {
                return Err(describe_error(error));
            }
        }
        Ok(samples)
    };
    let outcome = run();
    // A failure to stop leaves nothing to be done.
    let _ = pipeline.set_state(gst::State::Null);
    let samples = outcome?;
    if samples.len() != n_buffers {
        return Err(format!(
            "{} of {n_buffers} pictures came out of {}",
            samples.len(),
            elements.name()
        ));
    }
    Ok(samples)
}
