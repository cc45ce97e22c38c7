//! What a post says of its frames, and reading them from its body.

use crate::options::{MIB, Options};
use crate::refusal::Refusal;
use crate::turn::{self, Turn};
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use gstlipsyncframes::media::float_video::{self, FloatVideoInfo, LipSyncFramesRange};
use gstlipsyncframes::pixel::MAX_SIZE;
use http_body_util::BodyExt;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const CONTENT_TYPE: &str = "application/octet-stream";
const PARAMETERS: [&str; 5] = ["format", "width", "height", "framerate", "range"];

/// The frames of a post: `?format=BGR_F32LE&width=640&height=360&framerate=25&range=unit`.
#[derive(Debug, Clone, Copy)]
pub struct FrameKind {
    pub info: FloatVideoInfo,
    pub range: LipSyncFramesRange,
}

impl FrameKind {
    /// Reads the query of `uri`.
    pub fn from_query(uri: &Uri, options: &Options) -> Result<Self, Refusal> {
        let Query(parameters) = Query::<HashMap<String, String>>::try_from_uri(uri)
            .map_err(|error| Refusal::invalid(error.body_text(), "a query", uri))?;
        let unknown = |name: &&String| !PARAMETERS.contains(&name.as_str());
        if let Some(name) = parameters.keys().find(unknown) {
            return Err(Refusal::invalid(
                "the query has an unknown parameter",
                PARAMETERS.join(", "),
                name,
            ));
        }
        let given = |name: &str| parameters.get(name).map(String::as_str);

        let info = FloatVideoInfo::new(
            format(given("format"))?,
            size("width", given("width"))?,
            size("height", given("height"))?,
            framerate(given("framerate").unwrap_or("25"))?,
        );
        let most = options.max_frame * MIB;
        if info.frame_bytes() as u64 > most {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "a frame is too large",
                format!("at most {most} bytes (--max-frame)"),
                format!("{info}, {} bytes", info.frame_bytes()),
            ));
        }
        let range = range(given("range").unwrap_or("unit"))?;
        Ok(Self { info, range })
    }

    /// As the parameter `range` has it.
    pub fn range_name(&self) -> &'static str {
        let name = float_video::ranges().find(|(_, range)| *range == self.range);
        name.map_or("", |(name, _)| name)
    }

    /// How long a frame is shown.
    pub fn frame_duration(&self) -> Duration {
        let rate = self.info.framerate;
        Duration::from_secs_f64(f64::from(rate.denom()) / f64::from(rate.numer()))
    }
}

fn format(text: Option<&str>) -> Result<gstlipsyncframes::pixel::FloatFormat, Refusal> {
    let found = float_video::formats().find(|(name, _)| Some(*name) == text);
    found.map(|(_, format)| format).ok_or_else(|| {
        let names: Vec<_> = float_video::formats().map(|(name, _)| name).collect();
        parameter("format", &names.join(", "), text)
    })
}

fn size(name: &str, text: Option<&str>) -> Result<u32, Refusal> {
    let size = text.and_then(|text| text.parse().ok());
    size.filter(|&size| (1..=MAX_SIZE).contains(&size))
        .ok_or_else(|| parameter(name, &format!("1 to {MAX_SIZE}"), text))
}

fn framerate(text: &str) -> Result<gst::Fraction, Refusal> {
    /// Slower, and a frame would be shown for an hour; faster, and nobody would see it.
    const FRAMES_PER_SECOND: std::ops::RangeInclusive<f64> = 1.0 / 3600.0..=1000.0;
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    match (numerator.parse(), denominator.parse()) {
        (Ok(numerator @ 1..=i32::MAX), Ok(denominator @ 1..=i32::MAX))
            if FRAMES_PER_SECOND.contains(&(f64::from(numerator) / f64::from(denominator))) =>
        {
            Ok(gst::Fraction::new(numerator, denominator))
        }
        _ => Err(parameter(
            "framerate",
            "frames per second, up to 1000, such as 25 or 30000/1001",
            Some(text),
        )),
    }
}

fn range(text: &str) -> Result<LipSyncFramesRange, Refusal> {
    let found = float_video::ranges().find(|(name, _)| *name == text);
    found.map(|(_, range)| range).ok_or_else(|| {
        let names: Vec<_> = float_video::ranges().map(|(name, _)| name).collect();
        parameter("range", &names.join(", "), Some(text))
    })
}

fn parameter(name: &str, expected: &str, got: Option<&str>) -> Refusal {
    let got = got.map_or_else(|| "none".into(), |text| format!("{text:?}"));
    Refusal::invalid(format!("the parameter {name} is wrong"), expected, got)
}

/// Refuses what cannot be a batch of such frames, before any of its body is read.
pub fn check_headers(
    headers: &HeaderMap,
    kind: &FrameKind,
    options: &Options,
) -> Result<(), Refusal> {
    // Browsers do not send this type to a foreign server without asking it first, so that no web page
    // can post to a server on its reader's machine.
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.as_bytes());
    if content_type != Some(CONTENT_TYPE.as_bytes()) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "the body has a content type that frames do not have",
            CONTENT_TYPE,
            content_type.map_or_else(|| "none".into(), String::from_utf8_lossy),
        ));
    }
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "the body is compressed",
            "no Content-Encoding, or identity",
            String::from_utf8_lossy(encoding.as_bytes()),
        ));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(length) if length > options.max_body * MIB => Err(too_large(options, length)),
        Some(length) => check_length(length, &kind.info),
        // Sent in chunks, so that the end is not known yet
        None => Ok(()),
    }
}

pub fn check_length(length: u64, info: &FloatVideoInfo) -> Result<(), Refusal> {
    let frame = info.frame_bytes() as u64;
    if length > 0 && length.is_multiple_of(frame) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "the body is not a whole number of frames",
        format!("one or more frames of {info}, {frame} bytes each"),
        format!(
            "{length} bytes: {} frames and {} bytes over",
            length / frame,
            length % frame
        ),
    ))
}

fn too_large(options: &Options, got: u64) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "the body is too large",
        format!("at most {} bytes (--max-body)", options.max_body * MIB),
        format!("{got} bytes"),
    )
}

/// Bytes a second that a client must send at least, on the whole.
const LEAST_RATE: f64 = 64.0 * 1024.0;

/// How long what a refused client still sends is read, and thrown away.
const LINGERING: Duration = Duration::from_secs(3);

/// The body of a post, read frame by frame.
pub struct FrameBody<'a> {
    body: Body,
    turn: Turn,
    options: &'a Options,
    /// Came with the frame before
    rest: Bytes,
    read: u64,
    /// For the client, all in all
    waited: Duration,
    began: Instant,
}

impl<'a> FrameBody<'a> {
    pub fn new(body: Body, turn: Turn, options: &'a Options) -> Self {
        Self {
            body,
            turn,
            options,
            rest: Bytes::new(),
            read: 0,
            waited: Duration::ZERO,
            began: Instant::now(),
        }
    }

    /// Whether there is more to read.
    pub async fn has_more(&mut self) -> Result<bool, Refusal> {
        let began = Instant::now();
        let more = timeout(self.patience(), self.receive()).await;
        self.waited += began.elapsed();
        more.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// Waits for the turn to receive, if it is not there yet.
    pub async fn take_turn(&mut self) -> Result<(), Refusal> {
        self.turn.take(self.options).await
    }

    /// Lets others receive, while this post has to wait for something.
    pub fn give_way(&mut self) {
        self.turn.give_way();
    }

    /// Fills `frame`.
    ///
    /// # Errors
    ///
    /// Where the body ends before, the client goes away or takes too long. What has been read into
    /// `frame` then is of no use.
    pub async fn read(&mut self, frame: &mut [u8], info: &FloatVideoInfo) -> Result<(), Refusal> {
        let began = Instant::now();
        let filled = timeout(self.patience(), self.fill(frame, info)).await;
        self.waited += began.elapsed();
        filled.unwrap_or_else(|_| Err(self.too_slow()))
    }

    /// How long the client may take for a frame now. A byte now and then does not make it longer, nor do
    /// many small frames.
    fn patience(&self) -> Duration {
        let earned = Duration::from_secs_f64(self.read as f64 / LEAST_RATE);
        let left = (self.options.client_timeout + earned).saturating_sub(self.waited);
        left.min(self.options.client_timeout)
    }

    async fn fill(&mut self, frame: &mut [u8], info: &FloatVideoInfo) -> Result<(), Refusal> {
        let mut filled = 0;
        while filled < frame.len() {
            if !self.receive().await? {
                return Err(check_length(self.read, info).err().unwrap_or_else(|| {
                    Refusal::failed("the body ended, and a frame was expected")
                }));
            }
            let length = self.rest.len().min(frame.len() - filled);
            frame[filled..filled + length].copy_from_slice(&self.rest.split_to(length));
            filled += length;
        }
        Ok(())
    }

    /// Sees to it that something is in `rest`, if there is more.
    async fn receive(&mut self) -> Result<bool, Refusal> {
        while self.rest.is_empty() {
            let received = match timeout(turn::PATIENCE, self.body.frame()).await {
                Ok(received) => received,
                Err(_) => {
                    self.turn.give_way();
                    self.body.frame().await
                }
            };
            let Some(received) = received else {
                return Ok(false);
            };
            let received = received.map_err(|error| {
                Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "cut-off",
                    format!("the body was cut off: {error}"),
                    "a body to its end",
                    format!("{} bytes", self.read),
                )
            })?;
            // Trailers are of no interest.
            self.rest = received.into_data().unwrap_or_default();
            self.read += self.rest.len() as u64;
            if self.read > self.options.max_body * MIB {
                return Err(too_large(self.options, self.read));
            }
        }
        Ok(true)
    }

    fn too_slow(&self) -> Refusal {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "the body comes too slowly",
            format!(
                "a frame within {:?} (--client-timeout), and {} KiB a second",
                self.options.client_timeout,
                LEAST_RATE / 1024.0
            ),
            format!("{} bytes in {:?}", self.read, self.waited),
        )
    }

    /// Answers with `refusal` when the client has sent its body, so that it comes to reading the answer:
    /// closing the connection at once would reset it, and many clients then say no more than that.
    pub async fn refuse(mut self, headers: &HeaderMap, refusal: Refusal) -> Response {
        /// Clients that ask before they send do so unasked after about a second.
        const ASKING: Duration = Duration::from_millis(500);
        self.turn.give_way();
        let is_asking = headers.contains_key(header::EXPECT) && self.began.elapsed() < ASKING;
        if !is_asking && refusal.status() != StatusCode::REQUEST_TIMEOUT {
            // However much it is: it may be too much that it is refused for.
            let everything = async { while let Some(Ok(_)) = self.body.frame().await {} };
            let _ = timeout(LINGERING, everything).await;
        }
        refusal.into_response()
    }
}
