//! Files being written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::local::Staged;
use super::parts::Parts;
use super::{Store, StoreError};

/// Bytes a [`StoreWriter`] gathers before it writes to a file of this machine: few enough to be still
/// in a near cache when the system copies them.
const FILE_BYTES: usize = 256 << 10;

/// What a finished write left at the store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Written {
    /// Path below the store's root.
    pub path: String,
    /// Length in bytes.
    pub bytes: u64,
    /// xxh3-64 of the content, in hexadecimal.
    pub xxh3: String,
}

/// A file being written; nothing is to be seen at its path before [`StoreWriter::finish`].
///
/// A small file is one request at the end. A large one goes to a staged file in small pieces, or to
/// an object store in large parts, some of which are on their way while the next is gathered.
pub struct StoreWriter {
    store: Store,
    path: String,
    to: To,
    buffer: Vec<u8>,
    bytes: u64,
    hash: Xxh3,
}

/// Where bytes go to, and what has gone there.
enum To {
    /// To this place in a folder.
    Folder(PathBuf, Option<Staged>),
    /// To a store that takes parts.
    Elsewhere(Option<Parts>),
}

impl StoreWriter {
    pub(super) fn new(store: &Store, path: &str) -> Self {
        let to = match store.root().folder() {
            Some(folder) => To::Folder(folder.join(path), None),
            None => To::Elsewhere(None),
        };
        Self {
            store: store.clone(),
            path: path.to_owned(),
            to,
            buffer: Vec::new(),
            bytes: 0,
            hash: Xxh3::new(),
        }
    }

    /// Bytes written so far: where the next one will lie.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.bytes
    }

    /// Makes the file visible at its path, whole.
    ///
    /// # Errors
    /// When the last bytes cannot be written or the file not moved into place.
    pub fn finish(self) -> Result<Written, StoreError> {
        let Self { store, path, to, buffer, bytes, hash } = self;
        match to {
            To::Folder(_, None) | To::Elsewhere(None) => store.put(&path, buffer.into())?,
            To::Folder(_, Some(mut file)) => {
                let written = file.write(&buffer).and_then(|()| file.commit());
                written.map_err(|error| failed(&store, &path, error))?;
            }
            To::Elsewhere(Some(mut parts)) => {
                if !buffer.is_empty() {
                    parts.send(buffer)?;
                }
                parts.complete()?;
            }
        }
        Ok(Written { path, bytes, xxh3: format!("{:016x}", hash.digest()) })
    }
}

/// Gathers `data`, and writes it with what was gathered where that is enough.
fn write_file(
    place: &Path,
    file: &mut Option<Staged>,
    buffer: &mut Vec<u8>,
    data: &[u8],
) -> io::Result<()> {
    if buffer.len() + data.len() <= FILE_BYTES {
        buffer.extend_from_slice(data);
        return Ok(());
    }
    let file = match file {
        Some(file) => file,
        none => none.insert(Staged::create(place)?),
    };
    file.write(buffer)?;
    buffer.clear();
    if data.len() < FILE_BYTES {
        buffer.extend_from_slice(data);
        return Ok(());
    }
    file.write(data)
}

fn failed(store: &Store, path: &str, source: io::Error) -> StoreError {
    StoreError::Backend { action: "write", path: store.full(path), source: Box::new(source) }
}

impl Write for StoreWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Folder(place, file) => write_file(place, file, &mut self.buffer, data)
                .map_err(|error| failed(&self.store, &self.path, error)),
            To::Elsewhere(parts) => {
                self.buffer.extend_from_slice(data);
                write_parts((&self.store, &self.path), parts, &mut self.buffer)
            }
        }
        .map_err(io::Error::other)?;
        self.hash.update(data);
        self.bytes += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends what is gathered where it is enough for a part.
fn write_parts(
    (store, path): (&Store, &str),
    parts: &mut Option<Parts>,
    buffer: &mut Vec<u8>,
) -> Result<(), StoreError> {
    let sent = parts.as_ref().map_or(0, Parts::sent);
    if buffer.len() < Parts::bytes(sent) {
        return Ok(());
    }
    let parts = match parts {
        Some(parts) => parts,
        none => none.insert(Parts::begin(store, path)?),
    };
    parts.send(std::mem::replace(buffer, Vec::with_capacity(Parts::bytes(sent + 1))))
}
