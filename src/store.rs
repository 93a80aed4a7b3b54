//! The only door to storage: every byte tamis reads or writes passes through a [`Store`].
//!
//! A store is a root ([`Location`]: a folder, a bucket of an object store or a place on the web) and
//! paths below it with `/` between the parts. Writes become visible whole or not at all:
//! [`Store::put`] and [`Store::writer`] replace atomically, [`Store::put_if_absent`] lets exactly one
//! of several writers win, which is what commits a task (see [`crate::exec::manifest`]).
//!
//! Credentials are taken from the environment and never from a URL, so that none can stand in a
//! plan, a ledger or a message. Requests that fail are tried again for `TAMIS_RETRY_SECONDS` (180),
//! answers that break off go on at the byte reached, and a file that changes while it is read is
//! [`StoreError::Changed`]. What this holds in memory: 256 MiB for reading ahead, whatever the number
//! of readers, and 24 parts of 8 MiB on their way to object stores.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the door that the fence in .clippy.toml leads to"
)]

mod error;
mod fetch;
mod local;
mod location;
mod map;
mod parts;
mod reader;
mod remote;
mod scratch;
mod secrets;
mod seen;
mod writer;

use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path as FsPath;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutPayload,
};
use tokio::runtime::Runtime;

use self::error::wrapped;
use self::fetch::{Object, Version};
use self::seen::{HEAD_BYTES, Seen};

pub use error::StoreError;
pub use location::{Location, Scheme, divided, is_url, resolved};
pub use map::Mapped;
#[cfg(feature = "train")]
pub(crate) use map::Spool;
pub use reader::StoreReader;
pub use scratch::Scratch;
pub use secrets::masked;
pub use writer::{StoreWriter, Written};

/// One stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the store's root.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// A tag that changes when the content does: of local files time of change and size (their own
    /// tag holds the inode, which differs between copies of one tree), of objects the ETag.
    pub tag: String,
}

/// A root that files are read from and written to.
#[derive(Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    root: Location,
    /// What all keys begin with.
    prefix: Path,
    /// Of a store that reads input: what it saw.
    seen: Option<Arc<Seen>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("root", &self.root).finish_non_exhaustive()
    }
}

/// One runtime for all stores: object stores speak async, the engine does not.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("tamis-store")
            .build()
            // A machine that cannot start two threads cannot run anything below this line.
            .expect("the storage runtime starts")
    })
}

impl Store {
    /// Opens a folder, making it where it is missing, or a URL.
    ///
    /// # Errors
    /// When the folder cannot be made, or the URL is none that tamis knows or holds credentials.
    pub fn open(root: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let location = Location::of(root)?;
        if let Some(folder) = location.folder() {
            std::fs::create_dir_all(folder).map_err(|error| StoreError::Open {
                root: location.to_string(),
                reason: error.to_string(),
            })?;
        }
        Self::at(location)
    }

    /// An empty store in memory, for work that writes nothing.
    #[must_use]
    pub fn in_memory() -> Self {
        let inner = Arc::new(object_store::memory::InMemory::new());
        Self { inner, root: Location::memory(), prefix: Path::ROOT, seen: None }
    }

    /// Opens a folder or URL to read from; a folder must exist.
    ///
    /// # Errors
    /// When there is no such folder, or the URL is none that tamis knows or holds credentials.
    pub fn open_existing(root: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        Self::at(Location::of(root)?)
    }

    fn at(location: Location) -> Result<Self, StoreError> {
        let Some(folder) = location.folder() else {
            let inner = remote::client(&location)?;
            let (_, prefix) = location.bucket()?;
            return Ok(Self { inner, root: location, prefix, seen: None });
        };
        let failed = |reason| StoreError::Open { root: location.to_string(), reason };
        let folder = std::fs::canonicalize(folder).map_err(|error| failed(error.to_string()))?;
        let inner = object_store::local::LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| failed(error.to_string()))?
            .with_fsync(true);
        let root = location.absolute(folder);
        Ok(Self { inner: Arc::new(inner), root, prefix: Path::ROOT, seen: None })
    }

    /// The same place, read as input: each file must stay what it is at the first look, else reading
    /// it is [`StoreError::Changed`]; and what was seen is not asked for again.
    #[must_use]
    pub fn for_input(mut self) -> Self {
        self.seen = (self.root.scheme() != Scheme::Local).then(Arc::default);
        self
    }

    /// Where it lies, for messages and for handing to another process.
    #[must_use]
    pub fn root(&self) -> &Location {
        &self.root
    }

    fn is_remote(&self) -> bool {
        !matches!(self.root.scheme(), Scheme::Local | Scheme::Memory)
    }

    fn full(&self, path: &str) -> String {
        self.root.join(path)
    }

    fn key(&self, path: &str) -> Result<Path, StoreError> {
        let below = self.root.key(path).map_err(|source| StoreError::Backend {
            action: "name",
            path: self.full(path),
            source: Box::new(source),
        })?;
        Ok(below.parts().fold(self.prefix.clone(), Path::join))
    }

    fn error(&self, action: &'static str, path: &str, source: object_store::Error) -> StoreError {
        wrapped(action, &self.full(path), source)
    }

    /// A file of a store that is no folder.
    fn object(&self, path: &str) -> Result<Object, StoreError> {
        Ok(Object {
            store: Arc::clone(&self.inner),
            key: self.key(path)?,
            shown: self.full(path).into(),
            version: self.seen.as_ref().map(|seen| seen.version(path)).unwrap_or_default(),
        })
    }

    fn entry_of(&self, path: String, meta: &ObjectMeta) -> Entry {
        let tag = if self.is_remote() {
            Version::of(meta).tag()
        } else {
            format!("{:x}-{:x}", meta.last_modified.timestamp_micros(), meta.size)
        };
        Entry { path, size: meta.size, tag }
    }

    /// Refuses to change what can only be read.
    fn writable(&self, path: &str) -> Result<(), StoreError> {
        match self.root.scheme() {
            Scheme::Http => Err(StoreError::ReadOnly { path: self.full(path) }),
            _ => Ok(()),
        }
    }

    /// All files below `prefix` (a folder, `""` for all), sorted by path.
    ///
    /// # Errors
    /// When the storage cannot be listed; a missing folder is an empty list.
    pub fn list(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        if self.root.scheme() == Scheme::Http {
            return Err(StoreError::NoListing { path: self.full(prefix) });
        }
        let key = self.key(prefix)?;
        let start = if self.prefix.is_root() { 0 } else { self.prefix.as_ref().len() + 1 };
        let listing = self.inner.list((!key.is_root()).then_some(&key));
        let mut entries: Vec<Entry> = runtime()
            .block_on(
                listing
                    .map_ok(|meta| {
                        let path = meta.location.as_ref().get(start..).unwrap_or_default();
                        self.entry_of(path.to_owned(), &meta)
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
        if self.root.folder().is_some() {
            let meta = runtime().block_on(self.inner.head(&self.key(path)?));
            let meta = meta.map_err(|source| self.error("look up", path, source))?;
            return Ok(self.entry_of(path.to_owned(), &meta));
        }
        let object = self.object(path)?;
        if let Some(version) = object.version.get() {
            return Ok(Entry { path: path.to_owned(), size: version.size(), tag: version.tag() });
        }
        let meta = runtime().block_on(object.meta())?;
        Ok(self.entry_of(path.to_owned(), &meta))
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
        if self.root.folder().is_none() {
            let object = self.object(path)?;
            return runtime().block_on(object.whole());
        }
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
        if self.root.folder().is_some() {
            let key = self.key(path)?;
            return runtime()
                .block_on(self.inner.get_range(&key, range))
                .map_err(|source| self.error("read", path, source));
        }
        let object = self.object(path)?;
        if let Some(seen) = &self.seen
            && range.start == 0
            && range.end < HEAD_BYTES
            && let Some(size) = object.version.get().map(Version::size)
            && let Ok(end) = usize::try_from(range.end)
            && range.end <= size
        {
            let mut head = seen.head(path, &(0..size.min(HEAD_BYTES)));
            if head.len() < end {
                head = runtime().block_on(object.range(0..size.min(HEAD_BYTES)))?;
                seen.keep_head(path, head.clone());
            }
            return Ok(head.slice(..end));
        }
        runtime().block_on(object.range(range))
    }

    /// Several ranges of a file at once; of a remote one, near ranges are one request, and some
    /// requests are on their way at a time.
    ///
    /// # Errors
    /// As [`Store::read_range`].
    pub fn read_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoreError> {
        if self.root.folder().is_some() {
            return ranges.iter().map(|range| self.read_range(path, range.clone())).collect();
        }
        let object = self.object(path)?;
        runtime().block_on(object.ranges(ranges))
    }

    /// The bytes `range` of a file as a stream, which must lie inside it.
    ///
    /// # Errors
    /// When the file is missing or cannot be opened; of a remote one the reader may tell so.
    pub fn reader(&self, path: &str, range: Range<u64>) -> Result<StoreReader, StoreError> {
        if range.is_empty() {
            return Ok(StoreReader::empty());
        }
        if self.root.folder().is_none() {
            let object = self.object(path)?;
            let seen = self.seen.as_ref();
            let head = seen.map(|seen| seen.head(path, &range)).unwrap_or_default();
            return Ok(StoreReader::ahead(object, range, head));
        }
        let key = self.key(path)?;
        let options =
            GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let result = runtime()
            .block_on(self.inner.get_opts(&key, options))
            .map_err(|source| self.error("read", path, source))?;
        let GetResultPayload::File(mut file, _) = result.payload else {
            return Ok(StoreReader::ahead(self.object(path)?, range, Bytes::new()));
        };
        file.seek(SeekFrom::Start(result.range.start)).map_err(|source| StoreError::Backend {
            action: "read",
            path: self.full(path),
            source: Box::new(source),
        })?;
        let length = result.range.end - result.range.start;
        Ok(StoreReader::file(std::io::Read::take(file, length)))
    }

    /// Writes a whole file, replacing what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.writable(path)?;
        let key = self.key(path)?;
        runtime()
            .block_on(self.inner.put(&key, bytes.into()))
            .map(drop)
            .map_err(|source| self.error("write", path, source))
    }

    /// [`Store::put`], for a commit record: gives what [`StoreWriter::finish`] gives.
    ///
    /// # Errors
    /// As there.
    pub fn put_hashed(&self, path: &str, bytes: Bytes) -> Result<Written, StoreError> {
        let xxh3 = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes));
        let written = Written { path: path.to_owned(), bytes: bytes.len() as u64, xxh3 };
        self.put(path, bytes)?;
        Ok(written)
    }

    /// Writes a whole file unless there is one; says whether this call wrote it. (Where the very
    /// bytes stand there, it did: the answer to a first request may have been lost.)
    ///
    /// # Errors
    /// When it cannot be written, or the storage cannot do this.
    pub fn put_if_absent(&self, path: &str, bytes: Bytes) -> Result<bool, StoreError> {
        self.writable(path)?;
        let key = self.key(path)?;
        let payload = PutPayload::from(bytes);
        let put = self.inner.put_opts(&key, payload.clone(), PutMode::Create.into());
        match runtime().block_on(put) {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(self.is_remote() && self.read(path)? == Bytes::from(payload)),
            Err(object_store::Error::NotImplemented { .. }) => {
                Err(StoreError::NoConditionalPut { path: self.full(path) })
            }
            Err(source) => Err(self.error("write", path, source)),
        }
    }

    /// Makes sure that [`Store::put_if_absent`] does what it says: some servers that speak S3 take
    /// no notice of the condition, and tasks would overwrite each other's commits.
    ///
    /// # Errors
    /// When the storage overwrites, or cannot be written to at all.
    pub fn check_commits(&self) -> Result<(), StoreError> {
        if !self.is_remote() {
            return Ok(());
        }
        let path = format!("commits-check-{}", std::process::id());
        let lost = self.put_if_absent(&path, Bytes::from_static(b"1"))?
            && self.put_if_absent(&path, Bytes::from_static(b"2"))?;
        self.delete(&path)?;
        if lost { Err(StoreError::NoConditionalPut { path: self.full("") }) } else { Ok(()) }
    }

    /// Starts a file that appears at `path` when [`StoreWriter::finish`] is called.
    ///
    /// # Errors
    /// When files cannot be written here.
    pub fn writer(&self, path: &str) -> Result<StoreWriter, StoreError> {
        self.writable(path)?;
        self.key(path)?;
        Ok(StoreWriter::new(self, path))
    }

    /// Removes a file; a missing one is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.writable(path)?;
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
        self.writable(prefix)?;
        if let Some(folder) = self.root.folder() {
            return local::delete_below(&folder.join(prefix)).map_err(|source| {
                StoreError::Backend {
                    action: "delete",
                    path: self.full(prefix),
                    source: Box::new(source),
                }
            });
        }
        let key = self.key(prefix)?;
        let found = self.inner.list((!key.is_root()).then_some(&key));
        let found = found.map_ok(|meta| meta.location).boxed();
        let deleted = self.inner.delete_stream(found).try_for_each(|_| std::future::ready(Ok(())));
        match runtime().block_on(deleted) {
            // Somebody else was faster.
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.error("delete", prefix, source)),
        }
    }

    /// Removes what writers that were killed left below `prefix`: staged files that no listing shows.
    /// Object stores remove uploads that were never completed by a rule of the bucket.
    ///
    /// # Errors
    /// When a folder cannot be read or a file not removed.
    pub fn sweep(&self, prefix: &str) -> Result<(), StoreError> {
        let Some(folder) = self.root.folder() else { return Ok(()) };
        local::sweep(&folder.join(prefix)).map_err(|source| StoreError::Backend {
            action: "sweep",
            path: self.full(prefix),
            source: Box::new(source),
        })
    }
}

#[cfg(test)]
mod tests;
