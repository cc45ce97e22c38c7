//! `GET /metrics`, for Prometheus.

use crate::error::Error;
use crate::http::query::Query;
use crate::http::refusal::Reason;
use crate::server::Shared;
use crate::stream::Stream;
use crate::streams::Streams;
use axum::extract::{Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gstlipsyncframes::pixel::pool;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;

/// From one frame's work to a second's, in seconds.
const LATENCIES: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

pub struct Metrics {
    registry: Registry,
    rejected: Family<[(&'static str, &'static str); 1], Counter>,
}

/// How long after the beginning of its post each frame was a JPEG.
pub fn latency() -> Histogram {
    Histogram::new(LATENCIES)
}

impl Metrics {
    pub fn new(streams: Arc<Streams>, latency: Histogram) -> Self {
        let mut registry = Registry::with_prefix("media_server");
        let rejected = Family::default();
        registry.register(
            "posts_rejected",
            "Posts that were answered with an error, by reason",
            rejected.clone(),
        );
        registry.register_with_unit(
            "post_to_jpeg",
            "Time from the beginning of a post to the JPEG of each of its frames",
            Unit::Seconds,
            latency,
        );
        registry.register_collector(Box::new(StreamMetrics { streams }));
        Self { registry, rejected }
    }
}

/// What is counted by the streams themselves, read when it is asked for.
struct StreamMetrics {
    streams: Arc<Streams>,
}

impl fmt::Debug for StreamMetrics {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("StreamMetrics").finish_non_exhaustive()
    }
}

/// A name, what it means, and its value for a stream
type Figure<T> = (&'static str, &'static str, fn(&Stream) -> T);

impl Collector for StreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let streams = self.streams.all();
        let streams = streams.as_slice();
        let counters: [Figure<u64>; 4] = [
            ("frames_accepted", "Frames accepted", |stream| {
                stream.counts().accepted
            }),
            ("frames_shown", "Frames shown to viewers", |stream| {
                stream.counts().shown
            }),
            (
                "frames_skipped",
                "Frames not shown because they were too late",
                |stream| stream.counts().skipped,
            ),
            (
                "frames_dropped",
                "Frames not shown because they were interrupted",
                |stream| stream.counts().dropped,
            ),
        ];
        for (name, help, count) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            of_each(metric, streams, |stream, metric| {
                ConstCounter::new(count(stream)).encode(metric)
            })?;
        }
        let gauges: [Figure<f64>; 4] = [
            (
                "frames_per_second",
                "Pictures shown in the last second",
                Stream::pictures_per_second,
            ),
            (
                "lag_seconds",
                "How much later than it should be the last frame was shown",
                |stream| stream.lag().as_secs_f64(),
            ),
            (
                "queue_depth",
                "Frames accepted and not shown yet",
                |stream| stream.counts().queued() as f64,
            ),
            ("viewers", "Viewers", |stream| stream.viewers() as f64),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            of_each(metric, streams, |stream, metric| {
                ConstGauge::new(value(stream)).encode(metric)
            })?;
        }
        let metric = encoder.encode_descriptor(
            "convert",
            "Time that lipsyncframes takes for a frame",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        of_each(metric, streams, encode_convert_times)?;

        let totals = [
            ("streams", "Streams", streams.len()),
            (
                "pool_threads",
                "Threads that all streams share, once one of them uses them",
                pool::running_threads(),
            ),
        ];
        for (name, help, value) in totals {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value as i64).encode(metric)?;
        }
        Ok(())
    }
}

fn of_each(
    mut metric: MetricEncoder,
    streams: &[Arc<Stream>],
    encode: impl Fn(&Stream, MetricEncoder) -> fmt::Result,
) -> fmt::Result {
    for stream in streams {
        encode(stream, metric.encode_family(&[("stream", stream.name())])?)?;
    }
    Ok(())
}

fn encode_convert_times(stream: &Stream, mut metric: MetricEncoder) -> fmt::Result {
    const NANOSECOND: f64 = 1e-9;
    let stats = stream.stats();
    let count = |field| stats.get::<u64>(field).unwrap_or(0);
    let values = |field| -> Vec<u64> {
        let array = stats.get::<gst::Array>(field);
        let array = array.as_ref().map(gst::Array::as_slice).unwrap_or_default();
        array.iter().map(|value| value.get().unwrap_or(0)).collect()
    };
    let bounds = values("convert-time-bounds");
    let counts = values("convert-time-counts");
    let mut buckets: Vec<_> = bounds
        .into_iter()
        .map(|bound| bound as f64 * NANOSECOND)
        .zip(counts)
        .collect();
    let frames = count("frames");
    let counted: u64 = buckets.iter().map(|(_, count)| count).sum();
    buckets.push((f64::INFINITY, frames.saturating_sub(counted)));
    let total = count("convert-time-total") as f64 * NANOSECOND;
    metric.encode_histogram::<NoLabelSet>(total, frames, &buckets, None)
}

pub async fn get_metrics(State(server): State<Arc<Shared>>, uri: Uri) -> Result<Response, Error> {
    Query::read(&uri, &[])?;
    let mut page = String::new();
    text::encode(&mut page, &server.metrics.registry)
        .map_err(|_| Error::failed("the metrics cannot be written"))?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], page).into_response())
}

/// Counts posts that are refused, whoever refuses them.
pub async fn count_refusals(
    State(server): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let is_post = request.method() == Method::POST;
    let response = next.run(request).await;
    if is_post && let Some(Reason(reason)) = response.extensions().get() {
        server
            .metrics
            .rejected
            .get_or_create(&[("reason", reason)])
            .inc();
    }
    response
}
