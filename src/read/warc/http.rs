//! HTTP responses as crawlers store them ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)).

use super::super::reasons;
use super::header::{Header, MAX_HEADER_BYTES, Parsed};
use crate::document::Reason;

/// The first line and the header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The status code, where there is a status line that has one.
    pub(super) status: Option<u16>,
    /// Where the body begins.
    pub(super) body: usize,
}

/// Reads the head of a response; its fields go to `header`.
///
/// A status line may lack its text or its code. Without one (HTTP/0.9, and crawlers that store the
/// body alone) there is no head, unless the block begins with fields that say what follows. A head
/// without a blank line has no body behind it.
pub(super) fn parse_head(block: &[u8], header: &mut Header) -> Result<Head, Reason> {
    header.clear();
    let line_end = memchr::memchr(b'\n', &block[..block.len().min(MAX_HEADER_BYTES)]);
    let line = &block[..line_end.unwrap_or(block.len().min(MAX_HEADER_BYTES))];
    let has_status = line.starts_with(b"HTTP") || line.starts_with(b"ICY ");
    let (status, start) = if has_status {
        let status = line
            .split(u8::is_ascii_whitespace)
            .skip(1)
            .find(|part| !part.is_empty())
            .filter(|part| part.len() == 3 && part.iter().all(u8::is_ascii_digit))
            .and_then(|part| std::str::from_utf8(part).ok()?.parse().ok());
        (status, line_end.map_or(block.len(), |end| end + 1))
    } else {
        (None, 0)
    };
    match header.parse(&block[start..]) {
        Parsed::Block(length) if has_status || says_what_follows(header, &block[..length]) => {
            Ok(Head { status, body: start + length })
        }
        _ if !has_status => {
            header.clear();
            Ok(Head { status: None, body: 0 })
        }
        Parsed::Block(length) => Ok(Head { status, body: start + length }),
        Parsed::Incomplete => Ok(Head { status, body: block.len() }),
        Parsed::Bad if block.len() - start <= MAX_HEADER_BYTES => {
            // A line that looks like the start of a record: no header has one, so this is the body.
            header.clear();
            Ok(Head { status, body: start })
        }
        Parsed::Bad => Err(reasons::BAD_HTTP_HEADER),
    }
}

/// Whether a block of lines without a status line is a header: a field on each, and what the body
/// is among them.
fn says_what_follows(header: &Header, block: &[u8]) -> bool {
    let known = ["content-type", "content-length"].iter().any(|name| header.get(name).is_some());
    known
        && block.split(|&byte| byte == b'\n').all(|line| {
            let line = line.trim_ascii_end();
            let name = line.iter().take_while(|&&byte| byte != b':');
            line.is_empty()
                || line.starts_with(b" ")
                || line.starts_with(b"\t")
                || (line.contains(&b':')
                    && name
                        .clone()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)))
        })
}

/// The body of a message in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// The chunks were put together in the buffer.
    Joined,
    /// The body does not begin with a chunk: it is stored without them.
    None,
    /// A chunk is damaged or ends early.
    Bad,
}

/// Puts the chunks of a body together. A body may end behind any chunk: servers that close the
/// connection leave the last, empty one out.
pub(super) fn join_chunks(mut body: &[u8], joined: &mut Vec<u8>) -> Chunks {
    joined.clear();
    let mut is_first = true;
    loop {
        if body.is_empty() {
            return if is_first { Chunks::None } else { Chunks::Joined };
        }
        let Some((length, rest)) = chunk_head(body) else {
            // Line ends behind the last chunk are nobody's.
            return match (is_first, body.trim_ascii().is_empty()) {
                (true, _) => Chunks::None,
                (false, true) => Chunks::Joined,
                (false, false) => Chunks::Bad,
            };
        };
        if length == 0 {
            return if is_first && !rest.trim_ascii().is_empty() && !is_trailer(rest) {
                Chunks::None
            } else {
                Chunks::Joined
            };
        }
        let Some(chunk) = rest.get(..length) else {
            return if is_first { Chunks::None } else { Chunks::Bad };
        };
        joined.extend_from_slice(chunk);
        body = &rest[length..];
        match body {
            [b'\r', b'\n', after @ ..] | [b'\n', after @ ..] => body = after,
            [] => {}
            _ if is_first => return Chunks::None,
            _ => return Chunks::Bad,
        }
        is_first = false;
    }
}

/// The length that a chunk's first line gives, and what follows the line.
fn chunk_head(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = memchr::memchr(b'\n', &bytes[..bytes.len().min(1024)])?;
    let line = bytes[..end].split(|&byte| byte == b';').next()?.trim_ascii();
    if line.is_empty() || line.len() > 8 || !line.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let length = u32::from_str_radix(std::str::from_utf8(line).ok()?, 16).ok()?;
    Some((usize::try_from(length).ok()?, &bytes[end + 1..]))
}

/// Whether what follows the last chunk is header fields.
fn is_trailer(rest: &[u8]) -> bool {
    rest.len() < 4096 && !rest.contains(&b'<') && rest.contains(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(block: &[u8]) -> (Option<u16>, Vec<u8>, Header) {
        let mut header = Header::default();
        let head = parse_head(block, &mut header).unwrap();
        (head.status, block[head.body..].to_vec(), header)
    }

    #[test]
    fn status_lines() {
        for (line, status) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.1 404\r\n", Some(404)),
            ("HTTP/1.1 200 \n", Some(200)),
            ("HTTP/1.1  301  Moved\r\n", Some(301)),
            ("HTTP/2 200\r\n", Some(200)),
            ("ICY 200 OK\r\n", Some(200)),
            ("HTTP/1.1\r\n", None),
            ("HTTP/1.1 OK\r\n", None),
            ("HTTP/1.1 20000 OK\r\n", None),
        ] {
            let block = format!("{line}Content-Type: text/html\r\n\r\nbody");
            let (found, body, header) = head(block.as_bytes());
            assert_eq!(found, status, "{line}");
            assert_eq!(body, b"body");
            assert_eq!(header.get("content-type"), Some("text/html"));
        }
    }

    #[test]
    fn blocks_without_a_status_line() {
        let (status, body, header) = head(b"Content-Type: text/html\nX: y\n\nbody");
        assert_eq!((status, &body[..], header.get("x")), (None, &b"body"[..], Some("y")));
        for bare in [&b"<html>\n\nx"[..], b"", b"Note: this\n\nis text", b"a: b\n<p>\n\n"] {
            assert_eq!(head(bare).1, bare);
        }
        let tricky = b"Content-Type: text/html\nthis is a text about it\n\nmore";
        assert_eq!(head(tricky).1, tricky);
    }

    #[test]
    fn mixed_line_ends_and_missing_ends() {
        assert_eq!(head(b"HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\nbody").1, b"body");
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nA: b\r\n\nbody").1, b"body");
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nA: b\r\n").1, b"");
        assert_eq!(head(b"HTTP/1.1 200 OK").1, b"");
        assert_eq!(head(b"HTTP/1.1 200 OK\r\n\r\nbody").1, b"body");
        let endless = [b"HTTP/1.1 200 OK\n".as_slice(), &b"a: b\n".repeat(300_000)].concat();
        let parsed = parse_head(&endless, &mut Header::default());
        assert_eq!(parsed, Err(reasons::BAD_HTTP_HEADER));
    }

    #[test]
    fn chunks() {
        let mut joined = Vec::new();
        let mut join = |body: &[u8]| (join_chunks(body, &mut joined), joined.clone());
        let whole = (Chunks::Joined, b"Wikipedia".to_vec());
        assert_eq!(join(b"4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n"), whole);
        assert_eq!(join(b"4;x=y\nWiki\n0005 \npedia\n0\nTrailer: x\n\n"), whole);
        assert_eq!(join(b"4\r\nWiki\r\n5\r\npedia\r\n"), whole);
        assert_eq!(join(b"4\r\nWiki\r\n5\r\npedia"), whole);
        assert_eq!(join(b"4\r\nWiki\r\n5\r\npedia\r\n\r\n"), whole);
        assert_eq!(join(b"0\r\n\r\n"), (Chunks::Joined, Vec::new()));
        for none in
            [&b"<html>"[..], b"", b"ffff\r\nshort", b"12 apostles\r\n", b"4\r\nWikipedia\r\n"]
        {
            assert_eq!(join(none).0, Chunks::None, "{none:?}");
        }
        for bad in
            [&b"4\r\nWiki\r\n9\r\npedia\r\n"[..], b"4\r\nWiki\r\nxyz\r\n", b"4\nWiki\n5\npediaX"]
        {
            assert_eq!(join(bad).0, Chunks::Bad, "{bad:?}");
        }
    }
}
