//! What all parts of a server share, and what a program does with one.

use crate::config::Config;
use crate::error::Error;
use crate::http;
use crate::http::balancer::{self, Balancer};
use crate::http::convert::Converters;
use crate::http::metrics::{self, Metrics};
use crate::http::turn::Turns;
use crate::memory::Memory;
use crate::stream::Stream;
use crate::streams::{Streams, end_idle};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What all requests share.
pub struct Shared {
    pub config: Config,
    pub streams: Arc<Streams>,
    pub memory: Arc<Memory>,
    pub turns: Turns,
    pub converters: Arc<Converters>,
    pub metrics: Metrics,
    pub stopping: CancellationToken,
    viewers: Arc<()>,
}

impl Shared {
    /// Counts a viewer, for as long as what is returned is kept; `None` where there is no room for one.
    pub fn viewer(&self) -> Option<Arc<()>> {
        let viewer = self.viewers.clone();
        (Arc::strong_count(&viewer) - 1 <= self.config.limits.viewers).then_some(viewer)
    }
}

/// A media server: streams, and the HTTP around them. Clones are the same one.
#[derive(Clone)]
pub struct MediaServer(pub(crate) Arc<Shared>);

impl MediaServer {
    /// Starts what all requests share. To be called within a tokio runtime, when GStreamer has been
    /// initialised and the plugin registered.
    ///
    /// # Errors
    ///
    /// A sentence about a pipeline that does not start, or a balancer's URL that makes no sense.
    pub fn new(config: Config) -> Result<Self, String> {
        let latency = metrics::latency();
        let on_encoded = {
            let latency = latency.clone();
            move |duration: Duration| latency.observe(duration.as_secs_f64())
        };
        let streams = Arc::new(Streams::new(config.clone(), on_encoded));
        tokio::spawn(end_idle(Arc::downgrade(&streams), config.limits.idle));
        if let Some(balancer) = Balancer::new(&config.http)? {
            tokio::spawn(balancer::end_moved(Arc::downgrade(&streams), balancer));
        }
        Ok(Self(Arc::new(Shared {
            memory: Arc::new(Memory::new(&config.limits)),
            turns: Turns::new(),
            converters: Arc::new(Converters::new(&config)?),
            metrics: Metrics::new(streams.clone(), latency),
            streams,
            stopping: CancellationToken::new(),
            viewers: Arc::default(),
            config,
        })))
    }

    /// The stream of this name, which is started if there is none. It ends when nothing has been pushed for
    /// a while, unless [`Stream::keep`] is called.
    ///
    /// # Errors
    ///
    /// Where no stream can have this name, there are too many, or the server is stopping.
    pub fn start_stream(&self, name: &str) -> Result<Arc<Stream>, Error> {
        self.0.streams.find_or_start(name)
    }

    /// Ends a stream: it takes no more frames, and those that it has taken are shown.
    pub async fn end_stream(&self, stream: &Arc<Stream>) {
        self.0.streams.end(stream, false).await;
    }

    /// Ends a stream, and shows none of the frames that it has taken.
    pub async fn end_stream_now(&self, stream: &Arc<Stream>) {
        self.0.streams.end(stream, true).await;
    }

    /// All streams, by their names.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.0.streams.all()
    }

    /// What docs/media-server.md lists, to be nested under an application's own paths. There, the limits of
    /// connections are those of the application's server, and posts of several clients to one stream take
    /// turns.
    pub fn router(&self) -> axum::Router {
        http::router(&self.0)
    }

    /// Serves requests that come to `listener` until `stop` is there, and then until all that was accepted
    /// has been shown, or for `patience`: after that, what is left is shown at once.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
        patience: Duration,
    ) {
        let stopping = self.0.stopping.clone();
        tokio::spawn(async move {
            stop.await;
            stopping.cancel();
        });
        http::serve(self.clone(), listener, patience).await;
        info!("stopped");
    }

    /// Takes no more frames, and returns when all that was accepted has been shown. What is left after
    /// `patience` is shown at once.
    pub async fn drain(&self, patience: Duration) {
        self.0.stopping.cancel();
        self.0.streams.end_all(patience).await;
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }
}
