//! The items of the benchmarks, as words with weights.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::narrow;
use super::weights;
use super::words::{Labels, Words};
use crate::ops::spread::Spread;

/// The parts of an item, in the order of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Passage,
    Question,
    Choices,
    Answer,
}

/// How many [`Part`]s there are.
pub(super) const PARTS: usize = 4;

/// An item of a benchmark as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ItemText {
    pub(super) id: String,
    /// Texts by [`Part`].
    pub(super) parts: [String; PARTS],
}

/// An item as words.
#[derive(Debug)]
pub(super) struct Item {
    /// Number of its benchmark.
    pub(super) benchmark: u32,
    id: String,
    /// Where its words begin among those of all items.
    first: u32,
    /// Behind the last word of each part, from the item's first word.
    ends: [u32; PARTS],
    /// The weight of each part.
    pub(super) weights: [u32; PARTS],
}

impl Item {
    /// The part that a word belongs to.
    #[inline]
    pub(super) fn part(&self, word: usize) -> usize {
        self.ends.iter().position(|end| word < *end as usize).unwrap_or(PARTS - 1)
    }

    /// The places of the words of a part.
    pub(super) fn range(&self, part: Part) -> Range<usize> {
        let part = part as usize;
        let start = if part == 0 { 0 } else { self.ends[part - 1] };
        start as usize..self.ends[part] as usize
    }

    /// Number of its words.
    pub(super) fn len(&self) -> usize {
        self.ends[PARTS - 1] as usize
    }
}

/// All items.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Names of the benchmarks.
    names: Vec<String>,
    /// The items, benchmark by benchmark.
    pub(super) all: Vec<Item>,
    words: Vec<u32>,
    weights: Vec<u16>,
}

/// A map whose order reaches no result.
pub(super) type Counts<K> = HashMap<K, u32, BuildHasherDefault<Spread>>;

impl Items {
    /// Splits and weighs the items of benchmarks.
    pub(super) fn new(benchmarks: Vec<(String, Vec<ItemText>)>, labels: Labels) -> Self {
        let mut all = Self::default();
        let mut guesses = Vec::new();
        let mut words = Words::default();
        for (number, (name, items)) in (0..).zip(benchmarks) {
            all.names.push(name);
            for item in items {
                let first = narrow(all.words.len());
                let mut ends = [0; PARTS];
                for (text, end) in item.parts.iter().zip(&mut ends) {
                    words.split(text, labels);
                    all.words.extend(&words.hashes);
                    let starts = words.starts.iter().enumerate();
                    guesses.extend(starts.map(|(index, start)| {
                        weights::guess(text.get(*start as usize..words.end(text, index)))
                    }));
                    *end = narrow(all.words.len()) - first;
                }
                let weights = [0; PARTS];
                all.all.push(Item { benchmark: number, id: item.id, first, ends, weights });
            }
        }
        all.weigh(&guesses);
        all
    }

    fn weigh(&mut self, guesses: &[u8]) {
        let mut frequencies = weights::Frequencies::new(self.names.len());
        for item in &self.all {
            frequencies.add(item.benchmark, self.words(item));
        }
        let mut weights = Vec::with_capacity(self.words.len());
        for item in &mut self.all {
            let first = item.first as usize;
            let words = &self.words[first..first + item.len()];
            for (at, word) in words.iter().enumerate() {
                let before = at.checked_sub(1).map(|before| words[before]);
                let weight = frequencies.weight(item.benchmark, before, *word, guesses[first + at]);
                item.weights[item.part(at)] += u32::from(weight);
                weights.push(weight);
            }
        }
        self.weights = weights;
    }

    /// Number of benchmarks.
    pub(super) fn benchmarks(&self) -> u32 {
        narrow(self.names.len())
    }

    /// The name of the benchmark of an item.
    pub(super) fn benchmark(&self, item: u32) -> &str {
        &self.names[self.all[item as usize].benchmark as usize]
    }

    /// The id of an item.
    pub(super) fn id(&self, item: u32) -> &str {
        &self.all[item as usize].id
    }

    /// The words of an item.
    #[inline]
    pub(super) fn words(&self, item: &Item) -> &[u32] {
        &self.words[item.first as usize..item.first as usize + item.len()]
    }

    /// The weights of the words of an item.
    #[inline]
    pub(super) fn weights(&self, item: &Item) -> &[u16] {
        &self.weights[item.first as usize..item.first as usize + item.len()]
    }
}
