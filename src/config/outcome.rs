//! What is kept of the documents that a pipeline drops, and what it is expected to do: `order`,
//! `ledger`, `rejected`, `[audit]` and `[[test]]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// In which order stages run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// In the order of the file.
    #[default]
    File,
    /// Between two stages that change the text or need an exchange, those that drop most for least
    /// work first. The kept documents are the same; the ledger names the first stage that dropped a
    /// document in the order they ran. What a stage costs is a constant of its op; what it drops is
    /// measured on a sample drawn by document id, and frozen in the plan.
    Cost,
}

/// How much is asked of a document that is dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LedgerDetail {
    /// Nothing more, but for the audit sample.
    #[default]
    First,
    /// Every stage looks at every document up to the exchange that takes it out: all signals, all
    /// stages that would drop it (column `fails`); the ledger names the first in file order.
    Full,
}

/// Whose text is written to `rejected/` although it was dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rejected {
    /// Nobody's.
    #[default]
    None,
    /// That of the audit sample.
    Sample,
    /// That of every dropped document.
    All,
}

/// A sample of documents, drawn by their ids, that every per-document stage looks at even after a
/// drop (they stay dropped), so that `tamis whatif` can estimate other thresholds without bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Share of the documents, 0 to 1.
    pub fraction: f64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { fraction: 0.01 }
    }
}

/// A document and what the pipeline must do with it; `tamis test` runs them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What the test shows, for its line in the output.
    #[serde(default)]
    pub name: Option<String>,
    /// The document.
    pub text: String,
    /// Repeats `text` so many times, for long documents in short files.
    #[serde(default = "once")]
    pub repeat: usize,
    /// Its address.
    #[serde(default)]
    pub url: Option<String>,
    /// The source it is taken to come from; the first one by default.
    #[serde(default)]
    pub source: Option<String>,
    /// `kept`, or the stage that drops it: `dropped`, `gopher-quality` or
    /// `gopher-quality:too-few-words`.
    pub expect: String,
    /// The text that is left, for stages that change it.
    #[serde(default)]
    pub expect_text: Option<String>,
}

fn once() -> usize {
    1
}
