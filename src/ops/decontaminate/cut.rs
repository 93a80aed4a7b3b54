//! What is left of a text when matches are cut out.

use super::found::Match;

/// Characters by which a cut may grow to end between words.
const WORD: usize = 40;

/// The pieces of `text` between its matches, which stand in order, `window` characters on both sides
/// of each cut out as well; white space at their ends is left out, and so are empty ones.
pub(super) fn pieces<'t>(text: &'t str, matches: &[Match], window: u64) -> Vec<&'t str> {
    let window = usize::try_from(window).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut keep = |from: usize, to: usize| {
        let piece = text.get(from..to.max(from)).unwrap_or("").trim();
        if !piece.is_empty() {
            pieces.push(piece);
        }
    };
    for found in matches {
        let start = back(text, found.start as usize, window);
        keep(from, start);
        from = from.max(forward(text, found.end as usize, window));
    }
    keep(from, text.len());
    pieces
}

/// The place `window` characters before `at`, or the start of the word there.
fn back(text: &str, at: usize, window: usize) -> usize {
    let before = &text[..at];
    let Some(window) = window.checked_sub(1) else { return at };
    let Some((at, _)) = before.char_indices().rev().nth(window) else { return 0 };
    let mut start = at;
    for (place, character) in text[..at].char_indices().rev().take(WORD) {
        if character.is_whitespace() {
            return start;
        }
        start = place;
    }
    // No word is as long: a script without spaces.
    if start == 0 { 0 } else { at }
}

/// The place `window` characters behind `at`, or the end of the word there.
fn forward(text: &str, at: usize, window: usize) -> usize {
    let behind = &text[at..];
    let Some((offset, _)) = behind.char_indices().nth(window) else { return text.len() };
    if window == 0 {
        return at;
    }
    let at = at + offset;
    let mut seen = 0;
    for (offset, character) in text[at..].char_indices().take(WORD) {
        if character.is_whitespace() {
            return at + offset;
        }
        seen = offset + character.len_utf8();
    }
    if at + seen == text.len() { text.len() } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, part: &str) -> Match {
        let start = text.find(part).unwrap();
        let narrow = |place: usize| u32::try_from(place).unwrap();
        Match {
            item: 0,
            start: narrow(start),
            end: narrow(start + part.len()),
            score: 1.0,
            parts: 0,
        }
    }

    #[test]
    fn windows_end_between_words() {
        let text = "one two three four five six seven";
        let four = [found(text, "four")];
        assert_eq!(pieces(text, &four, 0), ["one two three", "five six seven"]);
        assert_eq!(pieces(text, &four, 3), ["one two", "six seven"]);
        assert_eq!(pieces(text, &four, 7), ["one", "seven"]);
        assert_eq!(pieces(text, &four, 100), [""; 0]);
        assert_eq!(pieces(text, &[found(text, "one")], 0), ["two three four five six seven"]);
        assert_eq!(pieces(text, &[found(text, "seven")], 1), ["one two three four five"]);
    }

    #[test]
    fn windows_meet_and_count_characters() {
        let text = "一二三四五六七八九十";
        let both = [found(text, "三"), found(text, "七")];
        assert_eq!(pieces(text, &both, 0), ["一二", "四五六", "八九十"]);
        // Without spaces a short text is one word.
        assert_eq!(pieces(text, &both, 2), [""; 0]);
        let long = "一".repeat(100) + "二" + &"三".repeat(100);
        let left = pieces(&long, &[found(&long, "二")], 10);
        assert_eq!(left.iter().map(|piece| piece.chars().count()).collect::<Vec<_>>(), [90, 90]);
    }
}
