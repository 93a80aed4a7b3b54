//! Requests for bytes of one object, which end only with all the bytes, or with a good reason.
//!
//! `object_store` repeats requests that fail. What is added here: an answer whose body breaks off is
//! asked for again from the byte reached; and all answers must be about the same content, or the
//! result is [`StoreError::Changed`], never a mixture.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt,
    coalesce_ranges,
};

use super::{StoreError, wrapped};

/// Bodies that may break off one after the other without [`PROGRESS`] bytes in between.
const PATIENCE: u32 = 8;
/// Bytes that show that it was worth to ask again.
const PROGRESS: usize = 64 << 10;
/// Ranges closer to each other than this are fetched as one.
const GAP: u64 = 512 << 10;

/// What tells one content of an object from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    tag: Option<String>,
    modified: i64,
    size: u64,
}

impl Version {
    pub(super) fn of(meta: &ObjectMeta) -> Self {
        Self {
            tag: meta.e_tag.clone(),
            modified: meta.last_modified.timestamp_micros(),
            size: meta.size,
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn is(&self, other: &Self) -> bool {
        self.size == other.size
            && match (&self.tag, &other.tag) {
                (Some(tag), Some(other)) => tag == other,
                _ => self.modified == other.modified,
            }
    }

    /// As [`super::Entry::tag`] has it.
    pub(super) fn tag(&self) -> String {
        match &self.tag {
            Some(tag) => tag.trim_matches('"').to_owned(),
            None => format!("{:x}-{:x}", self.modified, self.size),
        }
    }
}

/// An object to read from.
#[derive(Clone)]
pub(super) struct Object {
    pub store: Arc<dyn ObjectStore>,
    pub key: Path,
    /// Its URL, for messages.
    pub shown: Arc<str>,
    /// The content that all answers must be about; the first answer sets it.
    pub version: Arc<OnceLock<Version>>,
}

/// Why one request gave too little.
enum Broken {
    /// The answer broke off; what came before is good.
    Body(object_store::Error),
    /// Asking again is of no use.
    Final(StoreError),
}

impl Object {
    /// Size, tag and times; sets what is read from now on.
    pub(super) async fn meta(&self) -> Result<ObjectMeta, StoreError> {
        let meta = self.store.head(&self.key).await;
        let meta = meta.map_err(|error| wrapped("look up", &self.shown, error))?;
        self.check(&meta)?;
        Ok(meta)
    }

    fn check(&self, meta: &ObjectMeta) -> Result<(), StoreError> {
        let found = Version::of(meta);
        if self.version.get_or_init(|| found.clone()).is(&found) {
            Ok(())
        } else {
            Err(StoreError::Changed { path: self.shown.to_string() })
        }
    }

    /// The bytes `range`.
    pub(super) async fn range(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.get(range.start, Some(range.end)).await
    }

    /// All bytes.
    pub(super) async fn whole(&self) -> Result<Bytes, StoreError> {
        self.get(0, None).await
    }

    /// Several ranges, near ones by one request.
    pub(super) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StoreError> {
        coalesce_ranges(ranges, |range| self.range(range), GAP).await
    }

    async fn get(&self, start: u64, mut end: Option<u64>) -> Result<Bytes, StoreError> {
        let mut got = Vec::new();
        let (mut tries, mut good) = (0, 0);
        loop {
            let broken = match self.attempt(start, &mut end, &mut got).await {
                Ok(()) => return Ok(got.into()),
                Err(Broken::Final(error)) => return Err(error),
                Err(Broken::Body(error)) => error,
            };
            if got.len() - good >= PROGRESS {
                (tries, good) = (0, got.len());
            }
            tries += 1;
            if tries > PATIENCE {
                return Err(wrapped("read", &self.shown, broken));
            }
            tracing::debug!(path = &*self.shown, got = got.len(), "broken off, asking again");
            tokio::time::sleep(Duration::from_millis(50 << tries.min(8))).await;
        }
    }

    async fn attempt(
        &self,
        start: u64,
        end: &mut Option<u64>,
        got: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let from = start + got.len() as u64;
        let range = match *end {
            Some(end) if from >= end => return Ok(()),
            Some(end) => Some(GetRange::Bounded(from..end)),
            None if from == 0 => None,
            None => Some(GetRange::Offset(from)),
        };
        let options = GetOptions { range, ..GetOptions::default() };
        let result = match self.store.get_opts(&self.key, options).await {
            Ok(result) => result,
            Err(error) => return Err(Broken::Final(self.refused(error).await)),
        };
        self.check(&result.meta).map_err(Broken::Final)?;
        let expected = end.get_or_insert(result.meta.size);
        if result.range != (from..*expected) {
            let detail = format!("it ends at byte {}, not {expected}", result.range.end);
            return Err(Broken::Final(StoreError::Backend {
                action: "read",
                path: self.shown.to_string(),
                source: detail.into(),
            }));
        }
        // A size that a server makes up must not fill the memory.
        let missing = usize::try_from(*expected - from).unwrap_or(usize::MAX);
        got.reserve(missing.min(64 << 20));
        let GetResultPayload::Stream(mut stream) = result.payload else {
            let bytes = result.bytes().await.map_err(Broken::Body)?;
            got.extend_from_slice(&bytes);
            return Ok(());
        };
        while let Some(bytes) = stream.try_next().await.map_err(Broken::Body)? {
            got.extend_from_slice(&bytes);
        }
        let held = start + got.len() as u64;
        if held == *expected {
            return Ok(());
        }
        got.truncate(usize::try_from(*expected - start).unwrap_or(usize::MAX));
        Err(Broken::Body(object_store::Error::Generic {
            store: "HTTP",
            source: format!("{held} bytes came instead of {expected}").into(),
        }))
    }

    /// Why a request was refused: a range may be wrong because the object is another one by now.
    async fn refused(&self, error: object_store::Error) -> StoreError {
        let generic = matches!(error, object_store::Error::Generic { .. });
        if generic
            && self.version.get().is_some()
            && let Ok(meta) = self.store.head(&self.key).await
            && let Err(changed) = self.check(&meta)
        {
            return changed;
        }
        if matches!(error, object_store::Error::NotSupported { .. }) {
            return StoreError::NoRanges { path: self.shown.to_string() };
        }
        wrapped("read", &self.shown, error)
    }
}
