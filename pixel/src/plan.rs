//! A conversion of float frames to 8-bit frames.

use crate::arithmetic::{self, YCbCr};
use crate::band::{self, Recipe, Scratch, SourceGeometry};
use crate::error::{self, ConvertError, PlanError};
use crate::format::{PixelFormat, Planes, Rectangle, Source, Target, split_off_top};
use crate::kernel::{self, Columns, Kernels, PixelBytes};
use crate::share::{Share, threads_worth};

/// A conversion, ready to run on any number of frames.
pub struct Plan {
    target: Target,
    recipe: Recipe,
    scratch: Vec<Scratch>,
    share: Share,
}

impl Plan {
    /// Plans the conversion of frames like `source` to frames like `target`.
    ///
    /// # Errors
    ///
    /// When a size is not 1 to [`MAX_SIZE`](crate::MAX_SIZE), or the picture does not lie in the target
    /// or not on even pixels.
    pub fn new(source: Source, target: Target) -> Result<Self, PlanError> {
        Self::with_kernels(source, target, kernel::chosen())
    }

    /// Like [`new`](Self::new), with the backend `name`, one of [`backends`](crate::backends). For tests
    /// and benchmarks: every backend gives the same bytes.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and when this machine cannot run the backend.
    pub fn with_backend(source: Source, target: Target, name: &str) -> Result<Self, PlanError> {
        let kernels = kernel::available()
            .find(|kernels| kernels.name == name)
            .ok_or_else(|| PlanError::Backend {
                name: name.to_owned(),
                known: kernel::available().map(|kernels| kernels.name).collect(),
            })?;
        Self::with_kernels(source, target, kernels)
    }

    fn with_kernels(
        source: Source,
        target: Target,
        kernels: &'static Kernels,
    ) -> Result<Self, PlanError> {
        error::check_size("source", source.width, source.height)?;
        error::check_size("target", target.width, target.height)?;
        error::check_picture(&target)?;
        let [width, height] = [source.width, source.height].map(|n| n as usize);
        let picture = target.picture;
        let positions = source.format.positions();
        let channels = target.format.channels().iter();
        let channels = channels.map(|&channel| *positions.get(channel).unwrap_or(&channel));
        let columns = Columns::new(width, picture.width as usize);
        let rows = arithmetic::taps(height, picture.height as usize);
        let geometry = SourceGeometry {
            format: source.format,
            width,
            height,
        };
        Ok(Self {
            target,
            recipe: Recipe {
                kernels,
                scale: source.range.into(),
                format: target.format,
                pixel_bytes: PixelBytes::new(channels.collect()),
                ycbcr: YCbCr::new(target.matrix, target.quantization, positions),
                ahead: band::bytes_ahead(&geometry, &columns, &rows, target.format),
                source: geometry,
                columns,
                rows,
            },
            scratch: Vec::new(),
            share: Share::default(),
        })
    }

    /// Bytes of a source frame.
    pub fn source_bytes(&self) -> usize {
        let SourceGeometry {
            format,
            width,
            height,
        } = self.recipe.source;
        format.frame_bytes(width, height)
    }

    /// Number of threads that [`convert`](Self::convert) uses when it may use `threads`: fewer where
    /// a frame is too small to be worth the hand-over.
    pub fn threads(&self, threads: usize) -> usize {
        let Rectangle { width, height, .. } = self.target.picture;
        let (columns, rows) = (width as usize, height as usize);
        // An output row needs two source rows, unless it shares them with its neighbours.
        let SourceGeometry { width, height, .. } = self.recipe.source;
        let read = 3 * width * height.min(2 * rows);
        let made = 3 * rows * columns;
        threads_worth(read + made, threads).min(self.row_pairs())
    }

    /// Bands begin on even rows, so that none shares a chroma row with another.
    fn row_pairs(&self) -> usize {
        self.recipe.rows.len().div_ceil(2)
    }

    /// Converts one frame, on up to `threads` threads: the caller's and some of the shared pool.
    /// The result is the same for every number of threads.
    ///
    /// `source` holds exactly one frame, at any address. `target` holds the planes of the target's
    /// format; further planes are ignored. After the first call with a given number of threads,
    /// nothing is allocated but the pool's own record of each thread that helps.
    ///
    /// # Errors
    ///
    /// When `source` or a plane has not the size that the plan needs, or the pool cannot be built.
    /// Nothing has been written then.
    pub fn convert(
        &mut self,
        source: &[u8],
        target: Planes,
        threads: usize,
    ) -> Result<(), ConvertError> {
        let threads = self.share.threads(self.threads(threads));
        self.convert_in_bands(source, target, Share::bands(threads), threads)
    }

    /// Like [`convert`](Self::convert), split into `bands` bands however small they are, as long
    /// as each has two rows, and on `threads` threads, as long as there are as many bands. For tests,
    /// and to measure what the hand-over costs.
    ///
    /// # Errors
    ///
    /// As for [`convert`](Self::convert).
    pub fn convert_in_bands(
        &mut self,
        source: &[u8],
        mut target: Planes,
        bands: usize,
        threads: usize,
    ) -> Result<(), ConvertError> {
        error::check_source(source, self.source_bytes())?;
        error::check_planes(&target, &self.target)?;
        let pairs = self.row_pairs();
        let bands = bands.clamp(1, pairs);
        let threads = threads.clamp(1, bands);
        while self.scratch.len() < threads {
            self.scratch.push(Scratch::new(&self.recipe));
        }
        self.share.prepare(threads)?;

        self.paint_borders(&mut target);
        let mut rest = self.crop_to_picture(target);
        let Self {
            recipe,
            scratch,
            share,
            ..
        } = self;
        let recipe: &Recipe = recipe;
        let first_row = |band: usize| (band * pairs / bands * 2).min(recipe.rows.len());
        let bands = (0..bands).map(|band| {
            let rows = first_row(band)..first_row(band + 1);
            let planes = split_off_top(&mut rest, recipe.format, rows.len());
            (rows, planes)
        });
        share.run(
            &mut scratch[..threads],
            bands,
            |scratch, (rows, mut planes)| {
                band::convert(recipe, source, rows, &mut planes, scratch);
            },
        );
        Ok(())
    }

    /// Narrows `planes` to the part that holds the picture.
    fn crop_to_picture<'a>(&self, mut planes: Planes<'a>) -> Planes<'a> {
        let Target {
            format, picture, ..
        } = self.target;
        split_off_top(&mut planes, format, picture.y as usize);
        for (index, plane) in planes.iter_mut().enumerate().take(format.n_planes()) {
            let left = format.row_bytes(index, picture.x as usize);
            let data = std::mem::take(&mut plane.data);
            plane.data = &mut data[left..];
        }
        planes
    }

    /// Paints black what the picture leaves free.
    fn paint_borders(&self, planes: &mut Planes) {
        let Target {
            format,
            picture,
            width,
            height,
            ..
        } = self.target;
        if (picture.width, picture.height) == (width, height) {
            return;
        }
        let [y, cb, cr] = self.recipe.ycbcr.black();
        for (index, plane) in planes.iter_mut().enumerate().take(format.n_planes()) {
            let row_bytes = |width: u32| format.row_bytes(index, width as usize);
            let plane_rows = |height: u32| format.plane_rows(index, height as usize);
            let black: &[u8] = match (format, index) {
                (PixelFormat::I420 | PixelFormat::Nv12, 0) => &[y],
                (PixelFormat::I420, 1) => &[cb],
                (PixelFormat::I420, _) => &[cr],
                (PixelFormat::Nv12, _) => &[cb, cr],
                (PixelFormat::Rgb | PixelFormat::Bgr, _) => &[0, 0, 0],
                _ => &[0, 0, 0, 255],
            };
            let picture_rows = plane_rows(picture.y)..plane_rows(picture.y + picture.height);
            let left = row_bytes(picture.x);
            let right = row_bytes(picture.x + picture.width);
            for row in 0..plane_rows(height) {
                let row_data = plane.row(row, row_bytes(width));
                if picture_rows.contains(&row) {
                    paint(&mut row_data[..left], black);
                    paint(&mut row_data[right..], black);
                } else {
                    paint(row_data, black);
                }
            }
        }
    }
}

/// Repeats `pixel` over `row`.
fn paint(row: &mut [u8], pixel: &[u8]) {
    for out in row.chunks_exact_mut(pixel.len()) {
        out.copy_from_slice(pixel);
    }
}
