//! Arithmetic of pairs: from sizes of groups to precision, recall and the adjusted Rand index.

/// Numbers of pairs of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Together in both.
    pub(super) both: u64,
    /// Together in the clusters that are judged.
    pub(super) predicted: u64,
    /// Together in the labels.
    pub(super) positive: u64,
    /// All there are.
    pub(super) all: u64,
}

impl Counts {
    /// The adjusted Rand index ([Hubert and Arabie 1985](https://doi.org/10.1007/BF01908075)): 1 for
    /// equal clusterings, 0 for what chance gives on average; `None` where there is no pair.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn adjusted_rand(&self) -> Option<f64> {
        if self.all == 0 {
            return None;
        }
        let [both, predicted, positive, all] =
            [self.both, self.predicted, self.positive, self.all].map(|count| count as f64);
        let by_chance = predicted * positive / all;
        let at_most = f64::midpoint(predicted, positive);
        // All alone in both, or all together in both.
        if self.predicted == self.both && self.positive == self.both {
            return Some(1.0);
        }
        Some((both - by_chance) / (at_most - by_chance))
    }
}

/// Pairs among `documents`.
pub(super) fn pairs_among(documents: u64) -> u64 {
    let pairs = u128::from(documents) * u128::from(documents.saturating_sub(1)) / 2;
    u64::try_from(pairs).unwrap_or(u64::MAX)
}

/// Pairs of equal ones.
pub(super) fn group_pairs<G: Ord>(groups: impl Iterator<Item = G>) -> u64 {
    let mut groups: Vec<G> = groups.collect();
    groups.sort_unstable();
    groups.chunk_by(|left, right| left == right).map(|group| pairs_among(group.len() as u64)).sum()
}

/// The share `part / whole`; `None` of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The nodes of `edges`, in order, each with the number of its connected component.
pub(super) fn components(edges: &[(u64, u64)]) -> Vec<(u64, usize)> {
    let mut nodes: Vec<u64> = edges.iter().flat_map(|(a, b)| [*a, *b]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let mut parents: Vec<usize> = (0..nodes.len()).collect();
    for (a, b) in edges {
        if let (Ok(a), Ok(b)) = (nodes.binary_search(a), nodes.binary_search(b)) {
            let (a, b) = (root(&mut parents, a), root(&mut parents, b));
            parents[a.max(b)] = a.min(b);
        }
    }
    nodes.into_iter().enumerate().map(|(at, node)| (node, root(&mut parents, at))).collect()
}

fn root(parents: &mut [usize], mut node: usize) -> usize {
    while parents[node] != node {
        // Half the way on the way.
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ours: &[u32], theirs: &[u32]) -> Counts {
        Counts {
            both: group_pairs(ours.iter().zip(theirs)),
            predicted: group_pairs(ours.iter()),
            positive: group_pairs(theirs.iter()),
            all: pairs_among(ours.len() as u64),
        }
    }

    #[test]
    fn pairs_are_counted_by_groups() {
        assert_eq!([0, 1, 2, 3, 5].map(pairs_among), [0, 0, 1, 3, 10]);
        assert_eq!(pairs_among(u64::MAX), u64::MAX);
        assert_eq!(group_pairs("aabcbb".chars()), 1 + 3);
        assert_eq!(ratio(1, 4), Some(0.25));
        assert_eq!(ratio(0, 0), None);
    }

    #[test]
    fn the_adjusted_rand_index_is_that_of_scikit_learn() {
        let index = |ours: &[u32], theirs: &[u32]| counts(ours, theirs).adjusted_rand();
        // The examples in the documentation of sklearn.metrics.adjusted_rand_score.
        assert_eq!(index(&[0, 0, 1, 1], &[0, 0, 1, 1]), Some(1.0));
        assert_eq!(index(&[0, 0, 1, 1], &[1, 1, 0, 0]), Some(1.0));
        // (1 − 2·1/6) / (1.5 − 2·1/6) = 4/7
        assert!((index(&[0, 0, 1, 2], &[0, 0, 1, 1]).unwrap() - 4.0 / 7.0).abs() < 1e-12);
        assert_eq!(index(&[0, 0, 0, 0], &[0, 1, 2, 3]), Some(0.0));
        // (0 − 2·2/6) / (2 − 2·2/6) = −1/2
        assert!((index(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
        // By hand: both 1 + 1, predicted 3 + 3, positive 1 + 3 + 0, all 15: (2 − 1.6) / (5 − 1.6).
        let mixed = counts(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 2]);
        assert_eq!(mixed, Counts { both: 2, predicted: 6, positive: 4, all: 15 });
        assert!((mixed.adjusted_rand().unwrap() - 0.4 / 3.4).abs() < 1e-12);
        assert_eq!(index(&[0, 1, 2], &[0, 1, 2]), Some(1.0));
        assert_eq!(index(&[0, 0, 0], &[7, 7, 7]), Some(1.0));
        assert_eq!(index(&[], &[]), None);
    }

    #[test]
    fn components_join_chains_whatever_their_order() {
        let found = components(&[(9, 7), (1, 2), (30, 9), (2, 1)]);
        let together = |a: u64, b: u64| {
            let of = |node| found.iter().find(|(known, _)| *known == node).map(|found| found.1);
            of(a) == of(b)
        };
        assert_eq!(found.iter().map(|(node, _)| *node).collect::<Vec<_>>(), [1, 2, 7, 9, 30]);
        assert!(together(7, 30) && together(1, 2) && !together(1, 7));
        assert!(components(&[]).is_empty());
    }
}
