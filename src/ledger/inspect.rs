//! `tamis inspect`: some records to read, drawn by their ids.

use std::collections::{BTreeMap, BinaryHeap};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use serde::Serialize;

use super::LedgerError;
use super::run::Run;
use super::table::Table;
use crate::config::diagnostic::nearest;
use crate::config::outcome::Rejected;
use crate::document::DocumentId;
use crate::exec::records;

/// Which records to draw from.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `kept`, `dropped` or `failed`.
    pub verdict: Option<&'static str>,
    /// Dropped by this stage.
    pub stage: Option<String>,
    /// Dropped or failed for this reason.
    pub reason: Option<String>,
    /// How many.
    pub number: usize,
    /// Seed of the draw.
    pub seed: u64,
}

/// A record drawn.
#[derive(Debug, Serialize)]
pub struct Sampled {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// Its file.
    pub file: String,
    /// Its place in the file.
    pub record: String,
    /// Its URL.
    pub url: Option<String>,
    /// What became of it.
    pub verdict: String,
    /// By which stage.
    pub stage: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Its text, where it can still be had.
    pub text: Option<String>,
    /// Where the text comes from: `documents`, `rejected` or `source` (as it was read).
    pub text_from: Option<&'static str>,
}

/// The draw.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// Records that match.
    pub matching: u64,
    /// Those drawn, in the order of the draw.
    pub records: Vec<Sampled>,
    /// Why texts are missing, where they are.
    pub missing: Option<String>,
}

/// One record drawn: its place in the draw, then where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Drawn {
    rank: u64,
    part: usize,
    row: u64,
    /// Its row in `documents/` or `rejected/`, where it has one.
    text: Option<u64>,
}

/// Draws records.
///
/// # Errors
/// When nothing can match, or the files do not read.
pub fn inspect(run: &Run, wanted: &Wanted) -> Result<Sample, LedgerError> {
    check(run, wanted)?;
    let (matching, drawn) = draw(run, wanted)?;
    if matching == 0 {
        return Err(LedgerError::Question(nothing(run, wanted)?));
    }
    let mut sample = Sample { matching, records: Vec::new(), missing: None };
    let mut by_part: BTreeMap<usize, Vec<Drawn>> = BTreeMap::new();
    for one in drawn {
        by_part.entry(one.part).or_default().push(one);
    }
    let documents = Table::open(&run.store, "documents")?;
    let rejected = Table::open(&run.store, "rejected")?;
    let mut ranked = Vec::new();
    for (part, mut drawn) in by_part {
        drawn.sort_by_key(|one| one.row);
        let rows: Vec<u64> = drawn.iter().map(|one| one.row).collect();
        let mut records = describe(&run.ledger.pick(part, &rows, &FIELDS)?);
        let split = run.ledger.split(part).unwrap_or_default();
        let stored = |kept: bool| if kept { documents.as_ref() } else { rejected.as_ref() };
        for (kept, from) in [(true, "documents"), (false, "rejected")] {
            let Some(table) = stored(kept) else { continue };
            let Some(part) = table.part_of(split) else { continue };
            let mine = |(_, record): &(usize, &Sampled)| (record.verdict == "kept") == kept;
            let mine: Vec<usize> =
                records.iter().enumerate().filter(mine).map(|(index, _)| index).collect();
            let places: Vec<(usize, u64)> =
                mine.into_iter().filter_map(|index| Some((index, drawn[index].text?))).collect();
            let rows: Vec<u64> = places.iter().map(|(_, row)| *row).collect();
            if rows.is_empty() {
                continue;
            }
            let batch = table.pick(part, &rows, &["id", "text"])?;
            for (at, (index, _)) in places.into_iter().enumerate() {
                if column(&batch, "id").and_then(|ids| cell(ids, at)) == Some(&records[index].id) {
                    let text = column(&batch, "text").and_then(|texts| cell(texts, at));
                    records[index].text = text.map(str::to_owned);
                    records[index].text_from = Some(from);
                }
            }
        }
        read_again(run, split, &mut records, &rows, &mut sample.missing);
        ranked.extend(drawn.iter().map(|one| one.rank).zip(records));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    sample.records = ranked.into_iter().map(|(_, record)| record).collect();
    Ok(sample)
}

/// Takes the texts that no file of the run holds from the input.
fn read_again(
    run: &Run,
    split: u32,
    records: &mut [Sampled],
    rows: &[u64],
    missing: &mut Option<String>,
) {
    let gone = |record: &Sampled| record.text.is_none() && record.verdict != "failed";
    let indices: Vec<usize> = (0..records.len()).filter(|&i| gone(&records[i])).collect();
    if indices.is_empty() {
        return;
    }
    let rows: Vec<u64> = indices.iter().map(|&index| rows[index]).collect();
    match records::texts(&run.plan, &run.store, split, &rows) {
        Ok(texts) => {
            for (index, found) in indices.into_iter().zip(texts) {
                if let Some((id, text)) = found
                    && id.to_string() == records[index].id
                {
                    records[index].text = Some(text);
                    records[index].text_from = Some("source");
                }
            }
        }
        Err(error) => {
            *missing = Some(format!(
                "some texts cannot be read again from the input ({error}); \
                 `rejected = \"all\"` in the pipeline keeps those of dropped documents"
            ));
        }
    }
}

const FIELDS: [&str; 8] = ["id", "source", "file", "record", "url", "verdict", "stage", "reason"];

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn cell(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

fn describe(batch: &RecordBatch) -> Vec<Sampled> {
    let cells = |row: usize| {
        FIELDS
            .map(|name| column(batch, name).and_then(|column| cell(column, row)).map(str::to_owned))
    };
    let describe = |row| {
        let [id, source, file, record, url, verdict, stage, reason] = cells(row);
        Sampled {
            id: id.unwrap_or_default(),
            source: source.unwrap_or_default(),
            file: file.unwrap_or_default(),
            record: record.unwrap_or_default(),
            url,
            verdict: verdict.unwrap_or_default(),
            stage,
            reason,
            text: None,
            text_from: None,
        }
    };
    (0..batch.num_rows()).map(describe).collect()
}

/// Finds the matching rows with the smallest random numbers.
fn draw(run: &Run, wanted: &Wanted) -> Result<(u64, Vec<Drawn>), LedgerError> {
    let mut heap: BinaryHeap<Drawn> = BinaryHeap::new();
    let mut matching = 0;
    for part in 0..run.ledger.parts() {
        let (mut row, mut kept, mut rejected) = (0u64, 0u64, 0u64);
        for batch in run.ledger.read(part, &["id", "verdict", "stage", "reason", "audited"])? {
            let batch = batch?;
            let names = ["id", "verdict", "stage", "reason"];
            let [Some(ids), Some(verdicts), Some(stages), Some(reasons)] =
                names.map(|name| column(&batch, name))
            else {
                return Err(LedgerError::Damaged(
                    "the ledger lacks columns; run again with --fresh".to_owned(),
                ));
            };
            let audited: Option<&BooleanArray> =
                batch.column_by_name("audited").and_then(|column| column.as_boolean_opt());
            for at in 0..batch.num_rows() {
                let verdict = verdicts.value(at);
                let stored = match run.plan.rejected {
                    _ if verdict != "dropped" => false,
                    Rejected::All => true,
                    Rejected::Sample => audited.is_some_and(|a| a.is_valid(at) && a.value(at)),
                    Rejected::None => false,
                };
                let text = match verdict {
                    "kept" => Some(kept),
                    _ => stored.then_some(rejected),
                };
                kept += u64::from(verdict == "kept");
                rejected += u64::from(stored);
                let is = |want: Option<&str>, column: &StringArray| {
                    want.is_none_or(|want| cell(column, at) == Some(want))
                };
                let matches = is(wanted.verdict, verdicts)
                    && is(wanted.stage.as_deref(), stages)
                    && is(wanted.reason.as_deref(), reasons);
                if matches {
                    matching += 1;
                    let id = u128::from_str_radix(ids.value(at), 16).unwrap_or_default();
                    let rank = DocumentId(id).random(wanted.seed, "inspect");
                    let one = Drawn { rank, part, row, text };
                    if heap.len() < wanted.number {
                        heap.push(one);
                    } else if heap.peek().is_some_and(|last| one < *last) {
                        heap.pop();
                        heap.push(one);
                    }
                }
                row += 1;
            }
        }
    }
    Ok((matching, heap.into_sorted_vec()))
}

/// Refuses names that the run does not have.
fn check(run: &Run, wanted: &Wanted) -> Result<(), LedgerError> {
    let Some(stage) = &wanted.stage else { return Ok(()) };
    let names: Vec<&str> = run.plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    if names.contains(&stage.as_str()) {
        return Ok(());
    }
    Err(LedgerError::Question(match nearest(stage, &names) {
        Some(near) => format!("the run has no stage `{stage}`; did you mean `{near}`?"),
        None => format!("the run has no stage `{stage}`; it has: {}", names.join(", ")),
    }))
}

/// What to say where no record matches: the reasons there are.
fn nothing(run: &Run, wanted: &Wanted) -> Result<String, LedgerError> {
    let mut reasons: Vec<String> = Vec::new();
    for part in 0..run.ledger.parts() {
        for batch in run.ledger.read(part, &["stage", "reason"])? {
            let batch = batch?;
            let (Some(stages), Some(found)) = (column(&batch, "stage"), column(&batch, "reason"))
            else {
                continue;
            };
            for row in 0..batch.num_rows() {
                let stage = cell(stages, row);
                if wanted.stage.is_some() && stage != wanted.stage.as_deref() {
                    continue;
                }
                if let Some(reason) = cell(found, row)
                    && !reasons.iter().any(|known| known == reason)
                {
                    reasons.push(reason.to_owned());
                }
            }
        }
    }
    reasons.sort_unstable();
    let known: Vec<&str> = reasons.iter().map(String::as_str).collect();
    Ok(match &wanted.reason {
        Some(reason) if !known.contains(&reason.as_str()) => match nearest(reason, &known) {
            Some(near) => format!("no record has the reason `{reason}`; did you mean `{near}`?"),
            None => format!("no record has the reason `{reason}`; there are: {}", known.join(", ")),
        },
        _ => "no record of this run is like that".to_owned(),
    })
}
