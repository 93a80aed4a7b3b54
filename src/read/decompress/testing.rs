//! What the tests of all readers need.

use std::io::Write;

use super::super::{BatchBuilder, Fields, Format, Part, Piece, RecordReader, open};
use crate::document::{Position, Verdict};
use crate::store::Store;

/// One record as it came out of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::read) struct Row {
    pub position: Position,
    pub text: Result<String, &'static str>,
    pub id: Option<String>,
    pub metadata: Vec<Option<String>>,
}

pub(in crate::read) fn fields(text: &str, metadata: &[&str]) -> Fields {
    Fields {
        text: text.to_owned(),
        id: "id".to_owned(),
        keep_ids: false,
        metadata: metadata.iter().map(|&field| field.to_owned()).collect(),
        layout: crate::read::Layout::default(),
        conversation: None,
    }
}

/// A store with one file.
pub(in crate::read) fn file(bytes: &[u8], part: Part) -> (tempfile::TempDir, Store, Piece) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    // Not through the store, which waits for the disk: thousands of files are made here.
    #[expect(clippy::disallowed_methods, reason = "see the line above")]
    std::fs::write(folder.path().join("file"), bytes).unwrap();
    let piece = Piece { file: "file".to_owned(), size: bytes.len() as u64, part };
    (folder, store, piece)
}

/// All rows of a reader, in batches of a few.
pub(in crate::read) fn drain(reader: &mut dyn RecordReader, metadata: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut builder = BatchBuilder::new("source", metadata, 100, None);
    loop {
        let more = reader.fill(&mut builder).unwrap();
        let batch = builder.take();
        let own = |column: &arrow::array::StringArray, row: usize| {
            use arrow::array::Array;
            (!column.is_null(row)).then(|| column.value(row).to_owned())
        };
        for row in 0..batch.len() {
            rows.push(Row {
                position: batch.positions[row],
                text: match batch.verdicts[row] {
                    Verdict::Failed { reason } => Err(reason.as_str()),
                    _ => Ok(batch.text(row).to_owned()),
                },
                id: own(&batch.source_ids, row),
                metadata: batch.metadata.iter().map(|column| own(column, row)).collect(),
            });
        }
        assert_eq!(reader.records(), rows.len() as u64);
        if !more {
            return rows;
        }
    }
}

pub(in crate::read) fn rows(format: Format, fields: &Fields, bytes: &[u8], part: Part) -> Vec<Row> {
    let (_folder, store, piece) = file(bytes, part);
    let mut reader = open(&store, format, fields, &piece).unwrap();
    drain(&mut *reader, fields.metadata.len())
}

pub(in crate::read) fn gzip(content: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(in crate::read) fn zstd(content: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(in crate::read) fn at(member: u64, offset: u64) -> Position {
    Position { member, offset }
}

pub(in crate::read) fn lz4(content: &[u8]) -> Vec<u8> {
    use lz4_flex::frame::{FrameEncoder, FrameInfo};
    let info = FrameInfo::new().block_checksums(true).content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
