//! Blocks of `Name: value` lines: the headers of WARC records and of HTTP messages.

use std::ops::Range;

/// The longest header block; a longer one is none.
pub(super) const MAX_HEADER_BYTES: usize = 1 << 20;

/// The fields of a header block, in order; names in lower case, values without white space around
/// them and on one line, bytes that are not UTF-8 replaced.
#[derive(Debug, Default)]
pub(super) struct Header {
    text: String,
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// What came of parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The block has this length, its blank line included.
    Block(usize),
    /// The block goes on behind the bytes given.
    Incomplete,
    /// What stands there is no header block.
    Bad,
}

impl Header {
    /// The value of the first field of that name, which must be given in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| &self.text[field.clone()] == name)
            .map(|(_, value)| &self.text[value.clone()])
    }

    /// As [`Header::get`], but empty values count as missing.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The values of all fields of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field, _)| &self.text[field.clone()] == name)
            .map(|(_, value)| &self.text[value.clone()])
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.fields.clear();
    }

    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.add(name);
        self.text[start..].make_ascii_lowercase();
        let name = start..self.text.len();
        self.add(value);
        self.fields.push((name.clone(), name.end..self.text.len()));
    }

    fn add(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text.push_str(text),
            Err(_) => self.text.push_str(&String::from_utf8_lossy(bytes)),
        }
    }

    /// Appends a folded line to the last field's value.
    fn fold(&mut self, more: &[u8]) {
        if let Some((_, value)) = self.fields.last_mut() {
            if value.start < value.end {
                self.text.push(' ');
            }
            self.text.push_str(&String::from_utf8_lossy(more));
            value.end = self.text.len();
        }
    }

    /// Reads lines up to a blank one. Lines end with LF, any CR before it is left out; lines that
    /// begin with a space or a tab go on with the value before; lines without a colon are passed
    /// over. A line that begins another WARC record ends a block badly.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Parsed {
        self.clear();
        let mut at = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            if at > MAX_HEADER_BYTES {
                return Parsed::Bad;
            }
            let mut line = &bytes[at..end];
            while let [shorter @ .., b'\r'] = line {
                line = shorter;
            }
            at = end + 1;
            match line {
                [] => return Parsed::Block(at),
                [b' ' | b'\t', ..] => self.fold(line.trim_ascii()),
                _ if is_version(line) => return Parsed::Bad,
                _ => {
                    if let Some(colon) = memchr::memchr(b':', line) {
                        self.push(line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
                    }
                }
            }
        }
        if bytes.len() > MAX_HEADER_BYTES { Parsed::Bad } else { Parsed::Incomplete }
    }
}

/// Whether a line says that a WARC record begins: `WARC/` and a version.
pub(super) fn is_version(line: &[u8]) -> bool {
    line.strip_prefix(b"WARC/").is_some_and(|version| {
        let version = version.trim_ascii_end();
        version.first().is_some_and(u8::is_ascii_digit)
            && version.len() <= 8
            && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    })
}

/// A number of decimal digits alone, as Content-Length is one.
pub(super) fn number(value: &str) -> Option<u64> {
    // `parse` would take a plus sign, too.
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> (Header, Parsed) {
        let mut header = Header::default();
        let parsed = header.parse(bytes);
        (header, parsed)
    }

    #[test]
    fn names_have_no_case_and_values_no_margin() {
        let (header, parsed) = parse(b"CONTENT-length:  12 \r\nX:\r\nx: second\r\n\r\nrest");
        assert_eq!(parsed, Parsed::Block(39));
        assert_eq!(header.get("content-length"), Some("12"));
        assert_eq!(header.get("x"), Some(""));
        assert_eq!(header.filled("x"), None);
        assert_eq!(header.all("x").collect::<Vec<_>>(), ["", "second"]);
        assert_eq!(header.get("y"), None);
    }

    #[test]
    fn folded_bare_and_mangled_lines() {
        let (header, parsed) = parse(b"a: one\n\ttwo\r\n  three\nno colon\nb: \n x\n: y\n\nrest");
        assert_eq!(parsed, Parsed::Block(42));
        assert_eq!(header.get("a"), Some("one two three"));
        assert_eq!(header.get("b"), Some("x"));
        assert_eq!(header.get(""), Some("y"));
        assert_eq!(parse(b"a: b\r\r\n\r\r\nrest").0.get("a"), Some("b"));
        assert_eq!(parse(b" folded: nothing\n\n").1, Parsed::Block(18));
        assert_eq!(parse(b"a: caf\xe9\n\n").0.get("a"), Some("caf\u{fffd}"));
    }

    #[test]
    fn ends_of_blocks() {
        assert_eq!(parse(b"").1, Parsed::Incomplete);
        assert_eq!(parse(b"a: b\r\n\r").1, Parsed::Incomplete);
        assert_eq!(parse(b"\r\n").1, Parsed::Block(2));
        assert_eq!(parse(b"a: b\r\nWARC/1.0\r\nc: d\r\n\r\n").1, Parsed::Bad);
        assert_eq!(parse(&vec![b'x'; MAX_HEADER_BYTES + 1]).1, Parsed::Bad);
        assert_eq!(parse(&b"a:\n".repeat(MAX_HEADER_BYTES)).1, Parsed::Bad);
    }

    #[test]
    fn versions_and_numbers() {
        for good in ["WARC/1.0", "WARC/0.18", "WARC/1.1 ", "WARC/2"] {
            assert!(is_version(good.as_bytes()), "{good}");
        }
        for bad in ["WARC/", "WARC/x", "warc/1.0", "WARC/1.0 is a format", "WARC/1.0.0.0.0"] {
            assert!(!is_version(bad.as_bytes()), "{bad}");
        }
        assert_eq!(number("12"), Some(12));
        for bad in ["", "-1", "+1", "1x", "99999999999999999999999"] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }
}
