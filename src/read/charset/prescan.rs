//! The label within a page, found as [the HTML standard](https://html.spec.whatwg.org/multipage/parsing.html#prescan-a-byte-stream-to-determine-its-encoding)
//! finds it, before any parsing.

use encoding_rs::Encoding;

use super::{Markup, in_page};

/// The encoding that the first bytes of a page name.
pub(super) fn find(bytes: &[u8], markup: Markup) -> Option<&'static Encoding> {
    if markup == Markup::Plain {
        return None;
    }
    let declared = bytes.starts_with(b"<?xml").then(|| declaration(bytes)).flatten();
    declared.or_else(|| Scan { bytes, at: 0 }.element())
}

/// The encoding of an XML declaration.
fn declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    let end = memchr::memchr(b'>', bytes)?;
    let declaration = &bytes[..end];
    let at = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let value = declaration[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|quote| matches!(quote, b'"' | b'\''))?;
    let length = memchr::memchr(quote, &value[1..])?;
    in_page(&value[1..=length])
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The attributes of a `meta` element that count.
#[derive(Default)]
struct Meta {
    is_content_type: bool,
    /// The encoding, and whether it counts only with an `http-equiv` beside it.
    found: Option<(Option<&'static Encoding>, bool)>,
}

impl Scan<'_> {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes from tag to tag until one names an encoding.
    fn element(&mut self) -> Option<&'static Encoding> {
        loop {
            self.at += memchr::memchr(b'<', self.rest())?;
            let rest = self.rest();
            if rest.starts_with(b"<!--") {
                // `<!-->` is a whole comment.
                self.at += 2 + memchr::memmem::find(&rest[2..], b"-->")? + 3;
            } else if is_meta(rest) {
                self.at += 5;
                if let Some(encoding) = self.meta() {
                    return Some(encoding);
                }
            } else if matches!(rest, [b'<', letter, ..] if letter.is_ascii_alphabetic())
                || matches!(rest, [b'<', b'/', letter, ..] if letter.is_ascii_alphabetic())
            {
                self.at +=
                    rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>')?;
                while self.attribute()?.is_some() {}
            } else if matches!(rest, [b'<', b'!' | b'/' | b'?', ..]) {
                self.at += memchr::memchr(b'>', rest)?;
            } else {
                self.at += 1;
            }
        }
    }

    fn meta(&mut self) -> Option<&'static Encoding> {
        let mut meta = Meta::default();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while let Some((name, value)) = self.attribute()? {
            if seen.contains(&name) {
                continue;
            }
            match name.as_slice() {
                b"http-equiv" => meta.is_content_type = value == b"content-type",
                b"content" if meta.found.is_none() => {
                    meta.found = in_content(&value).map(|encoding| (Some(encoding), true));
                }
                b"charset" => meta.found = Some((in_page(&value), false)),
                _ => {}
            }
            seen.push(name);
        }
        let (encoding, needs_content_type) = meta.found?;
        if needs_content_type && !meta.is_content_type { None } else { encoding }
    }

    /// The next attribute of the tag, name and value in lower case; nothing at the tag's end, and
    /// no answer where the bytes end first.
    #[expect(clippy::option_option, reason = "the end of the tag and the end of the bytes differ")]
    fn attribute(&mut self) -> Option<Option<(Vec<u8>, Vec<u8>)>> {
        let is_gap = |byte: u8| byte.is_ascii_whitespace();
        while is_gap(self.byte()?) || self.byte()? == b'/' {
            self.at += 1;
        }
        if self.byte()? == b'>' {
            return Some(None);
        }
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            match self.byte()? {
                b'=' if !name.is_empty() => break,
                byte if is_gap(byte) => {
                    while is_gap(self.byte()?) {
                        self.at += 1;
                    }
                    if self.byte()? != b'=' {
                        return Some(Some((name, value)));
                    }
                    break;
                }
                b'/' | b'>' => return Some(Some((name, value))),
                byte => name.push(byte.to_ascii_lowercase()),
            }
            self.at += 1;
        }
        self.at += 1;
        while is_gap(self.byte()?) {
            self.at += 1;
        }
        match self.byte()? {
            quote @ (b'"' | b'\'') => {
                let length = memchr::memchr(quote, &self.rest()[1..])?;
                value = self.rest()[1..=length].to_ascii_lowercase();
                self.at += length + 2;
            }
            _ => {
                while !is_gap(self.byte()?) && self.byte()? != b'>' {
                    value.push(self.byte()?.to_ascii_lowercase());
                    self.at += 1;
                }
            }
        }
        Some(Some((name, value)))
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn is_meta(rest: &[u8]) -> bool {
    rest.get(..6).is_some_and(|tag| {
        tag[..5].eq_ignore_ascii_case(b"<meta") && (tag[5].is_ascii_whitespace() || tag[5] == b'/')
    })
}

/// The encoding in the `content` of an `http-equiv`.
fn in_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut rest = content;
    loop {
        let at = memchr::memmem::find(rest, b"charset")?;
        rest = rest[at + b"charset".len()..].trim_ascii_start();
        let Some(value) = rest.strip_prefix(b"=") else {
            continue;
        };
        let value = value.trim_ascii_start();
        if let quote @ (b'"' | b'\'') = value.first()? {
            let length = memchr::memchr(*quote, &value[1..])?;
            return in_page(&value[1..=length]);
        }
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b';';
        let length = value.iter().position(ends).unwrap_or(value.len());
        return in_page(&value[..length]);
    }
}
