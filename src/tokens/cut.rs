//! Which shards there are, and which task writes which.
//!
//! Shards follow from what was counted alone, never from the number of tasks: a cell is cut wherever
//! a document begins at or behind a multiple of the shard's size; a dealt-out group is cut into equal
//! ranges of its order, in which every cell has its share.

use std::ops::RangeInclusive;

use super::count::{Cells, SliceTable};
use super::mixture::Mix;
use super::record::{Group, Slices};

/// A shard to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPlan {
    /// Folder below the run directory.
    pub folder: String,
    /// Whether it is for validation.
    pub validation: bool,
    /// Its number among those of its kind in the folder.
    pub number: u32,
    /// The cell, where all its documents are of one.
    pub cell: Option<usize>,
    /// The stage of the curriculum, where it is of one.
    pub stage: Option<usize>,
    /// Whose documents.
    pub group: Group,
    /// The slices of the group in which they lie.
    pub slices: RangeInclusive<u64>,
    /// Which of the documents in those slices.
    pub take: Take,
    /// About how many tokens it will have.
    pub tokens: u64,
}

impl ShardPlan {
    /// The parts of the exchange in which its documents are.
    #[must_use]
    pub fn blocks(&self) -> RangeInclusive<u64> {
        self.group.block(*self.slices.start())..=self.group.block(*self.slices.end())
    }
}

/// The shards of rows that are shuffled, made from those that they are packed for: as many, each an
/// equal range of the order of its group.
#[must_use]
pub fn rows(packed: &[ShardPlan], slices: Slices) -> Vec<ShardPlan> {
    let mut plans = Vec::with_capacity(packed.len());
    for group in packed.chunk_by(|left, right| left.group == right.group) {
        for (shard, plan) in (0..).zip(group) {
            let (from, to) = range(shard, group.len() as u64);
            plans.push(ShardPlan {
                slices: slices.of(from)..=slices.of(to),
                take: Take::Orders { from, to },
                ..plan.clone()
            });
        }
    }
    plans
}

/// Which documents of some slices go to a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Those that begin at a token of their cell from `from` to before `to`; the slices begin at
    /// `at`.
    Tokens {
        /// First token of the slices.
        at: u64,
        /// First token of the shard.
        from: u64,
        /// End of the shard.
        to: u64,
    },
    /// Those whose order is from `from` to `to`.
    Orders {
        /// First order.
        from: u64,
        /// Last order.
        to: u64,
    },
}

/// The shards of cells as they are, each of about `size` tokens.
#[must_use]
pub fn cells(cells: &Cells, table: &SliceTable, size: u64) -> Vec<ShardPlan> {
    let mut plans = Vec::new();
    for (index, (cell, slices)) in cells.cells.iter().zip(&table.cells).enumerate() {
        let total = cell.count.tokens;
        for number in 0..total.div_ceil(size) {
            let (from, to) = (number * size, (number * size).saturating_add(size).min(total));
            let first = slices.partition_point(|slice| slice.start + slice.tokens <= from);
            let last = slices.partition_point(|slice| slice.start < to);
            let (Some(first), Some(last)) = (slices.get(first), slices[..last].last()) else {
                continue;
            };
            plans.push(ShardPlan {
                folder: cell.name.folder(),
                validation: cell.validation,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                cell: Some(index),
                stage: None,
                group: cell.group,
                slices: first.number..=last.number,
                take: Take::Tokens { at: first.start, from, to },
                tokens: to - from,
            });
        }
    }
    plans
}

/// The group of a stage of a materialised mixture.
#[must_use]
pub fn stage_group(stage: usize) -> Group {
    Group::new(&format!("stage {stage}"), false)
}

/// The group of the validation documents of a materialised mixture.
#[must_use]
pub fn validation_group() -> Group {
    Group::new("", true)
}

/// The shards of a materialised mixture, each of about `size` tokens.
#[must_use]
pub fn stream(cells: &Cells, mix: &Mix, slices: Slices, size: u64) -> Vec<ShardPlan> {
    let mut plans = Vec::new();
    let stages = mix
        .stages
        .iter()
        .enumerate()
        .map(|(stage, mix)| (Some(stage), stage_group(stage), mix.total()));
    let held = cells.cells.iter().filter(|cell| cell.validation);
    let validation = (None, validation_group(), held.map(|cell| cell.count.tokens).sum());
    let mut number = 0;
    for (stage, group, total) in stages.chain([validation]) {
        if stage.is_none() {
            number = 0;
        }
        let shards = total.div_ceil(size).min(slices.count());
        for shard in 0..shards {
            let (from, to) = range(shard, shards);
            plans.push(ShardPlan {
                folder: "tokens".to_owned(),
                validation: stage.is_none(),
                number,
                cell: None,
                stage: stage.filter(|_| mix.stages.len() > 1),
                group,
                slices: slices.of(from)..=slices.of(to),
                take: Take::Orders { from, to },
                tokens: total / shards,
            });
            number = number.saturating_add(1);
        }
    }
    plans
}

/// First and last order of part `part` of `parts` equal ones.
fn range(part: u64, parts: u64) -> (u64, u64) {
    let cut = |part: u64| (u128::from(part) << 64) / u128::from(parts);
    // Below 2^64, as `part` is below `parts` here.
    let last = u64::try_from(cut(part + 1) - 1).unwrap_or(u64::MAX);
    (u64::try_from(cut(part)).unwrap_or(u64::MAX), last)
}

/// The part of some work, given as the tokens of each of its pieces, that task `task` of `tasks`
/// does: neighbouring pieces, to about equal sums.
#[must_use]
pub fn share(pieces: &[u64], task: u32, tasks: u32) -> std::ops::Range<usize> {
    let total: u128 = pieces.iter().map(|&tokens| u128::from(tokens)).sum();
    let bound = |task: u32| {
        // A piece belongs to the task in whose equal share of the whole it begins.
        let mut before = 0_u128;
        pieces
            .iter()
            .take_while(|&&tokens| {
                let mine = before * u128::from(tasks) < u128::from(task) * total;
                before += u128::from(tokens);
                mine
            })
            .count()
    };
    let start = bound(task);
    start..if task + 1 >= tasks { pieces.len() } else { bound(task + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::cells::CellName;
    use crate::tokens::count::{Cell, Count, Slice};
    use crate::tokens::mixture::MixStage;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_piece_is_one_tasks(pieces in proptest::collection::vec(0u64..100, 0..60), tasks in 1u32..9) {
            let mut next = 0;
            for task in 0..tasks {
                let share = share(&pieces, task, tasks);
                prop_assert_eq!(share.start, next);
                next = share.end;
            }
            prop_assert_eq!(next, pieces.len());
        }

        #[test]
        fn shards_cover_the_tokens_of_a_cell(tokens in proptest::collection::vec(1u64..100, 1..40), size in 1u64..500) {
            let mut start = 0;
            let slices: Vec<Slice> = tokens.iter().zip(0..).map(|(&tokens, number)| {
                start += tokens;
                Slice { number, start: start - tokens, tokens }
            }).collect();
            let count = Count { tokens: start, documents: 1 };
            let name = CellName(vec!["web".to_owned()]);
            let cell = Cell { name, validation: false, group: Group::new("web", false), count };
            let plans = cells(&Cells { cells: vec![cell] }, &SliceTable { cells: vec![slices.clone()] }, size);
            let mut at = 0;
            for plan in &plans {
                let Take::Tokens { at: first, from, to } = plan.take else { panic!("{plan:?}") };
                prop_assert_eq!(from, at);
                at = to;
                // Every document that may begin in the shard is in its slices.
                prop_assert!(first <= from && slices[usize::try_from(*plan.slices.start()).unwrap()].start == first);
                let last = slices[usize::try_from(*plan.slices.end()).unwrap()];
                prop_assert!(last.start + last.tokens >= to);
            }
            prop_assert_eq!(at, start);
        }

        #[test]
        fn ranges_cover_every_order(parts in 1u64..2000, order in any::<u64>()) {
            let holding = (0..parts).filter(|&part| {
                let (from, to) = range(part, parts);
                (from..=to).contains(&order)
            });
            prop_assert_eq!(holding.count(), 1);
            prop_assert_eq!((range(0, parts).0, range(parts - 1, parts).1), (0, u64::MAX));
        }
    }

    #[test]
    fn shards_of_a_stream_are_numbered_through() {
        let stage = |name: &str, tokens| MixStage { name: name.to_owned(), tokens: vec![tokens] };
        let mix = Mix { stages: vec![stage("main", 250), stage("anneal", 100)] };
        let count = Count { tokens: 40, documents: 1 };
        let name = CellName(vec!["web".to_owned()]);
        let cell = Cell { name, validation: true, group: Group::new("web", true), count };
        let plans = stream(&Cells { cells: vec![cell] }, &mix, Slices::at_least(16), 100);
        let named: Vec<_> = plans.iter().map(|p| (p.validation, p.number, p.stage)).collect();
        let train =
            [(0, 0), (1, 0), (2, 0), (3, 1)].map(|(number, stage)| (false, number, Some(stage)));
        assert_eq!(named[..4], train);
        assert_eq!(named[4..], [(true, 0, None)]);
    }
}
