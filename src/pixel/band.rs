//! Converting a band: some consecutive rows of the output, independent of all others.

use super::axis::{Columns, Tap, WINDOW_SAMPLES};
use super::backend::{Kernels, SourceRow};
use super::color::{Levels, YCbCr};
use super::format::{ChannelOrder, FloatFormat, Layout, PixelFormat, Planes, Sample};

/// Everything that the bands of a conversion have in common.
pub struct Recipe {
    pub kernels: &'static Kernels,
    pub levels: Levels,
    pub ycbcr: YCbCr,
    pub format: PixelFormat,
    pub source: SourceGeometry,
    pub columns: Columns,
    pub rows: Vec<Tap>,
}

/// Where the samples of a float frame are.
pub struct SourceGeometry {
    sample: Sample,
    layout: Layout,
    /// Position of the red, green and blue sample in a pixel, or of their planes in a frame
    pub order: [usize; 3],
    width: usize,
    pub height: usize,
}

impl SourceGeometry {
    pub fn new(format: FloatFormat, width: usize, height: usize) -> Self {
        Self {
            sample: format.sample,
            layout: format.layout,
            order: match format.order {
                ChannelOrder::Rgb => [0, 1, 2],
                ChannelOrder::Bgr => [2, 1, 0],
            },
            width,
            height,
        }
    }

    /// Samples of a whole row.
    pub fn row_samples(&self) -> usize {
        self.width * 3
    }

    /// Bytes of a whole frame.
    pub fn frame_bytes(&self) -> usize {
        self.row_samples() * self.height * self.sample.bytes()
    }

    fn row<'a>(&self, frame: &'a [u8], row: usize) -> SourceRow<'a> {
        match self.layout {
            Layout::Interleaved => {
                let bytes = self.row_samples() * self.sample.bytes();
                SourceRow::Interleaved {
                    pixels: &frame[row * bytes..(row + 1) * bytes],
                    order: self.order,
                }
            }
            Layout::Planar => {
                let bytes = self.width * self.sample.bytes();
                SourceRow::Planar(self.order.map(|plane| {
                    let start = (plane * self.height + row) * bytes;
                    &frame[start..start + bytes]
                }))
            }
        }
    }
}

/// Row buffers of one band, reused from frame to frame.
pub struct Scratch {
    /// The two source rows at hand, scaled horizontally. Row n is in slot n % 2: the two rows that
    /// an output row needs are neighbours, so they never share a slot, and each source row is read
    /// once however many output rows need it.
    ring: [Vec<f32>; 2],
    /// Which source row a slot holds
    held: [Option<usize>; 2],
    /// Two finished rows of the output, not yet rounded
    finished: [Vec<f32>; 2],
    /// Their 2x2 means
    means: Vec<f32>,
    /// A source row of float16, as float32
    floats: Vec<u8>,
    /// A source row that is converted before it is scaled, each channel with as much room after it
    /// as a window that starts at its last sample reaches
    levels: Vec<f32>,
}

impl Scratch {
    pub fn new(recipe: &Recipe) -> Self {
        let width = recipe.columns.taps.len();
        let row = || vec![0.0; width * 3];
        Self {
            ring: [row(), row()],
            held: [None; 2],
            finished: [row(), row()],
            means: vec![0.0; width.div_ceil(2) * 3],
            floats: match recipe.source.sample {
                Sample::F32 => Vec::new(),
                Sample::F16 => vec![0; recipe.source.row_samples() * size_of::<f32>()],
            },
            levels: vec![0.0; 3 * (recipe.source.width + WINDOW_SAMPLES)],
        }
    }

    /// Sees to it that source row `row` is in the ring.
    fn scale_row(&mut self, recipe: &Recipe, frame: &[u8], row: usize) {
        let slot = row % 2;
        if self.held[slot] == Some(row) {
            return;
        }
        let source_row = recipe.source.row(frame, row);
        let source_row = match recipe.source.sample {
            Sample::F32 => source_row,
            Sample::F16 => widen_row(source_row, recipe.kernels, &mut self.floats),
        };
        (recipe.kernels.scale_row)(
            source_row,
            &recipe.columns,
            recipe.levels,
            &mut self.levels,
            &mut self.ring[slot],
        );
        self.held[slot] = Some(row);
    }

    /// Puts the output row that `tap` describes into `finished[index]`.
    fn finish_row(&mut self, recipe: &Recipe, frame: &[u8], tap: &Tap, index: usize) {
        self.scale_row(recipe, frame, tap.first);
        if tap.weight == 0.0 {
            // p + (q - p) * 0 is p, so the second row need not be read.
            self.finished[index].copy_from_slice(&self.ring[tap.first % 2]);
            return;
        }
        self.scale_row(recipe, frame, tap.second);
        let [top, bottom] = [tap.first, tap.second].map(|row| &self.ring[row % 2]);
        (recipe.kernels.blend_rows)(top, bottom, tap.weight, &mut self.finished[index]);
    }
}

/// A row of float16 as one of float32, which is put into `floats`.
fn widen_row<'a>(row: SourceRow, kernels: &Kernels, floats: &'a mut [u8]) -> SourceRow<'a> {
    match row {
        SourceRow::Interleaved { pixels, order } => {
            (kernels.widen)(pixels, floats);
            SourceRow::Interleaved {
                pixels: floats,
                order,
            }
        }
        SourceRow::Planar(planes) => {
            let mut wide = floats.chunks_exact_mut(planes[0].len() * 2);
            SourceRow::Planar(planes.map(|plane| {
                let floats = wide.next().unwrap_or_default();
                (kernels.widen)(plane, floats);
                &*floats
            }))
        }
    }
}

/// Converts `rows` of the picture, from a whole source frame to the `planes` of the band.
pub fn convert(
    recipe: &Recipe,
    frame: &[u8],
    rows: std::ops::Range<usize>,
    planes: &mut Planes,
    scratch: &mut Scratch,
) {
    scratch.held = [None; 2];
    let rows = &recipe.rows[rows];
    if recipe.format.is_ycbcr() {
        convert_ycbcr(recipe, frame, rows, planes, scratch);
    } else {
        convert_rgb(recipe, frame, rows, planes, scratch);
    }
}

fn convert_rgb(
    recipe: &Recipe,
    frame: &[u8],
    rows: &[Tap],
    planes: &mut Planes,
    scratch: &mut Scratch,
) {
    let bytes = recipe.format.row_bytes(0, recipe.columns.taps.len());
    for (row, tap) in rows.iter().enumerate() {
        scratch.finish_row(recipe, frame, tap, 0);
        let out = planes[0].row(row, bytes);
        (recipe.kernels.pack_row)(&scratch.finished[0], recipe.format, out);
    }
}

fn convert_ycbcr(
    recipe: &Recipe,
    frame: &[u8],
    rows: &[Tap],
    planes: &mut Planes,
    scratch: &mut Scratch,
) {
    let width = recipe.columns.taps.len();
    let kernels = recipe.kernels;
    let ycbcr = &recipe.ycbcr;
    for (pair, taps) in rows.chunks(2).enumerate() {
        for (index, tap) in taps.iter().enumerate() {
            scratch.finish_row(recipe, frame, tap, index);
            let out = planes[0].row(pair * 2 + index, width);
            (kernels.component_row)(&scratch.finished[index], &ycbcr.y, out);
        }
        let [top, bottom] = [0, taps.len() - 1].map(|index| &scratch.finished[index]);
        (kernels.halve_rows)(top, bottom, width, &mut scratch.means);
        let bytes = recipe.format.row_bytes(1, width);
        match recipe.format {
            PixelFormat::Nv12 => {
                let out = planes[1].row(pair, bytes);
                (kernels.component_pair_row)(&scratch.means, [&ycbcr.cb, &ycbcr.cr], out);
            }
            _ => {
                let [_, cb, cr] = planes;
                (kernels.component_row)(&scratch.means, &ycbcr.cb, cb.row(pair, bytes));
                (kernels.component_row)(&scratch.means, &ycbcr.cr, cr.row(pair, bytes));
            }
        }
    }
}
