//! Metrics, logs, failures, and stopping.

use crate::clips::launch;
use crate::frames::QUERY;
use crate::patience::output;
use crate::server::{Server, frames, program};
use std::path::Path;
use std::process::{Output, Stdio};

#[test]
fn metrics_count_what_happens() {
    let server = Server::start(&[]);
    server.post_numbers("counted", 0..5);
    server.post(&format!("/streams/counted/frames?{QUERY}"), b"abc");
    server.post("/convert?format=nothing", b"abc");
    server.wait_for("counted", |stream| stream["shown"] == 5);
    let _viewer = server.watch("counted");
    let answer = server.get("/metrics");
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let page = answer.text();
    for line in [
        "media_server_frames_accepted_total{stream=\"counted\"} 5",
        "media_server_frames_shown_total{stream=\"counted\"} 5",
        "media_server_queue_depth{stream=\"counted\"} 0.0",
        "media_server_viewers{stream=\"counted\"} 1.0",
        "media_server_convert_seconds_count{stream=\"counted\"} 5",
        "media_server_convert_seconds_bucket{le=\"+Inf\",stream=\"counted\"} 5",
        "media_server_post_to_jpeg_seconds_count 5",
        "media_server_posts_rejected_total{reason=\"invalid\"} 2",
        "media_server_streams 1",
    ] {
        assert!(
            page.lines().any(|found| found == line),
            "no {line}:\n{page}"
        );
    }
    assert!(page.contains("media_server_frames_per_second{stream=\"counted\"}"));
    assert!(page.contains("media_server_pool_threads "));
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn a_stream_that_fails_says_why_and_the_others_go_on() {
    let server = Server::start(&["--encoder", "identity error-after=20 ! jpegenc"]);
    server.post_numbers("good", 0..5);
    let mut viewer = server.watch("good");
    server.post_numbers_at("bad", 0..30, 1000);
    let failed = server.wait_for("bad", |stream| stream["state"] == "failed");
    assert!(
        failed["error"].as_str().unwrap().contains("Failed after"),
        "{failed}"
    );
    server
        .post_numbers("bad", 0..1)
        .assert_refusal(409, &["Failed after", "DELETE"]);
    server
        .get("/streams/bad.mjpeg")
        .assert_refusal(409, &["Failed after"]);

    server.post_numbers("good", 5..10);
    assert_eq!(server.delete("/streams/good").json()["shown"], 10);
    assert_eq!(viewer.numbers().last(), Some(&9));
    assert_eq!(server.delete("/streams/bad").status, 200);
    assert_eq!(server.post_numbers("bad", 0..1).status, 200);
}

#[test]
fn what_is_accepted_is_shown_before_the_server_stops() {
    let server = Server::start(&[]);
    server.post_numbers_at("last", 0..40, 10);
    let mut viewer = server.watch("last");
    server.terminate();
    let numbers = viewer.numbers();
    assert_eq!(numbers.last(), Some(&39));
    // At their pace: a viewer sees more of them than the newest.
    assert!(numbers.len() > 5, "{numbers:?}");
    assert!(server.wait().success());
}

#[test]
fn a_server_that_stops_does_not_wait_for_clients_that_do_nothing() {
    let server = Server::start(&["--stop-timeout", "0.2", "--client-timeout", "3600"]);
    // For longer than this test waits for the server's end, each would be shown.
    let path = format!("/streams/slow/frames?{QUERY}&framerate=1/1000");
    assert_eq!(server.post(&path, &frames(2)).status, 200);
    let _idle = server.send("GET / HTTP/1.1\r\n");
    let _half = server.send(&server.post_head("half", frames(1).len()));
    server.terminate();
    assert!(server.wait().success());
}

#[test]
fn a_failed_stream_is_forgotten_when_it_is_idle() {
    let arguments = [
        "--encoder",
        "identity error-after=5 ! jpegenc",
        "--idle-timeout",
        "2",
    ];
    let server = Server::start(&arguments);
    // For longer than this test waits, each of its few pictures would be shown.
    let path = format!("/streams/bad/frames?{QUERY}&framerate=1/1000");
    server.post(&path, &frames(10));
    server.wait_for("bad", |stream| stream["state"] == "failed");
    server.wait_for_end_of("bad");
}

#[test]
fn logs_are_json_where_asked_for() {
    let server = Server::start_with_log(&["--log", "info", "--log-format", "json"], Stdio::piped());
    server.post_numbers("logged", 0..1);
    server.delete("/streams/logged");
    let log = server.end();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for message in ["started", "ended"] {
        let of_stream = |line: &&serde_json::Value| line["fields"]["message"] == message;
        let line = lines
            .iter()
            .find(of_stream)
            .unwrap_or_else(|| panic!("{log}"));
        assert_eq!(line["fields"]["stream"], "logged");
    }
}

#[test]
fn what_cannot_start_says_why() {
    let run = |arguments: &[&str]| -> String {
        let Output { status, stderr, .. } = output(program().args(arguments));
        assert!(!status.success());
        String::from_utf8(stderr).unwrap()
    };
    let missing = run(&["--listen", "127.0.0.1:0", "--encoder", "nosuchenc"]);
    assert!(missing.contains("nosuchenc"), "{missing}");
    for quality in ["-1", "101", "999"] {
        let encoder = format!("jpegenc quality={quality}");
        let range = run(&["--listen", "127.0.0.1:0", "--encoder", &encoder]);
        assert!(range.starts_with("media_server: --encoder: "), "{range}");
        assert!(
            range.contains(&format!("\"{quality}\"")) && range.contains("'quality'"),
            "{range}"
        );
    }
    let video = run(&["--listen", "127.0.0.1:0", "--demo", "no-such-video.mp4"]);
    assert!(video.contains("no-such-video.mp4"), "{video}");
    let taken = Server::start(&[]);
    let address = taken.address.to_string();
    let problem = run(&["--listen", &address]);
    assert!(problem.contains(&address), "{problem}");
    let memory = run(&["--memory", "8", "--max-frame", "9"]);
    assert!(memory.contains("--max-frame 9"), "{memory}");
    for listen in ["9000", ":9000"] {
        let problem = run(&["--listen", listen]);
        assert!(problem.contains("such as 127.0.0.1:9000"), "{problem}");
    }
}

#[test]
fn a_demo_that_cannot_be_played_says_why() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = folder.join("demo-text.mp4");
    std::fs::write(&text, "This is no video.\n".repeat(1000)).unwrap();
    let sound = folder.join("demo-sound.wav");
    launch(&format!(
        "audiotestsrc num-buffers=50 ! wavenc ! filesink location={}",
        sound.display()
    ));
    for video in [text, sound] {
        let video = video.to_str().unwrap();
        let mut server = Server::start_with_log(&["--demo", video], Stdio::piped());
        let logged = server.first_logged();
        assert!(logged.contains("cannot be played"), "{logged}");
        assert!(logged.contains(video), "{logged}");
        // The server is there for others.
        assert_eq!(server.get("/healthz").status, 200);
    }
}

#[test]
fn implausible_floats_are_logged() {
    let mut server = Server::start_with_log(&[], Stdio::piped());
    let frame: Vec<u8> = frames(1)
        .chunks(4)
        .flat_map(|_| 200f32.to_le_bytes())
        .collect();
    let path = format!("/streams/byte/frames?{QUERY}&range=unit");
    assert_eq!(server.post(&path, &frame).status, 200);
    let logged = server.first_logged();
    assert!(logged.contains("outside of 0 to 1"), "{logged}");
}
