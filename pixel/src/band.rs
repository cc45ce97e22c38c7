//! Converting a band: some consecutive rows of the output, independent of all others.

use crate::arithmetic::{SampleScale, Tap, YCbCr};
use crate::format::{FloatFormat, Layout, PixelFormat, Planes};
use crate::kernel::{
    BlendedRow, Chroma, Columns, DEEP_PIXEL, Kernels, PixelBytes, READABLE_AFTER_ROW, Samples,
    SourceRow, deep_row_samples,
};

/// Everything that the bands of a conversion have in common.
pub struct Recipe {
    pub kernels: &'static Kernels,
    pub source: SourceGeometry,
    pub scale: SampleScale,
    pub columns: Columns,
    pub rows: Vec<Tap>,
    pub format: PixelFormat,
    pub pixel_bytes: PixelBytes,
    pub ycbcr: YCbCr,
}

/// Where the samples of a float frame are.
pub struct SourceGeometry {
    pub format: FloatFormat,
    pub width: usize,
    pub height: usize,
}

impl SourceGeometry {
    /// Bytes of a row of a plane, or of the only one.
    fn row_bytes(&self) -> usize {
        let samples = match self.format.layout {
            Layout::Interleaved => 3 * self.width,
            Layout::Planar => self.width,
        };
        samples * self.format.sample.bytes()
    }

    /// Row `row` of plane `plane`, and [`READABLE_AFTER_ROW`] bytes more. Where the frame ends before
    /// that, in `copy`.
    fn row<'a>(&self, frame: &'a [u8], plane: usize, row: usize, copy: &'a mut [u8]) -> &'a [u8] {
        let bytes = self.row_bytes();
        let start = (plane * self.height + row) * bytes;
        match frame.get(start..start + bytes + READABLE_AFTER_ROW) {
            Some(row) => row,
            None => {
                copy[..bytes].copy_from_slice(&frame[start..start + bytes]);
                copy
            }
        }
    }
}

/// Row buffers of one band, reused from frame to frame.
pub struct Scratch {
    /// The source rows at hand, scaled horizontally: as many as two output rows need
    ring: [DeepRow; 4],
    /// Which source row each of them is
    held: [Option<usize>; 4],
    /// A source row that is read before it is scaled
    unscaled: DeepRow,
    /// Source rows that lie at the end of the frame
    copies: [Vec<u8>; 3],
    /// Luma of a row that is not there, where the height is odd
    no_luma: Vec<u8>,
}

/// Deep samples that begin with a cache line. 16 bytes after one, where allocators like to begin,
/// each store of a vector is two, which took 1 to 8 % more time with AVX-512 on Zen 4.
struct DeepRow {
    samples: Vec<i16>,
    start: usize,
}

impl DeepRow {
    fn new(width: usize) -> Self {
        const CACHE_LINE: usize = 64;
        let samples = vec![0; deep_row_samples(width) + CACHE_LINE / size_of::<i16>()];
        let start = samples.as_ptr().align_offset(CACHE_LINE);
        Self { samples, start }
    }

    fn samples(&self) -> &[i16] {
        &self.samples[self.start..]
    }

    fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples[self.start..]
    }
}

impl Scratch {
    pub fn new(recipe: &Recipe) -> Self {
        let width = recipe.columns.width();
        let copy = || vec![0; recipe.source.row_bytes() + READABLE_AFTER_ROW];
        Self {
            ring: std::array::from_fn(|_| DeepRow::new(width)),
            held: [None; 4],
            unscaled: DeepRow::new(recipe.source.width),
            copies: std::array::from_fn(|_| copy()),
            no_luma: vec![0; width],
        }
    }

    fn slot(&self, row: usize) -> Option<usize> {
        self.held.iter().position(|&held| held == Some(row))
    }

    /// Sees to it that the source rows that `taps` need are in the ring. There are one or two taps.
    fn hold(&mut self, recipe: &Recipe, frame: &[u8], taps: &[Tap]) {
        let is_needed = |row: usize| {
            let needs = |tap: &Tap| row == tap.first || (row == tap.second && tap.weight != 0);
            taps.iter().any(needs)
        };
        for row in taps.iter().flat_map(|tap| [tap.first, tap.second]) {
            if !is_needed(row) || self.slot(row).is_some() {
                continue;
            }
            let is_free = |held: &Option<usize>| !held.is_some_and(is_needed);
            // Of four, three hold no more than the other three rows.
            let slot = self.held.iter().position(is_free).unwrap_or_default();
            self.scale_row(recipe, frame, row, slot);
            self.held[slot] = Some(row);
        }
    }

    fn scale_row(&mut self, recipe: &Recipe, frame: &[u8], row: usize, slot: usize) {
        let [first, second, third] = &mut self.copies;
        let source = &recipe.source;
        let samples = match source.format.layout {
            Layout::Interleaved => Samples::Interleaved(source.row(frame, 0, row, first)),
            Layout::Planar => Samples::Planar([
                source.row(frame, 0, row, first),
                source.row(frame, 1, row, second),
                source.row(frame, 2, row, third),
            ]),
        };
        let row = SourceRow {
            sample: source.format.sample,
            samples,
            scale: recipe.scale,
        };
        let out = self.ring[slot].samples_mut();
        let unscaled = self.unscaled.samples_mut();
        (recipe.kernels.scale_row)(row, &recipe.columns, unscaled, out);
        // Chroma of an odd width repeats the last pixel.
        let end = recipe.columns.width() * DEEP_PIXEL;
        out.copy_within(end - DEEP_PIXEL..end, end);
    }

    /// The output row that `tap` describes, of what [`hold`](Self::hold) has put into the ring.
    fn blended(&self, tap: &Tap) -> BlendedRow<'_> {
        let samples = |row| self.ring[self.slot(row).unwrap_or_default()].samples();
        let second = match tap.weight {
            0 => tap.first,
            _ => tap.second,
        };
        BlendedRow {
            top: samples(tap.first),
            bottom: samples(second),
            weight: tap.weight,
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
    // Those of another frame
    scratch.held = [None; 4];
    let rows = &recipe.rows[rows];
    if recipe.format.is_ycbcr() {
        for (pair, taps) in rows.chunks(2).enumerate() {
            scratch.hold(recipe, frame, taps);
            convert_pair(recipe, pair, taps, planes, scratch);
        }
    } else {
        let bytes = recipe.format.row_bytes(0, recipe.columns.width());
        for (row, tap) in rows.iter().enumerate() {
            scratch.hold(recipe, frame, std::slice::from_ref(tap));
            let out = planes[0].row(row, bytes);
            (recipe.kernels.write_rgb)(scratch.blended(tap), &recipe.pixel_bytes, out);
        }
    }
}

/// Converts the two rows that share a row of chroma, or the last one alone.
fn convert_pair(
    recipe: &Recipe,
    pair: usize,
    taps: &[Tap],
    [luma, chroma, cr]: &mut Planes,
    scratch: &mut Scratch,
) {
    let width = recipe.columns.width();
    let mut no_luma = std::mem::take(&mut scratch.no_luma);
    let blended = [0, taps.len() - 1].map(|row| scratch.blended(&taps[row]));
    let (top, bottom) = match taps.len() {
        1 => (luma.row(2 * pair, width), &mut no_luma[..]),
        _ => luma.two_rows(2 * pair, width),
    };
    let bytes = recipe.format.row_bytes(1, width);
    let chroma = match recipe.format {
        PixelFormat::Nv12 => Chroma::Interleaved(chroma.row(pair, bytes)),
        _ => Chroma::Planar(chroma.row(pair, bytes), cr.row(pair, bytes)),
    };
    (recipe.kernels.write_ycbcr)(blended, &recipe.ycbcr, [top, bottom], chroma);
    scratch.no_luma = no_luma;
}
