//! Packing: how documents become the sequences of a shard.
//!
//! * [`Packing::Documents`]: a sequence is a document.
//! * [`Packing::Concatenate`]: rows of `sequence_length` tokens, cut where a row is full.
//! * [`Packing::BestFit`]: rows of `sequence_length` tokens in which documents that fit are whole.
//!
//! Rows are filled up with end-of-document tokens, which are not learnt.

mod best_fit;
mod capacities;
mod concatenate;
mod row;
mod whole;

use self::best_fit::BestFit;
use self::concatenate::Concatenate;
use self::row::Row;
use self::whole::Whole;
use crate::config::tokens::Packing;
use crate::document::DocumentId;
use crate::tokens::format::{
    FinishedShard, Place, Sequence, SequenceWriter, ShardError, ShardLayout, ShardWriter,
    TokenDocument,
};

/// Puts the packing that `layout` asks for in front of the writer of a format.
pub(crate) fn pack(writer: Box<dyn SequenceWriter>, layout: &ShardLayout) -> Box<dyn ShardWriter> {
    let output = Output::new(writer, layout);
    match layout.packing {
        Packing::Documents => Box::new(Whole::new(output)),
        Packing::Concatenate => Box::new(Concatenate::new(output, layout)),
        Packing::BestFit => Box::new(BestFit::new(output, layout)),
    }
}

/// Tokens of a row.
fn row_length(layout: &ShardLayout) -> usize {
    layout.sequence_length.max(1) as usize
}

/// The bytes of a token of padding.
fn pad(layout: &ShardLayout) -> Vec<u8> {
    let mut bytes = Vec::new();
    layout.width.append(&[layout.end_of_document], &mut bytes);
    bytes
}

/// What all ways of packing end in: the writer of the format, and the counts.
struct Output {
    /// `None` once it is closed.
    writer: Option<Box<dyn SequenceWriter>>,
    /// Bytes of a token.
    width: usize,
    places: Vec<Place>,
    counts: FinishedShard,
    /// Tokens written, padding counted.
    written: u64,
}

impl Output {
    fn new(writer: Box<dyn SequenceWriter>, layout: &ShardLayout) -> Self {
        Self {
            writer: Some(writer),
            width: layout.width.bytes(),
            places: Vec::new(),
            counts: FinishedShard::default(),
            written: 0,
        }
    }

    /// Counts a document; gives the number of its tokens.
    fn count(&mut self, document: &TokenDocument<'_>) -> Result<usize, ShardError> {
        let tokens = document.tokens.len() / self.width;
        let whole = tokens > 0 && document.tokens.len().is_multiple_of(self.width);
        if !whole || document.loss.is_some_and(|loss| loss.len() != tokens) {
            return Err(ShardError::Document {
                id: document.id,
                bytes: document.tokens.len(),
                width: self.width,
                mask: document.loss.map(<[u8]>::len),
            });
        }
        self.counts.documents += 1;
        self.counts.tokens += tokens as u64;
        Ok(tokens)
    }

    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.written += (sequence.tokens.len() / self.width) as u64;
        // Nothing is written after `finish`: that is the trait's contract.
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write(sequence))
    }

    /// Writes a full row and empties it.
    fn write_row(&mut self, row: &mut Row) -> Result<(), ShardError> {
        self.write(&row.sequence())?;
        self.counts.rows += 1;
        row.clear();
        Ok(())
    }

    fn place(&mut self, id: DocumentId, offset: u64, length: u64) {
        self.places.push(Place { id, offset, length });
    }

    fn finish(&mut self) -> Result<FinishedShard, ShardError> {
        let writer = self.writer.take().filter(|_| self.counts.documents > 0);
        let closed = writer.map(SequenceWriter::finish).transpose()?.unwrap_or_default();
        let counts = std::mem::take(&mut self.counts);
        Ok(FinishedShard { files: closed.files, index: closed.index, ..counts })
    }
}

#[cfg(test)]
mod tests;
