//! The task of a later send phase: the documents of a split, put aside before, send records once
//! more, with the answers to the ones they sent first.

use std::time::Instant;

use super::ExecError;
use super::answers::Answers;
use super::counters::Counters;
use super::engine::Engine;
use super::manifest::{Output, Role};
use super::spool::SpoolReader;
use super::stream;
use super::task::Inputs;
use crate::exchange::{Cuts, ExchangeWriter};
use crate::plan::load_split;

/// Which documents send what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub stage: usize,
    pub step: usize,
    /// Number of the split, and of the task.
    pub split: u32,
    pub cuts: Cuts,
}

pub(super) fn run(
    engine: &Engine,
    sending: Sending,
    inputs: &Inputs,
    work: &str,
) -> Result<(Vec<Output>, Counters), ExecError> {
    let store = &engine.store;
    let source = load_split(store, sending.split)?.source;
    let spool = inputs.spool.get(sending.split as usize).map_or("", String::as_str);
    let mut spool = SpoolReader::open(store, spool, &engine.plan)?;
    let mut answers = Answers::open(store, inputs, sending.split, &format!("{work}.in"))?;
    let budget = engine.resources.exchange_bytes();
    let mut out = ExchangeWriter::new(store, format!("{work}.records"), sending.cuts, budget);
    let (mut sent, mut nanos) = (0, 0);
    stream::ordered(
        &engine.pool,
        engine.resources.in_flight(),
        || {
            let Some(batch) = spool.next()? else { return Ok(None) };
            let found = answers.of(&batch)?;
            Ok(Some((batch, found)))
        },
        |(batch, found)| {
            let start = Instant::now();
            let outbox = engine.send_again(sending, source, &batch, &found)?;
            Ok((outbox, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)))
        },
        |(outbox, took)| {
            sent += outbox.deliver(&mut out)?;
            nanos += took;
            Ok::<(), ExecError>(())
        },
    )?;
    answers.close()?;
    let mut counters = Counters::default();
    counters.stages.entry(sending.stage).or_default().nanos = nanos;
    Ok((vec![Output { role: Role::Exchange, written: out.finish()?, rows: sent }], counters))
}
