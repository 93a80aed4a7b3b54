//! `tamis export`: kept documents with columns of the ledger, as one Parquet file.
//!
//! The files of `documents/` and `ledger/` follow the same order, so that both are read once, side
//! by side, and only some batches are in memory.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Field, Schema, SchemaRef};

use serde::Serialize;

use super::run::Run;
use super::table::{Rows, Table};
use super::{LedgerError, columns};
use crate::config::source::Compression;
use crate::exec::{Codec, ParquetFile};
use crate::store::Store;

/// Rows written at a time, and about how many bytes of a row group.
const CHUNK: usize = 1024;
const GROUP: usize = 64 << 20;

/// What was written.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its columns.
    pub columns: Vec<String>,
}

/// Where a column comes from.
enum From {
    Documents(String),
    Ledger(String),
}

/// Writes the `wanted` columns (of the ledger, or of `documents/`) of every kept document to the
/// file `path` of `out`, in document order.
///
/// # Errors
/// When there is no such column, or files do not read or cannot be written.
pub fn export(
    run: &Run,
    wanted: &[String],
    out: &Store,
    path: &str,
) -> Result<Exported, LedgerError> {
    run.complete()?;
    let documents = Table::open(&run.store, "documents")?.ok_or_else(|| {
        LedgerError::Damaged("the run has no documents/; start `tamis run` again".to_owned())
    })?;
    let (from, schema) = resolve(run, &documents, wanted)?;
    let name = |column: &From| match column {
        From::Documents(name) | From::Ledger(name) => name.clone(),
    };
    let pick = |ledger: bool| {
        let names = from.iter().filter(move |from| matches!(from, From::Ledger(_)) == ledger);
        let mut names: Vec<String> = names.map(name).collect();
        names.push("id".to_owned());
        if ledger {
            names.push("verdict".to_owned());
        }
        names
    };
    let (mine, theirs) = (pick(false), pick(true));
    let mine: Vec<&str> = mine.iter().map(String::as_str).collect();
    let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
    let unique: Vec<&str> =
        ["id", "text"].into_iter().filter(|name| schema.field_with_name(name).is_ok()).collect();
    let codec = Codec(Compression::Zstd);
    let mut file = ParquetFile::create(out, path, &schema, codec, &[], &unique)?;
    let mut group = 0;
    for part in 0..run.ledger.parts() {
        let split = run.ledger.split(part).unwrap_or_default();
        let Some(texts) = documents.part_of(split) else {
            return Err(LedgerError::Damaged(format!(
                "documents/part-{split:05}.parquet is missing; start `tamis run` again"
            )));
        };
        let mut kept = Kept { reader: run.ledger.read(part, &theirs)?, held: None };
        for batch in documents.read(texts, &mine)? {
            let batch = batch?;
            for start in (0..batch.num_rows()).step_by(CHUNK) {
                let rows = batch.slice(start, CHUNK.min(batch.num_rows() - start));
                let ledger = kept.take(rows.num_rows())?;
                let ids = |batch: &RecordBatch| batch.column_by_name("id").cloned();
                if ids(&rows) != ids(&ledger) {
                    return Err(differ(split));
                }
                let column = |from: &From| -> Option<ArrayRef> {
                    match from {
                        From::Documents(name) => rows.column_by_name(name).cloned(),
                        From::Ledger(name) => ledger.column_by_name(name).cloned(),
                    }
                };
                let columns = from.iter().map(|from| column(from).ok_or_else(|| differ(split)));
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                let chunk = RecordBatch::try_new(Arc::clone(&schema), columns)?;
                // The length of the texts, and about that of the rest.
                group += text_bytes(&chunk) + chunk.num_rows() * 8 * chunk.num_columns();
                file.write(&chunk)?;
                if group >= GROUP {
                    file.end_group()?;
                    group = 0;
                }
            }
        }
        if kept.any()? {
            return Err(differ(split));
        }
    }
    let (written, rows) = file.finish()?;
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    Ok(Exported { rows, bytes: written.bytes, columns })
}

fn differ(split: u32) -> LedgerError {
    LedgerError::Damaged(format!(
        "documents/ and ledger/ of part {split:05} do not hold the same documents; start `tamis run` again"
    ))
}

/// Bytes of the string columns of a slice.
fn text_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| {
        let texts = column.as_string_opt::<i32>()?;
        let offsets = texts.value_offsets();
        let length = offsets.last()? - offsets.first()?;
        usize::try_from(length).ok()
    };
    batch.columns().iter().filter_map(bytes).sum()
}

/// Finds the columns: of the ledger first, then of the documents.
fn resolve(
    run: &Run,
    documents: &Table,
    wanted: &[String],
) -> Result<(Vec<From>, SchemaRef), LedgerError> {
    let ledger = run.ledger.schema();
    let names = |schema: &SchemaRef| -> Vec<String> {
        schema.fields().iter().map(|field| field.name().clone()).collect()
    };
    let (mine, theirs) = (names(documents.schema()), names(ledger));
    let known: Vec<&str> = theirs.iter().chain(&mine).map(String::as_str).collect();
    let mut from = Vec::new();
    let mut fields: Vec<Arc<Field>> = Vec::new();
    for name in wanted {
        let name = columns::resolve(name.trim(), &known)?;
        if fields.iter().any(|field| field.name() == name) {
            return Err(LedgerError::Question(format!("`{name}` is named twice in --columns")));
        }
        let (schema, column) = if ledger.field_with_name(name).is_ok() {
            (ledger, From::Ledger(name.to_owned()))
        } else {
            (documents.schema(), From::Documents(name.to_owned()))
        };
        from.push(column);
        fields.push(Arc::new(schema.field_with_name(name)?.clone()));
    }
    if fields.is_empty() {
        return Err(LedgerError::Question("--columns names no column".to_owned()));
    }
    Ok((from, Arc::new(Schema::new(fields))))
}

/// The kept rows of a ledger file.
struct Kept {
    reader: Rows,
    held: Option<RecordBatch>,
}

impl Kept {
    /// The next `rows` of them, or as many as there are.
    fn take(&mut self, rows: usize) -> Result<RecordBatch, LedgerError> {
        let mut pieces = Vec::new();
        let mut left = rows;
        while left > 0 && self.fill()? {
            let Some(held) = self.held.take() else { break };
            let taken = left.min(held.num_rows());
            pieces.push(held.slice(0, taken));
            left -= taken;
            self.held = Some(held.slice(taken, held.num_rows() - taken));
        }
        let schema = pieces.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        Ok(concat_batches(&schema, &pieces)?)
    }

    /// Whether there are more.
    fn any(&mut self) -> Result<bool, LedgerError> {
        self.fill()
    }

    /// Reads on until rows are held; `false` at the end.
    fn fill(&mut self) -> Result<bool, LedgerError> {
        while self.held.as_ref().is_none_or(|held| held.num_rows() == 0) {
            let Some(batch) = self.reader.next().transpose()? else { return Ok(false) };
            let verdicts = batch.column_by_name("verdict").and_then(|c| c.as_string_opt::<i32>());
            let verdicts = verdicts.ok_or_else(|| {
                LedgerError::Damaged(
                    "the ledger has no verdicts; run again with --fresh".to_owned(),
                )
            })?;
            let kept: BooleanArray =
                verdicts.iter().map(|verdict| Some(verdict == Some("kept"))).collect();
            self.held = Some(filter_record_batch(&batch, &kept)?);
        }
        Ok(true)
    }
}
