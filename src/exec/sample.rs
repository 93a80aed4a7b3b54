//! A sample of documents through all per-document stages, for `order = "cost"`.

use super::ExecError;
use super::counters::Counters;
use super::engine::{Engine, Resources};
use super::records::Records;
use crate::config::outcome::LedgerDetail;
use crate::model::Assets;
use crate::ops::OpError;
use crate::plan::{Plan, PlanStage};
use crate::read::split::Split;
use crate::store::Store;

/// Splits looked into, spread over the input; records read of each, and the share taken of those.
const SPLITS: usize = 8;
const RECORDS: u64 = 2048;
const SHARE: f64 = 0.25;

/// What an op said, with the stage's name.
pub(crate) fn failed(stage: &PlanStage, source: OpError) -> ExecError {
    ExecError::Stage { stage: stage.name.clone(), source }
}

/// For each stage the share of the sampled documents that it would drop, whatever the others do.
/// Exchange stages drop none of them here.
///
/// # Errors
/// When the input cannot be read or a stage cannot run.
pub(crate) fn drop_rates(
    plan: &Plan,
    splits: &[Split],
    assets: &Assets,
) -> Result<Vec<f64>, ExecError> {
    let mut plan = plan.clone();
    plan.ledger = LedgerDetail::Full;
    // Fixed, so that the batches read are the same everywhere.
    let resources = Resources { threads: 1, memory: 1 << 30, batch_bytes: Some(1 << 20) };
    let stages = plan.stages.len();
    let engine = Engine::new(plan, Store::in_memory(), resources, None, assets)?;
    let mut seen = 0u64;
    let mut dropped = vec![0u64; stages];
    let step = splits.len().div_ceil(SPLITS).max(1);
    for split in splits.iter().step_by(step) {
        let mut records = Records::open(&engine, split)?;
        while let Some(mut batch) = records.next()? {
            for row in 0..batch.len() {
                batch.audited[row] = batch.verdicts[row].is_kept()
                    && batch.ids[row].chosen(engine.plan.seed, "order", SHARE);
            }
            engine.run_stages(0..stages, split.source, &mut batch, &mut Counters::default())?;
            for row in (0..batch.len()).filter(|&row| batch.audited[row]) {
                seen += 1;
                for (stage, _) in &batch.fails[row] {
                    dropped[usize::from(*stage)] += 1;
                }
            }
            if batch.first_row + batch.len() as u64 >= RECORDS {
                break;
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = |count: u64| if seen == 0 { 0.0 } else { count as f64 / seen as f64 };
    Ok(dropped.into_iter().map(share).collect())
}
