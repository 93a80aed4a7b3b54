//! What is expected of trainings that were not made yet, written down before they are.
//!
//! The file holds a date, the runs it rests on as a digest, the predicted losses with their
//! intervals and the verdicts, and a digest of itself: afterwards it can be shown that prediction
//! and outcome are two things (OpenAI's report on GPT-4 calls this predictable scaling,
//! <https://arxiv.org/abs/2303.08774>).

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ScaleError;
use super::analysis::Analysis;
use super::compare::{Decision, Target, Verdict, gap_at_largest};
use super::runs::{Run, Runs};
use super::statistics::Interval;

/// What stands at the start of a file of predictions.
pub const FORMAT: &str = "tamis-scale-predictions-1";
const UNSIGNED: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A file of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// [`FORMAT`].
    pub format: String,
    /// The day it was made, as its maker says.
    pub date: String,
    /// SHA-256 of the file with zeros in this place.
    pub digest: String,
    /// SHA-256 of the runs it rests on.
    pub runs_digest: String,
    /// Number of these runs.
    pub runs: usize,
    /// The largest N among them.
    pub largest_params: f64,
    /// The losses expected.
    pub predictions: Vec<Expected>,
    /// What is said of pairs of recipes.
    pub verdicts: Vec<Claimed>,
}

/// A loss expected of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// What the loss will be measured on.
    pub evaluation: String,
    /// The data.
    pub recipe: String,
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// The loss.
    pub loss: f64,
    /// Where it lies with 95 %; none where the runs do not say.
    pub interval: Option<Interval>,
}

/// A verdict on an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// What the losses will be measured on.
    pub evaluation: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// A prediction beside what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What was expected.
    pub expected: Expected,
    /// What was measured, the mean over seeds; none where the training is not in the table.
    pub measured: Option<f64>,
    /// predicted / measured − 1.
    pub error: Option<f64>,
    /// Whether the interval holds it.
    pub inside: Option<bool>,
}

/// A verdict beside what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settled {
    /// What was said.
    pub claimed: Claimed,
    /// Measured gap at the verdict's size and tokens; for a budget, at the largest size that both
    /// recipes now have. None where nothing larger than the runs of the prediction was trained there.
    pub gap: Option<f64>,
    /// Whether the verdict has it right; none for *undecided*.
    pub right: Option<bool>,
}

/// A file of predictions beside a table of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The day of the predictions.
    pub date: String,
    /// Their digest.
    pub digest: String,
    /// Whether the runs they rest on stand unchanged in the table.
    pub same_runs: bool,
    /// Each prediction.
    pub outcomes: Vec<Outcome>,
    /// Each verdict.
    pub verdicts: Vec<Settled>,
}

/// SHA-256 of runs, whatever their order and lines.
#[must_use]
pub fn runs_digest<'a>(runs: impl Iterator<Item = &'a Run>) -> String {
    let mut lines: Vec<String> = runs
        .map(|run| {
            let Run { recipe, evaluation, seed, params, tokens, unique, loss, .. } = run;
            format!(
                "{evaluation:?} {recipe:?} {seed:?} {params:?} {tokens:?} {unique:?} {loss:?}\n"
            )
        })
        .collect();
    lines.sort_unstable();
    hexadecimal(lines.concat().as_bytes())
}

fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text of the file that `analysis` of `runs` gives on the day `date`, as `2026-11-29`.
///
/// # Errors
/// When `date` is none, or nothing was asked to be predicted.
pub fn write(analysis: &Analysis, runs: &Runs, date: &str) -> Result<String, ScaleError> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = date.split('-').collect();
    if parts.iter().map(|part| part.len()).ne([4, 2, 2]) || !parts.iter().all(|part| digits(part)) {
        return Err(ScaleError::Setting(format!(
            "`{date}` is no date; give the day as year-month-day, such as 2026-11-29"
        )));
    }
    let mut file = Predictions {
        format: FORMAT.to_owned(),
        date: date.to_owned(),
        digest: UNSIGNED.to_owned(),
        runs_digest: runs_digest(runs.runs.iter()),
        runs: runs.runs.len(),
        largest_params: runs.runs.iter().map(|run| run.params).fold(0.0, f64::max),
        predictions: Vec::new(),
        verdicts: Vec::new(),
    };
    for evaluation in &analysis.evaluations {
        for recipe in &evaluation.recipes {
            file.predictions.extend(recipe.predictions.iter().map(|prediction| Expected {
                evaluation: evaluation.evaluation.clone(),
                recipe: recipe.recipe.clone(),
                params: prediction.params,
                tokens: prediction.tokens,
                loss: prediction.loss,
                interval: prediction.interval,
            }));
        }
        file.verdicts.extend(evaluation.verdicts.iter().map(|verdict| Claimed {
            evaluation: evaluation.evaluation.clone(),
            verdict: verdict.clone(),
        }));
    }
    if file.predictions.is_empty() {
        return Err(ScaleError::Setting(
            "there is nothing to predict; name the training by --at PARAMS:TOKENS, or a budget by \
             --flops"
                .to_owned(),
        ));
    }
    let unsigned = serde_json::to_string_pretty(&file)
        .map_err(|error| ScaleError::Setting(error.to_string()))?
        + "\n";
    Ok(unsigned.replacen(UNSIGNED, &hexadecimal(unsigned.as_bytes()), 1))
}

/// Reads a file of predictions and sees to it that nothing in it was changed.
///
/// # Errors
/// When it is no such file, or its digest is not its own.
pub fn read(text: &str) -> Result<Predictions, ScaleError> {
    let file: Predictions = serde_json::from_str(text)
        .map_err(|error| ScaleError::Setting(format!("no file of predictions: {error}")))?;
    if file.format != FORMAT {
        return Err(ScaleError::Setting(format!(
            "the file of predictions has the format `{}`; this tamis reads `{FORMAT}`",
            file.format
        )));
    }
    let unsigned = text.replacen(&file.digest, UNSIGNED, 1);
    if hexadecimal(unsigned.as_bytes()) != file.digest {
        return Err(ScaleError::Setting(
            "the file of predictions was changed after it was written: its digest is not its own"
                .to_owned(),
        ));
    }
    Ok(file)
}

fn mean(losses: &[f64]) -> Option<f64> {
    (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / super::number(losses.len()))
}

/// Puts predictions beside what the runs of a later table came to.
#[must_use]
pub fn settle(file: &Predictions, runs: &Runs) -> Comparison {
    let near = |left: f64, right: f64| (left / right - 1.0).abs() < 1e-3;
    let outcomes = file.predictions.iter().map(|expected| {
        let of = runs.runs.iter().filter(|run| {
            run.evaluation == expected.evaluation
                && run.recipe == expected.recipe
                && near(run.params, expected.params)
                && near(run.tokens, expected.tokens)
        });
        let measured = mean(&of.map(|run| run.loss).collect::<Vec<f64>>());
        Outcome {
            expected: expected.clone(),
            measured,
            error: measured.map(|measured| expected.loss / measured - 1.0),
            inside: measured
                .zip(expected.interval)
                .map(|(measured, interval)| (interval.low..=interval.high).contains(&measured)),
        }
    });
    let verdicts = file.verdicts.iter().map(|claimed| {
        let larger = |recipe: &str| -> Vec<Run> {
            let of = runs.runs.iter().filter(|run| {
                run.evaluation == claimed.evaluation
                    && run.recipe == recipe
                    && run.params > file.largest_params * 1.001
            });
            of.cloned().collect()
        };
        let (a, b) = (larger(&claimed.verdict.a), larger(&claimed.verdict.b));
        let gap = match claimed.verdict.target {
            Target::At { params, tokens } => {
                let there = |runs: &[Run]| {
                    let of = runs
                        .iter()
                        .filter(|run| near(run.params, params) && near(run.tokens, tokens));
                    mean(&of.map(|run| run.loss).collect::<Vec<f64>>())
                };
                there(&a).zip(there(&b)).map(|(a, b)| a - b)
            }
            Target::Flops(_) => gap_at_largest(&a, &b),
        };
        let right = gap.and_then(|gap| match claimed.verdict.decision {
            Decision::Win => Some(gap < 0.0),
            Decision::Lose => Some(gap > 0.0),
            Decision::Undecided => None,
        });
        Settled { claimed: claimed.clone(), gap, right }
    });
    let known = runs.runs.iter().filter(|run| run.params <= file.largest_params * 1.001);
    Comparison {
        date: file.date.clone(),
        digest: file.digest.clone(),
        same_runs: runs_digest(known) == file.runs_digest,
        outcomes: outcomes.collect(),
        verdicts: verdicts.collect(),
    }
}
