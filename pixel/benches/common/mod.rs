//! What this benchmark shares with that of the pipelines, in the workspace's root.

pub mod frames;
pub mod report;
