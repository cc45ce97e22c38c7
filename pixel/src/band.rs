//! Converting a band: some consecutive rows of the output, independent of all others.

use super::axis::{Columns, Tap, WINDOW_SAMPLES};
use super::backend::{BlendedRow, Kernels, SourceRow};
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
    /// Bands of the frame at hand that were converted with it
    pub bands: usize,
    /// The two source rows at hand, scaled horizontally. Row n is in slot n % 2: the two rows that
    /// an output row needs are neighbours, so they never share a slot, and each source row is read
    /// once however many output rows need it.
    ring: [Row; 2],
    /// Which source row a slot holds
    held: [Option<usize>; 2],
    /// An output row, where a backend wants to store it before it makes luma and chroma of it
    blended: Row,
    /// Sums of two neighbouring pixels, of the two output rows that share a row of chroma
    sums: [Row; 2],
    /// A source row of float16, as float32
    floats: Vec<u8>,
    /// A source row that is converted before it is scaled, each channel with as much room after it
    /// as a window that starts at its last sample reaches
    levels: Vec<f32>,
}

/// An RGB row that begins with a cache line. 16 bytes after one, where allocators like to begin, each
/// store of 64 bytes is two, which took 1 to 8 % more time with AVX-512 on Zen 4.
struct Row {
    floats: Vec<f32>,
    start: usize,
    len: usize,
}

impl Row {
    fn new(width: usize) -> Self {
        const CACHE_LINE: usize = 64;
        let len = 3 * width;
        let floats = vec![0.0f32; len + CACHE_LINE / size_of::<f32>()];
        let start = floats.as_ptr().align_offset(CACHE_LINE);
        Self { floats, start, len }
    }

    fn levels(&self) -> &[f32] {
        &self.floats[self.start..][..self.len]
    }

    fn levels_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..][..self.len]
    }
}

impl Scratch {
    pub fn new(recipe: &Recipe) -> Self {
        let width = recipe.columns.taps.len();
        let chroma_width = match recipe.format.is_ycbcr() {
            true => width.div_ceil(2),
            false => 0,
        };
        Self {
            bands: 0,
            ring: [Row::new(width), Row::new(width)],
            held: [None; 2],
            blended: Row::new(width),
            sums: [Row::new(chroma_width), Row::new(chroma_width)],
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
            self.ring[slot].levels_mut(),
        );
        self.held[slot] = Some(row);
    }

    /// Sees to it that the rows which `tap` names are in the ring.
    fn scale_rows(&mut self, recipe: &Recipe, frame: &[u8], tap: &Tap) {
        self.scale_row(recipe, frame, tap.first);
        // p + (q - p) * 0 is p, so the second row need not be read.
        if tap.weight != 0.0 {
            self.scale_row(recipe, frame, tap.second);
        }
    }
}

/// The output row that `tap` describes, from what [`Scratch::scale_rows`] put into the ring.
fn blended<'a>(ring: &'a [Row; 2], tap: &Tap) -> BlendedRow<'a> {
    let bottom = if tap.weight == 0.0 {
        tap.first
    } else {
        tap.second
    };
    BlendedRow {
        top: ring[tap.first % 2].levels(),
        bottom: ring[bottom % 2].levels(),
        weight: tap.weight,
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
        scratch.scale_rows(recipe, frame, tap);
        let out = planes[0].row(row, bytes);
        (recipe.kernels.pack_row)(blended(&scratch.ring, tap), recipe.format, out);
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
            scratch.scale_rows(recipe, frame, tap);
            let row = blended(&scratch.ring, tap);
            let out = planes[0].row(pair * 2 + index, width);
            let sums = scratch.sums[index].levels_mut();
            (kernels.luma_row)(row, &ycbcr.y, scratch.blended.levels_mut(), out, sums);
        }
        let sums = [0, taps.len() - 1].map(|index| scratch.sums[index].levels());
        let chroma = [&ycbcr.cb, &ycbcr.cr];
        let bytes = recipe.format.row_bytes(1, width);
        match recipe.format {
            PixelFormat::Nv12 => {
                (kernels.chroma_pair_row)(sums, chroma, planes[1].row(pair, bytes));
            }
            _ => {
                let [_, cb, cr] = planes;
                let (cb, cr) = (cb.row(pair, bytes), cr.row(pair, bytes));
                (kernels.chroma_rows)(sums, chroma, cb, cr);
            }
        }
    }
}
