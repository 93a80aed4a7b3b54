//! Character sets, by the rules of browsers: [the HTML standard](https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding)
//! and [the Encoding Standard](https://encoding.spec.whatwg.org/).
//!
//! A byte order mark wins over the label of the HTTP header, that one over the label in the first
//! 1,024 bytes of a page (`<meta charset>`, `<meta http-equiv>`, the XML declaration); without any,
//! the bytes are judged by [chardetng](https://docs.rs/chardetng), which is told the top-level
//! domain. Three things differ from a browser, because a curated text is not repaired by hand:
//!
//! * Bytes that are UTF-8 are UTF-8, whatever a label says: a page full of `Ã©` is nobody's text. The
//!   label is only believed where bytes of that encoding could be UTF-8 by chance (few characters in
//!   an encoding of two bytes each) or always are (ISO-2022-JP).
//! * UTF-16 without a mark or a label is known by its NUL bytes.
//! * Labels of encodings that browsers refuse to decode (HZ, ISO-2022-KR and -CN) fail the document
//!   rather than make it one replacement character.
//!
//! Bytes that mean nothing become U+FFFD. NUL bytes stay: they are valid UTF-8, and what reads the
//! text (the HTML parser, a filter) has its own rules for them.

mod prescan;

use std::borrow::Cow;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8,
    UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED,
};

use super::reasons;
use crate::document::Reason;

/// How many bytes of a page are looked through for a label.
const PRESCAN_BYTES: usize = 1024;

/// How many bytes are looked at to judge an encoding without a label.
const JUDGED_BYTES: usize = 1 << 20;

/// Characters above ASCII that make bytes UTF-8 although a label says an encoding of two bytes.
const MIN_CHARACTERS: usize = 5;

/// Where else a label may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    /// In a `<meta>` element.
    Html,
    /// In an XML declaration, or in a `<meta>` element.
    Xml,
    /// Nowhere.
    Plain,
}

/// A text and how it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    pub(crate) text: Cow<'a, str>,
    /// The encoding's name in the Encoding Standard, in lower case.
    pub(crate) charset: &'static str,
    /// Whether some bytes meant nothing and are U+FFFD now.
    pub(crate) replaced: bool,
}

/// Decodes bytes. `label` is the HTTP header's, `domain` the last label of the host's name.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    label: Option<&str>,
    markup: Markup,
    domain: Option<&str>,
) -> Result<Decoded<'a>, Reason> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return Ok(with(encoding, &bytes[mark..]));
    }
    let utf8 = simdutf8::basic::from_utf8(bytes).ok();
    let labelled = label
        .and_then(|label| Encoding::for_label(label.trim().as_bytes()))
        .or_else(|| prescan::find(&bytes[..bytes.len().min(PRESCAN_BYTES)], markup));
    if let Some(text) = utf8
        && labelled.is_none_or(|encoding| is_refuted(encoding, text))
        && wide(bytes).is_none()
    {
        return Ok(Decoded { text: Cow::Borrowed(text), charset: "utf-8", replaced: false });
    }
    match labelled {
        Some(encoding) if encoding == REPLACEMENT => Err(reasons::UNSUPPORTED_CHARSET),
        Some(encoding) => Ok(with(encoding, bytes)),
        None => Ok(with(judge(bytes, domain), bytes)),
    }
}

/// Whether bytes that are UTF-8, this text, are not in the encoding that a label says.
fn is_refuted(encoding: &'static Encoding, text: &str) -> bool {
    if encoding == UTF_8 {
        return true;
    }
    if encoding == UTF_16LE || encoding == UTF_16BE {
        return !text.contains('\0');
    }
    if encoding == ISO_2022_JP || encoding == REPLACEMENT {
        // These are made of ASCII: escapes, and HZ's `~{`.
        return !text.contains('\x1b') && !text.contains("~{");
    }
    let two_bytes = [BIG5, EUC_JP, EUC_KR, GB18030, GBK, SHIFT_JIS].contains(&encoding);
    let wanted = if two_bytes { MIN_CHARACTERS } else { 1 };
    let found = text.chars().filter(|char| !char.is_ascii()).take(wanted).count();
    // ASCII is the same in all of them.
    found == wanted || found == 0
}

fn with<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    let (text, replaced) = encoding.decode_without_bom_handling(bytes);
    Decoded { text, charset: name(encoding), replaced }
}

/// The encoding of bytes that no label belongs to.
fn judge(bytes: &[u8], domain: Option<&str>) -> &'static Encoding {
    if let Some(encoding) = wide(bytes) {
        return encoding;
    }
    let start = &bytes[..bytes.len().min(JUDGED_BYTES)];
    let mut detector = chardetng::EncodingDetector::new();
    detector.feed(start, start.len() == bytes.len());
    // The detector takes nothing but lower-case ASCII.
    let domain = domain
        .filter(|name| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .map(str::to_ascii_lowercase);
    detector.guess(domain.as_deref().map(str::as_bytes), true)
}

/// UTF-16 that says so only by its NUL bytes: nearly every second byte of the start is one.
pub(crate) fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    let start = &bytes[..bytes.len().min(PRESCAN_BYTES)];
    let pairs = start.len() / 2;
    if pairs < 4 || memchr::memchr(0, start).is_none() {
        return None;
    }
    let nul = |at: usize| start.chunks_exact(2).filter(|pair| pair[at] == 0).count();
    let (first, second) = (nul(0), nul(1));
    match (first, second) {
        (first, second) if first == 0 && second * 10 > pairs * 7 => Some(UTF_16LE),
        (first, second) if second == 0 && first * 10 > pairs * 7 => Some(UTF_16BE),
        _ => None,
    }
}

/// The name in lower case, without an allocation for each document.
fn name(encoding: &'static Encoding) -> &'static str {
    const NAMES: &[&str] = &[
        "utf-8",
        "ibm866",
        "iso-8859-2",
        "iso-8859-3",
        "iso-8859-4",
        "iso-8859-5",
        "iso-8859-6",
        "iso-8859-7",
        "iso-8859-8",
        "iso-8859-8-i",
        "iso-8859-10",
        "iso-8859-13",
        "iso-8859-14",
        "iso-8859-15",
        "iso-8859-16",
        "koi8-r",
        "koi8-u",
        "macintosh",
        "windows-874",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-1254",
        "windows-1255",
        "windows-1256",
        "windows-1257",
        "windows-1258",
        "x-mac-cyrillic",
        "gbk",
        "gb18030",
        "big5",
        "euc-jp",
        "iso-2022-jp",
        "shift_jis",
        "euc-kr",
        "replacement",
        "utf-16be",
        "utf-16le",
        "x-user-defined",
    ];
    let name = encoding.name();
    NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
}

/// What a label within a page stands for: UTF-16 cannot be meant where a label could be read.
fn in_page(label: &[u8]) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label)?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    })
}

#[cfg(test)]
mod tests;
