//! The program `examples/media_server`, over real sockets.

#[path = "../../examples/load/frames.rs"]
mod frames;
#[path = "../common/programs.rs"]
mod programs;

mod access;
mod convert;
mod ingest;
mod load;
mod operate;
mod page;
mod server;
mod view;
