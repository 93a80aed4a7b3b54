//! `line-modify`: the line corrections of RefinedWeb.

mod corrections;
mod dclm;
#[cfg(test)]
mod tests;

pub(super) use self::corrections::{has_fewer_capitals, has_fewer_digits};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::DclmDialect;
use super::lines::{Lines, check_ratio};
use super::phrase::fold;
use super::{BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings};
use crate::document::{Reason, Signal, SignalType};

/// Takes out lines that are page furniture, and phrases of it from short lines, as RefinedWeb does.
///
/// The corrections are those of table 7 (appendix G.2) in
/// [Penedo et al. 2023](https://arxiv.org/abs/2306.01116), with the numbers that
/// [DCLM](https://github.com/mlfoundations/dclm) found for them; Dolma 3 uses the same. A line goes
/// when it is mostly capitals, when it is nothing but digits, when it is a counter (`3 likes`), when
/// it is a single word, or when nothing is left of it after the phrases of `remove`; rules run in
/// the order of the keys and the first one counts the line. A value equal to a threshold passes.
/// Blank lines stay. A document of which nothing is left is dropped; to drop those that lost too
/// much, put `word-removal-ratio` behind.
///
/// In the dialect `tamis` words are [UAX #29](https://www.unicode.org/reports/tr29/) words, shares
/// are of the characters of the trimmed line, `...` in a phrase matches `…` as well, and a document
/// without a fault keeps every byte. The dialect `dclm` gives the texts of DCLM's own functions:
/// each correction runs over the page before the next, words are pieces between white space, `.` in
/// a phrase is any character (so `Read more...` means three characters of any kind), and after each
/// correction but that of `min_words` the page is trimmed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LineModify {
    /// Greatest share of capitals among the characters of a line; 1 turns it off.
    pub max_uppercase_ratio: f64,
    /// Greatest share of digits among the characters of a line; 1 turns it off. The default takes
    /// out lines of nothing but digits.
    pub max_digit_ratio: f64,
    /// Takes out lines such as `3 likes` or `1.2k views`: a number and one of likes, shares, comments,
    /// retweets, reposts, quotes, bookmarks, upvotes, downvotes, downloads, views, followers.
    pub counters: bool,
    /// Least number of words of a line that is not blank; 0 turns it off.
    pub min_words: u64,
    /// Phrases to remove; a line of which nothing is left goes.
    pub remove: Vec<Removal>,
    /// Whose texts to give.
    pub dialect: DclmDialect,
}

/// A phrase that `line-modify` removes, in any case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Removal {
    /// The phrase.
    pub text: String,
    /// Where in the line it has to stand.
    #[serde(default)]
    pub at: Place,
    /// Lines with more pieces between white space are left alone.
    #[serde(default = "ten")]
    pub max_words: u64,
}

fn ten() -> u64 {
    10
}

/// Where in a line a phrase stands. White space next to it, one character, goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// Every place.
    #[default]
    Anywhere,
    /// The line's start.
    Start,
    /// The line's end.
    End,
}

impl Default for LineModify {
    fn default() -> Self {
        let removal = |text: &str, at| Removal { text: text.to_owned(), at, max_words: ten() };
        Self {
            max_uppercase_ratio: 0.5,
            max_digit_ratio: 0.999_999,
            counters: true,
            min_words: 2,
            remove: vec![
                removal("items in cart", Place::Anywhere),
                removal("Read more...", Place::End),
                removal("Sign-in", Place::Start),
            ],
            dialect: DclmDialect::default(),
        }
    }
}

const NOTHING_LEFT: Reason = Reason::new("nothing-left");

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

impl Settings for LineModify {
    const NAME: &'static str = "line-modify";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("lines", "lines of the text as it came"),
        count("lines_uppercase", "lines out for capitals"),
        count("lines_digits", "lines out for digits"),
        count("lines_counters", "lines out as counters"),
        count("lines_short", "lines out for too few words"),
        count("lines_phrases", "lines out with a phrase"),
        count("lines_changed", "lines that lost a phrase and stay"),
        count("words_before", "words of the text as it came"),
        count("words_after", "words of the text as it goes"),
    ];
    const REASONS: &'static [Reason] = &[NOTHING_LEFT];
    const EDITS: bool = true;
    const COST: u32 = 2_500;

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        check_ratio("max_uppercase_ratio", self.max_uppercase_ratio)?;
        check_ratio("max_digit_ratio", self.max_digit_ratio)?;
        let setting = |reason| Err(OpError::Setting { key: "remove", reason });
        for Removal { text, .. } in &self.remove {
            if text.is_empty() || text.contains('\n') {
                return setting(format!("{text:?} can stand in no line; give a phrase"));
            }
            let odd = |c: char| "\\^$*+?()[]{}|".contains(c);
            if self.dialect == DclmDialect::Dclm && text.contains(odd) {
                return setting(format!(
                    "DCLM would read `{text}` as a regular expression; leave {} out or use the \
                     dialect `tamis`",
                    text.chars().filter(|c| odd(*c)).map(|c| format!("`{c}`")).collect::<String>()
                ));
            }
        }
        let phrase = |removal: &Removal| Phrase {
            folded: removal.text.chars().map(fold).collect(),
            at: removal.at,
            max_words: usize::try_from(removal.max_words).unwrap_or(usize::MAX),
            wild: self.dialect == DclmDialect::Dclm,
        };
        let phrases = self.remove.iter().map(phrase).collect();
        let corrections = Corrections { settings: self.clone(), phrases };
        Ok(match self.dialect {
            DclmDialect::Tamis => Op::Document(Box::new(corrections::Native::new(corrections))),
            DclmDialect::Dclm => Op::Document(Box::new(dclm::Dclm(corrections))),
        })
    }
}

/// A [`Removal`], ready to be searched for.
struct Phrase {
    folded: Vec<char>,
    at: Place,
    max_words: usize,
    /// Whether a `.` is any character.
    wild: bool,
}

/// The settings and what they are made of.
struct Corrections {
    settings: LineModify,
    phrases: Vec<Phrase>,
}

/// The signals.
#[derive(Debug, Default)]
struct Counts {
    lines: usize,
    uppercase: usize,
    digits: usize,
    counters: usize,
    short: usize,
    phrases: usize,
    changed: usize,
    before: usize,
    after: usize,
}

impl Counts {
    fn set(&self, row: &mut Row<'_>) {
        let counts = [
            self.lines,
            self.uppercase,
            self.digits,
            self.counters,
            self.short,
            self.phrases,
            self.changed,
            self.before,
            self.after,
        ];
        for (index, count) in counts.into_iter().enumerate() {
            row.count(index, count);
        }
    }
}

/// Ends the work on a document, whichever the dialect.
fn finish(document: Document<'_>, lines: &Lines, counts: &Counts, row: &mut Row<'_>) -> Decision {
    counts.set(row);
    if lines.is_empty() {
        return Decision::Drop(NOTHING_LEFT);
    }
    lines.finish(document.text, row);
    Decision::Keep
}
