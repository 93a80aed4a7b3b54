//! Where a flow's tokens end: in an exchange by cell, counted.

use super::TokenBatch;
use super::cells::{CellField, CellName};
use super::count::Counter;
use super::record::{Group, HEAD, Slices, TokenRecord, key, write_runs};
use super::{is_validation, shuffle_order};
use crate::document::{Batch, DocumentId};
use crate::exchange::{Cuts, ExchangeWriter};
use crate::exec::ExecError;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};
use crate::store::Store;

/// Takes the tokens of the kept documents of one task.
pub(crate) struct TokenSink {
    out: ExchangeWriter,
    counter: Counter,
    store: Store,
    work: String,
    task: u32,
    budget: usize,
    seed: u64,
    validation_fraction: f64,
    slices: Slices,
    fields: Vec<CellField>,
    /// Bytes of a token.
    width: usize,
    records: u64,
    /// Kept from document to document.
    name: String,
    /// The cell before, with the groups of its training and validation documents.
    last: Option<(String, [Group; 2])>,
    runs: Vec<u8>,
}

impl TokenSink {
    /// For the flow task `task`, whose files begin with `work`; `None` where nothing is tokenized.
    pub(crate) fn create(engine: &Engine, work: &str, task: u32) -> Option<Box<Self>> {
        let tokens = engine.plan.tokens.as_ref()?;
        let budget = engine.resources.exchange_bytes();
        let path = format!("{work}.tokens");
        Some(Box::new(Self {
            out: ExchangeWriter::new(&engine.store, path, Cuts::Blocks, budget),
            counter: Counter::new(tokens.slices),
            store: engine.store.clone(),
            work: work.to_owned(),
            task,
            budget,
            seed: engine.plan.seed,
            validation_fraction: tokens.config.validation_fraction,
            slices: tokens.slices,
            fields: tokens.cells.clone(),
            width: tokens.layout.width.bytes(),
            records: 0,
            name: String::new(),
            last: None,
            runs: Vec::new(),
        }))
    }

    /// Sends a document.
    pub(crate) fn push(
        &mut self,
        source: &str,
        batch: &Batch,
        row: usize,
        encoded: &TokenBatch,
    ) -> Result<(), ExecError> {
        let id = batch.ids[row];
        // Copies of a document are held out together, or not at all.
        let held_out = batch.clusters[row].map_or(id, |cluster| DocumentId(cluster.id));
        let validation = is_validation(held_out, self.seed, self.validation_fraction);
        CellName::write(&self.fields, source, batch, row, &mut self.name);
        let groups = match &self.last {
            Some((name, groups)) if *name == self.name => *groups,
            _ => {
                let groups =
                    [false, true].map(|validation| CellName::group(&self.name, validation));
                self.last = Some((self.name.clone(), groups));
                groups
            }
        };
        let group = groups[usize::from(validation)];
        let order = shuffle_order(id, self.seed);
        let tokens = encoded.bytes(row);
        self.runs.clear();
        if let Some(mask) = encoded.loss(row) {
            write_runs(mask, &mut self.runs);
        }
        let record = TokenRecord { id, cell: 0, runs: &self.runs, tokens };
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let tie = id.0 as u64;
        let key = key(group, self.slices, order, tie);
        self.out.push_parts(key, &record.parts(&mut [0; HEAD]))?;
        let count = (tokens.len() / self.width) as u64;
        self.counter.add(group, &self.name, validation, order, count);
        self.records += 1;
        Ok(())
    }

    /// Writes the exchange file and the counts.
    pub(crate) fn finish(self) -> Result<[Output; 2], ExecError> {
        let written = self.out.finish()?;
        let sent = Output { role: Role::Exchange, written, rows: self.records };
        let path = format!("{}.counts", self.work);
        let (written, rows) = self.counter.finish(&self.store, path, self.task, self.budget)?;
        Ok([sent, Output { role: Role::Counts, written, rows }])
    }
}
