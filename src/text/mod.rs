//! What ops want to know of a text, computed once a document and shared by all of them.
//!
//! An [`Analysis`] starts empty; the first op that asks for words pays for the splitting, the
//! others read the table. Offsets are byte offsets into the text that the analysis belongs to. An
//! op that changes the text gets a new analysis with it. No op splits words for itself.

mod dictionary;
pub(crate) mod python;
pub(crate) mod word_set;

use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use xxhash_rust::xxh3::xxh3_64;

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

/// Which kinds of characters a word has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Classes(pub u8);

impl Classes {
    /// All characters are ASCII.
    pub const ASCII: Self = Self(1);
    /// At least one character is alphabetic ([`char::is_alphabetic`]).
    pub const LETTER: Self = Self(2);

    /// Whether all of `other`'s marks are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
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

    /// Whether a character is a letter.
    #[must_use]
    pub fn has_letter(self) -> bool {
        self.classes.has(Classes::LETTER)
    }

    /// Measures the word of `text` at `span`.
    fn measure(text: &str, Span { start, end }: Span) -> Self {
        let word = &text.as_bytes()[start as usize..end as usize];
        if word.is_ascii() {
            let letter = word.iter().any(u8::is_ascii_alphabetic);
            let classes = Classes(Classes::ASCII.0 | if letter { Classes::LETTER.0 } else { 0 });
            return Self { start, end, chars: end - start, classes };
        }
        let mut chars = 0;
        let mut letter = false;
        for c in text[start as usize..end as usize].chars() {
            chars += 1;
            letter |= c.is_alphabetic();
        }
        Self { start, end, chars, classes: Classes(if letter { Classes::LETTER.0 } else { 0 }) }
    }
}

/// What counts as a word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema,
)]
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
}

impl Analysis {
    /// The words of the text.
    pub fn words(&self, text: &str, kind: WordKind) -> &[Word] {
        self.words[kind as usize].get_or_init(|| split(text, kind))
    }

    /// xxh3-64 of each word, in the order of [`Analysis::words`].
    pub fn word_hashes(&self, text: &str, kind: WordKind) -> &[u64] {
        self.hashes[kind as usize].get_or_init(|| {
            let words = self.words(text, kind).iter();
            words.map(|word| xxh3_64(word.of(text).as_bytes())).collect()
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

/// Counts the splittings, so that a test can show that there is one a document.
#[cfg(test)]
pub(crate) static SPLITS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn split(text: &str, kind: WordKind) -> Vec<Word> {
    #[cfg(test)]
    SPLITS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // English has about six bytes a word with its space; a good guess saves most of the growing.
    let mut words = Vec::with_capacity(text.len() / 6 + 1);
    match kind {
        WordKind::Unicode => {
            words.extend(text.unicode_word_indices().map(|(start, word)| {
                Word::measure(text, Span::new(start, start + word.len()))
            }));
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
        WordKind::SpacyEn => {}
    }
    words
}
