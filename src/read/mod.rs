//! Readers: from files of many formats to documents.
//!
//! One file a format. A reader turns one [`Piece`] of a file into records, hands them to a
//! [`BatchBuilder`] and counts them on its own, so that what was read can be checked against what
//! the ledger holds. A record that is not a document is `failed(<reason>)`; a remainder of a file
//! that cannot be read is one `failed` row; only storage errors end the task.

mod archive;
mod arrow;
pub mod batch;
mod charset;
mod csv;
mod decompress;
mod format;
mod html;
mod jsonl;
mod lines;
pub(crate) mod mds;
mod parquet;
mod ranges;
mod selection;
pub mod split;
pub(crate) mod table;
mod text;
mod text_lines;
mod text_parts;
mod values;
mod warc;
mod window;
mod zip;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::conversation::{self, Shape};
use crate::document::Reason;
use crate::store::{Store, StoreError};

pub use arrow::record_batches;
pub use batch::BatchBuilder;
pub use decompress::Compression;
pub use format::{Format, Layout, Quote};
pub(crate) use lines::json_lines;
pub(crate) use parquet::caught;
pub use parquet::{RowGroup, row_groups, silence_caught_panics};
pub use selection::Selection;

/// Reasons a record is `failed` with.
pub mod reasons {
    use super::{Reason, conversation};

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
    /// The record's id is to be kept, and is none of a document: not 32 hexadecimal digits.
    pub const NO_ID: Reason = Reason::new("no-id");
    /// The CSV record breaks the rules of quotes, or the file ends within it.
    pub const MALFORMED_CSV: Reason = Reason::new("malformed-csv");
    /// The CSV record has more or fewer fields than the header.
    pub const RAGGED_ROW: Reason = Reason::new("ragged-row");
    /// The character set is one that nobody can decode safely.
    pub const UNSUPPORTED_CHARSET: Reason = Reason::new("unsupported-charset");
    /// The compressed stream ends too early; all after it is lost.
    pub const TRUNCATED: Reason = Reason::new("truncated");
    /// The compressed or columnar data is damaged; the remainder cannot be read.
    pub const CORRUPT: Reason = Reason::new("corrupt");

    /// What stands where a web archive's record should begin is none: no version line, no header.
    pub const BAD_WARC_HEADER: Reason = Reason::new("bad-warc-header");
    /// The record's Content-Length is missing, is not a number, or does not lead to the next record.
    pub const WRONG_CONTENT_LENGTH: Reason = Reason::new("wrong-content-length");
    /// The record is the first of several segments of one.
    pub const SEGMENTED: Reason = Reason::new("segmented");
    /// The HTTP status of the response is not 2xx.
    pub const HTTP_ERROR: Reason = Reason::new("http-error");
    /// The header of the HTTP response does not end within 1 MiB.
    pub const BAD_HTTP_HEADER: Reason = Reason::new("bad-http-header");
    /// The chunks or the compression of the HTTP body are damaged or cut off.
    pub const BAD_HTTP_BODY: Reason = Reason::new("bad-http-body");
    /// The payload is no text, HTML, XML or JSON.
    pub const NOT_TEXT: Reason = Reason::new("not-text");
    /// The block or the payload has another digest than its header says.
    pub const WRONG_DIGEST: Reason = Reason::new("wrong-digest");
    /// The WARC file is compressed within its WACZ, which the standard forbids.
    pub const PACKED_TWICE: Reason = Reason::new("packed-twice");
    /// A member of a compressed file unpacks to more than 1,100 times its size, and to more than
    /// 64 MiB.
    pub const MEMBER_BOMB: Reason = Reason::new("decompression-bomb-1100x");
    /// An HTTP body unpacks to more than 1,000 times its size, and to more than 1 MiB.
    pub const BODY_BOMB: Reason = Reason::new("decompression-bomb-1000x");
    /// An HTTP body unpacks to more than 256 MiB, which no document may have.
    pub const LARGE_BODY: Reason = Reason::new("decompression-bomb-256mib");

    /// All of them, for `tamis ops` and the documentation.
    pub const ALL: &[Reason] = &[
        MALFORMED_JSON,
        INVALID_UTF8,
        MISSING_TEXT,
        TEXT_NOT_STRING,
        TOO_LARGE,
        NO_ID,
        MALFORMED_CSV,
        RAGGED_ROW,
        UNSUPPORTED_CHARSET,
        TRUNCATED,
        CORRUPT,
        BAD_WARC_HEADER,
        WRONG_CONTENT_LENGTH,
        SEGMENTED,
        HTTP_ERROR,
        BAD_HTTP_HEADER,
        BAD_HTTP_BODY,
        NOT_TEXT,
        WRONG_DIGEST,
        PACKED_TWICE,
        MEMBER_BOMB,
        BODY_BOMB,
        LARGE_BODY,
        conversation::reasons::MALFORMED,
        conversation::reasons::EMPTY,
        conversation::reasons::ROLE,
        conversation::reasons::NOT_TEXT,
        conversation::reasons::EDITED,
    ];
}

/// Which part of a file a task reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    Whole,
    /// The records that *start* in this byte range; in a compressed file, in members that do.
    Bytes(Range<u64>),
    /// Row groups of a Parquet file or record batches of an Arrow file; `first_row` is the row number
    /// of the first one's first row.
    RowGroups {
        /// Row groups or batches by number.
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
    /// Whether that id is the document's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_ids: bool,
    /// Where the metadata columns stand, one each; missing ones are null.
    pub metadata: Vec<String>,
    /// How the files are laid out.
    #[serde(default, skip_serializing_if = "Layout::is_default")]
    pub layout: Layout,
    /// Where conversations stand; then there is no `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Shape>,
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
    /// Conversations are wanted of a file that cannot hold any.
    #[error(
        "`{file}`: `conversation` reads JSONL, Parquet and Arrow files; give the source a `path` \
         that matches only those"
    )]
    NoConversations {
        /// Path below the source's root.
        file: String,
    },
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
    if fields.conversation.is_some()
        && !matches!(format, Format::Jsonl | Format::Parquet | Format::Arrow)
    {
        return Err(ReadError::NoConversations { file: piece.file.clone() });
    }
    Ok(match format {
        Format::Jsonl => Box::new(jsonl::JsonlReader::open(store, fields, piece)?),
        Format::Parquet => Box::new(parquet::ParquetReader::open(store, fields, piece)?),
        Format::Arrow => Box::new(arrow::ArrowReader::open(store, fields, piece)?),
        Format::Csv => Box::new(csv::CsvReader::open(store, fields, piece)?),
        Format::Text => Box::new(text::TextReader::open(store, fields, piece)?),
        Format::TextLines => Box::new(text_lines::LinesReader::open(store, fields, piece)?),
        Format::TextParts => Box::new(text_parts::PartsReader::open(store, fields, piece)?),
        Format::Html => Box::new(html::HtmlReader::open(store, fields, piece)?),
        Format::Mds => Box::new(mds::MdsReader::open(store, fields, piece)?),
        Format::Warc => Box::new(archive::ArchiveReader::open(store, fields, piece)?),
    })
}
