//! A file of a shard while it is written.

use std::io::{self, Write};

use super::ShardError;
use crate::store::{Store, StoreError, StoreWriter, Written};

/// A file whose errors are those of shards.
pub(super) struct ShardFile {
    path: String,
    writer: StoreWriter,
}

impl ShardFile {
    pub(super) fn create(store: &Store, path: String) -> Result<Self, ShardError> {
        let writer = store.writer(&path)?;
        Ok(Self { path, writer })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ShardError> {
        self.writer.write_all(bytes).map_err(|source| failed(&self.path, source))
    }

    /// Writes small things one after the other.
    pub(super) fn write_each<const N: usize>(
        &mut self,
        values: impl IntoIterator<Item = [u8; N]>,
    ) -> Result<(), ShardError> {
        let mut buffer = Vec::with_capacity(BUFFER + N);
        for value in values {
            buffer.extend_from_slice(&value);
            if buffer.len() >= BUFFER {
                self.write(&buffer)?;
                buffer.clear();
            }
        }
        self.write(&buffer)
    }

    /// Writes the mask of `count` tokens, which are all learnt where there is none.
    pub(super) fn write_mask(
        &mut self,
        loss: Option<&[u8]>,
        count: usize,
    ) -> Result<(), ShardError> {
        match loss {
            Some(loss) => self.write(loss),
            None => self.write(&vec![1; count]),
        }
    }

    pub(super) fn finish(self) -> Result<Written, ShardError> {
        Ok(self.writer.finish()?)
    }
}

impl Write for ShardFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Bytes that [`ShardFile::write_each`] gathers.
const BUFFER: usize = 64 << 10;

/// What went wrong with the bytes of a file. An error of the store stays one, so that a run knows
/// whether another try is worth it.
pub(super) fn failed(path: &str, source: io::Error) -> ShardError {
    match source.downcast::<StoreError>() {
        Ok(error) => error.into(),
        Err(source) => ShardError::Io { path: path.to_owned(), source },
    }
}
