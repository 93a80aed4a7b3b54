//! Which stop words occur: one look at a small table per word, not one comparison per stop word.

/// At most this many; one bit each in the set of those seen.
pub(super) const MOST: usize = 64;

const SLOTS: usize = 256;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// A set of words, numbered.
#[derive(Debug, Clone)]
pub(super) struct StopWords {
    /// Words of up to eight bytes as numbers; 0 in an empty slot.
    short: Box<[u64; SLOTS]>,
    /// Numbers of those words.
    numbers: Box<[u8; SLOTS]>,
    /// Longer ones, and those that are not ASCII.
    long: Vec<(u8, String)>,
}

impl StopWords {
    /// Takes at most [`MOST`] words.
    pub(super) fn new(words: &[String]) -> Self {
        let mut set =
            Self { short: Box::new([0; SLOTS]), numbers: Box::new([0; SLOTS]), long: Vec::new() };
        for (number, word) in (0..).zip(words) {
            if let Some(key) = pack(word.as_bytes(), 0, word.len()).filter(|_| word.is_ascii()) {
                let mut slot = home(key);
                while set.short[slot] != 0 {
                    slot = (slot + 1) % SLOTS;
                }
                set.short[slot] = key;
                set.numbers[slot] = number;
            } else {
                set.long.push((number, word.clone()));
            }
        }
        set
    }

    /// The bit of the word of `text` from `start` to `end`, or 0; letter case counts.
    #[inline]
    pub(super) fn exactly(&self, text: &str, start: usize, end: usize) -> u64 {
        match pack(text.as_bytes(), start, end) {
            Some(key) if self.long.is_empty() || key & HIGH == 0 => self.find(key),
            _ => self.find_long(|word| *word == text[start..end]),
        }
    }

    /// [`StopWords::exactly`], where the stop words are in lower case and the case of ASCII letters
    /// does not count.
    #[inline]
    pub(super) fn in_any_case(&self, text: &str, start: usize, end: usize) -> u64 {
        match pack(text.as_bytes(), start, end) {
            Some(key) if self.long.is_empty() || key & HIGH == 0 => self.find(lower(key)),
            _ => self.find_long(|word| word.eq_ignore_ascii_case(&text[start..end])),
        }
    }

    /// [`StopWords::in_any_case`] for the case of all letters.
    #[inline]
    pub(super) fn in_any_unicode_case(&self, text: &str, start: usize, end: usize) -> u64 {
        match pack(text.as_bytes(), start, end) {
            Some(key) if key & HIGH == 0 => self.find(lower(key)),
            None if self.long.is_empty() && text.as_bytes()[start..end].is_ascii() => 0,
            _ => self.find_anywhere(&text[start..end].to_lowercase()),
        }
    }

    #[inline]
    fn find(&self, key: u64) -> u64 {
        let mut slot = home(key);
        // There are four times as many slots as words.
        while self.short[slot] != 0 {
            if self.short[slot] == key {
                return 1 << self.numbers[slot];
            }
            slot = (slot + 1) % SLOTS;
        }
        0
    }

    fn find_long(&self, is: impl Fn(&String) -> bool) -> u64 {
        self.long.iter().find(|(_, word)| is(word)).map_or(0, |(number, _)| 1 << number)
    }

    #[cold]
    fn find_anywhere(&self, word: &str) -> u64 {
        self.exactly(word, 0, word.len())
    }
}

fn home(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

/// A word of one to eight bytes as a number, which holds its length, too: no word has a NUL in it
/// that is not followed by something else.
#[inline]
fn pack(bytes: &[u8], start: usize, end: usize) -> Option<u64> {
    let length = end - start;
    if length == 0 || length > 8 {
        return None;
    }
    let mask = u64::MAX >> (64 - 8 * length);
    if let Some(chunk) = bytes[start..].first_chunk::<8>() {
        return Some(u64::from_le_bytes(*chunk) & mask);
    }
    let mut chunk = [0; 8];
    chunk[..length].copy_from_slice(&bytes[start..end]);
    Some(u64::from_le_bytes(chunk))
}

/// ASCII letters in lower case.
fn lower(key: u64) -> u64 {
    let low = key & !HIGH;
    let upper = (low + (0x80 - u64::from(b'A')) * ONES) & !(low + (0x7f - u64::from(b'Z')) * ONES);
    key | (upper & !key & HIGH) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_words_of_every_length() {
        let list = ["a", "the", "straight", "straightaway", "être", "и"].map(str::to_owned);
        let set = StopWords::new(&list);
        for (number, word) in list.iter().enumerate() {
            for text in [word.clone(), format!("{word} and more"), format!("{word}!")] {
                assert_eq!(set.exactly(&text, 0, word.len()), 1 << number, "{text}");
                assert_eq!(set.in_any_case(&text, 0, word.len()), 1 << number, "{text}");
            }
            let upper = word.to_uppercase();
            assert_eq!(set.exactly(&upper, 0, upper.len()), 0);
            assert_eq!(set.in_any_unicode_case(&upper, 0, upper.len()), 1 << number);
            assert_eq!(set.in_any_case(&upper, 0, upper.len()) != 0, upper.is_ascii());
        }
        for other in ["b", "th", "then", "straigh", "straightawax", "être\u{301}", "", "[h[", "\0"]
        {
            assert_eq!(set.exactly(other, 0, other.len()), 0, "{other}");
            assert_eq!(set.in_any_case(other, 0, other.len()), 0, "{other}");
        }
        let many: Vec<String> = (0..MOST).map(|number| format!("w{number}")).collect();
        let set = StopWords::new(&many);
        let seen = many.iter().fold(0, |seen, word| seen | set.exactly(word, 0, word.len()));
        assert_eq!(seen, u64::MAX);
    }
}
