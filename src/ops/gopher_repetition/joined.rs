//! Duplicated n-grams as datatrove counts them.
//!
//! datatrove knows an n-gram by its words written together, so that "ab c" equals "a bc"; it goes
//! from left to right, and behind an n-gram seen before it goes on n words further. Only places
//! whose next sixteen bytes are there twice need looking at, and those whose n-grams may be shorter
//! than that.

use xxhash_rust::xxh3::xxh3_64;

use super::table::{Sieve, Table};
use crate::text::Word;

/// Length of the prefix that tells most places from each other.
const PREFIX: usize = 16;
/// Length of the prefix that does so for n-grams that are no longer.
const SHORT_PREFIX: usize = 8;
/// The shortest n-gram in words.
const SHORTEST: usize = 5;

#[derive(Default)]
pub(super) struct Joined {
    /// The words of a text, written together.
    bytes: Vec<u8>,
    /// Where each word starts in it, and where the last ends.
    starts: Vec<u32>,
    /// Words at which a duplicated n-gram may start.
    places: Vec<u32>,
    sieve: Sieve,
    table: Table,
}

impl Joined {
    /// Takes the words of a text.
    #[expect(clippy::cast_possible_truncation, reason = "texts have less than 2^32 bytes")]
    pub(super) fn take(&mut self, text: &str, words: &[Word]) {
        self.bytes.clear();
        self.starts.clear();
        self.places.clear();
        if words.len() < SHORTEST {
            return;
        }
        let source = text.as_bytes();
        self.bytes.resize(text.len() + PREFIX, 0);
        let mut at = 0;
        for word in words {
            self.starts.push(at as u32);
            let (start, length) = (word.start as usize, word.len());
            // Copies of a fixed size take two instructions.
            if length <= PREFIX && start + PREFIX <= source.len() {
                self.bytes[at..at + PREFIX].copy_from_slice(&source[start..start + PREFIX]);
            } else {
                self.bytes[at..at + length].copy_from_slice(&source[start..start + length]);
            }
            at += length;
        }
        self.starts.push(at as u32);
        self.bytes.truncate(at);
        self.sift();
    }

    /// Finds the places worth looking at.
    fn sift(&mut self) {
        let Self { bytes, starts, places, sieve, .. } = self;
        // Words up to the shortest n-gram's end, and whether that n-gram is shorter than the prefix.
        let grams = || {
            starts.windows(SHORTEST + 1).map(|ends| (ends[0], (ends[SHORTEST] - ends[0]) as usize))
        };
        sieve.prepare(starts.len());
        for (start, length) in grams() {
            if let Some(key) = prefix(bytes, start) {
                sieve.note(key);
            }
            if length < PREFIX
                && let Some(key) = short_prefix(bytes, start)
            {
                sieve.note(key);
            }
        }
        // Two equal n-grams of sixteen bytes and more have the prefix in common. Of two shorter
        // ones both begin with a short one of five words, and have its short prefix in common
        // unless they are shorter even than that.
        for (place, (start, length)) in (0..).zip(grams()) {
            let short = || {
                length < SHORT_PREFIX
                    || short_prefix(bytes, start).is_none_or(|key| sieve.again(key))
            };
            if prefix(bytes, start).is_some_and(|key| sieve.again(key))
                || length < PREFIX && short()
            {
                places.push(place);
            }
        }
    }

    /// Characters of the n-grams seen before, if words have `chars`.
    pub(super) fn duplicated(&mut self, n: usize, chars: &[u32]) -> u64 {
        self.table.prepare(self.places.len());
        let (mut sum, mut next) = (0, 0);
        for place in &self.places {
            let start = *place as usize;
            if start < next || start + n >= self.starts.len() {
                continue;
            }
            let bytes = self.starts[start] as usize..self.starts[start + n] as usize;
            if self.table.first(xxh3_64(&self.bytes[bytes]), *place) != *place {
                sum += super::grams::sum_of(&chars[start..start + n]);
                next = start + n;
            }
        }
        sum
    }
}

/// A hash of the sixteen bytes at `start`, if there are as many.
#[inline]
fn prefix(bytes: &[u8], start: u32) -> Option<u64> {
    let chunk = bytes[start as usize..].first_chunk::<PREFIX>()?;
    let number = u128::from_le_bytes(*chunk);
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    Some(fold(number as u64 ^ 0xa076_1d64_78bd_642f, (number >> 64) as u64))
}

/// A hash of the eight bytes at `start`, if there are as many.
#[inline]
fn short_prefix(bytes: &[u8], start: u32) -> Option<u64> {
    let chunk = bytes[start as usize..].first_chunk::<SHORT_PREFIX>()?;
    Some(fold(u64::from_le_bytes(*chunk), 0x2d35_8dcc_aa6c_78a5))
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64
}
