//! Who may do what.

use crate::error::{Error, ErrorKind};
use crate::http::refuse;
use crate::server::Shared;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use headers::authorization::{Basic, Credentials};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Lets those pass who may post, convert and delete.
pub async fn posting(State(server): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let tokens = [server.config.http.token.as_deref()];
    check(&server, request, next, &tokens).await
}

/// Lets those pass who may view.
pub async fn viewing(State(server): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let http = &server.config.http;
    let tokens = [http.token.as_deref(), http.view_token.as_deref()];
    check(&server, request, next, &tokens).await
}

async fn check(server: &Shared, request: Request, next: Next, tokens: &[Option<&str>]) -> Response {
    let headers = request.headers();
    let access = if server.config.http.token.is_none() {
        check_host(headers, request.uri())
    } else {
        check_token(headers, tokens)
    };
    match access {
        Ok(()) => next.run(request).await,
        Err(error) => refuse(server, request, error).await,
    }
}

/// Without a token, everybody on this machine may do everything. A web page from elsewhere is not
/// everybody: it can give its own name this machine's address, but then its name is in the request; or
/// refer to a picture here, and browsers say so.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Error> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    // Where the request's target is a whole URL, it says who is meant, whatever the header says.
    let host = uri.authority().map(|authority| authority.as_str()).or(host);
    let is_here = host.is_some_and(|host| is_of_this_machine(name_of(host)));
    let is_cross_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    if is_here && !is_cross_site {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Forbidden,
        "a server without --token answers only those who call it by a name of this machine, and no \
         foreign pages",
        "Host: localhost, 127.0.0.1 or [::1]",
        format!(
            "{}{}",
            host.unwrap_or("none"),
            if is_cross_site {
                ", from a page of another site"
            } else {
                ""
            }
        ),
    ))
}

/// A host without its port, and without the dot that says that a name is a whole one.
fn name_of(host: &str) -> &str {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    bare.unwrap_or_else(|| name.strip_suffix('.').unwrap_or(name))
}

fn is_of_this_machine(name: &str) -> bool {
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn check_token(headers: &HeaderMap, tokens: &[Option<&str>]) -> Result<(), Error> {
    let Some(given) = given_token(headers) else {
        return Err(unauthorized("none"));
    };
    // All are compared, and each to its end, so that the time does not tell how much of one was right.
    let is_any = tokens.iter().flatten().fold(0, |any, token| {
        any | token.as_bytes().ct_eq(given.as_bytes()).unwrap_u8()
    });
    if is_any == 1 {
        Ok(())
    } else {
        Err(unauthorized("another one"))
    }
}

fn unauthorized(got: &str) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        "this needs a token",
        "Authorization: Bearer TOKEN, or Basic with any name and TOKEN as the password",
        got,
    )
}

/// What programs give as a bearer token, and browsers, which ask their user, as a password.
fn given_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?;
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("Bearer") {
        Some(rest.into())
    } else if scheme.eq_ignore_ascii_case(Basic::SCHEME) {
        // It takes for granted that the scheme is its own, and followed by a space.
        Some(Basic::decode(value)?.password().into())
    } else {
        None
    }
}
