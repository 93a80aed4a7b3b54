//! From scores to probabilities: Platt's sigmoid or isotonic regression, whichever predicts better.

use super::measures::{brier, log_loss};
use crate::model::classifier::{Calibration, log_odds, sigmoid};

/// Parts of the cross-validation that chooses.
const FOLDS: usize = 5;

/// Isotonic regression needs more examples of the rarer kind than this, else it learns them by heart.
const ISOTONIC_EXAMPLES: usize = 100;

/// A calibration with how it was chosen: losses on examples it was not fitted to.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// What was chosen, fitted to all examples.
    pub calibration: Calibration,
    /// `(name, log loss, Brier score)` by cross-validation, of each that was tried, `none` first.
    pub tried: Vec<(&'static str, f64, f64)>,
}

/// Chooses by log loss. `None` where there are not examples of both kinds.
#[must_use]
pub fn choose(scores: &[f64], truths: &[bool], only: Option<Kind>) -> Option<Chosen> {
    let positives = truths.iter().filter(|&&holds| holds).count();
    let rarer = positives.min(truths.len() - positives);
    if rarer < 2 {
        return None;
    }
    let mut tried = vec![("none", log_loss(scores, truths), brier(scores, truths))];
    let kinds: Vec<Kind> = match only {
        Some(kind) => vec![kind],
        None if rarer < ISOTONIC_EXAMPLES => vec![Kind::Platt],
        None => vec![Kind::Platt, Kind::Isotonic],
    };
    let mut best: Option<(f64, Kind)> = None;
    for kind in kinds {
        let predicted = cross_validated(scores, truths, kind);
        let loss = log_loss(&predicted, truths);
        tried.push((kind.name(), loss, brier(&predicted, truths)));
        if best.is_none_or(|(least, _)| loss < least) {
            best = Some((loss, kind));
        }
    }
    let (_, kind) = best?;
    Some(Chosen { calibration: kind.fit(scores, truths), tried })
}

/// A way to calibrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Calibration::Platt`].
    Platt,
    /// See [`Calibration::Isotonic`].
    Isotonic,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Platt => "platt",
            Self::Isotonic => "isotonic",
        }
    }

    fn fit(self, scores: &[f64], truths: &[bool]) -> Calibration {
        match self {
            Self::Platt => platt(scores, truths),
            Self::Isotonic => isotonic(scores, truths),
        }
    }
}

/// Probabilities of each example by a calibration fitted to the other folds; folds go by index.
fn cross_validated(scores: &[f64], truths: &[bool], kind: Kind) -> Vec<f64> {
    let mut predicted = vec![0.0; scores.len()];
    for fold in 0..FOLDS {
        let others = || (0..scores.len()).filter(|index| index % FOLDS != fold);
        let own_scores: Vec<f64> = others().map(|index| scores[index]).collect();
        let own_truths: Vec<bool> = others().map(|index| truths[index]).collect();
        let calibration = kind.fit(&own_scores, &own_truths);
        for index in (fold..scores.len()).step_by(FOLDS) {
            predicted[index] = calibration.apply(scores[index]);
        }
    }
    predicted
}

/// Newton's method on the log loss, truths drawn in a little (Platt 1999; Lin, Lin and Weng 2007,
/// "A note on Platt's probabilistic outputs for support vector machines").
#[expect(clippy::cast_precision_loss, reason = "numbers of examples")]
fn platt(scores: &[f64], truths: &[bool]) -> Calibration {
    let x: Vec<f64> = scores.iter().map(|&score| log_odds(score)).collect();
    let positives = truths.iter().filter(|&&holds| holds).count() as f64;
    let negatives = truths.len() as f64 - positives;
    let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
    let target = |holds: bool| if holds { high } else { low };
    let loss = |a: f64, b: f64| {
        let terms = x.iter().zip(truths).map(|(x, &holds)| {
            let (z, t) = (a * x + b, target(holds));
            // ln(1 + e^z) - t z, without overflow.
            z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - t * z
        });
        terms.fold(0.0, |sum, term| sum + term)
    };
    let (mut a, mut b) = (1.0, 0.0);
    let mut now = loss(a, b);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (x, &holds) in x.iter().zip(truths) {
            let p = sigmoid(a * x + b);
            let (off, weight) = (p - target(holds), p * (1.0 - p));
            ga += off * x;
            gb += off;
            haa += weight * x * x;
            hab += weight * x;
            hbb += weight;
        }
        let determinant = haa * hbb - hab * hab;
        if determinant <= 0.0 || ga.abs().max(gb.abs()) < 1e-7 {
            break;
        }
        let (da, db) = ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
        let mut step = 1.0;
        let better = loop {
            let next = loss(a - step * da, b - step * db);
            if next < now {
                break Some(next);
            }
            step /= 2.0;
            if step < 1e-6 {
                break None;
            }
        };
        let Some(next) = better else { break };
        (a, b, now) = (a - step * da, b - step * db, next);
    }
    // A classifier worse than chance gives a falling line, which no calibration may be.
    Calibration::Platt { a: a.max(1e-3), b }
}

/// Pool adjacent violators; a block becomes two points, at its first and last score.
#[expect(clippy::cast_precision_loss, reason = "numbers of examples")]
fn isotonic(scores: &[f64], truths: &[bool]) -> Calibration {
    let mut pairs: Vec<(f64, f64)> = scores
        .iter()
        .zip(truths)
        .map(|(&score, &holds)| (score, f64::from(u8::from(holds))))
        .collect();
    pairs.sort_by(|left, right| left.0.total_cmp(&right.0));
    // First score, last score, sum, number.
    let mut blocks: Vec<(f64, f64, f64, usize)> = Vec::new();
    for (score, value) in pairs {
        match blocks.last_mut() {
            Some(block) if block.1.total_cmp(&score).is_eq() => {
                block.2 += value;
                block.3 += 1;
            }
            _ => blocks.push((score, score, value, 1)),
        }
    }
    let mut pooled: Vec<(f64, f64, f64, usize)> = Vec::new();
    for mut block in blocks {
        let value = |block: &(f64, f64, f64, usize)| block.2 / block.3 as f64;
        while let Some(last) = pooled.last()
            && value(last) >= value(&block)
        {
            block = (last.0, block.1, last.2 + block.2, last.3 + block.3);
            pooled.pop();
        }
        pooled.push(block);
    }
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let blocks = pooled.len();
    for (first, last, sum, number) in pooled {
        // Drawn in, so that no score is ever certain: one example more of each kind at the ends.
        let mut value = sum / number as f64;
        if value <= 0.0 || value >= 1.0 || blocks == 1 {
            value = (sum + 1.0) / (number as f64 + 2.0);
        }
        // Drawing in must not make the curve fall.
        let value = y.last().map_or(value, |&before: &f64| value.max(before));
        x.push(first);
        y.push(value);
        if last > first {
            x.push(last);
            y.push(value);
        }
    }
    Calibration::Isotonic { x, y }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores whose true probability is another than they say.
    fn drawn(truth: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<bool>) {
        let number = 4000u32;
        let scores: Vec<f64> =
            (0..number).map(|n| (f64::from(n) + 0.5) / f64::from(number)).collect();
        // Golden-ratio steps spread evenly, so the shares come out near what is wanted.
        let truths = (0..number)
            .zip(&scores)
            .map(|(n, &score)| (f64::from(n) * 0.618_033_988_749_895).fract() < truth(score))
            .collect();
        (scores, truths)
    }

    #[test]
    fn platt_finds_the_sigmoid_it_was_drawn_from() {
        let (scores, truths) = drawn(|score| sigmoid(0.5 * log_odds(score) - 1.0));
        let Some(Chosen { calibration: Calibration::Platt { a, b }, tried }) =
            choose(&scores, &truths, Some(Kind::Platt))
        else {
            panic!("no platt")
        };
        assert!((a - 0.5).abs() < 0.05 && (b + 1.0).abs() < 0.1, "{a} {b}");
        assert!(tried[1].1 < tried[0].1, "{tried:?}");
    }

    #[test]
    fn isotonic_wins_where_no_sigmoid_fits() {
        let step = |score: f64| if score < 0.3 { 0.1 } else { 0.7 };
        let (scores, truths) = drawn(step);
        let chosen = choose(&scores, &truths, None).unwrap();
        assert!(matches!(chosen.calibration, Calibration::Isotonic { .. }), "{:?}", chosen.tried);
        for score in [0.1, 0.2, 0.5, 0.9] {
            let found = chosen.calibration.apply(score);
            assert!((found - step(score)).abs() < 0.05, "{score}: {found}");
        }
        let Calibration::Isotonic { x, y } = &chosen.calibration else { unreachable!() };
        assert!(x.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(y.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(y.iter().all(|&y| y > 0.0 && y < 1.0));
    }

    #[test]
    fn one_kind_alone_is_not_calibrated_and_few_are_not_learnt_by_heart() {
        assert!(choose(&[0.1, 0.9], &[true, true], None).is_none());
        let (scores, truths) = ([0.1, 0.2, 0.8, 0.9], [false, false, true, true]);
        let chosen = choose(&scores, &truths, None).unwrap();
        let Calibration::Platt { a, b } = chosen.calibration else { panic!("{chosen:?}") };
        assert!(a.is_finite() && b.is_finite() && a > 0.0);
    }
}
