//! The messages of an Arrow file or stream, one behind the other, without their meaning.

use std::ops::Range;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::Schema;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::{MetadataVersion, root_as_footer, root_as_message};

use super::super::decompress::{Chunk, Compression, Content, Want};
use super::super::parquet::{RowGroup, caught};
use super::super::{Piece, ReadError, reasons};
use super::layout;
use crate::document::Reason;
use crate::store::{Entry, Store};

const MAGIC: &[u8] = b"ARROW1";

/// The magic of a file is padded to 8 bytes or more, up to this many words of 4.
const MAGIC_WORDS: usize = 16;

/// The longest head of a message: the schema of some hundred thousand columns.
const MAX_HEAD_BYTES: u64 = 64 << 20;

/// Marks the start of a message since version 0.15.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// What stands where a message may.
pub(super) enum Next {
    Message(Head),
    /// No message can be found here or behind.
    Lost(Reason),
    End,
}

/// A message without its body.
pub(super) struct Head {
    /// The flat buffer.
    pub(super) meta: Buffer,
    /// Length of the body, which must be read or passed over next.
    pub(super) body: u64,
}

/// A source of messages.
pub(super) enum Frames {
    /// From front to back. A file can be read so, too.
    Stream(Box<Stream>),
    /// By the places that the footer of a file tells.
    File(File),
}

impl Frames {
    /// Opens what a piece owns: all, or some record batches of a file, which `groups` counts.
    pub(super) fn open(
        store: &Store,
        piece: &Piece,
        groups: Option<Range<u32>>,
    ) -> Result<Option<(Self, Option<Footer>)>, ReadError> {
        let footer = read_footer(store, &piece.file, piece.size)?;
        let Some(mut footer) = footer else {
            // Only a file with a footer is divided.
            return match groups {
                Some(_) => Ok(None),
                None => Ok(Some((Self::Stream(Box::new(Stream::open(store, piece)?)), None))),
            };
        };
        let mut blocks = std::mem::take(&mut footer.dictionaries);
        match groups {
            None => blocks.append(&mut footer.batches),
            Some(groups) => {
                let range = groups.start as usize..groups.end as usize;
                let Some(owned) = footer.batches.get(range) else { return Ok(None) };
                blocks.extend_from_slice(owned);
            }
        }
        let file =
            File { store: store.clone(), piece: piece.clone(), blocks: blocks.into(), at: 0 };
        Ok(Some((Self::File(file), Some(footer))))
    }

    /// The head of the next message; the body of the one before must be behind.
    pub(super) fn next(&mut self) -> Result<Next, ReadError> {
        match self {
            Self::Stream(stream) => stream.next(),
            Self::File(file) => file.next(),
        }
    }

    /// Reads of a body of `length` bytes the given ranges, which are in order; the rest is zero.
    pub(super) fn body(
        &mut self,
        length: u64,
        ranges: &[Range<u64>],
    ) -> Result<Result<Buffer, Reason>, ReadError> {
        let held = ranges.last().map_or(0, |range| range.end);
        let Some(mut buffer) = usize::try_from(held)
            .ok()
            // Memory that is never written to is never taken from the system.
            .and_then(|held| MutableBuffer::try_from_len_zeroed(held).ok())
        else {
            return Ok(self.skip(length)?.and(Err(reasons::TOO_LARGE)));
        };
        let mut at = 0;
        for range in ranges {
            #[expect(clippy::cast_possible_truncation, reason = "not above `held`, which fits")]
            let place = range.start as usize..range.end as usize;
            let out = &mut buffer.as_slice_mut()[place];
            let read = match self {
                Self::Stream(stream) => match stream.skip(range.start - at)? {
                    Ok(()) => stream.fill(out)?,
                    lost => lost,
                },
                Self::File(_) if out.is_empty() => Ok(()),
                Self::File(file) => {
                    let from = file.at + range.start;
                    let end = from + (range.end - range.start);
                    out.copy_from_slice(&file.store.read_range(&file.piece.file, from..end)?);
                    Ok(())
                }
            };
            if let Err(reason) = read {
                return Ok(Err(reason));
            }
            at = range.end;
        }
        if let Self::Stream(stream) = self
            && let Err(reason) = stream.skip(length - at)?
        {
            return Ok(Err(reason));
        }
        Ok(Ok(buffer.into()))
    }

    /// Passes over a body.
    pub(super) fn skip(&mut self, length: u64) -> Result<Result<(), Reason>, ReadError> {
        match self {
            Self::Stream(stream) => stream.skip(length),
            Self::File(_) => Ok(Ok(())),
        }
    }
}

/// Messages from front to back.
pub(super) struct Stream {
    content: Content,
    is_first: bool,
    /// It is a file that is read as a stream: a footer follows the end.
    is_file: bool,
    scratch: Vec<u8>,
}

impl Stream {
    fn open(store: &Store, piece: &Piece) -> Result<Self, ReadError> {
        let content = Content::open(store, piece, Want::whole(piece))?;
        Ok(Self { content, is_first: true, is_file: false, scratch: Vec::new() })
    }

    fn next(&mut self) -> Result<Next, ReadError> {
        let mut start = [0; 4];
        match self.read(&mut start)? {
            Ok(0) => return Ok(Next::End),
            Ok(4) => {}
            Ok(_) => return Ok(Next::Lost(reasons::TRUNCATED)),
            Err(reason) => return Ok(Next::Lost(reason)),
        }
        if std::mem::take(&mut self.is_first) && start[..] == MAGIC[..4] {
            self.is_file = true;
            let mut words = 1;
            while start == [0; 4] || words < 3 {
                let read = self.fill(&mut start)?;
                let is_magic = words != 1 || start == *b"W1\0\0";
                words += 1;
                match read {
                    Ok(()) if is_magic && words <= MAGIC_WORDS + 1 => {}
                    Ok(()) => return Ok(Next::Lost(reasons::CORRUPT)),
                    Err(reason) => return Ok(Next::Lost(reason)),
                }
            }
        }
        let is_marked = start == CONTINUATION;
        if is_marked && let Err(reason) = self.fill(&mut start)? {
            return Ok(Next::Lost(reason));
        }
        let length = u64::from(u32::from_le_bytes(start));
        if length == 0 {
            // Damage can look like an end.
            let is_end = if self.is_file { is_marked } else { self.read(&mut [0; 1])? == Ok(0) };
            return Ok(if is_end { Next::End } else { Next::Lost(reasons::CORRUPT) });
        }
        let Some(length) = usize::try_from(length).ok().filter(|_| length <= MAX_HEAD_BYTES) else {
            return Ok(Next::Lost(reasons::CORRUPT));
        };
        let mut meta = MutableBuffer::from_len_zeroed(length);
        if let Err(reason) = self.fill(meta.as_slice_mut())? {
            return Ok(Next::Lost(reason));
        }
        Ok(head(meta.into()))
    }

    /// Fills `out` as far as the content goes; gives how far that was.
    fn read(&mut self, out: &mut [u8]) -> Result<Result<usize, Reason>, ReadError> {
        let mut held = 0;
        while held < out.len() {
            match self.content.read(&mut out[held..])? {
                Chunk::Bytes { len, .. } => held += len,
                Chunk::Boundary => {}
                Chunk::Lost { reason, .. } | Chunk::Garbage { reason, .. } => {
                    return Ok(Err(reason));
                }
                Chunk::End => break,
            }
        }
        Ok(Ok(held))
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<Result<(), Reason>, ReadError> {
        Ok(match self.read(out)? {
            Ok(held) if held < out.len() => Err(reasons::TRUNCATED),
            Ok(_) => Ok(()),
            Err(reason) => Err(reason),
        })
    }

    fn skip(&mut self, length: u64) -> Result<Result<(), Reason>, ReadError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut left = length;
        let mut result = Ok(());
        while left > 0 && result.is_ok() {
            scratch.resize(128 << 10, 0);
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
            result = self.fill(&mut scratch[..count])?;
            left -= count as u64;
        }
        self.scratch = scratch;
        Ok(result)
    }
}

/// Messages of a file, by its footer.
pub(super) struct File {
    store: Store,
    piece: Piece,
    blocks: std::collections::VecDeque<Block>,
    /// Where the body of the last message begins.
    at: u64,
}

impl File {
    fn next(&mut self) -> Result<Next, ReadError> {
        let Some(block) = self.blocks.pop_front() else {
            return Ok(Next::End);
        };
        self.at = block.offset + block.head;
        Ok(match block.head(&self.store, &self.piece.file)? {
            Some(head) => Next::Message(head),
            None => Next::Lost(reasons::CORRUPT),
        })
    }
}

/// Where a message stands in a file.
#[derive(Debug, Clone, Copy)]
struct Block {
    offset: u64,
    /// Length of the head with its own length before it.
    head: u64,
    body: u64,
}

impl Block {
    /// A block of a footer, where it lies within the file.
    fn new(block: &arrow::ipc::Block, size: u64) -> Option<Self> {
        let block = Self {
            offset: u64::try_from(block.offset()).ok()?,
            head: u64::try_from(block.metaDataLength()).ok()?,
            body: u64::try_from(block.bodyLength()).ok()?,
        };
        let end = block.offset.checked_add(block.head)?.checked_add(block.body)?;
        let sane = (8..=MAX_HEAD_BYTES).contains(&block.head) && end <= size;
        sane.then_some(block)
    }

    fn head(&self, store: &Store, file: &str) -> Result<Option<Head>, ReadError> {
        let bytes = store.read_range(file, self.offset..self.offset + self.head)?;
        let meta = if bytes.starts_with(&CONTINUATION) { &bytes[8..] } else { &bytes[4..] };
        Ok(match head(Buffer::from_slice_ref(meta)) {
            Next::Message(head) if head.body == self.body => Some(head),
            _ => None,
        })
    }
}

/// Checks a flat buffer.
fn head(meta: Buffer) -> Next {
    let body = caught(|| {
        let message = root_as_message(&meta).ok()?;
        u64::try_from(message.bodyLength()).ok()
    });
    match body.flatten() {
        Some(body) => Next::Message(Head { meta, body }),
        None => Next::Lost(reasons::CORRUPT),
    }
}

/// What the footer of a file tells.
pub(super) struct Footer {
    pub(super) schema: Schema,
    dictionaries: Vec<Block>,
    batches: Vec<Block>,
}

/// The footer; `None` where there is none that can be read, as in a stream.
fn read_footer(store: &Store, file: &str, size: u64) -> Result<Option<Footer>, ReadError> {
    let Some(end) = size.checked_sub(10).filter(|end| *end >= 8) else {
        return Ok(None);
    };
    if &store.read_range(file, 0..6)?[..] != MAGIC {
        return Ok(None);
    }
    let tail = store.read_range(file, end..size)?;
    let [a, b, c, d, magic @ ..] = &tail[..] else { return Ok(None) };
    let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    let Some(start) = end.checked_sub(length).filter(|_| magic == MAGIC) else {
        return Ok(None);
    };
    let bytes = Buffer::from_slice_ref(&store.read_range(file, start..end)?[..]);
    Ok(caught(|| {
        let footer = root_as_footer(&bytes).ok()?;
        let schema =
            footer.schema().filter(|schema| schema.endianness().equals_to_target_endianness())?;
        Some(Footer {
            schema: try_fb_to_schema(schema).ok()?,
            dictionaries: footer
                .dictionaries()
                .iter()
                .flatten()
                .map(|block| Block::new(block, size))
                .collect::<Option<_>>()?,
            batches: footer
                .recordBatches()?
                .iter()
                .map(|block| Block::new(block, size))
                .collect::<Option<_>>()?,
        })
    })
    .flatten())
}

/// The record batches of an Arrow file with their rows and stored bytes; `None` for what cannot be
/// divided: a stream, a compressed file, one whose footer or batches are damaged.
///
/// # Errors
/// When the file is missing or the storage fails.
pub fn record_batches(store: &Store, file: &Entry) -> Result<Option<Vec<RowGroup>>, ReadError> {
    let start = store.read_range(&file.path, 0..file.size.min(4))?;
    if Compression::detect(&start) != Compression::None {
        return Ok(None);
    }
    let Some(footer) = read_footer(store, &file.path, file.size)? else {
        return Ok(None);
    };
    let mut groups = Vec::with_capacity(footer.batches.len());
    for block in &footer.batches {
        let Some(head) = block.head(store, &file.path)? else {
            return Ok(None);
        };
        let rows = caught(|| {
            let message = root_as_message(&head.meta).ok()?;
            let batch = message.header_as_record_batch()?;
            layout::rows(&batch, &footer.schema, message.version())
        });
        let Some(rows) = rows.flatten() else { return Ok(None) };
        groups.push(RowGroup { rows, bytes: block.head + block.body });
    }
    Ok(Some(groups))
}

/// Versions of the format that can be read.
pub(super) fn is_known(version: MetadataVersion) -> bool {
    version >= MetadataVersion::V4
}
