//! The numbers that the rules are about, as each dialect counts them.

use super::stop_words::StopWords;
use crate::ops::Document;
use crate::ops::dialect::ratio;
use crate::text::code_points::{IS_ALNUM, IS_ALPHA, PUNCTUATION};
use crate::text::{Word, WordKind, python};

/// The numbers that the rules are about.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Measures {
    pub(super) words: u64,
    pub(super) mean_word_length: f64,
    pub(super) hash_ratio: f64,
    pub(super) ellipsis_ratio: f64,
    pub(super) bullet_lines: f64,
    pub(super) ellipsis_lines: f64,
    pub(super) alpha_words: f64,
    pub(super) stop_words: u64,
    pub(super) lines: u64,
}

/// Counts of lines.
#[derive(Default)]
struct Lines {
    all: u64,
    bullets: u64,
    ellipses: u64,
}

impl Lines {
    fn count(&mut self, bullet: bool, ellipsis: bool) {
        self.all += 1;
        self.bullets += u64::from(bullet);
        self.ellipses += u64::from(ellipsis);
    }
}

pub(super) fn tamis(document: Document<'_>, stop_words: &StopWords, kind: WordKind) -> Measures {
    let Document { text, analysis, .. } = document;
    let spans = analysis.words(text, kind);
    let (mut chars, mut seen) = (0, 0);
    for word in spans {
        chars += u64::from(word.chars);
        seen |= stop_words.in_any_case(text, word.start as usize, word.end as usize);
    }
    let mut lines = Lines::default();
    for line in analysis.lines(text) {
        let line = line.of(text).trim();
        if !line.is_empty() {
            let bullet = line.starts_with(['•', '●', '‣', '▪', '◦', '-', '*']);
            lines.count(bullet, line.ends_with("...") || line.ends_with('…'));
        }
    }
    let [pieces, alpha] = if kind == WordKind::Dictionary {
        // What stands between white space there is a sentence.
        [spans.len() as u64, spans.iter().filter(|word| word.has_letter()).count() as u64]
    } else {
        pieces(text, analysis.words(text, WordKind::Unicode))
    };
    let symbols = Symbols::count(text);
    let words = spans.len() as u64;
    Measures {
        words,
        mean_word_length: ratio(chars, words),
        hash_ratio: ratio(symbols.hashes, words),
        ellipsis_ratio: ratio(symbols.dots + symbols.ellipses, words),
        bullet_lines: ratio(lines.bullets, lines.all),
        ellipsis_lines: ratio(lines.ellipses, lines.all),
        alpha_words: ratio(alpha, pieces),
        stop_words: u64::from(seen.count_ones()),
        lines: lines.all,
    }
}

pub(super) fn datatrove(document: Document<'_>, stop_words: &StopWords) -> Measures {
    let Document { text, analysis, .. } = document;
    let tokens = analysis.words(text, WordKind::SpacyEn);
    let (is_alpha, punctuation) = (&*IS_ALPHA, &*PUNCTUATION);
    let (mut words, mut chars, mut alpha, mut seen) = (0, 0, 0, 0);
    for token in tokens {
        // All ASCII that is neither letter nor digit nor white space is in the set of punctuation.
        let (is_word, has_letter) = if token.is_ascii() {
            (token.has_letter() || token.has_number(), token.has_letter())
        } else {
            let token = token.of(text);
            (!token.chars().all(|c| punctuation.has(c)), token.chars().any(|c| is_alpha.has(c)))
        };
        words += u64::from(is_word);
        chars += if is_word { u64::from(token.chars) } else { 0 };
        alpha += u64::from(has_letter);
        seen |= stop_words.exactly(text, token.start as usize, token.end as usize);
    }
    let mut lines = Lines::default();
    python::split_lines(text, |line| {
        let line = line.of(text);
        let end = line.trim_end_matches(python::is_space);
        lines.count(
            line.trim_start_matches(python::is_space).starts_with(['•', '-']),
            end.ends_with("...") || end.ends_with('…'),
        );
    });
    let symbols = Symbols::count(text);
    let tokens = tokens.len() as u64;
    Measures {
        words,
        mean_word_length: ratio(chars, words),
        hash_ratio: ratio(symbols.hashes, tokens),
        ellipsis_ratio: ratio(symbols.dots + symbols.ellipses, tokens),
        bullet_lines: ratio(lines.bullets, lines.all),
        ellipsis_lines: ratio(lines.ellipses, lines.all),
        alpha_words: ratio(alpha, tokens),
        stop_words: u64::from(seen.count_ones()),
        lines: lines.all,
    }
}

pub(super) fn dclm(text: &str, stop_words: &StopWords) -> Measures {
    let mut counts = DclmCounts::default();
    counts.fast_text_words(text);
    // What stands between Python's white space is counted where it stands, as no other op asks for it.
    let bytes = text.as_bytes();
    let mut start = None;
    let mut at = 0;
    while at < bytes.len() {
        let (space, length) = if bytes[at].is_ascii() {
            (python::is_space(char::from(bytes[at])), 1)
        } else {
            let c = text[at..].chars().next().unwrap_or('\u{fffd}');
            (python::is_space(c), c.len_utf8())
        };
        if space {
            if let Some(start) = start.take() {
                counts.piece(text, start, at, stop_words);
            }
        } else {
            start.get_or_insert(at);
        }
        at += length;
    }
    if let Some(start) = start {
        counts.piece(text, start, bytes.len(), stop_words);
    }
    let mut lines = Lines::default();
    let mut from = 0;
    while from <= bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |found| from + found);
        let line = python::strip(&text[from..end]);
        if !line.is_empty() {
            let ellipsis = line.ends_with("...") || line.ends_with(". . .") || line.ends_with('…');
            lines.count(line.starts_with(['●', '•', '*', '-']), ellipsis);
        }
        from = end + 1;
    }
    let symbols = Symbols::count(text);
    let ellipses = symbols.dots + symbols.spaced_dots + symbols.ellipses;
    Measures {
        words: counts.words,
        mean_word_length: ratio(counts.chars, counts.pieces),
        hash_ratio: ratio(symbols.hashes + ellipses, counts.pieces),
        ellipsis_ratio: ratio(ellipses, counts.pieces),
        bullet_lines: ratio(lines.bullets, lines.all),
        ellipsis_lines: ratio(lines.ellipses, lines.all),
        alpha_words: ratio(counts.alpha, counts.pieces),
        stop_words: counts.stop_words,
        lines: lines.all,
    }
}

#[derive(Default)]
struct DclmCounts {
    /// fastText's words that start with a letter or digit.
    words: u64,
    pieces: u64,
    chars: u64,
    alpha: u64,
    stop_words: u64,
}

impl DclmCounts {
    fn fast_text_words(&mut self, text: &str) {
        let mut inside = false;
        for (at, byte) in text.bytes().enumerate() {
            if matches!(byte, b' ' | b'\t'..=b'\r' | 0) {
                inside = false;
            } else if !inside {
                inside = true;
                self.words += u64::from(if byte.is_ascii() {
                    byte.is_ascii_alphanumeric()
                } else {
                    text[at..].chars().next().is_some_and(|c| IS_ALNUM.has(c))
                });
            }
        }
    }

    fn piece(&mut self, text: &str, start: usize, end: usize, stop_words: &StopWords) {
        let piece = &text[start..end];
        self.pieces += 1;
        self.chars += piece.chars().count() as u64;
        self.alpha += u64::from(
            piece.bytes().any(|byte| byte.is_ascii_alphabetic())
                || !piece.is_ascii() && piece.chars().any(|c| IS_ALPHA.has(c)),
        );
        self.stop_words += u64::from(stop_words.in_any_unicode_case(text, start, end) != 0);
    }
}

/// Marks counted anywhere in the text, from the left, each kind for itself.
#[derive(Default)]
struct Symbols {
    hashes: u64,
    /// `...`
    dots: u64,
    /// `. . .`
    spaced_dots: u64,
    /// `…`
    ellipses: u64,
}

impl Symbols {
    fn count(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut counts = Self::default();
        // Where the next one of a kind can start.
        let (mut dots, mut spaced) = (0, 0);
        for at in memchr::memchr3_iter(b'#', b'.', 0xe2, bytes) {
            match bytes[at] {
                b'#' => counts.hashes += 1,
                b'.' => {
                    let rest = &bytes[at + 1..];
                    if at >= dots && rest.starts_with(b"..") {
                        counts.dots += 1;
                        dots = at + 3;
                    }
                    if at >= spaced && rest.starts_with(b" . .") {
                        counts.spaced_dots += 1;
                        spaced = at + 5;
                    }
                }
                _ => counts.ellipses += u64::from(bytes[at..].starts_with("…".as_bytes())),
            }
        }
        counts
    }
}

/// How many pieces there are between white space, and how many of them have a letter, given the
/// UAX #29 words: all letters are in those, so that only what is between them has to be read.
fn pieces(text: &str, words: &[Word]) -> [u64; 2] {
    let bytes = text.as_bytes();
    let mut walk = Walk::default();
    let mut at = 0;
    for word in words {
        let start = word.start as usize;
        if start == at + 1 && bytes[at] == b' ' {
            walk.inside = false;
        } else if start > at {
            walk.gap(&text[at..start]);
        }
        at = word.end as usize;
        if !word.is_ascii() && word.of(text).starts_with(char::is_whitespace) {
            // Spaces with a combining letter behind them, which make a word that is not one piece.
            walk.gap(&text[start..at]);
        } else {
            walk.enter();
            walk.letter(word.has_letter());
        }
    }
    walk.gap(&text[at..]);
    [walk.pieces, walk.alpha]
}

#[derive(Default)]
struct Walk {
    pieces: u64,
    alpha: u64,
    inside: bool,
    /// Whether the piece has a letter.
    counted: bool,
}

impl Walk {
    #[inline]
    fn enter(&mut self) {
        if !self.inside {
            self.pieces += 1;
            self.inside = true;
            self.counted = false;
        }
    }

    #[inline]
    fn letter(&mut self, is: bool) {
        self.alpha += u64::from(is && !self.counted);
        self.counted |= is;
    }

    fn gap(&mut self, gap: &str) {
        for c in gap.chars() {
            if c.is_whitespace() {
                self.inside = false;
            } else {
                self.enter();
                self.letter(c.is_alphabetic());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::Analysis;

    proptest! {
        #[test]
        fn pieces_are_those_between_white_space(
            text in "([a-z,.' 1-3é“\u{345}\u{2003}\u{3000}\n中\u{200b}-]| +\u{345}| , )*"
        ) {
            let analysis = Analysis::default();
            let [all, alpha] = pieces(&text, analysis.words(&text, WordKind::Unicode));
            let expected: Vec<&str> = text.split_whitespace().collect();
            prop_assert_eq!(all, expected.len() as u64);
            let letters = expected.iter().filter(|piece| piece.chars().any(char::is_alphabetic));
            prop_assert_eq!(alpha, letters.count() as u64);
        }
    }

    #[test]
    fn marks_do_not_overlap() {
        let count = |text| {
            let Symbols { hashes, dots, spaced_dots, ellipses } = Symbols::count(text);
            [hashes, dots, spaced_dots, ellipses]
        };
        assert_eq!(count("##… .... ......"), [2, 3, 0, 1]);
        assert_eq!(count(". . . . – ’"), [0, 0, 1, 0]);
        assert_eq!(count(". . . . . ..."), [0, 1, 2, 0]);
        assert_eq!(count(".."), [0; 4]);
    }
}
