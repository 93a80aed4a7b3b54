//! Manifests: the commit records of tasks.
//!
//! A task is done when its manifest exists. It is put if absent, so that of several attempts exactly
//! one counts; what the others wrote under `work/` carries their own names and is swept.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ExecError;
use super::counters::Counters;
use crate::plan::{Phase, PlanError};
use crate::store::{Store, StoreError, Written};
use crate::tokens::shard::ShardEntry;

/// What kind of file a task wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Curated text.
    Documents,
    /// Ledger rows.
    Ledger,
    /// Text of dropped documents.
    Rejected,
    /// Documents put aside for a later phase.
    Spool,
    /// Keys, verdicts or tokens for the next phase.
    Exchange,
    /// What an index is to remember of documents.
    Remembered,
    /// How many tokens a task sent, by cell and slice.
    Counts,
    /// A token shard or a part of one.
    Shard,
    /// Where documents lie in the shards.
    Index,
    /// What each cell of the corpus holds.
    Cells,
    /// Where the slices of cells begin, for the tasks that write shards.
    Slices,
    /// What describes the shards: cards, blends, indices of formats.
    Dataset,
}

impl Role {
    /// Whether files of this kind go when a run is finished.
    #[must_use]
    pub fn is_scratch(self) -> bool {
        matches!(
            self,
            Self::Spool | Self::Exchange | Self::Remembered | Self::Counts | Self::Slices
        )
    }
}

/// A file a task wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its kind.
    pub role: Role,
    /// Path, length and hash.
    #[serde(flatten)]
    pub written: Written,
    /// Rows or records in it.
    pub rows: u64,
}

/// The commit record of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The task's index in its phase.
    pub task: u32,
    /// What it wrote.
    pub outputs: Vec<Output>,
    /// What it counted.
    pub counters: Counters,
    /// Time it took, in milliseconds.
    pub wall_ms: u64,
    /// Shards it wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardEntry>,
}

fn path(phase: &Phase, index: usize, task: u32) -> String {
    format!("{}/{task:06}.json", phase.manifests(index))
}

impl Manifest {
    /// Commits the task; `false` when another attempt was first.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn commit(&self, store: &Store, phase: &Phase, index: usize) -> Result<bool, ExecError> {
        let path = path(phase, index, self.task);
        let bytes = serde_json::to_vec(self)
            .map_err(|source| PlanError::Format { path: path.clone(), source })?;
        Ok(store.put_if_absent(&path, Bytes::from(bytes))?)
    }

    /// Reads the manifest of a task; `None` where it is not committed.
    ///
    /// # Errors
    /// When the storage fails or the file is no manifest.
    pub fn load(
        store: &Store,
        phase: &Phase,
        index: usize,
        task: u32,
    ) -> Result<Option<Self>, ExecError> {
        let path = path(phase, index, task);
        let bytes = match store.read(&path) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let manifest =
            serde_json::from_slice(&bytes).map_err(|source| PlanError::Format { path, source })?;
        Ok(Some(manifest))
    }

    /// Takes a commit back, since what it stands for is gone.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn revoke(store: &Store, phase: &Phase, index: usize, task: u32) -> Result<(), ExecError> {
        Ok(store.delete(&path(phase, index, task))?)
    }
}

/// Which tasks of a phase are committed.
///
/// # Errors
/// When the storage fails.
pub fn committed(store: &Store, phase: &Phase, index: usize) -> Result<Vec<bool>, ExecError> {
    let mut committed = vec![false; phase.tasks as usize];
    for entry in store.list(&phase.manifests(index))? {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let task = name.strip_suffix(".json").and_then(|name| name.parse::<usize>().ok());
        if let Some(slot) = task.and_then(|task| committed.get_mut(task)) {
            *slot = true;
        }
    }
    Ok(committed)
}
