//! The server, over real sockets.

#[path = "../../../tests/common/clips.rs"]
mod clips;
#[path = "../../src/bin/load/frames.rs"]
mod frames;
#[path = "../../../tests/common/patience.rs"]
mod patience;

mod access;
mod convert;
mod embed;
mod http;
mod ingest;
mod load;
mod operate;
mod page;
mod server;
mod speech;
mod view;
