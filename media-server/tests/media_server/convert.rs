//! Batches in, JPEGs out, in one request.

use crate::frames::{QUERY, read_number};
use crate::server::{Answer, FRAME, Server, numbered_frames};
use std::io::Write;
use std::ops::Range;

fn convert(server: &Server, numbers: Range<u64>) -> Answer {
    server.post(&format!("/convert?{QUERY}"), &numbered_frames(numbers))
}

/// The JPEGs of a `multipart/mixed`.
fn jpegs(answer: &Answer) -> Vec<Vec<u8>> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let content_type = answer.header("content-type");
    let boundary = content_type
        .strip_prefix("multipart/mixed; boundary=")
        .unwrap();
    let mut rest = answer.body.as_slice();
    let mut jpegs = Vec::new();
    loop {
        rest = rest
            .strip_prefix(format!("--{boundary}").as_bytes())
            .unwrap();
        if rest == b"--\r\n" {
            return jpegs;
        }
        let head = b"\r\nContent-Type: image/jpeg\r\nContent-Length: ";
        rest = rest.strip_prefix(head).unwrap();
        let end = rest
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let length: usize = String::from_utf8_lossy(&rest[..end]).parse().unwrap();
        let jpeg = &rest[end + 4..][..length];
        jpegs.push(jpeg.to_vec());
        rest = rest[end + 4 + length..].strip_prefix(b"\r\n").unwrap();
    }
}

fn numbers(answer: &Answer) -> Vec<u64> {
    jpegs(answer)
        .iter()
        .map(|jpeg| read_number(jpeg).unwrap())
        .collect()
}

#[test]
fn a_batch_comes_back_as_jpegs_in_its_order() {
    let server = Server::start(&[]);
    assert_eq!(numbers(&convert(&server, 5..12)), [5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(numbers(&convert(&server, 3..4)), [3]);
    // Another kind, in the same pipeline: black
    let path = "/convert?format=BGR_F32LE&width=32&height=16&range=byte";
    let black = jpegs(&server.post(path, &vec![0; 32 * 16 * 12 * 2]));
    assert_eq!(black.len(), 2);
    let picture = image::load_from_memory(&black[0]).unwrap().into_luma8();
    // Pictures have the size of their frames where nobody says otherwise.
    assert_eq!(picture.dimensions(), (32, 16));
    assert!(picture.pixels().all(|pixel| pixel.0[0] == 0));
    assert_eq!(numbers(&convert(&server, 8..9)), [8]);
}

#[test]
fn many_requests_share_few_pipelines_and_get_what_is_theirs() {
    let server = Server::start(&["--converters", "2", "--queue-wait", "60"]);
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..3 {
                    let first = 1000 * client + 10 * round;
                    let expected: Vec<_> = (first..first + 5).collect();
                    assert_eq!(numbers(&convert(server, first..first + 5)), expected);
                }
            });
        }
    });
}

#[test]
fn bad_batches_are_refused_and_the_next_is_converted() {
    let server = Server::start(&[]);
    let path = format!("/convert?{QUERY}");
    let answer = server.post(&path, &[0; 100]);
    answer.assert_refusal(400, &["100 bytes", "1228800"]);
    server.post(&path, b"").assert_refusal(400, &["0 bytes"]);
    server.get(&path).assert_refusal(405, &["GET"]);
    assert_eq!(numbers(&convert(&server, 0..2)), [0, 1]);
}

#[test]
fn a_client_that_goes_away_and_a_batch_that_is_too_long_leave_the_next_alone() {
    let server = Server::start(&["--converters", "1", "--max-queued", "10"]);
    let head = server
        .post_head("none", 4 * FRAME)
        .replace("/streams/none/frames", "/convert");
    for _ in 0..5 {
        let mut socket = server.send(&head);
        socket.write_all(&numbered_frames(100..102)).unwrap();
    }
    convert(&server, 0..11).assert_refusal(413, &["--max-queued"]);
    assert_eq!(
        numbers(&convert(&server, 0..10)),
        (0..10).collect::<Vec<_>>()
    );
}

#[test]
fn a_pipeline_that_fails_is_replaced() {
    let encoder = "identity error-after=10 ! jpegenc";
    let server = Server::start(&["--encoder", encoder, "--converters", "1"]);
    convert(&server, 0..12).assert_refusal(500, &["Failed after"]);
    assert_eq!(numbers(&convert(&server, 0..2)), [0, 1]);
}

#[test]
fn clients_that_take_their_time_keep_no_converter() {
    let server = Server::start(&["--converters", "1", "--queue-wait", "60"]);
    let head = server
        .post_head("none", 4 * FRAME)
        .replace("/streams/none/frames", "/convert");
    let slow: Vec<_> = (0..3)
        .map(|_| {
            let mut socket = server.send(&head);
            socket
                .write_all(&numbered_frames(0..1)[..FRAME - 1])
                .unwrap();
            socket
        })
        .collect();
    assert_eq!(numbers(&convert(&server, 5..9)), [5, 6, 7, 8]);
    drop(slow);
}

#[test]
fn pictures_of_a_batch_have_the_size_and_fit_that_it_asks_for() {
    let server = Server::start(&["--width", "64", "--height", "64"]);
    let path = "/convert?format=BGR_F32LE&width=8&height=4";
    let size = |query: &str| {
        let white = 1_f32.to_le_bytes().repeat(8 * 4 * 3);
        let jpegs = jpegs(&server.post(&format!("{path}{query}"), &white));
        let picture = image::load_from_memory(&jpegs[0]).unwrap().into_luma8();
        (picture.dimensions(), picture.get_pixel(20, 0).0[0])
    };
    assert_eq!(size(""), ((64, 64), 255));
    assert_eq!(size("&out_width=40&out_height=30"), ((40, 30), 255));
    assert_eq!(size("&fit=borders"), ((64, 64), 0));
    assert_eq!(size(""), ((64, 64), 255));
}
