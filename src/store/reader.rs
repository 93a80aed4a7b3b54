//! Bytes of a stored file in order; of remote ones the next chunks are fetched ahead.
//!
//! A reader begins with one small request and asks for more and larger chunks as long as it is read
//! on, up to [`AHEAD`] chunks of [`CHUNK`] bytes (16 MiB) on their way at a time. All readers of the
//! process together hold at most 256 MiB ([`BUDGET`]); a reader that finds it spent goes on
//! with single chunks of [`SMALL`] bytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::fetch::Object;
use super::{StoreError, runtime};

/// The largest chunk.
const CHUNK: u64 = 4 << 20;
/// Chunks on their way at a time.
const AHEAD: usize = 4;
/// The first chunk, of ranges that are not smaller than [`WHOLE`].
const SMALL: u64 = 256 << 10;
/// Ranges up to this size are one request.
const WHOLE: u64 = 1 << 20;
/// What all readers together have on their way or hold, in [`UNIT`]s: 256 MiB.
const BUDGET: usize = 4096;
/// What the budget is counted in.
const UNIT: u64 = 64 << 10;

fn budget() -> &'static Arc<Semaphore> {
    static LEFT: OnceLock<Arc<Semaphore>> = OnceLock::new();
    LEFT.get_or_init(|| Arc::new(Semaphore::new(BUDGET)))
}

/// Bytes of a stored file, in order.
pub struct StoreReader(From);

enum From {
    Nothing,
    File(io::Take<File>),
    Ahead(Box<Ahead>),
}

impl StoreReader {
    pub(super) fn empty() -> Self {
        Self(From::Nothing)
    }

    pub(super) fn file(file: io::Take<File>) -> Self {
        Self(From::File(file))
    }

    /// Reads `range` of an object, which begins with the bytes `head`, if they are known.
    pub(super) fn ahead(object: Object, range: Range<u64>, head: Bytes) -> Self {
        let next = range.start + head.len() as u64;
        let size = if range.end - next <= WHOLE { WHOLE } else { SMALL };
        let mut ahead = Ahead {
            object,
            next,
            end: range.end,
            size,
            depth: 1,
            waiting: VecDeque::new(),
            chunk: head,
            held: None,
            failed: false,
        };
        if ahead.chunk.is_empty() {
            ahead.fetch();
        }
        Self(From::Ahead(Box::new(ahead)))
    }
}

impl Read for StoreReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            From::Nothing => Ok(0),
            From::File(file) => file.read(buffer),
            From::Ahead(ahead) => ahead.read(buffer),
        }
    }
}

type Chunk = (JoinHandle<Result<Bytes, StoreError>>, Option<OwnedSemaphorePermit>);

struct Ahead {
    object: Object,
    /// Where the next request begins.
    next: u64,
    end: u64,
    /// Size of the next request.
    size: u64,
    /// Requests to have on their way.
    depth: usize,
    waiting: VecDeque<Chunk>,
    /// What is being read.
    chunk: Bytes,
    held: Option<OwnedSemaphorePermit>,
    failed: bool,
}

impl Ahead {
    /// Asks for what comes next, as far as the budget allows.
    fn fetch(&mut self) {
        while self.next < self.end && self.waiting.len() < self.depth {
            let mut size = self.size.min(self.end - self.next);
            let units = u32::try_from(size.div_ceil(UNIT)).unwrap_or(u32::MAX);
            let permit = Arc::clone(budget()).try_acquire_many_owned(units).ok();
            if permit.is_none() {
                if !self.waiting.is_empty() || !self.chunk.is_empty() {
                    return;
                }
                size = size.min(SMALL);
            }
            let (object, range) = (self.object.clone(), self.next..self.next + size);
            let request = runtime().spawn(async move { object.range(range).await });
            self.waiting.push_back((request, permit));
            self.next += size;
            self.size = (self.size * 2).min(CHUNK);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("an earlier read of it failed"));
        }
        while self.chunk.is_empty() {
            self.held = None;
            self.fetch();
            let Some((request, permit)) = self.waiting.pop_front() else { return Ok(0) };
            match runtime().block_on(request) {
                Ok(Ok(bytes)) => (self.chunk, self.held) = (bytes, permit),
                Ok(Err(error)) => {
                    self.failed = true;
                    return Err(io::Error::other(error));
                }
                Err(error) => {
                    self.failed = true;
                    return Err(io::Error::other(error));
                }
            }
            self.depth = (self.depth + 1).min(AHEAD);
            self.fetch();
        }
        let taken = self.chunk.split_to(self.chunk.len().min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        for (request, _) in &self.waiting {
            request.abort();
        }
    }
}
