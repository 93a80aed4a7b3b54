//! A view into content that can be widened and moved forward, and knows where members begin.

use super::super::ReadError;
use super::super::decompress::{Chunk, Content, Places};
use crate::document::{Position, Reason};

/// Content asked for at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// What stands behind the last byte that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The rest of a member, from here on, which cannot be decoded; content goes on behind it.
    Lost(Position, Reason),
    /// The end of the content that is this task's.
    End,
    /// A member that begins with a record, another task's.
    Boundary,
}

/// The content from one byte on, as far as it is held. Offsets count from that byte.
pub(super) struct Window {
    content: Content,
    buffer: Vec<u8>,
    /// What is held: `buffer[start..end]`.
    start: usize,
    end: usize,
    places: Places,
    stop: Option<Stop>,
}

impl Window {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            places: Places::default(),
            stop: None,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What stands behind the bytes held, where that is known.
    pub(super) fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Reads some more bytes; `false` where there are none before [`Window::stop`].
    pub(super) fn more(&mut self) -> Result<bool, ReadError> {
        if self.stop.is_some() {
            return Ok(false);
        }
        self.make_room();
        match self.content.read(&mut self.buffer[self.end..])? {
            Chunk::Bytes { at, len } => {
                self.places.read(self.end, at);
                self.end += len;
                Ok(true)
            }
            // Of what is no member at all, nothing could be decoded.
            Chunk::Lost { at, reason } | Chunk::Garbage { at, reason } => {
                self.stop = Some(Stop::Lost(at, reason));
                Ok(false)
            }
            Chunk::Boundary => {
                self.stop = Some(Stop::Boundary);
                Ok(false)
            }
            Chunk::End => {
                self.stop = Some(Stop::End);
                Ok(false)
            }
        }
    }

    /// Gives up the first `count` bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        self.places.pass(self.start);
    }

    /// Gives up all that is held and what is lost behind it.
    pub(super) fn pass_lost(&mut self) {
        self.advance(self.len());
        if matches!(self.stop, Some(Stop::Lost(..))) {
            self.stop = None;
        }
    }

    /// Where the first byte stands, or would stand if there were one.
    pub(super) fn position(&self) -> Position {
        if self.start == self.end {
            return match self.stop {
                Some(Stop::Lost(at, _)) => at,
                Some(Stop::End | Stop::Boundary) | None => self.content.position(),
            };
        }
        self.places.of(self.start).unwrap_or_else(|| self.content.position())
    }

    /// How many members what is held lies in.
    pub(super) fn member_count(&self) -> usize {
        self.places.count()
    }

    /// The offset of the member, compressed files only, that begins at `from` or next behind it.
    pub(super) fn next_member(&self, from: usize) -> Option<usize> {
        self.places.next_member(self.start + from).map(|at| at - self.start)
    }

    /// Moves what is held to the front of the buffer and sees to it that a chunk fits behind it.
    fn make_room(&mut self) {
        if self.buffer.len() - self.end >= CHUNK_BYTES {
            return;
        }
        self.places.shift(self.start);
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < CHUNK_BYTES {
            let room = (self.buffer.len() * 3 / 2).max(3 * CHUNK_BYTES);
            self.buffer.resize(room, 0);
        } else if self.end < CHUNK_BYTES && self.buffer.len() > 16 * CHUNK_BYTES {
            // One giant record is no reason to hold its memory until the end of the file.
            self.buffer.truncate(3 * CHUNK_BYTES);
            self.buffer.shrink_to_fit();
        }
    }
}
