//! The words of a text as they are compared: lower case, no punctuation, no accents, ideographs one
//! by one; as hashes, with the places where they start.
//!
//! Nearly all of a corpus goes through here to find nothing, so ASCII is looked at 64 bytes at a
//! time, and no word is copied.

use super::fold::{Fold, Folded};
use super::narrow;

/// The words of one text.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// A hash of each word.
    pub(super) hashes: Vec<u32>,
    /// The byte where it starts.
    pub(super) starts: Vec<u32>,
}

/// Whether `A.`, `(b)` and the like are words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// They are words as any other.
    Words,
    /// They are left out: choices are written with and without them.
    LeftOut,
}

/// Bytes looked at together.
const BLOCK: usize = 64;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Has the high bit of each byte of `bytes`, which are all below 128, that is at least `least`.
#[inline]
fn at_least(bytes: u64, least: u8) -> u64 {
    (bytes + ONES * u64::from(128 - least)) & HIGHS
}

/// The high bits of eight bytes in one byte, the first byte lowest.
#[inline]
fn gather(highs: u64) -> u64 {
    (highs >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Of each byte of a block a bit: whether it is an ASCII letter or digit, and whether the loop for
/// ASCII cannot tell what it is.
#[inline]
fn classify(block: &[u8; BLOCK]) -> (u64, u64) {
    let (mut letters, mut special) = (0, 0);
    for (index, chunk) in block.as_chunks::<8>().0.iter().enumerate() {
        let bytes = u64::from_le_bytes(*chunk);
        let beyond = bytes & HIGHS;
        let low = bytes & !HIGHS;
        let lower = low | (ONES * 0x20);
        let letter = at_least(lower, b'a') & !at_least(lower, b'z' + 1) & at_least(low, b'A');
        let digit = at_least(low, b'0') & !at_least(low, b'9' + 1);
        let equal = |byte: u8| !((low ^ (ONES * u64::from(byte))) + ONES * 127) & HIGHS;
        letters |= gather((letter | digit) & !beyond) << (8 * index);
        special |= gather(beyond | equal(b'\'') | equal(b'\\')) << (8 * index);
    }
    (letters, special)
}

/// What the bytes of a block are, a bit each.
#[derive(Debug, Clone, Copy)]
struct Classes {
    letters: u64,
    special: u64,
    /// Whether the text ends with the block.
    last: bool,
}

/// The hash of a word, made letter by letter; that of [`short_hash`] for the same letters.
#[derive(Debug, Clone, Copy, Default)]
struct Letters {
    before: u64,
    chunk: u64,
    length: u64,
}

/// A word that may go on.
#[derive(Debug)]
struct Open {
    start: usize,
    letters: Letters,
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    #[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
    let folded = product as u64 ^ (product >> 64) as u64;
    folded
}

/// The hash of a word of eight bytes at most, or of what is behind the first eight, sixteen, …
#[inline]
fn short_hash(before: u64, chunk: u64, length: u64) -> u32 {
    let hash = fold(before ^ chunk ^ 0xa076_1d64_78bd_642f, length ^ 0xe703_7ed1_a0b4_28db);
    #[expect(clippy::cast_possible_truncation, reason = "32 of its bits are enough")]
    let hash = (hash >> 16) as u32;
    hash
}

#[inline]
fn long_hash(before: u64, chunk: u64) -> u64 {
    fold(before ^ chunk ^ 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
}

impl Letters {
    #[inline]
    fn push(&mut self, byte: u64) {
        if self.length > 0 && self.length.is_multiple_of(8) {
            self.before = long_hash(self.before, self.chunk);
            self.chunk = 0;
        }
        self.chunk |= byte << (8 * (self.length & 7));
        self.length += 1;
    }

    #[inline]
    fn letter(&mut self, letter: u32) {
        self.push(u64::from(letter & 0xff));
        if letter > 0x7f {
            self.push(u64::from(letter >> 8 & 0xff));
            if letter > 0xffff {
                self.push(u64::from(letter >> 16));
            }
        }
    }

    #[inline]
    fn finish(self) -> u32 {
        short_hash(self.before, self.chunk, self.length)
    }
}

/// The hash of ASCII letters and digits of any case.
#[inline]
fn ascii_hash(bytes: &[u8], start: usize, length: usize) -> u32 {
    if let (Some(chunk), true) = (bytes[start..].first_chunk::<8>(), length <= 8) {
        // The bit for lower case is set in digits, too.
        let chunk = (u64::from_le_bytes(*chunk) | (ONES * 0x20)) & u64::MAX >> (64 - 8 * length);
        return short_hash(0, chunk, length as u64);
    }
    let mut letters = Letters::default();
    for byte in &bytes[start..start + length] {
        letters.push(u64::from(byte | 0x20));
    }
    letters.finish()
}

impl Words {
    /// The words of `text`, in place of those held.
    pub(super) fn split(&mut self, text: &str, labels: Labels) {
        self.hashes.clear();
        self.starts.clear();
        let bytes = text.as_bytes();
        self.hashes.reserve(bytes.len() / 6 + 1);
        self.starts.reserve(bytes.len() / 6 + 1);
        let mut at = 0;
        while at < bytes.len() {
            let mut padded = [0; BLOCK];
            let rest = &bytes[at..];
            let block = rest.first_chunk::<BLOCK>().unwrap_or_else(|| {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            });
            let last = rest.len() <= BLOCK;
            let (letters, special) = classify(block);
            let class = Classes { letters, special, last };
            at = self.block(bytes, at, class, labels).unwrap_or_else(|from| self.slow(text, from));
        }
    }

    /// Takes the words of a block at `at`; gives where the next begins, or where something stands
    /// that is not for here.
    #[inline]
    fn block(
        &mut self,
        bytes: &[u8],
        at: usize,
        Classes { mut letters, special, last }: Classes,
        labels: Labels,
    ) -> Result<usize, usize> {
        let limit = special.trailing_zeros();
        while letters != 0 {
            let start = letters.trailing_zeros();
            let length = (!(letters >> start)).trailing_zeros().min(64 - start);
            let end = start + length;
            if end >= limit && limit < 64 {
                break;
            }
            if end == 64 && !last {
                // It may go on in the next block. One that fills the block is for the other loop.
                return if start > 0 { Ok(at + start as usize) } else { Err(at) };
            }
            let begin = at + start as usize;
            if length > 1 || labels == Labels::Words || !is_label(bytes, begin) {
                self.hashes.push(ascii_hash(bytes, begin, length as usize));
                self.starts.push(narrow(begin));
            }
            letters &= if end == 64 { 0 } else { u64::MAX << end };
        }
        if limit == 64 {
            return Ok(at + BLOCK);
        }
        Err(at + letters.trailing_zeros().min(limit) as usize)
    }

    /// Takes words from `from` on until one ends before ASCII; gives the byte to go on from.
    #[inline(never)]
    fn slow(&mut self, text: &str, from: usize) -> usize {
        let table = Fold::shared();
        let mut open = Open { start: from, letters: Letters::default() };
        let mut escape = false;
        for (offset, character) in text[from..].char_indices() {
            let at = from + offset;
            // A line end or tab that was escaped once too often is no letter of the next word.
            if std::mem::replace(&mut escape, character == '\\')
                && matches!(character, 'n' | 'r' | 't')
            {
                continue;
            }
            match table.of(character) {
                Folded::Several(number) => {
                    for piece in table.expansion(number) {
                        self.piece(*piece, at, &mut open);
                    }
                }
                Folded::Break => {
                    self.end_word(&mut open);
                    let next = text.as_bytes().get(at + 1);
                    if character.is_ascii() && !escape && next.is_some_and(u8::is_ascii) {
                        return at + 1;
                    }
                }
                one => self.piece(one, at, &mut open),
            }
        }
        self.end_word(&mut open);
        text.len()
    }

    #[inline]
    fn piece(&mut self, piece: Folded, at: usize, open: &mut Open) {
        match piece {
            Folded::Letter(letter) => {
                if open.letters.length == 0 {
                    open.start = at;
                }
                open.letters.letter(letter);
            }
            Folded::Alone(letter) => {
                self.end_word(open);
                self.hashes.push(short_hash(0, u64::from(letter), 0));
                self.starts.push(narrow(at));
            }
            Folded::Break => self.end_word(open),
            Folded::Skip | Folded::Several(_) => {}
        }
    }

    #[inline]
    fn end_word(&mut self, open: &mut Open) {
        if open.letters.length > 0 {
            self.hashes.push(open.letters.finish());
            self.starts.push(narrow(open.start));
            open.letters = Letters::default();
        }
    }

    /// The byte behind the word `index` of `text`, whose words these are.
    pub(super) fn end(&self, text: &str, index: usize) -> usize {
        let start = self.starts[index] as usize;
        let fold = Fold::shared();
        let mut end = start;
        for (offset, character) in text[start..].char_indices() {
            let behind = start + offset + character.len_utf8();
            match fold.of(character) {
                // The last letter of several may go on as a word.
                Folded::Letter(_) | Folded::Several(_) => end = behind,
                Folded::Skip => {}
                Folded::Alone(_) if end == start => return behind,
                Folded::Alone(_) | Folded::Break => break,
            }
        }
        end
    }
}

/// Whether the letter at `at` marks a choice: `A.`, `A)` or `(A)` with nothing before it.
fn is_label(bytes: &[u8], at: usize) -> bool {
    if !bytes[at].is_ascii_alphabetic() {
        return false;
    }
    let free = |before: Option<&u8>| before.is_none_or(u8::is_ascii_whitespace);
    let before = at.checked_sub(1).map(|before| bytes[before]);
    match (before, bytes.get(at + 1)) {
        (Some(b'('), Some(b')')) => free(at.checked_sub(2).map(|before| &bytes[before])),
        (before, Some(b'.' | b')')) => {
            free(before.as_ref()) && bytes.get(at + 2).is_none_or(u8::is_ascii_whitespace)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Words {
        let mut words = Words::default();
        words.split(text, Labels::Words);
        words
    }

    fn hashes(text: &str) -> Vec<u32> {
        words(text).hashes
    }

    /// Word starts, letter by letter.
    fn plain(text: &str) -> Vec<u32> {
        let table = Fold::shared();
        let (mut starts, mut open, mut escape) = (Vec::new(), false, false);
        for (at, character) in text.char_indices() {
            if std::mem::replace(&mut escape, character == '\\')
                && matches!(character, 'n' | 'r' | 't')
            {
                continue;
            }
            let one = [table.of(character)];
            let pieces = match one[0] {
                Folded::Several(number) => table.expansion(number),
                _ => &one,
            };
            for piece in pieces {
                match piece {
                    Folded::Letter(_) => {
                        if !std::mem::replace(&mut open, true) {
                            starts.push(narrow(at));
                        }
                    }
                    Folded::Alone(_) => {
                        starts.push(narrow(at));
                        open = false;
                    }
                    Folded::Break => open = false,
                    Folded::Skip | Folded::Several(_) => {}
                }
            }
        }
        starts
    }

    proptest! {
        #[test]
        fn blocks_find_the_words_that_letters_do(
            text in "([a-zA-Z0-9]{0,80}|[ .,'\\\\()-]{1,3}|[éß“”’—ﬁ½Ж日ガ한\u{301}]{0,3}|[ntr]){0,40}"
        ) {
            let words = words(&text);
            prop_assert_eq!(&words.starts, &plain(&text));
            for index in 0..words.starts.len() {
                let end = words.end(&text, index);
                prop_assert!(end > words.starts[index] as usize && text.is_char_boundary(end));
                // A word alone has the same hash.
                let alone = &text[words.starts[index] as usize..end];
                prop_assert!(hashes(alone).contains(&words.hashes[index]), "{}", alone);
            }
        }

        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            let words = words(&text);
            prop_assert_eq!(&words.starts, &plain(&text));
        }
    }

    #[test]
    fn words_are_equal_whatever_their_case_width_accents_and_punctuation() {
        for (left, right) in [
            ("The Quick, brown FOX!", "the quick brown fox"),
            ("Janet's ducks", "Janet’s ducks"),
            ("don't", "dont"),
            ("café naïve", "CAFE\u{301} nai\u{308}ve"),
            ("ｆｕｌｌ　ｗｉｄｔｈ１２", "full width12"),
            ("ﬁnd ﬂow", "find flow"),
            ("x²", "X2"),
            ("Ёлка й", "елка и\u{306}"),
            ("日本語、です", "日 本 語 で す"),
            ("ｶﾅ", "カナ"),
            ("snake_case(a, b)", "snake case a b"),
            ("one\\nOptions: two", "one Options two"),
            ("soft\u{ad}hyphen zero\u{200b}width", "softhyphen zerowidth"),
            ("𝐛𝐨𝐥𝐝", "bold"),
        ] {
            assert_eq!(hashes(left), hashes(right), "{left}");
            assert!(!hashes(left).is_empty(), "{left}");
        }
        assert_ne!(hashes("a bc"), hashes("ab c"));
        assert_ne!(hashes("abcdefghi"), hashes("abcdefghj"));
        assert_eq!(hashes(" .,;!? \n — … 🙂 "), [0; 0]);
    }

    #[test]
    fn labels_of_choices_are_left_out_where_told() {
        let left_out = |text: &str| {
            let mut words = Words::default();
            words.split(text, Labels::LeftOut);
            words.hashes
        };
        for text in ["A. red\nB. green", "(A) red (B) green", "a) red\nb) green"] {
            assert_eq!(left_out(text), hashes("red green"), "{text}");
            assert_eq!(hashes(text).len(), 4);
        }
        assert_eq!(left_out("f(a) and a cat, I."), hashes("f a and a cat"));
    }
}
