//! Who may do what.

use crate::refusal::Refusal;
use crate::server::{Server, refuse};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use headers::authorization::{Basic, Credentials};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Lets those pass who may post, convert and delete.
pub async fn posting(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let tokens = [server.options.token.as_deref()];
    check(&server, request, next, &tokens).await
}

/// Lets those pass who may view.
pub async fn viewing(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let options = &server.options;
    let tokens = [options.token.as_deref(), options.view_token.as_deref()];
    check(&server, request, next, &tokens).await
}

async fn check(server: &Server, request: Request, next: Next, tokens: &[Option<&str>]) -> Response {
    let headers = request.headers();
    let access = if server.options.token.is_none() {
        check_host(headers)
    } else {
        check_token(headers, tokens)
    };
    match access {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(server, request, refusal).await,
    }
}

/// Without a token, everybody on this machine may do everything. A web page from elsewhere is not
/// everybody: it can give its own name this machine's address, but then its name is in the request; or
/// refer to a picture here, and browsers say so.
fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let name = host.map(|host| {
        let without_port = host.rsplit_once(':').map_or(host, |(name, port)| {
            if port.bytes().all(|byte| byte.is_ascii_digit()) {
                name
            } else {
                host
            }
        });
        without_port.trim_start_matches('[').trim_end_matches(']')
    });
    let is_here = name.is_some_and(|name| {
        name == "localhost"
            || name
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    });
    let is_cross_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    if is_here && !is_cross_site {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "forbidden",
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

fn check_token(headers: &HeaderMap, tokens: &[Option<&str>]) -> Result<(), Refusal> {
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

fn unauthorized(got: &str) -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
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
