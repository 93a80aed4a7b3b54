//! Merges some parts of many sorted files, with a bounded number of files open at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

use super::reader::PartReader;
use super::writer::SortedFile;
use super::{Cuts, ExchangeError, Key, Record};
use crate::store::Store;

/// Files merged at once; more are merged in two levels.
const MAX_FAN_IN: usize = 256;

/// Neighbouring parts of many files as a single stream in key order.
pub struct Merge {
    store: Store,
    readers: Vec<PartReader>,
    heads: Vec<Record>,
    order: BinaryHeap<Reverse<(Key, usize)>>,
    scratch: Vec<String>,
}

impl Merge {
    /// Opens part `part` of `files`. Where they are more than can be open at a time, groups of them
    /// are merged into files named after `scratch` first.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn open(
        store: &Store,
        files: &[String],
        part: u32,
        scratch: &str,
    ) -> Result<Self, ExchangeError> {
        Self::range(store, files, u64::from(part)..=u64::from(part), scratch)
    }

    /// Opens the parts of a range, as [`Merge::open`] does one.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn range(
        store: &Store,
        files: &[String],
        parts: RangeInclusive<u64>,
        scratch: &str,
    ) -> Result<Self, ExchangeError> {
        Self::with_fan_in(store, files, parts, scratch, MAX_FAN_IN)
    }

    pub(super) fn with_fan_in(
        store: &Store,
        files: &[String],
        mut parts: RangeInclusive<u64>,
        scratch: &str,
        fan_in: usize,
    ) -> Result<Self, ExchangeError> {
        let mut files = files.to_vec();
        let mut temporary = Vec::new();
        let mut level = 0;
        while files.len() > fan_in {
            let mut merged = Vec::new();
            for (group, chunk) in files.chunks(fan_in).enumerate() {
                let path = format!("{scratch}-{level}-{group}");
                let mut merge = Self::flat(store, chunk, &parts)?;
                let mut out = SortedFile::create(store, &path, Cuts::Even { parts: 1 })?;
                let mut record = Record::default();
                while merge.next_into(&mut record)? {
                    out.push(&record.key, &record.payload)?;
                }
                out.finish()?;
                temporary.push(path.clone());
                merged.push(path);
            }
            files = merged;
            parts = 0..=0;
            level += 1;
        }
        let mut merge = Self::flat(store, &files, &parts)?;
        merge.scratch = temporary;
        Ok(merge)
    }

    fn flat(
        store: &Store,
        files: &[String],
        parts: &RangeInclusive<u64>,
    ) -> Result<Self, ExchangeError> {
        let mut merge = Self {
            store: store.clone(),
            readers: Vec::new(),
            heads: Vec::new(),
            order: BinaryHeap::new(),
            scratch: Vec::new(),
        };
        for file in files {
            let Some(mut reader) = PartReader::open(store, file, parts.clone())? else { continue };
            let mut head = Record::default();
            if reader.next_into(&mut head)? {
                merge.order.push(Reverse((head.key, merge.readers.len())));
                merge.readers.push(reader);
                merge.heads.push(head);
            }
        }
        Ok(merge)
    }

    /// Reads the next record; `false` at the end.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub fn next_into(&mut self, record: &mut Record) -> Result<bool, ExchangeError> {
        let Some(Reverse((_, from))) = self.order.pop() else { return Ok(false) };
        std::mem::swap(record, &mut self.heads[from]);
        if self.readers[from].next_into(&mut self.heads[from])? {
            self.order.push(Reverse((self.heads[from].key, from)));
        }
        Ok(true)
    }

    /// Removes the files that merging in two levels made.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_scratch(&mut self) -> Result<(), ExchangeError> {
        for path in std::mem::take(&mut self.scratch) {
            self.store.delete(&path)?;
        }
        Ok(())
    }
}

/// Calls `each` with every record of a part of many files, in key order.
///
/// # Errors
/// When a file is missing or damaged, or when `each` fails.
#[cfg(test)]
pub(crate) fn merge_part<E: From<ExchangeError>>(
    store: &Store,
    files: &[String],
    part: u32,
    scratch: &str,
    mut each: impl FnMut(&Record) -> Result<(), E>,
) -> Result<(), E> {
    let mut merge = Merge::open(store, files, part, scratch)?;
    let mut record = Record::default();
    while merge.next_into(&mut record)? {
        each(&record)?;
    }
    merge.remove_scratch()?;
    Ok(())
}
