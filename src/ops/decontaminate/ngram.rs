//! The method `ngram`: runs of words that a text has in common with an item, as GPT-3 looked for
//! them.

use std::ops::RangeInclusive;

use super::found::{Match, rounded};
use super::items::{Counts, Item, Items};
use super::narrow;
use super::seeds::{Posting, Seeds, run_hash};
use super::words::Words;

/// The index of the method.
#[derive(Debug)]
pub(super) struct Ngrams {
    pub(super) items: Items,
    /// Runs of the least number of words of any benchmark: where one stands, the rest is compared.
    seeds: Seeds,
    /// Words of a run, by benchmark.
    sizes: Vec<usize>,
}

/// Buffers kept from text to text.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Item, first word and the word behind the last.
    runs: Vec<(u32, usize, usize)>,
}

/// Words of a run of a benchmark: as many as its items have of which one in twenty is shorter.
fn size(items: &[&Item], sizes: &RangeInclusive<usize>) -> usize {
    let mut lengths: Vec<usize> = items.iter().map(|item| item.len()).collect();
    lengths.sort_unstable();
    let twentieth = lengths.get(lengths.len() / 20).copied().unwrap_or(0);
    twentieth.clamp(*sizes.start(), *sizes.end())
}

impl Ngrams {
    /// The runs of all items; those of more than `most` are passed over.
    pub(super) fn new(items: Items, sizes: RangeInclusive<usize>, most: u64) -> Self {
        let sizes: Vec<usize> = (0..items.benchmarks())
            .map(|number| {
                let own = items.all.iter().filter(|item| item.benchmark == number);
                size(&own.collect::<Vec<_>>(), &sizes)
            })
            .collect();
        let shortest = sizes.iter().copied().min().unwrap_or(1);
        let mut counts: Counts<u64> = Counts::default();
        let mut own = Vec::new();
        for item in &items.all {
            let runs = items.words(item).windows(sizes[item.benchmark as usize]);
            own.extend(runs.map(run_hash));
            // An item that repeats itself is one item.
            own.sort_unstable();
            own.dedup();
            for hash in own.drain(..) {
                *counts.entry(hash).or_default() += 1;
            }
        }
        let mut runs = Vec::new();
        for (number, item) in (0..).zip(&items.all) {
            let words = items.words(item);
            for (at, run) in words.windows(sizes[item.benchmark as usize]).enumerate() {
                let count = counts.get(&run_hash(run)).copied().unwrap_or(0);
                if u64::from(count) <= most {
                    let posting = Posting { item: number, at: narrow(at) };
                    runs.push((run_hash(&run[..shortest]), posting));
                }
            }
        }
        Self { seeds: Seeds::new(shortest, runs), items, sizes }
    }

    /// Adds the items that `text`, whose words these are, has runs of, by their place.
    pub(super) fn find(
        &self,
        text: &str,
        words: &Words,
        scratch: &mut Scratch,
        matches: &mut Vec<Match>,
    ) {
        let runs = &mut scratch.runs;
        runs.clear();
        self.seeds.scan(&words.hashes, |at, postings| {
            for posting in postings {
                let item = &self.items.all[posting.item as usize];
                let size = self.sizes[item.benchmark as usize];
                let run = words.hashes.get(at..at + size);
                let place = posting.at as usize;
                if run == self.items.words(item).get(place..place + size) {
                    runs.push((posting.item, at, at + size));
                }
            }
        });
        runs.sort_unstable();
        runs.dedup();
        // Runs of an item that touch are one match.
        for joined in runs.chunk_by(|a, b| a.0 == b.0 && b.1 <= a.2) {
            let (number, from, _) = joined[0];
            let to = joined[joined.len() - 1].2;
            let item = &self.items.all[number as usize];
            let all = item.len() + 1 - self.sizes[item.benchmark as usize];
            #[expect(clippy::cast_precision_loss, reason = "counts of words are far below 2^52")]
            let score = (joined.len() as f64 / all as f64).min(1.0);
            matches.push(Match {
                item: number,
                start: words.starts[from],
                end: narrow(words.end(text, to - 1)),
                score: rounded(score).max(1e-4),
                parts: 0,
            });
        }
        matches.sort_by_key(|found| (found.start, found.end, found.item));
    }
}
