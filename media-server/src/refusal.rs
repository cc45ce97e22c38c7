//! Answers to requests that are not done: a status, and what was expected and got, as JSON.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not done.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    /// A word for it, for the metrics
    reason: &'static str,
    error: String,
    expected: String,
    got: String,
    /// Frames of the request that were accepted before
    accepted: Option<u64>,
}

/// Left with the response of a [`Refusal`], for the metrics.
#[derive(Debug, Clone, Copy)]
pub struct Reason(pub &'static str);

impl Refusal {
    pub fn new(
        status: StatusCode,
        reason: &'static str,
        error: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self {
            status,
            reason,
            error: error.into(),
            expected: expected.into(),
            got: got.to_string(),
            accepted: None,
        }
    }

    /// 400: a parameter or a body that makes no sense
    pub fn invalid(
        error: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", error, expected, got)
    }

    /// 503: come again
    pub fn busy(error: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            error,
            expected,
            got,
        )
    }

    /// 503: the server is about to stop
    pub fn stopping() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "the server is stopping",
            "a request after it has started again",
            "one while it stops",
        )
    }

    /// 404: there is no such stream
    pub fn no_stream(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "there is no such stream",
            "the name of a stream that somebody has posted frames to, as GET /streams lists them",
            name,
        )
    }

    /// 409: the stream is there, but takes nothing any more
    pub fn conflict(
        error: impl Into<String>,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", error, expected, got)
    }

    /// 500: something that the client cannot help
    pub fn failed(error: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            error,
            "a pipeline that works",
            "one that does not",
        )
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The same, where it is because the server is stopping.
    pub fn while_stopping(self) -> Self {
        Self {
            accepted: self.accepted,
            ..Self::stopping()
        }
    }

    /// Tells the client how much of its request need not be sent again.
    pub fn after(mut self, accepted: u64) -> Self {
        self.accepted = Some(accepted);
        self
    }
}

/// A path with bytes that are no text
impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(
            "the path makes no sense",
            "the name of a stream",
            rejection.body_text(),
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "error": self.error,
            "expected": self.expected,
            "got": self.got,
        });
        if let Some(accepted) = self.accepted {
            body["accepted"] = accepted.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(Reason(self.reason));
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                // Browsers know Basic only. Clients without one mostly look for Bearer.
                let schemes = ["Bearer", "Basic realm=\"lipsyncframes\", charset=\"UTF-8\""];
                for scheme in schemes {
                    headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
                }
            }
            _ => {}
        }
        response
    }
}
