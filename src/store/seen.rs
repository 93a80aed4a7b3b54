//! What a store that reads input has seen of its files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use super::fetch::Version;

/// Bytes fetched where a few at the start of a file are asked for: mostly more are wanted next.
pub(super) const HEAD_BYTES: u64 = 64 << 10;

/// The content that each file had at the first look, and the start of the file looked at last.
#[derive(Default)]
pub(super) struct Seen {
    versions: Mutex<BTreeMap<String, Arc<OnceLock<Version>>>>,
    head: Mutex<Option<(String, Bytes)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// The version of a file; empty until the storage has told it.
    pub(super) fn version(&self, path: &str) -> Arc<OnceLock<Version>> {
        let mut versions = lock(&self.versions);
        if let Some(version) = versions.get(path) {
            return Arc::clone(version);
        }
        Arc::clone(versions.entry(path.to_owned()).or_default())
    }

    pub(super) fn keep_head(&self, path: &str, bytes: Bytes) {
        *lock(&self.head) = Some((path.to_owned(), bytes));
    }

    /// What is held of the start of `range`; empty where nothing is.
    pub(super) fn head(&self, path: &str, range: &Range<u64>) -> Bytes {
        match &*lock(&self.head) {
            Some((held, bytes)) if held == path && range.start == 0 => {
                bytes.slice(..bytes.len().min(usize::try_from(range.end).unwrap_or(usize::MAX)))
            }
            _ => Bytes::new(),
        }
    }
}
