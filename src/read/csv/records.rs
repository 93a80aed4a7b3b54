//! Cuts the content of a CSV file into records.

use std::ops::Range;

use super::super::window::{More, Window};
use super::super::{Piece, ReadError, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};
use crate::store::Store;

/// The longest record: doubled quotes make it longer than its text, other fields stand beside it.
const MAX_RECORD_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + (64 << 10);

/// Bytes of the first line that are looked at for its delimiter.
const FIRST_LINE_BYTES: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One record, or what stands in its place.
#[derive(Debug)]
pub(super) enum Record<'a> {
    /// A record without the end of its line.
    Fields(&'a [u8]),
    /// A record that breaks the rules, or the lost remainder of the file.
    Failed(Reason),
}

/// The records of a file, each with its position.
pub(super) struct Records {
    window: Window,
    scanner: Scanner,
    /// Bytes held that the scanner has seen.
    scanned: usize,
    /// Where the record starts that is too long to be held.
    too_long: Option<Position>,
    finished: bool,
    max_bytes: usize,
}

impl Records {
    /// Opens a file. Without a delimiter, the one that stands most often in the first line is taken.
    pub(super) fn open(
        store: &Store,
        piece: &Piece,
        delimiter: Option<u8>,
        quote: Option<u8>,
    ) -> Result<Self, ReadError> {
        let mut window = Window::open(store, piece)?;
        while window.held().len() < FIRST_LINE_BYTES
            && memchr::memchr(b'\n', window.held()).is_none()
            && window.more()? == More::Bytes
        {}
        if window.held().starts_with(BYTE_ORDER_MARK) {
            window.take(BYTE_ORDER_MARK.len());
        }
        let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(window.held(), quote));
        Ok(Self {
            window,
            scanner: Scanner { delimiter, quote, state: State::FieldStart },
            scanned: 0,
            too_long: None,
            finished: false,
            max_bytes: MAX_RECORD_BYTES,
        })
    }

    #[cfg(test)]
    pub(super) fn limit(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.scanner.delimiter
    }

    /// The next record that is not a blank line.
    pub(super) fn next(&mut self) -> Result<Option<(Position, Record<'_>)>, ReadError> {
        while !self.finished {
            let unseen = &self.window.held()[self.scanned..];
            if let Some((at, malformed)) = self.scanner.scan(unseen) {
                let length = self.scanned + at;
                if let Some((position, found)) = self.finish(length, 1, malformed) {
                    return Ok(Some((position, self.show(found))));
                }
                continue;
            }
            self.scanned = self.window.held().len();
            if self.too_long.is_some() || self.scanned > self.max_bytes {
                let start = self.window.position();
                self.too_long.get_or_insert(start);
                self.window.take(self.scanned);
                self.scanned = 0;
            }
            match self.window.more()? {
                More::Bytes => {}
                More::Lost(reason) => {
                    // Whether the next byte that can be read is quoted, nobody knows.
                    self.finished = true;
                    let start = self.window.position();
                    let position = self.too_long.take().unwrap_or(start);
                    return Ok(Some((position, Record::Failed(reason))));
                }
                More::End => {
                    self.finished = true;
                    let malformed = self.scanner.is_open();
                    if (self.scanned > 0 || self.too_long.is_some())
                        && let Some((position, found)) = self.finish(self.scanned, 0, malformed)
                    {
                        return Ok(Some((position, self.show(found))));
                    }
                }
            }
        }
        Ok(None)
    }

    fn show(&self, found: Result<Range<usize>, Reason>) -> Record<'_> {
        match found {
            Ok(range) => Record::Fields(self.window.taken(range)),
            Err(reason) => Record::Failed(reason),
        }
    }

    /// Judges a record of `length` bytes, behind which stands a line end of `end` bytes.
    fn finish(
        &mut self,
        length: usize,
        end: usize,
        malformed: bool,
    ) -> Option<(Position, Result<Range<usize>, Reason>)> {
        let position = self.window.position();
        let mut range = self.window.take(length);
        self.window.take(end);
        self.scanned = 0;
        self.scanner.state = State::FieldStart;
        if let Some(start) = self.too_long.take() {
            return Some((start, Err(reasons::TOO_LARGE)));
        }
        if malformed {
            return Some((position, Err(reasons::MALFORMED_CSV)));
        }
        if self.window.taken(range.clone()).ends_with(b"\r") {
            range.end -= 1;
        }
        (!range.is_empty()).then_some((position, Ok(range)))
    }
}

/// The delimiter that stands most often in the first line outside of quotes; the comma where none
/// does.
fn likely_delimiter(bytes: &[u8], quote: Option<u8>) -> u8 {
    let candidates = [b',', b'\t', b';', b'|'];
    let mut counts = [0_usize; 4];
    let mut quoted = false;
    for &byte in bytes.iter().take(FIRST_LINE_BYTES) {
        if Some(byte) == quote {
            quoted = !quoted;
        } else if byte == b'\n' && !quoted {
            break;
        } else if let (false, Some(at)) =
            (quoted, candidates.iter().position(|&candidate| candidate == byte))
        {
            counts[at] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    counts.iter().position(|&count| count == most).map_or(b',', |at| candidates[at])
}

/// Finds where records end.
struct Scanner {
    delimiter: u8,
    quote: Option<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote within quotes: either the field ends or the quote is doubled.
    QuoteSeen,
    /// Behind a CR that follows a quoted field.
    CarriageReturn,
    /// Behind what cannot follow a quoted field. The line is given up: a quote further on in it
    /// would be as doubtful.
    Malformed,
}

impl Scanner {
    /// Goes on over bytes not seen before; gives where the LF stands that ends the record, and
    /// whether the record is malformed.
    fn scan(&mut self, bytes: &[u8]) -> Option<(usize, bool)> {
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            match self.state {
                State::FieldStart if Some(byte) == self.quote => {
                    self.state = State::Quoted;
                    at += 1;
                }
                State::FieldStart => self.state = State::Plain,
                State::Plain => {
                    let rest = &bytes[at..];
                    let found = match self.quote {
                        Some(_) => memchr::memchr2(b'\n', self.delimiter, rest),
                        // Where nothing is quoted a line is a record.
                        None => memchr::memchr(b'\n', rest),
                    };
                    at += found?;
                    if bytes[at] == b'\n' {
                        return Some((at, false));
                    }
                    self.state = State::FieldStart;
                    at += 1;
                }
                State::Quoted => {
                    at += memchr::memchr(self.quote.unwrap_or(b'"'), &bytes[at..])? + 1;
                    self.state = State::QuoteSeen;
                }
                State::QuoteSeen | State::CarriageReturn => {
                    self.state = match (self.state, byte) {
                        (_, b'\n') => return Some((at, false)),
                        (State::QuoteSeen, b'\r') => State::CarriageReturn,
                        (State::QuoteSeen, byte) if Some(byte) == self.quote => State::Quoted,
                        (State::QuoteSeen, byte) if byte == self.delimiter => State::FieldStart,
                        _ => State::Malformed,
                    };
                    at += 1;
                }
                State::Malformed => {
                    let end = memchr::memchr(b'\n', &bytes[at..])?;
                    return Some((at + end, true));
                }
            }
        }
        None
    }

    /// Whether a record that ends here is not complete.
    fn is_open(&self) -> bool {
        matches!(self.state, State::Quoted | State::Malformed)
    }
}
