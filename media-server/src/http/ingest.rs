//! What changes streams: `POST /streams/{name}/frames`, `PUT` and `DELETE`.

use crate::error::Error;
use crate::http::connection::Connection;
use crate::http::frames::{FrameBody, Frames, check_headers, check_length};
use crate::http::query::{self, Query};
use crate::http::view::describe;
use crate::server::Shared;
use crate::stream::{Post, Producer, Stream};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

type StreamName = Result<Path<String>, PathRejection>;

const POST: &[&str] = &["interrupt", "takeover", "start", "first"];

/// Takes a batch of any number of frames, and starts the stream with its first.
pub async fn post_frames(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    request: Request,
) -> Response {
    let (parts, mut body) = FrameBody::new(request, &server);
    match accept(&server, name, &parts, &mut body).await {
        Ok(answer) => answer.into_response(),
        Err(error) => refuse(&server, &parts.headers, body, error).await,
    }
}

async fn refuse(
    server: &Shared,
    headers: &HeaderMap,
    body: FrameBody<'_>,
    error: Error,
) -> Response {
    let error = if server.stopping.is_cancelled() {
        error.while_stopping()
    } else {
        error
    };
    body.refuse(headers, error).await
}

async fn accept(
    server: &Shared,
    name: StreamName,
    parts: &Parts,
    body: &mut FrameBody<'_>,
) -> Result<impl IntoResponse + use<>, Error> {
    let limits = &server.config.limits;
    let Path(name) = name?;
    let query = Query::read(&parts.uri, &[query::FRAMES, query::STREAM, POST])?;
    let kind = query.frame_kind(limits.frame)?;
    let expected = query.frame_count()?;
    let post = Post {
        producer: parts.extensions.get::<Arc<Connection>>().map(producer),
        is_takeover: query.flag("takeover")?,
        is_interruption: query.flag("interrupt")?,
        start: query.seconds("start")?,
        first: query.first_number()?,
    };
    query.stream_config(server.config.stream)?;
    check_headers(&parts.headers, &kind, expected, limits)?;
    // What can be refused before the client is told to send its body is.
    server.streams.check(&name)?;
    if let Ok(stream) = server.streams.find(&name) {
        stream.check_producer(&post)?;
    }
    if !body.has_more().await? {
        // Nor is there a stream of nothing.
        check_length(0, &kind.info)?;
    }
    let stream = server.streams.find_or_start(&name)?;
    stream.set_config(query.stream_config(stream.config())?);
    let mut frames = Frames {
        body,
        kind,
        memory: &server.memory,
        expected,
        count: 0,
    };
    let posted = stream.accept(kind, &post, &mut frames).await?;
    let lag = format!("{:.0}", posted.lag.as_secs_f64() * 1e3);
    let answer = json!({
        "accepted": posted.progress.accepted,
        "queued": stream.counts().queued(),
        "next": posted.progress.next,
        "id": stream.id(),
    });
    Ok(([("x-lag-ms", lag)], Json(answer)))
}

/// Whoever has this connection, as long as it is open.
fn producer(connection: &Arc<Connection>) -> Producer {
    let weak = Arc::downgrade(connection);
    Producer {
        id: connection.id,
        is_gone: Arc::new(move || {
            weak.upgrade()
                .is_none_or(|connection| connection.is_closed_by_client())
        }),
    }
}

/// Makes a stream that stays until it is deleted, or changes how one works.
pub async fn put_stream(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    uri: Uri,
) -> Result<(StatusCode, Json<Value>), Error> {
    let Path(name) = name?;
    let query = Query::read(&uri, &[query::STREAM])?;
    query.stream_config(server.config.stream)?;
    let status = match server.streams.find(&name) {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::CREATED,
    };
    let stream = server.streams.find_or_start(&name)?;
    stream.check()?;
    stream.set_config(query.stream_config(stream.config())?);
    stream.keep();
    Ok((status, Json(describe(&stream))))
}

/// Takes what is shown whenever there is nothing else to show.
pub async fn put_idle(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    request: Request,
) -> Response {
    let (parts, mut body) = FrameBody::new(request, &server);
    match accept_idle(&server, name, &parts, &mut body).await {
        Ok(count) => Json(json!({ "frames": count })).into_response(),
        Err(error) => refuse(&server, &parts.headers, body, error).await,
    }
}

async fn accept_idle(
    server: &Shared,
    name: StreamName,
    parts: &Parts,
    body: &mut FrameBody<'_>,
) -> Result<usize, Error> {
    let limits = &server.config.limits;
    let Path(name) = name?;
    let query = Query::read(&parts.uri, &[query::FRAMES])?;
    let kind = query.frame_kind(limits.frame)?;
    let expected = query.frame_count()?;
    check_headers(&parts.headers, &kind, expected, limits)?;
    let stream = server.streams.find(&name)?;
    stream.check()?;
    if !body.has_more().await? {
        check_length(0, &kind.info)?;
    }
    let mut frames = Frames {
        body,
        kind,
        memory: &server.memory,
        expected,
        count: 0,
    };
    stream.accept_idle(kind, &mut frames).await
}

/// From now on, the last picture stays where there is nothing to show.
pub async fn delete_idle(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let stream = find(&server, name, &uri)?;
    stream.clear_idle();
    Ok(Json(json!({})))
}

/// Drops what is queued.
pub async fn delete_frames(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let stream = find(&server, name, &uri)?;
    Ok(Json(json!({ "dropped": stream.interrupt() })))
}

fn find(server: &Shared, name: StreamName, uri: &Uri) -> Result<Arc<Stream>, Error> {
    let Path(name) = name?;
    Query::read(uri, &[])?;
    server.streams.find(&name)
}

/// Ends the stream, and answers when all that it has accepted is shown, or at once.
pub async fn delete_stream(
    State(server): State<Arc<Shared>>,
    name: StreamName,
    uri: Uri,
) -> Result<Json<Value>, Error> {
    let Path(name) = name?;
    let is_now = Query::read(&uri, &[&["now"]])?.flag("now")?;
    let stream = server.streams.find(&name)?;
    server.streams.end(&stream, is_now).await;
    let counts = stream.counts();
    Ok(Json(json!({
        "accepted": counts.accepted,
        "shown": counts.shown,
        "skipped": counts.skipped,
        "dropped": counts.dropped,
    })))
}
