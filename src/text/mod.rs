//! What ops want to know of a text, computed once a document and shared by all of them.
//!
//! An [`Analysis`] starts empty; the first op that asks for words pays for the splitting, the
//! others read the table. Offsets are byte offsets into the text that the analysis belongs to. An
//! op that changes the text gets a new analysis with it. No op splits words for itself.

mod classes;
pub(crate) mod code_points;
mod dictionary;
pub(crate) mod python;
pub(crate) mod sentencizer;
pub mod shingles;
mod spacy_en;
mod uax29;
pub(crate) mod word_set;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use self::classes::Classes;
use self::spacy_en::{SpacyCache, SpacyEn};

/// A span of a text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// First byte behind it.
    pub end: u32,
}

impl Span {
    /// The bytes of `text` it covers.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    pub(crate) fn new(start: usize, end: usize) -> Self {
        // Documents are capped at 256 MiB when they are read, so offsets fit 32 bits.
        #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
        let narrow = |offset: usize| offset as u32;
        Self { start: narrow(start), end: narrow(end) }
    }
}

/// A word of a text: where it stands, and what filters ask of every word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// First byte.
    pub start: u32,
    /// First byte behind it.
    pub end: u32,
    /// Characters (Unicode scalar values).
    pub chars: u32,
    /// Classes of its characters.
    pub classes: Classes,
}

impl Word {
    /// The bytes of `text` it covers.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers nothing; no word does.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether a character is alphabetic ([`char::is_alphabetic`]).
    #[must_use]
    pub fn has_letter(self) -> bool {
        self.classes.has(Classes::LETTER)
    }

    /// Whether a character is a number ([`char::is_numeric`]): a digit, but a fraction or a numeral
    /// as well.
    #[must_use]
    pub fn has_number(self) -> bool {
        self.classes.has(Classes::NUMBER)
    }

    /// Whether all characters are ASCII.
    #[must_use]
    pub fn is_ascii(self) -> bool {
        !self.classes.has(Classes::NON_ASCII)
    }

    /// Measures the word of `text` at `span`.
    #[inline]
    fn measure(text: &str, Span { start, end }: Span) -> Self {
        let classes = Classes::of_bytes(text.as_bytes(), start as usize, end as usize);
        if !classes.has(Classes::NON_ASCII) {
            return Self { start, end, chars: end - start, classes };
        }
        let (classes, chars) = Classes::of_chars(&text[start as usize..end as usize]);
        Self { start, end, chars, classes }
    }
}

/// What counts as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WordKind {
    /// [UAX #29](https://www.unicode.org/reports/tr29/) words: the segments between word boundaries
    /// that hold at least one letter or digit. A Chinese or Japanese ideograph is a word each.
    #[default]
    Unicode,
    /// The pieces between white space.
    Whitespace,
    /// UAX #29 words, but runs of Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut by
    /// dictionary ([ICU4X](https://docs.rs/icu_segmenter)).
    Dictionary,
    /// Tokens of [spaCy](https://spacy.io)'s rule-based English tokenizer, punctuation marks
    /// included: the words of datatrove.
    SpacyEn,
}

/// Tables about one text, each filled when first asked for.
#[derive(Debug, Default)]
pub struct Analysis {
    words: [OnceLock<Vec<Word>>; 4],
    hashes: [OnceLock<Vec<u64>>; 4],
    lines: OnceLock<Vec<Span>>,
    sentences: OnceLock<Vec<Span>>,
}

impl Analysis {
    /// The words of the text.
    pub fn words(&self, text: &str, kind: WordKind) -> &[Word] {
        self.words[kind as usize].get_or_init(|| split(text, kind))
    }

    /// A 64-bit hash of each word, in the order of [`Analysis::words`]: the same for equal words of
    /// any text. No file holds them, so that they may change from version to version.
    pub fn word_hashes(&self, text: &str, kind: WordKind) -> &[u64] {
        self.hashes[kind as usize].get_or_init(|| {
            let words = self.words(text, kind).iter();
            words
                .map(|word| hash(text.as_bytes(), word.start as usize, word.end as usize))
                .collect()
        })
    }

    /// The sentences of the text as [spaCy](https://spacy.io)'s English rules find them, without the
    /// white space between.
    pub fn sentences(&self, text: &str) -> &[Span] {
        self.sentences.get_or_init(|| {
            let mut spans = Vec::new();
            sentences(text, |span| spans.push(span));
            spans
        })
    }

    /// The lines of the text: the pieces between `\n`, blank ones included, a `\r` at the end left
    /// out. A text that ends with a newline has no empty line behind it; the empty text has no line.
    pub fn lines(&self, text: &str) -> &[Span] {
        self.lines.get_or_init(|| {
            let mut lines = Vec::new();
            let mut start = 0;
            let bytes = text.as_bytes();
            while start < bytes.len() {
                let end =
                    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
                let cut = end - usize::from(end > start && bytes[end - 1] == b'\r');
                lines.push(Span::new(start, cut));
                start = end + 1;
            }
            lines
        })
    }
}

thread_local! {
    /// Scratch of spaCy's tokenizer, with the pieces of text it has seen before: by them it is
    /// several times as fast, and a thread sees many documents.
    static SPACY: RefCell<(SpacyCache, Vec<Range<u32>>)> = RefCell::default();
}

/// The tokens or the sentences of [spaCy](https://spacy.io)'s English rules, each to `span`.
fn spacy_en(
    split: fn(&SpacyEn, &str, &mut SpacyCache, &mut Vec<Range<u32>>),
    text: &str,
    mut each: impl FnMut(Span),
) {
    SPACY.with_borrow_mut(|(cache, ranges)| {
        split(SpacyEn::shared(), text, cache, ranges);
        for range in ranges.iter() {
            each(Span { start: range.start, end: range.end });
        }
        // One document of a whole book should not hold its memory for ever.
        ranges.clear();
        ranges.shrink_to(1 << 20);
    });
}

/// Calls `sentence` for each sentence of a text, or of a piece of one: those of
/// [`Analysis::sentences`].
pub(crate) fn sentences(text: &str, sentence: impl FnMut(Span)) {
    spacy_en(SpacyEn::sentences, text, sentence);
}

/// A hash of the bytes from `start` to `end`. Up to eight of them take one multiplication.
#[inline]
fn hash(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if let Some(chunk) = bytes[start..].first_chunk::<8>()
        && (1..=8).contains(&length)
    {
        let word = u64::from_le_bytes(*chunk) & u64::MAX >> (64 - 8 * length);
        return short_hash(word, length as u64);
    }
    if length <= 8 {
        // At the end of the text.
        let word = bytes[start..end].iter().rfold(0, |word, byte| word << 8 | u64::from(*byte));
        return short_hash(word, length as u64);
    }
    xxh3_64(&bytes[start..end])
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "folds the halves")]
fn short_hash(word: u64, length: u64) -> u64 {
    // The length tells "a" from "a\0".
    let (left, right) = (word ^ 0xa076_1d64_78bd_642f, length ^ 0xe703_7ed1_a0b4_28db);
    let product = u128::from(left) * u128::from(right);
    // A product has few values with long runs of zeros in it; this spreads them.
    (product as u64 ^ (product >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
thread_local! {
    /// Counts the splittings, so that a test can show that there is one a document.
    pub(crate) static SPLITS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn split(text: &str, kind: WordKind) -> Vec<Word> {
    #[cfg(test)]
    SPLITS.set(SPLITS.get() + 1);
    // English has about six bytes a word with its space; a good guess saves most of the growing.
    let mut words = Vec::with_capacity(text.len() / 6 + 1);
    match kind {
        WordKind::Unicode => {
            uax29::words(text, |word| words.push(word));
        }
        WordKind::Whitespace => {
            let base = text.as_ptr() as usize;
            words.extend(text.split_whitespace().map(|piece| {
                let start = piece.as_ptr() as usize - base;
                Word::measure(text, Span::new(start, start + piece.len()))
            }));
        }
        WordKind::Dictionary => {
            dictionary::words(text, |span| words.push(Word::measure(text, span)));
        }
        WordKind::SpacyEn => spacy_en(SpacyEn::words, text, |span| {
            words.push(Word::measure(text, span));
        }),
    }
    words
}
