//! What goes wrong with a question about a run.

use crate::exec::ExecError;
use crate::plan::PlanError;
use crate::read::ReadError;
use crate::store::StoreError;

/// Why a question about a run has no answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The question does not fit the run; the message says what to ask instead.
    #[error("{0}")]
    Question(String),
    /// The files of the run are not as they should be; the message says what to do.
    #[error("{0}")]
    Damaged(String),
    /// The ledger and this program contradict each other.
    #[error("{0}; this is a bug in tamis, please report it")]
    Bug(String),
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file beside the run does not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something that also happens in runs.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A Parquet file could not be read.
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// Columns could not be read.
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
}
