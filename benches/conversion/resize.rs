//! The crate fast_image_resize: scale the floats, then pack what is left to RGBA.

use crate::frames::rgba_bytes;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use gstlipsyncframes::pixel::Source;

pub struct FastImageResize {
    resizer: Resizer,
    options: ResizeOptions,
    source: (u32, u32),
    scaled: Image<'static>,
    rgba: Vec<u8>,
}

impl FastImageResize {
    pub fn new(source: &Source, target: (u32, u32)) -> Self {
        // Convolution, the crate's usual way, would antialias.
        let algorithm = ResizeAlg::Interpolation(FilterType::Bilinear);
        Self {
            resizer: Resizer::new(),
            options: ResizeOptions::new().resize_alg(algorithm),
            source: (source.width, source.height),
            scaled: Image::new(target.0, target.1, PixelType::F32x3),
            rgba: vec![0; rgba_bytes(target)],
        }
    }

    /// The RGBA picture of `frame`.
    pub fn convert(&mut self, frame: &[u8]) -> &[u8] {
        let (width, height) = self.source;
        let frame = ImageRef::new(width, height, frame, PixelType::F32x3).expect("aligned floats");
        self.resizer
            .resize(&frame, &mut self.scaled, &self.options)
            .expect("two images of one type");
        let (pixels, _) = self.scaled.buffer().as_chunks::<12>();
        let (out, _) = self.rgba.as_chunks_mut::<4>();
        for (out, pixel) in out.iter_mut().zip(pixels) {
            let level = |channel: usize| {
                let bytes = [0, 1, 2, 3].map(|byte| pixel[4 * channel + byte]);
                (f32::from_le_bytes(bytes) * 255.0 + 0.5) as u8
            };
            *out = [level(2), level(1), level(0), 255];
        }
        &self.rgba
    }
}
