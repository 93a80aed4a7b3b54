//! Sets of characters as Python and datatrove have them, which differ from Rust's: Python 3.11 knows
//! Unicode 14, and its letters are the general categories `L*`. Read from `code_points.txt`, which
//! `benches/parity/code_points.py` writes.

use std::sync::LazyLock;

/// A set of characters.
pub(crate) struct CodePoints {
    /// Which of `pages` holds each run of 256 code points.
    page_of: Vec<u8>,
    /// The different pages, 256 bits each.
    pages: Vec<[u64; 4]>,
}

/// `str.isalpha`.
pub(crate) static IS_ALPHA: LazyLock<CodePoints> = LazyLock::new(|| CodePoints::named("isalpha"));
/// `str.isalnum`.
pub(crate) static IS_ALNUM: LazyLock<CodePoints> = LazyLock::new(|| CodePoints::named("isalnum"));
/// `str.isdecimal`, which is `\d` of `re`.
pub(crate) static IS_DECIMAL: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("isdecimal"));
/// `str.isdigit`.
pub(crate) static IS_DIGIT: LazyLock<CodePoints> = LazyLock::new(|| CodePoints::named("isdigit"));
/// What has no general category yet in Unicode 14.
pub(crate) static UNASSIGNED: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("unassigned"));
/// General category Mn.
pub(crate) static NONSPACING: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("nonspacing"));
/// `\p{Nd}` of the package `regex`, which knows a later Unicode than Python.
pub(crate) static REGEX_DECIMAL: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("regex-decimal"));
/// What datatrove's `simplify_text` makes a space of.
pub(crate) static SIMPLIFIED: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("datatrove-simplified"));
/// datatrove's `PUNCTUATION_SET`.
pub(crate) static PUNCTUATION: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("datatrove-punctuation"));
/// datatrove's `TERMINAL_PUNCTUATION`: what ends a sentence in any of many scripts.
pub(crate) static TERMINAL_PUNCTUATION: LazyLock<CodePoints> =
    LazyLock::new(|| CodePoints::named("datatrove-terminal-punctuation"));

impl CodePoints {
    /// The set of this name; every name in this file is one of `code_points.txt`.
    fn named(name: &str) -> Self {
        let line = include_str!("code_points.txt")
            .lines()
            .find_map(|line| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")));
        let mut bits = vec![[0; 4]; 0x1100];
        for range in line.unwrap_or_default().split(' ') {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            let parse = |hex| usize::from_str_radix(hex, 16).unwrap_or(0);
            for point in parse(low)..=parse(high) {
                bits[point >> 8][point >> 6 & 3] |= 1 << (point & 63);
            }
        }
        let (mut page_of, mut pages): (Vec<u8>, Vec<[u64; 4]>) = (Vec::new(), Vec::new());
        for page in bits {
            let known = pages.iter().position(|other| *other == page);
            let number = known.unwrap_or(pages.len());
            if known.is_none() {
                pages.push(page);
            }
            // A test counts the pages.
            page_of.push(u8::try_from(number).unwrap_or(0));
        }
        Self { page_of, pages }
    }

    /// Whether `c` is in it.
    #[inline]
    pub(crate) fn has(&self, c: char) -> bool {
        let point = c as usize;
        let page = &self.pages[usize::from(self.page_of[point >> 8])];
        page[point >> 6 & 3] >> (point & 63) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_what_python_says() {
        let size = |set: &CodePoints| ('\0'..=char::MAX).filter(|c| set.has(*c)).count();
        // `sum(map(str.isalpha, map(chr, range(sys.maxunicode + 1))))` and so on.
        assert_eq!(size(&PUNCTUATION), 281);
        assert_eq!(size(&TERMINAL_PUNCTUATION), 159);
        assert!(IS_ALPHA.has('é') && IS_ALPHA.has('中') && IS_ALNUM.has('Ⅷ') && IS_ALNUM.has('½'));
        assert!(!IS_ALPHA.has('Ⅷ') && !IS_ALPHA.has('\u{93e}') && !IS_ALNUM.has('Ⓐ'));
        assert!(('\0'..=char::MAX).all(|c| IS_ALNUM.has(c) || !IS_ALPHA.has(c)));
        assert_eq!((size(&IS_DECIMAL), size(&IS_DIGIT)), (660, 788));
        assert_eq!((size(&NONSPACING), size(&REGEX_DECIMAL), size(&SIMPLIFIED)), (1950, 770, 129));
        let sets = [
            &IS_ALPHA,
            &IS_ALNUM,
            &IS_DECIMAL,
            &IS_DIGIT,
            &UNASSIGNED,
            &NONSPACING,
            &REGEX_DECIMAL,
            &SIMPLIFIED,
            &PUNCTUATION,
            &TERMINAL_PUNCTUATION,
        ];
        for set in sets {
            assert!(set.pages.len() <= 256);
        }
    }
}
