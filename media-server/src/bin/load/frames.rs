//! Frames that carry their number in their pixels, and reading it from their JPEGs.

use image::ImageFormat;

/// Width and height, of frames and of the JPEGs that are made of them.
pub const SIDE: usize = 320;
/// The number's bits are squares side by side, white for 1, along the upper edge: as wide as what JPEG
/// takes together, so that none of it spills into its neighbour.
const SQUARE: usize = 16;
const BITS: usize = SIDE / SQUARE;
const PLANE: usize = SIDE * SIDE;
const SAMPLE: usize = size_of::<f32>();

/// Bytes of a frame: BGRP_F32LE, 320x320.
pub const FRAME_BYTES: usize = 3 * PLANE * SAMPLE;
/// Bytes of each plane that the number takes.
pub const NUMBER_BYTES: usize = SQUARE * SIDE * SAMPLE;
/// What frames are called in a post.
pub const QUERY: &str = "format=BGRP_F32LE&width=320&height=320";

/// A frame to draw numbers into: slopes, up and down, moved by `phase`, with noise. jpegenc needs as many
/// instructions and bytes for such a picture as for a face.
pub fn picture(phase: usize) -> Vec<u8> {
    let mut noise = 1_u32;
    let mut bytes = Vec::with_capacity(FRAME_BYTES);
    for channel in 0..3 {
        for y in 0..SIDE {
            for x in 0..SIDE {
                // A linear congruential generator: its upper bits are random enough to look at.
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let grain = (noise >> 8) as f32 / 16_777_216.0;
                // The steepness of a picture of 640x360 scaled to this size
                let slope = ((2 * x + 3 * y + 40 * channel + 5 * phase) % 510).abs_diff(255);
                let level = slope as f32 / 255.0 + 0.06 * grain;
                bytes.extend_from_slice(&level.min(1.0).to_le_bytes());
            }
        }
    }
    bytes
}

/// The upper part of each plane of frame `number`.
pub fn number_rows(number: u64) -> Vec<u8> {
    let row: Vec<u8> = (0..SIDE)
        .flat_map(|x| {
            let bit = number >> (x / SQUARE) & 1;
            (bit as f32).to_le_bytes()
        })
        .collect();
    row.repeat(SQUARE)
}

/// A frame with its number.
pub fn numbered_frame(number: u64, picture: &[u8]) -> Vec<u8> {
    let rows = number_rows(number);
    let mut frame = picture.to_vec();
    for plane in frame.chunks_exact_mut(PLANE * SAMPLE) {
        plane[..NUMBER_BYTES].copy_from_slice(&rows);
    }
    frame
}

/// The number that was drawn into a frame, from its JPEG.
///
/// # Errors
///
/// Why it cannot be read.
pub fn read_number(jpeg: &[u8]) -> Result<u64, String> {
    let top = upper_edge(jpeg)?;
    let picture = image::load_from_memory_with_format(&top, ImageFormat::Jpeg)
        .map_err(|error| error.to_string())?
        .into_luma8();
    let centre = |bit: usize| (bit * SQUARE + SQUARE / 2) as u32;
    Ok((0..BITS)
        .filter(|&bit| picture.get_pixel(centre(bit), SQUARE as u32 / 2).0[0] > 127)
        .map(|bit| 1 << bit)
        .sum())
}

/// The same JPEG, of which only the upper edge will be decoded, a twentieth of it: its header says that
/// there is no more.
fn upper_edge(jpeg: &[u8]) -> Result<Vec<u8>, String> {
    // "Start of frame": marker, length, precision, height, width.
    let start = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]);
    let height = start.map(|start| start + 5..start + 7);
    let mut top = jpeg.to_vec();
    match height.and_then(|height| top.get_mut(height)) {
        Some(height) if *height == (SIDE as u16).to_be_bytes() => {
            height.copy_from_slice(&(SQUARE as u16).to_be_bytes());
            Ok(top)
        }
        _ => Err(format!(
            "{} bytes that are no JPEG of this size",
            jpeg.len()
        )),
    }
}

/// The number that the server gives a picture, in a comment of the JPEG; none for those of an idle loop.
pub fn given_number(jpeg: &[u8]) -> Option<u64> {
    const COMMENT: u8 = 0xfe;
    const SCAN: u8 = 0xda;
    let mut segments = jpeg.get(2..)?;
    while let [0xff, marker, high, low, ..] = *segments
        && marker != SCAN
    {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let content = segments.get(4..2 + length)?;
        if marker == COMMENT
            && let Some(number) = content.strip_prefix(b"frame ")
        {
            return std::str::from_utf8(number).ok()?.parse().ok();
        }
        segments = segments.get(2 + length..)?;
    }
    None
}
