//! The pixel path: float frames to scaled 8-bit frames. No GStreamer in here.
//!
//! A [`Plan`] holds everything that follows from sizes and formats and is made once for them. It
//! then converts frame after frame, each in one pass over the source, without allocating.
//!
//! ```
//! use lipsyncframes_pixel::*;
//!
//! // A white frame of 2x2 pixels, as a network emits it, to 4x4 RGBA.
//! let source = Source {
//!     format: FloatFormat {
//!         sample: Sample::F32,
//!         layout: Layout::Interleaved,
//!         order: ChannelOrder::Bgr,
//!     },
//!     width: 2,
//!     height: 2,
//!     range: Range::Unit,
//! };
//! let target = Target::new(PixelFormat::Rgba, 4, 4);
//! let mut plan = Plan::new(source, target)?;
//!
//! let white = 1.0f32.to_le_bytes().repeat(2 * 2 * 3);
//! let mut rgba = [0; 4 * 4 * 4];
//! let plane = Plane { data: &mut rgba, stride: 16 };
//! plan.convert(&white, [plane, Plane::default(), Plane::default()], 1)?;
//! assert_eq!(rgba, [255; 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "some is for the backends of x86-64")
)]
mod axis;
mod backend;
mod band;
mod color;
mod error;
mod format;
pub mod pool;
mod scalar;
mod to_float;
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "some is for the backends of x86-64")
)]
mod wide;

pub use color::{Matrix, Quantization, Range};
pub use error::{ConvertError, PlanError};
pub use format::{ChannelOrder, FloatFormat, Layout, PixelFormat, Plane, Planes, Sample};
pub use to_float::ToFloat;

use backend::Kernels;
use band::{Recipe, Scratch, SourceGeometry};
use color::YCbCr;
use format::split_off_top;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Largest width and height of a source or target frame.
pub const MAX_SIZE: u32 = 16384;

/// Least work for which a thread of its own pays, in samples that are read or made for it.
///
/// Handing over costs the caller 5 us when the other thread sleeps, and hardly anything when it is
/// still awake from the last frame. Two threads took 0.5 to 0.6 of one thread's time in the latter
/// case; where they were too late to help, a frame of 45 us became 5 us longer. One core converts
/// this much in 15 to 20 us (virtual machine, a Xeon with AMX, 2 cores).
const MIN_THREAD_SAMPLES: usize = 128 * 1024;

/// Bands for each thread that shares a frame. Threads take one after the other, so that one that
/// comes late leaves more of them to the others.
///
/// A virtual machine wakes a thread in 40 us. With one band for each of two threads, a frame that came
/// 200 us after the last took 0.94 of one thread's time, with two 0.92, with four 0.80, with eight
/// 0.82. Where no thread comes late, four cost 5 % more than one.
const BANDS_PER_THREAD: usize = 4;

/// What a network emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    pub format: FloatFormat,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub width: u32,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub height: u32,
    pub range: Range,
}

/// Part of a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

/// The frame to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub format: PixelFormat,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub width: u32,
    /// In pixels, 1 to [`MAX_SIZE`]
    pub height: u32,
    /// The part that the source is scaled to; the rest is black. Its edges lie on even pixels or on
    /// the edge of the frame, so that no chroma sample belongs to the picture and the border.
    pub picture: Rectangle,
    /// For YCbCr formats only
    pub matrix: Matrix,
    /// For YCbCr formats only
    pub quantization: Quantization,
}

impl Target {
    /// A frame that the picture fills, in full-range BT.601 where the format is a YCbCr one.
    pub fn new(format: PixelFormat, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            picture: Rectangle {
                x: 0,
                y: 0,
                width,
                height,
            },
            matrix: Matrix::default(),
            quantization: Quantization::default(),
        }
    }
}

/// A conversion, ready to run on any number of frames.
pub struct Plan {
    target: Target,
    recipe: Recipe,
    scratch: Vec<Scratch>,
    help: Help,
}

/// Whether the pool's threads are asked to share a frame.
///
/// They come too late where all cores are busy, with an encoder behind a queue for one. Then the caller
/// converts nearly all of the frame and waits for them for nothing, so that they are not asked for a
/// while: one frame, then two, up to [`LONGEST_PAUSE`](Self::LONGEST_PAUSE), until they come in time.
#[derive(Default)]
struct Help {
    /// Frames until they are asked again
    left: u32,
    /// As many as it was the last time
    pause: u32,
}

impl Help {
    const LONGEST_PAUSE: u32 = 32;

    fn is_worth_asking(&mut self) -> bool {
        let is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_over
    }

    /// Learns that `threads` shared a frame, and all but the caller's made `helped` of its `bands`: in time
    /// is at least half of what would have been fair.
    fn learn(&mut self, helped: usize, bands: usize, threads: usize) {
        let is_in_time = 2 * helped * threads >= bands * (threads - 1);
        self.pause = match (is_in_time, self.pause) {
            (true, _) => 0,
            (false, 0) => 1,
            (false, pause) => (2 * pause).min(Self::LONGEST_PAUSE),
        };
        self.left = self.pause;
    }
}

impl Plan {
    /// Plans the conversion of frames like `source` to frames like `target`.
    ///
    /// # Errors
    ///
    /// When a size is not 1 to [`MAX_SIZE`], or the picture does not lie in the target or not on
    /// even pixels.
    pub fn new(source: Source, target: Target) -> Result<Self, PlanError> {
        Self::with_kernels(source, target, backend::kernels())
    }

    /// Like [`new`](Self::new), with the backend `name`, one of [`backends`]. For tests and
    /// benchmarks: every backend gives the same bytes.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and when this machine cannot run the backend.
    pub fn with_backend(source: Source, target: Target, name: &str) -> Result<Self, PlanError> {
        let kernels = backend::available()
            .find(|kernels| kernels.name == name)
            .ok_or_else(|| PlanError::Backend(name.to_owned()))?;
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
        let [source_width, source_height] = [source.width, source.height].map(|n| n as usize);
        let picture = target.picture;
        Ok(Self {
            target,
            recipe: Recipe {
                kernels,
                levels: source.range.into(),
                ycbcr: YCbCr::new(target.matrix, target.quantization),
                format: target.format,
                source: SourceGeometry::new(source.format, source_width, source_height),
                columns: axis::Columns::new(source_width, picture.width as usize),
                rows: axis::taps(source_height, picture.height as usize),
            },
            scratch: Vec::new(),
            help: Help::default(),
        })
    }

    /// Bytes of a source frame.
    pub fn source_bytes(&self) -> usize {
        self.recipe.source.frame_bytes()
    }

    /// Number of threads that [`convert`](Self::convert) uses when it may use `threads`: fewer where
    /// a frame is too small to be worth the hand-over.
    pub fn threads(&self, threads: usize) -> usize {
        let Rectangle { width, height, .. } = self.target.picture;
        let (rows, columns) = (height as usize, width as usize);
        // An output row needs two source rows, unless it shares them with its neighbours.
        let read = self.recipe.source.row_samples() * self.recipe.source.height.min(2 * rows);
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
        let threads = self.threads(threads);
        if threads == 1 || !self.help.is_worth_asking() {
            return self.convert_in_bands(source, target, 1, 1);
        }
        let bands = (threads * BANDS_PER_THREAD).min(self.row_pairs());
        self.convert_in_bands(source, target, bands, threads)?;
        let helped = self.scratch.iter().skip(1).map(|scratch| scratch.bands);
        self.help.learn(helped.sum(), bands, threads);
        Ok(())
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
        let pool = if threads > 1 {
            Some(pool::shared().map_err(ConvertError::Pool)?)
        } else {
            None
        };
        while self.scratch.len() < threads {
            self.scratch.push(Scratch::new(&self.recipe));
        }

        self.paint_borders(&mut target);
        let mut rest = self.crop_to_picture(target);
        let Self {
            recipe, scratch, ..
        } = self;
        let recipe: &Recipe = recipe;
        let first_row = |band: usize| (band * pairs / bands * 2).min(recipe.rows.len());
        let bands = Mutex::new((0..bands).map(|band| {
            let rows = first_row(band)..first_row(band + 1);
            let planes = split_off_top(&mut rest, recipe.format, rows.len());
            (rows, planes)
        }));
        let next_band = || lock(&bands).next();
        let work = |scratch: &mut Scratch| {
            while let Some((rows, mut planes)) = next_band() {
                band::convert(recipe, source, rows, &mut planes, scratch);
                scratch.bands += 1;
            }
        };
        for scratch in &mut *scratch {
            scratch.bands = 0;
        }
        let Some((own, others)) = scratch[..threads].split_first_mut() else {
            return Ok(());
        };
        match pool {
            None => work(own),
            Some(pool) => pool::work_together(pool, own, others, work),
        }
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

/// Name of the backend that does the work: the fastest that this machine can run, or the one that
/// the environment variable `LIPSYNCFRAMES_BACKEND` names.
pub fn backend() -> &'static str {
    backend::kernels().name
}

/// Names of the backends that this machine can run, the fastest first.
pub fn backends() -> impl Iterator<Item = &'static str> {
    backend::available().map(|kernels| kernels.name)
}

/// How many of `threads` threads are worth it for so much work: at least 1.
fn threads_worth(samples: usize, threads: usize) -> usize {
    threads
        .min(samples / MIN_THREAD_SAMPLES)
        .clamp(1, pool::MAX_THREADS)
}

/// Locks also what a panicking thread held: an iterator of bands is valid after every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Repeats `pixel` over `row`.
fn paint(row: &mut [u8], pixel: &[u8]) {
    for out in row.chunks_exact_mut(pixel.len()) {
        out.copy_from_slice(pixel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the next `count` frames are shared, if the others make `helped` of 8 bands of each.
    fn shared(help: &mut Help, count: usize, helped: usize) -> Vec<bool> {
        let next_frame = |_| {
            let is_shared = help.is_worth_asking();
            if is_shared {
                help.learn(helped, 8, 2);
            }
            is_shared
        };
        (0..count).map(next_frame).collect()
    }

    #[test]
    fn threads_that_come_in_time_are_always_asked() {
        let mut help = Help::default();
        assert_eq!(shared(&mut help, 5, 4), [true; 5]);
        assert_eq!(shared(&mut help, 5, 2), [true; 5]);
    }

    #[test]
    fn threads_that_come_late_are_asked_less_and_less_until_they_do_not() {
        let mut help = Help::default();
        assert_eq!(
            shared(&mut help, 11, 1),
            [
                true, false, true, false, false, true, false, false, false, false, true
            ]
        );
        let asked = shared(&mut help, 10_000, 0);
        let asked = asked.into_iter().filter(|&is_shared| is_shared).count();
        assert!((300..320).contains(&asked), "{asked}");
        // One frame in time, and they are asked for every one again.
        while !help.is_worth_asking() {}
        help.learn(4, 8, 2);
        assert_eq!(shared(&mut help, 3, 4), [true; 3]);
    }
}
