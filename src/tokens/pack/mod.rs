//! Packing: how documents become the sequences of a shard.
//!
//! * [`Packing::Documents`]: a sequence is a document.
//! * [`Packing::Concatenate`]: rows of `sequence_length` tokens, cut where a row is full.
//! * [`Packing::BestFit`]: rows of `sequence_length` tokens in which documents that fit are whole.

mod whole;

use self::whole::Whole;
use crate::config::tokens::Packing;
use crate::document::DocumentId;
use crate::tokens::format::{
    Closed, FinishedShard, Place, Sequence, SequenceWriter, ShardError, ShardLayout, ShardWriter,
};

/// Puts the packing that `layout` asks for in front of the writer of a format.
pub(crate) fn pack(writer: Box<dyn SequenceWriter>, layout: &ShardLayout) -> Box<dyn ShardWriter> {
    let output = Output::new(writer, layout);
    match layout.packing {
        Packing::Documents => Box::new(Whole::new(output)),
        other => todo!("{other:?}"),
    }
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

    /// Counts a document of `bytes` bytes of tokens; gives the number of its tokens.
    fn count(&mut self, bytes: &[u8]) -> u64 {
        let tokens = (bytes.len() / self.width) as u64;
        self.counts.documents += 1;
        self.counts.tokens += tokens;
        tokens
    }

    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.written += (sequence.tokens.len() / self.width) as u64;
        // Nothing is written after `finish`: that is the trait's contract.
        self.writer.as_mut().map_or(Ok(()), |writer| writer.write(sequence))
    }

    fn place(&mut self, id: DocumentId, offset: u64, length: u64) {
        self.places.push(Place { id, offset, length });
    }

    fn finish(&mut self) -> Result<FinishedShard, ShardError> {
        let writer = self.writer.take().filter(|_| self.counts.documents > 0);
        let Closed { files, index } =
            writer.map_or(Ok(Closed::default()), SequenceWriter::finish)?;
        Ok(FinishedShard { files, index, ..std::mem::take(&mut self.counts) })
    }
}
