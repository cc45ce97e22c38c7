//! The loops over pixels. [`scalar`] is the specification: what every backend computes, to the byte.
//!
//! A source row goes through four stages: *read* makes deep samples of its floats, *across* scales
//! them to the width of the picture, *down* blends two such rows, *write* makes bytes of the result.
//! Deep rows between the stages are pixels of four samples, red, green and blue in the order in which
//! the source has them; the fourth counts for nothing.
//!
//! [`pixels`] has where pixels come from, and [`stages`] where they go, once, for vectors of any length, in the
//! operations of [`simd`]; [`avx2`] and its like have the instructions. Where nothing is scaled, floats become
//! bytes in one loop.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod backend;

#[cfg(target_arch = "x86_64")]
mod avx2;
mod columns;
mod interface;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(unsafe_code, reason = "vectors are loaded and stored through pointers")]
mod pixels;
mod scalar;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(unsafe_code, reason = "vectors are loaded and stored through pointers")]
mod simd;
#[cfg(target_arch = "x86_64")]
mod sse41;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(unsafe_code, reason = "vectors are loaded and stored through pointers")]
mod stages;

pub use columns::{BLOCK, Columns, Scaling};
pub use interface::*;

use std::io::Write;
use std::sync::LazyLock;

/// Environment variable that names the backend to use.
const VARIABLE: &str = "LIPSYNCFRAMES_BACKEND";

/// The backends that this machine can run, the fastest first.
pub fn available() -> impl Iterator<Item = &'static Kernels> {
    let special = [
        #[cfg(target_arch = "x86_64")]
        avx2::kernels(),
        #[cfg(target_arch = "x86_64")]
        sse41::kernels(),
        #[cfg(target_arch = "aarch64")]
        neon::kernels(),
    ];
    special
        .into_iter()
        .flatten()
        .chain(std::iter::once(&scalar::KERNELS))
}

/// The kernels to use: what the environment variable names, else the fastest.
pub fn chosen() -> &'static Kernels {
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
            // Where nobody reads it, there is nobody to tell.
            let _ = writeln!(
                std::io::stderr(),
                "lipsyncframes: {VARIABLE}={} is not among what this machine can run, {}: using {}",
                name.display(),
                names.join(", "),
                fastest.name
            );
            fastest
        })
}
