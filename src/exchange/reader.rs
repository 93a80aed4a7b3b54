//! Reads one part of an exchange file.

use std::io::{BufReader, Read};

use xxhash_rust::xxh3::Xxh3;

use super::file::{ENTRY_BYTES, Entry, FOOTER_BYTES, MAGIC, MAX_PAYLOAD};
use super::{ExchangeError, KEY_BYTES, Record};
use crate::store::{Store, StoreReader};

/// Bytes read ahead for each file that is merged.
const READ_AHEAD: usize = 128 << 10;

/// The records of one part of one file, in key order, checked against their hash at the end.
pub struct PartReader {
    path: String,
    input: BufReader<StoreReader>,
    remaining: u64,
    hash: Xxh3,
    expected: u64,
}

impl PartReader {
    /// Opens a part; `None` where the file has no record in it.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn open(store: &Store, path: &str, part: u32) -> Result<Option<Self>, ExchangeError> {
        let damaged = |detail| ExchangeError::Damaged { path: path.to_owned(), detail };
        let size = store.entry(path)?.size;
        let footer_at = size
            .checked_sub(FOOTER_BYTES as u64)
            .ok_or_else(|| damaged("shorter than a footer"))?;
        let footer = store.read_range(path, footer_at..size)?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&footer[at..at + 8]);
            u64::from_le_bytes(word)
        };
        if word(16) != MAGIC {
            return Err(damaged("no footer"));
        }
        let (entries, index_at) = (word(0), word(8));
        let index_bytes = entries.checked_mul(ENTRY_BYTES as u64);
        if index_bytes.and_then(|bytes| index_at.checked_add(bytes)) != Some(footer_at) {
            return Err(damaged("the index does not end at the footer"));
        }
        let index = store.read_range(path, index_at..footer_at)?;
        let (entries, _) = index.as_chunks::<ENTRY_BYTES>();
        let found = entries
            .binary_search_by_key(&part, |bytes| Entry::read(bytes).part)
            .ok()
            .map(|at| Entry::read(&entries[at]));
        let Some(entry) = found else { return Ok(None) };
        if entry.start > entry.end || entry.end > index_at {
            return Err(damaged("a part outside the file"));
        }
        let input = store.reader(path, entry.start..entry.end)?;
        Ok(Some(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(READ_AHEAD, input),
            remaining: entry.records,
            hash: Xxh3::new(),
            expected: entry.xxh3,
        }))
    }

    /// Reads the next record; `false` at the end of the part.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    pub fn next_into(&mut self, record: &mut Record) -> Result<bool, ExchangeError> {
        if self.remaining == 0 {
            if self.hash.digest() != self.expected {
                return Err(self.damaged("a part has another hash than when it was written"));
            }
            return Ok(false);
        }
        let mut head = [0; KEY_BYTES + 4];
        self.fill(&mut head)?;
        record.key.copy_from_slice(&head[..KEY_BYTES]);
        let mut length = [0; 4];
        length.copy_from_slice(&head[KEY_BYTES..]);
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_PAYLOAD {
            return Err(self.damaged("a record of impossible length"));
        }
        let mut payload = std::mem::take(&mut record.payload);
        payload.resize(length, 0);
        self.fill(&mut payload)?;
        record.payload = payload;
        self.hash.update(&head);
        self.hash.update(&record.payload);
        self.remaining -= 1;
        Ok(true)
    }

    fn damaged(&self, detail: &'static str) -> ExchangeError {
        ExchangeError::Damaged { path: self.path.clone(), detail }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ExchangeError> {
        self.input.read_exact(buffer).map_err(|source| {
            if source.kind() == std::io::ErrorKind::UnexpectedEof {
                self.damaged("it ends inside a record")
            } else {
                ExchangeError::Io { path: self.path.clone(), source }
            }
        })
    }
}
