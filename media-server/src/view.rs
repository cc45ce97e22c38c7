//! `GET /streams/{name}.mjpeg`, `.jpg`, `GET /streams/{name}` and `GET /streams`.

use crate::refusal::Refusal;
use crate::server::Server;
use crate::stream::{BOUNDARY, Newest, Picture, State as StreamState, Stream};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Chromium shows a picture when the head of the next has come. Where none comes for so long, the last one
/// is sent once more.
const HOLD_BACK: Duration = Duration::from_millis(100);

/// `name.mjpeg` is a stream to watch, `name.jpg` its newest picture, and `name` what is known of it.
pub async fn get_stream(
    State(server): State<Arc<Server>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(file) = path?;
    if let Some(name) = file.strip_suffix(".mjpeg") {
        watch(&server, name)
    } else if let Some(name) = file.strip_suffix(".jpg") {
        newest_picture(&server, name)
    } else {
        let stream = server.streams.find(&file)?;
        Ok(Json(describe(&stream)).into_response())
    }
}

/// What the page shows.
pub async fn get_streams(State(server): State<Arc<Server>>) -> Json<Value> {
    let streams: Vec<_> = server
        .streams
        .all()
        .iter()
        .map(|stream| describe(stream))
        .collect();
    Json(json!({ "streams": streams }))
}

fn describe(stream: &Stream) -> Value {
    let (state, error) = match stream.state() {
        StreamState::Running => ("running", None),
        StreamState::Ending => ("ending", None),
        StreamState::Failed(failure) => ("failed", Some(failure)),
    };
    let stats = stream.stats();
    let milliseconds = |field| stats.get::<u64>(field).unwrap_or(0) as f64 / 1e6;
    json!({
        "name": stream.name,
        "id": stream.id,
        "state": state,
        "error": error,
        "input": stream.kind().info.to_string(),
        "accepted": stream.accepted(),
        "shown": stream.shown(),
        "queued": stream.queued(),
        "viewers": stream.viewers(),
        "frames_per_second": stream.frames_per_second(),
        "convert_p50_ms": milliseconds("convert-time-p50"),
        "convert_p99_ms": milliseconds("convert-time-p99"),
    })
}

fn newest_picture(server: &Server, name: &str) -> Result<Response, Refusal> {
    let stream = server.streams.find(name)?;
    let picture = stream.newest().borrow().clone().ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "the stream has no picture yet",
            "a request after its first frame",
            "one before",
        )
    })?;
    let headers = [
        (header::CONTENT_TYPE.as_str(), "image/jpeg".to_string()),
        (header::CACHE_CONTROL.as_str(), "no-store".to_string()),
        ("x-frame-number", picture.number.to_string()),
    ];
    Ok((headers, picture.jpeg.clone()).into_response())
}

fn watch(server: &Server, name: &str) -> Result<Response, Refusal> {
    let stream = server.streams.find(name)?;
    if let StreamState::Failed(failure) = stream.state() {
        return Err(stream.has_failed(&failure));
    }
    let viewer = Viewer::new(server, &stream)?;
    // The first boundary is the end of nothing.
    let start = Bytes::from(format!("--{BOUNDARY}\r\n"));
    let parts = stream::unfold((viewer, Some(start)), |(mut viewer, start)| async {
        let part = match start {
            Some(start) => Some(Ok(start)),
            None => viewer.next_part().await,
        };
        part.map(|part| (part, (viewer, None)))
    });
    let content_type = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store".into()),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// Somebody who watches a stream, at their own pace.
struct Viewer {
    newest: Newest,
    /// Taken while a part is on its way into the socket. Only then is the next one chosen, so that it is
    /// the newest: a slow viewer skips pictures instead of lagging behind.
    sending: Arc<Semaphore>,
    patience: Duration,
    /// Whether the newest picture has been sent, and not twice
    is_held_back: bool,
    is_over: bool,
    _of_stream: Arc<()>,
    _of_server: Arc<()>,
}

/// A part of an MJPEG stream that is being sent.
struct Sending {
    picture: Arc<Picture>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.picture.part
    }
}

impl Viewer {
    fn new(server: &Server, stream: &Stream) -> Result<Self, Refusal> {
        let of_server = server.viewer().ok_or_else(|| {
            Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "there are as many viewers as there may be",
                format!("at most {} (--max-viewers)", server.options.max_viewers),
                "one more",
            )
        })?;
        let mut newest = stream.newest();
        // So that a viewer who comes between two pictures does not wait for the second.
        newest.mark_changed();
        Ok(Self {
            newest,
            sending: Arc::new(Semaphore::new(1)),
            patience: server.options.client_timeout,
            is_held_back: false,
            is_over: false,
            _of_stream: stream.viewer(),
            _of_server: of_server,
        })
    }

    /// The next part to send; an error where the viewer does not take the last one, which closes the
    /// connection; nothing after the last.
    async fn next_part(&mut self) -> Option<io::Result<Bytes>> {
        if self.is_over {
            return None;
        }
        let sent = self.sending.clone().acquire_owned();
        let Ok(Ok(permit)) = timeout(self.patience, sent).await else {
            return Some(Err(io::ErrorKind::TimedOut.into()));
        };
        loop {
            let changed = if self.is_held_back {
                self.is_held_back = false;
                timeout(HOLD_BACK, self.newest.changed()).await
            } else {
                Ok(self.newest.changed().await)
            };
            let changed = match changed {
                Ok(changed) => {
                    self.is_held_back = true;
                    changed
                }
                // The same once more
                Err(_) => Ok(()),
            };
            if changed.is_err() {
                self.is_over = true;
                // The boundary before it begins another part, which has to be there, then: an empty one.
                return Some(Ok(Bytes::from(format!("\r\n\r\n--{BOUNDARY}--\r\n"))));
            }
            let picture = self.newest.borrow_and_update().clone();
            if let Some(picture) = picture {
                let sending = Sending {
                    picture,
                    _permit: permit,
                };
                return Some(Ok(Bytes::from_owner(sending)));
            }
        }
    }
}
