//! The content of plain, gzip and zstd files as a stream that knows its members.
//!
//! * gzip: [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952); any number of members one behind the
//!   other, the checksum and length of each are checked.
//! * zstd: [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878); any number of frames, checksums are
//!   checked where they are present. Skippable frames hold no content and are not counted. A frame
//!   whose window is above 128 MiB (`zstd --long=28` and up) is taken as corrupt, so that a file
//!   cannot ask for more memory than that.
//!
//! The format is told by the first bytes, not by the name. NUL bytes behind the last member are
//! padding (tapes, some uploaders) and accepted; anything else there is garbage.

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use super::{Part, Piece, ReadError, reasons};
use crate::document::{Position, Reason};
use crate::store::{Store, StoreReader};

/// Compressed bytes held at a time; above the largest block of a zstd frame (128 KiB).
const INPUT_BYTES: usize = 256 << 10;

/// Largest window of a zstd frame, as a power of two: what `zstd -d` takes without `--long`.
const WINDOW_LOG_MAX: u32 = 27;

/// Compressed bytes that a new zstd frame is given first: its shortest header.
const FRAME_START: usize = 5;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
}

impl Compression {
    /// The compression that the first bytes of a file tell; four are enough.
    #[must_use]
    pub fn detect(first_bytes: &[u8]) -> Self {
        match first_bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            start if is_skippable(start) => Self::Zstd,
            _ => Self::None,
        }
    }
}

fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Fails where a file has not the size that the plan saw: its positions would name other records.
pub(super) fn check_size(store: &Store, piece: &Piece) -> Result<(), ReadError> {
    let size = store.entry(&piece.file)?.size;
    if size == piece.size {
        Ok(())
    } else {
        Err(changed(piece, format!("{size} bytes, planned {}", piece.size)))
    }
}

pub(super) fn changed(piece: &Piece, detail: String) -> ReadError {
    ReadError::Changed { file: piece.file.clone(), detail }
}

/// Whether a file that cannot be divided belongs to this piece: the owner of its first byte has it.
pub(super) fn owns_whole(part: &Part) -> bool {
    match part {
        Part::Whole => true,
        Part::Bytes(range) => range.start == 0 && range.end > 0,
        Part::RowGroups { groups, .. } => groups.start == 0,
    }
}

/// How the content of a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Complete,
    /// All members are whole, but what stands behind the last one is none.
    Garbage,
    /// In the middle of a member, for want of bytes.
    Truncated,
    /// In the middle of a member, at bytes that cannot be decoded or do not fit their checksum.
    Corrupt,
}

impl End {
    /// The reason that the remainder of the file fails with; `None` where nothing is lost.
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Complete => None,
            Self::Truncated => Some(reasons::TRUNCATED),
            Self::Garbage | Self::Corrupt => Some(reasons::CORRUPT),
        }
    }
}

/// What [`Content::read`] gives.
#[derive(Debug)]
pub(super) enum Chunk {
    /// `len` bytes of one member, the first of which stands at `at`.
    Bytes { at: Position, len: usize },
    /// There is no more, now and at all later calls.
    End(End),
}

/// The decompressed content of a file.
pub(super) struct Content {
    input: Input,
    decoder: Decoder,
    /// Where the next byte of content stands.
    next: Position,
    end: Option<End>,
}

enum Decoder {
    Plain,
    /// `None` between members.
    Gzip(Option<Box<Decompress>>),
    Zstd(ZstdFrames),
}

struct ZstdFrames {
    context: ZstdDecoder<'static>,
    inside: bool,
    skippable: bool,
    /// Compressed bytes for the next call: one block. More at once would lose the good blocks
    /// before a bad one, because a failing call gives no output at all.
    wanted: usize,
    /// The last call filled the output; the next one only empties what the decoder still holds.
    pending: bool,
}

/// What one call of a decoder did.
struct Step {
    consumed: usize,
    produced: usize,
    outcome: Outcome,
}

enum Outcome {
    More,
    MemberEnd,
    Damaged,
}

impl Content {
    /// Opens a file from byte `start` on; a compressed one must be read from 0.
    pub(super) fn open(store: &Store, piece: &Piece, start: u64) -> Result<Self, ReadError> {
        let compression = Self::compression(store, piece)?;
        let reader = store.reader(&piece.file, start..piece.size)?;
        let decoder = match compression {
            Compression::None => Decoder::Plain,
            Compression::Gzip => Decoder::Gzip(None),
            Compression::Zstd => Decoder::Zstd(
                ZstdFrames::new()
                    .map_err(|source| ReadError::Io { file: piece.file.clone(), source })?,
            ),
        };
        Ok(Self {
            input: Input {
                reader,
                piece: piece.clone(),
                left: piece.size.saturating_sub(start),
                buffer: Vec::new(),
                start: 0,
                end: 0,
            },
            next: match compression {
                Compression::None => Position::plain(start),
                Compression::Gzip | Compression::Zstd => Position { member: 0, offset: 0 },
            },
            decoder,
            end: None,
        })
    }

    /// How the piece's file is compressed.
    pub(super) fn compression(store: &Store, piece: &Piece) -> Result<Compression, ReadError> {
        let first = store.read_range(&piece.file, 0..piece.size.min(4))?;
        Ok(Compression::detect(&first))
    }

    /// Where the next byte of content stands, or would stand if there were one.
    pub(super) fn position(&self) -> Position {
        self.next
    }

    /// Decodes some bytes, at least one, into `out`, which must not be empty.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<Chunk, ReadError> {
        loop {
            if let Some(end) = self.end {
                return Ok(Chunk::End(end));
            }
            if self.decoder.is_between() {
                self.end = self.start_member()?;
                continue;
            }
            let Step { consumed, produced, outcome } = match &mut self.decoder {
                Decoder::Plain => {
                    let produced = self.input.read(out)?;
                    Step { consumed: 0, produced, outcome: Outcome::More }
                }
                Decoder::Gzip(member) => {
                    self.input.ensure(1)?;
                    gunzip(member, self.input.bytes(), out)
                }
                Decoder::Zstd(frames) => {
                    if !frames.pending {
                        self.input.ensure(frames.wanted)?;
                    }
                    frames.step(self.input.bytes(), out)
                }
            };
            self.input.start += consumed;
            let at = self.next;
            self.next.offset += produced as u64;
            match outcome {
                Outcome::More if produced == 0 && consumed == 0 && self.input.is_at_end() => {
                    self.end = Some(match self.decoder {
                        Decoder::Plain => End::Complete,
                        Decoder::Gzip(_) | Decoder::Zstd(_) => End::Truncated,
                    });
                }
                Outcome::More => {}
                Outcome::MemberEnd => {
                    if self.decoder.end_member() {
                        self.next =
                            Position { member: self.next.member.saturating_add(1), offset: 0 };
                    }
                }
                Outcome::Damaged => self.end = Some(End::Corrupt),
            }
            if produced > 0 {
                return Ok(Chunk::Bytes { at, len: produced });
            }
        }
    }

    /// Looks at what stands where a member may begin, and begins it.
    fn start_member(&mut self) -> Result<Option<End>, ReadError> {
        self.input.ensure(4)?;
        let bytes = self.input.bytes();
        if bytes.is_empty() {
            return Ok(Some(End::Complete));
        }
        match (&mut self.decoder, Compression::detect(bytes)) {
            (Decoder::Gzip(member), Compression::Gzip) => {
                *member = Some(Box::new(Decompress::new_gzip(15)));
                return Ok(None);
            }
            (Decoder::Zstd(frames), Compression::Zstd) => {
                frames.start(is_skippable(bytes));
                return Ok(None);
            }
            _ => {}
        }
        // A file may be cut within the first bytes of a member, too.
        let is_cut = match self.decoder {
            Decoder::Gzip(_) => bytes == [0x1f],
            _ => bytes.len() < 4 && [0x28, 0xb5, 0x2f, 0xfd].starts_with(bytes),
        };
        if is_cut {
            return Ok(Some(End::Truncated));
        }
        loop {
            let bytes = self.input.bytes();
            if bytes.iter().any(|&byte| byte != 0) {
                return Ok(Some(End::Garbage));
            }
            self.input.start = self.input.end;
            self.input.ensure(1)?;
            if self.input.bytes().is_empty() {
                return Ok(Some(End::Complete));
            }
        }
    }
}

impl Decoder {
    fn is_between(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Gzip(member) => member.is_none(),
            Self::Zstd(frames) => !frames.inside,
        }
    }

    /// Leaves the member; tells whether it counts.
    fn end_member(&mut self) -> bool {
        match self {
            Self::Plain => false,
            Self::Gzip(member) => {
                *member = None;
                true
            }
            Self::Zstd(frames) => {
                frames.inside = false;
                !frames.skippable
            }
        }
    }
}

fn gunzip(member: &mut Option<Box<Decompress>>, input: &[u8], out: &mut [u8]) -> Step {
    let member = member.get_or_insert_with(|| Box::new(Decompress::new_gzip(15)));
    let (consumed, produced) = (member.total_in(), member.total_out());
    let status = member.decompress(input, out, FlushDecompress::None);
    // An error leaves the totals right, and what was decoded before it is good. Both differences
    // are lengths within `input` and `out`.
    #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
    let step = |outcome| Step {
        consumed: (member.total_in() - consumed) as usize,
        produced: (member.total_out() - produced) as usize,
        outcome,
    };
    match status {
        Ok(Status::StreamEnd) => step(Outcome::MemberEnd),
        Ok(Status::Ok | Status::BufError) => step(Outcome::More),
        Err(_) => step(Outcome::Damaged),
    }
}

impl ZstdFrames {
    fn new() -> std::io::Result<Self> {
        let mut context = ZstdDecoder::new()?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self { context, inside: false, skippable: false, wanted: FRAME_START, pending: false })
    }

    fn start(&mut self, skippable: bool) {
        self.inside = true;
        self.skippable = skippable;
        self.wanted = FRAME_START;
        self.pending = false;
    }

    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        let given = if self.pending { 0 } else { self.wanted.min(input.len()) };
        let mut from = InBuffer::around(&input[..given]);
        let mut to = OutBuffer::around(out);
        let hint = self.context.run(&mut from, &mut to);
        let (consumed, produced) = (from.pos(), to.pos());
        self.pending = produced == to.capacity();
        let outcome = match hint {
            Ok(0) => Outcome::MemberEnd,
            Ok(hint) => {
                self.wanted = hint.min(INPUT_BYTES);
                Outcome::More
            }
            Err(_) => Outcome::Damaged,
        };
        Step { consumed, produced, outcome }
    }
}

/// The bytes of a file as stored.
struct Input {
    reader: StoreReader,
    piece: Piece,
    /// Bytes not yet read.
    left: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn is_at_end(&self) -> bool {
        self.left == 0 && self.start == self.end
    }

    /// Reads on until `count` bytes are held or the file is at its end.
    fn ensure(&mut self, count: usize) -> Result<(), ReadError> {
        while self.end - self.start < count && self.left > 0 {
            if self.buffer.is_empty() {
                self.buffer = vec![0; INPUT_BYTES];
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.read(&mut buffer[self.end..]);
            self.buffer = buffer;
            self.end += read?;
        }
        Ok(())
    }

    /// Reads past the buffer; 0 only at the end of the file.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            match self.reader.read(out) {
                Ok(0) if self.left > 0 => {
                    return Err(changed(&self.piece, format!("it ends {} bytes early", self.left)));
                }
                Ok(read) => {
                    self.left = self.left.saturating_sub(read as u64);
                    return Ok(read);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ReadError::Io { file: self.piece.file.clone(), source });
                }
            }
        }
    }
}

/// What the tests of all readers need.
#[cfg(test)]
pub(super) mod testing {
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
            metadata: metadata.iter().map(|&field| field.to_owned()).collect(),
            layout: super::super::Layout::default(),
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

    pub(in crate::read) fn rows(
        format: Format,
        fields: &Fields,
        bytes: &[u8],
        part: Part,
    ) -> Vec<Row> {
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

    pub(in crate::read) fn at(member: u32, offset: u64) -> Position {
        Position { member, offset }
    }
}

#[cfg(test)]
mod tests;
