//! All streams of the server.

use crate::frames::FrameKind;
use crate::options::Options;
use crate::pipeline::lock;
use crate::refusal::Refusal;
use crate::stream::{State, Stream};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often streams are looked at for whether they are idle.
const IDLE_CHECK: Duration = Duration::from_millis(200);

#[derive(Default)]
pub struct Streams {
    running: Mutex<Running>,
    /// Once cancelled, pictures are shown as fast as they can be.
    hurry: CancellationToken,
}

#[derive(Default)]
struct Running {
    by_name: BTreeMap<String, Arc<Stream>>,
    /// Whether the server is stopping, so that no more may start
    is_closed: bool,
}

impl Streams {
    pub fn all(&self) -> Vec<Arc<Stream>> {
        lock(&self.running).by_name.values().cloned().collect()
    }

    pub fn find(&self, name: &str) -> Result<Arc<Stream>, Refusal> {
        let running = lock(&self.running);
        running
            .by_name
            .get(name)
            .cloned()
            .ok_or_else(|| Refusal::no_stream(name))
    }

    /// The stream of this name, which is started if there is none.
    pub fn find_or_start(
        self: &Arc<Self>,
        name: &str,
        kind: FrameKind,
        options: &Options,
        on_encoded: impl Fn(Duration) + Send + Sync + 'static,
    ) -> Result<Arc<Stream>, Refusal> {
        check_name(name)?;
        let mut running = lock(&self.running);
        if running.is_closed {
            return Err(Refusal::stopping());
        }
        if let Some(stream) = running.by_name.get(name) {
            return Ok(stream.clone());
        }
        if running.by_name.len() >= options.max_streams {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "there are as many streams as there may be",
                format!("at most {} (--max-streams)", options.max_streams),
                "one more",
            ));
        }
        // Milliseconds, in which no other stream may start in its place.
        let start = || Stream::start(name, kind, options, on_encoded);
        let (stream, show) = tokio::task::block_in_place(start).map_err(Refusal::failed)?;
        info!(stream = name, frames = %kind.info, "started");
        let stream = Arc::new(stream);
        running.by_name.insert(name.into(), stream.clone());

        let (streams, shown) = (self.clone(), stream.clone());
        tokio::spawn(async move {
            shown.show(show, &streams.hurry).await;
            match shown.state() {
                State::Failed(failure) => {
                    warn!(stream = shown.name, failure, "failed");
                    tokio::task::block_in_place(|| shown.stop());
                }
                _ => {
                    info!(stream = shown.name, frames = shown.shown(), "ended");
                    streams.forget(&shown);
                }
            }
        });
        Ok(stream)
    }

    /// Ends a stream, and returns when all its frames are shown. It ends also where nobody waits for it.
    pub async fn end(self: &Arc<Self>, stream: &Arc<Stream>) {
        let (streams, stream) = (self.clone(), stream.clone());
        let end = tokio::spawn(async move {
            stream.end().await;
            stream.wait_for_end().await;
            streams.forget(&stream);
        });
        let _ = end.await;
    }

    /// Ends all streams. Those that take longer than `patience` show what is left at once.
    pub async fn end_all(self: &Arc<Self>, patience: Duration) {
        let hurry = self.hurry.clone();
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            hurry.cancel();
        });
        lock(&self.running).is_closed = true;
        let all = self.all();
        futures_util::future::join_all(all.iter().map(|stream| self.end(stream))).await;
    }

    /// Ends streams to which nothing is posted, for as long as the process runs.
    pub async fn end_idle(self: Arc<Self>, after: Duration) {
        loop {
            tokio::time::sleep(IDLE_CHECK.min(after)).await;
            let idle = |stream: &Arc<Stream>| !stream.is_ending() && stream.is_idle(after);
            for stream in self.all().into_iter().filter(idle) {
                info!(stream = stream.name, "idle");
                let streams = self.clone();
                tokio::spawn(async move { streams.end(&stream).await });
            }
        }
    }

    fn forget(&self, stream: &Arc<Stream>) {
        let by_name = &mut lock(&self.running).by_name;
        // Another one may have taken its name.
        if by_name
            .get(&stream.name)
            .is_some_and(|other| Arc::ptr_eq(stream, other))
        {
            by_name.remove(&stream.name);
        }
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    const LONGEST: usize = 64;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Refusal::invalid(
        "no stream can have this name",
        format!("1 to {LONGEST} of the letters a to z and A to Z, digits, - and _"),
        format!("{name:?}"),
    ))
}
