//! What can be wrong with a plan, or with the memory that it is run on.

use crate::format::{MAX_SIZE, PixelFormat, Planes, Rectangle, Target};
use crate::pool::PoolError;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// A width or height is not 1 to [`MAX_SIZE`].
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
    Picture {
        /// Where it was to be
        picture: Rectangle,
        /// Of the target, in pixels
        width: u32,
        /// Of the target, in pixels
        height: u32,
    },
    /// Float frames are made of RGB only.
    NotRgb(PixelFormat),
    /// This machine cannot run a backend of that name.
    Backend {
        /// The name that was asked for
        name: String,
        /// Those that there are
        known: Vec<&'static str>,
    },
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Size { of, width, height } => write!(
                f,
                "{of} size {width}x{height}: width and height must be 1 to {MAX_SIZE}"
            ),
            Self::Picture {
                picture:
                    Rectangle {
                        x,
                        y,
                        width: w,
                        height: h,
                    },
                width,
                height,
            } => write!(
                f,
                "picture {w}x{h} at {x},{y} must lie in the target {width}x{height}, \
                 with its edges on even pixels or on the target's edge"
            ),
            Self::NotRgb(format) => write!(
                f,
                "source format {format:?}: expected one of the RGB family"
            ),
            Self::Backend { name, known } => {
                let known = known.join(", ");
                write!(f, "backend {name}: this machine can run {known}")
            }
        }
    }
}

impl std::error::Error for PlanError {}

/// Why a frame was not converted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConvertError {
    /// The source is not exactly one frame.
    Source {
        /// Its size
        bytes: usize,
        /// The size of a frame
        expected: usize,
    },
    /// The target is not exactly one frame.
    Target {
        /// Its size
        bytes: usize,
        /// The size of a frame
        expected: usize,
    },
    /// A plane's stride is less than its row, or the plane ends before its last row does.
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
    Pool(PoolError),
}

impl std::fmt::Display for ConvertError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Source { bytes, expected } => {
                write!(f, "source of {bytes} bytes: a frame is {expected} bytes")
            }
            Self::Target { bytes, expected } => {
                write!(f, "target of {bytes} bytes: a frame is {expected} bytes")
            }
            Self::Plane {
                plane,
                bytes,
                stride,
                expected_bytes,
                expected_stride,
            } => write!(
                f,
                "plane {plane} of {bytes} bytes with stride {stride}: it must have at least \
                 {expected_bytes} bytes with a stride of at least {expected_stride}"
            ),
            Self::Pool(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConvertError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pool(error) => Some(error),
            _ => None,
        }
    }
}

pub(crate) fn check_size(of: &'static str, width: u32, height: u32) -> Result<(), PlanError> {
    let valid = 1..=MAX_SIZE;
    if valid.contains(&width) && valid.contains(&height) {
        Ok(())
    } else {
        Err(PlanError::Size { of, width, height })
    }
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
        length > 0
            && end <= whole
            && start.is_multiple_of(2)
            && (end.is_multiple_of(2) || end == whole)
    };
    if fits(picture.x, picture.width, width) && fits(picture.y, picture.height, height) {
        Ok(())
    } else {
        Err(PlanError::Picture {
            picture,
            width,
            height,
        })
    }
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
