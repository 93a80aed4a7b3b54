//! `length`: how long a document is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::WordKind;

/// Drops documents that are too short or too long, in characters, words, lines or bytes.
///
/// Only the limits that are given apply; a value equal to a limit passes. Limits are looked at in
/// the order characters, words, lines, bytes, the least before the greatest; the first one broken
/// gives the reason. Without any limit the op drops nothing and only computes its signals.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Length {
    /// Least number of characters (Unicode scalar values).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_chars: Option<u64>,
    /// Greatest number of characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_chars: Option<u64>,
    /// Least number of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_words: Option<u64>,
    /// Greatest number of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_words: Option<u64>,
    /// What counts as a word; `unicode` by default. Words are counted only where this or a limit on
    /// words is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<WordKind>,
    /// Least number of lines that are not blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_lines: Option<u64>,
    /// Greatest number of lines that are not blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lines: Option<u64>,
    /// Least number of bytes of UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_bytes: Option<u64>,
    /// Greatest number of bytes of UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

const TOO_FEW_CHARS: Reason = Reason::new("too-few-chars");
const TOO_MANY_CHARS: Reason = Reason::new("too-many-chars");
const TOO_FEW_WORDS: Reason = Reason::new("too-few-words");
const TOO_MANY_WORDS: Reason = Reason::new("too-many-words");
const TOO_FEW_LINES: Reason = Reason::new("too-few-lines");
const TOO_MANY_LINES: Reason = Reason::new("too-many-lines");
const TOO_FEW_BYTES: Reason = Reason::new("too-few-bytes");
const TOO_MANY_BYTES: Reason = Reason::new("too-many-bytes");

const fn signal(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

/// What is measured: the limits, their reasons and their keys.
struct Measure {
    min: (Option<u64>, Reason, &'static str),
    max: (Option<u64>, Reason, &'static str),
}

impl Length {
    /// In the order of the signals.
    fn measures(&self) -> [Measure; 4] {
        [
            Measure {
                min: (self.min_chars, TOO_FEW_CHARS, "min_chars"),
                max: (self.max_chars, TOO_MANY_CHARS, "max_chars"),
            },
            Measure {
                min: (self.min_words, TOO_FEW_WORDS, "min_words"),
                max: (self.max_words, TOO_MANY_WORDS, "max_words"),
            },
            Measure {
                min: (self.min_lines, TOO_FEW_LINES, "min_lines"),
                max: (self.max_lines, TOO_MANY_LINES, "max_lines"),
            },
            Measure {
                min: (self.min_bytes, TOO_FEW_BYTES, "min_bytes"),
                max: (self.max_bytes, TOO_MANY_BYTES, "max_bytes"),
            },
        ]
    }

    fn counts_words(&self) -> bool {
        self.words.is_some() || self.min_words.is_some() || self.max_words.is_some()
    }

    /// `None` where a limit is on something that was not measured.
    fn decide(&self, values: [Option<u64>; 4]) -> Option<Decision> {
        for (measure, value) in self.measures().into_iter().zip(values) {
            let ((min, too_few, _), (max, too_many, _)) = (measure.min, measure.max);
            if min.is_none() && max.is_none() {
                continue;
            }
            let value = value?;
            if min.is_some_and(|min| value < min) {
                return Some(Decision::Drop(too_few));
            }
            if max.is_some_and(|max| value > max) {
                return Some(Decision::Drop(too_many));
            }
        }
        Some(Decision::Keep)
    }
}

impl Settings for Length {
    const NAME: &'static str = "length";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        signal("chars", "characters"),
        signal("words", "words, where they are counted"),
        signal("lines", "lines that are not blank"),
        signal("bytes", "bytes of UTF-8"),
    ];
    const REASONS: &'static [Reason] = &[
        TOO_FEW_CHARS,
        TOO_MANY_CHARS,
        TOO_FEW_WORDS,
        TOO_MANY_WORDS,
        TOO_FEW_LINES,
        TOO_MANY_LINES,
        TOO_FEW_BYTES,
        TOO_MANY_BYTES,
    ];
    const COST: u32 = 500;
    const THRESHOLDS: &'static [&'static str] = &[
        "min_chars",
        "max_chars",
        "min_words",
        "max_words",
        "min_lines",
        "max_lines",
        "min_bytes",
        "max_bytes",
    ];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let count = |name| signals.int(name).and_then(|value| u64::try_from(value).ok());
        self.decide(["chars", "words", "lines", "bytes"].map(count))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        for Measure { min: (min, _, key), max: (max, _, other) } in self.measures() {
            if let (Some(min), Some(max)) = (min, max)
                && min > max
            {
                let reason = format!("{min} is over {other} = {max}: nothing could pass");
                return Err(OpError::Setting { key, reason });
            }
        }
        Ok(Op::Document(Box::new(self.clone())))
    }
}

impl DocumentOp for Length {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let Document { text, analysis, .. } = document;
        let words =
            self.counts_words().then(|| analysis.words(text, self.words.unwrap_or_default()).len());
        let lines = analysis.lines(text).iter();
        let lines = lines.filter(|line| !line.of(text).trim_start().is_empty()).count();
        let values = [Some(text.chars().count()), words, Some(lines), Some(text.len())];
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                row.count(index, value);
            }
        }
        // Words are measured where a limit needs them, so there is always a decision.
        self.decide(values.map(|value| value.map(|value| value as u64))).unwrap_or(Decision::Keep)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::{refused, trial};

    #[test]
    fn each_limit_lets_its_own_value_pass() {
        // 9 characters, 2 words, 2 lines, 11 bytes.
        let text = "naïve\n\nça";
        let cases = [
            ("min_chars = 10", "too-few-chars"),
            ("min_chars = 9", ""),
            ("max_chars = 8", "too-many-chars"),
            ("max_chars = 9", ""),
            ("min_words = 3", "too-few-words"),
            ("min_words = 2", ""),
            ("max_words = 1", "too-many-words"),
            ("max_words = 2", ""),
            ("min_lines = 3", "too-few-lines"),
            ("min_lines = 2", ""),
            ("max_lines = 1", "too-many-lines"),
            ("max_lines = 2", ""),
            ("min_bytes = 12", "too-few-bytes"),
            ("min_bytes = 11", ""),
            ("max_bytes = 10", "too-many-bytes"),
            ("max_bytes = 11", ""),
            ("", ""),
            // The order of the limits, not of the keys.
            ("max_bytes = 1\nmin_words = 9\nmax_chars = 1", "too-many-chars"),
        ];
        for (toml, reason) in cases {
            assert_eq!(trial("length", toml, text).reason(), reason, "{toml}");
        }
    }

    #[test]
    fn the_signals() {
        let trial_of = |toml: &str| trial("length", toml, "今天 好\r\n \u{3000}\r\nOk");
        let trial = trial_of("words = \"whitespace\"");
        let numbers = ["chars", "words", "lines", "bytes"].map(|name| trial.number(name));
        assert_eq!(numbers.map(|number| format!("{number}")), ["12", "3", "2", "20"]);
        // A word each ideograph.
        assert_eq!(trial_of("max_words = 9").number("words").to_string(), "4");
        assert!(!trial_of("").signals.contains_key("words"), "words cost time: only where wanted");
    }

    #[test]
    fn nothing_and_odd_things() {
        for text in ["", "\0", "\u{200b}\u{200b}", "\r", "\n\n\n", "\u{10ffff}", "\u{85}\u{2028}"] {
            let trial = trial("length", "min_words = 1", text);
            assert_eq!(trial.reason(), "too-few-words", "{text:?}");
            assert_eq!(trial.number("bytes").to_string(), text.len().to_string());
        }
    }

    #[test]
    fn limits_that_let_nothing_pass_are_refused() {
        let message = refused("length", "min_words = 10\nmax_words = 9").to_string();
        assert_eq!(message, "min_words: 10 is over max_words = 9: nothing could pass");
    }
}
