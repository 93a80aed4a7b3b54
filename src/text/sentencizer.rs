//! Sentences of spaCy's English rules, counted over tokens that are there already.

use super::spacy_en::SpacyEn;
use super::{Span, Word};

/// How many sentences datatrove finds in the piece `span` of `text`, which has the
/// [`super::WordKind::SpacyEn`] words `tokens`; at least one.
///
/// White space other than one plain space is a token of its own there and starts a sentence, even
/// at the end of the piece.
#[must_use]
pub(crate) fn count(text: &str, span: Span, tokens: &[Word]) -> usize {
    let spacy = SpacyEn::shared();
    let is_token = |gap: &str| !matches!(gap, "" | " ");
    let mut sentences = 1;
    let mut ended = false;
    let mut end = span.start;
    for token in tokens {
        let (ends, punct) = spacy.sentence_role(token.of(text));
        if ended && (!(ends || punct) || is_token(Span { start: end, end: token.start }.of(text))) {
            sentences += 1;
            ended = false;
        }
        ended |= ends;
        end = token.end;
    }
    sentences + usize::from(ended && is_token(Span { start: end, end: span.end }.of(text)))
}

#[cfg(test)]
mod tests {
    use super::super::{Analysis, WordKind};
    use super::*;

    #[test]
    fn sentences_are_those_of_datatrove() {
        let count = |text: &str| {
            let analysis = Analysis::default();
            let tokens = analysis.words(text, WordKind::SpacyEn);
            super::count(text, Span::new(0, text.len()), tokens)
        };
        // len(split_into_sentences(text)) of datatrove 0.10.1.
        for (text, expected) in [
            ("", 1),
            ("  ", 1),
            ("foo", 1),
            ("foo. ", 1),
            ("foo.  ", 2),
            ("foo.  bar", 2),
            ("foo. bar", 2),
            ("Mr. Smith left. He ran?! \"Yes.\"", 3),
            ("Wait... no", 1),
        ] {
            assert_eq!(count(text), expected, "{text:?}");
        }
    }
}
