//! What the tasks of a meet phase sent to the documents of one split.

use super::ExecError;
use super::task::Inputs;
use crate::document::Batch;
use crate::exchange::{Merge, Record};
use crate::store::Store;

/// The row that a record under a place is about.
pub(crate) fn row(record: &Record) -> u32 {
    let mut row = [0; 4];
    row.copy_from_slice(&record.key[4..8]);
    u32::from_be_bytes(row)
}

/// The answers for a split, in the order of rows and keys.
pub(super) struct Answers {
    merge: Merge,
    head: Record,
    open: bool,
}

impl Answers {
    /// Opens the answers for the split `index`; names of scratch files begin with `scratch`.
    pub(super) fn open(
        store: &Store,
        inputs: &Inputs,
        index: u32,
        scratch: &str,
    ) -> Result<Self, ExecError> {
        let mut merge = Merge::open(store, &inputs.exchange, index, scratch)?;
        let mut head = Record::default();
        let open = merge.next_into(&mut head)?;
        Ok(Self { merge, head, open })
    }

    /// The answers for the rows of a batch; batches come in order.
    pub(super) fn of(&mut self, batch: &Batch) -> Result<Vec<(usize, Record)>, ExecError> {
        let mut found = Vec::new();
        let end = batch.first_row + batch.len() as u64;
        while self.open {
            let row = u64::from(row(&self.head));
            if row >= end {
                break;
            }
            // Sorted by row, so none lies before the batch; checked since a damaged file might.
            if let Some(row) = row.checked_sub(batch.first_row)
                && let Ok(row) = usize::try_from(row)
            {
                found.push((row, std::mem::take(&mut self.head)));
            }
            self.open = self.merge.next_into(&mut self.head)?;
        }
        Ok(found)
    }

    /// The answers for one row; rows come in order.
    pub(super) fn of_row(&mut self, wanted: u64) -> Result<Vec<Record>, ExecError> {
        let mut found = Vec::new();
        while self.open && u64::from(row(&self.head)) <= wanted {
            if u64::from(row(&self.head)) == wanted {
                found.push(std::mem::take(&mut self.head));
            }
            self.open = self.merge.next_into(&mut self.head)?;
        }
        Ok(found)
    }

    pub(super) fn close(mut self) -> Result<(), ExecError> {
        Ok(self.merge.remove_scratch()?)
    }
}
