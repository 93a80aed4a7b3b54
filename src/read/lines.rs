//! Content cut into lines, for all formats that have them.
//!
//! Lines end with LF; the last one may do without. In a plain file a piece owns the lines that start
//! in its range. In a compressed one it owns the lines from behind the first LF of the first member
//! that can be entered in its range, to the first LF behind the first such member after its range:
//! whether that member begins with a new line or in the middle of one only the task knows that
//! comes from before it.

use std::ops::Range;

use super::decompress::{Chunk, Compression, Content, Places, Want};
use super::{Piece, ReadError, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};
use crate::store::Store;

/// The longest line: escapes make JSON longer than its text, keys and metadata stand beside it.
pub(super) const MAX_LINE_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + (64 << 10);

/// Content asked for at a time.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Calls `each` with the number and the bytes of every line of a file that is not blank.
///
/// # Errors
/// When the file is damaged, the storage fails, or `each` does.
pub(crate) fn json_lines<E: From<ReadError>>(
    store: &Store,
    piece: &Piece,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut lines = Lines::open(store, piece, 0..u64::MAX)?;
    let mut number = 0;
    while let Some((_, line)) = lines.next()? {
        number += 1;
        match line {
            Line::Text(line) if is_blank(line) => {}
            Line::Text(line) => each(number, line)?,
            Line::Failed(reason) => {
                let detail = format!("line {number}: {}", reason.as_str());
                return Err(ReadError::Table { file: piece.file.clone(), detail }.into());
            }
        }
    }
    Ok(())
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// One line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line without its LF.
    Text(&'a [u8]),
    /// A line too long, or one lost by damage.
    Failed(Reason),
}

/// A line within the buffer of [`Lines`], or why there is none at this place.
type Located = (Position, Result<Range<usize>, Reason>);

/// Cuts content into lines, each with its position.
pub(super) struct Lines {
    content: Content,
    buffer: Vec<u8>,
    /// What is not handed over yet: `buffer[start..end]`; no LF before `scanned`.
    start: usize,
    scanned: usize,
    end: usize,
    places: Places,
    /// Plain files: lines that start at this offset or behind it belong to another piece.
    owned_until: u64,
    /// Compressed files: lines that start behind this place do.
    boundary: Option<Position>,
    /// The boundary is where the next byte stands: members without content may come before it.
    boundary_is_next: bool,
    skip: Skip,
    /// Garbage that comes behind the line handed over last.
    lost: Option<(Position, Reason)>,
    /// Whether the next line is the file's first.
    is_first: bool,
    finished: bool,
    pub(super) max_line: usize,
}

/// What the bytes up to the next LF are.
#[derive(Clone, Copy)]
enum Skip {
    Nothing,
    /// The end of a line that another piece owns.
    Foreign,
    /// The rest of a line that is too long to be held; it starts here.
    TooLong(Position),
}

impl Lines {
    /// Opens the part of a file whose lines start in `range`, more or less: see above.
    pub(super) fn open(store: &Store, piece: &Piece, range: Range<u64>) -> Result<Self, ReadError> {
        let is_plain = Content::compression(store, piece, &(0..piece.size))? == Compression::None;
        // In a plain file a line starts at `range.start` only where an LF stands before it.
        let before = if is_plain { range.start.saturating_sub(1) } else { range.start };
        Ok(Self {
            content: Content::open(store, piece, Want::owned(piece, before..range.end))?,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            places: Places::default(),
            owned_until: if is_plain { range.end } else { u64::MAX },
            boundary: None,
            boundary_is_next: false,
            skip: if range.start == 0 { Skip::Nothing } else { Skip::Foreign },
            lost: None,
            is_first: range.start == 0,
            finished: range.is_empty(),
            max_line: MAX_LINE_BYTES,
        })
    }

    /// The next line, with the place it starts at.
    pub(super) fn next(&mut self) -> Result<Option<(Position, Line<'_>)>, ReadError> {
        while !self.finished {
            let unscanned = &self.buffer[self.scanned..self.end];
            if let Some(at) = memchr::memchr(b'\n', unscanned) {
                let line = self.start..self.scanned + at;
                let position = self.position();
                self.start = line.end + 1;
                self.scanned = self.start;
                if let Some(found) = self.line(position, line) {
                    return Ok(Some(self.show(found)));
                }
                continue;
            }
            self.scanned = self.end;
            if let Some(found) = self.refill()? {
                return Ok(Some(self.show(found)));
            }
        }
        Ok(None)
    }

    fn show(&self, (position, line): Located) -> (Position, Line<'_>) {
        let line = match line {
            Ok(range) => Line::Text(&self.buffer[range]),
            Err(reason) => Line::Failed(reason),
        };
        (position, line)
    }

    /// Judges a complete line, which may be the end of one that is skipped.
    fn line(&mut self, position: Position, mut line: Range<usize>) -> Option<Located> {
        let is_first = std::mem::take(&mut self.is_first);
        match std::mem::replace(&mut self.skip, Skip::Nothing) {
            Skip::Foreign => return None,
            Skip::TooLong(start) => return Some((start, Err(reasons::TOO_LARGE))),
            Skip::Nothing => {}
        }
        if position.offset >= self.owned_until
            || self.boundary.is_some_and(|boundary| position > boundary)
        {
            self.finished = true;
            return None;
        }
        if line.len() > self.max_line {
            return Some((position, Err(reasons::TOO_LARGE)));
        }
        if is_first && self.buffer[line.clone()].starts_with(BYTE_ORDER_MARK) {
            line.start += BYTE_ORDER_MARK.len();
        }
        Some((position, Ok(line)))
    }

    /// Gets more content behind the unfinished line in the buffer; gives that line, or what stands
    /// in its place, where no more is needed to tell.
    fn refill(&mut self) -> Result<Option<Located>, ReadError> {
        if matches!(self.skip, Skip::Nothing) && self.end - self.start > self.max_line {
            self.skip = Skip::TooLong(self.position());
        }
        if !matches!(self.skip, Skip::Nothing) {
            self.start = self.end;
            if self.boundary.is_some() || self.content.position().offset >= self.owned_until {
                // The line ends behind the piece, so no other line of it is left.
                self.finished = true;
                return Ok(match self.skip {
                    Skip::TooLong(start) => Some((start, Err(reasons::TOO_LARGE))),
                    Skip::Nothing | Skip::Foreign => None,
                });
            }
        }
        if let Some((at, reason)) = self.lost.take() {
            return Ok(self.lose(at, reason));
        }
        self.make_room();
        match self.content.read(&mut self.buffer[self.end..])? {
            Chunk::Bytes { at, len } => {
                if std::mem::take(&mut self.boundary_is_next) {
                    self.boundary = Some(at);
                }
                self.places.read(self.end, at);
                self.end += len;
                Ok(None)
            }
            Chunk::Boundary => {
                self.boundary_is_next |= self.boundary.is_none();
                self.boundary.get_or_insert(self.content.position());
                Ok(None)
            }
            Chunk::Lost { at, reason } => Ok(self.lose(at, reason)),
            Chunk::Garbage { at, reason } => {
                // The members before are whole, so their last line is.
                self.lost = Some((at, reason));
                Ok(self.finish())
            }
            Chunk::End => {
                let last = self.finish();
                self.finished = true;
                Ok(last)
            }
        }
    }

    /// Moves the unfinished line to the front and sees to it that a chunk fits behind it.
    fn make_room(&mut self) {
        if self.start == self.end {
            self.places.clear();
        } else {
            self.places.pass(self.start);
            self.places.shift(self.start);
            self.buffer.copy_within(self.start..self.end, 0);
        }
        self.end -= self.start;
        self.start = 0;
        self.scanned = self.end;
        if self.buffer.len() - self.end < CHUNK_BYTES {
            let room = (2 * self.buffer.len()).max(2 * CHUNK_BYTES);
            self.buffer.resize(room, 0);
        } else if self.end < CHUNK_BYTES && self.buffer.len() > 16 * CHUNK_BYTES {
            // One giant line is no reason to hold its memory until the end of the file.
            self.buffer.truncate(2 * CHUNK_BYTES);
            self.buffer.shrink_to_fit();
        }
    }

    /// What the end of the content makes of the unfinished line: all members are whole, so it is;
    /// it only lacks its LF.
    fn finish(&mut self) -> Option<Located> {
        let rest = self.start..self.end;
        if rest.is_empty() && !matches!(self.skip, Skip::TooLong(_)) {
            self.skip = Skip::Nothing;
            return None;
        }
        let position = self.position();
        self.start = self.end;
        self.line(position, rest)
    }

    /// What damage makes of the unfinished line. The next line starts with the next member.
    fn lose(&mut self, at: Position, reason: Reason) -> Option<Located> {
        let lost = match self.skip {
            // Another piece says so.
            Skip::Foreign => None,
            // A piece that ends before the damage would say this.
            Skip::TooLong(start) => Some((start, reasons::TOO_LARGE)),
            Skip::Nothing if self.start == self.end => Some((at, reason)),
            Skip::Nothing => Some((self.position(), reason)),
        };
        self.skip = Skip::Nothing;
        self.places.clear();
        (self.start, self.scanned, self.end) = (0, 0, 0);
        let (position, reason) = lost?;
        if self.boundary.is_some_and(|boundary| position > boundary) {
            self.finished = true;
            return None;
        }
        Some((position, Err(reason)))
    }

    /// Bytes held, for tests of what giant lines cost.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Position of the first byte not handed over yet.
    fn position(&mut self) -> Position {
        if self.start == self.end {
            return self.content.position();
        }
        self.places.pass(self.start);
        self.places.of(self.start).unwrap_or_else(|| self.content.position())
    }
}
