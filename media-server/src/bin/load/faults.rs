//! Clients that do not do what they should.

use crate::client::Server;
use crate::frames::{FRAME_BYTES, QUERY};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
