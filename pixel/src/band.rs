//! Converting a band: some consecutive rows of the output, independent of all others.

use crate::arithmetic::{DEEP_PIXEL, SampleScale, Tap, YCbCr};
use crate::format::{FloatFormat, Layout, PixelFormat, Planes};
use crate::kernel::{
    BLOCK, BlendedRow, Chroma, Columns, Kernels, PixelBytes, READABLE_AFTER_ROW, Row, RowPair,
    Samples, Scaling, SourceRow, deep_row_samples,
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

    /// Whether the rows that `taps` describe are source rows as they are. Kernels cannot repeat the last
    /// pixel of those, as chroma of an odd width wants it.
    fn is_unscaled<const N: usize>(&self, taps: [&Tap; N]) -> bool {
        let is_whole = !self.format.is_ycbcr() || self.columns.width().is_multiple_of(2);
        self.columns.scaling == Scaling::None && taps.iter().all(|tap| tap.weight == 0) && is_whole
    }

    fn source_row<'a>(
        &self,
        frame: &'a [u8],
        row: usize,
        [first, second, third]: &'a mut [Vec<u8>; 3],
    ) -> SourceRow<'a> {
        let source = &self.source;
        let samples = match source.format.layout {
            Layout::Interleaved => Samples::Interleaved(source.row(frame, 0, row, first)),
            Layout::Planar => Samples::Planar([
                source.row(frame, 0, row, first),
                source.row(frame, 1, row, second),
                source.row(frame, 2, row, third),
            ]),
        };
        SourceRow {
            sample: source.format.sample,
            samples,
            scale: self.scale,
            ahead: self.ahead[row],
        }
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

/// Bytes of an interleaved row from which on it helps I420 to fetch ahead although nothing is scaled.
///
/// Where memory is read at a steady pace, the processor's own prefetching is faster. In the same terms, without
/// and with ours, nothing scaled: three planes of 512x512 1.1 and 1.3 in RGBA, 1.5 and 1.85 in I420; 512x512
/// interleaved 1.35 and 1.3 in RGBA, 1.5 and 1.8 in I420; 1280x720 interleaved 1.9 and 1.6 in I420.
const FETCHED_ROW_BYTES: usize = 12 * 1024;

/// For each source row, the bytes from it to the one that is to be fetched when it is read: among those that
/// `taps` need, the first that is at least [`AHEAD_BYTES`] later.
pub fn bytes_ahead(
    source: &SourceGeometry,
    columns: &Columns,
    taps: &[Tap],
    format: PixelFormat,
) -> Vec<usize> {
    let mut ahead = vec![0; source.height];
    let row_bytes = source.row_bytes();
    let is_steady = match source.format.layout {
        Layout::Planar => true,
        Layout::Interleaved => format.is_ycbcr() && row_bytes < FETCHED_ROW_BYTES,
    };
    let is_unscaled = columns.scaling == Scaling::None && taps.iter().all(|tap| tap.weight == 0);
    if is_steady && is_unscaled {
        return ahead;
    }
    let needs = |tap: &Tap| [Some(tap.first), (tap.weight != 0).then_some(tap.second)];
    let mut needed: Vec<usize> = taps.iter().flat_map(needs).flatten().collect();
    needed.sort_unstable();
    needed.dedup();
    let rows = AHEAD_BYTES.div_ceil(row_bytes * source.planes());
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
    rows: RowScratch,
    /// Output rows that are no whole number of blocks
    outs: [Vec<u8>; 4],
}

/// In [`RowScratch::held`], that there is none
const NO_ROW: usize = usize::MAX;

/// What rows of the picture are made of.
struct RowScratch {
    /// Source rows, scaled horizontally: those that two rows of the picture need. They stay as long as they
    /// are needed, so that each is read once.
    deep: [DeepRow; 4],
    /// Which source row is in which of `deep`
    held: [usize; 4],
    /// A source row that is read before it is scaled
    unscaled: DeepRow,
    /// Source rows that lie at the end of the frame
    copies: [Vec<u8>; 3],
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
        let deep = || DeepRow::new(width);
        let out = || vec![0; 4 * width.next_multiple_of(BLOCK) + 4];
        Self {
            rows: RowScratch {
                deep: [deep(), deep(), deep(), deep()],
                held: [NO_ROW; 4],
                unscaled: DeepRow::new(recipe.source.width),
                copies: [copy(), copy(), copy()],
            },
            outs: [out(), out(), out(), out()],
        }
    }
}

impl RowScratch {
    /// Sees to it that the source rows that `taps`, one or two, name are among the deep rows, and returns
    /// their places there.
    fn scale_rows<const N: usize>(
        &mut self,
        recipe: &Recipe,
        frame: &[u8],
        taps: [&Tap; N],
    ) -> [[usize; 2]; N] {
        let mut places = [[0; 2]; N];
        for (tap, rows) in taps.iter().zip(&mut places) {
            // Without weight, the second need not be read.
            let second = if tap.weight == 0 {
                tap.first
            } else {
                tap.second
            };
            *rows = [tap.first, second];
        }
        let needed = places;
        for place in places.as_flattened_mut() {
            *place = self.scale_row(recipe, frame, *place, needed.as_flattened());
        }
        places
    }

    fn blended(&self, [top, bottom]: [usize; 2], weight: i16) -> BlendedRow<'_> {
        BlendedRow {
            top: self.deep[top].samples(),
            bottom: self.deep[bottom].samples(),
            weight,
        }
    }

    /// Sees to it that source row `row` is among the deep rows, and returns its place there. It can have
    /// that of any row but those `needed`.
    #[inline]
    fn scale_row(&mut self, recipe: &Recipe, frame: &[u8], row: usize, needed: &[usize]) -> usize {
        if let Some(place) = self.held.iter().position(|&held| held == row) {
            return place;
        }
        // Of four places, the other rows that are needed have three at most.
        let is_free = |held: &usize| !needed.contains(held);
        let place = self.held.iter().position(is_free).unwrap_or_default();
        self.held[place] = row;
        let source = recipe.source_row(frame, row, &mut self.copies);
        let (unscaled, out) = (self.unscaled.samples_mut(), self.deep[place].samples_mut());
        (recipe.kernels.scale_row)(source, &recipe.columns, unscaled, out);
        // Chroma of an odd width repeats the last pixel.
        let end = recipe.columns.width() * DEEP_PIXEL;
        out.copy_within(end - DEEP_PIXEL..end, end);
        place
    }
}

/// Calls `write` for output rows, or for `buffers` where more `bytes` would be written than rows have.
fn write_rows<const N: usize>(
    rows: [&mut [u8]; N],
    buffers: &mut [Vec<u8>; 4],
    bytes: [usize; N],
    write: impl FnOnce([&mut [u8]; N]),
) {
    if rows
        .iter()
        .zip(bytes)
        .all(|(row, bytes)| row.len() == bytes)
    {
        return write(rows);
    }
    let mut outs = buffers.iter_mut().zip(bytes);
    let mut next = || outs.next().map(|(buffer, bytes)| &mut buffer[..bytes]);
    write(std::array::from_fn(|_| next().unwrap_or_default()));
    for (row, buffer) in rows.into_iter().zip(buffers) {
        row.copy_from_slice(&buffer[..row.len()]);
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
    scratch.rows.held = [NO_ROW; 4];
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
    [plane, ..]: &mut Planes,
    Scratch {
        rows: scratch,
        outs,
    }: &mut Scratch,
) {
    let bytes = recipe.format.row_bytes(0, recipe.columns.width());
    for (row, tap) in rows.iter().enumerate() {
        let made = if recipe.is_unscaled([tap]) {
            Row::Source(recipe.source_row(frame, tap.first, &mut scratch.copies))
        } else {
            let [places] = scratch.scale_rows(recipe, frame, [tap]);
            Row::Blended(scratch.blended(places, tap.weight))
        };
        let out = [plane.row(row, bytes)];
        write_rows(out, outs, [recipe.written_bytes(0)], |[out]| {
            (recipe.kernels.write_rgb)(&made, &recipe.pixel_bytes, out);
        });
    }
}

fn convert_ycbcr(
    recipe: &Recipe,
    frame: &[u8],
    rows: &[Tap],
    [luma, chroma, cr]: &mut Planes,
    Scratch {
        rows: scratch,
        outs,
    }: &mut Scratch,
) {
    let width = recipe.columns.width();
    let chroma_bytes = recipe.format.row_bytes(1, width);
    let is_planar = recipe.format == PixelFormat::I420;
    let bytes = [0, 0, 1, 2].map(|plane| recipe.written_bytes(plane));
    for (pair, taps) in rows.chunks(2).enumerate() {
        let n_rows = taps.len();
        // Chroma of an odd height repeats the last row.
        let [first, second] = [&taps[0], &taps[n_rows - 1]];
        let made = if recipe.is_unscaled([first, second]) {
            let [[place, _]] = scratch.scale_rows(recipe, frame, [first]);
            let below = recipe.source_row(frame, second.first, &mut scratch.copies);
            RowPair::Source(scratch.deep[place].samples(), below)
        } else {
            let [top, bottom] = scratch.scale_rows(recipe, frame, [first, second]);
            RowPair::Blended(
                scratch.blended(top, first.weight),
                scratch.blended(bottom, second.weight),
            )
        };
        let [top, bottom] = luma.two_rows(2 * pair, n_rows, width);
        let cr = if is_planar {
            cr.row(pair, chroma_bytes)
        } else {
            &mut []
        };
        let out = [top, bottom, chroma.row(pair, chroma_bytes), cr];
        write_rows(out, outs, bytes, |[top, bottom, chroma, cr]| {
            let chroma = match is_planar {
                true => Chroma::Planar(chroma, cr),
                false => Chroma::Interleaved(chroma),
            };
            (recipe.kernels.write_ycbcr)(&made, &recipe.ycbcr, [top, bottom], chroma);
        });
    }
}
