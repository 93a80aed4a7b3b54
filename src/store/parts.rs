//! A file that goes to a store that is no folder: in parts, some of them on their way at a time.

use std::sync::{Arc, OnceLock};

use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Store, StoreError, runtime, wrapped};

/// Bytes of a part.
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

/// A file of which parts are on their way.
pub(super) struct Parts {
    /// Its full path, for messages.
    shown: String,
    upload: Box<dyn MultipartUpload>,
    sending: JoinSet<object_store::Result<()>>,
    sent: usize,
    is_remote: bool,
    completed: bool,
}

impl Parts {
    /// Begins the file `path`.
    pub(super) fn begin(store: &Store, path: &str) -> Result<Self, StoreError> {
        let key = store.key(path)?;
        let shown = store.full(path);
        let started = runtime().block_on(store.inner.put_multipart(&key));
        let upload = started.map_err(|error| wrapped("write", &shown, error))?;
        let is_remote = store.is_remote();
        Ok(Self { shown, upload, sending: JoinSet::new(), sent: 0, is_remote, completed: false })
    }

    /// Bytes of the part behind `sent` others.
    pub(super) fn bytes(sent: usize) -> usize {
        if sent < MANY_PARTS { PART_BYTES } else { LARGE_PART_BYTES }
    }

    /// Parts sent.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// Sends the next part.
    pub(super) fn send(&mut self, part: Vec<u8>) -> Result<(), StoreError> {
        self.sent += 1;
        let sent = self.upload.put_part(PutPayload::from(part));
        if !self.is_remote {
            return runtime().block_on(sent).map_err(|error| self.error("write", error));
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

    /// Makes the file visible once all parts have arrived.
    pub(super) fn complete(mut self) -> Result<(), StoreError> {
        while !self.sending.is_empty() {
            self.wait()?;
        }
        let done = runtime().block_on(self.upload.complete());
        done.map_err(|error| self.error("commit", error))?;
        self.completed = true;
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

    fn error(&self, action: &'static str, error: object_store::Error) -> StoreError {
        wrapped(action, &self.shown, error)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if !self.completed {
            self.sending.abort_all();
            // The task failed; what was staged is garbage, and failing to remove it harms nobody.
            let _ = runtime().block_on(self.upload.abort());
        }
    }
}
