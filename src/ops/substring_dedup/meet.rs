//! Where runs of equal fingerprints meet.
//!
//! First by a hash of all their bytes: a run that stands before as a whole is a repeat, and within a
//! repeat nearly all are. Those at its ends stand before in part; they meet once more, with their
//! bytes, and are compared window by window. Both keep what they saw in sets as large as memory
//! allows, and stay exact beyond: the first by leaving more to the second, the second by sorted files.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::windows::WindowHasher;
use super::{Place, key_place};
use crate::exchange::{ExchangeWriter, KEY_BYTES, Key, Record};
use crate::ops::{MeetTask, OpError};

/// A set of hashes. Nothing is read from it in its own order.
pub(super) type Hashes = HashSet<u128, BuildHasherDefault<Fold>>;

/// Takes part of a hash for its hash.
#[derive(Default)]
pub(super) struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rfold(0, |word, byte| word << 8 | u64::from(*byte));
            self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_u128(&mut self, value: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
        let folded = (value >> 64) as u64 ^ (value as u64).rotate_left(32);
        self.0 = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Bytes that an entry of [`Hashes`] takes at most, room for growth counted.
const ENTRY_BYTES: usize = 48;

/// A run on its way: the key by which it meets others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunKey {
    /// Fingerprint, with the scope in it.
    pub fingerprint: u64,
    pub place: Place,
    /// Start of its first window; [`ASIDE`] for a record that meets no other.
    pub start: u32,
    /// Number of its windows.
    pub count: u32,
}

/// The start of no window.
pub(super) const ASIDE: u32 = u32::MAX;

impl RunKey {
    /// As a key that groups runs of one fingerprint, in the order of documents and positions.
    pub(super) fn to_meet(self) -> Key {
        let mut key = [0; KEY_BYTES];
        key[..8].copy_from_slice(&self.fingerprint.to_be_bytes());
        key[8..16].copy_from_slice(&self.place);
        key[16..20].copy_from_slice(&self.start.to_be_bytes());
        key[20..].copy_from_slice(&self.count.to_be_bytes());
        key
    }

    pub(super) fn met(key: &Key) -> Self {
        Self {
            fingerprint: u64::from_be_bytes(key_place(key, 0)),
            place: key_place(key, 8),
            start: number(key, 16),
            count: number(key, 20),
        }
    }

    /// As a key of an answer to the document.
    pub(super) fn to_document(self) -> Key {
        let mut key = [0; KEY_BYTES];
        key[..8].copy_from_slice(&self.place);
        key[8..12].copy_from_slice(&self.start.to_be_bytes());
        key[12..16].copy_from_slice(&self.count.to_be_bytes());
        key[16..].copy_from_slice(&self.fingerprint.to_be_bytes());
        key
    }

    pub(super) fn answered(key: &Key) -> Self {
        Self {
            fingerprint: u64::from_be_bytes(key_place(key, 16)),
            place: key_place(key, 0),
            start: number(key, 8),
            count: number(key, 12),
        }
    }
}

fn number(key: &Key, at: usize) -> u32 {
    u32::from_be_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]])
}

/// What a document is told of a run: that it stands before as a whole, …
pub(super) const WHOLE: &[u8] = &[1];
/// … or that others share its fingerprint, but not all of its bytes.
pub(super) const PART: &[u8] = &[0];

/// Runs meet by the hash of all their bytes, which is their payload.
pub(super) fn whole(task: &mut MeetTask<'_>) -> Result<(), OpError> {
    let most = task.budget / 2 / ENTRY_BYTES;
    let mut records = task.records()?;
    let mut record = Record::default();
    // The first run of the fingerprint and its hash; whether it was told that it is not alone.
    let mut first: Option<(RunKey, u128, bool)> = None;
    let mut others = Hashes::default();
    let (mut repeats, mut parts) = (0, 0);
    while records.next_into(&mut record)? {
        let run = RunKey::met(&record.key);
        let hash = u128::from_le_bytes(record.payload.first_chunk().copied().unwrap_or_default());
        match &mut first {
            Some((head, first_hash, told)) if head.fingerprint == run.fingerprint => {
                if *first_hash == hash || others.contains(&hash) {
                    task.push(run.to_document(), WHOLE)?;
                    repeats += 1;
                    continue;
                }
                if !std::mem::replace(told, true) {
                    task.push(head.to_document(), PART)?;
                    parts += 1;
                }
                if others.len() < most {
                    others.insert(hash);
                }
                task.push(run.to_document(), PART)?;
                parts += 1;
            }
            _ => {
                first = Some((run, hash, false));
                forget(&mut others);
            }
        }
    }
    records.remove_scratch()?;
    task.figures.count("whole_repeats", repeats);
    task.figures.count("compared_in_part", parts);
    Ok(())
}

/// Runs meet with their bytes; windows that stand before are told to their documents.
pub(super) fn windows(task: &mut MeetTask<'_>, hasher: &WindowHasher) -> Result<(), OpError> {
    let most = task.budget / 2 / ENTRY_BYTES;
    let mut records = task.records()?;
    let mut record = Record::default();
    let mut fingerprint = None;
    let mut seen = Hashes::default();
    let mut later: Option<ExchangeWriter> = None;
    let mut unknown: Vec<(u128, u32)> = Vec::new();
    while records.next_into(&mut record)? {
        let run = RunKey::met(&record.key);
        if run.start == ASIDE {
            task.push(RunKey { fingerprint: 0, ..run }.to_document(), &record.payload)?;
            continue;
        }
        if fingerprint != Some(run.fingerprint) {
            fingerprint = Some(run.fingerprint);
            forget(&mut seen);
        }
        let mut repeats = Repeats { run: RunKey { count: 0, fingerprint: 0, ..run } };
        let mut pushed = Ok(());
        hasher.hash(&record.payload, |number, hash| {
            if seen.contains(&hash) {
                if let Some(ended) = repeats.push(run.start + number)
                    && pushed.is_ok()
                {
                    pushed = task.push(ended.to_document(), &[]);
                }
            } else if seen.len() < most {
                seen.insert(hash);
            } else {
                unknown.push((hash, run.start + number));
            }
        });
        pushed?;
        if repeats.run.count > 0 {
            task.push(repeats.run.to_document(), &[])?;
        }
        if !unknown.is_empty() {
            let later = later.get_or_insert_with(|| task.scratch("windows"));
            // The fingerprint, as it has the scope in it.
            let salt = u128::from(run.fingerprint) << 64;
            for (hash, start) in unknown.drain(..) {
                let mut key = [0; KEY_BYTES];
                key[..16].copy_from_slice(&(hash ^ salt).to_be_bytes());
                key[16..].copy_from_slice(&run.place);
                later.push(key, &start.to_le_bytes())?;
            }
        }
    }
    records.remove_scratch()?;
    match later {
        None => Ok(()),
        Some(later) => {
            later.finish()?;
            sorted(task)
        }
    }
}

/// Windows for which there was no room in memory, sorted: all but the first of equal ones repeat it.
fn sorted(task: &mut MeetTask<'_>) -> Result<(), OpError> {
    let mut records = task.reopen("windows")?;
    let mut record = Record::default();
    // The hash, the first document that has it, and where.
    let mut first: Option<([u8; 16], Place, u32)> = None;
    while records.next_into(&mut record)? {
        let mut hash = [0; 16];
        hash.copy_from_slice(&record.key[..16]);
        let place = key_place(&record.key, 16);
        let start = record.payload.first_chunk().map_or(ASIDE, |bytes| u32::from_le_bytes(*bytes));
        let repeat = match &mut first {
            Some((known, first, least)) if *known == hash => {
                // Those of one document may come in any order.
                if *first == place && start < *least {
                    std::mem::replace(least, start)
                } else {
                    start
                }
            }
            _ => {
                first = Some((hash, place, start));
                continue;
            }
        };
        let run = RunKey { fingerprint: 0, place, start: repeat, count: 1 };
        task.push(run.to_document(), &[])?;
    }
    records.remove_scratch()?;
    task.discard("windows")
}

/// Gathers windows one behind the other.
struct Repeats {
    run: RunKey,
}

impl Repeats {
    /// Adds a window; gives the ones before where it is not the next.
    fn push(&mut self, start: u32) -> Option<RunKey> {
        if self.run.count > 0 && start == self.run.start + self.run.count {
            self.run.count += 1;
            return None;
        }
        let ended = self.run;
        self.run.start = start;
        self.run.count = 1;
        (ended.count > 0).then_some(ended)
    }
}

/// Empties a set; its memory too, where one group made it large, as clearing takes time by its size.
fn forget(hashes: &mut Hashes) {
    if hashes.capacity() > 1 << 12 {
        *hashes = Hashes::default();
    } else if !hashes.is_empty() {
        hashes.clear();
    }
}
