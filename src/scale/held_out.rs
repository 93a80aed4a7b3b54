//! The largest rung, predicted from the others: what an extrapolation of these runs is worth.

use serde::{Deserialize, Serialize};

use super::fit::{Fit, Starts, distinct, enough, fit};
use super::law::Law;
use super::number;
use super::runs::Run;

/// Starts of a fit without the largest rung.
const STARTS: Starts = Starts::Some(100);

/// How the runs of the largest size come out against a law fitted to all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The size that was left out; of several, the smallest.
    pub params: f64,
    /// That size over the largest that was fitted to.
    pub ratio: f64,
    /// Runs that were left out.
    pub runs: usize,
    /// Mean of predicted / measured − 1.
    pub error: f64,
    /// The largest |predicted / measured − 1|.
    pub worst: f64,
    /// The law without them.
    pub law: Law,
}

/// The largest size of the runs and the largest one below it.
pub(crate) fn top_sizes<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> (f64, f64) {
    let top = runs.clone().map(|run| run.params).fold(0.0, f64::max);
    let below = runs.map(|run| run.params).filter(|params| *params < top).fold(0.0, f64::max);
    (top, below)
}

/// Sizes within this factor of the largest are one rung with it: an error over a shorter distance
/// would be noise.
const RUNG: f64 = 1.5;

/// The smallest size of the largest rung, and the largest one below it.
fn rung<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> (f64, f64) {
    let (top, _) = top_sizes(runs.clone());
    let near = runs.clone().map(|run| run.params).filter(|params| *params >= top / RUNG);
    let cut = near.fold(top, f64::min);
    let below = runs.map(|run| run.params).filter(|params| *params < cut).fold(0.0, f64::max);
    (cut, below)
}

/// Holds out the largest rung that any recipe has, of all recipes; none where too little is left.
pub(crate) fn held_out(recipes: &[(String, Vec<Run>)]) -> Option<Vec<HeldOut>> {
    let (cut, below) = rung(recipes.iter().flat_map(|(_, runs)| runs));
    let parted: Vec<(String, Vec<Run>, Vec<Run>)> = recipes
        .iter()
        .map(|(recipe, runs)| {
            let (out, rest) = runs.iter().cloned().partition(|run: &Run| run.params >= cut);
            (recipe.clone(), out, rest)
        })
        .collect();
    let rest: Vec<(String, Vec<Run>)> =
        parted.iter().map(|(recipe, _, rest)| (recipe.clone(), rest.clone())).collect();
    let fits: Vec<Fit> = if rest.iter().all(|(_, runs)| enough(distinct(runs.iter()))) {
        fit(&rest, STARTS).ok()?
    } else {
        return None;
    };
    let each = fits.iter().zip(&parted);
    Some(
        each.map(|(fit, (_, out, _))| {
            let errors: Vec<f64> = out
                .iter()
                .map(|run| fit.law.loss(run.params, run.tokens, run.unique) / run.loss - 1.0)
                .collect();
            HeldOut {
                params: cut,
                ratio: cut / below,
                runs: out.len(),
                error: errors.iter().sum::<f64>() / number(errors.len().max(1)),
                worst: errors.iter().fold(0.0, |worst: f64, error| worst.max(error.abs())),
                law: fit.law,
            }
        })
        .collect(),
    )
}

/// How far runs reach, to tell how far beyond them a target lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reach {
    pub(crate) params: f64,
    pub(crate) tokens: f64,
}

impl Reach {
    pub(crate) fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Self {
        runs.fold(Self { params: 0.0, tokens: 0.0 }, |reach, run| Self {
            params: reach.params.max(run.params),
            tokens: reach.tokens.max(run.tokens),
        })
    }

    /// How far beyond the runs a training lies: the logarithms of both factors by which it passes
    /// them, added; 0 within them.
    pub(crate) fn distance(self, params: f64, tokens: f64) -> f64 {
        libm::log(params / self.params).max(0.0) + libm::log(tokens / self.tokens).max(0.0)
    }
}

/// What extrapolations of these runs miss by: in proportion to the distance, as measured at the rung
/// that was held out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Miss {
    /// Root mean square of error / distance at the rung.
    unit: f64,
    /// How far all runs reach.
    reach: Reach,
}

impl Miss {
    /// `errors` of ln L, each with the training it is of; `rest` reaches to what was fitted to.
    pub(crate) fn measured(errors: &[(f64, &Run)], rest: Reach, reach: Reach) -> Option<Self> {
        let squares = errors.iter().map(|(error, run)| {
            let share = error / rest.distance(run.params, run.tokens);
            share * share
        });
        let mean = squares.sum::<f64>() / number(errors.len());
        mean.is_finite().then(|| Self { unit: libm::sqrt(mean), reach })
    }

    /// The standard deviation of what a prediction of ln L misses by.
    pub(crate) fn spread(self, params: f64, tokens: f64) -> f64 {
        self.unit * self.reach.distance(params, tokens)
    }
}
