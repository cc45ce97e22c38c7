//! What memory costs: the time that no conversion can be below.

use crate::common::frames::bytes;
use crate::common::report::Row;
use lipsyncframes_pixel::{PixelFormat, Source, Target};
use std::hint::black_box;

/// Parts of a frame that are read side by side. Four are the fastest way of those tried: on a virtual Xeon
/// with AMX, from start to end, which is one part, took 1.3 to 1.4 times as long, and fetching ahead took
/// at most an eighth off that. Two, three and eight parts took up to 1.1 times as long.
const PARTS: usize = 4;

/// Reads the rows of every frame that a picture is made of, and writes as many bytes as it has.
pub fn row<'a>(source: &Source, target: &Target, frames: &'a [Vec<u8>]) -> Row<'a> {
    let row_bytes = bytes(source) / source.height as usize;
    let needed = needed_rows(source.height as usize, target.height as usize);
    let part_rows = needed.len() / PARTS;
    assert_eq!(part_rows * PARTS, needed.len(), "all rows are read");
    let pixels = (target.width * target.height) as usize;
    let out_bytes = match target.format {
        PixelFormat::I420 => pixels * 3 / 2,
        _ => pixels * 4,
    };
    let mut out = vec![0; out_bytes];
    Row::new(frames.len(), move || {
        for (index, frame) in frames.iter().enumerate() {
            let mut sums = [0; 16];
            for row in 0..part_rows {
                let parts: [_; PARTS] = std::array::from_fn(|part| {
                    let start = needed[part * part_rows + row] * row_bytes;
                    frame[start..start + row_bytes].as_chunks::<128>().0
                });
                for block in 0..parts[0].len() {
                    for part in parts {
                        add(&mut sums, &part[block]);
                    }
                }
            }
            black_box(sums);
            out.fill(index as u8);
            black_box(&mut out);
        }
    })
}

/// Uses all bytes of `block`, in the cheapest way.
fn add(sums: &mut [u64; 16], block: &[u8; 128]) {
    for (sum, bytes) in sums.iter_mut().zip(block.as_chunks().0) {
        *sum ^= u64::from_le_bytes(*bytes);
    }
}

/// The rows, of `height`, that have a share in a picture of `target` rows.
fn needed_rows(height: usize, target: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..target)
        .flat_map(|row| {
            let centre = (row as f64 + 0.5) * height as f64 / target as f64 - 0.5;
            let centre = centre.clamp(0.0, (height - 1) as f64);
            [centre.floor() as usize, centre.ceil() as usize]
        })
        .collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}
