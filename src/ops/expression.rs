//! SQL over the metadata and signals of one document: what `where`, `when` and `set` are made of.

mod names;

pub(crate) use self::names::{resolve, rewrite};

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use polars::prelude::{Column, DataFrame, DataType, Expr, IntoLazy, NamedFrom, PlSmallStr, Series};

use serde::{Deserialize, Serialize};

use super::{Columns, OpError};
use crate::document::{Batch, SignalColumn, SignalType, SignalValue};

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A kept field, by its index.
    Metadata(usize),
    /// A signal, by its index.
    Signal(usize, SignalType),
}

/// A SQL expression, parsed, resolved and type-checked once, then run over many batches.
pub struct Expression {
    sql: String,
    parsed: Expr,
    inputs: Vec<(PlSmallStr, Source)>,
    kind: DataType,
}

impl Expression {
    /// Parses `sql` and finds its columns among `columns`.
    ///
    /// # Errors
    /// When it does not parse, names an unknown or ambiguous column, uses a function over many rows,
    /// or mixes types that do not go together.
    pub fn compile(sql: &str, columns: &Columns) -> Result<Self, OpError> {
        let quoted = names::quote(sql, columns).map_err(setting)?;
        let parsed = polars::sql::sql_expr(&quoted)
            .map_err(|error| setting(format!("`{sql}` is not a SQL expression: {error}")))?;
        let mut inputs: Vec<(PlSmallStr, Source)> = Vec::new();
        for node in &parsed {
            if let Expr::Column(name) = node
                && !inputs.iter().any(|(known, _)| known == name)
            {
                let source = names::resolve(name, columns).map_err(setting)?;
                inputs.push((name.clone(), source));
            }
        }
        let mut compiled = Self { sql: sql.to_owned(), parsed, inputs, kind: DataType::Null };
        // A run over no rows finds wrong types before the first document is read.
        let empty = compiled.inputs.iter().map(|(name, source)| {
            let kind = match source {
                Source::Metadata(_) | Source::Signal(_, SignalType::Text) => DataType::String,
                Source::Signal(_, SignalType::Int) => DataType::Int64,
                Source::Signal(_, SignalType::Float) => DataType::Float64,
            };
            Column::new_empty(name.clone(), &kind)
        });
        let result = compiled.evaluate(0, empty.collect()).map_err(|error| match error {
            OpError::Sql { reason, .. } => setting(format!("`{sql}`: {reason}")),
            other => other,
        })?;
        compiled.kind = result.dtype().clone();
        Ok(compiled)
    }

    /// The type of the signal that holds its values: true and false are 1 and 0.
    ///
    /// # Errors
    /// When no signal can hold them (a date, say).
    pub fn signal_type(&self) -> Result<SignalType, OpError> {
        match &self.kind {
            DataType::Boolean => Ok(SignalType::Int),
            DataType::String => Ok(SignalType::Text),
            kind if kind.is_integer() => Ok(SignalType::Int),
            kind if kind.is_float() => Ok(SignalType::Float),
            kind => Err(setting(format!(
                "`{}` gives {kind}; CAST it to INT, DOUBLE or VARCHAR",
                self.sql
            ))),
        }
    }

    /// The signals that it reads, by their index in the columns it was compiled against.
    pub fn signals(&self) -> impl Iterator<Item = usize> + '_ {
        self.inputs.iter().filter_map(|(_, source)| match source {
            Source::Signal(index, _) => Some(*index),
            Source::Metadata(_) => None,
        })
    }

    /// The kept fields that it reads, by their index in the columns it was compiled against.
    pub fn metadata(&self) -> impl Iterator<Item = usize> + '_ {
        self.inputs.iter().filter_map(|(_, source)| match source {
            Source::Metadata(index) => Some(*index),
            Source::Signal(..) => None,
        })
    }

    /// Appends its values for the rows of the batch to `column`, one of [`Expression::signal_type`];
    /// null outside of `rows` (in order) and where a float is no number.
    ///
    /// # Errors
    /// When the SQL engine fails on the values (a strict `CAST` of something else, say).
    pub fn fill(
        &self,
        batch: &Batch,
        rows: &[usize],
        column: &mut SignalColumn,
    ) -> Result<(), OpError> {
        let kind = match self.signal_type()? {
            SignalType::Int => DataType::Int64,
            SignalType::Float => DataType::Float64,
            SignalType::Text => DataType::String,
        };
        let failed = |error: polars::error::PolarsError| self.failed(&error);
        let values = self.values(batch)?.cast(&kind).map_err(failed)?;
        let values = values.as_materialized_series();
        let mut next = rows.iter().peekable();
        for row in 0..batch.len() {
            // An expression without columns is one value for all.
            let at = if values.len() == 1 { 0 } else { row };
            let value = match (next.next_if(|&&wanted| wanted == row), &kind) {
                (None, _) => None,
                (_, DataType::Int64) => values.i64().map_err(failed)?.get(at).map(SignalValue::Int),
                (_, DataType::Float64) => {
                    let value = values.f64().map_err(failed)?.get(at);
                    value.filter(|value| value.is_finite()).map(SignalValue::Float)
                }
                (_, _) => values.str().map_err(failed)?.get(at).map(SignalValue::Text),
            };
            column.push(value.as_ref());
        }
        Ok(())
    }

    fn values(&self, batch: &Batch) -> Result<Column, OpError> {
        let columns =
            self.inputs.iter().map(|(name, source)| column(name, *source, batch)).collect();
        self.evaluate(batch.len(), columns)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> OpError {
        OpError::Sql { sql: self.sql.clone(), reason: error.to_string() }
    }

    fn evaluate(&self, rows: usize, columns: Vec<Column>) -> Result<Column, OpError> {
        let failed = |error: polars::error::PolarsError| self.failed(&error);
        let frame = DataFrame::new(rows, columns).map_err(failed)?;
        let named = self.parsed.clone().alias("value");
        let result = frame.lazy().select([named]).collect().map_err(failed)?;
        result.column("value").cloned().map_err(failed)
    }
}

fn setting(reason: String) -> OpError {
    OpError::Setting { key: "sql", reason }
}

/// An [`Expression`] that is true or false.
pub struct Condition(Expression);

impl Condition {
    /// Compiles `sql` as [`Expression::compile`] does.
    ///
    /// # Errors
    /// As there, and when it is not a condition.
    pub fn compile(sql: &str, columns: &Columns) -> Result<Self, OpError> {
        let expression = Expression::compile(sql, columns)?;
        if expression.kind != DataType::Boolean {
            return Err(setting(format!(
                "`{sql}` gives {}, not true or false; compare it with something",
                expression.kind
            )));
        }
        Ok(Self(expression))
    }

    /// The kept fields that it reads, as [`Expression::metadata`] gives them.
    pub fn metadata(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.metadata()
    }

    /// Whether the condition is true, for each row of the batch.
    ///
    /// # Errors
    /// When the SQL engine fails on the values (a strict `CAST` of something else, say).
    pub fn mask(&self, batch: &Batch) -> Result<Vec<bool>, OpError> {
        self.truths(&self.0.values(batch)?, batch.len())
    }

    /// [`Condition::mask`] before there is a batch, for a condition over kept fields alone: `column`
    /// gives the `rows` values of a field.
    ///
    /// # Errors
    /// As there, and when `column` lacks one.
    pub fn mask_of<'a>(
        &self,
        rows: usize,
        column: impl Fn(usize) -> Option<&'a StringArray>,
    ) -> Result<Vec<bool>, OpError> {
        let columns = self.0.inputs.iter().map(|(name, source)| match source {
            Source::Metadata(index) => Some(texts(name, column(*index)?).into()),
            Source::Signal(..) => None,
        });
        let columns = columns.collect::<Option<Vec<Column>>>();
        let columns = columns.ok_or_else(|| self.0.failed(&"a column is missing"))?;
        self.truths(&self.0.evaluate(rows, columns)?, rows)
    }

    /// The values of a result for `rows` rows; null is false.
    fn truths(&self, result: &Column, rows: usize) -> Result<Vec<bool>, OpError> {
        let failed = |error: polars::error::PolarsError| self.0.failed(&error);
        let values = result.as_materialized_series().bool().map_err(failed)?;
        let mut mask: Vec<bool> = values.iter().map(|value| value.unwrap_or(false)).collect();
        if mask.len() == 1 && rows != 1 {
            // A condition without columns is one value for all.
            mask = vec![mask[0]; rows];
        }
        Ok(mask)
    }
}

fn texts(name: &PlSmallStr, values: &StringArray) -> Series {
    let values: Vec<Option<&str>> = values.iter().collect();
    Series::new(name.clone(), values)
}

fn column(name: &PlSmallStr, source: Source, batch: &Batch) -> Column {
    let series = match source {
        Source::Metadata(index) => texts(name, &batch.metadata[index]),
        Source::Signal(index, SignalType::Text) => {
            texts(name, batch.signals[index].as_string::<i32>())
        }
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

    fn values(sql: &str) -> (SignalType, Vec<Option<SignalValue<'static>>>) {
        let expression = Expression::compile(sql, &columns()).unwrap();
        let kind = expression.signal_type().unwrap();
        let mut column = SignalColumn::new(kind, 3);
        expression.fill(&batch(), &[0, 2], &mut column).unwrap();
        let values = match column {
            SignalColumn::Int(values) => {
                values.into_iter().map(|value| value.map(SignalValue::Int)).collect()
            }
            SignalColumn::Float(values) => {
                values.into_iter().map(|value| value.map(SignalValue::Float)).collect()
            }
            SignalColumn::Text(mut values) => {
                let values = values.finish();
                let text = |value: Option<&str>| {
                    value.map(|value| SignalValue::OwnedText(value.to_owned()))
                };
                values.iter().map(text).collect()
            }
        };
        (kind, values)
    }

    #[test]
    fn values_of_each_type_for_the_rows_asked_for() {
        use SignalValue::{Float, Int, OwnedText};
        let text = |value: &str| Some(OwnedText(value.to_owned()));
        let cases = [
            ("word_count + 1", SignalType::Int, Some(Int(101)), Some(Int(301))),
            ("word_count > 100", SignalType::Int, Some(Int(0)), Some(Int(1))),
            ("word_count / 8", SignalType::Float, Some(Float(12.5)), Some(Float(37.5))),
            ("LENGTH(url)", SignalType::Int, Some(Int(15)), None),
            ("CAST(metadata.year AS INT)", SignalType::Int, Some(Int(1999)), None),
            ("UPPER(metadata.year || 'x')", SignalType::Text, text("1999X"), None),
            ("COALESCE(url, 'none')", SignalType::Text, text("https://a.org/x"), text("none")),
            ("7", SignalType::Int, Some(Int(7)), Some(Int(7))),
            ("'a'", SignalType::Text, text("a"), text("a")),
            // Neither infinity nor NaN is a number to compare with.
            ("1.0 / (word_count - 100)", SignalType::Float, None, Some(Float(0.005))),
            ("(word_count - 100) / (word_count - 100)", SignalType::Float, None, Some(Float(1.0))),
        ];
        for (sql, kind, first, third) in cases {
            assert_eq!(values(sql), (kind, vec![first, None, third]), "{sql}");
        }
    }

    #[test]
    fn a_date_is_no_signal() {
        let expression = Expression::compile("DATE('2020-01-01')", &columns()).unwrap();
        let message = expression.signal_type().unwrap_err().to_string();
        assert!(message.contains("CAST it to"), "{message}");
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
        assert!(refused("word_count >").contains("not a SQL expression"));
        assert!(refused("word_count > 3; DROP TABLE x").contains("sql:"));
        assert!(refused("url > 3 AND").contains("sql:"));
    }
}
