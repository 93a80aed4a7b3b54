//! Which process computes what of a step.
//!
//! A step's samples are cut into *parts* of samples that follow each other, by their place in the
//! step; a process computes parts that follow each other. As a rule there is a part for each process.
//! With `ordered_sums` the parts depend on the number of samples alone, and their gradients are added in
//! their order: then the sum has the same bits whoever computed it.

use std::ops::Range;

/// Parts of a step with `ordered_sums`, and so the number of processes that can help each other. A
/// process keeps the gradient of each of its parts until they are added.
const ORDERED_PARTS: usize = 16;

/// How the samples of a step are dealt out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split {
    samples: usize,
    /// All parts.
    pub(crate) parts: usize,
    rank: usize,
    size: usize,
}

impl Split {
    /// Deals `samples` to `size` processes, of which this is number `rank`.
    pub(crate) fn new(samples: usize, rank: u32, size: u32, ordered: bool) -> Self {
        let (rank, size) = (rank as usize, size as usize);
        let parts = if ordered { ordered_parts(samples) } else { size };
        Self { samples, parts, rank, size }
    }

    /// The parts that this process computes.
    pub(crate) fn mine(&self) -> Range<usize> {
        self.of(self.rank)
    }

    /// The parts that process `rank` computes.
    pub(crate) fn of(&self, rank: usize) -> Range<usize> {
        share(self.parts, self.size, rank)
    }

    /// The samples of a part, by their place in the step.
    pub(crate) fn samples(&self, part: usize) -> Range<usize> {
        share(self.samples, self.parts, part)
    }
}

/// Parts of a step of `samples` with `ordered_sums`.
fn ordered_parts(samples: usize) -> usize {
    samples.clamp(1, ORDERED_PARTS)
}

/// The `nth` of `parts` nearly equal parts of `0..total`.
fn share(total: usize, parts: usize, nth: usize) -> Range<usize> {
    // Below 2^64: neither samples of a step nor processes come near 2^32.
    total * nth / parts..total * (nth + 1) / parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sample_is_computed_once_and_in_order(
            samples in 1_usize..300,
            size in 1_u32..40,
            ordered: bool,
        ) {
            let splits: Vec<Split> =
                (0..size).map(|rank| Split::new(samples, rank, size, ordered)).collect();
            let mut next = 0;
            let mut loads = Vec::new();
            for split in &splits {
                let before = next;
                let parts = split.mine().len();
                for part in split.mine() {
                    let range = split.samples(part);
                    prop_assert_eq!(range.start, next);
                    next = range.end;
                }
                loads.push(if ordered { parts } else { next - before });
            }
            prop_assert_eq!(next, samples);
            // Processes differ by a sample, or by a part where these are fixed.
            let (most, least) = (loads.iter().max().unwrap(), loads.iter().min().unwrap());
            prop_assert!(most - least <= 1, "{:?}", loads);
        }

        #[test]
        fn ordered_parts_are_the_same_whoever_computes_them(
            samples in 1_usize..300,
            size in 1_u32..40,
        ) {
            let alone = Split::new(samples, 0, 1, true);
            let one_of = Split::new(samples, size - 1, size, true);
            prop_assert_eq!(alone.parts, one_of.parts);
            for part in 0..alone.parts {
                prop_assert_eq!(alone.samples(part), one_of.samples(part));
                prop_assert!(!alone.samples(part).is_empty());
            }
        }
    }
}
