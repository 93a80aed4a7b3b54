//! Ops that need documents of all tasks to meet, and how they say it to the engine.
//!
//! An [`ExchangeOp`] is a chain of [`Step`]s. In a *send* step the documents of a split send
//! records, each with a key; in a *meet* step the records of all tasks come together in the order of
//! their keys, one task for each part of the key space, and leave records for the next step or for
//! the documents. At the end the op concludes: with the answers it got, each document is kept,
//! dropped or changed. The engine plans a phase for each step, sorts, spills, merges and commits;
//! the op is a few functions over streams.

mod clusters;
mod known;
mod rank;
mod scope;
mod shorten;

use rayon::ThreadPool;
use serde::Serialize;

pub use self::clusters::{Clusters, Entry, Membership};
pub use self::known::IndexAction;
pub use self::rank::{Keep, Ranking};
pub use self::scope::Scope;
pub(super) use self::shorten::{ALL_DUPLICATE, Shorten, TOO_SHORT, counted, share};
use super::{Document, OpError, Outcome, document};
use crate::document::{Batch, Cluster, SignalColumn};
use crate::exchange::{Cuts, ExchangeError, ExchangeWriter, Key, Merge, Record};
use crate::store::Store;

/// Length of a [`Place`] in bytes.
pub const PLACE_BYTES: usize = 8;

/// Where a document stands: number of its split, then its row in it, big-endian, so that places are
/// ordered like documents.
pub type Place = [u8; PLACE_BYTES];

/// A step of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Step {
    /// Documents send records to a hash exchange.
    Send,
    /// Records meet.
    Meet(Target),
}

/// Where the records of a meet step go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Target {
    /// Back to the documents: keys begin with a [`Place`].
    Documents,
    /// All to one task of the next meet step.
    One,
}

/// The documents of a batch that take part in an exchange.
pub struct Participants<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// Those of its rows that take part, in order.
    pub rows: &'a [usize],
    /// Column of `url` among the metadata.
    pub url: Option<usize>,
    /// Number of the split.
    pub split: u32,
    /// Index of the source.
    pub source: u32,
    /// Its name.
    pub source_name: &'a str,
    /// What the meet step before sent to rows of the batch, in the order of rows and keys.
    pub answers: &'a [(usize, Record)],
}

impl Participants<'_> {
    /// The view of a row.
    #[must_use]
    pub fn document(&self, row: usize) -> Document<'_> {
        document(self.batch, row, self.url)
    }

    /// The place of a row.
    ///
    /// # Errors
    /// When a split has more than 2³² rows.
    pub fn place(&self, row: usize) -> Result<Place, OpError> {
        place(self.split, self.batch.first_row + row as u64)
    }

    /// What was sent to a row, in the order of keys.
    #[must_use]
    pub fn answers(&self, row: usize) -> &[(usize, Record)] {
        let start = self.answers.partition_point(|(at, _)| *at < row);
        let count = self.answers[start..].partition_point(|(at, _)| *at == row);
        &self.answers[start..start + count]
    }
}

/// The place of row `row` of a split.
///
/// # Errors
/// When the row does not fit.
pub fn place(split: u32, row: u64) -> Result<Place, OpError> {
    let row = u32::try_from(row).map_err(|_| ExchangeError::Damaged {
        path: format!("split {split}"),
        detail: "more than 2^32 records in one split; lower split_size",
    })?;
    let mut place = [0; PLACE_BYTES];
    place[..4].copy_from_slice(&split.to_be_bytes());
    place[4..].copy_from_slice(&row.to_be_bytes());
    Ok(place)
}

/// The first eight bytes of a key, or the eight from `start`.
#[must_use]
pub fn key_place(key: &Key, start: usize) -> Place {
    let mut place = [0; PLACE_BYTES];
    place.copy_from_slice(&key[start..start + PLACE_BYTES]);
    place
}

/// Records on their way, of one batch.
#[derive(Debug, Default)]
pub struct Outbox {
    records: Vec<(Key, usize)>,
    payloads: Vec<u8>,
}

impl Outbox {
    /// Sends a record. Keys must differ from each other.
    pub fn push(&mut self, key: Key, payload: &[u8]) {
        self.payloads.extend_from_slice(payload);
        self.records.push((key, self.payloads.len()));
    }

    /// Hands the records to a writer; tells how many they are.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn deliver(&self, out: &mut ExchangeWriter) -> Result<u64, ExchangeError> {
        for (key, payload) in self.records() {
            out.push(*key, payload)?;
        }
        Ok(self.records.len() as u64)
    }

    /// The records, in the order they were sent.
    pub fn records(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|(_, end)| *end));
        let ends = self.records.iter().zip(starts);
        ends.map(|((key, end), start)| (key, &self.payloads[start..*end]))
    }
}

/// A document of an earlier run.
#[derive(Debug, Clone, Copy)]
pub struct Recalled<'a> {
    /// Its place, behind those of the run.
    pub place: Place,
    /// What the index keeps of it.
    pub bytes: &'a [u8],
    /// What the meet step before sent to it.
    pub answers: &'a [Record],
}

/// One task of a meet step.
pub struct MeetTask<'a> {
    /// The run directory.
    pub store: &'a Store,
    /// The files that the tasks of the step before left.
    pub inputs: &'a [String],
    /// The part of them that is this task's.
    pub part: u32,
    /// How names of files begin that the task may write.
    pub work: &'a str,
    /// Bytes the task may hold, beside what [`MeetTask::out`] holds.
    pub budget: usize,
    /// Number of rows of each split.
    pub rows: &'a [u64],
    /// Threads.
    pub pool: &'a ThreadPool,
    /// What the task leaves.
    pub out: ExchangeWriter,
    /// Figures for the summary.
    pub figures: Figures,
    pub(crate) sent: u64,
}

impl MeetTask<'_> {
    /// The records, in the order of their keys. To be read to its end and closed with
    /// [`Merge::remove_scratch`].
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn records(&self) -> Result<Merge, OpError> {
        let scratch = format!("{}.in", self.work);
        Ok(Merge::open(self.store, self.inputs, self.part, &scratch)?)
    }

    /// Sends a record on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, key: Key, payload: &[u8]) -> Result<(), OpError> {
        self.sent += 1;
        Ok(self.out.push(key, payload)?)
    }

    /// A sorted file for the task's own use, to be read back with [`MeetTask::reopen`].
    #[must_use]
    pub fn scratch(&self, name: &str) -> ExchangeWriter {
        let path = format!("{}.{name}", self.work);
        ExchangeWriter::new(self.store, path, Cuts::Even { parts: 1 }, self.budget / 4)
    }

    /// The records of the finished file [`MeetTask::scratch`]`(name)`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reopen(&self, name: &str) -> Result<Merge, OpError> {
        let path = format!("{}.{name}", self.work);
        Ok(Merge::open(self.store, std::slice::from_ref(&path), 0, &format!("{path}.in"))?)
    }

    /// Removes the file [`MeetTask::scratch`]`(name)`.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn discard(&self, name: &str) -> Result<(), OpError> {
        let path = format!("{}.{name}", self.work);
        Ok(self.store.delete(&path).map_err(ExchangeError::from)?)
    }
}

/// Figures about what happened in an exchange, for the summary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Figures {
    /// Figures that add up over tasks.
    pub sums: std::collections::BTreeMap<String, u64>,
    /// Figures of which the largest counts.
    pub maxima: std::collections::BTreeMap<String, u64>,
}

impl Figures {
    /// Adds to a sum.
    pub fn count(&mut self, name: &str, more: u64) {
        if let Some(sum) = self.sums.get_mut(name) {
            *sum += more;
        } else {
            self.sums.insert(name.to_owned(), more);
        }
    }

    /// Raises a maximum.
    pub fn largest(&mut self, name: &str, value: u64) {
        if let Some(largest) = self.maxima.get_mut(name) {
            *largest = value.max(*largest);
        } else {
            self.maxima.insert(name.to_owned(), value);
        }
    }

    /// Adds another task's.
    pub fn add(&mut self, other: &Self) {
        for (name, value) in &other.sums {
            self.count(name, *value);
        }
        for (name, value) in &other.maxima {
            self.largest(name, *value);
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.maxima.is_empty()
    }
}

/// What an exchange op decided about the documents of a batch.
#[derive(Debug, Default)]
pub struct Concluded {
    /// One decision per row that took part, and new texts.
    pub outcome: Outcome,
    /// Rows that belong to a cluster of several documents.
    pub clusters: Vec<(usize, Cluster)>,
}

/// An op that brings documents of all tasks together.
pub trait ExchangeOp: Send + Sync + 'static {
    /// Sends the records of some documents; `step` is the index of the send step in
    /// [`Settings::steps`](super::Settings::steps).
    ///
    /// # Errors
    /// When it cannot; the task fails.
    fn send(
        &self,
        step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError>;

    /// Runs one task of the meet step `step`.
    ///
    /// # Errors
    /// When it cannot; the task fails.
    fn meet(&self, step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError>;

    /// What an index keeps of those of the documents that survive and are in none yet, in order; for
    /// [`ExchangeOp::recall`].
    ///
    /// # Errors
    /// When it cannot; the task fails.
    fn remember(&self, _documents: &Participants<'_>) -> Result<Vec<Vec<u8>>, OpError> {
        Ok(Vec::new())
    }

    /// Sends the records of a document of an earlier run in the send step `step`.
    ///
    /// # Errors
    /// When it is not what [`ExchangeOp::remember`] gave.
    fn recall(
        &self,
        _step: usize,
        _document: Recalled<'_>,
        _out: &mut Outbox,
    ) -> Result<(), OpError> {
        Ok(())
    }

    /// Decides about some documents; appends a value per signal column and row of the batch.
    ///
    /// # Errors
    /// When it cannot; the task fails.
    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError>;
}
