//! Settings of ops, with and without their types: what the pipeline file, the plan and the table of
//! ops know of an op.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Decision, Op, OpError, Step};
use crate::document::{Reason, Signal, SignalType, SignalValue};
use crate::model::Assets;

/// Where an op runs: in the flow of one task, or across all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpKind {
    /// One document at a time.
    Document,
    /// The columns of a batch at once.
    Partition,
    /// Across all tasks: cuts the plan in two phases.
    Exchange,
    /// Across all tasks and the rows of external files: cuts the plan too.
    Join,
}

impl OpKind {
    /// Whether documents are put aside before it and taken up again behind it.
    #[must_use]
    pub fn cuts(self) -> bool {
        matches!(self, Self::Exchange | Self::Join)
    }
}

/// What an op may ask for while it is built.
pub struct BuildContext<'a> {
    /// Loads models and lists, each once a process.
    pub assets: &'a Assets,
    /// Names and types of the columns that stand before the stage, for SQL.
    pub columns: &'a Columns,
    /// The pipeline's seed, for choices keyed by document.
    pub seed: u64,
    /// Names of the sources, in order.
    pub sources: &'a [String],
}

impl BuildContext<'_> {
    /// Indices of the sources named in the setting `exempt`.
    ///
    /// # Errors
    /// When there is no such source.
    pub fn exempt(&self, names: &[String]) -> Result<Vec<u32>, OpError> {
        let index = |name: &String| {
            let found = (0u32..).zip(self.sources).find(|(_, known)| *known == name);
            found.map(|(index, _)| index).ok_or_else(|| OpError::Setting {
                key: "exempt",
                reason: format!(
                    "there is no source `{name}`; there are: {}",
                    self.sources.join(", ")
                ),
            })
        };
        names.iter().map(index).collect()
    }
}

/// The columns that a stage can read: kept metadata, then signals of the stages before.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Kept fields, in the order of [`Batch::metadata`](crate::document::Batch::metadata).
    pub metadata: Vec<String>,
    /// `(<stage>.<signal>, type)`, in the order of [`Batch::signals`](crate::document::Batch::signals).
    pub signals: Vec<(String, SignalType)>,
}

/// The signals of one document, by their bare names, as a ledger row holds them.
pub trait SignalLookup {
    /// The value of a signal; `None` where it is null or there is none of the name.
    fn signal(&self, name: &str) -> Option<SignalValue<'_>>;

    /// The value of a numeric signal.
    fn number(&self, name: &str) -> Option<f64> {
        match self.signal(name)? {
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            SignalValue::Int(value) => Some(value as f64),
            SignalValue::Float(value) => Some(value),
            SignalValue::Text(_) | SignalValue::OwnedText(_) => None,
        }
    }

    /// The value of an integer signal.
    fn int(&self, name: &str) -> Option<i64> {
        match self.signal(name)? {
            SignalValue::Int(value) => Some(value),
            _ => None,
        }
    }
}

/// The settings of an op: its part of the TOML, which is also its documentation.
pub trait Settings: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static {
    /// The name in `op = "…"`.
    const NAME: &'static str;
    /// Raised when the same settings give other results than before: it enters the plan's digest.
    const VERSION: u32;
    /// Where it runs.
    const KIND: OpKind;
    /// What it computes about each document, whatever its settings.
    const SIGNALS: &'static [Signal];
    /// The reasons it drops with.
    const REASONS: &'static [Reason];
    /// Whether it may change the text.
    const EDITS: bool = false;
    /// Whether `action` is a setting of its own, with other values than a stage's; the engine then does
    /// whatever the op decides.
    const OWN_ACTION: bool = false;
    /// About how long it takes on one core, in nanoseconds per KiB of text, words already split; for
    /// `order = "cost"`. A constant, since a plan must not depend on measured time.
    const COST: u32 = 2_000;
    /// The settings that [`Settings::judge`] can change without looking at the text again.
    const THRESHOLDS: &'static [&'static str] = &[];

    /// The signals with these settings, `(name within the stage, type)`; [`Settings::SIGNALS`]
    /// unless the op computes what its settings say.
    ///
    /// # Errors
    /// When the settings do not say it.
    fn signals(&self, _columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError> {
        Ok(Self::SIGNALS.iter().map(|signal| (signal.name.to_owned(), signal.kind)).collect())
    }

    /// The columns that the op reads beside the text, as SQL: for the order of stages.
    fn conditions(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The external Parquet files (a glob) whose rows the documents meet.
    fn table(&self) -> Option<PathBuf> {
        None
    }

    /// The steps of an exchange: a send first, a meet that answers the documents last.
    fn steps(&self) -> &'static [Step] {
        &[]
    }

    /// A second op, and its settings, that the stage runs behind its own: the parser makes two stages
    /// of one, the second named `<stage>-<op>`. `stage` is the name of the first.
    fn behind(&self, _stage: &str) -> Option<(&'static str, serde_json::Value)> {
        None
    }

    /// The index of earlier runs (a folder), and the settings that all runs with it have to share.
    fn index(&self) -> Option<(PathBuf, serde_json::Value)> {
        None
    }

    /// What `tamis explain` says of these settings, a line each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The share of its documents that a source or a language may lose to the op before the summary
    /// warns.
    fn alarm(&self) -> Option<f64> {
        None
    }

    /// What the op with these settings decides about a document of which only its own signals are
    /// known; `None` where that takes the text. For `tamis whatif`.
    fn judge(&self, _signals: &dyn SignalLookup) -> Option<Decision> {
        None
    }

    /// Names of the benchmarks that documents are compared with, and how many items each has: for an
    /// op whose signal `details` holds what was found of them.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn benchmarks(&self) -> Result<Vec<(String, u64)>, OpError> {
        Ok(Vec::new())
    }

    /// Files the op reads (models, lists): `(key, path)`; a key with a list of paths once for each.
    /// Their contents enter the plan's digest in place of the paths.
    fn assets(&self) -> Vec<(&'static str, &Path)> {
        Vec::new()
    }

    /// Rewrites paths of files as typed in the TOML to ones that hold from anywhere.
    fn resolve_paths(&mut self, _base: &Path) {}

    /// Makes the op.
    ///
    /// # Errors
    /// When a value cannot work or a file cannot be loaded.
    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError>;
}

/// Settings with their type hidden, as the plan holds them.
pub trait AnySettings: Send + Sync {
    /// The settings as JSON, every default written out.
    fn to_json(&self) -> serde_json::Value;
    /// See [`Settings::benchmarks`].
    ///
    /// # Errors
    /// As there.
    fn benchmarks(&self) -> Result<Vec<(String, u64)>, OpError>;
    /// See [`Settings::assets`].
    fn assets(&self) -> Vec<(&'static str, &Path)>;
    /// See [`Settings::resolve_paths`].
    fn resolve_paths(&mut self, base: &Path);
    /// See [`Settings::signals`].
    ///
    /// # Errors
    /// As there.
    fn signals(&self, columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError>;
    /// See [`Settings::conditions`].
    fn conditions(&self) -> Vec<&str>;
    /// See [`Settings::table`].
    fn table(&self) -> Option<PathBuf>;
    /// See [`Settings::steps`].
    fn steps(&self) -> &'static [Step];
    /// See [`Settings::behind`].
    fn behind(&self, stage: &str) -> Option<(&'static str, serde_json::Value)>;
    /// See [`Settings::index`].
    fn index(&self) -> Option<(PathBuf, serde_json::Value)>;
    /// See [`Settings::notes`].
    fn notes(&self) -> Vec<String>;
    /// See [`Settings::alarm`].
    fn alarm(&self) -> Option<f64>;
    /// See [`Settings::judge`].
    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision>;
    /// See [`Settings::build`].
    ///
    /// # Errors
    /// As there.
    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError>;
}

impl<T: Settings> AnySettings for T {
    fn to_json(&self) -> serde_json::Value {
        // Settings are plain structs of strings, numbers and lists, which always serialise.
        serde_json::to_value(self).unwrap_or_default()
    }

    fn benchmarks(&self) -> Result<Vec<(String, u64)>, OpError> {
        Settings::benchmarks(self)
    }

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        Settings::assets(self)
    }

    fn resolve_paths(&mut self, base: &Path) {
        Settings::resolve_paths(self, base);
    }

    fn signals(&self, columns: &Columns) -> Result<Vec<(String, SignalType)>, OpError> {
        Settings::signals(self, columns)
    }

    fn conditions(&self) -> Vec<&str> {
        Settings::conditions(self)
    }

    fn table(&self) -> Option<PathBuf> {
        Settings::table(self)
    }

    fn steps(&self) -> &'static [Step] {
        Settings::steps(self)
    }

    fn behind(&self, stage: &str) -> Option<(&'static str, serde_json::Value)> {
        Settings::behind(self, stage)
    }

    fn index(&self) -> Option<(PathBuf, serde_json::Value)> {
        Settings::index(self)
    }

    fn notes(&self) -> Vec<String> {
        Settings::notes(self)
    }

    fn alarm(&self) -> Option<f64> {
        Settings::alarm(self)
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Settings::judge(self, signals)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        Settings::build(self, context)
    }
}

/// Reads settings out of a TOML table.
type ParseToml =
    for<'de> fn(toml::de::Deserializer<'de>) -> Result<Box<dyn AnySettings>, toml::de::Error>;

/// A row of [`OPS`](super::OPS).
pub struct OpEntry {
    /// See [`Settings::NAME`].
    pub name: &'static str,
    /// See [`Settings::VERSION`].
    pub version: u32,
    /// See [`Settings::KIND`].
    pub kind: OpKind,
    /// See [`Settings::SIGNALS`].
    pub signals: &'static [Signal],
    /// See [`Settings::REASONS`].
    pub reasons: &'static [Reason],
    /// See [`Settings::EDITS`].
    pub edits: bool,
    /// See [`Settings::OWN_ACTION`].
    pub own_action: bool,
    /// See [`Settings::COST`].
    pub cost: u32,
    /// See [`Settings::THRESHOLDS`].
    pub thresholds: &'static [&'static str],
    /// Settings from the pipeline file.
    pub from_toml: ParseToml,
    /// Settings from a plan.
    pub from_json: fn(serde_json::Value) -> Result<Box<dyn AnySettings>, serde_json::Error>,
    /// JSON schema of the settings; its description is the op's documentation.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

impl OpEntry {
    pub(super) const fn of<T: Settings>() -> Self {
        Self {
            name: T::NAME,
            version: T::VERSION,
            kind: T::KIND,
            signals: T::SIGNALS,
            reasons: T::REASONS,
            edits: T::EDITS,
            own_action: T::OWN_ACTION,
            cost: T::COST,
            thresholds: T::THRESHOLDS,
            from_toml: |table| Ok(Box::new(T::deserialize(table)?)),
            from_json: |value| Ok(Box::new(serde_json::from_value::<T>(value)?)),
            schema: |generator| T::json_schema(generator),
        }
    }
}
