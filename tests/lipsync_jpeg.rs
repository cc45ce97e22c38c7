//! The example program, run as a user would, on a clip made here.

mod clip;

use clip::{FRAMES, clip};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, which cargo builds along with the tests.
fn lipsync_jpeg(arguments: &[&str]) -> Command {
    let deps = std::env::current_exe().unwrap();
    let profile = deps.parent().unwrap().parent().unwrap();
    let mut command = Command::new(profile.join("examples/lipsync_jpeg"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// An empty folder for the test `name`.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `command` to a successful end.
fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// Runs `command`, which must fail, and returns what it says.
fn fail(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code().map(|code| code > 0), Some(true));
    text(&output.stderr)
}

/// Runs `command` on standard input of `bytes`.
fn fed(mut command: Command, bytes: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

fn jpegs(folder: &Path) -> Vec<Vec<u8>> {
    (1..)
        .map(|number| folder.join(format!("frame-{number:05}.jpg")))
        .map_while(|path| std::fs::read(path).ok())
        .collect()
}

/// A segment of a JPEG by its marker's second byte, without marker and length.
fn segment(jpeg: &[u8], marker: u8) -> &[u8] {
    let mut rest = &jpeg[2..];
    loop {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[1] == marker {
            return &rest[4..2 + length];
        }
        rest = &rest[2 + length..];
    }
}

/// JFIF, three components, luma at twice the resolution of chroma both ways.
fn assert_normal_jpeg(jpeg: &[u8], width: u16, height: u16) {
    assert_eq!(jpeg[..2], [0xff, 0xd8]);
    assert_eq!(jpeg[jpeg.len() - 2..], [0xff, 0xd9]);
    assert_eq!(segment(jpeg, 0xe0)[..5], *b"JFIF\0");
    let frame = segment(jpeg, 0xc0);
    assert_eq!(frame[1..3], height.to_be_bytes());
    assert_eq!(frame[3..5], width.to_be_bytes());
    assert_eq!(frame[5], 3);
    assert_eq!([frame[7], frame[10], frame[13]], [0x22, 0x11, 0x11]);
}

fn frame(sample: f32, pixels: usize) -> Vec<u8> {
    sample.to_le_bytes().repeat(pixels * 3)
}

#[test]
fn a_video_becomes_jpegs_and_a_contact_sheet() {
    let folder = folder("video");
    let sheet = folder.join("sheet.png");
    let output = succeed(lipsync_jpeg(&[
        "--video",
        clip().to_str().unwrap(),
        "--output",
        folder.to_str().unwrap(),
        "--contact-sheet",
        sheet.to_str().unwrap(),
    ]));
    let jpegs = jpegs(&folder);
    assert_eq!(jpegs.len(), FRAMES);
    for jpeg in &jpegs {
        assert_normal_jpeg(jpeg, 320, 320);
    }
    let summary = text(&output.stderr);
    for figure in [
        &format!("{FRAMES} frames in"),
        "frames/s",
        "convert p50",
        "bytes per image",
        "backend",
    ] {
        assert!(summary.contains(figure), "{summary}");
    }
    let sheet = image::open(sheet).unwrap().into_rgb8();
    assert!(sheet.width() > 1000 && sheet.height() > 1000);
    // SMPTE colour bars on dark grey: light, saturated and dark pixels.
    assert!(
        sheet
            .pixels()
            .any(|pixel| pixel.0.iter().all(|&level| level > 150))
    );
    assert!(
        sheet
            .pixels()
            .any(|pixel| pixel.0[2] > 150 && pixel.0[0] < 60)
    );
}

#[test]
fn white_is_white() {
    let folder = folder("white");
    let arguments = ["--raw", "-", "--width", "8", "--height", "6", "--output"];
    let mut command = lipsync_jpeg(&arguments);
    command.arg(&folder);
    assert!(fed(command, &frame(1.0, 48)).status.success());
    let jpegs = jpegs(&folder);
    assert_eq!(jpegs.len(), 1);
    let picture = image::load_from_memory(&jpegs[0]).unwrap().into_rgb8();
    assert!(
        picture
            .pixels()
            .all(|pixel| pixel.0.iter().all(|&level| level >= 254))
    );
}

#[test]
fn raw_frames_of_any_format_range_and_size() {
    for (format, range, grey) in [
        ("RGB_F32LE", "unit", 0.5),
        ("BGRP_F32LE", "signed-unit", 0.0),
        ("RGBP_F32LE", "byte", 127.5),
    ] {
        let folder = folder(&format!("raw-{format}"));
        let raw = folder.join("frames.f32");
        std::fs::write(&raw, frame(grey, 48).repeat(7)).unwrap();
        let mut command = lipsync_jpeg(&["--width", "8", "--height", "6", "--batch", "3"]);
        command.args([
            "--format", format, "--range", range, "--size", "33x17", "--raw",
        ]);
        command.arg(&raw).arg("--output").arg(&folder);
        succeed(command);
        let jpegs = jpegs(&folder);
        assert_eq!(jpegs.len(), 7);
        assert_normal_jpeg(&jpegs[6], 33, 17);
        let picture = image::load_from_memory(&jpegs[6]).unwrap().into_rgb8();
        assert!(
            picture
                .get_pixel(16, 8)
                .0
                .iter()
                .all(|level| (126..=130).contains(level))
        );
    }
}

#[test]
fn a_partial_last_frame_is_reported_and_all_before_it_delivered() {
    let folder = folder("partial");
    let mut command = lipsync_jpeg(&["--raw", "-", "--width", "8", "--height", "6", "--output"]);
    command.arg(&folder);
    let mut bytes = frame(1.0, 48).repeat(4);
    bytes.extend([0; 100]);
    let output = fed(command, &bytes);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(jpegs(&folder).len(), 4);
    let message = text(&output.stderr);
    assert!(
        message.contains("100 bytes") && message.contains("576"),
        "{message}"
    );
}

#[test]
fn a_multipart_stream_on_standard_output() {
    let clip = clip();
    let output = succeed(lipsync_jpeg(&[
        "--output",
        "-",
        "--video",
        clip.to_str().unwrap(),
    ]));
    let mut rest = &output.stdout[..];
    let mut parts = 0;
    while !rest.starts_with(b"--lipsyncframe--") {
        let end = rest
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let header = text(&rest[..end]);
        assert!(
            header.starts_with("--lipsyncframe\r\nContent-Type: image/jpeg\r\n"),
            "{header}"
        );
        let length: usize = header.rsplit(' ').next().unwrap().parse().unwrap();
        let body = &rest[end + 4..];
        assert_normal_jpeg(&body[..length], 320, 320);
        rest = &body[length + 2..];
        parts += 1;
    }
    assert_eq!(parts, FRAMES);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = lipsync_jpeg(&["--output", "-", "--video", clip().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn other_encoders() {
    let folder = folder("png");
    let clip = clip();
    let mut command = lipsync_jpeg(&["--encoder", "pngenc", "--video", clip.to_str().unwrap()]);
    command.arg("--output").arg(&folder);
    succeed(command);
    let png = image::open(folder.join(format!("frame-{FRAMES:05}.png"))).unwrap();
    assert_eq!((png.width(), png.height()), (320, 320));
}

#[test]
fn ctrl_c_leaves_whole_jpegs_and_a_summary() {
    let folder = folder("interrupted");
    let mut child = lipsync_jpeg(&[
        "--raw", "-", "--width", "8", "--height", "6", "--batch", "1",
    ])
    .arg("--output")
    .arg(&folder)
    .stdin(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&frame(1.0, 48).repeat(5)).unwrap();
    stdin.flush().unwrap();
    while jpegs(&folder).is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("frames/s"));
    let jpegs = jpegs(&folder);
    assert!(!jpegs.is_empty());
    jpegs
        .iter()
        .for_each(|jpeg| assert_normal_jpeg(jpeg, 320, 320));
}

#[test]
fn mistakes_are_named() {
    let folder = folder("mistakes");
    let no_video = folder.join("no-video.mp4");
    std::fs::write(&no_video, "This is a text.").unwrap();
    let no_video = no_video.to_str().unwrap();
    let clip = clip();
    let clip = clip.to_str().unwrap();
    let output = folder.to_str().unwrap();
    for (arguments, expected) in [
        (vec!["--output", output], "--video"),
        (
            vec!["--video", clip, "--raw", "-", "--output", output],
            "--raw",
        ),
        (vec!["--video", clip], "--output"),
        (
            vec!["--video", "missing.mp4", "--output", output],
            "missing.mp4",
        ),
        (
            vec!["--video", no_video, "--output", output],
            "no-video.mp4 cannot be read as a video",
        ),
        (
            vec!["--video", clip, "--output", "/proc/no"],
            "--output /proc/no",
        ),
        (
            vec!["--video", clip, "--output", output, "--size", "0x0"],
            "each 1 to 16384",
        ),
        (
            vec!["--video", clip, "--output", output, "--size", "320"],
            "WIDTHxHEIGHT",
        ),
        (
            vec![
                "--video",
                clip,
                "--output",
                output,
                "--encoder",
                "nosuchenc",
            ],
            "nosuchenc",
        ),
        (
            vec!["--video", clip, "--output", output, "--encoder", "fakesink"],
            "one input and one output",
        ),
        (
            vec!["--video", clip, "--output", output, "--threads", "17"],
            "17",
        ),
    ] {
        let message = fail(lipsync_jpeg(&arguments));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn help_has_examples() {
    let help = text(&succeed(lipsync_jpeg(&["--help"])).stdout);
    assert!(
        help.contains("--video talk.mp4") && help.contains("Ctrl-C"),
        "{help}"
    );
}
