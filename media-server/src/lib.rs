//! A streaming media server around `lipsyncframes`: networks post float frames, browsers watch the
//! JPEGs.
//!
//! ```text
//! cargo run --release -p media-server -- --demo talk.mp4
//! ```
//!
//! and http://127.0.0.1:8080/ shows it. `--help` shows everything else. The way of a frame:
//!
//! ```text
//! ingest.rs, convert.rs (HTTP in), demo.rs (a video instead)
//!   -> frames.rs (what is posted), turn.rs (whose turn it is), memory.rs (where it is put)
//!   -> pipeline.rs (appsrc ! lipsyncframes ! jpegenc ! appsink)
//!   -> stream.rs (queue and pace) -> view.rs, page.rs (HTTP out)
//! ```
//!
//! server.rs has the addresses, connections and stopping; access.rs says who may do what.

mod access;
mod convert;
mod demo;
mod frames;
mod ingest;
mod memory;
mod metrics;
mod options;
mod page;
mod pipeline;
mod refusal;
mod server;
mod stream;
mod streams;
mod turn;
mod view;

pub use options::{LogFormat, Options};
pub use server::Server;

use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;
use tracing::info;

/// Starts what all requests share, and the demo where there is one. To be called in the runtime that is to
/// serve; GStreamer and the plugin have been initialised.
///
/// # Errors
///
/// A sentence about a pipeline that does not start, or a video that cannot be shown.
pub fn start(options: Options) -> Result<Arc<Server>, String> {
    let server = Arc::new(Server::new(options)?);
    let idle = server.options.idle_timeout;
    tokio::spawn(server.streams.clone().end_idle(idle));
    if let Some(video) = &server.options.demo {
        demo::start(server.clone(), video)?;
    }
    Ok(server)
}

/// Serves requests that come to `listener` until `stop` is there, and then until all that was accepted has
/// been shown.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let stopping = server.stopping.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.cancel();
    });
    server::serve(server, listener).await;
    info!("stopped");
}
