//! Execution: tasks run, commit and are run again where they were cut off.
//!
//! [`task::run_task`] is the one entry for every engine. A task streams ([`stream`]): a reader
//! thread, the fused stages on all cores, an ordered sink. It ends with one atomic put of its
//! [`manifest`]. [`driver::run`] is the one loop over phases, whatever [`crate::cluster`] runs them.

mod answers;
pub mod contamination;
pub mod counters;
mod documents;
pub mod driver;
pub mod engine;
mod flow;
pub(crate) mod join;
pub mod manifest;
mod meet;
mod parquet_file;
mod pushdown;
mod recall;
pub(crate) mod records;
mod rejected;
pub(crate) mod sample;
mod send;
mod spool;
mod stages;
mod stream;
pub mod summary;
pub mod task;
pub mod trial;
pub mod verify;

pub(crate) use parquet_file::{Codec, ParquetFile};

use crate::exchange::{ExchangeError, IndexError};
use crate::model::AssetError;
use crate::ops::OpError;
use crate::plan::PlanError;
use crate::read::ReadError;
use crate::store::StoreError;
use crate::tokens::TokensError;
use crate::tokens::encode::EncodeError;
use crate::tokens::format::ShardError;
use crate::tokens::tokenizer::TokenizerError;

/// Why a task or a run failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The input cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An exchange file cannot be read or written.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// An index of earlier runs cannot be read or added to.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A model is missing.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// A stage failed.
    #[error("stage `{stage}`: {source}")]
    Stage {
        /// The stage's name.
        stage: String,
        /// What its op said.
        #[source]
        source: OpError,
    },
    /// Shards could not be made.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The tokenizer failed.
    #[error("tokenizer: {0}")]
    Tokenizer(#[from] TokenizerError),
    /// Documents could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Columns could not be built or written.
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A Parquet file could not be written.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// The worker threads could not be started.
    #[error("cannot start worker threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// What was read and what the ledger holds differ: a bug, never the data's fault.
    #[error("{read} records were read, but the ledger has {kept} kept + {dropped} dropped + {failed} failed = {total}; this is a bug in tamis, please report it", total = kept + dropped + failed)]
    Unbalanced {
        /// Records the readers counted.
        read: u64,
        /// Ledger rows.
        kept: u64,
        /// Ledger rows.
        dropped: u64,
        /// Ledger rows.
        failed: u64,
    },
    /// Tasks failed; the first one's message.
    #[error("task {index} of phase {phase} failed: {message}")]
    Task {
        /// The phase.
        phase: String,
        /// The task.
        index: u32,
        /// What it said.
        message: String,
        /// Whether it may succeed another time.
        retryable: bool,
    },
    /// The reader left out a text that the stages want: a bug, never the data's fault.
    #[error(
        "document {id} is kept but its text was not read; this is a bug in tamis, please report it"
    )]
    Unread {
        /// The document.
        id: crate::document::DocumentId,
    },
    /// A worker process could not be started or watched.
    #[error("cannot run a worker process: {0}")]
    Process(#[source] std::io::Error),
}

impl ExecError {
    /// Whether the same work may succeed another time.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error)
            | Self::Read(ReadError::Store(error))
            | Self::Exchange(ExchangeError::Store(error))
            | Self::Index(IndexError::Store(error))
            | Self::Tokens(
                TokensError::Store(error) | TokensError::Shard(ShardError::Store(error)),
            ) => error.retryable(),
            Self::Read(ReadError::Io { source, .. })
            | Self::Tokens(TokensError::Shard(ShardError::Io { source, .. }))
            | Self::Exchange(ExchangeError::Io { source, .. }) => {
                // What a reader of a remote file says.
                let stored = source.get_ref().and_then(|error| error.downcast_ref::<StoreError>());
                stored.is_none_or(StoreError::retryable)
            }
            Self::Index(IndexError::Overtaken { .. }) | Self::Process(_) => true,
            Self::Task { retryable, .. } => *retryable,
            _ => false,
        }
    }
}

impl From<ShardError> for ExecError {
    fn from(error: ShardError) -> Self {
        Self::Tokens(error.into())
    }
}
