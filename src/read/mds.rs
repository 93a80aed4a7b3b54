//! MosaicML's MDS ([format](https://docs.mosaicml.com/projects/streaming/)): a sample is a record,
//! its number in the shard the position. Shards are plain, zstd or gzip.
//!
//! The source's path is the shards or the `index.json` of their folder, which stands for all that it
//! lists. A field is a column of that name; dots lead into columns of JSON. Texts are columns of
//! encoding `str`, `bytes` or `json`; integers, floats and the `str_…` numbers can be metadata,
//! arrays and pictures are passed over.
//!
//! Where an `index.json` lies beside a shard, the shard's length, number of samples and hashes
//! (`sha1`, `xxh64`, `xxh3_64`, `xxh128`) must be as it says, or all of it is one `failed(corrupt)`
//! row. A sample whose parts do not add up is `failed(corrupt)`; what is cut off of a shard is one
//! `failed(truncated)` row. A sample longer than twice
//! [`MAX_DOCUMENT_BYTES`](crate::document::MAX_DOCUMENT_BYTES) is `failed(too-large)` and never held.

mod index;
mod sample;

use self::index::{Facts, facts};
pub(crate) use self::index::{IndexError, beside, shards};
use self::sample::{Columns, Config};
use super::decompress::{check_size, owns_whole};
use super::window::{More, Window};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};
use crate::store::Store;

/// The longest sample: its text, and other columns beside it.
const MAX_SAMPLE_BYTES: u64 = 2 * MAX_DOCUMENT_BYTES as u64 + (64 << 10);

/// The most samples of a shard: their offsets are held.
const MAX_SAMPLES: u32 = 1 << 26;

/// The longest description of the columns.
const MAX_CONFIG_BYTES: u64 = 16 << 20;

/// Reads an MDS shard.
pub(super) struct MdsReader {
    /// `None` once all is read.
    window: Option<Window>,
    fields: Fields,
    facts: Option<Facts>,
    /// `None` before the header is read.
    shard: Option<Shard>,
    /// The shard is not what its index says.
    is_wrong: bool,
    records: u64,
    max_bytes: u64,
}

/// What the header of a shard tells.
struct Shard {
    /// Where the samples start and the last one ends.
    offsets: Vec<u32>,
    next: usize,
    columns: Columns,
}

impl MdsReader {
    /// Opens a shard. It cannot be divided: the piece that holds its first byte has it all.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let (mut window, mut found, mut is_wrong) = (None, None, false);
        if owns_whole(&piece.part) {
            window = Some(Window::open(store, piece)?);
            found = facts(store, piece)?;
            if let Some(facts) = &found {
                is_wrong = !facts.hold(store, piece)?;
            }
        }
        Ok(Self {
            window,
            fields: fields.clone(),
            facts: found,
            shard: None,
            is_wrong,
            records: 0,
            max_bytes: MAX_SAMPLE_BYTES,
        })
    }

    fn failed(&mut self, record: usize, reason: Reason, batch: &mut BatchBuilder) {
        batch.failed(Position::plain(record as u64), reason);
        self.records += 1;
    }

    /// Ends the shard; what was left of it is one failed row.
    fn lose(&mut self, record: usize, reason: Reason, batch: &mut BatchBuilder) {
        self.window = None;
        self.failed(record, reason, batch);
    }
}

impl RecordReader for MdsReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        while !batch.is_full() {
            let Some(window) = &mut self.window else {
                return Ok(false);
            };
            if self.is_wrong {
                self.lose(0, reasons::CORRUPT, batch);
                continue;
            }
            let Some(shard) = &mut self.shard else {
                match header(window, &self.fields)? {
                    Ok(shard) => {
                        let samples = shard.offsets.len() as u64 - 1;
                        self.is_wrong =
                            self.facts.as_ref().is_some_and(|facts| facts.samples != samples);
                        self.shard = Some(shard);
                    }
                    Err(reason) => self.lose(0, reason, batch),
                }
                continue;
            };
            let number = shard.next;
            let Some(&[start, end]) = shard.offsets.get(number..number + 2) else {
                // All samples are read; a checksum may stand behind them.
                let rest = if window.held().is_empty() { window.more()? } else { More::Bytes };
                match rest {
                    More::End => self.window = None,
                    More::Bytes => self.lose(number, reasons::CORRUPT, batch),
                    More::Lost(reason) => self.lose(number, reason, batch),
                }
                continue;
            };
            shard.next += 1;
            // The header's offsets were found in order.
            let length = u64::from(end - start);
            let held =
                if length > self.max_bytes { pass(window, length)? } else { hold(window, length)? };
            if let Err(reason) = held {
                self.lose(number, reason, batch);
                continue;
            }
            let position = Position::plain(number as u64);
            let added = if length > self.max_bytes {
                Err(reasons::TOO_LARGE)
            } else {
                let range = window.take(usize::try_from(length).unwrap_or(usize::MAX));
                shard.columns.add(batch, position, window.taken(range))
            };
            if let Err(reason) = added {
                batch.failed(position, reason);
            }
            self.records += 1;
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

/// Reads on until so many bytes are held.
fn hold(window: &mut Window, count: u64) -> Result<Result<(), Reason>, ReadError> {
    while (window.held().len() as u64) < count {
        match window.more()? {
            More::Bytes => {}
            More::Lost(reason) => return Ok(Err(reason)),
            More::End => return Ok(Err(reasons::TRUNCATED)),
        }
    }
    Ok(Ok(()))
}

/// Passes over so many bytes.
fn pass(window: &mut Window, count: u64) -> Result<Result<(), Reason>, ReadError> {
    let mut left = count;
    while left > 0 {
        if let Err(reason) = hold(window, 1)? {
            return Ok(Err(reason));
        }
        let count = (window.held().len() as u64).min(left);
        window.take(usize::try_from(count).unwrap_or(usize::MAX));
        left -= count;
    }
    Ok(Ok(()))
}

/// Reads the header of a shard, up to the first sample.
fn header(window: &mut Window, fields: &Fields) -> Result<Result<Shard, Reason>, ReadError> {
    let count = match number(window)? {
        Ok(count) => count,
        Err(reason) => return Ok(Err(reason)),
    };
    if count > MAX_SAMPLES {
        return Ok(Err(reasons::CORRUPT));
    }
    let mut offsets: Vec<u32> = Vec::new();
    for _ in 0..=count {
        let offset = match number(window)? {
            Ok(offset) => offset,
            Err(reason) => return Ok(Err(reason)),
        };
        if offsets.last().is_some_and(|last| *last > offset) {
            return Ok(Err(reasons::CORRUPT));
        }
        offsets.push(offset);
    }
    let before = 4 + 4 * (u64::from(count) + 1);
    let length = u64::from(offsets[0]).checked_sub(before);
    let Some(length) = length.filter(|length| *length <= MAX_CONFIG_BYTES) else {
        return Ok(Err(reasons::CORRUPT));
    };
    if let Err(reason) = hold(window, length)? {
        return Ok(Err(reason));
    }
    let range = window.take(usize::try_from(length).unwrap_or(usize::MAX));
    let config = serde_json::from_slice::<Config>(window.taken(range));
    let columns = config.ok().and_then(|config| Columns::new(&config, fields));
    Ok(columns.map(|columns| Shard { offsets, next: 0, columns }).ok_or(reasons::CORRUPT))
}

fn number(window: &mut Window) -> Result<Result<u32, Reason>, ReadError> {
    Ok(hold(window, 4)?.map(|()| {
        let range = window.take(4);
        let bytes = window.taken(range).first_chunk();
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }))
}

#[cfg(test)]
mod tests;
