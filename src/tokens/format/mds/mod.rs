//! MDS of MosaicML [streaming](https://github.com/mosaicml/streaming), byte for byte as its
//! `MDSWriter` writes it; what LLM Foundry and Composer train on.
//!
//! `shard.00000.mds`: `u32` number of samples n; n+1 × `u32` where samples start and the last one
//! ends; the columns as JSON; the samples. A sample is the `u32` length of each column of variable
//! length, then the columns. They are, in this order:
//! * `doc_ends` (rows only), `ndarray:uint32`: where the documents in the row end. What lies behind
//!   the last end is padding.
//! * `loss_mask` (where there are masks), `ndarray:uint8:L`, without rows `ndarray:uint8`: 1 for each
//!   token that is learnt.
//! * `tokens`, `ndarray:uint16:L` or `ndarray:int32:L`, without rows of variable length.
//!
//! `index.json` lists the shards of a folder with length and hash (`xxh3_64`; readers check it with
//! `validate_hash="xxh3_64"`). Offsets have 32 bits, so a shard has less than 4 GiB.

mod json;
mod read;

use std::io::Write;

use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

pub(super) use self::json::python;
pub(super) use self::read::MdsReader;
use super::file::{ShardFile, failed};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName};
use crate::config::tokens::{Packing, ShardCompression};
use crate::store::{Scratch, Store};

/// Level of Zstandard: its default, as that of `MDSWriter`.
const LEVEL: i32 = 3;

/// Writes a shard.
pub(super) struct MdsWriter {
    path: String,
    basename: String,
    file: ShardFile,
    samples: Scratch,
    /// Where samples start, from the first one on, and the last one ends.
    offsets: Vec<u32>,
    columns: Columns,
    compressed: bool,
    width: usize,
    buffer: Vec<u8>,
}

/// Which columns there are.
struct Columns {
    /// `doc_ends`, and all other columns of fixed length.
    rows: bool,
    masks: bool,
    /// As JSON, without what differs between shards.
    description: Value,
    /// The bytes of the description in a shard.
    bytes: Vec<u8>,
}

impl Columns {
    fn new(layout: &ShardLayout) -> Self {
        let rows = layout.packing != Packing::Documents;
        let masks = layout.has_masks();
        let length = u64::from(layout.sequence_length);
        let array = |name: &str, width: usize| {
            let size = rows.then(|| length * width as u64);
            let shape = if rows { format!(":{length}") } else { String::new() };
            (format!("ndarray:{name}{shape}"), size)
        };
        let mut columns = Vec::new();
        if rows {
            columns.push(("doc_ends", ("ndarray:uint32".to_owned(), None)));
        }
        if masks {
            columns.push(("loss_mask", array("uint8", 1)));
        }
        columns.push(("tokens", array(layout.width.name(), layout.width.bytes())));
        let compressed = layout.compression == ShardCompression::Zstd;
        let description = json!({
            "column_encodings": columns.iter().map(|(_, column)| &column.0).collect::<Vec<_>>(),
            "column_names": columns.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "column_sizes": columns.iter().map(|(_, column)| column.1).collect::<Vec<_>>(),
            "compression": compressed.then_some("zstd"),
            "format": "mds",
            "hashes": ["xxh3_64"],
            "size_limit": null,
            "version": 2,
        });
        let bytes = python(&description).into_bytes();
        Self { rows, masks, description, bytes }
    }
}

impl MdsWriter {
    pub(super) fn create(
        store: &Store,
        name: &ShardName,
        layout: &ShardLayout,
    ) -> Result<Self, ShardError> {
        let compressed = layout.compression == ShardCompression::Zstd;
        let basename = format!("shard.{:05}.mds", name.number);
        let ending = if compressed { ".zstd" } else { "" };
        let path = format!("{}/{}/{basename}{ending}", name.folder, name.kind());
        Ok(Self {
            file: ShardFile::create(store, path.clone())?,
            path,
            basename,
            samples: Scratch::default(),
            offsets: vec![0],
            columns: Columns::new(layout),
            compressed,
            width: layout.width.bytes(),
            buffer: Vec::new(),
        })
    }

    /// Bytes before the samples, where there are as many as now.
    fn head(&self) -> u64 {
        4 + 4 * self.offsets.len() as u64 + self.columns.bytes.len() as u64
    }
}

/// The head of an array of one dimension: number of dimensions and width of its length, the length.
fn shape(length: usize, out: &mut Vec<u8>) {
    let bytes = (length as u64).to_le_bytes();
    let (code, used) = match length {
        0..=0xff => (0, 1),
        0x100..=0xffff => (1, 2),
        0x1_0000..=0xffff_ffff => (2, 4),
        _ => (3, 8),
    };
    out.push(1 << 2 | code);
    out.extend_from_slice(&bytes[..used]);
}

/// Bytes that [`shape`] takes.
fn shape_bytes(length: usize) -> usize {
    match length {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

impl SequenceWriter for MdsWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        let count = sequence.tokens.len() / self.width;
        let Columns { rows, masks, .. } = self.columns;
        let sample = &mut self.buffer;
        sample.clear();
        // A sample that is too long is refused below, before anybody reads these.
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        if rows {
            sample.extend(length(shape_bytes(sequence.ends.len()) + 4 * sequence.ends.len()));
            shape(sequence.ends.len(), sample);
            sample.extend(sequence.ends.iter().flat_map(|end| end.to_le_bytes()));
        } else {
            if masks {
                sample.extend(length(shape_bytes(count) + count));
            }
            sample.extend(length(shape_bytes(count) + sequence.tokens.len()));
        }
        if masks {
            if !rows {
                shape(count, sample);
            }
            match sequence.loss {
                Some(loss) => sample.extend_from_slice(loss),
                None => sample.resize(sample.len() + count, 1),
            }
        }
        if !rows {
            shape(count, sample);
        }
        self.samples.write(sample)?;
        self.samples.write(sequence.tokens)?;
        let end = self.samples.bytes();
        let Some(end) = u32::try_from(end).ok().filter(|_| self.head() + 4 + end <= MAX_BYTES)
        else {
            return Err(ShardError::Full {
                path: self.path.clone(),
                detail: "MDS has 32 bits for places in a shard, which is less than 4 GiB; lower \
                         `shard_size` or `shard_tokens`"
                    .to_owned(),
            });
        };
        self.offsets.push(end);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        let (first, samples) = (self.head(), self.offsets.len() - 1);
        let raw_bytes = first + self.samples.bytes();
        let mut head = Vec::with_capacity(usize::try_from(first).unwrap_or(0));
        // Everything was held against `MAX_BYTES`.
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        head.extend(narrow(samples as u64));
        for &offset in &self.offsets {
            head.extend(narrow(first + u64::from(offset)));
        }
        head.extend_from_slice(&self.columns.bytes);
        let mut hash = Xxh3::new();
        let file = if self.compressed {
            let failed = |source| failed(&self.path, source);
            let mut out = zstd::stream::write::Encoder::new(self.file, LEVEL).map_err(failed)?;
            // Readers ask a frame for its size.
            out.set_pledged_src_size(Some(raw_bytes)).map_err(failed)?;
            hash.update(&head);
            out.write_all(&head).map_err(failed)?;
            self.samples.give(|bytes| {
                hash.update(bytes);
                out.write_all(bytes).map_err(failed)
            })?;
            out.finish().map_err(failed)?
        } else {
            let mut file = self.file;
            file.write(&head)?;
            self.samples.give(|bytes| file.write(bytes))?;
            file
        };
        let written = file.finish()?;
        let info = |basename: &str, bytes: u64, hash: &str| json!({ "basename": basename, "bytes": bytes, "hashes": { "xxh3_64": hash } });
        let (raw, zip) = if self.compressed {
            let zip = info(&format!("{}.zstd", self.basename), written.bytes, &written.xxh3);
            let hash = format!("{:016x}", hash.digest());
            (info(&self.basename, raw_bytes, &hash), zip)
        } else {
            (info(&self.basename, written.bytes, &written.xxh3), Value::Null)
        };
        let mut index = self.columns.description;
        if let Value::Object(fields) = &mut index {
            fields.insert("raw_data".to_owned(), raw);
            fields.insert("samples".to_owned(), json!(samples));
            fields.insert("zip_data".to_owned(), zip);
        }
        Ok(Closed { files: vec![written], index: Some(index) })
    }
}

/// Bytes of a shard: places in it have 32 bits.
pub(super) const MAX_BYTES: u64 = u32::MAX as u64;

/// `index.json` of a folder of shards, given what each says of itself, in order.
pub(super) fn index(shards: &[&Value]) -> Vec<u8> {
    python(&json!({ "shards": shards, "version": 2 })).into_bytes()
}
