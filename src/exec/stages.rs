//! Running the stages of a phase over a batch.

use std::ops::Range;
use std::time::Instant;

use arrow::array::{Array, AsArray, StringBuilder, new_null_array};

use super::ExecError;
use super::counters::{Counters, count};
use super::engine::{BuiltStage, Engine};
use super::send::Sending;
use crate::config::outcome::LedgerDetail;
use crate::config::stage::Action;
use crate::document::{Batch, SignalColumn, Verdict};
use crate::exchange::Record;
use crate::ops::{Concluded, Decision, Edits, Op, OpError, Outbox, Outcome, Participants};
use crate::text::Analysis;

impl Engine {
    /// Runs document and partition stages over a batch of the source `source`, in the plan's order.
    pub(super) fn run_stages(
        &self,
        stages: Range<usize>,
        source: u32,
        batch: &mut Batch,
        counters: &mut Counters,
    ) -> Result<(), ExecError> {
        let before: Vec<bool> = batch.verdicts.iter().map(|verdict| verdict.is_kept()).collect();
        self.grow_signals(batch, stages.end);
        for &stage in &self.plan.order[stages] {
            self.apply(stage, source, batch, counters)?;
        }
        // Counted at the end: with a full ledger an earlier stage of the file may take over.
        for (verdict, kept) in batch.verdicts.iter().zip(before) {
            if let (Verdict::Dropped { stage, reason }, true) = (verdict, kept) {
                let stage = counters.stages.entry(usize::from(*stage)).or_default();
                count(&mut stage.dropped, *reason);
            }
        }
        Ok(())
    }

    /// Gives the batch a column of nulls for each signal of the stages up to `end` that it lacks.
    pub(super) fn grow_signals(&self, batch: &mut Batch, end: usize) {
        let end = end.checked_sub(1).map_or(0, |last| self.plan.stages[last].signals.end);
        let rows = batch.len();
        for (_, kind) in self.plan.signals.iter().take(end).skip(batch.signals.len()) {
            batch.signals.push(new_null_array(&kind.data_type(), rows));
        }
    }

    fn apply(
        &self,
        index: usize,
        source: u32,
        batch: &mut Batch,
        counters: &mut Counters,
    ) -> Result<(), ExecError> {
        let Some(stage) = &self.stages[index] else { return Ok(()) };
        let start = Instant::now();
        let failed = |source| ExecError::Stage { stage: stage.name.clone(), source };
        let rows = stage.scope(source, batch)?;
        let mut signals: Vec<SignalColumn> =
            stage.kinds.iter().map(|kind| SignalColumn::new(*kind, batch.len())).collect();
        let outcome = match &stage.op {
            Op::Document(op) => op.run(batch, &rows, self.url, &mut signals),
            Op::Partition(op) => {
                let decisions = op.partition(batch, &rows, &mut signals).map_err(failed)?;
                Outcome { decisions, edits: Edits::default() }
            }
            // Planned as a phase of its own; in the flow it decides nothing.
            Op::Exchange(_) | Op::Join(_) => return Ok(()),
        };
        let columns = &self.plan.stages[index].signals;
        let slots = &mut batch.signals[columns.clone()];
        for (slot, column) in slots.iter_mut().zip(signals) {
            *slot = column.finish();
        }
        let counts = counters.stages.entry(index).or_default();
        let kept = rows.iter().filter(|&&row| batch.verdicts[row].is_kept());
        counts.seen += kept.clone().count() as u64;
        counts.bytes += kept.map(|&row| batch.text(row).len() as u64).sum::<u64>();
        for (&row, &decision) in rows.iter().zip(&outcome.decisions) {
            decide(stage, index, row, decision, batch, self.plan.ledger);
        }
        if let (Some(bit), Action::Drop) = (self.plan.stages[index].edit, stage.action) {
            edit(batch, bit, &outcome.edits);
        }
        counts.nanos += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// What an exchange or a join stage sends first for the documents of a batch.
    pub(super) fn send(
        &self,
        index: usize,
        (source, split): (u32, u32),
        batch: &Batch,
        counters: &mut Counters,
    ) -> Result<Outbox, ExecError> {
        let mut out = Outbox::default();
        let Some(stage) = &self.stages[index] else { return Ok(out) };
        let start = Instant::now();
        let rows = match stage.op {
            Op::Exchange(_) => stage.participants(source, batch)?,
            _ => stage.scope(source, batch)?,
        };
        let documents = self.participants(batch, &rows, (source, split), &[]);
        let sent = match &stage.op {
            Op::Exchange(op) => op.send(0, &documents, &mut out),
            Op::Join(op) => op.send(&documents, &mut out),
            Op::Document(_) | Op::Partition(_) => Ok(()),
        };
        sent.map_err(|error| self.stage_error(index, error))?;
        let counts = counters.stages.entry(index).or_default();
        counts.seen += rows.len() as u64;
        counts.bytes += rows.iter().map(|&row| batch.text(row).len() as u64).sum::<u64>();
        counts.nanos += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(out)
    }

    /// What an exchange stage sends in a later step.
    pub(super) fn send_again(
        &self,
        sending: Sending,
        source: u32,
        batch: &Batch,
        answers: &[(usize, Record)],
    ) -> Result<Outbox, ExecError> {
        let Sending { stage: index, step, split, .. } = sending;
        let mut out = Outbox::default();
        if let Some(stage) = &self.stages[index]
            && let Op::Exchange(op) = &stage.op
        {
            let rows = stage.participants(source, batch)?;
            let documents = self.participants(batch, &rows, (source, split), answers);
            op.send(step, &documents, &mut out).map_err(|error| self.stage_error(index, error))?;
        }
        Ok(out)
    }

    /// What the index of an exchange stage is to remember of the documents of a batch, in order.
    pub(super) fn remember(
        &self,
        index: usize,
        (source, split): (u32, u32),
        batch: &Batch,
        answers: &[(usize, Record)],
    ) -> Result<Vec<Vec<u8>>, ExecError> {
        let Some(stage) = &self.stages[index] else { return Ok(Vec::new()) };
        let Op::Exchange(op) = &stage.op else { return Ok(Vec::new()) };
        let rows = stage.participants(source, batch)?;
        let documents = self.participants(batch, &rows, (source, split), answers);
        op.remember(&documents).map_err(|error| self.stage_error(index, error))
    }

    /// Lets an exchange stage decide about the documents of a batch, with the answers they got.
    pub(super) fn conclude(
        &self,
        index: usize,
        (source, split): (u32, u32),
        batch: &mut Batch,
        answers: &[(usize, Record)],
        counters: &mut Counters,
    ) -> Result<(), ExecError> {
        let Some(stage) = &self.stages[index] else { return Ok(()) };
        let Op::Exchange(op) = &stage.op else { return Ok(()) };
        let start = Instant::now();
        let rows = stage.participants(source, batch)?;
        self.grow_signals(batch, index + 1);
        let mut signals: Vec<SignalColumn> =
            stage.kinds.iter().map(|kind| SignalColumn::new(*kind, batch.len())).collect();
        let documents = self.participants(batch, &rows, (source, split), answers);
        let Concluded { outcome, clusters } = op
            .conclude(&documents, &mut signals)
            .map_err(|error| self.stage_error(index, error))?;
        let slots = &mut batch.signals[self.plan.stages[index].signals.clone()];
        for (slot, column) in slots.iter_mut().zip(signals) {
            *slot = column.finish();
        }
        for (row, cluster) in clusters {
            batch.clusters[row] = Some(cluster);
        }
        let counts = counters.stages.entry(index).or_default();
        let language = self.language_before(index);
        let mut group = format!("source {}", self.plan.sources[source as usize].name);
        let source_name = group.len();
        for (&row, &decision) in rows.iter().zip(&outcome.decisions) {
            decide(stage, index, row, decision, batch, self.plan.ledger);
            let mut dropped = 0;
            if let Verdict::Dropped { reason, .. } = batch.verdicts[row] {
                count(&mut counts.dropped, reason);
                dropped = 1;
            }
            counts.count_loss(&group[..source_name], 1, dropped);
            let label = language.map(|column| batch.signals[column].as_string::<i32>());
            if let Some(label) = label.filter(|label| label.is_valid(row)) {
                group.truncate(source_name);
                group.push_str("language ");
                group.push_str(label.value(row));
                counts.count_loss(&group[source_name..], 1, dropped);
            }
        }
        if let (Some(bit), Action::Drop) = (self.plan.stages[index].edit, stage.action) {
            edit(batch, bit, &outcome.edits);
        }
        counts.nanos += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// The column of labels of the last `language` stage before a stage.
    fn language_before(&self, index: usize) -> Option<usize> {
        let stages = self.plan.stages[..index].iter().rev();
        let found = stages.into_iter().find(|stage| stage.op == "language")?;
        found.signals.clone().find(|&column| self.plan.signals[column].0.ends_with(".language"))
    }

    fn participants<'a>(
        &'a self,
        batch: &'a Batch,
        rows: &'a [usize],
        (source, split): (u32, u32),
        answers: &'a [(usize, Record)],
    ) -> Participants<'a> {
        let source_name = &self.plan.sources[source as usize].name;
        Participants { batch, rows, url: self.url, split, source, source_name, answers }
    }

    /// What the op of a stage said, as an error of the task: trouble with the storage may pass, the
    /// rest will not.
    pub(super) fn stage_error(&self, index: usize, error: OpError) -> ExecError {
        match error {
            OpError::Exchange(error) => ExecError::Exchange(error),
            source => ExecError::Stage { stage: self.plan.stages[index].name.clone(), source },
        }
    }
}

impl BuiltStage {
    /// The rows that take part in an exchange: a dropped document of the audit sample never meets
    /// others.
    fn participants(&self, source: u32, batch: &Batch) -> Result<Vec<usize>, ExecError> {
        let mut rows = self.scope(source, batch)?;
        rows.retain(|&row| batch.verdicts[row].is_kept());
        Ok(rows)
    }

    /// The rows the stage looks at: kept or audited, of its sources, and meeting its `when`.
    pub(super) fn scope(&self, source: u32, batch: &Batch) -> Result<Vec<usize>, ExecError> {
        if self.only.as_ref().is_some_and(|only| !only.contains(&source)) {
            return Ok(Vec::new());
        }
        let Some(when) = &self.when else { return Ok(batch.live_rows().collect()) };
        let mask = when
            .mask(batch)
            .map_err(|source| ExecError::Stage { stage: self.name.clone(), source })?;
        Ok(batch.live_rows().filter(|&row| mask[row]).collect())
    }
}

pub(super) fn decide(
    stage: &BuiltStage,
    index: usize,
    row: usize,
    decision: Decision,
    batch: &mut Batch,
    detail: LedgerDetail,
) {
    if let (Decision::Drop(reason), Action::Drop) = (decision, stage.action) {
        // A pipeline has far fewer than 65,536 stages.
        let stage = u16::try_from(index).unwrap_or(u16::MAX);
        let first = match batch.verdicts[row] {
            Verdict::Kept => true,
            Verdict::Dropped { stage: before, .. } => {
                detail == LedgerDetail::Full && stage < before
            }
            Verdict::Failed { .. } => false,
        };
        if first {
            batch.verdicts[row] = Verdict::Dropped { stage, reason };
        }
        if batch.audited[row] {
            batch.fails[row].push((stage, reason));
        }
    }
}

/// Puts new texts in place, marks the rows whose text is another now, and forgets what was known
/// about the old one.
fn edit(batch: &mut Batch, bit: u8, edits: &Edits) {
    let changed: Vec<_> = edits
        .rows
        .iter()
        .filter(|(row, range)| batch.text(*row) != &edits.texts[range.clone()])
        .collect();
    if changed.is_empty() {
        return;
    }
    let mut texts = StringBuilder::with_capacity(batch.len(), batch.text_bytes());
    let mut next = changed.iter().peekable();
    for row in 0..batch.len() {
        if let Some((_, range)) = next.next_if(|(changed, _)| *changed == row) {
            texts.append_value(&edits.texts[range.clone()]);
            batch.modified[row] |= 1 << bit;
            batch.analyses[row] = Analysis::default();
        } else {
            texts.append_option(batch.texts.is_valid(row).then(|| batch.texts.value(row)));
        }
    }
    batch.texts = texts.finish();
}
