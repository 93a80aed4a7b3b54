//! Tokens: from kept documents to shuffled shards.
//!
//! A document is tokenized in the last flow phase, beside the writing of its text. Its ids travel
//! under the name of its *cell* (source, language, …) and an order drawn from its identity and the
//! seed; sorting by both *is* the shuffle, over the whole corpus. When all is tokenized, what each
//! cell holds is counted; then shards are cut from the cells, or, for a materialised mixture,
//! documents are dealt out to their places in one stream first. At the end the data set is described.

pub mod cells;
pub mod count;
pub mod cut;
pub mod dataset;
pub(crate) mod deal;
pub mod format;
pub mod mixture;
mod pack;
pub mod record;
pub mod sample;
pub mod shard;
pub(crate) mod sink;
pub mod tokenizer;

use tokenizers::pipeline::PipelineToken;

use self::count::{Cells, SliceTable};
use self::format::{ShardError, Width};
use self::mixture::MixtureError;
use self::tokenizer::{Tokenizer, TokenizerError};
use crate::document::{Batch, DocumentId};
use crate::exec::ExecError;
use crate::exec::engine::Engine;
use crate::exec::manifest::Output;
use crate::store::StoreError;

/// The tokens of a batch's kept documents, as the bytes that shards hold.
pub struct TokenBatch {
    bytes: Vec<u8>,
    /// End of each row's bytes.
    ends: Vec<usize>,
    width: Width,
}

impl TokenBatch {
    /// Encodes the kept documents of a batch, each with `end_of_document` behind it.
    ///
    /// # Errors
    /// When a text cannot be expressed in the tokenizer's vocabulary.
    pub fn encode(
        tokenizer: &Tokenizer,
        end_of_document: u32,
        batch: &Batch,
    ) -> Result<Self, TokenizerError> {
        let width = Width::of(tokenizer.vocab_size());
        let mut encoded = Self {
            bytes: Vec::with_capacity(batch.text_bytes() / 2),
            ends: Vec::with_capacity(batch.len()),
            width,
        };
        let mut ids: Vec<PipelineToken> = Vec::new();
        for row in 0..batch.len() {
            if batch.verdicts[row].is_kept() {
                ids.clear();
                tokenizer.encode_into(batch.text(row), &mut ids)?;
                ids.push(end_of_document.into());
                width.append(PipelineToken::cast_slice(&ids), &mut encoded.bytes);
            }
            encoded.ends.push(encoded.bytes.len());
        }
        Ok(encoded)
    }

    /// The bytes of a row's tokens.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// For each of a row's tokens, 1 where it is learnt and 0 where not; all are where `None`.
    #[must_use]
    pub fn loss(&self, _row: usize) -> Option<&[u8]> {
        None
    }

    /// The number of a row's tokens, its end-of-document token included.
    #[must_use]
    pub fn count(&self, row: usize) -> u32 {
        u32::try_from(self.bytes(row).len() / self.width.bytes()).unwrap_or(u32::MAX)
    }
}

/// The tables that the tasks behind the count read.
fn counted(engine: &Engine, slices: Option<&str>) -> Result<(Cells, SliceTable), ExecError> {
    let cells = Cells::load(&engine.store)?;
    let table = match slices {
        Some(path) => SliceTable::load(&engine.store, path)?,
        None => SliceTable::default(),
    };
    Ok((cells, table))
}

/// Deals out a part of the documents of `exchange` to the mixture.
pub(crate) fn deal(
    engine: &Engine,
    exchange: &[String],
    slices: Option<&str>,
    task: (u32, u32),
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let Some(tokens) = &engine.plan.tokens else { return Ok(Vec::new()) };
    let (cells, table) = counted(engine, slices)?;
    let mix = tokens.mix(&cells).map_err(TokensError::from)?;
    let dealing = deal::Dealing {
        cells: &cells,
        table: &table,
        mix: &mix,
        slices: tokens.slices,
        width: tokens.layout.width.bytes(),
        exchange,
    };
    deal::run(engine, &dealing, task, work)
}

/// Writes a part of the shards from the documents of `exchange`.
pub(crate) fn shard(
    engine: &Engine,
    exchange: &[String],
    slices: Option<&str>,
    task: (u32, u32),
    work: &str,
) -> Result<shard::Shards, ExecError> {
    let Some(tokens) = &engine.plan.tokens else { return Ok(shard::Shards::default()) };
    let (cells, table) = counted(engine, slices)?;
    let plans = if tokens.materialized() {
        let mix = tokens.mix(&cells).map_err(TokensError::from)?;
        cut::stream(&cells, &mix, tokens.slices, tokens.shard_tokens)
    } else {
        cut::cells(&cells, &table, tokens.shard_tokens)
    };
    let sharding = shard::Sharding { plans: &plans, layout: &tokens.layout, exchange };
    shard::run(engine, &sharding, task, work)
}

/// Where a document comes in its cell: 64 random bits.
#[must_use]
pub fn shuffle_order(id: DocumentId, seed: u64) -> u64 {
    id.random(seed, "shuffle")
}

/// Whether a document is held out for validation.
#[must_use]
pub fn is_validation(id: DocumentId, seed: u64, fraction: f64) -> bool {
    id.chosen(seed, "validation", fraction)
}

/// What goes wrong between documents and shards.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shard could not be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The mixture does not fit the corpus.
    #[error(transparent)]
    Mixture(#[from] MixtureError),
    /// A file of an earlier phase does not read.
    #[error("`{path}` is not what its task wrote: {source}; run again with --fresh")]
    Json {
        /// Path below the run directory.
        path: String,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// A file of an earlier phase is damaged.
    #[error("{path}: {detail}; run again with --fresh")]
    Damaged {
        /// What it is.
        path: String,
        /// What does not fit.
        detail: &'static str,
    },
    /// Too many cells.
    #[error(
        "the fields of `[tokens.mixture] by` give more than {most} cells; use fields with few values"
    )]
    TooManyCells {
        /// How many there may be.
        most: usize,
    },
    /// Two cells cannot be told apart.
    #[error("the cells {left} and {right} have the same hash; rename one of them")]
    SameHash {
        /// One.
        left: String,
        /// The other.
        right: String,
    },
}
