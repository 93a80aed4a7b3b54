//! Files as slices of memory.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{Store, StoreError};

/// Remote files up to this size are held in memory; larger ones go through a file.
const HELD_BYTES: u64 = 1 << 20;

enum Inside {
    Map(memmap2::Mmap),
    Held(Bytes),
}

/// A file's bytes, mapped where the storage allows it.
pub struct Mapped(Inside);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inside::Map(map) => map,
            Inside::Held(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Store {
    /// A file mapped into memory, for random access. A large file of a remote store is copied to
    /// `TAMIS_SCRATCH` (or the system's folder for temporary files) first, where it takes its size on
    /// disk until the map is dropped or the process ends.
    ///
    /// # Errors
    /// When it is missing or cannot be mapped.
    pub fn map(&self, path: &str) -> Result<Mapped, StoreError> {
        let failed = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                return StoreError::NotFound { path: self.full(path) };
            }
            StoreError::Backend { action: "map", path: self.full(path), source: Box::new(source) }
        };
        let file = if let Some(root) = self.root().folder() {
            File::open(root.join(path)).map_err(failed)?
        } else {
            let size = self.entry(path)?.size;
            if size <= HELD_BYTES {
                return Ok(Mapped(Inside::Held(self.read(path)?)));
            }
            let (mut file, place) = scratch().map_err(|(place, source)| StoreError::Scratch {
                path: place.display().to_string(),
                source,
            })?;
            let mut reader = self.reader(path, 0..size)?;
            io::copy(&mut reader, &mut file).map_err(|source| {
                match source.downcast::<StoreError>() {
                    Ok(error) => error,
                    Err(source) => {
                        StoreError::Scratch { path: place.display().to_string(), source }
                    }
                }
            })?;
            file
        };
        if file.metadata().map_err(failed)?.len() == 0 {
            // An empty file cannot be mapped.
            return Ok(Mapped(Inside::Held(Bytes::new())));
        }
        // SAFETY: what is mapped are committed outputs, which are replaced by rename and never
        // written in place, and copies that have no name any more; a file that somebody truncates
        // meanwhile is outside any contract.
        #[expect(unsafe_code, reason = "mapping is the point of this call")]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
        Ok(Mapped(Inside::Map(map)))
    }
}

#[cfg(feature = "train")]
/// What is written once and then mapped, in a file without a name.
pub(crate) struct Spool {
    file: io::BufWriter<File>,
    folder: PathBuf,
}

#[cfg(feature = "train")]
impl Spool {
    /// An empty one, in `TAMIS_SCRATCH` or the system's folder for temporary files.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn new() -> Result<Self, StoreError> {
        let (file, folder) = scratch().map_err(|(place, source)| StoreError::Scratch {
            path: place.display().to_string(),
            source,
        })?;
        Ok(Self { file: io::BufWriter::with_capacity(1 << 18, file), folder })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When they cannot be written: there may be no space left.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        io::Write::write_all(&mut self.file, bytes)
            .map_err(|source| failed_in(&self.folder, source))
    }

    /// All of it, mapped.
    ///
    /// # Errors
    /// When the rest cannot be written, or it cannot be mapped.
    pub(crate) fn map(self) -> Result<Mapped, StoreError> {
        let Self { file, folder } = self;
        let file = file.into_inner().map_err(|error| failed_in(&folder, error.into_error()))?;
        if file.metadata().map_err(|source| failed_in(&folder, source))?.len() == 0 {
            return Ok(Mapped(Inside::Held(Bytes::new())));
        }
        // SAFETY: the file has no name and no other handle.
        #[expect(unsafe_code, reason = "mapping is the point of this call")]
        let map = unsafe { memmap2::Mmap::map(&file) };
        Ok(Mapped(Inside::Map(map.map_err(|source| failed_in(&folder, source))?)))
    }
}

#[cfg(feature = "train")]
fn failed_in(folder: &std::path::Path, source: io::Error) -> StoreError {
    StoreError::Scratch { path: folder.display().to_string(), source }
}

/// An empty file that is gone when it is closed, even where the process is killed; and where it lay.
pub(super) fn scratch() -> Result<(File, PathBuf), (PathBuf, io::Error)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::var_os("TAMIS_SCRATCH").map_or_else(std::env::temp_dir, PathBuf::from);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("tamis-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    match file.and_then(|file| std::fs::remove_file(&path).map(|()| file)) {
        Ok(file) => Ok((file, folder)),
        Err(error) => Err((path, error)),
    }
}
