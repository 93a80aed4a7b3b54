//! lz4 frames.
//!
//! The blocks are decoded by `lz4_flex`; the frame around them is read here, because its own frame
//! decoder does not tell where a frame ends.

use lz4_flex::block::{decompress_into, decompress_into_with_dict};
use xxhash_rust::xxh32::{Xxh32, xxh32};

use super::members::{Outcome, Step};

/// How far back a block may refer.
const HISTORY: usize = 64 << 10;

const MAGIC_BYTES: usize = 4;

/// A frame being decoded.
pub(super) struct Frame {
    state: State,
    flags: Flags,
    /// `history` bytes of the blocks before, and the decoded block behind them.
    block: Vec<u8>,
    history: usize,
    /// What is decoded and not handed over yet.
    given: usize,
    end: usize,
    content: Xxh32,
    produced: u64,
}

#[derive(Clone, Copy, Default)]
struct Flags {
    has_linked_blocks: bool,
    has_block_checksums: bool,
    has_content_checksum: bool,
    content_size: Option<u64>,
    block_bytes: usize,
}

enum State {
    Header,
    /// A frame without content: this many bytes are left of it.
    Skip(usize),
    BlockSize,
    Block {
        size: usize,
        is_stored: bool,
    },
    Checksum,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            state: State::Header,
            flags: Flags::default(),
            block: Vec::new(),
            history: 0,
            given: 0,
            end: 0,
            content: Xxh32::new(0),
            produced: 0,
        }
    }
}

impl Frame {
    pub(super) fn start(&mut self) {
        *self = Self { block: std::mem::take(&mut self.block), ..Self::default() };
    }

    /// How many stored bytes the next step needs to get on.
    pub(super) fn wanted(&self) -> usize {
        match &self.state {
            _ if self.given < self.end => 0,
            // The longest header: magic, flags, block size, content size, dictionary id, check.
            State::Header => 19,
            State::Skip(left) => (*left).min(1),
            State::BlockSize | State::Checksum => 4,
            State::Block { size, .. } => size + self.block_checksum(),
        }
    }

    fn block_checksum(&self) -> usize {
        if self.flags.has_block_checksums { 4 } else { 0 }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        if self.given < self.end {
            let produced = out.len().min(self.end - self.given);
            out[..produced].copy_from_slice(&self.block[self.given..self.given + produced]);
            self.given += produced;
            return Step { consumed: 0, produced, outcome: Outcome::More };
        }
        // `None`: the stored bytes do not suffice, which is for the caller to judge.
        let (consumed, outcome) = self.advance(input).unwrap_or((0, Outcome::More));
        Step { consumed, produced: 0, outcome }
    }

    fn advance(&mut self, input: &[u8]) -> Option<(usize, Outcome)> {
        match self.state {
            State::Header => self.header(input),
            State::Skip(left) => {
                let skipped = left.min(input.len());
                self.state = State::Skip(left - skipped);
                match left - skipped {
                    0 => Some((skipped, Outcome::MemberEnd)),
                    _ => Some((skipped, Outcome::More)),
                }
            }
            State::BlockSize => {
                let size = u32::from_le_bytes(*input.first_chunk()?);
                let is_stored = size >> 31 == 1;
                let size = (size & 0x7fff_ffff) as usize;
                let is_short = self.flags.content_size.is_some_and(|size| size != self.produced);
                match size {
                    0 if is_short => return Some((4, Outcome::Damaged)),
                    0 if self.flags.has_content_checksum => self.state = State::Checksum,
                    0 => return Some((4, Outcome::MemberEnd)),
                    _ if size > self.flags.block_bytes => return Some((4, Outcome::Damaged)),
                    _ => self.state = State::Block { size, is_stored },
                }
                Some((4, Outcome::More))
            }
            State::Block { size, is_stored } => {
                let stored = input.get(..size + self.block_checksum())?;
                let (data, check) = stored.split_at(size);
                let is_right = check
                    .first_chunk()
                    .is_none_or(|&check| u32::from_le_bytes(check) == xxh32(data, 0));
                self.state = State::BlockSize;
                let outcome = if is_right && self.decode(data, is_stored) {
                    Outcome::More
                } else {
                    Outcome::Damaged
                };
                Some((stored.len(), outcome))
            }
            State::Checksum => {
                let check = u32::from_le_bytes(*input.first_chunk()?);
                let is_right = check == self.content.digest();
                Some((4, if is_right { Outcome::MemberEnd } else { Outcome::Damaged }))
            }
        }
    }

    fn header(&mut self, input: &[u8]) -> Option<(usize, Outcome)> {
        if super::is_skippable(input) {
            let size = u32::from_le_bytes(*input.get(4..8)?.first_chunk()?) as usize;
            self.state = State::Skip(size);
            // An empty one is at its end at once; the next step says so.
            return Some((8, if size == 0 { Outcome::MemberEnd } else { Outcome::More }));
        }
        let damaged = |consumed| Some((consumed, Outcome::Damaged));
        let &[flags, block] = input.get(MAGIC_BYTES..)?.first_chunk()?;
        let is_version_1 = flags >> 6 == 1 && flags & 2 == 0;
        let block_bytes = match block >> 4 {
            size @ 4..=7 if block & 0x0f == 0 => 1 << (8 + 2 * size),
            _ => 0,
        };
        if !is_version_1 || block_bytes == 0 {
            return damaged(MAGIC_BYTES + 2);
        }
        let mut length = MAGIC_BYTES + 2;
        let mut content_size = None;
        if flags & 8 != 0 {
            content_size = Some(u64::from_le_bytes(*input.get(length..)?.first_chunk()?));
            length += 8;
        }
        if flags & 1 != 0 {
            // A dictionary that the file does not hold.
            return damaged(length);
        }
        let check = *input.get(length)?;
        #[expect(clippy::cast_possible_truncation, reason = "the second byte of the hash")]
        let expected = (xxh32(&input[MAGIC_BYTES..length], 0) >> 8) as u8;
        if check != expected {
            return damaged(length + 1);
        }
        self.flags = Flags {
            has_linked_blocks: flags & 32 == 0,
            has_block_checksums: flags & 16 != 0,
            has_content_checksum: flags & 4 != 0,
            content_size,
            block_bytes,
        };
        self.state = State::BlockSize;
        Some((length + 1, Outcome::More))
    }

    /// Decodes a block behind the history; tells whether it could be.
    fn decode(&mut self, data: &[u8], is_stored: bool) -> bool {
        if self.flags.has_linked_blocks {
            let from = self.end.saturating_sub(HISTORY);
            self.block.copy_within(from..self.end, 0);
            self.history = self.end - from;
        } else {
            self.history = 0;
        }
        self.block.resize(HISTORY + self.flags.block_bytes, 0);
        let (history, room) = self.block.split_at_mut(self.history);
        let room = &mut room[..self.flags.block_bytes];
        let decoded = if is_stored {
            room.get_mut(..data.len()).map(|room| {
                room.copy_from_slice(data);
                data.len()
            })
        } else if history.is_empty() {
            decompress_into(data, room).ok()
        } else {
            decompress_into_with_dict(data, room, history).ok()
        };
        self.given = self.history;
        self.end = self.history + decoded.unwrap_or(0);
        if self.flags.has_content_checksum {
            self.content.update(&self.block[self.given..self.end]);
        }
        self.produced += (self.end - self.given) as u64;
        decoded.is_some()
    }
}
