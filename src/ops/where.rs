//! `where`: a SQL condition over metadata and signals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BuildContext, Condition, Decision, Op, OpError, OpKind, PartitionOp, Settings};
use crate::document::{Batch, Reason, Signal, SignalColumn};

/// Keeps the documents for which a SQL condition over metadata and signals is true.
///
/// The condition is a SQL expression as [polars](https://docs.pola.rs/user-guide/sql/intro/) reads
/// it: comparisons, `AND`/`OR`/`NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, `CASE`, `CAST` and
/// functions of one row (`LOWER`, `LENGTH`, `STARTS_WITH`, …). Functions over many rows are refused,
/// since a document's fate must not depend on its neighbours. Where the condition is `NULL` (a
/// missing value, say) the document is dropped, as SQL has it. Kept fields are text: `CAST(year AS
/// INT) > 2000`. A signal is named by itself where that is unique (`word_count`) and else by its
/// stage (`gopher-quality.word_count`).
///
/// A `where` at the head of the stages that names kept fields only is pushed down to Parquet files:
/// the texts of documents that it drops are not decoded (but for the audit sample), and their
/// `chars_in` in the ledger is null. `tamis explain` says so.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    /// The condition, such as `word_count >= 80 AND url NOT LIKE '%/login%'`.
    pub sql: String,
}

const CONDITION: Reason = Reason::new("condition");

impl Settings for Where {
    const NAME: &'static str = "where";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Partition;
    const SIGNALS: &'static [Signal] = &[];
    const REASONS: &'static [Reason] = &[CONDITION];
    const COST: u32 = 50;

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let condition = Condition::compile(&self.sql, context.columns)?;
        Ok(Op::Partition(Box::new(condition)))
    }

    fn conditions(&self) -> Vec<&str> {
        vec![&self.sql]
    }
}

impl PartitionOp for Condition {
    fn partition(
        &self,
        batch: &Batch,
        rows: &[usize],
        _signals: &mut [SignalColumn],
    ) -> Result<Vec<Decision>, OpError> {
        let mask = self.mask(batch)?;
        let decide =
            |&row: &usize| if mask[row] { Decision::Keep } else { Decision::Drop(CONDITION) };
        Ok(rows.iter().map(decide).collect())
    }
}
