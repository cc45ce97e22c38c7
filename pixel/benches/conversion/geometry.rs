//! The sizes that networks emit, and what is made of them.

use crate::common::frames::{SOURCE, planes, rgba_bytes};
use crate::common::report::Row;
use lipsyncframes_pixel::{Layout, PixelFormat, Plan, Sample, Source, Target};
use std::fmt;
use std::hint::black_box;

/// Sizes of a frame and of the picture that is made of it.
#[derive(Clone, Copy, PartialEq)]
pub struct Geometry {
    pub from: (u32, u32),
    pub to: (u32, u32),
}

const fn scale(from: (u32, u32), to: (u32, u32)) -> Geometry {
    Geometry { from, to }
}

pub const USUAL: Geometry = scale((640, 360), (320, 320));
pub const SQUARE: Geometry = scale((512, 512), (320, 320));

pub const GEOMETRIES: [Geometry; 10] = [
    USUAL,
    SQUARE,
    scale((96, 96), (320, 320)),
    scale((256, 256), (640, 640)),
    scale((256, 256), (256, 256)),
    scale((512, 512), (512, 512)),
    scale((1280, 720), (1280, 720)),
    scale((1920, 1080), (320, 320)),
    scale((1920, 1080), (1280, 720)),
    scale((96, 96), (256, 256)),
];

pub const FORMATS: [PixelFormat; 2] = [PixelFormat::Rgba, PixelFormat::I420];

impl Geometry {
    pub fn is_scaled(self) -> bool {
        self.from != self.to
    }

    pub fn source(self, layout: Layout, sample: Sample) -> Source {
        let mut source = Source {
            width: self.from.0,
            height: self.from.1,
            ..SOURCE
        };
        source.format.layout = layout;
        source.format.sample = sample;
        source
    }

    pub fn target(self, format: PixelFormat) -> Target {
        Target::new(format, self.to.0, self.to.1)
    }

    /// The same with `from` and `to` rows.
    pub fn with_rows(self, from: u32, to: u32) -> Self {
        scale((self.from.0, from), (self.to.0, to))
    }
}

impl fmt::Display for Geometry {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { from, to } = self;
        if self.is_scaled() {
            write!(f, "{}x{} to {}x{}", from.0, from.1, to.0, to.1)
        } else {
            write!(f, "{}x{}, same size", from.0, from.1)
        }
    }
}

/// A conversion of all `frames`, on up to `threads` threads.
pub fn conversion<'a>(
    backend: &str,
    source: Source,
    target: Target,
    frames: impl AsRef<[Vec<u8>]> + 'a,
    threads: usize,
) -> Row<'a> {
    let mut plan = Plan::with_backend(source, target, backend).expect("a valid plan");
    let mut out = vec![0; rgba_bytes((target.width, target.height))];
    Row::new(frames.as_ref().len(), move || {
        for frame in frames.as_ref() {
            plan.convert(frame, planes(&mut out, &target), threads)
                .expect("planned for these frames");
            black_box(&mut out);
        }
    })
}
