//! `join`: scores and labels from outside, as signals.

use std::path::{Path, PathBuf};

use arrow::array::Array;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    BuildContext, Columns, Op, OpError, OpKind, Outbox, Participants, Settings, SignalType,
};
use crate::config::diagnostic::nearest;
use crate::document::{Batch, Reason, Signal};
use crate::exchange::KEY_BYTES;
use crate::plan::inputs;
use crate::read;
use crate::store::resolved;

/// Joins columns of external Parquet files to the documents, as signals for the stages behind.
///
/// For scores that are computed elsewhere: `tamis export` writes ids and texts, a model on GPUs
/// scores them, and the next run joins the scores: `where` may then filter by them. Documents and
/// rows meet by the 128-bit [xxh3](https://xxhash.com) of their keys in a hash exchange, so that
/// neither side has to fit in memory. Where a key stands in several rows the first one counts (by
/// file name, then row). The files' names, sizes and times are part of the plan's digest: new scores
/// run again what depends on them. Integer, boolean, float and text columns can be joined. Signals:
/// `matched` (1 where there was a row, else 0) and one of each column's name.
///
/// `tamis join RUN FILE` adds columns to a finished run instead, for queries, without a new run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    /// Parquet files, relative to the pipeline file; `*` and `**` as in a source's `path`.
    pub path: String,
    /// What of a document is compared with the key.
    #[serde(default)]
    pub on: JoinOn,
    /// Column of the files that holds the key; named like `on` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Columns to join; all but the key by default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// What becomes of a document without a row.
    #[serde(default)]
    pub missing: Missing,
}

/// What of a document is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinOn {
    /// The document's id, as in `documents/` and the ledger.
    #[default]
    Id,
    /// The input's own id.
    SourceId,
    /// The address.
    Url,
}

impl JoinOn {
    /// The name of the ledger's column.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::SourceId => "source_id",
            Self::Url => "url",
        }
    }
}

/// What becomes of a document without a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Missing {
    /// It stays; its joined signals are null.
    #[default]
    Keep,
    /// It is dropped.
    Drop,
}

const NO_MATCH: Reason = Reason::new("no-match");

/// A join, ready to run.
#[derive(Debug, Clone)]
pub struct JoinOp {
    /// What of a document is compared.
    pub on: JoinOn,
    /// Column with the key.
    pub key: String,
    /// The joined columns.
    pub columns: Vec<(String, SignalType)>,
    /// With which reason a document without a row is dropped; `None` keeps it.
    pub missing: Option<Reason>,
}

/// The hash that keys meet by.
#[must_use]
pub fn key_hash(key: &str) -> u128 {
    xxh3_128(key.as_bytes())
}

impl JoinOp {
    /// Sends the hash of each document's key.
    ///
    /// # Errors
    /// When a split has too many rows.
    pub fn send(&self, documents: &Participants<'_>, out: &mut Outbox) -> Result<(), OpError> {
        for &row in documents.rows {
            if let Some(hash) = self.hash(documents.batch, row, documents.url) {
                let mut key = [0; KEY_BYTES];
                key[..16].copy_from_slice(&hash.to_be_bytes());
                key[16..].copy_from_slice(&documents.place(row)?);
                out.push(key, &[]);
            }
        }
        Ok(())
    }

    /// The hash of a document's key; `None` where it has none.
    fn hash(&self, batch: &Batch, row: usize, url: Option<usize>) -> Option<u128> {
        let text = |column: &arrow::array::StringArray| {
            column.is_valid(row).then(|| key_hash(column.value(row)))
        };
        match self.on {
            JoinOn::Id => Some(key_hash(&batch.ids[row].to_string())),
            JoinOn::SourceId => text(&batch.source_ids),
            JoinOn::Url => url.and_then(|url| text(&batch.metadata[url])),
        }
    }
}

impl JoinOp {
    /// A join of the files at `path`; see [`Join`] for the parts.
    ///
    /// # Errors
    /// When there is no such file or column.
    pub fn open(
        path: &str,
        on: JoinOn,
        key: Option<String>,
        columns: Vec<String>,
    ) -> Result<Self, OpError> {
        let join = Join { path: path.to_owned(), on, key, columns, missing: Missing::Keep };
        let columns = join.joined()?;
        Ok(Self { on, key: join.key().to_owned(), columns, missing: None })
    }
}

impl Join {
    fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(self.on.column())
    }

    /// The joined columns with their types, from the footer of the first file.
    fn joined(&self) -> Result<Vec<(String, SignalType)>, OpError> {
        let wrong = |key, reason: String| OpError::Setting { key, reason };
        let found = inputs::find(Path::new(""), std::slice::from_ref(&self.path))
            .map_err(|error| wrong("path", error.to_string()))?;
        let file = &found.files[0];
        let there = read::table::columns(&found.store, &file.path, file.size)
            .map_err(|error| wrong("path", error.to_string()))?;
        let names: Vec<&str> = there.iter().map(|(name, _)| name.as_str()).collect();
        let unknown = |key, name: &str| {
            let hint = nearest(name, &names).map_or_else(
                || format!("; there are: {}", names.join(", ")),
                |near| format!("; did you mean `{near}`?"),
            );
            wrong(key, format!("`{}` has no column `{name}`{hint}", file.path))
        };
        if !names.contains(&self.key()) {
            let key = if self.key.is_some() { "key" } else { "on" };
            return Err(unknown(key, self.key()));
        }
        if self.columns.is_empty() {
            let other = |(name, kind): &(String, Option<SignalType>)| {
                (name != self.key()).then(|| kind.map(|kind| (name.clone(), kind))).flatten()
            };
            return Ok(there.iter().filter_map(other).collect());
        }
        self.columns
            .iter()
            .map(|name| match there.iter().find(|(known, _)| known == name) {
                Some((_, Some(kind))) => Ok((name.clone(), *kind)),
                Some((_, None)) => Err(wrong(
                    "columns",
                    format!("`{name}` is neither a number nor a text; convert it first"),
                )),
                None => Err(unknown("columns", name)),
            })
            .collect()
    }
}

impl Settings for Join {
    const NAME: &'static str = "join";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Join;
    const SIGNALS: &'static [Signal] = &[Signal {
        name: "matched",
        kind: SignalType::Int,
        about: "1 where a row was found, else 0; the joined columns stand behind it",
    }];
    const REASONS: &'static [Reason] = &[NO_MATCH];

    fn signals(&self, _columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError> {
        let mut signals = vec![("matched".to_owned(), SignalType::Int)];
        signals.extend(self.joined()?);
        Ok(signals)
    }

    fn resolve_paths(&mut self, base: &Path) {
        self.path = resolved(base, &self.path).display().to_string();
    }

    fn table(&self) -> Option<PathBuf> {
        Some(PathBuf::from(&self.path))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        if self.on == JoinOn::Url && !context.columns.metadata.iter().any(|field| field == "url") {
            return Err(OpError::Setting {
                key: "on",
                reason: "no source keeps a `url`; add it to `keep_fields`".to_owned(),
            });
        }
        Ok(Op::Join(JoinOp {
            on: self.on,
            key: self.key().to_owned(),
            columns: self.joined()?,
            missing: (self.missing == Missing::Drop).then_some(NO_MATCH),
        }))
    }
}
