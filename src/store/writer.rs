//! Files being written.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use xxhash_rust::xxh3::Xxh3;

use super::{Store, StoreError, runtime, wrapped};

/// Bytes a [`StoreWriter`] gathers before it hands a part to the store.
const PART_BYTES: usize = 8 << 20;
/// The same after [`MANY_PARTS`] of them, since object stores take 10,000 parts.
const LARGE_PART_BYTES: usize = 64 << 20;
const MANY_PARTS: usize = 5000;
/// Parts of one file on their way to a remote store at a time.
const PARALLEL: usize = 4;
/// Parts of all files on their way at a time: what bounds memory.
const PARALLEL_OF_ALL: usize = 24;

fn uploads() -> &'static Arc<Semaphore> {
    static LEFT: OnceLock<Arc<Semaphore>> = OnceLock::new();
    LEFT.get_or_init(|| Arc::new(Semaphore::new(PARALLEL_OF_ALL)))
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
///
/// A small file is one request at the end; of a large one some parts are on their way while the next
/// is gathered, where the store is remote.
pub struct StoreWriter {
    store: Store,
    path: String,
    /// Where parts go; begun with the first one.
    upload: Option<Box<dyn MultipartUpload>>,
    sending: JoinSet<object_store::Result<()>>,
    parts: usize,
    buffer: Vec<u8>,
    bytes: u64,
    hash: Xxh3,
}

impl StoreWriter {
    pub(super) fn new(store: &Store, path: &str) -> Self {
        Self {
            store: store.clone(),
            path: path.to_owned(),
            upload: None,
            sending: JoinSet::new(),
            parts: 0,
            buffer: Vec::with_capacity(64 << 10),
            bytes: 0,
            hash: Xxh3::new(),
        }
    }

    /// Bytes written so far: where the next one will lie.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.bytes
    }

    fn part_bytes(&self) -> usize {
        if self.parts < MANY_PARTS { PART_BYTES } else { LARGE_PART_BYTES }
    }

    fn error(&self, action: &'static str, error: object_store::Error) -> StoreError {
        wrapped(action, &self.store.full(&self.path), error)
    }

    fn send_part(&mut self) -> Result<(), StoreError> {
        let part = std::mem::take(&mut self.buffer);
        self.parts += 1;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let key = self.store.key(&self.path)?;
                let started = runtime().block_on(self.store.inner.put_multipart(&key));
                let full = self.store.full(&self.path);
                none.insert(started.map_err(|error| wrapped("write", &full, error))?)
            }
        };
        let sent = upload.put_part(PutPayload::from(part));
        if !self.store.is_remote() {
            let sent = runtime().block_on(sent);
            return sent.map_err(|error| self.error("write", error));
        }
        while self.sending.len() >= PARALLEL {
            self.wait()?;
        }
        // Never closed, so there is always a permit to come.
        let permit = runtime().block_on(Arc::clone(uploads()).acquire_owned()).ok();
        let sent = async move {
            let sent = sent.await;
            drop(permit);
            sent
        };
        self.sending.spawn_on(sent, runtime().handle());
        Ok(())
    }

    /// Waits for one of the parts on their way.
    fn wait(&mut self) -> Result<(), StoreError> {
        match runtime().block_on(self.sending.join_next()) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.error("write", error)),
            Some(Err(error)) => Err(self.error("write", error.into())),
        }
    }

    /// Makes the file visible at its path, whole.
    ///
    /// # Errors
    /// When the last bytes cannot be written or the file not moved into place.
    pub fn finish(mut self) -> Result<Written, StoreError> {
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.buffer);
            self.store.put(&self.path, bytes.into())?;
        } else {
            if !self.buffer.is_empty() {
                self.send_part()?;
            }
            while !self.sending.is_empty() {
                self.wait()?;
            }
            if let Some(upload) = &mut self.upload {
                let done = runtime().block_on(upload.complete());
                done.map_err(|error| self.error("commit", error))?;
            }
            self.upload = None;
        }
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
        if self.buffer.len() >= self.part_bytes() {
            self.send_part().map_err(io::Error::other)?;
            self.buffer = Vec::with_capacity(self.part_bytes());
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        if let Some(upload) = &mut self.upload {
            self.sending.abort_all();
            // The task failed; what was staged is garbage, and failing to remove it harms nobody.
            let _ = runtime().block_on(upload.abort());
        }
    }
}
