//! The only door to storage: every byte tamis reads or writes passes through a [`Store`].
//!
//! A store is a root (a folder; object stores behind the same calls later) and paths below it with
//! `/` between the parts. Writes become visible whole or not at all: [`Store::put`] and
//! [`Store::writer`] replace atomically, [`Store::put_if_absent`] lets exactly one of several
//! writers win, which is what commits a task (see [`crate::exec::manifest`]).
#![expect(
    clippy::disallowed_methods,
    reason = "this file is the door that the fence in .clippy.toml leads to"
)]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::{Deref, Range};
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode,
    PutPayload,
};
use tokio::runtime::Runtime;
use xxhash_rust::xxh3::Xxh3;

/// Bytes a [`StoreWriter`] gathers before it hands a part to the store.
const PART_BYTES: usize = 8 << 20;

/// What went wrong at the store, with the path it went wrong at.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The root is not something a store can be opened at.
    #[error("cannot open `{root}` as a store: {reason}")]
    Open {
        /// The root as given.
        root: String,
        /// Why not, and what to give instead.
        reason: String,
    },
    /// There is nothing at the path.
    #[error("`{path}` does not exist")]
    NotFound {
        /// The full path.
        path: String,
    },
    /// Any other failure of the storage below.
    #[error("cannot {action} `{path}`: {source}")]
    Backend {
        /// What was tried: read, write, list, …
        action: &'static str,
        /// The full path.
        path: String,
        /// What the storage said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later (a busy or broken network, say).
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Backend { .. })
    }
}

/// One stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the store's root.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// A tag that changes when the content does: time of change and size. (The store's own tag
    /// holds the inode, which differs between copies of one tree.)
    pub tag: String,
}

/// A root that files are read from and written to.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

fn tag(meta: &object_store::ObjectMeta) -> String {
    format!("{:x}-{:x}", meta.last_modified.timestamp_micros(), meta.size)
}

/// One runtime for all stores: object stores speak async, the engine does not.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("tamis-store")
            .build()
            // A machine that cannot start two threads cannot run anything below this line.
            .expect("the storage runtime starts")
    })
}

impl Store {
    /// Opens the folder `root`, making it where it is missing.
    ///
    /// # Errors
    /// When `root` is a URL (object stores are not built yet) or the folder cannot be made.
    pub fn open(root: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let root = root.as_ref();
        let failed = |reason: String| StoreError::Open { root: root.display().to_string(), reason };
        if root.to_string_lossy().contains("://") {
            return Err(failed("only folders can be opened so far; give a local path".to_owned()));
        }
        std::fs::create_dir_all(root).map_err(|error| failed(error.to_string()))?;
        Self::open_existing(root)
    }

    /// A store in memory, empty, for work that writes nothing.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { inner: Arc::new(object_store::memory::InMemory::new()), root: PathBuf::new() }
    }

    /// Opens the folder `root` to read from; it must exist.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn open_existing(root: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let root = root.as_ref();
        let failed = |reason: String| StoreError::Open { root: root.display().to_string(), reason };
        let root = std::fs::canonicalize(root).map_err(|error| failed(error.to_string()))?;
        let inner = object_store::local::LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| failed(error.to_string()))?
            .with_fsync(true);
        Ok(Self { inner: Arc::new(inner), root })
    }

    /// The root as a path, for messages and for handing to another process.
    #[must_use]
    pub fn root(&self) -> &FsPath {
        &self.root
    }

    fn full(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }

    fn key(&self, path: &str) -> Result<Path, StoreError> {
        Path::parse(path).map_err(|source| StoreError::Backend {
            action: "name",
            path: self.full(path),
            source: Box::new(source),
        })
    }

    fn error(&self, action: &'static str, path: &str, source: object_store::Error) -> StoreError {
        match source {
            object_store::Error::NotFound { .. } => StoreError::NotFound { path: self.full(path) },
            source => {
                StoreError::Backend { action, path: self.full(path), source: Box::new(source) }
            }
        }
    }

    /// All files below `prefix` (a folder, `""` for all), sorted by path.
    ///
    /// # Errors
    /// When the storage cannot be listed; a missing folder is an empty list.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let key = self.key(prefix)?;
        let listing = self.inner.list((!prefix.is_empty()).then_some(&key));
        let mut entries: Vec<Entry> = runtime()
            .block_on(
                listing
                    .map_ok(|meta| Entry {
                        path: meta.location.to_string(),
                        size: meta.size,
                        tag: tag(&meta),
                    })
                    .try_collect(),
            )
            .map_err(|source| self.error("list", prefix, source))?;
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(entries)
    }

    /// Size and tag of one file.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn entry(&self, path: &str) -> Result<Entry, StoreError> {
        let key = self.key(path)?;
        let meta = runtime()
            .block_on(self.inner.head(&key))
            .map_err(|source| self.error("look up", path, source))?;
        Ok(Entry { path: path.to_owned(), size: meta.size, tag: tag(&meta) })
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    /// When the storage cannot tell.
    pub fn exists(&self, path: &str) -> Result<bool, StoreError> {
        match self.entry(path) {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A whole file.
    ///
    /// # Errors
    /// When it is missing or unreadable.
    pub fn read(&self, path: &str) -> Result<Bytes, StoreError> {
        let key = self.key(path)?;
        runtime()
            .block_on(async { self.inner.get(&key).await?.bytes().await })
            .map_err(|source| self.error("read", path, source))
    }

    /// The bytes `range` of a file.
    ///
    /// # Errors
    /// When the file is missing, unreadable or shorter.
    pub fn read_range(&self, path: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let key = self.key(path)?;
        runtime()
            .block_on(self.inner.get_range(&key, range))
            .map_err(|source| self.error("read", path, source))
    }

    /// The bytes `range` of a file as a stream.
    ///
    /// # Errors
    /// When the file is missing or cannot be opened.
    pub fn reader(&self, path: &str, range: Range<u64>) -> Result<StoreReader, StoreError> {
        if range.is_empty() {
            return Ok(StoreReader { source: ReadFrom::Nothing });
        }
        let key = self.key(path)?;
        let options =
            GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let result = runtime()
            .block_on(self.inner.get_opts(&key, options))
            .map_err(|source| self.error("read", path, source))?;
        let source = match result.payload {
            GetResultPayload::File(mut file, _) => {
                file.seek(SeekFrom::Start(result.range.start)).map_err(|source| {
                    StoreError::Backend {
                        action: "read",
                        path: self.full(path),
                        source: Box::new(source),
                    }
                })?;
                ReadFrom::File(file.take(result.range.end - result.range.start))
            }
            GetResultPayload::Stream(stream) => ReadFrom::Stream { stream, chunk: Bytes::new() },
        };
        Ok(StoreReader { source })
    }

    /// A file mapped into memory; for random access to large local files.
    ///
    /// # Errors
    /// When it is missing or cannot be mapped.
    pub fn map(&self, path: &str) -> Result<Mapped, StoreError> {
        let backend = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                StoreError::NotFound { path: self.full(path) }
            } else {
                StoreError::Backend {
                    action: "map",
                    path: self.full(path),
                    source: Box::new(source),
                }
            }
        };
        let file = File::open(self.root.join(path)).map_err(backend)?;
        if file.metadata().map_err(backend)?.len() == 0 {
            // An empty file cannot be mapped.
            return Ok(Mapped(MappedBytes::Read(Bytes::new())));
        }
        // SAFETY: what is mapped are committed outputs, which are replaced by rename and never
        // written in place; a file that somebody truncates meanwhile is outside any contract.
        #[expect(unsafe_code, reason = "mapping is the point of this call")]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(backend)?;
        Ok(Mapped(MappedBytes::Map(map)))
    }

    /// Writes a whole file, replacing what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let key = self.key(path)?;
        runtime()
            .block_on(self.inner.put(&key, bytes.into()))
            .map(drop)
            .map_err(|source| self.error("write", path, source))
    }

    /// Writes a whole file unless there is one; says whether this call wrote it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_if_absent(&self, path: &str, bytes: Bytes) -> Result<bool, StoreError> {
        let key = self.key(path)?;
        let put = self.inner.put_opts(&key, PutPayload::from(bytes), PutMode::Create.into());
        match runtime().block_on(put) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(self.error("write", path, source)),
        }
    }

    /// Starts a file that appears at `path` when [`StoreWriter::finish`] is called.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn writer(&self, path: &str) -> Result<StoreWriter, StoreError> {
        let key = self.key(path)?;
        let upload = runtime()
            .block_on(self.inner.put_multipart(&key))
            .map_err(|source| self.error("write", path, source))?;
        Ok(StoreWriter {
            upload,
            path: path.to_owned(),
            full: self.full(path),
            buffer: Vec::with_capacity(64 << 10),
            bytes: 0,
            hash: Xxh3::new(),
            finished: false,
        })
    }

    /// Removes a file; a missing one is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn delete(&self, path: &str) -> Result<(), StoreError> {
        let key = self.key(path)?;
        match runtime().block_on(self.inner.delete(&key)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.error("delete", path, source)),
        }
    }

    /// Removes all below `prefix`, what broken-off writes left there included.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn delete_below(&self, prefix: &str) -> Result<(), StoreError> {
        match std::fs::remove_dir_all(self.root.join(prefix)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(StoreError::Backend {
                action: "delete",
                path: self.full(prefix),
                source: Box::new(source),
            }),
        }
    }

    /// Removes what writers that were killed left below `prefix`: staged files that no listing shows.
    ///
    /// # Errors
    /// When a folder cannot be read or a file not removed.
    pub fn sweep(&self, prefix: &str) -> Result<(), StoreError> {
        let backend = |source: io::Error| StoreError::Backend {
            action: "sweep",
            path: self.full(prefix),
            source: Box::new(source),
        };
        let mut folders = vec![self.root.join(prefix)];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(backend(error)),
            };
            for entry in entries {
                let entry = entry.map_err(backend)?;
                if entry.file_type().map_err(backend)?.is_dir() {
                    folders.push(entry.path());
                } else if is_staged(&entry.file_name().to_string_lossy()) {
                    std::fs::remove_file(entry.path()).map_err(backend)?;
                }
            }
        }
        Ok(())
    }
}

/// The names `object_store` gives to files it has not yet moved into place: `name#7`.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, attempt)| {
        !attempt.is_empty() && attempt.bytes().all(|b| b.is_ascii_digit())
    })
}

enum ReadFrom {
    Nothing,
    File(io::Take<File>),
    Stream {
        stream: futures_util::stream::BoxStream<'static, object_store::Result<Bytes>>,
        chunk: Bytes,
    },
}

/// Bytes of a stored file, in order.
pub struct StoreReader {
    source: ReadFrom,
}

impl Read for StoreReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            ReadFrom::Nothing => Ok(0),
            ReadFrom::File(file) => file.read(buffer),
            ReadFrom::Stream { stream, chunk } => {
                while chunk.is_empty() {
                    match runtime().block_on(stream.try_next()) {
                        Ok(Some(next)) => *chunk = next,
                        Ok(None) => return Ok(0),
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                let taken = chunk.split_to(chunk.len().min(buffer.len()));
                buffer[..taken.len()].copy_from_slice(&taken);
                Ok(taken.len())
            }
        }
    }
}

enum MappedBytes {
    Map(memmap2::Mmap),
    Read(Bytes),
}

/// A file's bytes, mapped where the storage allows it.
pub struct Mapped(MappedBytes);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            MappedBytes::Map(map) => map,
            MappedBytes::Read(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

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
pub struct StoreWriter {
    upload: Box<dyn MultipartUpload>,
    path: String,
    full: String,
    buffer: Vec<u8>,
    bytes: u64,
    hash: Xxh3,
    finished: bool,
}

impl StoreWriter {
    /// Bytes written so far: where the next one will lie.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.bytes
    }

    fn flush_part(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(PART_BYTES));
        let upload = self.upload.put_part(PutPayload::from(part));
        runtime().block_on(upload).map_err(|source| StoreError::Backend {
            action: "write",
            path: self.full.clone(),
            source: Box::new(source),
        })
    }

    /// Makes the file visible at its path, whole.
    ///
    /// # Errors
    /// When the last bytes cannot be written or the file not moved into place.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        self.flush_part()?;
        runtime().block_on(self.upload.complete()).map_err(|source| StoreError::Backend {
            action: "commit",
            path: self.full.clone(),
            source: Box::new(source),
        })?;
        self.finished = true;
        Ok(Written {
            path: std::mem::take(&mut self.path),
            bytes: self.bytes,
            xxh3: format!("{:016x}", self.hash.digest()),
        })
    }
}

impl Write for StoreWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(data);
        self.hash.update(data);
        self.bytes += data.len() as u64;
        if self.buffer.len() >= PART_BYTES {
            self.flush_part().map_err(io::Error::other)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        if !self.finished {
            // The task failed; what was staged is garbage, and failing to remove it harms nobody.
            let _ = runtime().block_on(self.upload.abort());
        }
    }
}

#[cfg(test)]
mod tests;
