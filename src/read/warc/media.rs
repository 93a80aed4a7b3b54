//! What a payload is: text that becomes a document, or something else.

use super::super::charset::Markup;

/// How many bytes tell what a payload is.
const SNIFFED_BYTES: usize = 1445;

/// First bytes of formats that are no text, whatever a server calls them.
const SIGNATURES: &[&[u8]] = &[
    b"%PDF-",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x7fELF",
    b"Rar!\x1a\x07",
    b"7z\xbc\xaf\x27\x1c",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"\x28\xb5\x2f\xfd",
    b"wOFF",
    b"wOF2",
    b"OggS\0",
    b"ID3",
    b"FWS",
    b"CWS",
    b"\x1a\x45\xdf\xa3",
    b"%!PS-Adobe-",
];

/// The media type in a Content-Type field, in lower case; `None` where there is none.
pub(super) fn essence(content_type: &str) -> Option<String> {
    let essence = content_type.split([';', ',']).next()?.trim().to_ascii_lowercase();
    let (kind, name) = essence.split_once('/')?;
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let known = token(kind) && token(name) && kind != "unknown";
    known.then_some(essence)
}

/// The value of a parameter of a Content-Type field.
pub(super) fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then_some(value)
    })
}

/// What a payload of that media type is made of; `None` if it is not to be read.
///
/// Of the text types `text/dns` is left out: it is what crawlers keep of name servers' answers.
pub(super) fn markup(essence: &str) -> Option<Markup> {
    match essence {
        "text/html" => Some(Markup::Html),
        "application/xhtml+xml" | "text/xml" | "application/xml" => Some(Markup::Xml),
        "text/dns" => None,
        _ if essence.starts_with("text/") || essence == "application/json" => Some(Markup::Plain),
        _ if essence.starts_with("application/") && essence.ends_with("+xml") => Some(Markup::Xml),
        _ if essence.starts_with("application/") && essence.ends_with("+json") => {
            Some(Markup::Plain)
        }
        _ => None,
    }
}

/// What bytes without a media type are, by the rules browsers go by.
pub(super) fn sniff(body: &[u8]) -> Option<(Markup, &'static str)> {
    if !is_text(body) {
        return None;
    }
    let body = &body[..body.len().min(SNIFFED_BYTES)];
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let begins = |tag: &str| {
        body.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
            && body.get(tag.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
    };
    if body.starts_with(b"<?xml") {
        return Some((Markup::Xml, "text/xml"));
    }
    let tags = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<script",
        "<iframe",
        "<h1",
        "<div",
        "<font",
        "<table",
        "<a",
        "<style",
        "<title",
        "<b",
        "<br",
        "<p",
        "<meta",
        "<link",
        "<!--",
    ];
    if tags.iter().any(|tag| begins(tag)) || body.starts_with(b"<!--") {
        return Some((Markup::Html, "text/html"));
    }
    Some((Markup::Plain, "text/plain"))
}

/// Whether bytes may be text: none of the control characters that text does not have, but for the
/// NUL bytes of UTF-16.
pub(super) fn is_text(body: &[u8]) -> bool {
    let start = &body[..body.len().min(SNIFFED_BYTES)];
    !has_signature(start) && (is_wide(start) || count_controls(start) == 0)
}

/// Whether bytes are no text although their media type says so: the signature of another format,
/// or control characters for more than a tenth. A few NUL bytes do not make a page binary.
pub(super) fn is_binary(body: &[u8]) -> bool {
    let start = &body[..body.len().min(SNIFFED_BYTES)];
    has_signature(start) || (count_controls(start) * 10 > start.len() && !is_wide(start))
}

fn has_signature(start: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| start.starts_with(signature))
        || matches!(start, [_, _, _, _, b'f', b't', b'y', b'p', ..])
        || matches!(start, [b'R', b'I', b'F', b'F', _, _, _, _, b'W' | b'A', ..])
}

fn count_controls(bytes: &[u8]) -> usize {
    // In bytes, which the compiler counts many of at once.
    let count = |part: &[u8]| {
        part.iter().fold(0u8, |count, &byte| count.wrapping_add(u8::from(is_control(byte))))
    };
    bytes.chunks(128).map(|part| usize::from(count(part))).sum()
}

/// 0 to 8, 0x0b, 0x0e to 0x1a and 0x1c to 0x1f.
#[expect(clippy::needless_bitwise_bool, reason = "without branches, many are told at once")]
fn is_control(byte: u8) -> bool {
    (byte < 9) | (byte == 0x0b) | ((byte.wrapping_sub(0x0e) < 0x12) & (byte != 0x1b))
}

fn is_wide(start: &[u8]) -> bool {
    super::super::charset::wide(start).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_parameters() {
        assert_eq!(essence("Text/HTML; charset=x").as_deref(), Some("text/html"));
        assert_eq!(essence("text/html, text/html").as_deref(), Some("text/html"));
        for none in ["", "text", "text/", "a b/c", "unknown/unknown", "*/*"] {
            assert_eq!(essence(none), None, "{none}");
        }
        let full = "text/html; a=b; CharSet = \"utf-8\" ";
        assert_eq!(parameter(full, "charset"), Some("utf-8"));
        assert_eq!(parameter("text/html; charset=", "charset"), None);
        assert_eq!(parameter("text/html", "charset"), None);
    }

    #[test]
    fn what_is_read() {
        for (name, kind) in [
            ("text/html", Some(Markup::Html)),
            ("text/plain", Some(Markup::Plain)),
            ("application/xhtml+xml", Some(Markup::Xml)),
            ("application/rss+xml", Some(Markup::Xml)),
            ("application/ld+json", Some(Markup::Plain)),
            ("application/json", Some(Markup::Plain)),
            ("text/dns", None),
            ("image/svg+xml", None),
            ("application/pdf", None),
            ("application/octet-stream", None),
        ] {
            assert_eq!(markup(name), kind, "{name}");
        }
    }

    #[test]
    fn control_characters() {
        for byte in 0..=u8::MAX {
            let expected = matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
            assert_eq!(is_control(byte), expected, "{byte}");
        }
    }

    #[test]
    fn bytes_tell() {
        assert_eq!(sniff(b"\xef\xbb\xbf \n<!DOCTYPE html>").unwrap().1, "text/html");
        assert_eq!(sniff(b"<p>x").unwrap().1, "text/html");
        assert_eq!(sniff(b"<pre>x").unwrap().1, "text/plain");
        assert_eq!(sniff(b"<?xml version='1.0'?>").unwrap().1, "text/xml");
        assert_eq!(sniff(b"word").unwrap().1, "text/plain");
        assert_eq!(sniff(b"").unwrap().1, "text/plain");
        for binary in [&b"%PDF-1.4"[..], b"a\0b", b"\x89PNG\r\n\x1a\n", b"\0\0\0\x20ftypisom"] {
            assert_eq!(sniff(binary), None, "{binary:?}");
        }
        assert!(!is_binary(b"<html>a\0b</html>"));
        assert!(is_binary(b"a\0\0\0"));
        assert!(!is_binary(b"<\0h\0t\0m\0l\0>\0\n\0<\0p\0>\0"));
    }
}
