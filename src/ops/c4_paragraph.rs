//! `c4-paragraph`: mC4's rule about long lines.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::DatatroveDialect;
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};

/// Drops documents with too few long lines.
///
/// mC4 ([Xue et al. 2021](https://arxiv.org/abs/2010.11934)) keeps pages that have at least three
/// lines of 200 characters or more; datatrove's
/// [C4ParagraphFilter](https://github.com/huggingface/datatrove) does the same. Lines are the pieces
/// between line feeds as they stand, white space counted, and characters are Unicode scalar values.
/// A line of just `min_chars` counts. The dialects decide alike; the reason is datatrove's own in
/// `datatrove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct C4Paragraph {
    /// Least number of long lines.
    pub min_lines: u64,
    /// Least number of characters of a long line.
    pub min_chars: u64,
    /// Whose reason to give.
    pub dialect: DatatroveDialect,
}

impl Default for C4Paragraph {
    fn default() -> Self {
        Self { min_lines: 3, min_chars: 200, dialect: DatatroveDialect::default() }
    }
}

const TOO_FEW: Reason = Reason::new("too-few-long-lines");
const DT_TOO_FEW: Reason = Reason::new("< 3 paragraphs");

impl Settings for C4Paragraph {
    const NAME: &'static str = "c4-paragraph";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[Signal {
        name: "long_lines",
        kind: SignalType::Int,
        about: "lines of at least `min_chars` characters",
    }];
    const REASONS: &'static [Reason] = &[TOO_FEW, DT_TOO_FEW];
    const COST: u32 = 50;
    const THRESHOLDS: &'static [&'static str] = &["min_lines"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let lines = u64::try_from(signals.int("long_lines")?).ok()?;
        Some(self.decide(lines))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        Ok(Op::Document(Box::new(self.clone())))
    }
}

impl C4Paragraph {
    fn decide(&self, lines: u64) -> Decision {
        match self.dialect {
            _ if lines >= self.min_lines => Decision::Keep,
            DatatroveDialect::Tamis => Decision::Drop(TOO_FEW),
            DatatroveDialect::Datatrove => Decision::Drop(DT_TOO_FEW),
        }
    }
}

impl DocumentOp for C4Paragraph {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let text = document.text;
        let least = usize::try_from(self.min_chars).unwrap_or(usize::MAX);
        let mut lines = 0u64;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let line = &text[start..end];
            // A character has at most four bytes, so most lines need not be counted.
            let long =
                line.len() / 4 >= least || line.len() >= least && line.chars().count() >= least;
            lines += u64::from(long);
            start = end + 1;
        }
        row.int(0, i64::try_from(lines).unwrap_or(i64::MAX));
        self.decide(lines)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::testing::trial;

    #[test]
    fn three_lines_of_two_hundred_characters() {
        let (long, short) = ("é".repeat(200), "é".repeat(199));
        for (text, lines, reason) in [
            (format!("{long}\n{long}\n{long}"), 3, ""),
            (format!("{long}\n{long}\n{short}\n"), 2, "too-few-long-lines"),
            (format!("{long}\n{long}\n{short} "), 3, ""),
            (format!("{long}\r\n\n{long}\u{2028}{long}"), 2, "too-few-long-lines"),
            (String::new(), 0, "too-few-long-lines"),
            ("a".repeat(100_000), 1, "too-few-long-lines"),
        ] {
            let trial = trial("c4-paragraph", "", &text);
            assert!((trial.number("long_lines") - f64::from(lines)).abs() < 0.5, "{text}");
            assert_eq!(trial.reason(), reason);
        }
        assert_eq!(trial("c4-paragraph", "min_lines = 1\nmin_chars = 3", "abc\nd").reason(), "");
        assert_eq!(trial("c4-paragraph", "min_lines = 0", "").reason(), "");
        let datatrove = trial("c4-paragraph", "dialect = \"datatrove\"", "");
        assert_eq!(datatrove.reason(), "< 3 paragraphs");
    }
}
