//! A streaming media server around `lipsyncframes`: networks post float frames, browsers watch the
//! JPEGs.
//!
//! ```text
//! cargo run --release -p media-server -- --demo talk.mp4
//! ```
//!
//! and http://127.0.0.1:8080/ shows it. `--help` shows everything else. The way of a frame:
//!
//! ```text
//! ingest.rs, convert.rs (HTTP in), demo.rs (a video instead)
//!   -> frames.rs (what is posted), turn.rs (whose turn it is), memory.rs (where it is put)
//!   -> pipeline.rs (appsrc ! lipsyncframes ! jpegenc ! appsink)
//!   -> stream.rs (queue and pace) -> view.rs, page.rs (HTTP out)
//! ```
//!
//! server.rs has the addresses, connections and stopping; access.rs says who may do what.

mod access;
mod convert;
mod demo;
mod frames;
mod ingest;
mod memory;
mod metrics;
mod options;
mod page;
mod pipeline;
mod refusal;
mod server;
mod stream;
mod streams;
mod turn;
mod view;

use clap::Parser;
use options::{LogFormat, Options};
use server::Server;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "media_server: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), String> {
    options.check()?;
    start_log(&options)?;
    // Each viewer takes a file descriptor, and 1024 are the usual limit that programs may raise.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    gst::init().map_err(|error| error.to_string())?;
    gstlipsyncframes::plugin_register_static().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(receiving_threads())
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(serve(options))
}

/// Half of the cores: to receive a frame takes about as long as to convert and encode it, which
/// GStreamer's threads do. With as many threads as cores, the two woke and moved each other on two cores:
/// frames took 15 to 20 % more CPU time.
fn receiving_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    cores.div_ceil(2)
}

async fn serve(options: Options) -> Result<(), String> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let server = Arc::new(Server::new(options)?);
    stop_on_signals(&server)?;
    let idle = server.options.idle_timeout;
    tokio::spawn(server.streams.clone().end_idle(idle));
    if let Some(video) = &server.options.demo {
        demo::start(server.clone(), video)?;
    }
    // On standard output, where a program that asked for port 0 finds the port.
    let _ = writeln!(std::io::stdout(), "Listening on http://{address}/");
    server::serve(server, listener).await;
    info!("stopped");
    Ok(())
}

fn start_log(options: &Options) -> Result<(), String> {
    let filter = EnvFilter::try_new(&options.log)
        .map_err(|error| format!("--log {}: {error}", options.log))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// SIGTERM and Ctrl-C let everything come to its end; a second one does not.
fn stop_on_signals(server: &Arc<Server>) -> Result<(), String> {
    let failed = |error| format!("signals cannot be handled: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stopping = server.stopping.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if is_first {
                stopping.cancel();
            } else {
                std::process::exit(1);
            }
        }
    });
    Ok(())
}
