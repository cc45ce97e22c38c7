//! The row kernels that a backend supplies, and the choice of a backend.

use super::axis::Columns;
use super::color::{Component, Levels};
use super::format::PixelFormat;
use super::scalar;
use super::wide;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use std::sync::LazyLock;

/// Environment variable that names the backend to use.
const VARIABLE: &str = "LIPSYNCFRAMES_BACKEND";

/// The bytes of one source row.
#[derive(Debug, Clone, Copy)]
pub enum SourceRow<'a> {
    Interleaved {
        pixels: &'a [u8],
        /// Which samples of a pixel are red, green and blue
        order: [usize; 3],
    },
    /// The rows of the red, green and blue plane
    Planar([&'a [u8]; 3]),
}

/// An RGB row between two others, scaled vertically: `top + (bottom - top) * weight`.
///
/// Kernels blend it as they use it: to store it and load it again took AVX2 1 to 3 % more time.
#[derive(Debug, Clone, Copy)]
pub struct BlendedRow<'a> {
    pub top: &'a [f32],
    pub bottom: &'a [f32],
    pub weight: f32,
}

/// RGB rows of half the width: the sums of pairs of pixels, of the two rows that share a row of chroma
pub type PairSums<'a> = [&'a [f32]; 2];

/// The inner loops of a conversion. [`scalar`] defines what each computes.
pub struct Kernels {
    /// The backend's name, as `stats` shows it and [`VARIABLE`] takes it
    pub name: &'static str,
    pub widen: fn(halves: &[u8], floats: &mut [u8]),
    /// `scratch` has room for a whole source row and [`WINDOW_SAMPLES`](super::axis::WINDOW_SAMPLES) more in each channel.
    pub scale_row:
        fn(row: SourceRow, columns: &Columns, levels: Levels, scratch: &mut [f32], out: &mut [f32]),
    pub pack_row: fn(row: BlendedRow, format: PixelFormat, out: &mut [u8]),
    /// Also makes `sums`, of two neighbouring pixels, for chroma. `scratch` has room for the row.
    pub luma_row: fn(
        row: BlendedRow,
        luma: &Component,
        scratch: &mut [f32],
        out: &mut [u8],
        sums: &mut [f32],
    ),
    /// Chroma from the sums of two rows
    pub chroma_rows:
        fn(sums: PairSums, components: [&Component; 2], first: &mut [u8], second: &mut [u8]),
    /// The same, the two components of a pixel side by side
    pub chroma_pair_row: fn(sums: PairSums, components: [&Component; 2], out: &mut [u8]),
}

/// The vector instructions that every processor of the architecture has.
static BASELINE: Kernels = Kernels {
    name: if cfg!(target_arch = "x86_64") {
        "sse2"
    } else if cfg!(target_arch = "aarch64") {
        "neon"
    } else {
        "baseline"
    },
    widen: wide::widen,
    scale_row: wide::scale_row,
    pack_row: wide::pack_row,
    luma_row: wide::luma_row,
    chroma_rows: wide::chroma_rows,
    chroma_pair_row: wide::chroma_pair_row,
};

/// The backends that this machine can run, the fastest first.
pub fn available() -> impl Iterator<Item = &'static Kernels> {
    #[cfg(target_arch = "x86_64")]
    let special = [avx512::kernels(), avx2::kernels()];
    #[cfg(not(target_arch = "x86_64"))]
    let special: [Option<&Kernels>; 0] = [];
    special
        .into_iter()
        .flatten()
        .chain([&BASELINE, &scalar::KERNELS])
}

/// The kernels to use: what the environment variable names, else the fastest.
pub fn kernels() -> &'static Kernels {
    static CHOSEN: LazyLock<&Kernels> = LazyLock::new(choose);
    *CHOSEN
}

fn choose() -> &'static Kernels {
    let fastest = available().next().unwrap_or(&scalar::KERNELS);
    let Some(name) = std::env::var_os(VARIABLE) else {
        return fastest;
    };
    available()
        .find(|kernels| name == kernels.name)
        .unwrap_or_else(|| {
            let names: Vec<&str> = available().map(|kernels| kernels.name).collect();
            eprintln!(
                "lipsyncframes: {VARIABLE}={} is not among what this machine can run, {}: using {}",
                name.display(),
                names.join(", "),
                fastest.name
            );
            fastest
        })
}
