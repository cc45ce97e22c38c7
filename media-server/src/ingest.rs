//! `POST /streams/{name}/frames` and `DELETE /streams/{name}`.

use crate::frames::{FrameBody, FrameKind, check_headers, check_length};
use crate::refusal::Refusal;
use crate::server::Server;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Takes a batch of any number of frames, and starts the stream with its first.
pub async fn post_frames(
    State(server): State<Arc<Server>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = FrameBody::new(body, server.turns.turn(), &server.options);
    match accept(&server, path, &parts, &mut body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) if server.stopping.is_cancelled() => {
            body.refuse(&parts.headers, refusal.while_stopping()).await
        }
        Err(refusal) => body.refuse(&parts.headers, refusal).await,
    }
}

async fn accept(
    server: &Server,
    path: Result<Path<String>, PathRejection>,
    parts: &Parts,
    body: &mut FrameBody<'_>,
) -> Result<Value, Refusal> {
    let options = &server.options;
    let Path(name) = path?;
    let kind = FrameKind::from_query(&parts.uri, options)?;
    check_headers(&parts.headers, &kind, options)?;
    if !body.has_more().await? {
        // Nor is there a stream of nothing.
        check_length(0, &kind.info)?;
    }
    let metrics = server.metrics.clone();
    let on_encoded = move |duration| metrics.observe_latency(duration);
    let stream = server
        .streams
        .find_or_start(&name, kind, options, on_encoded)?;
    let accepted = stream.accept(kind, body, &server.memory, options).await?;
    Ok(json!({ "accepted": accepted, "queued": stream.queued() }))
}

/// Ends the stream, and answers when all that it has accepted is shown.
pub async fn delete_stream(
    State(server): State<Arc<Server>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let Path(name) = path?;
    let stream = server.streams.find(&name)?;
    server.streams.end(&stream).await;
    Ok(Json(
        json!({ "accepted": stream.accepted(), "shown": stream.shown() }),
    ))
}
