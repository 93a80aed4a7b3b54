//! tamis: from raw web-scale text to training shards, from one TOML file.
//!
//! The folders are the data's way: [`config`] reads the pipeline, [`plan`] turns it into phases and
//! tasks, [`read`] brings records in, [`ops`] decide about them with [`text`], [`model`] and
//! [`extract`],
//! [`exchange`] lets documents of all tasks meet, [`tokens`] makes shards, [`ledger`] keeps what
//! became of every record. [`exec`] runs tasks and commits them, [`cluster`] says where they run,
//! [`store`] is the only door to storage, [`cli`] the commands. `train` (feature) trains on the
//! shards; [`scale`] fits laws to trainings and says which recipe wins; [`report`] draws.

pub mod cli;
pub mod cluster;
pub mod config;
pub mod conversation;
pub mod document;
pub mod exchange;
pub mod exec;
pub mod extract;
pub mod ledger;
pub mod model;
pub mod ops;
pub mod plan;
pub mod read;
pub mod report;
pub mod scale;
pub mod store;
pub mod text;
pub mod tokens;
#[cfg(feature = "train")]
pub mod train;
