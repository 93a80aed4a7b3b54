//! Tests at the seams: the program as people call it, plans, clusters, shards in real readers.

mod bad_input;
mod clusters;
mod commands;
mod messages;
mod plans;
mod shards;
mod support;
#[cfg(feature = "train")]
mod training;
