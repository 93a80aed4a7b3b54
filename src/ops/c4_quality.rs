//! `c4-quality`: the rules of C4 for lines and pages.

mod datatrove;
mod dclm;
mod native;
#[cfg(test)]
mod tests;

pub(super) use self::native::ends_well;

use aho_corasick::AhoCorasick;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::Dialect;
use super::lines::Lines;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::{Span, Word, WordKind};

/// Takes out lines that are no prose, and drops pages that have too little of it left, as C4 does.
///
/// The rules are those of section 2.2 of [Raffel et al. 2020](https://arxiv.org/abs/1910.10683), by
/// default with the numbers of datatrove's
/// [C4QualityFilter](https://github.com/huggingface/datatrove). Each line is trimmed and goes
/// through the rules in the order of the keys: `max_word_length`, `citations`,
/// `terminal_punctuation`, `min_words_per_line`, `lorem_ipsum`, `javascript`, `curly_bracket`,
/// `policy`; the first that takes the line out counts it. `lorem_ipsum` and `curly_bracket` drop
/// the whole document at once, but look only at lines that came that far. At the end `min_sentences`
/// is asked of the lines left, which joined by line feeds and trimmed are the new text. A value
/// equal to a threshold passes. A dropped document keeps its text.
///
/// Dialects:
/// * `tamis`: words are [UAX #29](https://www.unicode.org/reports/tr29/) words. A line ends properly
///   when it ends with a sentence terminal of any script (`.`, `!`, `?`, `。`, `।`, … the Unicode
///   property Sentence_Terminal), also inside closing brackets, or with a closing quotation mark, but
///   not with `...` or `…`. A sentence ends at a run of such marks, with the quotation marks and
///   brackets behind it, where white space and more text follow (behind East Asian marks none is
///   needed); not before a lower-case letter, nor at a full stop behind a single capital (`J. Smith`);
///   every line has at least one sentence.
/// * `datatrove`: that filter's own decisions, reasons and texts: spaCy's English sentences,
///   Python's words and lines, only `.`, `?`, `!`, `"`, `'` as ends of a line. In FineWeb
///   `terminal_punctuation = false`.
/// * `dclm`: the line rules of DCLM's `c4.yaml`, which run over the page one after the other and
///   keep blank lines. There `max_chars = 190000`, `min_words_per_line = 5`, `min_sentences = 3`;
///   sentences are counted as in `tamis`, since DCLM uses a trained model for it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct C4Quality {
    /// Greatest number of characters of the document; DCLM's recipe has it, the others do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// Takes out lines with a longer piece between white space, in characters; 0 turns it off.
    pub max_word_length: u64,
    /// Removes `[1]`, `[]`, `[edit]` and `[citation needed]` from lines.
    pub citations: bool,
    /// Takes out lines that do not end like a sentence.
    pub terminal_punctuation: bool,
    /// Takes out lines with fewer words; 0 turns it off.
    pub min_words_per_line: u64,
    /// Drops documents with `lorem ipsum`, in any case.
    pub lorem_ipsum: bool,
    /// Takes out lines with `javascript`, in any case.
    pub javascript: bool,
    /// Drops documents with `{`.
    pub curly_bracket: bool,
    /// Takes out lines with `terms of use`, `privacy policy`, `cookie policy`, `uses cookies`, `use
    /// of cookies` or `use cookies`, in any case.
    pub policy: bool,
    /// Drops documents with fewer sentences in the lines left; 0 turns it off.
    pub min_sentences: u64,
    /// Whose decisions to take.
    pub dialect: Dialect,
}

impl Default for C4Quality {
    fn default() -> Self {
        Self {
            max_chars: None,
            max_word_length: 1000,
            citations: true,
            terminal_punctuation: true,
            min_words_per_line: 3,
            lorem_ipsum: true,
            javascript: true,
            curly_bracket: true,
            policy: true,
            min_sentences: 5,
            dialect: Dialect::default(),
        }
    }
}

const TOO_LONG: Reason = Reason::new("too-long");
const LOREM_IPSUM: Reason = Reason::new("lorem-ipsum");
const CURLY_BRACKET: Reason = Reason::new("curly-bracket");
const TOO_FEW_SENTENCES: Reason = Reason::new("too-few-sentences");
const NOTHING_LEFT: Reason = Reason::new("nothing-left");
const DT_LOREM_IPSUM: Reason = Reason::new("lorem_ipsum");
const DT_CURLY_BRACKET: Reason = Reason::new("curly_bracket");
const DT_TOO_FEW_SENTENCES: Reason = Reason::new("too_few_sentences");

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

impl Settings for C4Quality {
    const NAME: &'static str = "c4-quality";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("lines", "lines looked at"),
        count("lines_kept", "lines kept"),
        count("lines_long_word", "lines out for too long a word"),
        count("lines_no_terminal_punctuation", "lines out for their end"),
        count("lines_too_few_words", "lines out for too few words"),
        count("lines_javascript", "lines out for `javascript`"),
        count("lines_policy", "lines out for words of a policy"),
        count("sentences", "sentences in the lines kept; null where lorem ipsum or `{` came first"),
        count("words_before", "words of the text as it came"),
        count("words_after", "words of the lines kept"),
    ];
    const REASONS: &'static [Reason] = &[
        TOO_LONG,
        LOREM_IPSUM,
        CURLY_BRACKET,
        TOO_FEW_SENTENCES,
        NOTHING_LEFT,
        DT_LOREM_IPSUM,
        DT_CURLY_BRACKET,
        DT_TOO_FEW_SENTENCES,
    ];
    const EDITS: bool = true;
    const COST: u32 = 2_500;
    const THRESHOLDS: &'static [&'static str] = &["min_sentences"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        // Without a count of sentences a rule broke the work off, and which one is not known.
        signals.int("sentences").map(|sentences| self.enough(sentences))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let rules = Rules { settings: self.clone(), phrases: Phrases::new()? };
        Ok(match self.dialect {
            Dialect::Tamis => Op::Document(Box::new(native::Native::new(rules))),
            Dialect::Datatrove => Op::Document(Box::new(datatrove::Datatrove(rules))),
            Dialect::Dclm => Op::Document(Box::new(dclm::Dclm(rules))),
        })
    }
}

impl C4Quality {
    fn enough(&self, sentences: i64) -> Decision {
        if u64::try_from(sentences).unwrap_or(0) >= self.min_sentences {
            Decision::Keep
        } else if self.dialect == Dialect::Datatrove {
            Decision::Drop(DT_TOO_FEW_SENTENCES)
        } else {
            Decision::Drop(TOO_FEW_SENTENCES)
        }
    }
}

/// What lines were taken out for, and the other signals.
#[derive(Debug, Default)]
struct Counts {
    lines: usize,
    kept: usize,
    long_word: usize,
    end: usize,
    few_words: usize,
    javascript: usize,
    policy: usize,
    sentences: Option<usize>,
    words: Option<(usize, usize)>,
}

impl Counts {
    fn set(&self, row: &mut Row<'_>) {
        let counts = [
            self.lines,
            self.kept,
            self.long_word,
            self.end,
            self.few_words,
            self.javascript,
            self.policy,
        ];
        for (index, count) in counts.into_iter().enumerate() {
            row.count(index, count);
        }
        if let Some(sentences) = self.sentences {
            row.count(7, sentences);
        }
        if let Some((before, after)) = self.words {
            row.count(8, before);
            row.count(9, after);
        }
    }
}

/// The phrases that decide about a line or a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phrase {
    LoremIpsum,
    Javascript,
    Policy,
}

const POLICY: [&str; 6] = [
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
];

/// Finds them without regard to case.
struct Phrases {
    searcher: AhoCorasick,
    kinds: Vec<Phrase>,
}

impl Phrases {
    fn new() -> Result<Self, OpError> {
        let mut patterns = vec!["lorem ipsum".to_owned(), "javascript".to_owned()];
        let mut kinds = vec![Phrase::LoremIpsum, Phrase::Javascript];
        for phrase in POLICY {
            // The Kelvin sign is the one character beyond ASCII whose lower case is a letter of
            // these phrases and no more.
            for spelling in [phrase.to_owned(), phrase.replace('k', "\u{212a}")] {
                patterns.push(spelling);
                kinds.push(Phrase::Policy);
            }
        }
        let searcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(aho_corasick::AhoCorasickKind::DFA))
            .build(&patterns)
            .map_err(|error| OpError::Setting { key: "policy", reason: error.to_string() })?;
        Ok(Self { searcher, kinds })
    }

    /// Each phrase's kind and place, in order; phrases do not overlap.
    fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Phrase, usize)> + 'a {
        let searched = if may_have(text) { text } else { "" };
        self.searcher
            .find_iter(searched)
            .map(|found| (self.kinds[found.pattern().as_usize()], found.start()))
    }

    /// Which kinds are in a line.
    fn kinds(&self, line: &str) -> Found {
        let mut kinds = Found::default();
        for (phrase, _) in self.find(line) {
            match phrase {
                Phrase::LoremIpsum => kinds.lorem_ipsum = true,
                Phrase::Javascript => kinds.javascript = true,
                Phrase::Policy => kinds.policy = true,
            }
        }
        kinds
    }
}

/// Which phrases a line has.
#[derive(Clone, Copy, Default)]
struct Found {
    lorem_ipsum: bool,
    javascript: bool,
    policy: bool,
}

/// Whether a text may have one of the phrases; `false` is sure. Looks for a rare letter of each, which
/// goes many bytes at a time, and at the letters around it.
fn may_have(text: &str) -> bool {
    let bytes = text.as_bytes();
    let around = |at: usize, before: &[u8], behind: &[u8]| {
        at >= before.len()
            && bytes[at - before.len()..at].eq_ignore_ascii_case(before)
            && bytes
                .get(at + 1..at + 1 + behind.len())
                .is_some_and(|b| b.eq_ignore_ascii_case(behind))
    };
    let cookie = |at| around(at, b"coo", b"ie");
    let script_or_privacy = |at| around(at, b"ja", b"a") || around(at, b"pri", b"acy");
    memchr::memchr3_iter(b'k', b'K', b'v', bytes).any(|at| cookie(at) || script_or_privacy(at))
        || memchr::memchr3_iter(b'V', b'f', b'F', bytes)
            .any(|at| script_or_privacy(at) || around(at, b"o", b" use"))
        || memchr::memchr2_iter(b'p', b'P', bytes).any(|at| around(at, b"i", b"sum"))
        || !text.is_ascii() && memchr::memmem::find(bytes, "\u{212a}".as_bytes()).is_some()
}

/// The settings, and what searching for them needs.
struct Rules {
    settings: C4Quality,
    phrases: Phrases,
}

/// Appends `line` without citations to `out` and says whether there were any; else appends nothing.
fn without_citations(line: &str, is_digit: fn(char) -> bool, out: &mut String) -> bool {
    let mut done = 0;
    for open in memchr::memchr_iter(b'[', line.as_bytes()) {
        let rest = &line[open + 1..];
        let behind = rest.trim_start_matches(is_digit);
        let end = ["]", "edit]", "citation needed]"].into_iter().find_map(|tail| {
            // Digits stand alone: `[1edit]` is no citation.
            let from = if tail == "]" { behind } else { rest };
            from.starts_with(tail).then(|| line.len() - from.len() + tail.len())
        });
        if let Some(end) = end {
            out.push_str(&line[done..open]);
            done = end;
        }
    }
    if done > 0 {
        out.push_str(&line[done..]);
    }
    done > 0
}

/// Whether a piece between white space is longer than `most` characters.
fn has_long_word(line: &str, most: u64, is_space: fn(char) -> bool) -> bool {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 || line.len() <= most {
        return false;
    }
    // Few lines have so many bytes without a plain space, and only those are looked at closely.
    let mut start = 0;
    memchr::memchr_iter(b' ', line.as_bytes()).chain([line.len()]).any(|end| {
        let piece = &line[start..end];
        start = end + 1;
        piece.len() > most && piece.split(is_space).any(|word| word.chars().count() > most)
    })
}

/// Hands out the words of one line after the other.
pub(super) struct Walk<'a> {
    pub(super) words: &'a [Word],
}

impl<'a> Walk<'a> {
    /// The words within a line behind all lines asked for before. No word crosses a line's end.
    pub(super) fn within(&mut self, line: Span) -> &'a [Word] {
        let before = self.words.iter().take_while(|word| word.start < line.start).count();
        self.words = &self.words[before..];
        let inside = self.words.iter().take_while(|word| word.start < line.end).count();
        let (words, rest) = self.words.split_at(inside);
        self.words = rest;
        words
    }
}

/// The buffers of one batch.
#[derive(Default)]
struct Scratch {
    lines: Lines,
    line: String,
}
