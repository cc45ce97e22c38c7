//! A JPEG, as viewers get it.

use bytes::Bytes;

/// What separates the pictures of an MJPEG stream.
pub const BOUNDARY: &str = "lipsyncframes";

/// The head of a part of an MJPEG stream. It is sent before the picture is there, and so says nothing
/// about it.
pub const PART_HEAD: &str = "Content-Type: image/jpeg\r\n\r\n";

/// A JPEG.
pub struct Picture {
    /// That of its frame; none where it is of an idle loop
    pub number: Option<u64>,
    /// It, the boundary after it, and the head of the next part: Chromium shows a picture only when that has
    /// come.
    pub part: Bytes,
    jpeg_bytes: usize,
}

impl Picture {
    /// Copies `jpeg`, with its number in a comment.
    pub fn new(number: Option<u64>, jpeg: &[u8]) -> Self {
        let (start, rest) = jpeg.split_at(comments_begin(jpeg));
        let comment = number.map_or_else(Vec::new, comment);
        let tail = format!("\r\n--{BOUNDARY}\r\n{PART_HEAD}");
        let part = [start, &comment, rest, tail.as_bytes()].concat();
        Self {
            number,
            part: part.into(),
            jpeg_bytes: jpeg.len() + comment.len(),
        }
    }

    pub fn jpeg(&self) -> Bytes {
        self.part.slice(..self.jpeg_bytes)
    }
}

/// The segment COM of a JPEG: "frame 123".
fn comment(number: u64) -> Vec<u8> {
    let text = format!("frame {number}");
    // The length is its own two bytes, too.
    let length = (text.len() + 2) as u16;
    [
        &[0xff, 0xfe],
        length.to_be_bytes().as_slice(),
        text.as_bytes(),
    ]
    .concat()
}

/// Where a comment can be: behind the first two bytes and the segment APP0, if there is one, because JFIF
/// wants that to be the first.
fn comments_begin(jpeg: &[u8]) -> usize {
    let end = match *jpeg {
        [_, _, 0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    end.min(jpeg.len())
}
