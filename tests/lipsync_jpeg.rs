//! The program `examples/lipsync_jpeg`, run as a user would run it.

#[path = "common/clips.rs"]
mod clips;
#[path = "common/patience.rs"]
mod patience;

use clips::launch;
use image::{ImageFormat, RgbImage};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// Frames in the clip that the tests make
const CLIP_FRAMES: usize = 30;

// --- What a user sees of a run that goes well ---

#[test]
fn a_video_becomes_jpegs_and_a_contact_sheet() {
    let folder = Folder::new("video");
    let run = patience::output(
        program()
            .arg("--video")
            .arg(clip())
            .arg("--output")
            .arg(folder.path("out/frames"))
            .arg("--contact-sheet")
            .arg(folder.path("sheet.png")),
    );
    assert!(run.status.success(), "{run:?}");
    assert_eq!(run.stdout, b"");

    let names = folder.list("out/frames");
    let expected: Vec<String> = (1..=CLIP_FRAMES)
        .map(|number| format!("frame-{number:05}.jpg"))
        .collect();
    assert_eq!(names, expected);
    for name in names {
        assert_is_plain_jpeg(&folder.read(&format!("out/frames/{name}")), 320, 320);
    }
    // The second and the last of seven colour bars
    let frame = decode(
        &folder.read("out/frames/frame-00001.jpg"),
        ImageFormat::Jpeg,
    );
    let [yellow, blue] = [68, 297].map(|x| frame.get_pixel(x, 60).0.map(|level| level > 128));
    assert_eq!((yellow, blue), ([true, true, false], [false, false, true]));

    let sheet = folder.read("sheet.png");
    assert!(sheet.starts_with(b"\x89PNG\r\n\x1a\n"));
    let sheet = decode(&sheet, ImageFormat::Png);
    assert_eq!(sheet.dimensions(), (6 * 328 + 8, 4 * 328 + 8));
    let colours: std::collections::HashSet<_> = sheet.pixels().collect();
    assert!(colours.len() > 100, "{} colours", colours.len());

    // It begins with what the conversion costs.
    let summary = stderr(&run);
    assert!(summary.starts_with("lipsyncframes took "), "{summary}");
    for part in [
        " ms a frame (median), p99 ",
        " frames/s would be possible",
        "\n30 frames in ",
        " s of it in lipsyncframes",
        "threads ",
        "backend ",
        " bytes per image",
    ] {
        assert!(summary.contains(part), "no {part:?} in {summary}");
    }
}

#[test]
fn colours_are_right_in_every_format_and_range_and_white_is_white() {
    let folder = Folder::new("colours");
    let colours = [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.5, 0.0]];
    for format in ["BGR_F32LE", "RGB_F32LE", "BGRP_F32LE", "RGBP_F32LE"] {
        for (range, scale, offset) in [
            ("unit", 1.0, 0.0),
            ("signed-unit", 2.0, -1.0),
            ("byte", 255.0, 0.0),
        ] {
            let raw: Vec<u8> = colours
                .iter()
                .flat_map(|rgb| raw_frame(format, rgb.map(|level| level * scale + offset)))
                .collect();
            folder.write("raw", &raw);
            let run = patience::output(
                raw_program(&folder.path("raw"))
                    .args(["--format", format, "--range", range])
                    .arg("--output")
                    .arg(folder.path("out")),
            );
            assert!(run.status.success(), "{format} {range}: {run:?}");
            for (number, rgb) in (1..).zip(colours) {
                let jpeg = folder.read(&format!("out/frame-{number:05}.jpg"));
                let expected = rgb.map(|level: f32| level * 255.0);
                for pixel in decode(&jpeg, ImageFormat::Jpeg).pixels() {
                    let is_close = pixel
                        .0
                        .iter()
                        .zip(expected)
                        // Limited-range white would be 235.
                        .all(|(&got, expected)| (f32::from(got) - expected).abs() <= 3.0);
                    assert!(is_close, "{format} {range}: {pixel:?} for {rgb:?}");
                    if rgb == [1.0; 3] {
                        assert!(pixel.0.iter().all(|&got| got >= 254), "{pixel:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn floats_of_a_video_are_those_of_its_pixels_in_every_format_and_range() {
    let folder = Folder::new("floats");
    let mut reference = None;
    for format in ["BGR_F32LE", "RGB_F32LE", "BGRP_F32LE", "RGBP_F32LE"] {
        for range in ["unit", "signed-unit", "byte"] {
            let run = patience::output(
                program()
                    .arg("--video")
                    .arg(clip())
                    .args(["--width", "50", "--height", "30", "--format", format])
                    .args(["--range", range, "--output"])
                    .arg(folder.path("out")),
            );
            assert!(run.status.success(), "{format} {range}: {run:?}");
            let frame = decode(&folder.read("out/frame-00030.jpg"), ImageFormat::Jpeg);
            let reference = reference.get_or_insert_with(|| frame.clone());
            // The floats are rounded differently in each range, which can tip an 8-bit sample.
            let most = frame
                .iter()
                .zip(reference.iter())
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            assert!(most.is_some_and(|most| most <= 8), "{format} {range}");
        }
    }
}

#[test]
fn standard_input_is_as_good_as_a_file_whatever_the_batch() {
    let folder = Folder::new("stdin");
    let raw = grey_frames(10);
    folder.write("raw", &raw);
    let run_file = patience::output(
        raw_program(&folder.path("raw"))
            .arg("--output")
            .arg(folder.path("file")),
    );
    assert!(run_file.status.success(), "{run_file:?}");
    assert_eq!(folder.list("file").len(), 10);
    for batch in ["1", "7", "10", "32"] {
        let output = format!("stdin-{batch}");
        let run = patience::output_for_input(
            raw_program(Path::new("-"))
                .args(["--batch", batch, "--output"])
                .arg(folder.path(&output)),
            &raw,
        );
        assert!(run.status.success(), "{run:?}");
        assert_eq!(folder.list(&output), folder.list("file"));
        for name in folder.list("file") {
            assert_eq!(
                folder.read(&format!("{output}/{name}")),
                folder.read(&format!("file/{name}")),
                "{name}, batch {batch}"
            );
        }
    }
}

#[test]
fn a_multipart_stream_has_a_part_for_each_frame() {
    let run = patience::output(
        program()
            .arg("--video")
            .arg(clip())
            .args(["--output", "-", "--size", "64x48", "--batch", "7"]),
    );
    assert!(run.status.success(), "{run:?}");
    let mut rest = run.stdout.as_slice();
    for _ in 0..CLIP_FRAMES {
        let (head, body) = split_at(rest, b"\r\n\r\n").expect("the head of a part");
        let head = std::str::from_utf8(head).unwrap();
        let length = head
            .strip_prefix("--lipsyncframe\r\nContent-Type: image/jpeg\r\nContent-Length: ")
            .and_then(|length| length.parse().ok())
            .unwrap_or_else(|| panic!("unexpected head {head:?}"));
        let (jpeg, after) = body.split_at(length);
        assert_is_plain_jpeg(jpeg, 64, 48);
        rest = after.strip_prefix(b"\r\n").expect("the end of a part");
    }
    assert_eq!(rest, b"--lipsyncframe--\r\n");
}

#[test]
fn other_encoders_name_their_files() {
    let folder = Folder::new("encoders");
    for (encoder, files) in [
        ("pngenc", vec!["frame-00001.png", "frame-00002.png"]),
        ("theoraenc", vec!["stream.theora"]),
    ] {
        folder.write("raw", &grey_frames(2));
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .args(["--encoder", encoder, "--output"])
                .arg(folder.path(encoder)),
        );
        assert!(run.status.success(), "{run:?}");
        assert_eq!(folder.list(encoder), files);
    }
    let png = decode(&folder.read("pngenc/frame-00002.png"), ImageFormat::Png);
    assert_eq!(png.dimensions(), (32, 32));
}

#[test]
fn containers_name_their_files() {
    let folder = Folder::new("containers");
    folder.write("raw", &grey_frames(2));
    for (encoder, file) in [
        ("jpegenc ! avimux", "stream.avi"),
        ("jpegenc ! matroskamux streamable=true", "stream.mkv"),
        ("jpegenc ! qtmux faststart=true", "stream.mov"),
    ] {
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .args(["--encoder", encoder, "--output"])
                .arg(folder.path(file)),
        );
        // A folder whose name is a video's is none that is made.
        assert_eq!(run.status.code(), Some(2), "{run:?}");
        assert!(stderr(&run).contains("ends in .mp4"), "{run:?}");
        let output = file.replace('.', "-");
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .args(["--encoder", encoder, "--output"])
                .arg(folder.path(&output)),
        );
        assert!(run.status.success(), "{run:?}");
        assert_eq!(folder.list(&output), [file]);
    }
}

#[test]
fn an_mp4_plays_from_its_beginning_to_its_end() {
    let folder = Folder::new("mp4");
    folder.write("raw", &grey_frames(30));
    let run = patience::output(
        raw_program(&folder.path("raw"))
            // Not x264enc, which not every machine has.
            .args(["--encoder", "avenc_mpeg4", "--framerate", "15", "--output"])
            .arg(folder.path("talk.mp4")),
    );
    assert!(run.status.success(), "{run:?}");
    let mp4 = folder.read("talk.mp4");
    assert_eq!(&mp4[4..8], b"ftyp");
    let position = |name: &[u8]| mp4.windows(4).position(|bytes| bytes == name);
    assert!(
        position(b"moov") < position(b"mdat"),
        "not playable before its end"
    );

    let again = patience::output(
        program()
            .arg("--video")
            .arg(folder.path("talk.mp4"))
            .arg("--output")
            .arg(folder.path("again")),
    );
    assert!(again.status.success(), "{again:?}");
    assert_eq!(folder.list("again").len(), 30);
}

#[test]
fn an_mp4_that_does_not_come_to_be_is_not_there() {
    let folder = Folder::new("no-mp4");
    folder.write("raw", b"abc");
    let run = patience::output(
        raw_program(&folder.path("raw"))
            .args(["--encoder", "avenc_mpeg4", "--output"])
            .arg(folder.path("talk.mp4")),
    );
    assert_fails(
        &run,
        &["ends in the middle of a frame", "Width, height or format"],
    );
    assert_eq!(folder.list("."), ["raw"]);
}

// --- Floats of every kind ---

#[test]
fn npy_files_are_read_as_they_are() {
    let folder = Folder::new("npy");
    // Orange, blue first: which channel is which shows the layout.
    let bgr = [0.0, 0.5, 1.0];
    let interleaved: Vec<f32> = bgr.repeat(64 * 2);
    let planar: Vec<f32> = bgr.map(|level| vec![level; 64]).concat().repeat(2);
    let f32s =
        |samples: &[f32]| -> Vec<u8> { samples.iter().flat_map(|s| s.to_le_bytes()).collect() };
    let f16s = |samples: &[f32]| -> Vec<u8> {
        let halves = samples.iter().map(|s| half::f16::from_f32(*s));
        halves.flat_map(half::f16::to_le_bytes).collect()
    };
    for (name, shape, dtype, data, count) in [
        ("a.npy", "(2, 8, 8, 3)", "<f4", f32s(&interleaved), 2),
        ("b.npy", "(2, 3, 8, 8)", "<f4", f32s(&planar), 2),
        ("c.npy", "(2, 3, 8, 8)", "<f2", f16s(&planar), 2),
        ("d.npy", "(8, 8, 3)", "<f2", f16s(&interleaved[..192]), 1),
        (
            "e.npy",
            "(1, 4, 16, 3)",
            "<f4",
            f32s(&interleaved[..192]),
            1,
        ),
    ] {
        folder.write(name, &npy(dtype, "False", shape, &data));
        let out = format!("out-{name}");
        let run = patience::output(
            program()
                .arg("--raw")
                .arg(folder.path(name))
                .args(["--size", "32x32", "--output"])
                .arg(folder.path(&out)),
        );
        assert!(run.status.success(), "{name}: {run:?}");
        assert_eq!(folder.list(&out).len(), count, "{name}");
        let jpeg = decode(
            &folder.read(&format!("{out}/frame-00001.jpg")),
            ImageFormat::Jpeg,
        );
        let [red, green, blue] = jpeg.get_pixel(16, 16).0;
        assert!(
            red > 250 && green.abs_diff(128) < 5 && blue < 5,
            "{name}: {red} {green} {blue}"
        );
    }
    // From a pipe, too
    let run = patience::output_for_input(
        program()
            .args(["--raw", "-", "--size", "32x32", "--output"])
            .arg(folder.path("pipe")),
        &npy("<f4", "False", "(2, 8, 8, 3)", &f32s(&interleaved)),
    );
    assert!(run.status.success(), "{run:?}");
    assert_eq!(folder.list("pipe").len(), 2);
}

#[test]
fn npy_files_that_cannot_be_meant_say_what_to_save() {
    let folder = Folder::new("wrong-npy");
    let zeros = vec![0; 2 * 8 * 8 * 3 * 4];
    let right = "(2, 8, 8, 3)";
    for (dtype, order, shape, data, messages) in [
        (
            "<f8",
            "False",
            right,
            &zeros[..],
            &["'<f8'", "astype('<f4')"][..],
        ),
        (">f4", "False", right, &zeros, &["'>f4'", "little-endian"]),
        ("|u1", "False", right, &zeros, &["'|u1'", "float32"]),
        ("<f4", "True", right, &zeros, &["ascontiguousarray"]),
        (
            "<f4",
            "False",
            "(2, 8, 8)",
            &zeros,
            &["(2, 8, 8)", "(frames, height, width, 3)"],
        ),
        ("<f4", "False", "(2, 8, 8, 4)", &zeros, &["(2, 8, 8, 4)"]),
        ("<f4", "False", "()", &zeros, &["shape ()"]),
        ("<f4", "False", "(2, 0, 8, 3)", &zeros, &["height 0"]),
        ("<f4", "False", "(2, 8, 99999, 3)", &zeros, &["99999"]),
        (
            "<f4",
            "False",
            "(9, 8, 8, 3)",
            &zeros,
            &["after 2 frames", "expected 9"],
        ),
        (
            "<f4",
            "False",
            right,
            &zeros[..1000],
            &["middle of a frame"],
        ),
        ("<f4", "False", "(0, 8, 8, 3)", &[], &["is empty"]),
    ] {
        folder.write("wrong.npy", &npy(dtype, order, shape, data));
        let run = patience::output(
            program()
                .arg("--raw")
                .arg(folder.path("wrong.npy"))
                .arg("--output")
                .arg(folder.path("out")),
        );
        assert_fails(&run, messages);
        assert_fails(&run, &["wrong.npy"]);
    }
    for header in [
        &b"\x93NUMPY"[..],
        b"\x93NUMPY\x09\0",
        b"\x93NUMPY\x02\0\xff\xff\xff\xff",
        b"\x93NUMPY\x01\0\x02\0{}",
    ] {
        folder.write("wrong.npy", header);
        let run = patience::output(
            program()
                .arg("--raw")
                .arg(folder.path("wrong.npy"))
                .arg("--output")
                .arg(folder.path("out")),
        );
        assert_fails(&run, &["wrong.npy", ".npy "]);
    }
    // What the command line says counts, where it says something.
    folder.write("wrong.npy", &npy("<f4", "False", right, &zeros));
    for arguments in [
        ["--width", "9"],
        ["--format", "RGBP_F32LE"],
        ["--format", "RGB_F16LE"],
    ] {
        let run = patience::output(
            program()
                .arg("--raw")
                .arg(folder.path("wrong.npy"))
                .args(arguments)
                .arg("--output")
                .arg(folder.path("out")),
        );
        assert_fails(&run, &["8x8", arguments[0]]);
    }
}

#[test]
fn raw_files_can_be_float16() {
    let folder = Folder::new("half");
    let raw: Vec<u8> = [0.25f32; 192]
        .iter()
        .flat_map(|sample| half::f16::from_f32(*sample).to_le_bytes())
        .collect();
    folder.write("raw", &raw);
    let run = patience::output(
        raw_program(&folder.path("raw"))
            .args(["--format", "RGB_F16LE", "--output"])
            .arg(folder.path("out")),
    );
    assert!(run.status.success(), "{run:?}");
    let jpeg = decode(&folder.read("out/frame-00001.jpg"), ImageFormat::Jpeg);
    assert!(jpeg.get_pixel(5, 5).0[0].abs_diff(64) <= 1, "{jpeg:?}");
    let run = patience::output(
        program()
            .arg("--video")
            .arg(clip())
            .args(["--format", "RGB_F16LE", "--output"])
            .arg(folder.path("out")),
    );
    assert_fails(&run, &["RGB_F16LE", "float32"]);
}

#[test]
fn the_wrong_range_is_warned_of() {
    let folder = Folder::new("range");
    folder.write("raw", &raw_frame("BGR_F32LE", [200.0; 3]));
    let run = patience::output(
        raw_program(&folder.path("raw"))
            .arg("--output")
            .arg(folder.path("out")),
    );
    assert!(run.status.success(), "{run:?}");
    assert!(stderr(&run).contains("outside of 0 to 1"), "{run:?}");
}

#[test]
fn a_contact_sheet_spans_clips_of_any_length() {
    let folder = Folder::new("sheet");
    for (n_frames, columns, rows) in [(1, 1, 1), (5, 5, 1), (24, 6, 4), (97, 6, 4), (250, 6, 4)] {
        folder.write("raw", &grey_frames(n_frames));
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .arg("--contact-sheet")
                .arg(folder.path("sheet.png")),
        );
        assert!(run.status.success(), "{run:?}");
        let sheet = decode(&folder.read("sheet.png"), ImageFormat::Png);
        assert_eq!(sheet.dimensions(), (columns * 40 + 8, rows * 40 + 8));

        let tiles = columns * rows;
        // Frame n is a grey of n.
        let shown: Vec<f64> = (0..tiles)
            .map(|tile| {
                let (x, y) = (tile % columns * 40 + 24, tile / columns * 40 + 24);
                f64::from(sheet.get_pixel(x, y).0[1])
            })
            .collect();
        let last = f64::from(n_frames - 1);
        for (shown, tile) in shown.iter().zip(0..) {
            let even = last * f64::from(tile) / f64::from(tiles - 1).max(1.0);
            let off = (shown - even).abs();
            assert!(off <= 2.0 + last * 0.02, "{tile} of {n_frames}: {shown}");
        }
    }
}

#[test]
fn a_contact_sheet_shows_large_frames_smaller_pixel_for_pixel() {
    let folder = Folder::new("small");
    // Stretched from 8x8: their pixels are not square.
    folder.write("raw", &grey_frames(2));
    for encoder in ["jpegenc", "pngenc"] {
        let run = patience::output(
            program()
                .arg("--raw")
                .arg(folder.path("raw"))
                .args(["--width", "8", "--height", "8", "--size", "640x360"])
                .args(["--encoder", encoder, "--contact-sheet"])
                .arg(folder.path("sheet.png")),
        );
        assert!(run.status.success(), "{encoder}: {run:?}");
        let sheet = decode(&folder.read("sheet.png"), ImageFormat::Png);
        assert_eq!(sheet.dimensions(), (2 * 328 + 8, 188 + 8), "{encoder}");
    }
}

#[test]
fn add_borders_keeps_the_aspect() {
    let folder = Folder::new("borders");
    // White, 8x8, to 64x32: 16 black columns on each side.
    folder.write("raw", &raw_frame("BGR_F32LE", [1.0; 3]));
    let run = patience::output(
        program()
            .arg("--raw")
            .arg(folder.path("raw"))
            .args(["--width", "8", "--height", "8", "--size", "64x32"])
            .args(["--add-borders", "--encoder", "pngenc", "--output"])
            .arg(folder.path("out")),
    );
    assert!(run.status.success(), "{run:?}");
    let frame = decode(&folder.read("out/frame-00001.png"), ImageFormat::Png);
    assert_eq!(frame.dimensions(), (64, 32));
    for (x, _, pixel) in frame.enumerate_pixels() {
        let expected = if (16..48).contains(&x) { 255 } else { 0 };
        assert_eq!(pixel.0, [expected; 3], "column {x}");
    }
}

#[test]
fn help_shows_every_option_and_examples() {
    let run = patience::output(program().arg("--help"));
    assert!(run.status.success());
    let help = String::from_utf8(run.stdout).unwrap();
    for part in [
        "--video",
        "--raw",
        "--format",
        "--width",
        "--height",
        "--range",
        "--framerate",
        "--batch",
        "--size",
        "--add-borders",
        "--threads",
        "--encoder",
        "--output",
        "--contact-sheet",
        "Examples:",
        "Exit status:",
    ] {
        assert!(help.contains(part), "no {part} in {help}");
    }
}

// --- Bad input ---

#[test]
fn a_partial_frame_is_an_error_after_all_whole_frames() {
    let folder = Folder::new("partial");
    let mut raw = grey_frames(3);
    raw.extend([0; 100]);
    folder.write("raw", &raw);
    let from_file = patience::output(
        raw_program(&folder.path("raw"))
            .arg("--output")
            .arg(folder.path("file")),
    );
    let from_stdin = patience::output_for_input(
        raw_program(Path::new("-"))
            .arg("--output")
            .arg(folder.path("stdin")),
        &raw,
    );
    for (run, output) in [(from_file, "file"), (from_stdin, "stdin")] {
        let message = "100 bytes are left over after 3 frames, and a frame of BGR_F32LE 8x8 has \
                       768 bytes";
        assert_fails(&run, &["ends in the middle of a frame", message]);
        assert_eq!(folder.list(output).len(), 3);
    }
}

#[test]
fn input_that_is_none_is_an_error_that_names_it() {
    let folder = Folder::new("input");
    folder.write("empty", b"");
    folder.write("text.mp4", &b"This is not a video.\n".repeat(100));
    let wave = folder.path("sound.wav");
    launch(&format!(
        "audiotestsrc num-buffers=5 ! wavenc ! filesink location={}",
        wave.display()
    ));
    for (option, name, message) in [
        ("--video", "missing.mp4", "No such file"),
        ("--video", "", "is a directory"),
        ("--video", "empty", "cannot be read as a video"),
        ("--video", "text.mp4", "cannot be read as a video"),
        ("--video", "sound.wav", "there is no video in it"),
        ("--raw", "missing", "No such file"),
        (
            "--raw",
            "empty",
            "a frame of BGR_F32LE 640x360 has 2764800 bytes",
        ),
    ] {
        let path = folder.path(name);
        let run = patience::output(
            program()
                .arg(option)
                .arg(&path)
                .arg("--output")
                .arg(folder.path("out")),
        );
        assert_fails(&run, &[message, path.to_str().unwrap()]);
        assert!(!folder.path("out/frame-00001.jpg").exists());
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error_that_names_it() {
    let folder = Folder::new("output");
    folder.write("raw", &grey_frames(3));
    folder.write("file", b"");
    fs::create_dir_all(folder.path("taken/frame-00002.jpg")).unwrap();
    for (option, name, problem) in [
        ("--output", "file/frames", "file/frames"),
        ("--output", "taken", "frame-00002.jpg"),
        ("--contact-sheet", "missing/sheet.png", "missing/sheet.png"),
    ] {
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .arg(option)
                .arg(folder.path(name)),
        );
        assert_fails(&run, &[problem]);
    }
}

#[test]
fn a_missing_encoder_is_named_with_its_package() {
    let folder = Folder::new("missing");
    folder.write("raw", &grey_frames(1));
    // A GStreamer of which nothing is installed but its core.
    gst::init().unwrap();
    let core = gst::Registry::get()
        .find_plugin("coreelements")
        .and_then(|plugin| plugin.filename())
        .expect("the core elements are a plugin");
    fs::create_dir_all(folder.path("plugins")).unwrap();
    fs::copy(
        &core,
        folder.path("plugins").join(core.file_name().unwrap()),
    )
    .unwrap();
    for (encoder, messages) in [
        (
            "jpegenc quality=75",
            ["jpegenc", "gstreamer1.0-plugins-good"],
        ),
        ("pngenc", ["pngenc", "gstreamer1.0-plugins-good"]),
        (
            "queue ! x264enc tune=zerolatency",
            ["x264enc", "gstreamer1.0-plugins-ugly"],
        ),
        ("webpenc", ["webpenc", "gstreamer1.0-plugins-bad"]),
        ("nvjpegenc", ["nvjpegenc", "NVIDIA"]),
        ("avenc_mjpeg", ["avenc_mjpeg", "gstreamer1.0-libav"]),
        ("fancyenc", ["fancyenc", "apt-file search"]),
    ] {
        let run = patience::output(
            raw_program(&folder.path("raw"))
                .args(["--encoder", encoder, "--output"])
                .arg(folder.path("out"))
                .env("GST_PLUGIN_SYSTEM_PATH_1_0", folder.path("plugins"))
                .env("GST_REGISTRY_1_0", folder.path("registry"))
                .env_remove("GST_PLUGIN_PATH")
                .env_remove("GST_PLUGIN_PATH_1_0"),
        );
        assert_fails(&run, &messages);
    }
}

#[test]
fn an_encoder_that_does_not_fit_is_an_error() {
    let folder = Folder::new("encoder");
    folder.write("raw", &grey_frames(2));
    let to_folder = folder.path("out");
    let to_folder = to_folder.to_str().unwrap();
    for (encoder, output, message) in [
        ("", to_folder, "empty"),
        ("jpegenc nonsense=1", to_folder, "nonsense"),
        ("jpegenc quality=-1", to_folder, "value \"-1\""),
        ("jpegenc quality=101", to_folder, "value \"101\""),
        ("queue ! jpegenc quality=999", to_folder, "value \"999\""),
        (
            "pngenc compression-level=10",
            to_folder,
            "'compression-level'",
        ),
        ("jpegenc !", to_folder, "jpegenc !"),
        ("jpegenc ! fakesink", to_folder, "one input and one output"),
        ("wavenc", to_folder, "expected one that takes video/x-raw"),
        ("theoraenc", "-", "the encoder makes video/x-theora"),
    ] {
        let run = patience::output(raw_program(&folder.path("raw")).args([
            "--encoder",
            encoder,
            "--output",
            output,
        ]));
        assert_fails(&run, &[message]);
        assert_eq!(run.stdout, b"");
    }
    let run = patience::output(
        raw_program(&folder.path("raw"))
            .args(["--encoder", "theoraenc", "--contact-sheet"])
            .arg(folder.path("sheet.png")),
    );
    assert_fails(&run, &["needs JPEG or PNG", "video/x-theora"]);
    assert!(!folder.path("sheet.png").exists());
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (arguments, message) in [
        ("--output out", "--video <FILE>|--raw"),
        ("--video a --raw b --output out", "cannot be used with"),
        ("--video a", "--output <DIR|FILE.mp4|->"),
        (
            "--video a --output out --framerate 25",
            "cannot be used with",
        ),
        (
            "--raw a --output out --framerate 0",
            "expected a rate above 0",
        ),
        (
            "--raw a --output out --framerate 25/0",
            "expected a rate above 0",
        ),
        (
            "--raw a --output out --size 0x0",
            "expected WIDTHxHEIGHT, each 1 to 16384",
        ),
        ("--raw a --output out --size 320", "expected WIDTHxHEIGHT"),
        (
            "--raw a --output out --size 320x16385",
            "expected WIDTHxHEIGHT",
        ),
        ("--raw a --output out --width 0", "1..=16384"),
        ("--raw a --output out --height 16385", "1..=16384"),
        ("--raw a --output out --batch 0", "1..=1000"),
        ("--raw a --output out --threads 17", "..=16"),
        ("--raw a --output out --format GRAY_F32LE", "BGRP_F32LE"),
        ("--raw a --output out --range percent", "signed-unit"),
        ("--raw a --contact-sheet sheet.jpg", "ends in .png"),
    ] {
        let run = patience::output(program().args(arguments.split_whitespace()));
        assert_eq!(run.status.code(), Some(2), "{arguments}: {run:?}");
        assert!(stderr(&run).contains(message), "{arguments}: {run:?}");
    }
}

// --- Ends that come early ---

#[test]
fn ctrl_c_leaves_everything_whole() {
    let folder = Folder::new("interrupt");
    let mut child = raw_program(Path::new("-"))
        .args(["--batch", "2", "--output"])
        .arg(folder.path("out"))
        .arg("--contact-sheet")
        .arg(folder.path("sheet.png"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe stays open: only Ctrl-C can end this, in the middle of a frame.
    let mut stdin = child.stdin.take().unwrap();
    let mut raw = grey_frames(4);
    raw.extend([0; 100]);
    stdin.write_all(&raw).unwrap();
    stdin.flush().unwrap();
    patience::until("the fourth frame", || {
        folder.path("out/frame-00004.jpg").exists()
    });
    interrupt(&child);

    assert_eq!(patience::end_of(&mut child).code(), Some(130));
    assert_eq!(folder.list("out").len(), 4);
    for name in folder.list("out") {
        assert_is_plain_jpeg(&folder.read(&format!("out/{name}")), 32, 32);
    }
    let sheet = decode(&folder.read("sheet.png"), ImageFormat::Png);
    assert_eq!(sheet.dimensions(), (4 * 40 + 8, 40 + 8));
    let summary = errors_of(child);
    assert!(summary.starts_with("lipsyncframes took "), "{summary}");
    assert!(
        summary.contains(
            "
4 frames in "
        ),
        "{summary}"
    );
    assert!(!summary.contains("lipsync_jpeg:"), "{summary}");
    drop(stdin);
}

#[test]
fn another_ctrl_c_ends_a_program_that_cannot_end_cleanly() {
    let folder = Folder::new("interrupt-twice");
    folder.write("raw", &grey_frames(250).repeat(8));
    let mut child = raw_program(&folder.path("raw"))
        .args(["--output", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It is running, and soon the pipe is full.
    let _stdout = read_start(&mut child, 1);
    let mut status = None;
    patience::until("the end of the program", || {
        interrupt(&child);
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(130));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new("reader");
    folder.write("raw", &grey_frames(250).repeat(8));
    let mut child = raw_program(&folder.path("raw"))
        .args(["--output", "-", "--contact-sheet"])
        .arg(folder.path("sheet.png"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(read_start(&mut child, 5000));
    assert!(patience::end_of(&mut child).success());
    let text = errors_of(child);
    assert!(!text.contains("lipsync_jpeg:"), "{text}");
    assert!(!text.contains("2000 frames"), "{text}");
    decode(&folder.read("sheet.png"), ImageFormat::Png);
}

// --- Helpers ---

/// The program, which cargo builds along with the tests.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test
        .ancestors()
        .nth(2)
        .expect("tests are in target/<profile>/deps")
        .join("examples")
        .join("lipsync_jpeg");
    assert!(
        program.exists(),
        "no {}: run cargo test without --test, or cargo build --example lipsync_jpeg first",
        program.display()
    );
    let mut command = Command::new(program);
    command
        .env("G_DEBUG", "fatal-criticals")
        .stdin(Stdio::null());
    command
}

/// The program with float frames of 8x8 pixels from `raw`, and pictures of 32x32.
fn raw_program(raw: &Path) -> Command {
    let mut command = program();
    command
        .arg("--raw")
        .arg(raw)
        .args(["--width", "8", "--height", "8", "--size", "32x32"]);
    command
}

fn stderr(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

/// Checks for an error that says all of `messages`.
fn assert_fails(run: &Output, messages: &[&str]) {
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    let text = stderr(run);
    assert!(text.contains("lipsync_jpeg: "), "{text}");
    for message in messages {
        assert!(text.contains(message), "no {message:?} in {text}");
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    // It fails where the program has ended in the meantime.
    Command::new("kill")
        .args(["-INT", &pid])
        .stderr(Stdio::null())
        .status()
        .unwrap();
}

/// The first `bytes` that a program prints. The rest is still to be read.
fn read_start(child: &mut Child, bytes: usize) -> std::process::ChildStdout {
    let mut stdout = child.stdout.take().unwrap();
    patience::within("what the program prints", move || {
        stdout.read_exact(&mut vec![0; bytes]).unwrap();
        stdout
    })
}

/// What a program that has ended printed as errors.
fn errors_of(mut child: Child) -> String {
    let mut stderr = child.stderr.take().unwrap();
    patience::within("the end of the errors", move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    })
}

/// A folder of a test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("lipsync_jpeg-{test}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, data: &[u8]) {
        fs::write(self.path(name), data).unwrap();
    }

    fn list(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A small clip with moving colours and sound, made once.
fn clip() -> &'static Path {
    static CLIP: OnceLock<PathBuf> = OnceLock::new();
    CLIP.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join("lipsync_jpeg-clip.avi");
        // Other runs of these tests may be reading the clip: it is replaced as a whole.
        let unfinished = folder.join(format!("lipsync_jpeg-clip-{}.avi", std::process::id()));
        launch(&format!(
            "videotestsrc num-buffers={CLIP_FRAMES} ! video/x-raw,width=96,height=64,framerate=25/1 \
             ! jpegenc ! avimux name=mux ! filesink location={} \
             audiotestsrc num-buffers=50 ! audioconvert ! audio/x-raw,format=S16LE ! mux.",
            unfinished.display()
        ));
        fs::rename(unfinished, &path).unwrap();
        path
    })
}

/// A float frame of 8x8 pixels, all of them `rgb`.
fn raw_frame(format: &str, rgb: [f32; 3]) -> Vec<u8> {
    let mut samples = rgb;
    if format.starts_with('B') {
        samples.reverse();
    }
    let samples = if format[3..].starts_with('P') {
        samples.map(|sample| vec![sample; 64]).concat()
    } else {
        samples.repeat(64)
    };
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// A .npy file as numpy writes it.
fn npy(dtype: &str, fortran_order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{dtype}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}");
    let header = format!("{header:117}\n");
    let length = u16::try_from(header.len()).unwrap();
    [
        b"\x93NUMPY\x01\0",
        &length.to_le_bytes()[..],
        header.as_bytes(),
        data,
    ]
    .concat()
}

/// Frames of 8x8 pixels, frame n a grey of n.
fn grey_frames(n_frames: u32) -> Vec<u8> {
    (0..n_frames)
        .flat_map(|n| raw_frame("BGR_F32LE", [n as f32 / 255.0; 3]))
        .collect()
}

fn decode(data: &[u8], format: ImageFormat) -> RgbImage {
    image::load_from_memory_with_format(data, format)
        .unwrap()
        .into_rgb8()
}

fn split_at<'a>(data: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = data
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&data[..at], &data[at + separator.len()..]))
}

/// Checks for what every JPEG decoder takes, RTP among them: a whole JFIF file, YCbCr, 4:2:0.
fn assert_is_plain_jpeg(jpeg: &[u8], width: u16, height: u16) {
    const SOI: u8 = 0xd8;
    const APP0: u8 = 0xe0;
    const APP14: u8 = 0xee;
    const SOF0: u8 = 0xc0;
    const SOS: u8 = 0xda;
    assert!(jpeg.starts_with(&[0xff, SOI, 0xff, APP0]), "no JFIF");
    assert_eq!(&jpeg[6..11], b"JFIF\0");
    assert!(jpeg.ends_with(&[0xff, 0xd9]), "cut off");

    let mut frame_header = None;
    let mut rest = &jpeg[2..];
    loop {
        let [0xff, marker, high, low, ..] = *rest else {
            panic!("no marker where one should be");
        };
        assert_ne!(marker, APP14, "an Adobe JPEG");
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            SOF0 => frame_header = Some(&rest[4..2 + length]),
            SOS => break,
            _ => {}
        }
        rest = &rest[2 + length..];
    }
    let header = frame_header.expect("a baseline frame header");
    let size = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    assert_eq!((size(3), size(1)), (width, height));
    assert_eq!((header[0], header[5]), (8, 3), "8 bits, 3 components");
    let components = header[6..].as_chunks::<3>().0;
    let samplings: Vec<u8> = components
        .iter()
        .map(|[_, sampling, _]| *sampling)
        .collect();
    assert_eq!(samplings, [0x22, 0x11, 0x11], "4:2:0");
    decode(jpeg, ImageFormat::Jpeg);
}
