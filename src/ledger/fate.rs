//! What a ledger row says of a record, and which stages have looked at it.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};

use super::LedgerError;
use crate::config::outcome::LedgerDetail;
use crate::config::stage::Action;
use crate::ops::{OpKind, find};
use crate::plan::Plan;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    /// By the stage of this index.
    Dropped(usize),
    Failed,
}

/// The stages of a plan, as far as the fate of records hangs on them.
pub(super) struct Stages {
    names: BTreeMap<String, usize>,
    /// Which place a stage has in the order that names the one to blame.
    pub(super) place: Vec<usize>,
    exchange: Vec<bool>,
    drops: Vec<bool>,
    /// Names of the sources a stage applies to; all where `None`.
    only: Vec<Option<Vec<String>>>,
}

impl Stages {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut place = vec![0; plan.stages.len()];
        for (rank, &stage) in plan.order.iter().enumerate() {
            // With a full ledger the first in the file is named, whichever ran first.
            place[stage] = if plan.ledger == LedgerDetail::Full { stage } else { rank };
        }
        let source = |index: &u32| plan.sources.get(*index as usize).map(|s| s.name.clone());
        let stages = plan.stages.iter();
        Self {
            names: stages.clone().enumerate().map(|(i, stage)| (stage.name.clone(), i)).collect(),
            place,
            exchange: stages
                .clone()
                .map(|stage| find(&stage.op).is_some_and(|op| op.kind == OpKind::Exchange))
                .collect(),
            drops: stages.clone().map(|stage| stage.action == Action::Drop).collect(),
            only: stages
                .map(|stage| Some(stage.only.as_ref()?.iter().filter_map(source).collect()))
                .collect(),
        }
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Whether the stage brings documents together.
    pub(super) fn is_exchange(&self, stage: usize) -> bool {
        self.exchange[stage]
    }

    /// Whether the stage can drop a document of the source, as far as the source goes.
    pub(super) fn may_drop(&self, stage: usize, source: &str) -> bool {
        self.drops[stage] && self.applies(stage, source)
    }

    /// Whether the stage's `only` lets the source in.
    pub(super) fn applies(&self, stage: usize, source: &str) -> bool {
        self.only[stage].as_ref().is_none_or(|only| only.iter().any(|name| name == source))
    }

    /// Whether the record came as far as the stage.
    pub(super) fn reached(&self, stage: usize, fate: &Fate<'_>) -> bool {
        match fate.outcome {
            Outcome::Kept => true,
            Outcome::Failed => false,
            Outcome::Dropped(by) if self.place[stage] <= self.place[by] => true,
            // One of the audit sample goes on, but meets no other document.
            Outcome::Dropped(_) => fate.audited && !self.exchange[stage],
        }
    }
}

/// The columns that say what became of records.
pub(super) const COLUMNS: [&str; 6] = ["source", "verdict", "stage", "reason", "audited", "fails"];

/// What a row says.
pub(super) struct Fate<'a> {
    pub(super) source: &'a str,
    pub(super) outcome: Outcome,
    pub(super) reason: Option<&'a str>,
    pub(super) audited: bool,
    /// The stages that would drop the document, of the audit sample.
    pub(super) fails: Vec<(usize, &'a str)>,
}

impl Fate<'_> {
    /// The reason for which the stage drops or would drop the document.
    pub(super) fn fails_at(&self, stage: usize) -> Option<&str> {
        if self.outcome == Outcome::Dropped(stage) {
            return self.reason;
        }
        self.fails.iter().find(|(by, _)| *by == stage).map(|(_, reason)| *reason)
    }
}

/// The rows of a batch that holds [`COLUMNS`].
pub(super) struct Fates<'a> {
    stages: &'a Stages,
    texts: [&'a StringArray; 5],
    audited: &'a BooleanArray,
}

impl<'a> Fates<'a> {
    pub(super) fn new(stages: &'a Stages, batch: &'a RecordBatch) -> Result<Self, LedgerError> {
        let missing = |name: &str| {
            LedgerError::Damaged(format!(
                "the ledger has no column `{name}`; run again with --fresh"
            ))
        };
        let text = |name: &str| {
            let column = batch.column_by_name(name).ok_or_else(|| missing(name))?;
            column.as_string_opt::<i32>().ok_or_else(|| missing(name))
        };
        let audited = batch.column_by_name("audited").ok_or_else(|| missing("audited"))?;
        Ok(Self {
            stages,
            texts: [
                text("source")?,
                text("verdict")?,
                text("stage")?,
                text("reason")?,
                text("fails")?,
            ],
            audited: audited.as_boolean_opt().ok_or_else(|| missing("audited"))?,
        })
    }

    pub(super) fn row(&self, row: usize) -> Result<Fate<'a>, LedgerError> {
        let [source, verdict, stage, reason, fails] =
            self.texts.map(|column| column.is_valid(row).then(|| column.value(row)));
        let outcome = match verdict {
            Some("kept") => Outcome::Kept,
            Some("dropped") => {
                let name = stage.unwrap_or_default();
                Outcome::Dropped(self.stages.index(name).ok_or_else(|| {
                    LedgerError::Damaged(format!(
                        "the ledger names a stage `{name}` that the plan does not have; run again with --fresh"
                    ))
                })?)
            }
            _ => Outcome::Failed,
        };
        Ok(Fate {
            source: source.unwrap_or_default(),
            outcome,
            reason,
            audited: self.audited.is_valid(row) && self.audited.value(row),
            fails: fails.map(|text| self.fails(text)).unwrap_or_default(),
        })
    }

    /// Reads `stage:reason stage:reason`; a stage's name may hold what stands between.
    fn fails<'t>(&self, mut text: &'t str) -> Vec<(usize, &'t str)> {
        let mut fails = Vec::new();
        loop {
            let names = self.stages.names.iter();
            let found = names
                .filter_map(|(name, stage)| {
                    Some((*stage, name.len(), text.strip_prefix(name.as_str())?.strip_prefix(':')?))
                })
                .max_by_key(|(_, length, _)| *length);
            let Some((stage, _, rest)) = found else { return fails };
            let (reason, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            fails.push((stage, reason));
            text = rest;
        }
    }
}
