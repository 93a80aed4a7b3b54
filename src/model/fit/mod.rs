//! Fitting text classifiers: from labelled texts to a fastText model, its calibration, and what it
//! is worth on texts it has not seen. `tamis fit-classifier` is built on it.
//!
//! Texts are divided in three by their content, so that copies stay together: trials are trained on
//! the first part; the second chooses among them, calibrates and sets thresholds; all figures are of
//! the third. Every number is the same on any machine with any number of threads.

pub mod calibrate;
mod card;
pub mod measures;
mod plot;
mod split;
mod trials;

use rayon::prelude::*;
use serde::Serialize;

use self::calibrate::Kind;
pub use self::card::{About, card};
use self::measures::{AtThreshold, Bin, Ranked, bins, brier, calibration_error, log_loss};
pub use self::plot::plot;
pub use self::split::{Counts, Labelled, Part, Shares, split};
pub use self::trials::{Fixed, Metric, Trial};
use super::classifier::{Calibration, FORMAT, LabelFacts, Length, Preprocess, Sidecar};
use super::fasttext::train::{Example, TrainError, TrainLoss, Trained};
use super::fasttext::{FastText, FastTextError, Scratch};

/// Thresholds of the table.
const THRESHOLDS: [f64; 13] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// Points of a curve that are kept for the plot.
const CURVE_POINTS: usize = 200;

/// How a classifier is fitted.
#[derive(Debug, Clone)]
pub struct FitSettings {
    /// Seed of every draw.
    pub seed: u64,
    /// What a label says of the others.
    pub loss: TrainLoss,
    /// A logistic regression in place of fastText's network.
    pub linear: bool,
    /// Hyper-parameters that are given, not searched.
    pub fixed: Fixed,
    /// How many settings are tried; 1 takes the defaults.
    pub trials: u32,
    /// What the best trial is best at.
    pub metric: Metric,
    /// How scores become probabilities; `None` chooses.
    pub calibration: Option<Kind>,
    /// Whether scores become probabilities at all.
    pub calibrate: bool,
    /// The file's size at most; `None` leaves the weights as floats.
    pub max_bytes: Option<usize>,
    /// The label to show; all of them where none is given.
    pub positive: Option<String>,
    /// What was done to the texts.
    pub preprocess: Preprocess,
    /// Languages of the texts.
    pub languages: Vec<String>,
}

/// Why no classifier came out.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Training did not work, whatever the settings.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A part has no text.
    #[error("no text is left for {0}: give more texts, or a larger share")]
    EmptyPart(&'static str),
    /// A label stands nowhere.
    #[error("no text to {part} with has the label `{label}`: give more texts of it")]
    NoExample {
        /// The label.
        label: String,
        /// What the texts are for.
        part: &'static str,
    },
    /// What was written cannot be read: a bug.
    #[error("the model that was fitted does not load: {0}")]
    Load(#[from] FastTextError),
}

/// A classifier with its figures.
pub struct Fitted {
    /// The model file.
    pub model: Vec<u8>,
    /// Whether it is quantised (`.ftz`) or not (`.bin`).
    pub quantised: bool,
    /// The file beside it, `data` and `metrics` left empty.
    pub sidecar: Sidecar,
    /// What was tried and found.
    pub report: Report,
}

/// What was tried and found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Bytes of the model file.
    pub bytes: usize,
    /// Words with a row of their own, before pruning.
    pub words: usize,
    /// Every trial, in order.
    pub trials: Vec<Trial>,
    /// Index of the best.
    pub best: usize,
    /// Macro-averaged ROC-AUC on the test part.
    pub roc_auc: f64,
    /// Share of the test part whose best label is right; of softmax only.
    pub accuracy: Option<f64>,
    /// By label.
    pub labels: Vec<LabelReport>,
}

/// What a label's scores are worth on the test part.
#[derive(Debug, Clone, Serialize)]
pub struct LabelReport {
    /// The label.
    pub label: String,
    /// Texts of the test part that have it.
    pub positives: u64,
    /// Area under the ROC curve.
    pub roc_auc: f64,
    /// Average precision.
    pub average_precision: f64,
    /// Probability from which the label is taken to hold: the best F1 on the validation part.
    pub threshold: f64,
    /// F1 there.
    pub f1: f64,
    /// Ways to calibrate: `(name, log loss, Brier score)` by cross-validation on the validation part.
    pub calibrations: Vec<(&'static str, f64, f64)>,
    /// Log loss before and after calibration.
    pub log_loss: (f64, f64),
    /// Brier score before and after.
    pub brier: (f64, f64),
    /// Expected calibration error before and after, ten bins.
    pub calibration_error: (f64, f64),
    /// What thresholds keep.
    pub thresholds: Vec<AtThreshold>,
    /// Ten bins of probabilities, after calibration.
    #[serde(skip)]
    pub bins: Vec<Bin>,
    /// Points of the ROC and the precision-recall curve.
    #[serde(skip)]
    pub curve: Vec<AtThreshold>,
}

/// Fits a classifier. `tell` is told how it goes on.
///
/// # Errors
/// When a part lacks texts or a label, or no trial makes a model.
pub fn fit(
    labels: &[String],
    texts: &[Labelled],
    settings: &FitSettings,
    tell: &(dyn Fn(String) + Sync),
) -> Result<Fitted, FitError> {
    let part = |part| -> Vec<&Labelled> { texts.iter().filter(|text| text.part == part).collect() };
    let (to_train, to_choose, to_test) =
        (part(Part::Train), part(Part::Validation), part(Part::Test));
    check(labels, &[("train", &to_train), ("validate", &to_choose), ("test", &to_test)])?;
    let examples: Vec<Example<'_>> = to_train.iter().map(|text| text.example()).collect();

    let tuned = trials::search(labels, &examples, &to_choose, settings, tell)?;
    let words = tuned.model.words();
    let (model, quantised) = written(&tuned.model, settings.max_bytes)?;
    tell(format!("written: {} bytes", model.len()));

    let loaded = FastText::from_bytes(&model)?;
    let length = tuned.model.length();
    let (choose_scores, test_scores) =
        (scores(&loaded, length, &to_choose), scores(&loaded, length, &to_test));
    let mut facts = std::collections::BTreeMap::new();
    let mut reports = Vec::new();
    for (index, name) in loaded.labels().iter().enumerate() {
        let Some(number) = labels.iter().position(|label| label == name) else { continue };
        let set = LabelSets {
            choose: (column(&choose_scores, index), truths(&to_choose, number)),
            test: (column(&test_scores, index), truths(&to_test, number)),
        };
        let (report, calibration) = set.judge(name, settings);
        let threshold = Some(report.threshold);
        facts.insert(format!("__label__{name}"), LabelFacts { calibration, threshold });
        if settings.positive.as_ref().is_none_or(|positive| positive == name) {
            reports.push(report);
        }
    }
    let accuracy = (settings.loss == TrainLoss::Softmax)
        .then(|| accuracy(&test_scores, &to_test, labels, loaded.labels()));
    let sidecar = Sidecar {
        format: FORMAT.to_owned(),
        preprocess: settings.preprocess,
        length,
        labels: facts,
        languages: settings.languages.clone(),
        data: serde_json::Value::Null,
        metrics: serde_json::Value::Null,
    };
    let report = Report {
        bytes: model.len(),
        words,
        best: tuned.best,
        trials: tuned.trials,
        roc_auc: trials::macro_average(
            labels,
            loaded.labels(),
            &test_scores,
            &to_test,
            Ranked::roc_auc,
        ),
        accuracy,
        labels: reports,
    };
    Ok(Fitted { model, quantised, sidecar, report })
}

/// The model's file, within its size.
fn written(trained: &Trained, max_bytes: Option<usize>) -> Result<(Vec<u8>, bool), TrainError> {
    let Some(max_bytes) = max_bytes else { return Ok((trained.to_bytes(), false)) };
    match trained.clone().into_quantised(max_bytes)? {
        Some(quantised) => Ok((quantised, true)),
        None => Ok((trained.to_bytes(), false)),
    }
}

fn check(labels: &[String], parts: &[(&'static str, &[&Labelled])]) -> Result<(), FitError> {
    for &(part, texts) in parts {
        if texts.is_empty() {
            return Err(FitError::EmptyPart(part));
        }
        for (number, label) in (0..).zip(labels) {
            if !texts.iter().any(|text| text.labels.contains(&number)) {
                return Err(FitError::NoExample { label: label.clone(), part });
            }
        }
    }
    Ok(())
}

/// Scores of each text by the model's labels; 0 where it knows no part of a text.
fn scores(model: &FastText, length: Length, texts: &[&Labelled]) -> Vec<Vec<f64>> {
    let score = |(scratch, raw): &mut (Scratch, Vec<f32>), text: &&Labelled| {
        if model.scores_into(&text.text, scratch, raw) {
            raw.iter().map(|&score| length.apply(f64::from(score), scratch.parts())).collect()
        } else {
            vec![0.0; model.labels().len()]
        }
    };
    texts.par_iter().map_init(Default::default, score).collect()
}

/// The scores of one label.
fn column(scores: &[Vec<f64>], label: usize) -> Vec<f64> {
    scores.iter().map(|scores| scores[label]).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "labels are few")]
fn truths(texts: &[&Labelled], label: usize) -> Vec<bool> {
    texts.iter().map(|text| text.labels.contains(&(label as u32))).collect()
}

/// Share of texts whose best label is one of theirs.
#[expect(clippy::cast_precision_loss, reason = "numbers of texts")]
fn accuracy(scores: &[Vec<f64>], texts: &[&Labelled], labels: &[String], order: &[String]) -> f64 {
    let right = scores.iter().zip(texts).filter(|(scores, text)| {
        let best = (0..scores.len())
            .fold(0, |best, other| if scores[other] > scores[best] { other } else { best });
        text.labels.iter().any(|&label| labels[label as usize] == order[best])
    });
    right.count() as f64 / texts.len().max(1) as f64
}

/// Scores and truths of one label, to choose with and to test with.
struct LabelSets {
    choose: (Vec<f64>, Vec<bool>),
    test: (Vec<f64>, Vec<bool>),
}

impl LabelSets {
    fn judge(&self, name: &str, settings: &FitSettings) -> (LabelReport, Option<Calibration>) {
        let (scores, truths) = &self.choose;
        let chosen = settings
            .calibrate
            .then(|| calibrate::choose(scores, truths, settings.calibration))
            .flatten();
        let calibration = chosen.as_ref().map(|chosen| chosen.calibration.clone());
        let calibrated = |scores: &[f64]| -> Vec<f64> {
            let apply = |&score: &f64| match &calibration {
                Some(calibration) => calibration.apply(score),
                None => score,
            };
            scores.iter().map(apply).collect()
        };
        let ranked = Ranked::new(&calibrated(scores), truths);
        let grid = (1..100u8).map(|hundredth| f64::from(hundredth) / 100.0);
        let threshold = grid
            .fold(0.5, |best, other| if ranked.f1(other) > ranked.f1(best) { other } else { best });
        let (raw, truths) = &self.test;
        let probabilities = calibrated(raw);
        let ranked = Ranked::new(&probabilities, truths);
        let raw_ranked = Ranked::new(raw, truths);
        let own_bins = bins(&probabilities, truths);
        let report = LabelReport {
            label: name.to_owned(),
            positives: ranked.positives(),
            // Of the scores: a calibration may make equal what the model tells apart.
            roc_auc: raw_ranked.roc_auc(),
            average_precision: raw_ranked.average_precision(),
            threshold,
            f1: ranked.f1(threshold),
            calibrations: chosen.map(|chosen| chosen.tried).unwrap_or_default(),
            log_loss: (log_loss(raw, truths), log_loss(&probabilities, truths)),
            brier: (brier(raw, truths), brier(&probabilities, truths)),
            calibration_error: (
                calibration_error(&bins(raw, truths)),
                calibration_error(&own_bins),
            ),
            thresholds: THRESHOLDS.iter().map(|&threshold| ranked.at(threshold)).collect(),
            bins: own_bins,
            curve: ranked.curve(CURVE_POINTS),
        };
        (report, calibration)
    }
}

#[cfg(test)]
mod tests;
