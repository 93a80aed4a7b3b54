//! `.bin` of [nanoGPT](https://github.com/karpathy/nanoGPT) (`data/openwebtext/prepare.py`): the ids
//! of all documents back to back, no header, the end-of-document token behind each.
//!
//! Two bytes an id, as `np.memmap(path, dtype=np.uint16)` in its `train.py` wants it; four (`uint32`)
//! where the vocabulary is larger than 65,536, for which that line has to be changed. Files of one
//! kind may be joined with `cat`. Nothing in a file says which width it has, or where documents end.

use super::file::ShardFile;
use super::read::{Borders, Hints, Tokens};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardName, Width};
use crate::config::tokens::ShardFormat;
use crate::store::Store;

/// Writes ids and nothing else.
pub(super) struct NanogptWriter(ShardFile);

impl NanogptWriter {
    pub(super) fn create(store: &Store, name: &ShardName) -> Result<Self, ShardError> {
        Ok(Self(ShardFile::create(store, format!("{}.bin", name.stem()))?))
    }
}

impl SequenceWriter for NanogptWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.0.write(sequence.tokens)
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        Ok(Closed { files: vec![self.0.finish()?], index: None })
    }
}

/// Opens a `.bin`. Where `hints` do not tell the width, it is two bytes.
pub(super) fn open(store: &Store, path: &str, hints: &Hints) -> Result<Tokens, ShardError> {
    let width = hints.width.unwrap_or(Width::U16);
    let borders = hints.end_of_document.map_or(Borders::None, Borders::Behind);
    Tokens::new(path, store.map(path)?, 0, ShardFormat::Nanogpt, width, borders)
}
