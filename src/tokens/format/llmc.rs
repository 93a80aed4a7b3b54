//! `.bin` of [llm.c](https://github.com/karpathy/llm.c) (`dev/data/data_common.py`), also read by
//! [modded-nanogpt](https://github.com/KellerJordan/modded-nanogpt).
//!
//! 256 × `i32`: magic number, version, number of tokens (less than 2^31), zeros; then the ids. With
//! two bytes an id the magic number is 20240520 and the version 1 (its `gpt-2`), with four 20240801
//! and 7 (its `llama-3`). The end-of-document token stands *before* each document, which is where
//! modded-nanogpt looks for the starts of documents.

use super::file::ShardFile;
use super::read::{Borders, Tokens, damaged};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName, Width};
use crate::config::tokens::ShardFormat;
use crate::store::{Scratch, Store};

/// Bytes before the ids.
const HEADER: usize = 1024;

/// Tokens of a shard: llm.c counts them with a signed number of 32 bits.
pub(super) const MAX_TOKENS: u64 = i32::MAX as u64;

/// Magic number and version.
fn marks(width: Width) -> (i32, i32) {
    match width {
        Width::U16 => (20_240_520, 1),
        Width::I32 | Width::U32 => (20_240_801, 7),
    }
}

/// Writes ids behind a header that counts them.
pub(super) struct LlmcWriter {
    path: String,
    file: ShardFile,
    /// The ids, until their number is known.
    ids: Scratch,
    width: Width,
}

impl LlmcWriter {
    pub(super) fn create(
        store: &Store,
        name: &ShardName,
        layout: &ShardLayout,
    ) -> Result<Self, ShardError> {
        let path = format!("{}.bin", name.stem());
        let file = ShardFile::create(store, path.clone())?;
        Ok(Self { path, file, ids: Scratch::default(), width: layout.width })
    }
}

impl SequenceWriter for LlmcWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        let width = self.width.bytes();
        let tokens = (self.ids.bytes() + sequence.tokens.len() as u64) / width as u64;
        if tokens > MAX_TOKENS {
            return Err(ShardError::Full {
                path: self.path.clone(),
                detail: "llm.c counts the tokens of a shard with 31 bits; lower `shard_size` or \
                         `shard_tokens`"
                    .to_owned(),
            });
        }
        // A document is not empty, see `pack`.
        let (text, end) = sequence.tokens.split_at(sequence.tokens.len() - width);
        self.ids.write(end)?;
        Ok(self.ids.write(text)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Closed, ShardError> {
        let (magic, version) = marks(self.width);
        // At most `MAX_TOKENS`.
        let tokens =
            i32::try_from(self.ids.bytes() / self.width.bytes() as u64).unwrap_or(i32::MAX);
        let mut header: Vec<u8> =
            [magic, version, tokens].into_iter().flat_map(i32::to_le_bytes).collect();
        header.resize(HEADER, 0);
        self.file.write(&header)?;
        self.ids.give(|bytes| self.file.write(bytes))?;
        Ok(Closed { files: vec![self.file.finish()?], index: None })
    }
}

/// The width of the ids behind this header, `None` where it is none.
pub(super) fn recognised(head: &[u8]) -> Option<Width> {
    let marked = |width: &Width| {
        let (magic, version) = marks(*width);
        head.len() >= HEADER
            && head.starts_with(&magic.to_le_bytes())
            && head[4..8] == version.to_le_bytes()
    };
    [Width::U16, Width::U32].into_iter().find(marked)
}

/// Opens a `.bin`; what stands before its first document is the end-of-document token.
pub(super) fn open(store: &Store, path: &str) -> Result<Tokens, ShardError> {
    let bytes = store.map(path)?;
    let width = recognised(&bytes)
        .ok_or_else(|| damaged(path, "it does not begin with a header of llm.c"))?;
    let mut tokens = [0; 4];
    tokens.copy_from_slice(&bytes[8..12]);
    let expected = u64::try_from(i32::from_le_bytes(tokens)).ok();
    let held = (bytes.len() - HEADER) as u64;
    if expected.map(|tokens| tokens * width.bytes() as u64) != Some(held) {
        let tokens = i32::from_le_bytes(tokens);
        let detail = format!("its header says {tokens} tokens, but {held} bytes follow");
        return Err(damaged(path, &detail));
    }
    let mut first = Vec::new();
    width.read(&bytes[HEADER..(HEADER + width.bytes()).min(bytes.len())], &mut first);
    let borders = first.first().map_or(Borders::None, |&token| Borders::Before(token));
    Tokens::new(path, bytes, HEADER, ShardFormat::Llmc, width, borders)
}
