//! ZIP archives ([PKWARE's APPNOTE](https://support.pkware.com/pkzip/appnote), ZIP64 included), as far
//! as [WACZ](https://specs.webrecorder.net/wacz/1.1.1/) needs them: which files are in them and where.
//!
//! The list at the end of the archive is what counts. It is read by ranges; what lies between, the
//! WARC files, is not. Encrypted files and archives of several volumes are not read.

use std::ops::Range;

use super::ReadError;
use super::ranges::Ranges;

/// The shortest end record, and the longest comment behind it.
const END_BYTES: u64 = 22;
const MAX_COMMENT_BYTES: u64 = 65_535;

/// The longest list of files that is read.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// How a file in an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Not at all.
    Stored,
    /// Bare deflate.
    Deflated,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name as it stands in the archive; bytes that are not UTF-8 are replaced.
    pub(super) name: String,
    /// How it is compressed.
    pub(super) method: Method,
    /// Its size in the archive.
    pub(super) stored_bytes: u64,
    /// Its size when unpacked, as the archive says.
    pub(super) bytes: u64,
    /// CRC-32 of the unpacked file, as the archive says.
    pub(super) crc32: u32,
    /// Where its own header begins.
    header: u64,
}

impl Entry {
    /// Whether WACZ says that it is a WARC file.
    pub(super) fn is_warc(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let stem = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = stem.rsplit_once('.').map(|(_, extension)| extension);
        name.starts_with("archive/") && matches!(extension, Some("warc" | "arc"))
    }
}

/// Why an archive, or a file in it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    /// There is no end record.
    #[error("it is not a ZIP archive, or it is cut off: it has no list of files at its end")]
    NoEnd,
    /// The list of files cannot be read.
    #[error("its list of files is damaged at byte {0}")]
    BadList(u64),
    /// The archive is in several parts.
    #[error("it is one part of an archive in several")]
    Parts,
    /// The list of files is too long.
    #[error("its list of files is longer than 256 MiB")]
    LongList,
    /// A file's own header is not where the list says.
    #[error("`{0}` is not where its list of files says")]
    BadEntry(String),
    /// A file is encrypted.
    #[error("`{0}` is encrypted")]
    Encrypted(String),
    /// A file is compressed in another way.
    #[error("`{name}` is compressed with method {method}; only stored and deflated files are read")]
    Method {
        /// The file's name.
        name: String,
        /// The number of the method.
        method: u16,
    },
}

/// The files of an archive, in the order of its list. Folders are left out; a file that is encrypted
/// or compressed in an unknown way is a [`Damage`] in its place.
///
/// # Errors
/// When the storage fails; the inner error when it is no archive that can be read.
pub(crate) fn entries(
    file: &mut impl Ranges,
) -> Result<Result<Vec<Result<Entry, Damage>>, Damage>, ReadError> {
    let list = match find_list(file)? {
        Ok(list) => list,
        Err(damage) => return Ok(Err(damage)),
    };
    if list.end - list.start > MAX_LIST_BYTES {
        return Ok(Err(Damage::LongList));
    }
    let bytes = file.read_range(list.clone())?;
    let mut entries = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match entry(&bytes[at..]) {
            Some((length, found)) => {
                at += length;
                entries.extend(found);
            }
            None => return Ok(Err(Damage::BadList(list.start + at as u64))),
        }
    }
    Ok(Ok(entries))
}

/// Where the bytes of a file lie in the archive.
///
/// # Errors
/// When the storage fails; the inner error when they are not where the list says.
pub(crate) fn data(
    file: &mut impl Ranges,
    entry: &Entry,
) -> Result<Result<Range<u64>, Damage>, ReadError> {
    let damage = || Damage::BadEntry(entry.name.clone());
    let size = file.size();
    if entry.header.checked_add(30).is_none_or(|end| end > size) {
        return Ok(Err(damage()));
    }
    let header = file.read_range(entry.header..entry.header + 30)?;
    let lengths = number(&header, 26, 2).zip(number(&header, 28, 2));
    let range = lengths.filter(|_| header.starts_with(b"PK\x03\x04")).and_then(|(name, extra)| {
        let start = entry.header + 30 + name + extra;
        Some(start..start.checked_add(entry.stored_bytes).filter(|&end| end <= size)?)
    });
    Ok(range.ok_or_else(damage))
}

/// Where the list of files lies.
fn find_list(file: &mut impl Ranges) -> Result<Result<Range<u64>, Damage>, ReadError> {
    let size = file.size();
    let from = size.saturating_sub(END_BYTES + MAX_COMMENT_BYTES);
    let bytes = file.read_range(from..size)?;
    // A comment may hold the mark, too: the one whose comment fills the file is the right one.
    let end = memchr::memmem::rfind_iter(&bytes, b"PK\x05\x06").find(|&at| {
        number(&bytes, at + 20, 2)
            .is_some_and(|comment| at as u64 + END_BYTES + comment == bytes.len() as u64)
    });
    let Some(end) = end else {
        return Ok(Err(Damage::NoEnd));
    };
    let field = |at, width| number(&bytes, end + at, width).unwrap_or(u64::MAX);
    let (mut length, mut start) = (field(12, 4), field(16, 4));
    let end_at = from + end as u64;
    let locator = end_at
        .checked_sub(20)
        .filter(|_| field(10, 2) == 0xffff || length == 0xffff_ffff || start == 0xffff_ffff);
    if let Some(locator) = locator {
        let found = file.read_range(locator..locator + 20)?;
        if found.starts_with(b"PK\x06\x07") {
            let at = number(&found, 8, 8).unwrap_or(u64::MAX);
            if at.checked_add(56).is_none_or(|end| end > size) {
                return Ok(Err(Damage::BadList(locator)));
            }
            let record = file.read_range(at..at + 56)?;
            let fields = number(&record, 40, 8).zip(number(&record, 48, 8));
            match fields.filter(|_| record.starts_with(b"PK\x06\x06")) {
                Some(fields) => (length, start) = fields,
                None => return Ok(Err(Damage::BadList(at))),
            }
        }
    } else if field(4, 2) != 0 || field(6, 2) != 0 {
        return Ok(Err(Damage::Parts));
    }
    Ok(match start.checked_add(length).filter(|&end| end <= end_at) {
        Some(end) => Ok(start..end),
        None => Err(Damage::BadList(start.min(size))),
    })
}

/// One line of the list: its length, and the file if it is none of a folder.
fn entry(bytes: &[u8]) -> Option<(usize, Option<Result<Entry, Damage>>)> {
    if !bytes.starts_with(b"PK\x01\x02") {
        return None;
    }
    let field = |at, width| number(bytes, at, width);
    let size = |at| field(at, 2).and_then(|size| usize::try_from(size).ok());
    let (name, extra, comment) = (size(28)?, size(30)?, size(32)?);
    let length = 46 + name + extra + comment;
    if bytes.len() < length {
        return None;
    }
    let (flags, method) = (field(8, 2)?, field(10, 2)?);
    let extra = &bytes[46 + name..46 + name + extra];
    let name = String::from_utf8_lossy(&bytes[46..46 + name]).into_owned();
    // Numbers that do not fit into 32 bits stand in a field of their own, in this order.
    let mut wide = wide_numbers(extra);
    let mut number = |at| {
        let short = field(at, 4)?;
        if short == 0xffff_ffff { wide.next() } else { Some(short) }
    };
    let (bytes, stored_bytes, header) = (number(24)?, number(20)?, number(42)?);
    if name.ends_with('/') {
        return Some((length, None));
    }
    let method = match method {
        _ if flags & 1 != 0 => Err(Damage::Encrypted(name.clone())),
        0 => Ok(Method::Stored),
        8 => Ok(Method::Deflated),
        other => {
            let method = u16::try_from(other).unwrap_or(u16::MAX);
            Err(Damage::Method { name: name.clone(), method })
        }
    };
    let crc32 = u32::try_from(field(16, 4)?).ok()?;
    let found = method.map(|method| Entry { name, method, stored_bytes, bytes, crc32, header });
    Some((length, Some(found)))
}

/// The 64-bit numbers of a list entry's ZIP64 field.
fn wide_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers = Vec::new();
    while let Some((kind, length)) = number(extra, 0, 2).zip(number(extra, 2, 2)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(field) = extra.get(4..length.saturating_add(4)) else {
            break;
        };
        if kind == 1 {
            numbers.extend(field.chunks_exact(8).filter_map(|chunk| number(chunk, 0, 8)));
        }
        extra = &extra[4 + length..];
    }
    numbers.into_iter()
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests;
