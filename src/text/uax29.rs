//! Words of a text after [UAX #29](https://www.unicode.org/reports/tr29/#Word_Boundaries).
//!
//! Word splitting is most of what the cheap filters cost, so it is done here, once, with the facts
//! about each word that filters ask for. Results equal `unicode_word_indices` of the crate
//! `unicode-segmentation`, which the tests compare with: where that crate and the standard differ
//! (a pictograph behind a joiner), the crate is followed.
//!
//! Two readers take turns at the text:
//!
//! * [`ascii_word`] takes a word of ASCII letters, digits and underscores eight bytes at a time.
//! * [`Machine`] takes everything else one scalar value at a time: a table gives its class, another
//!   table what that class does in the present state. A mark such as the apostrophe joins letters
//!   only if one follows; the machine then remembers the place and, if none came, emits both parts.
//!
//! Nothing is read more than twice, so that no input takes more than linear time.

mod rules;
mod tables;
#[cfg(test)]
mod tests;

use super::classes::{LETTER as ALPHABETIC, NON_ASCII, NUMBER as NUMERIC};
use super::{Classes, Word};
use rules::{
    ASCII, BLOCK_OF, BREAK, CLASS, ENTRIES, FALL_BACK, NEED_HEBREW, NEED_LETTER, NEED_NUMERIC,
    NEWLINE_STATE, START, STATE, STEPS, WAIT, ZWJ_BIT,
};

/// Calls `word` for each word of `text`, in order. Time is linear in the length of the text,
/// whatever it holds. The text must be shorter than 4 GiB (documents are capped far below).
#[inline]
pub(super) fn words(text: &str, mut word: impl FnMut(Word)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // `at` is always a word boundary here.
    loop {
        let gap = at;
        while bytes
            .get(at)
            .is_some_and(|&byte| KINDS[usize::from(byte)] & (IN_WORD | NOT_ASCII) == 0)
        {
            at += 1;
        }
        let Some(first) = bytes.get(at) else { return };
        let machine = if first.is_ascii() {
            let (end, flags, next) = ascii_word(bytes, at);
            if let Next::Boundary = next {
                emit(&mut word, at, end, end - at, flags);
                at = end;
                continue;
            }
            Machine::behind(bytes, at, end, flags)
        } else {
            // Marks belong to what is in front of them: one character, or all the spaces.
            let mut start = at;
            if at > gap {
                start -= 1;
                while start > gap && bytes[start] == b' ' && bytes[start - 1] == b' ' {
                    start -= 1;
                }
            }
            Machine::behind(bytes, start, at, 0)
        };
        at = machine.run(bytes, &mut word);
    }
}

/// Hands out a segment if it is a word.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "texts are shorter than 4 GiB")]
fn emit(word: &mut impl FnMut(Word), start: usize, end: usize, chars: usize, flags: u8) {
    if flags & (ALPHABETIC | NUMERIC) != 0 {
        let classes = Classes(flags & (ALPHABETIC | NUMERIC | NON_ASCII));
        word(Word { start: start as u32, end: end as u32, chars: chars as u32, classes });
    }
}

/// What follows a run of ASCII.
enum Next {
    /// The end of the word.
    Boundary,
    /// A byte that is not ASCII, or a mark in front of one, so that the rules must tell.
    Unknown,
}

/// The ASCII word that starts at `start`: its end, its flags and what comes next. Unless that is a
/// boundary, the end is where the [`Machine`] has to go on.
#[inline]
fn ascii_word(bytes: &[u8], start: usize) -> (usize, u8, Next) {
    let kind = |at: usize| bytes.get(at).map_or(0, |&byte| KINDS[usize::from(byte)]);
    let mut flags = 0;
    let mut end = start;
    loop {
        ascii_run(bytes, &mut end, &mut flags);
        let mark = kind(end);
        if mark & (JOINS | NOT_ASCII) == 0 {
            return (end, flags, Next::Boundary);
        }
        let next = kind(end + 1);
        if (mark | next) & NOT_ASCII != 0 {
            return (end, flags, Next::Unknown);
        }
        // Both neighbours letters, or both digits, as the mark wants them.
        if kind(end - 1) & next & (mark >> JOINS.trailing_zeros()) == 0 {
            return (end, flags, Next::Boundary);
        }
        end += 1;
    }
}

// What an ASCII byte may be. What it joins is a letter or a digit, three bits higher.
const A_LETTER: u8 = 1;
const A_DIGIT: u8 = 2;
const AN_UNDERSCORE: u8 = 4;
const IN_WORD: u8 = A_LETTER | A_DIGIT | AN_UNDERSCORE;
const JOINS_LETTERS: u8 = A_LETTER << 3;
const JOINS_DIGITS: u8 = A_DIGIT << 3;
const JOINS: u8 = JOINS_LETTERS | JOINS_DIGITS;
const NOT_ASCII: u8 = 0x80;

static KINDS: [u8; 256] = {
    let mut table = [NOT_ASCII; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        table[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => A_LETTER,
            b'0'..=b'9' => A_DIGIT,
            b'_' => AN_UNDERSCORE,
            b':' => JOINS_LETTERS,
            b',' | b';' => JOINS_DIGITS,
            b'.' | b'\'' => JOINS,
            _ => 0,
        };
        byte += 1;
    }
    table
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// Moves `end` over ASCII letters, digits and underscores.
#[inline]
fn ascii_run(bytes: &[u8], end: &mut usize, flags: &mut u8) {
    loop {
        let rest = &bytes[*end..];
        let chunk = if let Some(chunk) = rest.first_chunk::<8>() {
            u64::from_le_bytes(*chunk)
        } else {
            // Zero ends a run.
            let mut chunk = [0; 8];
            chunk[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(chunk)
        };
        // In each byte the top bit tells; the seven below it cannot carry into the next byte.
        let low = chunk & !HIGH;
        let folded = low | (0x20 * ONES);
        let letters = (folded + (0x80 - u64::from(b'a')) * ONES)
            & !(folded + (0x7f - u64::from(b'z')) * ONES);
        let digits =
            (low + (0x80 - u64::from(b'0')) * ONES) & !(low + (0x7f - u64::from(b'9')) * ONES);
        let underscores = !((low ^ (u64::from(b'_') * ONES)) + 0x7f * ONES);
        let inside = (letters | digits | underscores) & !chunk & HIGH;
        let outside = inside ^ HIGH;
        // All bits below the first byte outside.
        let run = outside.wrapping_sub(1) & !outside;
        *flags |= if letters & run & HIGH != 0 { ALPHABETIC } else { 0 };
        *flags |= if digits & run & HIGH != 0 { NUMERIC } else { 0 };
        *end += outside.trailing_zeros() as usize / 8;
        if outside != 0 {
            return;
        }
    }
}

/// The rules, one scalar value at a time.
struct Machine {
    /// Where the segment starts.
    start: usize,
    /// The next byte to read.
    at: usize,
    state: u8,
    /// Number of scalar values since `start`.
    chars: usize,
    /// Table entries of these or-ed.
    flags: u8,
    /// Where the segment ends if what the state waits for does not come.
    fallback: Fallback,
}

/// A boundary that may turn out to be one.
#[derive(Default)]
struct Fallback {
    at: usize,
    /// `chars` and `flags` of the segment in front of it.
    chars: usize,
    flags: u8,
    /// Table entries since then or-ed.
    flags_behind: u8,
}

impl Machine {
    /// At `at`, with a segment behind it that starts at `start` and consists of ASCII: nothing, a
    /// word, spaces or one other byte. Its last byte tells the state.
    #[inline]
    fn behind(bytes: &[u8], start: usize, at: usize, flags: u8) -> Self {
        let state = if at > start {
            START[usize::from(ASCII[usize::from(bytes[at - 1])] & CLASS)]
        } else {
            // Nothing joins a newline: whatever comes first starts a segment.
            NEWLINE_STATE
        };
        Self { start, at, state, chars: at - start, flags, fallback: Fallback::default() }
    }

    /// Goes on to a boundary in front of an ASCII byte, or the end, and returns it.
    #[inline]
    fn run(mut self, bytes: &[u8], word: &mut impl FnMut(Word)) -> usize {
        while let Some((entry, len)) = entry(bytes, self.at) {
            let step = STEPS[usize::from(self.state) << 5 & 0x3e0 | usize::from(entry & CLASS)];
            if step > STATE {
                if step & WAIT != 0 {
                    self.fallback = Fallback {
                        at: self.at,
                        chars: self.chars,
                        flags: self.flags,
                        flags_behind: 0,
                    };
                } else {
                    self.close(step, word);
                    if len == 1 && bytes.get(self.at + 1).is_none_or(u8::is_ascii) {
                        return self.at;
                    }
                }
            }
            self.state = step & STATE;
            self.flags |= entry;
            self.fallback.flags_behind |= entry;
            self.chars += 1;
            self.at += len;
        }
        let waits = matches!(self.state & !ZWJ_BIT, NEED_LETTER | NEED_HEBREW | NEED_NUMERIC);
        self.close(if waits { FALL_BACK } else { BREAK }, word);
        self.at
    }

    /// Ends the segment in front of `at`, as two if the state waited in vain.
    #[inline]
    fn close(&mut self, step: u8, word: &mut impl FnMut(Word)) {
        if step & FALL_BACK != 0 {
            let Fallback { at, chars, flags, flags_behind } = self.fallback;
            emit(word, self.start, at, chars, flags);
            emit(word, at, self.at, self.chars - chars, flags_behind);
        } else {
            emit(word, self.start, self.at, self.chars, self.flags);
        }
        self.start = self.at;
        self.chars = 0;
        self.flags = 0;
    }
}

/// Table entry and length of the scalar value at `at`, or nothing at the end.
#[inline]
fn entry(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let low = |byte: u8| usize::from(byte & 0x3f);
    let lead = *bytes.get(at)?;
    if lead < 0x80 {
        return Some((ASCII[usize::from(lead)], 1));
    }
    // Bytes are UTF-8, so the patterns always match.
    let (block, last, len) = match (lead, &bytes[at + 1..]) {
        (0x80..0xe0, [b, ..]) => (usize::from(lead & 0x1f), *b, 2),
        (0xe0..0xf0, [b, c, ..]) => (usize::from(lead & 0xf) << 6 | low(*b), *c, 3),
        (_, [b, c, d, ..]) => (usize::from(lead & 7) << 12 | low(*b) << 6 | low(*c), *d, 4),
        _ => return None,
    };
    let block = BLOCK_OF.get(block).map_or(0, |&block| usize::from(block));
    Some((ENTRIES.get(block << 6 | low(last)).map_or(0, |&entry| entry), len))
}
