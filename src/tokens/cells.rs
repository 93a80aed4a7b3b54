//! Cells: parts of the corpus that have the same values in some fields, such as source and language.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use serde::{Deserialize, Serialize};

use super::record::Group;
use crate::document::{Batch, SignalType};
use crate::ops::{ColumnSource, Columns, resolve_column};

/// The most cells of a corpus: more are a mistake, such as `by = "url"`.
pub const MAX_CELLS: usize = 10_000;

/// What stands for a missing value.
const NULL: &str = "null";

/// Where one field of a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellField {
    /// The source's name.
    Source,
    /// A column.
    Column(ColumnSource),
}

impl CellField {
    /// Finds the field that a name in `by` means.
    ///
    /// # Errors
    /// When there is none, or its values are no labels.
    pub fn find(name: &str, columns: &Columns) -> Result<Self, String> {
        if name == "source" {
            return Ok(Self::Source);
        }
        match resolve_column(name, columns)? {
            ColumnSource::Signal(_, SignalType::Float) => Err(format!(
                "`{name}` is a number with a fraction, and a cell needs a label; make buckets of it \
                 with a stage `set`, such as CAST(FLOOR({name} * 10) AS INT)"
            )),
            column => Ok(Self::Column(column)),
        }
    }

    /// Appends the value of a row.
    fn write(self, source: &str, batch: &Batch, row: usize, out: &mut String) {
        match self {
            Self::Source => out.push_str(source),
            Self::Column(ColumnSource::Metadata(index)) => {
                let values = &batch.metadata[index];
                out.push_str(if values.is_null(row) { NULL } else { values.value(row) });
            }
            Self::Column(ColumnSource::Signal(index, kind)) => {
                let values = &batch.signals[index];
                if values.is_null(row) {
                    out.push_str(NULL);
                } else if kind == SignalType::Int {
                    let _ = write!(out, "{}", values.as_primitive::<Int64Type>().value(row));
                } else {
                    out.push_str(values.as_string::<i32>().value(row));
                }
            }
        }
    }
}

/// What separates values in a [`CellName`].
const SEPARATOR: char = '\u{1f}';

/// The values of a cell, in the order of `by`; nothing where the corpus is one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CellName(pub Vec<String>);

impl CellName {
    /// Writes the values of a row into `out`, in place of what it holds.
    pub fn write(fields: &[CellField], source: &str, batch: &Batch, row: usize, out: &mut String) {
        out.clear();
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                out.push(SEPARATOR);
            }
            field.write(source, batch, row, out);
        }
    }

    /// Reads what [`CellName::write`] wrote.
    #[must_use]
    pub fn read(written: &str, fields: usize) -> Self {
        if fields == 0 {
            return Self::default();
        }
        // A value that holds the separator keeps it: only the first ones separate.
        Self(written.splitn(fields, SEPARATOR).map(str::to_owned).collect())
    }

    /// The group of its documents.
    #[must_use]
    pub fn group(written: &str, validation: bool) -> Group {
        Group::new(written, validation)
    }

    /// The folder of its shards, below `tokens`: each value a folder. Values are data, so what is no
    /// plain letter, digit, `.`, `-` or `_` is replaced, with a hash behind it that keeps two values
    /// apart.
    #[must_use]
    pub fn folder(&self) -> String {
        let mut folder = "tokens".to_owned();
        for value in &self.0 {
            folder.push('/');
            folder.push_str(&path_part(value));
        }
        folder
    }
}

impl std::fmt::Display for CellName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("all");
        }
        formatter.write_str(&self.0.join("/"))
    }
}

/// Longest part of a path that a value gives.
const MAX_PART: usize = 64;

/// Names below `tokens` that are taken.
const TAKEN: &[&str] = &["index", "blend", "train", "validation"];

fn path_part(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let safe = !value.is_empty()
        && value.len() <= MAX_PART
        && value.chars().all(plain)
        && !value.starts_with('.')
        && !TAKEN.contains(&value);
    if safe {
        return value.to_owned();
    }
    let kept: String =
        value.chars().take(MAX_PART / 2).map(|c| if plain(c) { c } else { '_' }).collect();
    let hash = xxhash_rust::xxh3::xxh3_64(value.as_bytes());
    format!("{}-{hash:016x}", kept.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_data_and_never_a_path() {
        let folder = |values: &[&str]| {
            CellName(values.iter().map(|&value| value.to_owned()).collect()).folder()
        };
        assert_eq!(folder(&[]), "tokens");
        assert_eq!(folder(&["web", "zh"]), "tokens/web/zh");
        for value in
            ["..", "../../etc", "/", "", "a/b", ".hidden", "index", "日本", &"x".repeat(300)]
        {
            let folder = folder(&[value]);
            let part = folder.strip_prefix("tokens/").unwrap();
            assert!(!part.contains('/') && !part.starts_with('.'), "{value}: {part}");
            assert!(part.len() < 64 && part.is_ascii() && part.len() > 16, "{value}: {part}");
        }
        assert_ne!(folder(&["日本"]), folder(&["中国"]));
    }

    #[test]
    fn names_come_back() {
        let name = CellName::read("web\u{1f}en", 2);
        assert_eq!(name.to_string(), "web/en");
        assert_eq!(CellName::read("web\u{1f}e\u{1f}n", 2).0, ["web", "e\u{1f}n"]);
        assert_eq!(CellName::read("", 0).to_string(), "all");
        assert_eq!(CellName::read("", 1).0, [""]);
    }
}
