//! The layout of an exchange file, all integers little-endian:
//! records (key, `u32` payload length, payload) in key order; the index, one entry a part that is
//! not empty; a footer of fixed length.

use super::KEY_BYTES;

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"TAMISX02");
pub(super) const FOOTER_BYTES: usize = 24;
pub(super) const ENTRY_BYTES: usize = 40;

/// Longest payload: a document's tokens at 4 bytes each, of the largest document, fit.
pub(super) const MAX_PAYLOAD: usize = 1 << 31;

/// Where one part lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub part: u64,
    pub start: u64,
    pub end: u64,
    pub records: u64,
    pub xxh3: u64,
}

impl Entry {
    pub(super) fn write(self, out: &mut Vec<u8>) {
        for value in [self.part, self.start, self.end, self.records, self.xxh3] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn read(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Self { part: word(0), start: word(8), end: word(16), records: word(24), xxh3: word(32) }
    }
}

/// Bytes a record takes in a file.
pub(super) fn record_bytes(payload: usize) -> usize {
    KEY_BYTES + 4 + payload
}
