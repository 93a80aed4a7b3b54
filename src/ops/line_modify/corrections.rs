//! What the corrections ask of a line, and the dialect for any language.

use super::{
    Corrections, Counts, Decision, Document, DocumentOp, Lines, Phrase, Place, Row, finish,
};
use crate::ops::c4_quality::Walk;
use crate::ops::dialect::ratio;
use crate::ops::lines::Fate;
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
                match remove_all(phrases, line, &mut scratch.line, &mut scratch.next) {
                    Fate::Keep => {
                        counts.after += line_words;
                        lines.keep(span);
                        continue;
                    }
                    Fate::Replace => {
                        counts.changed += 1;
                        let line = scratch.line.trim();
                        counts.after += Analysis::default().words(line, WordKind::Unicode).len();
                        lines.push(line);
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
        let short = || count_words(line, self.max_words.saturating_add(1)) <= self.max_words;
        let space = |c: Option<char>| c.filter(|c| is_space(*c)).map_or(0, char::len_utf8);
        let mut done = 0;
        match self.at {
            Place::Start => {
                if let Some(length) = prefix_len(line, &self.folded, self.wild)
                    && short()
                {
                    done = length + space(line[length..].chars().next());
                }
            }
            Place::End => {
                if let Some(start) = tail(line, self.folded.len())
                    && prefix_len(&line[start..], &self.folded, self.wild).is_some()
                    && short()
                {
                    out.push_str(&line[..start - space(line[..start].chars().next_back())]);
                    done = line.len();
                }
            }
            Place::Anywhere if short() => {
                while let Some(found) = find(&line[done..], &self.folded, self.wild) {
                    let before = &line[done..done + found.start];
                    out.push_str(&before[..before.len() - space(before.chars().next_back())]);
                    done += found.end;
                }
            }
            Place::Anywhere => {}
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

/// Where the last `chars` characters of a line begin.
fn tail(line: &str, chars: usize) -> Option<usize> {
    let start = line.len().checked_sub(chars)?;
    if line.as_bytes()[start..].is_ascii() {
        return Some(start);
    }
    line.char_indices().rev().nth(chars.checked_sub(1)?).map(|(start, _)| start)
}

/// Whether capitals are no more than the share `most` of a line's characters.
pub(in crate::ops) fn has_fewer_capitals(line: &str, most: f64) -> bool {
    let (capitals, chars) = count(line, |byte| byte.is_ascii_uppercase(), char::is_uppercase);
    ratio(capitals, chars) <= most
}

/// Whether digits are no more than the share `most` of a line's characters.
pub(in crate::ops) fn has_fewer_digits(line: &str, most: f64, is_digit: fn(char) -> bool) -> bool {
    // One character that is none makes up more than the rest of `most` in a line of usual length.
    if !line.starts_with(is_digit) && ratio(line.len() as u64, line.len() as u64 + 1) <= most {
        return true;
    }
    let (digits, chars) = count(line, |byte| byte.is_ascii_digit(), is_digit);
    ratio(digits, chars) <= most
}

/// How many characters of `line` are of a class, and how many there are.
#[inline]
fn count(
    line: &str,
    of_ascii: impl Fn(u8) -> bool,
    of_others: impl Fn(char) -> bool,
) -> (u64, u64) {
    let (mut found, mut chars, mut others) = (0, 0, 0);
    // Sums of bytes over short runs, which the compiler takes many at a time.
    for run in line.as_bytes().chunks(128) {
        let (mut of, mut starts, mut high) = (0u8, 0u8, 0u8);
        for &byte in run {
            // Neither can wrap, but a check would keep the compiler from it.
            of = of.wrapping_add(u8::from(of_ascii(byte)));
            starts = starts.wrapping_add(u8::from(byte & 0xc0 != 0x80));
            high |= byte;
        }
        found += u64::from(of);
        chars += u64::from(starts);
        others |= high;
    }
    if !others.is_ascii() {
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(next) = bytes[at..].iter().position(|byte| MAY_BE[usize::from(*byte)]) {
            at += next;
            let Some(c) = line[at..].chars().next() else { break };
            found += u64::from(of_others(c));
            at += c.len_utf8();
        }
    }
    (found, chars)
}

/// The bytes that capitals and digits beyond ASCII may start with: not those of ideographs, kana and
/// Hangul, which spares texts of these most of the work.
static MAY_BE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0xc2;
    while byte < 0x100 {
        table[byte] = !matches!(byte, 0xe3..=0xe9 | 0xeb..=0xec);
        byte += 1;
    }
    table
};

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
