//! Which window of which cell a sample is, where training shards are a blend of cells.
//!
//! In every stage each cell has a quota of windows, in proportion to the tokens asked of it, and the
//! quotas are interleaved evenly: the *k*th of *q* windows of a cell comes at (*k* + ½)/*q* of the
//! stage, ties in the order of cells. So every stretch of a stage has its shares to within a window a
//! cell. A cell's windows come in their order, and a stage goes on with a cell where the one before
//! left it. All of it is arithmetic on the number of the sample.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::TrainError;

/// How training shards are blended: the tokens of each cell, and what each stage takes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blend {
    /// Tokens in the shards of each cell, whose shards follow each other.
    pub cells: Vec<u64>,
    /// For each stage, the tokens it takes of each cell; no stage where all is read as it is.
    pub stages: Vec<Vec<u64>>,
}

/// A [`Blend`] in windows.
#[derive(Debug)]
pub(super) struct Windows {
    stages: Vec<StageWindows>,
    /// Windows of all stages.
    total: u64,
    /// Windows that all stages take of each cell.
    taken: Vec<u64>,
    walk: Option<Walk>,
}

#[derive(Debug)]
struct StageWindows {
    /// Windows of the stages before.
    before: u64,
    /// For each cell, its windows in the stage.
    quotas: Vec<u64>,
    /// For each cell, the windows that the stages before took of it.
    taken: Vec<u64>,
}

/// A place in the interleaved quotas of a stage.
#[derive(Debug)]
struct Walk {
    stage: usize,
    next: u64,
    /// Windows of each cell before it.
    passed: Vec<u64>,
    /// When the next window of each cell comes, and the cell.
    coming: BinaryHeap<Reverse<(u64, usize)>>,
}

/// When the window `k` of `quota` comes, in 2⁻⁶⁴ of a stage.
#[expect(clippy::cast_possible_truncation, reason = "k < quota, so it is below 2^64")]
fn time(k: u64, quota: u64) -> u64 {
    (((2 * u128::from(k) + 1) << 63) / u128::from(quota)) as u64
}

/// How many windows of `quota` come before `until`.
#[expect(clippy::cast_possible_truncation, reason = "at most the quota")]
fn passed(quota: u64, until: u64) -> u64 {
    // floor((2k+1)·2⁶³ / quota) < until, if and only if (2k+1)·2⁶³ < until·quota.
    let odd = (u128::from(until) * u128::from(quota)).div_ceil(1 << 63);
    (odd / 2).min(u128::from(quota)) as u64
}

impl Walk {
    /// The place `at` of a stage with these quotas.
    fn new(stage: usize, quotas: &[u64], at: u64) -> Self {
        let before = |until: u64| quotas.iter().map(|&quota| passed(quota, until)).sum::<u64>();
        // The last moment before which no more than `at` windows come.
        let (mut low, mut high) = (0, u64::MAX);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if before(middle) <= at { low = middle } else { high = middle - 1 }
        }
        let passed: Vec<u64> = quotas.iter().map(|&quota| passed(quota, low)).collect();
        let coming = quotas
            .iter()
            .zip(&passed)
            .enumerate()
            .filter(|(_, (quota, passed))| passed < quota)
            .map(|(cell, (quota, passed))| Reverse((time(*passed, *quota), cell)))
            .collect();
        let mut walk = Self { stage, next: passed.iter().sum(), passed, coming };
        while walk.next < at && walk.step(quotas).is_some() {}
        walk
    }

    /// The next cell, and how many of its windows came before.
    fn step(&mut self, quotas: &[u64]) -> Option<(usize, u64)> {
        let Reverse((_, cell)) = self.coming.pop()?;
        let nth = self.passed[cell];
        self.passed[cell] += 1;
        self.next += 1;
        if nth + 1 < quotas[cell] {
            self.coming.push(Reverse((time(nth + 1, quotas[cell]), cell)));
        }
        Some((cell, nth))
    }
}

impl Windows {
    /// Quotas of windows that predict `length` tokens; `windows` are those that each cell has.
    ///
    /// # Errors
    /// When a cell that is asked for is shorter than a window.
    pub(super) fn new(
        blend: &Blend,
        windows: impl Iterator<Item = u64>,
        length: u32,
    ) -> Result<Self, TrainError> {
        let length = u64::from(length);
        for (cell, windows) in windows.enumerate() {
            if windows == 0 && blend.stages.iter().any(|stage| stage[cell] > 0) {
                let tokens = blend.cells[cell];
                return Err(TrainError::TooFewTrainingTokens { tokens, sequence_length: length });
            }
        }
        let mut stages = Vec::new();
        let mut before = 0;
        let mut taken = vec![0; blend.cells.len()];
        for stage in &blend.stages {
            let mut quotas = Vec::with_capacity(stage.len());
            let (mut tokens, mut windows) = (0, 0);
            for &asked in stage {
                // The sum is rounded, not each: the stage is as long as its tokens.
                tokens += asked;
                let end = (tokens + length / 2) / length;
                let quota = if asked > 0 { end.saturating_sub(windows) } else { 0 };
                windows += quota;
                quotas.push(quota);
            }
            stages.push(StageWindows { before, taken: taken.clone(), quotas });
            for (taken, quota) in taken.iter_mut().zip(&stages[stages.len() - 1].quotas) {
                *taken += quota;
            }
            before += windows;
        }
        if before == 0 {
            let tokens = blend.cells.iter().sum();
            return Err(TrainError::TooFewTrainingTokens { tokens, sequence_length: length });
        }
        Ok(Self { stages, total: before, taken, walk: None })
    }

    /// The stage that sample `sample` is in.
    pub(super) fn stage(&self, sample: u64) -> usize {
        let at = sample % self.total;
        self.stages.partition_point(|stage| stage.before <= at).saturating_sub(1)
    }

    /// The cell that sample `sample` reads, and how many windows of it were read before.
    pub(super) fn at(&mut self, sample: u64) -> (usize, u64) {
        let (round, number) = (sample / self.total, self.stage(sample));
        let stage = &self.stages[number];
        let at = sample % self.total - stage.before;
        let walk = match self.walk.take() {
            Some(walk) if (walk.stage, walk.next) == (number, at) => walk,
            _ => Walk::new(number, &stage.quotas, at),
        };
        let walk = self.walk.insert(walk);
        // There are as many windows as the quotas say.
        let (cell, nth) = walk.step(&stage.quotas).unwrap_or_default();
        (cell, round * self.taken[cell] + stage.taken[cell] + nth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_stage_has_its_quotas_and_every_cell_its_turns() {
        let length = 10;
        let blend = Blend {
            cells: vec![1_001, 501, 77],
            stages: vec![vec![800, 800, 0], vec![100, 600, 300]],
        };
        let mut windows = Windows::new(&blend, [100, 50, 7].into_iter(), length).unwrap();
        assert_eq!((windows.total, windows.stage(159), windows.stage(160)), (260, 0, 1));
        let mut next = [0; 3];
        for (first, count, asked) in [(0, 160, [80, 80, 0]), (160, 100, [10, 60, 30])] {
            let mut quotas = [0; 3];
            for sample in first..first + count {
                let (cell, nth) = windows.at(sample);
                assert_eq!(nth, next[cell], "a cell goes on where it was left");
                next[cell] += 1;
                quotas[cell] += 1;
            }
            assert_eq!(quotas, asked);
        }
        // The next round goes on behind the windows of this one.
        assert_eq!(windows.at(260).1, 90);
    }

    proptest! {
        #[test]
        fn any_place_is_found_and_shares_hold_everywhere(
            quotas in proptest::collection::vec(0u64..40, 1..6), at in 0u64..100,
        ) {
            let total: u64 = quotas.iter().sum();
            prop_assume!(total > 0);
            let mut walk = Walk::new(0, &quotas, 0);
            let all: Vec<_> = std::iter::from_fn(|| walk.step(&quotas)).collect();
            prop_assert_eq!(all.len() as u64, total);
            let at = at.min(total);
            let mut found = Walk::new(0, &quotas, at);
            let rest: Vec<_> = std::iter::from_fn(|| found.step(&quotas)).collect();
            prop_assert_eq!(&rest[..], &all[usize::try_from(at).unwrap()..]);
            #[expect(clippy::cast_precision_loss)]
            for (cell, quota) in quotas.iter().enumerate() {
                let behind = |&&(found, _): &&(usize, u64)| found == cell;
                let early = all[..usize::try_from(at).unwrap()].iter().filter(behind).count();
                let expected = at as f64 * *quota as f64 / total as f64;
                let most = quotas.len() as f64;
                prop_assert!((early as f64 - expected).abs() <= most, "{} for {}", early, expected);
            }
        }

        #[test]
        fn large_quotas_do_not_overflow(quota in 1u64..1 << 50, part in 0u64..1 << 50) {
            let quotas = [quota, 1, (1 << 50) - 1];
            let at = part.min(quotas.iter().sum::<u64>() - 1);
            let mut walk = Walk::new(0, &quotas, at);
            prop_assert_eq!(walk.next, at);
            prop_assert!(walk.step(&quotas).is_some());
        }
    }

    #[test]
    fn a_cell_shorter_than_a_window_is_an_error_only_where_it_is_asked_for() {
        let blend = |asked| Blend { cells: vec![100, 5], stages: vec![vec![100, asked]] };
        let new = |asked| Windows::new(&blend(asked), [9, 0].into_iter(), 10);
        assert!(new(0).is_ok());
        let error = new(50).err().unwrap();
        assert!(error.to_string().contains('5'), "{error}");
    }
}
