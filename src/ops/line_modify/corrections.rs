//! What the corrections ask of a line, and the dialect for any language.

use super::{
    Corrections, Counts, Decision, Document, DocumentOp, Lines, Phrase, Place, Row, finish,
};
use crate::ops::c4_quality::Walk;
use crate::ops::lines::{Fate, ratio};
use crate::ops::phrase::{find, prefix_len};
use crate::text::python::{count_words, is_decimal, is_space, is_word};
use crate::text::{Analysis, Span, WordKind};

pub(super) struct Native(Corrections);

impl Native {
    /// Takes phrases literally, but for the ellipsis.
    pub(super) fn new(mut corrections: Corrections) -> Self {
        let mut spellings = Vec::new();
        for phrase in corrections.phrases {
            let dots: Vec<char> = "...".chars().collect();
            let split = phrase.folded.windows(3).position(|window| window == dots);
            let twin = split.map(|at| {
                let folded = &phrase.folded;
                [&folded[..at], &['…'], &folded[at + 3..]].concat()
            });
            let Phrase { at, max_words, wild, .. } = phrase;
            spellings.push(phrase);
            spellings.extend(twin.map(|folded| Phrase { folded, at, max_words, wild }));
        }
        corrections.phrases = spellings;
        Self(corrections)
    }
}

/// The buffers of one batch.
#[derive(Default)]
pub(super) struct Scratch {
    lines: Lines,
    line: String,
    next: String,
}

impl DocumentOp for Native {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let Corrections { settings, phrases } = &self.0;
        let words = document.analysis.words(text, WordKind::Unicode);
        let mut walk = Walk { words };
        let mut counts = Counts { before: words.len(), ..Counts::default() };
        let lines = &mut scratch.lines;
        lines.clear();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let span = Span::new(start, end);
            start = end + 1;
            counts.lines += 1;
            let line = span.of(text).trim();
            if line.is_empty() {
                lines.keep(span);
                continue;
            }
            let line_words = walk.within(span).len();
            let out = if settings.max_uppercase_ratio < 1.0
                && !has_fewer_capitals(line, settings.max_uppercase_ratio)
            {
                &mut counts.uppercase
            } else if settings.max_digit_ratio < 1.0
                && !has_fewer_digits(line, settings.max_digit_ratio, is_decimal)
            {
                &mut counts.digits
            } else if settings.counters && is_counter(line) {
                &mut counts.counters
            } else if (line_words as u64) < settings.min_words {
                &mut counts.short
            } else {
                let whole = span.of(text);
                match remove_all(phrases, whole, &mut scratch.line, &mut scratch.next) {
                    Fate::Keep => {
                        counts.after += line_words;
                        lines.keep(span);
                        continue;
                    }
                    Fate::Replace => {
                        counts.changed += 1;
                        let analysis = Analysis::default();
                        counts.after += analysis.words(&scratch.line, WordKind::Unicode).len();
                        lines.push(&scratch.line);
                        continue;
                    }
                    Fate::Drop => &mut counts.phrases,
                }
            };
            *out += 1;
        }
        if lines.iter(text).all(|line| line.trim().is_empty()) {
            // What remains is blank lines.
            lines.clear();
        }
        finish(document, lines, &counts, row)
    }
}

/// Removes one phrase after the other from a line; what is left stands in `out`.
fn remove_all(phrases: &[Phrase], line: &str, out: &mut String, next: &mut String) -> Fate {
    let mut changed = false;
    for phrase in phrases {
        next.clear();
        let fate = phrase.remove(if changed { out } else { line }, next);
        match fate {
            Fate::Keep => {}
            Fate::Drop => return Fate::Drop,
            Fate::Replace => {
                std::mem::swap(out, next);
                changed = true;
            }
        }
    }
    if changed { Fate::Replace } else { Fate::Keep }
}

impl Phrase {
    /// Removes the phrase from a line; what is left is written to `out`. A line of which only white
    /// space is left goes, even where it was nothing else before.
    pub(super) fn remove(&self, line: &str, out: &mut String) -> Fate {
        if count_words(line, self.max_words.saturating_add(1)) > self.max_words {
            return Fate::Keep;
        }
        let space = |c: Option<char>| c.filter(|c| is_space(*c)).map_or(0, char::len_utf8);
        let mut done = 0;
        match self.at {
            Place::Start => {
                if let Some(length) = prefix_len(line, &self.folded, self.wild) {
                    done = length + space(line[length..].chars().next());
                }
            }
            Place::End => {
                let last = self.folded.len().checked_sub(1);
                let start = last.and_then(|last| line.char_indices().rev().nth(last));
                if let Some((start, _)) = start
                    && prefix_len(&line[start..], &self.folded, self.wild).is_some()
                {
                    out.push_str(&line[..start - space(line[..start].chars().next_back())]);
                    done = line.len();
                }
            }
            Place::Anywhere => {
                while let Some(found) = find(&line[done..], &self.folded, self.wild) {
                    let before = &line[done..done + found.start];
                    out.push_str(&before[..before.len() - space(before.chars().next_back())]);
                    done += found.end;
                }
            }
        }
        if done > 0 {
            out.push_str(&line[done..]);
        }
        let left = if done > 0 { out } else { line };
        if !line.is_empty() && left.chars().all(is_space) {
            Fate::Drop
        } else if done > 0 {
            Fate::Replace
        } else {
            Fate::Keep
        }
    }
}

/// Whether capitals are no more than the share `most` of a line's characters.
pub(in crate::ops) fn has_fewer_capitals(line: &str, most: f64) -> bool {
    if line.is_ascii() {
        let capitals = line.bytes().filter(u8::is_ascii_uppercase).count();
        return ratio(capitals, line.len()) <= most;
    }
    let (mut capitals, mut chars) = (0, 0);
    for c in line.chars() {
        chars += 1;
        // No ideograph, kana or Hangul is a capital; that spares most of a long search.
        let caseless = matches!(c, '\u{3000}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}');
        capitals += usize::from(!caseless && c.is_uppercase());
    }
    ratio(capitals, chars) <= most
}

/// Whether digits are no more than the share `most` of a line's characters.
pub(in crate::ops) fn has_fewer_digits(line: &str, most: f64, is_digit: fn(char) -> bool) -> bool {
    if line.is_ascii() {
        let digits = line.bytes().filter(u8::is_ascii_digit).count();
        return ratio(digits, line.len()) <= most;
    }
    let (mut digits, mut chars) = (0, 0);
    for c in line.chars() {
        chars += 1;
        let other = matches!(c, '\u{3000}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}');
        digits += usize::from(!other && is_digit(c));
    }
    ratio(digits, chars) <= most
}

const COUNTED: [&str; 12] = [
    "likes",
    "shares",
    "comments",
    "retweets",
    "reposts",
    "quotes",
    "bookmarks",
    "upvotes",
    "downvotes",
    "downloads",
    "views",
    "followers",
];

/// Whether a line is a number with something counted, other signs around them allowed.
pub(super) fn is_counter(line: &str) -> bool {
    let rest = line.trim_start_matches(|c| !is_word(c));
    if !rest.starts_with(is_decimal) {
        return false;
    }
    let rest = rest.trim_start_matches(|c| c == ',' || c == '.' || is_decimal(c)).to_lowercase();
    let rest = rest.strip_prefix(['k', 'm', 'b']).unwrap_or(&rest);
    let word = rest.trim_start_matches(is_space);
    word.len() < rest.len() && COUNTED.contains(&word.trim_end_matches(|c| !is_word(c)))
}
