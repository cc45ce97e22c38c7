//! What memory costs: the rows that others are compared to.

use crate::report::Row;
use std::hint::black_box;

/// Reads the first `read_bytes` of every frame and writes `out_bytes`, as any conversion must.
///
/// It reads `parts` parts of the frame side by side. Four are the fastest way of those tried: over 64
/// frames on a virtual Xeon with AMX, from start to end, which is one part, took 1.3 to 1.4 times as
/// long, and fetching ahead, as the conversion does, took at most an eighth off that. Two, three and
/// eight parts took up to 1.1 times as long. In cache, all were the same.
pub fn streaming<'a>(
    name: impl Into<String>,
    frames: &'a [Vec<u8>],
    read_bytes: usize,
    out_bytes: usize,
    parts: usize,
) -> Row<'a> {
    let mut out = vec![0u8; out_bytes];
    Row::new(name, frames.len(), move || {
        for (index, frame) in frames.iter().enumerate() {
            let (blocks, _) = frame[..read_bytes].as_chunks::<128>();
            let part_blocks = blocks.len() / parts;
            let mut sums = [0u64; 16];
            for index in 0..part_blocks {
                for part in 0..parts {
                    let words = blocks[part * part_blocks + index].as_chunks::<8>().0;
                    for (sum, bytes) in sums.iter_mut().zip(words) {
                        *sum ^= u64::from_le_bytes(*bytes);
                    }
                }
            }
            black_box(sums);
            out.fill(index as u8);
            black_box(&mut out);
        }
    })
}

pub fn copy(frames: &[Vec<u8>]) -> Row<'_> {
    let mut out = frames[0].clone();
    Row::new("memcpy of a frame", frames.len(), move || {
        for frame in frames {
            out.copy_from_slice(frame);
            black_box(&mut out);
        }
    })
}
