//! Documents: what flows through a pipeline, in columns, a batch at a time.
//!
//! A [`Batch`] holds some consecutive records of one split: identity, text, kept metadata, the
//! signals computed so far and a [`Verdict`] per row. A dropped row stays in its batch (its text is
//! not looked at any more), so that the ledger gets one row per input record in input order.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::text::Analysis;

/// The longest text of one document, in bytes; a longer record is `failed(too-large)`.
///
/// A cap keeps one broken file (a terabyte without a newline) from filling the memory.
pub const MAX_DOCUMENT_BYTES: usize = 256 << 20;

/// Identity of a document: xxh3-128 of source name, path relative to the glob's fixed prefix and
/// record position. Known before the text is read, and unchanged by another way of splitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(pub u128);

impl DocumentId {
    /// The id of the record at `position` of `file` (relative path) in the source `source`.
    #[must_use]
    pub fn new(source: &str, file: &str, position: Position) -> Self {
        let mut hash = Xxh3::new();
        // Lengths keep ("ab", "c") apart from ("a", "bc").
        for part in [source, file] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        if position.member == Position::PLAIN {
            hash.update(&[0xff; 4]);
        } else {
            hash.update(&position.member.to_le_bytes());
        }
        hash.update(&position.offset.to_le_bytes());
        Self(hash.digest128())
    }

    /// 64 pseudo-random bits for this document: the only source of randomness there is.
    ///
    /// `purpose` keeps independent choices independent (shuffle order, validation split, …).
    #[must_use]
    pub fn random(self, seed: u64, purpose: &str) -> u64 {
        // In one piece where it fits: a state that takes pieces costs ten times the hash.
        let (mut bytes, length) = ([0; 64], purpose.len());
        if let Some(room) = bytes.get_mut(..length + 16) {
            room[..length].copy_from_slice(purpose.as_bytes());
            room[length..].copy_from_slice(&self.0.to_le_bytes());
            return xxh3_64_with_seed(room, seed);
        }
        let mut hash = Xxh3::with_seed(seed);
        hash.update(purpose.as_bytes());
        hash.update(&self.0.to_le_bytes());
        hash.digest()
    }

    /// Whether the document falls into a sample of the share `fraction` (0 to 1). Samples of one
    /// purpose are nested: a larger one holds the smaller ones.
    #[must_use]
    pub fn chosen(self, seed: u64, purpose: &str, fraction: f64) -> bool {
        self.draw(seed, purpose) < fraction
    }

    /// [`DocumentId::random`] as a number of at least 0 and less than 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in a float")]
    pub fn draw(self, seed: u64, purpose: &str) -> f64 {
        (self.random(seed, purpose) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The id as files and people have it: 32 hexadecimal digits, written into `digits`.
    #[must_use]
    pub fn hex(self, digits: &mut [u8; 32]) -> &str {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        // They are ASCII.
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.hex(&mut [0; 32]))
    }
}

/// Where a record stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Offset in a compressed file of the member (gzip) or frame (zstd, lz4) that holds the record,
    /// as a CDX index has it; [`Position::PLAIN`] in other files.
    pub member: u64,
    /// Byte offset in the member's content, or the row number of a columnar file.
    pub offset: u64,
}

impl Position {
    /// The `member` of a file that has none.
    pub const PLAIN: u64 = u64::MAX;

    /// A position in a file without members.
    #[must_use]
    pub fn plain(offset: u64) -> Self {
        Self { member: Self::PLAIN, offset }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.member == Self::PLAIN {
            write!(formatter, "{}", self.offset)
        } else {
            write!(formatter, "{}:{}", self.member, self.offset)
        }
    }
}

/// Why a document was dropped or failed: a short constant in kebab-case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(&'static str);

impl Reason {
    /// A reason known at compile time.
    #[must_use]
    pub const fn new(reason: &'static str) -> Self {
        Self(reason)
    }

    /// A reason read back from a file. Reasons are few and fixed by the code and the pipeline, so
    /// keeping each once for the life of the process is bounded.
    #[must_use]
    pub fn intern(reason: &str) -> Self {
        static KNOWN: OnceLock<Mutex<std::collections::BTreeSet<&'static str>>> = OnceLock::new();
        let known = KNOWN.get_or_init(Mutex::default);
        let mut known = known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = known.get(reason) {
            return Self(found);
        }
        let leaked: &'static str = Box::leak(reason.to_owned().into_boxed_str());
        known.insert(leaked);
        Self(leaked)
    }

    /// The text of the reason.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// What has been decided about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Kept,
    /// A stage took it out.
    Dropped {
        /// Index of the stage in the pipeline.
        stage: u16,
        /// The stage's reason.
        reason: Reason,
    },
    /// The record could not be read as a document.
    Failed {
        /// What is wrong with the record.
        reason: Reason,
    },
}

impl Verdict {
    /// Whether later stages still look at the document.
    #[must_use]
    pub fn is_kept(self) -> bool {
        matches!(self, Self::Kept)
    }
}

/// The type of a signal column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalType {
    /// 64-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// UTF-8 text.
    Text,
}

impl SignalType {
    /// The Arrow type of its columns, in the spool and in the ledger.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8,
        }
    }
}

/// A number or label that an op computes about each document it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Name within the stage; the column is `<stage>.<name>`.
    pub name: &'static str,
    /// Column type.
    pub kind: SignalType,
    /// One line for `tamis ops`.
    pub about: &'static str,
}

/// One value of a signal.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalValue<'a> {
    /// Of an [`SignalType::Int`] column.
    Int(i64),
    /// Of a [`SignalType::Float`] column.
    Float(f64),
    /// Of a [`SignalType::Text`] column.
    Text(&'a str),
    /// Of a [`SignalType::Text`] column, made for this document.
    OwnedText(String),
}

/// What an exact or fuzzy cluster says about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster's key.
    pub id: u128,
    /// Documents in it, this one included.
    pub copies: u32,
}

/// Consecutive records of one split, in columns of equal length.
#[derive(Debug)]
pub struct Batch {
    /// Row number of the first row within its split.
    pub first_row: u64,
    /// Identities.
    pub ids: Vec<DocumentId>,
    /// Index of the row's file in the split's list of pieces.
    pub files: Vec<u32>,
    /// Position of the record in its file.
    pub positions: Vec<Position>,
    /// The input's own id, where it has one.
    pub source_ids: StringArray,
    /// The texts; null where the row is dropped or failed and the text is not needed any more, and
    /// where its text was never decoded since a stage will drop it by its metadata alone.
    pub texts: StringArray,
    /// Kept metadata, one column per field of the plan's list, `url` among them.
    pub metadata: Vec<StringArray>,
    /// Signals of the stages run so far, one column per signal of the plan's list.
    pub signals: Vec<ArrayRef>,
    /// What has been decided.
    pub verdicts: Vec<Verdict>,
    /// Characters (Unicode scalar values) of the text as read; `None` where no text was.
    pub chars_in: Vec<Option<u64>>,
    /// xxh3-64 of the text as read.
    pub hash_in: Vec<u64>,
    /// Duplicate clusters, where an exchange found one.
    pub clusters: Vec<Option<Cluster>>,
    /// Which editing stages changed the text: one bit each, in the order of the plan's.
    pub modified: Vec<u64>,
    /// Whether the row belongs to the audit sample: stages go on looking at it after a drop.
    pub audited: Vec<bool>,
    /// For audited rows: every stage that would drop the document, and why.
    pub fails: Vec<Vec<(u16, Reason)>>,
    /// Words, lines, … of each text, computed when first asked for.
    pub analyses: Vec<Analysis>,
}

impl Batch {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The text of a row; empty where there is none.
    #[must_use]
    pub fn text(&self, row: usize) -> &str {
        if self.texts.is_null(row) { "" } else { self.texts.value(row) }
    }

    /// Rows that are still kept.
    pub fn kept_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|&row| self.verdicts[row].is_kept())
    }

    /// Rows that stages look at: the kept ones, and dropped ones of the audit sample.
    pub fn live_rows(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).filter(|&row| match self.verdicts[row] {
            Verdict::Kept => true,
            Verdict::Dropped { .. } => self.audited[row],
            Verdict::Failed { .. } => false,
        })
    }

    /// Bytes of text held.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts.values().len()
    }
}

/// Gathers one signal's values, row by row, into a column.
#[derive(Debug)]
pub enum SignalColumn {
    /// Integers.
    Int(Vec<Option<i64>>),
    /// Floats.
    Float(Vec<Option<f64>>),
    /// Texts.
    Text(arrow::array::StringBuilder),
}

impl SignalColumn {
    /// An empty column for `rows` values of a type.
    #[must_use]
    pub fn new(kind: SignalType, rows: usize) -> Self {
        match kind {
            SignalType::Int => Self::Int(Vec::with_capacity(rows)),
            SignalType::Float => Self::Float(Vec::with_capacity(rows)),
            SignalType::Text => {
                Self::Text(arrow::array::StringBuilder::with_capacity(rows, rows * 4))
            }
        }
    }

    /// Appends a value; one of another type than the column's becomes null.
    pub fn push(&mut self, value: Option<&SignalValue<'_>>) {
        match (self, value) {
            (Self::Int(values), Some(SignalValue::Int(value))) => values.push(Some(*value)),
            (Self::Int(values), _) => values.push(None),
            (Self::Float(values), Some(SignalValue::Float(value))) => values.push(Some(*value)),
            (Self::Float(values), _) => values.push(None),
            (Self::Text(values), Some(SignalValue::Text(value))) => values.append_value(value),
            (Self::Text(values), Some(SignalValue::OwnedText(value))) => values.append_value(value),
            (Self::Text(values), _) => values.append_null(),
        }
    }

    /// The finished column.
    #[must_use]
    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Int(values) => Arc::new(Int64Array::from(values)),
            Self::Float(values) => Arc::new(Float64Array::from(values)),
            Self::Text(mut values) => Arc::new(values.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_source_file_and_position_apart() {
        let base = DocumentId::new("web", "a/b", Position::plain(7));
        assert_ne!(base, DocumentId::new("weba", "/b", Position::plain(7)));
        assert_ne!(base, DocumentId::new("web", "a/b", Position::plain(8)));
        let member = Position { member: 0, offset: 7 };
        assert_ne!(base, DocumentId::new("web", "a/b", member));
        assert_eq!(base, DocumentId::new("web", "a/b", Position::plain(7)));
        // Fixed for ever: ids stand in ledgers that people keep.
        assert_eq!(base.to_string(), "906da270fe9a7cbb13bc640d19afea98");
    }

    #[test]
    fn randomness_depends_on_seed_and_purpose_only() {
        let id = DocumentId(42);
        assert_eq!(id.random(1, "shuffle"), id.random(1, "shuffle"));
        assert_ne!(id.random(1, "shuffle"), id.random(2, "shuffle"));
        assert_ne!(id.random(1, "shuffle"), id.random(1, "validation"));
    }

    #[test]
    fn random_bits_are_those_of_the_pieces() {
        let long = "x".repeat(90);
        for purpose in ["", "shuffle", "a purpose of forty-eight bytes, which is the most", &long] {
            let mut hash = Xxh3::with_seed(7);
            hash.update(purpose.as_bytes());
            hash.update(&42u128.to_le_bytes());
            assert_eq!(DocumentId(42).random(7, purpose), hash.digest());
        }
    }

    #[test]
    fn ids_are_hexadecimal() {
        let id = DocumentId(0x00ab_cdef_0123_4567_89ab_cdef_f00d_0000);
        assert_eq!(id.to_string(), format!("{:032x}", id.0));
        assert_eq!(format!("{id:>34}"), format!("  {:032x}", id.0));
    }

    #[test]
    fn positions_print_like_the_ledger() {
        assert_eq!(Position::plain(12).to_string(), "12");
        let member = Position { member: 3, offset: 12 };
        assert_eq!(member.to_string(), "3:12");
    }
}
