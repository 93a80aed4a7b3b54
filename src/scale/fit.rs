//! Approach 3: the law that runs follow, by L-BFGS from many starts.
//!
//! The 4,500 starts are those of Hoffmann et al. (<https://arxiv.org/abs/2203.15556>, appendix D.3).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::law::{Law, Repetition};
use super::lbfgs::{Stop, minimise};
use super::objective::{SCALE, Sample, huber, own, shared};
use super::runs::Run;
use super::{ScaleError, number};

/// Exponents are fitted to each recipe alone from so many configurations on; with fewer they are
/// shared by the recipes.
pub const OWN_EXPONENTS: usize = 8;
/// Sizes, token counts and configurations without which there is no law to fit.
pub const LEAST: [usize; 3] = [3, 3, 6];
/// Runs with repeated tokens without which their worth is not fitted.
const LEAST_REPEATED: usize = 4;
/// Objectives that are so near to each other are the same minimum.
const AGREE: f64 = 1e-9;

/// When a search ends whose result counts.
pub(crate) const STOP: Stop = Stop { iterations: 2_000, decrease: 1e-13, gradient: 1e-9 };
/// When one of many searches ends: near enough to tell minima apart; the best goes on.
const COARSE: Stop = Stop { decrease: 1e-9, ..STOP };

/// A law with what its fit came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The law.
    pub law: Law,
    /// Huber's loss of ln L with δ = 1e-3, summed.
    pub objective: f64,
    /// Searches.
    pub starts: usize,
    /// Searches that ended at an objective within 1e-9 of the least.
    pub agreeing: usize,
    /// Runs it was fitted to.
    pub runs: usize,
    /// Mean of |predicted / measured − 1| over them.
    pub error: f64,
    /// Why the exponents are those of all recipes together; none where they are the recipe's own.
    pub shared_exponents: Option<Shared>,
}

/// Why recipes share their exponents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// A recipe has fewer than [`OWN_EXPONENTS`] configurations.
    Few,
    /// The law that fits this recipe best does not fall with both size and tokens.
    Flat(String),
}

impl std::fmt::Display for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Few => out.write_str("for lack of runs"),
            Self::Flat(recipe) => write!(
                out,
                "since the law that fits `{recipe}` best does not fall with both size and tokens"
            ),
        }
    }
}

/// Which of the 4,500 starts to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// All of them.
    All,
    /// So many, evenly drawn.
    Some(usize),
}

impl Starts {
    /// `[a, b, e, alpha, beta]` of each.
    fn points(self) -> Vec<[f64; 5]> {
        let mut grid = Vec::with_capacity(4_500);
        let halves = |count: u8| (0..count).map(|step| f64::from(step) / 2.0);
        let tens = || (0..6_u8).map(|step| 5.0 * f64::from(step));
        for alpha in halves(5) {
            for beta in halves(5) {
                for e in halves(5).map(|e| e - 1.0) {
                    for a in tens() {
                        grid.extend(tens().map(|b| [a, b, e, alpha, beta]));
                    }
                }
            }
        }
        match self {
            Self::All => grid,
            // 1,789 has no divisor in common with 4,500: no start comes twice.
            Self::Some(count) => {
                (0..count.min(4_500)).map(|index| grid[index * 1_789 % 4_500]).collect()
            }
        }
    }
}

/// A run in a draw of the bootstrap, or as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn<'a> {
    pub(crate) run: &'a Run,
    pub(crate) ln_loss: f64,
    pub(crate) weight: f64,
}

/// The runs as they are.
pub(crate) fn as_is(runs: &[Run]) -> Vec<Drawn<'_>> {
    runs.iter().map(|run| Drawn { run, ln_loss: libm::log(run.loss), weight: 1.0 }).collect()
}

/// Different sizes, token counts, and pairs of both.
pub(crate) fn distinct<'a>(runs: impl Iterator<Item = &'a Run>) -> [usize; 3] {
    let mut pairs: Vec<[u64; 3]> = runs
        .map(|run| [run.params, run.tokens, run.unique.unwrap_or(0.0)].map(f64::to_bits))
        .collect();
    let count = |values: &mut dyn Iterator<Item = u64>| {
        let mut values: Vec<u64> = values.collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let sizes = count(&mut pairs.iter().map(|pair| pair[0]));
    let tokens = count(&mut pairs.iter().map(|pair| pair[1]));
    pairs.sort_unstable();
    pairs.dedup();
    [sizes, tokens, pairs.len()]
}

/// Whether a law can be fitted to runs of so many sizes, token counts and configurations.
pub(crate) fn enough(counts: [usize; 3]) -> bool {
    counts.iter().zip(LEAST).all(|(count, least)| *count >= least)
}

/// Fits a law to the runs of each recipe: with its own exponents, or with common ones where a recipe
/// has fewer than [`OWN_EXPONENTS`] configurations or no law of its own that could be used.
///
/// # Errors
/// When a recipe has too few runs.
pub fn fit(recipes: &[(String, Vec<Run>)], starts: Starts) -> Result<Vec<Fit>, ScaleError> {
    let mut few = false;
    for (recipe, runs) in recipes {
        let counts = distinct(runs.iter());
        few |= counts[2] < OWN_EXPONENTS;
        if !enough(counts) && (recipes.len() < 2 || counts[2] < 3) {
            return Err(too_few(recipe, counts));
        }
    }
    let drawn: Vec<Vec<Drawn<'_>>> = recipes.iter().map(|(_, runs)| as_is(runs)).collect();
    if few && recipes.len() > 1 {
        let all = distinct(recipes.iter().flat_map(|(_, runs)| runs));
        if !enough(all) {
            return Err(too_few("all recipes together", all));
        }
        return Ok(fit_shared(&drawn, starts, &Shared::Few));
    }
    let own: Vec<Fit> = drawn.iter().map(|runs| fit_own(runs, starts)).collect();
    // Noise can hide one exponent of one recipe; what the others say of it is the better guess.
    let flat = own.iter().zip(recipes).find(|(fit, (_, runs))| !falls(&fit.law, runs));
    match flat {
        Some((_, (recipe, _))) if recipes.len() > 1 => {
            Ok(fit_shared(&drawn, starts, &Shared::Flat(recipe.clone())))
        }
        _ => Ok(own),
    }
}

/// Whether a law can be used, and over the sizes and token counts of its runs falls with either by
/// more than nothing: where it does not, that exponent could be any.
fn falls(law: &Law, runs: &[Run]) -> bool {
    const NOTHING: f64 = 1e-4;
    let drop = |size: f64, exponent: f64, of: fn(&Run) -> f64| {
        let [least, most] = runs
            .iter()
            .map(of)
            .fold([f64::INFINITY, 0.0], |[least, most], x| [x.min(least), x.max(most)]);
        size * (libm::pow(least, -exponent) - libm::pow(most, -exponent))
    };
    let loss = runs.iter().map(|run| run.loss).fold(f64::INFINITY, f64::min);
    law.is_sound()
        && drop(law.a, law.alpha, |run| run.params) > NOTHING * loss
        && drop(law.b, law.beta, |run| run.tokens) > NOTHING * loss
}

fn too_few(recipe: &str, counts: [usize; 3]) -> ScaleError {
    let [sizes, tokens, both] = counts;
    ScaleError::TooFew {
        what: if recipe.is_empty() { "the runs".to_owned() } else { format!("recipe `{recipe}`") },
        problem: format!("{sizes} sizes, {tokens} token counts, {both} configurations"),
        hint: format!(
            "a law needs at least {} sizes, {} token counts and {} configurations",
            LEAST[0], LEAST[1], LEAST[2]
        ),
    }
}

/// The runs that the law is fitted to, as samples: those without repeated tokens where they are
/// enough, else all, each with the tokens that the published constants leave of repetition.
fn samples(runs: &[Drawn<'_>]) -> Vec<Sample> {
    let sample = |drawn: &Drawn<'_>, tokens: f64| Sample {
        ln_params: libm::log(drawn.run.params),
        ln_tokens: libm::log(tokens),
        ln_loss: drawn.ln_loss,
        weight: drawn.weight,
    };
    let fresh = || runs.iter().filter(|drawn| drawn.run.unique.is_none());
    if enough(distinct(fresh().map(|drawn| drawn.run))) {
        return fresh().map(|drawn| sample(drawn, drawn.run.tokens)).collect();
    }
    let constants = Repetition::default();
    let effective = |drawn: &Drawn<'_>| {
        let Some(unique) = drawn.run.unique else { return drawn.run.tokens };
        let repetitions = drawn.run.tokens / unique - 1.0;
        unique * (1.0 - constants.tokens * libm::expm1(-repetitions / constants.tokens))
    };
    runs.iter().map(|drawn| sample(drawn, effective(drawn))).collect()
}

fn law([a, b, e, alpha, beta]: [f64; 5]) -> Law {
    let (a, b, e) = (libm::exp(a), libm::exp(b), libm::exp(e));
    Law { e, a, b, alpha, beta, repetition: Repetition::default() }
}

fn point(law: &Law) -> [f64; 5] {
    [libm::log(law.a), libm::log(law.b), libm::log(law.e), law.alpha, law.beta]
}

fn fit_own(runs: &[Drawn<'_>], starts: Starts) -> Fit {
    let samples = samples(runs);
    let starts = starts.points();
    let found: Vec<([f64; 5], f64)> =
        starts.par_iter().map(|start| search(&samples, *start, COARSE)).collect();
    let (best, objective) = search(&samples, best(&found).0, STOP);
    let agreeing = found.iter().filter(|(_, other)| other - objective <= AGREE).count();
    let law = with_repetition(law(best), runs, false);
    Fit {
        law,
        objective,
        starts: starts.len(),
        agreeing,
        runs: runs.len(),
        error: error(&law, runs),
        shared_exponents: None,
    }
}

/// The least objective, the first of several.
fn best<P: Copy>(found: &[(P, f64)]) -> (P, f64) {
    // There is at least one start.
    found.iter().fold(found[0], |best, other| if other.1 < best.1 { *other } else { best })
}

fn search(samples: &[Sample], start: [f64; 5], stop: Stop) -> ([f64; 5], f64) {
    let found = minimise(own(samples), &start, stop);
    let point = [0, 1, 2, 3, 4].map(|index| found.point[index]);
    (point, found.value / SCALE)
}

/// Fits with common exponents, from starts that are the same for all recipes.
fn fit_shared(recipes: &[Vec<Drawn<'_>>], starts: Starts, why: &Shared) -> Vec<Fit> {
    let groups: Vec<Vec<Sample>> = recipes.iter().map(|runs| samples(runs)).collect();
    let pooled: Vec<Sample> = groups.iter().flatten().copied().collect();
    let starts = starts.points();
    // Where the pool of all runs has its minima is where those of the recipes begin.
    let mut pools: Vec<([f64; 5], f64)> =
        starts.par_iter().map(|start| search(&pooled, *start, COARSE)).collect();
    pools.sort_by(|left, right| left.1.total_cmp(&right.1));
    pools.dedup_by(|right, left| right.1 - left.1 <= AGREE);
    let found: Vec<(usize, f64, Vec<f64>)> = pools
        .par_iter()
        .take(64)
        .enumerate()
        .map(|(index, (start, _))| {
            let (value, point) = search_shared(&groups, &spread_out(*start, groups.len()));
            (index, value, point)
        })
        .collect();
    let (_, objective, best) = found
        .iter()
        .min_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)))
        // There is at least one start.
        .unwrap_or(&found[0]);
    let agreeing = found.iter().filter(|(_, other, _)| other - objective <= AGREE).count();
    laws(best)
        .into_iter()
        .zip(recipes)
        .map(|(law, runs)| {
            let law = with_repetition(law, runs, false);
            Fit {
                law,
                objective: *objective,
                starts: found.len(),
                agreeing,
                runs: runs.len(),
                error: error(&law, runs),
                shared_exponents: Some(why.clone()),
            }
        })
        .collect()
}

fn spread_out([a, b, e, alpha, beta]: [f64; 5], recipes: usize) -> Vec<f64> {
    let mut point = vec![alpha, beta];
    (0..recipes).for_each(|_| point.extend([a, b, e]));
    point
}

fn search_shared(groups: &[Vec<Sample>], start: &[f64]) -> (f64, Vec<f64>) {
    let found = minimise(shared(groups), start, STOP);
    (found.value / SCALE, found.point)
}

fn laws(point: &[f64]) -> Vec<Law> {
    let own = point[2..].chunks_exact(3);
    own.map(|own| law([own[0], own[1], own[2], point[0], point[1]])).collect()
}

/// The laws of drawn runs, each searched from the law of the runs as they are.
pub(crate) fn refit(recipes: &[Vec<Drawn<'_>>], fits: &[Fit]) -> Vec<Law> {
    let warm = |law: Law, runs: &[Drawn<'_>], fit: &Fit| {
        with_repetition(Law { repetition: fit.law.repetition, ..law }, runs, true)
    };
    let laws = if fits.iter().any(|fit| fit.shared_exponents.is_some()) {
        let groups: Vec<Vec<Sample>> = recipes.iter().map(|runs| samples(runs)).collect();
        let mut start = vec![fits[0].law.alpha, fits[0].law.beta];
        for fit in fits {
            start.extend(&point(&fit.law)[..3]);
        }
        laws(&search_shared(&groups, &start).1)
    } else {
        let each = recipes.iter().zip(fits);
        each.map(|(runs, fit)| law(search(&samples(runs), point(&fit.law), STOP).0)).collect()
    };
    laws.into_iter().zip(recipes).zip(fits).map(|((law, runs), fit)| warm(law, runs, fit)).collect()
}

/// Adds what repeated tokens are worth, where enough runs repeat them.
fn with_repetition(law: Law, runs: &[Drawn<'_>], warm: bool) -> Law {
    let repeated: Vec<&Drawn<'_>> =
        runs.iter().filter(|drawn| drawn.run.unique.is_some()).collect();
    if repeated.len() < LEAST_REPEATED || !law.is_sound() {
        return Law { repetition: Repetition::default(), ..law };
    }
    let with = |point: &[f64]| Law {
        repetition: Repetition {
            tokens: libm::exp(point[0]),
            params: libm::exp(point[1]),
            fitted: true,
        },
        ..law
    };
    let value = |point: &[f64]| {
        let law = with(point);
        // A weak pull towards the paper's constants: without it what no run tells runs away.
        let pull = [15.387_756, 5.309_743].iter().zip(point);
        let pull: f64 =
            pull.map(|(known, ln)| (ln - libm::log(*known)) * (ln - libm::log(*known))).sum();
        let sum: f64 = repeated
            .iter()
            .map(|drawn| {
                let Run { params, tokens, unique, .. } = *drawn.run;
                let loss = libm::log(law.loss(params, tokens, unique));
                drawn.weight * huber(loss - drawn.ln_loss).0
            })
            .sum();
        SCALE * sum + 1e-6 * pull
    };
    let objective = |point: &[f64], gradient: &mut [f64]| {
        const STEP: f64 = 1e-5;
        for at in 0..2 {
            let mut moved = [point[0], point[1]];
            moved[at] = point[at] + STEP;
            let above = value(&moved);
            moved[at] = point[at] - STEP;
            gradient[at] = (above - value(&moved)) / (2.0 * STEP);
        }
        value(point)
    };
    let starts: Vec<[f64; 2]> = if warm {
        vec![[libm::log(law.repetition.tokens), libm::log(law.repetition.params)]]
    } else {
        let steps = || (0..4_u8).map(|step| 1.0 + f64::from(step));
        steps().flat_map(|tokens| steps().map(move |params| [tokens, params])).collect()
    };
    let found: Vec<([f64; 2], f64)> = starts
        .iter()
        .map(|start| {
            let found = minimise(objective, start, STOP);
            ([found.point[0], found.point[1]], found.value)
        })
        .collect();
    with(&best(&found).0)
}

/// Mean of |predicted / measured − 1|.
fn error(law: &Law, runs: &[Drawn<'_>]) -> f64 {
    let errors = runs.iter().map(|drawn| {
        let Run { params, tokens, unique, loss, .. } = *drawn.run;
        (law.loss(params, tokens, unique) / loss - 1.0).abs()
    });
    errors.sum::<f64>() / number(runs.len().max(1))
}
