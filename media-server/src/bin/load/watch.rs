//! Viewers that check what they see.

use crate::client::Server;
use crate::frames::{given_number, read_number};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is in front of a picture, and what is behind the last one.
const BEGIN: &[u8] = b"--lipsyncframes\r\nContent-Type: image/jpeg\r\n\r\n";
const END: &[u8] = b"\r\n--lipsyncframes";

/// What a viewer saw.
#[derive(Default)]
pub struct Seen {
    pub stream: usize,
    pub pictures: u64,
    /// The number of the last one, as the server counts what it shows
    pub last: Option<u64>,
    /// Whether the server said that this was the last one
    pub has_ended: bool,
    pub problem: Option<String>,
}

/// Watches a stream to its end. With `reads_numbers`, the number in the pixels of every picture is
/// compared to the one that the server gives it.
pub async fn watch(
    server: Server,
    stream: usize,
    name: String,
    reads_numbers: bool,
    total: Arc<AtomicU64>,
) -> Seen {
    let mut seen = Seen {
        stream,
        ..Seen::default()
    };
    let on_picture = |jpeg: &[u8]| {
        total.fetch_add(1, Ordering::Relaxed);
        check(jpeg, reads_numbers, &mut seen)
    };
    match follow(&server, &name, on_picture).await {
        Ok(has_ended) => seen.has_ended = has_ended,
        Err(problem) => seen.problem = Some(format!("a viewer of {name}: {problem}")),
    }
    seen
}

/// Calls `on_picture` for each picture of a stream, and returns whether the server said which was the last.
pub async fn follow(
    server: &Server,
    name: &str,
    mut on_picture: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<bool, String> {
    let mut client = server.connect().await?;
    let response = client
        .send("GET", &format!("/streams/{name}.mjpeg"))
        .await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()));
    }
    let mut body = response.into_body();
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        received.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = picture_end(&received)? {
            on_picture(&received[BEGIN.len()..end])?;
            // The line break before the boundary is not part of it.
            received.drain(..end + 2);
        }
    }
    Ok(received == b"--lipsyncframes--\r\n")
}

/// Where the first picture ends, if all of it is there.
fn picture_end(received: &[u8]) -> Result<Option<usize>, String> {
    if received.len() < BEGIN.len() {
        return Ok(None);
    }
    let Some(rest) = received.strip_prefix(BEGIN) else {
        let begin = String::from_utf8_lossy(&received[..BEGIN.len()]);
        return Err(format!("a part that begins with {begin:?}"));
    };
    Ok(memchr::memmem::find(rest, END).map(|end| BEGIN.len() + end))
}

fn check(jpeg: &[u8], reads_numbers: bool, seen: &mut Seen) -> Result<(), String> {
    let number = given_number(jpeg).ok_or("a picture without a number")?;
    if seen.last == Some(number) {
        // The last one, once more at the end
        return Ok(());
    }
    if seen.last.is_some_and(|last| last > number) {
        return Err(format!("picture {number} after {:?}", seen.last));
    }
    if reads_numbers {
        let drawn = read_number(jpeg)?;
        if drawn != number {
            return Err(format!("picture {number} shows the frame {drawn}"));
        }
    }
    seen.last = Some(number);
    seen.pictures += 1;
    Ok(())
}
