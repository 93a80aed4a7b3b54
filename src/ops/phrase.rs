//! Phrases compared without regard to case as Python's `re.IGNORECASE` does it: the long s is an s,
//! the Kelvin sign a k, and the Turkish letters without and with a dot are an i.

/// What a character is compared as.
#[inline]
pub(super) fn fold(c: char) -> char {
    match c {
        _ if c.is_ascii() => c.to_ascii_lowercase(),
        'ſ' => 's',
        '\u{212a}' => 'k',
        'ı' | 'İ' => 'i',
        _ => {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(lower), None) => lower,
                _ => c,
            }
        }
    }
}

/// Whether a text has one of the characters that fold to an ASCII letter.
pub(super) fn has_disguise(text: &str) -> bool {
    !text.is_ascii()
        && ["ſ", "ı", "İ", "\u{212a}"]
            .into_iter()
            .any(|letter| memchr::memmem::find(text.as_bytes(), letter.as_bytes()).is_some())
}

/// Length of the phrase at the start of `text`. In a phrase with `wild` a `.` is any character.
#[inline]
pub(super) fn prefix_len(text: &str, folded: &[char], wild: bool) -> Option<usize> {
    let mut rest = text.chars();
    for &wanted in folded {
        let c = rest.next()?;
        if !(wild && wanted == '.' || fold(c) == wanted) {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}

/// The first place of the phrase in `text`, as a range of bytes.
pub(super) fn find(text: &str, folded: &[char], wild: bool) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if let Some(length) = prefix_len(rest, folded, wild) {
            return Some(at..at + length);
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    None
}

/// Whether `text` has the phrase, which is in lower case.
pub(super) fn contains(text: &str, phrase: &str) -> bool {
    let Some(first) = phrase.chars().next() else { return true };
    text.char_indices().filter(|(_, c)| fold(*c) == first).any(|(at, _)| {
        let mut rest = text[at..].chars();
        phrase.chars().all(|wanted| rest.next().is_some_and(|c| fold(c) == wanted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_that_of_python() {
        // re.search(phrase, text, re.I) of CPython 3.11.
        assert!(contains("no JAVAſCRIPT", "javascript"));
        assert!(contains("javascrİpt", "javascript") && contains("javascrıpt", "javascript"));
        assert!(contains("use coo\u{212a}ies", "use cookies"));
        assert!(!contains("javaßcript", "javascript") && !contains("", "a"));
        let read: Vec<char> = "read more...".chars().collect();
        assert_eq!(find("x Read More!!! y", &read, true), Some(2..14));
        assert_eq!(find("x Read More!!! y", &read, false), None);
        assert_eq!(prefix_len("READ MORE...", &read, false), Some(12));
        assert!(has_disguise("ſ") && !has_disguise("é") && !has_disguise("i"));
    }
}
