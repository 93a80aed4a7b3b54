//! A folder of Parquet files of one schema, read a batch at a time and only the columns asked for.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};

use super::LedgerError;
use crate::store::Store;

/// Rows of a batch.
const ROWS: usize = 8192;

/// A folder of files, `part-00000.parquet` and on.
#[derive(Clone)]
pub(super) struct Table {
    store: Store,
    paths: Vec<String>,
    schema: SchemaRef,
    /// Tables with other columns of the same rows, file by file.
    beside: Vec<Self>,
}

impl Table {
    /// Opens the folder; `None` where it holds no file.
    pub(super) fn open(store: &Store, folder: &str) -> Result<Option<Self>, LedgerError> {
        let entries = store.list(folder)?;
        let paths = entries.into_iter().map(|entry| entry.path);
        let paths: Vec<String> = paths.filter(|path| path.ends_with(".parquet")).collect();
        let Some(first) = paths.first() else { return Ok(None) };
        let schema = Arc::clone(builder(store, first)?.schema());
        Ok(Some(Self { store: store.clone(), paths, schema, beside: Vec::new() }))
    }

    /// Adds the columns of another table, which has the same rows in files of the same names.
    pub(super) fn put_beside(&mut self, other: Self) -> Result<(), LedgerError> {
        let name = |path: &String| path.rsplit('/').next().map(str::to_owned);
        if !other.paths.iter().map(name).eq(self.paths.iter().map(name)) {
            let folder = other.paths[0].rsplit_once('/').map_or("", |(folder, _)| folder);
            return Err(LedgerError::Damaged(format!(
                "`{folder}` belongs to another ledger than the run's; join it again"
            )));
        }
        let fields = self.schema.fields().iter().chain(other.schema.fields()).cloned();
        self.schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.beside.push(other);
        Ok(())
    }

    /// Number of files.
    pub(super) fn parts(&self) -> usize {
        self.paths.len()
    }

    /// The number in the file's name, which is that of the split.
    pub(super) fn split(&self, part: usize) -> Option<u32> {
        let name = self.paths[part].rsplit('/').next()?;
        name.strip_prefix("part-")?.strip_suffix(".parquet")?.parse().ok()
    }

    /// The file of a split, where there is one.
    pub(super) fn part_of(&self, split: u32) -> Option<usize> {
        (0..self.parts()).find(|&part| self.split(part) == Some(split))
    }

    /// The columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of one file, the columns in the order of the table.
    pub(super) fn read(&self, part: usize, columns: &[&str]) -> Result<Rows, LedgerError> {
        self.rows(part, columns, |builder| builder)
    }

    /// Some rows of one file, by their numbers in it, which are in order.
    pub(super) fn pick(
        &self,
        part: usize,
        rows: &[u64],
        columns: &[&str],
    ) -> Result<RecordBatch, LedgerError> {
        let mut selectors = Vec::new();
        let mut next = 0;
        let size = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        for &row in rows {
            selectors.push(RowSelector::skip(size(row.saturating_sub(next))));
            selectors.push(RowSelector::select(1));
            next = row + 1;
        }
        let rows = self.rows(part, columns, |builder| {
            builder.with_row_selection(RowSelection::from(selectors.clone()))
        })?;
        let schema = Arc::clone(&rows.schema);
        let batches = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(arrow::compute::concat_batches(&schema, &batches)?)
    }

    fn rows(
        &self,
        part: usize,
        columns: &[&str],
        select: impl Fn(
            ParquetRecordBatchReaderBuilder<Bytes>,
        ) -> ParquetRecordBatchReaderBuilder<Bytes>,
    ) -> Result<Rows, LedgerError> {
        let mut readers = Vec::new();
        let mut fields = Vec::new();
        for table in std::iter::once(self).chain(&self.beside) {
            let reader = select(table.projected(part, columns)?).build()?;
            fields.extend(reader.schema().fields().iter().cloned());
            readers.push((reader, None));
        }
        Ok(Rows { readers, schema: Arc::new(Schema::new(fields)) })
    }

    fn projected(
        &self,
        part: usize,
        columns: &[&str],
    ) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, LedgerError> {
        let builder = builder(&self.store, &self.paths[part])?;
        let mask = {
            let fields = builder.schema().fields().iter().enumerate();
            let wanted = fields.filter(|(_, field)| columns.contains(&field.name().as_str()));
            let wanted: Vec<usize> = wanted.map(|(index, _)| index).collect();
            // By number: a name with a dot in it would be taken for a path.
            ProjectionMask::roots(builder.parquet_schema(), wanted)
        };
        Ok(builder.with_projection(mask).with_batch_size(ROWS))
    }
}

/// The rows of a file, with the columns of the files beside it.
pub(super) struct Rows {
    /// Each with what is left of its last batch.
    readers: Vec<(ParquetRecordBatchReader, Option<RecordBatch>)>,
    schema: SchemaRef,
}

impl Rows {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut rows = usize::MAX;
        for (reader, held) in &mut self.readers {
            if held.is_none() {
                *held = reader.next().transpose()?;
            }
            rows = rows.min(held.as_ref().map_or(0, RecordBatch::num_rows));
        }
        if rows == 0 {
            return Ok(None);
        }
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (_, held) in &mut self.readers {
            let Some(batch) = held.take() else { continue };
            columns.extend(batch.slice(0, rows).columns().iter().cloned());
            if batch.num_rows() > rows {
                *held = Some(batch.slice(rows, batch.num_rows() - rows));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map(Some)
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

fn builder(
    store: &Store,
    path: &str,
) -> Result<ParquetRecordBatchReaderBuilder<Bytes>, LedgerError> {
    let bytes = Bytes::from_owner(store.map(path)?);
    let damaged = |error: parquet::errors::ParquetError| {
        LedgerError::Damaged(format!(
            "`{path}` does not read as Parquet: {error}; run again with --fresh"
        ))
    };
    let options = ArrowReaderOptions::default();
    let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(damaged)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata))
}
