//! The header of one record, WARC or ARC.

use super::arc;
use super::header::{Header, Parsed, is_version, number};
use super::kind::Kind;

/// What the header of a record says.
#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: Kind,
    /// Where the block begins.
    pub(super) start: usize,
    /// How long the block is; `None` where the header does not say it.
    pub(super) length: Option<u64>,
}

/// What a WARC record's header says; `None` where more bytes are needed.
pub(super) fn warc_head(header: &mut Header, bytes: &[u8]) -> Result<Option<Head>, ()> {
    let Some(line) = memchr::memchr(b'\n', bytes) else {
        let may_begin = bytes.starts_with(b"WARC/") || b"WARC/".starts_with(bytes);
        let may_begin = (may_begin && bytes.len() < 32) || may_begin_arc(bytes);
        return if may_begin { Ok(None) } else { Err(()) };
    };
    if !is_version(&bytes[..line]) {
        // The description of an ARC file tells that it is one; at an entry in its middle, a line
        // that could be nothing else.
        let is_arc = arc::Line::parse(&bytes[..line])
            .is_some_and(|line| line.is_plausible() || line.is_file_description());
        return if is_arc { arc_head(header, bytes) } else { Err(()) };
    }
    match header.parse(&bytes[line + 1..]) {
        Parsed::Block(length) => Ok(Some(Head {
            kind: Kind::of_name(header.get("warc-type")),
            start: line + 1 + length,
            length: header.get("content-length").and_then(number),
        })),
        Parsed::Incomplete => Ok(None),
        Parsed::Bad => Err(()),
    }
}

/// What the first line of an ARC record says; `None` where more bytes are needed.
pub(super) fn arc_head(header: &mut Header, bytes: &[u8]) -> Result<Option<Head>, ()> {
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return if may_begin_arc(bytes) { Ok(None) } else { Err(()) };
    };
    let line = arc::Line::parse(&bytes[..end]).ok_or(())?;
    line.describe(header);
    let kind = if line.is_file_description() { Kind::ArcHeader } else { Kind::Response };
    Ok(Some(Head { kind, start: end + 1, length: line.content_length() }))
}

/// Whether these bytes may be the start of a line that begins an ARC record.
pub(super) fn may_begin_arc(bytes: &[u8]) -> bool {
    let name = bytes.iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let scheme = name == bytes.len() || bytes.get(name) == Some(&b':');
    scheme && name > 0 && bytes.len() <= arc::MAX_LINE_BYTES
}
