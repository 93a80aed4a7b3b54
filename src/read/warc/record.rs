//! Records one after another, and the way to the next one where one is damaged.

use std::ops::Range;

use super::super::decompress::Content;
use super::super::{ReadError, reasons};
use super::arc;
use super::entry::{ENTRY_BYTES, Found, find_start, is_entry};
use super::head::{Head, arc_head, may_begin_arc, warc_head};
use super::header::{Header, MAX_HEADER_BYTES};
use super::kind::{Counts, Kind};
use super::window::{Stop, Window};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};

/// The longest block of a record that is of no interest and still held, so that the next record can
/// be found within it if its length lies.
const MAX_IDLE_BYTES: usize = 4 << 20;

/// How much of a block is shown to find out whether it is of interest.
const GLIMPSE_BYTES: usize = 16 << 10;

/// The most members that one record may lie in: block compressors make some thousands of the longest.
const MAX_MEMBERS: usize = 1 << 16;

/// The longest run of line ends behind a record that is looked past.
const MAX_GAP_BYTES: usize = 64 << 10;

/// A whole record, or what stands in its place.
pub(super) enum Item<'a> {
    Record(Record<'a>),
    Failed(Reason),
}

/// A record that may be a document.
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) header: &'a Header,
    /// What its Content-Length counts.
    pub(super) block: &'a [u8],
}

/// What reading a block comes to: where it lies, why the record failed, or nothing if it is of a
/// kind that is only counted.
type Block = Option<Result<Range<usize>, Reason>>;

/// What stands where bytes of a record are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Short {
    /// A member, at this offset, that begins with a record.
    Entry(usize),
    Lost(Reason),
    End,
}

/// What stands behind a record.
enum Behind {
    /// The end of the file, a member or a record: here.
    Good(usize),
    Lost(Reason),
    /// Something else.
    Bad,
}

/// Cuts content into records.
pub(super) struct Records {
    window: Window,
    header: Header,
    counts: Counts,
    /// The size of a plain file: no record can be longer than what is left of it.
    size: Option<u64>,
    /// Records of a plain file that begin here or behind it belong to another piece.
    plain_until: u64,
    /// Whether the file is ARC; told by the first record of either kind.
    arc: bool,
    /// Bytes of the record handed over last.
    handed_over: usize,
    /// Members that begin up to this offset do not begin with a record.
    checked: usize,
    /// What stands here belongs to damage that has its row already.
    reported: bool,
    finished: bool,
    max_block: usize,
}

impl Records {
    /// Records of `content`, which begins with one, or with the file. Of a plain file, `size` is its
    /// size and `plain_until` the record that [`super::find_entry`] finds at the end of the piece.
    pub(super) fn new(content: Content, plain_until: u64, size: Option<u64>) -> Self {
        Self {
            window: Window::new(content),
            header: Header::default(),
            counts: Counts::default(),
            size,
            plain_until,
            arc: false,
            handed_over: 0,
            checked: 0,
            reported: false,
            finished: false,
            max_block: MAX_DOCUMENT_BYTES + MAX_HEADER_BYTES,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.window.capacity()
    }

    /// Longer blocks are not held.
    #[cfg(test)]
    pub(super) fn set_max_block(&mut self, bytes: usize) {
        self.max_block = bytes;
    }

    /// The next record that may be a document, or what is wrong with it. `unwanted` is asked about
    /// long records, given a header and the first bytes of a block, so that they need not be held.
    pub(super) fn next(
        &mut self,
        mut unwanted: impl FnMut(Kind, &Header, &[u8]) -> Option<Reason>,
    ) -> Result<Option<(Position, Item<'_>)>, ReadError> {
        self.advance(self.handed_over);
        self.handed_over = 0;
        while !self.finished {
            if !self.reach_next()? {
                continue;
            }
            let position = self.window.position();
            let Some(head) = self.read_header()? else {
                continue;
            };
            let block = match head {
                Ok((kind, start, length)) => self.read_block(kind, start, length, &mut unwanted)?,
                Err(reason) => Some(Err(reason)),
            };
            match (head, block) {
                (Ok((kind, ..)), Some(Ok(block))) => {
                    let block = &self.window.bytes()[block];
                    let record = Record { kind, header: &self.header, block };
                    return Ok(Some((position, Item::Record(record))));
                }
                (_, Some(Err(reason))) => return Ok(Some((position, Item::Failed(reason)))),
                _ => {}
            }
        }
        Ok(None)
    }

    fn advance(&mut self, count: usize) {
        self.window.advance(count);
        self.checked = 0;
    }

    /// Goes to the next byte that is not a line end; `false` if there is none to be read here.
    /// Bytes that are lost between records are left for [`Self::read_header`].
    fn reach_next(&mut self) -> Result<bool, ReadError> {
        let bytes = self.window.bytes();
        let blank = bytes.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
        self.advance(blank);
        if self.window.len() == 0 {
            if self.window.more()? {
                return Ok(false);
            }
            match self.window.stop() {
                Some(Stop::Lost(..)) if self.reported => {
                    self.window.pass_lost();
                    return Ok(false);
                }
                Some(Stop::Lost(..)) => return Ok(true),
                Some(Stop::End | Stop::Boundary) | None => {
                    self.finished = true;
                    return Ok(false);
                }
            }
        }
        // Where a compressed file's task ends, its content does.
        let position = self.window.position();
        self.finished = position.member == Position::PLAIN && position.offset >= self.plain_until;
        Ok(!self.finished)
    }

    /// Whether the member that begins at this offset begins with a record.
    fn is_entry(&mut self, at: usize) -> Result<bool, ReadError> {
        loop {
            let bytes = &self.window.bytes()[at..];
            let end = self.window.next_member(at + 1).map_or(bytes.len(), |end| end - at);
            let first = &bytes[..end.min(ENTRY_BYTES)];
            let is_cut = first.len() < ENTRY_BYTES
                && end == bytes.len()
                && memchr::memchr(b'\n', first).is_none();
            let verdict = is_entry(first);
            if !is_cut || !self.window.more()? {
                return Ok(verdict);
            }
        }
    }

    /// Sees to it that `count` bytes are held, none of which begins another record's member.
    fn need(&mut self, count: usize) -> Result<Result<(), Short>, ReadError> {
        loop {
            while let Some(at) = self.window.next_member(self.checked + 1) {
                if at >= count {
                    break;
                }
                if self.window.member_count() > MAX_MEMBERS {
                    return Ok(Err(Short::Entry(at)));
                }
                if self.is_entry(at)? {
                    return Ok(Err(Short::Entry(at)));
                }
                self.checked = at;
            }
            if self.window.len() >= count {
                return Ok(Ok(()));
            }
            if !self.window.more()? {
                return Ok(Err(match self.window.stop() {
                    Some(Stop::Lost(_, reason)) => Short::Lost(reason),
                    Some(Stop::Boundary) => Short::Entry(self.window.len()),
                    Some(Stop::End) | None => Short::End,
                }));
            }
        }
    }

    /// Reads the header of the record that should begin here: its kind, where its block begins and
    /// how long it is. Nothing where damage that has its row already goes on.
    #[expect(clippy::type_complexity, reason = "one caller takes it apart")]
    fn read_header(&mut self) -> Result<Option<Result<(Kind, usize, u64), Reason>>, ReadError> {
        let mut wanted = 1;
        loop {
            if let Err(short) = self.need(wanted)? {
                let reported = self.reported;
                let reason = self.damage(0, short);
                return Ok((!reported).then_some(Err(reason)));
            }
            // A member behind the bytes needed may be another record's.
            let end = self.window.next_member(self.checked + 1).unwrap_or(self.window.len());
            let bytes = &self.window.bytes()[..end];
            let parsed = if self.arc {
                arc_head(&mut self.header, bytes)
            } else {
                warc_head(&mut self.header, bytes)
            };
            match parsed {
                Ok(Some(Head { kind, start, length })) => {
                    self.arc |= !bytes.starts_with(b"WARC/");
                    self.counts.add(kind);
                    self.reported = false;
                    let Some(length) = length else {
                        self.recover(start)?;
                        return Ok(Some(Err(reasons::WRONG_CONTENT_LENGTH)));
                    };
                    return Ok(Some(Ok((kind, start, length))));
                }
                Ok(None) => wanted = end + 1,
                Err(()) => {
                    let reported = self.reported;
                    self.recover(1)?;
                    return Ok((!reported).then_some(Err(reasons::BAD_WARC_HEADER)));
                }
            }
        }
    }

    /// Reads the block of a record.
    fn read_block(
        &mut self,
        kind: Kind,
        start: usize,
        length: u64,
        unwanted: &mut impl FnMut(Kind, &Header, &[u8]) -> Option<Reason>,
    ) -> Result<Block, ReadError> {
        let position = self.window.position();
        let behind_file = self.size.is_some_and(|size| {
            let from = position.offset + start as u64;
            position.member == Position::PLAIN && length > size.saturating_sub(from)
        });
        if behind_file {
            let found = self.recover(start)?;
            let reason = if found { reasons::WRONG_CONTENT_LENGTH } else { reasons::TRUNCATED };
            return Ok(Some(Err(reason)));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut verdict = (length > self.max_block).then_some(reasons::TOO_LARGE);
        if length > MAX_IDLE_BYTES && verdict.is_none() {
            if kind.is_input() {
                if let Err(short) = self.need(start + GLIMPSE_BYTES)? {
                    return Ok(Some(Err(self.damage(start, short))));
                }
                let glimpse = &self.window.bytes()[start..start + GLIMPSE_BYTES];
                verdict = unwanted(kind, &self.header, glimpse);
            }
            if verdict.is_some() || !kind.is_input() {
                return self.skip_block(kind, start, length, verdict);
            }
        }
        if verdict.is_some() {
            return self.skip_block(kind, start, length, verdict);
        }
        let end = start + length;
        if let Err(short) = self.need(end)? {
            return Ok(Some(Err(self.damage(start, short))));
        }
        match self.behind(end)? {
            Behind::Good(behind) => self.handed_over = behind,
            Behind::Lost(reason) => {
                return Ok(Some(Err(self.damage(start, Short::Lost(reason)))));
            }
            Behind::Bad => {
                self.recover(start)?;
                return Ok(Some(Err(reasons::WRONG_CONTENT_LENGTH)));
            }
        }
        if kind.is_input() {
            return Ok(Some(Ok(start..end)));
        }
        let done = std::mem::take(&mut self.handed_over);
        self.advance(done);
        Ok(None)
    }

    /// Passes over a long block without holding it.
    fn skip_block(
        &mut self,
        kind: Kind,
        start: usize,
        length: usize,
        verdict: Option<Reason>,
    ) -> Result<Block, ReadError> {
        let mut left = start.saturating_add(length);
        let mut fault = None;
        while left > 0 && fault.is_none() {
            // One more, so that a member which begins here is not given up unseen.
            let step = left.min(GLIMPSE_BYTES);
            match self.need(step)? {
                Ok(()) => {
                    self.advance(step);
                    left -= step;
                    self.check_first_member()?;
                    if left > 0 && self.starts_entry()? {
                        fault = Some(Short::Entry(0));
                    }
                }
                Err(short) => fault = Some(short),
            }
        }
        let damaged = match fault {
            Some(short) => Some(self.damage(1, short)),
            None => match self.behind(0)? {
                Behind::Good(behind) => {
                    self.advance(behind);
                    None
                }
                Behind::Lost(reason) => Some(self.damage(1, Short::Lost(reason))),
                Behind::Bad => {
                    self.recover(0)?;
                    Some(reasons::WRONG_CONTENT_LENGTH)
                }
            },
        };
        let reason = if kind.is_input() { verdict.or(damaged) } else { damaged };
        Ok(reason.map(Err))
    }

    fn starts_entry(&mut self) -> Result<bool, ReadError> {
        Ok(self.window.next_member(0) == Some(0) && self.is_entry(0)?)
    }

    /// Reads on where nothing is held, so that a member which begins here is known.
    fn check_first_member(&mut self) -> Result<(), ReadError> {
        if self.window.len() == 0 {
            self.window.more()?;
        }
        Ok(())
    }

    /// Looks behind a block that ends at `at`: past line ends.
    fn behind(&mut self, mut at: usize) -> Result<Behind, ReadError> {
        let limit = at.saturating_add(MAX_GAP_BYTES);
        loop {
            if self.window.next_member(at) == Some(at) || at == limit {
                return Ok(Behind::Good(at));
            }
            match self.window.bytes().get(at).copied() {
                Some(b'\r' | b'\n') => at += 1,
                Some(_) => break,
                None if self.window.more()? => {}
                None => {
                    return Ok(match self.window.stop() {
                        // Of a member of which nothing could be decoded, nothing is the record's.
                        Some(Stop::Lost(from, reason)) if from.offset > 0 => Behind::Lost(reason),
                        _ => Behind::Good(at),
                    });
                }
            }
        }
        loop {
            let end = self.window.next_member(at).unwrap_or(self.window.len());
            let bytes = &self.window.bytes()[at..end];
            let good = if self.arc {
                match memchr::memchr(b'\n', bytes) {
                    Some(end) => Some(arc::Line::parse(&bytes[..end]).is_some()),
                    None if may_begin_arc(bytes) => None,
                    None => Some(false),
                }
            } else if bytes.len() >= 5 {
                Some(bytes.starts_with(b"WARC/"))
            } else if b"WARC/".starts_with(bytes) {
                None
            } else {
                Some(false)
            };
            match good {
                Some(true) => return Ok(Behind::Good(at)),
                Some(false) => return Ok(Behind::Bad),
                // What begins a record and ends early is for the next call to report.
                None if end < self.window.len() || !self.window.more()? => {
                    return Ok(Behind::Good(at));
                }
                None => {}
            }
        }
    }

    /// Goes on behind a record of which bytes are missing, and says why it failed. A record that
    /// begins within what there is of it shows that its length lies. `from` is where the block
    /// begins, 0 in the header.
    fn damage(&mut self, from: usize, short: Short) -> Reason {
        self.reported = true;
        let end = match short {
            Short::Entry(at) => at,
            Short::Lost(_) | Short::End => self.window.len(),
        };
        let held = &self.window.bytes()[..end];
        if let Found::At(found) = find_start(held, from.max(1), self.arc, true) {
            self.advance(found);
            return reasons::WRONG_CONTENT_LENGTH;
        }
        match short {
            Short::Entry(at) => {
                self.advance(at);
                if from > 0 { reasons::WRONG_CONTENT_LENGTH } else { reasons::BAD_WARC_HEADER }
            }
            Short::Lost(reason) => {
                self.window.pass_lost();
                self.checked = 0;
                reason
            }
            Short::End => {
                self.advance(end);
                reasons::TRUNCATED
            }
        }
    }

    /// Goes to the next record that begins at `from` or behind it; `false` at the end.
    fn recover(&mut self, from: usize) -> Result<bool, ReadError> {
        self.reported = true;
        self.advance(from.saturating_sub(1));
        loop {
            let member = self.window.next_member(1);
            let end = member.unwrap_or(self.window.len());
            // What stands at the end of a member has no more bytes to wait for.
            let all = member.is_some() || self.window.stop().is_some();
            let keep = match find_start(&self.window.bytes()[..end], 1, self.arc, all) {
                Found::At(found) => {
                    self.advance(found);
                    return Ok(true);
                }
                Found::Unsure(found) => found - 1,
                Found::Nothing if all => end,
                Found::Nothing => end.saturating_sub(8),
            };
            self.advance(keep);
            if member.is_some() {
                if self.starts_entry()? {
                    return Ok(true);
                }
                continue;
            }
            if self.window.more()? {
                if self.starts_entry()? {
                    return Ok(true);
                }
                continue;
            }
            match self.window.stop() {
                Some(Stop::Lost(..)) if all => {
                    self.window.pass_lost();
                    self.window.more()?;
                    if self.starts_entry()? {
                        return Ok(true);
                    }
                }
                Some(Stop::End | Stop::Boundary) if all => {
                    self.advance(self.window.len());
                    return Ok(false);
                }
                // Look once more, now that it is known that nothing follows.
                _ => {}
            }
        }
    }
}
