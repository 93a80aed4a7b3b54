//! `tamis query`: SQL over the files of a run.
//!
//! polars plans and computes; the files are read by the same code as everywhere else, so that they
//! may lie wherever a [`Store`](crate::store::Store) reaches. Of the files only the columns are read
//! that the query names, and conditions are applied a batch at a time. What is left of the rows is
//! held in memory.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType as ArrowType, Float64Type, Int64Type, SchemaRef as ArrowSchema, UInt32Type, UInt64Type,
};
use polars::error::{PolarsError, PolarsResult};
use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, BooleanFunction, Column, DataFrame, DataType, Expr, Field,
    FunctionExpr, IntoLazy, LazyFrame, NamedFrom, Operator, PlSmallStr, ScanArgsAnonymous, Schema,
    SchemaRef, Series, StringFunction,
};
use polars::sql::SQLContext;
use rayon::prelude::*;

use super::run::Run;
use super::table::Table;
use super::{LedgerError, columns};
use crate::ops::rewrite_sql;
use crate::read::caught;

/// Tables that a query may name, and the folders they stand for.
const TABLES: [&str; 4] = ["ledger", "documents", "rejected", "contamination"];

/// Words that are never taken for a signal.
const KEYWORDS: &[&str] = &["AS", "FROM", "LEFT", "RIGHT", "END"];

/// Runs a query; `limit` bounds the rows of the result.
///
/// # Errors
/// When it is no query, names what is not there, or the files do not read.
pub fn query(run: &Run, sql: &str, limit: Option<u64>) -> Result<DataFrame, LedgerError> {
    let first = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !["SELECT", "WITH", "EXPLAIN", "SHOW"].contains(&first.trim_start_matches('(')) {
        return Err(LedgerError::Question(format!(
            "`{first}` is no query; write SELECT …, such as \"SELECT stage, reason, COUNT(*) AS documents FROM ledger GROUP BY stage, reason\""
        )));
    }
    let mut context = SQLContext::new();
    let mut known: Vec<String> = Vec::new();
    let mut tables = Vec::new();
    // Its columns have names that signals have, too: it is there for those who ask for it.
    let asked = |name: &str| name != "contamination" || sql.to_ascii_lowercase().contains(name);
    for name in TABLES.into_iter().filter(|name| asked(name)) {
        let table = match name {
            "ledger" => Some(run.ledger.clone()),
            other => Table::open(&run.store, other)?,
        };
        let Some(table) = table else { continue };
        for field in table.schema().fields() {
            if !known.contains(field.name()) {
                known.push(field.name().clone());
            }
        }
        let frame = scan(table).map_err(|error| failed(&error, sql, &[], &[]))?;
        context.register(name, frame);
        tables.push(name);
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let (written, completed) = quote(sql, &known)?;
    let failed = |error: PolarsError| failed(&error, sql, &known, &tables);
    // polars asserts where it should refuse some odd queries.
    let result = caught(|| {
        let mut frame = context.execute(&written)?;
        if let Some(limit) = limit {
            frame = frame.limit(u32::try_from(limit).unwrap_or(u32::MAX));
        }
        frame.collect()
    });
    let mut frame = result
        .ok_or_else(|| {
            LedgerError::Question(format!(
                "polars breaks off over `{sql}`; ask for the same in another way"
            ))
        })?
        .map_err(failed)?;
    for (bare, full) in completed {
        // Called as the query calls it, unless it says both.
        if frame.schema().contains(full) && !frame.schema().contains(&bare) && !sql.contains(full) {
            frame.rename(full, bare.into()).map_err(failed)?;
        }
    }
    Ok(frame)
}

/// Names of signals as a query has them, and in full.
type Completed<'a> = Vec<(String, &'a str)>;

/// Quotes what is no plain SQL name, and completes the names of signals.
fn quote<'a>(sql: &str, known: &[&'a str]) -> Result<(String, Completed<'a>), LedgerError> {
    // A name that the query gives to a column of its own means that column.
    let mut own: Vec<String> = Vec::new();
    let mut after_as = false;
    let collect = |word: &str, _: &str| {
        if std::mem::replace(&mut after_as, word.eq_ignore_ascii_case("AS")) {
            own.push(word.to_owned());
        }
        Ok(None)
    };
    rewrite_sql(sql, known, collect).map_err(LedgerError::Question)?;
    let mut completed: Completed<'a> = Vec::new();
    let mut after_as = false;
    let written = rewrite_sql(sql, known, |word, behind| {
        let named = std::mem::replace(&mut after_as, word.eq_ignore_ascii_case("AS"));
        let fixed = own.iter().any(|own| own == word) || named;
        let call = behind.trim_start().starts_with('(');
        if fixed || call || KEYWORDS.contains(&word.to_ascii_uppercase().as_str()) {
            return Ok(None);
        }
        if known.contains(&word) {
            // Some are words of SQL too, such as `cluster`.
            return Ok(Some(format!("\"{word}\"")));
        }
        match columns::signals(word, known).as_slice() {
            [one] => {
                if !completed.iter().any(|(bare, _)| bare == word) {
                    completed.push((word.to_owned(), one));
                }
                Ok(Some(format!("\"{one}\"")))
            }
            [] => Ok(None),
            several => Err(columns::ambiguous(word, several)),
        }
    });
    Ok((written.map_err(LedgerError::Question)?, completed))
}

/// What polars said, with what to do about it.
fn failed(error: &PolarsError, sql: &str, known: &[&str], tables: &[&str]) -> LedgerError {
    let text = error.to_string();
    let quoted = |text: &str| text.split(['"', '\'', '`']).nth(1).map(str::to_owned);
    if let PolarsError::ColumnNotFound(message) = error
        && let Some(name) = quoted(message.as_ref())
    {
        return LedgerError::Question(columns::unknown(&name, known));
    }
    if text.contains("relation") && text.contains("not found") {
        let name = quoted(&text).unwrap_or_default();
        let rejected = if name == "rejected" {
            "; texts of dropped documents are written with `rejected = \"all\"` in the pipeline"
        } else {
            ""
        };
        return LedgerError::Question(format!(
            "there is no table `{name}` in this run; there are: {}{rejected}",
            tables.join(", ")
        ));
    }
    LedgerError::Question(format!("`{sql}` cannot be answered: {text}"))
}

/// The files of a folder as polars scans them.
struct Scan {
    table: Table,
    schema: SchemaRef,
}

fn scan(table: Table) -> PolarsResult<LazyFrame> {
    let schema = Arc::new(polars_schema(table.schema()));
    let arguments = ScanArgsAnonymous {
        schema: Some(Arc::clone(&schema)),
        name: "LEDGER",
        ..ScanArgsAnonymous::default()
    };
    LazyFrame::anonymous_scan(Arc::new(Scan { table, schema }), arguments)
}

impl AnonymousScan for Scan {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self, _: Option<usize>) -> PolarsResult<SchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }

    fn allows_predicate_pushdown(&self) -> bool {
        true
    }

    fn scan(&self, options: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let wanted: Vec<PlSmallStr> = match &options.with_columns {
            Some(columns) => columns.to_vec(),
            None => self.schema.iter_names().cloned().collect(),
        };
        let predicate = options.predicate.as_ref().map(conditions).transpose()?.flatten();
        let predicate = predicate.as_ref();
        // A condition over one row gives the same a batch at a time; any other needs them all.
        let split = predicate.filter(|expression| elementwise(expression));
        let limit = if predicate.is_some() { None } else { options.n_rows };
        let parts = 0..self.table.parts();
        let frames: Vec<DataFrame> = match limit {
            Some(limit) => {
                let mut frames = Vec::new();
                let mut left = limit;
                for part in parts {
                    if left == 0 && !frames.is_empty() {
                        break;
                    }
                    let frame = self.part(part, &wanted, None, Some(left))?;
                    left -= frame.height();
                    frames.push(frame);
                }
                frames
            }
            None => parts
                .into_par_iter()
                .map(|part| self.part(part, &wanted, split, None))
                .collect::<PolarsResult<_>>()?,
        };
        let mut frame = empty(&self.schema, &wanted);
        for part in frames {
            frame.vstack_mut_owned(part)?;
        }
        if let (Some(whole), None) = (predicate, split) {
            frame = frame.lazy().filter(whole.clone()).collect()?;
        }
        Ok(match options.n_rows {
            Some(rows) if predicate.is_some() => frame.head(Some(rows)),
            _ => frame,
        })
    }
}

impl Scan {
    /// The rows of one file that meet `predicate`, at most `limit`.
    fn part(
        &self,
        part: usize,
        wanted: &[PlSmallStr],
        predicate: Option<&Expr>,
        limit: Option<usize>,
    ) -> PolarsResult<DataFrame> {
        let mut names: Vec<&str> = wanted.iter().map(PlSmallStr::as_str).collect();
        for node in predicate.into_iter().flatten() {
            if let Expr::Column(name) = node {
                names.push(name.as_str());
            }
        }
        let reader = self.table.read(part, &names).map_err(compute)?;
        let mut result = empty(&self.schema, wanted);
        for batch in reader {
            let batch = batch.map_err(compute)?;
            let mut frame = frame(&batch)?;
            if let Some(predicate) = predicate {
                frame = frame.lazy().filter(predicate.clone()).collect()?;
            }
            result.vstack_mut_owned(frame.select(wanted.iter().cloned())?)?;
            if limit.is_some_and(|limit| result.height() >= limit) {
                break;
            }
        }
        Ok(match limit {
            Some(limit) => result.head(Some(limit)),
            None => result,
        })
    }
}

fn compute(error: impl std::fmt::Display) -> PolarsError {
    PolarsError::ComputeError(error.to_string().into())
}

/// The predicate without what polars adds to it to skip rows early that a later step drops anyway
/// (the bound of `ORDER BY … LIMIT`), which no other part of polars can read.
fn conditions(predicate: &Expr) -> PolarsResult<Option<Expr>> {
    match predicate {
        Expr::BinaryExpr { left, op: Operator::And, right } => {
            Ok(match (conditions(left)?, conditions(right)?) {
                (Some(left), Some(right)) => Some(left.and(right)),
                (one, other) => one.or(other),
            })
        }
        Expr::Display { .. } => Ok(None),
        other if other.into_iter().any(|node| matches!(node, Expr::Display { .. })) => {
            Err(compute(format!("the condition `{other}` cannot be used here")))
        }
        other => Ok(Some(other.clone())),
    }
}

/// Whether an expression looks at one row only.
fn elementwise(expression: &Expr) -> bool {
    expression.into_iter().all(|node| match node {
        Expr::Column(_)
        | Expr::Literal(_)
        | Expr::BinaryExpr { .. }
        | Expr::Cast { .. }
        | Expr::Alias(..)
        | Expr::Ternary { .. } => true,
        Expr::Function { function: FunctionExpr::Boolean(function), .. } => matches!(
            function,
            BooleanFunction::IsNull
                | BooleanFunction::IsNotNull
                | BooleanFunction::IsIn { .. }
                | BooleanFunction::Not
        ),
        Expr::Function { function: FunctionExpr::StringExpr(function), .. } => {
            !matches!(function, StringFunction::ConcatVertical { .. })
        }
        _ => false,
    })
}

fn polars_type(kind: &ArrowType) -> DataType {
    match kind {
        ArrowType::Int64 => DataType::Int64,
        ArrowType::UInt64 => DataType::UInt64,
        ArrowType::UInt32 => DataType::UInt32,
        ArrowType::Float64 => DataType::Float64,
        ArrowType::Boolean => DataType::Boolean,
        // Nothing else is written.
        _ => DataType::String,
    }
}

fn polars_schema(schema: &ArrowSchema) -> Schema {
    let field = |field: &Arc<arrow::datatypes::Field>| {
        Field::new(field.name().into(), polars_type(field.data_type()))
    };
    schema.fields().iter().map(field).collect()
}

fn empty(schema: &Schema, wanted: &[PlSmallStr]) -> DataFrame {
    let column = |name: &PlSmallStr| {
        Column::new_empty(name.clone(), schema.get(name).unwrap_or(&DataType::String))
    };
    DataFrame::new(0, wanted.iter().map(column).collect()).unwrap_or_default()
}

fn frame(batch: &RecordBatch) -> PolarsResult<DataFrame> {
    let fields = batch.schema();
    let columns = fields.fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, values)| series(field.name(), values).into());
    DataFrame::new(batch.num_rows(), columns.collect())
}

fn series(name: &str, values: &ArrayRef) -> Series {
    let name = PlSmallStr::from(name);
    match values.data_type() {
        ArrowType::Int64 => {
            Series::new(name, values.as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
        }
        ArrowType::UInt64 => {
            Series::new(name, values.as_primitive::<UInt64Type>().iter().collect::<Vec<_>>())
        }
        ArrowType::UInt32 => {
            Series::new(name, values.as_primitive::<UInt32Type>().iter().collect::<Vec<_>>())
        }
        ArrowType::Float64 => {
            Series::new(name, values.as_primitive::<Float64Type>().iter().collect::<Vec<_>>())
        }
        ArrowType::Boolean => Series::new(name, values.as_boolean().iter().collect::<Vec<_>>()),
        ArrowType::Utf8 => {
            Series::new(name, values.as_string::<i32>().iter().collect::<Vec<Option<&str>>>())
        }
        _ => Series::new_null(name, values.len()),
    }
}
