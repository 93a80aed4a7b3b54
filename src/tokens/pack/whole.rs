//! Documents as they are.

use super::Output;
use crate::tokens::format::{
    FinishedShard, Place, Sequence, ShardError, ShardWriter, TokenDocument,
};

/// A sequence is a document.
pub(super) struct Whole {
    output: Output,
}

impl Whole {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }
}

impl ShardWriter for Whole {
    fn push(&mut self, document: &TokenDocument<'_>) -> Result<(), ShardError> {
        let length = self.output.count(document)?;
        let offset = self.output.written;
        // A text has at most 256 MB, so fewer tokens.
        let end = u32::try_from(length).unwrap_or(u32::MAX);
        let sequence = Sequence { tokens: document.tokens, loss: document.loss, ends: &[end] };
        self.output.write(&sequence)?;
        self.output.place(document.id, offset, length as u64);
        Ok(())
    }

    fn places(&mut self, out: &mut Vec<Place>) {
        out.append(&mut self.output.places);
    }

    fn finish(&mut self) -> Result<FinishedShard, ShardError> {
        self.output.finish()
    }
}
