//! The line rules of DCLM's `c4.yaml`: each runs over the whole page before the next.

use super::datatrove::over;
use super::native::count_sentences;
use super::{
    CURLY_BRACKET, Counts, Decision, Document, DocumentOp, LOREM_IPSUM, NOTHING_LEFT, POLICY, Row,
    Rules, Scratch, TOO_LONG, has_long_word, without_citations,
};
use crate::ops::lines::{Fate, Lines};
use crate::ops::phrase::{contains, has_disguise};
use crate::text::python::{count_fasttext_words, count_words, is_decimal, is_space};

pub(super) struct Dclm(pub(super) Rules);

impl DocumentOp for Dclm {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let mut counts = Counts::default();
        let drop = self.lines(text, &mut scratch.lines, &mut counts);
        if drop.is_none() {
            let before = count_fasttext_words(text);
            let lines = &scratch.lines;
            let same = lines.are(text);
            let after =
                if same { before } else { lines.iter(text).map(count_fasttext_words).sum() };
            counts.words = Some((before, after));
            let filled = lines.iter(text).filter(|line| !line.is_empty());
            counts.sentences = Some(filled.map(count_sentences).sum());
        }
        counts.set(row);
        let sentences = counts.sentences.unwrap_or(0);
        let decision = match drop {
            Some(reason) => Decision::Drop(reason),
            None => self.0.settings.enough(i64::try_from(sentences).unwrap_or(i64::MAX)),
        };
        if decision == Decision::Keep {
            scratch.lines.finish(text, row);
        }
        decision
    }
}

impl Dclm {
    fn lines(
        &self,
        text: &str,
        lines: &mut Lines,
        counts: &mut Counts,
    ) -> Option<crate::document::Reason> {
        let settings = &self.0.settings;
        if settings.max_chars.is_some_and(|most| over(text, most)) {
            return Some(TOO_LONG);
        }
        lines.split(text);
        counts.lines = lines.iter(text).count();
        let removed = |lines: &mut Lines, keep: &mut dyn FnMut(&str) -> bool| {
            let mut out = 0;
            lines.retain(text, |line| {
                let kept = keep(line);
                out += usize::from(!kept);
                kept
            });
            out
        };
        if settings.max_word_length > 0 {
            let most = settings.max_word_length;
            counts.long_word = removed(lines, &mut |line| !has_long_word(line, most, is_space));
        }
        let has_brackets = memchr::memchr(b'[', text.as_bytes()).is_some();
        if settings.citations && has_brackets {
            lines.modify(text, |line, buffer| {
                if without_citations(line, is_decimal, buffer) { Fate::Replace } else { Fate::Keep }
            });
        }
        if settings.terminal_punctuation {
            counts.end = removed(lines, &mut |line| line.is_empty() || ends_well(line));
        }
        if settings.min_words_per_line > 0 {
            let few = usize::try_from(settings.min_words_per_line).unwrap_or(usize::MAX);
            counts.few_words =
                removed(lines, &mut |line| line.is_empty() || count_words(line, few) >= few);
        }
        let left = |lines: &Lines, counts: &mut Counts| {
            counts.kept = if lines.is_empty() { 0 } else { lines.iter(text).count() };
            counts.kept > 0
        };
        if !left(lines, counts) {
            return Some(NOTHING_LEFT);
        }
        let disguised = has_disguise(text);
        // Words that a citation stood between may make a phrase.
        let searched = settings.citations && has_brackets
            || self.0.phrases.find(text).next().is_some()
            || disguised;
        let has = |line: &str| {
            let mut has = self.0.phrases.kinds(line);
            if disguised && !line.is_ascii() {
                // Lorem ipsum is searched for in the lower case, which shows no disguise.
                has.javascript |= contains(line, "javascript");
                has.policy |= POLICY.iter().any(|phrase| contains(line, phrase));
            }
            has
        };
        if settings.lorem_ipsum && searched && lines.iter(text).any(|line| has(line).lorem_ipsum) {
            return Some(LOREM_IPSUM);
        }
        if settings.javascript {
            if searched {
                counts.javascript = removed(lines, &mut |line| !has(line).javascript);
            }
            lines.strip(text);
            if !left(lines, counts) {
                return Some(NOTHING_LEFT);
            }
        }
        if settings.curly_bracket
            && memchr::memchr(b'{', text.as_bytes()).is_some()
            && lines.iter(text).any(|line| line.contains('{'))
        {
            return Some(CURLY_BRACKET);
        }
        if settings.policy {
            if searched {
                counts.policy =
                    removed(lines, &mut |line| !POLICY.iter().any(|phrase| contains(line, phrase)));
            }
            lines.strip(text);
            if !left(lines, counts) {
                return Some(NOTHING_LEFT);
            }
        }
        None
    }
}

/// Whether a line ends in `.`, `!`, `?`, `"` or `…`, white space behind it allowed, and in no
/// ellipsis.
fn ends_well(line: &str) -> bool {
    let line = line.trim_end_matches(is_space);
    line.ends_with(['.', '!', '?', '"']) && !line.ends_with("...")
}
