//! Levels and colours through encoders, written as README's table of encoders says.

use gst::prelude::*;

#[path = "common/patience.rs"]
mod patience;

/// Red first
const COLOURS: [[u8; 3]; 13] = [
    [0, 0, 0],
    [15, 15, 15],
    [64, 64, 64],
    [128, 128, 128],
    [191, 191, 191],
    [242, 242, 242],
    [255, 255, 255],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [0, 255, 255],
    [255, 0, 255],
    [255, 255, 0],
];

/// What comes out of `path`, a picture of each of the colours: its middle pixel.
fn through(path: &str) -> Vec<[u8; 3]> {
    let pipeline = gst::parse::launch(&format!(
        "appsrc name=source format=time \
         caps=video/x-float,format=RGB_F32LE,width=64,height=64,framerate=25/1 \
         ! lipsyncframes ! {path} ! videoconvert \
         ! video/x-raw,format=RGBA ! appsink name=sink sync=false"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let source = pipeline.by_name("source").and_downcast::<gst_app::AppSrc>();
    let sink = pipeline.by_name("sink").and_downcast::<gst_app::AppSink>();
    let (source, sink) = source.zip(sink).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let floats = COLOURS.iter().flat_map(|colour| {
        let pixel = colour.map(|level| (f32::from(level) / 255.0).to_le_bytes());
        pixel.concat().repeat(64 * 64)
    });
    // One batch
    let mut batch = gst::Buffer::from_mut_slice(floats.collect::<Vec<u8>>());
    batch.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
    source.push_buffer(batch).unwrap();
    source.end_of_stream().unwrap();
    let pictures = std::iter::from_fn(|| sink.try_pull_sample(patience::clock_time()));
    let middles = pictures
        .map(|picture| {
            let bytes = picture.buffer().unwrap().map_readable().unwrap();
            let middle = 4 * (160 * 320 + 160);
            bytes[middle..middle + 3].try_into().unwrap()
        })
        .collect();
    pipeline.set_state(gst::State::Null).unwrap();
    middles
}

#[test]
fn levels_come_out_as_they_went_in() {
    gst::init().unwrap();
    gstlipsyncframes::plugin_register_static().unwrap();
    for path in [
        "jpegenc idct-method=islow ! jpegdec",
        "jpegenc idct-method=islow ! rtpjpegpay ! rtpjpegdepay ! jpegdec",
        "pngenc ! pngdec",
        "video/x-raw,colorimetry=bt601 ! vp8enc deadline=1 ! rtpvp8pay ! rtpvp8depay ! vp8dec",
        "video/x-raw,colorimetry=bt601 ! vp9enc deadline=1 ! rtpvp9pay ! rtpvp9depay ! vp9dec",
        "video/x-raw,colorimetry=bt601 ! openh264enc ! rtph264pay ! rtph264depay \
         ! h264parse ! openh264dec",
        "video/x-raw,colorimetry=bt601 ! avenc_mpeg4 ! rtpmp4vpay ! rtpmp4vdepay ! avdec_mpeg4",
    ] {
        let out = through(path);
        assert_eq!(out.len(), COLOURS.len(), "{path}");
        for (colour, out) in COLOURS.into_iter().zip(out) {
            let is_grey = colour[0] == colour[1] && colour[1] == colour[2];
            // Of a wrong range, levels are off by 10 and more.
            let tolerance = if is_grey { 3 } else { 8 };
            for (expected, level) in colour.into_iter().zip(out) {
                assert!(
                    level.abs_diff(expected) <= tolerance,
                    "{path}: {out:?} of {colour:?}"
                );
            }
        }
    }
}
