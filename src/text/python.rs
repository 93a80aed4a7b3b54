//! What Python means by white space, lines and letters, for the dialects of tools written in it.

use super::Span;
use super::code_points::{IS_ALNUM, IS_DECIMAL, IS_DIGIT};

/// `str.isalnum` of a character: letters and numbers, but neither marks nor circled letters, which
/// Rust's `is_alphanumeric` takes as well.
#[must_use]
#[inline]
pub(crate) fn is_alnum(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { IS_ALNUM.has(c) }
}

/// `\w` of `re`.
#[must_use]
#[inline]
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || is_alnum(c)
}

/// `\d` of `re`, which is `str.isdecimal`.
#[must_use]
#[inline]
pub(crate) fn is_decimal(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { IS_DECIMAL.has(c) }
}

/// `str.isdigit` of a character: decimals, and digits that are raised, lowered or in circles.
#[must_use]
#[inline]
pub(crate) fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { IS_DIGIT.has(c) }
}

/// How many pieces `str.split()` gives, counted up to `most`.
#[must_use]
pub(crate) fn count_words(text: &str, most: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut words, mut inside, mut at) = (0, false, 0);
    while at < bytes.len() && words < most {
        let (space, length) = if bytes[at].is_ascii() {
            (matches!(bytes[at], b'\t'..=b'\r' | 0x1c..=b' '), 1)
        } else {
            let c = text[at..].chars().next().unwrap_or_default();
            (is_space(c), c.len_utf8())
        };
        words += usize::from(!space & !inside);
        inside = !space;
        at += length;
    }
    words
}

/// The words of [fastText](https://fasttext.cc)'s splitter that begin with a letter or a number:
/// how DCLM counts words. It splits at seven ASCII characters only, NUL among them.
#[must_use]
pub(crate) fn count_fasttext_words(text: &str) -> usize {
    let bytes = text.as_bytes();
    let splits = |byte: u8| matches!(byte, b' ' | b'\t'..=b'\r' | 0);
    let first = text.chars().next().is_some_and(is_alnum);
    let mut words = usize::from(first);
    let mut start = 0;
    // Sums of bytes over short runs, which the compiler takes many at a time; each run begins with
    // the last byte of the one before.
    while start + 1 < bytes.len() {
        let run = &bytes[start..bytes.len().min(start + 128)];
        let (mut starts, mut others) = (0u8, false);
        for (&before, &byte) in run.iter().zip(&run[1..]) {
            // Cannot wrap, but a check would keep the compiler from it.
            let start = splits(before) & byte.is_ascii_alphanumeric();
            starts = starts.wrapping_add(u8::from(start));
            others |= splits(before) & !byte.is_ascii();
        }
        words += usize::from(starts);
        if others {
            let beyond = |at: &usize| splits(bytes[at - 1]) && !bytes[*at].is_ascii();
            let ats = (start + 1..start + run.len()).filter(beyond);
            words += ats.filter(|at| text[*at..].chars().next().is_some_and(is_alnum)).count();
        }
        start += run.len() - 1;
    }
    words
}

/// Whether `str.isspace` and `str.strip` take it for white space.
#[must_use]
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `str.strip()`.
#[must_use]
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Whether `str.splitlines` ends a line at it.
fn ends_line(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Whether one of eight bytes is below 0x20, or 0xc2 or 0xe2.
fn may_end_line(chunk: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A borrow can only say yes too often.
    let control = chunk.wrapping_sub(0x20 * ONES) & !chunk;
    let other = (chunk & (0xdf * ONES)) ^ (0xc2 * ONES);
    let lead = other.wrapping_sub(ONES) & !other;
    (control | lead) & (0x80 * ONES) != 0
}

/// `str.splitlines()`: calls `line` for each.
pub(crate) fn split_lines(text: &str, mut line: impl FnMut(Span)) {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        // Every line end is a control character or begins with one of two bytes.
        if let Some(chunk) = bytes[at..].first_chunk::<8>()
            && !may_end_line(u64::from_le_bytes(*chunk))
        {
            at += 8;
            continue;
        }
        let byte = bytes[at];
        if byte >= 0x20 && byte != 0xc2 && byte != 0xe2 {
            at += 1;
            continue;
        }
        let Some(c) = text[at..].chars().next() else { break };
        let next = at + c.len_utf8();
        if ends_line(c) {
            line(Span::new(start, at));
            at = next + usize::from(c == '\r' && bytes.get(next) == Some(&b'\n'));
            start = at;
        } else {
            at = next;
        }
    }
    if start < bytes.len() {
        line(Span::new(start, bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_classes_are_those_of_python() {
        // What CPython 3.11 prints for these.
        assert!(['²', '½', 'Ⅷ', '①', 'é', 'ｱ', '字'].into_iter().all(is_alnum));
        assert!(!['Ⓐ', '\u{93e}', '\u{345}', '_', '…'].into_iter().any(is_alnum));
        assert!(['²', '①', '٣', '７'].into_iter().all(is_digit));
        assert!(!['½', 'Ⅷ', '⑩', 'a'].into_iter().any(is_digit));
        assert!(is_decimal('٣') && !is_decimal('²') && is_word('_'));
        assert_eq!(count_words(" a\u{1f}b\u{3000}c\u{200b}d ", 9), 3);
        assert_eq!(count_words("a b c d", 2), 2);
        assert_eq!(count_words(" \n", 2), 0);
        assert_eq!(count_fasttext_words("\"word (word — a\0b\u{a0}c ½ élan 字\n"), 5);
        assert_eq!(count_fasttext_words(""), 0);
        // At every place of a run.
        for at in 0..300 {
            let text = format!("{}é é é…  é", "x ".repeat(at));
            assert_eq!(count_fasttext_words(&text), at + 4);
            let text = format!("{}a", "\n".repeat(at));
            assert_eq!(count_fasttext_words(&text), 1);
        }
    }

    #[test]
    fn lines_end_where_python_ends_them() {
        let lines = |text: &'static str| {
            let mut lines = Vec::new();
            split_lines(text, |span| lines.push(span.of(text)));
            lines
        };
        // What CPython 3.11 prints for these.
        assert_eq!(lines("a\r\nb\rc\n\nd"), ["a", "b", "c", "", "d"]);
        assert_eq!(lines("a\u{b}b\u{1c}c\u{85}d\u{2028}e\n"), ["a", "b", "c", "d", "e"]);
        assert_eq!(lines("\u{a0}…\u{2027}\u{1f}"), ["\u{a0}…\u{2027}\u{1f}"]);
        assert!(lines("").is_empty());
        assert_eq!(
            lines("123456789\r\n12345678\u{2029}123456…é1234"),
            ["123456789", "12345678", "123456…é1234"]
        );
        assert_eq!(strip("\u{1f}\u{3000} a \u{1c}\n"), "a");
    }
}
