//! Reading `tokens/index`: where each document's tokens lie.

use arrow::array::{AsArray, RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::UInt64Type;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::TokensError;
use crate::document::DocumentId;
use crate::store::Store;

/// The folder of the index in a run directory.
pub const FOLDER: &str = "tokens/index";

/// Rows decoded at a time.
const BATCH: usize = 8 << 10;

/// A document, or a piece of one, in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRow<'a> {
    /// The document.
    pub id: DocumentId,
    /// Its shard below `tokens`, without what the format adds: `web/train_00003`.
    pub shard: &'a str,
    /// Its first token in the shard.
    pub offset: u64,
    /// Number of its tokens.
    pub length: u64,
}

/// Calls `visit` with every row of the index, in the order of files and rows. Memory is that of a
/// batch of rows.
///
/// # Errors
/// When there is no index, a file does not read, or `visit` fails.
pub fn visit<E: From<TokensError>>(
    store: &Store,
    mut visit: impl FnMut(IndexRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let listed = store.list(FOLDER).map_err(TokensError::from)?;
    let mut paths: Vec<String> = listed.into_iter().map(|entry| entry.path).collect();
    paths.retain(|path| path.ends_with(".parquet"));
    if paths.is_empty() {
        let detail = "it is missing, and the order of training follows from it";
        return Err(TokensError::Damaged { path: FOLDER.to_owned(), detail }.into());
    }
    for path in paths {
        for batch in open(store, &path)? {
            let batch = batch.map_err(|error| unreadable(&path, &error))?;
            let Some((ids, shards, offsets, lengths)) = columns(&batch) else {
                return Err(damaged(&path, "it lacks one of id, shard, offset, length").into());
            };
            for row in 0..batch.num_rows() {
                let id = u128::from_str_radix(ids.value(row), 16)
                    .map_err(|_| damaged(&path, "an id in it is not 32 hexadecimal digits"))?;
                visit(IndexRow {
                    id: DocumentId(id),
                    shard: shards.value(row),
                    offset: offsets.value(row),
                    length: lengths.value(row),
                })?;
            }
        }
    }
    Ok(())
}

fn columns(
    batch: &RecordBatch,
) -> Option<(&StringArray, &StringArray, &UInt64Array, &UInt64Array)> {
    let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let number = |name| batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>();
    Some((text("id")?, text("shard")?, number("offset")?, number("length")?))
}

fn open(
    store: &Store,
    path: &str,
) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, TokensError> {
    let bytes = Bytes::from_owner(store.map(path)?);
    let failed = |error: parquet::errors::ParquetError| unreadable(path, &error);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(failed)?;
    let all = ProjectionMask::all();
    builder.with_projection(all).with_batch_size(BATCH).build().map_err(failed)
}

fn unreadable(path: &str, error: &dyn std::fmt::Display) -> TokensError {
    tracing::error!("`{path}`: {error}");
    damaged(path, "it does not read as Parquet")
}

fn damaged(path: &str, detail: &'static str) -> TokensError {
    TokensError::Damaged { path: format!("`{path}`"), detail }
}
