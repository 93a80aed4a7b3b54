//! `tamis why`: everything the ledger knows about a record.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt32Type, UInt64Type};
use serde::Serialize;
use serde_json::Value;

use super::LedgerError;
use super::fate::{Fate, Fates, Outcome, Stages};
use super::run::Run;
use crate::ops::find;
use crate::plan::PlanStage;

/// Records shown at most: a URL may stand for very many.
const MOST: usize = 100;

/// The shortest part of an id that is looked up.
const SHORTEST: usize = 8;

/// What is known of a record.
#[derive(Debug, Serialize)]
pub struct Why {
    /// Its id.
    pub id: String,
    /// The columns of the ledger that are not about one stage, in its order, without the empty ones.
    pub record: serde_json::Map<String, Value>,
    /// The stages, in the order of the file.
    pub stages: Vec<StageWhy>,
}

/// What a stage made of a record.
#[derive(Debug, Serialize)]
pub struct StageWhy {
    /// The stage.
    pub stage: String,
    /// What it did.
    pub outcome: Passage,
    /// Why it drops or would drop the document.
    pub reason: Option<String>,
    /// What it computed.
    pub signals: Vec<SignalWhy>,
    /// Whether it changed the text.
    pub changed: bool,
}

/// What a stage did with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passage {
    /// It let it pass.
    Passed,
    /// It dropped it.
    Dropped,
    /// It would have dropped it, had no other stage done so (audit sample).
    WouldDrop,
    /// It never saw it.
    NotReached,
    /// Its `only` or `when` left it out.
    NotInScope,
}

/// A signal, and the settings it is held against.
#[derive(Debug, Serialize)]
pub struct SignalWhy {
    /// Name within the stage.
    pub name: String,
    /// Value.
    pub value: Value,
    /// The thresholds called after it.
    pub bounds: Vec<Bound>,
}

/// A threshold.
#[derive(Debug, Serialize)]
pub struct Bound {
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: f64,
    /// Whether the signal lies outside.
    pub broken: bool,
}

/// Finds the records that `wanted` stands for: an id or the start of one, a URL, or the input's id.
///
/// # Errors
/// When there is none, or the ledger does not read.
pub fn why(run: &Run, wanted: &str) -> Result<Vec<Why>, LedgerError> {
    let keys = ["id", "source_id", "url"];
    let hex = wanted.len() >= SHORTEST && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = wanted.to_ascii_lowercase();
    let stages = Stages::new(&run.plan);
    let names: Vec<&str> = run.ledger.schema().fields().iter().map(|f| f.name().as_str()).collect();
    let mut found = Vec::new();
    for part in 0..run.ledger.parts() {
        let mut rows = Vec::new();
        let mut first = 0u64;
        for batch in run.ledger.read(part, &keys)? {
            let batch = batch?;
            for (name, column) in keys.iter().zip(batch.columns()) {
                let column = column.as_string::<i32>();
                let matches = |text: &str| {
                    text == wanted || (hex && *name == "id" && text.starts_with(&lower))
                };
                let matching = (0..column.len())
                    .filter(|&row| column.is_valid(row) && matches(column.value(row)));
                rows.extend(matching.map(|row| first + row as u64));
            }
            first += batch.num_rows() as u64;
        }
        rows.sort_unstable();
        rows.dedup();
        rows.truncate(MOST.saturating_sub(found.len()));
        if !rows.is_empty() {
            let batch = run.ledger.pick(part, &rows, &names)?;
            let fates = Fates::new(&stages, &batch)?;
            for row in 0..batch.num_rows() {
                found.push(explain(run, &stages, &batch, row, &fates.row(row)?));
            }
        }
        if found.len() >= MOST {
            break;
        }
    }
    if found.is_empty() {
        return Err(LedgerError::Question(format!(
            "no record of this run has the id, the source_id or the url `{wanted}`; \
             `tamis query RUN \"SELECT id, url FROM ledger WHERE url LIKE '%…%'\"` finds records by a part of it"
        )));
    }
    Ok(found)
}

fn explain(run: &Run, stages: &Stages, batch: &RecordBatch, row: usize, fate: &Fate<'_>) -> Why {
    let mut record = serde_json::Map::new();
    let schema = batch.schema();
    let fixed = batch.num_columns() - run.plan.signals.len();
    for (field, column) in schema.fields().iter().zip(batch.columns()).take(fixed) {
        let value = value(column, row);
        if !value.is_null() {
            record.insert(field.name().clone(), value);
        }
    }
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = text("id").to_owned();
    let changed: Vec<String> = text("modified_by").split(' ').map(str::to_owned).collect();
    let stage = |(index, stage): (usize, &PlanStage)| {
        let signals = signals(run, stage, batch, row);
        let reason = fate.fails_at(index).map(str::to_owned);
        let outcome = if fate.outcome == Outcome::Dropped(index) {
            Passage::Dropped
        } else if reason.is_some() {
            Passage::WouldDrop
        } else if !stages.applies(index, fate.source) {
            Passage::NotInScope
        } else if !stages.reached(index, fate) {
            Passage::NotReached
        } else if stage.when.is_some() && signals.is_empty() && !stage.signals.is_empty() {
            Passage::NotInScope
        } else {
            Passage::Passed
        };
        let changed = changed.contains(&stage.name);
        StageWhy { stage: stage.name.clone(), outcome, reason, signals, changed }
    };
    let stages = run.plan.stages.iter().enumerate().map(stage).collect();
    Why { id, record, stages }
}

/// The signals of a stage that the row has.
fn signals(run: &Run, stage: &PlanStage, batch: &RecordBatch, row: usize) -> Vec<SignalWhy> {
    let columns = &run.plan.signals[stage.signals.clone()];
    let mut signals = Vec::new();
    for (full, _) in columns {
        let Some(column) = batch.column_by_name(full) else { continue };
        let value = value(column, row);
        if !value.is_null() {
            let name = full.strip_prefix(&format!("{}.", stage.name)).unwrap_or(full).to_owned();
            let bounds = value.as_f64().map_or(Vec::new(), |value| bounds(stage, &name, value));
            signals.push(SignalWhy { name, value, bounds });
        }
    }
    signals
}

/// The thresholds that are called after a signal: `min_score` after `score`, `min_words` after
/// `words` or `word_count`.
fn bounds(stage: &PlanStage, signal: &str, value: f64) -> Vec<Bound> {
    let thresholds = find(&stage.op).map_or(&[][..], |entry| entry.thresholds);
    let bound = |key: &&'static str| {
        let (least, about) = match key.strip_prefix("min_") {
            Some(about) => (true, about),
            None => (false, key.strip_prefix("max_")?),
        };
        let counted = signal.strip_suffix("_count");
        if about != signal && counted.is_none_or(|one| about.strip_suffix('s') != Some(one)) {
            return None;
        }
        let limit = stage.settings.get(*key)?.as_f64()?;
        let broken = if least { value < limit } else { value > limit };
        Some(Bound { key: (*key).to_owned(), value: limit, broken })
    };
    thresholds.iter().filter_map(bound).collect()
}

/// A cell as JSON.
pub(super) fn value(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int64 => Value::from(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Value::from(column.as_primitive::<UInt64Type>().value(row)),
        DataType::UInt32 => Value::from(column.as_primitive::<UInt32Type>().value(row)),
        DataType::Float64 => Value::from(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::from(column.as_boolean().value(row)),
        DataType::Utf8 => Value::from(column.as_string::<i32>().value(row)),
        _ => Value::Null,
    }
}
