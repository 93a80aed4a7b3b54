//! What Python means by white space, lines and letters, for the dialects of tools written in it.

use super::Span;

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
    let other = (chunk & 0xdf * ONES) ^ (0xc2 * ONES);
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
