//! MurmurHash64A (A. Appleby, public domain) with seed 0: how the files' vocabularies hash words.

const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

/// The hash of a word.
#[inline]
pub(super) fn hash(word: &[u8]) -> u64 {
    let mut hash = (word.len() as u64).wrapping_mul(MULTIPLIER);
    let (chunks, rest) = word.as_chunks::<8>();
    for chunk in chunks {
        let mut part = u64::from_le_bytes(*chunk).wrapping_mul(MULTIPLIER);
        part ^= part >> 47;
        hash = (hash ^ part.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ hash >> 47
}
