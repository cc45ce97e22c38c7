//! A streaming media server around `lipsyncframes`: networks post float frames, browsers watch the
//! JPEGs.
//!
//! ```text
//! cargo run --release -p media-server -- --demo talk.mp4
//! ```
//!
//! and <http://127.0.0.1:8080/> shows it. `--help` shows everything else. `examples/embed.rs` is a program of
//! one's own with streams in it. The way of a frame:
//!
//! ```text
//! http/ingest.rs, http/convert.rs (HTTP in), demo.rs (a video instead), Stream::push (the same process)
//!   -> http/frames.rs (what is posted), http/turn.rs (whose turn it is), memory.rs (where it is put)
//!   -> pipeline.rs (appsrc ! lipsyncframes ! jpegenc ! appsink)
//!   -> stream.rs (queue), pacer.rs (what is shown when)
//!   -> http/view.rs, http/page.rs (HTTP out)
//! ```
//!
//! http/mod.rs has the addresses, connections and stopping; http/access.rs says who may do what;
//! http/balancer.rs finds out which streams have gone on at another server.

mod config;
mod demo;
mod error;
mod frame_kind;
mod http;
mod memory;
mod pacer;
mod picture;
mod pipeline;
mod server;
mod stream;
mod streams;

pub use config::{Config, Encoding, Fit, HttpConfig, Limits, StreamConfig};
pub use demo::start as start_demo;
pub use error::{Error, ErrorKind};
pub use frame_kind::FrameKind;
pub use pacer::Counts;
pub use server::MediaServer;
pub use stream::{State, Stream};
