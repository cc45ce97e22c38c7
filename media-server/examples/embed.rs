//! A product's own server with a stream in it: a network in the same process pushes its frames, without
//! HTTP and without copying them; viewers watch under the product's own paths; what is said is
//! interrupted; and the server stops when all is shown.
//!
//! ```text
//! cargo run --release -p media-server --example embed
//! ```
//!
//! and <http://127.0.0.1:8090/> shows it. It ends by itself after a while, or with Ctrl-C.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use gstlipsyncframes::media::float_video::{FloatVideoInfo, LipSyncFramesRange};
use gstlipsyncframes::pixel::{ChannelOrder, FloatFormat, Layout, Sample};
use media_server::{Config, Error, FrameKind, HttpConfig, MediaServer, Stream, StreamConfig};
use std::io::Write;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const SIDE: usize = 256;
const FRAMES_PER_SECOND: i32 = 25;
const BATCH: usize = 5;

const PAGE: &str = "<!doctype html><title>A product's own page</title>\
                    <img src=/media/streams/host.mjpeg alt='The stream host'>";

/// What the network emits: float32 BGR, H x W x C, 0 to 1.
fn kind() -> FrameKind {
    let format = FloatFormat {
        sample: Sample::F32,
        layout: Layout::Interleaved,
        order: ChannelOrder::Bgr,
    };
    let framerate = gst::Fraction::new(FRAMES_PER_SECOND, 1);
    FrameKind {
        info: FloatVideoInfo::new(format, SIDE as u32, SIDE as u32, framerate),
        range: LipSyncFramesRange::Unit,
    }
}

/// A batch of a network: a bar of this blue, green and red that moves from left to right.
fn infer(colour: [f32; 3], first: usize) -> Vec<u8> {
    let mut batch = Vec::with_capacity(BATCH * SIDE * SIDE * 12);
    for frame in first..first + BATCH {
        for pixel in 0..SIDE * SIDE {
            let is_bar = (pixel % SIDE).abs_diff(frame * 4 % SIDE) < 16;
            for sample in colour {
                let level = if is_bar { sample } else { 0.1 };
                batch.extend_from_slice(&level.to_le_bytes());
            }
        }
    }
    batch
}

/// Speaks for so many batches. Each is pushed as soon as there is room for it.
async fn speak(stream: &Stream, colour: [f32; 3], batches: usize) -> Result<(), Error> {
    for batch in 0..batches {
        // The buffer takes the memory over, and lipsyncframes reads it in place.
        let buffer = gst::Buffer::from_slice(infer(colour, batch * BATCH));
        stream.push(kind(), buffer).await?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    gst::init()?;
    gstlipsyncframes::plugin_register_static()?;

    let config = Config {
        stream: StreamConfig {
            max_lag: Some(Duration::from_secs(10)),
            ..StreamConfig::default()
        },
        http: HttpConfig::default(),
        ..Config::default()
    };
    let media = MediaServer::new(config)?;
    // Before its first frame, so that viewers may come first, and it stays over pauses.
    let stream = media.start_stream("host")?;
    stream.keep();
    let application = Router::new()
        .route("/", get(async || Html(PAGE)))
        .nest("/media", media.router());
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8090")).await?;
    let address = listener.local_addr()?;
    let _ = writeln!(std::io::stdout(), "Listening on http://{address}/");
    let stop = CancellationToken::new();
    let serving = axum::serve(listener, application)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let serving = tokio::spawn(serving);

    let talking = async {
        const BLUE: [f32; 3] = [1.0, 0.3, 0.1];
        const RED: [f32; 3] = [0.1, 0.2, 1.0];
        // 8 s of an answer, of which somebody hears two
        speak(&stream, BLUE, 40).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let dropped = stream.interrupt();
        let _ = writeln!(
            std::io::stdout(),
            "Interrupted: {dropped} frames are not shown"
        );
        speak(&stream, RED, 10).await
    };
    tokio::select! {
        outcome = talking => outcome?,
        _ = tokio::signal::ctrl_c() => {}
    }
    media.drain(Duration::from_secs(5)).await;
    let counts = stream.counts();
    let _ = writeln!(
        std::io::stdout(),
        "{} frames accepted, {} shown, {} dropped",
        counts.accepted,
        counts.shown,
        counts.dropped
    );
    // Until viewers have seen the end; those who do not read are not waited for.
    stop.cancel();
    let _ = timeout(Duration::from_secs(5), serving).await;
    Ok(())
}
