//! Plain text: the whole file is one document; plain, gzip, zstd or lz4.
//!
//! The text is UTF-8; a byte order mark at its start is taken off. An empty file is a document with
//! an empty text: the file is the record. There is no metadata and no id of the input's own. A file
//! longer than [`MAX_DOCUMENT_BYTES`] is `failed(too-large)` and never held in memory; one whose
//! compression is cut off or damaged is one `failed` row, because a part of a text is not the text.

use super::decompress::{Chunk, Content};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Reason};
use crate::store::Store;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Content asked for at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Reads a text file.
pub(super) struct TextReader {
    /// `None` once it is read.
    content: Option<Content>,
    metadata: usize,
    records: u64,
    max_bytes: usize,
}

impl TextReader {
    /// Opens a file. It cannot be divided: the piece that holds its first byte has it all.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        let content = Content::undivided(store, piece)?;
        Ok(Self {
            content,
            metadata: fields.metadata.len(),
            records: 0,
            max_bytes: MAX_DOCUMENT_BYTES,
        })
    }
}

impl RecordReader for TextReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        if batch.is_full() {
            return Ok(true);
        }
        let Some(mut content) = self.content.take() else {
            return Ok(false);
        };
        let position = content.position();
        let bytes = read_all(&mut content, self.max_bytes)?;
        let text = bytes.as_ref().map_err(|&reason| reason).and_then(|bytes| {
            let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
            std::str::from_utf8(bytes).map_err(|_| reasons::INVALID_UTF8)
        });
        match text {
            Ok(text) => batch.document(position, text, None, &vec![None; self.metadata]),
            Err(reason) => batch.failed(position, reason),
        }
        self.records += 1;
        Ok(false)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

/// All content, or why it is no document.
pub(super) fn read_all(
    content: &mut Content,
    max_bytes: usize,
) -> Result<Result<Vec<u8>, Reason>, ReadError> {
    let mut bytes = Vec::new();
    let mut end = 0;
    loop {
        if bytes.len() - end < CHUNK_BYTES {
            bytes.resize((2 * bytes.len()).max(2 * CHUNK_BYTES), 0);
        }
        match content.read(&mut bytes[end..])? {
            Chunk::Bytes { len, .. } => end += len,
            Chunk::Boundary => {}
            Chunk::Lost { reason, .. } | Chunk::Garbage { reason, .. } => return Ok(Err(reason)),
            Chunk::End => {
                bytes.truncate(end);
                return Ok(Ok(bytes));
            }
        }
        if end > max_bytes + BYTE_ORDER_MARK.len() {
            return Ok(Err(reasons::TOO_LARGE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decompress::testing::{Row, at, drain, fields, file, gzip, rows, zstd};
    use super::super::{Format, Part};
    use super::*;
    use crate::document::Position;

    fn one(bytes: &[u8]) -> (Position, Result<String, &'static str>) {
        let mut rows = rows(Format::Text, &fields("text", &["url"]), bytes, Part::Whole);
        assert_eq!(rows.len(), 1);
        let Row { position, text, id, metadata } = rows.remove(0);
        assert_eq!(id, None);
        assert!(metadata == [None]);
        (position, text)
    }

    #[test]
    fn the_file_is_the_document() {
        let text = "one\ntwo é\n".to_owned();
        assert_eq!(one(text.as_bytes()), (Position::plain(0), Ok(text.clone())));
        assert_eq!(one(&gzip(text.as_bytes())), (at(0, 0), Ok(text.clone())));
        let halves = [zstd(b"one\ntw"), zstd("o é\n".as_bytes())].concat();
        assert_eq!(one(&halves), (at(0, 0), Ok(text)));
        assert_eq!(one(b""), (Position::plain(0), Ok(String::new())));
        assert_eq!(one(&gzip(b"")), (at(0, 0), Ok(String::new())));
        assert_eq!(one(b"\xef\xbb\xbfx").1, Ok("x".to_owned()));
    }

    #[test]
    fn bad_files_are_one_failed_row() {
        assert_eq!(one(b"caf\xe9").1, Err("invalid-utf8"));
        let packed = gzip(b"some text");
        assert_eq!(one(&packed[..packed.len() - 3]), (at(0, 0), Err("truncated")));
        assert_eq!(one(&[&packed[..], b"garbage"].concat()).1, Err("corrupt"));
    }

    #[test]
    fn a_file_too_long_is_not_held() {
        let (_folder, store, piece) = file(&gzip(&vec![b'x'; 9 << 20]), Part::Whole);
        let mut reader = TextReader::open(&store, &fields("text", &[]), &piece).unwrap();
        reader.max_bytes = 1000;
        assert_eq!(drain(&mut reader, 0)[0].text, Err("too-large"));
    }

    #[test]
    fn the_first_byte_owns_the_file() {
        let ranges = [0..2, 2..4];
        let read =
            ranges.map(|range| rows(Format::Text, &fields("t", &[]), b"text", Part::Bytes(range)));
        assert_eq!((read[0].len(), read[1].len()), (1, 0));
    }
}
