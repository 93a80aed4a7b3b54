//! Shards for random access: the tokens of one shard, one behind the other, as `tokens/index` counts
//! them.
//!
//! `megatron`, `nanogpt` and `llmc` have them so and are mapped. Others are written out once into
//! files without a name, in `TAMIS_SCRATCH` or the system's folder for temporary files, and mapped
//! there: memory stays that of one document.

use super::mds::MdsReader;
use super::parquet::ParquetReader;
use super::read::{Hints, ReadSequence, ShardReader, Tokens, damaged};
use super::{ShardError, Width, llmc, megatron, nanogpt};
use crate::config::tokens::ShardFormat;
use crate::store::{Mapped, Spool, Store};

/// The tokens of one shard, mapped.
pub(crate) struct FlatShard {
    pub path: String,
    pub width: Width,
    /// Number of tokens.
    pub tokens: u64,
    bytes: Mapped,
    /// Bytes before the first token.
    start: usize,
    /// Where the last token stands, if not behind the others.
    last: Option<usize>,
    /// The masks, and the bytes before them in their file.
    loss: Option<(Mapped, usize)>,
}

impl FlatShard {
    pub(super) fn new(
        path: String,
        bytes: Mapped,
        start: usize,
        width: Width,
        loss: Option<(Mapped, usize)>,
    ) -> Self {
        let tokens = ((bytes.len() - start) / width.bytes()) as u64;
        Self { path, width, tokens, bytes, start, last: None, loss }
    }

    /// The bytes of the tokens from `from` to before `to`, in two parts; `None` where there are fewer.
    pub(crate) fn bytes(&self, from: u64, to: u64) -> Option<[&[u8]; 2]> {
        let width = self.width.bytes();
        let at =
            |token: u64| usize::try_from(token).ok()?.checked_mul(width)?.checked_add(self.start);
        match self.last {
            Some(last) if to == self.tokens && from < to => {
                Some([self.bytes.get(at(from)?..at(to - 1)?)?, self.bytes.get(last..last + width)?])
            }
            _ => Some([self.bytes.get(at(from)?..at(to)?)?, &[]]),
        }
    }

    /// Whether there are loss masks.
    pub(crate) fn masked(&self) -> bool {
        self.loss.is_some()
    }

    /// For each token from `from` to before `to`, 1 where it is learnt and 0 where not; `None` where
    /// there are no masks, and all are.
    pub(crate) fn loss(&self, from: u64, to: u64) -> Option<&[u8]> {
        let (bytes, start) = self.loss.as_ref()?;
        let at = |token: u64| usize::try_from(token).ok()?.checked_add(*start);
        bytes.get(at(from)?..at(to)?)
    }
}

/// Opens the shard `stem` (a path without what its format adds), of whole documents.
///
/// # Errors
/// When a file is missing or not what its format says.
pub(crate) fn open_flat(
    store: &Store,
    stem: &str,
    format: ShardFormat,
    width: Width,
) -> Result<FlatShard, ShardError> {
    let bin = format!("{stem}.bin");
    let tokens: Tokens = match format {
        ShardFormat::Megatron => megatron::open(store, stem)?,
        ShardFormat::Nanogpt => {
            nanogpt::open(store, &bin, &Hints { width: Some(width), ..Hints::default() })?
        }
        ShardFormat::Llmc => {
            let mut flat = llmc::open(store, &bin)?.into_flat();
            // The token that ends a document stands before it: one further on everything is in its
            // place, but for the first one, which ends the last document.
            flat.last = Some(flat.start);
            flat.start += flat.width.bytes();
            return Ok(flat);
        }
        ShardFormat::Parquet => {
            let path = format!("{stem}.parquet");
            return spooled(&path, &mut ParquetReader::open(store, &path)?);
        }
        ShardFormat::Mds => {
            let path = mds_path(store, stem)?;
            return spooled(&path, &mut MdsReader::open(store, &path)?);
        }
        ShardFormat::Datatrove | ShardFormat::Npy => {
            let detail = "shards of this format are not trained on; write them as `megatron`";
            return Err(damaged(stem, detail));
        }
    };
    Ok(tokens.into_flat())
}

/// `tokens/train_00003` is `tokens/train/shard.00003.mds`, compressed or not.
fn mds_path(store: &Store, stem: &str) -> Result<String, ShardError> {
    let (folder, number) = stem.rsplit_once('_').unwrap_or((stem, ""));
    let path = format!("{folder}/shard.{number}.mds");
    let compressed = format!("{path}.zstd");
    Ok(if !store.exists(&path)? && store.exists(&compressed)? { compressed } else { path })
}

/// Writes the documents of a shard out, one behind the other.
fn spooled(path: &str, reader: &mut dyn ShardReader) -> Result<FlatShard, ShardError> {
    let (width, masked) = (reader.facts().width, reader.facts().masked);
    let (mut tokens, mut loss) = (Spool::new()?, Spool::new()?);
    let (mut sequence, mut bytes) = (ReadSequence::default(), Vec::new());
    while reader.next(&mut sequence)? {
        bytes.clear();
        width.append(&sequence.tokens, &mut bytes);
        tokens.write(&bytes)?;
        if let Some(mask) = &sequence.loss {
            loss.write(mask)?;
        }
    }
    let loss = if masked { Some((loss.map()?, 0)) } else { None };
    Ok(FlatShard::new(path.to_owned(), tokens.map()?, 0, width, loss))
}
