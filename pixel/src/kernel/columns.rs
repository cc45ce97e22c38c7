//! The horizontal taps of a plan, as the kernels want them.

use crate::arithmetic::{self, DEEP_PIXEL, Tap};

/// Pixels of which kernels write a whole number.
pub const BLOCK: usize = 16;

/// The taps of a row, and which shorter way there may be.
#[derive(Debug)]
pub struct Columns {
    pub taps: Vec<Tap>,
    source_width: usize,
    pub scaling: Scaling,
    /// For each pixel that is made, the first sample of its first tap in a row of three samples a pixel,
    /// and of four. Like [`weights`](Self::weights), padded to a multiple of [`BLOCK`] pixels.
    starts: [Vec<u32>; 2],
    /// The weight of the second tap in 32768ths, for each sample of each pixel
    weights: Vec<i16>,
}

/// Ratios of source to target for which there may be a shorter way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Every tap takes the pixel at its own position.
    None,
    /// Every tap takes the middle of a pair.
    Half,
    /// Less than half: some pixels are in no tap.
    Sparse,
    Any,
}

impl Columns {
    pub fn new(source: usize, target: usize) -> Self {
        let taps = arithmetic::taps(source, target);
        let scaling = match source {
            _ if source == target => Scaling::None,
            _ if source == 2 * target => Scaling::Half,
            _ if source > 2 * target => Scaling::Sparse,
            _ => Scaling::Any,
        };
        let padded = match scaling {
            Scaling::Any | Scaling::Sparse => target.next_multiple_of(BLOCK),
            _ => 0,
        };
        let nothing = Tap {
            first: 0,
            second: 0,
            weight: 0,
        };
        let tap = |position: usize| taps.get(position).unwrap_or(&nothing);
        let starts = [3, 4].map(|pixel| {
            let start = |position| (pixel * tap(position).first) as u32;
            (0..padded).map(start).collect()
        });
        let weights = (0..padded * DEEP_PIXEL).map(|index| 2 * tap(index / DEEP_PIXEL).weight);
        Self {
            source_width: source,
            scaling,
            starts,
            weights: weights.collect(),
            taps,
        }
    }

    /// Pixels of a source row.
    pub fn source_width(&self) -> usize {
        self.source_width
    }

    /// Where the source pixels end that are needed to make the first `width` pixels.
    pub fn source_end(&self, width: usize) -> usize {
        self.taps[width - 1].second + 1
    }

    /// Pixels that are made.
    pub fn width(&self) -> usize {
        self.taps.len()
    }

    /// Starts in a row of `PIXEL` samples a pixel, 3 or 4, and weights. The starts are less than the
    /// samples of the source row.
    pub fn starts_and_weights<const PIXEL: usize>(&self) -> (&[u32], &[i16]) {
        (&self.starts[PIXEL - 3], &self.weights)
    }
}
