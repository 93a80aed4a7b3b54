//! datatrove's `C4QualityFilter`, exactly.

use super::{
    Counts, DT_CURLY_BRACKET, DT_LOREM_IPSUM, Decision, Document, DocumentOp, Found, Row, Rules,
    Scratch, Walk, WordKind, has_long_word, without_citations,
};
use crate::text::python::{count_words, is_decimal, is_space, split_lines, strip};
use crate::text::{Analysis, Span, sentencizer};

pub(super) struct Datatrove(pub(super) Rules);

impl DocumentOp for Datatrove {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let settings = &self.0.settings;
        let phrases = &self.0.phrases;
        let mut counts = Counts::default();
        let mut drop = None;
        if settings.max_chars.is_some_and(|most| over(text, most)) {
            counts.set(row);
            return Decision::Drop(super::TOO_LONG);
        }
        let tokens = document.analysis.words(text, WordKind::SpacyEn);
        let mut walk = Walk { words: tokens };
        // One search finds whether any line has to be searched.
        let has_phrases = phrases.find(text).next().is_some();
        let has_brackets = memchr::memchr(b'[', text.as_bytes()).is_some();
        let has_curly = memchr::memchr(b'{', text.as_bytes()).is_some();
        let few = usize::try_from(settings.min_words_per_line).unwrap_or(usize::MAX);
        let (mut sentences, mut words) = (0, 0);
        scratch.lines.clear();
        split_lines(text, |span| {
            if drop.is_some() {
                return;
            }
            counts.lines += 1;
            let whole = strip(span.of(text));
            if has_long_word(whole, settings.max_word_length, is_space) {
                counts.long_word += 1;
                return;
            }
            scratch.line.clear();
            let edited = has_brackets
                && settings.citations
                && without_citations(whole, is_decimal, &mut scratch.line);
            let line = if edited { scratch.line.as_str() } else { whole };
            if settings.terminal_punctuation
                && (!line.ends_with(['.', '?', '!', '"', '\'']) || line.ends_with("..."))
            {
                counts.end += 1;
                return;
            }
            // The words are counted before the citations go.
            if count_words(whole, few) < few {
                counts.few_words += 1;
                return;
            }
            // Words that a citation stood between may make a phrase.
            let has = if has_phrases || edited { phrases.kinds(line) } else { Found::default() };
            if settings.lorem_ipsum && has.lorem_ipsum {
                drop = Some(DT_LOREM_IPSUM);
            } else if settings.javascript && has.javascript {
                counts.javascript += 1;
            } else if settings.curly_bracket && has_curly && line.contains('{') {
                drop = Some(DT_CURLY_BRACKET);
            } else if settings.policy && has.policy {
                counts.policy += 1;
            } else {
                counts.kept += 1;
                if edited {
                    let analysis = Analysis::default();
                    let tokens = analysis.words(line, WordKind::SpacyEn);
                    words += tokens.len();
                    sentences += sentencizer::count(line, Span::new(0, line.len()), tokens);
                    scratch.lines.push(line);
                } else {
                    let start = whole.as_ptr() as usize - text.as_ptr() as usize;
                    let span = Span::new(start, start + whole.len());
                    let tokens = walk.within(span);
                    words += tokens.len();
                    sentences += sentencizer::count(text, span, tokens);
                    scratch.lines.keep(span);
                }
            }
        });
        if let Some(reason) = drop {
            counts.set(row);
            return Decision::Drop(reason);
        }
        counts.sentences = Some(sentences);
        counts.words = Some((tokens.len(), words));
        counts.set(row);
        let decision = settings.enough(i64::try_from(sentences).unwrap_or(i64::MAX));
        if decision == Decision::Keep {
            scratch.lines.strip(text);
            scratch.lines.finish(text, row);
        }
        decision
    }
}

/// Whether a text has more than `most` characters.
pub(super) fn over(text: &str, most: u64) -> bool {
    text.len() as u64 > most && text.chars().count() as u64 > most
}
