//! Character references of HTML.

use super::encodings::decode_western;
use super::names::NAMES;

/// Writes `text` with its character references decoded to `out`, and says how many there were. One
/// that was escaped again (`&amp;eacute;`) is decoded to the end. Writes nothing where there is none.
pub(super) fn unescape(text: &str, out: &mut String) -> usize {
    out.clear();
    let (mut count, mut done) = (0, 0);
    for at in memchr::memchr_iter(b'&', text.as_bytes()) {
        if at < done {
            continue;
        }
        if let Some((c, length)) = reference(&text[at..]) {
            out.push_str(&text[done..at]);
            out.push(c);
            count += 1;
            done = at + length;
        }
    }
    if count > 0 {
        out.push_str(&text[done..]);
    }
    count
}

fn reference(text: &str) -> Option<(char, usize)> {
    let (mut c, mut length) = single(text)?;
    // A few levels are found on real pages; the bound keeps `&amp;amp;amp;…` linear.
    for _ in 0..4 {
        if c != '&' {
            break;
        }
        // The sign just decoded starts another reference with what follows it.
        let Some((next, more)) = behind(&text[length..]) else { break };
        (c, length) = (next, length + more);
    }
    Some((c, length))
}

fn single(text: &str) -> Option<(char, usize)> {
    let (c, length) = behind(text.strip_prefix('&')?)?;
    Some((c, length + 1))
}

/// What follows `&`, up to its semicolon.
fn behind(text: &str) -> Option<(char, usize)> {
    // No name is longer than `thetasym`, no number than `#1114111`.
    let bytes = text.as_bytes();
    let end = memchr::memchr(b';', &bytes[..bytes.len().min(10)])?;
    let name = text.get(..end)?;
    let c = if let Some(number) = name.strip_prefix('#') {
        numbered(number)?
    } else {
        let place = NAMES.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        char::from_u32(u32::from(NAMES[place].1))?
    };
    Some((c, end + 1))
}

fn numbered(number: &str) -> Option<char> {
    let hex = number.strip_prefix(['x', 'X']);
    let (digits, radix) = hex.map_or((number, 10), |digits| (digits, 16));
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let c = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    // As browsers do: numbers of the controls are bytes of windows-1252.
    Some(decode_western(c)).filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded() {
        assert!(NAMES.is_sorted());
        let mut out = String::new();
        for (text, right, count) in [
            ("AT&amp;T &lt;3 &eacute;t&eacute;", "AT&T <3 été", 4),
            ("&#8217;&#x2019;&#146;&#X2019;", "’’’’", 4),
            ("&amp;eacute; &amp;amp;amp;lt;", "é <", 2),
            ("&thetasym;&nbsp;", "ϑ\u{a0}", 2),
        ] {
            assert_eq!(unescape(text, &mut out), count);
            assert_eq!(out, right);
        }
        for text in
            ["", "&", "a & b;", "&unknown;", "&#0;", "&#xd800;", "&#-1;", "&#;", "&é;", "&lt"]
        {
            assert_eq!(unescape(text, &mut out), 0, "{text}");
        }
    }
}
