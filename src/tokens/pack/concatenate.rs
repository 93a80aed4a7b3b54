//! Rows cut from one stream of documents.

use super::Output;
use super::row::Row;
use crate::tokens::format::{
    FinishedShard, Place, ShardError, ShardLayout, ShardWriter, TokenDocument,
};

/// Rows of one length, cut where they are full. Only the last row of a shard is padded.
pub(super) struct Concatenate {
    output: Output,
    row: Row,
    length: usize,
    pad: Vec<u8>,
}

impl Concatenate {
    pub(super) fn new(output: Output, layout: &ShardLayout) -> Self {
        let row = Row::new(layout.has_masks(), layout.width.bytes());
        Self { output, row, length: super::row_length(layout), pad: super::pad(layout) }
    }
}

impl ShardWriter for Concatenate {
    fn push(&mut self, document: &TokenDocument<'_>) -> Result<(), ShardError> {
        let tokens = self.output.count(document)?;
        // The stream has no padding before its end, so a document lies in one piece.
        let offset = self.output.written + self.row.filled() as u64;
        self.output.place(document.id, offset, tokens as u64);
        if tokens > self.length - self.row.filled() {
            self.output.counts.cut += 1;
        }
        let mut start = 0;
        while start < tokens {
            let count = (tokens - start).min(self.length - self.row.filled());
            self.row.add(document, start, count);
            start += count;
            if self.row.filled() == self.length {
                self.output.write_row(&mut self.row)?;
            }
        }
        Ok(())
    }

    fn places(&mut self, out: &mut Vec<Place>) {
        out.append(&mut self.output.places);
    }

    fn finish(&mut self) -> Result<FinishedShard, ShardError> {
        if self.row.filled() > 0 {
            self.output.counts.padding += self.row.pad(self.length, &self.pad) as u64;
            self.output.write_row(&mut self.row)?;
        }
        self.output.finish()
    }
}
