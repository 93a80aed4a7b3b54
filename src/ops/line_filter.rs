//! `line-filter`: takes out lines by rules of one's own.

use aho_corasick::AhoCorasick;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::c4_quality::{Walk, ends_well};
use super::dialect::ratio;
use super::line_modify::{has_fewer_capitals, has_fewer_digits};
use super::lines::{Lines, check_ratio};
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::python::is_decimal;
use crate::text::{Span, WordKind};

/// Takes out the lines that break one of the rules given, whatever page they are from.
///
/// All rules are off until they get a value; those of known recipes are in `c4-quality` and
/// `line-modify`. Lines are the pieces between line feeds; blank ones stay. Words are
/// [UAX #29](https://www.unicode.org/reports/tr29/) words, characters those of the trimmed line, and
/// a value equal to a threshold passes. The first rule broken, in the order of the keys, counts the
/// line. A document of which nothing is left is dropped, as is one with fewer words left than
/// `min_words_left`; then it keeps its text. To drop documents by the share that went, put
/// `word-removal-ratio` behind.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LineFilter {
    /// Least number of characters of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<u64>,
    /// Greatest number of characters of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// Least number of words of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_words: Option<u64>,
    /// Greatest number of words of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_words: Option<u64>,
    /// Greatest share of capitals among the characters of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_uppercase_ratio: Option<f64>,
    /// Greatest share of digits among the characters of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_digit_ratio: Option<f64>,
    /// Least share of letters among the characters of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_letter_ratio: Option<f64>,
    /// Takes out lines that do not end like a sentence, as `c4-quality` has it.
    pub terminal_punctuation: bool,
    /// Takes out lines with one of these phrases, in any case of ASCII letters; say `["log in", "sign
    /// up", "read more", "share on", "all rights reserved"]`.
    pub phrases: Vec<String>,
    /// Lines with more words are not searched for `phrases`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_phrase_words: Option<u64>,
    /// Drops documents with fewer words left.
    pub min_words_left: u64,
}

const NOTHING_LEFT: Reason = Reason::new("nothing-left");
const TOO_FEW_WORDS: Reason = Reason::new("too-few-words-left");

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

impl Settings for LineFilter {
    const NAME: &'static str = "line-filter";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("lines", "lines that are not blank"),
        count("lines_kept", "of them kept"),
        count("lines_length", "lines out for their characters or words"),
        count("lines_uppercase", "lines out for capitals"),
        count("lines_digits", "lines out for digits"),
        count("lines_letters", "lines out for too few letters"),
        count("lines_no_terminal_punctuation", "lines out for their end"),
        count("lines_phrases", "lines out for a phrase"),
        count("words_before", "words of the text as it came"),
        count("words_after", "words of the lines kept"),
    ];
    const REASONS: &'static [Reason] = &[NOTHING_LEFT, TOO_FEW_WORDS];
    const EDITS: bool = true;
    const COST: u32 = 2_500;
    const THRESHOLDS: &'static [&'static str] = &["min_words_left"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let kept = signals.int("lines_kept")?;
        let words = u64::try_from(signals.int("words_after")?).ok()?;
        Some(self.decide(kept == 0, words))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let ratios = [
            ("max_uppercase_ratio", self.max_uppercase_ratio),
            ("max_digit_ratio", self.max_digit_ratio),
            ("min_letter_ratio", self.min_letter_ratio),
        ];
        for (key, ratio) in ratios {
            check_ratio(key, ratio.unwrap_or(0.0))?;
        }
        for (key, least, most) in [
            ("min_chars", self.min_chars, self.max_chars),
            ("min_words", self.min_words, self.max_words),
        ] {
            if let (Some(least), Some(most)) = (least, most)
                && least > most
            {
                let reason = format!("{least} is over the greatest number, {most}; no line passes");
                return Err(OpError::Setting { key, reason });
            }
        }
        if self.phrases.iter().any(String::is_empty) {
            let reason = "an empty phrase is in every line; leave it out".to_owned();
            return Err(OpError::Setting { key: "phrases", reason });
        }
        let searcher = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&self.phrases)
            .map_err(|error| OpError::Setting { key: "phrases", reason: error.to_string() })?;
        Ok(Op::Document(Box::new(Filter { settings: self.clone(), searcher })))
    }
}

impl LineFilter {
    fn decide(&self, nothing: bool, words: u64) -> Decision {
        if nothing {
            Decision::Drop(NOTHING_LEFT)
        } else if words < self.min_words_left {
            Decision::Drop(TOO_FEW_WORDS)
        } else {
            Decision::Keep
        }
    }
}

struct Filter {
    settings: LineFilter,
    searcher: AhoCorasick,
}

impl Filter {
    /// The signal of the first rule that a line breaks.
    fn broken(&self, line: &str, words: usize) -> Option<usize> {
        let rules = &self.settings;
        let words = words as u64;
        let few = |value: u64, least: Option<u64>| least.is_some_and(|least| value < least);
        let many = |value: u64, most: Option<u64>| most.is_some_and(|most| value > most);
        if rules.min_chars.is_some() || rules.max_chars.is_some() {
            let chars = if line.is_ascii() { line.len() } else { line.chars().count() } as u64;
            if few(chars, rules.min_chars) || many(chars, rules.max_chars) {
                return Some(2);
            }
        }
        if few(words, rules.min_words) || many(words, rules.max_words) {
            return Some(2);
        }
        if rules.max_uppercase_ratio.is_some_and(|most| !has_fewer_capitals(line, most)) {
            return Some(3);
        }
        if rules.max_digit_ratio.is_some_and(|most| !has_fewer_digits(line, most, is_decimal)) {
            return Some(4);
        }
        if let Some(least) = rules.min_letter_ratio {
            let (mut letters, mut chars) = (0u64, 0u64);
            for c in line.chars() {
                chars += 1;
                letters += u64::from(c.is_alphabetic());
            }
            if ratio(letters, chars) < least {
                return Some(5);
            }
        }
        if rules.terminal_punctuation && !ends_well(line) {
            return Some(6);
        }
        let searched = !rules.phrases.is_empty() && !many(words, rules.max_phrase_words);
        (searched && self.searcher.is_match(line)).then_some(7)
    }
}

impl DocumentOp for Filter {
    type Scratch = Lines;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        lines: &mut Lines,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let words = document.analysis.words(text, WordKind::Unicode);
        let mut walk = Walk { words };
        let mut counts = [0; 8];
        let mut after = 0;
        lines.clear();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let span = Span::new(start, end);
            start = end + 1;
            let line = span.of(text).trim();
            if line.is_empty() {
                lines.keep(span);
                continue;
            }
            let line_words = walk.within(span).len();
            counts[0] += 1;
            if let Some(signal) = self.broken(line, line_words) {
                counts[signal] += 1;
            } else {
                counts[1] += 1;
                after += line_words;
                lines.keep(span);
            }
        }
        for (index, count) in counts.into_iter().chain([words.len(), after]).enumerate() {
            row.count(index, count);
        }
        let decision = self.settings.decide(counts[1] == 0, after as u64);
        if decision == Decision::Keep {
            lines.finish(text, row);
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{Trial, refused, trial};

    fn run(toml: &str, text: &str) -> Trial {
        trial("line-filter", toml, text)
    }

    #[test]
    fn each_rule_takes_its_lines_and_none_at_its_threshold() {
        for (toml, at, broken, signal) in [
            ("min_chars = 6", "abc éf", "ab éf", "lines_length"),
            ("max_chars = 14", "One line here.", "One line there.", "lines_length"),
            ("min_words = 3", "one two three", "one two", "lines_length"),
            ("max_words = 3", "one two three", "one two three four", "lines_length"),
            ("max_uppercase_ratio = 0.5", "ABab", "ABCab", "lines_uppercase"),
            ("max_digit_ratio = 0.5", "12ab", "123ab", "lines_digits"),
            ("min_letter_ratio = 0.5", "éb--", "éb---", "lines_letters"),
            ("terminal_punctuation = true", "It ends!", "It ends", "lines_no_terminal_punctuation"),
            ("phrases = [\"log in\"]", "catalog", "Please LOG IN here", "lines_phrases"),
            (
                "phrases = [\"log in\"]\nmax_phrase_words = 4",
                "Please log in here now",
                "Please log in here",
                "lines_phrases",
            ),
        ] {
            let text = format!("{at}\n\n {broken} \n{at}");
            let trial = run(toml, &text);
            assert_eq!(trial.text.as_deref(), Some(&*format!("{at}\n\n{at}")), "{toml}");
            assert!((trial.number(signal) - 1.0).abs() < 0.1, "{toml} {trial:?}");
            assert!((trial.number("lines_kept") - 2.0).abs() < 0.1, "{toml} {trial:?}");
        }
    }

    #[test]
    fn what_is_left_decides() {
        let toml = "min_words = 2\nmin_words_left = 5";
        assert_eq!(run(toml, "one two three\nfour\nfive six").reason(), "");
        let few = run(toml, "one two three\nfour\nfive six".trim_end_matches(" six"));
        assert_eq!((few.reason(), few.text), ("too-few-words-left", None));
        assert_eq!(run("min_words = 2", "one\n\ntwo").reason(), "nothing-left");
        assert_eq!(run("", "").reason(), "nothing-left");
        assert_eq!(run("", "  one\r\n\ntwo\n").text, None);
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        for (toml, part) in [
            ("min_words = 3\nmax_words = 2", "no line passes"),
            ("min_letter_ratio = 80.0", "0 to 1"),
            ("phrases = [\"\"]", "leave it out"),
        ] {
            assert!(refused("line-filter", toml).to_string().contains(part), "{toml}");
        }
    }
}
