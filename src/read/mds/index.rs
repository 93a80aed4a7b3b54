//! `index.json` of a folder of MDS shards: which there are, and what they must be like.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use sha1::{Digest, Sha1};
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

use super::super::{Piece, ReadError};
use crate::store::{Entry, Store, StoreError};

/// The name that the file has in every folder of shards.
pub(crate) const INDEX: &str = "index.json";

/// The largest index that is read: some hundred thousand shards.
const MAX_INDEX_BYTES: u64 = 256 << 20;

/// Bytes hashed at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// The file.
#[derive(Debug, Deserialize)]
struct Index {
    shards: Vec<Shard>,
}

#[derive(Debug, Deserialize)]
struct Shard {
    format: String,
    samples: u64,
    raw_data: File,
    zip_data: Option<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    basename: String,
    bytes: u64,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// What the index says of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) samples: u64,
    bytes: u64,
    hashes: BTreeMap<String, String>,
}

/// Why the shards of an index cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// A shard is not there.
    #[error("its shard `{shard}` does not exist")]
    Missing {
        /// As the index calls it.
        shard: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn read(store: &Store, path: &str, size: u64) -> Result<Option<Index>, StoreError> {
    if size > MAX_INDEX_BYTES {
        return Ok(None);
    }
    let bytes = store.read_range(path, 0..size)?;
    let index = serde_json::from_slice::<Index>(&bytes).ok();
    Ok(index.filter(|index| index.shards.iter().all(|shard| shard.format == "mds")))
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

/// The index beside a shard.
///
/// # Errors
/// When the storage fails.
pub(crate) fn beside(store: &Store, shard: &str) -> Result<Option<Entry>, StoreError> {
    match store.entry(&format!("{}{INDEX}", folder(shard))) {
        Ok(entry) => Ok(Some(entry)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The shards that a file lists, in its order: as written, else compressed. `None` where the file is
/// not the index of a folder of MDS shards.
///
/// # Errors
/// When a shard is not there, or the storage fails.
pub(crate) fn shards(store: &Store, index: &Entry) -> Result<Option<Vec<Entry>>, IndexError> {
    if index.path.rsplit('/').next() != Some(INDEX) {
        return Ok(None);
    }
    let Some(found) = read(store, &index.path, index.size)? else { return Ok(None) };
    let folder = folder(&index.path);
    let mut entries = Vec::with_capacity(found.shards.len());
    for shard in &found.shards {
        let files = std::iter::once(&shard.raw_data).chain(&shard.zip_data);
        let mut entry = None;
        for file in files {
            match store.entry(&format!("{folder}{}", file.basename)) {
                Ok(found) => {
                    entry = Some(found);
                    break;
                }
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let missing = || IndexError::Missing { shard: shard.raw_data.basename.clone() };
        entries.push(entry.ok_or_else(missing)?);
    }
    Ok(Some(entries))
}

/// What the index beside a shard says of it; `None` where there is none or it does not list it.
pub(super) fn facts(store: &Store, piece: &Piece) -> Result<Option<Facts>, ReadError> {
    let Some(entry) = beside(store, &piece.file)? else { return Ok(None) };
    let Some(index) = read(store, &entry.path, entry.size)? else { return Ok(None) };
    let name = piece.file.rsplit('/').next().unwrap_or_default();
    let found = index.shards.into_iter().find_map(|shard| {
        let file = [Some(shard.raw_data), shard.zip_data]
            .into_iter()
            .flatten()
            .find(|file| file.basename == name)?;
        Some(Facts { samples: shard.samples, bytes: file.bytes, hashes: file.hashes })
    });
    Ok(found)
}

impl Facts {
    /// Whether a shard is as long as it should be and has the hashes that are known here: `sha1`,
    /// `xxh64`, `xxh3_64`, `xxh3_128`.
    pub(super) fn hold(&self, store: &Store, piece: &Piece) -> Result<bool, ReadError> {
        if self.bytes != piece.size {
            return Ok(false);
        }
        let expected = |name: &str| self.hashes.get(name);
        let mut sha1 = expected("sha1").map(|_| Sha1::new());
        let mut xxh64 = expected("xxh64").map(|_| Xxh64::new(0));
        let three = expected("xxh3_64").or(expected("xxh3_128")).or(expected("xxh128"));
        let mut xxh3 = three.map(|_| Xxh3::new());
        if sha1.is_none() && xxh64.is_none() && xxh3.is_none() {
            return Ok(true);
        }
        let io = |source| ReadError::Io { file: piece.file.clone(), source };
        let mut reader = store.reader(&piece.file, 0..piece.size)?;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let read = reader.read(&mut buffer).map_err(io)?;
            if read == 0 {
                break;
            }
            let bytes = &buffer[..read];
            if let Some(hash) = &mut sha1 {
                hash.update(bytes);
            }
            if let Some(hash) = &mut xxh64 {
                hash.update(bytes);
            }
            if let Some(hash) = &mut xxh3 {
                hash.update(bytes);
            }
        }
        let long = xxh3.as_ref().map(|hash| format!("{:032x}", hash.digest128()));
        let found = [
            ("sha1", sha1.map(|hash| format!("{:x}", hash.finalize()))),
            ("xxh64", xxh64.map(|hash| format!("{:016x}", hash.digest()))),
            ("xxh3_64", xxh3.map(|hash| format!("{:016x}", hash.digest()))),
            ("xxh3_128", long.clone()),
            ("xxh128", long),
        ];
        Ok(found.into_iter().all(|(name, found)| {
            expected(name).is_none_or(|expected| Some(expected) == found.as_ref())
        }))
    }
}
