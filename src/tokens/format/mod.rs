//! Shard formats: one file a format, each checked against the reader of the trainer it is for.
//!
//! [`create`] starts a shard: documents go in, [`crate::tokens::pack`] makes sequences of them
//! (documents as they are, or rows of one length), and the format writes the sequences.

mod check;
mod datatrove;
mod file;
#[cfg(feature = "train")]
mod flat;
mod llmc;
mod mds;
mod megatron;
mod nanogpt;
mod npy;
mod open;
mod parquet;
mod read;
mod spans;
mod width;

use serde::{Deserialize, Serialize};

use crate::config::tokens::{Packing, ShardCompression, ShardFormat};
use crate::document::DocumentId;
use crate::store::{Store, StoreError, Written};
use crate::tokens::pack;

pub use self::check::{LayoutError, check};
#[cfg(feature = "train")]
pub(crate) use self::flat::{FlatShard, open_flat};
pub(crate) use self::open::is_shard;
pub use self::open::{open, open_with, shards_below};
pub use self::read::{Hints, ReadSequence, ShardFacts, ShardReader};
pub use self::width::{Width, width};

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

impl ShardLayout {
    /// Whether shards hold loss masks: where documents come with them, and where rows are padded all
    /// over.
    #[must_use]
    pub fn has_masks(&self) -> bool {
        self.masked || self.packing == Packing::BestFit
    }

    /// Whether the bundled training loop reads such shards.
    #[must_use]
    pub fn trains(&self) -> bool {
        self.packing == Packing::Documents
            && !matches!(self.format, ShardFormat::Datatrove | ShardFormat::Npy)
    }
}

/// Where a shard belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardName {
    /// Folder below the run directory: `tokens`, or `tokens/<cell>`.
    pub folder: String,
    /// Whether it is for validation.
    pub validation: bool,
    /// Its number among the shards of its kind in the folder.
    pub number: u32,
}

impl ShardName {
    /// `train` or `validation`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.validation { "validation" } else { "train" }
    }

    /// Path of its files without their extension, where files of both kinds lie in one folder:
    /// `tokens/train_00003`.
    #[must_use]
    pub fn stem(&self) -> String {
        format!("{}/{}_{:05}", self.folder, self.kind(), self.number)
    }

    /// The name with its folder, below `tokens`: `web/train_00003`.
    #[must_use]
    pub fn below_tokens(&self) -> String {
        let stem = self.stem();
        stem.strip_prefix("tokens/").unwrap_or(&stem).to_owned()
    }
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// A document does not fit the layout.
    #[error(
        "document {id} comes with {bytes} bytes of tokens of {width} bytes each and a mask of {mask:?} bytes; this is a bug in tamis, please report it"
    )]
    Document {
        /// The document.
        id: DocumentId,
        /// Bytes of its tokens.
        bytes: usize,
        /// Bytes of a token.
        width: usize,
        /// Bytes of its mask.
        mask: Option<usize>,
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

/// A run of tokens that belongs together in a shard: a document, or a row of pieces of documents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence<'a> {
    /// Its tokens, little-endian, in the layout's width.
    pub tokens: &'a [u8],
    /// For each token, 1 where it is learnt and 0 where not; all are where `None`.
    pub loss: Option<&'a [u8]>,
    /// Where pieces of documents end in it, in tokens. What lies behind the last end is padding.
    pub ends: &'a [u32],
}

/// Writes the sequences of a shard in one format.
pub(crate) trait SequenceWriter: Send {
    /// Adds a sequence.
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError>;

    /// Closes the files; gives them and what [`FinishedShard::index`] says.
    fn finish(self: Box<Self>) -> Result<Closed, ShardError>;
}

/// The files of a shard, closed.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    /// The files.
    pub files: Vec<Written>,
    /// See [`FinishedShard::index`].
    pub index: Option<serde_json::Value>,
}

/// Starts a shard. Nothing is to be seen of it before [`ShardWriter::finish`], and nothing at all of
/// one that gets no document, since no trainer opens an empty shard.
///
/// # Errors
/// When the storage fails.
pub fn create(
    store: &Store,
    name: &ShardName,
    layout: &ShardLayout,
) -> Result<Box<dyn ShardWriter>, ShardError> {
    Ok(pack::pack(sequences(store, name, layout)?, layout))
}

/// Starts a shard whose sequences are made already.
pub(crate) fn sequences(
    store: &Store,
    name: &ShardName,
    layout: &ShardLayout,
) -> Result<Box<dyn SequenceWriter>, ShardError> {
    Ok(match layout.format {
        ShardFormat::Megatron => Box::new(megatron::MegatronWriter::create(store, name, layout)?),
        ShardFormat::Mds => Box::new(mds::MdsWriter::create(store, name, layout)?),
        ShardFormat::Nanogpt => Box::new(nanogpt::NanogptWriter::create(store, name)?),
        ShardFormat::Llmc => Box::new(llmc::LlmcWriter::create(store, name, layout)?),
        ShardFormat::Datatrove => {
            Box::new(datatrove::DatatroveWriter::create(store, name, layout)?)
        }
        ShardFormat::Parquet => Box::new(parquet::ParquetWriter::create(store, name, layout)?),
        ShardFormat::Npy => npy::create(store, name, layout)?,
    })
}

/// Index files of a folder, given all its shards of one kind in any order: paths and contents. Only
/// `mds` has one.
#[must_use]
pub fn folder_index(
    layout: &ShardLayout,
    folder: &str,
    validation: bool,
    shards: &[(ShardName, FinishedShard)],
) -> Vec<(String, Vec<u8>)> {
    if layout.format != ShardFormat::Mds {
        return Vec::new();
    }
    let mut listed: Vec<_> = shards
        .iter()
        .filter(|(name, _)| name.folder == folder && name.validation == validation)
        .filter_map(|(name, shard)| Some((name, shard.index.as_ref()?)))
        .collect();
    listed.sort_by_key(|(name, _)| name.number);
    let Some((name, _)) = listed.first() else { return Vec::new() };
    let path = format!("{folder}/{}/index.json", name.kind());
    let shards: Vec<_> = listed.iter().map(|(_, index)| *index).collect();
    vec![(path, mds::index(&shards))]
}

#[cfg(test)]
mod tests;
