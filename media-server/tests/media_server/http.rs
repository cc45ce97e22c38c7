//! HTTP as its standard has it, and clients that are slow.

use crate::frames::QUERY;
use crate::patience;
use crate::server::{Answer, FRAME, Server, agent, frames, numbered_frames, program};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn convert(more: &str) -> String {
    format!("/convert?{QUERY}{more}")
}

#[test]
fn media_types_and_codings_are_compared_as_the_standard_has_it() {
    let server = Server::start(&[]);
    let post = |headers: &[(&str, &str)]| server.post_with(&convert(""), headers, &frames(1));
    let octets = ("Content-Type", "application/octet-stream");
    for taken in [
        "Application/Octet-Stream",
        "application/octet-stream; charset=binary",
        "application/octet-stream;charset=UTF-8",
    ] {
        assert_eq!(post(&[("Content-Type", taken)]).status, 200, "{taken}");
    }
    for refused in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "text/plain; application/octet-stream",
        "application/octet-streams",
        "",
    ] {
        post(&[("Content-Type", refused)]).assert_refusal(415, &["application/octet-stream"]);
    }
    assert_eq!(
        post(&[octets, ("Content-Encoding", "Identity")]).status,
        200
    );
    post(&[octets, ("Content-Encoding", "GZip")]).assert_refusal(415, &["GZip"]);
}

#[test]
fn hosts_are_compared_as_the_standard_has_it() {
    let server = Server::start(&[]);
    let ask = |target: &str, hosts: &[&str]| {
        let hosts: String = hosts
            .iter()
            .map(|host| format!("Host: {host}\r\n"))
            .collect();
        let head = format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{hosts}\r\n");
        let mut answer = String::new();
        server.send(&head).read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    for host in [
        "LocalHost",
        "LOCALHOST:8080",
        "localhost.",
        "localhost.:80",
        "[::1]",
    ] {
        assert_eq!(ask("/streams", &[host]), 200, "{host}");
    }
    for host in [
        "localhost.example.com",
        "localhost..",
        "example.com.",
        "[localhost]x",
        "::1]",
    ] {
        assert_eq!(ask("/streams", &[host]), 403, "{host}");
    }
    assert_eq!(ask("/streams", &["localhost", "localhost"]), 400);
    assert_eq!(ask("/healthz", &["localhost", "example.com"]), 400);
    // The target says whom it is for, if it says anything.
    assert_eq!(ask("http://localhost/streams", &["localhost"]), 200);
    assert_eq!(ask("http://example.com/streams", &["localhost"]), 403);
}

#[test]
fn parameters_are_refused_where_they_mean_nothing() {
    let server = Server::start(&[]);
    server.post_numbers("known", 0..1);
    server.wait_for("known", |stream| stream["shown"] == 1);
    for path in [
        "/?x=1",
        "/healthz?x=1",
        "/metrics?x=1",
        "/streams?x=1",
        "/streams/known?x=1",
        "/streams/known.jpg?x=1",
        "/streams/known.mjpeg?x=1",
    ] {
        server.get(path).assert_refusal(400, &["unknown parameter"]);
    }
    for path in [
        "/streams/known",
        "/streams/known/frames",
        "/streams/known/idle",
    ] {
        let path = format!("{path}?x=1");
        server
            .delete(&path)
            .assert_refusal(400, &["unknown parameter"]);
    }
    server
        .delete("/streams/known?now=maybe")
        .assert_refusal(400, &["now", "true or false", "maybe"]);
    let twice = convert("&range=unit&range=byte");
    server
        .post(&twice, &frames(1))
        .assert_refusal(400, &["twice", "range"]);
    assert_eq!(server.get("/streams/known.jpg?v=5").status, 200);
    assert_eq!(server.describe("known")["state"], "running");
}

#[test]
fn framerates_may_have_decimals() {
    let server = Server::start(&[]);
    for (text, shown) in [
        ("25.0", "25"),
        ("29.97", "30000/1001"),
        ("23.976", "24000/1001"),
        ("59.940", "60000/1001"),
        ("12.5", "12.5"),
        ("25.", "25"),
    ] {
        let path = convert(&format!("&framerate={text}"));
        assert_eq!(
            server.post(&path, &frames(1)).status,
            200,
            "{text}: {shown}"
        );
    }
    for wrong in [
        "25,0",
        "1e3",
        "-25.0",
        "2.5.1",
        ".",
        "0.0001",
        "1000.5",
        "25.00000000001",
    ] {
        server
            .post(&convert(&format!("&framerate={wrong}")), &frames(1))
            .assert_refusal(400, &["framerate", wrong]);
    }
}

#[test]
fn a_post_may_say_how_many_frames_it_has() {
    let server = Server::start(&[]);
    let path = format!("/streams/counted/frames?{QUERY}&frames=2");
    assert_eq!(server.post(&path, &frames(2)).status, 200);
    // As many floats of 64 bits
    let answer = server.post(&path, &frames(4));
    answer.assert_refusal(
        400,
        &["another number of frames", "2 of BGRP_F32LE", "\"4\""],
    );
    server
        .post(&convert("&frames=3"), &frames(2))
        .assert_refusal(400, &["another number of frames"]);
    server
        .post(&convert("&frames=0"), &frames(1))
        .assert_refusal(400, &["frames", "\\\"0\\\""]);
    // In chunks, it turns out at the end, or when there is one too many.
    for (sent, words) in [
        (1, ["\"accepted\":1", "another"]),
        (3, ["\"accepted\":2", "another"]),
    ] {
        let head = format!(
            "POST /streams/chunked/frames?{QUERY}&frames=2 HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\nContent-Type: application/octet-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            sent * FRAME
        );
        let mut socket = server.send(&head);
        socket.write_all(&frames(sent)).unwrap();
        socket.write_all(b"\r\n0\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(words.iter().all(|word| answer.contains(word)), "{answer}");
    }
}

#[test]
fn it_listens_on_names() {
    let mut child = program()
        .args(["--listen", "localhost:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let line = patience::within("the server's first line", move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        line
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        line.starts_with("Listening on http://127.0.0.1:")
            || line.starts_with("Listening on http://[::1]:"),
        "{line}"
    );
    let wrong = patience::output(program().args(["--listen", "no such name:80"]));
    let problem = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        problem.contains("no such name:80") && problem.contains("127.0.0.1:8080"),
        "{problem}"
    );
}

/// Sends a byte of a post every few milliseconds, until it is told to stop.
fn drip(server: &Server, path: &str, is_over: &AtomicBool) {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        50 * FRAME
    );
    let mut socket = server.send(&head);
    while !is_over.load(Ordering::Relaxed) && socket.write_all(&[0]).is_ok() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn slow_senders_leave_fast_ones_their_place() {
    let server = Server::start(&["--client-timeout", "3600"]);
    let cores = std::thread::available_parallelism().unwrap().get();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for sender in 0..cores + 1 {
            let stream = format!("/streams/slow{sender}/frames?{QUERY}");
            for path in [stream, convert("")] {
                let (server, is_over) = (&server, &is_over);
                scope.spawn(move || drip(server, &path, is_over));
            }
        }
        for sender in 0..cores + 1 {
            let name = format!("slow{sender}");
            server.wait_for_stream(&name, |stream| stream["state"] == "running");
        }
        // Within --queue-wait, of 5 s, each has to get its turn.
        for first in 0..10 {
            let answer = server.post_numbers("fast", first..first + 1);
            assert_eq!(answer.status, 200, "{answer:?}");
            let answer = server.post(&convert(""), &numbered_frames(0..2));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_refusal_reaches_those_who_are_slow() {
    let server = Server::start(&[]);
    // Refused by its head, but sent for longer than nothing may come
    let head = server
        .post_head("refused", 3 * FRAME)
        .replace("width=320", "width=0");
    let mut socket = server.send(&head);
    for piece in frames(3).chunks(3 * FRAME / 20) {
        socket.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    let mut status = String::new();
    BufReader::new(socket).read_line(&mut status).unwrap();
    assert!(status.starts_with("HTTP/1.1 400 "), "{status}");
}

#[test]
fn those_who_ask_first_are_refused_first() {
    let server = Server::start(&[
        "--max-streams",
        "2",
        "--encoder",
        "identity error-after=3 ! jpegenc",
    ]);
    server.post_numbers_at("failed", 0..9, 1000);
    server.wait_for("failed", |stream| stream["state"] == "failed");
    let mut other = server.send(&server.post_head("taken", FRAME));
    other.write_all(&[0]).unwrap();
    server.wait_for_stream("taken", |stream| stream["state"] == "running");
    let first_line = |stream: &str| {
        let head = server
            .post_head(stream, FRAME)
            .replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
        let mut line = String::new();
        let mut reader = BufReader::new(server.send(&head));
        reader.read_line(&mut line).unwrap();
        line
    };
    for (stream, status) in [
        ("failed", 409),
        ("taken", 409),
        ("new", 429),
        ("b%20d", 400),
    ] {
        let line = first_line(stream);
        assert!(
            line.starts_with(&format!("HTTP/1.1 {status} ")),
            "{stream}: {line}"
        );
    }
    drop(other);
    patience::until("a place", || {
        first_line("taken").starts_with("HTTP/1.1 100 ")
    });
}

#[test]
fn connections_are_kept_for_as_long_as_is_said() {
    let server = Server::start(&["--client-timeout", "1", "--keep-alive", "3"]);
    let mut socket = server.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut answer = String::new();
    while !answer.ends_with("ok\n") {
        assert_ne!(reader.read_line(&mut answer).unwrap(), 0, "{answer}");
    }
    assert!(answer.contains("keep-alive: timeout=3\r\n"), "{answer}");
    // For longer than a client may take within a request
    std::thread::sleep(Duration::from_millis(1500));
    socket
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    answer.clear();
    while !answer.ends_with("ok\n") {
        assert_ne!(reader.read_line(&mut answer).unwrap(), 0, "{answer}");
    }
    // And then it is closed, as it is in the middle of a head.
    assert_eq!(reader.read_line(&mut answer).unwrap(), 0);
    let mut half = server.send("GET /healthz HTTP/1.1\r\nHost:");
    assert_eq!(half.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn nobody_has_to_read_the_log() {
    let log = ["--log", "info", "--idle-timeout", "0.5"];
    let mut server = Server::start_with_log(&log, Stdio::piped());
    server.close_log();
    for stream in ["one", "two"] {
        assert_eq!(server.post_numbers(stream, 0..2).status, 200);
        assert_eq!(
            server.delete(&format!("/streams/{stream}")).json()["shown"],
            2
        );
    }
    server.post_numbers("idle", 0..1);
    server.wait_for_end_of("idle");
    server.post_numbers_at("last", 0..5, 10);
    let mut viewer = server.watch("last");
    server.terminate();
    assert_eq!(viewer.numbers().last(), Some(&4));
    assert!(server.wait().success());
}

#[test]
fn a_log_that_is_not_read_stops_nobody() {
    // A pipe takes 64 KiB, and nobody reads them.
    let server = Server::start_with_log(&["--log", "trace"], Stdio::piped());
    for number in 0..300 {
        let answer = Answer::new(agent().get(server.url("/healthz")).call());
        assert_eq!(answer.status, 200, "{number}");
    }
    assert_eq!(server.post_numbers("unread", 0..2).status, 200);
    assert_eq!(server.delete("/streams/unread").json()["shown"], 2);
}
