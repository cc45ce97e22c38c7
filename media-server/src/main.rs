//! The program.

use clap::Parser;
use media_server::{LogFormat, Options};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
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
    let stop = stop_on_signals()?;
    let server = media_server::start(options)?;
    // On standard output, where a program that asked for port 0 finds the port.
    let _ = writeln!(std::io::stdout(), "Listening on http://{address}/");
    media_server::serve(server, listener, stop.cancelled_owned()).await;
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
