//! Nomination: documents with an equal band, and the components they form.

use xxhash_rust::xxh3::xxh3_128;

use super::signer::Signer;
use crate::exchange::{Components, KEY_BYTES, Record, edge_key};
use crate::ops::{
    Entry, MeetTask, OpError, Outbox, PLACE_BYTES, Participants, Place, Ranking, Scope, key_place,
};

/// Sends a record for each band of each document.
pub(super) fn send(
    signer: &Signer,
    scope: Scope,
    documents: &Participants<'_>,
    out: &mut Outbox,
) -> Result<(), OpError> {
    let salt = scope.salt(documents);
    let mut bands = Vec::new();
    for &row in documents.rows {
        signer.bands(documents.document(row), &mut bands);
        let place = documents.place(row)?;
        for band in &bands {
            let mut key = [0; KEY_BYTES];
            key[..16].copy_from_slice(&(band ^ salt).to_be_bytes());
            key[16..].copy_from_slice(&place);
            out.push(key, &[]);
        }
    }
    Ok(())
}

/// Makes equal bands edges from the first document to each of the others: a star, of which any path
/// is as good as all pairs.
pub(super) fn edges(task: &mut MeetTask<'_>) -> Result<(), OpError> {
    let numbers = Numbers::new(task.rows);
    let mut records = task.records()?;
    let mut record = Record::default();
    let mut band = [0; 16];
    let mut first = None;
    let (mut run, mut longest) = (0, 0);
    while records.next_into(&mut record)? {
        let node = numbers.number(key_place(&record.key, 16))?;
        match first {
            Some(first) if record.key[..16] == band => {
                run += 1;
                task.push(edge_key(first, node), &[])?;
            }
            _ => {
                band.copy_from_slice(&record.key[..16]);
                first = Some(node);
                run = 1;
            }
        }
        longest = longest.max(run);
    }
    task.figures.largest("largest_band", longest);
    Ok(records.remove_scratch()?)
}

/// Tells every document of a component of several the place of the first document in it.
pub(super) fn components(task: &mut MeetTask<'_>) -> Result<(), OpError> {
    let numbers = Numbers::new(task.rows);
    let components = Components {
        store: task.store,
        files: task.inputs,
        nodes: numbers.total(),
        memory: task.budget,
        scratch: format!("{}.components", task.work),
        pool: task.pool,
    };
    let stats = components.each(|node, root| {
        let mut key = [0; KEY_BYTES];
        key[..PLACE_BYTES].copy_from_slice(&numbers.place(node));
        task.sent += 1;
        Ok::<(), OpError>(task.out.push(key, &numbers.place(root))?)
    })?;
    task.figures.count("components", stats.components);
    task.figures.count("nominated", stats.members);
    task.figures.largest("largest_component", stats.largest);
    Ok(())
}

/// Sends documents to their component, where that is the cluster.
pub(super) fn send_members(
    keep: &Ranking,
    documents: &Participants<'_>,
    out: &mut Outbox,
) -> Result<(), OpError> {
    let ranks = keep.ranks(documents)?;
    for (&row, rank) in documents.rows.iter().zip(ranks) {
        let Some((_, answer)) = documents.answers(row).first() else { continue };
        let text = documents.document(row).text;
        let mut key = [0; KEY_BYTES];
        key[..16].copy_from_slice(&xxh3_128(&answer.payload).to_be_bytes());
        key[16..].copy_from_slice(&documents.place(row)?);
        let label = xxh3_128(text.as_bytes());
        out.push(key, &Entry { rank, label, ..Entry::default() }.encode());
    }
    Ok(())
}

/// The documents of all splits, numbered in order.
struct Numbers {
    /// The number of the first document of each split, and behind them how many there are.
    starts: Vec<u64>,
}

impl Numbers {
    fn new(rows: &[u64]) -> Self {
        let mut starts = vec![0];
        let mut total = 0;
        starts.extend(rows.iter().map(|rows| {
            total += rows;
            total
        }));
        Self { starts }
    }

    fn total(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    fn number(&self, place: Place) -> Result<u64, OpError> {
        let [s0, s1, s2, s3, r0, r1, r2, r3] = place;
        let split = u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        let row = u64::from(u32::from_be_bytes([r0, r1, r2, r3]));
        match self.starts.get(split..) {
            Some([start, end, ..]) if start + row < *end => Ok(start + row),
            _ => Err(OpError::damaged("a band of a document that does not exist")),
        }
    }

    /// The place of a document that is there.
    fn place(&self, number: u64) -> Place {
        let split = self.starts.partition_point(|start| *start <= number).saturating_sub(1);
        let row = number - self.starts[split];
        let mut place = [0; PLACE_BYTES];
        // Both came out of 32 bits.
        place[..4].copy_from_slice(&u32::try_from(split).unwrap_or(u32::MAX).to_be_bytes());
        place[4..].copy_from_slice(&u32::try_from(row).unwrap_or(u32::MAX).to_be_bytes());
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_numbered_over_empty_splits() {
        let numbers = Numbers::new(&[2, 0, 3]);
        assert_eq!(numbers.total(), 5);
        for (number, split, row) in [(0u64, 0u32, 0u32), (1, 0, 1), (2, 2, 0), (4, 2, 2)] {
            let mut place = [0; 8];
            place[..4].copy_from_slice(&split.to_be_bytes());
            place[4..].copy_from_slice(&row.to_be_bytes());
            assert_eq!(numbers.place(number), place);
            assert_eq!(numbers.number(place).ok(), Some(number));
        }
        assert!(numbers.number([0, 0, 0, 1, 0, 0, 0, 0]).is_err());
        assert!(numbers.number([0, 0, 0, 3, 0, 0, 0, 0]).is_err());
    }
}
