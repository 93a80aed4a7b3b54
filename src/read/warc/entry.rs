//! Where records begin: at the start of a member, and in the middle of plain bytes.

use super::super::ReadError;
use super::super::ranges::Ranges;
use super::arc;
use super::header::{Header, MAX_HEADER_BYTES, Parsed, is_version, number};

/// How many bytes of a member [`is_entry`] wants to see, if the member has as many.
pub(super) const ENTRY_BYTES: usize = 4 << 10;

/// Bytes looked through at a time, and of each link of a chain.
const WINDOW_BYTES: u64 = 256 << 10;
const LINK_BYTES: u64 = 8 << 10;

/// Records that must follow one another for a line to be believed.
const CHAIN: usize = 3;

/// The longest run of line ends between two records of a chain.
const MAX_GAP: usize = 64;

/// Whether a member that begins with these bytes begins with a record.
pub(crate) fn is_entry(first_bytes: &[u8]) -> bool {
    let first_bytes = &first_bytes[..first_bytes.len().min(ENTRY_BYTES)];
    let Some(end) = memchr::memchr(b'\n', first_bytes) else {
        return false;
    };
    let line = &first_bytes[..end];
    is_version(line) || arc::Line::parse(line).is_some_and(|line| line.is_plausible())
}

/// What [`find_start`] comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A record begins here.
    At(usize),
    /// Perhaps one begins here; more bytes will tell.
    Unsure(usize),
    Nothing,
}

/// The first place at `from` (at least 1) or behind it where a line begins that looks like a record
/// with a header. Places that end too early to tell are passed over when `all` bytes are given.
pub(super) fn find_start(bytes: &[u8], from: usize, arc: bool, all: bool) -> Found {
    let unsure = |at| if all { None } else { Some(Found::Unsure(at)) };
    let is_candidate = |at: &usize| *at > 0 && bytes[at - 1] == b'\n';
    let check = |at| if arc { arc_start(&bytes[at..]) } else { warc_start(&bytes[at..]) };
    let decide = |at| match check(at) {
        Some(true) => Some(Found::At(at)),
        Some(false) => None,
        None => unsure(at),
    };
    let from = from.min(bytes.len());
    let found = if arc {
        let from = from.saturating_sub(1);
        memchr::memchr_iter(b'\n', &bytes[from..])
            .map(|at| from + at + 1)
            .filter(|&at| at < bytes.len())
            .find_map(decide)
    } else {
        memchr::memmem::find_iter(&bytes[from..], b"WARC/")
            .map(|at| from + at)
            .filter(is_candidate)
            .find_map(decide)
    };
    found.unwrap_or(Found::Nothing)
}

/// Whether a WARC record with a type and a length begins; `None` where more bytes must tell.
fn warc_start(bytes: &[u8]) -> Option<bool> {
    let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(32)]) else {
        return if bytes.len() < 32 { None } else { Some(false) };
    };
    if !is_version(&bytes[..end]) {
        return Some(false);
    }
    let mut header = Header::default();
    match header.parse(&bytes[end + 1..]) {
        Parsed::Block(_) => {
            let length = header.get("content-length").and_then(number);
            Some(length.is_some() && header.filled("warc-type").is_some())
        }
        Parsed::Incomplete => None,
        Parsed::Bad => Some(false),
    }
}

fn arc_start(bytes: &[u8]) -> Option<bool> {
    match memchr::memchr(b'\n', bytes) {
        Some(end) => Some(arc::Line::parse(&bytes[..end]).is_some_and(|line| line.is_plausible())),
        None if bytes.len() > arc::MAX_LINE_BYTES => Some(false),
        None => None,
    }
}

/// The first record of a plain file that begins at byte `from` or behind it.
///
/// A line that looks like the start of a record is believed when its length leads to the next one,
/// and that one's on, for three records or to the end of the file; so a page that shows a WARC file
/// is not taken for one. Two tasks that ask for the same place get the same answer, whatever the
/// records before it look like: the one that reads up to `from` stops at what the next one begins
/// with. Only headers are read of records behind the line.
///
/// # Errors
/// When the storage fails.
pub(crate) fn find_entry(file: &mut impl Ranges, from: u64) -> Result<Option<u64>, ReadError> {
    if from == 0 {
        return Ok(Some(0));
    }
    let size = file.size();
    let arc = file.read_range(0..size.min(9))? == b"filedesc:";
    let (mut base, mut width) = (from - 1, WINDOW_BYTES);
    while base < size {
        let end = base.saturating_add(width).min(size);
        let bytes = file.read_range(base..end)?;
        let mut at = 1;
        let unsure = loop {
            match find_start(&bytes, at, arc, end == size) {
                Found::At(found) => {
                    if holds(file, base + found as u64, arc)? {
                        return Ok(Some(base + found as u64));
                    }
                    at = found + 1;
                }
                Found::Unsure(found) => break Some(found),
                Found::Nothing => break None,
            }
        };
        if end == size {
            break;
        }
        // The byte before a line must be seen again with it.
        let next = unsure.unwrap_or(bytes.len().saturating_sub(8)).max(2) - 1;
        width =
            if unsure.is_some() { WINDOW_BYTES + MAX_HEADER_BYTES as u64 } else { WINDOW_BYTES };
        base += next as u64;
    }
    Ok(None)
}

/// Whether records follow one another from `at` on.
fn holds(file: &mut impl Ranges, mut at: u64, arc: bool) -> Result<bool, ReadError> {
    let size = file.size();
    for _ in 0..CHAIN {
        let Some(length) = record_length(file, at, arc)? else {
            return Ok(false);
        };
        let Some(end) = at.checked_add(length).filter(|&end| end <= size) else {
            return Ok(false);
        };
        let follows = file.read_range(end..end.saturating_add(MAX_GAP as u64).min(size))?;
        let gap = follows.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
        at = end + gap as u64;
        if at == size {
            return Ok(true);
        }
        if gap == MAX_GAP {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The length of the record at `at`, its header included, if there is one.
fn record_length(file: &mut impl Ranges, at: u64, arc: bool) -> Result<Option<u64>, ReadError> {
    let size = file.size();
    for width in [LINK_BYTES, MAX_HEADER_BYTES as u64 + LINK_BYTES] {
        let end = at.saturating_add(width).min(size);
        let bytes = file.read_range(at..end)?;
        let Some(line) = memchr::memchr(b'\n', &bytes) else {
            continue;
        };
        if arc {
            let parsed = arc::Line::parse(&bytes[..line]);
            let length = parsed.filter(arc::Line::is_plausible).and_then(|l| l.content_length());
            return Ok(length.and_then(|length| length.checked_add(line as u64 + 1)));
        }
        if !is_version(&bytes[..line]) {
            return Ok(None);
        }
        let mut header = Header::default();
        match header.parse(&bytes[line + 1..]) {
            Parsed::Block(block) => {
                let length = header.get("content-length").and_then(number);
                return Ok(length.and_then(|length| length.checked_add((line + 1 + block) as u64)));
            }
            Parsed::Incomplete if end < size => {}
            Parsed::Incomplete | Parsed::Bad => return Ok(None),
        }
    }
    Ok(None)
}
