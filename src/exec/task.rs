//! The one entry for every task, on whatever engine it runs.

use std::time::Instant;

use super::ExecError;
use super::counters::Counters;
use super::driver::PhaseOutputs;
use super::engine::Engine;
use super::flow::Flow;
use super::join;
use super::manifest::{Manifest, Output};
use super::meet::{self, Meeting};
use super::recall::{self, Recalling};
use super::send::{self, Sending};
use crate::plan::{FlowInput, PhaseKind, load_split};
use crate::tokens::{self, count, dataset};

/// The files of earlier phases that a task reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    /// Spool files by split.
    pub spool: Vec<String>,
    /// Rows of each split.
    pub rows: Vec<u64>,
    /// Exchange files.
    pub exchange: Vec<String>,
}

/// Runs task `index` of phase `phase` and commits it; gives the manifest that counts, which is
/// another attempt's where that was quicker.
///
/// # Errors
/// When the task fails; nothing is committed then.
pub fn run_task(engine: &Engine, phase: usize, index: u32) -> Result<Manifest, ExecError> {
    let start = Instant::now();
    let store = &engine.store;
    let spec = &engine.plan.phases[phase];
    let work = format!("{}/{index:06}-{}", spec.work(phase), engine.attempt());
    let load = |from: usize| PhaseOutputs::load(store, &engine.plan.phases[from], from);
    let set_aside = |documents: usize, answers: usize| -> Result<Inputs, ExecError> {
        let PhaseOutputs { spool, rows, .. } = load(documents)?;
        Ok(Inputs { spool, rows, exchange: load(answers)?.exchange })
    };
    let mut shards = Vec::new();
    let (outputs, counters): (Vec<Output>, Counters) = match &spec.kind {
        PhaseKind::Flow { input, stages, output } => {
            let inputs = match input {
                FlowInput::Source => Inputs::default(),
                FlowInput::Spool { documents, verdicts, .. } => set_aside(*documents, *verdicts)?,
            };
            let split = load_split(store, index)?;
            let stages = stages.clone();
            Flow { engine, input, stages, output, split, index, work }.run(&inputs)?
        }
        PhaseKind::Send { stage, step, documents, answers, cuts } => {
            let inputs = set_aside(*documents, *answers)?;
            let sending = Sending { stage: *stage, step: *step, split: index, cuts: *cuts };
            send::run(engine, sending, &inputs, &work)?
        }
        PhaseKind::Meet { stage, step, from, documents, table: None, recalled, cuts } => {
            let mut inputs = Inputs {
                exchange: load(*from)?.exchange,
                rows: load(*documents)?.rows,
                spool: Vec::new(),
            };
            if let Some(index) = &engine.plan.stages[*stage].index {
                // Remembered documents stand behind those of the run.
                inputs.rows.extend(index.pieces.iter().map(|piece| piece.rows));
            }
            if let Some(recalled) = recalled {
                inputs.exchange.extend(load(*recalled)?.exchange);
            }
            let meeting = Meeting { stage: *stage, step: *step, part: index, cuts: *cuts };
            meet::run(engine, meeting, &inputs, &work)?
        }
        PhaseKind::Recall { stage, step, answers, cuts } => {
            let recalling = Recalling { stage: *stage, step: *step, piece: index, cuts: *cuts };
            let inputs = match answers {
                Some(from) => Some(Inputs { exchange: load(*from)?.exchange, ..Inputs::default() }),
                None => None,
            };
            (recall::run(engine, recalling, inputs.as_ref(), &work)?, Counters::default())
        }
        PhaseKind::Meet { from, table: Some(table), .. } => {
            let (keys, rows) = (load(*from)?.exchange, load(*table)?.exchange);
            (join::meet(engine, index, &keys, &rows, &work)?, Counters::default())
        }
        PhaseKind::Table { stage, cuts } => {
            (join::table(engine, *stage, index, *cuts, &work)?, Counters::default())
        }
        PhaseKind::Count { from } => {
            (count::run(engine, &load(*from)?.counts, &work)?, Counters::default())
        }
        PhaseKind::Deal { from, count } => {
            let (sent, counted) = (load(*from)?, load(*count)?);
            let task = (index, spec.tasks);
            (
                tokens::deal(engine, &sent.exchange, counted.slices.as_deref(), task, &work)?,
                Counters::default(),
            )
        }
        PhaseKind::Rows { from, count } => {
            let (sent, counted) = (load(*from)?, load(*count)?);
            let task = (index, spec.tasks);
            tokens::rows(engine, &sent.exchange, counted.slices.as_deref(), task, &work)?
        }
        PhaseKind::Shard { from, count } => {
            let (sent, counted) = (load(*from)?, load(*count)?);
            let task = (index, spec.tasks);
            let written =
                tokens::shard(engine, &sent.exchange, counted.slices.as_deref(), task, &work)?;
            shards = written.entries;
            (written.outputs, written.counters)
        }
        PhaseKind::Dataset { shards, .. } => (dataset::run(engine, *shards)?, Counters::default()),
    };
    let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let manifest = Manifest { task: index, outputs, counters, wall_ms, shards };
    if manifest.commit(store, spec, phase)? {
        return Ok(manifest);
    }
    Ok(Manifest::load(store, spec, phase, index)?.unwrap_or(manifest))
}
