//! Buffers whose memory is not simply there.

use gst_allocators::prelude::*;
use std::os::fd::IntoRawFd;

/// A buffer of `memories` memories of so many bytes each, none of which can be mapped.
pub fn unmappable(memories: usize, bytes: usize) -> gst::Buffer {
    let allocator = gst_allocators::FdAllocator::new();
    let memory = || {
        let null = std::fs::File::options().write(true).open("/dev/null");
        let descriptor = null.unwrap().into_raw_fd();
        #[expect(unsafe_code, reason = "the only memory that cannot be mapped there is")]
        // SAFETY: the descriptor is open, and nobody else has it: the memory closes it.
        let memory =
            unsafe { allocator.alloc_fd(descriptor, bytes, gst_allocators::FdMemoryFlags::NONE) };
        memory.unwrap()
    };
    std::iter::repeat_with(memory).take(memories).collect()
}

/// A buffer of one memory for each of `pieces`.
pub fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> gst::Buffer {
    let memory = |piece: &[u8]| gst::Memory::from_mut_slice(piece.to_vec());
    pieces.into_iter().map(memory).collect()
}
