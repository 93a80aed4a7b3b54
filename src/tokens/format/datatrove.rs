//! `.ds` of [datatrove](https://github.com/huggingface/datatrove) (`pipeline/tokens/tokenizer.py`),
//! which nanotron trains on.
//!
//! `NAME.ds` holds the ids, two bytes each where the vocabulary is at most 65,536 and four where it
//! is larger; `NAME.ds.index` the end of each document in tokens, `u64`; `NAME.ds.loss` one byte a
//! token, 1 where it is learnt; `NAME.ds.metadata` three lines for people. The reader cuts windows of
//! `sequence_length + 1` tokens, so rows keep together where they are one token longer than what the
//! trainer calls its sequence length.

use super::file::ShardFile;
use super::read::{Borders, Hints, Tokens, damaged, words};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName, Width};
use crate::config::tokens::ShardFormat;
use crate::store::{Store, StoreError};

/// Writes a `.ds` and what belongs to it.
pub(super) struct DatatroveWriter {
    tokens: ShardFile,
    index: ShardFile,
    metadata: ShardFile,
    loss: Option<ShardFile>,
    width: Width,
    /// Tokens written.
    written: u64,
    ends: Vec<u8>,
}

/// Bytes of ends that are gathered.
const ENDS: usize = 64 << 10;

impl DatatroveWriter {
    pub(super) fn create(
        store: &Store,
        name: &ShardName,
        layout: &ShardLayout,
    ) -> Result<Self, ShardError> {
        let kind = name.kind();
        let path = format!("{}/{kind}/{kind}_{:05}.ds", name.folder, name.number);
        let file = |ending: &str| ShardFile::create(store, format!("{path}{ending}"));
        Ok(Self {
            tokens: file("")?,
            index: file(".index")?,
            metadata: file(".metadata")?,
            loss: layout.has_masks().then(|| file(".loss")).transpose()?,
            width: layout.width,
            written: 0,
            ends: Vec::new(),
        })
    }
}

impl SequenceWriter for DatatroveWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.tokens.write(sequence.tokens)?;
        let count = sequence.tokens.len() / self.width.bytes();
        for &end in sequence.ends {
            self.ends.extend((self.written + u64::from(end)).to_le_bytes());
        }
        self.written += count as u64;
        if sequence.ends.last().map(|&end| end as usize) != Some(count) {
            // Padding ends too, so that the next row's documents begin where they begin.
            self.ends.extend(self.written.to_le_bytes());
        }
        if self.ends.len() >= ENDS {
            self.index.write(&self.ends)?;
            self.ends.clear();
        }
        if let Some(file) = &mut self.loss {
            file.write_mask(sequence.loss, count)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Closed, ShardError> {
        self.index.write(&self.ends)?;
        // The name of the tokenizer is for people; a shard knows its ids only.
        let lines =
            format!("unknown|{}\n{}\n{}", self.width.bytes(), self.written, metric(self.written));
        self.metadata.write(lines.as_bytes())?;
        let mut files = vec![self.tokens.finish()?, self.index.finish()?, self.metadata.finish()?];
        files.extend(self.loss.map(ShardFile::finish).transpose()?);
        Ok(Closed { files, index: None })
    }
}

/// A count with a prefix, as `humanize.metric(count, unit="T")` has it.
fn metric(count: u64) -> String {
    let digits = count.checked_ilog10().unwrap_or(0);
    let power = (digits / 3).min(6);
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = count as f64 / 10f64.powi(i32::try_from(power * 3).unwrap_or(0));
    let precision = 2usize.saturating_sub(digits as usize % 3);
    let prefix = ["", "k", "M", "G", "T", "P", "E"][power as usize];
    format!("{value:.precision$} {prefix}T")
}

/// Opens a `.ds` with its `.index` and, where there is one, its `.loss`.
pub(super) fn open(store: &Store, path: &str, hints: &Hints) -> Result<Tokens, ShardError> {
    let width = match store.read(&format!("{path}.metadata")) {
        Ok(text) => {
            let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
            match line.rsplit(|&byte| byte == b'|').next() {
                Some(b"2") => Width::U16,
                Some(b"4") => Width::U32,
                _ => {
                    let detail = "its first line does not end with the bytes of a token, 2 or 4";
                    return Err(damaged(&format!("{path}.metadata"), detail));
                }
            }
        }
        Err(StoreError::NotFound { .. }) => hints.width.unwrap_or(Width::U16),
        Err(error) => return Err(error.into()),
    };
    let index = format!("{path}.index");
    let ends = words(&index, store.map(&index)?, 0)?;
    let mut tokens =
        Tokens::new(path, store.map(path)?, 0, ShardFormat::Datatrove, width, Borders::Ends(ends))?;
    let loss = format!("{path}.loss");
    if store.exists(&loss)? {
        tokens.add_loss(&loss, store.map(&loss)?, 0)?;
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_as_humanize_shows_them() {
        let shown = [0, 12, 999, 1500, 12_345, 123_456, 7_000_000_000].map(metric);
        let expected = ["0.00 T", "12.0 T", "999 T", "1.50 kT", "12.3 kT", "123 kT", "7.00 GT"];
        assert_eq!(shown, expected);
    }
}
