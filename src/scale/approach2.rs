//! Approach 2 of Hoffmann et al. (<https://arxiv.org/abs/2203.15556>): of the runs of one budget, a
//! parabola of the loss over ln N has its lowest point at the best N.

use serde::{Deserialize, Serialize};

use super::number;
use super::runs::Run;

/// Runs whose budgets lie within this factor are of one budget.
const TOGETHER: f64 = 1.2;

/// The runs of one budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Their operations, the geometric mean.
    pub flops: f64,
    /// Their number.
    pub runs: usize,
    /// The best N.
    pub params: f64,
    /// The best D.
    pub tokens: f64,
    /// The loss there.
    pub loss: f64,
    /// The parabola: loss = `loss` + `bend` · (ln N − ln `params`)².
    pub bend: f64,
    /// Smallest and largest N of the runs.
    pub range: [f64; 2],
}

/// How the best N and D grow with the budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach2 {
    /// The budgets whose runs have a lowest point among them.
    pub budgets: Vec<Budget>,
    /// The best N is `params_factor · C^params_exponent`; none with fewer than two budgets.
    pub params_exponent: Option<f64>,
    /// See `params_exponent`.
    pub params_factor: Option<f64>,
    /// The best D grows with this power.
    pub tokens_exponent: Option<f64>,
}

/// Parabolas through the runs of each budget.
pub(crate) fn approach2(runs: &[Run]) -> Approach2 {
    let mut sorted: Vec<&Run> = runs.iter().filter(|run| run.unique.is_none()).collect();
    sorted.sort_by(|left, right| left.flops.total_cmp(&right.flops));
    let mut budgets = Vec::new();
    while let Some(first) = sorted.first() {
        let end = sorted.partition_point(|run| run.flops <= TOGETHER * first.flops);
        let rest = sorted.split_off(end);
        budgets.extend(parabola(&sorted));
        sorted = rest;
    }
    let points = |value: fn(&Budget) -> f64| -> Vec<(f64, f64)> {
        let logs = |budget: &Budget| (libm::log(budget.flops), libm::log(value(budget)));
        budgets.iter().map(logs).collect()
    };
    let (params, tokens) = (line(&points(|b| b.params)), line(&points(|b| b.tokens)));
    Approach2 {
        params_exponent: params.map(|(slope, _)| slope),
        params_factor: params.map(|(_, intercept)| libm::exp(intercept)),
        tokens_exponent: tokens.map(|(slope, _)| slope),
        budgets,
    }
}

fn parabola(runs: &[&Run]) -> Option<Budget> {
    let mut sizes: Vec<u64> = runs.iter().map(|run| run.params.to_bits()).collect();
    sizes.dedup();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.len() < 4 {
        return None;
    }
    let count = number(runs.len());
    let mean = runs.iter().map(|run| libm::log(run.params)).sum::<f64>() / count;
    // Normal equations of loss = c0 + c1·x + c2·x².
    let (mut powers, mut right) = ([0.0; 5], [0.0; 3]);
    for run in runs {
        let x = libm::log(run.params) - mean;
        let mut power = 1.0;
        for (degree, sum) in powers.iter_mut().enumerate() {
            *sum += power;
            if let Some(right) = right.get_mut(degree) {
                *right += power * run.loss;
            }
            power *= x;
        }
    }
    let [s0, s1, s2, s3, s4] = powers;
    let [c0, c1, c2] = solve([[s0, s1, s2], [s1, s2, s3], [s2, s3, s4]], right)?;
    let low = -c1 / (2.0 * c2);
    let logs = || runs.iter().map(|run| libm::log(run.params) - mean);
    let (least, most) = (logs().fold(f64::MAX, f64::min), logs().fold(f64::MIN, f64::max));
    if !(c2 > 0.0 && (least..=most).contains(&low)) {
        return None;
    }
    let flops = libm::exp(runs.iter().map(|run| libm::log(run.flops)).sum::<f64>() / count);
    // What the runs have as C / (N·D), 6 for most.
    let ratio = runs.iter().map(|run| libm::log(run.flops / run.params / run.tokens)).sum::<f64>();
    let params = libm::exp(mean + low);
    Some(Budget {
        flops,
        runs: runs.len(),
        params,
        tokens: flops / params / libm::exp(ratio / count),
        loss: c0 + low * (c1 + low * c2),
        bend: c2,
        range: [libm::exp(mean + least), libm::exp(mean + most)],
    })
}

/// Cramer's rule.
fn solve(rows: [[f64; 3]; 3], right: [f64; 3]) -> Option<[f64; 3]> {
    let determinant = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let all = determinant(rows);
    let solution = [0, 1, 2].map(|column| {
        let mut replaced = rows;
        for (row, right) in replaced.iter_mut().zip(right) {
            row[column] = right;
        }
        determinant(replaced) / all
    });
    solution.iter().all(|value| value.is_finite()).then_some(solution)
}

/// Slope and intercept of the least squares through points of two different x at least.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = number(points.len());
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    let slope = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
    slope.is_finite().then_some((slope, y - slope * x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::law::{Law, Repetition};

    #[test]
    fn budgets_of_a_known_law_give_its_exponent() {
        let law = Law {
            e: 1.8,
            a: 480.0,
            b: 2_100.0,
            alpha: 0.35,
            beta: 0.37,
            repetition: Repetition::default(),
        };
        let mut runs = Vec::new();
        for budget in [1e18, 1e19, 1e20, 1e21] {
            let best = law.optimum(budget, None).params;
            for factor in [0.5, 0.7, 1.0, 1.4, 2.0] {
                let params = best * factor;
                let tokens = budget / 6.0 / params;
                runs.push(Run {
                    line: runs.len() + 2,
                    recipe: String::new(),
                    evaluation: String::new(),
                    seed: String::new(),
                    params,
                    tokens,
                    flops: budget,
                    unique: None,
                    loss: law.loss(params, tokens, None),
                });
            }
        }
        let found = approach2(&runs);
        assert_eq!(found.budgets.len(), 4);
        let (params, tokens) = (found.params_exponent.unwrap(), found.tokens_exponent.unwrap());
        assert!((params - law.params_exponent()).abs() < 2e-3, "{params}");
        assert!((params + tokens - 1.0).abs() < 1e-9);
        // Three sizes make no budget, and a budget whose best lies outside is none.
        assert!(approach2(&runs[..3]).budgets.is_empty());
        runs.retain(|run| run.params < law.optimum(run.flops, None).params * 0.8);
        assert!(approach2(&runs).budgets.is_empty());
    }
}
