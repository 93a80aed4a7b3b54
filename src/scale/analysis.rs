//! All that a table of runs says: laws, intervals, checks, verdicts. What `scale.json` holds.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::approach2::{Approach2, approach2};
use super::bootstrap::{self, Intervals, Method, draw};
use super::compare::{FAR, FARTHEST, Ranked, Side, Target, Verdict, capped, compare, ranking};
use super::crossover::{Budgets, Curves};
use super::fit::{Fit, Starts, as_is, distinct, fit};
use super::held_out::{HeldOut, Miss, Reach, held_out};
use super::law::{Law, Optimum};
use super::power::{Power, power};
use super::random::Draws;
use super::runs::{Excluded, Run, Runs};
use super::statistics::{Interval, median};
use super::{ScaleError, number};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Searches of each fit.
    pub starts: Starts,
    /// Draws of the bootstrap.
    pub bootstrap: bootstrap::Settings,
    /// Where losses are predicted and recipes compared.
    pub targets: Vec<Target>,
    /// Different tokens of a recipe's pool.
    pub pools: Vec<(String, f64)>,
    /// Runs with a loss twice that of the law are kept.
    pub keep_diverged: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Rows that were left out.
    pub excluded: Vec<Excluded>,
    /// What each evaluation says.
    pub evaluations: Vec<Evaluation>,
}

/// What the losses of one evaluation say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Its name; empty where the table has one only.
    pub evaluation: String,
    /// What was drawn.
    pub bootstrap: Method,
    /// Number of draws.
    pub draws: usize,
    /// The recipes, in the order of the table.
    pub recipes: Vec<Recipe>,
    /// Recipes by their loss at the largest size that all have, best first.
    pub ranking: Vec<Ranked>,
    /// Pairs of recipes at each target.
    pub verdicts: Vec<Verdict>,
}

/// What the runs of one recipe say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Its name; empty where the table has one only.
    pub recipe: String,
    /// Its runs.
    pub runs: Vec<Run>,
    /// Approach 3.
    pub fit: Fit,
    /// The middle 95 % of the draws.
    pub intervals: Option<Intervals>,
    /// Approach 2.
    pub approach2: Approach2,
    /// The power law in the budget.
    pub power: Option<Power>,
    /// The largest rung, predicted from the others.
    pub held_out: Option<HeldOut>,
    /// Different tokens of its pool.
    pub pool: Option<f64>,
    /// What it comes to at each target.
    pub predictions: Vec<Prediction>,
    /// The law of each draw, a hundred at most, for curves with bands.
    pub some_draws: Vec<Law>,
}

/// A loss that was not measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Where.
    pub target: Target,
    /// N there; of a budget, the best.
    pub params: f64,
    /// The middle 95 % of it, of a budget.
    pub params_interval: Option<Interval>,
    /// D there.
    pub tokens: f64,
    /// The loss by the law.
    pub loss: f64,
    /// The middle 95 % of what one training would measure: what the draws say, what the held-out
    /// rung was missed by, and what runs scatter by.
    pub interval: Option<Interval>,
    /// The loss by the power law in the budget.
    pub by_power: Option<f64>,
    /// N there over the largest N among the runs.
    pub ratio: f64,
    /// Whether that ratio is beyond ten.
    pub far: bool,
}

/// Answers `question` from runs.
///
/// # Errors
/// When there are too few runs of a recipe, or laws come out that fall with nothing.
pub fn analyse(runs: &Runs, question: &Question) -> Result<Analysis, ScaleError> {
    let mut excluded = runs.excluded.clone();
    let mut evaluations = Vec::new();
    for evaluation in runs.evaluations() {
        let mut recipes = runs.of(&evaluation);
        let mut fits = fit(&recipes, question.starts)?;
        if !question.keep_diverged {
            let before = excluded.len();
            for ((_, runs), fit) in recipes.iter_mut().zip(&fits) {
                leave_out_diverged(runs, fit, &mut excluded);
            }
            if excluded.len() > before {
                fits = fit(&recipes, question.starts)?;
            }
        }
        evaluations.push(evaluate(evaluation, &recipes, &fits, question)?);
    }
    excluded.sort_by_key(|row| row.line);
    Ok(Analysis { excluded, evaluations })
}

/// Leaves out runs whose loss is twice what the law of all runs says, and ten times as far off as
/// half of them are.
fn leave_out_diverged(runs: &mut Vec<Run>, fit: &Fit, excluded: &mut Vec<Excluded>) {
    let error = |run: &Run| libm::log(run.loss / fit.law.loss(run.params, run.tokens, run.unique));
    let sizes: Vec<f64> = runs.iter().map(|run| error(run).abs()).collect();
    let usual = median(&sizes).unwrap_or(0.0);
    runs.retain(|run| {
        let error = error(run);
        let diverged = error > std::f64::consts::LN_2 && error > 10.0 * usual;
        if diverged {
            excluded.push(Excluded {
                line: run.line,
                reason: format!(
                    "diverged: its loss {} is {:.1} times what the law of all runs says; \
                     --keep-diverged keeps it",
                    run.loss,
                    libm::exp(error)
                ),
            });
        }
        !diverged
    });
}

fn evaluate(
    evaluation: String,
    recipes: &[(String, Vec<Run>)],
    fits: &[Fit],
    question: &Question,
) -> Result<Evaluation, ScaleError> {
    for ((recipe, runs), fit) in recipes.iter().zip(fits) {
        if !fit.law.is_sound() {
            return Err(unsound(recipe, runs, fit));
        }
    }
    let draws = draw(recipes, fits, question.bootstrap);
    let by_recipe: Vec<Vec<Law>> =
        (0..fits.len()).map(|at| draws.iter().map(|draw| draw[at]).collect()).collect();
    let held_out = held_out(recipes);
    let held = |at: usize| held_out.as_ref().map(|all| &all[at]);
    let pool = |recipe: &str| {
        let pool = question.pools.iter().find(|(name, _)| name == recipe);
        pool.map(|(_, tokens)| *tokens)
    };
    let budgets = Budgets::of(recipes.iter().flat_map(|(_, runs)| runs), &question.targets);
    let curves: Vec<Curves> = recipes
        .iter()
        .zip(fits)
        .zip(&by_recipe)
        .map(|(((recipe, _), fit), draws)| Curves::new(budgets, &fit.law, draws, pool(recipe)))
        .collect();
    let sides: Vec<Side<'_>> = recipes
        .iter()
        .zip(fits)
        .enumerate()
        .map(|(at, ((recipe, runs), fit))| Side {
            recipe,
            runs,
            fit,
            draws: &by_recipe[at],
            held_out: held(at),
            curves: &curves[at],
            pool: pool(recipe),
        })
        .collect();
    let pairs: Vec<[Side<'_>; 2]> = sides
        .iter()
        .enumerate()
        .flat_map(|(index, a)| sides[index + 1..].iter().map(|b| [*a, *b]))
        .collect();
    let verdicts: Vec<Vec<Verdict>> = pairs
        .par_iter()
        .map(|[a, b]| compare(*a, *b, &question.targets, question.bootstrap.seed))
        .collect();
    let method = question.bootstrap.method.unwrap_or_else(|| Method::for_runs(recipes));
    Ok(Evaluation {
        evaluation,
        bootstrap: method,
        draws: draws.len(),
        ranking: if recipes.len() > 1 { ranking(recipes) } else { Vec::new() },
        verdicts: verdicts.concat(),
        recipes: sides.iter().map(|side| one(side, question)).collect(),
    })
}

fn unsound(recipe: &str, runs: &[Run], fit: &Fit) -> ScaleError {
    let [sizes, tokens, _] = distinct(runs.iter());
    let name = if recipe.is_empty() { String::new() } else { format!("recipe `{recipe}`: ") };
    ScaleError::Incomparable(format!(
        "{name}the law that fits best has alpha {:.4} and beta {:.4}: in these {} runs ({sizes} \
         sizes, {tokens} token counts) the loss does not fall with both size and tokens; look for \
         identical or diverged runs, or add rungs that differ more",
        fit.law.alpha,
        fit.law.beta,
        runs.len()
    ))
}

fn one(side: &Side<'_>, question: &Question) -> Recipe {
    let power = power(side.runs);
    let miss = side.held_out.and_then(|held| {
        let top = side.runs.iter().filter(|run| run.params >= held.params);
        let errors: Vec<(f64, &Run)> = top
            .map(|run| {
                let fitted = held.law.loss(run.params, run.tokens, run.unique);
                (libm::log(run.loss / fitted), run)
            })
            .collect();
        let rest = Reach::of(side.runs.iter().filter(|run| run.params < held.params));
        if errors.is_empty() {
            None
        } else {
            Miss::measured(&errors, rest, Reach::of(side.runs.iter()))
        }
    });
    let predict = |target: &Target| predict(side, *target, miss, power, question.bootstrap.seed);
    let step = side.draws.len().div_ceil(100).max(1);
    Recipe {
        recipe: side.recipe.to_owned(),
        runs: side.runs.to_vec(),
        fit: side.fit.clone(),
        intervals: Intervals::of(&side.draws.iter(), 0.95),
        approach2: approach2(side.runs),
        power,
        held_out: side.held_out.cloned(),
        pool: side.pool,
        predictions: question.targets.iter().map(predict).collect(),
        some_draws: side.draws.iter().step_by(step).copied().collect(),
    }
}

fn predict(
    side: &Side<'_>,
    target: Target,
    miss: Option<Miss>,
    power: Option<Power>,
    seed: u64,
) -> Prediction {
    let law = &side.fit.law;
    let best = target.best(law, side.pool);
    let (params, tokens) = (best.params, best.tokens);
    let reach = Reach::of(side.runs.iter());
    let scatter = scatter(side.runs, law);
    let far = miss.map_or(0.0, |miss| miss.spread(params, tokens));
    let places: Vec<Optimum> = side.draws.iter().map(|law| target.best(law, side.pool)).collect();
    let losses: Vec<f64> = places
        .iter()
        .zip(0..)
        .map(|(best, draw)| {
            let mut random = Draws::new(seed, "scale prediction", draw);
            let error = far * random.student4() + scatter * random.normal();
            capped(best.loss) * libm::exp(error.clamp(-FARTHEST, FARTHEST))
        })
        .collect();
    let places: Vec<f64> = places.iter().map(|best| best.params).collect();
    let budget = matches!(target, Target::Flops(_));
    Prediction {
        target,
        params,
        params_interval: if budget { Interval::of(&places, 0.95) } else { None },
        tokens,
        loss: best.loss,
        // Beyond the runs there is no interval where nothing is known of what is missed there.
        interval: if miss.is_none() && reach.distance(params, tokens) > 0.0 {
            None
        } else {
            Interval::of(&losses, 0.95)
        },
        by_power: power.map(|power| power.loss(target.flops())),
        ratio: params / reach.params,
        far: params / reach.params > FAR,
    }
}

/// The standard deviation of ln L around the law, its five parameters counted.
fn scatter(runs: &[Run], law: &Law) -> f64 {
    let squares: f64 = as_is(runs)
        .iter()
        .map(|drawn| {
            let Run { params, tokens, unique, .. } = *drawn.run;
            let error = drawn.ln_loss - libm::log(law.loss(params, tokens, unique));
            error * error
        })
        .sum();
    libm::sqrt(squares / (number(runs.len()) - 5.0).max(1.0))
}
