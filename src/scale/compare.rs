//! Which of two recipes is better at a target, or that it cannot be told.
//!
//! The rule, frozen before it was tried on published runs (see `SCALING.md`): both laws are fitted
//! again to each draw of the bootstrap, with the same configurations drawn for both. To each gap is
//! added what extrapolations of *these* runs miss by: the gap at the largest rung is predicted from
//! the rungs below it, its error is taken to grow in proportion to the logarithm of the distance,
//! and a draw adds it times a number from Student's distribution with four degrees of freedom (it was
//! measured on one rung only). A recipe wins where 97.5 % of the draws say so, so that one in twenty
//! pairs of equal recipes is decided by chance. Where no rung can be held out, nothing beyond the
//! runs is decided.

use serde::{Deserialize, Serialize};

use super::crossover::{Crossover, Curves, crossover};
use super::fit::Fit;
use super::held_out::{HeldOut, Miss, Reach, top_sizes};
use super::law::{Law, Optimum};
use super::number;
use super::random::Draws;
use super::runs::Run;
use super::statistics::{Interval, median, spread};

/// Share of the draws from which on a recipe wins.
pub const DECIDED: f64 = 0.975;
/// How many standard deviations a gap must have to be decided in four of five ladders:
/// the normal quantiles of [`DECIDED`] and of 0.8, added.
const DETECTABLE: f64 = 1.959_964 + 0.841_621;
/// Factor of N beyond the largest run from which on an extrapolation is flagged.
pub const FAR: f64 = 10.0;

/// No ratio of losses beyond e to this power is told from another: figures stay finite.
pub(crate) const FARTHEST: f64 = 50.0;

/// A loss, if it is none of a law that a draw sent to infinity.
pub(crate) fn capped(loss: f64) -> f64 {
    loss.min(1e20)
}

/// What the recipes are compared at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A budget, which each recipe spends as is best for it.
    Flops(f64),
    /// One size and number of tokens for all.
    At {
        /// N.
        params: f64,
        /// D.
        tokens: f64,
    },
}

impl Target {
    /// N, D and loss of a recipe whose pool has `unique` tokens.
    #[must_use]
    pub fn best(&self, law: &Law, unique: Option<f64>) -> Optimum {
        match *self {
            Self::Flops(flops) => law.optimum(flops, unique),
            Self::At { params, tokens } => {
                let loss = law.loss(params, tokens, unique);
                Optimum { flops: self.flops(), params, tokens, loss }
            }
        }
    }

    /// Its operations.
    #[must_use]
    pub fn flops(&self) -> f64 {
        match *self {
            Self::Flops(flops) => flops,
            Self::At { params, tokens } => super::law::FLOPS_PER_PARAM_TOKEN * params * tokens,
        }
    }
}

/// What is said of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The first recipe is better.
    Win,
    /// The second one is.
    Lose,
    /// It cannot be told.
    Undecided,
}

impl Decision {
    /// What [`DECIDED`] makes of the probability that the first recipe is better.
    #[must_use]
    pub fn at(probability: f64, decided: f64) -> Self {
        if probability >= decided {
            Self::Win
        } else if probability <= 1.0 - decided {
            Self::Lose
        } else {
            Self::Undecided
        }
    }
}

/// What the runs say of two recipes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The first recipe.
    pub a: String,
    /// The second one.
    pub b: String,
    /// Where they are compared.
    pub target: Target,
    /// The decision, as seen from the first.
    pub decision: Decision,
    /// Share of the draws in which the first has the lower loss.
    pub probability: f64,
    /// Loss of the first minus loss of the second, by the fitted laws.
    pub gap: f64,
    /// The middle 95 % of the draws.
    pub gap_interval: Option<Interval>,
    /// The gap that would be decided in four of five ladders like this one.
    pub detectable: f64,
    /// Loss of the first minus that of the second in the runs of the largest size that both have,
    /// the mean over common token counts: the plain ranking.
    pub gap_at_largest: Option<f64>,
    /// Standard deviation that was added for the extrapolation, relative to the loss.
    pub extrapolation: Option<f64>,
    /// Where one overtakes the other.
    pub crossover: Crossover,
    /// What to know before believing it.
    pub warnings: Vec<String>,
}

/// A recipe, ready to be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) recipe: &'a str,
    pub(crate) runs: &'a [Run],
    pub(crate) fit: &'a Fit,
    /// Its laws, by draw.
    pub(crate) draws: &'a [Law],
    pub(crate) held_out: Option<&'a HeldOut>,
    /// Its best losses along the budgets.
    pub(crate) curves: &'a Curves,
    /// Different tokens that its pool has.
    pub(crate) pool: Option<f64>,
}

/// What is said of two recipes at each target.
pub(crate) fn compare(a: Side<'_>, b: Side<'_>, targets: &[Target], seed: u64) -> Vec<Verdict> {
    let miss = miss(a, b);
    let surprises: Vec<f64> = (0..a.draws.len() as u64)
        .map(|draw| Draws::new(seed, "scale extrapolation", draw).student4())
        .collect();
    let crossover = crossover(a, b, miss, &surprises);
    targets.iter().map(|target| judge(a, b, *target, miss, &surprises, &crossover)).collect()
}

/// Loss of the first recipe minus loss of the second where each stands, `surprise` deviations of what
/// is missed there added.
pub(crate) fn gap(best: [Optimum; 2], miss: Option<Miss>, surprise: f64) -> f64 {
    let far = |best: &Optimum| miss.map_or(0.0, |miss| miss.spread(best.params, best.tokens));
    let loss = best.map(|best| capped(best.loss));
    let ln = libm::log(loss[0] / loss[1]) + far(&best[0]).max(far(&best[1])) * surprise;
    // As a difference of losses: the second's loss is what the gap is measured on.
    loss[1] * libm::expm1(ln.clamp(-FARTHEST, FARTHEST))
}

fn judge(
    a: Side<'_>,
    b: Side<'_>,
    target: Target,
    miss: Option<Miss>,
    surprises: &[f64],
    crossover: &Crossover,
) -> Verdict {
    let best = |laws: [&Law; 2]| [target.best(laws[0], a.pool), target.best(laws[1], b.pool)];
    let laws = a.draws.iter().zip(b.draws).zip(surprises);
    let gaps: Vec<f64> =
        laws.map(|((a, b), surprise)| gap(best([a, b]), miss, *surprise)).collect();
    let below = gaps.iter().filter(|gap| **gap < 0.0).count();
    // Recipes that came out as the same data have the same laws: neither leads.
    let equal = gaps.iter().filter(|gap| **gap == 0.0).count();
    let probability = (number(below) + number(equal) / 2.0) / number(gaps.len().max(1));
    let reach = Reach::of(a.runs.iter().chain(b.runs));
    let places = best([&a.fit.law, &b.fit.law]);
    let farthest = if places[1].params > places[0].params { places[1] } else { places[0] };
    let beyond = places.iter().any(|place| reach.distance(place.params, place.tokens) > 0.0);
    let mut warnings = Vec::new();
    let mut decision = Decision::at(probability, DECIDED);
    if gaps.is_empty() || (beyond && miss.is_none()) {
        decision = Decision::Undecided;
        warnings.push(
            "no rung could be held out, so nothing is known of what these runs' extrapolations \
             miss by: nothing beyond them is decided; add a size"
                .to_owned(),
        );
    }
    if farthest.params / reach.params > FAR {
        warnings.push(format!(
            "the target has {:.1} times the parameters of the largest run",
            farthest.params / reach.params
        ));
    }
    if let Some(why) = &a.fit.shared_exponents {
        warnings.push(format!("the exponents are shared by all recipes, {why}"));
    }
    Verdict {
        a: a.recipe.to_owned(),
        b: b.recipe.to_owned(),
        target,
        decision,
        probability,
        gap: gap(places, miss, 0.0),
        gap_interval: Interval::of(&gaps, 0.95),
        detectable: DETECTABLE * spread(&gaps),
        gap_at_largest: gap_at_largest(a.runs, b.runs),
        extrapolation: miss.map(|miss| miss.spread(farthest.params, farthest.tokens)),
        crossover: crossover.clone(),
        warnings,
    }
}

/// What the gap of the held-out rung was missed by; none where none was held out.
fn miss(a: Side<'_>, b: Side<'_>) -> Option<Miss> {
    let held = [a.held_out?, b.held_out?];
    let ln = |runs: &[Run], law: &Law, at: &Run| {
        let of_cell = runs.iter().filter(|run| same_place(run, at));
        let losses: Vec<f64> = of_cell.map(|run| libm::log(run.loss)).collect();
        let mean = losses.iter().sum::<f64>() / number(losses.len());
        (!losses.is_empty()).then(|| mean - libm::log(law.loss(at.params, at.tokens, at.unique)))
    };
    let mut errors: Vec<(f64, &Run)> = Vec::new();
    for run in a.runs.iter().filter(|run| run.params >= held[0].params) {
        if errors.iter().any(|(_, other)| same_place(other, run)) {
            continue;
        }
        let (Some(left), Some(right)) =
            (ln(a.runs, &held[0].law, run), ln(b.runs, &held[1].law, run))
        else {
            continue;
        };
        errors.push((left - right, run));
    }
    if errors.is_empty() {
        return None;
    }
    let all = || a.runs.iter().chain(b.runs);
    let rest = Reach::of(all().filter(|run| run.params < held[0].params));
    Miss::measured(&errors, rest, Reach::of(all()))
}

#[expect(clippy::float_cmp, reason = "a configuration is the same to the last bit")]
fn same_place(left: &Run, right: &Run) -> bool {
    left.params == right.params && left.tokens == right.tokens
}

/// The mean gap of the losses at the largest common size, over common token counts; with different
/// ones only, at the largest of each.
#[must_use]
pub fn gap_at_largest(a: &[Run], b: &[Run]) -> Option<f64> {
    let mut sizes: Vec<f64> = a.iter().map(|run| run.params).collect();
    sizes.sort_by(f64::total_cmp);
    let common = |size: &&f64| b.iter().any(|run| run.params.to_bits() == size.to_bits());
    let top = *sizes.iter().rev().find(common)?;
    let at = |runs: &[Run]| -> Vec<Run> {
        runs.iter().filter(|run| run.params.to_bits() == top.to_bits()).cloned().collect()
    };
    let (a, b) = (at(a), at(b));
    let mean = |losses: Vec<f64>| losses.iter().sum::<f64>() / number(losses.len());
    let mut gaps = Vec::new();
    let mut seen: Vec<u64> = Vec::new();
    for run in &a {
        let of = |runs: &[Run]| -> Vec<f64> {
            runs.iter().filter(|other| same_place(other, run)).map(|other| other.loss).collect()
        };
        let other = of(&b);
        if !other.is_empty() && !seen.contains(&run.tokens.to_bits()) {
            seen.push(run.tokens.to_bits());
            gaps.push(mean(of(&a)) - mean(other));
        }
    }
    if !gaps.is_empty() {
        return Some(mean(gaps));
    }
    let longest = |runs: &[Run]| {
        let best = runs.iter().max_by(|left, right| left.tokens.total_cmp(&right.tokens));
        best.map(|run| run.loss)
    };
    Some(longest(&a)? - longest(&b)?)
}

/// A recipe with its loss in the plain ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The recipe.
    pub recipe: String,
    /// Mean loss of its runs at the largest size that all recipes have, over the token counts that
    /// all have there.
    pub loss: f64,
    /// Standard deviation of its seeds there, the median over token counts; none without seeds.
    pub seeds: Option<f64>,
}

/// The recipes by their mean loss at the largest size and the token counts that all have, best
/// first; empty where there is none.
pub(crate) fn ranking(recipes: &[(String, Vec<Run>)]) -> Vec<Ranked> {
    let Some((_, first)) = recipes.first() else { return Vec::new() };
    let everywhere =
        |at: &&Run| recipes.iter().all(|(_, runs)| runs.iter().any(|run| same_place(run, at)));
    let common: Vec<&Run> = first.iter().filter(everywhere).collect();
    let (top, _) = top_sizes(common.iter().copied());
    let mut places: Vec<&Run> = Vec::new();
    for run in common.into_iter().filter(|run| run.params >= top) {
        if !places.iter().any(|place| same_place(place, run)) {
            places.push(run);
        }
    }
    if places.is_empty() {
        return Vec::new();
    }
    let mut ranked: Vec<Ranked> = recipes
        .iter()
        .map(|(recipe, runs)| {
            let mut spreads = Vec::new();
            let mut sum = 0.0;
            for place in &places {
                let of = runs.iter().filter(|run| same_place(run, place));
                let losses: Vec<f64> = of.map(|run| run.loss).collect();
                let mean = losses.iter().sum::<f64>() / number(losses.len());
                sum += mean;
                if losses.len() > 1 {
                    let squares = losses.iter().map(|loss| (loss - mean) * (loss - mean));
                    spreads.push(libm::sqrt(squares.sum::<f64>() / number(losses.len() - 1)));
                }
            }
            Ranked {
                recipe: recipe.clone(),
                loss: sum / number(places.len()),
                seeds: median(&spreads),
            }
        })
        .collect();
    ranked.sort_by(|left, right| left.loss.total_cmp(&right.loss));
    ranked
}
