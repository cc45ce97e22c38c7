//! Several servers, and posts that are numbered so that they can be sent again.

use crate::balancer::Balancer;
use crate::frames::QUERY;
use crate::patience;
use crate::server::{FRAME, Server, numbered_frames};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::Range;
use std::process::Stdio;

/// Posts frames with these numbers, which it says.
fn post(server: &Server, stream: &str, numbers: Range<u64>, more: &str) -> Value {
    let first = numbers.start;
    let path = format!("/streams/{stream}/frames?{QUERY}&framerate=100&first={first}{more}");
    let answer = server.post(&path, &numbered_frames(numbers));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn frames_that_were_taken_are_not_taken_again() {
    let server = Server::start(&[]);
    let first = post(&server, "talk", 100..102, "");
    assert_eq!(
        (&first["accepted"], &first["next"]),
        (&2.into(), &102.into())
    );
    assert_eq!(first["id"], server.describe("talk")["id"]);
    let mut viewer = server.watch("talk");
    let again = post(&server, "talk", 100..102, "");
    assert_eq!(
        (&again["accepted"], &again["next"]),
        (&0.into(), &102.into())
    );
    let overlap = post(&server, "talk", 101..104, "");
    assert_eq!(
        (&overlap["accepted"], &overlap["next"]),
        (&2.into(), &104.into())
    );
    // Other frames went to another server meanwhile.
    let gap = post(&server, "talk", 200..202, "");
    assert_eq!((&gap["accepted"], &gap["next"]), (&2.into(), &202.into()));
    // One who does not count goes on.
    assert_eq!(server.post_numbers("talk", 202..203).json()["next"], 203);
    let ended = server.delete("/streams/talk").json();
    assert_eq!(
        (&ended["accepted"], &ended["shown"]),
        (&7.into(), &7.into())
    );
    // The numbers of pictures are the producer's: numbers() compares them to those drawn.
    let numbers = viewer.numbers();
    let last = [200, 201, 202];
    assert!(numbers.ends_with(&last), "{numbers:?}");
    for wrong in ["", "-1", "1.5", "18446744073709551615"] {
        let path = format!("/streams/talk/frames?{QUERY}&first={wrong}");
        server
            .post(&path, &numbered_frames(0..1))
            .assert_refusal(400, &["first", "whole"]);
    }
}

#[test]
fn a_post_that_was_broken_off_can_be_sent_again() {
    let server = Server::start(&["--max-queued", "8"]);
    let head = server
        .post_head("broken", 5 * FRAME)
        .replace("framerate=1000", "framerate=1000&first=40");
    let mut socket = server.send(&head);
    socket.write_all(&numbered_frames(40..43)).unwrap();
    server.wait_for_stream("broken", |stream| stream["shown"] == 3);
    drop(socket);
    let answer = post(&server, "broken", 40..45, "&takeover=true");
    assert_eq!(
        (&answer["accepted"], &answer["next"]),
        (&2.into(), &45.into())
    );
    assert_eq!(server.delete("/streams/broken").json()["shown"], 5);
}

#[test]
fn a_refusal_says_where_to_go_on() {
    let server = Server::start(&["--max-queued", "3", "--queue-wait", "0.1"]);
    let path = format!("/streams/full/frames?{QUERY}&framerate=1/1000&first=10");
    let answer = server.post(&path, &numbered_frames(10..19));
    // The first is shown, and three wait.
    answer.assert_refusal(503, &["\"accepted\":4", "\"next\":14"]);
    let interrupting = format!("{path}&interrupt=true");
    let answer = server.post(&interrupting, &numbered_frames(10..12));
    // What it drops may come again.
    assert_eq!(
        (&answer.json()["accepted"], &answer.json()["next"]),
        (&2.into(), &12.into())
    );
}

/// A server behind a balancer.
fn behind(balancer: &Balancer) -> Server {
    Server::start(&["--balancer", &format!("http://{}/", balancer.address)])
}

/// A port of this machine where nobody listens.
fn nowhere() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn viewers_are_let_go_when_posts_go_to_another_server() {
    let balancer = Balancer::start(nowhere());
    let (home, other) = (behind(&balancer), behind(&balancer));
    post(&other, "moved", 0..2, "");
    post(&other, "quiet", 0..2, "");
    let mut viewer = other.watch("moved");
    let _quiet = other.watch("quiet");
    // It leads nowhere, then to a server without such a stream, then here: no reason to go.
    for address in [nowhere(), home.address, other.address] {
        balancer.lead_to(address);
        post(&other, "pause", 0..1, "");
        let mut passing = other.watch("pause");
        post(&other, "pause", 0..120, "&interrupt=true");
        while passing.numbered_picture().unwrap().0 < 119 {}
    }
    assert_eq!(other.describe("moved")["viewers"], 1);
    balancer.lead_to(home.address);
    post(&home, "moved", 2..4, "");
    let numbers = patience::within("the end for the viewer", move || viewer.numbers());
    assert_eq!(numbers.last(), Some(&1));
    other.wait_for_end_of("moved");
    assert_eq!(home.describe("moved")["shown"], 2);
    assert_eq!(other.describe("quiet")["viewers"], 1);
    // It takes the stream back as well.
    assert_eq!(post(&other, "moved", 4..6, "")["next"], 6);
}

#[test]
fn a_balancer_that_does_not_answer_is_told_of_once() {
    let url = format!("http://{}", nowhere());
    let server = Server::start_with_log(&["--balancer", &url], Stdio::piped());
    post(&server, "alone", 0..1, "");
    let _viewer = server.watch("alone");
    // Longer than it is looked at three times
    post(&server, "clock", 0..200, "");
    server.wait_for("clock", |stream| stream["queued"] == 0);
    assert_eq!(server.describe("alone")["viewers"], 1);
    let log = server.end();
    assert_eq!(log.matches("--balancer").count(), 1, "{log}");
    for wrong in [
        "https://example.org",
        "10.0.0.1:80",
        "http://",
        "http://a/?b",
    ] {
        let output = patience::output(crate::server::program().args(["--balancer", wrong]));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            text.contains(wrong) && text.contains("http://HOST"),
            "{text}"
        );
    }
}
