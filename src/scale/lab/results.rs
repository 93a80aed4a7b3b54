//! The losses of all trainings as a table, and which of them are compared.

use std::fmt::Write;

use super::LabError;
use super::job::{Outcome, Point};
use super::recipe::Recipe;
use super::schedule::{Outcomes, Place, Schedule};
use crate::scale::runs::{Columns, Runs};
use crate::scale::table::Table;

/// The evaluation that is the mean over all sets.
pub(super) const MEAN: &str = "mean of sets";

/// A loss.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) recipe: String,
    pub(super) evaluation: String,
    pub(super) place: Place,
    pub(super) params: u64,
    pub(super) tokens: u64,
    /// Bits a byte; none where the training diverged.
    pub(super) loss: Option<f64>,
    pub(super) unique: u64,
    /// Whether it is at the learning rate that is best for the recipe, of one of the file.
    pub(super) chosen: bool,
    pub(super) training: String,
}

/// All losses.
pub(super) struct Results {
    pub(super) rows: Vec<Row>,
    /// Trainings that diverged.
    pub(super) diverged: Vec<String>,
    /// Core-seconds of all trainings, each counted once.
    pub(super) seconds: f64,
    pub(super) trainings: usize,
}

/// Mean bits a byte over the sets.
pub(super) fn mean_loss(point: &Point) -> Option<f64> {
    let losses: Option<Vec<f64>> = point.sets.iter().map(|set| set.bits_per_byte).collect();
    let losses = losses.filter(|losses| !losses.is_empty())?;
    Some(losses.iter().sum::<f64>() / crate::scale::number(losses.len()))
}

impl Results {
    /// Of what is done by now.
    ///
    /// # Errors
    /// As [`Schedule::job`].
    pub(super) fn new(schedule: &Schedule<'_>, outcomes: &Outcomes) -> Result<Self, LabError> {
        let mut results = Self {
            rows: Vec::new(),
            diverged: Vec::new(),
            seconds: outcomes.values().map(|outcome| outcome.seconds).sum(),
            trainings: outcomes.len(),
        };
        let rungs = schedule.lab.plan.rungs.len();
        for recipe in schedule.recipes {
            for place in schedule.places(recipe, rungs, outcomes)? {
                let best = schedule.best_rate(recipe, place.rung, outcomes)?;
                let chosen = best.is_some_and(|best| best.to_bits() == place.rate.to_bits());
                results.add(schedule, recipe, place, chosen, outcomes)?;
            }
        }
        for variant in schedule.variants {
            for place in schedule.variant_places(variant, outcomes)? {
                results.add(schedule, &variant.recipe, place, false, outcomes)?;
            }
        }
        Ok(results)
    }

    fn add(
        &mut self,
        schedule: &Schedule<'_>,
        recipe: &Recipe,
        place: Place,
        chosen: bool,
        outcomes: &Outcomes,
    ) -> Result<(), LabError> {
        let job = schedule.job(recipe, place)?;
        let Some(outcome) = outcomes.get(&job.digest) else { return Ok(()) };
        let params = schedule.lab.plan.rungs[place.rung].params;
        let row = |evaluation: &str, tokens, loss| Row {
            recipe: recipe.name.clone(),
            evaluation: evaluation.to_owned(),
            place,
            params,
            tokens,
            loss,
            unique: outcome.unique_tokens,
            chosen,
            training: job.folder(),
        };
        if let Some(why) = &outcome.diverged {
            self.diverged.push(format!("{} ({}): {why}", recipe.name, job.folder()));
            let tokens = job.points.last().copied().unwrap_or_default();
            self.rows.push(row(MEAN, tokens, None));
        }
        self.rows.extend(rows(outcome, row));
        Ok(())
    }

    /// The table as a file.
    pub(super) fn csv(&self, tokenizer: &str) -> String {
        let mut csv = String::from(
            "recipe,evaluation,seed,params,tokens,loss,unique_tokens,tokenizer,learning_rate,chosen,\
             training\n",
        );
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        for row in &self.rows {
            let Row { recipe, evaluation, place, params, tokens, unique, training, .. } = row;
            let loss = row.loss.map_or("NaN".to_owned(), |loss| loss.to_string());
            // Writing to a string cannot fail.
            let _ = writeln!(
                csv,
                "{},{},{},{params},{tokens},{loss},{unique},{tokenizer},{},{},{training}",
                quoted(recipe),
                quoted(evaluation),
                place.seed,
                place.rate,
                u8::from(row.chosen),
            );
        }
        csv
    }

    /// What is compared: losses at each recipe's best learning rate.
    ///
    /// # Errors
    /// When nothing is left.
    pub(super) fn runs(&self) -> Result<Runs, LabError> {
        let table = Table::parse(&self.csv("one"))?;
        Ok(Runs::read(&table, &Columns::default(), |row| self.rows[row].chosen, false)?)
    }
}

/// The rows of a training: of each set, and of their mean where there are several.
fn rows(outcome: &Outcome, row: impl Fn(&str, u64, Option<f64>) -> Row) -> Vec<Row> {
    let mut rows = Vec::new();
    for point in &outcome.points {
        for set in &point.sets {
            rows.push(row(&set.source, point.tokens, set.bits_per_byte));
        }
        if point.sets.len() > 1 {
            rows.push(row(MEAN, point.tokens, mean_loss(point)));
        }
    }
    rows
}
