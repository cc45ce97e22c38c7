//! From where float frames come, to where they go: the README's pipelines.

use super::*;
use std::io::Write;

/// 32x16 in gray, brighter from frame to frame.
const SIZE: &str = "width=32 height=16";
const FRAME_BYTES: usize = 32 * 16 * 12;

fn frames(frames: usize) -> Vec<u8> {
    (0..frames)
        .flat_map(|number| {
            let level = number as f32 / frames as f32;
            level.to_le_bytes().repeat(FRAME_BYTES / 4)
        })
        .collect()
}

/// Whether there are all of `elements`. Says so if not.
fn there_are(elements: &[&str]) -> bool {
    init();
    let missing = elements
        .iter()
        .find(|name| gst::ElementFactory::find(name).is_none());
    if let Some(name) = missing {
        eprintln!("skipped: there is no {name} on this system");
    }
    missing.is_none()
}

#[test]
fn a_pipe_to_jpegs() {
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let input = frames(30);
    let model = std::thread::spawn(move || writer.write_all(&input).unwrap());
    let (_, buffers) = Pipeline::play(&format!(
        "fdsrc fd={} ! floatvideoparse {SIZE} ! lipsyncframes ! jpegenc ! appsink name=sink",
        reader.as_raw_fd()
    ));
    patience::within("the end of the model", || model.join()).unwrap();
    assert_eq!(buffers.len(), 30);
    for (number, buffer) in (0..).zip(&buffers) {
        assert_eq!(buffer.pts(), ms(number * 40));
        assert_eq!(buffer.map_readable().unwrap()[..2], [0xff, 0xd8]);
    }
}

#[test]
fn tcp() {
    if !there_are(&["tcpserversrc"]) {
        return;
    }
    let pipeline = Pipeline::new(&format!(
        "tcpserversrc name=source host=127.0.0.1 port=0 ! floatvideoparse {SIZE} \
         ! appsink name=sink sync=false"
    ));
    pipeline.start(gst::State::Playing);
    let source = pipeline.pipeline.by_name("source").unwrap();
    let port: i32 = source.property("current-port");
    let input = frames(30);
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port as u16)).unwrap();
    let limit = Some(patience::PATIENCE);
    socket.set_write_timeout(limit).unwrap();
    for piece in input.chunks(1000) {
        socket.write_all(piece).unwrap();
    }
    drop(socket);
    let buffers = pipeline.all_samples();
    assert_contents(&buffers, &input);
    let expected: Vec<_> = (0..30).map(|number| ms(number * 40)).collect();
    assert_eq!(pts(&buffers), expected);
}

#[test]
fn shared_memory() {
    if !there_are(&["shmsink", "shmsrc"]) {
        return;
    }
    let socket = File::missing("shm");
    let input = frames(30);
    let file = File::new("shm.f32", &input);
    // It waits for the reader.
    let writer = Pipeline::new(&format!(
        "filesrc location={file} blocksize=10000 ! shmsink socket-path={socket} shm-size=1000000 \
         wait-for-connection=true sync=false"
    ));
    writer.start(gst::State::Playing);
    assert!(socket.0.exists(), "{:?}", writer.errors());
    let reader = Pipeline::new(&format!(
        "shmsrc socket-path={socket} ! floatvideoparse {SIZE} ! appsink name=sink sync=false"
    ));
    reader.start(gst::State::Playing);
    let sink = reader.sink();
    let buffers: Vec<gst::Buffer> = (0..30)
        .map(|_| sink.try_pull_sample(patience::clock_time()).unwrap())
        .map(|sample| sample.buffer_owned().unwrap())
        .collect();
    assert_contents(&buffers, &input);
    let expected: Vec<_> = (0..30).map(|number| ms(number * 40)).collect();
    assert_eq!(pts(&buffers), expected);
}

#[test]
fn gdp_keeps_caps_and_timestamps() {
    if !there_are(&["gdppay", "gdpdepay"]) {
        return;
    }
    let input = frames(6);
    let file = File::new("gdp.f32", &input);
    let payload = File::missing("gdp.gdp");
    let writer = Pipeline::new(&format!(
        "filesrc location={file} ! floatvideoparse {SIZE} framerate=50/1 frames-per-buffer=3 \
         ! gdppay ! filesink location={payload}"
    ));
    writer.start(gst::State::Playing);
    writer.wait_for_end();
    let (_, buffers) = Pipeline::play(&format!(
        "filesrc location={payload} ! gdpdepay ! floatvideoparse frames-per-buffer=2 \
         ! appsink name=sink sync=false"
    ));
    assert_contents(&buffers, &input);
    assert_eq!(pts(&buffers), [ms(0), ms(40), ms(80)]);
    assert_eq!(durations(&buffers), [ms(40); 3]);
}

/// How long a file is, to a player.
fn duration_of(file: &File, demuxer: &str) -> Option<ClockTime> {
    let pipeline = Pipeline::new(&format!("filesrc location={file} ! {demuxer} ! fakesink"));
    pipeline.start(gst::State::Paused);
    pipeline.wait_for_preroll();
    pipeline.pipeline.query_duration()
}

#[test]
fn files_to_files_of_the_right_length() {
    // Not avenc_mpeg4: of 30 frames, also of videotestsrc, it makes files of 40 ms.
    for (encoder, muxer, demuxer) in [
        ("jpegenc", "matroskamux", "matroskademux"),
        ("jpegenc", "qtmux", "qtdemux"),
        ("openh264enc ! h264parse", "mp4mux", "qtdemux"),
        ("x264enc", "mp4mux", "qtdemux"),
        ("x264enc", "matroskamux", "matroskademux"),
    ] {
        let mut elements: Vec<&str> = encoder.split(" ! ").collect();
        elements.extend([muxer, demuxer]);
        if !there_are(&elements) {
            continue;
        }
        for (properties, milliseconds) in [
            ("framerate=25/1", 1240),
            ("framerate=50/1 frames-per-buffer=4", 620),
        ] {
            let input = File::new("movie.f32", &frames(31));
            let movie = File::missing("movie");
            let pipeline = Pipeline::new(&format!(
                "filesrc location={input} ! floatvideoparse {SIZE} {properties} ! lipsyncframes \
                 ! {encoder} ! {muxer} ! filesink location={movie}"
            ));
            pipeline.start(gst::State::Playing);
            pipeline.wait_for_end();
            drop(pipeline);
            let duration = duration_of(&movie, demuxer);
            assert_eq!(duration, ms(milliseconds), "{encoder} {muxer}");
        }
    }
}
