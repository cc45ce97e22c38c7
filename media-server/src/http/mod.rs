//! HTTP: which address does what, connections and their limits, and stopping.

mod access;
pub mod balancer;
mod connection;
pub mod convert;
mod frames;
mod ingest;
pub mod metrics;
mod page;
mod query;
mod refusal;
pub mod turn;
mod view;

use crate::error::{Error, ErrorKind};
use crate::server::{MediaServer, Shared};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use connection::{Answer, Connection, Io};
use frames::FrameBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower_service::Service;
use tracing::{debug, info, warn};

/// How long connections may take to close once all streams have ended.
const CLOSING: Duration = Duration::from_secs(5);

/// What waits unsent in a viewer's socket, in bytes: a picture or two, so that it is not old when it is
/// sent.
const UNSENT: u32 = 16 * 1024;

pub fn router(server: &Arc<Shared>) -> Router {
    let posting = Router::new()
        .route(
            "/streams/{name}/frames",
            post(ingest::post_frames).delete(ingest::delete_frames),
        )
        .route(
            "/streams/{name}/idle",
            put(ingest::put_idle).delete(ingest::delete_idle),
        )
        .route(
            "/streams/{name}",
            delete(ingest::delete_stream).put(ingest::put_stream),
        )
        .route("/convert", post(convert::post_convert))
        .route_layer(from_fn_with_state(server.clone(), access::posting));
    let viewing = Router::new()
        .route("/", get(page::get_page))
        .route("/page.css", get(page::get_style))
        .route("/page.js", get(page::get_script))
        .route("/streams", get(view::get_streams))
        .route("/streams/{name}", get(view::get_stream))
        .route("/metrics", get(metrics::get_metrics))
        .route_layer(from_fn_with_state(server.clone(), access::viewing));
    Router::new()
        .merge(posting)
        .merge(viewing)
        // Whether it runs is no secret, and those who ask have no token.
        .route("/healthz", get(get_health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(one_host))
        .layer(from_fn_with_state(server.clone(), metrics::count_refusals))
        .layer(map_response(page::secure))
        .with_state(server.clone())
}

async fn get_health(uri: Uri) -> Result<&'static str, Error> {
    query::Query::read(&uri, &[])?;
    Ok("ok\n")
}

/// RFC 9112, 3.2: a request that does not say once whom it is for is a bad one.
async fn one_host(request: Request, next: Next) -> Response {
    match request.headers().get_all(header::HOST).iter().count() {
        0 | 1 => next.run(request).await,
        several => {
            Error::invalid("the header Host is there several times", "one", several).into_response()
        }
    }
}

async fn no_such_path(State(server): State<Arc<Shared>>, uri: Uri, request: Request) -> Response {
    let error = Error::new(
        ErrorKind::NotFound,
        "there is nothing at this path",
        "/, /streams, /streams/NAME, /streams/NAME.mjpeg, /streams/NAME.jpg, /streams/NAME/frames, \
         /streams/NAME/idle, /convert, /metrics, /healthz",
        uri.path(),
    );
    refuse(&server, request, error).await
}

async fn no_such_method(
    State(server): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    request: Request,
) -> Response {
    let error = Error::new(
        ErrorKind::Method,
        format!("this is not done at {}", uri.path()),
        // refusal::name_methods() puts their names here.
        "a method that the header Allow names",
        method,
    );
    refuse(&server, request, error).await
}

/// Refuses a request whose body nobody has read yet.
pub async fn refuse(server: &Shared, request: Request, error: Error) -> Response {
    let (parts, body) = FrameBody::new(request, server);
    body.refuse(&parts.headers, error).await
}

/// Serves requests until the server is stopping, then lets streams and connections come to their end.
pub async fn serve(server: MediaServer, listener: TcpListener, patience: Duration) {
    let shared = &server.0;
    let router = router(shared);
    let connections = Arc::new(Semaphore::new(shared.config.limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let place = connections.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, socket) = tokio::select! {
            accepted = accepted => accepted,
            () = shared.stopping.cancelled() => break,
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
        let connection = connect(shared, &router, socket, &graceful);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
    drop(listener);
    info!("stopping: accepted frames are still shown");
    server.drain(patience).await;
    if timeout(CLOSING, graceful.shutdown()).await.is_err() {
        warn!("some connections did not close in time");
    }
}

/// Answers the requests that come on a connection.
fn connect(
    server: &Shared,
    router: &Router,
    socket: TcpStream,
    graceful: &GracefulShutdown,
) -> impl Future<Output = hyper::Result<()>> + Send + use<> {
    let http = &server.config.http;
    tune(&socket, http.client_timeout);
    let connection = Arc::new(Connection::new(socket));
    let io = Io::new(connection.clone(), http.client_timeout, http.keep_alive);
    let keep_alive = HeaderValue::from_str(&format!("timeout={}", http.keep_alive.as_secs())).ok();
    let router = router.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let (connection, mut router) = (connection.clone(), router.clone());
        let keep_alive = keep_alive.clone();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        async move {
            connection.begin_answer();
            request.extensions_mut().insert(connection.clone());
            let mut response = match router.call(request.map(Body::new)).await {
                Ok(response) => refusal::name_methods(response, &method, &uri),
                Err(never) => match never {},
            };
            if let Some(keep_alive) = keep_alive {
                let headers = response.headers_mut();
                headers.insert(header::HeaderName::from_static("keep-alive"), keep_alive);
            }
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, connection)))
        }
    });
    graceful.watch(http1::Builder::new().serve_connection(TokioIo::new(io), service))
}

/// Without these, everything works, but less well.
fn tune(socket: &TcpStream, client_timeout: Duration) {
    let _ = socket.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::SockRef::from(socket);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        // Ends connections whose clients do not read their answers, for which hyper has no limit.
        let _ = socket.set_tcp_user_timeout(Some(client_timeout));
    }
}
