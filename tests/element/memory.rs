//! Memory of every kind, on both sides.

use super::*;
use gst_video::prelude::*;

const RGBA_4X2: &str = "video/x-raw,format=RGBA,width=4,height=2";

#[test]
fn memory_at_an_odd_address() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    for offset in 1..8 {
        let frames = small_frames(&[10, 20]);
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(&frames.map_readable().unwrap());
        let whole = gst::Buffer::from_mut_slice(bytes);
        let shifted = whole
            .copy_region(gst::BufferCopyFlags::MEMORY, offset..)
            .unwrap();
        setup.harness.push(shifted).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [10, 20]);
    }
}

#[test]
fn memory_in_several_pieces() {
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    let frames = small_frames(&[10, 20, 30]);
    let bytes = frames.map_readable().unwrap();
    let mut buffer = gst::Buffer::new();
    for piece in bytes.chunks(41) {
        let memory = gst::Memory::from_slice(piece.to_vec());
        buffer.get_mut().unwrap().append_memory(memory);
    }
    assert!(buffer.n_memory() > 3);
    setup.harness.push(buffer).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [10, 20, 30]);
}

#[test]
fn read_only_memory() {
    static FRAME: [u8; SMALL_BYTES] = [0; SMALL_BYTES];
    let mut setup = Setup::new("").downstream(RGBA_4X2).upstream(SMALL);
    setup.harness.push(gst::Buffer::from_slice(FRAME)).unwrap();
    // Held by somebody else as well, so not writable either.
    let shared = small_frames(&[8, 9]);
    setup.harness.push(shared.clone()).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [0, 8, 9]);
    assert_eq!(shared.size(), 2 * SMALL_BYTES);
}

/// Answers ALLOCATION queries with `pool`, as a downstream that understands strides.
fn offer_pool(setup: &Setup, pool: &gst::BufferPool, bytes: u32, understands_strides: bool) {
    let pool = pool.clone();
    let peer = setup.src_pad().peer().unwrap();
    peer.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
        let Some(query) = info.query_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        let gst::QueryViewMut::Allocation(allocation) = query.view_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        allocation.add_allocation_pool(Some(&pool), bytes, 2, 0);
        if understands_strides {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
        }
        gst::PadProbeReturn::Handled
    })
    .unwrap();
}

#[test]
fn downstream_s_pool_and_its_strides_are_used() {
    // 4 RGBA pixels are 16 bytes; aligned to 64 they take a stride of 64.
    let pool = gst_video::VideoBufferPool::new();
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    let mut config = pool.config();
    config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
    config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    config.set_video_alignment(&gst_video::VideoAlignment::new(1, 1, 2, 2, &[63; 4]));
    let caps: gst::Caps = "video/x-raw,format=RGBA,width=4,height=2,framerate=25/1"
        .parse()
        .unwrap();
    config.set_params(Some(&caps), 32, 2, 0);
    pool.set_config(config).unwrap();
    offer_pool(&setup, pool.upcast_ref(), 32, true);
    setup.harness.set_src_caps_str(SMALL);
    setup.harness.push(small_frames(&[10, 20])).unwrap();

    let info = gst_video::VideoInfo::from_caps(&setup.output_caps()).unwrap();
    for (buffer, level) in setup.pulled().into_iter().zip([10, 20]) {
        let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &info).unwrap();
        assert!(frame.plane_stride()[0] >= 64, "{:?}", frame.plane_stride());
        let stride = frame.plane_stride()[0] as usize;
        let data = frame.plane_data(0).unwrap();
        for row in 0..2 {
            let pixels = &data[row * stride..row * stride + 16];
            assert_eq!(pixels, [level, level, level, 255].repeat(4));
        }
    }
}

#[test]
fn downstream_without_strides_gets_packed_frames() {
    let caps = "video/x-raw,format=RGB,width=3,height=3";
    let mut setup = Setup::new("").downstream(caps).upstream(SMALL);
    setup.harness.push(small_frames(&[50])).unwrap();
    let buffers = setup.pulled();
    // GStreamer's own default: rows begin at multiples of 4.
    assert_eq!(buffers[0].size(), 12 * 3);
    assert!(buffers[0].meta::<gst_video::VideoMeta>().is_none());
}

#[test]
fn a_pool_of_too_small_buffers_is_not_used_as_it_is() {
    let pool = gst_video::VideoBufferPool::new();
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    offer_pool(&setup, pool.upcast_ref(), 1, false);
    setup.harness.set_src_caps_str(SMALL);
    setup.harness.push(small_frames(&[10])).unwrap();
    let buffers = setup.pulled();
    assert_eq!(buffers[0].size(), 32);
    assert_eq!(setup.errors(), Vec::<String>::new());
}

#[test]
fn output_buffers_come_back_from_a_pool() {
    let mut setup = Setup::new("").downstream("video/x-raw").upstream(SMALL);
    let addresses: std::collections::HashSet<usize> = (0..100)
        .map(|level| {
            setup.harness.push(small_frames(&[level])).unwrap();
            let buffer = setup.harness.pull().unwrap();
            let map = buffer.map_readable().unwrap();
            map.as_ptr() as usize
        })
        .collect();
    assert!(addresses.len() <= 2, "{}", addresses.len());
}
