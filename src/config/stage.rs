//! `[[stage]]`: an op with its settings and where they apply.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::document::SignalType;
use crate::ops::{AnySettings, Columns, OpEntry, OpError};

/// The keys that every stage takes, whatever its op.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageKeys {
    /// What the stage runs; `tamis ops` lists them.
    pub op: String,
    /// Name in the ledger and in messages; the op's name by default. Two stages of one op need names.
    #[serde(default)]
    pub name: Option<String>,
    /// Sources the stage applies to; all of them by default.
    #[serde(default)]
    pub only: Option<Vec<String>>,
    /// SQL condition on the documents the stage applies to; the others pass untouched.
    #[serde(default)]
    pub when: Option<String>,
    /// What happens to a document that the op would drop, and to the changes of an op that edits.
    #[serde(default)]
    pub action: Action,
    /// TOML file with settings for one kind of text, relative to the pipeline file: the keys of its
    /// table `[<op>]` that the stage does not write itself.
    #[serde(default)]
    pub preset: Option<std::path::PathBuf>,
}

impl StageKeys {
    /// Their names, to tell them from an op's settings.
    pub const NAMES: &'static [&'static str] = &["op", "name", "only", "when", "action", "preset"];
}

/// What happens to a document that an op would drop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is dropped with the op's reason.
    #[default]
    Drop,
    /// It stays as it is; only the signals are computed.
    Annotate,
}

/// A stage, read and found among the ops.
pub struct Stage {
    /// Name, unique in the pipeline.
    pub name: String,
    /// The op.
    pub op: &'static OpEntry,
    /// Its settings.
    pub settings: Box<dyn AnySettings>,
    /// See [`StageKeys::only`].
    pub only: Option<Vec<String>>,
    /// See [`StageKeys::when`].
    pub when: Option<String>,
    /// See [`StageKeys::action`].
    pub action: Action,
    /// Where the stage and its keys stand in the file.
    pub spans: Spans,
}

/// Where a table and its keys stand in the text.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    /// The table's header.
    pub table: Range<usize>,
    /// Values by key.
    pub keys: BTreeMap<String, Range<usize>>,
}

impl Spans {
    /// The place of a key's value, or of the table where the key is not written.
    #[must_use]
    pub fn of(&self, key: &str) -> Range<usize> {
        self.keys.get(key).unwrap_or(&self.table).clone()
    }
}

/// A table that has been read, and where it stands.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// Where it and its keys stand in the file.
    pub spans: Spans,
}

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Stage {
    /// The signal columns it adds to `columns`, the ones before it: `(<stage>.<signal>, type)`.
    ///
    /// # Errors
    /// When the op's settings do not say what it computes.
    pub fn columns(&self, columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError> {
        let named = |(name, kind)| (format!("{}.{name}", self.name), kind);
        Ok(self.settings.signals(columns)?.into_iter().map(named).collect())
    }

    /// The error of building this stage's op, at the key it is about.
    #[must_use]
    pub fn error(&self, error: &OpError) -> ConfigError {
        let span = match error {
            OpError::Setting { key, .. } => self.spans.of(key),
            OpError::Asset(_) => self.spans.of("model"),
            OpError::Sql { .. } | OpError::Exchange(_) => self.spans.of("sql"),
        };
        ConfigError::new(format!("stage `{}`: {error}", self.name), span)
    }
}
