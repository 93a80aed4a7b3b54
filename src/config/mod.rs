//! Configuration: from a TOML file to a checked [`Pipeline`].
//!
//! Parsing has two phases, so that every mistake is reported at its own line and column: `toml`
//! gives a table with spans, then each part of it is read into its own type ([`source`], [`tokens`],
//! [`train`], and the settings of each op). All mistakes are collected before any is reported.
//! Nothing after this folder reads TOML.

pub mod bytes;
pub mod classifier;
pub mod corpus;
pub mod diagnostic;
mod forms;
pub mod outcome;
mod overrides;
mod parse;
mod preset;
pub mod scale;
pub mod schema;
mod sole;
pub mod source;
pub mod stage;
pub mod tokens;
pub mod train;

use std::path::{Path, PathBuf};

use self::bytes::ByteSize;
pub use self::diagnostic::{ConfigError, ConfigErrors};
use self::outcome::{Audit, LedgerDetail, Order, Rejected, Test};
use self::source::{Documents, Source};
use self::stage::{Located, Stage};
use self::tokens::Tokens;
use self::train::TrainConfig;
use crate::model::read_asset;

/// A pipeline as the user wrote it, read and checked; what will run is the plan made from it.
pub struct Pipeline {
    /// `name`; the default run directory is `runs/<name>`.
    pub name: String,
    /// `seed` of every random choice.
    pub seed: u64,
    /// `memory_limit` of the whole run.
    pub memory_limit: Option<ByteSize>,
    /// `order` in which stages run.
    pub order: Order,
    /// `ledger`: how much is asked of a document that is dropped.
    pub ledger: LedgerDetail,
    /// `rejected`: whose text is written although it was dropped.
    pub rejected: Rejected,
    /// `[audit]`.
    pub audit: Audit,
    /// `[[test]]`, in the order of the file.
    pub tests: Vec<Located<Test>>,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<Located<Source>>,
    /// `[[stage]]`, in the order of the file.
    pub stages: Vec<Stage>,
    /// `[documents]`.
    pub documents: Option<Located<Documents>>,
    /// `[tokens]`.
    pub tokens: Option<Located<Tokens>>,
    /// `[train]`.
    pub train: Option<Located<TrainConfig>>,
    /// The file and its text, to point into from later messages.
    pub text: SourceText,
}

/// The text of a pipeline file, for messages that point into it.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// The file's path as given.
    pub path: PathBuf,
    /// Its text, behind it a line for each `--set`.
    pub text: String,
    /// Where the `--set` lines begin.
    pub file_length: usize,
}

impl SourceText {
    /// The text of the file alone.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.text[..self.file_length]
    }

    /// Errors that point into this text.
    #[must_use]
    pub fn errors(&self, errors: Vec<ConfigError>) -> ConfigErrors {
        ConfigErrors::new(&self.path, &self.text, errors)
    }
}

impl Pipeline {
    /// Reads and checks the pipeline in `path`, with `--set` overrides applied.
    ///
    /// # Errors
    /// Every mistake in the file at once, each at its place.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, ConfigErrors> {
        let unreadable = |message: String| {
            let help = "give the path of a pipeline file, such as `pipelines/quickstart.toml`";
            ConfigErrors::new(path, "", vec![ConfigError::new(message, 0..0).help(help)])
        };
        let bytes = read_asset(path).map_err(|error| unreadable(error.to_string()))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| unreadable(format!("the file is not UTF-8: {error}")))?;
        Self::parse(path, text, overrides)
    }

    /// Reads and checks a pipeline's text; `path` is where relative paths start and what messages
    /// show.
    ///
    /// # Errors
    /// As [`Pipeline::load`].
    pub fn parse(path: &Path, text: &str, overrides: &[String]) -> Result<Self, ConfigErrors> {
        parse::parse(path, text, overrides)
    }
}
