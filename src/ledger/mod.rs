//! The decision ledger: one row per input record, in document order.
//!
//! A row says what became of a record (`kept`, `dropped` by which stage and why, `failed` and why),
//! where it came from, and every signal that was computed about it: one column per signal, named
//! `<stage>.<signal>`. `hash_in` stands for kept documents, `hash_out` where an op changed the text.

pub mod attributes;
mod write;

pub use write::LedgerWriter;
