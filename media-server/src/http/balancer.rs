//! Streams whose posts have gone on at another server, behind the same load balancer.
//!
//! A balancer finds the server of a stream by its name, for posts as for viewers. When a server comes back,
//! posts go home to it at once; but viewers stay where their connections are, with a picture that is never
//! followed by another. So a stream that has viewers and nothing to show asks the balancer for the stream of
//! its name. Where the answer is about another one, it ends: its viewers come again, and get there.

use crate::config::HttpConfig;
use crate::stream::{State, Stream};
use crate::streams::Streams;
use axum::body::Body;
use axum::http::uri::{Scheme, Uri};
use axum::http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::timeout;
use tracing::{info, warn};

/// How often streams are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long a stream must have had nothing to show: not between two posts that follow each other.
const SILENCE: Duration = Duration::from_millis(200);

/// How long the balancer may take to answer, and how much.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_ANSWER: usize = 64 * 1024;

/// What is in front of this server and others like it.
pub struct Balancer {
    /// Without a slash at its end
    url: String,
    authorization: Option<HeaderValue>,
    client: Client<HttpConnector, Body>,
    /// Whether it did not answer the last time
    is_lost: AtomicBool,
}

impl Balancer {
    /// None where the configuration names none.
    ///
    /// # Errors
    ///
    /// A sentence about an URL that is no place to ask.
    pub fn new(config: &HttpConfig) -> Result<Option<Self>, String> {
        let Some(url) = &config.balancer else {
            return Ok(None);
        };
        let is_plain_http = url.parse::<Uri>().is_ok_and(|uri| {
            uri.scheme() == Some(&Scheme::HTTP) && uri.host().is_some() && uri.query().is_none()
        });
        if !is_plain_http {
            return Err(format!(
                "--balancer {url}: expected http://HOST[:PORT][/PATH], such as http://10.0.0.1"
            ));
        }
        let token = config.view_token.as_ref().or(config.token.as_ref());
        let authorization = token.and_then(|token| format!("Bearer {token}").parse().ok());
        Ok(Some(Self {
            url: url.trim_end_matches('/').into(),
            authorization,
            client: Client::builder(TokioExecutor::new()).build_http(),
            is_lost: AtomicBool::new(false),
        }))
    }

    /// Whether it leads to another stream of this name.
    async fn leads_elsewhere(&self, stream: &Stream) -> bool {
        let id = match timeout(PATIENCE, self.ask(stream.name())).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        };
        let was_lost = self.is_lost.swap(id.is_err(), Ordering::Relaxed);
        match id {
            Ok(id) => id.is_some_and(|id| id != stream.id()),
            Err(problem) => {
                if !was_lost {
                    warn!(
                        problem,
                        "--balancer {} does not say what it should", self.url
                    );
                }
                false
            }
        }
    }

    /// The id of the stream that it leads to; none where there is no such stream.
    async fn ask(&self, name: &str) -> Result<Option<u64>, String> {
        let mut request = Request::get(format!("{}/streams/{name}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(Body::empty())
            .map_err(|error| error.to_string())?;
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| error.to_string())?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(format!("it answers {status}")),
        }
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| error.to_string())?;
        let described: Value =
            serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())?;
        match described["id"].as_u64() {
            Some(id) => Ok(Some(id)),
            None => Err("it answers something else than a stream's figures".into()),
        }
    }
}

/// Ends streams that have gone on elsewhere, for as long as there are any `streams`.
pub async fn end_moved(streams: Weak<Streams>, balancer: Balancer) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(streams) = streams.upgrade() else {
            return;
        };
        let is_silent = |stream: &Stream| {
            stream.state() == State::Running && stream.viewers() > 0 && stream.is_idle(SILENCE)
        };
        let all = streams.all();
        let silent = all.iter().filter(|stream| is_silent(stream));
        let asked = silent.map(async |stream| {
            // Posts may have come back meanwhile.
            if balancer.leads_elsewhere(stream).await && is_silent(stream) {
                info!(stream = stream.name(), "gone on at another server");
                let (streams, stream) = (streams.clone(), Arc::clone(stream));
                tokio::spawn(async move { streams.end(&stream, false).await });
            }
        });
        futures_util::future::join_all(asked).await;
    }
}
