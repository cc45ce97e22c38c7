//! Where the pixels of 8-bit frames lie in their buffers.
//!
//! A GstVideoMeta can say anything, and a map can be smaller than its buffer: `gst_buffer_map` succeeds
//! with 0 bytes where one of several memories cannot be mapped. `gst_video_frame_map`, and the bindings
//! with it, believe both. Here what is said is compared with what is there before a byte is touched.

use gst_video::{VideoInfo, VideoMeta};
use lipsyncframes_pixel::Plane;
use std::ops::Range;

/// As many as [`PixelFormat`](lipsyncframes_pixel::PixelFormat) has at most.
const MAX_PLANES: usize = 3;

/// As many as `gst_buffer_get_max_memory` says. An array, because a `Vec` is an allocation per frame.
const MAX_MEMORIES: usize = 16;

/// Where a plane lies in its buffer, from its first pixel to its last.
#[derive(Debug, Clone, Default)]
struct Place {
    bytes: Range<usize>,
    stride: usize,
}

/// The places of all planes, empty for those that the format does not have.
fn places(buffer: &gst::BufferRef, info: &VideoInfo) -> Result<[Place; MAX_PLANES], String> {
    // Of several, `gst_video_frame_map` takes this one as well.
    let meta = buffer.iter_meta::<VideoMeta>().min_by_key(|meta| meta.id());
    let (offsets, strides) = match &meta {
        Some(meta) => {
            check_meta(meta, info)?;
            (meta.offset(), meta.stride())
        }
        None => (info.offset(), info.stride()),
    };
    let mut places: [Place; MAX_PLANES] = Default::default();
    let said = offsets.iter().zip(strides);
    for (plane, (place, (&offset, &stride))) in places.iter_mut().zip(said).enumerate() {
        *place = self::place(buffer, info, plane, offset, stride)?;
    }
    Ok(places)
}

/// A meta may be for a larger frame, of which the caps show the upper left.
fn check_meta(meta: &VideoMeta, info: &VideoInfo) -> Result<(), String> {
    let fits = meta.format() == info.format()
        && meta.n_planes() == info.n_planes()
        && meta.width() >= info.width()
        && meta.height() >= info.height();
    fits.then_some(()).ok_or_else(|| {
        format!(
            "a GstVideoMeta of {} {}x{} with {} planes: expected {} {}x{} with {} planes, as the \
             caps say",
            meta.format(),
            meta.width(),
            meta.height(),
            meta.n_planes(),
            info.format(),
            info.width(),
            info.height(),
            info.n_planes()
        )
    })
}

fn place(
    buffer: &gst::BufferRef,
    info: &VideoInfo,
    plane: usize,
    offset: usize,
    stride: i32,
) -> Result<Place, String> {
    let (row_bytes, rows) = (0..info.n_components() as u8)
        .find(|&component| info.comp_plane(component) as usize == plane)
        .map_or((0, 0), |component| {
            let row_bytes =
                info.comp_width(component) * info.comp_pstride(component).unsigned_abs();
            (row_bytes as usize, info.comp_height(component) as usize)
        });
    let bytes_there = buffer.size();
    let checked = |stride: usize| {
        let end = stride
            .checked_mul(rows.checked_sub(1)?)?
            .checked_add(row_bytes)?
            .checked_add(offset)?;
        (stride >= row_bytes && end <= bytes_there).then_some(Place {
            bytes: offset..end,
            stride,
        })
    };
    usize::try_from(stride)
        .ok()
        .and_then(checked)
        .ok_or_else(|| {
            format!(
                "plane {plane} at offset {offset} with stride {stride}: expected {rows} rows of \
                 {row_bytes} bytes within the {bytes_there} bytes of the buffer"
            )
        })
}

/// Gives `work` the pixels of a frame in one plane, as the formats of the RGB family are, and their
/// stride.
///
/// # Errors
///
/// A sentence about what `buffer` says and what it holds.
pub fn read<T>(
    buffer: &gst::BufferRef,
    info: &VideoInfo,
    work: impl FnOnce(&[u8], usize) -> T,
) -> Result<T, String> {
    let [Place { bytes, stride }, ..] = places(buffer, info)?;
    let map = buffer.map_readable().map_err(|_| unreadable(buffer, 0))?;
    let pixels = map
        .get(bytes)
        .ok_or_else(|| unreadable(buffer, map.len()))?;
    Ok(work(pixels, stride))
}

/// What is wrong with a buffer of which only so many bytes are mapped.
pub(crate) fn unreadable(buffer: &gst::BufferRef, mapped: usize) -> String {
    let (bytes, memories) = (buffer.size(), buffer.n_memory());
    format!(
        "a buffer of {bytes} bytes in {memories} memories, of which {mapped} bytes can be mapped: \
         expected memory that can be read"
    )
}

/// Gives `work` all planes of a frame, to write to.
///
/// A buffer's memories stay its own where each plane lies in one: they can be another device's, which
/// merging them would lose.
///
/// # Errors
///
/// A sentence about what `buffer` says and what it holds.
pub(crate) fn write<T>(
    buffer: &mut gst::BufferRef,
    info: &VideoInfo,
    work: impl FnOnce([Plane; MAX_PLANES]) -> T,
) -> Result<T, String> {
    let places = places(buffer, info)?;
    let lies_in_one_memory = |place: &Place| {
        let found = buffer.find_memory(place.bytes.clone());
        place.bytes.is_empty() || found.is_some_and(|(memories, _)| memories.len() == 1)
    };
    if !buffer.is_all_memory_writable() || !places.iter().all(lies_in_one_memory) {
        // Leaves one memory that is the buffer's alone.
        buffer.map_writable().map_err(|error| error.to_string())?;
    }
    let mut memories = buffer
        .iter_memories_mut()
        .map_err(|error| error.to_string())?;
    let mut maps: [_; MAX_MEMORIES] =
        std::array::from_fn(|_| Some((memories.next()?).map_writable()));
    let mut planes: [Plane; MAX_PLANES] = Default::default();
    let mut start = 0;
    for map in maps.iter_mut().flatten() {
        let memory = map.as_mut().map_err(|error| error.to_string())?;
        let end = start + memory.len();
        let parts = places.each_ref().map(|Place { bytes, .. }| {
            let lies_here = start <= bytes.start && bytes.end <= end;
            if lies_here {
                bytes.start - start..bytes.end - start
            } else {
                0..0
            }
        });
        let parts = memory
            .get_disjoint_mut(parts)
            .map_err(|_| format!("planes that overlap: {places:?}"))?;
        for (plane, data) in planes.iter_mut().zip(parts) {
            if !data.is_empty() {
                plane.data = data;
            }
        }
        start = end;
    }
    for (plane, place) in planes.iter_mut().zip(&places) {
        plane.stride = place.stride;
    }
    Ok(work(planes))
}
