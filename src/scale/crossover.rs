//! Where one recipe overtakes another.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::compare::{Side, Target, gap};
use super::held_out::Miss;
use super::law::{Law, Optimum};
use super::number;
use super::runs::Run;
use super::statistics::Interval;

/// Intervals that the budgets are parted into: a change of sign is looked for in each.
const STEPS: u8 = 48;
/// Halvings of the one that holds it.
const HALVINGS: u8 = 24;

/// Where the curves of two recipes cross, each along its own best N and D.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crossover {
    /// Operations by the fitted laws; none where they do not cross within the range looked at.
    pub flops: Option<f64>,
    /// The middle 95 % of the draws that cross.
    pub interval: Option<Interval>,
    /// Share of the draws that cross.
    pub share: f64,
    /// The recipe that leads beyond it, by the fitted laws.
    pub then_leads: Option<String>,
}

/// The budgets among which a crossing is looked for: from the smallest run to a thousand times the
/// largest target or run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Budgets {
    least: f64,
    most: f64,
}

impl Budgets {
    pub(crate) fn of<'a>(runs: impl Iterator<Item = &'a Run> + Clone, targets: &[Target]) -> Self {
        let flops = runs.map(|run| run.flops);
        let most = flops.clone().chain(targets.iter().map(Target::flops)).fold(0.0, f64::max);
        Self { least: flops.fold(f64::INFINITY, f64::min), most: 1e3 * most }
    }

    /// The budget at `index` of [`STEPS`], or between two.
    fn at(self, index: f64) -> f64 {
        self.least * libm::exp(index * libm::log(self.most / self.least) / f64::from(STEPS))
    }
}

/// What a recipe's laws make of each budget. Every pair that the recipe is in needs them, and where
/// text is repeated each is a search of its own.
#[derive(Debug)]
pub(crate) struct Curves {
    budgets: Budgets,
    fitted: Vec<Optimum>,
    draws: Vec<Vec<Optimum>>,
}

impl Curves {
    pub(crate) fn new(budgets: Budgets, law: &Law, draws: &[Law], pool: Option<f64>) -> Self {
        let curve = |law: &Law| -> Vec<Optimum> {
            let at = |index: u8| law.optimum(budgets.at(f64::from(index)), pool);
            (0..=STEPS).map(at).collect()
        };
        Self { budgets, fitted: curve(law), draws: draws.par_iter().map(curve).collect() }
    }
}

/// Where the recipes' curves cross, by the fitted laws and by those of each draw.
pub(crate) fn crossover(
    a: Side<'_>,
    b: Side<'_>,
    miss: Option<Miss>,
    surprises: &[f64],
) -> Crossover {
    let budgets = a.curves.budgets;
    let find = |laws: [&Law; 2], curves: [&[Optimum]; 2], surprise: f64| {
        let table: Vec<f64> =
            curves[0].iter().zip(curves[1]).map(|(a, b)| gap([*a, *b], miss, surprise)).collect();
        let between = |index: f64| {
            let target = Target::Flops(budgets.at(index));
            gap([target.best(laws[0], a.pool), target.best(laws[1], b.pool)], miss, surprise)
        };
        last_change(&table, between).map(|index| (budgets.at(index), table))
    };
    let draws = a.draws.iter().zip(b.draws).zip(a.curves.draws.iter().zip(&b.curves.draws));
    let crossings: Vec<f64> = draws
        .zip(surprises)
        .filter_map(|(((a, b), curves), surprise)| find([a, b], [curves.0, curves.1], *surprise))
        .map(|(flops, _)| flops)
        .collect();
    let fitted = find([&a.fit.law, &b.fit.law], [&a.curves.fitted, &b.curves.fitted], 0.0);
    Crossover {
        flops: fitted.as_ref().map(|(flops, _)| *flops),
        interval: Interval::of(&crossings, 0.95),
        share: number(crossings.len()) / number(surprises.len().max(1)),
        // There is no change of sign beyond it.
        then_leads: fitted.and_then(|(_, table)| table.last().copied()).map(|gap| {
            let leader = if gap < 0.0 { a.recipe } else { b.recipe };
            leader.to_owned()
        }),
    }
}

/// The last place at which the sign changes, of `table` and of what is `between` its entries.
fn last_change(table: &[f64], between: impl Fn(f64) -> f64) -> Option<f64> {
    let (at, pair) = table.windows(2).enumerate().rfind(|(_, pair)| pair[0] * pair[1] < 0.0)?;
    let (mut left, mut right) = (number(at), number(at + 1));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(left, right);
        if between(middle) * pair[1] > 0.0 { right = middle } else { left = middle }
    }
    Some(f64::midpoint(left, right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_sign_is_found() {
        let wave = |index: f64| libm::sin(index / 3.0 + 0.5);
        let table: Vec<f64> = (0..=48_u8).map(|index| wave(f64::from(index))).collect();
        // Up to 16.5 radians; 5 pi is the last root.
        let root = 3.0 * (5.0 * std::f64::consts::PI - 0.5);
        assert!((last_change(&table, wave).unwrap() - root).abs() < 1e-6);
        assert_eq!(last_change(&[1.0, 2.0, 0.0, 0.0], |_| 1.0), None);
    }
}
