//! Lists of words, and where they stand in a text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use super::OpError;
use crate::model::read_asset;
use crate::text::python::{is_word, strip};

/// Languages of the shipped lists (LDNOOBW).
pub(super) const LANGUAGES: [&str; 28] = [
    "ar",
    "cs",
    "da",
    "de",
    "en",
    "eo",
    "es",
    "fa",
    "fi",
    "fil",
    "fr",
    "fr-CA-u-sd-caqc",
    "hi",
    "hu",
    "it",
    "ja",
    "kab",
    "ko",
    "nl",
    "no",
    "pl",
    "pt",
    "ru",
    "sv",
    "th",
    "tlh",
    "tr",
    "zh",
];

/// Entries that C4 passes over, with the list they stand in.
const PASSED_OVER: [(&str, &str); 4] =
    [("ja", "sm"), ("ja", "グロ"), ("ja", "女の子"), ("zh", "性")];

/// Entries in lower case, ready to be searched for in texts of any case.
pub(super) struct Words {
    matcher: Matcher,
    /// Whether no letter beyond ASCII with a case is in the entries.
    caseless: bool,
}

/// Finds entries without regard to the case of ASCII letters.
enum Matcher {
    Anywhere(AhoCorasick),
    Whole(WordList),
}

/// What was found in a text.
#[derive(Debug, Default)]
pub(super) struct Found<'t> {
    /// Places where an entry stands.
    pub hits: usize,
    /// The entry at the first of them, as the text has it, or in lower case.
    pub first: Option<Cow<'t, str>>,
}

/// Whether entries of a language may stand anywhere, since it puts no spaces between words.
pub(super) fn anywhere(language: &str) -> bool {
    matches!(language, "ja" | "th" | "zh")
}

/// Whether C4 passes over an entry of the list of `language`; `None`: of any list.
pub(super) fn passed_over(entry: &str, language: Option<&str>) -> bool {
    PASSED_OVER.iter().any(|(of, word)| *word == entry && language.is_none_or(|it| it == *of))
}

/// Whether a character next to an entry makes it part of a longer word.
pub(super) fn joins(c: char) -> bool {
    is_word(c) || c.is_alphanumeric()
}

/// The entries of the list at `path`, which the setting `key` names, as they stand there.
///
/// # Errors
/// When the file cannot be read or is no text.
pub(super) fn entries(path: &Path, key: &'static str) -> Result<Vec<String>, OpError> {
    let bytes = read_asset(path)?;
    let list = std::str::from_utf8(&bytes).map_err(|_| OpError::Setting {
        key,
        reason: format!("`{}` is not UTF-8", path.display()),
    })?;
    let entries = list.lines().map(strip).filter(|entry| !entry.is_empty());
    Ok(entries.map(str::to_owned).collect())
}

impl Words {
    /// Makes a list of entries in lower case; unless `anywhere`, they stand between word boundaries.
    ///
    /// # Errors
    /// When there is too much of it.
    pub(super) fn new(entries: &[String], anywhere: bool) -> Result<Self, BuildError> {
        let matcher = if anywhere {
            let searcher = AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::LeftmostLongest)
                .build(entries)?;
            Matcher::Anywhere(searcher)
        } else {
            Matcher::Whole(WordList::new(entries))
        };
        let caseless = |c: char| c.is_ascii() || !c.is_lowercase() && !c.is_uppercase();
        let caseless = entries.iter().all(|entry| entry.chars().all(caseless));
        Ok(Self { matcher, caseless })
    }

    /// Entries in `text` that do not overlap; `joins` says which characters make words longer.
    pub(super) fn find<'t>(&self, text: &'t str, joins: fn(char) -> bool) -> Found<'t> {
        // Two characters beyond ASCII have ASCII letters in their lower case.
        let as_is = text.is_ascii()
            || self.caseless
                && memchr::memmem::find(text.as_bytes(), "\u{212a}".as_bytes()).is_none()
                && memchr::memmem::find(text.as_bytes(), "\u{130}".as_bytes()).is_none();
        if as_is {
            let (hits, first) = self.search(text, joins);
            return Found { hits, first: first.map(Cow::Borrowed) };
        }
        let lower = text.to_lowercase();
        let (hits, first) = self.search(&lower, joins);
        Found { hits, first: first.map(|first| Cow::Owned(first.to_owned())) }
    }

    fn search<'t>(&self, text: &'t str, joins: fn(char) -> bool) -> (usize, Option<&'t str>) {
        let (mut hits, mut first) = (0, None);
        let mut hit = |range: Range<usize>| {
            hits += 1;
            first.get_or_insert(&text[range]);
        };
        match &self.matcher {
            Matcher::Anywhere(searcher) => {
                searcher.find_iter(text).for_each(|found| hit(found.range()));
            }
            Matcher::Whole(words) => words.find(text, joins, hit),
        }
        (hits, first)
    }
}

/// Entries that stand between word boundaries, found by the three bytes they start with.
struct WordList {
    /// Longer ones before those they start with.
    entries: Vec<String>,
    /// Of each key the numbers of the entries that may start there, in order.
    starts: BTreeMap<u32, Vec<usize>>,
    /// A bit for the hash of each key.
    filter: Vec<u64>,
}

/// What the letters of a key differ in by case, for each of its bytes.
const CASE: u32 = 0x20_2020;

/// The bit of a key in [`WordList::filter`].
fn bit(key: u32) -> usize {
    (key.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

impl WordList {
    fn new(entries: &[String]) -> Self {
        let mut entries = entries.to_vec();
        entries.sort_by(|a, b| b.cmp(a));
        entries.dedup();
        let mut list = Self { entries, starts: BTreeMap::new(), filter: vec![0; 1 << 10] };
        for (number, entry) in list.entries.iter().enumerate() {
            let bytes = entry.as_bytes();
            // A short entry stands before any other byte.
            let all = |index: usize| bytes.get(index).map_or(0..=u8::MAX, |byte| *byte..=*byte);
            for second in all(1) {
                for third in all(2) {
                    let key = u32::from_le_bytes([bytes[0], second, third, 0]) | CASE;
                    let numbers = list.starts.entry(key).or_default();
                    if numbers.last() != Some(&number) {
                        numbers.push(number);
                    }
                    list.filter[bit(key) >> 6] |= 1 << (bit(key) & 63);
                }
            }
        }
        list
    }

    /// The longest entry at byte `at` that ends at a word boundary, as the place behind it.
    fn ending(&self, text: &str, at: usize, key: u32, joins: fn(char) -> bool) -> Option<usize> {
        let bytes = &text.as_bytes()[at..];
        self.starts.get(&key)?.iter().find_map(|number| {
            let entry = self.entries[*number].as_bytes();
            let found = bytes.get(..entry.len())?.eq_ignore_ascii_case(entry);
            let end = at + entry.len();
            (found && !text[end..].chars().next().is_some_and(joins)).then_some(end)
        })
    }

    /// Calls `hit` for entries between word boundaries that do not overlap.
    fn find(&self, text: &str, joins: fn(char) -> bool, mut hit: impl FnMut(Range<usize>)) {
        let bytes = text.as_bytes();
        let mut inside = false;
        let mut free = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let starts = !inside;
            inside = byte.is_ascii_alphanumeric() || byte == b'_';
            if !starts {
                continue;
            }
            let key = match bytes[at..] {
                [a, b, c, ..] => u32::from_le_bytes([a, b, c, 0]),
                [a, b] => u32::from_le_bytes([a, b, 0, 0]),
                _ => u32::from(byte),
            } | CASE;
            if self.filter[bit(key) >> 6] >> (bit(key) & 63) & 1 == 0 || at < free {
                continue;
            }
            // The byte before may be the end of a letter beyond ASCII.
            if text.is_char_boundary(at)
                && !text[..at].chars().next_back().is_some_and(joins)
                && let Some(end) = self.ending(text, at, key, joins)
            {
                hit(at..end);
                free = end;
            }
        }
    }
}
