//! Verification: what is nominated is compared, and joins an anchor or becomes one.

use xxhash_rust::xxh3::xxh3_128;

use super::Minhash;
use super::anchors::{Anchors, Found};
use super::signer::Signer;
use crate::exchange::{KEY_BYTES, Record};
use crate::ops::{
    Clusters, Entry, MeetTask, OpError, Outbox, PLACE_BYTES, Participants, Ranking, key_place,
};

/// Spreads the places of components over the key space; odd, so that none are merged.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Sends the documents of components to be compared: keys are component, rank, place; payloads the
/// hash of the text, a 32-bit digest of each band, and the set of shingles.
pub(super) fn send(
    signer: &Signer,
    keep: &Ranking,
    documents: &Participants<'_>,
    out: &mut Outbox,
) -> Result<(), OpError> {
    let ranks = keep.ranks(documents)?;
    let (mut bands, mut set, mut payload) = (Vec::new(), Vec::new(), Vec::new());
    for (&row, rank) in documents.rows.iter().zip(ranks) {
        let Some((_, answer)) = documents.answers(row).first() else { continue };
        let Some(component) = answer.payload.first_chunk() else { continue };
        let document = documents.document(row);
        let mut key = [0; KEY_BYTES];
        let component = u64::from_be_bytes(*component).wrapping_mul(SPREAD);
        key[..8].copy_from_slice(&component.to_be_bytes());
        key[8..16].copy_from_slice(&rank.to_be_bytes());
        key[16..].copy_from_slice(&documents.place(row)?);
        signer.bands(document, &mut bands);
        signer.set(document, &mut set);
        payload.clear();
        payload.extend_from_slice(&xxh3_128(document.text.as_bytes()).to_le_bytes());
        let count = u32::try_from(bands.len()).unwrap_or(u32::MAX);
        payload.extend_from_slice(&count.to_le_bytes());
        for band in &bands {
            #[expect(clippy::cast_possible_truncation, reason = "32 bits are enough to nominate")]
            payload.extend_from_slice(&(*band as u32).to_le_bytes());
        }
        set.iter().for_each(|shingle| payload.extend_from_slice(&shingle.to_le_bytes()));
        out.push(key, &payload);
    }
    Ok(())
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
    let mut component = None;
    // Clusters are numbered in the order in which they begin.
    let mut clusters = 0u64;
    let mut base = 0;
    while records.next_into(&mut record)? {
        if component != Some(key_place(&record.key, 0)) {
            component = Some(key_place(&record.key, 0));
            base = clusters;
            anchors.clear()?;
        }
        candidate
            .read(&record.payload)
            .ok_or(OpError::damaged("a document to be compared of another form"))?;
        let (cluster, entry) = match anchors.find(op, &candidate)? {
            Found::Anchor { number, similarity } => {
                let extra = similarity.to_bits();
                (base + u64::from(number), Entry { rank: 1, label: 0, extra })
            }
            Found::None => {
                let cluster = clusters;
                clusters += 1;
                anchors.add(op.max_cluster, &candidate)?;
                (cluster, Entry { rank: 0, label: candidate.label, extra: 0 })
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
