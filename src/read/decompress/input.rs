//! The bytes of a file as stored.

use std::io::Read;
use std::ops::Range;

use super::changed;
use crate::read::{Piece, ReadError};
use crate::store::{Store, StoreReader};

/// Compressed bytes held at a time, unless a block is larger.
pub(super) const INPUT_BYTES: usize = 256 << 10;

/// A window on the stored bytes, which moves forward and can be set elsewhere.
pub(super) struct Input {
    store: Store,
    piece: Piece,
    extent: Range<u64>,
    /// `None` before the first byte is asked for.
    reader: Option<StoreReader>,
    /// Offset in the file of the first byte not read into the buffer.
    unread: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    pub(super) fn new(store: &Store, piece: &Piece, extent: Range<u64>) -> Self {
        let unread = extent.start;
        Self {
            store: store.clone(),
            piece: piece.clone(),
            extent,
            reader: None,
            unread,
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Another window on the same bytes, which begins at `at`.
    pub(super) fn another(&self, at: u64) -> Self {
        let mut input = Self::new(&self.store, &self.piece, self.extent.clone());
        input.unread = at.clamp(self.extent.start, self.extent.end);
        input
    }

    /// The file's name, for errors.
    pub(super) fn file(&self) -> &str {
        &self.piece.file
    }

    /// What part of the file this is.
    pub(super) fn extent(&self) -> &Range<u64> {
        &self.extent
    }

    /// Goes to another place.
    pub(super) fn move_to(&mut self, at: u64) {
        let held = self.position()..self.unread;
        if held.contains(&at) {
            // The difference is at most what the buffer holds.
            self.start += usize::try_from(at - held.start).unwrap_or_default();
            return;
        }
        *self = Self { buffer: std::mem::take(&mut self.buffer), ..self.another(at) };
    }

    /// Offset in the file of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.unread - (self.end - self.start) as u64
    }

    /// What is held of the bytes from here on.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Goes over bytes that are held.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Whether there are no more bytes than those held.
    pub(super) fn is_last(&self) -> bool {
        self.unread >= self.extent.end
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.is_last() && self.start == self.end
    }

    /// Reads on until `count` bytes are held or the file is at its end.
    pub(super) fn ensure(&mut self, count: usize) -> Result<(), ReadError> {
        while self.end - self.start < count && !self.is_last() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() < count.max(INPUT_BYTES) {
                self.buffer.resize(count.max(INPUT_BYTES), 0);
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.read(&mut buffer[self.end..]);
            self.buffer = buffer;
            self.end += read?;
        }
        Ok(())
    }

    /// Reads past the buffer, which must be empty; 0 only at the end of the file.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        let left = self.extent.end - self.unread;
        if left == 0 {
            return Ok(0);
        }
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => self.store.reader(&self.piece.file, self.unread..self.extent.end)?,
        };
        let read = loop {
            match reader.read(out) {
                Ok(0) => {
                    return Err(changed(&self.piece, format!("it ends {left} bytes early")));
                }
                Ok(read) => break read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ReadError::Io { file: self.piece.file.clone(), source });
                }
            }
        };
        self.reader = Some(reader);
        self.unread = (self.unread + read as u64).min(self.extent.end);
        Ok(read)
    }
}
