//! How a tokenized document travels through an exchange.
//!
//! The key puts documents of a group (a cell, or a stage of a materialised mixture) together, in the
//! order of a random number. The first eight bytes are the group's hash and, in their last 16 bits, a
//! *slice* of the order, so that a shard can be read without what stands before it.

use xxhash_rust::xxh3::xxh3_64;

use crate::document::DocumentId;
use crate::exchange::{KEY_BYTES, Key};

/// Bits of a key's first word that are the slice.
const SLICE_BITS: u32 = 16;

/// Names a cell or a stage among the keys: 48 bits of a hash, which leave 10,000 groups a chance of
/// 2×10⁻⁷ that two share one; that is noticed, not taken for granted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Group(u64);

impl Group {
    /// The group of a name, apart from that of its validation documents.
    #[must_use]
    pub fn new(name: &str, validation: bool) -> Self {
        let seed = u64::from(validation);
        let mut bytes = seed.to_le_bytes().to_vec();
        bytes.extend_from_slice(name.as_bytes());
        Self(xxh3_64(&bytes) >> SLICE_BITS)
    }

    /// The group and the slice of a key's first word.
    #[must_use]
    pub fn of_block(block: u64) -> (Self, u64) {
        (Self(block >> SLICE_BITS), block & ((1 << SLICE_BITS) - 1))
    }

    /// The first word of keys in the slice `slice`.
    #[must_use]
    pub fn block(self, slice: u64) -> u64 {
        self.0 << SLICE_BITS | slice
    }
}

/// Into how many slices each group's order is cut: a power of two up to 2^16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Slices(u32);

impl Slices {
    /// At least `wanted` slices, where there can be so many.
    #[must_use]
    pub fn at_least(wanted: u64) -> Self {
        Self(wanted.max(2).next_power_of_two().trailing_zeros().min(SLICE_BITS))
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> u64 {
        1 << self.0
    }

    /// The slice in which `order` lies.
    #[must_use]
    pub fn of(self, order: u64) -> u64 {
        order >> (64 - self.0)
    }
}

/// The key of a document (a copy of it, where it is repeated) at the place `order` of a group.
#[must_use]
pub fn key(group: Group, slices: Slices, order: u64, tie: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&group.block(slices.of(order)).to_be_bytes());
    key[8..16].copy_from_slice(&order.to_be_bytes());
    key[16..].copy_from_slice(&tie.to_be_bytes());
    key
}

/// The order in a key.
#[must_use]
pub fn order(key: &Key) -> u64 {
    let mut order = [0; 8];
    order.copy_from_slice(&key[8..16]);
    u64::from_be_bytes(order)
}

/// A tokenized document, as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRecord<'a> {
    /// The document.
    pub id: DocumentId,
    /// Index of its cell among the counted ones; nothing before they are counted.
    pub cell: u32,
    /// Loss mask in runs, as [`write_runs`] has it; empty where all tokens are learnt.
    pub runs: &'a [u8],
    /// Its tokens, as shards hold them.
    pub tokens: &'a [u8],
}

/// Bytes before the runs.
pub const HEAD: usize = 16 + 4 + 4;

impl<'a> TokenRecord<'a> {
    /// The record in parts that follow each other; `head` is room for the first.
    pub fn parts<'b>(&'b self, head: &'b mut [u8; HEAD]) -> [&'b [u8]; 3] {
        head[..16].copy_from_slice(&self.id.0.to_be_bytes());
        head[16..20].copy_from_slice(&self.cell.to_le_bytes());
        // A document has at most 256 MB of text.
        let runs = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        head[20..].copy_from_slice(&runs.to_le_bytes());
        [head, self.runs, self.tokens]
    }

    /// Reads a record; `None` where it is none.
    #[must_use]
    pub fn read(payload: &'a [u8]) -> Option<Self> {
        let (id, rest) = payload.split_first_chunk::<16>()?;
        let (cell, rest) = rest.split_first_chunk::<4>()?;
        let (runs, rest) = rest.split_first_chunk::<4>()?;
        let (runs, tokens) = rest.split_at_checked(u32::from_le_bytes(*runs) as usize)?;
        Some(Self {
            id: DocumentId(u128::from_be_bytes(*id)),
            cell: u32::from_le_bytes(*cell),
            runs,
            tokens,
        })
    }
}

/// Writes a loss mask (a byte a token, 0 or 1) as lengths of runs, the first one of zeros, each in
/// LEB128.
pub fn write_runs(mask: &[u8], out: &mut Vec<u8>) {
    let mut value = 0;
    let mut rest = mask;
    while !rest.is_empty() {
        let length = rest.iter().take_while(|&&bit| bit == value).count();
        let mut left = length;
        while left >= 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "the low seven bits")]
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than 128")]
        out.push(left as u8);
        rest = &rest[length..];
        value ^= 1;
    }
}

/// Reads a mask of `tokens` tokens; `None` where the runs are not of that length.
#[must_use]
pub fn read_runs(mut runs: &[u8], tokens: usize) -> Option<Vec<u8>> {
    let mut mask = Vec::with_capacity(tokens);
    let mut value = 0;
    while !runs.is_empty() {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (&byte, rest) = runs.split_first()?;
            runs = rest;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length > tokens - mask.len() {
            return None;
        }
        mask.resize(mask.len() + length, value);
        value ^= 1;
    }
    (mask.len() == tokens).then_some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_and_records_come_back(
            mask in proptest::collection::vec(0u8..2, 0..3000),
            tokens in proptest::collection::vec(any::<u8>(), 0..100),
            id in any::<u128>(), cell in any::<u32>(),
        ) {
            let mut runs = Vec::new();
            write_runs(&mask, &mut runs);
            prop_assert_eq!(read_runs(&runs, mask.len()), Some(mask.clone()));
            prop_assert_eq!(read_runs(&runs, mask.len() + 1), None);
            let record = TokenRecord { id: DocumentId(id), cell, runs: &runs, tokens: &tokens };
            let bytes = record.parts(&mut [0; HEAD]).concat();
            prop_assert_eq!(TokenRecord::read(&bytes), Some(record));
            prop_assert_eq!(TokenRecord::read(&bytes[..23.min(bytes.len())]), None);
        }

        #[test]
        fn nothing_damaged_is_taken_for_a_mask(runs in proptest::collection::vec(any::<u8>(), 0..20), tokens in 0usize..300) {
            let mask = read_runs(&runs, tokens);
            prop_assert!(mask.is_none_or(|mask| mask.len() == tokens));
        }

        #[test]
        fn slices_follow_the_order(a in any::<u64>(), b in any::<u64>(), wanted in 0u64..200_000) {
            let slices = Slices::at_least(wanted);
            prop_assert!(slices.count() >= wanted.min(1 << 16) && slices.of(u64::MAX) == slices.count() - 1);
            let group = Group::new("web/en", false);
            let (low, high) = (a.min(b), a.max(b));
            let keys = [low, high].map(|order| key(group, slices, order, 7));
            prop_assert!(keys[0] <= keys[1]);
            prop_assert_eq!(order(&keys[1]), high);
        }
    }

    #[test]
    fn validation_is_a_group_of_its_own() {
        assert_ne!(Group::new("web", false), Group::new("web", true));
        assert_ne!(Group::new("", false), Group::new("", true));
    }
}
