//! Load for `media_server`: many clients that post, many viewers that watch, and some that do neither
//! as they should. Every frame has its number in its pixels, so that it is seen whether one is lost.
//!
//! ```text
//! cargo run --release -p media-server &
//! cargo run --release -p media-server --bin load -- --pid $!
//! ```
//!
//! (`--pid` wants the server's own process, not cargo's.) `--help` shows everything else.

/// Prints, where somebody reads it.
macro_rules! say {
    ($($text:tt)*) => {{ let _ = writeln!(std::io::stdout(), $($text)*); }};
}

macro_rules! warn {
    ($($text:tt)*) => {{ let _ = writeln!(std::io::stderr(), $($text)*); }};
}

mod client;
mod faults;
mod frames;
mod post;
mod process;
mod watch;

use clap::Parser;
use client::Server;
use indicatif::{ProgressBar, ProgressStyle};
use post::{Pictures, Posted, Schedule, post_to};
use process::{Process, bare_pipeline};
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use watch::{Seen, watch};

/// Puts load on a media_server on this machine, and checks that no frame is lost
#[derive(Debug, Parser)]
#[command(name = "load", version)]
struct Options {
    /// Address of the server, on this machine
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    server: SocketAddr,

    /// The server's token, if it has one
    #[arg(
        long,
        value_name = "TOKEN",
        env = "MEDIA_SERVER_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,

    /// Process of the server, to tell what CPU time, memory and threads it takes
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Streams that are posted to
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..=1000))]
    streams: u64,

    /// Viewers, spread over the streams; the first of each reads the number of every picture
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(..=10_000))]
    viewers: u64,

    /// Frames per second of each stream
    #[arg(long, value_name = "FPS", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=1000))]
    framerate: u64,

    /// Frames in a post
    #[arg(long, value_name = "FRAMES", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=200))]
    batch: u64,

    /// How long to post
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,

    /// Posts of other clients that are broken off in the middle of a frame
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    deaths: u64,

    /// More viewers, who never read
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1000))]
    stalled: u64,

    /// Clients that upload to streams of their own at 5 MB/s each
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1000))]
    slow: u64,

    /// Interrupt one more stream every second, and see how soon a viewer sees what follows
    #[arg(long)]
    interrupt: bool,

    /// Post to one more stream until it fails, for a server with an encoder that does, such as
    /// --encoder 'identity error-after=5000 ! jpegenc'
    #[arg(long)]
    failing: bool,

    /// Stop the server with SIGTERM after half of the time, while frames are being posted
    #[arg(long, requires = "pid")]
    terminate: bool,
}

/// How the server was, seen from outside.
#[derive(Default)]
struct Watched {
    first: Option<(Duration, u64)>,
    /// Cpu and frames until the end
    last: Option<(Duration, u64)>,
    /// Resident MiB after a tenth of the time, at most a minute
    early_mib: f64,
    most_mib: f64,
    last_mib: f64,
    threads: Vec<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(problems) if problems.is_empty() => {
            say!("All frames arrived, in order.");
            ExitCode::SUCCESS
        }
        Ok(problems) => {
            for problem in problems.iter().take(20) {
                warn!("load: {problem}");
            }
            warn!("load: {} problems", problems.len());
            ExitCode::FAILURE
        }
        Err(problem) => {
            warn!("load: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Vec<String>, String> {
    if !options.server.ip().is_loopback() {
        return Err(format!(
            "--server {}: expected this machine, such as 127.0.0.1:8080. Nobody else wants this load",
            options.server
        ));
    }
    gst::init().map_err(|error| error.to_string())?;
    gstlipsyncframes::plugin_register_static().map_err(|error| error.to_string())?;
    // As many as a batch has: with fewer, a bare pipeline would have them in the cache.
    let pictures = Arc::new(Pictures::new(options.batch as usize));
    let bare = bare_pipeline(&pictures)?;
    say!(
        "A bare pipeline takes {:.0} us of CPU a frame.",
        bare.as_secs_f64() * 1e6
    );
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(load(options, pictures, bare))
}

async fn load(
    options: &Options,
    pictures: Arc<Pictures>,
    bare: Duration,
) -> Result<Vec<String>, String> {
    let server = Server {
        address: options.server,
        token: options.token.clone(),
    };
    let (status, _) = server.ask("GET", "/healthz").await?;
    if status != 200 {
        return Err(format!("/healthz answers {status}"));
    }
    let latencies_before = latencies_of(&server).await?;
    let began = Instant::now();
    let schedule = Schedule {
        batch: options.batch,
        framerate: options.framerate,
        until: began + Duration::from_secs(options.seconds),
        may_stop: options.terminate,
    };
    let accepted = Arc::new(AtomicU64::new(0));
    let watched_pictures = Arc::new(AtomicU64::new(0));

    let mut posting = JoinSet::new();
    let batch_seconds = options.batch as f64 / options.framerate as f64;
    for stream in 0..options.streams {
        // One after the other, as independent clients would be on average.
        let share = stream as f64 / options.streams as f64;
        let begin = began + Duration::from_secs_f64(batch_seconds * share);
        let (server, pictures) = (server.clone(), pictures.clone());
        let accepted = accepted.clone();
        posting.spawn(async move {
            let name = name(stream);
            (
                stream,
                post_to(server, name, pictures, begin, schedule, accepted).await,
            )
        });
    }
    // By then, each stream has its first frame.
    tokio::time::sleep(Duration::from_secs_f64(batch_seconds + 1.0)).await;
    let mut viewing = JoinSet::new();
    for viewer in 0..options.viewers {
        let stream = viewer % options.streams;
        let is_first = viewer < options.streams;
        let total = watched_pictures.clone();
        viewing.spawn(watch(
            server.clone(),
            stream as usize,
            name(stream),
            is_first,
            total,
        ));
    }
    let mut stalled = JoinSet::new();
    for viewer in 0..options.stalled {
        stalled.spawn(faults::stall(
            server.clone(),
            name(viewer % options.streams),
        ));
    }
    let deaths = tokio::spawn(faults::die_in_posts(server.clone(), options.deaths));
    let failing = options
        .failing
        .then(|| tokio::spawn(faults::post_until_failure(server.clone(), 10_000)));

    let mut slow = JoinSet::new();
    for client in 0..options.slow {
        let name = format!("slow{client}");
        slow.spawn(faults::upload_slowly(server.clone(), name, schedule.until));
    }
    let interrupting = options.interrupt.then(|| {
        let (server, pictures) = (server.clone(), pictures.clone());
        tokio::spawn(async move { faults::interrupt(server, &pictures, schedule.until).await })
    });
    let stopping = options
        .terminate
        .then(|| tokio::spawn(terminate(options.pid, began, options.seconds)));
    let watched = observe(options, began, &accepted, &watched_pictures).await;
    let mut posted: Vec<(u64, Posted)> = posting.join_all().await;
    posted.sort_unstable_by_key(|(stream, _)| *stream);
    let mut problems = Vec::new();
    let died = deaths.await.map_err(|error| error.to_string())?;
    if let Some(failing) = failing {
        match failing.await.map_err(|error| error.to_string())? {
            Ok(answer) => say!("The failing stream failed: {answer}"),
            Err(problem) => problems.push(problem),
        }
    }
    for slow in slow.join_all().await {
        if let Err(error) = slow {
            problems.push(format!("a slow client was cut off: {error}"));
        }
    }
    if let Some(interrupting) = interrupting {
        match interrupting.await.map_err(|error| error.to_string())? {
            Ok(durations) => say!(
                "{} interruptions; from the post to its first picture at a viewer: {}",
                durations.len(),
                percentiles(durations)
            ),
            Err(problem) => problems.push(problem),
        }
    }
    let mut latencies = None;
    if let Some(stopping) = stopping {
        stopping.await.map_err(|error| error.to_string())??;
        if posted.iter().any(|(_, posted)| !posted.is_stopped) {
            problems.push("a post was not told that the server is stopping".into());
        }
    } else {
        latencies = Some(latencies_of(&server).await?.since(&latencies_before));
        end_streams(&server, &posted, &mut problems).await;
    }
    let seen = viewing.join_all().await;
    for stalled in stalled.join_all().await {
        if let Err(error) = stalled {
            problems.push(format!("a viewer who was to stall was not let in: {error}"));
        }
    }

    check(&posted, &seen, &mut problems);
    summarise(options, &posted, &seen, &watched, latencies.as_ref(), bare);
    if options.deaths > 0 {
        say!("{died} of {} posts were broken off.", options.deaths);
    }
    Ok(problems)
}

fn name(stream: u64) -> String {
    format!("load{stream}")
}

/// Shows progress, and looks at the server's process, until all is posted.
async fn observe(
    options: &Options,
    began: Instant,
    accepted: &AtomicU64,
    pictures: &AtomicU64,
) -> Watched {
    let bar = ProgressBar::new(options.seconds);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} s, {msg}") {
        bar.set_style(style);
    }
    let mut watched = Watched::default();
    let settled = (options.seconds / 10).clamp(2, 60);
    loop {
        let elapsed = began.elapsed().as_secs();
        if elapsed >= options.seconds {
            bar.finish_and_clear();
            return watched;
        }
        bar.set_position(elapsed);
        let frames = accepted.load(Ordering::Relaxed);
        bar.set_message(format!(
            "{frames} frames accepted, {} pictures seen",
            pictures.load(Ordering::Relaxed)
        ));
        if let Some(process) = options.pid.and_then(Process::read)
            && elapsed >= settled
        {
            if watched.first.is_none() {
                watched.first = Some((process.cpu, frames));
                watched.early_mib = process.resident_mib;
            }
            watched.last = Some((process.cpu, frames));
            watched.last_mib = process.resident_mib;
            watched.most_mib = watched.most_mib.max(process.resident_mib);
            watched.threads.push(process.threads);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn end_streams(server: &Server, posted: &[(u64, Posted)], problems: &mut Vec<String>) {
    let mut ending = JoinSet::new();
    for (stream, posted) in posted {
        let (server, name, accepted) = (server.clone(), name(*stream), posted.accepted);
        ending.spawn(async move {
            let (status, answer) = server.ask("DELETE", &format!("/streams/{name}")).await?;
            let text = String::from_utf8_lossy(&answer);
            let shown = serde_json::from_slice::<serde_json::Value>(&answer)
                .ok()
                .and_then(|answer| answer["shown"].as_u64());
            if status == 200 && shown == Some(accepted) {
                return Ok(());
            }
            Err(format!(
                "{name}: {accepted} frames were accepted; status {status}: {text}"
            ))
        });
    }
    problems.extend(ending.join_all().await.into_iter().filter_map(Result::err));
}

/// Sends SIGTERM to the server when half of the time is over.
async fn terminate(pid: Option<u32>, began: Instant, seconds: u64) -> Result<(), String> {
    let pid = pid.ok_or("no --pid")?.to_string();
    tokio::time::sleep_until((began + Duration::from_secs(seconds) / 2).into()).await;
    match std::process::Command::new("kill").arg(&pid).status() {
        Ok(status) if status.success() => Ok(()),
        outcome => Err(format!("kill {pid}: {outcome:?}")),
    }
}

/// Looks for frames that were accepted and not shown.
///
/// The server numbers the pictures as they come out; the numbers in their pixels were drawn before they
/// went in. If both agree in the last picture, nothing before it was lost, seen or not.
fn check(posted: &[(u64, Posted)], seen: &[Seen], problems: &mut Vec<String>) {
    problems.extend(
        posted
            .iter()
            .filter_map(|(_, posted)| posted.problem.clone()),
    );
    for seen in seen {
        if let Some(problem) = &seen.problem {
            problems.push(problem.clone());
            continue;
        }
        let expected = posted[seen.stream].1.accepted.checked_sub(1);
        if !seen.has_ended || seen.last != expected {
            problems.push(format!(
                "a viewer of {}: the last picture was {:?}, expected {expected:?} and the end, which came: {}",
                name(seen.stream as u64),
                seen.last,
                seen.has_ended
            ));
        }
    }
}

fn summarise(
    options: &Options,
    posted: &[(u64, Posted)],
    seen: &[Seen],
    watched: &Watched,
    latencies: Option<&Latencies>,
    bare: Duration,
) {
    let accepted: u64 = posted.iter().map(|(_, posted)| posted.accepted).sum();
    let busy: u64 = posted.iter().map(|(_, posted)| posted.busy).sum();
    let durations = posted
        .iter()
        .flat_map(|(_, posted)| posted.durations.iter().copied())
        .collect();
    let pictures: u64 = seen.iter().map(|seen| seen.pictures).sum();
    say!(
        "{accepted} frames accepted in {} s, {:.0} a second; {busy} posts had to come again",
        options.seconds,
        accepted as f64 / options.seconds as f64
    );
    say!(
        "a post of {} frames, to its answer: {}",
        options.batch,
        percentiles(durations)
    );
    if let Some(latencies) = latencies {
        say!(
            "from the beginning of a post to a frame's JPEG, as the server counts: p50 at most {:.0} ms, p99 at most {:.0} ms",
            latencies.percentile(0.50) * 1e3,
            latencies.percentile(0.99) * 1e3
        );
    }
    say!("{} viewers saw {pictures} pictures", seen.len());
    if let (Some((cpu_before, before)), Some((cpu, frames))) = (watched.first, watched.last)
        && frames > before
    {
        let per_frame = (cpu - cpu_before).as_secs_f64() / (frames - before) as f64;
        say!(
            "server: {:.0} us of CPU a frame, {:.2} times that of the bare pipeline",
            per_frame * 1e6,
            per_frame / bare.as_secs_f64()
        );
        say!(
            "server: {:.0} MiB early, {:.0} MiB in the end, {:.0} MiB at most; {:?} to {:?} threads",
            watched.early_mib,
            watched.last_mib,
            watched.most_mib,
            watched.threads.iter().min().unwrap_or(&0),
            watched.threads.iter().max().unwrap_or(&0)
        );
    }
}

/// "p50 12 ms, p99 30 ms"
fn percentiles(mut durations: Vec<Duration>) -> String {
    durations.sort_unstable();
    let percentile = |percent: usize| {
        let index = (durations.len() * percent / 100).min(durations.len().saturating_sub(1));
        let duration = durations.get(index).copied().unwrap_or_default();
        duration.as_secs_f64() * 1e3
    };
    format!("p50 {:.0} ms, p99 {:.0} ms", percentile(50), percentile(99))
}

/// The server's histogram of times from post to JPEG: bounds in seconds, and how many were no longer.
struct Latencies(Vec<(f64, f64)>);

impl Latencies {
    fn since(&self, before: &Self) -> Self {
        let buckets = self.0.iter().zip(&before.0);
        Self(
            buckets
                .map(|(now, before)| (now.0, now.1 - before.1))
                .collect(),
        )
    }

    /// The bound that a share of them did not exceed.
    fn percentile(&self, share: f64) -> f64 {
        let total = self.0.last().map_or(0.0, |bucket| bucket.1);
        let bucket = self.0.iter().find(|bucket| bucket.1 >= total * share);
        bucket.map_or(f64::NAN, |bucket| bucket.0)
    }
}

async fn latencies_of(server: &Server) -> Result<Latencies, String> {
    let (status, page) = server.ask("GET", "/metrics").await?;
    let page = String::from_utf8_lossy(&page);
    let buckets = page.lines().filter_map(|line| {
        let line = line.strip_prefix("media_server_post_to_jpeg_seconds_bucket{le=\"")?;
        let (bound, count) = line.split_once("\"} ")?;
        let bound = if bound == "+Inf" {
            f64::INFINITY
        } else {
            bound.parse().ok()?
        };
        Some((bound, count.parse().ok()?))
    });
    let latencies = Latencies(buckets.collect());
    if latencies.0.is_empty() {
        return Err(format!(
            "/metrics answers {status} and has no times from post to JPEG"
        ));
    }
    Ok(latencies)
}
