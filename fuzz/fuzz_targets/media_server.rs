//! The media server, from outside: whatever comes on a connection, it answers in HTTP, or closes.
//!
//! It runs in this process, on a socket, with all its patience as short as can be.

#![no_main]

mod gstreamer;

use libfuzzer_sys::arbitrary::{self, Unstructured};
use libfuzzer_sys::fuzz_target;
use media_server::{Config, HttpConfig, Limits, MediaServer, StreamConfig};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const TOKEN: &str = "0123456789abcdef";

/// All patience is this short.
const SOON: Duration = Duration::from_millis(10);

fn config(token: Option<&str>) -> Config {
    Config {
        limits: Limits {
            converters: 1,
            streams: 3,
            viewers: 2,
            queued: 4,
            body: 1 << 20,
            frame: 1 << 20,
            memory: 2 << 20,
            queue_wait: SOON,
            idle: SOON,
            ..Limits::default()
        },
        stream: StreamConfig {
            width: Some(16),
            height: Some(16),
            ..StreamConfig::default()
        },
        http: HttpConfig {
            token: token.map(Into::into),
            client_timeout: SOON,
            keep_alive: SOON,
            ..HttpConfig::default()
        },
        ..Config::default()
    }
}

/// How long an answer may take before the client sends no more. The server is then to give up what it
/// still waits for, whenever that is.
const PATIENCE: Duration = Duration::from_millis(20);

/// What every conversation ends with, so that the server closes.
const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    gstreamer::init();
    // It fails where there are too few bytes to make a case of.
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured) -> arbitrary::Result<()> {
    let config = config(u.ratio(1u8, 4)?.then_some(TOKEN));
    let mut requests = Vec::new();
    loop {
        request(u, &mut requests)?;
        if u.ratio(1u8, 2)? {
            break;
        }
    }
    if u.ratio(1u8, 4)? {
        let at = u.choose_index(requests.len())?;
        requests[at] = u.arbitrary()?;
    }
    if u.ratio(1u8, 8)? {
        requests.truncate(u.int_in_range(0..=requests.len())?);
    }
    requests.extend_from_slice(LAST);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let answers = runtime.block_on(converse(config, &requests));
    check(&answers);
    Ok(())
}

/// What a server answers to `requests`.
async fn converse(config: Config, requests: &[u8]) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = MediaServer::new(config).unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap() };
        server.serve(listener, stopped, SOON).await;
    });
    let mut connection = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = connection.split();
    let mut answers = Vec::new();
    // All of it ends in an error where the server closes before it has read everything.
    let write = async {
        let _ = writer.write_all(requests).await;
        tokio::time::sleep(PATIENCE).await;
        let _ = writer.shutdown().await;
        std::future::pending::<()>().await
    };
    tokio::select! {
        _ = reader.read_to_end(&mut answers) => {}
        () = write => {}
    }
    stop.send(()).unwrap();
    serving.await.unwrap();
    answers
}

fn request(u: &mut Unstructured, requests: &mut Vec<u8>) -> arbitrary::Result<()> {
    let method = text(
        u,
        &[
            "GET", "GET", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "PUT",
        ],
    )?;
    let paths = [
        "/streams/a/frames",
        "/streams/a/frames",
        "/streams/b/frames",
        "/streams/a/idle",
        "/streams/a",
        "/streams/a.jpg",
        "/streams/a.mjpeg",
        "/convert",
        "/convert",
        "/streams",
        "/metrics",
        "/",
        "/page.css",
        "/streams/%2e%ff/frames",
    ];
    let mut target = text(u, &paths)?;
    let (mut width, mut height) = (4, 2);
    let parameters: &[(&str, &str, &[&str])] = &[
        ("format", "BGR_F32LE", &["RGBP_F16LE", "bgr", ""]),
        ("width", "4", &["0", "16385", "-1"]),
        ("height", "2", &["400", "99999999999999999999", "%32"]),
        (
            "framerate",
            "25",
            &["30000/1001", "1/0", "2147483647/2147483647"],
        ),
        ("range", "unit", &["byte", "signed-unit", "none"]),
        ("frames", "1", &["2", "0", "18446744073709551615"]),
        ("interrupt", "false", &["true", "1"]),
        ("takeover", "false", &["true", ""]),
        ("now", "true", &["false"]),
        ("start", "0", &["0.04", "1e300", "-1", "31536000", "NaN"]),
        ("max_lag", "0", &["0.1", "inf"]),
        ("catch_up", "0", &["100", "101", "1e-300"]),
        ("out_width", "16", &["1", "16384", "0"]),
        ("fit", "stretch", &["borders", "crop"]),
        ("first", "0", &["7", "9007199254740993", "-1"]),
    ];
    for &(name, usual, values) in parameters {
        // Those behind the first five are there now and then.
        let is_usual = ["format", "width", "height", "framerate", "range"].contains(&name);
        if !is_usual && !u.ratio(1u8, 8)? {
            continue;
        }
        let value = if u.ratio(3u8, 4)? {
            usual.into()
        } else {
            text(u, values)?
        };
        if name == "width" {
            width = value.parse().unwrap_or(width);
        } else if name == "height" {
            height = value.parse().unwrap_or(height);
        }
        if u.ratio(7u8, 8)? {
            let separator = if target.contains('?') { '&' } else { '?' };
            target += &format!("{separator}{name}={value}");
        }
    }
    let frame = (width as usize)
        .saturating_mul(height)
        .saturating_mul(12)
        .min(20_000);
    let body = match u.int_in_range(0..=5u8)? {
        0 => 0,
        1 => frame.saturating_sub(1),
        2 => u.int_in_range(0..=2000)?,
        frames => frame * (usize::from(frames) - 2),
    };
    let version = if u.ratio(15u8, 16)? {
        "HTTP/1.1".into()
    } else {
        text(u, &["HTTP/1.0", "HTTP/2.0"])?
    };
    let mut head = format!("{method} {target} {version}\r\n");
    for (name, usual, values) in [
        (
            "Host",
            "127.0.0.1:8080",
            &["[::1]:80", "evil.example", "localhost:", "[", ":"][..],
        ),
        (
            "Content-Type",
            "application/octet-stream",
            &["text/plain", "application/octet-stream; a=b"],
        ),
        (
            "Authorization",
            "Bearer 0123456789abcdef",
            &[
                "Basic OjAxMjM0NTY3ODlhYmNkZWY=",
                "Basic",
                "Basic !",
                "Bearer",
            ],
        ),
    ] {
        let value = if u.ratio(3u8, 4)? {
            usual.into()
        } else {
            text(u, values)?
        };
        if u.ratio(15u8, 16)? {
            head += &format!("{name}: {value}\r\n");
        }
    }
    while !u.is_empty() && u.ratio(1u8, 4)? {
        let name = text(
            u,
            &[
                "Host",
                "Expect",
                "Content-Encoding",
                "Connection",
                "Sec-Fetch-Site",
                "Upgrade",
            ],
        )?;
        let value = text(
            u,
            &[
                "100-continue",
                "gzip",
                "identity",
                "close",
                "cross-site",
                "keep-alive",
            ],
        )?;
        head += &format!("{name}: {value}\r\n");
    }
    let bytes: Vec<u8> = (0..body).map(|at| (at * 7) as u8).collect();
    match u.int_in_range(0..=7u8)? {
        0 => {
            head += "Transfer-Encoding: chunked\r\n\r\n";
            requests.extend_from_slice(head.as_bytes());
            let most = u.int_in_range(1..=5000)?;
            for chunk in bytes.chunks(most) {
                requests.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                requests.extend_from_slice(chunk);
                requests.extend_from_slice(b"\r\n");
            }
            requests.extend_from_slice(b"0\r\n\r\n");
        }
        1 => {
            let length = text(
                u,
                &[
                    "0",
                    "1048577",
                    "18446744073709551615",
                    "18446744073709551616",
                    "-1",
                    "+5",
                    "1, 1",
                ],
            )?;
            requests
                .extend_from_slice(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
            requests.extend_from_slice(&bytes);
        }
        _ => {
            requests.extend_from_slice(format!("{head}Content-Length: {body}\r\n\r\n").as_bytes());
            requests.extend_from_slice(&bytes);
        }
    }
    Ok(())
}

/// One of those, or for once anything.
fn text(u: &mut Unstructured, usual: &[&str]) -> arbitrary::Result<String> {
    Ok(if u.ratio(1u8, 16)? {
        u.arbitrary::<String>()?
    } else {
        u.choose(usual)?.to_string()
    })
}

/// As far as answers say how long they are, there is one behind the other.
fn check(mut answers: &[u8]) {
    while !answers.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        let start = String::from_utf8_lossy(&answers[..answers.len().min(300)]);
        let head = match answer.parse(answers) {
            Ok(httparse::Status::Complete(head)) => head,
            other => panic!("{other:?}: {start}"),
        };
        let status = answer.code.unwrap();
        // Pipelines fail where there are no more threads or memory, and nothing else does.
        assert_ne!(status, 500, "{start}");
        let length = answer
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"));
        answers = &answers[head..];
        match length {
            // A HEAD is answered by what a GET would be, without its body.
            Some(_) if answers.starts_with(b"HTTP/1.1 ") => {}
            Some(length) => {
                let length: usize = std::str::from_utf8(length.value).unwrap().parse().unwrap();
                answers = answers.get(length..).unwrap_or_default();
            }
            None if status < 200 || status == 204 || status == 304 => {}
            None => return,
        }
    }
}
