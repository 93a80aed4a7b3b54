//! DCLM's line modifiers, one after the other over the page.

use super::corrections::{has_fewer_capitals, has_fewer_digits, is_counter};
use super::{Corrections, Counts, Decision, Document, DocumentOp, Lines, Row, finish};
use crate::ops::lines::Fate;
use crate::text::python::{count_fasttext_words, count_words, is_digit};

pub(super) struct Dclm(pub(super) Corrections);

impl DocumentOp for Dclm {
    type Scratch = Lines;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        lines: &mut Lines,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let mut counts = Counts::default();
        lines.split(text);
        counts.lines = lines.iter(text).count();
        self.correct(text, lines, &mut counts);
        counts.before = count_fasttext_words(text);
        counts.after = if lines.are(text) {
            counts.before
        } else {
            lines.iter(text).map(count_fasttext_words).sum()
        };
        finish(document, lines, &counts, row)
    }
}

impl Dclm {
    /// Runs each correction until nothing is left.
    fn correct(&self, text: &str, lines: &mut Lines, counts: &mut Counts) {
        let Corrections { settings, phrases } = &self.0;
        let remove = |lines: &mut Lines, out: &mut usize, keep: &dyn Fn(&str) -> bool| {
            lines.retain(text, |line| {
                let kept = line.is_empty() || keep(line);
                *out += usize::from(!kept);
                kept
            });
        };
        if settings.max_uppercase_ratio < 1.0 {
            let most = settings.max_uppercase_ratio;
            remove(lines, &mut counts.uppercase, &|line| has_fewer_capitals(line, most));
            lines.strip(text);
        }
        if settings.max_digit_ratio < 1.0 && !lines.is_empty() {
            let most = settings.max_digit_ratio;
            remove(lines, &mut counts.digits, &|line| has_fewer_digits(line, most, is_digit));
            lines.strip(text);
        }
        if settings.counters && !lines.is_empty() {
            remove(lines, &mut counts.counters, &|line| !is_counter(line));
            lines.strip(text);
        }
        if settings.min_words > 0 && !lines.is_empty() {
            let few = usize::try_from(settings.min_words).unwrap_or(usize::MAX);
            remove(lines, &mut counts.short, &|line| count_words(line, few) >= few);
        }
        for phrase in phrases {
            if lines.is_empty() {
                return;
            }
            lines.modify(text, |line, buffer| {
                let fate = phrase.remove(line, buffer);
                counts.phrases += usize::from(matches!(fate, Fate::Drop));
                counts.changed += usize::from(matches!(fate, Fate::Replace));
                fate
            });
            lines.strip(text);
        }
    }
}
