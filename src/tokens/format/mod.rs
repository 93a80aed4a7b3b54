//! Shard formats: one file a format, each checked against the reader of the trainer it is for.

pub mod megatron;

use serde::{Deserialize, Serialize};

use crate::config::tokens::{Packing, ShardCompression, ShardFormat};
use crate::document::DocumentId;
use crate::store::{StoreError, Written};

/// What all shards of a data set have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardLayout {
    /// Byte layout.
    pub format: ShardFormat,
    /// Bytes of a token.
    pub width: Width,
    /// One more than the greatest id.
    pub vocab_size: u32,
    /// The id behind each document.
    pub end_of_document: u32,
    /// Tokens of a row, where `packing` makes rows.
    pub sequence_length: u32,
    /// How documents become rows.
    pub packing: Packing,
    /// Compression.
    pub compression: ShardCompression,
    /// Whether documents come with loss masks.
    pub masked: bool,
}

/// Where a shard belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardName {
    /// Folder below the run directory: `tokens`, or `tokens/<cell>`.
    pub folder: String,
    /// Whether it is for validation.
    pub validation: bool,
    /// Its number among the shards of its kind in the folder.
    pub number: u32,
}

/// A document as shards take it: its end-of-document token is the last one.
#[derive(Debug, Clone, Copy)]
pub struct TokenDocument<'a> {
    /// Its id.
    pub id: DocumentId,
    /// Its tokens, little-endian, in the layout's width.
    pub tokens: &'a [u8],
    /// For each token, 1 where it is learnt and 0 where not; all are where `None`.
    pub loss: Option<&'a [u8]>,
}

/// Where (a piece of) a document lies in its shard; the pieces of one document are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The document.
    pub id: DocumentId,
    /// Its first token in the shard, padding counted.
    pub offset: u64,
    /// Number of its tokens.
    pub length: u64,
}

/// What became of a shard.
#[derive(Debug, Clone, Default)]
pub struct FinishedShard {
    /// Its files.
    pub files: Vec<Written>,
    /// Tokens of documents in it, padding not counted.
    pub tokens: u64,
    /// Documents.
    pub documents: u64,
    /// Rows, where there are rows.
    pub rows: u64,
    /// Tokens of padding.
    pub padding: u64,
    /// Documents that were cut at the end of a row.
    pub cut: u64,
    /// What the format's own index of a folder of shards says about this one (see
    /// `format::folder_index`).
    pub index: Option<serde_json::Value>,
}

/// Writes one shard, streaming.
pub trait ShardWriter: Send {
    /// Adds a document.
    ///
    /// # Errors
    /// When the storage fails, or the shard can hold no more.
    fn push(&mut self, document: &TokenDocument<'_>) -> Result<(), ShardError>;

    /// Moves out where documents lie, as far as it is decided.
    fn places(&mut self, out: &mut Vec<Place>);

    /// Writes what is left and closes the files. Places may follow, so it is called before the last
    /// [`ShardWriter::places`].
    ///
    /// # Errors
    /// When the storage fails.
    fn finish(&mut self) -> Result<FinishedShard, ShardError>;
}

/// Why a shard cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing or reading bytes failed.
    #[error("shard `{path}`: {source}")]
    Io {
        /// Path below the run directory.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It can take no more.
    #[error("shard `{path}`: {detail}")]
    Full {
        /// Path below the run directory.
        path: String,
        /// What does not fit, and what to do.
        detail: String,
    },
    /// It is not what the format says.
    #[error("shard `{path}` is damaged: {detail}")]
    Damaged {
        /// Path below the run directory.
        path: String,
        /// What does not fit.
        detail: String,
    },
}

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
