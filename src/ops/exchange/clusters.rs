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
        payload[12] = u8::from(self.survives);
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
        Some(Self { cluster, survives: flags == [1], extra: u64::from_le_bytes(*extra) })
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
        if (self.label, self.extra) != (0, 0) {
            payload.extend_from_slice(&self.label.to_le_bytes());
            payload.extend_from_slice(&self.extra.to_le_bytes());
        }
        payload
    }

    fn decode(payload: &[u8]) -> Self {
        let word = |at: usize| {
            let bytes = payload.get(at..).and_then(<[u8]>::first_chunk);
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        let label = u128::from(word(8)) | u128::from(word(16)) << 64;
        Self { rank: word(0), label, extra: word(24) }
    }
}

impl Membership {
    /// The end of an op whose documents get at most one membership each, with the signals `cluster`
    /// and `copies`. `asked` says which participants could have met others, all where `None`.
    pub fn conclude(
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
        asked: Option<&[bool]>,
        decide: impl Fn(&Self) -> Decision,
    ) -> Concluded {
        Self::conclude_with(documents, signals, asked, decide, |_| None)
    }

    /// As [`Membership::conclude`], with a third signal that `third` gives.
    pub fn conclude_with(
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
        asked: Option<&[bool]>,
        decide: impl Fn(&Self) -> Decision,
        third: impl Fn(&Self) -> Option<SignalValue<'static>>,
    ) -> Concluded {
        let mut concluded = Concluded::default();
        let mut rows = documents.rows.iter().enumerate().peekable();
        for row in 0..documents.batch.len() {
            let participant = rows.next_if(|(_, at)| **at == row);
            let member =
                documents.answers(row).first().and_then(|(_, record)| Self::decode(record));
            let (id, copies) = match (&member, participant) {
                (_, None) => (None, None),
                (Some(member), _) => (
                    Some(SignalValue::OwnedText(format!("{:032x}", member.cluster.id))),
                    Some(SignalValue::Int(i64::from(member.cluster.copies))),
                ),
                (None, Some((index, _))) => {
                    let asked = asked.is_none_or(|asked| asked[index]);
                    (None, asked.then_some(SignalValue::Int(1)))
                }
            };
            let third = member.as_ref().and_then(&third);
            for (column, value) in signals.iter_mut().zip([id, copies, third]) {
                column.push(value.as_ref());
            }
            if participant.is_some() {
                concluded.clusters.extend(member.map(|member| (row, member.cluster)));
                let decision = member.as_ref().map_or(Decision::Keep, &decide);
                concluded.outcome.decisions.push(decision);
            }
        }
        concluded
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
    best: Option<(u64, Place, u128)>,
    held: Vec<(Place, u64)>,
    /// Clusters too large to hold, in the order of their keys: they take a second pass.
    large: Vec<(u128, Cluster, Place)>,
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
                let (_, cluster, best) = clusters.large[found];
                let extra = Entry::decode(&record.payload).extra;
                write(task, place, Membership { cluster, survives: place == best, extra })?;
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
        let mut held = std::mem::take(&mut self.held);
        let Some((_, best, label)) = self.best.take() else { return Ok(()) };
        // A document that meets no other gets no answer.
        if copies > 1 {
            let id = if label == 0 { self.key } else { label };
            let cluster = Cluster { id, copies: u32::try_from(copies).unwrap_or(u32::MAX) };
            task.figures.count("clusters", 1);
            task.figures.count("in_clusters", copies);
            task.figures.largest("largest_cluster", copies);
            if copies > held.len() as u64 {
                self.large.push((self.key, cluster, best));
            } else {
                for &(place, extra) in &held {
                    write(task, place, Membership { cluster, survives: place == best, extra })?;
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
