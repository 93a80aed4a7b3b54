//! Text classifiers whose scores mean something: a fastText model with a sidecar file that says how
//! its scores become probabilities.
//!
//! Beside the model `NAME.ftz` or `NAME.bin` stands `NAME.json`, written by `tamis fit-classifier`:
//!
//! ```json
//! {"format": "tamis-classifier-1",
//!  "preprocess": "words",
//!  "labels": {"__label__toxic": {"calibration": {"kind": "platt", "a": 0.9, "b": -0.3}, "threshold": 0.5}},
//!  "languages": ["en"], "data": ["…"], "metrics": {}}
//! ```
//!
//! A model without one is used as it is: its texts as they come, its scores as the fastText tool
//! gives them.

mod preprocess;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::preprocess::Preprocess;
use super::fasttext::{FastText, Scratch as FastTextScratch};

/// What a sidecar's `format` says.
pub const FORMAT: &str = "tamis-classifier-1";

/// fastText adds 1e-5 to each probability, so no score is below it.
const LEAST: f64 = 1e-5;

/// The file beside a model that says how its scores are to be read.
#[must_use]
pub fn sidecar_path(model: &Path) -> PathBuf {
    model.with_extension("json")
}

/// What stands in the file beside a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// [`FORMAT`].
    pub format: String,
    /// What is done to a text before the model sees it.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// By label, with or without `__label__`; the scores of others stay as they are.
    #[serde(default)]
    pub labels: BTreeMap<String, LabelFacts>,
    /// Languages the model was trained on, as ISO 639 codes; empty where that is not known.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The data it was trained on, for people.
    #[serde(default)]
    pub data: serde_json::Value,
    /// What was measured on texts it was not trained on, for people.
    #[serde(default)]
    pub metrics: serde_json::Value,
}

/// What a sidecar says of one label.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelFacts {
    /// From the model's score to a probability; none leaves the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Probability from which the label is taken to hold, where the user says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// A rising function from scores to probabilities, both 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Calibration {
    /// `1 / (1 + exp(-(a · ln(s / (1 - s)) + b)))` of a score `s`, which is first brought into
    /// 1e-5 ..= 1 - 1e-5 (Platt 1999, on the log-odds).
    Platt {
        /// Factor of the log-odds, positive.
        a: f64,
        /// What is added.
        b: f64,
    },
    /// Straight lines between points, constant before the first and behind the last (isotonic
    /// regression: Zadrozny and Elkan 2002).
    Isotonic {
        /// Scores, rising.
        x: Vec<f64>,
        /// Probabilities, not falling.
        y: Vec<f64>,
    },
}

impl Calibration {
    /// The probability that belongs to a score.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        match self {
            Self::Platt { a, b } => sigmoid(a * log_odds(score) + b),
            Self::Isotonic { x, y } => interpolate(x, y, score),
        }
    }

    fn check(&self) -> Result<(), String> {
        let probability = |value: &f64| (0.0..=1.0).contains(value);
        match self {
            Self::Platt { a, b } if *a > 0.0 && a.is_finite() && b.is_finite() => Ok(()),
            Self::Platt { a, b } => Err(format!("platt needs a > 0 and finite b, not {a} and {b}")),
            Self::Isotonic { x, y } => {
                let rising = x.windows(2).all(|pair| pair[0] < pair[1])
                    && y.windows(2).all(|pair| pair[0] <= pair[1]);
                let sound = !x.is_empty() && x.len() == y.len() && x.iter().all(|x| x.is_finite());
                if sound && rising && y.iter().all(probability) {
                    return Ok(());
                }
                Err("isotonic needs as many `x`, rising, as `y`, 0 to 1 and not falling".to_owned())
            }
        }
    }
}

/// `ln(s / (1 - s))`, the score first brought into 1e-5 ..= 1 - 1e-5.
#[must_use]
pub fn log_odds(score: f64) -> f64 {
    let score = score.clamp(LEAST, 1.0 - LEAST);
    libm::log(score / (1.0 - score))
}

/// `1 / (1 + exp(-x))`, the same on every machine.
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn interpolate(x: &[f64], y: &[f64], score: f64) -> f64 {
    let after = x.partition_point(|&point| point <= score);
    match (after.checked_sub(1), x.get(after)) {
        (None, _) => y[0],
        (Some(before), None) => y[before],
        (Some(before), Some(end)) => {
            let share = (score - x[before]) / (end - x[before]);
            y[before] + share * (y[after] - y[before])
        }
    }
}

/// A label of a classifier.
#[derive(Debug, Clone)]
pub struct Label {
    /// The label without `__label__`.
    pub name: String,
    /// From the model's score to a probability.
    pub calibration: Option<Calibration>,
    /// Probability from which the label is taken to hold, where the user says nothing; 0.5 where
    /// the sidecar says nothing either.
    pub threshold: f64,
}

/// A classifier, ready to score. Immutable: share one among all threads, with one [`Scratch`] each.
pub struct Classifier {
    model: Arc<FastText>,
    labels: Vec<Label>,
    preprocess: Preprocess,
    languages: Vec<String>,
    has_sidecar: bool,
}

/// Buffers that [`Classifier::score`] reuses.
#[derive(Debug, Default)]
pub struct Scratch {
    text: String,
    fasttext: FastTextScratch,
    raw: Vec<f32>,
    scores: Vec<f64>,
}

impl Classifier {
    /// A model with what its sidecar says, where it has one.
    ///
    /// # Errors
    /// When the sidecar does not fit the model; the message says what to change.
    pub fn new(model: Arc<FastText>, sidecar: Option<Sidecar>) -> Result<Self, String> {
        let mut labels: Vec<Label> = model
            .labels()
            .iter()
            .map(|name| Label { name: name.clone(), calibration: None, threshold: 0.5 })
            .collect();
        let Some(sidecar) = sidecar else {
            let preprocess = Preprocess::default();
            let languages = Vec::new();
            return Ok(Self { model, labels, preprocess, languages, has_sidecar: false });
        };
        if sidecar.format != FORMAT {
            return Err(format!("its `format` is `{}`, not `{FORMAT}`", sidecar.format));
        }
        for (name, facts) in sidecar.labels {
            let bare = name.strip_prefix("__label__").unwrap_or(&name);
            let Some(label) = labels.iter_mut().find(|label| label.name == bare) else {
                let known: Vec<&str> = model.labels().iter().map(String::as_str).collect();
                return Err(format!("the model has no label `{name}`, only {}", listed(&known)));
            };
            if let Some(calibration) = &facts.calibration {
                calibration.check().map_err(|reason| format!("`{name}`: {reason}"))?;
            }
            let threshold = facts.threshold.unwrap_or(0.5);
            if !(0.0..=1.0).contains(&threshold) {
                return Err(format!("`{name}`: threshold {threshold} is not a probability"));
            }
            (label.calibration, label.threshold) = (facts.calibration, threshold);
        }
        let (preprocess, languages) = (sidecar.preprocess, sidecar.languages);
        Ok(Self { model, labels, preprocess, languages, has_sidecar: true })
    }

    /// The labels, in the order of the scores.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Index of a label, given with or without `__label__`.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<usize> {
        let bare = name.strip_prefix("__label__").unwrap_or(name);
        self.labels.iter().position(|label| label.name == bare)
    }

    /// What is done to a text before it is scored.
    #[must_use]
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess
    }

    /// Whether a file beside the model says how to read its scores.
    #[must_use]
    pub fn has_sidecar(&self) -> bool {
        self.has_sidecar
    }

    /// Languages the model is for; empty where its sidecar does not say.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// Probabilities of `text` by label, in the order of [`Classifier::labels`]: calibrated where
    /// the sidecar says how, else the scores of the fastText tool (up to 1.00001).
    ///
    /// `None` where the model knows no part of the text, which only happens to models that know no
    /// end of line, or where a weight is not a number.
    pub fn score<'s>(&self, text: &str, scratch: &'s mut Scratch) -> Option<&'s [f64]> {
        self.score_as(self.preprocess, text, scratch)
    }

    /// [`Classifier::score`] with another preprocessing than the sidecar's.
    pub fn score_as<'s>(
        &self,
        preprocess: Preprocess,
        text: &str,
        scratch: &'s mut Scratch,
    ) -> Option<&'s [f64]> {
        self.raw_as(preprocess, text, scratch)?;
        let Scratch { raw, scores, .. } = scratch;
        scores.clear();
        scores.extend(raw.iter().zip(&self.labels).map(|(&raw, label)| match &label.calibration {
            Some(calibration) => calibration.apply(f64::from(raw)),
            None => f64::from(raw),
        }));
        Some(&scratch.scores)
    }

    /// The model's own scores of `text`, before calibration, in the order of [`Classifier::labels`].
    pub fn raw<'s>(&self, text: &str, scratch: &'s mut Scratch) -> Option<&'s [f32]> {
        self.raw_as(self.preprocess, text, scratch)
    }

    fn raw_as<'s>(
        &self,
        preprocess: Preprocess,
        text: &str,
        scratch: &'s mut Scratch,
    ) -> Option<&'s [f32]> {
        let Scratch { text: buffer, fasttext, raw, .. } = scratch;
        let text = preprocess.apply(text, buffer);
        self.model.scores_into(text, fasttext, raw).then_some(&*raw)
    }
}

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(12);
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
