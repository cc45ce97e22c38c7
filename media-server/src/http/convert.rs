//! `POST /convert`: a batch of frames in, their JPEGs out, for clients that deliver them on their own.

use crate::config::{Config, StreamConfig};
use crate::error::{Error, ErrorKind};
use crate::frame_kind::FrameKind;
use crate::http::frames::{FrameBody, Frames, check_headers, check_length};
use crate::http::query::{self, Query};
use crate::pipeline::{CONVERTING, JpegPipeline, Output, lock, strictly};
use crate::server::Shared;
use crate::stream::FrameSource;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const BOUNDARY: &str = "lipsyncframes";

/// What pictures are made of, and what they are like.
type Job = (FrameKind, StreamConfig);

/// A pipeline that stays, for one frame after the other.
struct Converter {
    pipeline: JpegPipeline<oneshot::Sender<Bytes>>,
    /// What was converted last
    job: Option<Job>,
}

/// A limited number of converters, started when they are needed and kept. Each has one frame at a time, and
/// none while a client takes its time to send the next.
pub struct Converters {
    config: Config,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Converter>>,
}

impl Converters {
    /// Starts one of them, so that what is wrong with the encoder is found before the first request.
    pub fn new(config: &Config) -> Result<Self, String> {
        let first = strictly(|| Converter::start(config))?;
        Ok(Self {
            config: config.clone(),
            places: Arc::new(Semaphore::new(config.limits.converters)),
            idle: Mutex::new(vec![first]),
        })
    }

    /// Begins to convert a frame, as soon as there is a converter.
    async fn convert(
        self: &Arc<Self>,
        job: Job,
        frame: gst::Buffer,
    ) -> Result<JoinHandle<Result<Bytes, Error>>, Error> {
        let limits = &self.config.limits;
        let place = timeout(limits.queue_wait, self.places.clone().acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Err(Error::busy(
                "all converters are at work",
                format!(
                    "one to be free within {:?} (--queue-wait)",
                    limits.queue_wait
                ),
                format!("none of {} (--converters)", limits.converters),
            ));
        };
        let mut converter = self.take(job)?;
        let jpeg = converter.begin(job, frame)?;
        let converters = self.clone();
        // A task of its own: whoever asked may be waiting for their client.
        Ok(tokio::spawn(async move {
            let jpeg = jpeg.await.map_err(|_| converter.failure())?;
            // Where it has failed, it goes, and so does what is inside.
            lock(&converters.idle).push(converter);
            drop(place);
            Ok(jpeg)
        }))
    }

    /// A converter, one that has done the same before if there is one.
    fn take(&self, job: Job) -> Result<Converter, Error> {
        let mut idle = lock(&self.idle);
        let same = idle
            .iter()
            .rposition(|converter| converter.job == Some(job));
        let converter = match same {
            Some(index) => Some(idle.remove(index)),
            None => idle.pop(),
        };
        drop(idle);
        match converter {
            Some(converter) => Ok(converter),
            None => Converter::start(&self.config).map_err(Error::failed),
        }
    }
}

impl Converter {
    fn start(config: &Config) -> Result<Self, String> {
        let on_output = |output: Output<oneshot::Sender<Bytes>>| {
            if let Output::Jpeg(jpeg, sender) = output {
                // It fails where the request is gone.
                let _ = sender.send(Bytes::copy_from_slice(jpeg));
            }
        };
        Ok(Self {
            pipeline: JpegPipeline::start(&config.encoding, &config.stream, on_output)?,
            job: None,
        })
    }

    fn begin(&mut self, job: Job, frame: gst::Buffer) -> Result<oneshot::Receiver<Bytes>, Error> {
        if self.job.replace(job) != Some(job) {
            let (kind, config) = job;
            self.pipeline.set_range(kind.range);
            self.pipeline.set_shape(&config);
            self.pipeline.set_input(&kind.info);
        }
        let (sender, jpeg) = oneshot::channel();
        self.pipeline.push(frame, sender).map_err(Error::failed)?;
        Ok(jpeg)
    }

    fn failure(&self) -> Error {
        let failure = self.pipeline.failure();
        Error::failed(failure.unwrap_or_else(|| "the pipeline has ended".into()))
    }
}

/// Converts a batch.
pub async fn post_convert(State(server): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, mut body) = FrameBody::new(request, &server);
    match convert(&server, &parts, &mut body).await {
        Ok(jpegs) => multipart(&jpegs),
        Err(error) => body.refuse(&parts.headers, error).await,
    }
}

async fn convert(
    server: &Shared,
    parts: &Parts,
    body: &mut FrameBody<'_>,
) -> Result<Vec<Bytes>, Error> {
    if server.stopping.is_cancelled() {
        return Err(Error::stopping());
    }
    let limits = &server.config.limits;
    let shape = &["out_width", "out_height", "fit"];
    let query = Query::read(&parts.uri, &[query::FRAMES, shape])?;
    let kind = query.frame_kind(limits.frame)?;
    let job = (kind, query.stream_config(server.config.stream)?);
    let expected = query.frame_count()?;
    check_headers(&parts.headers, &kind, expected, limits)?;
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
    let converting = Arc::new(Semaphore::new(CONVERTING));
    let mut conversions = Vec::new();
    while frames.has_more().await? {
        if conversions.len() == limits.queued {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the batch has too many frames",
                format!("at most {} (--max-queued)", limits.queued),
                "more",
            ));
        }
        let frame = frames.read(&converting).await?;
        conversions.push(server.converters.convert(job, frame).await?);
    }
    let mut jpegs = Vec::with_capacity(conversions.len());
    for conversion in conversions {
        let jpeg = conversion.await;
        jpegs.push(jpeg.map_err(|error| Error::failed(error.to_string()))??);
    }
    Ok(jpegs)
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
