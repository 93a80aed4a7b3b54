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
        self.sieve.prepare(words.len());
        for start in &self.starts {
            if let Some(key) = prefix(&self.bytes, *start) {
                self.sieve.note(key);
            }
        }
        for (place, ends) in (0..).zip(self.starts.windows(SHORTEST + 1)) {
            let short = ((ends[SHORTEST] - ends[0]) as usize) < PREFIX;
            let key = if short { None } else { prefix(&self.bytes, ends[0]) };
            if key.is_none_or(|key| self.sieve.again(key)) {
                self.places.push(place);
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

/// A hash of the sixteen bytes at `start`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
fn prefix(bytes: &[u8], start: u32) -> Option<u64> {
    let start = start as usize;
    let chunk = bytes[start..].first_chunk::<PREFIX>()?;
    let number = u128::from_le_bytes(*chunk);
    let product = u128::from(number as u64 ^ 0xa076_1d64_78bd_642f)
        * u128::from((number >> 64) as u64 ^ 0xe703_7ed1_a0b4_28db);
    Some(product as u64 ^ (product >> 64) as u64)
}
