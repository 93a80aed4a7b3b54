//! Conditions that readers of columns ask before they decode a text ("predicate push-down").

use super::Plan;
use crate::config::outcome::{LedgerDetail, Rejected};
use crate::config::stage::Action;
use crate::ops::{Columns, Expression, find};

/// The stages, by index, whose conditions tell from the metadata alone that a document of `source`
/// is dropped, before any stage has looked at its text: the `where` stages at the head of the plan's
/// order, as long as they and their `when` name kept fields only. Stages for other sources do not
/// count.
///
/// None where every text is wanted anyway: with `ledger = "full"`, and with `rejected = "all"`.
#[must_use]
pub(crate) fn stages(plan: &Plan, source: u32) -> Vec<usize> {
    let mut pushed = Vec::new();
    if plan.ledger == LedgerDetail::Full || plan.rejected == Rejected::All {
        return pushed;
    }
    for &index in &plan.order {
        let stage = &plan.stages[index];
        if find(&stage.op).is_none_or(|op| op.kind.cuts()) {
            break;
        }
        if stage.only.as_ref().is_some_and(|only| !only.contains(&source)) {
            continue;
        }
        if stage.op != "where" || !reads_metadata_only(plan, index) {
            break;
        }
        // One that drops nothing looks at no text either.
        if stage.action == Action::Drop {
            pushed.push(index);
        }
    }
    pushed
}

fn reads_metadata_only(plan: &Plan, index: usize) -> bool {
    let stage = &plan.stages[index];
    let columns = Columns {
        metadata: plan.metadata.clone(),
        signals: plan.signals[..stage.signals.start].to_vec(),
    };
    let Ok(settings) = stage.typed_settings() else { return false };
    settings.conditions().into_iter().chain(stage.when.as_deref()).all(|sql| {
        Expression::compile(sql, &columns)
            .is_ok_and(|expression| expression.signals().next().is_none())
    })
}
