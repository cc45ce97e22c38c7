//! Viewers that check what they see.

use crate::client::Server;
use crate::frames::read_number;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BOUNDARY: &str = "--lipsyncframes";

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
    if let Err(problem) = follow(&server, &name, reads_numbers, &total, &mut seen).await {
        seen.problem = Some(format!("a viewer of {name}: {problem}"));
    }
    seen
}

async fn follow(
    server: &Server,
    name: &str,
    reads_numbers: bool,
    total: &AtomicU64,
    seen: &mut Seen,
) -> Result<(), String> {
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
        let mut used = 0;
        while let Some(part) = Part::read(&received[used..])? {
            check(&part, reads_numbers, seen)?;
            total.fetch_add(1, Ordering::Relaxed);
            used += part.end;
        }
        received.drain(..used);
    }
    seen.has_ended = received.ends_with(format!("\r\n\r\n{BOUNDARY}--\r\n").as_bytes());
    Ok(())
}

fn check(part: &Part, reads_numbers: bool, seen: &mut Seen) -> Result<(), String> {
    if seen.last == Some(part.number) {
        // Sent twice where nothing newer came
        return Ok(());
    }
    if seen.last.is_some_and(|last| last > part.number) {
        return Err(format!("picture {} after {:?}", part.number, seen.last));
    }
    if reads_numbers {
        let drawn = read_number(part.jpeg)?;
        if drawn != part.number {
            return Err(format!("picture {} shows the frame {drawn}", part.number));
        }
    }
    seen.last = Some(part.number);
    seen.pictures += 1;
    Ok(())
}

/// A picture of an MJPEG stream.
struct Part<'a> {
    number: u64,
    jpeg: &'a [u8],
    /// Where the next one begins
    end: usize,
}

impl<'a> Part<'a> {
    /// The first part in `bytes`, if all of it is there.
    fn read(bytes: &'a [u8]) -> Result<Option<Self>, String> {
        const END_OF_HEAD: &[u8] = b"\r\n\r\n";
        let Some(head) = bytes.windows(4).position(|window| window == END_OF_HEAD) else {
            return Ok(None);
        };
        let start = head + END_OF_HEAD.len();
        let head = String::from_utf8_lossy(&bytes[..head]);
        if head.trim_start() == BOUNDARY {
            // An empty part is the last one.
            return Ok(None);
        }
        let field = |name: &str| {
            let value = head
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let number = value.and_then(|value| value.parse().ok());
            number.ok_or_else(|| format!("a part without {name}: {head}"))
        };
        let length = field("Content-Length")? as usize;
        let number = field("X-Frame-Number")?;
        let jpeg = bytes.get(start..start + length);
        Ok(jpeg.map(|jpeg| Self {
            number,
            jpeg,
            end: start + length,
        }))
    }
}
