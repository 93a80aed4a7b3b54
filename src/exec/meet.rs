//! The task of a meet phase: one part of the records of all tasks, in the order of their keys.

use super::ExecError;
use super::counters::Counters;
use super::engine::Engine;
use super::manifest::{Output, Role};
use super::task::Inputs;
use crate::exchange::{Cuts, ExchangeWriter};
use crate::ops::{Figures, MeetTask, Op};

/// Where a meet stands in its stage, and what it leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting {
    pub stage: usize,
    pub step: usize,
    pub part: u32,
    pub cuts: Cuts,
}

/// Lets the stage's op look at one part, and gives what it left.
pub(super) fn run(
    engine: &Engine,
    meeting: Meeting,
    inputs: &Inputs,
    work: &str,
) -> Result<(Vec<Output>, Counters), ExecError> {
    let Meeting { stage, step, part, cuts } = meeting;
    let mut counters = Counters::default();
    let Some(built) = &engine.stages[stage] else { return Ok((Vec::new(), counters)) };
    let Op::Exchange(op) = &built.op else { return Ok((Vec::new(), counters)) };
    let budget = engine.resources.exchange_bytes();
    let out = ExchangeWriter::new(&engine.store, format!("{work}.answers"), cuts, budget);
    // What goes to one task is a set; documents may be told things of equal keys.
    let out = if matches!(cuts, Cuts::Even { .. }) { out.unique() } else { out };
    let mut task = MeetTask {
        store: &engine.store,
        inputs: &inputs.exchange,
        part,
        work,
        budget: budget * 2,
        rows: &inputs.rows,
        pool: &engine.pool,
        out,
        figures: Figures::default(),
        sent: 0,
    };
    op.meet(step, &mut task).map_err(|error| engine.stage_error(stage, error))?;
    let rows = task.sent;
    counters.stages.entry(stage).or_default().figures = task.figures;
    let written = task.out.finish()?;
    Ok((vec![Output { role: Role::Exchange, written, rows }], counters))
}
