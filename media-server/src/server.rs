//! HTTP: which address does what, connections and their limits, and stopping.

use crate::access;
use crate::convert::{Converters, post_convert};
use crate::frames::FrameBody;
use crate::ingest::{delete_stream, post_frames};
use crate::memory::Memory;
use crate::metrics::{self, Metrics};
use crate::options::Options;
use crate::page;
use crate::refusal::Refusal;
use crate::streams::Streams;
use crate::turn::Turns;
use crate::view::{get_stream, get_streams};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{delete, get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How long connections may take to close once all streams have ended.
const CLOSING: Duration = Duration::from_secs(5);

/// What waits unsent in a viewer's socket, in bytes: a picture or two, so that it is not old when it is
/// sent.
const UNSENT: u32 = 16 * 1024;

/// What all requests share.
pub struct Server {
    pub(crate) options: Options,
    pub(crate) streams: Arc<Streams>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) turns: Turns,
    pub(crate) converters: Converters,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stopping: CancellationToken,
    viewers: Arc<()>,
}

impl Server {
    /// # Errors
    ///
    /// A sentence about a pipeline that does not start.
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let streams = Arc::new(Streams::default());
        Ok(Self {
            memory: Arc::new(Memory::new(&options)),
            turns: Turns::new(),
            converters: Converters::new(&options)?,
            metrics: Arc::new(Metrics::new(streams.clone())),
            streams,
            stopping: CancellationToken::new(),
            viewers: Arc::default(),
            options,
        })
    }

    /// Counts a viewer, for as long as what is returned is kept; `None` where there is no room for one.
    pub(crate) fn viewer(&self) -> Option<Arc<()>> {
        let viewer = self.viewers.clone();
        (Arc::strong_count(&viewer) - 1 <= self.options.max_viewers).then_some(viewer)
    }
}

fn router(server: &Arc<Server>) -> Router {
    let posting = Router::new()
        .route("/streams/{name}/frames", post(post_frames))
        .route("/streams/{name}", delete(delete_stream))
        .route("/convert", post(post_convert))
        .route_layer(from_fn_with_state(server.clone(), access::posting));
    let viewing = Router::new()
        .route("/", get(page::get_page))
        .route("/page.css", get(page::get_style))
        .route("/page.js", get(page::get_script))
        .route("/streams", get(get_streams))
        .route("/streams/{name}", get(get_stream))
        .route("/metrics", get(metrics::get_metrics))
        .route_layer(from_fn_with_state(server.clone(), access::viewing));
    Router::new()
        .merge(posting)
        .merge(viewing)
        // Whether it runs is no secret, and those who ask have no token.
        .route("/healthz", get(async || "ok\n"))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(server.clone(), metrics::count_refusals))
        .layer(map_response(page::secure))
        .with_state(server.clone())
}

async fn no_such_path(State(server): State<Arc<Server>>, uri: Uri, request: Request) -> Response {
    let refusal = Refusal::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "there is nothing at this path",
        "/, /streams, /streams/NAME, /streams/NAME.mjpeg, /streams/NAME.jpg, /streams/NAME/frames, \
         /convert, /metrics, /healthz",
        uri.path(),
    );
    refuse(&server, request, refusal).await
}

async fn no_such_method(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    request: Request,
) -> Response {
    let refusal = Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        format!("this is not done at {}", uri.path()),
        "a method that the header Allow names",
        method,
    );
    refuse(&server, request, refusal).await
}

/// Refuses a request whose body nobody has read yet.
pub async fn refuse(server: &Server, request: Request, refusal: Refusal) -> Response {
    let (parts, body) = request.into_parts();
    FrameBody::new(body, server.turns.turn(), &server.options)
        .refuse(&parts.headers, refusal)
        .await
}

/// Serves requests until `server.stopping`, then lets streams and connections come to their end.
pub async fn serve(server: Arc<Server>, listener: TcpListener) {
    let router = router(&server);
    let connections = Arc::new(Semaphore::new(server.options.max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let place = connections.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, socket) = tokio::select! {
            accepted = accepted => accepted,
            () = server.stopping.cancelled() => break,
        };
        let socket = match socket {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Too many open files, usually: it passes when others close theirs.
                warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        tune(&socket, &server.options);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(server.options.client_timeout)
            .serve_connection(
                TokioIo::new(socket),
                TowerToHyperService::new(router.clone()),
            );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    info!("stopping: accepted frames are still shown");
    server.streams.end_all(server.options.stop_timeout).await;
    if timeout(CLOSING, graceful.shutdown()).await.is_err() {
        warn!("some connections did not close in time");
    }
}

/// Without these, everything works, but less well.
fn tune(socket: &TcpStream, options: &Options) {
    let _ = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        // Ends connections whose clients do not read their answers, for which hyper has no limit.
        let _ = socket.set_tcp_user_timeout(Some(options.client_timeout));
    }
}
