//! A fixed set of words that is asked about every word of a text.

use xxhash_rust::xxh3::xxh3_64;

/// Words by hash, open addressing, at most a quarter full.
pub(crate) struct WordSet {
    words: Vec<String>,
    /// Index of a word plus one; 0 is an empty slot.
    slots: Vec<u32>,
    max_chars: u32,
    /// Which characters words begin with, by their last ten bits.
    firsts: [u64; 16],
}

impl WordSet {
    /// The set of the words, each once, in the order of their first mention.
    pub(crate) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let mut unique: Vec<String> = words.into_iter().collect();
        let mut seen = std::collections::BTreeSet::new();
        unique.retain(|word| seen.insert(word.clone()));
        let max_chars = unique.iter().map(|word| word.chars().count()).max().unwrap_or(0);
        let mut slots = vec![0u32; (unique.len() * 4).next_power_of_two()];
        for (number, word) in (1u32..).zip(&unique) {
            let mut slot = start(word, slots.len());
            while slots[slot] != 0 {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = number;
        }
        let mut firsts = [0; 16];
        for first in unique.iter().filter_map(|word| word.chars().next()) {
            let (at, bit) = place(first);
            firsts[at] |= bit;
        }
        let max_chars = u32::try_from(max_chars).unwrap_or(u32::MAX);
        Self { words: unique, slots, max_chars, firsts }
    }

    /// The index of a word; `None` where it is not in the set.
    pub(crate) fn find(&self, word: &str) -> Option<usize> {
        let mut slot = start(word, self.slots.len());
        loop {
            let index = self.slots[slot].checked_sub(1)? as usize;
            if self.words[index] == word {
                return Some(index);
            }
            slot = (slot + 1) % self.slots.len();
        }
    }

    /// Whether a word of so many characters may be in the set, or one that is it when folded: a quick
    /// look at its first character that spares most words the rest.
    pub(crate) fn may_have(&self, word: &str, chars: u32, folded: bool) -> bool {
        // Folding makes no word shorter, so a longer one is none of the set.
        let Some(first) = word.chars().next().filter(|_| chars <= self.max_chars) else {
            return false;
        };
        let (at, bit) =
            place(if folded { fold_chars(first).next().unwrap_or(first) } else { first });
        self.firsts[at] & bit != 0
    }

    /// The words, by index.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

/// The first slot to look at. There are a power of two of them and one is always empty, so that a
/// search ends.
#[expect(clippy::cast_possible_truncation, reason = "only low bits are wanted")]
fn start(word: &str, slots: usize) -> usize {
    xxh3_64(word.as_bytes()) as usize & (slots - 1)
}

fn place(first: char) -> (usize, u64) {
    let point = first as usize;
    (point >> 6 & 15, 1 << (point & 63))
}

fn fold_chars(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c })
}

/// Puts `word` in lower case into `buffer`, character by character: a form to compare by, in which
/// the two small sigmas are one. It never has fewer characters than `word`.
pub(crate) fn fold(word: &str, buffer: &mut String) {
    buffer.clear();
    if word.is_ascii() {
        buffer.push_str(word);
        buffer.make_ascii_lowercase();
        return;
    }
    buffer.extend(word.chars().flat_map(fold_chars));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_in_it_and_nothing_else() {
        let words = (0..1000).map(|number| format!("word{number}"));
        let set = WordSet::new(words.chain(["word7".to_owned(), String::new()]));
        assert_eq!(set.words().len(), 1001);
        for number in 0..1000 {
            assert_eq!(set.find(&format!("word{number}")), Some(number));
        }
        assert_eq!(set.find(""), Some(1000));
        assert_eq!(set.find("word1000"), None);
        assert!(set.may_have("wxyz", 4, false) && set.may_have("WORD1", 5, true));
        assert!(!set.may_have("Word1", 5, false) && !set.may_have("xord1", 5, true));
        assert!(!set.may_have("wordlike", 8, true) && !set.may_have("", 0, true));
        assert_eq!(WordSet::new([]).find("a"), None);
    }

    #[test]
    fn folding_is_lower_case_of_any_script() {
        let mut buffer = String::new();
        let mut folded = |word: &str| {
            fold(word, &mut buffer);
            buffer.clone()
        };
        assert_eq!(folded("THE"), "the");
        assert_eq!(folded("Über"), "über");
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
        assert_eq!(folded("ς"), "σ");
        assert_eq!(folded("И"), "и");
        assert_eq!(folded("İ"), "i\u{307}");
    }
}
