//! What a classifier is worth, of scores and truths.

use serde::Serialize;

/// Scores of one label with whether it holds, from high to low. Ties stay together.
pub struct Ranked {
    /// `(score, examples with the label, examples without)` of each different score, high to low.
    steps: Vec<(f64, u64, u64)>,
    positives: u64,
    negatives: u64,
}

/// What of the examples a threshold keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AtThreshold {
    /// Scores at or above it are kept.
    pub threshold: f64,
    /// Share of what is kept that has the label; 1 where nothing is.
    pub precision: f64,
    /// Share of what has the label that is kept.
    pub recall: f64,
    /// Share of what lacks the label that is kept.
    pub false_positive_rate: f64,
    /// Share of all that is kept.
    pub kept: f64,
}

impl Ranked {
    /// Ranks examples by score.
    #[must_use]
    pub fn new(scores: &[f64], truths: &[bool]) -> Self {
        let mut pairs: Vec<(f64, bool)> =
            scores.iter().copied().zip(truths.iter().copied()).collect();
        pairs.sort_by(|left, right| right.0.total_cmp(&left.0));
        let mut steps: Vec<(f64, u64, u64)> = Vec::new();
        for (score, holds) in pairs {
            if steps.last().is_none_or(|step| step.0.total_cmp(&score).is_ne()) {
                steps.push((score, 0, 0));
            }
            if let Some(step) = steps.last_mut() {
                step.1 += u64::from(holds);
                step.2 += u64::from(!holds);
            }
        }
        let positives = steps.iter().map(|step| step.1).sum();
        let negatives = steps.iter().map(|step| step.2).sum();
        Self { steps, positives, negatives }
    }

    /// Whether there are examples with the label and without it.
    #[must_use]
    pub fn has_both(&self) -> bool {
        self.positives > 0 && self.negatives > 0
    }

    /// Examples with the label.
    #[must_use]
    pub fn positives(&self) -> u64 {
        self.positives
    }

    /// Area under the ROC curve: how often an example with the label scores above one without it,
    /// ties counted half. NaN where one kind is missing.
    #[must_use]
    pub fn roc_auc(&self) -> f64 {
        let mut above = 0u64;
        let mut area = 0.0;
        for &(_, with, without) in &self.steps {
            area += count(without) * (count(above) + count(with) / 2.0);
            above += with;
        }
        area / (count(self.positives) * count(self.negatives))
    }

    /// Average precision: the precision at each rank of an example with the label, on average.
    #[must_use]
    pub fn average_precision(&self) -> f64 {
        let (mut with, mut all, mut sum) = (0u64, 0u64, 0.0);
        for &(_, positives, negatives) in &self.steps {
            with += positives;
            all += positives + negatives;
            sum += count(positives) * count(with) / count(all);
        }
        sum / count(self.positives)
    }

    /// What a threshold keeps.
    #[must_use]
    pub fn at(&self, threshold: f64) -> AtThreshold {
        let kept = self.steps.iter().take_while(|step| step.0 >= threshold);
        let (with, without) = kept.fold((0, 0), |sum, step| (sum.0 + step.1, sum.1 + step.2));
        self.point(threshold, with, without)
    }

    /// F1 at a threshold.
    #[must_use]
    pub fn f1(&self, threshold: f64) -> f64 {
        let AtThreshold { precision, recall, .. } = self.at(threshold);
        if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
    }

    /// The points of the curves, from the highest score down, at most about `most` of them.
    #[must_use]
    pub fn curve(&self, most: usize) -> Vec<AtThreshold> {
        let every = self.steps.len().div_ceil(most.max(1)).max(1);
        let (mut with, mut without) = (0, 0);
        let mut points = Vec::new();
        for (number, &(score, positives, negatives)) in self.steps.iter().enumerate() {
            with += positives;
            without += negatives;
            if number % every == 0 || number + 1 == self.steps.len() {
                points.push(self.point(score, with, without));
            }
        }
        points
    }

    fn point(&self, threshold: f64, with: u64, without: u64) -> AtThreshold {
        let share = |part: u64, of: u64| if of == 0 { 0.0 } else { count(part) / count(of) };
        AtThreshold {
            threshold,
            precision: if with + without == 0 { 1.0 } else { share(with, with + without) },
            recall: share(with, self.positives),
            false_positive_rate: share(without, self.negatives),
            kept: share(with + without, self.positives + self.negatives),
        }
    }
}

/// Mean of `-ln` of the probability given to what is true; probabilities are first brought into
/// 1e-6 ..= 1 - 1e-6.
#[must_use]
pub fn log_loss(probabilities: &[f64], truths: &[bool]) -> f64 {
    let loss = |(&probability, &holds): (&f64, &bool)| {
        let probability = probability.clamp(1e-6, 1.0 - 1e-6);
        -libm::log(if holds { probability } else { 1.0 - probability })
    };
    mean(probabilities.iter().zip(truths).map(loss))
}

/// Brier score: the mean square of what a probability is off.
#[must_use]
pub fn brier(probabilities: &[f64], truths: &[bool]) -> f64 {
    let square = |(&probability, &holds): (&f64, &bool)| {
        let off = probability - f64::from(u8::from(holds));
        off * off
    };
    mean(probabilities.iter().zip(truths).map(square))
}

/// A bar of a calibration plot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Mean probability given.
    pub given: f64,
    /// Share that has the label.
    pub found: f64,
    /// Number of examples.
    pub examples: u64,
}

/// Ten bins of equal width; empty ones are left out.
#[must_use]
pub fn bins(probabilities: &[f64], truths: &[bool]) -> Vec<Bin> {
    let mut sums = [(0.0, 0u64, 0u64); 10];
    for (&probability, &holds) in probabilities.iter().zip(truths) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 9")]
        let bin = (probability * 10.0).clamp(0.0, 9.0) as usize;
        sums[bin].0 += probability;
        sums[bin].1 += u64::from(holds);
        sums[bin].2 += 1;
    }
    let filled = sums.into_iter().filter(|&(_, _, examples)| examples > 0);
    filled
        .map(|(sum, with, examples)| Bin {
            given: sum / count(examples),
            found: count(with) / count(examples),
            examples,
        })
        .collect()
}

/// Expected calibration error: how far given and found are apart in the bins, on average.
#[must_use]
pub fn calibration_error(bins: &[Bin]) -> f64 {
    let all: u64 = bins.iter().map(|bin| bin.examples).sum();
    let apart = bins.iter().map(|bin| (bin.given - bin.found).abs() * count(bin.examples));
    apart.sum::<f64>() / count(all)
}

/// The mean, in order; 0 of nothing.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let number = count(values.len().max(1) as u64);
    values.fold(0.0, |sum, value| sum + value) / number
}

#[expect(clippy::cast_precision_loss, reason = "numbers of examples stay far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} {right}");
    }

    /// Against scikit-learn 1.9.1: `roc_auc_score`, `average_precision_score`, `log_loss`,
    /// `brier_score_loss`, `f1_score` at 0.5.
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.9, 0.05, 0.6];
        let truths = [false, false, true, true, true, true, false, false];
        let ranked = Ranked::new(&scores, &truths);
        close(ranked.roc_auc(), 0.78125);
        close(ranked.average_precision(), 0.816_666_666_666_666_7);
        close(brier(&scores, &truths), 0.170_625);
        close(log_loss(&scores, &truths), 0.484_798_386_128_798_9);
        close(ranked.f1(0.5), 4.0 / 7.0);
        let at = ranked.at(0.4);
        close(at.precision, 0.6);
        close(at.recall, 0.75);
        close(at.false_positive_rate, 0.5);
        close(at.kept, 0.625);
        assert_eq!(ranked.curve(100).len(), 7);
        assert_eq!(ranked.curve(2).last().map(|point| point.kept), Some(1.0));
    }

    #[test]
    fn bins_of_probabilities() {
        let found = bins(&[0.0, 0.05, 1.0, 0.95], &[false, true, true, true]);
        assert_eq!(found.len(), 2);
        close(found[0].found, 0.5);
        close(found[0].given, 0.025);
        close(calibration_error(&found), f64::midpoint(0.475, 0.025));
        assert!(!Ranked::new(&[0.5], &[true]).has_both());
    }
}
