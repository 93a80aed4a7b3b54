//! Reading MDS shards.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use serde::Deserialize;

use super::super::file::failed;
use super::super::read::{ReadSequence, ShardFacts, ShardReader, damaged};
use super::super::{ShardError, Width};
use crate::config::tokens::ShardFormat;
use crate::document::MAX_DOCUMENT_BYTES;
use crate::store::Store;

/// Samples of a shard at most, since where they start is held: far more than shards have.
const MAX_SAMPLES: u32 = 1 << 26;
/// Bytes of the columns' description at most.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// Bytes of a sample at most: a token a byte of text, four bytes and a mask each, and a row's ends.
const MAX_SAMPLE: u64 = 6 * MAX_DOCUMENT_BYTES as u64;

#[derive(Deserialize)]
struct Description {
    #[serde(rename = "column_names")]
    names: Vec<String>,
    #[serde(rename = "column_encodings")]
    encodings: Vec<String>,
    #[serde(rename = "column_sizes")]
    sizes: Vec<Option<u64>>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Tokens(Width),
    Loss,
    Ends,
    Other,
}

struct Column {
    content: Content,
    /// Its bytes, where they are always as many.
    size: Option<usize>,
    /// Whether its length stands before its values.
    shaped: bool,
}

/// Reads a shard in order.
pub(crate) struct MdsReader {
    path: String,
    from: Box<dyn Read + Send>,
    offsets: Vec<u32>,
    next: usize,
    columns: Vec<Column>,
    facts: ShardFacts,
    sample: Vec<u8>,
}

impl MdsReader {
    /// Opens a shard, compressed where its name says so.
    pub(crate) fn open(store: &Store, path: &str) -> Result<Self, ShardError> {
        let bytes = Cursor::new(Bytes::from_owner(store.map(path)?));
        let mut from: Box<dyn Read + Send> = if path.strip_suffix(".zstd").is_some() {
            let decoder = zstd::stream::read::Decoder::with_buffer(bytes);
            Box::new(decoder.map_err(|source| failed(path, source))?)
        } else {
            Box::new(bytes)
        };
        let mut buffer = Vec::new();
        take(path, &mut from, 4, &mut buffer)?;
        let samples = word(&buffer, 0);
        if samples > MAX_SAMPLES {
            return Err(damaged(path, "it claims more samples than a shard can have"));
        }
        take(path, &mut from, 4 * (u64::from(samples) + 1), &mut buffer)?;
        let offsets: Vec<u32> =
            (0..buffer.len() / 4).map(|place| word(&buffer, place * 4)).collect();
        if !offsets.is_sorted() {
            return Err(damaged(path, "its samples do not stand one behind the other"));
        }
        let head = 8 + 4 * u64::from(samples);
        let description = u64::from(offsets[0]).checked_sub(head);
        let Some(length) = description.filter(|&length| length <= MAX_DESCRIPTION) else {
            return Err(damaged(path, "its first sample is not where it must be"));
        };
        take(path, &mut from, length, &mut buffer)?;
        let columns = columns(&buffer).map_err(|detail| damaged(path, &detail))?;
        let facts = facts(&columns).map_err(|detail| damaged(path, &detail))?;
        let (path, sample) = (path.to_owned(), Vec::new());
        Ok(Self { path, from, offsets, next: 0, columns, facts, sample })
    }

    fn decode(&self, sequence: &mut ReadSequence) -> Option<()> {
        let mut rest = self.sample.as_slice();
        let mut sizes = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            sizes.push(match column.size {
                Some(size) => size,
                None => usize::try_from(word(rest.split_off(..4)?, 0)).ok()?,
            });
        }
        let mut has_ends = false;
        for (column, size) in self.columns.iter().zip(sizes) {
            let mut bytes = rest.split_off(..size)?;
            let shape = if column.shaped { Some(length(&mut bytes)?) } else { None };
            let width = match column.content {
                Content::Tokens(width) => {
                    width.read(bytes, &mut sequence.tokens);
                    width.bytes()
                }
                Content::Ends => {
                    has_ends = true;
                    Width::U32.read(bytes, &mut sequence.ends);
                    4
                }
                Content::Loss => {
                    sequence.loss.as_mut()?.extend_from_slice(bytes);
                    1
                }
                Content::Other => continue,
            };
            let counted = bytes.len() / width;
            if bytes.len() % width != 0 || shape.is_some_and(|shape| shape != counted as u64) {
                return None;
            }
        }
        let count = u32::try_from(sequence.tokens.len()).ok()?;
        if sequence.loss.as_ref().is_some_and(|loss| loss.len() != sequence.tokens.len()) {
            return None;
        }
        if !has_ends {
            sequence.ends.push(count);
        }
        let last = sequence.ends.last().copied().unwrap_or(0);
        sequence.padding = count.checked_sub(last)?;
        (rest.is_empty() && sequence.ends.is_sorted()).then_some(())
    }
}

impl ShardReader for MdsReader {
    fn facts(&self) -> &ShardFacts {
        &self.facts
    }

    fn next(&mut self, sequence: &mut ReadSequence) -> Result<bool, ShardError> {
        sequence.clear(self.facts.masked);
        let Some(&[start, end]) = self.offsets.get(self.next..self.next + 2) else {
            // There must be nothing more, not even a broken frame.
            let rest = self.from.read(&mut [0]).map_err(|source| cut_off(&self.path, &source))?;
            if rest > 0 {
                return Err(damaged(&self.path, "there are bytes behind its last sample"));
            }
            return Ok(false);
        };
        let length = u64::from(end - start);
        if length > MAX_SAMPLE {
            return Err(damaged(&self.path, "a sample is larger than any document"));
        }
        let mut sample = std::mem::take(&mut self.sample);
        let taken = take(&self.path, &mut self.from, length, &mut sample);
        self.sample = sample;
        taken?;
        if self.decode(sequence).is_none() {
            let detail = format!("the parts of sample {} do not add up", self.next);
            return Err(damaged(&self.path, &detail));
        }
        self.next += 1;
        Ok(true)
    }
}

/// Reads just `length` bytes in place of what `buffer` holds, which grows with what there really is.
fn take(
    path: &str,
    from: &mut (impl Read + ?Sized),
    length: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), ShardError> {
    buffer.clear();
    let read = from.take(length).read_to_end(buffer).map_err(|source| cut_off(path, &source))?;
    if read as u64 == length { Ok(()) } else { Err(damaged(path, "it is cut off")) }
}

/// A frame that does not decode.
fn cut_off(path: &str, source: &io::Error) -> ShardError {
    damaged(path, &source.to_string())
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// Takes the head off an array of one dimension; gives its length.
fn length(bytes: &mut &[u8]) -> Option<u64> {
    let &code = bytes.split_off_first()?;
    if code >> 2 != 1 {
        return None;
    }
    let mut length = [0; 8];
    let used = 1 << (code & 3);
    length[..used].copy_from_slice(bytes.split_off(..used)?);
    Some(u64::from_le_bytes(length))
}

fn columns(description: &[u8]) -> Result<Vec<Column>, String> {
    let Description { names, encodings, sizes } = serde_json::from_slice(description)
        .map_err(|error| format!("its columns cannot be read: {error}"))?;
    if names.len() != encodings.len() || names.len() != sizes.len() {
        return Err("its columns have not as many names as types".to_owned());
    }
    let column = |((name, encoding), size): ((String, String), Option<u64>)| {
        let mut parts = encoding.split(':');
        let (kind, element, shape) = (parts.next(), parts.next(), parts.next());
        let content = match (name.as_str(), kind, element) {
            ("tokens" | "input_ids", Some("ndarray"), Some("uint16")) => {
                Content::Tokens(Width::U16)
            }
            ("tokens" | "input_ids", Some("ndarray"), Some("int32")) => Content::Tokens(Width::I32),
            ("tokens" | "input_ids", Some("ndarray"), Some("uint32")) => {
                Content::Tokens(Width::U32)
            }
            ("tokens" | "input_ids", ..) => {
                return Err(format!(
                    "tokens of the encoding `{encoding}` are not known; known are ndarray:uint16, \
                     ndarray:int32 and ndarray:uint32"
                ));
            }
            ("loss_mask", Some("ndarray"), Some("uint8")) => Content::Loss,
            ("doc_ends", Some("ndarray"), Some("uint32")) => Content::Ends,
            _ => Content::Other,
        };
        let size = size.map(usize::try_from).transpose().map_err(|error| error.to_string())?;
        Ok(Column { content, size, shaped: shape.is_none() })
    };
    names.into_iter().zip(encodings).zip(sizes).map(column).collect()
}

fn facts(columns: &[Column]) -> Result<ShardFacts, String> {
    let tokens = columns.iter().find_map(|column| match column.content {
        Content::Tokens(width) => Some((width, column.size)),
        _ => None,
    });
    let (width, size) = tokens.ok_or("it has no column `tokens`: it holds texts")?;
    Ok(ShardFacts {
        format: ShardFormat::Mds,
        width,
        row_length: size.map(|size| (size / width.bytes()) as u64),
        masked: columns.iter().any(|column| column.content == Content::Loss),
    })
}
