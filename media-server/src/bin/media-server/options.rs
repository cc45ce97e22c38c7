//! The command line and the environment.

use clap::{ArgAction, Parser, ValueEnum, value_parser};
use gstlipsyncframes::pixel::MAX_SIZE;
use gstlipsyncframes::pixel::pool::MAX_THREADS;
use media_server::{Config, Encoding, Fit, HttpConfig, Limits, StreamConfig};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

const SIZES: std::ops::RangeInclusive<i64> = 1..=MAX_SIZE as i64;

const AFTER_HELP: &str = "\
Every option can be set by the environment variable named beside it.

A picture that moves, on http://127.0.0.1:8080/:
  media_server --demo talk.mp4

25 frames of 640x360, as a network emits them, into the stream \"anna\":
  curl --data-binary @batch.f32 -H 'Content-Type: application/octet-stream' \\
    'http://127.0.0.1:8080/streams/anna/frames?format=BGR_F32LE&width=640&height=360&framerate=25'
  http://127.0.0.1:8080/streams/anna.mjpeg moves; anna.jpg is its latest frame; anna is its figures.
  curl -X DELETE http://127.0.0.1:8080/streams/anna/frames drops what is not shown yet, at once;
  curl -X DELETE http://127.0.0.1:8080/streams/anna ends it when all is shown.

A batch to JPEGs, in one answer (multipart/mixed):
  curl --data-binary @batch.f32 -H 'Content-Type: application/octet-stream' \\
    'http://127.0.0.1:8080/convert?format=BGR_F32LE&width=640&height=360'

For other machines, with a token of your own:
  MEDIA_SERVER_TOKEN=$(openssl rand -hex 16) media_server --listen 0.0.0.0:8080
  curl -H \"Authorization: Bearer $MEDIA_SERVER_TOKEN\" ...
  Browsers ask for a name and a password: any name, and the token. There is no TLS: put a proxy that
  has it in front where the network is not yours.";

/// Turns the float frames that lip-sync networks post into live video for browsers: one GStreamer
/// pipeline for each stream, all in this process.
#[derive(Debug, Parser)]
#[command(name = "media_server", version, after_help = AFTER_HELP)]
pub struct Options {
    /// Address or name to listen on; other than this machine's own ones need --token
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        env = "MEDIA_SERVER_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: String,

    /// Secret that posting, converting and deleting ask for (Authorization: Bearer TOKEN)
    #[arg(long, value_name = "TOKEN", env = "MEDIA_SERVER_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub token: Option<String>,

    /// Secret that viewing asks for; --token opens it, too. Without this one, only --token does
    #[arg(long, value_name = "TOKEN", env = "MEDIA_SERVER_VIEW_TOKEN", hide_env_values = true, value_parser = parse_token, requires = "token")]
    pub view_token: Option<String>,

    /// Load balancer in front of this server and others like it. Streams whose posts go to another server
    /// now are found out there, and let their viewers go
    #[arg(long, value_name = "URL", env = "MEDIA_SERVER_BALANCER")]
    pub balancer: Option<String>,

    /// Video to show as the stream "demo", over and over, as a network would emit it
    #[arg(long, value_name = "VIDEO", env = "MEDIA_SERVER_DEMO")]
    pub demo: Option<PathBuf>,

    /// Width of the pictures to make, unless a request says otherwise (out_width); that of the frames if
    /// this is not given either
    #[arg(long, value_name = "PIXELS", env = "MEDIA_SERVER_WIDTH", value_parser = value_parser!(u32).range(SIZES))]
    pub width: Option<u32>,

    /// Height of the pictures to make (out_height)
    #[arg(long, value_name = "PIXELS", env = "MEDIA_SERVER_HEIGHT", value_parser = value_parser!(u32).range(SIZES))]
    pub height: Option<u32>,

    /// How frames fill pictures of another shape (fit)
    #[arg(long, env = "MEDIA_SERVER_FIT", default_value = "stretch")]
    pub fit: FitOption,

    /// How much later than it should be a frame is shown at most (max_lag): one that would be later is
    /// skipped, unless it is the newest. Without this, all are shown
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_MAX_LAG", value_parser = parse_seconds)]
    pub max_lag: Option<Duration>,

    /// By how much faster late frames are shown until they are in time again (catch_up)
    #[arg(long, value_name = "PERCENT", env = "MEDIA_SERVER_CATCH_UP", default_value_t = 0.0, value_parser = parse_percent)]
    pub catch_up: f64,

    /// Elements that make one JPEG of every frame, as gst-launch-1.0 would take them
    #[arg(
        long,
        value_name = "ELEMENTS",
        env = "MEDIA_SERVER_ENCODER",
        default_value = "jpegenc quality=75 idct-method=islow"
    )]
    pub encoder: String,

    /// Most threads to convert a frame on; 0: one per core, at most 16. With more streams than cores, 1
    /// is best
    #[arg(long, value_name = "N", env = "MEDIA_SERVER_THREADS", default_value_t = 1, value_parser = value_parser!(u32).range(..=MAX_THREADS as i64))]
    pub threads: u32,

    /// Batches that are converted at the same time for /convert; others wait
    #[arg(long, value_name = "N", env = "MEDIA_SERVER_CONVERTERS", default_value_t = 4, value_parser = positive)]
    pub converters: usize,

    /// Most streams at a time
    #[arg(long, value_name = "N", env = "MEDIA_SERVER_MAX_STREAMS", default_value_t = 64, value_parser = positive)]
    pub max_streams: usize,

    /// Most viewers at a time, of all streams
    #[arg(long, value_name = "N", env = "MEDIA_SERVER_MAX_VIEWERS", default_value_t = 5000, value_parser = positive)]
    pub max_viewers: usize,

    /// Most connections at a time; others wait to be accepted
    #[arg(long, value_name = "N", env = "MEDIA_SERVER_MAX_CONNECTIONS", default_value_t = 6000, value_parser = positive)]
    pub max_connections: usize,

    /// Most frames of a stream that are accepted and not shown yet, and of a batch for /convert
    #[arg(long, value_name = "FRAMES", env = "MEDIA_SERVER_MAX_QUEUED", default_value_t = 250, value_parser = positive)]
    pub max_queued: usize,

    /// Largest body of a post
    #[arg(long, value_name = "MIB", env = "MEDIA_SERVER_MAX_BODY", default_value_t = 256, value_parser = mebibytes())]
    pub max_body: u64,

    /// Largest frame
    #[arg(long, value_name = "MIB", env = "MEDIA_SERVER_MAX_FRAME", default_value_t = 32, value_parser = mebibytes())]
    pub max_frame: u64,

    /// Most memory for float frames that are being received and converted, of all streams
    #[arg(long, value_name = "MIB", env = "MEDIA_SERVER_MEMORY", default_value_t = 1024, value_parser = mebibytes())]
    pub memory: u64,

    /// How long a post waits for room before it is told to come again
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_QUEUE_WAIT", default_value = "5", value_parser = parse_seconds)]
    pub queue_wait: Duration,

    /// How long a client may take for the head of a request, for a frame, and to read its answer
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_CLIENT_TIMEOUT", default_value = "10", value_parser = parse_seconds)]
    pub client_timeout: Duration,

    /// How long a connection is kept open between two requests
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_KEEP_ALIVE", default_value = "75", value_parser = parse_seconds)]
    pub keep_alive: Duration,

    /// How long a stream that was not made by PUT may be without a post before it is ended
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_IDLE_TIMEOUT", default_value = "60", value_parser = parse_seconds)]
    pub idle_timeout: Duration,

    /// How long accepted frames are still shown at their pace after SIGTERM
    #[arg(long, value_name = "SECONDS", env = "MEDIA_SERVER_STOP_TIMEOUT", default_value = "10", value_parser = parse_seconds)]
    pub stop_timeout: Duration,

    /// What to log on standard error, as RUST_LOG has it
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    pub log: String,

    /// How to log
    #[arg(long, env = "MEDIA_SERVER_LOG_FORMAT", default_value = "text", action = ArgAction::Set)]
    pub log_format: LogFormat,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How frames fill pictures of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FitOption {
    /// Stretched
    Stretch,
    /// Whole, with black borders
    Borders,
}

const MIB: u64 = 1 << 20;

impl Options {
    /// The addresses to listen on, of which the first that works is taken.
    ///
    /// # Errors
    ///
    /// A sentence about a name that has none, or options that do not go together.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, String> {
        let listen = &self.listen;
        let addresses = listen.to_socket_addrs().map_err(|error| {
            // Only a port, as many take it
            let port = listen.trim_start_matches(':').parse().unwrap_or(8080u16);
            format!(
                "--listen {listen}: {error}; expected an address and a port, such as 127.0.0.1:{port} for \
                 this machine alone, or 0.0.0.0:{port} for all"
            )
        })?;
        let addresses: Vec<_> = addresses.collect();
        let is_open = addresses.iter().any(|address| !address.ip().is_loopback());
        if is_open && self.token.is_none() {
            return Err(format!(
                "--listen {listen} lets other machines in, which needs --token TOKEN (or \
                 MEDIA_SERVER_TOKEN); localhost does not"
            ));
        }
        if self.max_frame > self.memory {
            return Err(format!(
                "--max-frame {} does not fit into --memory {}: expected less, or more memory",
                self.max_frame, self.memory
            ));
        }
        Ok(addresses)
    }

    /// The same, as the library takes it.
    pub fn config(&self) -> Config {
        Config {
            limits: Limits {
                converters: self.converters,
                streams: self.max_streams,
                viewers: self.max_viewers,
                connections: self.max_connections,
                queued: self.max_queued,
                body: self.max_body * MIB,
                frame: self.max_frame * MIB,
                memory: self.memory * MIB,
                queue_wait: self.queue_wait,
                idle: self.idle_timeout,
            },
            stream: StreamConfig {
                width: self.width,
                height: self.height,
                fit: match self.fit {
                    FitOption::Stretch => Fit::Stretch,
                    FitOption::Borders => Fit::Borders,
                },
                max_lag: self.max_lag,
                catch_up: self.catch_up,
            },
            http: HttpConfig {
                token: self.token.clone(),
                view_token: self.view_token.clone(),
                balancer: self.balancer.clone(),
                client_timeout: self.client_timeout,
                keep_alive: self.keep_alive,
            },
            encoding: Encoding {
                encoder: self.encoder.clone(),
                threads: self.threads,
            },
        }
    }
}

fn mebibytes() -> clap::builder::RangedU64ValueParser<u64> {
    // As kibibytes, the largest still fits into the 32 bits that a semaphore is asked for.
    value_parser!(u64).range(1..=1 << 20)
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("expected a number from 1 to 1000000".into()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().unwrap_or(f64::NAN);
    if (0.01..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("expected seconds, from 0.01 to 86400".into())
    }
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected percent, from 0 to 100".into()),
    }
}

fn parse_token(text: &str) -> Result<String, String> {
    /// 8 characters can be tried through; 16 of 4 bits each cannot.
    const LEAST: usize = 16;
    if text.len() < LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "expected at least {LEAST} letters, digits and signs without spaces, such as `openssl rand -hex 16` prints"
        ));
    }
    Ok(text.into())
}
