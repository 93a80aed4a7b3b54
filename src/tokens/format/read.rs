//! Reading shards back.
//!
//! A shard may come from anywhere and be damaged: every length is held against what the file really
//! has before anything is done with it. Files are mapped, so that reading takes no memory but that
//! of one sequence.

#[cfg(feature = "train")]
use super::flat::FlatShard;
use super::{ShardError, Width};
use crate::config::tokens::ShardFormat;
use crate::store::Mapped;

/// What a file of some formats does not say about itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints {
    /// Bytes of a token, in `nanogpt` files, in `npy` files without a header and in `.ds` files
    /// without `.metadata`; 2 where nothing is said.
    pub width: Option<Width>,
    /// The token behind each document, by which documents of `nanogpt` files are told apart.
    pub end_of_document: Option<u32>,
}

/// What is known of a shard before its tokens are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFacts {
    /// Byte layout.
    pub format: ShardFormat,
    /// Bytes of a token.
    pub width: Width,
    /// Tokens of a row, where all sequences are rows of one length.
    pub row_length: Option<u64>,
    /// Whether loss masks are there.
    pub masked: bool,
}

/// A document or a row of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSequence {
    /// Ids.
    pub tokens: Vec<u32>,
    /// For each token, 1 where it is learnt and 0 where not, where the shard has masks.
    pub loss: Option<Vec<u8>>,
    /// Where (pieces of) documents end in it, in tokens. Tokens behind the last end that are no
    /// padding belong to a document that goes on in the next sequence.
    pub ends: Vec<u32>,
    /// Tokens of padding at its end, where the format tells them from others.
    pub padding: u32,
}

impl ReadSequence {
    pub(super) fn clear(&mut self, masked: bool) {
        self.tokens.clear();
        self.ends.clear();
        self.padding = 0;
        match &mut self.loss {
            Some(loss) if masked => loss.clear(),
            loss => *loss = masked.then(Vec::new),
        }
    }

    /// The documents and pieces of documents in it: where they start and end.
    pub fn pieces(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut start = 0;
        let last = self.tokens.len().saturating_sub(self.padding as usize);
        let open = (self.ends.last().map_or(0, |&end| end as usize) < last).then_some(last);
        self.ends.iter().map(|&end| end as usize).chain(open).map(move |end| {
            let piece = start..end;
            start = end;
            piece
        })
    }
}

/// Gives a shard's documents or rows, in order.
pub trait ShardReader: Send {
    /// What is known of it.
    fn facts(&self) -> &ShardFacts;

    /// Reads the next sequence in place of what `sequence` holds; `false` at the end.
    ///
    /// # Errors
    /// When the shard is damaged.
    fn next(&mut self, sequence: &mut ReadSequence) -> Result<bool, ShardError>;
}

/// An error about a file that is not what its format says.
pub(super) fn damaged(path: &str, detail: &str) -> ShardError {
    ShardError::Damaged { path: path.to_owned(), detail: detail.to_owned() }
}

/// Where documents end in a stream of ids.
pub(super) enum Borders {
    /// Nobody knows.
    None,
    /// Behind each token of this id.
    Behind(u32),
    /// Before each token of this id.
    Before(u32),
    /// Where this list says.
    Ends(Box<dyn Numbers>),
    /// Rows of this many tokens, pieces of documents in them where the list says.
    Rows(u64, Box<dyn Numbers>),
}

/// Numbers in a file, such as ends of documents.
pub(super) trait Numbers: Send {
    /// The number at `index`.
    fn get(&self, index: usize) -> Option<u64>;
}

/// A file of `u64` and nothing else.
struct Words(Mapped, usize);

impl Numbers for Words {
    fn get(&self, index: usize) -> Option<u64> {
        let start = index.checked_mul(8)?.checked_add(self.1)?;
        let word = self.0.get(start..start.checked_add(8)?)?;
        Some(u64::from_le_bytes(word.try_into().ok()?))
    }
}

/// The `u64` in `bytes` behind the first `start` bytes.
pub(super) fn words(
    path: &str,
    bytes: Mapped,
    start: usize,
) -> Result<Box<dyn Numbers>, ShardError> {
    if bytes.len() < start || !(bytes.len() - start).is_multiple_of(8) {
        return Err(damaged(path, "its length is not that of whole numbers of 8 bytes"));
    }
    Ok(Box::new(Words(bytes, start)))
}

/// Tokens of a sequence at most, where its end has to be looked for.
const LONGEST: usize = 16 << 20;

/// A stream of ids in one file.
pub(super) struct Tokens {
    path: String,
    bytes: Mapped,
    /// Bytes before the first id.
    start: usize,
    facts: ShardFacts,
    borders: Borders,
    /// The next token.
    at: usize,
    total: usize,
    /// The next of the borders' numbers.
    index: usize,
    /// The masks, and the bytes before them in their file.
    loss: Option<(Mapped, usize)>,
}

impl Tokens {
    pub(super) fn new(
        path: &str,
        bytes: Mapped,
        start: usize,
        format: ShardFormat,
        width: Width,
        borders: Borders,
    ) -> Result<Self, ShardError> {
        let held = bytes.len().checked_sub(start);
        let Some(held) = held.filter(|held| held.is_multiple_of(width.bytes())) else {
            let detail =
                format!("its length is not that of whole tokens of {} bytes", width.bytes());
            return Err(damaged(path, &detail));
        };
        let row_length = match borders {
            Borders::Rows(length, _) => Some(length),
            _ => None,
        };
        let facts = ShardFacts { format, width, row_length, masked: false };
        let total = held / width.bytes();
        let path = path.to_owned();
        Ok(Self { path, bytes, start, facts, borders, at: 0, total, index: 0, loss: None })
    }

    /// Adds the masks in the file `path`, behind its first `start` bytes.
    pub(super) fn add_loss(
        &mut self,
        path: &str,
        loss: Mapped,
        start: usize,
    ) -> Result<(), ShardError> {
        let masks = loss.len().saturating_sub(start);
        if loss.len() < start || masks != self.total {
            let detail = format!("it has masks for {masks} tokens, but there are {}", self.total);
            return Err(damaged(path, &detail));
        }
        self.facts.masked = true;
        self.loss = Some((loss, start));
        Ok(())
    }

    /// The file, for random access.
    #[cfg(feature = "train")]
    pub(super) fn into_flat(self) -> FlatShard {
        FlatShard::new(self.path, self.bytes, self.start, self.facts.width, self.loss)
    }

    /// Tokens in all.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    fn damaged(&self, detail: &str) -> ShardError {
        damaged(&self.path, detail)
    }

    /// The number at `self.index` of the list, which must lie in `self.at..=limit`.
    fn end(&self, numbers: &dyn Numbers, limit: usize) -> Result<Option<usize>, ShardError> {
        let Some(end) = numbers.get(self.index) else { return Ok(None) };
        match usize::try_from(end) {
            Ok(end) if (self.at..=limit).contains(&end) => Ok(Some(end)),
            _ => Err(self.damaged(&format!(
                "border {} is at token {end}, where there may be one from {} to {limit}",
                self.index, self.at
            ))),
        }
    }

    /// The end of the next sequence; whether a document ends there.
    fn following(&mut self) -> Result<Option<(usize, bool)>, ShardError> {
        let longest = self.total.min(self.at.saturating_add(LONGEST));
        let width = self.facts.width;
        let find = |from: usize, token: u32| {
            let range = self.start + from * width.bytes()..self.start + longest * width.bytes();
            width.position(&self.bytes[range], token).map(|place| from + place)
        };
        if self.at == self.total && !matches!(self.borders, Borders::Ends(_)) {
            return Ok(None);
        }
        Ok(match &self.borders {
            Borders::None | Borders::Rows(..) => Some((longest, false)),
            Borders::Behind(token) => Some(match find(self.at, *token) {
                Some(place) => (place + 1, true),
                None => (longest, longest == self.total),
            }),
            Borders::Before(token) => Some(match find(self.at + 1, *token) {
                Some(place) => (place, true),
                None => (longest, longest == self.total),
            }),
            Borders::Ends(numbers) => {
                let end = self.end(numbers.as_ref(), self.total)?;
                if end.is_none() && self.at != self.total {
                    let detail = format!(
                        "its index ends at token {} of {}; a file of the two is cut off or of \
                         another shard",
                        self.at, self.total
                    );
                    return Err(self.damaged(&detail));
                }
                self.index += 1;
                end.map(|end| (end, true))
            }
        })
    }

    fn fill(&self, end: usize, sequence: &mut ReadSequence) {
        let bytes = self.facts.width.bytes();
        let range = self.start + self.at * bytes..self.start + end * bytes;
        self.facts.width.read(&self.bytes[range], &mut sequence.tokens);
        if let (Some((file, start)), Some(loss)) = (&self.loss, &mut sequence.loss) {
            loss.extend_from_slice(&file[start + self.at..start + end]);
        }
    }

    fn row(&mut self, length: u64, sequence: &mut ReadSequence) -> Result<bool, ShardError> {
        let first = self.at;
        let length = usize::try_from(length).ok().filter(|&length| length > 0);
        let end = length.and_then(|length| first.checked_add(length));
        let Some(end) = end.filter(|&end| end <= self.total) else {
            if first == self.total {
                return Ok(false);
            }
            return Err(self.damaged("it is not of whole rows"));
        };
        self.fill(end, sequence);
        loop {
            let Borders::Rows(_, numbers) = &self.borders else { return Ok(false) };
            if numbers.get(self.index).is_none_or(|border| border > end as u64) {
                break;
            }
            let Some(border) = self.end(numbers.as_ref(), end)? else { break };
            // A row has at most u32::MAX tokens: a shorter one is not longer than that.
            sequence.ends.push(u32::try_from(border - first).unwrap_or(u32::MAX));
            (self.at, self.index) = (border, self.index + 1);
        }
        sequence.padding = u32::try_from(end - self.at).unwrap_or(u32::MAX);
        self.at = end;
        if let Borders::Rows(_, numbers) = &self.borders
            && end == self.total
            && numbers.get(self.index).is_some()
        {
            return Err(self.damaged("documents end behind its last row"));
        }
        Ok(true)
    }
}

impl ShardReader for Tokens {
    fn facts(&self) -> &ShardFacts {
        &self.facts
    }

    fn next(&mut self, sequence: &mut ReadSequence) -> Result<bool, ShardError> {
        sequence.clear(self.loss.is_some());
        if let Borders::Rows(length, _) = self.borders {
            return self.row(length, sequence);
        }
        let Some((end, is_border)) = self.following()? else { return Ok(false) };
        self.fill(end, sequence);
        if is_border {
            let length = u32::try_from(end - self.at)
                .map_err(|_| self.damaged("a document has more than 2^32 tokens"))?;
            sequence.ends.push(length);
        }
        self.at = end;
        Ok(true)
    }
}
