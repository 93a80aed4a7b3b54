//! Tests at the seams: the program as people call it, plans, clusters, shards in real readers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may fail, and its files are local"
)]

mod bad_input;
mod chat;
mod clusters;
mod commands;
mod corpora;
mod decontaminate;
mod dedup;
mod dedup_quality;
mod fit_classifier;
mod fit_tokenizer;
mod index;
mod joins;
#[cfg(feature = "train")]
mod lab;
mod ledger;
mod messages;
mod mixture;
mod objects;
mod outcomes;
#[cfg(feature = "train")]
mod parallel;
mod plans;
mod pushdown;
mod scale;
mod shard_formats;
mod shards;
mod support;
#[cfg(feature = "train")]
mod training;
mod web;
