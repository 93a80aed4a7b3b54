//! A hash over the documents of every sample that was trained on, in order.
//!
//! Each link hashes the link before and, for every part of a document in the sample, the document's
//! identity, its first token and the number of its tokens. Two trainings with equal chains have read
//! the same tokens of the same documents in the same order, whatever their batches, shards and
//! resumes.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::documents::Documents;
use super::order::Piece;

/// The last link, as 32 hexadecimal digits in files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Chain(u128);

impl Chain {
    /// Adds a sample.
    pub(crate) fn push(&mut self, documents: &Documents, sample: &[Piece]) {
        let mut bytes = self.0.to_le_bytes().to_vec();
        for piece in sample {
            bytes.extend(documents.identity(piece.document).to_le_bytes());
            bytes.extend(piece.from.to_le_bytes());
            bytes.extend(piece.tokens.to_le_bytes());
        }
        self.0 = xxh3_128(&bytes);
    }
}

impl std::fmt::Display for Chain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl Serialize for Chain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map(Self).map_err(serde::de::Error::custom)
    }
}
