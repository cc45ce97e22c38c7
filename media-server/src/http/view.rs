//! `GET /streams/{name}.mjpeg`, `.jpg`, `GET /streams/{name}` and `GET /streams`.

use crate::error::{Error, ErrorKind};
use crate::http::query::Query;
use crate::picture::{BOUNDARY, PART_HEAD, Picture};
use crate::server::Shared;
use crate::stream::{Newest, State as StreamState, Stream};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What a browser may add to a picture's address, so that it does not take it for one that it knows.
const VERSION: &[&str] = &["v"];

/// `name.mjpeg` is a stream to watch, `name.jpg` its newest picture, and `name` what is known of it.
pub async fn get_stream(
    State(server): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Error> {
    let Path(file) = path?;
    if let Some(name) = file.strip_suffix(".mjpeg") {
        Query::read(&uri, &[VERSION])?;
        watch(&server, name)
    } else if let Some(name) = file.strip_suffix(".jpg") {
        Query::read(&uri, &[VERSION])?;
        newest_picture(&server, name)
    } else {
        Query::read(&uri, &[])?;
        let stream = server.streams.find(&file)?;
        Ok(Json(describe(&stream)).into_response())
    }
}

/// What the page shows.
pub async fn get_streams(
    State(server): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    Query::read(&uri, &[])?;
    let streams: Vec<_> = server
        .streams
        .all()
        .iter()
        .map(|stream| describe(stream))
        .collect();
    Ok(Json(json!({ "streams": streams })))
}

/// What is known of a stream.
pub fn describe(stream: &Stream) -> Value {
    let (state, error) = match stream.state() {
        StreamState::Running => ("running", None),
        StreamState::Ending => ("ending", None),
        StreamState::Failed(failure) => ("failed", Some(failure)),
    };
    let counts = stream.counts();
    let stats = stream.stats();
    let milliseconds = |field| stats.get::<u64>(field).unwrap_or(0) as f64 / 1e6;
    json!({
        "name": stream.name(),
        "id": stream.id(),
        "state": state,
        "error": error,
        "kept": stream.is_kept(),
        "input": stream.kind().map(|kind| kind.info.to_string()),
        "accepted": counts.accepted,
        "shown": counts.shown,
        "skipped": counts.skipped,
        "dropped": counts.dropped,
        "queued": counts.queued(),
        "next": stream.next_number(),
        "lag_ms": stream.lag().as_secs_f64() * 1e3,
        "viewers": stream.viewers(),
        "frames_per_second": stream.pictures_per_second(),
        "convert_p50_ms": milliseconds("convert-time-p50"),
        "convert_p99_ms": milliseconds("convert-time-p99"),
    })
}

fn newest_picture(server: &Shared, name: &str) -> Result<Response, Error> {
    let stream = server.streams.find(name)?;
    let picture = stream.newest().borrow().clone().ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "the stream has no picture yet",
            "a request after its first frame",
            "one before",
        )
    })?;
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let number = picture
        .number
        .map(|number| [("x-frame-number", number.to_string())]);
    let mut response = (headers, picture.jpeg()).into_response();
    if let Some(number) = number {
        response = (number, response).into_response();
    }
    Ok(response)
}

fn watch(server: &Shared, name: &str) -> Result<Response, Error> {
    let stream = server.streams.find(name)?;
    if let StreamState::Failed(failure) = stream.state() {
        return Err(stream.has_failed(&failure));
    }
    let viewer = Viewer::new(server, &stream)?;
    // The first boundary is the end of nothing.
    let start = Bytes::from(format!("--{BOUNDARY}\r\n{PART_HEAD}"));
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
    last: Option<Arc<Picture>>,
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
    fn new(server: &Shared, stream: &Stream) -> Result<Self, Error> {
        let of_server = server.viewer().ok_or_else(|| {
            Error::new(
                ErrorKind::TooMany,
                "there are as many viewers as there may be",
                format!("at most {} (--max-viewers)", server.config.limits.viewers),
                "one more",
            )
        })?;
        let mut newest = stream.newest();
        // So that a viewer who comes between two pictures does not wait for the second.
        newest.mark_changed();
        Ok(Self {
            newest,
            sending: Arc::new(Semaphore::new(1)),
            patience: server.config.http.client_timeout,
            last: None,
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
        while self.newest.changed().await.is_ok() {
            let picture = self.newest.borrow_and_update().clone();
            if let Some(picture) = picture {
                self.last = Some(picture.clone());
                let sending = Sending {
                    picture,
                    _permit: permit,
                };
                return Some(Ok(Bytes::from_owner(sending)));
            }
        }
        self.is_over = true;
        Some(Ok(self.end().into()))
    }

    /// The end of the part that has begun already, and of all: the last picture once more, because an empty
    /// one would take its place.
    fn end(&self) -> Vec<u8> {
        let last = self.last.as_ref().map(|picture| picture.jpeg());
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        [last.unwrap_or_default().as_ref(), end.as_bytes()].concat()
    }
}
