//! Documents with equal keys, and which of them survives.

use super::{Concluded, MeetTask, PLACE_BYTES, Participants, Place, key_place};
use crate::document::{Cluster, SignalColumn, SignalValue};
use crate::exchange::{KEY_BYTES, Key, Merge, Record};
use crate::ops::{Decision, OpError};

/// What a document learns about its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The cluster.
    pub cluster: Cluster,
    /// Whether the document is the one that survives.
    pub survives: bool,
    /// Whether an earlier run's document is in the cluster, too.
    pub known: bool,
    /// What [`Entry::extra`] was for this document.
    pub extra: u64,
}

impl Membership {
    /// The record for a document.
    fn encode(self, place: Place) -> (Key, [u8; 13]) {
        let mut key = [0; KEY_BYTES];
        key[..PLACE_BYTES].copy_from_slice(&place);
        key[PLACE_BYTES..].copy_from_slice(&self.cluster.id.to_be_bytes());
        let mut payload = [0; 13];
        payload[..4].copy_from_slice(&self.cluster.copies.to_le_bytes());
        payload[4..12].copy_from_slice(&self.extra.to_le_bytes());
        payload[12] = u8::from(self.survives) | u8::from(self.known) << 1;
        (key, payload)
    }

    /// Reads a record of [`Clusters`]; `None` where it is another's.
    #[must_use]
    pub fn decode(record: &Record) -> Option<Self> {
        let (copies, rest) = record.payload.split_first_chunk::<4>()?;
        let (extra, flags) = rest.split_first_chunk::<8>()?;
        let mut id = [0; 16];
        id.copy_from_slice(&record.key[PLACE_BYTES..]);
        let cluster = Cluster { id: u128::from_be_bytes(id), copies: u32::from_le_bytes(*copies) };
        let [flags] = *flags else { return None };
        let (survives, known) = (flags & 1 == 1, flags & 2 == 2);
        Some(Self { cluster, survives, known, extra: u64::from_le_bytes(*extra) })
    }
}

/// What a document brings to its cluster, beside its key and place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry {
    /// The least survives, and among equals the first place.
    pub rank: u64,
    /// The cluster's id if this document survives; the key where it is 0.
    pub label: u128,
    /// Given back to the document.
    pub extra: u64,
    /// Whether an index remembers the document: it survived an earlier run, its label is that of the
    /// cluster, and it is told nothing.
    pub known: bool,
}

impl Entry {
    /// The payload of the document's record.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        if self == Self::default() {
            return Vec::new();
        }
        let mut payload = Vec::with_capacity(32);
        payload.extend_from_slice(&self.rank.to_le_bytes());
        if self.known || (self.label, self.extra) != (0, 0) {
            payload.extend_from_slice(&self.label.to_le_bytes());
            payload.extend_from_slice(&self.extra.to_le_bytes());
            payload.push(u8::from(self.known));
        }
        payload
    }

    fn decode(payload: &[u8]) -> Self {
        let word = |at: usize| {
            let bytes = payload.get(at..).and_then(<[u8]>::first_chunk);
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        let label = u128::from(word(8)) | u128::from(word(16)) << 64;
        Self { rank: word(0), label, extra: word(24), known: payload.get(32) == Some(&1) }
    }
}

impl Membership {
    /// The end of an op whose documents get at most one membership each, with the signals `cluster`
    /// and `copies` and behind them those that `more` gives (of no membership, for a document that met
    /// none). `asked` says which participants could have met others, all where `None`.
    pub fn conclude<const N: usize>(
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
        asked: Option<&[bool]>,
        decide: impl Fn(&Self) -> Decision,
        more: impl Fn(Option<&Self>) -> [Option<SignalValue<'static>>; N],
    ) -> Concluded {
        let mut concluded = Concluded::default();
        let mut rows = documents.rows.iter().enumerate().peekable();
        for row in 0..documents.batch.len() {
            let Some((index, _)) = rows.next_if(|(_, at)| **at == row) else {
                for column in signals.iter_mut() {
                    column.push(None);
                }
                continue;
            };
            let asked = asked.is_none_or(|asked| asked[index]);
            let member = Self::of(documents, row).filter(|_| asked);
            let copies = member.map_or(1, |member| i64::from(member.cluster.copies));
            let id = member.map(|member| format!("{:032x}", member.cluster.id));
            let own = [id.map(SignalValue::OwnedText), asked.then_some(SignalValue::Int(copies))];
            let more = if asked { more(member.as_ref()) } else { [const { None }; N] };
            for (column, value) in signals.iter_mut().zip(own.into_iter().chain(more)) {
                column.push(value.as_ref());
            }
            concluded.clusters.extend(member.map(|member| (row, member.cluster)));
            let decision = member.as_ref().map_or(Decision::Keep, &decide);
            concluded.outcome.decisions.push(decision);
        }
        concluded
    }

    /// The membership that a document was told.
    #[must_use]
    pub fn of(documents: &Participants<'_>, row: usize) -> Option<Self> {
        documents.answers(row).first().and_then(|(_, record)| Self::decode(record))
    }
}

/// Documents of a cluster that are held in memory: sixteen bytes each, and clusters of hundreds of
/// millions of copies exist (empty texts, say).
#[cfg(not(test))]
const HELD: usize = 1 << 19;
#[cfg(test)]
const HELD: usize = 4;

/// Groups records under `(key, place)` with an [`Entry`] as payload, and tells each document of a
/// group of several which of them survives.
#[derive(Default)]
pub struct Clusters {
    key: u128,
    copies: u64,
    /// Copies that are of this run.
    present: u64,
    best: Option<(u64, Place, u128)>,
    /// The label of a copy of an earlier run.
    known: Option<u128>,
    held: Vec<(Place, u64)>,
    /// Clusters too large to hold, in the order of their keys: they take a second pass.
    large: Vec<(u128, Membership, Place)>,
}

impl Clusters {
    /// A whole meet step: all records of the task.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn meet(task: &mut MeetTask<'_>) -> Result<(), OpError> {
        Self::run(task, MeetTask::records)
    }

    /// As [`Clusters::meet`], over the records that `open` gives, once or twice.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn run<'t>(
        task: &mut MeetTask<'t>,
        open: impl Fn(&MeetTask<'t>) -> Result<Merge, OpError>,
    ) -> Result<(), OpError> {
        let mut clusters = Self::default();
        let mut record = Record::default();
        let mut records = open(task)?;
        while records.next_into(&mut record)? {
            clusters.push(task, &record)?;
        }
        clusters.close(task)?;
        records.remove_scratch()?;
        if clusters.large.is_empty() {
            return Ok(());
        }
        let mut records = open(task)?;
        while records.next_into(&mut record)? {
            let (key, place) = split_key(&record.key);
            if let Ok(found) = clusters.large.binary_search_by_key(&key, |(key, ..)| *key) {
                let (_, member, best) = clusters.large[found];
                let Entry { extra, known, .. } = Entry::decode(&record.payload);
                if !known {
                    let survives = place == best;
                    write(task, place, Membership { survives, extra, ..member })?;
                }
            }
        }
        Ok(records.remove_scratch()?)
    }

    fn push(&mut self, task: &mut MeetTask<'_>, record: &Record) -> Result<(), OpError> {
        let (key, place) = split_key(&record.key);
        if self.key != key {
            self.close(task)?;
            self.key = key;
        }
        self.copies += 1;
        let entry = Entry::decode(&record.payload);
        if entry.known {
            self.known = Some(entry.label);
            return Ok(());
        }
        self.present += 1;
        if self.best.is_none_or(|(rank, first, _)| (entry.rank, place) < (rank, first)) {
            self.best = Some((entry.rank, place, entry.label));
        }
        if self.held.len() < HELD {
            self.held.push((place, entry.extra));
        }
        Ok(())
    }

    fn close(&mut self, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        let copies = std::mem::take(&mut self.copies);
        let present = std::mem::take(&mut self.present);
        let known = self.known.take();
        let mut held = std::mem::take(&mut self.held);
        let Some((_, best, label)) = self.best.take() else { return Ok(()) };
        // A document that meets no other gets no answer.
        if copies > 1 {
            let label = known.unwrap_or(label);
            let id = if label == 0 { self.key } else { label };
            let cluster = Cluster { id, copies: u32::try_from(copies).unwrap_or(u32::MAX) };
            let known = known.is_some();
            let member = Membership { cluster, survives: false, known, extra: 0 };
            task.figures.count("clusters", 1);
            task.figures.count("in_clusters", copies);
            task.figures.largest("largest_cluster", copies);
            if present > held.len() as u64 {
                self.large.push((self.key, member, best));
            } else {
                for &(place, extra) in &held {
                    let survives = place == best;
                    write(task, place, Membership { survives, extra, ..member })?;
                }
            }
        }
        held.clear();
        self.held = held;
        Ok(())
    }
}

fn split_key(key: &Key) -> (u128, Place) {
    let mut hash = [0; 16];
    hash.copy_from_slice(&key[..16]);
    (u128::from_be_bytes(hash), key_place(key, 16))
}

fn write(task: &mut MeetTask<'_>, place: Place, member: Membership) -> Result<(), OpError> {
    let (key, payload) = member.encode(place);
    task.push(key, &payload)
}
