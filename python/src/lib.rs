//! The conversion of the pixel crate for the Python package: bytes to bytes. Arrays, their shapes and what
//! is said about them are the business of the Python around it.

mod exit;

use lipsyncframes_pixel::{
    ChannelOrder, ConvertError, FloatFormat, Layout, MAX_SIZE, Matrix, PixelFormat, Plan,
    Quantization, Range, Sample, Source, Target, pool,
};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Most plans kept between calls. One is in use for each thread that calls, and for each size of the
/// network's frames.
const MAX_PLANS: usize = 16;

/// Makes frames of one kind of frames of any size.
#[pyclass(frozen)]
struct Converter {
    target: Target,
    order: ChannelOrder,
    range: Range,
    threads: usize,
    /// Those that no call is using. Locked while the interpreter is, too, so that no process forks meanwhile.
    plans: Mutex<Vec<(Source, Plan)>>,
}

#[pymethods]
impl Converter {
    #[new]
    #[expect(clippy::too_many_arguments)]
    fn new(
        width: u32,
        height: u32,
        format: &str,
        order: &str,
        range: &str,
        matrix: &str,
        full_range: bool,
        threads: usize,
    ) -> PyResult<Self> {
        let target = Target {
            matrix: named(
                "matrix",
                matrix,
                &[("bt601", Matrix::Bt601), ("bt709", Matrix::Bt709)],
            )?,
            quantization: if full_range {
                Quantization::Full
            } else {
                Quantization::Limited
            },
            ..Target::new(named("format", format, &FORMATS)?, width, height)
        };
        let converter = Self {
            target,
            order: named(
                "order",
                order,
                &[("BGR", ChannelOrder::Bgr), ("RGB", ChannelOrder::Rgb)],
            )?,
            range: named(
                "range",
                range,
                &[
                    ("unit", Range::Unit),
                    ("signed-unit", Range::SignedUnit),
                    ("byte", Range::Byte),
                ],
            )?,
            threads,
            plans: Mutex::default(),
        };
        // So that an impossible size is an error here, and not with the first batch.
        let source = converter.source(1, 1, false, false);
        converter.take_plan(source)?;
        Ok(converter)
    }

    /// Converts the frames of `batch`, float16 if it `is_half`, to those of `out`.
    #[expect(clippy::too_many_arguments)]
    fn convert(
        &self,
        py: Python<'_>,
        batch: &Bound<'_, PyArray1<u8>>,
        width: u32,
        height: u32,
        is_half: bool,
        is_planar: bool,
        out: &Bound<'_, PyArray1<u8>>,
    ) -> PyResult<()> {
        let source = self.source(width, height, is_half, is_planar);
        let mut plan = self.take_plan(source)?;
        let busy =
            |_| PyValueError::new_err("out overlaps the batch, or another call writes to it");
        let batch = batch.try_readonly().map_err(busy)?;
        let mut out = out.try_readwrite().map_err(busy)?;
        let (batch, out) = (batch.as_slice()?, out.as_slice_mut()?);
        let (source_bytes, frame_bytes) = (plan.source_bytes(), self.target.frame_bytes());
        if batch.len() / source_bytes != out.len() / frame_bytes {
            let message = "batch and out have different numbers of frames";
            return Err(PyValueError::new_err(message));
        }
        let frames = batch.chunks(source_bytes).zip(out.chunks_mut(frame_bytes));
        if plan.threads(self.threads) > 1 {
            // Now, while no other thread can fork: the child would wait for a start that nobody finishes.
            pool::start().map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        }
        exit::detach(py, || {
            for (frame, picture) in frames {
                plan.convert(frame, self.target.planes(picture), self.threads)?;
            }
            Ok(())
        })
        .map_err(|error: ConvertError| PyRuntimeError::new_err(error.to_string()))?;
        self.keep_plan(source, plan);
        Ok(())
    }
}

impl Converter {
    fn source(&self, width: u32, height: u32, is_half: bool, is_planar: bool) -> Source {
        Source {
            format: FloatFormat {
                sample: if is_half { Sample::F16 } else { Sample::F32 },
                layout: if is_planar {
                    Layout::Planar
                } else {
                    Layout::Interleaved
                },
                order: self.order,
            },
            width,
            height,
            range: self.range,
        }
    }

    /// One that no other call is using.
    fn take_plan(&self, source: Source) -> PyResult<Plan> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        match plans.iter().position(|(of, _)| *of == source) {
            Some(index) => Ok(plans.remove(index).1),
            None => Plan::new(source, self.target)
                .map_err(|error| PyValueError::new_err(error.to_string())),
        }
    }

    /// Keeps it for the next call, in place of the one that has not been used for longest.
    fn keep_plan(&self, source: Source, plan: Plan) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(0, (source, plan));
        plans.truncate(MAX_PLANS);
    }
}

/// What `value` of the parameter `name` stands for.
fn named<T: Copy>(name: &str, value: &str, known: &[(&str, T)]) -> PyResult<T> {
    match known.iter().find(|(name, _)| *name == value) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let names: Vec<_> = known.iter().map(|(name, _)| format!("{name:?}")).collect();
            let names = names.join(", ");
            let message = format!("{name}={value:?}: expected one of {names}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// As GStreamer writes them.
const FORMATS: [(&str, PixelFormat); 8] = [
    ("RGBA", PixelFormat::Rgba),
    ("I420", PixelFormat::I420),
    ("NV12", PixelFormat::Nv12),
    ("RGBx", PixelFormat::Rgbx),
    ("BGRA", PixelFormat::Bgra),
    ("BGRx", PixelFormat::Bgrx),
    ("RGB", PixelFormat::Rgb),
    ("BGR", PixelFormat::Bgr),
];

/// Threads that `threads` stands for: 0 is one for each core that this process may use, at most 16.
#[pyfunction]
fn threads(threads: i64) -> PyResult<usize> {
    u32::try_from(threads)
        .map(pool::threads)
        .ok()
        .filter(|threads| *threads <= pool::MAX_THREADS)
        .ok_or_else(|| {
            let most = pool::MAX_THREADS;
            let message = format!("threads={threads}: expected 0 (one per core) to {most}");
            PyValueError::new_err(message)
        })
}

/// `width` and `height`, where a picture can have them.
#[pyfunction]
fn size(width: i64, height: i64) -> PyResult<(u32, u32)> {
    let valid = |size: i64| {
        u32::try_from(size)
            .ok()
            .filter(|size| (1..=MAX_SIZE).contains(size))
    };
    valid(width).zip(valid(height)).ok_or_else(|| {
        let message = format!("size {width}x{height}: width and height must be 1 to {MAX_SIZE}");
        PyValueError::new_err(message)
    })
}

/// The native part of the package lipsyncframes.
#[pymodule]
mod _native {
    use super::*;

    /// What the bindings of numpy look up once: a child that is forked meanwhile would wait for it for ever.
    #[pymodule_init]
    fn look_up(module: &Bound<'_, PyModule>) -> PyResult<()> {
        PyArray1::<u8>::zeros(module.py(), 1, false).try_readonly()?;
        Ok(())
    }

    #[pymodule_export]
    use super::{
        Converter,
        exit::{forget_threads, prepare_exit},
        size, threads,
    };
}
