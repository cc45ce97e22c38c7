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
    let path = "/convert?format=BGR_F32LE&width=8&height=6&range=byte";
    let black = jpegs(&server.post(path, &vec![0; 8 * 6 * 12 * 2]));
    assert_eq!(black.len(), 2);
    let picture = image::load_from_memory(&black[0]).unwrap().into_luma8();
    assert_eq!(picture.dimensions(), (320, 320));
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
    let server = Server::start(&["--encoder", "identity error-after=4 ! jpegenc"]);
    convert(&server, 0..6).assert_refusal(500, &["Failed after"]);
    assert_eq!(numbers(&convert(&server, 0..2)), [0, 1]);
}
