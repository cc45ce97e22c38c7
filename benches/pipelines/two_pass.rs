//! The method of the first system of this kind: convert the whole frame to 8-bit RGBA, then scale
//! that, pixel by pixel with four taps.

use lipsyncframes_pixel::Source;

pub struct TwoPass {
    width: usize,
    height: usize,
    target: (usize, usize),
}

impl TwoPass {
    pub fn new(source: &Source, target: (u32, u32)) -> Self {
        Self {
            width: source.width as usize,
            height: source.height as usize,
            target: (target.0 as usize, target.1 as usize),
        }
    }

    /// The RGBA picture of `frame`.
    pub fn convert(&self, frame: &[u8]) -> Vec<u8> {
        let (pixels, _) = frame.as_chunks::<12>();
        let to_byte =
            |bytes: &[u8; 4]| (f32::from_le_bytes(*bytes) * 255.0).clamp(0.0, 255.0) as u8;
        let rgba: Vec<u8> = pixels
            .iter()
            .flat_map(|pixel| {
                let (bgr, _) = pixel.as_chunks();
                [&bgr[2], &bgr[1], &bgr[0], &1f32.to_le_bytes()].map(to_byte)
            })
            .collect();
        let mut scaled = vec![0; self.target.0 * self.target.1 * 4];
        for (y, row) in scaled.chunks_exact_mut(self.target.0 * 4).enumerate() {
            self.scale_row(&rgba, y, row);
        }
        scaled
    }

    fn scale_row(&self, rgba: &[u8], y: usize, row: &mut [u8]) {
        let tap = |position: usize, source: usize, target: usize| {
            let x = (position as f64 + 0.5) * source as f64 / target as f64 - 0.5;
            let x = x.clamp(0.0, (source - 1) as f64);
            let first = x as usize;
            (first, (first + 1).min(source - 1), x - first as f64)
        };
        let (top, bottom, y_weight) = tap(y, self.height, self.target.1);
        for x in 0..self.target.0 {
            let (left, right, x_weight) = tap(x, self.width, self.target.0);
            for channel in 0..4 {
                let at = |x: usize, y: usize| f64::from(rgba[(y * self.width + x) * 4 + channel]);
                let above = at(left, top) * (1.0 - x_weight) + at(right, top) * x_weight;
                let below = at(left, bottom) * (1.0 - x_weight) + at(right, bottom) * x_weight;
                row[x * 4 + channel] = (above * (1.0 - y_weight) + below * y_weight + 0.5) as u8;
            }
        }
    }
}
