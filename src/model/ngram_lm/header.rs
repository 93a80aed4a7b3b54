//! The header of a binary file.

use super::bits::{f32_at, u32_at, u64_at};
use super::{MAX_ORDER, NgramLmError, damaged};

const MAGIC: &[u8] = b"mmap lm http://kheafield.com/code format version 5\n\0";
/// What files of all versions begin with.
const FAMILY: &[u8] = b"mmap lm http://kheafield.com/code";
const INCOMPLETE: &[u8] = b"mmap lm http://kheafield.com/code incomplete";
/// Magic, and numbers that tell machines of another kind apart.
const SANITY_BYTES: u64 = 88;
/// Order, multiplier, kind, whether there are words, version.
const FIXED_BYTES: u64 = 20;

/// What a file holds.
pub(super) struct Header {
    pub(super) kind: Kind,
    /// Number of n-grams of each order.
    pub(super) counts: Vec<u64>,
    /// Buckets of a hash table, as a multiple of its entries.
    pub(super) multiplier: f32,
    /// Where the vocabulary begins.
    pub(super) end: u64,
}

/// The data structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Hash tables, with a third number for each n-gram or without.
    Probing { rest: bool },
    /// Sorted arrays, with numbers in bins or not, with pointers cut short or not.
    Trie { quantised: bool, array: bool },
}

pub(super) fn is_binary(begin: &[u8]) -> bool {
    begin.starts_with(FAMILY)
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NgramLmError> {
        let unsupported = |reason: String| Err(NgramLmError::Unsupported(reason));
        if bytes.starts_with(INCOMPLETE) {
            return Err(damaged("`build_binary` did not finish it"));
        }
        if !bytes.starts_with(MAGIC) {
            let version = bytes.get(FAMILY.len()..FAMILY.len() + 17).unwrap_or_default();
            let version = String::from_utf8_lossy(version);
            return unsupported(format!("a binary file of `{}`, not version 5", version.trim()));
        }
        if (bytes.len() as u64) < SANITY_BYTES + FIXED_BYTES {
            return Err(damaged("it ends within its header"));
        }
        let floats = [f32_at(bytes, 56), f32_at(bytes, 60), f32_at(bytes, 64)];
        let numbers = [u32_at(bytes, 68), u32_at(bytes, 72)];
        if floats != [0.0, 1.0, -0.5] || numbers != [1, u32::MAX] || u64_at(bytes, 80) != 1 {
            return unsupported("a binary file of another kind of machine".to_owned());
        }
        let order = bytes[88];
        if !(2..=MAX_ORDER).contains(&usize::from(order)) {
            return unsupported(format!("a model of order {order} (2 to {MAX_ORDER} are read)"));
        }
        let multiplier = f32_at(bytes, SANITY_BYTES + 4);
        let (kind, version) = (u32_at(bytes, SANITY_BYTES + 8), u32_at(bytes, SANITY_BYTES + 16));
        let kind = match kind {
            0 | 1 => Kind::Probing { rest: kind == 1 },
            2..=5 => Kind::Trie { quantised: kind & 1 == 1, array: kind >= 4 },
            other => return unsupported(format!("a data structure of the unknown type {other}")),
        };
        let expected = u32::from(matches!(kind, Kind::Trie { .. }));
        if version != expected {
            return unsupported(format!("version {version} of its data structure"));
        }
        if !(1.0..=1e6).contains(&multiplier) {
            return Err(damaged(format!("hash tables of {multiplier} times their entries")));
        }
        let at = |order: u64| SANITY_BYTES + FIXED_BYTES + 8 * order;
        let counts: Vec<u64> =
            (0..u64::from(order)).map(|index| u64_at(bytes, at(index))).collect();
        let end = at(u64::from(order)).next_multiple_of(8);
        // Each n-gram takes more than a bit.
        let bound = (bytes.len() as u64).saturating_mul(8);
        if end > bytes.len() as u64 || counts.iter().any(|&count| count > bound) {
            return Err(damaged("it says that it holds more n-grams than fit into it"));
        }
        if counts[0] == 0 || counts[0] > u64::from(u32::MAX) {
            return Err(damaged(format!("{} words", counts[0])));
        }
        Ok(Self { kind, counts, multiplier, end })
    }
}
