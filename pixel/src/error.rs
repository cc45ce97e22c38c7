//! What can be wrong with a plan, or with the memory that it is run on.

use crate::format::{MAX_SIZE, PixelFormat, Planes, Rectangle, Target};
use crate::pool::PoolError;
use thiserror::Error;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A width or height is not 1 to [`MAX_SIZE`].
    #[error("{of} size {width}x{height}: width and height must be 1 to {MAX_SIZE}")]
    Size {
        /// `source` or `target`
        of: &'static str,
        /// In pixels
        width: u32,
        /// In pixels
        height: u32,
    },
    /// The picture is empty, reaches beyond the target, or has an edge inside the target that is
    /// not on an even pixel.
    #[error(
        "picture {}x{} at {},{} must lie in the target {width}x{height}, with its edges on even \
         pixels or on the target's edge",
        picture.width, picture.height, picture.x, picture.y
    )]
    Picture {
        /// Where it was to be
        picture: Rectangle,
        /// Of the target, in pixels
        width: u32,
        /// Of the target, in pixels
        height: u32,
    },
    /// Float frames are made of RGB only.
    #[error("source format {0:?}: expected one of the RGB family")]
    NotRgb(PixelFormat),
    /// This machine cannot run a backend of that name.
    #[error("backend {name}: this machine can run {}", known.join(", "))]
    Backend {
        /// The name that was asked for
        name: String,
        /// Those that there are
        known: Vec<&'static str>,
    },
}

/// Why a frame was not converted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The source is not exactly one frame.
    #[error("source of {bytes} bytes: a frame is {expected} bytes")]
    Source {
        /// Its size
        bytes: usize,
        /// The size of a frame
        expected: usize,
    },
    /// The target is not exactly one frame.
    #[error("target of {bytes} bytes: a frame is {expected} bytes")]
    Target {
        /// Its size
        bytes: usize,
        /// The size of a frame
        expected: usize,
    },
    /// A plane's stride is less than its row, or the plane ends before its last row does.
    #[error(
        "plane {plane} of {bytes} bytes with stride {stride}: it must have at least \
         {expected_bytes} bytes with a stride of at least {expected_stride}"
    )]
    Plane {
        /// 0 to 2
        plane: usize,
        /// Its size
        bytes: usize,
        /// Its stride, in bytes
        stride: usize,
        /// The least size with this stride
        expected_bytes: usize,
        /// The bytes of a row
        expected_stride: usize,
    },
    /// The shared pool's threads could not be started.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

pub(crate) fn check_size(of: &'static str, width: u32, height: u32) -> Result<(), PlanError> {
    let is_valid = [width, height]
        .iter()
        .all(|size| (1..=MAX_SIZE).contains(size));
    is_valid
        .then_some(())
        .ok_or(PlanError::Size { of, width, height })
}

pub(crate) fn check_picture(target: &Target) -> Result<(), PlanError> {
    let Target {
        picture,
        width,
        height,
        ..
    } = *target;
    let fits = |start: u32, length: u32, whole: u32| {
        let end = start.saturating_add(length);
        let is_on_edge = |at: u32| at.is_multiple_of(2) || at == whole;
        length > 0 && end <= whole && start.is_multiple_of(2) && is_on_edge(end)
    };
    let is_valid = fits(picture.x, picture.width, width) && fits(picture.y, picture.height, height);
    is_valid.then_some(()).ok_or(PlanError::Picture {
        picture,
        width,
        height,
    })
}

pub(crate) fn check_source(source: &[u8], expected: usize) -> Result<(), ConvertError> {
    if source.len() == expected {
        Ok(())
    } else {
        Err(ConvertError::Source {
            bytes: source.len(),
            expected,
        })
    }
}

pub(crate) fn check_target(target: &[u8], expected: usize) -> Result<(), ConvertError> {
    if target.len() == expected {
        Ok(())
    } else {
        Err(ConvertError::Target {
            bytes: target.len(),
            expected,
        })
    }
}

pub(crate) fn check_planes(planes: &Planes, target: &Target) -> Result<(), ConvertError> {
    let format = target.format;
    for (index, plane) in planes.iter().enumerate().take(format.n_planes()) {
        let row_bytes = format.row_bytes(index, target.width as usize);
        let rows = format.plane_rows(index, target.height as usize);
        check_plane(index, plane.data, plane.stride, row_bytes, rows)?;
    }
    Ok(())
}

/// Whether `data` holds `rows` rows of `row_bytes` bytes. The last may lack its padding.
pub(crate) fn check_plane(
    plane: usize,
    data: &[u8],
    stride: usize,
    row_bytes: usize,
    rows: usize,
) -> Result<(), ConvertError> {
    let expected_bytes = stride
        .checked_mul(rows - 1)
        .and_then(|bytes| bytes.checked_add(row_bytes))
        .unwrap_or(usize::MAX);
    if stride < row_bytes || data.len() < expected_bytes {
        return Err(ConvertError::Plane {
            plane,
            bytes: data.len(),
            stride,
            expected_bytes,
            expected_stride: row_bytes,
        });
    }
    Ok(())
}
