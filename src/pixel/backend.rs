//! The row kernels that a backend supplies, and the choice of a backend.

use super::axis::Tap;
use super::color::{Component, Levels};
use super::format::PixelFormat;
use super::scalar;

/// The inner loops of a conversion. [`scalar`] defines what each computes.
pub struct Kernels {
    /// The backend's name, as `stats` shows it
    pub name: &'static str,
    pub scale_row: fn(channel: &[u8], step: usize, taps: &[Tap], levels: Levels, out: &mut [f32]),
    pub blend_rows: fn(top: &[f32], bottom: &[f32], weight: f32, out: &mut [f32]),
    pub halve_rows: fn(top: &[f32], bottom: &[f32], width: usize, out: &mut [f32]),
    pub component_row: fn(rgb: &[f32], component: &Component, out: &mut [u8], step: usize),
    pub pack_row: fn(rgb: &[f32], format: PixelFormat, out: &mut [u8]),
}

/// The kernels to use on this machine.
pub fn kernels() -> &'static Kernels {
    &scalar::KERNELS
}
