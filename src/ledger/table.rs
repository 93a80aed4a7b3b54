//! A folder of Parquet files of one schema, read a batch at a time and only the columns asked for.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
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
}

impl Table {
    /// Opens the folder; `None` where it holds no file.
    pub(super) fn open(store: &Store, folder: &str) -> Result<Option<Self>, LedgerError> {
        let entries = store.list(folder)?;
        let paths = entries.into_iter().map(|entry| entry.path);
        let paths: Vec<String> = paths.filter(|path| path.ends_with(".parquet")).collect();
        let Some(first) = paths.first() else { return Ok(None) };
        let schema = Arc::clone(builder(store, first)?.schema());
        Ok(Some(Self { store: store.clone(), paths, schema }))
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

    /// The rows of one file, the columns in the order of the file.
    pub(super) fn read(
        &self,
        part: usize,
        columns: &[&str],
    ) -> Result<ParquetRecordBatchReader, LedgerError> {
        Ok(self.projected(part, columns)?.build()?)
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
        let reader = self
            .projected(part, columns)?
            .with_row_selection(RowSelection::from(selectors))
            .build()?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        Ok(arrow::compute::concat_batches(&schema, &batches)?)
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
