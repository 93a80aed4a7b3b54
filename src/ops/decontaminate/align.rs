//! How much of an item stands around a place of a text: the words that both have in the same order,
//! with some words more, less or changed in between.

use super::items::{Item, PARTS, Part};

/// Most words that may be skipped at once, on either side and on both together.
const SKIP: usize = 8;
const SKIP_TOGETHER: usize = 10;

/// A stretch of a text and the stretch of an item that it agrees with; ends are behind the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aligned {
    pub(super) from: usize,
    pub(super) to: usize,
    item_from: usize,
    item_to: usize,
    /// Weight of the words found, by part.
    pub(super) found: [u32; PARTS],
    /// Words of the question found.
    pub(super) asked: u32,
}

impl Aligned {
    /// Adds a later stretch of the same item.
    pub(super) fn join(&mut self, next: &Self) {
        if next.item_from >= self.item_to || next.item_to <= self.item_from {
            for (sum, found) in self.found.iter_mut().zip(next.found) {
                *sum += found;
            }
            self.asked += next.asked;
        } else {
            for (most, found) in self.found.iter_mut().zip(next.found) {
                *most = (*most).max(found);
            }
            self.asked = self.asked.max(next.asked);
        }
        self.item_from = self.item_from.min(next.item_from);
        self.item_to = self.item_to.max(next.item_to);
        self.to = self.to.max(next.to);
    }
}

/// Aligns an item with a text, outwards from the word `at` of the text and `item_at` of the item.
pub(super) fn align(
    text: &[u32],
    at: usize,
    (item, words, weights): (&Item, &[u32], &[u16]),
    item_at: usize,
) -> Aligned {
    let (mut found, mut asked) = ([0; PARTS], 0);
    let mut count = |word: usize| {
        let part = item.part(word);
        found[part] += u32::from(weights[word]);
        asked += u32::from(part == Part::Question as usize);
    };
    let (before, behind) = text.split_at(at);
    let (item_before, item_behind) = words.split_at(item_at);
    let (right, item_right) = extend(
        |index| behind.get(index).copied(),
        |index| item_behind.get(index).copied(),
        |index| count(item_at + index),
    );
    let (left, item_left) = extend(
        |index| before.len().checked_sub(index + 1).map(|index| before[index]),
        |index| item_before.len().checked_sub(index + 1).map(|index| item_before[index]),
        |index| count(item_at - 1 - index),
    );
    Aligned {
        from: at - left,
        to: at + right,
        item_from: item_at - item_left,
        item_to: item_at + item_right,
        found,
        asked,
    }
}

/// Goes along two sequences as long as they agree; gives how much of each was covered.
#[inline]
fn extend(
    text: impl Fn(usize) -> Option<u32>,
    item: impl Fn(usize) -> Option<u32>,
    mut found: impl FnMut(usize),
) -> (usize, usize) {
    let (mut at, mut item_at) = (0, 0);
    let mut covered = (0, 0);
    loop {
        let (Some(word), Some(item_word)) = (text(at), item(item_at)) else { return covered };
        if word == item_word {
            found(item_at);
            (at, item_at) = (at + 1, item_at + 1);
            covered = (at, item_at);
            continue;
        }
        let Some((skip, item_skip)) = meet(&text, at, &item, item_at) else { return covered };
        (at, item_at) = (at + skip, item_at + item_skip);
    }
}

/// The fewest words to skip on both sides until two words in a row agree, or the item's last one.
fn meet(
    text: &impl Fn(usize) -> Option<u32>,
    at: usize,
    item: &impl Fn(usize) -> Option<u32>,
    item_at: usize,
) -> Option<(usize, usize)> {
    for together in 1..=SKIP_TOGETHER {
        for skip in together.saturating_sub(SKIP)..=together.min(SKIP) {
            let item_skip = together - skip;
            let Some(word) = item(item_at + item_skip) else { continue };
            if text(at + skip) != Some(word) {
                continue;
            }
            let agree = match item(item_at + item_skip + 1) {
                Some(next) => text(at + skip + 1) == Some(next),
                None => together <= 2,
            };
            if agree {
                return Some((skip, item_skip));
            }
        }
    }
    None
}
