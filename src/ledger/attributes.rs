//! `attributes/<name>/`: columns joined to a finished run, row by row beside its ledger.
//!
//! No text and no ledger row is written again: keys of the ledger and rows of the table meet in an
//! exchange, and what they give is written in ledger order, one file a ledger file.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::config::source::Compression;
use crate::document::SignalType;
use crate::exchange::{Cuts, ExchangeWriter, KEY_BYTES, Merge, Record};
use crate::exec::join::{Joined, TableWriter, merge};
use crate::exec::{Codec, ExecError, ParquetFile};
use crate::ops::{JoinOp, key_hash};
use crate::plan::inputs;
use crate::read::split::SplitPlanner;
use crate::read::table::{self, StoredFile};
use crate::read::{Format, ReadError};
use crate::store::{Store, StoreError};

/// Stored bytes of the table that are read as one piece, and memory that either side may hold.
const PIECE_BYTES: u64 = 64 << 20;
const MEMORY: usize = 256 << 20;

/// Rows written at a time.
const CHUNK: usize = 4096;

/// How many ledger rows there are and how many found a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matches {
    /// Ledger rows.
    pub rows: u64,
    /// Those with a row in the table.
    pub matched: u64,
}

/// Joins `op`'s columns of the Parquet files `path` to the ledger of `run` as `name`. What stood
/// under this name before is replaced.
///
/// # Errors
/// When the ledger or the table cannot be read, or the storage fails.
pub fn join(run: &Store, name: &str, path: &str, op: &JoinOp) -> Result<Matches, ExecError> {
    let work = format!("work/join-{name}");
    run.delete_below(&work)?;
    let ledger = run.list("ledger")?;
    let cuts = Cuts::Even { parts: 1 };
    let mut keys = ExchangeWriter::new(run, format!("{work}/keys"), cuts, MEMORY);
    let mut counts = Vec::new();
    for (part, file) in (0u32..).zip(&ledger) {
        counts.push(ledger_keys(run, &file.path, file.size, op, part, &mut keys)?);
    }
    let keys = keys.finish()?.path;
    let found = inputs::find(Path::new(""), &[path.to_owned()])
        .map_err(|error| ReadError::Table { file: path.to_owned(), detail: error.to_string() })?;
    let mut planner = SplitPlanner::new(&found.store, 0, PIECE_BYTES, None);
    for file in &found.files {
        planner.add(file, Format::Parquet)?;
    }
    let mut rows = Vec::new();
    let pieces = planner.finish().into_iter().flat_map(|split| split.pieces);
    for (index, piece) in (0u32..).zip(pieces) {
        let mut writer = TableWriter::new(run, format!("{work}/rows-{index}"), cuts, MEMORY, index);
        table::rows(&found.store, &piece, &op.key, &op.columns, |row, key, values| {
            writer.push(row, key, values)
        })?;
        rows.push(writer.finish()?.path);
    }
    let mut out = ExchangeWriter::new(run, format!("{work}/found"), Cuts::Splits, MEMORY);
    let mut matches = Matches { rows: counts.iter().sum(), matched: 0 };
    merge(run, 0, &[keys], &rows, &work, |place, values| {
        let mut key = [0; KEY_BYTES];
        key[..8].copy_from_slice(&place);
        matches.matched += 1;
        out.push(key, values)
    })?;
    let found = [out.finish()?.path];
    let folder = format!("attributes/{name}");
    run.delete_below(&folder)?;
    for (part, (file, rows)) in (0u32..).zip(ledger.iter().zip(counts)) {
        let base = file.path.rsplit('/').next().unwrap_or_default();
        let target = format!("{folder}/{base}");
        write(run, &target, name, &found, part, rows, op, &work)?;
    }
    run.delete_below(&work)?;
    if run.list("work")?.is_empty() {
        run.delete_below("work")?;
    }
    Ok(matches)
}

/// Sends the keys of one ledger file; gives its number of rows.
fn ledger_keys(
    run: &Store,
    path: &str,
    size: u64,
    op: &JoinOp,
    part: u32,
    keys: &mut ExchangeWriter,
) -> Result<u64, ExecError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(StoredFile::new(run, path, size))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [op.on.column()]);
    let mut row = 0u32;
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let values = batch.column(0).as_string::<i32>();
        for index in 0..values.len() {
            if values.is_valid(index) {
                let mut key = [0; KEY_BYTES];
                key[..16].copy_from_slice(&key_hash(values.value(index)).to_be_bytes());
                key[16..20].copy_from_slice(&part.to_be_bytes());
                key[20..].copy_from_slice(&row.to_be_bytes());
                keys.push(key, &[])?;
            }
            // A split, and with it a ledger file, has less than 2^32 rows.
            row = row.saturating_add(1);
        }
    }
    Ok(u64::from(row))
}

/// Writes the attributes of one ledger file.
#[expect(clippy::too_many_arguments, reason = "one call, of plain values")]
fn write(
    run: &Store,
    target: &str,
    name: &str,
    found: &[String],
    part: u32,
    rows: u64,
    op: &JoinOp,
    work: &str,
) -> Result<(), ExecError> {
    let kinds = || {
        let matched = ("matched".to_owned(), SignalType::Int);
        std::iter::once(matched).chain(op.columns.iter().cloned())
    };
    let field = |(column, kind): (String, SignalType)| {
        Field::new(format!("{name}.{column}"), kind.data_type(), true)
    };
    let schema = Arc::new(Schema::new(kinds().map(field).collect::<Vec<_>>()));
    let mut file = ParquetFile::create(run, target, &schema, Codec(Compression::Zstd), &[], &[])?;
    let mut merge = Merge::open(run, found, part, &format!("{work}/split-{part}"))?;
    let mut record = Record::default();
    let mut more = merge.next_into(&mut record)?;
    let mut first = 0u64;
    while first < rows {
        let count = usize::try_from(rows - first).unwrap_or(CHUNK).min(CHUNK);
        let mut joined = Joined::new(kinds().map(|(_, kind)| kind), count);
        while more {
            let row = crate::exec::join::row(&record);
            let Some(at) = u64::from(row).checked_sub(first).filter(|at| *at < count as u64) else {
                break;
            };
            joined.push_after_misses(usize::try_from(at).unwrap_or(count), &record.payload)?;
            more = merge.next_into(&mut record)?;
        }
        let columns = joined.finish_with_misses(count);
        file.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        first += count as u64;
    }
    merge.remove_scratch()?;
    file.finish()?;
    Ok(())
}

/// The joined columns of a run: names of attribute sets, in order.
///
/// # Errors
/// When the storage fails.
pub fn names(run: &Store) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = run
        .list("attributes")?
        .iter()
        .filter_map(|entry| entry.path.split('/').nth(1).map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// Whether `name` can name a set of attributes: it becomes a folder and the head of column names.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= 64 && name.chars().all(good)
}
