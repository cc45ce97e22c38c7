//! All streams of the server.

use crate::config::Config;
use crate::error::{Error, ErrorKind};
use crate::pipeline::lock;
use crate::stream::{State, Stream};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often streams are looked at for whether they are idle.
const IDLE_CHECK: Duration = Duration::from_millis(200);

type OnEncoded = dyn Fn(Duration) + Send + Sync;

pub struct Streams {
    config: Config,
    on_encoded: Arc<OnEncoded>,
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
    /// `on_encoded` is told how long after the beginning of its post each frame was a JPEG.
    pub fn new(config: Config, on_encoded: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        Self {
            config,
            on_encoded: Arc::new(on_encoded),
            running: Mutex::default(),
            hurry: CancellationToken::new(),
        }
    }

    pub fn all(&self) -> Vec<Arc<Stream>> {
        lock(&self.running).by_name.values().cloned().collect()
    }

    pub fn find(&self, name: &str) -> Result<Arc<Stream>, Error> {
        let running = lock(&self.running);
        running
            .by_name
            .get(name)
            .cloned()
            .ok_or_else(|| Error::no_stream(name))
    }

    /// Whether [`find_or_start`](Self::find_or_start) would return a stream that takes frames.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        let running = lock(&self.running);
        match self.find_or_check(&running, name)? {
            Some(stream) => stream.check(),
            None => Ok(()),
        }
    }

    /// The stream of this name; none where it may be started.
    fn find_or_check(&self, running: &Running, name: &str) -> Result<Option<Arc<Stream>>, Error> {
        check_name(name)?;
        if running.is_closed {
            return Err(Error::stopping());
        }
        if let Some(stream) = running.by_name.get(name) {
            return Ok(Some(stream.clone()));
        }
        let most = self.config.limits.streams;
        if running.by_name.len() >= most {
            return Err(Error::new(
                ErrorKind::TooMany,
                "there are as many streams as there may be",
                format!("at most {most} (--max-streams)"),
                "one more",
            ));
        }
        Ok(None)
    }

    /// The stream of this name, which is started if there is none.
    pub fn find_or_start(self: &Arc<Self>, name: &str) -> Result<Arc<Stream>, Error> {
        let mut running = lock(&self.running);
        if let Some(stream) = self.find_or_check(&running, name)? {
            return Ok(stream);
        }
        let on_encoded = self.on_encoded.clone();
        // Milliseconds, in which no other stream may start in its place.
        let start = || Stream::start(name, &self.config, move |duration| on_encoded(duration));
        let (stream, show) = blocking(start).map_err(Error::failed)?;
        info!(stream = name, "started");
        let stream = Arc::new(stream);
        running.by_name.insert(name.into(), stream.clone());

        let (streams, shown) = (self.clone(), stream.clone());
        tokio::spawn(async move {
            shown.show(show, &streams.hurry).await;
            match shown.state() {
                State::Failed(failure) => {
                    warn!(stream = shown.name(), failure, "failed");
                    blocking(|| shown.stop());
                }
                _ => {
                    let counts = shown.counts();
                    info!(
                        stream = shown.name(),
                        frames = counts.shown,
                        skipped = counts.skipped,
                        dropped = counts.dropped,
                        "ended"
                    );
                    streams.forget(&shown);
                }
            }
        });
        Ok(stream)
    }

    /// Ends a stream, and returns when all its frames are shown; with `is_now`, none of them is any more. It
    /// ends also where nobody waits for it.
    pub async fn end(self: &Arc<Self>, stream: &Arc<Stream>, is_now: bool) {
        let (streams, stream) = (self.clone(), stream.clone());
        let end = tokio::spawn(async move {
            if is_now {
                stream.end_now().await;
            } else {
                stream.end().await;
            }
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
        futures_util::future::join_all(all.iter().map(|stream| self.end(stream, false))).await;
    }

    fn forget(&self, stream: &Arc<Stream>) {
        let by_name = &mut lock(&self.running).by_name;
        // Another one may have taken its name.
        if by_name
            .get(stream.name())
            .is_some_and(|other| Arc::ptr_eq(stream, other))
        {
            by_name.remove(stream.name());
        }
    }
}

/// Ends streams to which nothing is posted, for as long as there are any `streams`.
pub async fn end_idle(streams: Weak<Streams>, after: Duration) {
    loop {
        tokio::time::sleep(IDLE_CHECK.min(after)).await;
        let Some(streams) = streams.upgrade() else {
            return;
        };
        let is_idle = |stream: &Arc<Stream>| {
            let is_kept = stream.is_kept() && stream.state() == State::Running;
            !is_kept && !stream.is_ending() && stream.is_idle(after)
        };
        for stream in streams.all().into_iter().filter(is_idle) {
            info!(stream = stream.name(), "idle");
            let streams = streams.clone();
            tokio::spawn(async move { streams.end(&stream, false).await });
        }
    }
}

/// Lets other tasks go on meanwhile on other threads, where there are any.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(flavor, Ok(RuntimeFlavor::MultiThread)) {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    const LONGEST: usize = 64;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(Error::invalid(
        "no stream can have this name",
        format!("1 to {LONGEST} of the letters a to z and A to Z, digits, - and _"),
        format!("{name:?}"),
    ))
}
