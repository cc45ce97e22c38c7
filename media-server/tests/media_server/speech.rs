//! Interruptions, lag, pauses, and who may speak.

use crate::frames::{QUERY, read_number};
use crate::patience;
use crate::server::{FRAME, Server, frames, numbered_frames};
use std::io::Write;

/// A post to `stream` with more parameters.
fn path(stream: &str, more: &str) -> String {
    format!("/streams/{stream}/frames?{QUERY}{more}")
}

/// Each is shown for longer than any test takes.
const SLOW: &str = "&framerate=1/1000";

#[test]
fn what_is_queued_can_be_dropped_at_once() {
    let server = Server::start(&[]);
    let posted = server.post(&path("talk", SLOW), &numbered_frames(0..20));
    assert_eq!(posted.json()["accepted"], 20);
    let mut viewer = server.watch("talk");
    assert_eq!(viewer.numbered_picture().unwrap().0, 0);
    let answer = server.delete("/streams/talk/frames");
    assert_eq!(answer.json()["dropped"], 19, "{answer:?}");
    let stream = server.describe("talk");
    assert_eq!(
        (&stream["queued"], &stream["dropped"]),
        (&0.into(), &19.into())
    );
    assert_eq!(server.delete("/streams/talk/frames").json()["dropped"], 0);
    // It goes on with what comes then, though the last picture had long to go. Numbers are not used again.
    server.post(&path("talk", SLOW), &numbered_frames(20..21));
    assert_eq!(viewer.numbered_picture().unwrap().0, 20);
    server
        .delete("/streams/none/frames")
        .assert_refusal(404, &["none"]);
}

#[test]
fn a_post_can_interrupt_what_came_before() {
    let server = Server::start(&[]);
    server.post(&path("talk", SLOW), &numbered_frames(0..9));
    let mut viewer = server.watch("talk");
    assert_eq!(viewer.numbered_picture().unwrap().0, 0);
    let more = format!("{SLOW}&interrupt=true");
    let answer = server.post(&path("talk", &more), &numbered_frames(9..10));
    assert_eq!(answer.json()["accepted"], 1, "{answer:?}");
    assert_eq!(answer.header("x-lag-ms"), "0");
    assert_eq!(viewer.numbered_picture().unwrap().0, 9);
    assert_eq!(server.describe("talk")["dropped"], 8);
}

#[test]
fn an_interruption_breaks_off_the_post_under_way() {
    let server = Server::start(&["--max-queued", "3", "--queue-wait", "600"]);
    let path = path("talk", SLOW);
    std::thread::scope(|scope| {
        let full = scope.spawn(|| server.post(&path, &numbered_frames(0..9)));
        server.wait_for_stream("talk", |stream| stream["queued"] == 3);
        assert_eq!(server.delete("/streams/talk/frames").json()["dropped"], 3);
        let answer = full.join().unwrap();
        answer.assert_refusal(409, &["broken off", "interruption", "\"accepted\":4"]);
    });
    assert_eq!(server.describe("talk")["queued"], 0);
}

#[test]
fn a_stream_can_be_ended_at_once() {
    let server = Server::start(&[]);
    for slowest in ["1/3600", "1/1000"] {
        let path = path("slow", &format!("&framerate={slowest}"));
        server.post(&path, &numbered_frames(0..5));
        server.wait_for("slow", |stream| stream["shown"] == 1);
        let mut viewer = server.watch("slow");
        let answer = server.delete("/streams/slow?now=true");
        assert_eq!(answer.json()["dropped"], 4, "{answer:?}");
        assert_eq!(viewer.numbers(), [0]);
        server.get("/streams/slow").assert_refusal(404, &["slow"]);
    }
    // Also one that somebody else waits for.
    server.post(&path("slow", SLOW), &numbered_frames(0..5));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.delete("/streams/slow"));
        server.wait_for("slow", |stream| stream["state"] == "ending");
        assert_eq!(server.delete("/streams/slow?now=true").status, 200);
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

#[test]
fn frames_that_are_too_late_are_skipped_and_said() {
    let server = Server::start(&["--max-lag", "0.5"]);
    let answer = server.post(&path("late", SLOW), &numbered_frames(0..1));
    assert_eq!(answer.header("x-lag-ms"), "0");
    // The first is shown for 1000 s; all but the newest would be later than they may be.
    let answer = server.post(&path("late", ""), &numbered_frames(1..11));
    let lag: f64 = answer.header("x-lag-ms").parse().unwrap();
    assert!(lag > 990_000.0, "{lag}");
    server.wait_for("late", |stream| stream["skipped"] == 9);
    let metrics = server.get("/metrics").text();
    for line in [
        "media_server_frames_skipped_total{stream=\"late\"} 9",
        "media_server_frames_dropped_total{stream=\"late\"} 0",
        "media_server_lag_seconds{stream=\"late\"} 0.0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "no {line}:\n{metrics}"
        );
    }
    // A stream can have a bound of its own.
    server.post(&path("other", SLOW), &numbered_frames(0..1));
    server.post(&path("other", "&max_lag=5000"), &numbered_frames(1..11));
    server.wait_for("other", |stream| stream["queued"] == 10);
    assert_eq!(server.describe("other")["skipped"], 0);
    assert_eq!(server.put("/streams/other?max_lag=0").status, 200);
    server.wait_for("other", |stream| stream["skipped"] == 9);
}

#[test]
fn a_post_can_say_when_it_is_to_be_shown() {
    let server = Server::start(&[]);
    server.post(&path("timed", "&start=100"), &numbered_frames(0..1));
    server.wait_for("timed", |stream| stream["shown"] == 1);
    // An hour later, by the producer's clock
    let answer = server.post(&path("timed", "&start=3700"), &numbered_frames(1..2));
    assert_eq!(answer.header("x-lag-ms"), "0");
    server.post_numbers("pace", 0..26);
    assert_eq!(server.delete("/streams/pace").json()["shown"], 26);
    assert_eq!(server.describe("timed")["queued"], 1);
    // And 50 s too late
    server.delete("/streams/timed/frames");
    server.post(&path("timed", "&start=100"), &numbered_frames(1..2));
    let answer = server.post(&path("timed", "&start=50"), &numbered_frames(2..3));
    let lag: f64 = answer.header("x-lag-ms").parse().unwrap();
    assert!((50_000.0..60_000.0).contains(&lag), "{lag}");
    for wrong in ["x", "-1", "inf"] {
        server
            .post(&path("timed", &format!("&start={wrong}")), &frames(1))
            .assert_refusal(400, &["start", "seconds", wrong]);
    }
}

#[test]
fn a_viewer_may_come_before_the_first_frame_and_stay_over_pauses() {
    let server = Server::start(&["--idle-timeout", "0.3"]);
    let made = server.put("/streams/early");
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["kept"], true);
    assert_eq!(server.put("/streams/early").status, 200);
    server
        .get("/streams/early.jpg")
        .assert_refusal(404, &["no picture yet"]);
    let mut viewer = server.watch("early");
    server.post_numbers("early", 0..1);
    assert_eq!(viewer.numbered_picture().unwrap().0, 0);
    // Others are ended meanwhile.
    server.post_numbers("idle", 0..1);
    server.wait_for_end_of("idle");
    server.post_numbers("early", 1..2);
    assert_eq!(viewer.numbered_picture().unwrap().0, 1);
    assert_eq!(server.delete("/streams/early").status, 200);
    assert_eq!(viewer.numbers(), [1]);
    // One without a single frame ends as well.
    server.put("/streams/empty");
    let mut viewer = server.watch("empty");
    assert_eq!(server.delete("/streams/empty").json()["shown"], 0);
    assert!(viewer.numbers().is_empty());
    server
        .put("/streams/a%20b")
        .assert_refusal(400, &["a b", "1 to 64"]);
    server
        .put("/streams/x?width=320")
        .assert_refusal(400, &["width", "out_width"]);
}

#[test]
fn an_idle_loop_is_shown_whenever_nobody_speaks() {
    let server = Server::start(&["--max-queued", "6"]);
    let idle = format!("/streams/host/idle?{QUERY}&framerate=100");
    server
        .put_frames(&idle, &frames(1))
        .assert_refusal(404, &["host"]);
    server.put("/streams/host");
    server
        .put_frames(&idle, &frames(7))
        .assert_refusal(413, &["idle loop", "--max-queued"]);
    server
        .put_frames(&idle, b"abc")
        .assert_refusal(400, &["3 bytes"]);
    let answer = server.put_frames(&idle, &numbered_frames(500..503));
    assert_eq!(answer.json()["frames"], 3, "{answer:?}");
    let mut viewer = server.watch("host");
    // Its pictures have no number of their own, and come over and over.
    let mut drawn = Vec::new();
    while drawn.len() < 7 {
        let (number, jpeg) = viewer.picture().unwrap();
        assert_eq!(number, None);
        drawn.push(read_number(&jpeg).unwrap());
    }
    drawn.dedup();
    assert!(drawn.len() > 3, "{drawn:?}");
    assert!(drawn.iter().all(|number| (500..503).contains(number)));
    server.post_numbers("host", 0..3);
    assert_eq!(viewer.numbered_picture().unwrap().0, 0);
    let jpeg = loop {
        if let (None, jpeg) = viewer.picture().unwrap() {
            break jpeg;
        }
    };
    assert_eq!(read_number(&jpeg), Ok(500));
    let stream = server.describe("host");
    assert_eq!(
        (&stream["accepted"], &stream["shown"]),
        (&3.into(), &3.into())
    );
    assert_eq!(server.delete("/streams/host/idle").status, 200);
    assert_eq!(server.delete("/streams/host").json()["shown"], 3);
    while viewer.picture().is_some() {}
}

#[test]
fn one_producer_at_a_time_speaks() {
    let server = Server::start(&[]);
    let first = crate::server::agent();
    let post = |agent: &ureq::Agent, more: &str, number: u64| {
        let request = agent
            .post(server.url(&path("one", more)))
            .header("Content-Type", "application/octet-stream");
        crate::server::Answer::new(request.send(&numbered_frames(number..number + 1)[..]))
    };
    assert_eq!(post(&first, "", 0).status, 200);
    // The connection of the first is still there.
    let second = crate::server::agent();
    post(&second, "", 9).assert_refusal(409, &["somebody else", "takeover=true"]);
    assert_eq!(post(&first, "", 1).status, 200);
    assert_eq!(post(&second, "&takeover=true", 2).status, 200);
    post(&first, "", 9).assert_refusal(409, &["somebody else"]);
    // One that has gone away is nobody.
    drop(second);
    patience::until("the end of a connection", || {
        post(&first, "", 3).status == 200
    });
    assert_eq!(server.delete("/streams/one").json()["shown"], 4);
}

#[test]
fn a_producer_that_has_died_makes_room_at_once() {
    // It waits for room in the queue, with more of its body on the way than is read.
    let server = Server::start(&["--max-queued", "2", "--queue-wait", "86400"]);
    let head = server
        .post_head("restarted", 9 * FRAME)
        .replace("framerate=1000", "framerate=1/1000");
    let mut died = server.send(&head);
    died.write_all(&numbered_frames(0..3)).unwrap();
    died.write_all(&[0; 1000]).unwrap();
    server.wait_for_stream("restarted", |stream| stream["queued"] == 2);
    drop(died);
    let more = format!("{SLOW}&interrupt=true");
    patience::until("room for another", || {
        let answer = server.post(&path("restarted", &more), &numbered_frames(3..4));
        answer.status == 200
    });
}

#[test]
fn pictures_have_the_size_of_their_frames_or_the_one_asked_for() {
    let server = Server::start(&[]);
    let white = 1_f32.to_le_bytes().repeat(64 * 32 * 3);
    let frames = "/streams/sized/frames?format=RGB_F32LE&width=64&height=32&framerate=1000";
    let picture = |shown: u64| {
        server.wait_for("sized", |stream| stream["shown"] == shown);
        let jpeg = server.get("/streams/sized.jpg").body;
        image::load_from_memory(&jpeg).unwrap().into_luma8()
    };
    let is_white = |pixel: &image::Luma<u8>| pixel.0[0] >= 254;
    server.post(frames, &white);
    assert_eq!(picture(1).dimensions(), (64, 32));
    server.post(&format!("{frames}&out_width=96&out_height=96"), &white);
    assert_eq!(picture(2).dimensions(), (96, 96));
    assert!(picture(2).pixels().all(is_white));
    // What was asked for stays, until something else is.
    server.post(&format!("{frames}&fit=borders"), &white);
    let bordered = picture(3);
    assert_eq!(bordered.dimensions(), (96, 96));
    for (y, is_border) in [(0, true), (16, true), (48, false), (80, true), (95, true)] {
        let pixel = bordered.get_pixel(48, y);
        assert_eq!(is_white(pixel), !is_border, "{y}: {pixel:?}");
    }
    assert_eq!(
        server
            .put("/streams/sized?fit=stretch&out_height=20")
            .status,
        200
    );
    server.post(frames, &white);
    assert_eq!(picture(4).dimensions(), (96, 20));
    server
        .post(&format!("{frames}&fit=crop"), &white)
        .assert_refusal(400, &["fit", "stretch or borders", "crop"]);
    server
        .post(&format!("{frames}&out_width=0"), &white)
        .assert_refusal(400, &["out_width", "1 to 16384"]);
}
