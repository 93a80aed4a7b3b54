//! What words of the benchmarks tell, in bits.
//!
//! A word weighs the negative logarithm of its share of the words of all benchmarks, or of its own
//! one, or of what stands there behind the word before, whichever is greatest; itself left out. So
//! `Write a function to` weighs next to nothing in MBPP, where every item begins with it, and the
//! names in a story weigh most.

use super::items::Counts;

/// Units of a weight in a bit.
pub(super) const BIT: u32 = 16;

/// No word weighs more bits.
const MOST: u32 = 16;

/// How many words of text, and of words behind one word, count as seen before any are: the fewer
/// items there are, the more a word's looks count.
const UNSEEN: f64 = 2000.0;
const UNSEEN_BEHIND: f64 = 8.0;

/// How often words, and pairs of words, occur in a collection.
#[derive(Debug, Default)]
struct Occurrences {
    all: u32,
    words: Counts<u32>,
    pairs: Counts<u64>,
}

/// Occurrences in all benchmarks, and in each.
#[derive(Debug)]
pub(super) struct Frequencies {
    together: Occurrences,
    each: Vec<Occurrences>,
}

fn pair(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

/// Words of every question, which tell as little where a small benchmark has few of them.
const COMMON: &str = " a all an and any are as at be been best by can choose correct could did do does each \
    example false following for from had has have he her his how if in into is it its made many may mean \
    more most much must name not of on one only or other out she should so some statement statements such \
    than that the their them then there these they this those to true two type up used was were what when \
    where which who whom whose why will with would you your ";
/// Bits that they tell at most, and that any word of less expected bits does.
const LITTLE: u8 = 7;

/// Bits that a word is expected to tell, by its looks alone: digits and short words are common.
pub(super) fn guess(word: Option<&str>) -> u8 {
    let word = word.unwrap_or_default();
    let padded = format!(" {} ", word.to_lowercase());
    if COMMON.contains(&padded) {
        return 6;
    }
    let chars = word.chars().count().max(1);
    match word.chars().next() {
        Some(first) if !first.is_ascii() && chars == 1 => 9,
        Some(first) if first.is_ascii_digit() => [6, 8, 10, 12][chars.min(4) - 1],
        _ => [6, 7, 8, 10, 11, 12][chars.min(6) - 1],
    }
}

impl Occurrences {
    fn add(&mut self, words: &[u32]) {
        self.all = self.all.saturating_add(u32::try_from(words.len()).unwrap_or(u32::MAX));
        for word in words {
            *self.words.entry(*word).or_default() += 1;
        }
        for two in words.windows(2) {
            *self.pairs.entry(pair(two[0], two[1])).or_default() += 1;
        }
    }

    /// The share of `word` among words, one occurrence of it left out.
    fn share(&self, word: u32, guess: f64) -> f64 {
        let seen = self.words.get(&word).map_or(0, |count| count - 1);
        (f64::from(seen) + UNSEEN * guess) / (f64::from(self.all) + UNSEEN)
    }

    /// The share of `word` among words behind `before`, one occurrence left out.
    fn share_behind(&self, before: u32, word: u32, guess: f64) -> f64 {
        let seen = self.pairs.get(&pair(before, word)).map_or(0, |count| count - 1);
        let all = self.words.get(&before).map_or(0, |count| count - 1);
        (f64::from(seen) + UNSEEN_BEHIND * guess) / (f64::from(all) + UNSEEN_BEHIND)
    }
}

impl Frequencies {
    /// Of so many benchmarks, of which nothing is seen yet.
    pub(super) fn new(benchmarks: usize) -> Self {
        let each = (0..benchmarks).map(|_| Occurrences::default()).collect();
        Self { together: Occurrences::default(), each }
    }

    /// Counts the words of an item.
    pub(super) fn add(&mut self, benchmark: u32, words: &[u32]) {
        self.together.add(words);
        if self.each.len() > 1 {
            self.each[benchmark as usize].add(words);
        }
    }

    /// What a word tells behind the word `before`, in [`BIT`]s.
    pub(super) fn weight(&self, benchmark: u32, before: Option<u32>, word: u32, guess: u8) -> u16 {
        let little = guess <= LITTLE;
        let guess = 1.0 / f64::from(1_u32 << guess.min(31));
        let plain = self.together.share(word, guess).max(if little { guess } else { 0.0 });
        let own = if self.each.len() > 1 { &self.each[benchmark as usize] } else { &self.together };
        let mut share = plain.max(own.share(word, guess));
        if let Some(before) = before {
            share = share.max(self.together.share_behind(before, word, plain));
            share = share.max(own.share_behind(before, word, plain));
        }
        let units = -libm::log2(share.min(1.0)) * f64::from(BIT);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 256"
        )]
        let weight = units.clamp(1.0, f64::from(MOST * BIT)) as u16;
        weight
    }
}
