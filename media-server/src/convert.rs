//! `POST /convert`: a batch of frames in, their JPEGs out, for clients that deliver them on their own.

use crate::frames::{FrameBody, FrameKind, check_headers, check_length};
use crate::options::Options;
use crate::pipeline::{CONVERTING, JpegPipeline, Output, lock, strictly};
use crate::refusal::Refusal;
use crate::server::Server;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gstlipsyncframes::media::float_video::FloatVideoInfo;
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

const BOUNDARY: &str = "lipsyncframes";

/// A pipeline that stays, for one request after the other.
struct Converter {
    pipeline: JpegPipeline<()>,
    /// Closed where the pipeline fails
    jpegs: mpsc::UnboundedReceiver<Bytes>,
    converting: Arc<Semaphore>,
    /// What was converted last
    input: Option<FloatVideoInfo>,
}

/// A limited number of converters, started when they are needed and kept for the next request.
pub struct Converters {
    places: Semaphore,
    idle: Mutex<Vec<Converter>>,
}

impl Converters {
    /// Starts one of them, so that what is wrong with --encoder is found before the first request.
    pub fn new(options: &Options) -> Result<Self, String> {
        let first = strictly(|| Converter::start(options))?;
        Ok(Self {
            places: Semaphore::new(options.converters),
            idle: Mutex::new(vec![first]),
        })
    }
}

impl Converter {
    fn start(options: &Options) -> Result<Self, String> {
        let (sender, jpegs) = mpsc::unbounded_channel();
        let sender = Mutex::new(Some(sender));
        let pipeline = JpegPipeline::start(options, move |output| match output {
            Output::Jpeg(jpeg, ()) => {
                if let Some(sender) = &*lock(&sender) {
                    // It fails where the request is gone.
                    let _ = sender.send(Bytes::copy_from_slice(jpeg));
                }
            }
            Output::End | Output::Failed => drop(lock(&sender).take()),
        })?;
        Ok(Self {
            pipeline,
            jpegs,
            converting: Arc::new(Semaphore::new(CONVERTING)),
            input: None,
        })
    }

    /// Converts all frames of `body`. After an error, the converter is of no use any more.
    async fn convert(
        &mut self,
        kind: FrameKind,
        body: &mut FrameBody<'_>,
        server: &Server,
    ) -> Result<Vec<Bytes>, Refusal> {
        self.pipeline.set_range(kind.range);
        if self.input.replace(kind.info) != Some(kind.info) {
            self.pipeline.set_input(&kind.info);
        }
        let mut frames = 0;
        while body.has_more().await? {
            body.take_turn().await?;
            let bytes = kind.info.frame_bytes();
            if frames == server.options.max_queued {
                return Err(too_many(&server.options));
            }
            let memory = server.memory.take(bytes, &self.converting, &server.options);
            let mut memory = memory.await?;
            body.read(memory.as_mut(), &kind.info).await?;
            let frame = gst::Buffer::from_slice(memory);
            self.pipeline.push(frame, ()).map_err(Refusal::failed)?;
            frames += 1;
        }
        let mut jpegs = Vec::with_capacity(frames);
        while jpegs.len() < frames {
            let jpeg = self.jpegs.recv().await.ok_or_else(|| {
                let failure = self.pipeline.failure();
                Refusal::failed(failure.unwrap_or_else(|| "the pipeline has ended".into()))
            })?;
            jpegs.push(jpeg);
        }
        Ok(jpegs)
    }
}

/// Converts a batch.
pub async fn post_convert(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = FrameBody::new(body, server.turns.turn(), &server.options);
    match convert(&server, &parts, &mut body).await {
        Ok(jpegs) => multipart(&jpegs),
        Err(refusal) => body.refuse(&parts.headers, refusal).await,
    }
}

async fn convert(
    server: &Server,
    parts: &Parts,
    body: &mut FrameBody<'_>,
) -> Result<Vec<Bytes>, Refusal> {
    let options = &server.options;
    if server.stopping.is_cancelled() {
        return Err(Refusal::stopping());
    }
    let kind = FrameKind::from_query(&parts.uri, options)?;
    check_headers(&parts.headers, &kind, options)?;
    // So that those who are slow with it do not keep a converter.
    if !body.has_more().await? {
        check_length(0, &kind.info)?;
    }
    let converters = &server.converters;
    let _place = timeout(options.queue_wait, converters.places.acquire())
        .await
        .map_err(|_| {
            Refusal::busy(
                "all converters are at work",
                format!(
                    "one to be free within {:?} (--queue-wait)",
                    options.queue_wait
                ),
                format!("none of {} (--converters)", options.converters),
            )
        })?;
    let idle = lock(&converters.idle).pop();
    let mut converter = match idle {
        Some(converter) => converter,
        None => Converter::start(options).map_err(Refusal::failed)?,
    };
    // Where this is dropped half-way, the converter goes with it, and so does what is inside.
    let jpegs = converter.convert(kind, body, server).await?;
    lock(&converters.idle).push(converter);
    Ok(jpegs)
}

fn too_many(options: &Options) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "the batch has too many frames",
        format!("at most {} (--max-queued)", options.max_queued),
        "more",
    )
}

/// The pictures as one `multipart/mixed`, in their order.
fn multipart(jpegs: &[Bytes]) -> Response {
    let mut body = Vec::new();
    for jpeg in jpegs {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(jpeg);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let content_type = format!("multipart/mixed; boundary={BOUNDARY}");
    ([(header::CONTENT_TYPE, content_type)], Body::from(body)).into_response()
}
