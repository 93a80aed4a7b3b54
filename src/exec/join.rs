//! Joins: the rows of an external table and the documents meet by the hash of their keys.
//!
//! Both sides are exchange files sorted by hash, merged side by side; what a document gets travels
//! back to its split under `(split, row)`, as the verdicts of other exchanges do.

use super::ExecError;
use super::engine::Engine;
use super::manifest::{Output, Role};
use crate::config::stage::Action;
use crate::document::{Batch, SignalColumn, SignalType, SignalValue};
use crate::exchange::{Cuts, ExchangeError, ExchangeWriter, KEY_BYTES, Key, Merge, Record};
use crate::ops::{Decision, JoinOp, Op, key_hash};
use crate::read::{ReadError, table};
use crate::store::Store;

/// The task that reads one piece of a stage's table and sends its rows on.
pub(super) fn table(
    engine: &Engine,
    stage: usize,
    index: u32,
    cuts: Cuts,
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let table = engine.plan.stages[stage].table.as_ref();
    let piece = table.and_then(|table| table.pieces.get(index as usize));
    let (Some(table), Some(piece), Some(op)) = (table, piece, engine.join_op(stage)) else {
        return Ok(Vec::new());
    };
    let store = Store::open_existing(&table.root)?.for_input();
    let entry = store.entry(&piece.file)?;
    if entry.size != piece.size {
        let detail = format!("it had {} bytes, now it has {}", piece.size, entry.size);
        return Err(ReadError::Table { file: piece.file.clone(), detail }.into());
    }
    let budget = engine.resources.exchange_bytes();
    let mut rows = TableWriter::new(&engine.store, format!("{work}.rows"), cuts, budget, index);
    table::rows(&store, piece, &op.key, &op.columns, |row, key, values| {
        rows.push(row, key, values)
    })?;
    let count = rows.count;
    Ok(vec![Output { role: Role::Exchange, written: rows.finish()?, rows: count }])
}

/// Sends rows of a table under the hash of their key; rows of one key stay in their order.
pub(crate) struct TableWriter {
    out: ExchangeWriter,
    piece: u32,
    count: u64,
}

impl TableWriter {
    pub(crate) fn new(store: &Store, path: String, cuts: Cuts, budget: usize, piece: u32) -> Self {
        Self { out: ExchangeWriter::new(store, path, cuts, budget), piece, count: 0 }
    }

    pub(crate) fn push(&mut self, row: u64, key: &str, values: &[u8]) -> Result<(), ExecError> {
        let row = u32::try_from(row).map_err(|_| ReadError::Table {
            file: key.to_owned(),
            detail: "more than 2^32 rows in one file; divide it".to_owned(),
        })?;
        let mut record = [0; KEY_BYTES];
        record[..16].copy_from_slice(&key_hash(key).to_be_bytes());
        record[16..20].copy_from_slice(&self.piece.to_be_bytes());
        record[20..].copy_from_slice(&row.to_be_bytes());
        self.count += 1;
        Ok(self.out.push(record, values)?)
    }

    pub(crate) fn finish(self) -> Result<crate::store::Written, ExecError> {
        Ok(self.out.finish()?)
    }
}

/// The task that brings one part of both sides together.
pub(super) fn meet(
    engine: &Engine,
    part: u32,
    keys: &[String],
    rows: &[String],
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let budget = engine.resources.exchange_bytes();
    let mut out =
        ExchangeWriter::new(&engine.store, format!("{work}.verdicts"), Cuts::Splits, budget);
    let mut count = 0;
    merge(&engine.store, part, keys, rows, work, |place, values| {
        let mut key = [0; KEY_BYTES];
        key[..8].copy_from_slice(&place);
        count += 1;
        out.push(key, values)
    })?;
    Ok(vec![Output { role: Role::Exchange, written: out.finish()?, rows: count }])
}

/// Calls `each` with the place of every document of a part that has a row, and the row's values.
/// Of several rows with one key the first counts.
pub(crate) fn merge(
    store: &Store,
    part: u32,
    keys: &[String],
    rows: &[String],
    work: &str,
    mut each: impl FnMut([u8; 8], &[u8]) -> Result<(), ExchangeError>,
) -> Result<(), ExecError> {
    let mut documents = Merge::open(store, keys, part, &format!("{work}.keys"))?;
    let mut table = Merge::open(store, rows, part, &format!("{work}.table"))?;
    let (mut document, mut row) = (Record::default(), Record::default());
    let mut more = table.next_into(&mut row)?;
    while documents.next_into(&mut document)? {
        let hash = &document.key[..16];
        while more && &row.key[..16] < hash {
            more = table.next_into(&mut row)?;
        }
        if more && &row.key[..16] == hash {
            each(place(&document.key), &row.payload)?;
        }
    }
    documents.remove_scratch()?;
    table.remove_scratch()?;
    Ok(())
}

/// The row that a record under `(split, row)` is about.
pub(crate) use super::answers::row;

fn place(key: &Key) -> [u8; 8] {
    let mut place = [0; 8];
    place.copy_from_slice(&key[16..]);
    place
}

/// Columns for joined values: whether there was a row, then the values.
pub(crate) struct Joined {
    columns: Vec<SignalColumn>,
    filled: usize,
}

impl Joined {
    pub(crate) fn new(kinds: impl Iterator<Item = SignalType>, rows: usize) -> Self {
        Self { columns: kinds.map(|kind| SignalColumn::new(kind, rows)).collect(), filled: 0 }
    }

    /// Sets the values of `row`; rows come in order.
    pub(crate) fn push(&mut self, row: usize, values: &[u8]) -> Result<(), ExecError> {
        self.pad(row, |_| false);
        let damaged = || ExchangeError::Damaged {
            path: "joined rows".to_owned(),
            detail: "values of other types than the plan's",
        };
        let (matched, columns) = self.columns.split_first_mut().ok_or_else(damaged)?;
        matched.push(Some(&SignalValue::Int(1)));
        table::decode(values, columns).ok_or_else(damaged)?;
        self.filled = row + 1;
        Ok(())
    }

    /// Fills up to `row` with nulls, and with 0 for `matched` where `asked` holds.
    fn pad(&mut self, row: usize, asked: impl Fn(usize) -> bool) {
        while self.filled < row {
            let zero = asked(self.filled).then_some(SignalValue::Int(0));
            for (index, column) in self.columns.iter_mut().enumerate() {
                column.push(if index == 0 { zero.as_ref() } else { None });
            }
            self.filled += 1;
        }
    }

    pub(crate) fn finish(mut self, rows: usize) -> Vec<arrow::array::ArrayRef> {
        self.pad(rows, |_| false);
        self.columns.into_iter().map(SignalColumn::finish).collect()
    }

    /// [`Joined::push`] where every row before was looked up and not found.
    pub(crate) fn push_after_misses(&mut self, row: usize, values: &[u8]) -> Result<(), ExecError> {
        self.pad(row, |_| true);
        self.push(row, values)
    }

    /// [`Joined::finish`] where every row behind was looked up and not found.
    pub(crate) fn finish_with_misses(mut self, rows: usize) -> Vec<arrow::array::ArrayRef> {
        self.pad(rows, |_| true);
        self.finish(rows)
    }
}

impl Engine {
    pub(super) fn join_op(&self, stage: usize) -> Option<&JoinOp> {
        match self.stages[stage].as_ref().map(|stage| &stage.op) {
            Some(Op::Join(op)) => Some(op),
            _ => None,
        }
    }

    /// Gives the rows of a batch the values they met, and drops those without where the stage says
    /// so. `found` holds them in row order.
    pub(super) fn joined(
        &self,
        index: usize,
        source: u32,
        batch: &mut Batch,
        found: &[(usize, Record)],
        counters: &mut super::counters::Counters,
    ) -> Result<(), ExecError> {
        let Some(stage) = &self.stages[index] else { return Ok(()) };
        let Op::Join(op) = &stage.op else { return Ok(()) };
        let asked = stage.scope(source, batch)?;
        let mut joined = Joined::new(stage.kinds.iter().copied(), batch.len());
        let mut missing = Vec::new();
        let mut next = found.iter().peekable();
        for row in asked {
            joined.pad(row, |_| false);
            if let Some((_, record)) = next.next_if(|(found, _)| *found == row) {
                joined.push(row, &record.payload)?;
            } else {
                joined.pad(row + 1, |_| true);
                missing.push(row);
            }
        }
        self.grow_signals(batch, index + 1);
        let columns = self.plan.stages[index].signals.clone();
        let rows = batch.len();
        for (slot, column) in batch.signals[columns].iter_mut().zip(joined.finish(rows)) {
            *slot = column;
        }
        if let (Some(reason), Action::Drop) = (op.missing, stage.action) {
            for row in missing {
                let kept = batch.verdicts[row].is_kept();
                let decision = Decision::Drop(reason);
                super::stages::decide(stage, index, row, decision, batch, self.plan.ledger);
                if kept {
                    let counts = counters.stages.entry(index).or_default();
                    super::counters::count(&mut counts.dropped, reason);
                }
            }
        }
        Ok(())
    }
}
