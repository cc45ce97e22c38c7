//! Tokens, and whom a server without one answers.

use crate::frames::QUERY;
use crate::patience;
use crate::server::{Answer, Server, agent, frames, program};

const TOKEN: &str = "post-0123456789abcdef";
const VIEW: &str = "view-0123456789abcdef";
/// `anybody:view-0123456789abcdef`
const BASIC_VIEW: &str = "Basic YW55Ym9keTp2aWV3LTAxMjM0NTY3ODlhYmNkZWY=";

fn get_with(server: &Server, path: &str, header: (&str, &str)) -> Answer {
    Answer::new(
        agent()
            .get(server.url(path))
            .header(header.0, header.1)
            .call(),
    )
}

fn post_with_token(server: &Server, token: &str) -> Answer {
    let headers = [
        ("Content-Type", "application/octet-stream"),
        ("Authorization", token),
    ];
    server.post_with(
        &format!("/streams/kept/frames?{QUERY}"),
        &headers,
        &frames(1),
    )
}

#[test]
fn tokens_open_what_they_are_for() {
    let server = Server::start(&["--token", TOKEN, "--view-token", VIEW]);
    let posting = format!("Bearer {TOKEN}");
    let viewing = format!("Bearer {VIEW}");

    let answer = server.post(&format!("/streams/kept/frames?{QUERY}"), &frames(1));
    answer.assert_refusal(401, &["Bearer TOKEN"]);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    for wrong in [
        "Bearer post",
        &viewing,
        "Bearer",
        "Digest x",
        &format!("{posting}x"),
    ] {
        post_with_token(&server, wrong).assert_refusal(401, &["token"]);
    }
    assert_eq!(post_with_token(&server, &posting).status, 200);
    assert_eq!(
        post_with_token(&server, &posting.replace("Bearer", "bearer")).status,
        200
    );

    for path in [
        "/",
        "/page.js",
        "/streams",
        "/streams/kept",
        "/streams/kept.jpg",
        "/metrics",
    ] {
        server.get(path).assert_refusal(401, &["token"]);
        for right in [&posting, &viewing, BASIC_VIEW] {
            let answer = get_with(&server, path, ("Authorization", right));
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
        }
    }
    let deleted = agent()
        .delete(server.url("/streams/kept"))
        .header("Authorization", &viewing);
    Answer::new(deleted.call()).assert_refusal(401, &["token"]);
    assert_eq!(server.get("/healthz").text(), "ok\n");
}

#[test]
fn without_a_view_token_the_other_one_is_needed_to_view() {
    let server = Server::start(&["--token", TOKEN]);
    server.get("/streams").assert_refusal(401, &["token"]);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        get_with(&server, "/streams", ("Authorization", &bearer)).status,
        200
    );
}

#[test]
fn web_pages_from_elsewhere_are_not_answered() {
    let server = Server::start(&[]);
    for foreign in [
        "example.com",
        "example.com:8080",
        "127.0.0.1.example.com",
        "192.168.0.1",
    ] {
        get_with(&server, "/streams", ("Host", foreign)).assert_refusal(403, &[foreign]);
    }
    let embedded = ("Sec-Fetch-Site", "cross-site");
    get_with(&server, "/streams", embedded).assert_refusal(403, &["another site"]);
    let own_page = ("Sec-Fetch-Site", "same-origin");
    assert_eq!(get_with(&server, "/streams", own_page).status, 200);
    for own in [
        "localhost",
        "localhost:8080",
        "127.0.0.1",
        "[::1]:8080",
        "[::1]",
    ] {
        assert_eq!(
            get_with(&server, "/streams", ("Host", own)).status,
            200,
            "{own}"
        );
    }
}

#[test]
fn other_machines_are_let_in_with_a_token_only() {
    let output = patience::output(program().args(["--listen", "0.0.0.0:0"]));
    assert_eq!(output.status.code(), Some(1));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(
        problem.contains("0.0.0.0:0") && problem.contains("--token"),
        "{problem}"
    );

    let output = patience::output(program().args(["--token", "secret"]));
    assert_eq!(output.status.code(), Some(2));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(problem.contains("at least 16"), "{problem}");
}

#[test]
fn secrets_are_not_in_the_help() {
    let output = patience::output(program().arg("--help").env("MEDIA_SERVER_TOKEN", TOKEN));
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(help.contains("MEDIA_SERVER_TOKEN"));
    assert!(!help.contains(TOKEN));
}
