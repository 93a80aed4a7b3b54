//! `order = "cost"`: stages that drop most for least work go first.
//!
//! Stages may change places between two fences: an exchange, or a stage that may change the text
//! (what is behind it reads another text). A stage that reads signals stays behind the stages that
//! compute them. What a stage costs is a constant of its op; what it drops is counted on a sample
//! drawn by document id, so that every machine finds the same order.

use super::Plan;
use super::lower::LowerError;
use crate::exec::{ExecError, sample};
use crate::model::Assets;
use crate::ops::{Columns, Expression, find};
use crate::read::split::Split;

/// Sets the plan's order, from `previous` where that is a plan of the same stages and input.
pub(super) fn by_cost(
    plan: &mut Plan,
    splits: &[Split],
    assets: &Assets,
    previous: Option<&Plan>,
) -> Result<(), LowerError> {
    let digest = plan.phases.last().map(|phase| phase.digest.clone());
    let known = previous.filter(|previous| previous.order_digest == digest);
    plan.order_digest = digest;
    if let Some(previous) = known {
        plan.order.clone_from(&previous.order);
        return Ok(());
    }
    let failed = |error| LowerError::Sample(Box::new(error));
    let rates = sample::drop_rates(plan, splits, assets).map_err(failed)?;
    let costs: Vec<f64> = plan
        .stages
        .iter()
        .map(|stage| find(&stage.op).map_or(0.0, |entry| f64::from(entry.cost)))
        .collect();
    let needs = dependencies(plan).map_err(failed)?;
    let fences: Vec<bool> = plan
        .stages
        .iter()
        .map(|stage| stage.edit.is_some() || find(&stage.op).is_some_and(|op| op.kind.cuts()))
        .collect();
    plan.order = arrange(&costs, &rates, &needs, &fences);
    Ok(())
}

/// For each stage the stages whose signals its `when` or its settings read.
fn dependencies(plan: &Plan) -> Result<Vec<Vec<usize>>, ExecError> {
    let mut columns = Columns { metadata: plan.metadata.clone(), signals: Vec::new() };
    let mut needs = Vec::new();
    for stage in &plan.stages {
        let settings = stage.typed_settings().map_err(|e| sample::failed(stage, e))?;
        let mut own = Vec::new();
        for sql in settings.conditions().into_iter().chain(stage.when.as_deref()) {
            let read = Expression::compile(sql, &columns).map_err(|e| sample::failed(stage, e))?;
            for signal in read.signals() {
                own.extend(plan.stages.iter().position(|other| other.signals.contains(&signal)));
            }
        }
        columns.signals.extend_from_slice(&plan.signals[stage.signals.clone()]);
        needs.push(own);
    }
    Ok(needs)
}

/// The order of least expected work: again and again the stage, among those whose needs are met,
/// with the least cost per share of documents dropped; at a tie the first in the file.
fn arrange(costs: &[f64], rates: &[f64], needs: &[Vec<usize>], fences: &[bool]) -> Vec<usize> {
    let rank = |index: usize| {
        if rates[index] > 0.0 { costs[index] / rates[index] } else { f64::INFINITY }
    };
    let mut order: Vec<usize> = Vec::new();
    let mut segment: Vec<usize> = Vec::new();
    let flush = |segment: &mut Vec<usize>, order: &mut Vec<usize>| {
        while !segment.is_empty() {
            let free = |index: &usize| needs[*index].iter().all(|need| order.contains(need));
            let best = segment
                .iter()
                .enumerate()
                .filter(|(_, index)| free(index))
                .min_by(|(_, a), (_, b)| rank(**a).total_cmp(&rank(**b)).then(a.cmp(b)));
            // Needs point backwards in the file, so the first of the segment is always free.
            let at = best.map_or(0, |(at, _)| at);
            order.push(segment.remove(at));
        }
    };
    for (index, fence) in fences.iter().enumerate() {
        if *fence {
            flush(&mut segment, &mut order);
            order.push(index);
        } else {
            segment.push(index);
        }
    }
    flush(&mut segment, &mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_and_sharp_stages_go_first_but_not_over_fences_or_needs() {
        let costs = [10.0, 1.0, 5.0, 1.0, 1.0];
        let none = vec![Vec::new(); 5];
        let open = [false; 5];
        assert_eq!(arrange(&costs, &[0.1, 0.1, 0.5, 0.0, 0.1], &none, &open), [1, 2, 4, 0, 3]);
        // Stage 1 reads what stage 0 computes.
        let needs = vec![vec![], vec![0], vec![], vec![], vec![]];
        assert_eq!(arrange(&costs, &[0.1; 5], &needs, &open), [3, 4, 2, 0, 1]);
        let fences = [false, false, true, false, false];
        assert_eq!(arrange(&costs, &[0.1, 0.1, 0.9, 0.1, 0.9], &none, &fences), [1, 0, 2, 4, 3]);
    }
}
