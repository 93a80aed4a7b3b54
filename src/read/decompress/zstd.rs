//! zstd frames.

use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::input::{INPUT_BYTES, Input};
use super::members::{MAX_WANTED, Outcome, Step};
use crate::read::ReadError;
use std::sync::Arc;

/// Largest window of a frame, as a power of two: what `zstd -d` takes without `--long`.
const WINDOW_LOG_MAX: u32 = 27;

/// Stored bytes that a new frame is given first: its shortest header.
const FRAME_START: usize = 5;

/// The skippable frame that holds the dictionary of a `.warc.zst` file.
const DICTIONARY_FRAME: [u8; 4] = [0x5d, 0x2a, 0x4d, 0x18];

/// What a dictionary begins with, when it is not compressed itself.
const DICTIONARY: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// The largest dictionary, compressed or not. `zstd --train` makes 110 kB, Internet Archive 1 MB.
const MAX_DICTIONARY: usize = MAX_WANTED - 8;

/// Decodes frames, one after the other.
pub(super) struct Frames {
    context: Decoder<'static>,
    dictionary: Option<Arc<[u8]>>,
    /// Stored bytes for the next call: one block. More at once would lose the good blocks before a
    /// bad one, because a failing call gives no output at all.
    wanted: usize,
    /// The last call filled the output; the next one only empties what the decoder still holds.
    is_pending: bool,
    held: Option<Outcome>,
}

impl Frames {
    /// A decoder for the file that `input` stands at the beginning of.
    pub(super) fn open(input: &mut Input) -> Result<Self, ReadError> {
        let dictionary = dictionary(input)?;
        Self::new(dictionary, input)
    }

    /// A decoder of the same file.
    pub(super) fn another(&self, input: &Input) -> Result<Self, ReadError> {
        Self::new(self.dictionary.clone(), input)
    }

    fn new(dictionary: Option<Arc<[u8]>>, input: &Input) -> Result<Self, ReadError> {
        let context = || {
            let mut context = Decoder::with_dictionary(dictionary.as_deref().unwrap_or_default())?;
            context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
            Ok(context)
        };
        let context =
            context().map_err(|source| ReadError::Io { file: input.file().to_owned(), source })?;
        Ok(Self { context, dictionary, wanted: FRAME_START, is_pending: false, held: None })
    }

    pub(super) fn start(&mut self) {
        self.wanted = FRAME_START;
        self.is_pending = false;
        self.held = None;
    }

    /// How many stored bytes the next step needs to get on.
    pub(super) fn wanted(&self) -> usize {
        if self.is_pending { 0 } else { self.wanted }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        if let Some(outcome) = self.held.take() {
            return Step { consumed: 0, produced: 0, outcome };
        }
        let given = self.wanted().min(input.len());
        let mut from = InBuffer::around(&input[..given]);
        let mut to = OutBuffer::around(out);
        let hint = self.context.run(&mut from, &mut to);
        let (consumed, produced) = (from.pos(), to.pos());
        self.is_pending = produced == to.capacity();
        let outcome = match hint {
            Ok(0) => Outcome::MemberEnd,
            Ok(hint) => {
                self.wanted = hint.min(INPUT_BYTES);
                Outcome::More
            }
            Err(_) => Outcome::Damaged,
        };
        if produced > 0 && !matches!(outcome, Outcome::More) {
            self.held = Some(outcome);
            self.is_pending = true;
            return Step { consumed, produced, outcome: Outcome::More };
        }
        Step { consumed, produced, outcome }
    }
}

/// The dictionary in front of a file, if there is one that can be used. Frames that need one and do
/// not have it are corrupt.
fn dictionary(input: &mut Input) -> Result<Option<Arc<[u8]>>, ReadError> {
    let mut head = input.another(input.extent().start);
    head.ensure(8)?;
    let Some((&[a, b, c, d], _)) =
        head.bytes().strip_prefix(&DICTIONARY_FRAME).and_then(<[u8]>::split_first_chunk::<4>)
    else {
        return Ok(None);
    };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_DICTIONARY {
        return Ok(None);
    }
    head.consume(8);
    head.ensure(length)?;
    let Some(frame) = head.bytes().get(..length) else {
        return Ok(None);
    };
    if frame.starts_with(&DICTIONARY) {
        return Ok(Some(frame.into()));
    }
    Ok(zstd::bulk::decompress(frame, MAX_DICTIONARY).ok().map(Arc::from))
}
