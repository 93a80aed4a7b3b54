//! Plain text, a document between one separator and the next (`documents = { separator = "…" }`);
//! plain or compressed.
//!
//! What stands behind the last separator is a document, too. Parts of nothing but white space are no
//! records. A byte order mark at the start of the file is skipped; line ends stay as they are, so a
//! separator of newlines must be written as the file has them. A part that is not UTF-8 is
//! `failed(invalid-utf8)`; one longer than [`MAX_DOCUMENT_BYTES`] is `failed(too-large)` and never
//! held in memory. There is no metadata and no id of the input's own. A file is one split.

use memchr::memmem::Finder;

use super::decompress::{check_size, owns_whole};
use super::window::{More, Window};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};
use crate::store::Store;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads parts of text.
pub(super) struct PartsReader {
    /// `None` once all is read.
    window: Option<Window>,
    separator: Finder<'static>,
    /// Bytes held in which no separator starts.
    scanned: usize,
    skip: Skip,
    metadata: usize,
    records: u64,
    max_bytes: usize,
}

/// What the bytes up to the next separator are.
#[derive(Clone, Copy)]
enum Skip {
    Nothing,
    /// The rest of a part that is too long to be held; it starts here.
    TooLong(Position),
    /// The end of a part the start of which is lost.
    Foreign,
}

impl PartsReader {
    /// Opens a file. It cannot be divided: the piece that holds its first byte has it all.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let mut window = None;
        if owns_whole(&piece.part) {
            let mut opened = Window::open(store, piece)?;
            while opened.held().len() < BYTE_ORDER_MARK.len() && opened.more()? == More::Bytes {}
            if opened.held().starts_with(BYTE_ORDER_MARK) {
                opened.take(BYTE_ORDER_MARK.len());
            }
            window = Some(opened);
        }
        Ok(Self {
            window,
            separator: Finder::new(&fields.layout.separator).into_owned(),
            scanned: 0,
            skip: Skip::Nothing,
            metadata: fields.metadata.len(),
            records: 0,
            max_bytes: MAX_DOCUMENT_BYTES,
        })
    }

    /// Hands over the first `length` bytes held, which are a part or the end of one.
    fn part(&mut self, length: usize, batch: &mut BatchBuilder) {
        let Some(window) = &mut self.window else { return };
        self.scanned = 0;
        let skip = std::mem::replace(&mut self.skip, Skip::Nothing);
        let position = window.position();
        let range = window.take(length);
        match skip {
            Skip::Foreign => return,
            Skip::TooLong(start) => batch.failed(start, reasons::TOO_LARGE),
            Skip::Nothing => {
                let bytes = window.taken(range);
                match std::str::from_utf8(bytes) {
                    Ok(text) if text.trim().is_empty() => return,
                    _ if bytes.len() > self.max_bytes => {
                        batch.failed(position, reasons::TOO_LARGE);
                    }
                    Ok(text) => batch.document(position, text, None, &vec![None; self.metadata]),
                    Err(_) => batch.failed(position, reasons::INVALID_UTF8),
                }
            }
        }
        self.records += 1;
    }

    fn lose(&mut self, reason: Reason, batch: &mut BatchBuilder) {
        let Some(window) = &mut self.window else { return };
        let position = window.position();
        window.take(usize::MAX / 2);
        self.scanned = 0;
        let start = match std::mem::replace(&mut self.skip, Skip::Foreign) {
            Skip::TooLong(start) => start,
            Skip::Nothing | Skip::Foreign => position,
        };
        batch.failed(start, reason);
        self.records += 1;
    }
}

impl RecordReader for PartsReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        let separator = self.separator.needle().len();
        while !batch.is_full() {
            let Some(window) = &mut self.window else {
                return Ok(false);
            };
            let held = window.held().len();
            if let Some(at) = self.separator.find(&window.held()[self.scanned..]) {
                let length = self.scanned + at;
                self.part(length, batch);
                if let Some(window) = &mut self.window {
                    window.take(separator);
                }
                continue;
            }
            // The last bytes may be the start of a separator.
            self.scanned = self.scanned.max((held + 1).saturating_sub(separator));
            if !matches!(self.skip, Skip::Nothing) || held > self.max_bytes + separator {
                if matches!(self.skip, Skip::Nothing) {
                    self.skip = Skip::TooLong(window.position());
                }
                window.take(self.scanned);
                self.scanned = 0;
            }
            match window.more()? {
                More::Bytes => {}
                More::Lost(reason) => self.lose(reason, batch),
                More::End => {
                    let held = window.held().len();
                    if held > 0 || matches!(self.skip, Skip::TooLong(_)) {
                        self.part(held, batch);
                    }
                    self.window = None;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::testing::{at, drain, fields, file, gzip, rows, zstd};
    use super::super::{Format, Part};
    use super::*;

    type Found = Vec<(Position, Result<String, &'static str>)>;

    fn wanted(separator: &str) -> Fields {
        let mut fields = fields("text", &["url"]);
        fields.layout.separator = separator.to_owned();
        fields
    }

    fn read(bytes: &[u8], separator: &str) -> Found {
        let rows = rows(Format::TextParts, &wanted(separator), bytes, Part::Whole);
        rows.into_iter().map(|row| (row.position, row.text)).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands beside failures")]
    fn good(text: &str) -> Result<String, &'static str> {
        Ok(text.to_owned())
    }

    #[test]
    fn documents_stand_between_separators() {
        let plain = Position::plain;
        let file = "\u{feff}one\nmore\n\n\n\ntwo é\n\n \t\n\nthree\n".as_bytes();
        let expected = vec![
            (plain(3), good("one\nmore")),
            (plain(15), good("two é")),
            (plain(27), good("three\n")),
        ];
        assert_eq!(read(file, "\n\n"), expected);
        let file = b"<|end|>a<|end|><|end|>b\xff<|end|>c<|en";
        let expected = vec![
            (plain(7), good("a")),
            (plain(22), Err("invalid-utf8")),
            (plain(31), good("c<|en")),
        ];
        assert_eq!(read(file, "<|end|>"), expected);
        for packed in [gzip(file), zstd(file)] {
            let rows = read(&packed, "<|end|>");
            assert_eq!(rows[0], (at(0, 7), good("a")));
            assert_eq!(rows.len(), 3);
        }
        assert_eq!(read(b"", "x"), []);
        assert_eq!(read(b"xx x", "x"), []);
        assert_eq!(read(b"whole", "x"), [(plain(0), good("whole"))]);
    }

    #[test]
    fn separators_across_chunks_are_found() {
        let filler = "é".repeat(100_000);
        let text = [filler.as_str(); 9].join("<|endoftext|>");
        let rows = read(text.as_bytes(), "<|endoftext|>");
        assert_eq!(rows.len(), 9);
        assert!(rows.iter().all(|(_, text)| text.as_deref() == Ok(&filler)));
        assert_eq!(rows[8].0, Position::plain(8 * 200_013));
    }

    #[test]
    fn a_part_too_long_is_not_held_and_the_next_is_found() {
        let long = "x".repeat(3 << 20);
        let text = format!("a|{long}|b|{long}");
        let (_folder, store, piece) = file(text.as_bytes(), Part::Whole);
        let mut reader = PartsReader::open(&store, &wanted("|"), &piece).unwrap();
        reader.max_bytes = 1000;
        let rows = drain(&mut reader, 1);
        let texts: Vec<_> = rows.iter().map(|row| row.text.as_deref().map_err(|&r| r)).collect();
        assert_eq!(texts, [Ok("a"), Err("too-large"), Ok("b"), Err("too-large")]);
        assert_eq!(rows[1].position, Position::plain(2));
        assert_eq!(rows[3].position, Position::plain(5 + (3 << 20)));
    }

    #[test]
    fn a_file_cut_off_keeps_its_whole_parts() {
        let packed = gzip(b"one|two|three");
        let rows = read(&packed[..packed.len() - 6], "|");
        let texts: Vec<_> = rows.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, [good("one"), good("two"), Err("truncated")]);
    }
}
