//! How alike two sets of shingles are, exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::ops) enum Measure {
    /// What they have in common, as a share of what both have together.
    Jaccard,
    /// What they have in common, as a share of the smaller one.
    Containment,
}

impl Measure {
    /// The share of `common` elements, for sets of these sizes; 0 for two empty ones.
    #[expect(clippy::cast_precision_loss, reason = "sizes are below 2^32")]
    pub(super) fn of(self, common: usize, left: usize, right: usize) -> f64 {
        let whole = self.whole(common, left, right);
        if whole == 0 { 0.0 } else { common as f64 / whole as f64 }
    }

    fn whole(self, common: usize, left: usize, right: usize) -> usize {
        match self {
            Self::Jaccard => left + right - common,
            Self::Containment => left.min(right),
        }
    }

    /// The least number of common elements with which sets of these sizes are alike: the share, as
    /// the nearest double, is no less than `threshold`. So a pair exactly at it counts: 4 of 5 at 0.8.
    /// Nothing if all of the smaller set is too little.
    pub(super) fn least(self, threshold: f64, left: usize, right: usize) -> Option<usize> {
        let most = left.min(right);
        let enough = |common: usize| self.of(common, left, right) >= threshold;
        if most == 0 || !enough(most) {
            return None;
        }
        // Near the root; the share grows with what is common, so a step or two find the place.
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a guess, which is mended"
        )]
        let mut least = match self {
            Self::Jaccard => (threshold * (left + right) as f64 / (1.0 + threshold)) as usize,
            Self::Containment => (threshold * most as f64) as usize,
        }
        .clamp(1, most);
        while least > 1 && enough(least - 1) {
            least -= 1;
        }
        while !enough(least) {
            least += 1;
        }
        Some(least)
    }
}

/// The similarity of two sets (sorted, each element once) if it is no less than the threshold.
pub(super) fn alike(measure: Measure, threshold: f64, left: &[u32], right: &[u32]) -> Option<f64> {
    let least = measure.least(threshold, left.len(), right.len())?;
    let common = common_from(least, left, right)?;
    Some(measure.of(common, left.len(), right.len()))
}

/// The size of the intersection if it is no less than `least`. Stops as soon as it cannot be.
pub(super) fn common_from(least: usize, left: &[u32], right: &[u32]) -> Option<usize> {
    let (small, large) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    if small.len() < least {
        return None;
    }
    if large.len() / 16 > small.len() {
        return gallop(least, small, large);
    }
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < small.len() && j < large.len() {
        let left = (small.len() - i).min(large.len() - j);
        if common + left < least {
            return None;
        }
        // So many steps cannot leave either set, and are taken without guesses of the processor.
        for _ in 0..left.min(64) {
            let (a, b) = (small[i], large[j]);
            common += usize::from(a == b);
            i += usize::from(a <= b);
            j += usize::from(b <= a);
        }
    }
    (common >= least).then_some(common)
}

/// For a set that is much larger than the other: looks up the elements of the small one.
fn gallop(least: usize, small: &[u32], mut large: &[u32]) -> Option<usize> {
    let mut common = 0;
    for (at, value) in small.iter().enumerate() {
        if common + (small.len() - at).min(large.len()) < least {
            return None;
        }
        let mut reach = 1;
        while reach < large.len() && large[reach] < *value {
            reach *= 2;
        }
        let from = reach / 2;
        let found = large[from..large.len().min(reach + 1)].binary_search(value);
        common += usize::from(found.is_ok());
        large = &large[from + found.map_or_else(|at| at, |at| at + 1)..];
    }
    (common >= least).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brute(left: &[u32], right: &[u32]) -> usize {
        left.iter().filter(|x| right.contains(x)).count()
    }

    #[test]
    fn common_elements_are_counted_however_the_sizes_differ() {
        let mut state = 1u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            u32::try_from((state >> 33) % below).unwrap()
        };
        for round in 0..400u64 {
            let (below, sizes) = match round % 4 {
                0 => (1 << 31, [300, 4]),
                1 => (600, [300, 400]),
                2 => (3000, [2000, 5]),
                _ => (40, [7, 9]),
            };
            let [left, right] = sizes.map(|size| {
                let mut set: Vec<u32> = (0..random(size + 1)).map(|_| random(below)).collect();
                set.sort_unstable();
                set.dedup();
                set
            });
            let common = brute(&left, &right);
            for least in common.saturating_sub(2)..=common + 2 {
                let expected = (common >= least).then_some(common);
                assert_eq!(common_from(least, &left, &right), expected);
                assert_eq!(common_from(least, &right, &left), expected);
            }
        }
    }

    #[test]
    fn a_pair_exactly_at_the_threshold_is_alike() {
        for (threshold, common, whole) in
            [(0.8, 4, 5), (0.7, 7, 10), (0.9, 90, 100), (0.6, 3, 5), (2.0 / 3.0, 2, 3), (1.0, 9, 9)]
        {
            for times in 1..2000 {
                let (common, whole) = (common * times, whole * times);
                for left in [common, usize::midpoint(common, whole)] {
                    let right = whole + common - left;
                    assert_eq!(Measure::Jaccard.least(threshold, left, right), Some(common));
                }
                assert_eq!(Measure::Containment.least(threshold, whole, whole + 7), Some(common));
            }
        }
        assert_eq!(alike(Measure::Jaccard, 0.8, &[1, 2, 3, 4, 5], &[1, 2, 3, 4]), Some(0.8));
        assert_eq!(alike(Measure::Jaccard, 0.8, &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4]), None);
        assert_eq!(alike(Measure::Containment, 0.8, &[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4]), Some(1.0));
    }

    #[test]
    fn the_least_is_the_least_for_all_sizes() {
        for threshold in [0.0, 1e-9, 0.1, 0.5, 0.75, 0.8, 0.99, 1.0] {
            for left in 0..60 {
                for right in 0..60 {
                    for measure in [Measure::Jaccard, Measure::Containment] {
                        let expected = (1..=left.min(right))
                            .find(|common| measure.of(*common, left, right) >= threshold);
                        assert_eq!(measure.least(threshold, left, right), expected);
                    }
                }
            }
        }
        // Sets of nothing are alike to nothing.
        assert_eq!(alike(Measure::Jaccard, 0.0, &[], &[]), None);
    }
}
