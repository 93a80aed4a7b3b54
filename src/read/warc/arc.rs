//! ARC, the format before WARC ([version 1 and 2](https://archive.org/web/researcher/ArcFileFormat.php)).
//!
//! A record is one line, `URL IP-address Archive-date Content-type Archive-length`, and as many bytes
//! as that length says; version 2 has five more columns before the length. The first record of a
//! file describes it (`filedesc://…`). URLs with spaces in them are read from the right.

use super::header::Header;

/// The longest line that begins a record.
pub(super) const MAX_LINE_BYTES: usize = 16 << 10;

/// Columns of version 2 between the content type and the length: result code, checksum, location,
/// offset and file name.
const MORE_COLUMNS: usize = 5;

/// The columns that count of a record's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) url: &'a [u8],
    address: &'a [u8],
    date: &'a [u8],
    content_type: &'a [u8],
    pub(super) length: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart, without its LF; only the number of columns and the URL are looked at.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_LINE_BYTES || !has_scheme(line) {
            return None;
        }
        // Of version 2 is a line that makes sense when it is read as one.
        let columns = |more| {
            let mut columns = line.rsplitn(5 + more, |&byte| byte == b' ');
            let length = columns.next()?;
            let content_type = columns.nth(more)?;
            let (date, address) = (columns.next()?, columns.next()?);
            let url = columns.next()?;
            Some(Self { url, address, date, content_type, length })
        };
        columns(MORE_COLUMNS).filter(Self::is_plausible).or_else(|| columns(0))
    }

    /// Whether all columns look as they should, but for the length, so that a line of text is not
    /// taken for the start of a record.
    pub(super) fn is_plausible(&self) -> bool {
        let digits = self.date.len() >= 8 && self.date.iter().all(u8::is_ascii_digit);
        let address =
            self.address.iter().all(|byte| byte.is_ascii_hexdigit() || b".:".contains(byte));
        let media = self.content_type.contains(&b'/') || self.content_type == b"no-type";
        digits && !self.address.is_empty() && address && media && !self.length.is_empty()
    }

    /// The length of the record, where it is a number.
    pub(super) fn content_length(&self) -> Option<u64> {
        std::str::from_utf8(self.length).ok().and_then(super::header::number)
    }

    pub(super) fn is_file_description(&self) -> bool {
        self.url.starts_with(b"filedesc:")
    }

    /// Says the same as the header of a WARC record does.
    pub(super) fn describe(&self, header: &mut Header) {
        header.clear();
        header.push(b"warc-target-uri", self.url);
        header.push(b"warc-ip-address", self.address);
        header.push(b"content-type", self.content_type);
        let date = self.date;
        if date.len() == 14 && date.iter().all(u8::is_ascii_digit) {
            let parts =
                [&date[..4], &date[4..6], &date[6..8], &date[8..10], &date[10..12], &date[12..]];
            let mut text = Vec::with_capacity(20);
            for (part, end) in parts.iter().zip(b"--T::Z") {
                text.extend_from_slice(part);
                text.push(*end);
            }
            header.push(b"warc-date", &text);
        } else {
            header.push(b"warc-date", date);
        }
    }
}

/// Whether a line begins with the scheme of a URL.
fn has_scheme(line: &[u8]) -> bool {
    let name = line.iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    name > 1 && line.get(name) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_and_spaces_in_urls() {
        let line = Line::parse(b"http://a.b/c d 1.2.3.4 20140216050221 text/html 159\r").unwrap();
        assert_eq!((line.url, line.content_length()), (&b"http://a.b/c d"[..], Some(159)));
        assert!(line.is_plausible());
        let mut header = Header::default();
        line.describe(&mut header);
        assert_eq!(header.get("warc-date"), Some("2014-02-16T05:02:21Z"));
        assert_eq!(header.get("content-type"), Some("text/html"));
        assert_eq!(header.get("warc-ip-address"), Some("1.2.3.4"));

        let two = b"http://a.b/ 1.2.3.4 20140216050221 text/html 200 fac069 - 12 a.arc 159";
        let line = Line::parse(two).unwrap();
        assert_eq!((line.url, line.content_length()), (&b"http://a.b/"[..], Some(159)));
        assert_eq!(line.content_type, b"text/html");
    }

    #[test]
    fn odd_lines() {
        let bad = Line::parse(b"http://a.b/ 1.2.3.4 null text/html -1").unwrap();
        assert!(!bad.is_plausible());
        assert_eq!(bad.content_length(), None);
        let mut header = Header::default();
        bad.describe(&mut header);
        assert_eq!(header.get("warc-date"), Some("null"));
        for text in ["", "word", "http://a.b/", "a line of five words", ": 1 2 3 4"] {
            assert_eq!(Line::parse(text.as_bytes()), None, "{text}");
        }
        assert!(!Line::parse(b"note: this is no record at all").unwrap().is_plausible());
        assert!(
            Line::parse(b"filedesc://x.arc 0.0.0.0 20080430204825 text/plain 75")
                .unwrap()
                .is_file_description()
        );
    }
}
