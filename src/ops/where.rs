//! `where`: a SQL condition over metadata and signals.

mod names;

pub(crate) use self::names::rewrite;

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use polars::prelude::{Column, DataFrame, DataType, Expr, IntoLazy, NamedFrom, PlSmallStr, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BuildContext, Columns, Decision, Op, OpError, OpKind, PartitionOp, Settings};
use crate::document::{Batch, Reason, Signal, SignalColumn, SignalType};

/// Keeps the documents for which a SQL condition over metadata and signals is true.
///
/// The condition is a SQL expression as [polars](https://docs.pola.rs/user-guide/sql/intro/) reads
/// it: comparisons, `AND`/`OR`/`NOT`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, `CASE`, `CAST` and
/// functions of one row (`LOWER`, `LENGTH`, `STARTS_WITH`, …). Functions over many rows are refused,
/// since a document's fate must not depend on its neighbours. Where the condition is `NULL` (a
/// missing value, say) the document is dropped, as SQL has it. Kept fields are text: `CAST(year AS
/// INT) > 2000`. A signal is named by itself where that is unique (`word_count`) and else by its
/// stage (`gopher-quality.word_count`).
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

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Metadata(usize),
    Signal(usize, SignalType),
}

/// A SQL condition, parsed, resolved and type-checked once, then run over many batches.
pub struct Condition {
    sql: String,
    expression: Expr,
    inputs: Vec<(PlSmallStr, Source)>,
}

impl Condition {
    /// Parses `sql` and finds its columns among `columns`.
    ///
    /// # Errors
    /// When it does not parse, names an unknown or ambiguous column, uses a function over many rows,
    /// or is not a condition.
    pub fn compile(sql: &str, columns: &Columns) -> Result<Self, OpError> {
        let setting = |reason: String| OpError::Setting { key: "sql", reason };
        let quoted = names::quote(sql, columns).map_err(setting)?;
        let expression = polars::sql::sql_expr(&quoted)
            .map_err(|error| setting(format!("`{sql}` is not a SQL condition: {error}")))?;
        let mut inputs: Vec<(PlSmallStr, Source)> = Vec::new();
        for node in &expression {
            if let Expr::Column(name) = node
                && !inputs.iter().any(|(known, _)| known == name)
            {
                let source = names::resolve(name, columns).map_err(setting)?;
                inputs.push((name.clone(), source));
            }
        }
        let condition = Self { sql: sql.to_owned(), expression, inputs };
        // A run over no rows finds wrong types before the first document is read.
        let empty = condition.inputs.iter().map(|(name, source)| {
            let kind = match source {
                Source::Metadata(_) | Source::Signal(_, SignalType::Text) => DataType::String,
                Source::Signal(_, SignalType::Int) => DataType::Int64,
                Source::Signal(_, SignalType::Float) => DataType::Float64,
            };
            Column::new_empty(name.clone(), &kind)
        });
        let result = condition.evaluate(0, empty.collect()).map_err(|error| match error {
            OpError::Sql { reason, .. } => setting(format!("`{sql}`: {reason}")),
            other => other,
        })?;
        if *result.dtype() != DataType::Boolean {
            return Err(setting(format!(
                "`{sql}` gives {}, not true or false; compare it with something",
                result.dtype()
            )));
        }
        Ok(condition)
    }

    /// Whether the condition is true, for each row of the batch.
    ///
    /// # Errors
    /// When the SQL engine fails on the values (a strict `CAST` of something else, say).
    pub fn mask(&self, batch: &Batch) -> Result<Vec<bool>, OpError> {
        let columns =
            self.inputs.iter().map(|(name, source)| column(name, *source, batch)).collect();
        let result = self.evaluate(batch.len(), columns)?;
        let failed = |error: polars::error::PolarsError| self.failed(&error);
        let values = result.as_materialized_series().bool().map_err(failed)?;
        let mut mask: Vec<bool> = values.iter().map(|value| value.unwrap_or(false)).collect();
        if mask.len() == 1 && batch.len() != 1 {
            // A condition without columns is one value for all.
            mask = vec![mask[0]; batch.len()];
        }
        Ok(mask)
    }

    /// The signals that `sql` reads, by their index in `columns`.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn signals(sql: &str, columns: &Columns) -> Result<Vec<usize>, OpError> {
        let index = |(_, source): &(PlSmallStr, Source)| match source {
            Source::Signal(index, _) => Some(*index),
            Source::Metadata(_) => None,
        };
        Ok(Self::compile(sql, columns)?.inputs.iter().filter_map(index).collect())
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> OpError {
        OpError::Sql { sql: self.sql.clone(), reason: error.to_string() }
    }

    fn evaluate(&self, rows: usize, columns: Vec<Column>) -> Result<Column, OpError> {
        let failed = |error: polars::error::PolarsError| self.failed(&error);
        let frame = DataFrame::new(rows, columns).map_err(failed)?;
        let expression = self.expression.clone().alias("condition");
        let result = frame.lazy().select([expression]).collect().map_err(failed)?;
        result.column("condition").cloned().map_err(failed)
    }
}

fn column(name: &PlSmallStr, source: Source, batch: &Batch) -> Column {
    let texts = |values: &StringArray| -> Series {
        let values: Vec<Option<&str>> = values.iter().collect();
        Series::new(name.clone(), values)
    };
    let series = match source {
        Source::Metadata(index) => texts(&batch.metadata[index]),
        Source::Signal(index, SignalType::Text) => texts(batch.signals[index].as_string::<i32>()),
        Source::Signal(index, SignalType::Int) => {
            let values = batch.signals[index].as_primitive::<Int64Type>();
            Series::new(name.clone(), values.iter().collect::<Vec<_>>())
        }
        Source::Signal(index, SignalType::Float) => {
            let values = batch.signals[index].as_primitive::<Float64Type>();
            Series::new(name.clone(), values.iter().collect::<Vec<_>>())
        }
    };
    debug_assert_eq!(series.len(), batch.len());
    series.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array};

    use super::*;
    use crate::document::Position;
    use crate::read::BatchBuilder;

    fn columns() -> Columns {
        Columns {
            metadata: vec!["url".to_owned(), "metadata.year".to_owned()],
            signals: vec![
                ("gopher-quality.word_count".to_owned(), SignalType::Int),
                ("language.score".to_owned(), SignalType::Float),
                ("toxicity.score".to_owned(), SignalType::Float),
            ],
        }
    }

    fn batch() -> Batch {
        let mut builder = BatchBuilder::new("web", 2, 1 << 20, None);
        let rows = [
            (Some("https://a.org/x"), Some("1999")),
            (Some("https://a.org/login"), Some("2020")),
            (None, None),
        ];
        for (offset, (url, year)) in (0..).zip(rows) {
            builder.document(Position::plain(offset), "text", None, &[url, year]);
        }
        let mut batch = builder.take();
        batch.signals = vec![
            Arc::new(Int64Array::from(vec![Some(100), Some(200), Some(300)])),
            Arc::new(Float64Array::from(vec![Some(0.9), None, Some(0.5)])),
            Arc::new(Float64Array::from(vec![0.1, 0.2, 0.3])),
        ];
        batch
    }

    fn mask(sql: &str) -> Vec<bool> {
        Condition::compile(sql, &columns()).unwrap().mask(&batch()).unwrap()
    }

    fn refused(sql: &str) -> String {
        match Condition::compile(sql, &columns()) {
            Ok(_) => panic!("`{sql}` should be refused"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn conditions_over_metadata_and_signals() {
        assert_eq!(mask("word_count >= 200"), [false, true, true]);
        assert_eq!(mask("word_count >= 80 AND url NOT LIKE '%/login%'"), [true, false, false]);
        assert_eq!(mask("gopher-quality.word_count-50 > 100"), [false, true, true]);
        assert_eq!(mask("\"toxicity.score\" < 0.25"), [true, true, false]);
        assert_eq!(mask("CAST(metadata.year AS INT) > 2000"), [false, true, false]);
        assert_eq!(mask("language.score IS NULL OR url IS NULL"), [false, true, true]);
        assert_eq!(
            mask("url IN ('https://a.org/x', 'gopher-quality.word_count')"),
            [true, false, false]
        );
    }

    #[test]
    fn null_drops() {
        assert_eq!(mask("language.score > 0.0"), [true, false, true]);
    }

    #[test]
    fn a_constant_holds_for_every_row() {
        assert_eq!(mask("1 = 1"), [true, true, true]);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_the_next_step() {
        assert!(
            refused("word_cout > 3").contains("did you mean `word_count`"),
            "{}",
            refused("word_cout > 3")
        );
        let ambiguous = refused("score > 3");
        assert!(ambiguous.contains("language.score") && ambiguous.contains("toxicity.score"));
        assert!(refused("word_count").contains("not true or false"));
        assert!(refused("word_count > AVG(word_count)").contains("AVG"));
        assert!(refused("ROW_NUMBER() OVER (ORDER BY word_count) < 10").contains("ROW_NUMBER"));
        assert!(refused("word_count >").contains("not a SQL condition"));
        assert!(refused("word_count > 3; DROP TABLE x").contains("sql:"));
        assert!(refused("url > 3 AND").contains("sql:"));
    }
}
