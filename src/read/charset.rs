//! The encoding of a page, and its text.

use std::borrow::Cow;

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes at the start of a page in which its declaration must stand.
const DECLARATION_BYTES: usize = 1024;

/// A page as text, and the name of the encoding it was in.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, &'static str) {
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => declared(bytes).unwrap_or_else(|| guess(bytes)),
    };
    let (text, encoding, _) = encoding.decode(bytes);
    (text, encoding.name())
}

/// What `charset=` or an XML `encoding=` at the start of the page names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..DECLARATION_BYTES).unwrap_or(bytes).to_ascii_lowercase();
    let key = if start.starts_with(b"<?xml") { &b"encoding="[..] } else { b"charset=" };
    let at = memchr::memmem::find(&start, key)? + key.len();
    let label = start[at..].trim_ascii_start();
    let label = label.strip_prefix(b"\"").or_else(|| label.strip_prefix(b"'")).unwrap_or(label);
    let end = label.iter().position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b':'));
    let encoding = Encoding::for_label(&label[..end.unwrap_or(label.len())])?;
    // A declaration that can be read byte by byte is not in UTF-16.
    Some(if encoding == UTF_16BE || encoding == UTF_16LE { UTF_8 } else { encoding })
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new();
    detector.feed(bytes, true);
    detector.guess(None, true)
}
