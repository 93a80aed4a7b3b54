//! The content of plain, gzip, zstd and lz4 files as a stream that knows its members.
//!
//! * gzip: [RFC 1952](https://www.rfc-editor.org/rfc/rfc1952); any number of members one behind the
//!   other, the checksum and length of each are checked.
//! * zstd: [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878); any number of frames, checksums are
//!   checked where they are present. Skippable frames hold no content and are not counted. A frame
//!   whose window is above 128 MiB (`zstd --long=28` and up) is taken as corrupt, so that a file
//!   cannot ask for more memory than that. A dictionary that stands in front, as
//!   [`.warc.zst`](https://iipc.github.io/warc-specifications/specifications/warc-zstd/) has it, is
//!   used for all frames.
//! * lz4: [frames](https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), any number, with
//!   their checksums.
//!
//! The format is told by the first bytes, not by the name. NUL bytes behind a member are padding
//! (tapes, some uploaders) and accepted; anything else there is damage. Behind damage the content
//! goes on with the next member that can be decoded.
//!
//! # Entering in the middle
//! A task that owns a byte range starts with the first member that begins in it. Bytes that look
//! like the start of a member stand inside compressed data too: by accident, or because a page
//! *is* a gzip file that deflate stored as it was. So a place counts as an *entry* only if what
//! stands there decodes, with its checksum, and is followed by members that do (see [`enter`]).
//! The task before reads on to the first entry at or behind its end, judged by the same rule on the
//! same bytes, so no member is read twice or never, whatever is damaged around it.

use std::ops::Range;

use super::{Part, Piece, ReadError, reasons};
use crate::document::{Position, Reason};
use crate::store::Store;

mod enter;
mod gzip;
mod input;
mod lz4;
mod members;
mod places;
mod zstd;

use input::Input;
use members::{Event, Members};
pub(super) use places::Places;

/// A member that unpacks to more than this is looked at for its ratio.
const BOMB_BYTES: u64 = 64 << 20;

/// Content per stored byte above which a member is a bomb: a little more than deflate can reach
/// (1,032). zstd reaches 32,768. [`reasons::MEMBER_BOMB`] says it.
const BOMB_RATIO: u64 = 1100;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// One or more gzip members.
    Gzip,
    /// One or more zstd frames.
    Zstd,
    /// One or more lz4 frames.
    Lz4,
}

impl Compression {
    /// The compression that the first bytes of a file tell; four are enough.
    #[must_use]
    pub fn detect(first_bytes: &[u8]) -> Self {
        match first_bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            // zstd and lz4 share these; lz4 files hardly ever begin with one.
            start if is_skippable(start) => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The bytes that each of its members begins with.
    fn magic(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Gzip => b"\x1f\x8b\x08",
            Self::Zstd => b"\x28\xb5\x2f\xfd",
            Self::Lz4 => b"\x04\x22\x4d\x18",
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

/// What [`Content::read`] gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// `len` bytes of one member, the first of which stands at `at`.
    Bytes {
        /// Where the first byte stands.
        at: Position,
        /// How many there are.
        len: usize,
    },
    /// A member begins here that another task enters the file at: a compressed file's records from
    /// here on are that task's.
    Boundary,
    /// From here on the member cannot be decoded. What comes next belongs to another member.
    Lost {
        /// Where the content breaks off.
        at: Position,
        /// `truncated`, `corrupt` or `decompression-bomb-1100x`.
        reason: Reason,
    },
    /// What stands behind a whole member is none.
    Garbage {
        /// Where it begins, as the start of a member.
        at: Position,
        /// `corrupt`, or `truncated` where it may be the first bytes of a member.
        reason: Reason,
    },
    /// There is no more, now and at all later calls.
    End,
}

/// What part of a file's content a reader wants.
#[derive(Debug, Clone)]
pub(super) struct Want {
    /// The bytes of the file that are looked at at all: all of it, or one file of an archive.
    pub(super) extent: Range<u64>,
    /// The bytes of the file that the reader's task owns.
    pub(super) owned: Range<u64>,
    /// Whether a member whose content begins like this may be entered in the middle of a file.
    pub(super) is_entry: fn(&[u8]) -> bool,
}

impl Want {
    /// All of a file.
    pub(super) fn whole(piece: &Piece) -> Self {
        Self { extent: 0..piece.size, owned: 0..u64::MAX, is_entry: |_| true }
    }

    /// What a piece's byte range owns.
    pub(super) fn owned(piece: &Piece, owned: Range<u64>) -> Self {
        Self { owned, ..Self::whole(piece) }
    }
}

/// The decompressed content of a file, from the first entry of a range on to the end of the file.
pub(super) struct Content {
    members: Members,
    want: Want,
    /// Where the next byte of content stands.
    next: Position,
    /// A member has begun and its first bytes are still to come; `Boundary` may stand before them.
    has_begun: bool,
    /// Where to look for the next member, after damage.
    resume: Option<u64>,
    is_at_end: bool,
    /// The most bytes that one call gives: small in tests.
    #[cfg(test)]
    pub(super) chunk: usize,
}

impl Content {
    /// Opens a file at the first place of the owned range that can be entered. A plain file can be
    /// entered anywhere; what is a record there is the reader's concern.
    pub(super) fn open(store: &Store, piece: &Piece, want: Want) -> Result<Self, ReadError> {
        let compression = Self::compression(store, piece, &want.extent)?;
        let start = want.owned.start.clamp(want.extent.start, want.extent.end);
        let input = Input::new(store, piece, want.extent.clone());
        let mut members = Members::new(compression, input)?;
        let mut next = Position { member: start, offset: 0 };
        // The first byte of an archive's file decides who has what cannot be entered.
        let mut is_at_end = want.owned.end <= start;
        match compression {
            _ if is_at_end => {}
            Compression::None => {
                members.move_to(start)?;
                next = Position::plain(start);
            }
            Compression::Gzip | Compression::Zstd | Compression::Lz4 => {
                let entry = if start == want.extent.start {
                    Some(start)
                } else {
                    enter::next_entry(&members, start, want.owned.end, &want)?
                };
                match entry {
                    Some(entry) => members.move_to(entry)?,
                    None => is_at_end = true,
                }
            }
        }
        Ok(Self {
            members,
            want,
            next,
            has_begun: false,
            resume: None,
            is_at_end,
            #[cfg(test)]
            chunk: usize::MAX,
        })
    }

    /// All of a file that cannot be divided, for the piece that holds its first byte.
    pub(super) fn undivided(store: &Store, piece: &Piece) -> Result<Option<Self>, ReadError> {
        check_size(store, piece)?;
        owns_whole(&piece.part).then(|| Self::open(store, piece, Want::whole(piece))).transpose()
    }

    /// How the part `extent` of the piece's file is compressed.
    pub(super) fn compression(
        store: &Store,
        piece: &Piece,
        extent: &Range<u64>,
    ) -> Result<Compression, ReadError> {
        let head = extent.start..extent.end.min(extent.start + 4);
        Ok(Compression::detect(&store.read_range(&piece.file, head)?))
    }

    /// Whether a file can be divided with profit: whether it is plain, or has small members.
    pub(super) fn is_divisible(store: &Store, piece: &Piece) -> Result<bool, ReadError> {
        match Self::compression(store, piece, &(0..piece.size))? {
            Compression::None => Ok(true),
            Compression::Gzip | Compression::Zstd | Compression::Lz4 => {
                enter::has_small_members(store, piece)
            }
        }
    }

    /// Where the next byte of content stands, or would stand if there were one.
    pub(super) fn position(&self) -> Position {
        self.next
    }

    /// Decodes some bytes, at least one, into `out`, which must not be empty.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<Chunk, ReadError> {
        #[cfg(test)]
        let room = out.len().min(self.chunk);
        #[cfg(test)]
        let out = &mut out[..room];
        loop {
            if self.is_at_end {
                return Ok(Chunk::End);
            }
            if let Some(from) = self.resume.take() {
                match enter::next_member(&self.members, from, &self.want)? {
                    Some(member) => self.members.move_to(member)?,
                    None => self.is_at_end = true,
                }
                continue;
            }
            if std::mem::take(&mut self.has_begun)
                && self.next.member >= self.want.owned.end
                && enter::is_entry(&self.members, self.next.member, &self.want)?
            {
                return Ok(Chunk::Boundary);
            }
            match self.members.next(out)? {
                Event::Begin { member } => {
                    self.next = Position { member, offset: 0 };
                    self.has_begun = true;
                }
                Event::Bytes { len } => {
                    let at = self.next;
                    self.next.offset += len as u64;
                    let stored = self.members.stored();
                    if self.next.member != Position::PLAIN
                        && self.next.offset > BOMB_BYTES
                        && self.next.offset / BOMB_RATIO > stored
                    {
                        return Ok(self.lose(at, reasons::MEMBER_BOMB));
                    }
                    return Ok(Chunk::Bytes { at, len });
                }
                Event::MemberEnd => {}
                Event::Damage { reason } => return Ok(self.lose(self.next, reason)),
                Event::Garbage { at, reason } => {
                    self.next = Position { member: at, offset: 0 };
                    self.resume = Some(at.saturating_add(1));
                    return Ok(Chunk::Garbage { at: self.next, reason });
                }
                Event::Complete => {
                    self.is_at_end = true;
                    if self.next.member != Position::PLAIN {
                        self.next = Position { member: self.want.extent.end, offset: 0 };
                    }
                }
            }
        }
    }

    fn lose(&mut self, at: Position, reason: Reason) -> Chunk {
        // The next member may stand before the place where the decoder gave up: one that was cut
        // off swallows the beginning of the one behind it.
        self.resume = Some(at.member.saturating_add(1));
        self.has_begun = false;
        Chunk::Lost { at, reason }
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
