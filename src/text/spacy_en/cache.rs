//! Scratch space of one thread, with the splits of chunks seen before.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::second::{Scratch, trim};
use super::span;

/// What one thread keeps between texts: scratch vectors and the splits of short chunks.
///
/// A split depends on the chunk alone and is found again by all its bytes, so a warm cache changes
/// the time and nothing else. It holds about 1 MB and is emptied when full.
#[derive(Default)]
pub(crate) struct SpacyCache {
    slots: Vec<Slot>,
    used: usize,
    /// Of each chunk kept: its bytes, then where each token ends.
    bytes: Vec<u8>,
    pub(super) suffixes: Vec<Range<u32>>,
    pub(super) second: Scratch,
    pub(super) tokens: Vec<Range<u32>>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    at: u32,
    /// Zero in an empty slot.
    length: u8,
    tokens: u8,
    second: bool,
}

const SLOTS: usize = 1 << 15;
const MOST_USED: usize = SLOTS / 2;
/// Longer chunks are rare and not kept.
pub(super) const LONGEST: usize = 48;

/// Where a chunk is or would be kept.
pub(super) struct Place {
    slot: usize,
    tag: u32,
}

impl SpacyCache {
    /// Appends the tokens of the chunk that starts at byte `at` of its text, if it is known, and
    /// says whether the second pass changes them; else says where to keep it.
    #[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
    #[inline]
    pub(super) fn find(
        &mut self,
        chunk: &[u8],
        at: usize,
        out: &mut Vec<Range<u32>>,
    ) -> Result<bool, Place> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        let hash = xxh3_64(chunk);
        let tag = (hash >> 32) as u32;
        let mut slot = hash as usize % SLOTS;
        loop {
            let found = self.slots[slot];
            if found.length == 0 {
                return Err(Place { slot, tag });
            }
            if found.tag == tag && usize::from(found.length) == chunk.len() {
                let kept = &self.bytes[found.at as usize..];
                let (kept, ends) = kept.split_at(chunk.len());
                if kept == chunk {
                    let mut start = at;
                    for end in &ends[..usize::from(found.tokens)] {
                        let end = at + usize::from(*end);
                        out.push(span(start, end));
                        start = end;
                    }
                    return Ok(found.second);
                }
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// Gives memory back after a text that needed uncommonly much.
    pub(super) fn trim(&mut self) {
        trim(&mut self.suffixes);
        trim(&mut self.tokens);
        self.second.trim();
    }

    /// Keeps the tokens of a chunk of at most [`LONGEST`] bytes; they cover it without a gap.
    #[expect(clippy::cast_possible_truncation, reason = "lengths up to LONGEST; 16 K entries")]
    pub(super) fn keep(
        &mut self,
        place: &Place,
        chunk: &[u8],
        at: usize,
        tokens: &[Range<u32>],
        second: bool,
    ) {
        let slot = Slot {
            tag: place.tag,
            at: self.bytes.len() as u32,
            length: chunk.len() as u8,
            tokens: tokens.len() as u8,
            second,
        };
        self.slots[place.slot] = slot;
        self.bytes.extend_from_slice(chunk);
        self.bytes.extend(tokens.iter().map(|token| (token.end as usize - at) as u8));
        self.used += 1;
        if self.used == MOST_USED {
            self.slots.fill(Slot::default());
            self.bytes.clear();
            self.used = 0;
        }
    }
}
