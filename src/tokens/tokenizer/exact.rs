//! Byte-pair encoding by the book: exact, and slow beside the library's engine.
//!
//! It recovers merges from ranks, and encodes anew the words on which the engine was wrong (see
//! [`super::table`]).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A vocabulary of bytes with its merges.
pub(super) struct Exact {
    /// Ids of whole tokens, for models that look a word up before they merge.
    whole: Option<HashMap<Vec<u8>, u32>>,
    /// Rank and result of each pair.
    merges: HashMap<(u32, u32), (u32, u32)>,
    /// Id of each byte; none for bytes that UTF-8 has not.
    bytes: [Option<u32>; 256],
}

impl Exact {
    /// `merges` in the order of their ranks: left, right, result. `whole` where a word that is a
    /// token is that token, whatever its merges give.
    pub(super) fn new(
        bytes: [Option<u32>; 256],
        merges: impl IntoIterator<Item = (u32, u32, u32)>,
        whole: Option<HashMap<Vec<u8>, u32>>,
    ) -> Self {
        let mut known = HashMap::new();
        for (rank, (left, right, result)) in (0..).zip(merges) {
            // Of two with the same pair the last one counts, as in the library.
            known.insert((left, right), (rank, result));
        }
        Self { whole, merges: known, bytes }
    }

    /// Appends the ids of one word. Its bytes all have ids, which [`super::json`] has checked.
    pub(super) fn encode(&self, word: &[u8], out: &mut Vec<u32>) {
        if let Some(&id) = self.whole.as_ref().and_then(|whole| whole.get(word)) {
            out.push(id);
            return;
        }
        let ids = word.iter().filter_map(|&byte| self.bytes[usize::from(byte)]).collect();
        out.extend(merged(ids, |left, right| self.merges.get(&(left, right)).copied()));
    }
}

/// A symbol with its neighbours; `None` at an end.
struct Symbol {
    id: u32,
    left: Option<usize>,
    right: Option<usize>,
    alive: bool,
}

/// Merges neighbours, those with the least rank first and of these the leftmost, until no pair has
/// a rank. `rank` gives rank and result of a pair. Takes O(n log n).
pub(super) fn merged(ids: Vec<u32>, rank: impl Fn(u32, u32) -> Option<(u32, u32)>) -> Vec<u32> {
    let last = ids.len().saturating_sub(1);
    let mut symbols: Vec<Symbol> = ids
        .into_iter()
        .enumerate()
        .map(|(at, id)| Symbol {
            id,
            left: at.checked_sub(1),
            right: (at < last).then_some(at + 1),
            alive: true,
        })
        .collect();
    let mut heap = BinaryHeap::new();
    let push = |heap: &mut BinaryHeap<_>, symbols: &[Symbol], at: usize| {
        if let Some(right) = symbols[at].right {
            let pair = (symbols[at].id, symbols[right].id);
            if let Some((rank, result)) = rank(pair.0, pair.1) {
                heap.push(Reverse((rank, at, pair, result)));
            }
        }
    };
    for at in 0..last {
        push(&mut heap, &symbols, at);
    }
    while let Some(Reverse((_, at, pair, result))) = heap.pop() {
        // What a merge has changed since is not what was pushed.
        let Some(right) = symbols[at].right else { continue };
        if !symbols[at].alive || (symbols[at].id, symbols[right].id) != pair {
            continue;
        }
        symbols[right].alive = false;
        symbols[at].id = result;
        symbols[at].right = symbols[right].right;
        if let Some(next) = symbols[at].right {
            symbols[next].left = Some(at);
        }
        push(&mut heap, &symbols, at);
        if let Some(left) = symbols[at].left {
            push(&mut heap, &symbols, left);
        }
    }
    symbols.into_iter().filter(|symbol| symbol.alive).map(|symbol| symbol.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: of all pairs the one with the least rank, of these the leftmost, again and
    /// again.
    fn slow(mut ids: Vec<u32>, rank: impl Fn(u32, u32) -> Option<(u32, u32)>) -> Vec<u32> {
        loop {
            let best = (1..ids.len())
                .filter_map(|at| rank(ids[at - 1], ids[at]).map(|(rank, id)| (rank, at, id)))
                .min();
            let Some((_, at, id)) = best else { return ids };
            ids[at - 1] = id;
            ids.remove(at);
        }
    }

    proptest! {
        #[test]
        fn merges_as_defined(
            merges in prop::collection::vec((0..12u32, 0..12u32), 0..30),
            ids in prop::collection::vec(0..4u32, 0..60),
        ) {
            // Results are new ids, some of them shared by two merges, ranks in no useful order.
            let table: HashMap<(u32, u32), (u32, u32)> = merges
                .iter()
                .enumerate()
                .map(|(at, &pair)| (pair, ((at as u32 * 7) % 30, 4 + (at as u32 % 20))))
                .collect();
            let rank = |left, right| table.get(&(left, right)).copied();
            prop_assert_eq!(merged(ids.clone(), rank), slow(ids, rank));
        }
    }
}
