//! The body of a post: what its headers say of it, and reading its frames.

use crate::config::{HttpConfig, Limits};
use crate::error::{Error, ErrorKind};
use crate::frame_kind::FrameKind;
use crate::http::connection::Connection;
use crate::http::turn::{self, Turn};
use crate::memory::Memory;
use crate::server::Shared;
use crate::stream::FrameSource;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use gstlipsyncframes::media::float_video::FloatVideoInfo;
use headers::{ContentType, HeaderMapExt};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const CONTENT_TYPE: &str = "application/octet-stream";

/// Refuses what cannot be a batch of such frames, before any of its body is read.
pub fn check_headers(
    headers: &HeaderMap,
    kind: &FrameKind,
    frames: Option<u64>,
    limits: &Limits,
) -> Result<(), Error> {
    // Browsers do not send this type to a foreign server without asking it first, so that no web page
    // can post to a server on its reader's machine.
    let content_type = headers.typed_get::<ContentType>().map(mime::Mime::from);
    if content_type.is_none_or(|mime| !mime.essence_str().eq_ignore_ascii_case(CONTENT_TYPE)) {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .filter(|value| !value.is_empty());
        return Err(Error::new(
            ErrorKind::MediaType,
            "the body has a content type that frames do not have",
            CONTENT_TYPE,
            content_type.map_or_else(
                || "none".into(),
                |value| String::from_utf8_lossy(value.as_bytes()),
            ),
        ));
    }
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Error::new(
            ErrorKind::MediaType,
            "the body is compressed",
            "no Content-Encoding, or identity",
            String::from_utf8_lossy(encoding.as_bytes()),
        ));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > limits.body => Err(too_large(limits, length)),
        Some(length) => {
            check_length(length, &kind.info)?;
            check_count(length / kind.info.frame_bytes() as u64, frames, &kind.info)
        }
        // Sent in chunks, so that the end is not known yet
        None => Ok(()),
    }
}

pub fn check_length(length: u64, info: &FloatVideoInfo) -> Result<(), Error> {
    let frame = info.frame_bytes() as u64;
    if length > 0 && length.is_multiple_of(frame) {
        return Ok(());
    }
    Err(Error::invalid(
        "the body is not a whole number of frames",
        format!("one or more frames of {info}, {frame} bytes each"),
        format!(
            "{length} bytes: {} frames and {} bytes over",
            length / frame,
            length % frame
        ),
    ))
}

/// Refuses a body with another number of frames than it was said to have: of floats of 64 bits, for one.
fn check_count(count: u64, expected: Option<u64>, info: &FloatVideoInfo) -> Result<(), Error> {
    match expected {
        Some(expected) if count != expected => Err(Error::invalid(
            "the body has another number of frames than the parameter frames says",
            format!("{expected} of {info}, {} bytes each", info.frame_bytes()),
            format!("{count}"),
        )),
        _ => Ok(()),
    }
}

fn too_large(limits: &Limits, got: u64) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        "the body is too large",
        format!("at most {} bytes (--max-body)", limits.body),
        format!("{got} bytes"),
    )
}

/// Bytes a second that a client must send at least, on the whole.
const LEAST_RATE: f64 = 64.0 * 1024.0;

/// How long nothing may come from a refused client until the connection is closed, and how long what comes
/// is read at most.
const LINGERING: Duration = Duration::from_secs(3);
const LONGEST_LINGERING: Duration = Duration::from_secs(120);

/// The body of a post, read frame by frame.
pub struct FrameBody<'a> {
    body: Body,
    turn: Turn,
    limits: &'a Limits,
    http: &'a HttpConfig,
    /// None where another server than ours has accepted it
    connection: Option<Arc<Connection>>,
    /// Came with the frame before
    rest: Bytes,
    read: u64,
    has_begun: bool,
    /// For the client, all in all
    waited: Duration,
}

impl<'a> FrameBody<'a> {
    /// The body of `request`, and the rest of it.
    pub fn new(request: Request, server: &'a Shared) -> (Parts, Self) {
        let (parts, body) = request.into_parts();
        let limits = &server.config.limits;
        let body = Self {
            body,
            turn: server.turns.turn(limits.queue_wait),
            limits,
            http: &server.config.http,
            connection: parts.extensions.get().cloned(),
            rest: Bytes::new(),
            read: 0,
            has_begun: false,
            waited: Duration::ZERO,
        };
        (parts, body)
    }

    /// Whether there is more to read.
    pub async fn has_more(&mut self) -> Result<bool, Error> {
        let began = Instant::now();
        let more = timeout(self.patience(), self.receive()).await;
        self.waited += began.elapsed();
        more.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// Lets others receive, while this post has to wait for something.
    pub fn give_way(&mut self) {
        self.turn.give_way();
    }

    /// Receives the next frame into memory: the one copy that is made of it in this process.
    ///
    /// # Errors
    ///
    /// Where there is no memory, the body ends before, the client goes away or takes too long.
    pub async fn read(
        &mut self,
        info: &FloatVideoInfo,
        memory: &Arc<Memory>,
        converting: &Arc<Semaphore>,
    ) -> Result<gst::Buffer, Error> {
        self.turn.take().await?;
        let mut memory = memory
            .take(info.frame_bytes(), converting, self.limits)
            .await?;
        let began = Instant::now();
        let filled = timeout(self.patience(), self.fill(memory.as_mut(), info)).await;
        self.waited += began.elapsed();
        filled.unwrap_or_else(|_| Err(self.too_slow()))?;
        Ok(gst::Buffer::from_slice(memory))
    }

    /// How long the client may take for a frame now. A byte now and then does not make it longer, nor do
    /// many small frames.
    fn patience(&self) -> Duration {
        let client_timeout = self.http.client_timeout;
        let earned = Duration::from_secs_f64(self.read as f64 / LEAST_RATE);
        let left = (client_timeout + earned).saturating_sub(self.waited);
        left.min(client_timeout)
    }

    async fn fill(&mut self, frame: &mut [u8], info: &FloatVideoInfo) -> Result<(), Error> {
        let mut filled = 0;
        while filled < frame.len() {
            if !self.receive().await? {
                return Err(check_length(self.read, info)
                    .err()
                    .unwrap_or_else(|| Error::failed("the body ended, and a frame was expected")));
            }
            let length = self.rest.len().min(frame.len() - filled);
            frame[filled..filled + length].copy_from_slice(&self.rest.split_to(length));
            filled += length;
        }
        Ok(())
    }

    /// Sees to it that something is in `rest`, if there is more.
    async fn receive(&mut self) -> Result<bool, Error> {
        while self.rest.is_empty() {
            self.has_begun = true;
            let starved = self.starved();
            let began = Instant::now();
            let received = match timeout(turn::PATIENCE, self.body.frame()).await {
                Ok(received) => received,
                Err(_) => {
                    self.turn.give_way_to_faster();
                    self.body.frame().await
                }
            };
            let Some(received) = received else {
                return Ok(false);
            };
            let received = received.map_err(|error| {
                Error::new(
                    ErrorKind::CutOff,
                    format!("the body was cut off: {error}"),
                    "a body to its end",
                    format!("{} bytes", self.read),
                )
            })?;
            // Trailers are of no interest.
            self.rest = received.into_data().unwrap_or_default();
            self.read += self.rest.len() as u64;
            let starved = match (starved, self.starved()) {
                (Some(before), Some(now)) => now - before,
                _ => began.elapsed(),
            };
            self.turn.count(self.rest.len(), starved);
            if self.read > self.limits.body {
                return Err(too_large(self.limits, self.read));
            }
        }
        Ok(true)
    }

    fn starved(&self) -> Option<Duration> {
        self.connection
            .as_ref()
            .map(|connection| connection.starved())
    }

    fn too_slow(&self) -> Error {
        Error::new(
            ErrorKind::TooSlow,
            "the body comes too slowly",
            format!(
                "a frame within {:?} (--client-timeout), and {} KiB a second",
                self.http.client_timeout,
                LEAST_RATE / 1024.0
            ),
            format!("{} bytes in {:?}", self.read, self.waited),
        )
    }

    /// Answers with `error` when the client has sent its body, so that it comes to reading the answer:
    /// closing the connection at once would reset it, and many clients then say no more than that.
    pub async fn refuse(mut self, headers: &HeaderMap, error: Error) -> Response {
        self.turn.give_way();
        // A client that asks first has not sent anything before it is told to.
        let is_asking = headers.contains_key(header::EXPECT) && !self.has_begun;
        if !is_asking && error.kind() != ErrorKind::TooSlow {
            let _ = timeout(LONGEST_LINGERING, self.read_to_end()).await;
        }
        error.into_response()
    }

    /// Reads what still comes, however much it is: it may be too much that it is refused for.
    async fn read_to_end(&mut self) {
        while let Ok(Some(Ok(_))) = timeout(LINGERING, self.body.frame()).await {}
    }
}

/// The frames of a post.
pub struct Frames<'a, 'b> {
    pub body: &'b mut FrameBody<'a>,
    pub kind: FrameKind,
    pub memory: &'b Arc<Memory>,
    /// How many were announced
    pub expected: Option<u64>,
    /// How many there were so far
    pub count: u64,
}

impl FrameSource for Frames<'_, '_> {
    async fn has_more(&mut self) -> Result<bool, Error> {
        let has_more = self.body.has_more().await?;
        let is_too_many = has_more && self.expected == Some(self.count);
        if !has_more || is_too_many {
            check_count(
                self.count + u64::from(is_too_many),
                self.expected,
                &self.kind.info,
            )?;
        }
        Ok(has_more)
    }

    fn give_way(&mut self) {
        self.body.give_way();
    }

    async fn read(&mut self, converting: &Arc<Semaphore>) -> Result<gst::Buffer, Error> {
        let frame = self
            .body
            .read(&self.kind.info, self.memory, converting)
            .await?;
        self.count += 1;
        Ok(frame)
    }
}
