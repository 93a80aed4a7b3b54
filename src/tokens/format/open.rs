//! Which format a file has.

use super::mds::MdsReader;
use super::parquet::ParquetReader;
use super::read::{Hints, ShardReader, damaged};
use super::{ShardError, datatrove, llmc, megatron, nanogpt, npy};
use crate::store::Store;

/// Opens any shard, recognised by its name and content: `.bin` with an `.idx` beside it is Megatron's
/// (either of the two may be named), with a header llm.c's, else nanoGPT's.
///
/// # Errors
/// When it is missing, no shard, or damaged where it can be seen at once.
pub fn open(store: &Store, path: &str) -> Result<Box<dyn ShardReader>, ShardError> {
    open_with(store, path, &Hints::default())
}

/// [`open`], given what the file itself may not say.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    store: &Store,
    path: &str,
    hints: &Hints,
) -> Result<Box<dyn ShardReader>, ShardError> {
    let ending = |ending| path.ends_with(ending);
    if let Some(prefix) = path.strip_suffix(".idx") {
        return Ok(Box::new(megatron::open(store, prefix)?));
    }
    if let Some(prefix) = path.strip_suffix(".bin") {
        if store.exists(&format!("{prefix}.idx"))? {
            return Ok(Box::new(megatron::open(store, prefix)?));
        }
        let head = store.entry(path)?.size.min(1024);
        if llmc::recognised(&store.read_range(path, 0..head)?).is_some() {
            return Ok(Box::new(llmc::open(store, path)?));
        }
        return Ok(Box::new(nanogpt::open(store, path, hints)?));
    }
    if ending(".ds") {
        return Ok(Box::new(datatrove::open(store, path, hints)?));
    }
    if ending(".mds") || ending(".mds.zstd") {
        return Ok(Box::new(MdsReader::open(store, path)?));
    }
    if ending(".parquet") {
        return Ok(Box::new(ParquetReader::open(store, path)?));
    }
    if ending(".npy") {
        return Ok(Box::new(npy::open(store, path, hints)?));
    }
    let detail = "its name is none of a shard (.bin, .idx, .ds, .mds, .mds.zstd, .parquet, .npy)";
    Err(damaged(path, detail))
}

/// Shards among the files below a folder, each once, sorted. What belongs to a shard (index, masks,
/// borders), `tokens/index` and files of other kinds are left out.
///
/// # Errors
/// When the folder cannot be listed.
pub fn shards_below(store: &Store, folder: &str) -> Result<Vec<String>, ShardError> {
    let listed = store.list(folder)?;
    Ok(listed.into_iter().map(|entry| entry.path).filter(|path| is_shard(path)).collect())
}

/// Whether a file's name is that of a shard's tokens.
pub(crate) fn is_shard(path: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let known = [".bin", ".ds", ".mds", ".mds.zstd", ".parquet", ".npy"];
    !["doc_ends_", "loss_"].iter().any(|start| file.starts_with(start))
        && !file.ends_with(".loss.bin")
        && folder.rsplit('/').next() != Some("index")
        && known.iter().any(|ending| file.ends_with(ending))
}
