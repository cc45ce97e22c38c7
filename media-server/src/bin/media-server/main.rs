//! The program.

mod options;

use clap::Parser;
use media_server::MediaServer;
use options::{LogFormat, Options};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::WorkerGuard;
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
    let addresses = options.addresses()?;
    // Until the end: it writes what is left.
    let _log = start_log(&options)?;
    // Each viewer takes a file descriptor, and 1024 are the usual limit that programs may raise.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    gst::init().map_err(|error| error.to_string())?;
    gstlipsyncframes::plugin_register_static().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(receiving_threads())
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(serve(&options, &addresses))
}

/// Half of the cores: to receive a frame takes about as long as to convert and encode it, which
/// GStreamer's threads do. With as many threads as cores, the two woke and moved each other on two cores:
/// frames took 15 to 20 % more CPU time.
fn receiving_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    cores.div_ceil(2)
}

async fn serve(options: &Options, addresses: &[SocketAddr]) -> Result<(), String> {
    let listener = TcpListener::bind(addresses)
        .await
        .map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = stop_on_signals()?;
    let server = MediaServer::new(options.config())?;
    if let Some(video) = &options.demo {
        media_server::start_demo(server.clone(), video)?;
    }
    // On standard output, where a program that asked for port 0 finds the port.
    let _ = writeln!(std::io::stdout(), "Listening on http://{address}/");
    let stop = stop.cancelled_owned();
    server.serve(listener, stop, options.stop_timeout).await;
    Ok(())
}

/// Writes the log on a thread of its own: whoever reads it may stop reading, or go away.
fn start_log(options: &Options) -> Result<WorkerGuard, String> {
    let filter = EnvFilter::try_new(&options.log)
        .map_err(|error| format!("--log {}: {error}", options.log))?;
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // It would print them, and panic where that fails, too.
        .log_internal_errors(false)
        .with_writer(writer);
    match options.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(guard)
}

/// SIGTERM and Ctrl-C let everything come to its end; a second one does not.
fn stop_on_signals() -> Result<CancellationToken, String> {
    let failed = |error| format!("signals cannot be handled: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
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
    Ok(stop)
}
