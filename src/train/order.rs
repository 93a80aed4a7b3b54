//! The order of an epoch.
//!
//! A document is cut into pieces of `sequence_length` tokens, the last of which is its *tail*. Pieces
//! sort by a hash of (seed, epoch, identity of the document, number of the piece), so that a batch
//! has pieces of as many documents as it can have, and two recipes that share documents visit these
//! in the same relative order, whatever stands between them and however the shards were cut.
//!
//! A piece behind which its document goes on is a window of its own, with the token that follows:
//! nothing foreign stands in it. Tails, and documents of one piece, stand one behind another in
//! their order and are cut into windows. Windows of the two kinds are spread evenly over the epoch.

use std::ops::Range;

use super::TrainError;
use super::documents::{Documents, sorted_by};
use super::random::stream;

/// Tails between two sums that are kept.
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

/// How documents are cut: the same in all epochs, 4 bytes a document.
#[derive(Debug)]
pub(crate) struct Cuts {
    documents: Range<u32>,
    /// Tokens that a window predicts.
    length: u32,
    /// Whole windows before each document, and at the end of all.
    before: Vec<u32>,
    /// Windows of tails.
    tail_windows: u64,
}

impl Cuts {
    /// Cuts the documents `range` into windows of `length` + 1 tokens.
    ///
    /// # Errors
    /// When there are too many windows to number.
    pub(crate) fn new(
        documents: &Documents,
        range: Range<u32>,
        length: u32,
    ) -> Result<Self, TrainError> {
        let mut before = Vec::with_capacity(range.len() + 1);
        let (mut wholes, mut tail_tokens) = (0_u32, 0_u64);
        for number in range.clone() {
            before.push(wholes);
            let (whole, tail) = cut(documents.length(number), length);
            wholes = wholes.checked_add(whole).ok_or(TrainError::TooManyWindows { length })?;
            tail_tokens += u64::from(tail);
        }
        before.push(wholes);
        let tail_windows = tail_tokens.saturating_sub(1) / u64::from(length);
        Ok(Self { documents: range, length, before, tail_windows })
    }

    /// Whole windows.
    fn wholes(&self) -> u32 {
        self.before.last().copied().unwrap_or(0)
    }

    /// Windows in an epoch: all tokens are read but for fewer than `length` at the end of the tails,
    /// which are others in every epoch.
    pub(crate) fn windows(&self) -> u64 {
        u64::from(self.wholes()) + self.tail_windows
    }

    /// The document that whole window `number` is of, and its number in the document.
    fn find(&self, number: u32) -> (u32, u32) {
        // The last document with no more windows before it: those without any stand before it.
        let at = self.before.partition_point(|&before| before <= number).saturating_sub(1);
        // There are at most 2^32 documents.
        let offset = u32::try_from(at).unwrap_or(u32::MAX);
        (self.documents.start + offset, number - self.before[at])
    }
}

/// Whole windows of a document of `tokens` tokens, and the tokens of its tail. The first token of a
/// tail is the last of the window before it; where there is no other, all of the document has been
/// predicted, and there is no tail.
fn cut(tokens: u32, length: u32) -> (u32, u32) {
    let whole = tokens.saturating_sub(1) / length;
    let tail = tokens - whole * length;
    (whole, if whole > 0 && tail == 1 { 0 } else { tail })
}

/// The pieces of some documents in the order of an epoch: 4 bytes each, and 8 for every [`STRIDE`]
/// tails.
#[derive(Debug)]
pub(crate) struct Order {
    wholes: Vec<u32>,
    /// Documents, in the order of their tails.
    tails: Vec<u32>,
    /// Tokens of tails before every [`STRIDE`]th.
    sums: Vec<u64>,
}

/// Where piece `number` of a document comes in an epoch, of which `epoch` is the stream.
fn key(epoch: u64, identity: u64, number: u32) -> u64 {
    stream(stream(epoch, identity), number.into())
}

impl Order {
    /// The order of the pieces of `cuts` in `epoch`.
    pub(crate) fn new(documents: &Documents, cuts: &Cuts, seed: u64, epoch: u64) -> Self {
        let epoch = stream(seed, epoch);
        let wholes = sorted_by(0..cuts.wholes(), |number| {
            let (document, number) = cuts.find(number);
            key(epoch, documents.identity(document), number)
        });
        let tails = sorted_by(cuts.documents.clone(), |number| {
            let (whole, _) = cut(documents.length(number), cuts.length);
            key(epoch, documents.identity(number), whole)
        });
        let mut sums = Vec::with_capacity(tails.len().div_ceil(STRIDE));
        let mut sum = 0;
        for (at, &number) in tails.iter().enumerate() {
            if at.is_multiple_of(STRIDE) {
                sums.push(sum);
            }
            sum += u64::from(cut(documents.length(number), cuts.length).1);
        }
        Self { wholes, tails, sums }
    }

    /// Calls `visit` with the pieces that window `at` of the epoch consists of.
    pub(crate) fn window(
        &self,
        documents: &Documents,
        cuts: &Cuts,
        at: u64,
        mut visit: impl FnMut(Piece),
    ) {
        let tails_before = |at: u64| {
            let product = u128::from(at) * u128::from(cuts.tail_windows);
            // No more than `at`.
            u64::try_from(product / u128::from(cuts.windows().max(1))).unwrap_or(at)
        };
        let before = tails_before(at);
        if tails_before(at + 1) > before {
            let length = u64::from(cuts.length);
            self.tail_pieces(documents, cuts, before * length, length + 1, visit);
        } else if let Some(&whole) =
            self.wholes.get(usize::try_from(at - before).unwrap_or(usize::MAX))
        {
            let (document, number) = cuts.find(whole);
            visit(Piece { document, from: number * cuts.length, tokens: cuts.length + 1 });
        }
    }

    /// Calls `visit` with the pieces of the `count` tokens of tails from `start` on.
    fn tail_pieces(
        &self,
        documents: &Documents,
        cuts: &Cuts,
        start: u64,
        count: u64,
        mut visit: impl FnMut(Piece),
    ) {
        let group = self.sums.partition_point(|&sum| sum <= start).saturating_sub(1);
        let Some(&(mut at)) = self.sums.get(group) else { return };
        let end = start + count;
        for &document in &self.tails[group * STRIDE..] {
            if at >= end {
                break;
            }
            let (whole, tail) = cut(documents.length(document), cuts.length);
            let after = at + u64::from(tail);
            let (from, to) = (start.max(at), end.min(after));
            if from < to {
                // Both lie in a document, whose length is of 32 bits.
                let narrow = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
                let from_tail = narrow(from - at);
                visit(Piece {
                    document,
                    from: whole * cuts.length + from_tail,
                    tokens: narrow(to - from),
                });
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

    fn cuts(documents: &Documents, length: u32) -> Cuts {
        Cuts::new(documents, 0..documents.len(), length).unwrap()
    }

    /// Identity and number of all pieces in their order: whole windows, tails.
    fn pieces(documents: &Documents, length: u32, seed: u64, epoch: u64) -> [Vec<(u64, u32)>; 2] {
        let cuts = cuts(documents, length);
        let order = Order::new(documents, &cuts, seed, epoch);
        let wholes = order.wholes.iter().map(|&number| {
            let (document, number) = cuts.find(number);
            (documents.identity(document), number)
        });
        let tails = order
            .tails
            .iter()
            .map(|&number| (documents.identity(number), cut(documents.length(number), length).0));
        [wholes.collect(), tails.collect()]
    }

    #[test]
    fn the_order_never_changes() {
        // Frozen: a change here silently reorders every resumed training. It is checked against an
        // implementation of its own in `tests/golden/train_order.py`.
        let rows: Vec<(u64, u32)> = (0..5).zip([2, 9, 1, 5, 4]).collect();
        let documents = documents(&rows);
        assert_eq!([0, 1].map(|epoch| pieces(&documents, 3, 17, epoch)), frozen());
        let id = crate::document::DocumentId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(super::super::documents::identity(id), FROZEN_IDENTITY);
    }
    fn frozen() -> [[Vec<(u64, u32)>; 2]; 2] {
        [
            [vec![(3, 0), (1, 0), (1, 1), (4, 0)], vec![(0, 0), (4, 1), (2, 0), (1, 2), (3, 1)]],
            [vec![(4, 0), (3, 0), (1, 0), (1, 1)], vec![(0, 0), (3, 1), (1, 2), (4, 1), (2, 0)]],
        ]
    }
    const FROZEN_IDENTITY: u64 = 182_382_176_322_268_641;

    /// Documents by different identities.
    fn rows(most: u32, count: usize) -> impl Strategy<Value = Vec<(u64, u32)>> {
        proptest::collection::btree_map(any::<u64>(), 1..most, 1..count)
            .prop_map(|rows| rows.into_iter().collect())
    }

    proptest! {
        #[test]
        fn it_is_a_sort_by_the_hash_and_nothing_else(
            rows in rows(50, 500), seed in any::<u64>(), epoch in 0u64..3, length in 1u32..20,
        ) {
            let found = pieces(&documents(&rows), length, seed, epoch);
            let mut expected = [Vec::new(), Vec::new()];
            for (identity, tokens) in &rows {
                let whole = (tokens - 1) / length;
                expected[0].extend((0..whole).map(|number| (*identity, number)));
                expected[1].push((*identity, whole));
            }
            for list in &mut expected {
                list.sort_by_key(|&(identity, number)| key(stream(seed, epoch), identity, number));
            }
            prop_assert_eq!(&found, &expected);

            // A recipe without every third document keeps the order of the others.
            let fewer: Vec<(u64, u32)> =
                rows.iter().enumerate().filter(|(at, _)| at % 3 != 0).map(|(_, row)| *row).collect();
            prop_assume!(!fewer.is_empty());
            let shared: std::collections::BTreeSet<u64> =
                fewer.iter().map(|(identity, _)| *identity).collect();
            let all = found.map(|mut list| {
                list.retain(|(identity, _)| shared.contains(identity));
                list
            });
            prop_assert_eq!(all, pieces(&documents(&fewer), length, seed, epoch));
        }

        #[test]
        fn windows_are_the_pieces_in_order_and_every_token_is_predicted(
            rows in rows(40, 60), length in 1u32..9, seed in any::<u64>(),
        ) {
            let documents = documents(&rows);
            let cuts = cuts(&documents, length);
            let order = Order::new(&documents, &cuts, seed, 1);
            let mut targets = std::collections::BTreeMap::new();
            let mut last_tail = None;
            let (mut wholes, mut tails) = (0, 0);
            for at in 0..cuts.windows() {
                let mut tokens = Vec::new();
                order.window(&documents, &cuts, at, |piece| {
                    tokens.extend((piece.from..piece.from + piece.tokens).map(|at| (piece.document, at)));
                });
                prop_assert_eq!(tokens.len(), length as usize + 1);
                if tokens.iter().all(|(document, _)| *document == tokens[0].0)
                    && tokens[0].1.is_multiple_of(length)
                    && tokens[0].1 / length < cut(documents.length(tokens[0].0), length).0
                {
                    wholes += 1;
                } else {
                    tails += 1;
                    // Neighbours share a token.
                    prop_assert!(last_tail.is_none_or(|last| last == tokens[0]));
                    last_tail = tokens.last().copied();
                }
                for token in &tokens[1..] {
                    *targets.entry(*token).or_insert(0) += 1;
                }
            }
            // The two kinds are spread evenly.
            prop_assert_eq!((wholes, tails), (u64::from(cuts.wholes()), cuts.tail_windows));
            // No token is predicted twice, but for the first of a tail, by its own document and by
            // the tail before it.
            for ((document, at), count) in &targets {
                let whole = cut(documents.length(*document), length).0;
                let twice = whole > 0 && *at == whole * length;
                prop_assert!(*count == 1 || twice && *count == 2);
            }
            // Nor is any left out, but for first tokens and fewer than a window at the end.
            let all: u64 = rows.iter().map(|(_, tokens)| u64::from(*tokens)).sum();
            let left_out = all - targets.len() as u64;
            prop_assert!(left_out <= rows.len() as u64 + u64::from(length));
        }
    }
}
