//! Counting rows of the ledger under other settings.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use super::settings::Changed;
use crate::config::stage::Action;
use crate::document::{Reason, SignalValue};
use crate::ledger::LedgerError;
use crate::ledger::fate::{Fate, Fates, Outcome, Stages};
use crate::ops::{Decision, SignalLookup};
use crate::plan::Plan;

/// What is counted; whole numbers, so that the order of files does not matter.
#[derive(Default)]
pub(super) struct Tally {
    /// Documents that pass the stages asked about.
    pub(super) before: u64,
    /// Those that would not any more, by the later stage that drops them (`None`: kept).
    pub(super) lost: BTreeMap<Option<usize>, u64>,
    /// Documents let through for which no stage is left.
    pub(super) certain: u64,
    /// Documents let through of which nothing more is known.
    pub(super) unknown: u64,
    /// The same in the audit sample, and those of them that pass.
    pub(super) sample: u64,
    pub(super) sample_passing: u64,
    pub(super) stages: Vec<StageTally>,
}

#[derive(Default, Clone)]
pub(super) struct StageTally {
    pub(super) falls: BTreeMap<Option<usize>, u64>,
    pub(super) released: u64,
}

impl Tally {
    pub(super) fn new(stages: usize) -> Self {
        Self { stages: vec![StageTally::default(); stages], ..Self::default() }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let add = |into: &mut BTreeMap<Option<usize>, u64>, from: &BTreeMap<Option<usize>, u64>| {
            for (stage, count) in from {
                *into.entry(*stage).or_default() += count;
            }
        };
        self.before += other.before;
        self.certain += other.certain;
        self.unknown += other.unknown;
        self.sample += other.sample;
        self.sample_passing += other.sample_passing;
        add(&mut self.lost, &other.lost);
        for (into, from) in self.stages.iter_mut().zip(&other.stages) {
            add(&mut into.falls, &from.falls);
            into.released += from.released;
        }
    }
}

/// What is asked of every row.
pub(super) struct Question<'a> {
    pub(super) plan: &'a Plan,
    pub(super) stages: &'a Stages,
    /// The stages with other settings, in the order of the file.
    pub(super) changed: &'a [Changed],
    /// The stages between two exchanges that the changed ones are among.
    pub(super) segment: Range<usize>,
}

/// The signals of one stage in one row.
struct Signals<'a> {
    columns: &'a [(&'a str, &'a ArrayRef)],
    row: usize,
}

impl Signals<'_> {
    fn any(&self) -> bool {
        self.columns.iter().any(|(_, column)| column.is_valid(self.row))
    }
}

impl SignalLookup for Signals<'_> {
    fn signal(&self, name: &str) -> Option<SignalValue<'_>> {
        let (_, column) = self.columns.iter().find(|(known, _)| *known == name)?;
        if column.is_null(self.row) {
            return None;
        }
        match column.data_type() {
            DataType::Int64 => {
                Some(SignalValue::Int(column.as_primitive::<Int64Type>().value(self.row)))
            }
            DataType::Float64 => {
                Some(SignalValue::Float(column.as_primitive::<Float64Type>().value(self.row)))
            }
            DataType::Utf8 => Some(SignalValue::Text(column.as_string::<i32>().value(self.row))),
            _ => None,
        }
    }
}

impl Question<'_> {
    /// Counts the rows of a batch.
    pub(super) fn count(&self, batch: &RecordBatch, tally: &mut Tally) -> Result<(), LedgerError> {
        let fates = Fates::new(self.stages, batch)?;
        let mut columns = Vec::new();
        for stage in self.changed {
            let column = |(name, full): &'_ (String, String)| {
                let missing = || {
                    LedgerError::Damaged(format!(
                        "the ledger has no column `{full}`; run again with --fresh"
                    ))
                };
                let at = batch.schema().index_of(full).map_err(|_| missing())?;
                Ok((name.clone(), at))
            };
            columns
                .push(stage.columns.iter().map(column).collect::<Result<Vec<_>, LedgerError>>()?);
        }
        let columns: Vec<Vec<(&str, &ArrayRef)>> = columns
            .iter()
            .map(|stage| {
                stage.iter().map(|(name, at)| (name.as_str(), batch.column(*at))).collect()
            })
            .collect();
        let mut drops = vec![None; self.changed.len()];
        for row in 0..batch.num_rows() {
            let fate = fates.row(row)?;
            if fate.outcome == Outcome::Failed {
                continue;
            }
            for ((stage, columns), drops) in self.changed.iter().zip(&columns).zip(&mut drops) {
                *drops = self.judge(stage, &Signals { columns, row }, &fate)?;
            }
            self.row(&fate, &drops, tally);
        }
        Ok(())
    }

    /// Whether the stage would drop the document; `None` where it has not looked at it.
    fn judge(
        &self,
        changed: &Changed,
        signals: &Signals<'_>,
        fate: &Fate<'_>,
    ) -> Result<Option<bool>, LedgerError> {
        let index = changed.index;
        let stage = &self.plan.stages[index];
        let was = fate.fails_at(index);
        let reached = self.stages.reached(index, fate) && self.stages.applies(index, fate.source);
        // Whether a `when` let the document in shows in its signals.
        let looked = was.is_some() || (reached && (stage.when.is_none() || signals.any()));
        if !looked {
            return Ok(None);
        }
        if stage.action == Action::Annotate {
            return Ok(Some(false));
        }
        let takes_text = || {
            LedgerError::Question(format!(
                "stage `{}` cannot decide from its signals with these settings; it takes a re-run",
                stage.name
            ))
        };
        let old = changed.old.judge(signals).ok_or_else(takes_text)?;
        if reason(old).map(Reason::as_str) != was {
            return Err(LedgerError::Bug(format!(
                "stage `{}` decided `{}` about a document, but its signals in the ledger say `{}`",
                stage.name,
                was.unwrap_or("kept"),
                reason(old).map_or("kept", Reason::as_str),
            )));
        }
        let new = changed.new.judge(signals).ok_or_else(takes_text)?;
        Ok(Some(matches!(new, Decision::Drop(_))))
    }

    fn row(&self, fate: &Fate<'_>, drops: &[Option<bool>], tally: &mut Tally) {
        let place = |stage: usize| self.stages.place[stage];
        let dropped_by = match fate.outcome {
            Outcome::Dropped(by) => Some(by),
            _ => None,
        };
        if dropped_by.is_some_and(|by| by < self.segment.start) {
            // It never came here; as one of the audit sample it was only looked at.
            return;
        }
        let inside = dropped_by.filter(|by| *by < self.segment.end);
        // The changed stage that takes it out now, if it comes so far.
        let falls = (self.changed.iter().zip(drops).enumerate())
            .filter(|(_, (stage, drops))| {
                **drops == Some(true) && inside.is_none_or(|by| place(stage.index) <= place(by))
            })
            .min_by_key(|(_, (stage, _))| place(stage.index))
            .map(|(nth, (stage, _))| (nth, stage.index));
        if let Some((nth, stage)) = falls
            && dropped_by != Some(stage)
        {
            *tally.stages[nth].falls.entry(dropped_by).or_default() += 1;
        }
        let Some(by) = inside else {
            tally.before += 1;
            if falls.is_some() {
                *tally.lost.entry(dropped_by).or_default() += 1;
            }
            return;
        };
        let Some(nth) = self.changed.iter().position(|stage| stage.index == by) else { return };
        if drops[nth] == Some(true) {
            return;
        }
        tally.stages[nth].released += 1;
        if falls.is_some() {
            return;
        }
        // Let through; what do the stages behind it say?
        let behind =
            |&stage: &usize| place(stage) > place(by) && self.stages.may_drop(stage, fate.source);
        if !self.segment.clone().any(|stage| behind(&stage)) {
            tally.certain += 1;
        } else if fate.audited {
            let other = |(stage, _): &(usize, &str)| {
                self.segment.contains(stage) && self.changed.iter().all(|one| one.index != *stage)
            };
            let passes = !fate.fails.iter().any(other) && !drops.contains(&Some(true));
            tally.sample += 1;
            tally.sample_passing += u64::from(passes);
        } else {
            tally.unknown += 1;
        }
    }
}

fn reason(decision: Decision) -> Option<Reason> {
    match decision {
        Decision::Keep => None,
        Decision::Drop(reason) => Some(reason),
    }
}
