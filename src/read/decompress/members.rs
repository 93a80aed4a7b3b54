//! One member behind the other, as they stand, without a second look at damage.

use super::input::{INPUT_BYTES, Input};
use super::{Compression, gzip, is_skippable, lz4, zstd};
use crate::document::Reason;
use crate::read::{ReadError, reasons};

/// What comes next.
#[derive(Debug)]
pub(super) enum Event {
    /// A member begins at this offset of the file. Files without members have none.
    Begin { member: u64 },
    /// This many bytes of content.
    Bytes { len: usize },
    /// The member is whole and its checksum right.
    MemberEnd,
    /// The member cannot be decoded.
    Damage { reason: Reason },
    /// What stands at this offset, where a member should begin, is none.
    Garbage { at: u64, reason: Reason },
    /// The file is at its end, between two members.
    Complete,
}

/// What one call of a decoder did. Where it gave bytes, the outcome is `More`: the next call has
/// the news.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    More,
    MemberEnd,
    Damaged,
}

/// Decodes members.
pub(super) struct Members {
    compression: Compression,
    input: Input,
    decoder: Decoder,
    is_inside: bool,
    /// Whether the member is a frame without content.
    is_skippable: bool,
    /// Offset in the file of the member.
    start: u64,
}

enum Decoder {
    Plain,
    Gzip(gzip::Members),
    Zstd(zstd::Frames),
    Lz4(lz4::Frame),
}

impl Members {
    pub(super) fn new(compression: Compression, mut input: Input) -> Result<Self, ReadError> {
        let decoder = match compression {
            Compression::None => Decoder::Plain,
            Compression::Gzip => Decoder::Gzip(gzip::Members::new()),
            Compression::Zstd => Decoder::Zstd(zstd::Frames::open(&mut input)?),
            Compression::Lz4 => Decoder::Lz4(lz4::Frame::default()),
        };
        let start = input.position();
        Ok(Self { compression, input, decoder, is_inside: false, is_skippable: false, start })
    }

    /// A second decoder over the same file, at `at`.
    pub(super) fn another(&self, at: u64) -> Result<Self, ReadError> {
        let mut input = self.input.another(at);
        let decoder = match &self.decoder {
            Decoder::Plain => Decoder::Plain,
            Decoder::Gzip(_) => Decoder::Gzip(gzip::Members::new()),
            Decoder::Zstd(frames) => Decoder::Zstd(frames.another(&input)?),
            Decoder::Lz4(_) => Decoder::Lz4(lz4::Frame::default()),
        };
        input.move_to(at);
        Ok(Self {
            compression: self.compression,
            input,
            decoder,
            is_inside: false,
            is_skippable: false,
            start: at,
        })
    }

    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// A window on the stored bytes from `at` on.
    pub(super) fn input_at(&self, at: u64) -> Input {
        self.input.another(at)
    }

    /// Goes to where a member begins.
    pub(super) fn move_to(&mut self, at: u64) -> Result<(), ReadError> {
        self.input.move_to(at);
        self.is_inside = false;
        if let Decoder::Zstd(frames) = &mut self.decoder {
            // A failed frame leaves the decoder in a state of its own.
            *frames = frames.another(&self.input)?;
        }
        Ok(())
    }

    /// Offset in the file of the next stored byte.
    pub(super) fn reached(&self) -> u64 {
        self.input.position()
    }

    /// Stored bytes from the member's start to here.
    pub(super) fn stored(&self) -> u64 {
        self.input.position().saturating_sub(self.start)
    }

    /// Decodes on; content goes to `out`, which must not be empty.
    pub(super) fn next(&mut self, out: &mut [u8]) -> Result<Event, ReadError> {
        loop {
            if let Decoder::Plain = self.decoder {
                let len = self.input.read(out)?;
                return Ok(if len == 0 { Event::Complete } else { Event::Bytes { len } });
            }
            if !self.is_inside {
                match self.begin()? {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            let Step { consumed, produced, outcome } = match &mut self.decoder {
                Decoder::Plain => Step { consumed: 0, produced: 0, outcome: Outcome::More },
                Decoder::Gzip(member) => {
                    self.input.ensure(1)?;
                    member.step(self.input.bytes(), out)
                }
                Decoder::Zstd(frames) => {
                    self.input.ensure(frames.wanted())?;
                    frames.step(self.input.bytes(), out)
                }
                Decoder::Lz4(frame) => {
                    self.input.ensure(frame.wanted())?;
                    frame.step(self.input.bytes(), out)
                }
            };
            self.input.consume(consumed);
            if produced > 0 {
                return Ok(Event::Bytes { len: produced });
            }
            match outcome {
                Outcome::More if consumed == 0 && self.is_stuck() => {
                    self.is_inside = false;
                    self.input.consume(usize::MAX);
                    return Ok(Event::Damage { reason: reasons::TRUNCATED });
                }
                Outcome::More => {}
                Outcome::MemberEnd => {
                    self.is_inside = false;
                    if !self.is_skippable {
                        return Ok(Event::MemberEnd);
                    }
                }
                Outcome::Damaged => {
                    self.is_inside = false;
                    return Ok(Event::Damage { reason: reasons::CORRUPT });
                }
            }
        }
    }

    /// Whether a decoder that did nothing has no bytes to do anything with. lz4 alone leaves a part
    /// of a block where it is.
    fn is_stuck(&self) -> bool {
        match self.decoder {
            Decoder::Lz4(_) => self.input.is_last(),
            Decoder::Plain | Decoder::Gzip(_) | Decoder::Zstd(_) => self.input.is_at_end(),
        }
    }

    /// Looks at what stands where a member may begin, and begins it.
    fn begin(&mut self) -> Result<Option<Event>, ReadError> {
        self.skip_padding()?;
        self.input.ensure(4)?;
        let bytes = self.input.bytes();
        if bytes.is_empty() {
            return Ok(Some(Event::Complete));
        }
        let skippable = is_skippable(bytes) && self.compression != Compression::Gzip;
        if skippable || Compression::detect(bytes) == self.compression {
            match &mut self.decoder {
                Decoder::Plain => {}
                Decoder::Gzip(members) => members.start(),
                Decoder::Zstd(frames) => frames.start(),
                Decoder::Lz4(frame) => frame.start(),
            }
            self.is_inside = true;
            self.is_skippable = skippable;
            self.start = self.input.position();
            return Ok((!skippable).then_some(Event::Begin { member: self.start }));
        }
        // A file may be cut within the first bytes of a member, too.
        let is_cut = bytes.len() < 4 && self.compression.magic().starts_with(bytes);
        let reason = if is_cut { reasons::TRUNCATED } else { reasons::CORRUPT };
        Ok(Some(Event::Garbage { at: self.input.position(), reason }))
    }

    fn skip_padding(&mut self) -> Result<(), ReadError> {
        loop {
            self.input.ensure(1)?;
            let bytes = self.input.bytes();
            let padding = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
            if padding == 0 {
                return Ok(());
            }
            self.input.consume(padding);
        }
    }
}

/// How much a decoder may ask for at a time.
pub(super) const MAX_WANTED: usize = 8 << 20;
const _: () = assert!(MAX_WANTED > INPUT_BYTES);
