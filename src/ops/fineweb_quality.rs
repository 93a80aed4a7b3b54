//! `fineweb-quality`: the rules that FineWeb adds to those of Gopher and C4.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::ratio;
use super::gopher_repetition::Segments;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::code_points::TERMINAL_PUNCTUATION;
use crate::text::{WordKind, python};

/// Drops documents whose lines are no sentences: lists, menus, repeated lines.
///
/// The rules are those that [FineWeb](https://arxiv.org/abs/2406.17557) adds to Gopher's and C4's; the
/// defaults are those of its code. A value equal to a threshold passes. The first rule broken, in
/// the order of the reasons below, gives the reason; a document without a line that is not blank is
/// dropped as `empty`.
///
/// In the dialect `tamis`, lines are the non-blank ones without white space around them. A line ends
/// with punctuation if, quotation marks and brackets at its end left aside, its last character is
/// one that ends a sentence in some script (159 of them; neither `…` nor `:`). A duplicate line is
/// one that stood before; characters are counted in proportion to those of all lines. The list
/// ratio is the number of line breaks between lines per word.
///
/// With `dialect = "datatrove"` decisions and reasons are those of
/// [datatrove](https://github.com/huggingface/datatrove) 0.10.1's `FineWebQualityFilter` for
/// English: lines keep the white space around them, which a line can end with and which counts for
/// its length; a quotation mark at the end hides the stop before it; blank lines count as
/// line breaks; words are spaCy's tokens.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FinewebQuality {
    /// Least share of lines that end with punctuation.
    pub min_line_punctuation: f64,
    /// Let documents pass of which no line at all ends with punctuation; datatrove's
    /// `line_punct_exclude_zero`.
    pub exclude_zero_line_punctuation: bool,
    /// Greatest share of short lines.
    pub max_short_lines: f64,
    /// Length in characters up to which a line is short.
    pub short_line_length: u32,
    /// Greatest share of characters in duplicate lines.
    pub max_duplicate_line_chars: f64,
    /// Greatest number of line breaks per word.
    pub max_list_ratio: f64,
    /// What counts as a word; only the dialect `tamis` asks.
    pub words: WordKind,
    /// Whose arithmetic to follow: `tamis` or `datatrove`.
    pub dialect: Dialect,
}

/// Whose arithmetic to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dialect {
    /// Ours, as the op's page tells.
    #[default]
    Tamis,
    /// That of datatrove 0.10.1 for English, decision for decision, with its reasons.
    Datatrove,
}

impl Default for FinewebQuality {
    fn default() -> Self {
        Self {
            min_line_punctuation: 0.12,
            exclude_zero_line_punctuation: false,
            max_short_lines: 0.67,
            short_line_length: 30,
            max_duplicate_line_chars: 0.01,
            max_list_ratio: 0.3,
            words: WordKind::Unicode,
            dialect: Dialect::Tamis,
        }
    }
}

const EMPTY: Reason = Reason::new("empty");
const RULES: [Reason; 4] = [
    Reason::new("too-little-line-punctuation"),
    Reason::new("too-many-short-lines"),
    Reason::new("duplicate-line-chars"),
    Reason::new("too-many-lines-per-word"),
];
/// datatrove's reasons, in the same order.
const DATATROVE: [Reason; 4] = [
    Reason::new("line_punct_ratio"),
    Reason::new("short_line_ratio"),
    Reason::new("char_dup_ratio"),
    Reason::new("list_ratio"),
];

/// The numbers that the rules are about, in the order of the rules; `None` without a line.
type Measures = Option<[f64; 4]>;

const fn signal(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Float, about }
}

impl Settings for FinewebQuality {
    const NAME: &'static str = "fineweb-quality";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        signal("line_punctuation", "share of lines that end with punctuation"),
        signal("short_lines", "share of short lines"),
        signal("duplicate_line_chars", "share of characters in duplicate lines"),
        signal("list_ratio", "line breaks per word"),
    ];
    const REASONS: &'static [Reason] = &[
        EMPTY,
        RULES[0],
        RULES[1],
        RULES[2],
        RULES[3],
        DATATROVE[0],
        DATATROVE[1],
        DATATROVE[2],
        DATATROVE[3],
    ];
    const COST: u32 = 500;
    const THRESHOLDS: &'static [&'static str] = &[
        "min_line_punctuation",
        "exclude_zero_line_punctuation",
        "max_short_lines",
        "max_duplicate_line_chars",
        "max_list_ratio",
    ];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let mut measures = [0.0; 4];
        for (value, signal) in measures.iter_mut().zip(Self::SIGNALS) {
            // They are missing all together.
            let Some(found) = signals.number(signal.name) else {
                return Some(Decision::Drop(EMPTY));
            };
            *value = found;
        }
        Some(self.decide(Some(measures)))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let shares = [
            ("min_line_punctuation", self.min_line_punctuation),
            ("max_short_lines", self.max_short_lines),
            ("max_duplicate_line_chars", self.max_duplicate_line_chars),
            ("max_list_ratio", self.max_list_ratio),
        ];
        for (key, share) in shares {
            if share.is_nan() || share < 0.0 {
                return Err(OpError::Setting {
                    key,
                    reason: format!("{share} is no share; give 0 or more"),
                });
            }
        }
        Ok(Op::Document(Box::new(self.clone())))
    }
}

impl FinewebQuality {
    fn decide(&self, measures: Measures) -> Decision {
        let Some([punctuation, short, duplicate, list]) = measures else {
            return Decision::Drop(EMPTY);
        };
        let excluded = self.exclude_zero_line_punctuation && punctuation == 0.0;
        let broken = [
            punctuation < self.min_line_punctuation && !excluded,
            short > self.max_short_lines,
            duplicate > self.max_duplicate_line_chars,
            list > self.max_list_ratio,
        ];
        let reasons = if self.dialect == Dialect::Datatrove { DATATROVE } else { RULES };
        let first = broken.iter().zip(reasons).find(|(broken, _)| **broken);
        first.map_or(Decision::Keep, |(_, reason)| Decision::Drop(reason))
    }

    fn tamis(&self, document: Document<'_>, segments: &mut Segments) -> Measures {
        let Document { text, analysis, .. } = document;
        let lines = analysis.lines(text).iter().map(|line| line.of(text).trim());
        let lines = lines.filter(|line| !line.is_empty());
        let [all, ended, short] =
            self.count(lines.clone(), |line| line.trim_end_matches(closes).chars().next_back());
        let breaks = all.checked_sub(1)?;
        let words = analysis.words(text, self.words).len() as u64;
        Some([
            ratio(ended, all),
            ratio(short, all),
            segments.later(lines, None)[1],
            // Without words every line is one too many.
            ratio(breaks, words.max(1)),
        ])
    }

    fn datatrove(&self, document: Document<'_>, segments: &mut Segments) -> Measures {
        let Document { text, analysis, .. } = document;
        let lines = text.split('\n').filter(|line| !python::strip(line).is_empty());
        let [all, ended, short] = self.count(lines.clone(), |line| line.chars().next_back());
        if all == 0 {
            return None;
        }
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        let words = analysis.words(text, WordKind::SpacyEn).len() as u64;
        let chars = text.chars().count() as u64 - breaks;
        Some([
            ratio(ended, all),
            ratio(short, all),
            segments.later(lines, Some(chars))[1],
            ratio(breaks, words),
        ])
    }

    /// How many lines there are, how many end with punctuation, and how many are short.
    fn count<'t>(
        &self,
        lines: impl Iterator<Item = &'t str>,
        last: impl Fn(&str) -> Option<char>,
    ) -> [u64; 3] {
        let punctuation = &*TERMINAL_PUNCTUATION;
        let most = self.short_line_length as usize;
        let (mut all, mut ended, mut short) = (0, 0, 0);
        for line in lines {
            all += 1;
            ended += u64::from(last(line).is_some_and(|c| punctuation.has(c)));
            // A character has at most four bytes.
            let is_short = line.len() <= most
                || line.len() <= most.saturating_mul(4) && line.chars().count() <= most;
            short += u64::from(is_short);
        }
        [all, ended, short]
    }
}

/// Whether it may stand behind the end of a sentence.
fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '›' | '」' | '』' | '）' | '】')
}

impl DocumentOp for FinewebQuality {
    type Scratch = Segments;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        segments: &mut Segments,
        row: &mut Row<'a>,
    ) -> Decision {
        let measures = match self.dialect {
            Dialect::Tamis => self.tamis(document, segments),
            Dialect::Datatrove => self.datatrove(document, segments),
        };
        for (index, value) in measures.iter().flatten().enumerate() {
            row.float(index, *value);
        }
        self.decide(measures)
    }
}
