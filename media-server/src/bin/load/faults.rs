//! Clients that do not do what they should.

use crate::client::Server;
use crate::frames::{FRAME_BYTES, QUERY, given_number};
use crate::post::Pictures;
use crate::watch::follow;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Begins posts and goes away in the middle of a frame, `count` times in all; returns how often that
/// worked.
pub async fn die_in_posts(server: Server, count: u64) -> u64 {
    let mut died = 0;
    for number in 0..count {
        // Some in the first frame, some in the second, and some with a reset instead of an end.
        let bytes = FRAME_BYTES / 2 + (number % 2) as usize * FRAME_BYTES;
        let outcome = async {
            let mut socket = begin_post(&server, &format!("victim{}", number % 4), 4).await?;
            socket.write_all(&vec![0; bytes]).await?;
            if number % 3 == 0 {
                socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
            }
            Ok::<_, std::io::Error>(())
        };
        died += u64::from(outcome.await.is_ok());
    }
    died
}

/// Opens a connection and sends the head of a post of `frames` frames.
async fn begin_post(server: &Server, name: &str, frames: usize) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(server.address).await?;
    let token = server.token.as_deref().unwrap_or("none");
    let head = format!(
        "POST /streams/{name}/frames?{QUERY}&framerate=1000 HTTP/1.1\r\nHost: {}\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        server.address,
        frames * FRAME_BYTES
    );
    socket.write_all(head.as_bytes()).await?;
    Ok(socket)
}

/// Asks for a stream and never reads more of it than that it is there.
pub async fn stall(server: Server, name: String) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(server.address).await?;
    let token = server.token.as_deref().unwrap_or("none");
    let head = format!(
        "GET /streams/{name}.mjpeg HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        server.address
    );
    socket.write_all(head.as_bytes()).await?;
    const STATUS: &[u8] = b"HTTP/1.1 200";
    let mut status = [0; STATUS.len()];
    socket.read_exact(&mut status).await?;
    if status != STATUS {
        let status = String::from_utf8_lossy(&status).into_owned();
        return Err(std::io::Error::other(status));
    }
    Ok(socket)
}

/// Posts frames to a stream until the server says that it has failed; returns what it said.
pub async fn post_until_failure(server: Server, most: u64) -> Result<String, String> {
    const FRAMES: usize = 50;
    let path = "/streams/failing/frames?format=BGR_F32LE&width=16&height=16&framerate=1000";
    let batch = vec![0; FRAMES * 16 * 16 * 12];
    let mut client = server.connect().await?;
    for _ in 0..most {
        let (status, answer) = client.post(path, batch.len(), batch.clone().into()).await?;
        if status == 409 {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
    Err(format!(
        "it takes {} frames and does not fail",
        most * FRAMES as u64
    ))
}

/// Uploads to a stream at 5 MB/s, post after post, until it is cut off or `until`.
pub async fn upload_slowly(server: Server, name: String, until: Instant) -> std::io::Result<()> {
    const FRAMES: usize = 10;
    const PIECE: usize = 50_000;
    const PAUSE: Duration = Duration::from_millis(10);
    let body = vec![0; FRAMES * FRAME_BYTES];
    while Instant::now() < until {
        let mut socket = begin_post(&server, &name, FRAMES).await?;
        for piece in body.chunks(PIECE) {
            socket.write_all(piece).await?;
            tokio::time::sleep(PAUSE).await;
        }
        socket.read_exact(&mut [0; 12]).await?;
    }
    Ok(())
}

/// Posts 5 s of frames to a stream every second, with an interruption. Returns how long it took each time
/// from the beginning of the post to the first of its pictures at a viewer.
///
/// # Errors
///
/// What went wrong, if anything did.
pub async fn interrupt(
    server: Server,
    pictures: &Pictures,
    until: Instant,
) -> Result<Vec<Duration>, String> {
    const NAME: &str = "interrupted";
    const FRAMES: u64 = 25;
    const PATIENCE: Duration = Duration::from_secs(10);
    let (status, answer) = server.ask("PUT", &format!("/streams/{NAME}")).await?;
    if !(200..300).contains(&status) {
        return Err(String::from_utf8_lossy(&answer).into_owned());
    }
    let (sender, mut seen) = mpsc::unbounded_channel();
    let viewer = server.clone();
    let watching = tokio::spawn(async move {
        let on_picture = |jpeg: &[u8]| {
            // Nobody wants to know any more at the end.
            let _ = sender.send((given_number(jpeg), Instant::now()));
            Ok(())
        };
        follow(&viewer, NAME, on_picture).await
    });
    let mut client = server.connect().await?;
    let path = format!("/streams/{NAME}/frames?{QUERY}&framerate=5&interrupt=true");
    let mut durations = Vec::new();
    let mut first = 0;
    while Instant::now() < until {
        let began = Instant::now();
        let length = FRAMES as usize * FRAME_BYTES;
        let batch = pictures.batch(first, FRAMES);
        let (status, answer) = client.post(&path, length, batch).await?;
        if status != 200 {
            return Err(String::from_utf8_lossy(&answer).into_owned());
        }
        let new_picture = async {
            loop {
                match seen.recv().await {
                    Some((Some(number), time)) if number >= first => return Some(time),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let shown = timeout(PATIENCE, new_picture).await.ok().flatten();
        let shown = shown.ok_or("no picture after an interruption")?;
        durations.push(shown - began);
        first += FRAMES;
        tokio::time::sleep_until((began + Duration::from_secs(1)).into()).await;
    }
    let (_, _) = server
        .ask("DELETE", &format!("/streams/{NAME}?now=true"))
        .await?;
    match watching.await.map_err(|error| error.to_string())? {
        Ok(true) => Ok(durations),
        Ok(false) => Err("the viewer of the interrupted stream did not see its end".into()),
        Err(problem) => Err(problem),
    }
}
