//! Exchanges: where keys or documents of all tasks meet.
//!
//! A task writes *one* file, sorted by key, with an index of where each part begins; a task of the
//! next phase merges its part of all those files. Parts are ranges of the key space that depend on
//! the plan alone, records are ordered totally by their 24-byte keys, and what does not fit in memory
//! is sorted in runs, so that neither memory nor timing changes a byte of the result.

mod components;
mod file;
mod index;
mod merge;
mod payloads;
mod reader;
mod writer;

pub use components::{Components, Stats, edge_key};
pub use index::{IndexError, Piece, Segment, Version};
pub use merge::Merge;
#[cfg(test)]
pub(crate) use merge::merge_part;
pub use reader::PartReader;
pub use writer::ExchangeWriter;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// Length of a record's key in bytes.
pub const KEY_BYTES: usize = 24;

/// A record's key; records are ordered by it, byte by byte.
pub type Key = [u8; KEY_BYTES];

/// One record of an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Its key.
    pub key: Key,
    /// What travels with it.
    pub payload: Vec<u8>,
}

/// How the key space is cut into parts, by the first eight bytes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// Parts of equal width: for keys that are hashes.
    Even {
        /// Number of parts.
        parts: u32,
    },
    /// One part per value of the first four bytes: keys that begin with a split's number.
    Splits,
    /// One part per value of the first eight bytes, for readers that choose ranges of them later.
    Blocks,
}

impl Cuts {
    /// The part that a key belongs to; never smaller for a greater key.
    #[must_use]
    pub fn part(self, key: &Key) -> u64 {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&key[..8]);
        let prefix = u64::from_be_bytes(prefix);
        match self {
            Self::Even { parts } => scale(prefix, parts),
            Self::Splits => prefix >> 32,
            Self::Blocks => prefix,
        }
    }
}

/// `value / 2^64 × parts`, rounded down.
fn scale(value: u64, parts: u32) -> u64 {
    let scaled = (u128::from(value) * u128::from(parts)) >> 64;
    // Less than `parts`, so it fits.
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// What can go wrong with exchange files.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading or writing bytes failed.
    #[error("exchange file `{path}`: {source}")]
    Io {
        /// Path below the run directory.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what its task wrote.
    #[error("exchange file `{path}` is damaged ({detail}); run again with --fresh")]
    Damaged {
        /// Path below the run directory.
        path: String,
        /// What does not fit.
        detail: &'static str,
    },
}

#[cfg(test)]
mod tests;
