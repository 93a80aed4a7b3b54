//! Reads some neighbouring parts of an exchange file.

use std::collections::VecDeque;
use std::io::{BufReader, Read};
use std::ops::{Range, RangeInclusive};

use xxhash_rust::xxh3::Xxh3;

use super::file::{ENTRY_BYTES, Entry, FOOTER_BYTES, MAGIC, MAX_PAYLOAD};
use super::{ExchangeError, KEY_BYTES, Record};
use crate::store::{Store, StoreReader};

/// Bytes read ahead for each file that is merged.
const READ_AHEAD: usize = 128 << 10;

/// Entries of an index that are read at a time.
const WINDOW: u64 = 4096;

/// The records of some parts of one file, in key order; each part is checked against its hash where
/// it ends.
pub struct PartReader {
    path: String,
    input: BufReader<StoreReader>,
    /// The parts that are left, the current one first.
    parts: VecDeque<Entry>,
    hash: Xxh3,
}

impl PartReader {
    /// Opens the parts of a range; `None` where the file has no record in it.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn open(
        store: &Store,
        path: &str,
        parts: RangeInclusive<u64>,
    ) -> Result<Option<Self>, ExchangeError> {
        let index = Index::open(store, path)?;
        let parts = index.entries(&parts)?;
        let (Some(first), Some(last)) = (parts.front(), parts.back()) else { return Ok(None) };
        let input = store.reader(path, first.start..last.end)?;
        Ok(Some(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(READ_AHEAD, input),
            parts,
            hash: Xxh3::new(),
        }))
    }

    /// Opens one part, as [`PartReader::open`] does several.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn one(store: &Store, path: &str, part: u32) -> Result<Option<Self>, ExchangeError> {
        Self::open(store, path, u64::from(part)..=u64::from(part))
    }

    /// Reads the next record; `false` at the end of the last part.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    pub fn next_into(&mut self, record: &mut Record) -> Result<bool, ExchangeError> {
        while self.parts.front().is_some_and(|part| part.records == 0) {
            let expected = self.parts.pop_front().map(|part| part.xxh3);
            if Some(self.hash.digest()) != expected {
                return Err(self.damaged("a part has another hash than when it was written"));
            }
            self.hash.reset();
        }
        let Some(part) = self.parts.front_mut() else { return Ok(false) };
        part.records -= 1;
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

/// The index of a file, of which only what is needed is read: with many parts in many files, the
/// indices together are large.
struct Index<'a> {
    store: &'a Store,
    path: &'a str,
    /// Where it lies.
    bytes: Range<u64>,
}

impl<'a> Index<'a> {
    fn open(store: &'a Store, path: &'a str) -> Result<Self, ExchangeError> {
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
        Ok(Self { store, path, bytes: index_at..footer_at })
    }

    fn len(&self) -> u64 {
        (self.bytes.end - self.bytes.start) / ENTRY_BYTES as u64
    }

    fn read(&self, entries: Range<u64>) -> Result<Vec<Entry>, ExchangeError> {
        let at = |entry: u64| self.bytes.start + entry * ENTRY_BYTES as u64;
        let bytes = self.store.read_range(self.path, at(entries.start)..at(entries.end))?;
        Ok(bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::read).collect())
    }

    /// The entries of the parts of a range that have records, in order.
    fn entries(&self, parts: &RangeInclusive<u64>) -> Result<VecDeque<Entry>, ExchangeError> {
        // The first entry wanted lies in low..=high.
        let (mut low, mut high) = (0, self.len());
        while high - low > WINDOW {
            let middle = low.midpoint(high);
            let entry = self.read(middle..middle + 1)?;
            if entry.first().is_some_and(|entry| entry.part < *parts.start()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut found = VecDeque::new();
        let mut at = low;
        while at < self.len() {
            let end = (at + WINDOW).min(self.len());
            let mut beyond = false;
            for entry in self.read(at..end)? {
                if entry.start > entry.end || entry.end > self.bytes.start {
                    return Err(ExchangeError::Damaged {
                        path: self.path.to_owned(),
                        detail: "a part outside the file",
                    });
                }
                beyond = entry.part > *parts.end();
                if parts.contains(&entry.part) {
                    found.push_back(entry);
                }
            }
            if beyond {
                break;
            }
            at = end;
        }
        Ok(found)
    }
}
