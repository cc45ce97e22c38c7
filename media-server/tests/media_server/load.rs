//! The example `load` puts load on the example `media_server`, with all faults there are.

use crate::patience;
use crate::server::Server;
use std::process::Command;

fn load(server: &Server, arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_load"));
    program
        .args(["--server", &server.address.to_string()])
        .args(["--pid", &server.pid().to_string()])
        .args(arguments);
    let output = patience::output(&mut program);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{problems}");
    assert!(text.ends_with("All frames arrived, in order.\n"), "{text}");
    text
}

#[test]
fn nothing_is_lost_while_clients_die_viewers_stall_and_a_stream_fails() {
    let encoder = "identity error-after=2000 ! jpegenc quality=75";
    let server = Server::start(&[
        "--encoder",
        encoder,
        "--client-timeout",
        "6",
        "--idle-timeout",
        "600",
    ]);
    let text = load(
        &server,
        &[
            "--streams",
            "4",
            "--viewers",
            "16",
            "--seconds",
            "6",
            "--batch",
            "10",
            "--deaths",
            "300",
            "--stalled",
            "4",
            "--failing",
            "--slow",
            "2",
            "--interrupt",
        ],
    );
    assert!(text.contains("300 of 300 posts were broken off."), "{text}");
    assert!(text.contains("The failing stream failed: "), "{text}");
    assert!(text.contains(" interruptions; "), "{text}");
}

#[test]
fn nothing_is_lost_when_the_server_is_stopped_under_load() {
    let server = Server::start(&[]);
    load(
        &server,
        &[
            "--streams",
            "4",
            "--viewers",
            "8",
            "--seconds",
            "6",
            "--terminate",
        ],
    );
    assert!(server.wait().success());
}
