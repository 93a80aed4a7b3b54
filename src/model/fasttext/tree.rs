//! The Huffman tree of hierarchical softmax.

use super::loss::log_probability;
use super::top::TopLabels;

/// More than any file's training tokens: an inner node weighs this until it is built.
const UNBUILT: i64 = 1_000_000_000_000_000;

/// Labels are the leaves `0..labels`; the inner node `labels + i` has row `i` of the output matrix.
pub(super) struct Tree {
    /// Left and right child of each inner node; the root is the last.
    children: Vec<[u32; 2]>,
    labels: u32,
}

impl Tree {
    /// Builds the tree training used, which is not stored: the counts, sorted from frequent to rare, decide
    /// it. `None` if they cannot come from training.
    pub(super) fn new(counts: &[i64]) -> Option<Self> {
        let labels = u32::try_from(counts.len()).ok()?;
        let inner = counts.len().checked_sub(1)?;
        let mut children = Vec::with_capacity(inner);
        let mut weights = Vec::with_capacity(inner);
        let (mut unused_leaves, mut next_inner) = (counts.len(), 0);
        for _ in 0..inner {
            let mut weight = 0i64;
            let mut pair = [0; 2];
            for child in &mut pair {
                let inner_weight = weights.get(next_inner).copied().unwrap_or(UNBUILT);
                let lighter_leaf =
                    unused_leaves.checked_sub(1).filter(|&leaf| counts[leaf] < inner_weight);
                if let Some(leaf) = lighter_leaf {
                    unused_leaves = leaf;
                    *child = u32::try_from(leaf).ok()?;
                    weight = weight.checked_add(counts[leaf])?;
                } else {
                    weight = weight.checked_add(*weights.get(next_inner)?)?;
                    *child = labels + u32::try_from(next_inner).ok()?;
                    next_inner += 1;
                }
            }
            children.push(pair);
            weights.push(weight);
        }
        Some(Self { children, labels })
    }

    pub(super) fn labels(&self) -> usize {
        self.labels as usize
    }

    /// Walks from the root, left before right, leaving out every branch below `floor` or below the worst of
    /// `k` labels found. `right` gives the probability of a node's right child. An explicit stack, since a
    /// corrupt file can make the tree as deep as it has labels.
    pub(super) fn search(
        &self,
        floor: f32,
        right: impl Fn(u32) -> f32,
        stack: &mut Vec<(u32, f32)>,
        top: &mut TopLabels,
    ) {
        stack.clear();
        let root = self.labels - 1 + u32::try_from(self.children.len()).unwrap_or(0);
        stack.push((root, 0.0));
        while let Some((node, score)) = stack.pop() {
            if score < floor || top.refuses(score) {
                continue;
            }
            let Some(inner) = node.checked_sub(self.labels) else {
                top.offer(score, node);
                continue;
            };
            let [left_child, right_child] = self.children[inner as usize];
            let right = right(inner);
            stack.push((right_child, score + log_probability(right)));
            stack.push((left_child, score + log_probability(1.0 - right)));
        }
    }
}
