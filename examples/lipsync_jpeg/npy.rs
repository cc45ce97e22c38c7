//! The header of numpy's `.npy` files, as its `lib.format` module describes it: a magic string, a version, the
//! header's length, and a Python dictionary with `descr`, `fortran_order` and `shape`.

use gstlipsyncframes::pixel::{Layout, Sample};
use std::io::Read;

/// What such a file begins with. As floats, it is no sample of any picture.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header that is read. numpy's own are of 128 bytes or a little more.
const MAX_HEADER: usize = 65_536;

/// What the header says.
#[derive(Debug, PartialEq)]
pub struct Array {
    pub sample: Sample,
    pub layout: Layout,
    pub n_frames: u64,
    pub width: u32,
    pub height: u32,
}

/// Reads the header, up to the first sample. The magic string has been read already.
pub fn read_header(reader: &mut impl Read) -> Result<Array, String> {
    let mut version = [0; 2];
    read(reader, &mut version)?;
    let length = match version {
        [1, _] => {
            let mut length = [0; 2];
            read(reader, &mut length)?;
            usize::from(u16::from_le_bytes(length))
        }
        [2 | 3, _] => {
            let mut length = [0; 4];
            read(reader, &mut length)?;
            u32::from_le_bytes(length) as usize
        }
        [major, minor] => {
            return Err(format!(
                "version {major}.{minor} of the .npy format: expected 1, 2 or 3"
            ));
        }
    };
    if length > MAX_HEADER {
        return Err(format!(
            "a .npy header of {length} bytes: expected at most {MAX_HEADER}"
        ));
    }
    let mut header = vec![0; length];
    read(reader, &mut header)?;
    parse(&String::from_utf8_lossy(&header))
}

fn read(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    reader
        .read_exact(bytes)
        .map_err(|error| format!("the .npy header cannot be read: {error}"))
}

fn parse(header: &str) -> Result<Array, String> {
    // Types of several fields have brackets here, and are none of the two.
    let dtype = value(header, "descr")?;
    let sample = match dtype.trim_matches(['\'', '"']) {
        "<f4" => Sample::F32,
        "<f2" => Sample::F16,
        _ => {
            return Err(format!(
                "an array of dtype {dtype}: expected little-endian float32 or float16; save \
                 array.astype('<f4')"
            ));
        }
    };
    if value(header, "fortran_order")? != "False" {
        return Err(
            "an array in Fortran order: expected C order; save numpy.ascontiguousarray(array)"
                .into(),
        );
    }
    let shape = value(header, "shape")?;
    let wrong_shape = || {
        format!(
            "an array of shape {shape}: expected (frames, height, width, 3) or (frames, 3, height, \
             width), or one frame without the first number"
        )
    };
    let numbers: Vec<u64> = shape
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong_shape())?;
    let (layout, n_frames, height, width) = match numbers[..] {
        [n, height, width, 3] => (Layout::Interleaved, n, height, width),
        [n, 3, height, width] => (Layout::Planar, n, height, width),
        [height, width, 3] => (Layout::Interleaved, 1, height, width),
        [3, height, width] => (Layout::Planar, 1, height, width),
        _ => return Err(wrong_shape()),
    };
    Ok(Array {
        sample,
        layout,
        n_frames,
        width: u32::try_from(width).map_err(|_| wrong_shape())?,
        height: u32::try_from(height).map_err(|_| wrong_shape())?,
    })
}

/// The value of `key` in a dictionary: a string, a word or a tuple.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let missing = || format!("a .npy header without {key}: {:?}", header.trim_end());
    let (_, rest) = header
        .split_once(&format!("'{key}':"))
        .ok_or_else(missing)?;
    let rest = rest.trim_start();
    let end = if rest.starts_with('(') {
        rest.find(')').map(|at| at + 1)
    } else {
        rest.find([',', '}'])
    };
    end.and_then(|end| rest.get(..end))
        .map(str::trim_end)
        .ok_or_else(missing)
}
