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

/// Lets downstream answer ALLOCATION queries: with a pool for buffers of so many bytes, if it has one,
/// and whether it understands strides.
fn answer_allocation(
    setup: &Setup,
    pool: Option<(gst::BufferPool, u32)>,
    understands_strides: bool,
) {
    let peer = setup.src_pad().peer().unwrap();
    peer.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
        let Some(query) = info.query_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        let gst::QueryViewMut::Allocation(allocation) = query.view_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some((pool, bytes)) = &pool {
            allocation.add_allocation_pool(Some(pool), *bytes, 2, 0);
        }
        if understands_strides {
            allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
        }
        gst::PadProbeReturn::Handled
    })
    .unwrap();
}

#[test]
fn downstream_s_pool_and_its_strides_are_used() {
    init();
    // 4 RGBA pixels are 16 bytes; aligned to 64 they take a stride of 64. The pool makes such strides
    // for who asks for GstVideoMeta only, which is left to the element.
    let pool = gst_video::VideoBufferPool::new();
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    let mut config = pool.config();
    config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    config.set_video_alignment(&gst_video::VideoAlignment::new(1, 1, 2, 2, &[63; 4]));
    let caps: gst::Caps = "video/x-raw,format=RGBA,width=4,height=2,framerate=25/1"
        .parse()
        .unwrap();
    config.set_params(Some(&caps), 32, 2, 0);
    pool.set_config(config).unwrap();
    answer_allocation(&setup, Some((pool.upcast(), 32)), true);
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
fn strides_are_asked_for_where_downstream_understands_them() {
    init();
    for has_pool in [true, false] {
        for understands_strides in [true, false] {
            let pool = gst_video::VideoBufferPool::new();
            let mut setup = Setup::new("").downstream(RGBA_4X2);
            let offered = has_pool.then(|| (pool.clone().upcast(), 32));
            answer_allocation(&setup, offered, understands_strides);
            setup.harness.set_src_caps_str(SMALL);
            setup.harness.push(small_frames(&[10])).unwrap();
            let buffer = setup.harness.pull().unwrap();
            let has_meta = buffer.meta::<gst_video::VideoMeta>().is_some();
            assert_eq!(has_meta, understands_strides, "pool: {has_pool}");
            assert_eq!(pool.is_active(), has_pool);
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
    init();
    let pool = gst_video::VideoBufferPool::new();
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    answer_allocation(&setup, Some((pool.upcast(), 1)), false);
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

#[test]
fn the_stream_goes_on_after_a_frame_for_which_there_was_no_buffer() {
    init();
    let pool = gst_video::VideoBufferPool::new();
    let mut setup = Setup::new("").downstream(RGBA_4X2);
    answer_allocation(&setup, Some((pool.clone().upcast(), 32)), false);
    setup.harness.set_src_caps_str(SMALL);
    for _ in 0..2 {
        setup.harness.push(small_frames(&[1, 2])).unwrap();
        assert_eq!(first_bytes(&setup.pulled()), [1, 2]);
        pool.set_flushing(true);
        let pushed = setup.harness.push(small_frames(&[3, 4]));
        assert_eq!(pushed, Err(gst::FlowError::Flushing));
        pool.set_flushing(false);
        assert_eq!(setup.pulled().len(), 0);
    }
    setup.harness.push(small_frames(&[5, 6])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [5, 6]);
    assert_eq!(setup.errors(), Vec::<String>::new());
}

/// A pool that gives other buffers than its own when it is told to.
mod faulty {
    use gst::glib;
    use gst::subclass::prelude::*;
    use std::sync::Mutex;

    #[derive(Default)]
    pub struct Inner(Mutex<Option<(usize, gst::Buffer)>>);

    #[glib::object_subclass]
    impl ObjectSubclass for Inner {
        const NAME: &'static str = "FaultyPool";
        type Type = Pool;
        type ParentType = gst::BufferPool;
    }

    impl ObjectImpl for Inner {}
    impl GstObjectImpl for Inner {}
    impl BufferPoolImpl for Inner {
        fn acquire_buffer(
            &self,
            params: Option<&gst::BufferPoolAcquireParams>,
        ) -> Result<gst::Buffer, gst::FlowError> {
            let mut other = self.0.lock().unwrap();
            match other.take() {
                Some((0, buffer)) => return Ok(buffer),
                Some((after, buffer)) => *other = Some((after - 1, buffer)),
                None => {}
            }
            drop(other);
            self.parent_acquire_buffer(params)
        }
    }

    glib::wrapper! {
        pub struct Pool(ObjectSubclass<Inner>) @extends gst::BufferPool, gst::Object;
    }

    impl Pool {
        /// Gives `buffer` after so many of its own, once.
        pub fn give(&self, after: usize, buffer: gst::Buffer) {
            *self.imp().0.lock().unwrap() = Some((after, buffer));
        }
    }
}

/// With a pool for frames of 4x2 in `format`.
fn with_faulty_pool(format: &str) -> (Setup, faulty::Pool) {
    init();
    let pool: faulty::Pool = glib::Object::new();
    let caps = format!("video/x-raw,format={format},width=4,height=2");
    let setup = Setup::new("").downstream(&caps);
    answer_allocation(&setup, Some((pool.clone().upcast(), 32)), true);
    (setup.upstream(SMALL), pool)
}

#[test]
fn the_stream_goes_on_after_a_frame_that_failed() {
    let (mut setup, pool) = with_faulty_pool("RGBA");
    pool.give(2, gst::Buffer::with_size(1).unwrap());
    setup.harness.push(small_frames(&[1])).unwrap();
    let pushed = setup.harness.push(small_frames(&[2, 3, 4]));
    assert_eq!(pushed, Err(gst::FlowError::Error));
    let errors = setup.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("output buffer cannot be written"),
        "{errors:?}"
    );
    // The rest of the batch goes with the frame.
    setup.harness.push(small_frames(&[5, 6])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [1, 2, 5, 6]);
    assert_eq!(setup.errors(), Vec::<String>::new());
}

fn add_meta(
    buffer: &mut gst::Buffer,
    format: gst_video::VideoFormat,
    (width, height): (u32, u32),
    offsets: &[usize],
    strides: &[i32],
) {
    let buffer = buffer.get_mut().unwrap();
    let flags = gst_video::VideoFrameFlags::empty();
    gst_video::VideoMeta::add_full(buffer, flags, format, width, height, offsets, strides).unwrap();
}

#[test]
fn metas_of_output_buffers_that_say_more_than_there_is() {
    use gst_video::VideoFormat::{I420, Nv12, Rgba};
    let small = (4, 2);
    for (format, meta_format, size, offsets, strides, expected) in [
        ("RGBA", Rgba, small, &[32][..], &[16][..], "offset 32"),
        ("RGBA", Rgba, small, &[1], &[16], "offset 1 with stride 16"),
        (
            "RGBA",
            Rgba,
            small,
            &[usize::MAX],
            &[16],
            "1844674407370955",
        ),
        (
            "RGBA",
            Rgba,
            small,
            &[0],
            &[17],
            "stride 17: expected 2 rows",
        ),
        ("RGBA", Rgba, small, &[0], &[i32::MAX], "stride 2147483647"),
        (
            "RGBA",
            Rgba,
            small,
            &[16],
            &[-16],
            "offset 16 with stride -16",
        ),
        (
            "RGBA",
            Rgba,
            small,
            &[0],
            &[15],
            "stride 15: expected 2 rows",
        ),
        ("RGBA", Rgba, small, &[0], &[0], "stride 0: expected 2 rows"),
        ("RGBA", Rgba, small, &[], &[], "RGBA 4x2 with 0 planes"),
        ("RGBA", Rgba, (3, 2), &[0], &[16], "RGBA 3x2 with 1 planes"),
        ("RGBA", Rgba, (4, 1), &[0], &[16], "RGBA 4x1 with 1 planes"),
        ("RGBA", I420, small, &[0, 8, 12], &[4; 3], "I420 4x2 with 3"),
        (
            "I420",
            I420,
            small,
            &[0, 8, 31],
            &[4; 3],
            "plane 2 at offset 31",
        ),
        (
            "I420",
            I420,
            small,
            &[0, 8, 12],
            &[4, 1, 4],
            "plane 1 at offset 8",
        ),
        (
            "I420",
            I420,
            small,
            &[0, 8, 12],
            &[4, 4, -4],
            "plane 2 at offset 12",
        ),
        (
            "I420",
            I420,
            small,
            &[0, 8],
            &[4, 4],
            "I420 4x2 with 2 planes",
        ),
        (
            "I420",
            I420,
            small,
            &[0, 7, 12],
            &[4; 3],
            "planes that overlap",
        ),
        (
            "I420",
            I420,
            small,
            &[0, 8, 8],
            &[4; 3],
            "planes that overlap",
        ),
        (
            "NV12",
            Nv12,
            small,
            &[0, 29],
            &[4; 2],
            "plane 1 at offset 29",
        ),
        (
            "NV12",
            I420,
            small,
            &[0, 8, 12],
            &[4; 3],
            "expected NV12 4x2",
        ),
    ] {
        let (mut setup, pool) = with_faulty_pool(format);
        let mut buffer = gst::Buffer::from_mut_slice(vec![0xa5; 32]);
        add_meta(&mut buffer, meta_format, size, offsets, strides);
        pool.give(0, buffer.copy());
        drop(buffer);
        let pushed = setup.harness.push(small_frames(&[1, 2]));
        assert_eq!(pushed, Err(gst::FlowError::Error), "{expected}");
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{expected}: {errors:?}");
        assert!(errors[0].contains(expected), "{expected}: {errors:?}");
        assert_eq!(setup.pulled().len(), 0);

        setup.harness.push(small_frames(&[3])).unwrap();
        assert_eq!(setup.pulled().len(), 1);
        assert_eq!(setup.errors(), Vec::<String>::new());
    }
}

/// Planes in memories of their own, as devices have them, are written where they are.
#[test]
fn planes_in_memories_of_their_own() {
    let (mut setup, pool) = with_faulty_pool("I420");
    let mut buffer = memories::in_pieces([&[0u8; 16][..], &[0; 3], &[0; 20]]);
    add_meta(
        &mut buffer,
        gst_video::VideoFormat::I420,
        (4, 2),
        // The third memory begins at 19; its plane lies 4 bytes into it, and ends before its row does.
        &[0, 16, 23],
        &[8, 3, 16],
    );
    let before: Vec<_> = buffer
        .iter_memories()
        .map(|memory| memory.as_ptr())
        .collect();
    pool.give(0, buffer);
    setup.harness.push(small_frames(&[200])).unwrap();
    let output = setup.harness.pull().unwrap();
    let after: Vec<_> = output
        .iter_memories()
        .map(|memory| memory.as_ptr())
        .collect();
    assert_eq!(before, after);
    let memories: Vec<Vec<u8>> = output
        .iter_memories()
        .map(|memory| memory.map_readable().unwrap().to_vec())
        .collect();
    let [luma, nothing] = [[200; 4], [0; 4]];
    assert_eq!(memories[0], [luma, nothing, luma, nothing].concat());
    assert_eq!(memories[1], [128, 128, 0]);
    let mut third = vec![0; 20];
    third[4..6].fill(128);
    assert_eq!(memories[2], third);
}

#[test]
fn a_plane_in_several_memories() {
    let (mut setup, pool) = with_faulty_pool("RGBA");
    for has_meta in [false, true] {
        let mut buffer = memories::in_pieces([&[0u8; 9][..], &[0; 14], &[0; 9]]);
        if has_meta {
            add_meta(
                &mut buffer,
                gst_video::VideoFormat::Rgba,
                (4, 2),
                &[0],
                &[16],
            );
        }
        pool.give(0, buffer);
        setup.harness.push(small_frames(&[200])).unwrap();
        let output = setup.harness.pull().unwrap();
        let map = output.map_readable().unwrap();
        assert_eq!(map.as_slice(), [200, 200, 200, 255].repeat(8));
    }
}

#[test]
fn output_memory_that_somebody_else_holds_is_not_written() {
    let (mut setup, pool) = with_faulty_pool("RGBA");
    let memory = gst::Memory::from_mut_slice(vec![7u8; 32]);
    let [held, given] = [(); 2].map(|()| [memory.clone()].into_iter().collect::<gst::Buffer>());
    drop(memory);
    pool.give(0, given);
    setup.harness.push(small_frames(&[200])).unwrap();
    assert_eq!(first_bytes(&setup.pulled()), [200]);
    assert_eq!(first_byte(&held), 7);
}

#[test]
fn output_memory_that_cannot_be_written() {
    for memories in [1, 2] {
        let (mut setup, pool) = with_faulty_pool("RGBA");
        pool.give(0, memories::unmappable(memories, 32 / memories));
        let pushed = setup.harness.push(small_frames(&[1]));
        assert_eq!(pushed, Err(gst::FlowError::Error));
        let errors = setup.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected = "The output buffer cannot be written";
        assert!(errors[0].contains(expected), "{errors:?}");
    }
}
