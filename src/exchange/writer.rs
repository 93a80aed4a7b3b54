//! Writes one sorted, indexed exchange file, in bounded memory.

use std::io::Write;

use xxhash_rust::xxh3::Xxh3;

use super::file::{self, Entry, FOOTER_BYTES, MAGIC, MAX_PAYLOAD, record_bytes};
use super::merge::Merge;
use super::payloads::{At, Payloads};
use super::{Cuts, ExchangeError, Key, Record};
use crate::store::{Store, StoreWriter, Written};

/// Takes records in any order and leaves a file of them in key order.
pub struct ExchangeWriter {
    store: Store,
    path: String,
    cuts: Cuts,
    budget: usize,
    unique: bool,
    entries: Vec<Place>,
    payloads: Payloads,
    runs: Vec<String>,
}

/// A record in memory: its key and where its payload lies.
struct Place {
    key: Key,
    payload: At,
}

impl ExchangeWriter {
    /// A file at `path` with the parts `cuts`; at most about `budget` bytes are held in memory.
    #[must_use]
    pub fn new(store: &Store, path: String, cuts: Cuts, budget: usize) -> Self {
        Self {
            store: store.clone(),
            path,
            cuts,
            budget: budget.max(1 << 16),
            unique: false,
            entries: Vec::new(),
            payloads: Payloads::default(),
            runs: Vec::new(),
        }
    }

    /// Keeps one record of those with equal keys. They must carry equal payloads, too, or it is
    /// open which one is kept.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Adds a record. Keys must differ from each other, so that there is one order only; see
    /// [`ExchangeWriter::unique`] for the exception.
    ///
    /// # Errors
    /// When memory is full and the run cannot be written.
    pub fn push(&mut self, key: Key, payload: &[u8]) -> Result<(), ExchangeError> {
        self.push_parts(key, &[payload])
    }

    /// Adds a record whose payload is `parts`, one behind the other.
    ///
    /// # Errors
    /// As [`ExchangeWriter::push`].
    pub fn push_parts(&mut self, key: Key, parts: &[&[u8]]) -> Result<(), ExchangeError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let payload = if length <= MAX_PAYLOAD { self.payloads.push(parts) } else { None };
        let Some(payload) = payload else {
            return Err(ExchangeError::Damaged {
                path: self.path.clone(),
                detail: "a record of more than 2 GiB",
            });
        };
        self.entries.push(Place { key, payload });
        let held = self.payloads.taken() + self.entries.len() * size_of::<Place>();
        if held > self.budget {
            self.spill()?;
        }
        Ok(())
    }

    fn sort(&mut self) {
        // Hardly any two keys share their first sixteen bytes, which are one number.
        let first = |place: &Place| {
            let mut word = [0; 16];
            word.copy_from_slice(&place.key[..16]);
            u128::from_be_bytes(word)
        };
        self.entries.sort_unstable_by(|left, right| {
            first(left).cmp(&first(right)).then_with(|| left.key[16..].cmp(&right.key[16..]))
        });
    }

    fn file(&self, path: &str, cuts: Cuts) -> Result<SortedFile, ExchangeError> {
        let mut file = SortedFile::create(&self.store, path, cuts)?;
        file.unique = self.unique;
        Ok(file)
    }

    /// Writes what is held as a sorted run.
    fn spill(&mut self) -> Result<(), ExchangeError> {
        self.sort();
        let path = format!("{}.run{}", self.path, self.runs.len());
        let mut out = self.file(&path, Cuts::Even { parts: 1 })?;
        for place in &self.entries {
            out.push(&place.key, self.payloads.get(place.payload))?;
        }
        out.finish()?;
        self.runs.push(path);
        self.entries.clear();
        self.payloads.clear();
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<Written, ExchangeError> {
        if self.runs.is_empty() {
            self.sort();
            let mut out = self.file(&self.path, self.cuts)?;
            for place in &self.entries {
                out.push(&place.key, self.payloads.get(place.payload))?;
            }
            return out.finish();
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        let mut out = self.file(&self.path, self.cuts)?;
        let runs = std::mem::take(&mut self.runs);
        let mut merge = Merge::open(&self.store, &runs, 0, &format!("{}.merge", self.path))?;
        let mut record = Record::default();
        while merge.next_into(&mut record)? {
            out.push(&record.key, &record.payload)?;
        }
        merge.remove_scratch()?;
        for run in runs {
            self.store.delete(&run)?;
        }
        out.finish()
    }
}

/// Writes records that come in key order.
pub(super) struct SortedFile {
    out: StoreWriter,
    path: String,
    cuts: Cuts,
    index: Vec<Entry>,
    hash: Xxh3,
    buffer: Vec<u8>,
    /// Whether a record is left out where its key equals the one before.
    unique: bool,
}

impl SortedFile {
    pub(super) fn create(store: &Store, path: &str, cuts: Cuts) -> Result<Self, ExchangeError> {
        Ok(Self {
            out: store.writer(path)?,
            path: path.to_owned(),
            cuts,
            index: Vec::new(),
            hash: Xxh3::new(),
            buffer: Vec::new(),
            unique: false,
        })
    }

    pub(super) fn push(&mut self, key: &Key, payload: &[u8]) -> Result<(), ExchangeError> {
        // The buffer still holds the record before, its key first.
        if self.unique && self.buffer.starts_with(key) {
            return Ok(());
        }
        let part = self.cuts.part(key);
        let position = self.out.position();
        if self.index.last().is_none_or(|last| last.part != part) {
            self.close_part();
            self.index.push(Entry { part, start: position, end: position, records: 0, xxh3: 0 });
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(key);
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(payload);
        self.hash.update(&self.buffer);
        self.out
            .write_all(&self.buffer)
            .map_err(|source| ExchangeError::Io { path: self.path.clone(), source })?;
        if let Some(last) = self.index.last_mut() {
            last.end = position + record_bytes(payload.len()) as u64;
            last.records += 1;
        }
        Ok(())
    }

    fn close_part(&mut self) {
        if let Some(last) = self.index.last_mut() {
            last.xxh3 = self.hash.digest();
        }
        self.hash.reset();
    }

    pub(super) fn finish(mut self) -> Result<Written, ExchangeError> {
        self.close_part();
        let mut tail = Vec::with_capacity(self.index.len() * file::ENTRY_BYTES + FOOTER_BYTES);
        for entry in &self.index {
            entry.write(&mut tail);
        }
        tail.extend_from_slice(&(self.index.len() as u64).to_le_bytes());
        tail.extend_from_slice(&self.out.position().to_le_bytes());
        tail.extend_from_slice(&MAGIC.to_le_bytes());
        self.out
            .write_all(&tail)
            .map_err(|source| ExchangeError::Io { path: self.path.clone(), source })?;
        Ok(self.out.finish()?)
    }
}
