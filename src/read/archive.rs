//! Web archives: files of records (see [`super::warc`]), alone or several in a
//! [WACZ](https://specs.webrecorder.net/wacz/1.1.1/), which is a ZIP archive of WARC files.
//!
//! A piece owns the records that begin in its range: in compressed files in members that do, in
//! plain ones from the first record that can be found by its header and length. In an archive the
//! files lie as they are, so that their records have their places in the archive's bytes. What an
//! archive holds compressed once more (WACZ forbids it) is one failed row.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::decompress::{Compression, Content, Want, check_size};
use super::ranges::Ranges;
use super::warc::{Options, WarcReader, find_entry, is_entry};
use super::zip::{self, Method};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::document::{Position, Reason};
use crate::store::Store;

/// What a ZIP archive begins with.
const ZIP: &[u8] = b"PK\x03\x04";

/// Reads the records of a piece.
pub(super) struct ArchiveReader {
    store: Store,
    piece: Piece,
    owned: Range<u64>,
    fields: Fields,
    options: Options,
    parts: VecDeque<Part>,
    reader: Option<WarcReader>,
    /// Of the readers before.
    records: u64,
    passed_over: BTreeMap<String, u64>,
    /// Records of all kinds, documents too.
    #[cfg(test)]
    counts: BTreeMap<String, u64>,
}

/// A file of an archive.
enum Part {
    /// It lies here.
    At(Range<u64>),
    /// It cannot be read.
    Failed(u64, Reason),
}

impl ArchiveReader {
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let owned = piece.part.bytes().unwrap_or(0..0);
        let mut reader = Self {
            store: store.clone(),
            piece: piece.clone(),
            owned,
            fields: fields.clone(),
            options: Options {
                http_errors: fields.layout.http_errors,
                check_digests: fields.layout.check_digests,
            },
            parts: VecDeque::new(),
            reader: None,
            records: 0,
            passed_over: BTreeMap::new(),
            #[cfg(test)]
            counts: BTreeMap::new(),
        };
        let head = store.read_range(&piece.file, 0..piece.size.min(ZIP.len() as u64))?;
        reader.parts =
            if head == ZIP { reader.packed()? } else { VecDeque::from([Part::At(0..piece.size)]) };
        Ok(reader)
    }

    /// The WARC files of a ZIP archive, as far as the piece has to do with them.
    fn packed(&self) -> Result<VecDeque<Part>, ReadError> {
        let mut file = self.stored(0..self.piece.size);
        let damaged = |damage: zip::Damage| {
            tracing::warn!("`{}`: {damage}", self.piece.file);
            Part::Failed(0, reasons::CORRUPT)
        };
        let entries = match zip::entries(&mut file)? {
            Ok(entries) => entries,
            Err(damage) => return Ok(VecDeque::from([damaged(damage)])),
        };
        let mut parts = VecDeque::new();
        for entry in entries {
            // What cannot be read at all is named by no place of its own.
            let entry = match entry {
                Ok(entry) if entry.is_warc() => entry,
                Ok(_) => continue,
                Err(damage) => {
                    parts.push_back(damaged(damage));
                    continue;
                }
            };
            parts.push_back(match (zip::data(&mut file, &entry)?, entry.method) {
                (Ok(range), Method::Stored) => Part::At(range),
                (Ok(range), Method::Deflated) => Part::Failed(range.start, reasons::PACKED_TWICE),
                (Err(damage), _) => damaged(damage),
            });
        }
        Ok(parts)
    }

    fn stored(&self, extent: Range<u64>) -> Stored<'_> {
        Stored { store: &self.store, file: &self.piece.file, extent }
    }

    /// A reader of the records in `extent` that the piece owns, if there can be any.
    fn read(&self, extent: Range<u64>) -> Result<Option<WarcReader>, ReadError> {
        let Self { store, piece, owned, fields, options, .. } = self;
        if owned.end <= extent.start || (owned.start >= extent.end && owned.start > 0) {
            return Ok(None);
        }
        let want = Want { extent: extent.clone(), owned: owned.clone(), is_entry };
        if Content::compression(store, piece, &extent)? != Compression::None {
            let content = Content::open(store, piece, want)?;
            return Ok(Some(WarcReader::new(content, u64::MAX, None, fields, *options)));
        }
        let mut file = self.stored(extent.clone());
        let mut entry = |at: u64| -> Result<Option<u64>, ReadError> {
            let found = find_entry(&mut file, at.saturating_sub(extent.start))?;
            Ok(found.map(|found| extent.start + found))
        };
        let Some(start) = entry(owned.start)? else { return Ok(None) };
        let until = if owned.end < extent.end { entry(owned.end)? } else { None };
        let until = until.unwrap_or(u64::MAX);
        if start >= until {
            return Ok(None);
        }
        let content = Content::open(store, piece, Want { owned: start..u64::MAX, ..want })?;
        Ok(Some(WarcReader::new(content, until, Some(extent.end), fields, *options)))
    }
}

impl RecordReader for ArchiveReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if reader.fill(batch)? {
                    return Ok(true);
                }
                self.records += reader.records();
                add(&mut self.passed_over, reader.passed_over());
                #[cfg(test)]
                add(&mut self.counts, reader.counts().map(|(k, n)| (k.to_owned(), n)).collect());
                self.reader = None;
            }
            if batch.is_full() {
                return Ok(true);
            }
            match self.parts.pop_front() {
                None => return Ok(false),
                Some(Part::At(extent)) => self.reader = self.read(extent)?,
                Some(Part::Failed(at, reason)) if self.owned.contains(&at) => {
                    batch.failed(Position::plain(at), reason);
                    self.records += 1;
                }
                Some(Part::Failed(..)) => {}
            }
        }
    }

    fn records(&self) -> u64 {
        self.records + self.reader.as_ref().map_or(0, RecordReader::records)
    }

    fn passed_over(&self) -> BTreeMap<String, u64> {
        let mut counts = self.passed_over.clone();
        if let Some(reader) = &self.reader {
            add(&mut counts, reader.passed_over());
        }
        counts
    }
}

fn add(counts: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (kind, count) in more {
        *counts.entry(kind).or_default() += count;
    }
}

/// A part of a stored file, as a file.
struct Stored<'a> {
    store: &'a Store,
    file: &'a str,
    extent: Range<u64>,
}

impl Ranges for Stored<'_> {
    fn size(&self) -> u64 {
        self.extent.end - self.extent.start
    }

    fn read_range(&mut self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let from = self.extent.start;
        let bytes = self.store.read_range(self.file, from + range.start..from + range.end)?;
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests;
