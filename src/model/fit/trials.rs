//! The search for hyper-parameters: a number of trials, never a number of seconds.

use std::fmt::Write;

use rayon::prelude::*;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::measures::{Ranked, log_loss};
use super::{FitError, FitSettings, Labelled, calibrate, column, scores, truths};
use crate::model::fasttext::FastText;
use crate::model::fasttext::train::{
    Example, LinearSettings, TrainError, TrainSettings, Trained, train,
};

/// Trials of a round, which know of the rounds before: fixed, so that the search does not depend on
/// the number of threads.
const ROUND: u32 = 4;

/// Hyper-parameters that the user gave; the others are searched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fixed {
    /// See [`TrainSettings::learning_rate`].
    pub learning_rate: Option<f64>,
    /// See [`TrainSettings::dimension`].
    pub dimension: Option<u32>,
    /// See [`TrainSettings::epochs`].
    pub epochs: Option<u32>,
    /// See [`TrainSettings::min_count`].
    pub min_count: Option<u32>,
    /// See [`TrainSettings::word_ngrams`].
    pub word_ngrams: Option<u32>,
    /// See [`TrainSettings::buckets`].
    pub buckets: Option<u32>,
    /// Shortest and longest character n-gram.
    pub chars: Option<(u32, u32)>,
    /// See [`LinearSettings::cost`].
    pub cost: Option<f64>,
    /// See [`LinearSettings::word_factor`].
    pub word_factor: Option<f64>,
}

/// What the best trial is best at, on the validation part; averages over the labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Area under the ROC curve.
    #[default]
    RocAuc,
    /// Average precision.
    AveragePrecision,
    /// F1 where scores are 0.5 or more.
    F1,
    /// Log loss, least.
    LogLoss,
}

/// One trial.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// What was tried.
    #[serde(skip)]
    pub settings: TrainSettings,
    /// `settings` for people.
    pub shown: String,
    /// The metric on the validation part, larger is better; `None` where training diverged.
    pub value: Option<f64>,
}

pub(super) struct Tuned {
    pub(super) trials: Vec<Trial>,
    pub(super) best: usize,
    /// What the best trial trained.
    pub(super) model: Trained,
}

/// What a trial comes to: its figure and what it trained.
type Outcome = Result<(f64, Trained), TrainError>;

/// Tries settings: the usual ones first, then drawn ones, from the second half on near the best.
pub(super) fn search(
    labels: &[String],
    examples: &[Example<'_>],
    to_choose: &[&Labelled],
    settings: &FitSettings,
    tell: &(dyn Fn(String) + Sync),
) -> Result<Tuned, FitError> {
    let mut trials: Vec<Trial> = Vec::new();
    let mut best = 0;
    let (mut model, mut last_error) = (None, None);
    let wanted = settings.trials.max(1);
    while trials.len() < wanted as usize {
        #[expect(clippy::cast_possible_truncation, reason = "trials are few")]
        let first = trials.len() as u32;
        let center = trials.get(best).map(|trial: &Trial| trial.settings.clone());
        let round: Vec<u32> = (first..wanted.min(first + ROUND)).collect();
        let found: Vec<(TrainSettings, Outcome)> = round
            .par_iter()
            .map(|&number| {
                let near = center.as_ref().filter(|_| number * 2 >= wanted);
                let tried = draw(number, near, settings);
                let value = value(labels, examples, to_choose, &tried, settings.metric);
                (tried, value)
            })
            .collect();
        for (tried, value) in found {
            let shown = shown(&tried);
            let (value, trained) = match value {
                Ok((value, trained)) => (Some(value), Some(trained)),
                Err(error @ TrainError::Diverged(_)) => {
                    last_error = Some(error);
                    (None, None)
                }
                Err(error) => return Err(error.into()),
            };
            let figure = value.map_or("diverged".to_owned(), |value| format!("{value:.5}"));
            tell(format!("trial {}/{wanted}: {figure} with {shown}", trials.len() + 1));
            trials.push(Trial { settings: tried, shown, value });
            let last = trials.len() - 1;
            if last == 0 || trials[last].value > trials[best].value {
                (best, model) = (last, trained);
            }
        }
    }
    match (model, last_error) {
        (Some(model), _) => Ok(Tuned { trials, best, model }),
        (None, Some(error)) => Err(error.into()),
        // There is a trial, which trained a model or failed.
        (None, None) => Err(FitError::EmptyPart("train")),
    }
}

fn value(
    labels: &[String],
    examples: &[Example<'_>],
    to_choose: &[&Labelled],
    tried: &TrainSettings,
    metric: Metric,
) -> Outcome {
    let trained = train(labels, examples, tried)?;
    // What was just written has every field where it belongs.
    let model = FastText::from_bytes(&trained.to_bytes())
        .map_err(|error| TrainError::Settings(format!("the model does not load: {error}")))?;
    let found = scores(&model, trained.length(), to_choose);
    let average = |figure: fn(&Ranked) -> f64| {
        macro_average(labels, model.labels(), &found, to_choose, figure)
    };
    let value = match metric {
        Metric::RocAuc => average(Ranked::roc_auc),
        Metric::AveragePrecision => average(Ranked::average_precision),
        Metric::F1 => average(|ranked| ranked.f1(0.5)),
        Metric::LogLoss => {
            let mut sum = 0.0;
            for (index, name) in model.labels().iter().enumerate() {
                let number = labels.iter().position(|label| label == name).unwrap_or(0);
                let (scores, truths) = (column(&found, index), truths(to_choose, number));
                sum -= match tried.linear {
                    None => log_loss(&scores, &truths),
                    // Its bias comes with the calibration.
                    Some(_) => calibrated_loss(&scores, &truths),
                };
            }
            sum
        }
    };
    Ok((value, trained))
}

/// Log loss after the better calibration, by cross-validation.
fn calibrated_loss(scores: &[f64], truths: &[bool]) -> f64 {
    let chosen = calibrate::choose(scores, truths, None);
    let tried = chosen.iter().flat_map(|chosen| &chosen.tried);
    tried.map(|(_, loss, _)| *loss).fold(f64::INFINITY, f64::min)
}

/// The mean over the labels, whose scores stand in the order `order`.
pub(super) fn macro_average(
    labels: &[String],
    order: &[String],
    scores: &[Vec<f64>],
    texts: &[&Labelled],
    figure: fn(&Ranked) -> f64,
) -> f64 {
    let (mut sum, mut number) = (0.0, 0);
    for (index, name) in order.iter().enumerate() {
        let Some(label) = labels.iter().position(|label| label == name) else { continue };
        let ranked = Ranked::new(&column(scores, index), &truths(texts, label));
        if ranked.has_both() {
            sum += figure(&ranked);
            number += 1;
        }
    }
    sum / f64::from(number.max(1))
}

/// The settings of a trial: a function of the seed, its number and the best before.
fn draw(number: u32, near: Option<&TrainSettings>, settings: &FitSettings) -> TrainSettings {
    if settings.linear {
        return draw_linear(number, near, settings);
    }
    let usual = TrainSettings {
        learning_rate: 0.5,
        dimension: 16,
        epochs: 10,
        min_count: 2,
        word_ngrams: 2,
        buckets: 1 << 18,
        min_chars: 0,
        max_chars: 0,
        loss: settings.loss,
        #[expect(clippy::cast_possible_truncation, reason = "any bits do")]
        seed: settings.seed as u32,
        linear: None,
    };
    let mut tried = usual.clone();
    if number > 0 {
        let mut choice = Choice { seed: settings.seed, trial: number, draws: 0 };
        let unit = choice.unit();
        match near {
            None => {
                tried.learning_rate = rounded(0.05 * libm::pow(30.0, unit));
                tried.epochs = choice.of(&[3, 5, 10, 20, 40]);
                tried.dimension = choice.of(&[8, 16, 32]);
                tried.word_ngrams = choice.of(&[1, 2, 2, 3]);
                tried.min_count = choice.of(&[1, 2, 5]);
                tried.buckets = choice.of(&[1 << 17, 1 << 18, 1 << 20]);
                (tried.min_chars, tried.max_chars) = choice.of(&[(0, 0), (0, 0), (2, 4), (3, 6)]);
            }
            Some(best) => {
                tried = best.clone();
                tried.learning_rate =
                    rounded(best.learning_rate * libm::pow(2.0, 2.0 * unit - 1.0));
                match choice.of(&[0, 1, 2, 3, 4, 5]) {
                    0 => tried.epochs = (best.epochs * 3 / 2).clamp(1, 100),
                    1 => tried.epochs = (best.epochs * 2 / 3).max(1),
                    2 => tried.word_ngrams = choice.of(&[1, 2, 3]),
                    3 => tried.dimension = choice.of(&[8, 16, 32]),
                    4 => {
                        (tried.min_chars, tried.max_chars) =
                            choice.of(&[(0, 0), (2, 4), (2, 5), (3, 6)]);
                    }
                    _ => tried.min_count = choice.of(&[1, 2, 3, 5]),
                }
            }
        }
    }
    let fixed = &settings.fixed;
    tried.learning_rate = fixed.learning_rate.unwrap_or(tried.learning_rate);
    tried.dimension = fixed.dimension.unwrap_or(tried.dimension);
    tried.epochs = fixed.epochs.unwrap_or(tried.epochs);
    tried.min_count = fixed.min_count.unwrap_or(tried.min_count);
    tried.word_ngrams = fixed.word_ngrams.unwrap_or(tried.word_ngrams);
    tried.buckets = fixed.buckets.unwrap_or(tried.buckets);
    (tried.min_chars, tried.max_chars) = fixed.chars.unwrap_or((tried.min_chars, tried.max_chars));
    tried
}

/// The settings of a trial of a linear model.
fn draw_linear(number: u32, near: Option<&TrainSettings>, settings: &FitSettings) -> TrainSettings {
    let fixed = &settings.fixed;
    let usual = LinearSettings { cost: 1.0, word_factor: 2.0 };
    let mut tried = usual;
    let mut choice = Choice { seed: settings.seed, trial: number, draws: 0 };
    if number > 0 {
        let unit = choice.unit();
        match near.and_then(|near| near.linear) {
            None => {
                tried.cost = rounded(0.1 * libm::pow(100.0, unit));
                tried.word_factor = choice.of(&[1.0, 2.0, 4.0]);
            }
            Some(best) => {
                tried.cost = rounded(best.cost * libm::pow(3.0, 2.0 * unit - 1.0));
                tried.word_factor = rounded(best.word_factor * choice.of(&[0.5, 1.0, 1.5]));
            }
        }
    }
    tried.cost = fixed.cost.unwrap_or(tried.cost);
    tried.word_factor = fixed.word_factor.unwrap_or(tried.word_factor);
    let (min_chars, max_chars) = fixed.chars.unwrap_or((2, 5));
    TrainSettings {
        min_count: fixed.min_count.unwrap_or(2),
        word_ngrams: fixed.word_ngrams.unwrap_or(2),
        buckets: fixed.buckets.unwrap_or(1 << 20),
        min_chars,
        max_chars,
        #[expect(clippy::cast_possible_truncation, reason = "any bits do")]
        seed: settings.seed as u32,
        linear: Some(tried),
        ..TrainSettings::default()
    }
}

/// Three digits after the point, as a person would write it.
fn rounded(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}

/// Draws of one trial.
struct Choice {
    seed: u64,
    trial: u32,
    draws: u32,
}

impl Choice {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in a float")]
    fn unit(&mut self) -> f64 {
        self.draws += 1;
        let key = [self.trial.to_le_bytes(), self.draws.to_le_bytes()].concat();
        (xxh3_64_with_seed(&key, self.seed) >> 11) as f64 / (1u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the length")]
    #[expect(clippy::cast_precision_loss, reason = "a short list")]
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.unit() * choices.len() as f64) as usize]
    }
}

/// Settings in the words of the configuration file.
fn shown(settings: &TrainSettings) -> String {
    let TrainSettings { learning_rate, dimension, epochs, min_count, word_ngrams, .. } = settings;
    let mut text = match settings.linear {
        None => {
            format!("learning_rate = {learning_rate}, epochs = {epochs}, dimension = {dimension}, ")
        }
        Some(LinearSettings { cost, word_factor }) => {
            format!("cost = {cost}, word_factor = {word_factor}, ")
        }
    };
    // Writing to a string cannot fail.
    let _ = write!(text, "word_ngrams = {word_ngrams}, min_count = {min_count}");
    if settings.max_chars > 0 {
        let _ = write!(text, ", chars = [{}, {}]", settings.min_chars, settings.max_chars);
    }
    if settings.word_ngrams > 1 || settings.max_chars > 0 {
        let _ = write!(text, ", buckets = {}", settings.buckets);
    }
    text
}
