//! The repeated n-grams of a document, for one n after the other.
//!
//! An n-gram can be there twice only where both (n−1)-grams it consists of are. So each step looks
//! at the places that the step before has left, which in running text are a few in a hundred from
//! the trigrams on. An n-gram is known by the numbers of its two (n−1)-grams, exactly; only words
//! are known by their 64-bit hashes.

use super::table::{Sieve, Table};

/// The n-grams of one n that may be there more than once.
#[derive(Default)]
pub(super) struct Grams {
    n: usize,
    /// Where they start, in words, in order.
    places: Vec<u32>,
    keys: Vec<u64>,
    /// Index in `places` of the first n-gram that is equal to each.
    first: Vec<u32>,
    /// At the index of a first one: how many are equal to it.
    count: Vec<u32>,
    table: Table,
    sieve: Sieve,
}

/// A repeated n-gram.
#[derive(Clone, Copy)]
pub(super) struct Gram {
    /// Index of the first one.
    pub(super) index: u32,
    /// Its first word.
    pub(super) place: usize,
    /// How many there are; at least 2.
    pub(super) count: u32,
}

fn bigram(left: u64, right: u64) -> u64 {
    // Both are well mixed; the order must count.
    left.wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(32) ^ right
}

impl Grams {
    /// Finds the bigrams of a text, given the hashes of its words.
    #[expect(clippy::cast_possible_truncation, reason = "texts have less than 2^32 words")]
    pub(super) fn bigrams(&mut self, hashes: &[u64]) {
        self.n = 2;
        self.places.clear();
        self.keys.clear();
        self.sieve.prepare(hashes.len());
        for pair in hashes.windows(2) {
            self.sieve.note(bigram(pair[0], pair[1]));
        }
        for (place, pair) in hashes.windows(2).enumerate() {
            let key = bigram(pair[0], pair[1]);
            if self.sieve.again(key) {
                self.places.push(place as u32);
                self.keys.push(key);
            }
        }
        self.find();
    }

    /// Goes on from the n-grams to the (n+1)-grams.
    pub(super) fn longer(&mut self) {
        self.n += 1;
        let mut kept = 0;
        for index in 1..self.places.len() {
            let (left, right) = (self.first[index - 1], self.first[index]);
            let adjacent = self.places[index] == self.places[index - 1] + 1;
            if adjacent && self.count[left as usize] > 1 && self.count[right as usize] > 1 {
                self.places[kept] = self.places[index - 1];
                self.keys[kept] = u64::from(left) << 32 | u64::from(right);
                kept += 1;
            }
        }
        self.places.truncate(kept);
        self.keys.truncate(kept);
        self.find();
    }

    /// Whether no n-gram is left to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn find(&mut self) {
        self.first.clear();
        self.count.clear();
        self.count.resize(self.keys.len(), 0);
        self.table.prepare(self.keys.len());
        for (index, key) in (0..).zip(&self.keys) {
            let first = self.table.first(*key, index);
            self.first.push(first);
            self.count[first as usize] += 1;
        }
    }

    /// The n-grams that are there most often, if that is more than once, in order.
    pub(super) fn top(&self) -> impl Iterator<Item = Gram> {
        let most = self.count.iter().copied().max().unwrap_or(0).max(2);
        let counts = (0..).zip(&self.count).zip(&self.places);
        counts.filter(move |((_, count), _)| **count == most).map(|((index, count), place)| Gram {
            index,
            place: *place as usize,
            count: *count,
        })
    }

    /// How many characters belong to n-grams that `chosen` takes, each counted once, if words have
    /// `chars`. It is asked about each occurrence of a repeated n-gram: the index of the n-gram's
    /// first one, and whether this is a later one.
    pub(super) fn covered(&self, chars: &[u32], chosen: impl Fn(u32, bool) -> bool) -> u64 {
        let (mut sum, mut end) = (0, 0);
        for ((index, first), place) in (0u32..).zip(&self.first).zip(&self.places) {
            if self.count[*first as usize] > 1 && chosen(*first, index != *first) {
                let start = (*place as usize).max(end);
                end = *place as usize + self.n;
                sum += sum_of(&chars[start..end]);
            }
        }
        sum
    }
}

/// Sums characters of words.
pub(super) fn sum_of(chars: &[u32]) -> u64 {
    chars.iter().map(|chars| u64::from(*chars)).sum()
}
