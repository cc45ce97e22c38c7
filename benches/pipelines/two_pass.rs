//! The method of the first system of this kind: convert the whole frame to 8-bit RGBA, then scale
//! that, pixel by pixel with four taps, rows split over the workers.

use lipsyncframes_pixel::Source;

pub struct TwoPass {
    threads: usize,
    scaler: Scaler,
    rgba: Vec<u8>,
    scaled: Vec<u8>,
}

struct Scaler {
    width: usize,
    height: usize,
    target: (usize, usize),
}

impl TwoPass {
    pub fn new(source: &Source, target: (u32, u32), threads: usize) -> Self {
        let scaler = Scaler {
            width: source.width as usize,
            height: source.height as usize,
            target: (target.0 as usize, target.1 as usize),
        };
        Self {
            threads,
            rgba: vec![0; scaler.width * scaler.height * 4],
            scaled: vec![0; scaler.target.0 * scaler.target.1 * 4],
            scaler,
        }
    }

    /// The RGBA picture of `frame`.
    pub fn convert(&mut self, frame: &[u8]) -> &[u8] {
        let Self {
            threads,
            scaler,
            rgba,
            scaled,
        } = self;
        for_each_row(rgba, scaler.width * 4, *threads, |y, row| {
            scaler.convert_row(frame, y, row)
        });
        for_each_row(scaled, scaler.target.0 * 4, *threads, |y, row| {
            scaler.scale_row(rgba, y, row)
        });
        scaled
    }
}

/// Shares the rows of `image` among threads, the last of which is the caller's. To start one takes a
/// hundredth of the time that it works.
fn for_each_row(
    image: &mut [u8],
    row_bytes: usize,
    threads: usize,
    work: impl Fn(usize, &mut [u8]) + Sync,
) {
    let share_rows = (image.len() / row_bytes).div_ceil(threads);
    let work_on = |share: usize, rows: &mut [u8]| {
        for (index, row) in rows.chunks_mut(row_bytes).enumerate() {
            work(share * share_rows + index, row);
        }
    };
    std::thread::scope(|scope| {
        let mut shares = image.chunks_mut(share_rows * row_bytes).enumerate();
        let last = shares.next_back();
        for (share, rows) in shares {
            scope.spawn(move || work_on(share, rows));
        }
        if let Some((share, rows)) = last {
            work_on(share, rows);
        }
    });
}

impl Scaler {
    fn convert_row(&self, frame: &[u8], y: usize, row: &mut [u8]) {
        for x in 0..self.width {
            for channel in 0..3 {
                let at = ((y * self.width + x) * 3 + 2 - channel) * 4;
                let bytes = [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
                let value = f32::from_le_bytes(bytes) * 255.0;
                row[x * 4 + channel] = value.clamp(0.0, 255.0) as u8;
            }
            row[x * 4 + 3] = 255;
        }
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
