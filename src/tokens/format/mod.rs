//! Shard formats: one file a format, each checked against the reader of the trainer it is for.

pub mod megatron;

use serde::{Deserialize, Serialize};

/// Bytes of one token in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// Unsigned, 2 bytes.
    U16,
    /// Signed, 4 bytes (Megatron has no unsigned type of that width).
    I32,
}

impl Width {
    /// The width for a vocabulary, by the rule of Megatron-LM (`optimal_dtype`).
    #[must_use]
    pub fn of(vocab_size: u32) -> Self {
        if vocab_size < 65_500 { Self::U16 } else { Self::I32 }
    }

    /// Its number of bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::I32 => 4,
        }
    }

    /// Appends ids, little-endian.
    pub fn append(self, ids: &[u32], out: &mut Vec<u8>) {
        match self {
            // Ids are below the vocabulary's size, which `of` checked.
            #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
            Self::U16 => out.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes())),
            Self::I32 => out.extend(ids.iter().flat_map(|&id| id.to_le_bytes())),
        }
    }
}
