//! datatrove's `simplify_text` with its default settings.
//!
//! Where a capital sigma stands beside U+0295 or U+1171E, it can become another sigma than Python's:
//! these two have changed their general categories since Python's Unicode.

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::text::code_points::{NONSPACING, REGEX_DECIMAL, SIMPLIFIED, UNASSIGNED};
use crate::text::python::{is_space, strip};

/// Writes `text` in simple form in place of what `out` held: lower case, each number a zero, neither
/// punctuation nor accents, one space for each run of white space. `buffer` is scratch.
pub(super) fn simplify(text: &str, buffer: &mut String, out: &mut String) {
    buffer.clear();
    out.clear();
    if text.is_ascii() {
        squeeze(&text.to_ascii_lowercase(), out);
        return;
    }
    // Python's Unicode is older than ours: what it does not know has neither case nor parts.
    let mut lower = String::with_capacity(text.len());
    each_known(text, |piece, known| {
        if known { lower.push_str(&piece.to_lowercase()) } else { lower.push_str(piece) }
    });
    squeeze(&lower, buffer);
    let normalizer = const { DecomposingNormalizerBorrowed::new_nfd() };
    let nonspacing = &*NONSPACING;
    each_known(buffer, |piece, known| {
        if known {
            let parts = normalizer.normalize_iter(piece.chars());
            out.extend(parts.filter(|c| !nonspacing.has(*c)));
        } else {
            out.push_str(piece);
        }
    });
    // Accents that stood alone leave spaces.
    let (start, length) = {
        let bare = strip(out);
        (bare.as_ptr() as usize - out.as_ptr() as usize, bare.len())
    };
    out.truncate(start + length);
    out.drain(..start);
}

/// Calls `piece` for each run of characters that Unicode 14 knows, and for each that it does not.
fn each_known<'a>(text: &'a str, mut piece: impl FnMut(&'a str, bool)) {
    let unassigned = &*UNASSIGNED;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if !c.is_ascii() && unassigned.has(c) {
            if start < at {
                piece(&text[start..at], true);
            }
            start = at + c.len_utf8();
            piece(&text[at..start], false);
        }
    }
    piece(&text[start..], true);
}

/// Numbers, punctuation and white space.
fn squeeze(text: &str, out: &mut String) {
    let (decimal, punctuation) = (&*REGEX_DECIMAL, &*SIMPLIFIED);
    let mut space = false;
    let mut rest = text.chars();
    while let Some(mut c) = rest.next() {
        if decimal.has(c) {
            skip_number(&mut rest, |c| decimal.has(c));
            c = '0';
        } else if is_space(c) || punctuation.has(c) {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) && !out.is_empty() {
            out.push(' ');
        }
        out.push(c);
    }
}

/// Skips what is left of a number behind its first digit: digits, and one mark with digits behind it.
fn skip_number(rest: &mut std::str::Chars<'_>, is_digit: impl Fn(char) -> bool) {
    let skip = |rest: &mut std::str::Chars<'_>| {
        while let Some(c) = rest.clone().next()
            && is_digit(c)
        {
            rest.next();
        }
    };
    skip(rest);
    let mut behind = rest.clone();
    if matches!(behind.next(), Some('.' | ',' | '،' | '٫' | '⎖' | '⎗' | '⎘'))
        && behind.next().is_some_and(&is_digit)
    {
        *rest = behind;
        skip(rest);
    }
}
