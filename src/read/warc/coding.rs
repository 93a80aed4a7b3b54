//! Bodies as they were before a server compressed them.

use std::io::Read;

use super::super::reasons;
use super::header::Header;
use super::http::{Chunks, join_chunks};
use crate::document::{MAX_DOCUMENT_BYTES, Reason};

/// The most codings that are taken off one body, named or not.
const MAX_CODINGS: usize = 6;

/// Up to this size a body may be as compressed as it likes.
const FREE_BYTES: usize = 1 << 20;

/// The most bytes out of one stored byte, beyond [`FREE_BYTES`]; [`reasons::BODY_BOMB`] says it.
const MAX_RATIO: usize = 1000;

/// Bytes of a decoder's output at a time.
const STEP_BYTES: usize = 64 << 10;

/// A buffer that once held more is given back.
const KEPT_BYTES: usize = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// zlib, or bare deflate, which some servers send.
    Deflate,
    Brotli,
    Zstd,
}

enum Fault {
    /// These bytes are not in the coding.
    Damaged,
    /// They are too many.
    Bomb,
}

/// Takes transfer and content codings off bodies.
#[derive(Default)]
pub(super) struct Decoder {
    body: Vec<u8>,
    next: Vec<u8>,
    transferred: Vec<u8>,
}

impl Decoder {
    /// The body without its chunks, which is what was transferred.
    pub(super) fn transferred<'a>(
        &'a mut self,
        header: &Header,
        stored: &'a [u8],
    ) -> Result<&'a [u8], Reason> {
        Ok(if self.join(header, stored)? { &self.transferred } else { stored })
    }

    /// Bytes that the buffers hold.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.body.capacity() + self.next.capacity() + self.transferred.capacity()
    }

    /// Puts chunks together if there are any.
    fn join(&mut self, header: &Header, stored: &[u8]) -> Result<bool, Reason> {
        shrink(&mut self.transferred);
        let is_chunked = header
            .all("transfer-encoding")
            .flat_map(|value| value.split(','))
            .any(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        if !is_chunked {
            return Ok(false);
        }
        match join_chunks(stored, &mut self.transferred) {
            Chunks::Joined => Ok(true),
            Chunks::None => Ok(false),
            Chunks::Bad => Err(reasons::BAD_HTTP_BODY),
        }
    }

    /// The body that a browser would see. Codings that are named but were not applied, or were
    /// taken off by the crawler, are told by the bytes; gzip that is not named, or is there once
    /// more, is taken off, too.
    pub(super) fn decode<'a>(
        &'a mut self,
        header: &Header,
        stored: &'a [u8],
    ) -> Result<&'a [u8], Reason> {
        let is_coded = header.filled("content-encoding").is_some()
            || header.filled("transfer-encoding").is_some();
        if !is_coded && !is_gzip(stored) {
            return Ok(stored);
        }
        shrink(&mut self.body);
        shrink(&mut self.next);
        let limit = stored.len().saturating_mul(MAX_RATIO).clamp(FREE_BYTES, MAX_DOCUMENT_BYTES);
        let was_chunked = self.join(header, stored)?;
        let mut named: Vec<Coding> = ["content-encoding", "transfer-encoding"]
            .iter()
            .flat_map(|name| header.all(name))
            .flat_map(|value| value.split(','))
            .filter_map(|name| Coding::of_name(name.trim()))
            .take(MAX_CODINGS)
            .collect();
        let mut coded = false;
        for _ in 0..MAX_CODINGS {
            let input = match (coded, was_chunked) {
                (true, _) => self.body.as_slice(),
                (false, true) => self.transferred.as_slice(),
                (false, false) => stored,
            };
            let coding = match named.pop() {
                Some(coding) if coding.may_be(input) => coding,
                Some(_) => continue,
                None if is_gzip(input) => Coding::Gzip,
                None => break,
            };
            match coding.undo(input, &mut self.next, limit) {
                Ok(()) => {
                    std::mem::swap(&mut self.body, &mut self.next);
                    coded = true;
                }
                Err(Fault::Bomb) if limit == MAX_DOCUMENT_BYTES => {
                    return Err(reasons::LARGE_BODY);
                }
                Err(Fault::Bomb) => return Err(reasons::BODY_BOMB),
                // These two have no mark of their own: what cannot be decoded was not encoded.
                Err(Fault::Damaged) if matches!(coding, Coding::Brotli | Coding::Deflate) => {
                    if !super::media::is_text(input) {
                        return Err(reasons::BAD_HTTP_BODY);
                    }
                }
                Err(Fault::Damaged) => return Err(reasons::BAD_HTTP_BODY),
            }
        }
        Ok(match (coded, was_chunked) {
            (true, _) => &self.body,
            (false, true) => &self.transferred,
            (false, false) => stored,
        })
    }
}

impl Coding {
    fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Whether the first bytes allow it.
    fn may_be(self, bytes: &[u8]) -> bool {
        match self {
            Self::Gzip => is_gzip(bytes),
            Self::Deflate | Self::Brotli => !bytes.is_empty(),
            Self::Zstd => bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
        }
    }

    fn undo(self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), Fault> {
        out.clear();
        match self {
            Self::Gzip => {
                let mut rest = input;
                while is_gzip(rest) {
                    let mut member = flate2::bufread::GzDecoder::new(rest);
                    let before = out.len();
                    match read_all(&mut member, out, limit) {
                        Ok(()) => rest = member.into_inner(),
                        // Behind a whole member, what is no member is not the body's.
                        Err(Fault::Damaged) if before > 0 => {
                            out.truncate(before);
                            break;
                        }
                        Err(fault) => return Err(fault),
                    }
                }
                Ok(())
            }
            Self::Deflate => {
                let is_zlib = matches!(input, [method, flags, ..]
                    if method & 0x0f == 8 && (u32::from(*method) << 8 | u32::from(*flags)) % 31 == 0);
                if is_zlib {
                    match read_all(flate2::bufread::ZlibDecoder::new(input), out, limit) {
                        Err(Fault::Damaged) => out.clear(),
                        done => return done,
                    }
                }
                read_all(flate2::bufread::DeflateDecoder::new(input), out, limit)
            }
            Self::Brotli => {
                read_all(brotli_decompressor::Decompressor::new(input, 4096), out, limit)
            }
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(input).map_err(|_| Fault::Damaged)?;
                decoder.window_log_max(27).map_err(|_| Fault::Damaged)?;
                read_all(decoder, out, limit)
            }
        }
    }
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8])
}

fn read_all(mut decoder: impl Read, out: &mut Vec<u8>, limit: usize) -> Result<(), Fault> {
    loop {
        let end = out.len();
        out.resize(end + STEP_BYTES, 0);
        let read = decoder.read(&mut out[end..]);
        out.truncate(end + read.as_ref().map_or(0, |&read| read));
        match read {
            Ok(0) => return Ok(()),
            Ok(_) if out.len() > limit => return Err(Fault::Bomb),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Fault::Damaged),
        }
    }
}

fn shrink(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}
