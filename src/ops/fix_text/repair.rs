//! Finds UTF-8 that was read in a single-byte encoding, and reads it as UTF-8.
//!
//! Every character of such text is a *sequence*: characters whose bytes in that encoding are one
//! character of UTF-8. Sequences occur by chance as well (`É…`, `—à`, `ві`), so each gets points for
//! how strange its characters look side by side and how likely the character is that they would be.
//! A line is read anew where all its characters beyond ASCII are in sequences of one encoding and the
//! points of these suffice; else only the sequences are that have enough points of their own.

use super::badness::{Kind, is_common, likely, strange};
use super::encodings::{COUNT, ENCODINGS, LOOKUP, WESTERN};

/// Which repairs to make.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repairs {
    /// No-break spaces that became spaces.
    pub(super) spaces: bool,
    /// Bytes that became U+FFFD.
    pub(super) lossy: bool,
    /// Sequences in lines that have other characters as well.
    pub(super) inconsistent: bool,
}

/// Points that make a line, or a sequence on its own, certain.
const CERTAIN: i32 = 3;
/// Points in a document after which the encoding found there is expected in its other lines.
const EXPECTED: i32 = 12;
/// Bytes before a sequence that are looked at; four times as many behind it. Lines are rarely longer.
const NEAR: usize = 1 << 13;
/// Encodings over encodings that are undone; real pages have up to three.
const MOST_LAYERS: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    Whole,
    /// With a space for a no-break space.
    Spaced,
    /// With a byte lost.
    Lossy,
}

#[derive(Debug, Clone, Copy)]
struct Parsed {
    /// Characters it takes.
    chars: usize,
    c: char,
    flavour: Flavour,
}

#[derive(Debug, Clone, Copy)]
struct Sequence {
    /// Place among the characters of the line.
    at: usize,
    parsed: Parsed,
    points: i32,
}

/// What was found in a document.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Found {
    /// Sequences read anew.
    pub(super) sequences: usize,
    /// Most layers in a line.
    pub(super) layers: usize,
    /// Sequences by encoding.
    pub(super) by_encoding: [usize; COUNT],
}

impl Found {
    /// The encoding of most sequences.
    pub(super) fn encoding(&self) -> Option<&'static str> {
        let most = self.by_encoding.iter().copied().max().filter(|most| *most > 0)?;
        let place = self.by_encoding.iter().position(|count| *count == most)?;
        Some(ENCODINGS[place].0)
    }
}

/// The buffers.
#[derive(Default)]
pub(super) struct Scratch {
    chars: Vec<char>,
    found: Vec<Sequence>,
    best: Vec<Sequence>,
    line: String,
    next: String,
    first: String,
}

/// Writes `text` repaired to `out`; says what was found. Writes nothing where that is nothing.
pub(super) fn repair(
    text: &str,
    repairs: Repairs,
    scratch: &mut Scratch,
    out: &mut String,
) -> Found {
    let mut found = Found::default();
    let mut points = [0; COUNT];
    out.clear();
    if suspicious(text, 0, 0).is_none() {
        return found;
    }
    pass(text, repairs, 0, scratch, out, &mut found, &mut points);
    let expected = points.iter().enumerate().filter(|(_, points)| **points >= EXPECTED);
    let expected = expected.fold(0, |mask, (encoding, _)| mask | 1 << encoding);
    if expected != 0 {
        let mut first = std::mem::take(&mut scratch.first);
        std::mem::swap(&mut first, out);
        out.clear();
        let before = found.sequences;
        pass(&first, repairs, expected, scratch, out, &mut found, &mut points);
        if found.sequences == before {
            std::mem::swap(&mut first, out);
        }
        scratch.first = first;
    } else if found.sequences == 0 {
        out.clear();
    }
    found
}

/// One pass over all lines that may have something.
fn pass(
    text: &str,
    repairs: Repairs,
    expected: u16,
    scratch: &mut Scratch,
    out: &mut String,
    found: &mut Found,
    points: &mut [i32; COUNT],
) {
    let (mut done, mut at) = (0, 0);
    while let Some(place) = suspicious(text, at, expected) {
        let (start, end) = around(text, at, place);
        scratch.line.clear();
        scratch.line.push_str(&text[start..end]);
        let mut layers = 0;
        while layers < MOST_LAYERS && layer(repairs, expected, scratch, found, points) {
            std::mem::swap(&mut scratch.line, &mut scratch.next);
            layers += 1;
        }
        if layers > 0 {
            found.layers = found.layers.max(layers);
            out.push_str(&text[done..start]);
            out.push_str(&scratch.line);
            done = end;
        }
        at = end;
    }
    out.push_str(&text[done..]);
}

/// The line around `place`, or what of it is near, but nothing before `from`.
fn around(text: &str, from: usize, place: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let cut = |near: usize, far: usize| {
        // At a space, so that no sequence is cut; a text with none is cut anywhere.
        memchr::memchr(b' ', &bytes[near..far]).map_or(text.floor_char_boundary(near), |n| near + n)
    };
    let mut start = memchr::memrchr(b'\n', &bytes[from..place]).map_or(from, |n| from + n + 1);
    if place - start > NEAR {
        start = cut(place - NEAR, place);
    }
    let mut end = memchr::memchr(b'\n', &bytes[place..]).map_or(text.len(), |n| place + n);
    if end - place > 4 * NEAR {
        end = cut(place + 3 * NEAR, place + 4 * NEAR);
    }
    (start, end)
}

/// The place of the first sequence that looks strange, or that is of an expected encoding.
fn suspicious(text: &str, from: usize, expected: u16) -> Option<usize> {
    let bytes = text.as_bytes();
    let lookup = &*LOOKUP;
    let mut at = from;
    loop {
        // Most text is ASCII, sixteen bytes at a time.
        while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>)
            && u128::from_ne_bytes(*chunk) & 0x8080_8080_8080_8080_8080_8080_8080_8080 == 0
        {
            at += 16;
        }
        let byte = *bytes.get(at)?;
        match byte {
            0..=0x7f => at += 1,
            0xc2..=0xdf | 0xe2 | 0xef => {
                let c = text[at..].chars().next()?;
                let next = at + c.len_utf8();
                let leads = lookup.of(c).leads;
                if leads != 0 && is_suspicious(text, at, next, c, leads, expected) {
                    return Some(at);
                }
                at = next;
            }
            // None of the encodings has these.
            0xf0.. => at += 4,
            _ => at += 3,
        }
    }
}

#[inline]
fn is_suspicious(text: &str, at: usize, next: usize, c: char, leads: u16, expected: u16) -> bool {
    let bytes = text.as_bytes();
    match bytes.get(next) {
        Some(b' ') if leads & expected != 0 => return true,
        Some(b' ') if c == 'Ã' => return text[..at].ends_with(|c: char| c.is_lowercase()),
        None | Some(0..=0x7f) => return false,
        Some(_) => {}
    }
    let Some(second) = text[next..].chars().next() else { return false };
    let both = leads & LOOKUP.of(second).follows;
    if second == '\u{fffd}' {
        return true;
    }
    both != 0 && is_strange(text, at, both, expected)
}

#[cold]
fn is_strange(text: &str, at: usize, encodings: u16, expected: u16) -> bool {
    let mut window = ['\0'; 7];
    let mut length = 0;
    for (slot, c) in window.iter_mut().zip(text[at..].chars()) {
        *slot = c;
        length += 1;
    }
    let before = text[..at].chars().next_back().unwrap_or('\n');
    let window = &window[..length];
    (0..COUNT).filter(|encoding| encodings >> encoding & 1 != 0).any(|encoding| {
        parse(window, encoding).is_some_and(|parsed| {
            let behind = window.get(parsed.chars).copied().unwrap_or('\n');
            expected >> encoding & 1 != 0
                || look(before, &window[..parsed.chars], behind, encoding) > 0
        })
    })
}

/// The sequence at the start of `window`.
fn parse(window: &[char], encoding: usize) -> Option<Parsed> {
    let byte = |c: char| if c.is_ascii() { 0 } else { LOOKUP.of(c).of[encoding] };
    let first = byte(*window.first()?);
    let (more, mut code) = match first {
        0xc2..=0xdf => (1, u32::from(first & 0x1f)),
        0xe0..=0xef => (2, u32::from(first & 0xf)),
        0xf0..=0xf4 => (3, u32::from(first & 7)),
        _ => return None,
    };
    let mut flavour = Flavour::Whole;
    for (place, &c) in window.get(1..=more)?.iter().enumerate() {
        let follow = match c {
            '\u{fffd}' if flavour == Flavour::Whole => {
                flavour = Flavour::Lossy;
                // The one hole of windows-1252 that stands in common text: `”`.
                if first == 0xe2 && place == 1 && code == 0x80 { 0x9d } else { 0x80 }
            }
            // What asked for a question mark in place of `”`, where no other text has one.
            '?' if first == 0xe2 && place == 1 && code == 0x80 && window[1] == '€' => 0x9d,
            ' ' if flavour == Flavour::Whole => {
                flavour = Flavour::Spaced;
                0xa0
            }
            _ => byte(c),
        };
        if !(0x80..=0xbf).contains(&follow) {
            return None;
        }
        code = code << 6 | u32::from(follow & 0x3f);
    }
    if (0xd800..0xdc00).contains(&code) && flavour == Flavour::Whole {
        return surrogates(window, encoding, code);
    }
    let least = [0, 0x80, 0x800, 0x1_0000][more];
    let lost = flavour == Flavour::Lossy && code != 0x201d;
    let c = if lost { '\u{fffd}' } else { char::from_u32(code).filter(|c| *c as u32 >= least)? };
    Some(Parsed { chars: more + 1, c, flavour })
}

/// A character written as two surrogates of three bytes each (CESU-8).
fn surrogates(window: &[char], encoding: usize, high: u32) -> Option<Parsed> {
    let second = window.get(3..6)?;
    let [first, middle, last] = [0, 1, 2].map(|at| u32::from(LOOKUP.of(second[at]).of[encoding]));
    if first != 0xed || !(0xb0..=0xbf).contains(&middle) || !(0x80..=0xbf).contains(&last) {
        return None;
    }
    let low = (middle & 0xf) << 6 | last & 0x3f;
    let c = char::from_u32(0x1_0000 + ((high - 0xd800) << 10 | low))?;
    Some(Parsed { chars: 6, c, flavour: Flavour::Whole })
}

/// Points for how strange the characters of a sequence look where they stand.
fn look(before: char, chars: &[char], behind: char, encoding: usize) -> i32 {
    let mut left = Kind::of(before);
    let before = left;
    let mut points = 0;
    for &c in chars.iter().chain([&behind]) {
        let kind = Kind::of(c);
        points += strange(left, kind);
        left = kind;
    }
    let (first, second) = (chars[0], chars[1]);
    // These are words of one letter in no common language.
    let alone = matches!(first, 'Â' | 'Ã' | 'Ă' | 'Ā' | 'Ć');
    let stands = matches!(before, Kind::Space | Kind::Plain | Kind::Digit | Kind::Soft);
    if alone && stands && !Kind::of(second).is_letter() {
        points += 2;
    }
    // Quotation marks and dashes are by far the most common of what is read wrongly, and U+FFFD is
    // three characters that nobody writes.
    if let [_, _, third] = chars {
        let bytes = [first, second, *third].map(|c| LOOKUP.of(c).of[encoding]);
        points += 2 * i32::from(bytes[..2] == [0xe2, 0x80] || bytes == [0xef, 0xbf, 0xbd]);
    }
    points
}

/// Undoes one layer of `scratch.line` into `scratch.next`; false where there is none.
fn layer(
    repairs: Repairs,
    expected: u16,
    scratch: &mut Scratch,
    found: &mut Found,
    points: &mut [i32; COUNT],
) -> bool {
    let Scratch { chars, found: sequences, best, line, next, .. } = scratch;
    chars.clear();
    chars.extend(line.chars());
    let mut encodings = 0;
    for &c in chars.iter().filter(|c| !c.is_ascii()) {
        encodings |= LOOKUP.of(c).leads;
    }
    let mut best_of: Option<(i32, usize, i32)> = None;
    for encoding in (0..COUNT).filter(|encoding| encodings >> encoding & 1 != 0) {
        let expected = expected >> encoding & 1 != 0;
        let rest = find(chars, encoding, repairs, expected, sequences);
        if sequences.is_empty() {
            continue;
        }
        let total = choose(sequences, rest, expected, repairs);
        if sequences.is_empty() {
            continue;
        }
        let rank = total - 2 * i32::try_from(rest).unwrap_or(i32::MAX / 4);
        if best_of.is_none_or(|(other, ..)| rank > other) {
            best_of = Some((rank, encoding, total));
            std::mem::swap(sequences, best);
        }
    }
    let Some((_, encoding, total)) = best_of else { return false };
    points[encoding] = points[encoding].saturating_add(total);
    found.sequences += best.len();
    found.by_encoding[encoding] += best.len();
    next.clear();
    let mut done = 0;
    for sequence in best.iter() {
        next.extend(&chars[done..sequence.at]);
        next.push(sequence.parsed.c);
        done = sequence.at + sequence.parsed.chars;
        // `à` mostly ends a word; its no-break space was one with the space behind.
        let ends = sequence.parsed.flavour == Flavour::Spaced && sequence.parsed.c == 'à';
        if ends && chars.get(done).is_some_and(|c| *c != ' ') {
            next.push(' ');
        }
    }
    next.extend(&chars[done..]);
    true
}

/// Finds the sequences of an encoding and counts the characters beyond ASCII that are in none.
fn find(
    chars: &[char],
    encoding: usize,
    repairs: Repairs,
    expected: bool,
    sequences: &mut Vec<Sequence>,
) -> usize {
    sequences.clear();
    let (mut at, mut rest) = (0, 0);
    while let Some(&c) = chars.get(at) {
        if c.is_ascii() {
            at += 1;
            continue;
        }
        let window = &chars[at..chars.len().min(at + 7)];
        let parsed = parse(window, encoding).filter(|parsed| match parsed.flavour {
            Flavour::Whole => true,
            Flavour::Lossy => repairs.lossy,
            Flavour::Spaced => {
                repairs.spaces && may_be_spaced(chars, at, *parsed, encoding, expected)
            }
        });
        if let Some(parsed) = parsed {
            sequences.push(Sequence { at, parsed, points: 0 });
            at += parsed.chars;
        } else {
            rest += usize::from(c != '\u{fffd}');
            at += 1;
        }
    }
    for index in 0..sequences.len() {
        let Sequence { at, parsed, .. } = sequences[index];
        let end = at + parsed.chars;
        let before = at.checked_sub(1).map_or('\n', |at| chars[at]);
        let behind = chars.get(end).copied().unwrap_or('\n');
        let mut points = look(before, &chars[at..end], behind, encoding);
        // The neighbours as they would be.
        let new_before = match index.checked_sub(1).map(|before| sequences[before]) {
            Some(other) if other.at + other.parsed.chars == at => other.parsed.c,
            _ => before,
        };
        let new_behind = match sequences.get(index + 1) {
            Some(other) if other.at == end => other.parsed.c,
            _ => behind,
        };
        points += likely(new_before, parsed.c, new_behind);
        sequences[index].points = points;
    }
    rest
}

/// Whether a sequence with a space in it is one: a space is too common to be counted on.
fn may_be_spaced(
    chars: &[char],
    at: usize,
    parsed: Parsed,
    encoding: usize,
    expected: bool,
) -> bool {
    let end = at + parsed.chars;
    let before = at.checked_sub(1).map_or(Kind::Space, |at| Kind::of(chars[at]));
    if encoding == WESTERN && parsed.c == 'à' {
        return matches!(before, Kind::Lower(_)) || expected || before == Kind::Space;
    }
    if !is_common(parsed.c) || !Kind::of(parsed.c).is_letter() {
        return false;
    }
    // Within a word, or in front of one that goes on in the same way.
    let behind = &chars[end.min(chars.len())..chars.len().min(end + 7)];
    let goes_on = behind.first().is_some_and(|c| LOOKUP.of(*c).leads >> encoding & 1 != 0);
    let starts = before == Kind::Space && parsed.c.is_uppercase();
    expected && starts && behind.first().is_some_and(|c| c.is_lowercase())
        || goes_on && parse(behind, encoding).is_some_and(|next| next.flavour == Flavour::Whole)
}

/// Leaves the sequences that are to be read anew; gives their points.
fn choose(sequences: &mut Vec<Sequence>, rest: usize, expected: bool, repairs: Repairs) -> i32 {
    let sum = |sequences: &[Sequence]| {
        sequences.iter().fold(0_i32, |sum, sequence| sum.saturating_add(sequence.points))
    };
    let total = sum(sequences);
    let certain = if expected { 1 } else { CERTAIN };
    if rest == 0 && total >= certain.min(2) {
        return total;
    }
    if !repairs.inconsistent || rest == 0 {
        sequences.clear();
        return 0;
    }
    let strong = sequences.iter().filter(|sequence| sequence.points >= CERTAIN).count();
    let least = match strong {
        _ if expected => 1,
        2.. if 2 * strong >= rest => 1,
        // By chance once in a long line in which all else is right: `кВ»`.
        1 if rest > 4 => CERTAIN + 1,
        _ => CERTAIN,
    };
    sequences.retain(|sequence| sequence.points >= least);
    sum(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Repairs = Repairs { spaces: true, lossy: true, inconsistent: true };

    fn repaired(text: &str) -> String {
        let mut out = String::new();
        let found = repair(text, ALL, &mut Scratch::default(), &mut out);
        if found.sequences == 0 { text.to_owned() } else { out }
    }

    #[test]
    fn common_cases() {
        for (text, right) in [
            ("fÃ©tÃ©", "fété"),
            ("Itâ€™s", "It’s"),
            ("25 Ã— 3", "25 × 3"),
            ("world‚Äôs most", "world’s most"),
            ("statements to ‚Äúinternal use", "statements to “internal use"),
            ("РџСЂРёРІРµС‚, РјРёСЂ", "Привет, мир"),
            ("ÃƒÂ©tait", "était"),
            ("voilÃ  la", "voilà la"),
            ("voilÃ\u{a0} la", "voilà la"),
            ("Ð Ð¾Ñ\u{81}Ñ\u{81}Ð¸Ñ\u{8f}", "Россия"),
            ("de Å koda", "de Å koda"),
            ("este cï¿½t “mai”", "este c\u{fffd}t “mai”"),
            ("Ãƒâ€šÃ‚Â£5", "£5"),
            ("í\u{a0}½í¸€ æˆ‘ä»¬", "😀 我们"),
            ("Home Â» News", "Home » News"),
            ("f├╝r mich", "für mich"),
            ("Aā\u{80}\u{94}B", "A—B"),
            ("π\u{9f}\u{8f}³ Participat", "🏳 Participat"),
            ("â€œquotedâ€\u{fffd}", "“quoted”"),
            ("â€œquotedâ€?", "“quoted”"),
            ("“right” and fÃ©tÃ©", "“right” and fété"),
            ("a\nÃ©tÃ©\nb “", "a\nété\nb “"),
        ] {
            assert_eq!(repaired(text), right, "{text}");
        }
    }

    #[test]
    fn long_lines_are_cut_at_spaces() {
        let (wrong, right) = ("Ã©tÃ© ".repeat(20_000), "été ".repeat(20_000));
        assert_eq!(repaired(&wrong), right);
        let (wrong, right) = ("x".repeat(50_000) + "Ã©tÃ©", "x".repeat(50_000) + "été");
        assert_eq!(repaired(&wrong), right);
        // No space at all: what is cut apart may stay, and nothing else is lost.
        let dense = repaired(&"æˆ‘".repeat(30_000));
        assert!(dense.chars().filter(|c| *c == '我').count() > 29_900);
    }

    #[test]
    fn right_text_stays() {
        for text in [
            "“Oh mon bébé…”",
            "CAFÉ…",
            "É… isso",
            "—À moi",
            "l’été",
            "він ві дії",
            "zvlášť",
            "її",
            "IRMÃ ",
            "XÃ HỘI",
            "A Ă Â Á À Ã Ạ",
            "═╗\n╚═╝",
            "«Å»",
            "—Él —dijo",
            "“Élan”",
        ] {
            assert_eq!(repaired(text), text);
        }
    }
}
