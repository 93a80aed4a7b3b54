//! Plans: from a checked pipeline to phases and tasks.
//!
//! [`lower::lower`] finds the input files, cuts them into splits and the stages into phases; what
//! comes out is a [`Plan`] that any machine can run: it is frozen in the run directory, and its
//! digests say which committed work still holds.

mod digest;
pub mod explain;
mod files;
pub mod inputs;
pub mod lower;
mod order;
pub(crate) mod pushdown;
mod tokens;

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::outcome::{LedgerDetail, Rejected};
use crate::config::source::Documents;
use crate::config::stage::Action;
use crate::config::tokens::Tokens;
use crate::conversation;
use crate::document::{DocumentId, SignalType};
use crate::exchange::{self, Cuts};
use crate::ops::{self, AnySettings, OpError};
use crate::read::split::Split;
use crate::read::{Fields, Format, Piece};
use crate::store::{Location, Store, StoreError};
use crate::tokens::cells::CellField;
use crate::tokens::count::Cells;
use crate::tokens::encode::Form;
use crate::tokens::format::ShardLayout;
use crate::tokens::mixture::{Mix, MixtureError};
use crate::tokens::record::Slices;

/// Splits in one file of the plan: what a task has to read to find its own.
const SPLITS_A_FILE: usize = 1024;

/// A frozen pipeline: everything a task needs to know but its splits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// Version of tamis that made it.
    pub tamis: String,
    /// Name of the pipeline.
    pub name: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Sources, in document order.
    pub sources: Vec<PlanSource>,
    /// Kept fields, in the order of the columns.
    pub metadata: Vec<String>,
    /// Stages, in the order of the file.
    pub stages: Vec<PlanStage>,
    /// Indices of the stages in the order they run; a permutation that moves none across an
    /// exchange or an edit.
    pub order: Vec<usize>,
    /// With `order = "cost"`, the digest of the plan in file order that `order` was found for.
    pub order_digest: Option<String>,
    /// Share of the documents in the audit sample.
    pub audit: f64,
    /// How much is asked of dropped documents.
    pub ledger: LedgerDetail,
    /// Whose text is written although it was dropped.
    pub rejected: Rejected,
    /// `(<stage>.<signal>, type)` of all stages, in order.
    pub signals: Vec<(String, SignalType)>,
    /// Form of the curated text.
    pub documents: Documents,
    /// Tokenization, where the pipeline asks for it.
    pub tokens: Option<PlanTokens>,
    /// Number of splits: tasks of the first phase.
    pub splits: u32,
    /// Phases, in order.
    pub phases: Vec<Phase>,
}

impl Plan {
    /// The metadata column of the outlines of conversations, where any source has such.
    #[must_use]
    pub fn outlines(&self) -> Option<usize> {
        let any = self.sources.iter().any(|source| source.fields.conversation.is_some());
        any.then(|| self.metadata.iter().position(|field| field == conversation::COLUMN))?
    }
}

/// A sample of documents, drawn by their ids.
#[derive(Debug, Clone, Copy)]
pub struct AuditSample {
    seed: u64,
    share: f64,
}

impl AuditSample {
    /// Whether the document belongs to it.
    #[must_use]
    pub fn holds(self, id: DocumentId) -> bool {
        id.chosen(self.seed, "audit", self.share)
    }
}

/// A source as tasks see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanSource {
    /// Name.
    pub name: String,
    /// Folder below which its files lie.
    pub root: Location,
    /// What to take from each record.
    pub fields: Fields,
    /// Formats of its files, each once, in the order of the first file of each.
    #[serde(default)]
    pub formats: Vec<Format>,
    /// Number of files.
    pub files: u64,
    /// Their stored bytes.
    pub bytes: u64,
}

/// A stage as tasks see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanStage {
    /// Name.
    pub name: String,
    /// Op.
    pub op: String,
    /// The op's version.
    pub version: u32,
    /// The op's settings, defaults written out.
    pub settings: serde_json::Value,
    /// Indices of the sources it applies to; all where `None`.
    pub only: Option<Vec<u32>>,
    /// Condition on the documents it applies to.
    pub when: Option<String>,
    /// What happens to what it would drop.
    pub action: Action,
    /// Its columns among the plan's signals.
    pub signals: Range<usize>,
    /// The external table that its documents meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<PlanTable>,
    /// What earlier runs remember for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<PlanIndex>,
    /// Its bit in [`Batch::modified`](crate::document::Batch::modified), where it may change texts.
    pub edit: Option<u8>,
}

impl PlanStage {
    /// The settings, as the op's own type.
    ///
    /// # Errors
    /// When this program has no such op, or the op no such settings.
    pub fn typed_settings(&self) -> Result<Box<dyn AnySettings>, OpError> {
        let unknown = |reason: String| OpError::Setting { key: "op", reason };
        let entry = ops::find(&self.op)
            .ok_or_else(|| unknown(format!("this version of tamis has no op `{}`", self.op)))?;
        (entry.from_json)(self.settings.clone())
            .map_err(|error| unknown(format!("the plan's settings do not read: {error}")))
    }
}

/// An external table as tasks see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanTable {
    /// Folder below which its files lie.
    pub root: Location,
    /// What its tasks read, one piece each.
    pub pieces: Vec<Piece>,
    /// Hash of the files' names, sizes and tags.
    pub digest: String,
}

/// An index of earlier runs as tasks see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanIndex {
    /// Its folder.
    pub root: Location,
    /// Settings that all runs with it share.
    pub settings: serde_json::Value,
    /// Number of the version that the run saw.
    pub version: u32,
    /// What the run meets.
    pub pieces: Vec<exchange::Piece>,
    /// Name of the segment that the run adds.
    pub segment: String,
}

/// Tokenization as tasks see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlanTokens {
    /// The tokenizer file.
    pub tokenizer: PathBuf,
    /// Layout of the shards.
    pub layout: ShardLayout,
    /// What documents become.
    #[serde(default)]
    pub form: Form,
    /// Tokens of a shard.
    pub shard_tokens: u64,
    /// Slices of each cell's order.
    pub slices: Slices,
    /// The fields that make a cell; none where the corpus is one.
    pub cells: Vec<CellField>,
    /// Hash of the tokenizer's files.
    pub tokenizer_hash: String,
    /// Hash of sources, stages and settings, without paths and input files.
    pub recipe: String,
    /// The settings.
    pub config: Tokens,
}

impl PlanTokens {
    /// Whether the mixture becomes one stream of shards.
    #[must_use]
    pub fn materialized(&self) -> bool {
        self.config.mixture.as_ref().is_some_and(|mixture| mixture.materialize)
    }

    /// The mixture over the counted cells.
    ///
    /// # Errors
    /// When it does not fit them.
    pub fn mix(&self, cells: &Cells) -> Result<Mix, MixtureError> {
        match &self.config.mixture {
            Some(mixture) => Mix::solve(mixture, &self.config.curriculum, cells.train()),
            None => Ok(Mix::all(cells.train())),
        }
    }
}

/// A step of the plan: tasks that do not need each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Phase {
    /// What it does.
    pub kind: PhaseKind,
    /// Number of tasks.
    pub tasks: u32,
    /// Digest of all that its results depend on.
    pub digest: String,
}

/// What the tasks of a phase do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// Documents flow through stages, one task a split.
    Flow {
        /// Where they come from.
        input: FlowInput,
        /// The stages, by index.
        stages: Range<usize>,
        /// Where they go.
        output: FlowOutput,
    },
    /// Documents put aside send records once more, with the answers of a meet, one task a split.
    Send {
        /// The exchange stage, by index.
        stage: usize,
        /// Which of its steps this is.
        step: usize,
        /// The flow phase that put the documents aside.
        documents: usize,
        /// The meet phase that answered them.
        answers: usize,
        /// Parts of the exchange.
        cuts: Cuts,
    },
    /// Documents that an index remembers send records, one task a piece.
    Recall {
        /// The exchange stage, by index.
        stage: usize,
        /// Which of its steps this is.
        step: usize,
        /// The meet phase that answered them.
        answers: Option<usize>,
        /// Parts of the exchange.
        cuts: Cuts,
    },
    /// Records of all tasks meet and the stage's op looks at them, one task a part.
    Meet {
        /// The exchange stage, by index.
        stage: usize,
        /// Which of its steps this is.
        step: usize,
        /// The phase that sent the records.
        from: usize,
        /// The flow phase that put the documents aside.
        documents: usize,
        /// The phase that sent the rows of an external table, for a join.
        table: Option<usize>,
        /// The phase in which documents of an index sent theirs.
        recalled: Option<usize>,
        /// Parts of what it leaves.
        cuts: Cuts,
    },
    /// The rows of an external table go to where documents will meet them, one task a piece.
    Table {
        /// The join stage, by index.
        stage: usize,
        /// Parts of the exchange.
        cuts: Cuts,
    },
    /// What each cell of the corpus holds is added up, by one task.
    Count {
        /// The phase that sent the tokens.
        from: usize,
    },
    /// Documents go to their places in a materialised mixture.
    Deal {
        /// The phase that sent the tokens.
        from: usize,
        /// The phase that counted them.
        count: usize,
    },
    /// Documents are packed into rows, and these shuffled.
    Rows {
        /// The phase that sent the documents.
        from: usize,
        /// The phase that counted them.
        count: usize,
    },
    /// Shuffled tokens become shards, some for each task.
    Shard {
        /// The phase that sent the tokens.
        from: usize,
        /// The phase that counted them.
        count: usize,
    },
    /// The shards are described, by one task.
    Dataset {
        /// The phase that counted the tokens.
        count: usize,
        /// The phase that wrote the shards.
        shards: usize,
    },
}

/// Where the documents of a [`PhaseKind::Flow`] come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowInput {
    /// The splits.
    Source,
    /// What an earlier flow phase put aside, with the verdicts of the exchange behind it.
    Spool {
        /// The flow phase.
        documents: usize,
        /// The phase that decided.
        verdicts: usize,
        /// The exchange stage, by index.
        stage: usize,
    },
}

/// Where the documents of a [`PhaseKind::Flow`] go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowOutput {
    /// Aside, and their keys into an exchange.
    Exchange {
        /// The exchange stage, by index.
        stage: usize,
        /// Parts of the exchange.
        cuts: Cuts,
    },
    /// To `documents/`, `ledger/` and, where the plan has tokens, to the shuffle.
    Final {
        /// Whether they are tokenized.
        tokens: bool,
    },
}

impl PhaseKind {
    /// Whether tasks of this phase call the op of the stage `index`.
    #[must_use]
    pub fn runs_stage(&self, index: usize) -> bool {
        match self {
            Self::Flow { input, stages, output } => {
                let judged = matches!(input, FlowInput::Spool { stage, .. } if *stage == index);
                let sent = matches!(output, FlowOutput::Exchange { stage, .. } if *stage == index);
                stages.contains(&index) || judged || sent
            }
            Self::Table { stage, .. }
            | Self::Send { stage, .. }
            | Self::Recall { stage, .. }
            | Self::Meet { stage, table: None, .. } => *stage == index,
            Self::Meet { .. }
            | Self::Count { .. }
            | Self::Deal { .. }
            | Self::Rows { .. }
            | Self::Shard { .. }
            | Self::Dataset { .. } => false,
        }
    }

    /// Whether tasks of this phase turn text into tokens.
    #[must_use]
    pub fn tokenizes(&self) -> bool {
        matches!(self, Self::Flow { output: FlowOutput::Final { tokens: true }, .. })
    }
}

impl Phase {
    /// Short name: folder of its manifests and line of `explain`.
    #[must_use]
    pub fn name(&self, index: usize) -> String {
        let kind = match &self.kind {
            PhaseKind::Flow { output: FlowOutput::Final { .. }, .. } => "write",
            PhaseKind::Flow { .. } => "flow",
            PhaseKind::Send { .. } => "send",
            PhaseKind::Recall { .. } => "recall",
            PhaseKind::Meet { .. } => "meet",
            PhaseKind::Table { .. } => "table",
            PhaseKind::Count { .. } => "count",
            PhaseKind::Deal { .. } => "deal",
            PhaseKind::Rows { .. } => "rows",
            PhaseKind::Shard { .. } => "shard",
            PhaseKind::Dataset { .. } => "dataset",
        };
        format!("{index}-{kind}")
    }

    /// Folder of its manifests.
    #[must_use]
    pub fn manifests(&self, index: usize) -> String {
        format!("manifests/{}-{}", self.name(index), self.digest)
    }

    /// Folder of the files it leaves for later phases.
    #[must_use]
    pub fn work(&self, index: usize) -> String {
        format!("work/{}-{}", self.name(index), self.digest)
    }
}

/// What goes wrong with a stored plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files of the plan do not read as a plan.
    #[error("`{path}` is not a plan of this version of tamis: {source}; run again with --fresh")]
    Format {
        /// Path below the run directory.
        path: String,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// A split is missing.
    #[error("the plan has no split {index}; run again with --fresh")]
    NoSplit {
        /// Its number.
        index: u32,
    },
}

impl Plan {
    /// Whether the document belongs to the audit sample; all do where the ledger is full.
    #[must_use]
    pub fn audits(&self, id: DocumentId) -> bool {
        self.audit_sample().holds(id)
    }

    /// The documents that stages go on looking at after a drop; all where the ledger is full.
    #[must_use]
    pub fn audit_sample(&self) -> AuditSample {
        let share = if self.ledger == LedgerDetail::Full { 1.0 } else { self.audit };
        AuditSample { seed: self.seed, share }
    }

    /// The phase that writes `documents/` and `ledger/`.
    #[must_use]
    pub fn final_phase(&self) -> usize {
        self.phases
            .iter()
            .position(|phase| {
                matches!(phase.kind, PhaseKind::Flow { output: FlowOutput::Final { .. }, .. })
            })
            // Every plan is made with one.
            .unwrap_or(0)
    }

    /// Writes the plan and its splits into a run directory.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn save(&self, store: &Store, splits: &[Split]) -> Result<(), PlanError> {
        for (index, chunk) in splits.chunks(SPLITS_A_FILE).enumerate() {
            let mut lines = Vec::new();
            for split in chunk {
                serde_json::to_writer(&mut lines, split)
                    .map_err(|source| PlanError::Format { path: splits_path(index), source })?;
                lines.push(b'\n');
            }
            store.put(&splits_path(index), Bytes::from(lines))?;
        }
        let plan = serde_json::to_vec_pretty(self)
            .map_err(|source| PlanError::Format { path: PLAN.to_owned(), source })?;
        Ok(store.put(PLAN, Bytes::from(plan))?)
    }

    /// Reads the plan of a run directory.
    ///
    /// # Errors
    /// When it is missing or of another version.
    pub fn load(store: &Store) -> Result<Self, PlanError> {
        serde_json::from_slice(&store.read(PLAN)?)
            .map_err(|source| PlanError::Format { path: PLAN.to_owned(), source })
    }
}

const PLAN: &str = "plan.json";

fn splits_path(chunk: usize) -> String {
    format!("plan/splits-{chunk:05}.jsonl")
}

/// Reads one split of a run directory's plan.
///
/// # Errors
/// When it is missing.
pub fn load_split(store: &Store, index: u32) -> Result<Split, PlanError> {
    let chunk = index as usize / SPLITS_A_FILE;
    let path = splits_path(chunk);
    let lines = store.read(&path)?;
    let line = lines
        .split(|&byte| byte == b'\n')
        .nth(index as usize % SPLITS_A_FILE)
        .filter(|line| !line.is_empty())
        .ok_or(PlanError::NoSplit { index })?;
    serde_json::from_slice(line).map_err(|source| PlanError::Format { path, source })
}
