//! What Python means by white space, lines and letters, for the dialects of tools written in it.

use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

use super::Span;

/// The general category of a character.
fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// `str.isalnum()` of a character: letters and numbers, but neither marks nor circled letters,
/// which Rust's `is_alphanumeric` takes as well.
#[must_use]
#[inline]
pub(crate) fn is_alnum(c: char) -> bool {
    use GeneralCategory as G;
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    matches!(
        category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
            | G::LetterNumber
            | G::OtherNumber
    )
}

/// `\w` of `re`.
#[must_use]
#[inline]
pub(crate) fn is_word(c: char) -> bool {
    c == '_' || is_alnum(c)
}

/// `\d` of `re`, which is `str.isdecimal()`.
#[must_use]
#[inline]
pub(crate) fn is_decimal(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { category(c) == GeneralCategory::DecimalNumber }
}

/// `str.isdigit()` of a character: decimals, and digits that are raised, lowered or in circles.
#[must_use]
#[inline]
pub(crate) fn is_digit(c: char) -> bool {
    is_decimal(c)
        || matches!(
            c,
            '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{1369}'..='\u{1371}' | '\u{19da}' | '\u{2070}'
                | '\u{2074}'..='\u{2079}' | '\u{2080}'..='\u{2089}' | '\u{2460}'..='\u{2468}'
                | '\u{2474}'..='\u{247c}' | '\u{2488}'..='\u{2490}' | '\u{24ea}'
                | '\u{24f5}'..='\u{24fd}' | '\u{24ff}' | '\u{2776}'..='\u{277e}'
                | '\u{2780}'..='\u{2788}' | '\u{278a}'..='\u{2792}' | '\u{10a40}'..='\u{10a43}'
                | '\u{10e60}'..='\u{10e68}' | '\u{11052}'..='\u{1105a}'
                | '\u{1f100}'..='\u{1f10a}'
        )
}

/// How many pieces `str.split()` gives, counted up to `most`.
#[must_use]
pub(crate) fn count_words(text: &str, most: usize) -> usize {
    let mut words = 0;
    let mut inside = false;
    for c in text.chars() {
        let space = is_space(c);
        if !space && !inside {
            words += 1;
            if words >= most {
                break;
            }
        }
        inside = !space;
    }
    words
}

/// The words of [fastText](https://fasttext.cc)'s splitter that begin with a letter or a number:
/// how DCLM counts words. It splits at seven ASCII characters only, NUL among them.
#[must_use]
pub(crate) fn count_fasttext_words(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut words = 0;
    let mut before = b' ';
    for (at, &byte) in bytes.iter().enumerate() {
        if splits_fasttext(before) && !splits_fasttext(byte) {
            words += usize::from(if byte.is_ascii() {
                byte.is_ascii_alphanumeric()
            } else {
                text[at..].chars().next().is_some_and(is_alnum)
            });
        }
        before = byte;
    }
    words
}

#[inline]
fn splits_fasttext(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0)
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
