//! A text edited by lines, for ops that take lines out or change them.
//!
//! Lines are spans of the document's text until one is changed, so that a document in which nothing
//! happens is never copied.

use super::Row;
use crate::text::Span;
use crate::text::python::is_space;

/// A line: a span of the text, or of [`Lines::edited`].
#[derive(Clone, Copy)]
struct Piece {
    span: Span,
    edited: bool,
}

/// What becomes of a line.
pub(super) enum Fate {
    Keep,
    Drop,
    /// The text in the buffer takes its place.
    Replace,
}

/// The lines of a text as they are so far.
#[derive(Default)]
pub(super) struct Lines {
    pieces: Vec<Piece>,
    edited: String,
    buffer: String,
}

fn line<'a>(piece: Piece, text: &'a str, edited: &'a str) -> &'a str {
    piece.span.of(if piece.edited { edited } else { text })
}

impl Lines {
    /// Forgets the document before.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.edited.clear();
    }

    /// Starts with the pieces between `\n`.
    pub(super) fn split(&mut self, text: &str) {
        self.clear();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            self.keep(Span::new(start, end));
            start = end + 1;
        }
    }

    /// Appends a line of the text as it stands.
    pub(super) fn keep(&mut self, span: Span) {
        self.pieces.push(Piece { span, edited: false });
    }

    /// Appends a line that is not in the text.
    pub(super) fn push(&mut self, new: &str) {
        let start = self.edited.len();
        self.edited.push_str(new);
        self.pieces.push(Piece { span: Span::new(start, self.edited.len()), edited: true });
    }

    /// The lines.
    pub(super) fn iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.pieces.iter().map(move |piece| line(*piece, text, &self.edited))
    }

    /// Asks of each line what becomes of it; the function may write a new line into the buffer.
    pub(super) fn modify(&mut self, text: &str, mut fate: impl FnMut(&str, &mut String) -> Fate) {
        let mut kept = 0;
        for index in 0..self.pieces.len() {
            let mut piece = self.pieces[index];
            self.buffer.clear();
            match fate(line(piece, text, &self.edited), &mut self.buffer) {
                Fate::Keep => {}
                Fate::Drop => continue,
                Fate::Replace => {
                    let start = self.edited.len();
                    self.edited.push_str(&self.buffer);
                    piece = Piece { span: Span::new(start, self.edited.len()), edited: true };
                }
            }
            self.pieces[kept] = piece;
            kept += 1;
        }
        self.pieces.truncate(kept);
    }

    /// Keeps the lines for which `keep` holds.
    pub(super) fn retain(&mut self, text: &str, mut keep: impl FnMut(&str) -> bool) {
        let edited = &self.edited;
        self.pieces.retain(|piece| keep(line(*piece, text, edited)));
    }

    /// What Python's `"\n".join(lines).strip()` does.
    pub(super) fn strip(&mut self, text: &str) {
        let blank = |piece: &Piece| line(*piece, text, &self.edited).chars().all(is_space);
        let Some(first) = self.pieces.iter().position(|piece| !blank(piece)) else {
            self.pieces.clear();
            return;
        };
        let last = self.pieces.iter().rposition(|piece| !blank(piece)).unwrap_or(first);
        self.pieces.truncate(last + 1);
        self.pieces.drain(..first);
        let edited = &self.edited;
        if let Some(piece) = self.pieces.last_mut() {
            let line = line(*piece, text, edited);
            let start = piece.span.start as usize;
            piece.span = Span::new(start, start + line.trim_end_matches(is_space).len());
        }
        if let Some(piece) = self.pieces.first_mut() {
            let line = line(*piece, text, edited);
            let end = piece.span.end as usize;
            piece.span = Span::new(end - line.trim_start_matches(is_space).len(), end);
        }
    }

    /// Whether the lines joined are the empty text.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.iter().all(|piece| piece.span.start == piece.span.end) && self.pieces.len() < 2
    }

    /// Whether the lines joined are `text`, from which they come in order.
    pub(super) fn are(&self, text: &str) -> bool {
        // Lines other than the text's own may happen to be equal to it; then they are compared.
        if self.pieces.iter().any(|piece| piece.edited) {
            let mut rest = text;
            let mut lines = self.iter(text);
            let starts = lines.next().is_none_or(|first| eat(&mut rest, first));
            return starts
                && lines.all(|line| eat(&mut rest, "\n") && eat(&mut rest, line))
                && rest.is_empty();
        }
        let mut end = 0;
        for (index, piece) in self.pieces.iter().enumerate() {
            let start = piece.span.start as usize;
            let joined = if index == 0 {
                start == 0
            } else {
                start == end + 1 && text.as_bytes().get(end) == Some(&b'\n')
            };
            if !joined {
                return false;
            }
            end = piece.span.end as usize;
        }
        end == text.len()
    }

    /// Gives the lines, joined by `\n`, as the document's new text where they are another.
    pub(super) fn finish(&self, text: &str, row: &mut Row<'_>) {
        if self.are(text) {
            return;
        }
        row.begin_text();
        for (index, line) in self.iter(text).enumerate() {
            if index > 0 {
                row.push_text("\n");
            }
            row.push_text(line);
        }
    }
}

fn eat(rest: &mut &str, prefix: &str) -> bool {
    let Some(behind) = rest.strip_prefix(prefix) else { return false };
    *rest = behind;
    true
}

/// Refuses a share that is none.
pub(super) fn check_ratio(key: &'static str, value: f64) -> Result<(), super::OpError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    let reason = format!("{value} is no share; give 0 to 1, where 1 turns the rule off");
    Err(super::OpError::Setting { key, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> (String, bool) {
        let mut lines = Lines::default();
        lines.split(text);
        lines.strip(text);
        (lines.iter(text).collect::<Vec<_>>().join("\n"), lines.are(text))
    }

    #[test]
    fn strip_is_pythons() {
        for text in ["", " ", "\n", "a", " a\n b ", "\n \n\u{1f}a b\t\n\nc \n\u{3000}\n", "a\n"] {
            let (new, same) = stripped(text);
            assert_eq!(new, crate::text::python::strip(text), "{text:?}");
            assert_eq!(same, new == text, "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_the_text_are_no_edit() {
        let text = "one\ntwo\n\nthree";
        let mut lines = Lines::default();
        lines.split(text);
        assert!(lines.are(text));
        lines.modify(text, |line, buffer| {
            buffer.push_str(line);
            if line == "two" { Fate::Replace } else { Fate::Keep }
        });
        assert!(lines.are(text));
        lines.retain(text, |line| !line.is_empty());
        assert!(!lines.are(text));
        let mut row = Row::new(0);
        lines.finish(text, &mut row);
        assert_eq!(row.new_text(), Some("one\ntwo\nthree"));
        lines.retain(text, |_| false);
        assert!(lines.is_empty() && !lines.are(text) && lines.are(""));
    }
}
