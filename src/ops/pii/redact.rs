//! Replacing what was found, so that a second run finds nothing.

use super::kind::{Kind, Span};
use super::scan::{Scanner, Scratch};

/// How often a text with its replacements is looked at again. What one replacement sets free (the
/// number that stood right behind another) is found in the next round; two are almost always enough.
const ROUNDS: usize = 8;

/// Buffers kept from text to text.
#[derive(Default)]
pub(super) struct Buffers {
    /// What was found, in order and without overlaps.
    pub(super) spans: Vec<Span>,
    /// The text with it replaced; of no meaning where nothing was found.
    pub(super) text: String,
    scratch: Scratch,
    pieces: Vec<Piece>,
}

/// A replacement.
struct Piece {
    /// What it replaces, in the original text.
    span: Span,
    /// Where it begins and ends in the new one.
    start: usize,
    end: usize,
}

/// Finds what there is in `text` and replaces it by what `replacement` appends for a value.
pub(super) fn redact(
    scanner: &Scanner,
    text: &str,
    replacement: impl Fn(Kind, &str, &mut String),
    buffers: &mut Buffers,
) {
    let Buffers { spans, text: out, scratch, pieces } = buffers;
    scanner.find(text, scratch);
    spans.clear();
    spans.extend_from_slice(&scratch.spans);
    for _ in 0..ROUNDS {
        if spans.is_empty() {
            return;
        }
        out.clear();
        pieces.clear();
        let mut at = 0;
        for span in spans.iter() {
            out.push_str(&text[at..span.start]);
            let start = out.len();
            replacement(span.kind, &text[span.start..span.end], out);
            pieces.push(Piece { span: *span, start, end: out.len() });
            at = span.end;
        }
        out.push_str(&text[at..]);
        scanner.find(out, scratch);
        if scratch.spans.is_empty() {
            return;
        }
        merge(spans, &scratch.spans, pieces);
    }
}

/// Takes spans of the new text over among those of the original one. One that reaches into
/// replacements takes their values with it.
fn merge(spans: &mut Vec<Span>, more: &[Span], pieces: &[Piece]) {
    for span in more {
        let start = original(span.start, pieces, |piece| piece.span.start);
        let end = original(span.end, pieces, |piece| piece.span.end);
        spans.retain(|other| other.end <= start || other.start >= end);
        spans.push(Span { start, end, kind: span.kind });
    }
    spans.sort_unstable_by_key(|span| span.start);
}

/// The place in the original text of one in the new text; of one within a replacement the edge that
/// `edge` names.
fn original(at: usize, pieces: &[Piece], edge: impl Fn(&Piece) -> usize) -> usize {
    let behind = pieces.partition_point(|piece| piece.start < at);
    match behind.checked_sub(1).map(|index| &pieces[index]) {
        Some(piece) if at < piece.end => edge(piece),
        Some(piece) => piece.span.end + (at - piece.end),
        None => at,
    }
}
