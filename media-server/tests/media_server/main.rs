//! The server, over real sockets.

#[path = "../../../tests/common/clips.rs"]
mod clips;
#[path = "../../src/bin/load/frames.rs"]
mod frames;
#[path = "../../../tests/common/patience.rs"]
mod patience;

mod access;
mod convert;
mod ingest;
mod load;
mod operate;
mod page;
mod server;
mod view;
