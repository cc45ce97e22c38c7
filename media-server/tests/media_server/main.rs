//! The server, over real sockets.

#[path = "../../../tests/common/clips.rs"]
mod clips;
#[path = "../../src/bin/load/frames.rs"]
mod frames;
#[path = "../../../tests/common/patience.rs"]
mod patience;

mod access;
mod balancer;
mod convert;
mod embed;
mod http;
mod ingest;
mod load;
mod operate;
mod page;
mod scale;
mod server;
mod speech;
mod view;
