//! Talking HTTP to the server.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::request::Builder;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// What went wrong where the server has closed the connection before it got the request.
pub const CLOSED: &str = "the server has closed the connection";

/// The server, and the token it wants.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub token: Option<String>,
}

/// A connection to it, for one request after the other.
pub struct Client {
    sender: SendRequest<Body>,
    server: Server,
}

impl Server {
    pub async fn connect(&self) -> Result<Client, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.address);
        let socket = TcpStream::connect(self.address)
            .await
            .map_err(|error| failed(&error))?;
        let (sender, connection) = handshake(TokioIo::new(socket))
            .await
            .map_err(|error| failed(&error))?;
        // What goes wrong there fails the request, too.
        tokio::spawn(connection);
        Ok(Client {
            sender,
            server: self.clone(),
        })
    }

    fn request(&self, method: &str, path: &str) -> Builder {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// One request on a connection of its own; the whole answer.
    pub async fn ask(&self, method: &str, path: &str) -> Result<(u16, Bytes), String> {
        let response = self.connect().await?.send(method, path).await?;
        answer(response).await
    }
}

impl Client {
    /// Sends a request without a body.
    pub async fn send(&mut self, method: &str, path: &str) -> Result<Response<Incoming>, String> {
        let request = self.server.request(method, path).body(Body::empty());
        let request = request.map_err(|error| error.to_string())?;
        self.send_request(request).await
    }

    /// Sends `body`, of `length` bytes.
    pub async fn post(
        &mut self,
        path: &str,
        length: usize,
        body: Body,
    ) -> Result<(u16, Bytes), String> {
        let request = self
            .server
            .request("POST", path)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, length)
            .body(body)
            .map_err(|error| error.to_string())?;
        answer(self.send_request(request).await?).await
    }

    async fn send_request(&mut self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        let unsent = |error: hyper::Error| {
            if error.is_canceled() || error.is_closed() {
                CLOSED.into()
            } else {
                error.to_string()
            }
        };
        self.sender.ready().await.map_err(unsent)?;
        self.sender.send_request(request).await.map_err(unsent)
    }
}

async fn answer(response: Response<Incoming>) -> Result<(u16, Bytes), String> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes()))
}
