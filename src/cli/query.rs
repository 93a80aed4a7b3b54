//! `tamis query`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use polars::prelude::{AnyValue, DataFrame};
use serde_json::{Map, Value};

use super::{print, show, warn_unfinished};
use crate::ledger::query;
use crate::ledger::run::Run;

#[derive(Args)]
pub(super) struct Query {
    /// The run directory.
    run: PathBuf,
    /// The query, such as "SELECT stage, reason, COUNT(*) AS n FROM ledger GROUP BY stage, reason".
    ///
    /// The table `ledger` has a row for every record; `documents` and `rejected` hold texts;
    /// `contamination` has a row for every benchmark item that `decontaminate` found.
    /// Signals are named like in `where`: `word_count` or `gopher-quality.word_count`.
    sql: String,
    /// Rows to show [default: 100 as text, all of them otherwise].
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// JSON lines: one object a row.
    Json,
    /// Comma-separated values.
    Csv,
}

const ROWS: u64 = 100;

impl Query {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        warn_unfinished(&run);
        let limit = self.limit.or((self.format == Format::Text).then_some(ROWS));
        // One row more tells that there is more.
        let mut frame = query::query(&run, &self.sql, limit.map(|limit| limit.saturating_add(1)))?;
        let shown = limit.and_then(|limit| usize::try_from(limit).ok());
        if let Some(shown) = shown.filter(|shown| frame.height() > *shown) {
            frame = frame.head(Some(shown));
            super::note(&format!("there are more than {shown} rows; show more with --limit"));
        }
        let header: Vec<String> =
            frame.get_column_names().iter().map(ToString::to_string).collect();
        match self.format {
            Format::Text => print(&show::table(&header, &rows(&frame)?)),
            Format::Csv => print(&show::csv(&header, &rows(&frame)?)),
            Format::Json => {
                let mut lines = String::new();
                for row in rows(&frame)? {
                    let object: Map<String, Value> = header.iter().cloned().zip(row).collect();
                    lines.push_str(&Value::Object(object).to_string());
                    lines.push('\n');
                }
                print(&show::safe_json(&lines))
            }
        }
    }
}

fn rows(frame: &DataFrame) -> anyhow::Result<Vec<Vec<Value>>> {
    let mut rows = vec![Vec::with_capacity(frame.width()); frame.height()];
    for column in frame.columns() {
        for (index, row) in rows.iter_mut().enumerate() {
            row.push(value(&column.get(index)?));
        }
    }
    Ok(rows)
}

fn value(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(value) => Value::from(*value),
        AnyValue::String(value) => Value::from(*value),
        AnyValue::StringOwned(value) => Value::from(value.as_str()),
        AnyValue::Int8(value) => Value::from(*value),
        AnyValue::Int16(value) => Value::from(*value),
        AnyValue::Int32(value) => Value::from(*value),
        AnyValue::Int64(value) => Value::from(*value),
        AnyValue::UInt8(value) => Value::from(*value),
        AnyValue::UInt16(value) => Value::from(*value),
        AnyValue::UInt32(value) => Value::from(*value),
        AnyValue::UInt64(value) => Value::from(*value),
        AnyValue::Float32(value) => Value::from(*value),
        AnyValue::Float64(value) => Value::from(*value),
        other => Value::from(other.to_string()),
    }
}
