//! Steps that look at one character at a time.

use icu_normalizer::ComposingNormalizer;

use super::encodings::decode_western;

/// Which steps to take.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "a switch a step")]
pub(super) struct Steps {
    pub(super) escapes: bool,
    pub(super) c1: bool,
    pub(super) ligatures: bool,
    pub(super) width: bool,
    pub(super) quotes: bool,
    pub(super) breaks: bool,
    pub(super) controls: bool,
}

impl Steps {
    pub(super) fn are_off(self) -> bool {
        let Self { escapes, c1, ligatures, width, quotes, breaks, controls } = self;
        !(escapes || c1 || ligatures || width || quotes || breaks || controls)
    }
}

/// What was done, how often.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) c1: usize,
    /// Ligatures, widths, quotation marks.
    pub(super) characters: usize,
    pub(super) breaks: usize,
    /// Control characters and escapes.
    pub(super) controls: usize,
}

impl Counts {
    pub(super) fn total(self) -> usize {
        self.c1 + self.characters + self.breaks + self.controls
    }
}

/// What takes the place of the characters found.
enum Change {
    C1(char),
    Character(&'static str),
    /// A run of this many bytes has another width.
    Width(usize),
    Break(usize),
    Control(usize),
}

/// Bytes at which a character may begin that is changed.
static FIRST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'\n' as usize] = false;
    table[b'\t' as usize] = false;
    table[0x7f] = true;
    table[0xc2] = true;
    table[0xca] = true;
    table[0xe2] = true;
    table[0xe3] = true;
    table[0xef] = true;
    table
};

/// Writes `text` with its characters changed to `out`; writes nothing where nothing changes.
pub(super) fn clean(text: &str, steps: Steps, out: &mut String) -> Counts {
    let mut counts = Counts::default();
    let bytes = text.as_bytes();
    out.clear();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = next(bytes, at) {
        at = found;
        let Some((change, length)) = change(&text[at..], steps) else {
            at += 1;
            continue;
        };
        out.push_str(&text[done..at]);
        match change {
            Change::C1(c) => {
                counts.c1 += 1;
                out.push(c);
            }
            Change::Character(new) => {
                counts.characters += 1;
                out.push_str(new);
            }
            Change::Width(run) => {
                let run = &text[at..at + run];
                counts.characters += run.chars().count();
                // Writing to a string cannot fail.
                let _ = ComposingNormalizer::new_nfkc().normalize_to(run, out);
            }
            Change::Break(_) => {
                counts.breaks += 1;
                out.push('\n');
            }
            Change::Control(_) => counts.controls += 1,
        }
        at += length;
        done = at;
    }
    if done > 0 {
        out.push_str(&text[done..]);
    }
    counts
}

/// The next byte of [`FIRST`].
fn next(bytes: &[u8], mut at: usize) -> Option<usize> {
    // Blocks of printable ASCII and of bytes that only stand within characters go sixteen at a time.
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let found = chunk
            .iter()
            .fold(0, |found, byte| found | u8::from(*byte > 0xbf) | u8::from(*byte < 0x20));
        if found != 0 || chunk.contains(&0x7f) {
            match chunk.iter().position(|byte| FIRST[usize::from(*byte)]) {
                Some(place) => return Some(at + place),
                None => at += 16,
            }
        } else {
            at += 16;
        }
    }
    bytes.get(at..)?.iter().position(|byte| FIRST[usize::from(*byte)]).map(|place| at + place)
}

/// What becomes of the character that `text` starts with, and how many bytes that takes.
fn change(text: &str, steps: Steps) -> Option<(Change, usize)> {
    let bytes = text.as_bytes();
    // Most characters with these bytes are punctuation of East Asia or of any language.
    match *bytes {
        [0xe2, 0x80 | 0x81, ..] | [0xef, 0xac | 0xbb | 0xbf, ..] => {}
        [0xe2, ..] => return None,
        [0xc2, second, ..] if second > 0x9f => return None,
        [0xe3 | 0xef, ..] if !steps.width => return None,
        _ => {}
    }
    let c = text.chars().next()?;
    let length = c.len_utf8();
    let change = match c {
        '\u{1b}' if steps.escapes && escape(bytes).is_some() => Change::Control(escape(bytes)?),
        '\r' if steps.breaks => Change::Break(1 + usize::from(bytes.get(1) == Some(&b'\n'))),
        '\u{80}'..='\u{9f}' if steps.c1 && decode_western(c) != c => Change::C1(decode_western(c)),
        '\u{85}' | '\u{2028}' | '\u{2029}' if steps.breaks => Change::Break(length),
        '\0'..='\u{8}'
        | '\u{b}'
        | '\u{e}'..='\u{1f}'
        | '\u{7f}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}'
            if steps.controls =>
        {
            Change::Control(length)
        }
        '\u{fb00}'..='\u{fb06}' if steps.ligatures => {
            const LIGATURES: [&str; 7] = ["ff", "fi", "fl", "ffi", "ffl", "ſt", "st"];
            Change::Character(LIGATURES[c as usize - 0xfb00])
        }
        '\u{2bc}' | '\u{2018}'..='\u{201b}' if steps.quotes => Change::Character("'"),
        '\u{201c}'..='\u{201f}' if steps.quotes => Change::Character("\""),
        '\u{3000}' | '\u{ff01}'..='\u{ffef}' if steps.width => {
            // A kana and its mark of voice are two characters that become one.
            let other = |c: char| !matches!(c, '\u{3000}' | '\u{ff01}'..='\u{ffef}');
            Change::Width(text.find(other).unwrap_or(text.len()))
        }
        _ => return None,
    };
    let length = match change {
        Change::Width(bytes) | Change::Break(bytes) | Change::Control(bytes) => bytes,
        Change::C1(_) | Change::Character(_) => length,
    };
    Some((change, length))
}

/// The bytes of a terminal's escape sequence: `ESC [`, parameters, a final byte.
fn escape(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let end = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte))?;
    (0x40..=0x7e).contains(&rest[end]).then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Steps = Steps {
        escapes: true,
        c1: true,
        ligatures: true,
        width: true,
        quotes: true,
        breaks: true,
        controls: true,
    };

    #[test]
    fn each_step_does_its_work_and_no_other() {
        type Switch = fn(&mut Steps) -> &mut bool;
        let cases: [(Switch, &str, &str); 7] = [
            (|s| &mut s.escapes, "a\x1b[36;44mb\x1b[0m", "ab"),
            (|s| &mut s.c1, "dry\u{97}well \u{85}", "dry—well …"),
            (|s| &mut s.ligatures, "ﬂuﬀy ﬁﬃﬄﬆ", "fluffy fiffifflst"),
            (|s| &mut s.width, "ＬＯＵＤ\u{3000}ｳﾞｶﾞ", "LOUD ヴガ"),
            (|s| &mut s.quotes, "‘a’ “b”", "'a' \"b\""),
            (|s| &mut s.breaks, "a\r\nb\rc\u{2028}d\u{2029}", "a\nb\nc\nd\n"),
            (|s| &mut s.controls, "\u{feff}a\0b\u{7f}\u{fffc}", "ab"),
        ];
        let mut none = ALL;
        for (switch, ..) in &cases {
            *switch(&mut none) = false;
        }
        let mut out = String::new();
        for (switch, text, right) in cases {
            for shift in ["", "sixteen bytes on ", "中"] {
                let text = format!("{shift}{text}");
                let mut only = none;
                *switch(&mut only) = true;
                assert!(clean(&text, only, &mut out).total() > 0);
                assert_eq!(out, format!("{shift}{right}"));
                assert_eq!(clean(&text, none, &mut out), Counts::default());
                assert_eq!(out, "");
            }
        }
        let mut breaks = none;
        breaks.breaks = true;
        clean("a\u{85}b", breaks, &mut out);
        assert_eq!(out, "a\nb");
    }
}
