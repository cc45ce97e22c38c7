//! One picture of frames from all over the clip.

use image::imageops::overlay;
use image::{ImageFormat, Rgb, RgbImage};
use std::fs::File;
use std::io::{BufWriter, Error, Result, Write};
use std::path::{Path, PathBuf};

/// Frames on the sheet.
const MAX_TILES: usize = 24;
const COLUMNS: u32 = 6;
/// Frames that are kept to choose from. The more there are, the more even are the distances between
/// those chosen.
const MAX_KEPT: usize = 4 * MAX_TILES;
/// Larger frames are scaled down.
const MAX_TILE_SIDE: u32 = 320;
/// Pixels between two frames and around all.
const GAP: u32 = 8;
const BACKGROUND: Rgb<u8> = Rgb([32, 32, 32]);

pub struct ContactSheet {
    path: PathBuf,
    file: File,
    format: Option<ImageFormat>,
    /// Every `stride`-th frame so far, encoded as it came
    kept: Vec<Vec<u8>>,
    stride: u64,
    n_frames: u64,
}

impl ContactSheet {
    /// Creates the file at once: whether that is possible should not turn out after hours.
    pub fn create(path: &Path) -> std::result::Result<Self, String> {
        let file = File::create(path)
            .map_err(|error| format!("--contact-sheet {}: {error}", path.display()))?;
        Ok(Self {
            path: path.into(),
            file,
            format: None,
            kept: Vec::new(),
            stride: 1,
            n_frames: 0,
        })
    }

    /// Looks at the next frame, an image of `media_type`.
    pub fn add(&mut self, media_type: &str, image: &[u8]) -> Result<()> {
        self.format = match media_type {
            "image/jpeg" => Some(ImageFormat::Jpeg),
            "image/png" => Some(ImageFormat::Png),
            _ => {
                return Err(Error::other(format!(
                    "--contact-sheet needs JPEG or PNG images, but the encoder makes {media_type}"
                )));
            }
        };
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
    pub fn finish(self) -> Result<()> {
        let drawn = match self.format {
            Some(format) => draw(&self.kept, format, &self.file),
            None => return std::fs::remove_file(&self.path),
        };
        drawn.map_err(|error| {
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

fn decode(image: &[u8], format: ImageFormat) -> image::ImageResult<RgbImage> {
    let image = image::load_from_memory_with_format(image, format)?;
    let is_large = image.width().max(image.height()) > MAX_TILE_SIDE;
    Ok(if is_large {
        image.thumbnail(MAX_TILE_SIDE, MAX_TILE_SIDE).into_rgb8()
    } else {
        image.into_rgb8()
    })
}

fn draw(frames: &[Vec<u8>], format: ImageFormat, file: &File) -> image::ImageResult<()> {
    let tiles = choose(frames)
        .map(|image| decode(image, format))
        .collect::<image::ImageResult<Vec<_>>>()?;
    let columns = COLUMNS.min(tiles.len() as u32);
    let rows = (tiles.len() as u32).div_ceil(COLUMNS);
    let (width, height) = tiles.first().map_or((0, 0), RgbImage::dimensions);
    let (step_x, step_y) = (width + GAP, height + GAP);
    let mut sheet = RgbImage::from_pixel(columns * step_x + GAP, rows * step_y + GAP, BACKGROUND);
    for (tile, index) in tiles.iter().zip(0..) {
        let (column, row) = (index % COLUMNS, index / COLUMNS);
        let (x, y) = (GAP + column * step_x, GAP + row * step_y);
        overlay(&mut sheet, tile, x.into(), y.into());
    }
    let mut writer = BufWriter::new(file);
    sheet.write_to(&mut writer, ImageFormat::Png)?;
    Ok(writer.flush()?)
}
