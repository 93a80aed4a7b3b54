//! The records of one split, read into batches.

use std::collections::BTreeMap;

use arrow::array::Array;

use super::ExecError;
use super::counters::add_map;
use super::engine::{Engine, Resources};
use crate::document::{Batch, DocumentId};
use crate::model::Assets;
use crate::plan::{Plan, load_split};
use crate::read::split::Split;
use crate::read::{self, BatchBuilder, ReadError, RecordReader};
use crate::store::Store;

/// The records of a split, in batches.
pub(super) struct Records<'a> {
    engine: &'a Engine,
    split: &'a Split,
    store: Store,
    builder: BatchBuilder,
    reader: Option<Box<dyn RecordReader>>,
    next_piece: usize,
    read: u64,
    passed_over: BTreeMap<String, u64>,
}

impl<'a> Records<'a> {
    pub(super) fn open(engine: &'a Engine, split: &'a Split) -> Result<Self, ExecError> {
        let plan = &engine.plan;
        let source = &plan.sources[split.source as usize];
        let batch_bytes = engine.resources.batch_bytes();
        Ok(Self {
            engine,
            split,
            store: Store::open_existing(&source.root)?.for_input(),
            builder: BatchBuilder::new(&source.name, plan.metadata.len(), batch_bytes, split.limit)
                .with_kept_ids(source.fields.keep_ids)
                // What selects by ids makes them of places.
                .with_selection(
                    engine.selections[split.source as usize]
                        .clone()
                        .filter(|_| !source.fields.keep_ids),
                )
                .with_outlines(plan.outlines()),
            reader: None,
            next_piece: 0,
            read: 0,
            passed_over: BTreeMap::new(),
        })
    }

    /// The next batch; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, ExecError> {
        let split = self.split;
        while !self.builder.is_full() {
            if let Some(reader) = &mut self.reader {
                if reader.fill(&mut self.builder)? {
                    break;
                }
                self.read += reader.records();
                add_map(&mut self.passed_over, &reader.passed_over());
                self.reader = None;
            }
            let Some(piece) = split.pieces.get(self.next_piece) else { break };
            let entry = self.store.entry(&piece.file).map_err(ReadError::from)?;
            if entry.size != piece.size {
                let detail = format!("it had {} bytes, now it has {}", piece.size, entry.size);
                return Err(ReadError::Changed { file: piece.file.clone(), detail }.into());
            }
            // A split holds far fewer than 2^32 pieces.
            self.builder
                .start_file(u32::try_from(self.next_piece).unwrap_or(u32::MAX), &piece.file);
            let fields = &self.engine.plan.sources[split.source as usize].fields;
            self.reader = Some(read::open(&self.store, split.format, fields, piece)?);
            self.next_piece += 1;
        }
        if self.builder.is_empty() {
            return Ok(None);
        }
        let mut batch = self.builder.take();
        let plan = &self.engine.plan;
        batch.audited = batch.ids.iter().map(|id| plan.audits(*id)).collect();
        Ok(Some(batch))
    }

    /// Records that the readers say they handed over.
    pub(super) fn read(&self) -> u64 {
        self.read + self.reader.as_ref().map_or(0, |reader| reader.records())
    }

    /// Records that the readers passed over, by their kind.
    pub(super) fn passed_over(&self) -> BTreeMap<String, u64> {
        let mut counts = self.passed_over.clone();
        if let Some(reader) = &self.reader {
            add_map(&mut counts, &reader.passed_over());
        }
        counts
    }
}

/// Reads some records of a split again, by their rows, which are in order: ids and texts as they
/// stand in the input.
pub(crate) fn texts(
    plan: &Plan,
    run: &Store,
    split: u32,
    rows: &[u64],
) -> Result<Vec<Option<(DocumentId, String)>>, ExecError> {
    let mut plan = plan.clone();
    // Nothing is to be run, so that no model need be there.
    plan.stages.clear();
    plan.order.clear();
    plan.signals.clear();
    plan.tokens = None;
    let resources = Resources { threads: 1, memory: 1 << 30, batch_bytes: None };
    let engine = Engine::new(plan, Store::in_memory(), resources, None, &Assets::default())?;
    let split = load_split(run, split)?;
    let mut records = Records::open(&engine, &split)?;
    let mut found = Vec::new();
    while found.len() < rows.len() {
        let Some(batch) = records.next()? else { break };
        let end = batch.first_row + batch.len() as u64;
        while let Some(&row) = rows.get(found.len()).filter(|row| **row < end) {
            let index = row.checked_sub(batch.first_row).and_then(|row| usize::try_from(row).ok());
            found.push(
                index
                    .filter(|&index| batch.texts.is_valid(index))
                    .map(|index| (batch.ids[index], batch.text(index).to_owned())),
            );
        }
    }
    found.resize(rows.len(), None);
    Ok(found)
}
