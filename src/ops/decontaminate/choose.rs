//! By which runs of words an item is found.

use std::cmp::Reverse;

use super::find::{EVIDENCE, RUN};
use super::items::{Counts, Item, Items, Part};
use super::seeds::run_hash;
use super::weights::BIT;

/// Of so many runs in a row one at least is chosen; of parts of more than [`LONG`] words of the
/// second number.
const WINDOW: usize = 4;
const LONG_WINDOW: usize = 8;
const LONG: usize = 48;
/// Of parts of no more words every good run is chosen.
const SHORT: usize = 24;
/// A good run tells so many bits at least, and stands in so many places at most.
const LEAST: u32 = 20 * BIT;
const COMMON: u32 = 64;

/// A run that may be chosen.
#[derive(Debug, Clone, Copy)]
struct Run {
    at: usize,
    hash: u64,
    weight: u32,
    /// Places with the same run, in all items.
    common: u32,
}

impl Run {
    fn good(&self) -> bool {
        self.weight >= LEAST && self.common <= COMMON
    }
}

/// Calls `chosen` with the place and hash of each run of an item that is to be looked up; `common`
/// counts those of all items.
pub(super) fn choose(
    items: &Items,
    item: &Item,
    common: &Counts<u64>,
    mut chosen: impl FnMut(usize, u64),
) {
    let (words, weights) = (items.words(item), items.weights(item));
    let question = item.range(Part::Question);
    // A question that tells little is found by its choices and its answer as well.
    let little = item.weights[Part::Question as usize] < 2 * EVIDENCE;
    let rest = question.end..if little { words.len() } else { question.end };
    // The end of a short one and what follows.
    let across = if little && question.len() < 2 * RUN {
        question.end.saturating_sub(RUN - 1).max(question.start)
            ..(question.end + RUN - 1).min(words.len())
    } else {
        question.end..question.end
    };
    for range in [question, across, rest] {
        let run = |at: usize| {
            let hash = run_hash(&words[at..at + RUN]);
            let weight = weights[at..at + RUN].iter().map(|weight| u32::from(*weight)).sum();
            Run { at, hash, weight, common: common.get(&hash).copied().unwrap_or(0) }
        };
        let places = range.start..(range.end + 1).saturating_sub(RUN);
        let runs: Vec<Run> = places.map(run).collect();
        choose_among(&runs, range.len(), &mut chosen);
    }
}

/// Chooses among the runs of a part of `length` words.
fn choose_among(runs: &[Run], length: usize, chosen: &mut impl FnMut(usize, u64)) {
    let mut last = None;
    if length <= SHORT {
        for run in runs.iter().filter(|run| run.good()) {
            last = Some(run.at);
            chosen(run.at, run.hash);
        }
    } else {
        // Of each window the one that tells most, the first of equals.
        for window in runs.windows(if length > LONG { LONG_WINDOW } else { WINDOW }) {
            let good = window.iter().filter(|run| run.good());
            let best = good.max_by_key(|run| (run.weight, Reverse(run.at)));
            if let Some(best) = best.filter(|best| last.is_none_or(|last| last < best.at)) {
                last = Some(best.at);
                chosen(best.at, best.hash);
            }
        }
    }
    if last.is_none() {
        // The rarest of each half, so that a change in one leaves the other.
        let (first, second) = runs.split_at(runs.len() / 2);
        for half in [first, second] {
            let best = half.iter().max_by_key(|run| (Reverse(run.common), run.weight));
            if let Some(best) = best {
                chosen(best.at, best.hash);
            }
        }
    }
}
