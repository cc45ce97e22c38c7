//! Watching streams.

use crate::frames::read_number;
use crate::patience;
use crate::server::{Server, Viewer};
use std::io::Read;

#[test]
fn the_newest_picture_is_a_plain_jpeg() {
    let server = Server::start(&["--width", "320", "--height", "320"]);
    server.get("/streams/new.jpg").assert_refusal(404, &["new"]);
    server.post_numbers("new", 0..3);
    server.wait_for("new", |stream| stream["shown"] == 3);
    let answer = server.get("/streams/new.jpg");
    assert_eq!(answer.header("content-type"), "image/jpeg");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-frame-number"), "2");
    assert_eq!(read_number(&answer.body), Ok(2));
}

#[test]
fn a_viewer_who_comes_late_sees_the_newest_picture_at_once() {
    let server = Server::start(&[]);
    server.post_numbers("late", 0..2);
    server.wait_for("late", |stream| stream["shown"] == 2);
    let mut viewer = server.watch("late");
    assert_eq!(viewer.numbered_picture().unwrap().0, 1);
    assert_eq!(server.describe("late")["viewers"], 1);
    drop(viewer);
    server.post_numbers("late", 2..4);
    server.wait_for("late", |stream| stream["viewers"] == 0);
}

#[test]
fn a_slow_viewer_skips_pictures_and_delays_nobody() {
    let server = Server::start(&["--max-queued", "1000", "--client-timeout", "3600"]);
    server.post_numbers_at("busy", 0..1, 200);
    let socket = server.send(&server.watch_head("busy"));
    // As little as the kernel allows
    socket2::SockRef::from(&socket)
        .set_recv_buffer_size(1)
        .unwrap();
    let mut slow = Viewer::new(socket);
    let mut fast = server.watch("busy");
    let reading = std::thread::spawn(move || fast.numbers());
    for first in (1..1001).step_by(100) {
        server.post_numbers_at("busy", first..first + 100, 200);
    }
    // All of them are shown while it does not read.
    server.wait_for("busy", |stream| stream["queued"] == 0);
    assert_eq!(server.delete("/streams/busy").json()["shown"], 1001);
    // Its end came although the other, for whom the server would wait an hour, had not read a picture.
    let numbers = patience::within("the end for who reads", || reading.join()).unwrap();
    assert_eq!(numbers.last(), Some(&1000));
    let skipped = slow.numbers();
    assert_eq!(skipped.last(), Some(&1000));
    // It sees what was on its way into the sockets when it began to read, and then the newest.
    assert!(skipped.len() < 500, "{} pictures", skipped.len());
}

#[test]
fn a_viewer_who_never_reads_is_cut_off() {
    let server = Server::start(&["--client-timeout", "2", "--max-queued", "1000"]);
    server.post_numbers_at("unread", 0..1, 100);
    let mut socket = server.send(&server.watch_head("unread"));
    socket2::SockRef::from(&socket)
        .set_recv_buffer_size(1)
        .unwrap();
    server.wait_for("unread", |stream| stream["viewers"] == 1);
    for first in 0..4 {
        let posted = server.post_numbers_at("unread", 1 + 100 * first..101 + 100 * first, 100);
        assert_eq!(posted.status, 200, "{posted:?}");
    }
    server.wait_for("unread", |stream| stream["viewers"] == 0);
    // It was watching when it was cut off: the stream has not ended.
    assert_eq!(server.describe("unread")["state"], "running");
    let mut received = Vec::new();
    let _ = socket.read_to_end(&mut received);
    assert!(!received.ends_with(b"--lipsyncframes--\r\n\r\n0\r\n\r\n"));
}

#[test]
fn there_are_no_more_viewers_than_there_may_be() {
    let server = Server::start(&["--max-viewers", "2"]);
    server.post_numbers("full", 0..1);
    let viewers = [server.watch("full"), server.watch("full")];
    server
        .get("/streams/full.mjpeg")
        .assert_refusal(429, &["--max-viewers"]);
    // Single pictures are for everybody.
    server.wait_for("full", |stream| stream["shown"] == 1);
    assert_eq!(server.get("/streams/full.jpg").status, 200);
    drop(viewers);
}
