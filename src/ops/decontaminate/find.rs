//! The method `items`: which items stand in a text, wholly or nearly.

use super::align::{Aligned, align};
use super::choose::choose;
use super::found::{Match, rounded};
use super::items::{Counts, Item, Items, PARTS, Part};
use super::seeds::{Posting, Seeds, run_hash};
use super::weights::BIT;
use super::words::Words;
use super::{LEAST, narrow};

/// Words of a run that is looked up.
pub(super) const RUN: usize = 4;
/// What has to be found of an item, of all its parts together, lest it be chance. 40 bits would do
/// for independent words: there are about 2^26 places in a million paragraphs, and 2^14 items.
pub(super) const EVIDENCE: u32 = 50 * BIT;
/// As much of a question, and of all but the passage, is enough even where there is more.
const ENOUGH: u32 = 250 * BIT;
/// What each word of a question tells at least where nine in ten of them are found: the phrases of
/// a benchmark are common in it, but not elsewhere.
const WORD: u32 = 5 * BIT;
/// Words between two stretches of an item that belong together; where there is a passage, it may
/// stand farther off.
const APART: usize = 60;
const PASSAGE_APART: usize = 200;
/// Answers of up to so many words are looked for whole in so many words behind the question; of
/// longer ones runs of three words are.
const SHORT_ANSWER: usize = 3;
const SHORT_ANSWER_WINDOW: usize = 50;
const LONG_ANSWER_WINDOW: usize = 100;

/// The index of the method.
#[derive(Debug)]
pub(super) struct Finder {
    pub(super) items: Items,
    seeds: Seeds,
}

/// Buffers kept from text to text.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Of each item met in this text, the word behind the last stretch.
    behind: Counts<u32>,
    stretches: Vec<(u32, Aligned)>,
}

impl Finder {
    /// The index of `items`.
    pub(super) fn new(items: Items) -> Self {
        let mut common: Counts<u64> = Counts::default();
        for item in &items.all {
            for run in items.words(item).windows(RUN) {
                *common.entry(run_hash(run)).or_default() += 1;
            }
        }
        let mut runs = Vec::new();
        for (number, item) in (0..).zip(&items.all) {
            choose(&items, item, &common, |at, hash| {
                runs.push((hash, Posting { item: number, at: narrow(at) }));
            });
        }
        Self { seeds: Seeds::new(RUN, runs), items }
    }

    /// Adds the items that stand in `text`, whose words these are, by their place.
    pub(super) fn find(
        &self,
        text: &str,
        words: &Words,
        scratch: &mut Scratch,
        matches: &mut Vec<Match>,
    ) {
        self.stretches(words, scratch);
        let stretches = &mut scratch.stretches;
        if stretches.is_empty() {
            return;
        }
        stretches.sort_unstable_by_key(|(item, stretch)| (*item, stretch.from, stretch.to));
        let mut rest = stretches.iter().peekable();
        while let Some((number, first)) = rest.next() {
            let item = &self.items.all[*number as usize];
            let apart = if item.range(Part::Passage).is_empty() { APART } else { PASSAGE_APART };
            let mut whole = *first;
            while let Some((_, next)) =
                rest.next_if(|(other, next)| other == number && next.from <= whole.to + apart)
            {
                whole.join(next);
            }
            if let Some(found) = self.judge(text, words, *number, whole) {
                matches.push(found);
            }
        }
        matches.sort_by_key(|found| (found.start, found.end, found.item));
    }

    /// Finds the stretches of the text that agree with items.
    fn stretches(&self, words: &Words, scratch: &mut Scratch) {
        let Scratch { behind, stretches } = scratch;
        behind.clear();
        stretches.clear();
        self.seeds.scan(&words.hashes, |at, postings| {
            for posting in postings {
                let behind = behind.entry(posting.item).or_default();
                if at < *behind as usize {
                    continue;
                }
                let item = &self.items.all[posting.item as usize];
                let sides = (item, self.items.words(item), self.items.weights(item));
                let stretch = align(&words.hashes, at, sides, posting.at as usize);
                *behind = narrow(stretch.to);
                // Less never counts, whatever stands near.
                if stretch.found.iter().sum::<u32>() * 4 >= EVIDENCE || stretch.asked >= 8 {
                    stretches.push((posting.item, stretch));
                }
            }
        });
    }

    /// What was found of an item, where it is enough.
    fn judge(&self, text: &str, words: &Words, number: u32, whole: Aligned) -> Option<Match> {
        let mut whole = whole;
        let item = &self.items.all[number as usize];
        let question = Part::Question as usize;
        let asked = item.weights[question].clamp(1, ENOUGH);
        if whole.found[question] * 4 < asked {
            return None;
        }
        self.answer(words, item, &mut whole);
        let mut found: u32 = whole.found.iter().sum();
        let passage = Part::Passage as usize;
        let all = item.weights.iter().sum::<u32>() - item.weights[passage];
        let share = |part: u32, all: u32| (f64::from(part) / f64::from(all.max(1))).min(1.0);
        let covered = share(whole.found[question], asked)
            .max(share(found - whole.found[passage], all.min(ENOUGH)));
        if whole.asked as usize * 10 >= item.range(Part::Question).len() * 9 {
            found = found.max(WORD * whole.asked.saturating_sub(1));
        }
        let score = rounded(covered * share(found, EVIDENCE));
        let half =
            |part: &usize| whole.found[*part] > 0 && whole.found[*part] * 2 >= item.weights[*part];
        (score >= LEAST).then(|| Match {
            item: number,
            start: words.starts[whole.from],
            end: narrow(words.end(text, whole.to - 1)),
            score,
            parts: (0..PARTS).filter(half).map(|part| 1 << part).sum(),
        })
    }

    /// Looks for an answer that does not follow at once.
    fn answer(&self, words: &Words, item: &Item, whole: &mut Aligned) {
        let part = Part::Answer as usize;
        let range = item.range(Part::Answer);
        if range.is_empty() || whole.found[part] > 0 {
            return;
        }
        let answer = &self.items.words(item)[range.clone()];
        let weights = &self.items.weights(item)[range];
        let short = answer.len() <= SHORT_ANSWER;
        let window =
            if short { SHORT_ANSWER_WINDOW } else { LONG_ANSWER_WINDOW.max(2 * answer.len()) };
        let end = (whole.to + window).min(words.hashes.len());
        let near = &words.hashes[whole.to..end];
        if short {
            if let Some(at) = near.windows(answer.len()).position(|near| near == answer) {
                whole.found[part] = item.weights[part];
                whole.to += at + answer.len();
            }
            return;
        }
        let mut runs: Vec<&[u32]> = near.windows(3).collect();
        runs.sort_unstable();
        let mut counted = 0;
        for (at, run) in answer.windows(3).enumerate() {
            if runs.binary_search(&run).is_ok() {
                let new = &weights[counted.max(at)..at + 3];
                whole.found[part] += new.iter().map(|weight| u32::from(*weight)).sum::<u32>();
                counted = at + 3;
            }
        }
    }
}
