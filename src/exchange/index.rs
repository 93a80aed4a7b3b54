//! An index: what earlier runs remembered of their documents, for later runs to meet.
//!
//! ```text
//! versions/000002.json            the segments that belong to it, oldest first
//! segments/<name>/000000          what one split of a run remembered: an exchange file of one part,
//!                                 a record per document, in order
//! ```
//! A version is put if absent, and files of segments never change, so that adding is atomic: a run
//! that fails leaves at most files that no version names.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::{Store, StoreError};

/// Raised when files of an index mean something else than before.
const FORMAT: u32 = 1;

/// What an index holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Version of the format.
    pub format: u32,
    /// The op that made it.
    pub op: String,
    /// Settings of the op that all runs have to share.
    pub settings: Value,
    /// What each run added, oldest first.
    pub segments: Vec<Segment>,
}

/// What one run added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Digest of the run's input and of what it did before the op.
    pub name: String,
    /// Its files, in document order.
    pub pieces: Vec<Piece>,
}

/// A file of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Path below the index.
    pub path: String,
    /// Documents in it.
    pub rows: u64,
    /// xxh3-64 of its bytes.
    pub xxh3: String,
}

/// What goes wrong with an index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A version does not read.
    #[error("the index file `{path}` does not read: {source}")]
    Format {
        /// Its path.
        path: String,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The index is of another making.
    #[error("the index at `{path}` was made {found}, this stage is {wanted}; give another `index`")]
    Other {
        /// Where it lies.
        path: String,
        /// How it was made.
        found: String,
        /// How this run would.
        wanted: String,
    },
    /// Another run added to it meanwhile.
    #[error("another run added to the index at `{path}` meanwhile; run again")]
    Overtaken {
        /// Where it lies.
        path: String,
    },
}

fn version_path(number: u32) -> String {
    format!("versions/{number:06}.json")
}

impl Version {
    /// A version without segments.
    #[must_use]
    pub fn empty(op: &str, settings: Value) -> Self {
        Self { format: FORMAT, op: op.to_owned(), settings, segments: Vec::new() }
    }

    /// The latest version and its number; version 0 of an empty folder has no segments.
    ///
    /// # Errors
    /// When it cannot be read or was made by another op or with other settings.
    pub fn latest(store: &Store, op: &str, settings: &Value) -> Result<(u32, Self), IndexError> {
        let number =
            |path: &str| path.strip_prefix("versions/")?.strip_suffix(".json")?.parse().ok();
        let entries = store.list("versions")?;
        let Some(number) = entries.iter().filter_map(|entry| number(&entry.path)).max() else {
            return Ok((0, Self::empty(op, settings.clone())));
        };
        let path = version_path(number);
        let found: Self = serde_json::from_slice(&store.read(&path)?)
            .map_err(|source| IndexError::Format { path, source })?;
        let wanted = Self::empty(op, settings.clone());
        if (found.format, &found.op, &found.settings) != (FORMAT, &wanted.op, &wanted.settings) {
            return Err(IndexError::Other {
                path: store.root().to_string(),
                found: found.making(),
                wanted: wanted.making(),
            });
        }
        Ok((number, found))
    }

    fn making(&self) -> String {
        format!("by {} (format {}) with {}", self.op, self.format, self.settings)
    }

    /// The segments before the one called `name`, which a run may meet that would add it; all where
    /// there is none of the name.
    #[must_use]
    pub fn before(&self, name: &str) -> &[Segment] {
        let own = self.segments.iter().position(|segment| segment.name == name);
        &self.segments[..own.unwrap_or(self.segments.len())]
    }

    /// Makes it version `number`.
    ///
    /// # Errors
    /// When there is such a version already, or it cannot be written.
    pub fn publish(&self, store: &Store, number: u32) -> Result<(), IndexError> {
        let path = version_path(number);
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|source| IndexError::Format { path: path.clone(), source })?;
        if store.put_if_absent(&path, Bytes::from(bytes))? {
            return Ok(());
        }
        Err(IndexError::Overtaken { path: store.root().to_string() })
    }
}
