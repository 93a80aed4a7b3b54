//! What an index keeps of an anchor: the hash of its text (16 bytes), the number of its bands (4) and
//! their keys (16 each), and its shingles (4 each), all little endian.

use xxhash_rust::xxh3::xxh3_128;

use super::signer::Signer;
use super::verify;
use crate::exchange::KEY_BYTES;
use crate::ops::{Membership, OpError, Outbox, Participants, Recalled, Scope};

/// What is kept of the anchors among some documents.
pub(super) fn of(signer: &Signer, scope: Scope, documents: &Participants<'_>) -> Vec<Vec<u8>> {
    let salt = scope.salt(documents);
    let (mut bands, mut set) = (Vec::new(), Vec::new());
    let mut kept = Vec::new();
    for &row in documents.rows {
        // What was compared and joined another is no anchor.
        if Membership::of(documents, row).is_some_and(|member| member.extra != 0) {
            continue;
        }
        let document = documents.document(row);
        signer.bands_and_set(document, &mut bands, &mut set);
        if bands.is_empty() {
            continue;
        }
        let mut bytes = Vec::with_capacity(20 + 16 * bands.len() + 4 * set.len());
        bytes.extend_from_slice(&xxh3_128(document.text.as_bytes()).to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(bands.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(bands.iter().flat_map(|band| (band ^ salt).to_le_bytes()));
        bytes.extend(set.iter().flat_map(|shingle| shingle.to_le_bytes()));
        kept.push(bytes);
    }
    kept
}

/// Sends what an anchor of an earlier run sends in a step.
pub(super) fn send(step: usize, document: Recalled<'_>, out: &mut Outbox) -> Result<(), OpError> {
    let (label, bands, set) = parts(document.bytes)
        .ok_or_else(|| OpError::damaged("an anchor in the index of another form"))?;
    if step == 0 {
        for band in bands {
            let mut key = [0; KEY_BYTES];
            key[..16].copy_from_slice(&u128::from_le_bytes(*band).to_be_bytes());
            key[16..].copy_from_slice(&document.place);
            out.push(key, &[]);
        }
    } else if let Some(answer) = document.answers.first() {
        let keys = bands.iter().map(|band| u128::from_le_bytes(*band));
        let set = set.iter().map(|shingle| u32::from_le_bytes(*shingle));
        let payload = verify::payload(u128::from_le_bytes(*label), keys, set);
        let key = verify::key(answer, None, document.place)?;
        out.push(key, &payload);
    }
    Ok(())
}

type Parts<'a> = (&'a [u8; 16], &'a [[u8; 16]], &'a [[u8; 4]]);

fn parts(bytes: &[u8]) -> Option<Parts<'_>> {
    let (label, rest) = bytes.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(16)?;
    let (bands, set) = rest.split_at_checked(length)?;
    let (set, []) = set.as_chunks() else { return None };
    Some((label, bands.as_chunks().0, set))
}
