//! The page at `/`, compiled into the program.

use crate::error::Error;
use crate::http::query::Query;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{Html, IntoResponse, Response};

/// The script in it reads which stream to show.
const STREAM: &[&str] = &["stream"];

pub async fn get_page(uri: Uri) -> Result<Html<&'static str>, Error> {
    Query::read(&uri, &[STREAM])?;
    Ok(Html(include_str!("page/page.html")))
}

pub async fn get_style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css")],
        include_str!("page/page.css"),
    )
}

pub async fn get_script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript")],
        include_str!("page/page.js"),
    )
}

/// Nothing from elsewhere runs in the page, and nothing is taken for what it is not.
pub async fn secure(mut response: Response) -> Response {
    let policy = HeaderValue::from_static(
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'",
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
