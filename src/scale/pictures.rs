//! What an analysis looks like, as SVG.

use super::analysis::{Evaluation, Recipe};
use super::compare::Target;
use super::law::Law;
use super::number;
use super::power::frontier;
use super::runs::Run;
use super::statistics::Interval;
use crate::report::svg::{Axis, Figure, Panel, colour, short};

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
/// Points of a curve.
const POINTS: u32 = 80;
/// Budgets from which on IsoFLOP curves are drawn in the colours from the start again.
const LEVELS: u8 = 9;

/// A picture with its name, which is that of its file too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Name, without the ending.
    pub name: String,
    /// The SVG file.
    pub svg: String,
}

/// All pictures of an evaluation.
#[must_use]
pub fn pictures(evaluation: &Evaluation) -> Vec<Picture> {
    let mut pictures = vec![picture("curves", evaluation, None, curves(evaluation))];
    pictures.push(picture("residuals", evaluation, None, residuals(evaluation)));
    for recipe in &evaluation.recipes {
        pictures.push(picture("surface", evaluation, Some(recipe), surface(recipe)));
        if !recipe.approach2.budgets.is_empty() {
            pictures.push(picture("isoflop", evaluation, Some(recipe), isoflop(recipe)));
        }
    }
    for (index, a) in evaluation.recipes.iter().enumerate() {
        for b in &evaluation.recipes[index + 1..] {
            let mut name = picture("gap", evaluation, Some(a), gap(evaluation, a, b));
            name.name = format!("{}-{}", name.name, plain(&b.recipe));
            pictures.push(name);
        }
    }
    // Recipes whose names differ in signs alone do not overwrite each other's files.
    for index in 1..pictures.len() {
        let copies = |name: &str, pictures: &[Picture]| pictures.iter().any(|p| p.name == name);
        let (name, mut number) = (pictures[index].name.clone(), 2);
        while copies(&pictures[index].name, &pictures[..index]) {
            pictures[index].name = format!("{name}-{number}");
            number += 1;
        }
    }
    pictures
}

fn picture(kind: &str, of: &Evaluation, recipe: Option<&Recipe>, figure: Figure) -> Picture {
    let mut parts = vec![kind.to_owned()];
    parts.extend([plain(&of.evaluation)].into_iter().filter(|part| !part.is_empty()));
    let recipe = recipe.map(|recipe| plain(&recipe.recipe));
    parts.extend(recipe.filter(|part| !part.is_empty()));
    Picture { name: parts.join("-"), svg: figure.finish() }
}

/// A name that any file system takes: letters, digits, `_` and `.`, all else `-`.
fn plain(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let text: String = name.chars().map(letter).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn panel(title: &str, x: Axis, y: Axis) -> Panel {
    Panel { title: title.to_owned(), left: LEFT, top: TOP, width: WIDTH, height: HEIGHT, x, y }
}

fn figure(title: &str, lines: usize) -> Figure {
    Figure::new(title, LEFT + WIDTH + 20.0, TOP + HEIGHT + 50.0 + 16.0 * number(lines))
}

fn legend(figure: &mut Figure, line: usize, colour: &str, text: &str) {
    figure.legend(LEFT, TOP + HEIGHT + 56.0 + 16.0 * number(line), colour, text);
}

fn shown(recipe: &Recipe) -> &str {
    if recipe.recipe.is_empty() { "all runs" } else { &recipe.recipe }
}

fn titled(what: &str, name: &str) -> String {
    if name.is_empty() { what.to_owned() } else { format!("{what}: {name}") }
}

/// The budgets of all runs and targets.
fn budgets(evaluation: &Evaluation) -> impl Iterator<Item = f64> + '_ {
    let runs = evaluation.recipes.iter().flat_map(|recipe| recipe.runs.iter().map(|run| run.flops));
    let targets = evaluation.recipes.iter().flat_map(|recipe| &recipe.predictions);
    runs.chain(targets.map(|prediction| prediction.target.flops()))
}

/// The least and the most of a curve's draws, the middle 95 %.
fn band(draws: &[Law], x: &[f64], value: impl Fn(usize, f64) -> f64) -> [Vec<(f64, f64)>; 2] {
    let mut ends = [Vec::new(), Vec::new()];
    for x in x {
        let values: Vec<f64> = (0..draws.len()).map(|draw| value(draw, *x)).collect();
        if let Some(Interval { low, high }) = Interval::of(&values, 0.95) {
            ends[0].push((*x, low));
            ends[1].push((*x, high));
        }
    }
    ends
}

/// The loss of each recipe along its best N and D.
fn curves(evaluation: &Evaluation) -> Figure {
    let x = Axis::over("operations", budgets(evaluation), true);
    let grid: Vec<f64> = x.steps(POINTS).collect();
    let best = |recipe: &Recipe, law: &Law, flops: f64| law.optimum(flops, recipe.pool).loss;
    let of_runs = evaluation.recipes.iter().flat_map(|recipe| frontier(&recipe.runs));
    let ends = evaluation.recipes.iter().flat_map(|recipe| {
        let ends = [grid[0], grid[grid.len() - 1]];
        ends.map(|flops| best(recipe, &recipe.fit.law, flops))
    });
    let y = Axis::over("loss", of_runs.map(|run| run.loss).chain(ends), true);
    let panel = panel(&titled("Loss at the best size", &evaluation.evaluation), x, y);
    let mut figure = figure(&panel.title, evaluation.recipes.len());
    figure.panel(&panel);
    for (at, recipe) in evaluation.recipes.iter().enumerate() {
        let draws = &recipe.some_draws;
        let [low, high] = band(draws, &grid, |draw, flops| best(recipe, &draws[draw], flops));
        figure.band(&panel, &low, &high, colour(at));
        let points: Vec<(f64, f64)> =
            grid.iter().map(|flops| (*flops, best(recipe, &recipe.fit.law, *flops))).collect();
        figure.line(&panel, &points, colour(at), "");
        if let Some(power) = &recipe.power {
            let points: Vec<(f64, f64)> =
                grid.iter().map(|flops| (*flops, power.loss(*flops))).collect();
            figure.line(&panel, &points, colour(at), "2 3");
        }
        let runs: Vec<(f64, f64)> =
            frontier(&recipe.runs).iter().map(|run| (run.flops, run.loss)).collect();
        figure.dots(&panel, &runs, colour(at), 2.5);
        let text = format!(
            "{}: law with the middle 95 % of draws, power law dotted, best runs",
            shown(recipe)
        );
        legend(&mut figure, at, colour(at), &text);
    }
    figure
}

/// measured / predicted − 1, over N.
fn residuals(evaluation: &Evaluation) -> Figure {
    let error = |recipe: &Recipe, run: &Run| {
        100.0 * (run.loss / recipe.fit.law.loss(run.params, run.tokens, run.unique) - 1.0)
    };
    let points: Vec<Vec<(f64, f64)>> = evaluation
        .recipes
        .iter()
        .map(|recipe| recipe.runs.iter().map(|run| (run.params, error(recipe, run))).collect())
        .collect();
    let x = Axis::over("parameters", points.iter().flatten().map(|point| point.0), true);
    let y = Axis::over("measured over predicted, %", points.iter().flatten().map(|p| p.1), false);
    let panel = panel(&titled("Residuals", &evaluation.evaluation), x, y);
    let mut figure = figure(&panel.title, evaluation.recipes.len());
    figure.panel(&panel);
    let ends: Vec<(f64, f64)> = panel.x.steps(2).map(|x| (x, 0.0)).collect();
    figure.line(&panel, &ends, "#555", "4 3");
    for (at, (recipe, points)) in evaluation.recipes.iter().zip(&points).enumerate() {
        figure.dots(&panel, points, colour(at), 2.5);
        legend(&mut figure, at, colour(at), shown(recipe));
    }
    figure
}

/// Lines of equal loss over N and D, the runs, and the best N and D.
fn surface(recipe: &Recipe) -> Figure {
    let law = &recipe.fit.law;
    let runs = &recipe.runs;
    let places = || recipe.predictions.iter().map(|p| (p.params, p.tokens));
    let n = runs.iter().map(|run| run.params).chain(places().map(|place| place.0));
    let d = runs.iter().map(|run| run.tokens).chain(places().map(|place| place.1));
    let (x, y) = (Axis::over("parameters", n, true), Axis::over("tokens", d, true));
    let panel = panel(&titled("Lines of equal loss", shown(recipe)), x, y);
    let ends: [Vec<f64>; 2] = [panel.x.steps(2).collect(), panel.y.steps(2).collect()];
    let (most, least) =
        (law.loss(ends[0][0], ends[1][0], None), law.loss(ends[0][1], ends[1][1], None));
    let mut figure = figure(&panel.title, usize::from(LEVELS).div_ceil(3) + 1);
    figure.panel(&panel);
    for level in 0..LEVELS {
        // Evenly in the logarithm of what can still be gained.
        let share = (f64::from(level) + 0.5) / f64::from(LEVELS);
        let loss = law.e + (most - law.e) * libm::pow((least - law.e) / (most - law.e), share);
        let line: Vec<(f64, f64)> = panel
            .x
            .steps(POINTS)
            .map(|params| {
                let left = (loss - law.e - law.a * libm::pow(params, -law.alpha)) / law.b;
                (params, if left > 0.0 { libm::pow(left, -1.0 / law.beta) } else { f64::NAN })
            })
            .filter(|(_, tokens)| (ends[1][0]..=ends[1][1]).contains(tokens))
            .collect();
        figure.line(&panel, &line, colour(usize::from(level)), "");
        let (row, column) = (usize::from(level) / 3, f64::from(level % 3));
        figure.legend(
            LEFT + 140.0 * column,
            TOP + HEIGHT + 56.0 + 16.0 * number(row),
            colour(usize::from(level)),
            &format!("loss {loss:.3}"),
        );
    }
    let best: Vec<(f64, f64)> = panel
        .x
        .steps(POINTS)
        .map(|params| (params, best_tokens(law, params)))
        .filter(|(_, tokens)| (ends[1][0]..=ends[1][1]).contains(tokens))
        .collect();
    figure.line(&panel, &best, "#000", "6 3");
    let dots: Vec<(f64, f64)> = runs.iter().map(|run| (run.params, run.tokens)).collect();
    figure.dots(&panel, &dots, "#555", 2.0);
    let rows = usize::from(LEVELS).div_ceil(3);
    legend(&mut figure, rows, "#000", "best size of each budget (fresh text); dots are runs");
    figure
}

/// The tokens for which `params` is the best size.
fn best_tokens(law: &Law, params: f64) -> f64 {
    // params = params_for(tokens) is a power of tokens.
    let (one, two) = (law.params_for(1e9), law.params_for(1e12));
    let slope = libm::log(two / one) / libm::log(1e3);
    1e9 * libm::pow(params / one, 1.0 / slope)
}

/// The parabolas of approach 2.
fn isoflop(recipe: &Recipe) -> Figure {
    let budgets = &recipe.approach2.budgets;
    let near = |run: &&Run, flops: f64| (1.0 / 1.2..=1.2).contains(&(run.flops / flops));
    let of = |flops: f64| recipe.runs.iter().filter(move |run| near(run, flops));
    let all = || budgets.iter().flat_map(|budget| of(budget.flops));
    let x = Axis::over("parameters", all().map(|run| run.params), true);
    let y = Axis::over("loss", all().map(|run| run.loss), false);
    let panel = panel(&titled("IsoFLOP curves", shown(recipe)), x, y);
    let mut figure = figure(&panel.title, budgets.len());
    figure.panel(&panel);
    for (at, budget) in budgets.iter().enumerate() {
        let points: Vec<(f64, f64)> = of(budget.flops).map(|run| (run.params, run.loss)).collect();
        figure.dots(&panel, &points, colour(at), 2.5);
        let curve: Vec<(f64, f64)> = Axis::log("", budget.range[0], budget.range[1])
            .steps(POINTS)
            .map(|params| {
                let off = libm::log(params / budget.params);
                (params, budget.loss + budget.bend * off * off)
            })
            .collect();
        figure.line(&panel, &curve, colour(at), "");
        let text = format!(
            "{} operations: best {} parameters, {} tokens, loss {:.3}",
            short(budget.flops),
            short(budget.params),
            short(budget.tokens),
            budget.loss
        );
        legend(&mut figure, at, colour(at), &text);
    }
    figure
}

/// What the loss of one recipe is above that of another, over the budget.
fn gap(evaluation: &Evaluation, a: &Recipe, b: &Recipe) -> Figure {
    let x = Axis::over("operations", budgets(evaluation), true);
    let grid: Vec<f64> = x.steps(POINTS).collect();
    let at = |laws: [&Law; 2], flops: f64| {
        let losses = [laws[0].optimum(flops, a.pool).loss, laws[1].optimum(flops, b.pool).loss];
        100.0 * (losses[0] / losses[1] - 1.0)
    };
    let pairs = a.some_draws.len().min(b.some_draws.len());
    let [low, high] = band(&a.some_draws[..pairs], &grid, |draw, flops| {
        at([&a.some_draws[draw], &b.some_draws[draw]], flops)
    });
    let line: Vec<(f64, f64)> =
        grid.iter().map(|flops| (*flops, at([&a.fit.law, &b.fit.law], *flops))).collect();
    let heights = low.iter().chain(&high).chain(&line).map(|point| point.1).chain([0.0]);
    let y = Axis::over("difference of the losses, %", heights, false);
    let title = format!("{} over {}", shown(a), shown(b));
    let panel = panel(&titled(&title, &evaluation.evaluation), x, y);
    let mut figure = figure(&panel.title, 2);
    figure.panel(&panel);
    let zero: Vec<(f64, f64)> = panel.x.steps(2).map(|x| (x, 0.0)).collect();
    figure.line(&panel, &zero, "#555", "4 3");
    figure.band(&panel, &low, &high, colour(0));
    figure.line(&panel, &line, colour(0), "");
    let verdict =
        evaluation.verdicts.iter().find(|verdict| verdict.a == a.recipe && verdict.b == b.recipe);
    if let Some(flops) = verdict.and_then(|verdict| verdict.crossover.flops) {
        figure.dots(&panel, &[(flops, 0.0)], colour(1), 4.0);
        legend(&mut figure, 1, colour(1), &format!("crossover at {} operations", short(flops)));
    }
    let text = format!("below 0 {} is better; the middle 95 % of the draws", shown(a));
    legend(&mut figure, 0, colour(0), &text);
    figure
}

/// A target as a short text.
#[must_use]
pub fn target(target: &Target) -> String {
    match target {
        Target::Flops(flops) => format!("{} operations", short(*flops)),
        Target::At { params, tokens } => {
            format!("{} parameters, {} tokens", short(*params), short(*tokens))
        }
    }
}
