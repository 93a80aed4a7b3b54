//! Which window of which cell a sample is, where training shards are a blend of cells.
//!
//! In every stage each cell has a quota of windows, in proportion to the tokens asked of it; the
//! stage's samples visit the quotas in an order that is a permutation of all of them. A cell's windows
//! are visited in an order of their own, another one each time around, and a stage goes on with a cell
//! where the one before left it. All of it is arithmetic on the number of the sample.

use super::TrainError;
use super::data::permute;
use super::random::stream;

/// Keeps the orders within cells apart from those of stages.
const CELL_ORDER: u64 = 0x6365_6c6c;

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
    seed: u64,
    /// First token and number of windows of each cell.
    cells: Vec<(u64, u64)>,
    stages: Vec<StageWindows>,
    /// Windows of all stages.
    total: u64,
    length: u64,
}

#[derive(Debug)]
struct StageWindows {
    /// Windows of the stages before.
    before: u64,
    /// For each cell, where its quota begins in the stage; the stage's windows last.
    starts: Vec<u64>,
    /// For each cell, the windows that the stages before took of it.
    taken: Vec<u64>,
}

impl Windows {
    /// Windows of `length` + 1 tokens over cells whose tokens follow each other.
    ///
    /// # Errors
    /// When a cell that is asked for is shorter than a window.
    pub(super) fn new(blend: &Blend, length: u64, seed: u64) -> Result<Self, TrainError> {
        let mut cells = Vec::new();
        let mut start = 0;
        for (cell, &tokens) in blend.cells.iter().enumerate() {
            let windows = tokens.saturating_sub(1) / length;
            if windows == 0 && blend.stages.iter().any(|stage| stage[cell] > 0) {
                return Err(TrainError::TooFewTrainingTokens { tokens, sequence_length: length });
            }
            cells.push((start, windows));
            start += tokens;
        }
        let mut stages = Vec::new();
        let mut before = 0;
        let mut taken = vec![0; cells.len()];
        for stage in &blend.stages {
            let mut starts = Vec::with_capacity(cells.len() + 1);
            let (mut tokens, mut windows) = (0, 0);
            for (cell, &asked) in stage.iter().enumerate() {
                starts.push(windows);
                // The sum is rounded, not each: the stage is as long as its tokens.
                tokens += asked;
                let end = (tokens + length / 2) / length;
                if asked > 0 {
                    windows = windows.max(end);
                }
                let quota = windows - starts[cell];
                taken[cell] += quota;
            }
            starts.push(windows);
            let taken_before =
                taken.iter().zip(starts.windows(2)).map(|(all, pair)| all - (pair[1] - pair[0]));
            stages.push(StageWindows { before, taken: taken_before.collect(), starts });
            before += windows;
        }
        if before == 0 {
            let tokens = blend.cells.iter().sum();
            return Err(TrainError::TooFewTrainingTokens { tokens, sequence_length: length });
        }
        Ok(Self { seed, cells, stages, total: before, length })
    }

    /// First token of the window that sample `sample` reads.
    pub(super) fn start(&self, sample: u64) -> u64 {
        let (round, at) = (sample / self.total, sample % self.total);
        let number = self.stages.partition_point(|stage| stage.before <= at) - 1;
        let stage = &self.stages[number];
        let windows = stage.starts[self.cells.len()];
        let key = stream(stream(self.seed, round), number as u64);
        let place = permute(at - stage.before, windows, key);
        let cell = stage.starts.partition_point(|&start| start <= place) - 1;
        let all: u64 = self.taken_in_all(cell);
        let nth = round * all + stage.taken[cell] + (place - stage.starts[cell]);
        let (first, count) = self.cells[cell];
        let (epoch, position) = (nth / count, nth % count);
        let order = stream(stream(self.seed ^ CELL_ORDER, cell as u64), epoch);
        first + permute(position, count, order) * self.length
    }

    /// Windows that all stages take of a cell.
    fn taken_in_all(&self, cell: usize) -> u64 {
        self.stages
            .last()
            .map_or(0, |stage| stage.taken[cell] + stage.starts[cell + 1] - stage.starts[cell])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_stage_has_its_quotas_and_every_cell_its_turns() {
        let length = 10;
        let blend = Blend {
            cells: vec![1_001, 501, 77],
            stages: vec![vec![800, 800, 0], vec![100, 600, 300]],
        };
        let windows = Windows::new(&blend, length, 17).unwrap();
        assert_eq!(windows.total, 260);
        let mut visits: BTreeMap<u64, u64> = BTreeMap::new();
        for (first, count, asked) in [(0, 160, [80, 80, 0]), (160, 100, [10, 60, 30])] {
            let mut quotas = [0; 3];
            for sample in first..first + count {
                let start = windows.start(sample);
                let cell = usize::from(start >= 1_001) + usize::from(start >= 1_502);
                quotas[cell] += 1;
                *visits.entry(start).or_default() += 1;
            }
            assert_eq!(quotas, asked);
        }
        // The first cell has 100 windows and is asked for 90: none twice. The second has 50 and is
        // asked for 140: each two or three times.
        assert!(visits.range(..1_001).all(|(_, &count)| count == 1));
        let second: Vec<u64> = visits.range(1_001..1_502).map(|(_, &count)| count).collect();
        assert!(second.len() == 50 && second.iter().all(|count| (2..=3).contains(count)));
        // The next round goes on with other windows of the first cell.
        let again = (260..420).map(|sample| windows.start(sample)).filter(|&start| start < 1_001);
        let fresh: BTreeSet<u64> = again.filter(|start| !visits.contains_key(start)).collect();
        assert_eq!(fresh.len(), 10);
        // Shares hold early on, not only at the end.
        let early = (0..80).filter(|&sample| windows.start(sample) < 1_001).count();
        assert!((25..55).contains(&early), "{early}");
    }

    #[test]
    fn a_cell_shorter_than_a_window_is_an_error_only_where_it_is_asked_for() {
        let blend = |asked| Blend { cells: vec![100, 5], stages: vec![vec![100, asked]] };
        assert!(Windows::new(&blend(0), 10, 1).is_ok());
        let error = Windows::new(&blend(50), 10, 1).err().unwrap();
        assert!(error.to_string().contains('5'), "{error}");
    }
}
