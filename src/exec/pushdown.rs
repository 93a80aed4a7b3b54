//! What readers of columns ask before they decode a text.

use std::sync::Arc;

use arrow::array::StringArray;

use crate::document::DocumentId;
use crate::ops::{Columns, Condition, OpError};
use crate::plan::{AuditSample, Plan, pushdown};
use crate::read::Selection;

/// The conditions of the `where` stages at the head of a plan. They are asked again when the stages
/// run, which is where documents are dropped and counted.
struct Pushed {
    /// Kept fields that the conditions name, in order.
    fields: Vec<usize>,
    stages: Vec<PushedStage>,
    /// Documents whose texts are wanted whatever becomes of them.
    audit: AuditSample,
}

struct PushedStage {
    when: Option<Condition>,
    keeps: Condition,
}

/// What tells the texts of a source's documents that are wanted; `None` where all are.
pub(super) fn selection(plan: &Plan, source: u32) -> Result<Option<Arc<dyn Selection>>, OpError> {
    let pushed = pushdown::stages(plan, source);
    if pushed.is_empty() {
        return Ok(None);
    }
    let mut fields = Vec::new();
    let mut stages = Vec::new();
    for stage in pushed.into_iter().map(|index| &plan.stages[index]) {
        let columns = Columns {
            metadata: plan.metadata.clone(),
            signals: plan.signals[..stage.signals.start].to_vec(),
        };
        for sql in stage.typed_settings()?.conditions() {
            let when = stage.when.as_deref();
            let when = when.map(|sql| Condition::compile(sql, &columns)).transpose()?;
            let keeps = Condition::compile(sql, &columns)?;
            for condition in when.iter().chain([&keeps]) {
                fields.extend(condition.metadata());
            }
            stages.push(PushedStage { when, keeps });
        }
    }
    fields.sort_unstable();
    fields.dedup();
    Ok(Some(Arc::new(Pushed { fields, stages, audit: plan.audit_sample() })))
}

impl Pushed {
    fn passes(&self, rows: usize, columns: &[StringArray]) -> Result<Vec<bool>, OpError> {
        let mut passes = vec![true; rows];
        let column = |field: usize| Some(&columns[self.fields.binary_search(&field).ok()?]);
        for stage in &self.stages {
            let keeps = stage.keeps.mask_of(rows, column)?;
            let when = stage.when.as_ref().map(|when| when.mask_of(rows, column)).transpose()?;
            for (row, passes) in passes.iter_mut().enumerate() {
                *passes &= keeps[row] || when.as_ref().is_some_and(|when| !when[row]);
            }
        }
        Ok(passes)
    }
}

impl Selection for Pushed {
    fn fields(&self) -> &[usize] {
        &self.fields
    }

    fn wanted(&self, ids: &[DocumentId], columns: &[StringArray]) -> Vec<bool> {
        // What fails here fails again when the stage runs, which says so.
        let Ok(mut wanted) = self.passes(ids.len(), columns) else { return vec![true; ids.len()] };
        for (wanted, id) in wanted.iter_mut().zip(ids) {
            *wanted |= self.audit.holds(*id);
        }
        wanted
    }
}
