//! Hash tables with linear probing, one for each order.

use super::bits::{f32_at, u32_at, u64_at};
use super::header::Header;
use super::{NgramLmError, Search, Weights, damaged, murmur};

/// Bytes of a word's entry: hash, number.
const WORD_BYTES: u64 = 12;
/// Bytes of an entry of the longest n-grams: hash, probability.
const LONGEST_BYTES: u64 = 12;
/// What a word's table begins with: version, number of words.
const VOCABULARY_HEADER: u64 = 8;

/// Where the tables lie.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    words: Table,
    /// Number of words.
    bound: u64,
    unigrams: u64,
    /// Bytes of the numbers of an n-gram: 8, or 12.
    weights: u64,
    middle: Vec<Table>,
    longest: Table,
}

/// A table of entries that begin with their key; an empty one has the key 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    start: u64,
    buckets: u64,
    entry: u64,
}

impl Table {
    /// A table at `at`, which is moved behind it.
    fn place(at: &mut u64, entries: u64, multiplier: f32, entry: u64) -> Option<Self> {
        // The product in 32 bits, as when the file was made.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the file's own arithmetic"
        )]
        let wanted = (multiplier * entries as f32) as u64;
        let buckets = wanted.max(entries.checked_add(1)?);
        let table = Self { start: *at, buckets, entry };
        *at = buckets.checked_mul(entry)?.checked_add(*at)?;
        Some(table)
    }

    /// The place of a key's numbers.
    #[inline]
    fn find(self, bytes: &[u8], key: u64) -> Option<u64> {
        let end = self.start + self.buckets * self.entry;
        let mut at = self.start + key % self.buckets * self.entry;
        // A table that is not damaged has an empty bucket.
        for _ in 0..self.buckets {
            let found = u64_at(bytes, at);
            if found == key {
                return Some(at + 8);
            }
            if found == 0 {
                return None;
            }
            at += self.entry;
            if at == end {
                at = self.start;
            }
        }
        None
    }

    /// Writes a new entry; `false` where there is no room.
    pub(super) fn insert(self, bytes: &mut [u8], key: u64, values: &[f32]) -> bool {
        let mut bucket = key % self.buckets;
        for _ in 0..self.buckets {
            let at = self.start + bucket * self.entry;
            if u64_at(bytes, at) == 0 {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                let Some(entry) = bytes.get_mut(start..) else { return false };
                let values = values.iter().flat_map(|value| value.to_le_bytes());
                for (to, from) in entry.iter_mut().zip(key.to_le_bytes().into_iter().chain(values))
                {
                    *to = from;
                }
                return true;
            }
            bucket = (bucket + 1) % self.buckets;
        }
        false
    }
}

/// The key of an n-gram with one more word before it.
#[inline]
pub(super) fn combined(key: u64, word: u32) -> u64 {
    let word = u64::from(word.wrapping_add(1)).wrapping_mul(17_894_857_484_156_487_943);
    key.wrapping_mul(8_978_948_897_894_561_157) ^ word
}

impl Probing {
    /// The tables of a model with these counts, from byte `start`; with where they end.
    pub(super) fn layout(
        start: u64,
        counts: &[u64],
        multiplier: f32,
        rest: bool,
    ) -> Option<(Self, u64)> {
        let weights = if rest { 12 } else { 8 };
        let mut at = start.checked_add(VOCABULARY_HEADER)?;
        let (first, longest) = (*counts.first()?, *counts.last()?);
        let words = Table::place(&mut at, first, multiplier, WORD_BYTES)?;
        let unigrams = at;
        at = first.checked_add(1)?.checked_mul(weights)?.checked_add(at)?;
        let middle = counts.get(1..counts.len() - 1)?.iter();
        let middle = middle
            .map(|&count| Table::place(&mut at, count, multiplier, 8 + weights))
            .collect::<Option<Vec<_>>>()?;
        let longest = Table::place(&mut at, longest, multiplier, LONGEST_BYTES)?;
        let probing = Self { words, bound: first, unigrams, weights, middle, longest };
        Some((probing, at))
    }

    pub(super) fn in_file(bytes: &[u8], header: &Header, rest: bool) -> Result<Self, NgramLmError> {
        let laid = Self::layout(header.end, &header.counts, header.multiplier, rest);
        let (mut probing, end) = laid.ok_or_else(|| damaged("its tables are too large"))?;
        if end > bytes.len() as u64 {
            return Err(damaged(format!("it needs {end} bytes and has {}", bytes.len())));
        }
        let version = u32_at(bytes, header.end);
        if version != 0 {
            let reason = format!("version {version} of the vocabulary");
            return Err(NgramLmError::Unsupported(reason));
        }
        let bound = u64::from(u32_at(bytes, header.end + 4));
        if bound > header.counts[0] + 1 {
            return Err(damaged(format!("{bound} words where {} fit", header.counts[0])));
        }
        probing.bound = bound;
        Ok(probing)
    }

    pub(super) fn order(&self) -> usize {
        self.middle.len() + 2
    }

    /// Where the words' hashes go.
    pub(super) fn words(&self) -> Table {
        self.words
    }

    /// Where a word's numbers are.
    pub(super) fn unigram(&self, word: u32) -> u64 {
        self.unigrams + u64::from(word) * self.weights
    }

    /// The table of the n-grams of this order, 2 or more.
    pub(super) fn table(&self, order: usize) -> Table {
        self.middle.get(order - 2).copied().unwrap_or(self.longest)
    }

    pub(super) fn view<'a>(&'a self, bytes: &'a [u8]) -> ProbingView<'a> {
        ProbingView { layout: self, bytes }
    }
}

/// The tables and their bytes.
pub(super) struct ProbingView<'a> {
    layout: &'a Probing,
    bytes: &'a [u8],
}

impl ProbingView<'_> {
    #[inline]
    fn weights(&self, at: u64) -> (Weights, bool) {
        let stored = f32_at(self.bytes, at);
        let backoff = f32_at(self.bytes, at + 4);
        // The sign says whether a longer n-gram ends with this one; no logarithm is above 0.
        let weights = Weights { probability: -stored.abs(), backoff };
        (weights, stored.is_sign_negative())
    }
}

impl Search for ProbingView<'_> {
    type Node = u64;

    #[inline]
    fn word(&self, word: &[u8]) -> u32 {
        let found = self.layout.words.find(self.bytes, murmur::hash(word));
        let number = found.map_or(0, |at| u32_at(self.bytes, at));
        if u64::from(number) < self.layout.bound { number } else { 0 }
    }

    #[inline]
    fn unigram(&self, word: u32) -> (u64, Weights, bool) {
        let (weights, alone) = self.weights(self.layout.unigram(word));
        (u64::from(word), weights, alone)
    }

    #[inline]
    fn middle(&self, order: usize, node: u64, word: u32) -> Option<(u64, Weights, bool)> {
        let node = combined(node, word);
        let at = self.layout.middle.get(order - 2)?.find(self.bytes, node)?;
        let (weights, alone) = self.weights(at);
        Some((node, weights, alone))
    }

    #[inline]
    fn longest(&self, node: u64, word: u32) -> Option<f32> {
        let at = self.layout.longest.find(self.bytes, combined(node, word))?;
        Some(f32_at(self.bytes, at))
    }
}
