//! The records of neighbouring shards, in shuffled order.
//!
//! One merge serves all shards of a group that a task writes: the exchange has a file for each task
//! that sent documents, and opening all of them for every shard would cost files × shards.

use super::TokensError;
use super::cut::{ShardPlan, Take};
use super::record::{TokenRecord, order};
use crate::exchange::{Merge, Record};
use crate::exec::ExecError;
use crate::store::Store;

/// What the exchange holds of some shards of one group, which are asked for in their order.
pub(crate) struct RecordStream {
    merge: Merge,
    record: Record,
    /// Whether the record was read for a shard behind the one that asked.
    held: bool,
    /// First token of the next document in its cell.
    at: u64,
    /// Bytes of a token.
    width: usize,
}

impl RecordStream {
    /// Opens the files of `exchange` for `plans`: neighbours, of one group.
    pub(super) fn open(
        store: &Store,
        exchange: &[String],
        plans: &[ShardPlan],
        width: usize,
        work: &str,
    ) -> Result<Option<Self>, ExecError> {
        let (Some(first), Some(last)) = (plans.first(), plans.last()) else { return Ok(None) };
        let blocks = *first.blocks().start()..=*last.blocks().end();
        Ok(Some(Self {
            merge: Merge::range(store, exchange, blocks, &format!("{work}.merge"))?,
            record: Record::default(),
            held: false,
            at: if let Take::Tokens { at, .. } = first.take { at } else { 0 },
            width,
        }))
    }

    /// The next record of the shard `plan`; `None` behind its last.
    pub(super) fn next(&mut self, plan: &ShardPlan) -> Result<Option<&Record>, ExecError> {
        loop {
            if !self.held && !self.merge.next_into(&mut self.record)? {
                return Ok(None);
            }
            self.held = true;
            let wanted = match plan.take {
                Take::Tokens { from, to, .. } => {
                    if self.at >= to {
                        return Ok(None);
                    }
                    let document = TokenRecord::read(&self.record.payload).ok_or_else(short)?;
                    let begin = self.at;
                    self.at += (document.tokens.len() / self.width) as u64;
                    begin >= from
                }
                Take::Orders { from, to } => {
                    let order = order(&self.record.key);
                    if order > to {
                        return Ok(None);
                    }
                    order >= from
                }
            };
            self.held = false;
            if wanted {
                return Ok(Some(&self.record));
            }
        }
    }

    /// Ends the reading.
    pub(super) fn close(mut self) -> Result<(), ExecError> {
        Ok(self.merge.remove_scratch()?)
    }
}

/// A record is too short.
pub(super) fn short() -> TokensError {
    damaged("a record is too short")
}

/// What the exchange holds is not what was sent.
pub(super) fn damaged(detail: &'static str) -> TokensError {
    TokensError::Damaged { path: "the exchange of tokens".to_owned(), detail }
}
