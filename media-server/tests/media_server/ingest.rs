//! Posting frames.

use crate::frames::{QUERY, read_number};
use crate::patience;
use crate::server::{FRAME, Server, frames, numbered_frames};
use std::io::{Read, Write};
use std::time::Duration;

#[test]
fn all_frames_of_all_posts_are_shown_in_their_order() {
    let server = Server::start(&[]);
    let answer = server.post_numbers("anna", 0..3);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["accepted"], 3);
    let mut viewer = server.watch("anna");
    let watching = std::thread::spawn(move || viewer.numbers());
    for first in [3, 10, 17] {
        let answer = server.post_numbers("anna", first..first + 7);
        assert_eq!(answer.json()["accepted"], 7, "{answer:?}");
    }
    let answer = server.delete("/streams/anna");
    assert_eq!(answer.json()["accepted"], 24, "{answer:?}");
    assert_eq!(answer.json()["shown"], 24);

    let numbers = patience::within("the end for the viewer", || watching.join()).unwrap();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    // A busy machine may skip one, but neither the last nor most of them.
    assert_eq!(numbers.last(), Some(&23));
    assert!(numbers.len() > 12, "{numbers:?}");
    server.get("/streams/anna").assert_refusal(404, &["anna"]);
    server
        .delete("/streams/anna")
        .assert_refusal(404, &["anna"]);
}

#[test]
fn frames_are_shown_at_their_pace() {
    let server = Server::start(&[]);
    // For longer than this test takes, each is shown.
    let path = format!("/streams/slow/frames?{QUERY}&framerate=1/1000");
    assert_eq!(server.post(&path, &numbered_frames(0..3)).status, 200);
    // They are converted at once, and so are not what is waited for.
    let converted = "media_server_convert_seconds_count{stream=\"slow\"} 3\n";
    patience::until("the conversion", || {
        server.get("/metrics").text().contains(converted)
    });
    server.post_numbers("fast", 0..26);
    assert_eq!(server.delete("/streams/fast").json()["shown"], 26);
    // All of those that came later, and of these the first
    let slow = server.describe("slow");
    assert_eq!((&slow["shown"], &slow["queued"]), (&1.into(), &2.into()));
}

#[test]
fn another_kind_of_frames_is_renegotiated() {
    let server = Server::start(&[]);
    server.post_numbers("changing", 0..2);
    // Half-precision white, 2 frames
    let white = 0x3c00_u16.to_le_bytes().repeat(48 * 32 * 3 * 2);
    let path = "/streams/changing/frames?format=RGB_F16LE&width=48&height=32&framerate=30000/1001";
    assert_eq!(server.post(path, &white).json()["accepted"], 2);
    server.wait_for("changing", |stream| stream["shown"] == 4);
    let jpeg = server.get("/streams/changing.jpg");
    let picture = image::load_from_memory(&jpeg.body).unwrap().into_luma8();
    assert_eq!(picture.dimensions(), (48, 32));
    assert!(picture.pixels().all(|pixel| pixel.0[0] >= 254));
    assert_eq!(server.describe("changing")["input"], "RGB_F16LE 48x32");

    server.post_numbers("changing", 4..5);
    server.wait_for("changing", |stream| stream["shown"] == 5);
    let jpeg = server.get("/streams/changing.jpg").body;
    assert_eq!(read_number(&jpeg), Ok(4));
}

#[test]
fn the_range_of_the_first_post_is_that_of_the_stream() {
    let server = Server::start(&[]);
    let path = format!("/streams/ranged/frames?{QUERY}&range=signed-unit");
    assert_eq!(
        server
            .post(&path, &0_f32.to_le_bytes().repeat(FRAME / 4))
            .status,
        200
    );
    server.wait_for("ranged", |stream| stream["shown"] == 1);
    let jpeg = server.get("/streams/ranged.jpg").body;
    let grey = image::load_from_memory(&jpeg).unwrap().into_luma8();
    // Half of 255, to even
    assert!(grey.pixels().all(|pixel| pixel.0[0].abs_diff(128) <= 1));
    server
        .post_numbers("ranged", 0..1)
        .assert_refusal(409, &["range=signed-unit", "range=unit"]);
}

#[test]
fn bad_input_is_refused_with_what_was_expected_and_got() {
    let server = Server::start(&["--max-body", "8", "--max-frame", "4"]);
    let frame = frames(1);
    let path = |query: &str| format!("/streams/bad/frames?{query}");
    let replaced = |from: &str, to: &str| path(&QUERY.replace(from, to));

    let body = [frame.as_slice(), b"abc"].concat();
    server.post(&path(QUERY), &body).assert_refusal(
        400,
        &[
            "1228803 bytes: 1 frames and 3 bytes over",
            "1228800 bytes each",
            "BGRP_F32LE 320x320",
        ],
    );
    server
        .post(&path(QUERY), b"")
        .assert_refusal(400, &["0 bytes"]);
    for (wrong, words) in [
        (replaced("BGRP_F32LE", "BGRX"), ["BGRX", "BGRP_F32LE, "]),
        (replaced("width=320", "width=0"), ["width", "1 to 16384"]),
        (
            replaced("width=320", "width=16385"),
            ["16385", "1 to 16384"],
        ),
        (replaced("height=320", "height=-1"), ["height", "-1"]),
        (replaced("height=320", ""), ["height", "none"]),
        (
            path(&format!("{QUERY}&framerate=x")),
            ["framerate", "30000/1001"],
        ),
        (
            path(&format!("{QUERY}&framerate=0")),
            ["framerate", "\\\"0\\\""],
        ),
        (
            path(&format!("{QUERY}&framerate=25/0")),
            ["framerate", "25/0"],
        ),
        (
            path(&format!("{QUERY}&range=wide")),
            ["wide", "signed-unit"],
        ),
        (path(&format!("{QUERY}&fps=25")), ["fps", "framerate"]),
        (path(QUERY).replace("/bad/", "/b%20d/"), ["b d", "1 to 64"]),
    ] {
        server.post(&wrong, &frame).assert_refusal(400, &words);
    }
    let large = replaced("width=320", "width=1280");
    server
        .post(&large, &frame.repeat(4))
        .assert_refusal(413, &["4194304", "4915200"]);
    server
        .post(&path(QUERY), &frames(7))
        .assert_refusal(413, &["8388608", "8601600"]);
    let text = [("Content-Type", "text/plain")];
    server
        .post_with(&path(QUERY), &text, &frame)
        .assert_refusal(415, &["text/plain", "application/octet-stream"]);
    let coded = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Encoding", "gzip"),
    ];
    server
        .post_with(&path(QUERY), &coded, &frame)
        .assert_refusal(415, &["gzip", "identity"]);
    server
        .get(&path(QUERY))
        .assert_refusal(405, &["GET", "POST, DELETE"]);
    assert_eq!(server.get(&path(QUERY)).header("allow"), "POST,DELETE");
    server
        .get("/stream")
        .assert_refusal(404, &["/stream", "/streams/NAME.mjpeg"]);

    // Nothing of all this became a stream.
    assert_eq!(
        server.get("/streams").json()["streams"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn of_a_body_that_is_cut_off_no_part_of_a_frame_is_shown() {
    let server = Server::start(&[]);
    let body = numbered_frames(0..2);
    for (shown, bytes) in [(1, FRAME + FRAME / 2), (2, 2 * FRAME - 1), (3, FRAME + 1)] {
        let mut socket = server.send(&server.post_head("cut", 2 * FRAME));
        socket.write_all(&body[..bytes]).unwrap();
        drop(socket);
        server.wait_for_stream("cut", |stream| stream["shown"] == shown);
    }
    // The next post is not hindered.
    assert_eq!(server.post_numbers("cut", 0..1).json()["accepted"], 1);
    assert_eq!(server.delete("/streams/cut").json()["shown"], 4);
}

#[test]
fn a_body_in_chunks_is_refused_where_it_turns_out_to_be_no_whole_frames() {
    let server = Server::start(&[]);
    let head = format!(
        "POST /streams/chunked/frames?{QUERY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let mut socket = server.send(&head);
    let body = [numbered_frames(0..1).as_slice(), b"and no more"].concat();
    for chunk in body.chunks(100_000) {
        write!(socket, "{:x}\r\n", chunk.len()).unwrap();
        socket.write_all(chunk).unwrap();
        socket.write_all(b"\r\n").unwrap();
    }
    socket.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("1 frames and 11 bytes over"), "{answer}");
    assert!(answer.contains("\"accepted\":1"), "{answer}");
    assert_eq!(server.delete("/streams/chunked").json()["shown"], 1);
}

#[test]
fn a_full_queue_lets_posts_wait() {
    let server = Server::start(&["--max-queued", "5", "--queue-wait", "60"]);
    assert_eq!(server.post_numbers("waiting", 0..30).json()["accepted"], 30);
    // The last one is accepted when the 25th is shown.
    let shown = server.describe("waiting")["shown"].as_u64().unwrap();
    assert!(shown >= 25, "{shown}");
    assert_eq!(server.delete("/streams/waiting").json()["shown"], 30);
}

#[test]
fn a_queue_that_stays_full_refuses_and_says_how_much_it_has_taken() {
    let server = Server::start(&[
        "--max-queued",
        "5",
        "--queue-wait",
        "1.5",
        "--stop-timeout",
        "0.1",
    ]);
    // One is shown at once, and then none for longer than this test takes.
    let path = format!("/streams/full/frames?{QUERY}&framerate=1/1000");
    let answer = server.post(&path, &numbered_frames(0..9));
    answer.assert_refusal(503, &["--max-queued"]);
    assert_eq!(answer.header("retry-after"), "1");
    let accepted = answer.json()["accepted"].as_u64().unwrap();
    assert!((5..=6).contains(&accepted), "{answer:?}");
    assert_eq!(server.describe("full")["accepted"], accepted);
    // What was accepted is shown even now.
    let mut viewer = server.watch("full");
    server.terminate();
    assert_eq!(viewer.numbers().last(), Some(&(accepted - 1)));
    assert!(server.wait().success());
}

#[test]
fn there_are_no_more_streams_than_there_may_be() {
    let server = Server::start(&["--max-streams", "2"]);
    for stream in ["one", "two"] {
        assert_eq!(server.post_numbers(stream, 0..1).status, 200);
    }
    let answer = server.post_numbers("three", 0..1);
    answer.assert_refusal(429, &["--max-streams"]);
    assert_eq!(answer.header("retry-after"), "1");
    server.delete("/streams/one");
    assert_eq!(server.post_numbers("three", 0..1).status, 200);
}

#[test]
fn idle_streams_are_ended() {
    let server = Server::start(&["--idle-timeout", "3"]);
    server.post_numbers("idle", 0..1);
    let mut viewer = server.watch("idle");
    assert_eq!(viewer.numbers(), [0]);
    server.wait_for_end_of("idle");
}

#[test]
fn clients_that_dawdle_are_cut_off() {
    let server = Server::start(&["--client-timeout", "2"]);
    // In the head of a request, in a frame, and before the first
    let head = server.post_head("slow", FRAME);
    let half_a_head = server.send(&head[..head.len() / 2]);
    let mut half_a_frame = server.send(&head);
    half_a_frame.write_all(&vec![0; FRAME / 2]).unwrap();
    let no_frame = server.send(&server.post_head("slower", FRAME));
    for (mut socket, is_answered) in [(half_a_head, false), (half_a_frame, true), (no_frame, true)]
    {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.contains("too slowly"), is_answered, "{answer}");
        assert_eq!(answer.starts_with("HTTP/1.1 408 "), is_answered, "{answer}");
    }
    assert_eq!(server.describe("slow")["accepted"], 0);
}

#[test]
fn many_small_frames_give_no_time_to_dawdle() {
    let server = Server::start(&["--client-timeout", "1"]);
    let head = "POST /convert?format=RGB_F16LE&width=1&height=1 HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/octet-stream\r\nContent-Length: 3600\r\n\r\n";
    let mut socket = server.send(head);
    // A frame every 0.2 s is in time for itself, but the whole post would take 2 minutes.
    let is_cut_off = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        socket.write_all(&[0; 6]).is_err()
    });
    assert!(is_cut_off);
}

#[test]
fn a_post_without_a_frame_starts_no_stream() {
    let server = Server::start(&[]);
    let head = server.post_head("nothing", 0);
    let chunked = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for (head, body) in [
        (head.clone(), ""),
        (head.replace("Content-Length: 0\r\n", ""), ""),
        (chunked, "0\r\n\r\n"),
    ] {
        let mut socket = server.send(&head.replace("Host", "Connection: close\r\nHost"));
        socket.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("0 bytes"), "{answer}");
    }
    server
        .get("/streams/nothing")
        .assert_refusal(404, &["nothing"]);
    server
        .get("/streams/%FF.jpg")
        .assert_refusal(400, &["path"]);
}

#[test]
fn frames_of_one_post_are_never_between_those_of_another() {
    let server = Server::start(&["--queue-wait", "60"]);
    let mut half = server.send(&server.post_head("shared", 2 * FRAME));
    half.write_all(&numbered_frames(0..1)).unwrap();
    server.wait_for_stream("shared", |stream| stream["accepted"] == 1);
    // Somebody else can only get in by taking over, and then the rest is not accepted any more.
    server
        .post_numbers("shared", 7..8)
        .assert_refusal(409, &["somebody else posts", "takeover=true"]);
    let path = format!("/streams/shared/frames?{QUERY}&takeover=true");
    assert_eq!(server.post(&path, &numbered_frames(1..3)).status, 200);
    half.write_all(&numbered_frames(9..10)).unwrap();
    assert!(read_status(half).starts_with("HTTP/1.1 409 "));
    let mut viewer = server.watch("shared");
    assert_eq!(server.delete("/streams/shared").json()["shown"], 3);
    assert_eq!(viewer.numbers().last(), Some(&2));
}

fn read_status(socket: std::net::TcpStream) -> String {
    let mut status = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(socket), &mut status).unwrap();
    status
}

#[test]
fn a_stream_ends_while_frames_are_posted_to_it() {
    let server = Server::start(&[]);
    let mut socket = server.send(&server.post_head("cut", 3 * FRAME));
    socket.write_all(&numbered_frames(0..2)).unwrap();
    server.wait_for_stream("cut", |stream| stream["accepted"] == 2);
    assert_eq!(server.delete("/streams/cut").json()["shown"], 2);
    // The client learns what of its post was shown, when it has sent it all.
    socket.write_all(&numbered_frames(2..3)).unwrap();
    assert!(read_status(socket).starts_with("HTTP/1.1 409 "));
}
