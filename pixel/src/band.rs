//! Converting a band: some consecutive rows of the output, independent of all others.

use crate::arithmetic::{DEEP_PIXEL, SampleScale, Tap, YCbCr};
use crate::format::{FloatFormat, Layout, PixelFormat, Planes};
use crate::kernel::{
    BLOCK, BlendedRow, Chroma, Columns, Kernels, PixelBytes, READABLE_AFTER_ROW, Samples,
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
    /// See [`bytes_ahead`].
    pub ahead: Vec<usize>,
}

impl Recipe {
    /// Bytes of a row of `plane` that kernels write: whole blocks, and what follows three bytes a pixel.
    fn written_bytes(&self, plane: usize) -> usize {
        let width = self.columns.width().next_multiple_of(BLOCK);
        let excess = if self.pixel_bytes.channels.len() == 3 {
            4
        } else {
            0
        };
        self.format.row_bytes(plane, width) + excess
    }
}

/// Least bytes of the source between what is read and what is fetched meanwhile.
///
/// The processor's own prefetching ends with each page of 4 KiB and each row that is left out, and nothing
/// is fetched while rows are scaled and written. Over 64 MiB of frames on a virtual machine with Zen 4
/// cores, in multiples of the time that reading takes, without this, with 6, 9, 12, 16 and 24 KiB: 1.3,
/// 1.4, 1.4, 1.4, 1.4, 1.4 for 640x360 to 320x320 in RGBA, 2.1, 1.6, 1.6, 1.6, 1.5, 1.5 in I420, and 2.7, 1.8,
/// 1.8, 1.9, 1.9, 1.9 for 512x512 in I420. To the first-level cache it is slower than without. To ask for
/// less while rows are read and for some while they are written was slower, too, but for RGBA.
const AHEAD_BYTES: usize = 9 * 1024;

/// Bytes more than whole rows, so that the distance is no multiple of a page: what is read and what is fetched
/// would share the same few places in the caches. Three planes of 512x512 took 1.2 times as long with 4096
/// bytes as with 5120.
const AHEAD_EXTRA_BYTES: usize = 576;

/// For each source row, the bytes from it to the one that is to be fetched when it is read: among those that
/// `taps` need, the first that is at least [`AHEAD_BYTES`] later.
pub fn bytes_ahead(source: &SourceGeometry, taps: &[Tap]) -> Vec<usize> {
    let needs = |tap: &Tap| [Some(tap.first), (tap.weight != 0).then_some(tap.second)];
    let mut needed: Vec<usize> = taps.iter().flat_map(needs).flatten().collect();
    needed.sort_unstable();
    needed.dedup();
    let row_bytes = source.row_bytes();
    let rows = AHEAD_BYTES.div_ceil(row_bytes * source.planes());
    let mut ahead = vec![0; source.height];
    for (index, &row) in needed.iter().enumerate() {
        let later = needed.get(index + rows).copied().unwrap_or(row + rows);
        ahead[row] = (later - row) * row_bytes + AHEAD_EXTRA_BYTES;
    }
    ahead
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
        self.format.row_bytes(self.width)
    }

    fn planes(&self) -> usize {
        match self.format.layout {
            Layout::Interleaved => 1,
            Layout::Planar => 3,
        }
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
    /// The two source rows at hand, scaled horizontally. Row n is in slot n % 2: the two rows that
    /// an output row needs are neighbours, so they never share a slot, and each source row is read
    /// once however many output rows need it.
    ring: [DeepRow; 2],
    /// Which source row a slot holds
    held: [Option<usize>; 2],
    /// A source row that is read before it is scaled
    unscaled: DeepRow,
    /// The two output rows that share a row of chroma
    blended: [DeepRow; 2],
    /// Source rows that lie at the end of the frame
    copies: [Vec<u8>; 3],
    /// Output rows that are no whole number of blocks
    outs: [Vec<u8>; 2],
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
        let blended_width = if recipe.format.is_ycbcr() { width } else { 0 };
        let out = || vec![0; 4 * width.next_multiple_of(BLOCK) + 4];
        let copy = || vec![0; recipe.source.row_bytes() + READABLE_AFTER_ROW];
        Self {
            ring: [DeepRow::new(width), DeepRow::new(width)],
            held: [None; 2],
            unscaled: DeepRow::new(recipe.source.width),
            blended: [DeepRow::new(blended_width), DeepRow::new(blended_width)],
            copies: [copy(), copy(), copy()],
            outs: [out(), out()],
        }
    }

    /// Sees to it that the rows which `tap` names are in the ring.
    fn scale_rows(&mut self, recipe: &Recipe, frame: &[u8], tap: &Tap) {
        self.scale_row(recipe, frame, tap.first);
        // Without weight, the second row need not be read.
        if tap.weight != 0 {
            self.scale_row(recipe, frame, tap.second);
        }
    }

    fn scale_row(&mut self, recipe: &Recipe, frame: &[u8], row: usize) {
        let slot = row % 2;
        if self.held[slot] == Some(row) {
            return;
        }
        self.held[slot] = Some(row);
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
        let ahead = recipe.ahead[row];
        let row = SourceRow {
            sample: source.format.sample,
            samples,
            scale: recipe.scale,
            ahead,
        };
        let out = self.ring[slot].samples_mut();
        let unscaled = self.unscaled.samples_mut();
        (recipe.kernels.scale_row)(row, &recipe.columns, unscaled, out);
    }
}

/// Calls `write` for an output row, or for `buffer` where it would write more bytes than the row has.
fn write_row(row: &mut [u8], buffer: &mut [u8], bytes: usize, write: impl FnOnce(&mut [u8])) {
    if row.len() == bytes {
        write(row);
    } else {
        write(&mut buffer[..bytes]);
        row.copy_from_slice(&buffer[..row.len()]);
    }
}

/// The output row that `tap` describes, from what [`Scratch::scale_rows`] put into the ring.
fn blended_row<'a>(recipe: &Recipe, ring: &'a [DeepRow; 2], tap: &Tap) -> BlendedRow<'a> {
    let second = match tap.weight {
        0 => tap.first,
        _ => tap.second,
    };
    BlendedRow {
        top: ring[tap.first % 2].samples(),
        bottom: ring[second % 2].samples(),
        pixel: recipe.columns.deep_pixel(recipe.source.format.layout),
        weight: tap.weight,
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
    let bytes = recipe.format.row_bytes(0, recipe.columns.width());
    for (row, tap) in rows.iter().enumerate() {
        scratch.scale_rows(recipe, frame, tap);
        let blended = blended_row(recipe, &scratch.ring, tap);
        let (out, [buffer, _]) = (planes[0].row(row, bytes), &mut scratch.outs);
        write_row(out, buffer, recipe.written_bytes(0), |out| {
            (recipe.kernels.write_rgb)(blended, &recipe.pixel_bytes, out);
        });
    }
}

fn convert_ycbcr(
    recipe: &Recipe,
    frame: &[u8],
    rows: &[Tap],
    [luma, chroma, cr]: &mut Planes,
    scratch: &mut Scratch,
) {
    let (kernels, ycbcr) = (recipe.kernels, &recipe.ycbcr);
    let width = recipe.columns.width();
    for (pair, taps) in rows.chunks(2).enumerate() {
        for (index, tap) in taps.iter().enumerate() {
            scratch.scale_rows(recipe, frame, tap);
            let row = blended_row(recipe, &scratch.ring, tap);
            let blended = scratch.blended[index].samples_mut();
            let (out, [buffer, _]) = (luma.row(2 * pair + index, width), &mut scratch.outs);
            write_row(out, buffer, recipe.written_bytes(0), |out| {
                (kernels.write_luma)(row, &ycbcr.y, blended, out);
            });
            // Chroma of an odd width repeats the last pixel.
            let end = width * DEEP_PIXEL;
            blended.copy_within(end - DEEP_PIXEL..end, end);
        }
        let rows = [0, taps.len() - 1].map(|index| scratch.blended[index].samples());
        let components = [&ycbcr.cb, &ycbcr.cr];
        let (row_bytes, bytes) = (recipe.format.row_bytes(1, width), recipe.written_bytes(1));
        let (out, [buffer, second_buffer]) = (chroma.row(pair, row_bytes), &mut scratch.outs);
        write_row(out, buffer, bytes, |out| match recipe.format {
            PixelFormat::Nv12 => (kernels.write_chroma)(rows, components, Chroma::Interleaved(out)),
            _ => write_row(cr.row(pair, row_bytes), second_buffer, bytes, |cr| {
                (kernels.write_chroma)(rows, components, Chroma::Planar(out, cr));
            }),
        });
    }
}
