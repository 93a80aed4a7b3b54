//! The decision ledger: one row per input record, in document order, and what can be asked of it.
//!
//! A row says what became of a record (`kept`, `dropped` by which stage and why, `failed` and why),
//! where it came from, and every signal that was computed about it: one column per signal, named
//! `<stage>.<signal>`. `hash_in` stands for kept documents, `hash_out` where an op changed the text.
//! `chars_in` is null for failed records, and for those that the first `where` stages dropped before
//! their text was decoded (Parquet; see `plan::pushdown`).
//!
//! [`write`] makes it. [`run`] opens a run directory and [`table`] reads its files; on them stand
//! the questions, one file each.

pub mod attributes;
mod columns;
pub mod dedup_quality;
mod error;
pub mod export;
mod fate;
pub mod inspect;
pub mod query;
pub mod rows;
pub mod run;
mod table;
pub mod whatif;
pub mod why;
mod write;

pub use error::LedgerError;
pub use write::{LedgerWriter, SignalBuilder};
