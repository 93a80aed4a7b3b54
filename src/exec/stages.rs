//! Running the stages of a phase over a batch.

use std::time::Instant;

use super::ExecError;
use super::counters::{Counters, StageCounts, count};
use super::engine::{BuiltStage, Engine};
use crate::config::stage::Action;
use crate::document::{Batch, SignalColumn, Verdict};
use crate::ops::{self, Decision, Op};

impl Engine {
    /// Runs one document or partition stage over a batch of the source `source`.
    pub(super) fn apply(
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
        let decisions = match &stage.op {
            Op::Document(op) => op.run(batch, &rows, self.url, &mut signals),
            Op::Partition(op) => op.partition(batch, &rows, &mut signals).map_err(failed)?,
            // Planned as a phase of its own; in the flow it decides nothing.
            Op::Exchange(_) => Vec::new(),
        };
        batch.signals.extend(signals.into_iter().map(SignalColumn::finish));
        let counts = counters.stages.entry(index).or_default();
        counts.seen += rows.len() as u64;
        counts.bytes += rows.iter().map(|&row| batch.text(row).len() as u64).sum::<u64>();
        for (&row, &decision) in rows.iter().zip(&decisions) {
            decide(stage, index, row, decision, batch, counts);
        }
        counts.nanos += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// The keys that an exchange stage sends for a batch, by row.
    pub(super) fn keys(
        &self,
        index: usize,
        source: u32,
        batch: &Batch,
        counters: &mut Counters,
    ) -> Result<Vec<(usize, u128)>, ExecError> {
        let Some(stage) = &self.stages[index] else { return Ok(Vec::new()) };
        let start = Instant::now();
        let Op::Exchange(op) = &stage.op else { return Ok(Vec::new()) };
        let rows = stage.scope(source, batch)?;
        let key = |row| op.key(ops::document(batch, row, self.url)).map(|key| (row, key));
        let keys = rows.iter().copied().filter_map(key).collect();
        let counts = counters.stages.entry(index).or_default();
        counts.seen += rows.len() as u64;
        counts.bytes += rows.iter().map(|&row| batch.text(row).len() as u64).sum::<u64>();
        counts.nanos += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(keys)
    }

    /// What an exchange stage decides about the `nth` of `copies` documents of a cluster.
    pub(super) fn judge(
        &self,
        index: usize,
        row: usize,
        (nth, copies): (u32, u32),
        batch: &mut Batch,
        counters: &mut Counters,
    ) {
        if let Some(stage) = &self.stages[index]
            && let Op::Exchange(op) = &stage.op
        {
            let counts = counters.stages.entry(index).or_default();
            decide(stage, index, row, op.decide(nth, copies), batch, counts);
        }
    }
}

impl BuiltStage {
    /// The rows the stage looks at: still kept, of its sources, and meeting its `when`.
    fn scope(&self, source: u32, batch: &Batch) -> Result<Vec<usize>, ExecError> {
        if self.only.as_ref().is_some_and(|only| !only.contains(&source)) {
            return Ok(Vec::new());
        }
        let Some(when) = &self.when else { return Ok(batch.kept_rows().collect()) };
        let mask = when
            .mask(batch)
            .map_err(|source| ExecError::Stage { stage: self.name.clone(), source })?;
        Ok(batch.kept_rows().filter(|&row| mask[row]).collect())
    }
}

fn decide(
    stage: &BuiltStage,
    index: usize,
    row: usize,
    decision: Decision,
    batch: &mut Batch,
    counts: &mut StageCounts,
) {
    if let (Decision::Drop(reason), Action::Drop) = (decision, stage.action) {
        // A pipeline has far fewer than 65,536 stages.
        let stage = u16::try_from(index).unwrap_or(u16::MAX);
        batch.verdicts[row] = Verdict::Dropped { stage, reason };
        count(&mut counts.dropped, reason);
    }
}
