//! Removes characters that cannot be seen.

use icu_properties::CodePointSetData;
use icu_properties::props::ExtendedPictographic;

/// What becomes of a character.
#[derive(PartialEq)]
enum Fate {
    Keep,
    Remove,
    Space,
    LineFeed,
}

/// Writes `text` without control characters to `out` and says how many were removed or replaced;
/// with none, nothing is written.
pub(super) fn remove(text: &str, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    out.clear();
    let (mut removed, mut done, mut at) = (0, 0, 0);
    while let Some(found) = bytes[at..].iter().position(|byte| SUSPICIOUS[usize::from(*byte)]) {
        at += found;
        let Some(c) = text[at..].chars().next() else { break };
        let next = at + c.len_utf8();
        // What stands before is what is left of it, so that a second run finds the same.
        let before = if done == at { out.as_str() } else { &text[done..at] };
        let fate = fate(c, before.chars().next_back(), &text[next..]);
        if fate != Fate::Keep {
            removed += 1;
            out.push_str(&text[done..at]);
            match fate {
                Fate::Space => out.push(' '),
                Fate::LineFeed => out.push('\n'),
                Fate::Keep | Fate::Remove => {}
            }
            done = next;
        }
        at = next;
    }
    if removed > 0 {
        out.push_str(&text[done..]);
    }
    removed
}

/// Whether a byte may start a character that goes: a control, or the first byte of U+0080 to U+00BF,
/// U+2000 to U+2FFF or U+F000 to U+FFFF.
static SUSPICIOUS: [bool; 256] = {
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
    table[0xe2] = true;
    table[0xef] = true;
    table
};

fn fate(c: char, before: Option<char>, behind: &str) -> Fate {
    // The next character that is seen.
    let next = || behind.chars().find(|c| !is_invisible(*c));
    match c {
        '\r' if behind.starts_with('\n') => Fate::Remove,
        '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Fate::LineFeed,
        '\u{1c}'..='\u{1f}' => Fate::Space,
        '\t' | '\n' => Fate::Keep,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Fate::Remove,
        '\u{200b}' => {
            let parts =
                before.is_some_and(is_south_east_asian) && next().is_some_and(is_south_east_asian);
            if parts { Fate::Keep } else { Fate::Remove }
        }
        '\u{200c}' | '\u{200d}' => {
            let emoji = c == '\u{200d}'
                && before.is_some_and(ends_emoji)
                && next().is_some_and(is_pictograph);
            let joins = before.is_some_and(writes_with_joiners);
            if emoji || joins { Fate::Keep } else { Fate::Remove }
        }
        _ if is_invisible(c) => Fate::Remove,
        _ => Fate::Keep,
    }
}

/// Characters that go wherever they stand, or unless they join or part what is around them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}' | '\u{e}'..='\u{1b}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}

fn is_pictograph(c: char) -> bool {
    c >= '\u{a9}' && CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

/// A pictograph, or what may stand behind one: a variation selector, a skin tone.
fn ends_emoji(c: char) -> bool {
    matches!(c, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}') || is_pictograph(c)
}

/// Thai, Lao, Burmese, Khmer and the scripts of their neighbours.
fn is_south_east_asian(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{1950}'..='\u{19ff}' | '\u{1a20}'..='\u{1aaf}' | '\u{a9e0}'..='\u{a9ff}'
            | '\u{aa60}'..='\u{aadf}'
    )
}

/// Scripts in which a joiner behind a letter changes how it is written.
fn writes_with_joiners(c: char) -> bool {
    is_south_east_asian(c)
        || matches!(
            c,
            // Arabic to Mandaic, the Indic scripts, Tibetan, Mongolian, Arabic presentation forms.
            '\u{600}'..='\u{dff}' | '\u{f00}'..='\u{fff}' | '\u{1800}'..='\u{18af}'
                | '\u{1b00}'..='\u{1c7f}' | '\u{a800}'..='\u{a9df}' | '\u{fb50}'..='\u{fdff}'
                | '\u{fe70}'..='\u{fefe}' | '\u{11000}'..='\u{11fff}'
        )
}
