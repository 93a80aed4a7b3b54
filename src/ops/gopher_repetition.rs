//! `gopher-repetition`: the repetition rules of the Gopher paper.

mod grams;
mod joined;
mod segments;
mod table;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::grams::{Gram, Grams, sum_of};
use self::joined::Joined;
pub(super) use self::segments::Segments;
use super::dialect::{Dialect, ratio};
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::code_points::IS_ALNUM;
use crate::text::{Word, WordKind, python};

/// Drops documents that repeat themselves too much: lines, paragraphs or runs of words.
///
/// The measures and thresholds are those of table A1 in
/// [Rae et al. 2021](https://arxiv.org/abs/2112.11446). A value equal to a threshold passes. The
/// first rule broken, in the order of the reasons below, gives the reason. All shares are computed for
/// every document.
///
/// In the dialect `tamis`, *lines* are the non-blank ones and *paragraphs* what stands between blank
/// lines, both without white space around them. One is a duplicate if an equal one stands before
/// it, so that what is repeated counts, but not its first occurrence; characters are counted in
/// proportion to those of all lines (paragraphs). *Words* are those of `words`, letter case
/// counts, and characters are counted in proportion to those of all words, punctuation and spaces
/// left aside. The top n-gram is the most frequent run of n words, of several the longest; it counts
/// with all its occurrences if it occurs twice. A duplicate n-gram is a run of n words that stood
/// somewhere before. No character counts twice, however many n-grams it is in: a share is never
/// over 1.
///
/// With `dialect = "datatrove"` decisions and reasons are those of
/// [datatrove](https://github.com/huggingface/datatrove) 0.10.1's `GopherRepetitionFilter` for
/// English: words are spaCy's tokens; characters are counted in proportion to the whole text;
/// paragraphs come before lines; an n-gram that occurs once can be the top one, so that very short
/// texts are dropped; overlapping occurrences count as often as they are there; in a search for
/// duplicates what follows a hit starts behind it; the four rules about lines and paragraphs are
/// off if set to 0; the empty text is dropped as `empty`.
///
/// With `dialect = "dclm"` decisions are those of [DCLM](https://github.com/mlfoundations/dclm): the
/// first occurrence of what is repeated counts, too; words are UAX #29 words that start with a
/// letter or digit; a top n-gram's overlaps count twice; a text without a line is dropped as
/// `no-lines`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GopherRepetition {
    /// Greatest share of lines that are duplicates.
    pub max_duplicate_lines: f64,
    /// Greatest share of paragraphs that are duplicates.
    pub max_duplicate_paragraphs: f64,
    /// Greatest share of characters in duplicate lines.
    pub max_duplicate_line_chars: f64,
    /// Greatest share of characters in duplicate paragraphs.
    pub max_duplicate_paragraph_chars: f64,
    /// Greatest share of characters in the most frequent pair of words.
    pub max_top_2gram: f64,
    /// Greatest share of characters in the most frequent run of 3 words.
    pub max_top_3gram: f64,
    /// Greatest share of characters in the most frequent run of 4 words.
    pub max_top_4gram: f64,
    /// Greatest share of characters in duplicate runs of 5 words.
    pub max_duplicate_5gram: f64,
    /// Greatest share of characters in duplicate runs of 6 words.
    pub max_duplicate_6gram: f64,
    /// Greatest share of characters in duplicate runs of 7 words.
    pub max_duplicate_7gram: f64,
    /// Greatest share of characters in duplicate runs of 8 words.
    pub max_duplicate_8gram: f64,
    /// Greatest share of characters in duplicate runs of 9 words.
    pub max_duplicate_9gram: f64,
    /// Greatest share of characters in duplicate runs of 10 words.
    pub max_duplicate_10gram: f64,
    /// What counts as a word; only the dialect `tamis` asks.
    pub words: WordKind,
    /// Whose arithmetic to follow: `tamis`, `datatrove` or `dclm`.
    pub dialect: Dialect,
}

impl Default for GopherRepetition {
    fn default() -> Self {
        Self {
            max_duplicate_lines: 0.3,
            max_duplicate_paragraphs: 0.3,
            max_duplicate_line_chars: 0.2,
            max_duplicate_paragraph_chars: 0.2,
            max_top_2gram: 0.2,
            max_top_3gram: 0.18,
            max_top_4gram: 0.16,
            max_duplicate_5gram: 0.15,
            max_duplicate_6gram: 0.14,
            max_duplicate_7gram: 0.13,
            max_duplicate_8gram: 0.12,
            max_duplicate_9gram: 0.11,
            max_duplicate_10gram: 0.1,
            words: WordKind::Unicode,
            dialect: Dialect::Tamis,
        }
    }
}

/// One of the measures.
struct Measure {
    signal: &'static str,
    key: &'static str,
    about: &'static str,
    reason: Reason,
    datatrove: Reason,
}

const fn measure(
    signal: &'static str,
    key: &'static str,
    about: &'static str,
    [reason, datatrove]: [&'static str; 2],
) -> Measure {
    let [reason, datatrove] = [Reason::new(reason), Reason::new(datatrove)];
    Measure { signal, key, about, reason, datatrove }
}

const MEASURES: [Measure; 13] = [
    measure(
        "duplicate_lines",
        "max_duplicate_lines",
        "share of lines that are duplicates",
        ["duplicate-lines", "dup_line_frac"],
    ),
    measure(
        "duplicate_paragraphs",
        "max_duplicate_paragraphs",
        "share of paragraphs that are duplicates",
        ["duplicate-paragraphs", "dup_para_frac"],
    ),
    measure(
        "duplicate_line_chars",
        "max_duplicate_line_chars",
        "share of characters in duplicate lines",
        ["duplicate-line-chars", "dup_line_char_frac"],
    ),
    measure(
        "duplicate_paragraph_chars",
        "max_duplicate_paragraph_chars",
        "share of characters in duplicate paragraphs",
        ["duplicate-paragraph-chars", "dup_para_char_frac"],
    ),
    measure("top_2gram", "max_top_2gram", TOP, ["top-2gram", "top_2_gram"]),
    measure("top_3gram", "max_top_3gram", TOP, ["top-3gram", "top_3_gram"]),
    measure("top_4gram", "max_top_4gram", TOP, ["top-4gram", "top_4_gram"]),
    measure(
        "duplicate_5gram",
        "max_duplicate_5gram",
        DUP,
        ["duplicate-5gram", "duplicated_5_n_grams"],
    ),
    measure(
        "duplicate_6gram",
        "max_duplicate_6gram",
        DUP,
        ["duplicate-6gram", "duplicated_6_n_grams"],
    ),
    measure(
        "duplicate_7gram",
        "max_duplicate_7gram",
        DUP,
        ["duplicate-7gram", "duplicated_7_n_grams"],
    ),
    measure(
        "duplicate_8gram",
        "max_duplicate_8gram",
        DUP,
        ["duplicate-8gram", "duplicated_8_n_grams"],
    ),
    measure(
        "duplicate_9gram",
        "max_duplicate_9gram",
        DUP,
        ["duplicate-9gram", "duplicated_9_n_grams"],
    ),
    measure(
        "duplicate_10gram",
        "max_duplicate_10gram",
        DUP,
        ["duplicate-10gram", "duplicated_10_n_grams"],
    ),
];
const TOP: &str = "share of characters in the most frequent one";
const DUP: &str = "share of characters in duplicate ones";

/// datatrove looks at paragraphs first.
const DATATROVE_ORDER: [usize; 13] = [1, 3, 0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const ORDER: [usize; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

const NO_LINES: Reason = Reason::new("no-lines");
const EMPTY: Reason = Reason::new("empty");

const SIGNALS: [Signal; 13] = {
    let mut signals = [Signal { name: "", kind: SignalType::Float, about: "" }; 13];
    let mut index = 0;
    while index < 13 {
        signals[index].name = MEASURES[index].signal;
        signals[index].about = MEASURES[index].about;
        index += 1;
    }
    signals
};
const REASONS: [Reason; 28] = {
    let mut reasons = [NO_LINES; 28];
    reasons[1] = EMPTY;
    let mut index = 0;
    while index < 13 {
        reasons[2 + index] = MEASURES[index].reason;
        reasons[15 + index] = MEASURES[DATATROVE_ORDER[index]].datatrove;
        index += 1;
    }
    reasons
};
const THRESHOLDS: [&str; 13] = {
    let mut keys = [""; 13];
    let mut index = 0;
    while index < 13 {
        keys[index] = MEASURES[index].key;
        index += 1;
    }
    keys
};

/// The measures in the order of [`MEASURES`].
type Measures = [f64; 13];

impl Settings for GopherRepetition {
    const NAME: &'static str = "gopher-repetition";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &SIGNALS;
    const REASONS: &'static [Reason] = &REASONS;
    const COST: u32 = 3_000;
    const THRESHOLDS: &'static [&'static str] = &THRESHOLDS;

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let mut measures = [0.0; 13];
        for (value, measure) in measures.iter_mut().zip(&MEASURES) {
            // They are missing all together.
            let Some(found) = signals.number(measure.signal) else {
                return Some(self.decide(None));
            };
            *value = found;
        }
        Some(self.decide(Some(&measures)))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        for (limit, Measure { key, .. }) in self.limits().iter().zip(&MEASURES) {
            if limit.is_nan() || *limit < 0.0 {
                return Err(OpError::Setting {
                    key,
                    reason: format!("{limit} is no share; give 0 to 1 (1 lets everything pass)"),
                });
            }
        }
        Ok(Op::Document(Box::new(self.clone())))
    }
}

/// Buffers for the parts of a document.
#[derive(Default)]
pub(super) struct Scratch {
    segments: Segments,
    grams: Grams,
    joined: Joined,
    chars: Vec<u32>,
    hashes: Vec<u64>,
}

impl GopherRepetition {
    fn limits(&self) -> Measures {
        [
            self.max_duplicate_lines,
            self.max_duplicate_paragraphs,
            self.max_duplicate_line_chars,
            self.max_duplicate_paragraph_chars,
            self.max_top_2gram,
            self.max_top_3gram,
            self.max_top_4gram,
            self.max_duplicate_5gram,
            self.max_duplicate_6gram,
            self.max_duplicate_7gram,
            self.max_duplicate_8gram,
            self.max_duplicate_9gram,
            self.max_duplicate_10gram,
        ]
    }

    /// Decides by the measures; `None` where there is nothing to measure.
    fn decide(&self, measures: Option<&Measures>) -> Decision {
        let datatrove = self.dialect == Dialect::Datatrove;
        let Some(measures) = measures else {
            return Decision::Drop(if datatrove { EMPTY } else { NO_LINES });
        };
        let limits = self.limits();
        for index in if datatrove { DATATROVE_ORDER } else { ORDER } {
            let off = datatrove && index < 4 && limits[index] == 0.0;
            if measures[index] > limits[index] && !off {
                let measure = &MEASURES[index];
                return Decision::Drop(if datatrove { measure.datatrove } else { measure.reason });
            }
        }
        Decision::Keep
    }

    fn tamis(&self, document: Document<'_>, scratch: &mut Scratch) -> Measures {
        let Document { text, analysis, .. } = document;
        let lines = || analysis.lines(text).iter().map(move |line| line.of(text).trim());
        let full = lines().filter(|line| !line.is_empty());
        let segments = &mut scratch.segments;
        let [lines, paragraphs] =
            [segments.later(full, None), segments.later(segments::paragraphs(text, lines()), None)];
        take_chars(&mut scratch.chars, analysis.words(text, self.words));
        let chars = &scratch.chars;
        let all = sum_of(chars);
        let mut measures =
            [lines[0], paragraphs[0], lines[1], paragraphs[1], 0., 0., 0., 0., 0., 0., 0., 0., 0.];
        scratch.grams.bigrams(analysis.word_hashes(text, self.words));
        each_n(&mut scratch.grams, |n, grams| {
            measures[n + 2] = if n < 5 {
                let top = longest_top(grams, |gram| sum_of(&chars[gram.place..gram.place + n]));
                top.map_or(0.0, |(top, _)| {
                    ratio(grams.covered(chars, |index, _| index == top.index), all)
                })
            } else {
                ratio(grams.covered(chars, |_, later| later), all)
            };
        });
        measures
    }

    fn dclm(document: Document<'_>, scratch: &mut Scratch) -> Option<Measures> {
        let Document { text, analysis, .. } = document;
        let lines = scratch.segments.all(segments::dclm(text, b"\n"))?;
        let paragraphs = scratch.segments.all(segments::dclm(text, b"\n\n"))?;
        let words = analysis.words(text, WordKind::Unicode).iter();
        let hashes = analysis.word_hashes(text, WordKind::Unicode);
        scratch.chars.clear();
        scratch.hashes.clear();
        for (word, hash) in words.zip(hashes) {
            let first = text.as_bytes()[word.start as usize];
            let counts = if first.is_ascii() {
                first.is_ascii_alphanumeric()
            } else {
                word.of(text).chars().next().is_some_and(|c| IS_ALNUM.has(c))
            };
            if counts {
                scratch.chars.push(word.chars);
                scratch.hashes.push(*hash);
            }
        }
        let chars = &scratch.chars;
        let all = sum_of(chars);
        let mut measures =
            [lines[0], paragraphs[0], lines[1], paragraphs[1], 0., 0., 0., 0., 0., 0., 0., 0., 0.];
        scratch.grams.bigrams(&scratch.hashes);
        each_n(&mut scratch.grams, |n, grams| {
            measures[n + 2] = if n < 5 {
                let top = longest_top(grams, |gram| sum_of(&chars[gram.place..gram.place + n]));
                top.map_or(0.0, |(top, length)| ratio(u64::from(top.count) * length, all))
            } else {
                ratio(grams.covered(chars, |_, _| true), all)
            };
        });
        Some(measures)
    }

    fn datatrove(document: Document<'_>, scratch: &mut Scratch) -> Option<Measures> {
        let Document { text, analysis, .. } = document;
        if text.is_empty() {
            return None;
        }
        let all = text.chars().count() as u64;
        let paragraphs = segments::between_newlines(python::strip(text), 2);
        let paragraphs = scratch.segments.later(paragraphs, Some(all));
        let lines = scratch.segments.later(segments::between_newlines(text, 1), Some(all));
        let words = analysis.words(text, WordKind::SpacyEn);
        take_chars(&mut scratch.chars, words);
        let chars = &scratch.chars;
        let mut measures =
            [lines[0], paragraphs[0], lines[1], paragraphs[1], 0., 0., 0., 0., 0., 0., 0., 0., 0.];
        let once = |n: usize| chars.get(..n).map_or(0, |chars| sum_of(chars) + n as u64 - 1);
        for n in 2..=4 {
            measures[n + 2] = ratio(once(n), all);
        }
        scratch.grams.bigrams(analysis.word_hashes(text, WordKind::SpacyEn));
        for n in 2..=4 {
            // The first of the most frequent ones.
            if let Some(gram) = scratch.grams.top().next() {
                let length = sum_of(&chars[gram.place..gram.place + n]) + n as u64 - 1;
                measures[n + 2] = ratio(length * u64::from(gram.count), all);
            }
            scratch.grams.longer();
        }
        scratch.joined.take(text, words);
        for n in 5..=10 {
            measures[n + 2] = ratio(scratch.joined.duplicated(n, chars), all);
        }
        Some(measures)
    }
}

fn take_chars(chars: &mut Vec<u32>, words: &[Word]) {
    chars.clear();
    chars.extend(words.iter().map(|word| word.chars));
}

/// Calls `each` with the n-grams for n from 2 to 10, as long as any is repeated.
fn each_n(grams: &mut Grams, mut each: impl FnMut(usize, &Grams)) {
    for n in 2..=10 {
        each(n, grams);
        if grams.is_empty() {
            break;
        }
        grams.longer();
    }
}

/// Of the most frequent n-grams that are there twice the one of greatest `length`, of several the
/// first.
fn longest_top(grams: &Grams, length: impl Fn(Gram) -> u64) -> Option<(Gram, u64)> {
    let mut best: Option<(Gram, u64)> = None;
    for gram in grams.top() {
        let length = length(gram);
        if best.is_none_or(|(_, longest)| length > longest) {
            best = Some((gram, length));
        }
    }
    best
}

impl DocumentOp for GopherRepetition {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let measures = match self.dialect {
            Dialect::Tamis => Some(self.tamis(document, scratch)),
            Dialect::Datatrove => Self::datatrove(document, scratch),
            Dialect::Dclm => Self::dclm(document, scratch),
        };
        for (index, value) in measures.iter().flatten().enumerate() {
            row.float(index, *value);
        }
        self.decide(measures.as_ref())
    }
}
