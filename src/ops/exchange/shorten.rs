//! Taking out of documents what others already have.

use std::ops::Range;

use super::{Concluded, Participants};
use crate::document::{Reason, SignalColumn, SignalValue};
use crate::ops::Decision;

/// Nothing but white space was left.
pub(in crate::ops) const ALL_DUPLICATE: Reason = Reason::new("all-duplicate");
/// Less was left than the settings ask for.
pub(in crate::ops) const TOO_SHORT: Reason = Reason::new("too-short");

/// The end of an op that takes pieces out of texts.
pub(in crate::ops) struct Shorten {
    /// Whether the documents are told what they share, but stay as they are.
    pub exempt: bool,
    /// Characters, white space at both ends left aside, that a document must have left once
    /// something was taken out.
    pub min_chars_left: u64,
}

impl Shorten {
    /// Asks `look` of each participant for the values of its signals and for what to take out, in
    /// order and apart from each other. A document that loses nothing is kept, whatever its length;
    /// one that is dropped keeps its text.
    pub(in crate::ops) fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
        mut look: impl FnMut(usize, &mut [Option<SignalValue<'static>>]) -> Vec<Range<usize>>,
    ) -> Concluded {
        let mut concluded = Concluded::default();
        let mut rows = documents.rows.iter().peekable();
        let mut values = vec![None; signals.len()];
        for row in 0..documents.batch.len() {
            values.fill(None);
            if rows.next_if(|at| **at == row).is_some() {
                let taken = look(row, &mut values);
                let decision = self.decide(documents.batch.text(row), row, &taken, &mut concluded);
                concluded.outcome.decisions.push(decision);
            }
            for (column, value) in signals.iter_mut().zip(&values) {
                column.push(value.as_ref());
            }
        }
        concluded
    }

    fn decide(
        &self,
        text: &str,
        row: usize,
        taken: &[Range<usize>],
        concluded: &mut Concluded,
    ) -> Decision {
        if self.exempt || taken.is_empty() {
            return Decision::Keep;
        }
        let edits = &mut concluded.outcome.edits;
        let start = edits.texts.len();
        let mut from = 0;
        for range in taken {
            edits.texts.push_str(&text[from..range.start]);
            from = range.end;
        }
        edits.texts.push_str(&text[from..]);
        let left = edits.texts[start..].trim();
        let least = usize::try_from(self.min_chars_left).unwrap_or(usize::MAX);
        let reason = if left.is_empty() {
            ALL_DUPLICATE
        } else if left.chars().take(least).count() < least {
            TOO_SHORT
        } else {
            edits.rows.push((row, start..edits.texts.len()));
            return Decision::Keep;
        };
        edits.texts.truncate(start);
        Decision::Drop(reason)
    }
}

/// A count as the value of a signal.
pub(in crate::ops) fn counted(count: usize) -> SignalValue<'static> {
    SignalValue::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// The share that a part has of a whole; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "lengths of texts are exact in a float")]
pub(in crate::ops) fn share(part: usize, whole: usize) -> SignalValue<'static> {
    SignalValue::Float(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}
