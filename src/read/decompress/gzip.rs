//! One gzip member after the other ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
//!
//! Header and trailer are read here and zlib-rs inflates what is between them, since its state for
//! bare deflate can be used again for the next member; a crawl has one for each record, of some
//! kilobytes.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::members::{Outcome, Step};

/// Flags of the header.
const HEADER_CHECK: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// A decoder of members.
pub(super) struct Members {
    inflate: Decompress,
    /// Of the header first, then of the content.
    crc: Crc,
    flags: u8,
    state: State,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum State {
    /// This byte of the ten that all headers have.
    Fixed(u8),
    /// The low or the high byte of the length of extra fields, the low one being known then.
    ExtraLength(Option<u8>),
    /// So many bytes of extra fields.
    Extra(u16),
    /// The rest of a text that ends with a NUL.
    Text(u8),
    /// A byte of the header's checksum.
    HeaderCheck(u8),
    Content,
    /// A byte of checksum and length of the content.
    Trailer(u8),
    /// Nothing: the member is damaged.
    Damaged,
}

impl Members {
    pub(super) fn new() -> Self {
        let inflate = Decompress::new(false);
        Self { inflate, crc: Crc::new(), flags: 0, state: State::Fixed(0) }
    }

    /// A member begins.
    pub(super) fn start(&mut self) {
        self.inflate.reset(false);
        self.crc.reset();
        self.state = State::Fixed(0);
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        match self.state {
            State::Content => self.content(input, out),
            State::Trailer(_) => self.trailer(input),
            _ => self.header(input),
        }
    }

    fn header(&mut self, input: &[u8]) -> Step {
        let mut consumed = 0;
        while consumed < input.len() {
            let byte = input[consumed];
            let mut taken = 1;
            let next = match self.state {
                State::Fixed(at) => {
                    let is_right = match at {
                        0 => byte == 0x1f,
                        1 => byte == 0x8b,
                        2 => byte == 8,
                        3 => {
                            self.flags = byte;
                            byte & RESERVED == 0
                        }
                        _ => true,
                    };
                    match at {
                        _ if !is_right => State::Damaged,
                        9 => self.field(EXTRA),
                        _ => State::Fixed(at + 1),
                    }
                }
                State::ExtraLength(None) => State::ExtraLength(Some(byte)),
                State::ExtraLength(Some(low)) => match u16::from_le_bytes([low, byte]) {
                    0 => self.field(NAME),
                    length => State::Extra(length),
                },
                State::Extra(left) => {
                    taken = usize::from(left).min(input.len() - consumed);
                    // At most `left`, so it is a 16-bit number.
                    match left - u16::try_from(taken).unwrap_or(left) {
                        0 => self.field(NAME),
                        left => State::Extra(left),
                    }
                }
                State::Text(field) => {
                    let end = memchr::memchr(0, &input[consumed..]);
                    taken = end.map_or(input.len() - consumed, |end| end + 1);
                    if end.is_some() { self.field(field << 1) } else { State::Text(field) }
                }
                State::HeaderCheck(at) => {
                    let expected = self.crc.sum().to_le_bytes()[usize::from(at & 1)];
                    match (byte == expected, at) {
                        (false, _) => State::Damaged,
                        (true, 0) => State::HeaderCheck(1),
                        (true, _) => self.begin_content(),
                    }
                }
                State::Content | State::Trailer(_) | State::Damaged => break,
            };
            if !matches!(self.state, State::HeaderCheck(_)) {
                self.crc.update(&input[consumed..consumed + taken]);
            }
            consumed += taken;
            self.state = match next {
                // Its own bytes are not content.
                State::Content => self.begin_content(),
                next => next,
            };
        }
        let is_damaged = matches!(self.state, State::Damaged);
        let outcome = if is_damaged { Outcome::Damaged } else { Outcome::More };
        Step { consumed, produced: 0, outcome }
    }

    /// The next optional field of the header from `first` on, by its flag.
    fn field(&self, first: u8) -> State {
        if first <= EXTRA && self.flags & EXTRA != 0 {
            State::ExtraLength(None)
        } else if first <= NAME && self.flags & NAME != 0 {
            State::Text(NAME)
        } else if first <= COMMENT && self.flags & COMMENT != 0 {
            State::Text(COMMENT)
        } else if self.flags & HEADER_CHECK != 0 {
            State::HeaderCheck(0)
        } else {
            State::Content
        }
    }

    fn begin_content(&mut self) -> State {
        self.crc.reset();
        State::Content
    }

    fn content(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        let (consumed, produced) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        // An error leaves the totals right, and what was decoded before it is good. Both differences
        // are lengths within `input` and `out`.
        #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
        let (consumed, produced) = (
            (self.inflate.total_in() - consumed) as usize,
            (self.inflate.total_out() - produced) as usize,
        );
        self.crc.update(&out[..produced]);
        match status {
            Ok(Status::StreamEnd) => self.state = State::Trailer(0),
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => self.state = State::Damaged,
        }
        // First the bytes, then the news.
        let is_damaged = produced == 0 && matches!(self.state, State::Damaged);
        let outcome = if is_damaged { Outcome::Damaged } else { Outcome::More };
        Step { consumed, produced, outcome }
    }

    fn trailer(&mut self, input: &[u8]) -> Step {
        let mut consumed = 0;
        let mut outcome = Outcome::More;
        // The length is kept modulo 2^32.
        let expected = [self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes()];
        while let (State::Trailer(at), Some(&byte)) = (self.state, input.get(consumed)) {
            consumed += 1;
            let is_right = byte == expected.as_flattened()[usize::from(at & 7)];
            match at {
                _ if !is_right => (self.state, outcome) = (State::Damaged, Outcome::Damaged),
                7 => (self.state, outcome) = (State::Fixed(0), Outcome::MemberEnd),
                _ => self.state = State::Trailer(at + 1),
            }
            if !matches!(outcome, Outcome::More) {
                break;
            }
        }
        Step { consumed, produced: 0, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a member that comes `size` bytes at a time.
    fn decode(member: &[u8], size: usize) -> Option<(Vec<u8>, usize)> {
        let mut decoder = Members::new();
        let (mut content, mut at, mut idle) = (Vec::new(), 0, 0);
        // Twice, to see that nothing is left of the first.
        for _ in 0..2 {
            decoder.start();
            (content, at) = (Vec::new(), 0);
            loop {
                let mut out = [0; 7];
                let end = (at + size).min(member.len());
                let step = decoder.step(&member[at..end], &mut out);
                at += step.consumed;
                content.extend_from_slice(&out[..step.produced]);
                match step.outcome {
                    Outcome::MemberEnd => break,
                    Outcome::Damaged => return None,
                    Outcome::More => {}
                }
                idle = if step.consumed + step.produced == 0 { idle + 1 } else { 0 };
                if idle > 1 {
                    return None;
                }
            }
        }
        Some((content, at))
    }

    /// A member with the header fields of `flags`, its checksum right.
    fn member(flags: u8) -> (Vec<u8>, usize) {
        let mut header = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255];
        if flags & EXTRA != 0 {
            header.extend_from_slice(b"\x05\0extra");
        }
        if flags & NAME != 0 {
            header.extend_from_slice(b"name\0");
        }
        if flags & COMMENT != 0 {
            header.extend_from_slice(b"\0");
        }
        if flags & HEADER_CHECK != 0 {
            let mut crc = Crc::new();
            crc.update(&header);
            header.extend_from_slice(&crc.sum().to_le_bytes()[..2]);
        }
        let length = header.len();
        let plain = crate::read::decompress::testing::gzip(b"content, and more of it");
        header.extend_from_slice(&plain[10..]);
        (header, length)
    }

    #[test]
    fn headers_of_all_kinds_cut_anywhere() {
        for flags in 0..32 {
            let (bytes, header) = member(flags);
            let whole = [&bytes[..], b"behind"].concat();
            for size in [1, 2, 3, 11, 1000] {
                let found = decode(&whole, size);
                let expected = (b"content, and more of it".to_vec(), bytes.len());
                assert_eq!(found, Some(expected), "flags {flags}, {size} at a time");
            }
            for end in 0..bytes.len() {
                assert_eq!(decode(&bytes[..end], 1000), None, "flags {flags}, cut at {end}");
            }
            // As the reference has it.
            let mut reference = Vec::new();
            let mut reader = flate2::bufread::GzDecoder::new(&bytes[..]);
            std::io::Read::read_to_end(&mut reader, &mut reference).unwrap();
            assert_eq!(reference, b"content, and more of it");
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 0x40;
                // Time, system and texts are not looked at, unless the header has a checksum.
                let is_unchecked = at >= 4 && at < header && flags & HEADER_CHECK == 0;
                // Nor are the bits that fill the last byte of the content.
                let is_free = is_unchecked || at == bytes.len() - 9;
                assert!(is_free || decode(&bad, 1000).is_none(), "flags {flags}, byte {at}");
            }
        }
        assert_eq!(decode(&member(0x20).0, 1000), None, "a reserved flag");
    }
}
