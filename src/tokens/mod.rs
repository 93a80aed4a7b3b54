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
pub mod encode;
pub mod format;
pub mod index;
pub mod mixture;
mod pack;
pub mod record;
pub(crate) mod rows;
pub mod sample;
pub mod shard;
pub(crate) mod sink;
mod stream;
pub mod tokenizer;

use self::count::{Cells, SliceTable};
use self::cut::ShardPlan;
pub use self::encode::{Encoder, TokenBatch};
use self::format::ShardError;
use self::mixture::MixtureError;
use crate::config::tokens::Shuffle;
use crate::document::DocumentId;
use crate::exec::ExecError;
use crate::exec::counters::Counters;
use crate::exec::engine::Engine;
use crate::exec::manifest::Output;
use crate::plan::PlanTokens;
use crate::store::StoreError;

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

/// Packs a part of the documents of `exchange` into rows and sends these to random places.
pub(crate) fn rows(
    engine: &Engine,
    exchange: &[String],
    slices: Option<&str>,
    task: (u32, u32),
    work: &str,
) -> Result<(Vec<Output>, Counters), ExecError> {
    let Some(tokens) = &engine.plan.tokens else { return Ok((Vec::new(), Counters::default())) };
    let plans = shards(engine, tokens, slices)?;
    let layout = &tokens.layout;
    let sharding = shard::Sharding { plans: &plans, layout, exchange, rows: false };
    rows::send(engine, &sharding, tokens.slices, task, work)
}

/// Writes a part of the shards from the documents, or the rows, of `exchange`.
pub(crate) fn shard(
    engine: &Engine,
    exchange: &[String],
    slices: Option<&str>,
    task: (u32, u32),
    work: &str,
) -> Result<shard::Shards, ExecError> {
    let Some(tokens) = &engine.plan.tokens else { return Ok(shard::Shards::default()) };
    let mut plans = shards(engine, tokens, slices)?;
    let rows = tokens.config.shuffle == Shuffle::Sequence;
    if rows {
        plans = cut::rows(&plans, tokens.slices);
    }
    let sharding = shard::Sharding { plans: &plans, layout: &tokens.layout, exchange, rows };
    shard::run(engine, &sharding, task, work)
}

/// The shards of a run whose tokens are counted.
fn shards(
    engine: &Engine,
    tokens: &PlanTokens,
    slices: Option<&str>,
) -> Result<Vec<ShardPlan>, ExecError> {
    let (cells, table) = counted(engine, slices)?;
    Ok(if tokens.materialized() {
        let mix = tokens.mix(&cells).map_err(TokensError::from)?;
        cut::stream(&cells, &mix, tokens.slices, tokens.shard_tokens)
    } else {
        cut::cells(&cells, &table, tokens.shard_tokens)
    })
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
