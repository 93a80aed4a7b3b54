//! `L = a / C^b + c`: the loss of the best runs as a power of their budget, with what no budget
//! takes away, as GPT-4's report has it (<https://arxiv.org/abs/2303.08774>).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::fit::STOP;
use super::lbfgs::minimise;
use super::number;
use super::objective::{SCALE, Sample, own};
use super::runs::Run;

/// The power law in the budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Power {
    /// a.
    pub a: f64,
    /// b.
    pub b: f64,
    /// c.
    pub c: f64,
    /// Runs it was fitted to: those that no run of a smaller budget is better than.
    pub runs: usize,
    /// Mean of |predicted / measured − 1| over them.
    pub error: f64,
}

impl Power {
    /// The loss of the best training with a budget.
    #[must_use]
    pub fn loss(&self, flops: f64) -> f64 {
        self.a * libm::pow(flops, -self.b) + self.c
    }
}

/// The runs that no run of the same budget or a smaller one is better than.
pub(crate) fn frontier(runs: &[Run]) -> Vec<&Run> {
    let mut sorted: Vec<&Run> = runs.iter().collect();
    sorted.sort_by(|left, right| {
        left.flops.total_cmp(&right.flops).then(left.loss.total_cmp(&right.loss))
    });
    let mut best = f64::INFINITY;
    sorted.retain(|run| {
        let better = run.loss < best;
        best = best.min(run.loss);
        better
    });
    sorted
}

/// Fits the law to the frontier; none with fewer than five runs on it.
pub(crate) fn power(runs: &[Run]) -> Option<Power> {
    // exp(−800) is 0: the term of the parameters plays no part.
    const NOTHING: f64 = -800.0;
    let frontier = frontier(runs);
    if frontier.len() < 5 {
        return None;
    }
    let samples: Vec<Sample> = frontier
        .iter()
        .map(|run| Sample {
            ln_params: 0.0,
            ln_tokens: libm::log(run.flops),
            ln_loss: libm::log(run.loss),
            weight: 1.0,
        })
        .collect();
    let halves = |count: u8, by: f64| (0..count).map(move |step| f64::from(step) * by);
    let starts: Vec<[f64; 5]> = halves(7, 2.5)
        .flat_map(|a| halves(5, 0.1).map(move |b| (a, 0.05 + b)))
        .flat_map(|(a, b)| halves(5, 0.5).map(move |c| [NOTHING, a, c - 1.0, 0.0, b]))
        .collect();
    let found: Vec<(f64, Vec<f64>)> = starts
        .par_iter()
        .map(|start| {
            let found = minimise(own(&samples), start, STOP);
            (found.value / SCALE, found.point)
        })
        .collect();
    let (_, best) = found.iter().min_by(|left, right| left.0.total_cmp(&right.0))?;
    let mut law =
        Power { a: libm::exp(best[1]), b: best[4], c: libm::exp(best[2]), runs: 0, error: 0.0 };
    law.runs = frontier.len();
    let errors = frontier.iter().map(|run| (law.loss(run.flops) / run.loss - 1.0).abs());
    law.error = errors.sum::<f64>() / number(law.runs);
    Some(law)
}
