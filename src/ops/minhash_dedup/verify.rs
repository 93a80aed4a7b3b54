//! Verification: what is nominated is compared, and joins an anchor or becomes one.

use xxhash_rust::xxh3::xxh3_128;

use super::Minhash;
use super::anchors::{Anchors, Found};
use crate::exchange::{KEY_BYTES, Key, Record};
use crate::ops::{Clusters, Entry, MeetTask, OpError, Outbox, PLACE_BYTES, Participants, Place};

/// Spreads the places of components over the key space; odd, so that none are merged.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bytes of a component in a key.
const COMPONENT: usize = 7;

/// Sends the documents of components to be compared.
pub(super) fn send(
    op: &Minhash,
    documents: &Participants<'_>,
    out: &mut Outbox,
) -> Result<(), OpError> {
    let ranks = op.keep.ranks(documents)?;
    let salt = op.scope.salt(documents);
    let (mut bands, mut set) = (Vec::new(), Vec::new());
    for (&row, rank) in documents.rows.iter().zip(ranks) {
        let Some((_, answer)) = documents.answers(row).first() else { continue };
        let document = documents.document(row);
        op.signer.bands_and_set(document, &mut bands, &mut set);
        let label = xxh3_128(document.text.as_bytes());
        let bands = bands.iter().map(|band| band ^ salt);
        let payload = payload(label, bands, set.iter().copied());
        out.push(key(answer, Some(rank), documents.place(row)?)?, &payload);
    }
    Ok(())
}

/// The key of a document to be compared: seven bytes of its component, whether it is of this run (what
/// earlier runs kept comes first), rank, place.
pub(super) fn key(answer: &Record, rank: Option<u64>, place: Place) -> Result<Key, OpError> {
    let root = answer
        .payload
        .first_chunk()
        .ok_or_else(|| OpError::damaged("a component without a root"))?;
    let mut key = [0; KEY_BYTES];
    // Components that happen to be taken for one are compared for nothing.
    let component = u64::from_be_bytes(*root).wrapping_mul(SPREAD);
    key[..COMPONENT].copy_from_slice(&component.to_be_bytes()[..COMPONENT]);
    key[COMPONENT] = u8::from(rank.is_some());
    key[8..16].copy_from_slice(&rank.unwrap_or(0).to_be_bytes());
    key[16..].copy_from_slice(&place);
    Ok(key)
}

/// What a document to be compared brings: the hash of its text, the number of its bands, a digest of
/// each, and its shingles, all little endian.
pub(super) fn payload(
    label: u128,
    bands: impl ExactSizeIterator<Item = u128>,
    set: impl ExactSizeIterator<Item = u32>,
) -> Vec<u8> {
    let mut payload = Vec::with_capacity(20 + 4 * (bands.len() + set.len()));
    payload.extend_from_slice(&label.to_le_bytes());
    payload.extend_from_slice(&u32::try_from(bands.len()).unwrap_or(u32::MAX).to_le_bytes());
    for band in bands {
        #[expect(clippy::cast_possible_truncation, reason = "32 bits are enough to nominate")]
        payload.extend_from_slice(&(band as u32).to_le_bytes());
    }
    set.for_each(|shingle| payload.extend_from_slice(&shingle.to_le_bytes()));
    payload
}

/// A document that came to be compared.
#[derive(Default)]
pub(super) struct Candidate {
    /// Hash of its text.
    pub label: u128,
    /// A digest of each of its bands.
    pub bands: Vec<u32>,
    /// Its shingles.
    pub set: Vec<u32>,
}

impl Candidate {
    fn read(&mut self, payload: &[u8]) -> Option<()> {
        let (label, rest) = payload.split_first_chunk::<16>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (bands, set) = rest
            .split_at_checked(usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(4)?)?;
        let words = |bytes: &[u8], into: &mut Vec<u32>| {
            into.clear();
            into.extend(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
        };
        self.label = u128::from_le_bytes(*label);
        words(bands, &mut self.bands);
        words(set, &mut self.set);
        Some(())
    }
}

/// Compares the documents of each component and tells those of clusters of several.
pub(super) fn meet(op: &Minhash, task: &mut MeetTask<'_>) -> Result<(), OpError> {
    let mut joined = task.scratch("joined");
    let mut anchors = Anchors::new(task);
    let mut records = task.records()?;
    let mut record = Record::default();
    let mut candidate = Candidate::default();
    let mut component = Vec::new();
    // Clusters are numbered in the order in which they begin.
    let mut clusters = 0u64;
    let mut base = 0;
    let mut order = 0;
    while records.next_into(&mut record)? {
        let (own, rest) = record.key.split_at(COMPONENT);
        let known = rest.first() == Some(&0);
        if component.as_slice() != own {
            component.clear();
            component.extend_from_slice(own);
            base = clusters;
            anchors.clear()?;
        }
        candidate
            .read(&record.payload)
            .ok_or(OpError::damaged("a document to be compared of another form"))?;
        // Of a cluster whose anchor is of an earlier run, the first member survives.
        order += 1;
        let found = if known { Found::None } else { anchors.find(op, &candidate)? };
        let (cluster, entry) = match found {
            Found::Anchor { number, similarity } => {
                let extra = similarity.to_bits();
                let entry = Entry { rank: order, extra, ..Entry::default() };
                (base + u64::from(number), entry)
            }
            Found::None => {
                let cluster = clusters;
                clusters += 1;
                anchors.add(op.max_cluster, &candidate)?;
                (cluster, Entry { label: candidate.label, known, ..Entry::default() })
            }
        };
        let mut key = [0; KEY_BYTES];
        key[8..16].copy_from_slice(&cluster.to_be_bytes());
        key[16..].copy_from_slice(&record.key[KEY_BYTES - PLACE_BYTES..]);
        joined.push(key, &entry.encode())?;
    }
    records.remove_scratch()?;
    anchors.report(&mut task.figures);
    anchors.clear()?;
    joined.finish()?;
    Clusters::run(task, |task| task.reopen("joined"))?;
    task.discard("joined")
}
