//! `[[source]]` and `[documents]`: where records come from, and the form curated text is written in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bytes::ByteSize;
use crate::read::Format;

/// Files that records are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Name of the source: shown in the ledger, used by `only`.
    pub name: String,
    /// Files to read: paths or globs (`*`, `?`, `[…]`, `**`), relative to the pipeline file, or URLs
    /// (`s3://`, `gs://`, `az://`; `https://` without globs). Each must match at least one file.
    pub path: Paths,
    /// File format; `auto` goes by the file's name. Compression is found by content.
    #[serde(default)]
    pub format: FormatChoice,
    /// Field that holds the text; dots lead into nested objects.
    #[serde(default = "default_text")]
    pub text_field: String,
    /// Field that holds the input's own id, kept as `source_id`.
    #[serde(default = "default_id")]
    pub id_field: String,
    /// Fields to keep as metadata columns (text); a record without one has null there.
    #[serde(default = "default_keep")]
    pub keep_fields: Vec<String>,
    /// About how much of the stored input one task reads.
    #[serde(default = "default_split")]
    pub split_size: ByteSize,
}

/// One path or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a path or a list of paths")]
pub enum Paths {
    /// A single path or glob.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Paths {
    /// The paths as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// `format` of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatChoice {
    /// By the file's name.
    #[default]
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Plain text, a file a document.
    Text,
}

impl FormatChoice {
    /// The format of the file `name`; `None` when `auto` cannot tell.
    #[must_use]
    pub fn of(self, name: &str) -> Option<Format> {
        match self {
            Self::Auto => Format::of_name(name),
            Self::Jsonl => Some(Format::Jsonl),
            Self::Parquet => Some(Format::Parquet),
            Self::Text => Some(Format::Text),
        }
    }
}

fn default_text() -> String {
    "text".to_owned()
}

fn default_id() -> String {
    "id".to_owned()
}

fn default_keep() -> Vec<String> {
    vec!["url".to_owned(), "date".to_owned()]
}

fn default_split() -> ByteSize {
    ByteSize(64 << 20)
}

/// How the curated documents are written: Parquet files in document order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Documents {
    /// Compression of the Parquet pages.
    pub compression: Compression,
    /// Signals to write beside the text, by their full names (`<stage>.<signal>`), such as
    /// `minhash-dedup.copies`.
    pub signals: Vec<String>,
}

/// Page compression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// zstd, level 3.
    #[default]
    Zstd,
    /// Snappy: larger and quicker.
    Snappy,
    /// None.
    None,
}
