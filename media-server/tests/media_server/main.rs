//! The server, over real sockets.

#[path = "../../../tests/common/clips.rs"]
mod clips;
#[path = "../../src/bin/load/frames.rs"]
mod frames;

mod access;
mod convert;
mod ingest;
mod load;
mod operate;
mod page;
mod server;
mod view;
