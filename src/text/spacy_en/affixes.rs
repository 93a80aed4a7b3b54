//! Splits one chunk of text without white space, as `Tokenizer._split_affixes` and
//! `_attach_tokens` of [spaCy's tokenizer](https://spacy.io/usage/linguistic-features#how-tokenizer-works)
//! do: affixes are peeled off both ends until an exception shows or nothing is left to peel, the
//! rest is an exception, a URL, or cut at infixes.

use std::ops::Range;

use super::rules::{Ahead, Body, Piece, Rules};
use super::{span, url};

impl Rules {
    /// Appends the tokens of the chunk `text[range]`. `suffixes` is scratch space.
    ///
    /// spaCy also splits its own exceptions without heeding any (`with_exceptions` false) to find
    /// the sequences for its second pass.
    pub(super) fn split(
        &self,
        text: &str,
        range: Range<usize>,
        with_exceptions: bool,
        suffixes: &mut Vec<Range<u32>>,
        out: &mut Vec<Range<u32>>,
    ) {
        suffixes.clear();
        let Range { mut start, mut end } = range;
        let exception =
            |part: &str| with_exceptions && self.exceptions.get(part.as_bytes()).is_some();
        while start < end {
            let rest = &text[start..end];
            if exception(rest) {
                break;
            }
            let prefix = self.prefix_len(rest);
            if prefix > 0 {
                out.push(span(start, start + prefix));
                if exception(&rest[prefix..]) {
                    start += prefix;
                    break;
                }
            }
            // Look-behinds do not see the prefix, but the exception is tried with it.
            let suffix = self.suffix_len(&rest[prefix..]);
            if suffix > 0 {
                suffixes.push(span(end - suffix, end));
                if exception(&rest[..rest.len() - suffix]) {
                    if prefix > 0 {
                        out.pop();
                    }
                    end -= suffix;
                    break;
                }
            }
            if prefix + suffix == 0 {
                break;
            }
            start += prefix;
            end -= suffix;
        }
        if start < end {
            self.split_core(text, start..end, with_exceptions, out);
        }
        out.extend(suffixes.drain(..).rev());
    }

    fn split_core(
        &self,
        text: &str,
        range: Range<usize>,
        with_exceptions: bool,
        out: &mut Vec<Range<u32>>,
    ) {
        let core = &text[range.clone()];
        if with_exceptions && let Some(number) = self.exceptions.get(core.as_bytes()) {
            self.push_exception(number, range.start, out);
        } else if url::is_url(self, core) {
            out.push(span(range.start, range.end));
        } else {
            let mut start = 0;
            let mut at = 0;
            while let Some(infix) = self.next_infix(core, at) {
                at = infix.end;
                // An infix at the very start is passed over and stays part of what follows.
                if infix.start == 0 {
                    continue;
                }
                if infix.start != start {
                    out.push(span(range.start + start, range.start + infix.start));
                }
                out.push(span(range.start + infix.start, range.start + infix.end));
                start = infix.end;
            }
            if start < core.len() {
                out.push(span(range.start + start, range.end));
            }
        }
    }

    /// Appends the tokens of exception `number`, found at byte `at`.
    pub(super) fn push_exception(&self, number: usize, at: usize, out: &mut Vec<Range<u32>>) {
        let mut start = at;
        for length in &self.exception_tokens[number] {
            let end = start + usize::from(*length);
            out.push(span(start, end));
            start = end;
        }
    }

    /// Whether spaCy gives the exception to its second pass: some affix piece matches in it.
    pub(super) fn has_affix(&self, text: &str) -> bool {
        self.prefix_len(text) + self.suffix_len(text) > 0 || self.next_infix(text, 0).is_some()
    }

    /// Length of the prefix of `text`: of the first piece that matches.
    pub(super) fn prefix_len(&self, text: &str) -> usize {
        let Some(byte) = text.bytes().next() else { return 0 };
        let mut pieces = self.prefix.at(byte);
        pieces.find_map(|piece| self.piece_end(piece, text, 0)).unwrap_or(0)
    }

    /// Length of the suffix of `text`: all pieces end where the text does and the search takes the
    /// leftmost start, so the longest counts.
    pub(super) fn suffix_len(&self, text: &str) -> usize {
        let Some(byte) = text.bytes().next_back() else { return 0 };
        let length = |piece: &Piece| {
            let length = match &piece.body {
                Body::Literal(literal) => text.ends_with(&**literal).then_some(literal.len())?,
                Body::Set(class) => {
                    let last = text.chars().next_back()?;
                    self.classes.has(last, *class).then_some(last.len_utf8())?
                }
                Body::Run(run) => {
                    let length = text.bytes().rev().take_while(|byte| byte == run).count();
                    (length >= 2).then_some(length)?
                }
            };
            self.behind_fits(piece, &text[..text.len() - length]).then_some(length)
        };
        self.suffix.at(byte).filter_map(length).max().unwrap_or(0)
    }

    /// The first infix in `text` from byte `at` on.
    fn next_infix(&self, text: &str, mut at: usize) -> Option<Range<usize>> {
        let bytes = text.as_bytes();
        loop {
            // Only bytes that start a character can start a piece.
            at += bytes[at..].iter().position(|byte| self.infix.may_match(*byte))?;
            if text.is_char_boundary(at) {
                let mut pieces = self.infix.at(bytes[at]);
                if let Some(end) = pieces.find_map(|piece| self.piece_end(piece, text, at)) {
                    return Some(at..end);
                }
            }
            at += 1;
        }
    }

    /// Where the piece ends if it matches at byte `at`.
    fn piece_end(&self, piece: &Piece, text: &str, at: usize) -> Option<usize> {
        let rest = &text[at..];
        let length = match &piece.body {
            Body::Literal(literal) => rest.starts_with(&**literal).then_some(literal.len())?,
            Body::Set(class) => {
                let first = rest.chars().next()?;
                self.classes.has(first, *class).then_some(first.len_utf8())?
            }
            Body::Run(run) => {
                let length = rest.bytes().take_while(|byte| byte == run).count();
                (length >= 2).then_some(length)?
            }
        };
        let next = rest[length..].chars().next();
        let ahead_fits = match piece.ahead {
            Ahead::Anything => true,
            Ahead::In(class) => next.is_some_and(|next| self.classes.has(next, class)),
            Ahead::NotIn(class) => !next.is_some_and(|next| self.classes.has(next, class)),
        };
        (ahead_fits && self.behind_fits(piece, &text[..at])).then_some(at + length)
    }

    fn behind_fits(&self, piece: &Piece, before: &str) -> bool {
        let mut before = before.chars().rev();
        let mut classes = piece.behind.iter().rev();
        classes.all(|class| before.next().is_some_and(|ch| self.classes.has(ch, *class)))
    }
}
