//! Errors as answers: a status, and what was expected and got, as JSON.

use crate::error::{Error, ErrorKind};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Left with the response of an [`Error`], for the metrics.
#[derive(Debug, Clone, Copy)]
pub struct Reason(pub &'static str);

impl ErrorKind {
    fn status(self) -> StatusCode {
        match self {
            Self::Invalid | Self::CutOff => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A word for it, for the metrics
    fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::CutOff => "cut-off",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Method => "method",
            Self::TooSlow => "too-slow",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::MediaType => "media-type",
            Self::TooMany => "too-many",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
        }
    }
}

/// Lets a refused method's answer name, in its text as well, those that the header Allow does: the router adds
/// that header outside of all handlers and layers.
pub fn name_methods(response: Response, method: &Method, uri: &Uri) -> Response {
    let is_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let allowed = response.headers().get(header::ALLOW);
    let Some(allowed) = allowed
        .filter(|_| is_method)
        .and_then(|value| value.to_str().ok())
    else {
        return response;
    };
    let error = Error::new(
        ErrorKind::Method,
        format!("this is not done at {}", uri.path()),
        allowed.replace(',', ", "),
        method,
    );
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, error.into_response().into_body())
}

/// A path with bytes that are no text
impl From<PathRejection> for Error {
    fn from(rejection: PathRejection) -> Self {
        Self::invalid(
            "the path makes no sense",
            "the name of a stream",
            rejection.body_text(),
        )
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut body = json!({
            "error": self.problem,
            "expected": self.expected,
            "got": self.got,
        });
        if let Some(progress) = self.progress {
            body["accepted"] = progress.accepted.into();
            body["next"] = progress.next.into();
        }
        let status = self.kind.status();
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(Reason(self.kind.reason()));
        let headers = response.headers_mut();
        match status {
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
