//! Readers: from files of many formats to documents.
//!
//! One file a format. A reader turns one [`Piece`] of a file into records, hands them to a
//! [`BatchBuilder`] and counts them on its own, so that what was read can be checked against what
//! the ledger holds. A record that is not a document is `failed(<reason>)`; a remainder of a file
//! that cannot be read is one `failed` row; only storage errors end the task.

pub mod batch;
mod decompress;
mod jsonl;
mod lines;
mod parquet;
pub mod split;
pub(crate) mod table;
mod text;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::document::Reason;
use crate::store::{Store, StoreError};

pub use batch::BatchBuilder;
pub use decompress::Compression;
pub(crate) use lines::json_lines;
pub(crate) use parquet::caught;
pub use parquet::{row_groups, silence_caught_panics};

/// Reasons a record is `failed` with.
pub mod reasons {
    use super::Reason;

    /// The line is not JSON, or not a JSON object.
    pub const MALFORMED_JSON: Reason = Reason::new("malformed-json");
    /// The record is not valid UTF-8.
    pub const INVALID_UTF8: Reason = Reason::new("invalid-utf8");
    /// The record has no text under the source's `text_field`, or null.
    pub const MISSING_TEXT: Reason = Reason::new("missing-text");
    /// What stands under `text_field` is not a string.
    pub const TEXT_NOT_STRING: Reason = Reason::new("text-not-a-string");
    /// The record is longer than [`crate::document::MAX_DOCUMENT_BYTES`].
    pub const TOO_LARGE: Reason = Reason::new("too-large");
    /// The compressed stream ends too early; all after it is lost.
    pub const TRUNCATED: Reason = Reason::new("truncated");
    /// The compressed or columnar data is damaged; the remainder cannot be read.
    pub const CORRUPT: Reason = Reason::new("corrupt");

    /// A member or a payload unpacks to so much more than it is that nobody wrote it to be read.
    pub const DECOMPRESSION_BOMB: Reason = Reason::new("decompression-bomb");

    /// All of them, for `tamis ops` and the documentation.
    pub const ALL: &[Reason] = &[
        MALFORMED_JSON,
        INVALID_UTF8,
        MISSING_TEXT,
        TEXT_NOT_STRING,
        TOO_LARGE,
        TRUNCATED,
        CORRUPT,
        DECOMPRESSION_BOMB,
    ];
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line; plain, gzip or zstd.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Plain text, the whole file one document; plain, gzip or zstd.
    Text,
}

impl Format {
    /// The format that a file's name tells (`.jsonl`, `.ndjson`, `.json`, `.parquet`, `.txt`, `.md`,
    /// each but Parquet also with `.gz`, `.zst` or `.zstd` behind it).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let stem =
            [".gz", ".zst", ".zstd"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let (_, extension) = stem.rsplit_once('.')?;
        match extension {
            "jsonl" | "ndjson" | "json" => Some(Self::Jsonl),
            "parquet" | "pq" => Some(Self::Parquet),
            "txt" | "text" | "md" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Which part of a file a task reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Whole,
    /// The records that *start* in this byte range; in a compressed file, in members that do.
    Bytes(Range<u64>),
    /// Row groups of a Parquet file; `first_row` is the row number of the first one's first row.
    RowGroups {
        /// Row groups by number.
        groups: Range<u32>,
        /// Row number in the file.
        first_row: u64,
    },
}

impl Part {
    /// The bytes whose records a reader of bytes owns, `None` where it owns none.
    fn bytes(&self) -> Option<Range<u64>> {
        match self {
            Self::Whole => Some(0..u64::MAX),
            Self::Bytes(range) => (!range.is_empty()).then(|| range.clone()),
            Self::RowGroups { groups, .. } => (groups.start == 0).then_some(0..u64::MAX),
        }
    }
}

/// A part of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Path below the source's root: what ids and the ledger show.
    pub file: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// What to read of it.
    pub part: Part,
}

/// What a reader takes from each record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    /// Where the text stands; dots lead into nested objects (`content.text`).
    pub text: String,
    /// Where the input's own id stands, if anywhere.
    pub id: String,
    /// Fields to keep as metadata, `url` among them; missing ones are null.
    pub metadata: Vec<String>,
}

/// What ends a task that reads.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file of an external table cannot be used.
    #[error("table `{file}`: {detail}")]
    Table {
        /// Path below the table's root.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file changed since the plan was made.
    #[error("`{file}` changed while it was read: {detail}; run again to plan anew")]
    Changed {
        /// Path below the source's root.
        file: String,
        /// What differs.
        detail: String,
    },
    /// Reading the bytes failed below the format.
    #[error("cannot read `{file}`: {source}")]
    Io {
        /// Path below the source's root.
        file: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Reads the records of one piece.
pub trait RecordReader: Send {
    /// Appends records until the builder is full (`true`) or the piece is at its end (`false`).
    ///
    /// # Errors
    /// When the storage fails. Bad records are `failed` rows, not errors.
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError>;

    /// Records handed over so far, failed ones included.
    fn records(&self) -> u64;

    /// Records passed over so far because their kind is never a document (a WARC file's requests,
    /// say), by kind. They stand in no ledger.
    fn passed_over(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// Opens a piece.
///
/// # Errors
/// When the file is missing or the storage fails.
pub fn open(
    store: &Store,
    format: Format,
    fields: &Fields,
    piece: &Piece,
) -> Result<Box<dyn RecordReader>, ReadError> {
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::JsonlReader::open(store, fields, piece)?),
        Format::Parquet => Box::new(parquet::ParquetReader::open(store, fields, piece)?),
        Format::Text => Box::new(text::TextReader::open(store, fields, piece)?),
    })
}
