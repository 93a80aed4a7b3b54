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
    /// What the model's log-odds are multiplied by, before calibration.
    #[serde(default, skip_serializing_if = "Length::is_mean")]
    pub length: Length,
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

/// How the length of a text enters its score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// As fastText has it: the mean over the text's parts (words and n-grams). An insult weighs half
    /// as much in a text twice as long.
    #[default]
    Mean,
    /// The log-odds times the square root of the number of parts: weights as those of a linear
    /// model over texts of unit length. For models trained that way.
    Root,
}

impl Length {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
    fn is_mean(&self) -> bool {
        *self == Self::Mean
    }

    /// The score that calibration is for, of a text in which the model knew so many parts.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "parts are far fewer than 2^52")]
    pub fn apply(self, score: f64, parts: usize) -> f64 {
        match self {
            Self::Mean => score,
            Self::Root => sigmoid((parts as f64).sqrt() * log_odds(score)),
        }
    }
}

/// What pieces of a text say of a label, added up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence {
    /// Log-odds of the pieces, each times its number of parts.
    sum: f64,
    /// Words and n-grams that the model knew.
    parts: usize,
}

impl std::ops::AddAssign for Evidence {
    fn add_assign(&mut self, other: Self) {
        self.sum += other.sum;
        self.parts += other.parts;
    }
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

impl Label {
    /// The probability that a score stands for.
    fn calibrated(&self, score: f64) -> f64 {
        self.calibration.as_ref().map_or(score, |calibration| calibration.apply(score))
    }
}

/// A classifier, ready to score. Immutable: share one among all threads, with one [`Scratch`] each.
pub struct Classifier {
    model: Arc<FastText>,
    labels: Vec<Label>,
    preprocess: Preprocess,
    length: Length,
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
            let length = Length::Mean;
            return Ok(Self { model, labels, preprocess, length, languages, has_sidecar: false });
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
        let (preprocess, length, languages) =
            (sidecar.preprocess, sidecar.length, sidecar.languages);
        Ok(Self { model, labels, preprocess, length, languages, has_sidecar: true })
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
        let Scratch { raw, scores, fasttext, .. } = scratch;
        scores.clear();
        scores.extend(raw.iter().zip(&self.labels).map(|(&raw, label)| {
            label.calibrated(self.length.apply(f64::from(raw), fasttext.parts()))
        }));
        Some(&scratch.scores)
    }

    /// What the text that [`Classifier::score`] just scored says of one label, for texts that are
    /// scored piece by piece.
    #[must_use]
    pub fn evidence(&self, label: usize, scratch: &Scratch) -> Evidence {
        let parts = scratch.fasttext.parts();
        #[expect(clippy::cast_precision_loss, reason = "parts are far fewer than 2^52")]
        let weight = parts as f64;
        Evidence { sum: weight * log_odds(f64::from(scratch.raw[label])), parts }
    }

    /// The score of one label for pieces that are one text, which counts as long as `most_parts` at
    /// most. Equal to [`Classifier::score`] of the whole, but for n-grams over their borders, where
    /// there are two labels.
    #[must_use]
    pub fn together(&self, label: usize, evidence: Evidence, most_parts: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "parts are far fewer than 2^52")]
        let mean = sigmoid(evidence.sum / evidence.parts.max(1) as f64);
        let score = self.length.apply(mean, evidence.parts.min(most_parts));
        self.labels[label].calibrated(score)
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
