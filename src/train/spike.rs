//! Which steps spike.
//!
//! A step's loss, and the logarithm of its gradient norm, are held against the median of the last
//! steps that did not spike (moved along the line that these fall by), in units of 1.4826 × the median
//! absolute deviation from it: the standard deviation, where values are normal, that a spike cannot
//! inflate. What spikes never enters the window. The whole state is [`Detector`], which stands in every checkpoint, so that a resumed
//! training is not blind (llm.c's and `OLMo`'s windows are lost with the process).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::train::SpikeSettings;

use super::step::StepResult;

/// Of the median, the smallest standard deviation of a loss that is believed in: with the usual
/// threshold of 6, a spike is 3 % above the median at least.
const LOSS_FLOOR: f64 = 0.005;

/// The same for the logarithm of a gradient norm: a spike is a third above the median at least.
const NORM_FLOOR: f64 = 0.05;

/// What steps are held against, and which spiked.
///
/// Values are of 32 bits, whose few digits JSON gives back exactly.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Detector {
    losses: VecDeque<f32>,
    /// Natural logarithms.
    norms: VecDeque<f32>,
    /// Steps that spiked lately, in order.
    spikes: VecDeque<u64>,
    /// Stage of the blend that the window is of.
    stage: usize,
}

/// How far a step lies above the others, in robust standard deviations; `None` where that is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scores {
    pub(crate) loss: Option<f64>,
    pub(crate) gradient_norm: Option<f64>,
    /// Whether the step spikes.
    pub(crate) spikes: bool,
}

impl Detector {
    /// Another stage of the blend is another language to predict: its loss is compared with its own.
    pub(crate) fn enter(&mut self, stage: usize) {
        if self.stage != stage {
            *self = Self { stage, ..Self::default() };
        }
    }

    /// Judges a step, before its update.
    pub(crate) fn judge(&self, settings: &SpikeSettings, result: &StepResult) -> Scores {
        let enough = self.losses.len() * 2 >= settings.window as usize;
        let score = |held: &VecDeque<f32>, value: f64, floor: &dyn Fn(f64) -> f64| {
            (enough && value.is_finite()).then(|| score(held, value, floor))
        };
        let loss = score(&self.losses, result.loss, &|median| median.abs() * LOSS_FLOOR);
        let norm = libm::log(result.gradient_norm);
        let gradient_norm = score(&self.norms, norm, &|_| NORM_FLOOR);
        let above = |score: Option<f64>| score.is_some_and(|score| score > settings.threshold);
        let spikes = !result.is_finite() || above(loss) || above(gradient_norm);
        Scores { loss, gradient_norm, spikes }
    }

    /// Takes over a step that did not spike.
    #[expect(clippy::cast_possible_truncation, reason = "see `Detector`")]
    pub(crate) fn accept(&mut self, settings: &SpikeSettings, result: &StepResult) {
        let norm = libm::log(result.gradient_norm);
        for (held, value) in [(&mut self.losses, result.loss), (&mut self.norms, norm)] {
            // A gradient of zeros has no logarithm.
            held.push_back(value.max(f64::from(f32::MIN)) as f32);
            if held.len() > settings.window as usize {
                held.pop_front();
            }
        }
    }

    /// Takes over that step `step` spiked; gives the first of the spikes, where they are so many that
    /// the training should go back.
    pub(crate) fn spiked(&mut self, settings: &SpikeSettings, step: u64) -> Option<u64> {
        let patience = u64::from(settings.patience);
        self.spikes.push_back(step);
        while self.spikes.front().is_some_and(|&first| first + 2 * patience <= step) {
            self.spikes.pop_front();
        }
        let many = self.spikes.len() as u64 >= patience;
        self.spikes.front().copied().filter(|_| many)
    }

    /// The steps that spiked lately.
    pub(crate) fn spikes(&self) -> impl Iterator<Item = u64> {
        self.spikes.iter().copied()
    }
}

/// How far `value` lies above `held`, in robust standard deviations.
///
/// It is held against the median of values moved along the line that the window falls by (the median
/// slope between its halves, as Theil and Sen have it; never one that rises): early in a training the
/// fall of the loss within a window is many times its noise, and a spike of 10 % would drown in it.
/// But a fall that ends lies above that line too, so `value` must also lie above the greatest of the
/// last quarter of the window, in units of the smallest deviation.
#[expect(clippy::cast_precision_loss, reason = "at most 4,096 values")]
fn score(held: &VecDeque<f32>, value: f64, floor: &dyn Fn(f64) -> f64) -> f64 {
    let (count, half) = (held.len(), held.len() / 2);
    let behind = held.range(count - half..);
    let pairs = held.range(..half).zip(behind);
    let mut rises: Vec<f64> =
        pairs.map(|(before, behind)| f64::from(*behind) - f64::from(*before)).collect();
    let slope = median(&mut rises).min(0.0) / (count - half).max(1) as f64;
    let moved = |(at, value): (usize, &f32)| f64::from(*value) + slope * (count - at) as f64;
    let mut values: Vec<f64> = held.iter().enumerate().map(moved).collect();
    let center = median(&mut values);
    for held in &mut values {
        *held = (*held - center).abs();
    }
    let deviation = 1.4826 * median(&mut values);
    let floor = floor(center).max(f64::MIN_POSITIVE);
    let recent = held.range(count - (count / 4).max(1).min(count)..).copied();
    let above = value - f64::from(recent.fold(f32::NEG_INFINITY, f32::max));
    ((value - center) / deviation.max(floor)).min(above / floor)
}

/// The median; 0 of nothing.
fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::train::TrainConfig;
    use crate::train::random::normals;

    fn settings(toml: &str) -> SpikeSettings {
        let config: TrainConfig =
            toml::from_str(&format!("steps = 1000\n[spikes]\nthreshold = 6.0\n{toml}")).unwrap();
        config.resolve(8, 100).unwrap().spikes
    }

    /// Feeds steps; gives those that spike.
    fn run(settings: &SpikeSettings, steps: impl Iterator<Item = (f64, f64)>) -> Vec<usize> {
        let mut detector = Detector::default();
        let mut spikes = Vec::new();
        for (number, (loss, gradient_norm)) in steps.enumerate() {
            let result = StepResult { loss, gradient_norm };
            if detector.judge(settings, &result).spikes {
                detector.spiked(settings, number as u64);
                spikes.push(number);
            } else {
                detector.accept(settings, &result);
            }
        }
        spikes
    }

    /// A falling loss with noise, as a training has it.
    fn curve(steps: usize, deviation: f64) -> impl Iterator<Item = (f64, f64)> {
        let noise = normals(1, "loss", steps, 1.0).into_iter();
        let norms = normals(1, "norm", steps, 1.0);
        noise.zip(norms).enumerate().map(move |(step, (loss, norm))| {
            #[expect(clippy::cast_precision_loss)]
            let trend = 2.5 + 6.0 / (1.0 + step as f64 / 30.0);
            (trend + deviation * f64::from(loss), libm::exp(0.3 * f64::from(norm)))
        })
    }

    #[test]
    fn a_calm_training_has_no_spikes() {
        for deviation in [0.0, 0.02, 0.2] {
            assert_eq!(run(&settings(""), curve(5_000, deviation)), [0; 0]);
            // A loss that falls steeply, and then does not.
            let knees = curve(5_000, deviation).enumerate().map(|(step, (loss, norm))| {
                #[expect(clippy::cast_precision_loss)]
                let knee = 3.0 / (1.0 + libm::exp((step as f64 - 150.0) / 10.0));
                (loss + knee, norm)
            });
            assert_eq!(run(&settings(""), knees), [0; 0]);
        }
    }

    #[test]
    fn spikes_are_found_at_once_and_do_not_hide_each_other() {
        let planted = [200, 300, 301, 302, 303, 304, 305, 400];
        let steps = curve(1_000, 0.05).enumerate().map(|(step, (loss, norm))| {
            (if planted.contains(&step) { loss + 0.8 } else { loss }, norm)
        });
        assert_eq!(run(&settings(""), steps), planted);
        let norms = curve(1_000, 0.05)
            .enumerate()
            .map(|(step, (loss, norm))| (loss, if step == 500 { 30.0 * norm } else { norm }));
        assert_eq!(run(&settings(""), norms), [500]);
    }

    #[test]
    fn what_is_not_finite_spikes_from_the_first_step_on() {
        let steps = [(f64::NAN, 1.0), (3.0, f64::INFINITY), (3.0, 1.0), (f64::INFINITY, f64::NAN)];
        assert_eq!(run(&settings(""), steps.into_iter()), [0, 1, 3]);
    }

    #[test]
    fn patience_counts_spikes_that_stand_together() {
        let settings = settings("patience = 3");
        let mut detector = Detector::default();
        let answers = [10, 20, 24, 26, 31].map(|step| detector.spiked(&settings, step));
        assert_eq!(answers, [None, None, None, None, None]);
        assert_eq!(detector.spiked(&settings, 32), None);
        assert_eq!(detector.spiked(&settings, 33), Some(31));
    }

    #[test]
    fn the_state_comes_back_from_json() {
        let settings = settings("");
        let mut detector = Detector::default();
        for (loss, gradient_norm) in curve(200, 0.1) {
            detector.accept(&settings, &StepResult { loss, gradient_norm });
        }
        detector.spiked(&settings, 200);
        let json = serde_json::to_string(&detector).unwrap();
        assert_eq!(serde_json::from_str::<Detector>(&json).unwrap(), detector);
    }
}
