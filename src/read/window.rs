//! Content held for as long as a record in it is not finished: what readers of records that are not
//! lines look through.

use std::ops::Range;

use super::decompress::{Chunk, Content, Places, Want};
use super::{Piece, ReadError};
use crate::document::{Position, Reason};
use crate::store::Store;

/// Content asked for at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// A part of a file's content, each byte of which has a position.
pub(super) struct Window {
    content: Content,
    buffer: Vec<u8>,
    /// What is held: `buffer[start..end]`.
    start: usize,
    end: usize,
    places: Places,
}

/// What [`Window::more`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// More bytes are held than before.
    Bytes,
    /// What would follow cannot be decoded. There may be more behind it.
    Lost(Reason),
    /// There is no more.
    End,
}

impl Window {
    /// Opens a whole file.
    pub(super) fn open(store: &Store, piece: &Piece) -> Result<Self, ReadError> {
        Ok(Self {
            content: Content::open(store, piece, Want::whole(piece))?,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            places: Places::default(),
        })
    }

    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Lets go of the first `count` bytes; gives where they stay until more is asked for.
    pub(super) fn take(&mut self, count: usize) -> Range<usize> {
        let from = self.start;
        self.start = self.end.min(from + count);
        from..self.start
    }

    /// Bytes that [`Window::take`] gave.
    pub(super) fn taken(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Position of the first byte held, or of the next one where none is.
    pub(super) fn position(&mut self) -> Position {
        if self.start == self.end {
            return self.content.position();
        }
        self.places.pass(self.start);
        self.places.of(self.start).unwrap_or_else(|| self.content.position())
    }

    /// Gets more content behind what is held.
    pub(super) fn more(&mut self) -> Result<More, ReadError> {
        self.make_room();
        let chunk = loop {
            match self.content.read(&mut self.buffer[self.end..])? {
                Chunk::Boundary => {}
                chunk => break chunk,
            }
        };
        match chunk {
            Chunk::Bytes { at, len } => {
                self.places.read(self.end, at);
                self.end += len;
                Ok(More::Bytes)
            }
            Chunk::Lost { reason, .. } | Chunk::Garbage { reason, .. } => Ok(More::Lost(reason)),
            Chunk::Boundary | Chunk::End => Ok(More::End),
        }
    }

    fn make_room(&mut self) {
        let held = self.end - self.start;
        if held == 0 {
            self.places.clear();
        } else {
            self.places.pass(self.start);
            self.places.shift(self.start);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, held);
        if held == 0 && self.buffer.len() > 16 * CHUNK_BYTES {
            // One large record must not keep its memory for all the small ones behind it.
            self.buffer = Vec::new();
        }
        if self.buffer.len() - held < CHUNK_BYTES {
            self.buffer.resize((2 * self.buffer.len()).max(2 * CHUNK_BYTES), 0);
        }
    }
}
