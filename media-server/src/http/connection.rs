//! A connection: how long its client may take, and whether it is still there.

use axum::body::{Body, Bytes};
use futures_util::FutureExt;
use hyper::body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Between two requests
const IDLE: u8 = 0;
/// In the head of a request, also before the first byte of the first one
const HEAD: u8 = 1;
/// From the end of a request's head to the end of its answer
const BUSY: u8 = 2;

/// What is known of a connection.
pub struct Connection {
    /// Another one for every connection
    pub id: u64,
    socket: TcpStream,
    phase: AtomicU8,
    answers: AtomicU32,
    /// Nanoseconds in which there was nothing to read, though it was wanted
    starved: AtomicU64,
}

impl Connection {
    pub fn new(socket: TcpStream) -> Self {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        Self {
            id: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            socket,
            phase: AtomicU8::new(HEAD),
            answers: AtomicU32::new(0),
            starved: AtomicU64::new(0),
        }
    }

    /// Whether the client has closed it, or has gone away: also where it is behind bytes that are not read
    /// yet.
    pub fn is_closed_by_client(&self) -> bool {
        match self.socket.ready(Interest::READABLE).now_or_never() {
            Some(Ok(ready)) => ready.is_read_closed(),
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// For how long the client has kept us waiting, all in all. Not counted is what passes while it waits
    /// for us.
    pub fn starved(&self) -> Duration {
        Duration::from_nanos(self.starved.load(Ordering::Relaxed))
    }

    /// The head of a request is there.
    pub fn begin_answer(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    fn end_answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.phase.store(IDLE, Ordering::Relaxed);
    }
}

/// The bytes of a connection. Reading fails where the client takes longer than it may.
pub struct Io {
    connection: Arc<Connection>,
    client_timeout: Duration,
    keep_alive: Duration,
    timer: Pin<Box<Sleep>>,
    /// What the timer is for: a phase, and the answers before
    timed: Option<(u8, u32)>,
    /// Since when there is nothing to read any more
    dry_since: Option<Instant>,
}

impl Io {
    pub fn new(
        connection: Arc<Connection>,
        client_timeout: Duration,
        keep_alive: Duration,
    ) -> Self {
        Self {
            connection,
            client_timeout,
            keep_alive,
            timer: Box::pin(sleep(client_timeout)),
            timed: None,
            dry_since: None,
        }
    }

    /// Waits until the client has taken longer than it may. That of bodies is not decided here.
    fn poll_patience(&mut self, cx: &mut Context) -> Poll<io::Result<()>> {
        let phase = self.connection.phase.load(Ordering::Relaxed);
        let patience = match phase {
            IDLE => self.keep_alive,
            HEAD => self.client_timeout,
            _ => return Poll::Pending,
        };
        let timed = (phase, self.connection.answers.load(Ordering::Relaxed));
        if self.timed.replace(timed) != Some(timed) {
            let deadline = tokio::time::Instant::now() + patience;
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// `bytes` have been read where `room` would have been.
    fn account(&mut self, bytes: usize, room: usize) {
        let phase = &self.connection.phase;
        if bytes > 0 && phase.load(Ordering::Relaxed) == IDLE {
            phase.store(HEAD, Ordering::Relaxed);
        }
        let is_dry = bytes < room;
        let since = std::mem::replace(&mut self.dry_since, is_dry.then(Instant::now));
        // Where all the room is filled, the client has been waiting, however long it took us to come back.
        if let Some(since) = since.filter(|_| is_dry) {
            let nanoseconds = since.elapsed().as_nanos() as u64;
            self.connection
                .starved
                .fetch_add(nanoseconds, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        loop {
            let Poll::Ready(ready) = self.connection.socket.poll_read_ready(cx) else {
                self.dry_since.get_or_insert_with(Instant::now);
                return self.poll_patience(cx);
            };
            ready?;
            match self.connection.socket.try_read_buf(buffer) {
                Ok(bytes) => {
                    self.account(bytes, room);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Io {
    fn poll_write_with(
        &self,
        cx: &mut Context,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let socket = &self.connection.socket;
        loop {
            ready!(socket.poll_write_ready(cx))?;
            match write(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context,
        slices: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        let socket = socket2::SockRef::from(&self.connection.socket);
        Poll::Ready(socket.shutdown(std::net::Shutdown::Write))
    }
}

/// The body of an answer. When it has been sent, or will not be, the connection waits for its next request.
pub struct Answer {
    body: Body,
    connection: Arc<Connection>,
}

impl Answer {
    pub fn new(body: Body, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.end_answer();
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
