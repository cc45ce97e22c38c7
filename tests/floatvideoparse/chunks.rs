//! The same frames come out however the bytes come in.

use super::*;

/// Knuth's MMIX generator. Its high bits are the random ones.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (((self.0 >> 32) * bound as u64) >> 32) as usize
    }

    /// From 1 byte to 1 MiB, and as often below 1 KiB as above.
    fn piece(&mut self) -> usize {
        let most = 1 << self.below(21);
        1 + self.below(most)
    }
}

/// Bytes of a frame, how many frames, and how many of them to a buffer.
#[derive(Debug)]
struct Cut {
    width: usize,
    height: usize,
    frames: usize,
    leftover: usize,
    frames_per_buffer: usize,
}

impl Cut {
    fn random(random: &mut Random) -> Self {
        let (width, height, most_frames) = [
            (1, 1, 200),
            (4, 2, 500),
            (17, 3, 100),
            (64, 48, 20),
            (96, 96, 12),
        ][random.below(5)];
        Self {
            width,
            height,
            frames: 1 + random.below(most_frames),
            leftover: random.below(2) * random.below(width * height * 12),
            frames_per_buffer: 1 + random.below(2) * random.below(8),
        }
    }

    fn properties(&self) -> String {
        let Self {
            width,
            height,
            frames_per_buffer,
            ..
        } = self;
        format!("width={width} height={height} frames-per-buffer={frames_per_buffer}")
    }

    fn frame_bytes(&self) -> usize {
        self.width * self.height * 12
    }

    fn bytes(&self) -> usize {
        self.frames * self.frame_bytes() + self.leftover
    }

    /// What a stream of `input` must have become, whatever its pieces.
    fn check(&self, input: &[u8], buffers: &[gst::Buffer], warnings: &[String]) {
        let Self {
            frames,
            leftover,
            frames_per_buffer,
            ..
        } = *self;
        let expected: Vec<usize> = (0..frames)
            .step_by(frames_per_buffer)
            .map(|first| frames_per_buffer.min(frames - first) * self.frame_bytes())
            .collect();
        assert_eq!(sizes(buffers), expected, "{self:?}");
        assert_contents(buffers, &input[..frames * self.frame_bytes()]);
        for (index, buffer) in buffers.iter().enumerate() {
            let start = index * frames_per_buffer;
            assert_eq!(buffer.pts(), ms(start as u64 * 40), "{self:?}");
        }
        assert_eq!(
            warnings.len(),
            usize::from(leftover > 0),
            "{self:?}: {warnings:?}"
        );
        for warning in warnings {
            let expected = format!("{leftover} bytes are left over");
            assert!(warning.starts_with(&expected), "{self:?}: {warning}");
        }
    }
}

#[test]
fn a_stream_in_pieces_of_any_size() {
    let mut random = Random(7);
    let longest = numbered_bytes(3 << 20);
    for _ in 0..1000 {
        let cut = Cut::random(&mut random);
        let input = &longest[..cut.bytes()];
        let mut setup = Setup::of_bytes(&cut.properties());
        let mut rest = input;
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(random.piece().min(rest.len()));
            setup.push(piece);
            rest = others;
        }
        setup.end();
        let buffers = setup.pulled();
        cut.check(input, &buffers, &setup.warnings());
        assert_eq!(setup.errors(), Vec::<String>::new());
    }
}

#[test]
fn frames_of_a_real_size_in_pieces() {
    let cut = Cut {
        width: 640,
        height: 360,
        frames: 7,
        leftover: 1000,
        frames_per_buffer: 3,
    };
    let input = numbered_bytes(cut.bytes());
    let mut random = Random(11);
    for piece in [4096, 65536, 1_000_000, 2_764_800, 2_764_801, 20_000_000, 0] {
        let mut setup = Setup::of_bytes(&cut.properties());
        let mut rest = &input[..];
        while !rest.is_empty() {
            let piece = if piece > 0 { piece } else { random.piece() };
            let (piece, others) = rest.split_at(piece.min(rest.len()));
            setup.push(piece);
            rest = others;
        }
        setup.end();
        let buffers = setup.pulled();
        cut.check(&input, &buffers, &setup.warnings());
    }
}

#[test]
fn bytes_one_by_one_and_none_at_all() {
    let mut setup = Setup::of_bytes(SMALL);
    let input = numbered_bytes(3 * SMALL_BYTES);
    for byte in &input {
        setup.push(&[*byte]);
        setup.push(&[]);
    }
    setup.end();
    let buffers = setup.pulled();
    assert_eq!(sizes(&buffers), [SMALL_BYTES; 3]);
    assert_contents(&buffers, &input);
}

/// BaseParse reads files in pieces of 64 KiB.
#[test]
fn files_that_end_near_the_end_of_a_piece() {
    let piece = 65536;
    let mut random = Random(3);
    let mut lengths = vec![SMALL_BYTES, SMALL_BYTES + 1];
    for pieces in [1, 2, 3] {
        lengths.extend([0, 1, 95, 96, 97, 1023, 1024].map(|over| pieces * piece + over));
        lengths.extend([1, 95, 96, 97, 1023, 1024].map(|under| pieces * piece - under));
    }
    lengths.extend((0..20).map(|_| SMALL_BYTES + random.below(5 * piece)));
    for length in lengths {
        let cut = Cut {
            width: 4,
            height: 2,
            frames: length / SMALL_BYTES,
            leftover: length % SMALL_BYTES,
            frames_per_buffer: 1 + random.below(4),
        };
        let input = numbered_bytes(length);
        let file = File::new("piece.f32", &input);
        for way in ["", "! queue", "! identity"] {
            let (pipeline, buffers) = Pipeline::play(&format!(
                "filesrc location={file} blocksize={} {way} ! floatvideoparse {} \
                 ! appsink name=sink sync=false",
                random.piece(),
                cut.properties()
            ));
            let warnings = pipeline.warnings();
            cut.check(&input, &buffers, &warnings);
        }
    }
}

/// BaseParse would begin with 64 KiB, which is less than a frame here.
#[test]
fn a_file_of_which_so_many_pieces_are_read() {
    let frame_bytes = 200 * 50 * 12;
    let input = numbered_bytes(6 * frame_bytes);
    let file = File::new("pieces.f32", &input);
    let size = "width=200 height=50";
    let caps = "video/x-float,format=BGR_F32LE,width=200,height=50,framerate=25/1";
    for (filter, properties, frames) in [
        ("", size.to_string(), 1),
        ("", format!("{size} frames-per-buffer=2"), 2),
        (&format!("! {caps}"), String::new(), 1),
    ] {
        for pieces in [1, 3] {
            let (_, buffers) = Pipeline::play(&format!(
                "filesrc location={file} num-buffers={pieces} {filter} \
                 ! floatvideoparse {properties} ! appsink name=sink sync=false"
            ));
            let bytes = frames * frame_bytes;
            assert_eq!(
                sizes(&buffers),
                vec![bytes; pieces],
                "{filter} {properties}"
            );
            assert_contents(&buffers, &input[..pieces * bytes]);
        }
    }
}

/// Where a frame comes in one piece, it leaves without being copied.
#[test]
fn whole_frames_are_not_copied() {
    let mut setup = Setup::of_bytes("width=64 height=48 frames-per-buffer=2");
    let frame_bytes = 64 * 48 * 12;
    let input = gst::Buffer::from_slice(numbered_bytes(4 * frame_bytes));
    let address = input.map_readable().unwrap().as_ptr() as usize;
    setup.harness.push(input).unwrap();
    let addresses: Vec<usize> = setup
        .pulled()
        .iter()
        .map(|buffer| buffer.map_readable().unwrap().as_ptr() as usize - address)
        .collect();
    assert_eq!(addresses, [0, 2 * frame_bytes]);
}
