//! The order of documents in an epoch.
//!
//! Documents sort by a hash of (seed, epoch, identity). The tokens in that order are one sequence.
//! Two recipes that share documents visit these in the same relative order, whatever stands between
//! them and however the shards were cut.

use std::ops::Range;

use super::documents::{Documents, sorted_by};
use super::random::stream;

/// Documents between two sums that are kept.
const STRIDE: usize = 32;

/// A part of a document that a sample reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The document's number.
    pub(crate) document: u32,
    /// The first of its tokens that is read.
    pub(crate) from: u32,
    /// How many are.
    pub(crate) tokens: u32,
}

/// Some documents in the order of an epoch: 4 bytes a document, and 8 for every [`STRIDE`].
#[derive(Debug)]
pub(crate) struct Order {
    numbers: Vec<u32>,
    /// Tokens before every [`STRIDE`]th document.
    sums: Vec<u64>,
}

/// Where a document comes in an epoch.
#[cfg(test)]
fn key(seed: u64, epoch: u64, identity: u64) -> u64 {
    stream(stream(seed, epoch), identity)
}

impl Order {
    /// The order of the documents `range` in `epoch`.
    pub(crate) fn new(documents: &Documents, range: Range<u32>, seed: u64, epoch: u64) -> Self {
        let epoch = stream(seed, epoch);
        let numbers = sorted_by(range, |number| stream(epoch, documents.identity(number)));
        let mut sums = Vec::with_capacity(numbers.len().div_ceil(STRIDE));
        let mut sum = 0;
        for (at, &number) in numbers.iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                sums.push(sum);
            }
            sum += u64::from(documents.length(number));
        }
        Self { numbers, sums }
    }

    /// Calls `visit` with the pieces that the `count` tokens from `start` on consist of; fewer where
    /// the epoch ends.
    pub(crate) fn pieces(
        &self,
        documents: &Documents,
        start: u64,
        count: u64,
        mut visit: impl FnMut(Piece),
    ) {
        let group = self.sums.partition_point(|&sum| sum <= start).saturating_sub(1);
        let Some(&(mut at)) = self.sums.get(group) else { return };
        let end = start + count;
        for &document in &self.numbers[group * STRIDE..] {
            if at >= end {
                break;
            }
            let after = at + u64::from(documents.length(document));
            let (from, to) = (start.max(at), end.min(after));
            if from < to {
                // Both lie in a document, whose length is of 32 bits.
                let narrow = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
                visit(Piece { document, from: narrow(from - at), tokens: narrow(to - from) });
            }
            at = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn documents(rows: &[(u64, u32)]) -> Documents {
        let mut documents = Documents::default();
        let mut start = 0;
        for (identity, length) in rows {
            documents.push(*identity, start, *length);
            start += u64::from(*length);
        }
        documents
    }

    fn identities(documents: &Documents, order: &Order) -> Vec<u64> {
        order.numbers.iter().map(|&number| documents.identity(number)).collect()
    }

    #[test]
    fn the_order_never_changes() {
        // Frozen: a change here silently reorders every resumed training. It is checked against an
        // implementation of its own in `tests/golden/train_order.py`.
        let rows: Vec<(u64, u32)> = (0..8).map(|identity| (identity, 1)).collect();
        let documents = documents(&rows);
        let order = |epoch| identities(&documents, &Order::new(&documents, 0..8, 17, epoch));
        assert_eq!([order(0), order(1)], FROZEN_ORDER);
        let id = crate::document::DocumentId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(super::super::documents::identity(id), FROZEN_IDENTITY);
    }
    const FROZEN_ORDER: [[u64; 8]; 2] = [[0, 1, 5, 2, 7, 6, 4, 3], [6, 3, 0, 4, 1, 5, 2, 7]];
    const FROZEN_IDENTITY: u64 = 182_382_176_322_268_641;

    proptest! {
        #[test]
        fn it_is_a_sort_by_the_hash_and_nothing_else(
            rows in proptest::collection::vec((any::<u64>(), 1u32..50), 1..700),
            seed in any::<u64>(), epoch in 0u64..3,
        ) {
            let documents = documents(&rows);
            let order = Order::new(&documents, 0..documents.len(), seed, epoch);
            let mut expected: Vec<u32> = (0..documents.len()).collect();
            expected.sort_by_key(|&number| key(seed, epoch, documents.identity(number)));
            prop_assert_eq!(&order.numbers, &expected);

            // A recipe without every third document keeps the order of the others.
            let fewer: Vec<(u64, u32)> =
                rows.iter().enumerate().filter(|(at, _)| at % 3 != 0).map(|(_, row)| *row).collect();
            let shared: std::collections::BTreeSet<u64> =
                fewer.iter().map(|(identity, _)| *identity).collect();
            let mut all = identities(&documents, &order);
            all.retain(|identity| shared.contains(identity));
            let other = documents_of(&fewer);
            let other = identities(&other, &Order::new(&other, 0..other.len(), seed, epoch));
            prop_assume!(shared.len() == fewer.len() && all.len() == other.len());
            prop_assert_eq!(all, other);
        }

        #[test]
        fn pieces_are_the_tokens_in_order(
            rows in proptest::collection::vec((any::<u64>(), 1u32..9), 1..200),
            start in 0u64..900, count in 0u64..40,
        ) {
            let documents = documents(&rows);
            let order = Order::new(&documents, 0..documents.len(), 5, 1);
            let tokens: Vec<(u32, u32)> = order
                .numbers
                .iter()
                .flat_map(|&number| (0..documents.length(number)).map(move |at| (number, at)))
                .collect();
            let mut found = Vec::new();
            order.pieces(&documents, start, count, |piece| {
                found.extend((piece.from..piece.from + piece.tokens).map(|at| (piece.document, at)));
            });
            let from = usize::try_from(start).unwrap().min(tokens.len());
            let to = usize::try_from(start + count).unwrap().min(tokens.len());
            prop_assert_eq!(&found[..], &tokens[from..to]);
        }
    }

    fn documents_of(rows: &[(u64, u32)]) -> Documents {
        documents(rows)
    }
}
