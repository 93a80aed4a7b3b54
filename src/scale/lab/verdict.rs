//! What the losses say: predictions before the largest rung, verdicts after it.

use bytes::Bytes;

use super::ablation::Variant;
use super::evaluation::Evaluation;
use super::page::section;
use super::report::{Ablated, Rate, Reduced, Report};
use super::results::{MEAN, Results};
use super::schedule::{Outcomes, Schedule};
use super::{LabError, recipe::Recipe};
use crate::config::scale::{Pool, UniqueTokens, Way};
use crate::scale::analysis::{Analysis, Question, analyse};
use crate::scale::bootstrap;
use crate::scale::compare::{Target, ranking};
use crate::scale::fit::Starts;
use crate::scale::runs::Runs;
use crate::scale::{as_f64, number, page, pictures, predict, statistics::spread};
use crate::store::StoreError;
use crate::train::PairedOrder;

/// What was expected of the largest rung.
pub(super) const PREDICTIONS: &str = "predictions.json";
const DRAWS: usize = 1_000;
/// Of each fit: a ladder has tens of runs, and `tamis fit` on its table takes them all.
const STARTS: Starts = Starts::Some(500);

/// Writes what is expected of the largest rung and of the target, from the rungs below it. A file
/// that is there stays.
///
/// # Errors
/// When storage fails. Where the losses allow no prediction, that is told, and the ladder goes on.
pub(super) fn predict(schedule: &Schedule<'_>, outcomes: &Outcomes) -> Result<(), LabError> {
    let lab = schedule.lab;
    if lab.store.exists(PREDICTIONS)? {
        return Ok(());
    }
    let results = Results::new(schedule, outcomes)?;
    let text = results.runs().and_then(|runs| {
        let analysis = analyse(&runs, &question(schedule))?;
        Ok(predict::write(&analysis, &runs, &lab.options.date)?)
    });
    match text {
        Ok(text) => {
            lab.store.put_if_absent(PREDICTIONS, Bytes::from(text))?;
            lab.tell(&format!("what is expected of the largest size is in {PREDICTIONS}"));
        }
        Err(LabError::Store(error)) => return Err(LabError::Store(error)),
        Err(error) => lab.tell(&format!("the largest size cannot be predicted: {error}")),
    }
    Ok(())
}

/// Losses at the largest rung and at the target.
fn question(schedule: &Schedule<'_>) -> Question {
    let config = schedule.lab.config;
    let mut targets = vec![Target::Flops(config.target.flops)];
    if let Some(rung) = schedule.lab.plan.rungs.last() {
        let params = as_f64(rung.params);
        let at = |tokens: &u64| Target::At { params, tokens: as_f64(*tokens) };
        targets.extend(rung.tokens.iter().map(at));
    }
    Question {
        starts: STARTS,
        bootstrap: bootstrap::Settings { draws: DRAWS, seed: config.head.seed, method: None },
        targets,
        pools: schedule.recipes.iter().filter_map(|recipe| pool(schedule, recipe)).collect(),
        keep_diverged: false,
    }
}

/// The different tokens that a recipe has for the target.
fn pool(schedule: &Schedule<'_>, recipe: &Recipe) -> Option<(String, f64)> {
    let tokens = match schedule.lab.config.target.unique_tokens {
        UniqueTokens::Count(tokens) => tokens,
        UniqueTokens::Named(Pool::Pool) => as_f64(recipe.tokens()),
        UniqueTokens::Named(Pool::Unlimited) => return None,
    };
    Some((recipe.name.clone(), tokens))
}

/// Judges, and writes tables and pictures. There is no analysis where no law could be fitted.
///
/// # Errors
/// When storage fails.
pub(super) fn report(
    schedule: &Schedule<'_>,
    outcomes: &Outcomes,
    evaluation: &Evaluation,
    paired: PairedOrder,
) -> Result<(Report, Option<Analysis>), LabError> {
    let lab = schedule.lab;
    let results = Results::new(schedule, outcomes)?;
    let tokenizer = evaluation.dataset.tokenizer.clone();
    lab.store.put("runs.csv", results.csv(&tokenizer).into())?;
    let runs = results.runs();
    let analysis = runs
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|runs| analyse(runs, &question(schedule)).map_err(|error| error.to_string()));
    let (analysis, unfit) = match analysis {
        Ok(analysis) => (Some(analysis), None),
        Err(why) => (None, Some(why)),
    };
    let settled = match (&runs, lab.store.read(PREDICTIONS)) {
        (Ok(runs), Ok(bytes)) => {
            let file = predict::read(&String::from_utf8_lossy(&bytes))?;
            Some(predict::settle(&file, runs))
        }
        (_, Err(StoreError::NotFound { .. })) | (Err(_), Ok(_)) => None,
        (_, Err(error)) => return Err(error.into()),
    };
    let report = Report {
        name: lab.config.head.name.clone(),
        recipes: schedule.recipes.iter().map(Recipe::kept).collect(),
        sets: evaluation.sets.clone(),
        paired,
        trainings: results.trainings,
        seconds: results.seconds,
        rates: rates(schedule, outcomes)?,
        ranking: match (&runs, &unfit) {
            // The analysis has it otherwise.
            (Ok(runs), Some(_)) => plain(runs),
            _ => Vec::new(),
        },
        reduced: reduced(schedule, &results),
        diverged: results.diverged.clone(),
        ablations: ablations(schedule, &results, outcomes)?,
        settled,
        unfit,
    };
    lab.store.put("lab.json", Bytes::from(serde_json::to_vec_pretty(&report)?))?;
    if let Some(analysis) = &analysis {
        write(schedule, analysis, &report)?;
    }
    Ok((report, analysis))
}

fn write(schedule: &Schedule<'_>, analysis: &Analysis, report: &Report) -> Result<(), LabError> {
    let store = &schedule.lab.store;
    store.put("scale.json", Bytes::from(serde_json::to_string_pretty(analysis)? + "\n"))?;
    let page = page::page(&report.name, analysis, &section(report));
    store.put("scale.html", page.into())?;
    for picture in analysis.evaluations.iter().flat_map(pictures::pictures) {
        store.put(&format!("{}.svg", picture.name), picture.svg.into())?;
    }
    Ok(())
}

/// The plain ranking of each evaluation.
fn plain(runs: &Runs) -> Vec<Reduced> {
    let of = |evaluation: String| Reduced {
        recipes: ranking(&runs.of(&evaluation))
            .into_iter()
            .map(|ranked| (ranked.recipe, ranked.loss))
            .collect(),
        evaluation,
    };
    runs.evaluations().into_iter().map(of).collect()
}

/// The recipes by their losses at the smallest learning rate, at the end of the largest rung.
fn reduced(schedule: &Schedule<'_>, results: &Results) -> Vec<Reduced> {
    let rates = &schedule.lab.config.ladder.learning_rates;
    let ([least, _, ..], Some(rung)) = (&rates[..], schedule.lab.plan.rungs.last()) else {
        return Vec::new();
    };
    let mut found: Vec<Reduced> = Vec::new();
    for row in &results.rows {
        let here = row.place.rate.to_bits() == least.to_bits()
            && row.place.seed == 0
            && row.params == rung.params
            && Some(&row.tokens) == rung.tokens.last()
            && schedule.recipes.iter().any(|recipe| recipe.name == row.recipe);
        let Some(loss) = row.loss.filter(|_| here) else { continue };
        let entry = (row.recipe.clone(), loss);
        match found.iter_mut().find(|reduced| reduced.evaluation == row.evaluation) {
            Some(reduced) => reduced.recipes.push(entry),
            None => {
                found.push(Reduced { evaluation: row.evaluation.clone(), recipes: vec![entry] });
            }
        }
    }
    for reduced in &mut found {
        reduced.recipes.sort_by(|left, right| left.1.total_cmp(&right.1));
    }
    found
}

/// The learning rates tried.
fn rates(schedule: &Schedule<'_>, outcomes: &Outcomes) -> Result<Vec<Rate>, LabError> {
    let mut found = Vec::new();
    if schedule.lab.config.ladder.learning_rates.len() < 2 {
        return Ok(found);
    }
    for recipe in schedule.recipes {
        for (rung, model) in schedule.lab.plan.rungs.iter().enumerate() {
            let Some(tried) = schedule.rates(recipe, rung, outcomes)? else { continue };
            found.push(Rate {
                recipe: recipe.name.clone(),
                params: model.params,
                usual: model.settings.learning_rate,
                chosen: schedule.best_rate(recipe, rung, outcomes)?,
                tried,
            });
        }
    }
    Ok(found)
}

/// What each stage is worth: losses of its variants beside those of what they are held against.
fn ablations(
    schedule: &Schedule<'_>,
    results: &Results,
    outcomes: &Outcomes,
) -> Result<Vec<Ablated>, LabError> {
    let mut found = Vec::new();
    for variant in schedule.variants {
        let against = match variant.way {
            Way::LeaveOneOut | Way::RandomDrop => {
                schedule.recipes.iter().find(|recipe| recipe.name == variant.of)
            }
            Way::AddOne => {
                let bare = |other: &&Variant| {
                    other.of == variant.of && other.way == Way::AddOne && other.stage.is_none()
                };
                schedule.variants.iter().find(bare).map(|variant| &variant.recipe)
            }
        };
        let Some(against) = against else { continue };
        let places = schedule.variant_places(variant, outcomes)?;
        let mut differences = Vec::new();
        let mut losses = Vec::new();
        for place in places {
            let last = |recipe: &Recipe| {
                let mut of = results.rows.iter().filter(|row| {
                    row.recipe == recipe.name && row.place == place && row.loss.is_some()
                });
                let mean = of.clone().rfind(|row| row.evaluation == MEAN);
                mean.or_else(|| of.next_back()).and_then(|row| row.loss)
            };
            if let (Some(own), Some(other)) = (last(&variant.recipe), last(against)) {
                differences.push(own - other);
                losses.push(own);
            }
        }
        if losses.is_empty() {
            continue;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / number(values.len());
        found.push(Ablated {
            variant: variant.recipe.name.clone(),
            stage: variant.stage.clone(),
            way: variant.way,
            against: against.name.clone(),
            params: schedule.lab.plan.rungs[variant.rung].params,
            documents: variant.recipe.summary.kept,
            tokens: variant.recipe.tokens(),
            tokens_against: against.tokens(),
            loss: mean(&losses),
            difference: mean(&differences),
            deviation: (differences.len() > 1).then(|| spread(&differences)),
            seeds: differences.len(),
            cost: variant.cost,
        });
    }
    Ok(found)
}
