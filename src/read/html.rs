//! HTML files: the whole file is one document; plain or compressed.
//!
//! The text is the page as it stands, decoded to UTF-8; the op `extract-html` makes text for people
//! of it. The encoding is found as browsers do: a byte order mark, what the page declares, a guess
//! from its bytes. The one metadata field is `charset`, the encoding used. A file longer than
//! [`MAX_DOCUMENT_BYTES`] is `failed(too-large)` and never held in memory; one whose compression is
//! cut off or damaged is one `failed` row.

use super::charset::{self, Markup};
use super::decompress::Content;
use super::text::read_all;
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader};
use crate::document::MAX_DOCUMENT_BYTES;
use crate::store::Store;

/// Reads an HTML file.
pub(super) struct HtmlReader {
    /// `None` once it is read.
    content: Option<Content>,
    metadata: Vec<String>,
    records: u64,
}

impl HtmlReader {
    /// Opens a file. It cannot be divided: the piece that holds its first byte has it all.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        let content = Content::undivided(store, piece)?;
        Ok(Self { content, metadata: fields.metadata.clone(), records: 0 })
    }
}

impl RecordReader for HtmlReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        if batch.is_full() {
            return Ok(true);
        }
        let Some(mut content) = self.content.take() else {
            return Ok(false);
        };
        let position = content.position();
        match read_all(&mut content, MAX_DOCUMENT_BYTES)? {
            Ok(bytes) => {
                let markup = if bytes.starts_with(b"<?xml") { Markup::Xml } else { Markup::Html };
                match charset::decode(&bytes, None, markup, None) {
                    Ok(page) => {
                        let value = |field: &String| (field == "charset").then_some(page.charset);
                        let metadata: Vec<_> = self.metadata.iter().map(value).collect();
                        batch.document(position, &page.text, None, &metadata);
                    }
                    Err(reason) => batch.failed(position, reason),
                }
            }
            Err(reason) => batch.failed(position, reason),
        }
        self.records += 1;
        Ok(false)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::testing::{Row, at, fields, gzip, rows, zstd};
    use super::super::{Format, Part};
    use crate::document::Position;

    fn one(bytes: &[u8]) -> Row {
        let fields = fields("text", &["url", "charset"]);
        let mut rows = rows(Format::Html, &fields, bytes, Part::Whole);
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    #[test]
    fn the_page_is_decoded() {
        let page = "<!DOCTYPE html><title>Łódź — 東京</title>";
        for packed in [page.as_bytes().to_vec(), gzip(page.as_bytes()), zstd(page.as_bytes())] {
            let row = one(&packed);
            assert_eq!(row.text.as_deref(), Ok(page));
            assert_eq!(row.metadata, [None, Some("utf-8".to_owned())]);
        }
        let row = one(b"<meta charset=iso-8859-1><p>caf\xe9 \x93x\x94");
        assert_eq!(row.text.as_deref(), Ok("<meta charset=iso-8859-1><p>café “x”"));
        assert_eq!(row.metadata[1].as_deref(), Some("windows-1252"));
        let row = one(b"\xff\xfe<\0p\0>\0h\0i\0");
        assert_eq!((row.position, row.text.as_deref()), (Position::plain(0), Ok("<p>hi")));
        assert_eq!(one(b"").text.as_deref(), Ok(""));
    }

    #[test]
    fn a_damaged_file_is_one_failed_row() {
        let packed = gzip(b"<html><body>some text");
        let row = one(&packed[..packed.len() - 3]);
        assert_eq!((row.position, row.text), (at(0, 0), Err("truncated")));
    }
}
