//! The mixture: how many tokens of each cell, in each stage of training.
//!
//! A cell's documents in the order of their keys are its *stream*, read again from the start when it
//! ends. A mixture takes the first so many tokens of each stream; which documents that means is exact
//! to one, does not depend on other cells, and a greater amount holds the smaller ones. Stages of a
//! curriculum go on where the one before stopped.

mod curve;
mod pattern;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use self::pattern::Pattern;
use self::pattern::assign;
use super::cells::CellName;
use super::count::Cell;
use crate::config::tokens::{Amount, CurriculumStage, Mixture};

/// A cell is never read more often than this, even where `max_epochs` is not given.
const MOST_EPOCHS: u64 = 10_000;

/// Why a mixture cannot be had from what there is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MixtureError {
    /// A name that is no cell's.
    #[error("`{name}` in {table} is no cell of the corpus; there are: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// `[tokens.mixture]`, or the stage of the curriculum.
        table: String,
        /// The cells.
        known: String,
    },
    /// A cell without an amount.
    #[error(
        "{table} says nothing about {cells}; give each an amount, say \"*\" for all others, or drop \
         them with a stage `where`"
    )]
    Unnamed {
        /// The cells.
        cells: String,
        /// `[tokens.mixture]`, or the stage of the curriculum.
        table: String,
    },
    /// More than there is.
    #[error(
        "the mixture takes {wanted} tokens of {cell}, which has {available}: it would be read \
         {epochs:.2} times, and at most {most} {are} allowed; lower its share or `total`, or raise \
         `max_epochs`"
    )]
    TooOften {
        /// The cell.
        cell: String,
        /// Tokens asked for.
        wanted: u64,
        /// Tokens there are.
        available: u64,
        /// How often it would be read.
        epochs: f64,
        /// How often it may.
        most: f64,
        /// The verb.
        are: &'static str,
    },
    /// The curve cannot give so much.
    #[error("the curve over the buckets of {cells}: {detail}")]
    Curve {
        /// The cells it is over.
        cells: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// Nothing at all.
    #[error("no document is left to train on: nothing was kept, or all is validation")]
    Empty,
}

/// A mixture over the cells of a corpus, in tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mix {
    /// The stages, in order; one without a name where there is no curriculum.
    pub stages: Vec<MixStage>,
}

/// A stage of a mixture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MixStage {
    /// Its name.
    pub name: String,
    /// Tokens of each training cell, as the cells are ordered.
    pub tokens: Vec<u64>,
}

impl MixStage {
    /// Tokens of the stage.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.tokens.iter().sum()
    }
}

/// Tokens of a cell's stream that are in one stage and of one reading of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Index of the stage.
    pub stage: usize,
    /// Which reading, from 0.
    pub epoch: u64,
    /// First token in the cell.
    pub start: u64,
    /// End in the cell.
    pub end: u64,
    /// Tokens of the cell before it in the stage.
    pub before: u64,
}

impl Mix {
    /// Finds the tokens of each of `cells`, those of training documents.
    ///
    /// # Errors
    /// When the mixture does not fit them.
    pub fn solve(
        mixture: &Mixture,
        curriculum: &[CurriculumStage],
        cells: &[Cell],
    ) -> Result<Self, MixtureError> {
        let sizes: Vec<u64> = cells.iter().map(|cell| cell.count.tokens).collect();
        if sizes.iter().sum::<u64>() == 0 {
            return Err(MixtureError::Empty);
        }
        let corpus = Corpus { cells, sizes: &sizes, mixture };
        let stages = if curriculum.is_empty() {
            vec![MixStage { name: String::new(), tokens: corpus.single()? }]
        } else {
            corpus.staged(curriculum)?
        };
        let mix = Self { stages };
        for (index, cell) in cells.iter().enumerate() {
            let wanted = mix.stages.iter().map(|stage| stage.tokens[index]).sum();
            check_epochs(&cell.name, wanted, sizes[index], mixture.max_epochs)?;
        }
        Ok(mix)
    }

    /// The mixture of a corpus for which none is asked: all of it, once.
    #[must_use]
    pub fn all(cells: &[Cell]) -> Self {
        let tokens = cells.iter().map(|cell| cell.count.tokens).collect();
        Self { stages: vec![MixStage { name: String::new(), tokens }] }
    }

    /// Where the documents of a cell of `size` tokens go.
    #[must_use]
    pub fn segments(&self, cell: usize, size: u64) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut at = 0_u64;
        for (stage, mix) in self.stages.iter().enumerate() {
            let (from, to) = (at, at + mix.tokens[cell]);
            while at < to && size > 0 {
                let (epoch, start) = (at / size, at % size);
                let end = size.min(start + (to - at));
                segments.push(Segment { stage, epoch, start, end, before: at - from });
                at += end - start;
            }
        }
        segments
    }
}

/// What a mixture is made from.
struct Corpus<'a> {
    cells: &'a [Cell],
    sizes: &'a [u64],
    mixture: &'a Mixture,
}

impl Corpus<'_> {
    /// Tokens of each cell without a curriculum.
    fn single(&self) -> Result<Vec<u64>, MixtureError> {
        let mixture = self.mixture;
        let table = "[tokens.mixture]";
        if !mixture.budget.is_empty() {
            let groups = self.groups(mixture.budget.keys(), table)?;
            let amounts = mixture.budget.values().map(|Amount(tokens)| as_f64(*tokens));
            return self.deal(&groups, amounts);
        }
        if !mixture.epochs.is_empty() {
            let groups = self.groups(mixture.epochs.keys(), table)?;
            let sizes = groups.iter().map(|group| self.size(group));
            let amounts = sizes.zip(mixture.epochs.values()).map(|(size, epochs)| size * epochs);
            return self.deal(&groups, amounts.collect::<Vec<_>>().into_iter());
        }
        let (groups, shares) = self.shares(&mixture.weights, table)?;
        let total = match mixture.total {
            Some(Amount(total)) => as_f64(total),
            // The cell that runs out first, when all are read in their shares, sets the end.
            None => self.largest(&groups, &shares),
        };
        self.deal(&groups, shares.iter().map(|share| share * total))
    }

    /// Tokens of each cell in each stage.
    fn staged(&self, curriculum: &[CurriculumStage]) -> Result<Vec<MixStage>, MixtureError> {
        let mut shares = Vec::new();
        for stage in curriculum {
            let own = !stage.weights.is_empty();
            let weights = if own { &stage.weights } else { &self.mixture.weights };
            let table = format!("stage `{}` of the curriculum", stage.name);
            shares.push(self.shares(weights, &table)?);
        }
        let total = if let Some(Amount(total)) = self.mixture.total {
            as_f64(total)
        } else {
            // The most tokens for which no cell is read twice, over all stages.
            let mut needed = vec![0.0; self.cells.len()];
            for (stage, (groups, shares)) in curriculum.iter().zip(&shares) {
                let part = self.parts(groups, shares.iter().copied())?;
                for (need, share) in needed.iter_mut().zip(part) {
                    *need += share * stage.share.unwrap_or(0.0);
                }
            }
            let sizes = self.sizes.iter().zip(&needed).filter(|(_, need)| **need > 0.0);
            let totals = sizes.map(|(size, need)| as_f64(*size) / need);
            totals.fold(f64::INFINITY, f64::min)
        };
        let mut stages = Vec::new();
        for (stage, (groups, shares)) in curriculum.iter().zip(&shares) {
            let tokens = match (stage.tokens, stage.share) {
                (Some(Amount(tokens)), _) => as_f64(tokens),
                (None, share) => share.unwrap_or(0.0) * total,
            };
            let tokens = self.deal(groups, shares.iter().map(|share| share * tokens))?;
            stages.push(MixStage { name: stage.name.clone(), tokens });
        }
        Ok(stages)
    }

    /// Groups of cells and their shares, which sum to 1.
    fn shares(
        &self,
        weights: &BTreeMap<String, f64>,
        table: &str,
    ) -> Result<(Vec<Vec<usize>>, Vec<f64>), MixtureError> {
        let (groups, weights): (Vec<Vec<usize>>, Vec<f64>) = if weights.is_empty() {
            // Each cell (with a curve: what differs in the bucket only) by its size.
            let groups = self.without_bucket();
            let power = self.mixture.temperature.unwrap_or(1.0);
            let weights = groups.iter().map(|group| libm::pow(self.size(group), power)).collect();
            (groups, weights)
        } else {
            (self.groups(weights.keys(), table)?, weights.values().copied().collect())
        };
        let sum: f64 = weights.iter().sum();
        let shares = weights.iter().map(|weight| weight / sum).collect();
        Ok((groups, shares))
    }

    /// The cells that each name stands for.
    fn groups<'a>(
        &self,
        names: impl Iterator<Item = &'a String>,
        table: &str,
    ) -> Result<Vec<Vec<usize>>, MixtureError> {
        let names: Vec<&String> = names.collect();
        let patterns: Vec<Pattern> = names.iter().map(|name| Pattern::new(name)).collect();
        let cells: Vec<&CellName> = self.cells.iter().map(|cell| &cell.name).collect();
        let (groups, unnamed) = assign(&patterns, &cells);
        if let Some(empty) = groups.iter().position(Vec::is_empty) {
            return Err(MixtureError::Unknown {
                name: names[empty].clone(),
                table: table.to_owned(),
                known: self.names(0..self.cells.len()),
            });
        }
        if !unnamed.is_empty() {
            let cells = self.names(unnamed);
            return Err(MixtureError::Unnamed { cells, table: table.to_owned() });
        }
        Ok(groups)
    }

    /// Cells in groups of those that differ in the curve's bucket only; alone without a curve.
    fn without_bucket(&self) -> Vec<Vec<usize>> {
        let Some(bucket) = self.bucket() else {
            return (0..self.cells.len()).map(|cell| vec![cell]).collect();
        };
        let mut groups: BTreeMap<Vec<&String>, Vec<usize>> = BTreeMap::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let values = cell.name.0.iter().enumerate();
            let others = values.filter(|(place, _)| *place != bucket).map(|(_, value)| value);
            groups.entry(others.collect()).or_default().push(index);
        }
        groups.into_values().collect()
    }

    /// Which of the fields the curve is over.
    fn bucket(&self) -> Option<usize> {
        let curve = self.mixture.curve.as_ref()?;
        self.mixture.by.as_slice().iter().position(|field| *field == curve.bucket)
    }

    fn size(&self, group: &[usize]) -> f64 {
        as_f64(group.iter().map(|&cell| self.sizes[cell]).sum())
    }

    fn names(&self, cells: impl IntoIterator<Item = usize>) -> String {
        const SHOWN: usize = 20;
        let mut names: Vec<String> =
            cells.into_iter().map(|cell| self.cells[cell].name.to_string()).collect();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        names.join(", ") + &rest
    }

    /// The most tokens for which no group is read twice.
    fn largest(&self, groups: &[Vec<usize>], shares: &[f64]) -> f64 {
        let totals = groups.iter().zip(shares).filter(|(_, share)| **share > 0.0);
        totals.map(|(group, share)| self.size(group) / share).fold(f64::INFINITY, f64::min)
    }

    /// The part of each cell when the groups get `amounts`.
    fn parts(
        &self,
        groups: &[Vec<usize>],
        amounts: impl Iterator<Item = f64>,
    ) -> Result<Vec<f64>, MixtureError> {
        let mut parts = vec![0.0; self.cells.len()];
        for (group, amount) in groups.iter().zip(amounts) {
            let factors = self.factors(group, amount)?;
            for (&cell, factor) in group.iter().zip(factors) {
                parts[cell] = as_f64(self.sizes[cell]) * factor;
            }
        }
        Ok(parts)
    }

    /// How often each cell of a group is read, so that the group gives `amount` tokens.
    fn factors(&self, group: &[usize], amount: f64) -> Result<Vec<f64>, MixtureError> {
        let even = amount / self.size(group);
        let (Some(curve), Some(bucket)) = (&self.mixture.curve, self.bucket()) else {
            return Ok(vec![even; group.len()]);
        };
        let buckets: Vec<(&str, f64)> = group
            .iter()
            .map(|&cell| {
                let value = self.cells[cell].name.0.get(bucket).map_or("", String::as_str);
                (value, as_f64(self.sizes[cell]))
            })
            .collect();
        curve::factors(curve, &buckets, even).map_err(|detail| MixtureError::Curve {
            cells: self.names(group.iter().copied()),
            detail,
        })
    }

    /// As [`Corpus::parts`], in whole tokens.
    fn deal(
        &self,
        groups: &[Vec<usize>],
        amounts: impl Iterator<Item = f64>,
    ) -> Result<Vec<u64>, MixtureError> {
        Ok(self.parts(groups, amounts)?.into_iter().map(rounded).collect())
    }
}

fn check_epochs(
    cell: &CellName,
    wanted: u64,
    available: u64,
    most: Option<f64>,
) -> Result<(), MixtureError> {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let most = most.unwrap_or(MOST_EPOCHS as f64);
    let epochs = as_f64(wanted) / as_f64(available.max(1));
    // Amounts are rounded to whole tokens.
    if as_f64(wanted) > most * as_f64(available) + 1.0 {
        return Err(MixtureError::TooOften {
            cell: cell.to_string(),
            wanted,
            available,
            epochs,
            most,
            are: if most > 1.0 { "times are" } else { "is" },
        });
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of tokens are below 2^53")]
fn as_f64(tokens: u64) -> f64 {
    tokens as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts are positive, and a cast of more than u64 holds gives its greatest"
)]
fn rounded(tokens: f64) -> u64 {
    libm::round(tokens) as u64
}

#[cfg(test)]
mod tests;
