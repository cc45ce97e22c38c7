//! The example: streams in a product's own server.

use crate::patience;
use crate::server::Viewer;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

#[test]
fn a_product_has_streams_of_its_own() {
    // Cargo builds it where it runs all tests of the package.
    let tests = std::env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/embed");
    let mut child = Command::new(&example)
        .arg("127.0.0.1:0")
        .env("G_DEBUG", "fatal-criticals")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            let example = example.display();
            panic!("{example}: {error}: cargo build -p media-server --examples")
        });
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut stdout, line) = patience::within("its first line", move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        (stdout, line)
    });
    let address = line
        .trim_end()
        .strip_prefix("Listening on http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .unwrap_or_else(|| panic!("{line:?}"));
    let ask = |path: &str| {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(patience::PATIENCE)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        socket
    };
    let mut page = String::new();
    ask("/").read_to_string(&mut page).unwrap();
    assert!(page.contains("/media/streams/host.mjpeg"), "{page}");

    let mut viewer = Viewer::new(ask("/media/streams/host.mjpeg"));
    let mut colours = Vec::new();
    while let Some((_, jpeg)) = viewer.picture() {
        let picture = image::load_from_memory(&jpeg).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (256, 256));
        let brightest = picture
            .pixels()
            .max_by_key(|pixel| pixel.0.iter().max().copied());
        let [red, _, blue] = brightest.unwrap().0;
        colours.push(if red > blue { "red" } else { "blue" });
    }
    colours.dedup();
    assert_eq!(colours, ["blue", "red"]);
    assert!(patience::end_of(&mut child).success());
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    assert!(said.contains("Interrupted: "), "{said}");
    assert!(said.contains("250 frames accepted, "), "{said}");
}
