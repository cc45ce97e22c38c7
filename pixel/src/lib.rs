//! The float frames of lip-sync and talking-head networks to scaled 8-bit pictures, and back.
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
//! plan.convert(&white, target.planes(&mut rgba), 1)?;
//! assert_eq!(rgba, [255; 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arithmetic;
mod band;
mod error;
mod format;
mod kernel;
mod plan;
pub mod pool;
mod share;
mod to_float;

pub use arithmetic::{Matrix, Quantization, Range};
pub use error::{ConvertError, PlanError};
pub use format::{
    ChannelOrder, FloatFormat, Layout, MAX_SIZE, PixelFormat, Plane, Planes, Rectangle, Sample,
    Source, Target,
};
pub use plan::Plan;
pub use to_float::ToFloat;

/// Name of the backend that does the work: the fastest that this machine can run, or the one that
/// the environment variable `LIPSYNCFRAMES_BACKEND` names.
pub fn backend() -> &'static str {
    kernel::chosen().name
}

/// Names of the backends that this machine can run, the fastest first.
pub fn backends() -> impl Iterator<Item = &'static str> {
    kernel::available().map(|kernels| kernels.name)
}
