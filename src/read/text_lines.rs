//! Plain text, each line a document (`documents = "line"`); plain or compressed.
//!
//! Lines end with LF or CRLF; lines of nothing but spaces and tabs are no records. A file is cut
//! into byte ranges like JSON Lines. A line that is not UTF-8 is `failed(invalid-utf8)`, one too
//! long `failed(too-large)`. There is no metadata and no id of the input's own.

use super::decompress::check_size;
use super::lines::{Line, Lines, is_blank};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::store::Store;

/// Reads lines of text.
pub(super) struct LinesReader {
    /// `None` where the piece owns nothing.
    lines: Option<Lines>,
    metadata: usize,
    records: u64,
}

impl LinesReader {
    /// Opens a piece.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let lines = match piece.part.bytes() {
            Some(range) => Some(Lines::open(store, piece, range)?),
            None => None,
        };
        Ok(Self { lines, metadata: fields.metadata.len(), records: 0 })
    }
}

impl RecordReader for LinesReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        let Some(lines) = &mut self.lines else {
            return Ok(false);
        };
        let metadata = vec![None; self.metadata];
        while !batch.is_full() {
            match lines.next()? {
                None => return Ok(false),
                Some((_, Line::Text(line))) if is_blank(line) => continue,
                Some((position, Line::Text(line))) => {
                    match std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) {
                        Ok(text) => batch.document(position, text, None, &metadata),
                        Err(_) => batch.failed(position, reasons::INVALID_UTF8),
                    }
                }
                Some((position, Line::Failed(reason))) => batch.failed(position, reason),
            }
            self.records += 1;
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::testing::{at, fields, gzip, rows, zstd};
    use super::super::{Format, Part};
    use crate::document::Position;

    type Found = Vec<(Position, Result<String, &'static str>)>;

    fn read(bytes: &[u8], part: Part) -> Found {
        let rows = rows(Format::TextLines, &fields("text", &["url"]), bytes, part);
        rows.into_iter().map(|row| (row.position, row.text)).collect()
    }

    const FILE: &[u8] = b"\xef\xbb\xbfone\r\n\n \t\r\ntwo \xc3\xa9\n\xff\nthree";

    fn expected(position: impl Fn(u64) -> Position) -> Found {
        vec![
            (position(0), Ok("one".to_owned())),
            (position(13), Ok("two é".to_owned())),
            (position(20), Err("invalid-utf8")),
            (position(22), Ok("three".to_owned())),
        ]
    }

    #[test]
    fn each_line_is_a_document() {
        assert_eq!(read(FILE, Part::Whole), expected(Position::plain));
        for packed in [gzip(FILE), zstd(FILE)] {
            assert_eq!(read(&packed, Part::Whole), expected(|offset| at(0, offset)));
        }
        assert_eq!(read(b"", Part::Whole), []);
        assert_eq!(read(b"\n\n", Part::Whole), []);
    }

    #[test]
    fn any_division_gives_the_same_documents() {
        let size = FILE.len() as u64;
        for step in 1..=size {
            let ranges = (0..size).step_by(usize::try_from(step).unwrap());
            let parts = ranges.map(|from| Part::Bytes(from..size.min(from + step)));
            let rows: Vec<_> = parts.flat_map(|part| read(FILE, part)).collect();
            assert_eq!(rows, expected(Position::plain), "pieces of {step} bytes");
        }
    }

    #[test]
    fn a_file_cut_off_keeps_its_whole_lines() {
        let packed = gzip(FILE);
        let rows = read(&packed[..packed.len() - 9], Part::Whole);
        assert_eq!(rows.last().map(|(_, text)| text.clone()), Some(Err("truncated")));
        assert_eq!(rows[0], expected(|offset| at(0, offset))[0]);
    }
}
