//! A server of its own for each test, and clients for it.

use crate::frames::{FRAME_BYTES, QUERY, given_number, numbered_frame, picture, read_number};
use crate::patience::{self, PATIENCE};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

/// What the server answered.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Server {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with_log(arguments, Stdio::inherit())
    }

    pub fn start_with_log(arguments: &[&str], log: Stdio) -> Self {
        let mut child = program()
            .env("RUST_LOG", "warn")
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let line = patience::within("the server's first line", move || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line
        });
        let address = line
            .trim_end()
            .strip_prefix("Listening on http://")
            .and_then(|rest| rest.strip_suffix('/'))
            .unwrap_or_else(|| panic!("{line:?}"));
        let address = address.parse().unwrap();
        Self { child, address }
    }

    /// The first thing that is logged, of a server that was started with a pipe for that.
    pub fn first_logged(&mut self) -> String {
        let mut log = BufReader::new(self.child.stderr.take().unwrap());
        patience::within("the first line of the log", move || {
            let mut line = String::new();
            log.read_line(&mut line).unwrap();
            line
        })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn put(&self, path: &str) -> Answer {
        Answer::new(agent().put(self.url(path)).send_empty())
    }

    pub fn put_frames(&self, path: &str, body: &[u8]) -> Answer {
        let request = agent()
            .put(self.url(path))
            .header("Content-Type", "application/octet-stream");
        Answer::new(request.send(body))
    }

    pub fn get(&self, path: &str) -> Answer {
        Answer::new(agent().get(self.url(path)).call())
    }

    pub fn delete(&self, path: &str) -> Answer {
        Answer::new(agent().delete(self.url(path)).call())
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.post_with(path, &[("Content-Type", "application/octet-stream")], body)
    }

    pub fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = agent().post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::new(request.send(body))
    }

    /// Posts frames with these numbers, 25 a second.
    pub fn post_numbers(&self, stream: &str, numbers: std::ops::Range<u64>) -> Answer {
        self.post_numbers_at(stream, numbers, 25)
    }

    pub fn post_numbers_at(
        &self,
        stream: &str,
        numbers: std::ops::Range<u64>,
        rate: u64,
    ) -> Answer {
        let path = format!("/streams/{stream}/frames?{QUERY}&framerate={rate}");
        self.post(&path, &numbered_frames(numbers))
    }

    /// What the server knows of a stream.
    pub fn describe(&self, stream: &str) -> Value {
        let answer = self.get(&format!("/streams/{stream}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until `condition` holds for what the server knows of a stream.
    pub fn wait_for(&self, stream: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let what = format!("what should be known of {stream}");
        patience::until_right(&what, || self.describe(stream), condition)
    }

    /// The same for a stream that may not have begun yet.
    pub fn wait_for_stream(&self, stream: &str, condition: impl Fn(&Value) -> bool) -> Value {
        patience::until("the beginning of a stream", || self.has(stream));
        self.wait_for(stream, condition)
    }

    /// Waits until a stream is not there any more.
    pub fn wait_for_end_of(&self, stream: &str) {
        patience::until("the end of a stream", || !self.has(stream));
    }

    fn has(&self, stream: &str) -> bool {
        self.get(&format!("/streams/{stream}")).status != 404
    }

    /// Opens a connection and sends `head`.
    pub fn send(&self, head: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(head.as_bytes()).unwrap();
        socket
    }

    /// The head of a post of `length` bytes to `stream`.
    pub fn post_head(&self, stream: &str, length: usize) -> String {
        format!(
            "POST /streams/{stream}/frames?{QUERY}&framerate=1000 HTTP/1.1\r\nHost: {}\r\n\
             Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n",
            self.address
        )
    }

    /// Begins to watch a stream.
    pub fn watch(&self, stream: &str) -> Viewer {
        Viewer::new(self.send(&self.watch_head(stream)))
    }

    pub fn watch_head(&self, stream: &str) -> String {
        format!(
            "GET /streams/{stream}.mjpeg HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address
        )
    }

    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        let killed = Command::new("kill").arg(pid).status().unwrap();
        assert!(killed.success());
    }

    /// Nobody reads the log any more.
    pub fn close_log(&mut self) {
        drop(self.child.stderr.take());
    }

    /// Stops the server, and returns its log.
    pub fn end(mut self) -> String {
        self.terminate();
        let mut stderr = self.child.stderr.take().unwrap();
        patience::within("the end of the log", move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        })
    }

    pub fn wait(mut self) -> ExitStatus {
        patience::end_of(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_media-server"));
    program
        .env("G_DEBUG", "fatal-criticals")
        .stdin(Stdio::null());
    // Whoever runs the tests may have a server of their own.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MEDIA_SERVER_")) {
        program.env_remove(name);
    }
    program
}

pub fn numbered_frames(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let picture = picture(0);
    numbers
        .flat_map(|number| numbered_frame(number, &picture))
        .collect()
}

/// `count` frames without a number.
pub fn frames(count: usize) -> Vec<u8> {
    picture(0).repeat(count)
}

pub const FRAME: usize = FRAME_BYTES;

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build()
        .into()
}

impl Answer {
    pub fn new(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Self {
        let mut answer = answer.expect("an answer");
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.body_mut().read_to_vec().expect("a whole answer"),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .to_str()
            .unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is a refusal with this status that says these things.
    pub fn assert_refusal(&self, status: u16, words: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        let json = self.json();
        for field in ["error", "expected", "got"] {
            assert!(
                json[field].as_str().is_some_and(|text| !text.is_empty()),
                "{json}"
            );
        }
        for word in words {
            assert!(self.text().contains(word), "no {word:?} in {self:?}");
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let text = self.text();
        let beginning: String = text.chars().take(500).collect();
        write!(f, "{} {:?} {beginning}", self.status, self.headers)
    }
}

/// Somebody who watches an MJPEG stream, picture by picture.
pub struct Viewer {
    reader: BufReader<TcpStream>,
    /// Of the chunk that is being read
    left: usize,
    has_begun: bool,
    has_ended: bool,
}

impl Viewer {
    pub fn new(socket: TcpStream) -> Self {
        let mut viewer = Self {
            reader: BufReader::new(socket),
            left: 0,
            has_begun: false,
            has_ended: false,
        };
        let head = viewer.read_head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.contains("multipart/x-mixed-replace; boundary=lipsyncframes"),
            "{head}"
        );
        viewer
    }

    fn read_head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.reader.read_line(&mut head).unwrap();
            assert_ne!(read, 0, "the connection ended: {head}");
        }
        head
    }

    /// A byte of the chunked body; `None` at its end.
    fn byte(&mut self) -> Option<u8> {
        if self.has_ended {
            return None;
        }
        if self.left == 0 {
            let mut size = String::new();
            while size.trim().is_empty() {
                size.clear();
                let read = self.reader.read_line(&mut size).unwrap();
                assert_ne!(read, 0, "the connection was cut off");
            }
            self.left = usize::from_str_radix(size.trim(), 16).unwrap();
            if self.left == 0 {
                self.has_ended = true;
                return None;
            }
        }
        self.left -= 1;
        let mut byte = [0];
        self.reader.read_exact(&mut byte).unwrap();
        Some(byte[0])
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte().expect("a whole line"));
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// The next picture's number, if it has one, and its JPEG; `None` after the last.
    pub fn picture(&mut self) -> Option<(Option<u64>, Vec<u8>)> {
        if !self.has_begun {
            assert_eq!(self.line(), "--lipsyncframes");
            self.read_part_head();
            self.has_begun = true;
        }
        const BOUNDARY: &[u8] = b"\r\n--lipsyncframes";
        let mut jpeg = Vec::new();
        while !jpeg.ends_with(BOUNDARY) {
            match self.byte() {
                Some(byte) => jpeg.push(byte),
                None => {
                    // Behind the last boundary, which the picture before was followed by.
                    assert_eq!(jpeg, b"");
                    return None;
                }
            }
        }
        jpeg.truncate(jpeg.len() - BOUNDARY.len());
        match self.line().as_str() {
            "" => self.read_part_head(),
            last => {
                assert_eq!(last, "--");
                assert_eq!(self.byte(), None);
            }
        }
        Some((given_number(&jpeg), jpeg))
    }

    /// It is there as soon as the picture before.
    fn read_part_head(&mut self) {
        assert_eq!(self.line(), "Content-Type: image/jpeg");
        assert_eq!(self.line(), "");
    }

    /// The next picture that has a number.
    pub fn numbered_picture(&mut self) -> Option<(u64, Vec<u8>)> {
        loop {
            if let (Some(number), jpeg) = self.picture()? {
                return Some((number, jpeg));
            }
        }
    }

    /// All numbers to the end, without those that came twice. Each is compared to that in the picture.
    pub fn numbers(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some((number, jpeg)) = self.numbered_picture() {
            assert_eq!(read_number(&jpeg), Ok(number));
            numbers.push(number);
        }
        numbers.dedup();
        numbers
    }
}
