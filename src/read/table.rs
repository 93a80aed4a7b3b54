//! External tables: Parquet files of scores or labels that a pipeline joins to its documents.
//!
//! A row is a key and some values. Values become signals, so their types are the signals' types:
//! integers and booleans, floats, and text; a column of another type is refused by name.

use std::io::BufReader;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::parquet::guarded;
use super::{Part, Piece, ReadError};
use crate::document::{SignalColumn, SignalType, SignalValue};
use crate::store::{Store, StoreReader};

/// Rows decoded at a time.
const BLOCK_ROWS: usize = 8192;

/// A file of a store, as the Parquet crate reads it: page by page, nothing held.
#[derive(Clone)]
pub(crate) struct StoredFile {
    store: Store,
    path: String,
    size: u64,
}

impl StoredFile {
    pub(crate) fn new(store: &Store, path: &str, size: u64) -> Self {
        Self { store: store.clone(), path: path.to_owned(), size }
    }
}

impl Length for StoredFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for StoredFile {
    type T = BufReader<StoreReader>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let reader = self.store.reader(&self.path, start..self.size);
        Ok(BufReader::with_capacity(128 << 10, reader.map_err(external)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.store.read_range(&self.path, start..start + length as u64).map_err(external)
    }
}

fn external(error: crate::store::StoreError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The type of signal that a column becomes; `None` where there is none.
fn signal_type(kind: &DataType) -> Option<SignalType> {
    match kind {
        DataType::Dictionary(_, values) => signal_type(values),
        DataType::Boolean => Some(SignalType::Int),
        kind if kind.is_integer() => Some(SignalType::Int),
        kind if kind.is_floating() => Some(SignalType::Float),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(SignalType::Text),
        _ => None,
    }
}

/// The columns of a Parquet file, with the type of signal that each can become.
///
/// # Errors
/// When the file is no Parquet file.
pub(crate) fn columns(
    store: &Store,
    path: &str,
    size: u64,
) -> Result<Vec<(String, Option<SignalType>)>, ReadError> {
    let file = StoredFile::new(store, path, size);
    let builder = guarded(|| ParquetRecordBatchReaderBuilder::try_new(file));
    let builder = builder.ok_or_else(|| damaged(path, "it is no Parquet file"))?;
    let column = |field: &std::sync::Arc<arrow::datatypes::Field>| {
        (field.name().clone(), signal_type(field.data_type()))
    };
    Ok(builder.schema().fields().iter().map(column).collect())
}

fn damaged(path: &str, detail: &str) -> ReadError {
    ReadError::Table { file: path.to_owned(), detail: detail.to_owned() }
}

/// Calls `each` with the number in its file, the key and the encoded values of every row of `piece`
/// that has a key.
///
/// # Errors
/// When the file is damaged or has other columns than the first one, or when `each` fails.
pub(crate) fn rows<E: From<ReadError>>(
    store: &Store,
    piece: &Piece,
    key: &str,
    wanted: &[(String, SignalType)],
    mut each: impl FnMut(u64, &str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let path = piece.file.as_str();
    let lost = || damaged(path, "a part of it cannot be decoded");
    let names: Vec<&str> =
        std::iter::once(key).chain(wanted.iter().map(|(name, _)| name.as_str())).collect();
    let file = StoredFile::new(store, path, piece.size);
    let opened = guarded(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let fields = builder.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, field)| names.contains(&field.name().as_str()));
        let wanted: Vec<usize> = wanted.map(|(index, _)| index).collect();
        // By number: a name with a dot in it would be taken for a path.
        let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
        let builder = builder.with_projection(mask).with_batch_size(BLOCK_ROWS);
        match &piece.part {
            Part::RowGroups { groups, .. } => builder
                .with_row_groups(groups.clone().map(|group| group as usize).collect())
                .build(),
            _ => builder.build(),
        }
    });
    let mut reader = opened.ok_or_else(lost)?;
    let mut row = match &piece.part {
        Part::RowGroups { first_row, .. } => *first_row,
        _ => 0,
    };
    let mut values = Vec::new();
    loop {
        let block = guarded(|| match reader.next() {
            None => Ok(None),
            Some(block) => Ok(Some(block?)),
        });
        let Some(block) = block.ok_or_else(lost)? else { return Ok(()) };
        let column = |name: &str, kind: &DataType| {
            let column = block.column_by_name(name);
            let column = column.ok_or_else(|| damaged(path, &format!("no column `{name}`")))?;
            cast(column, kind).map_err(|error| damaged(path, &format!("column `{name}`: {error}")))
        };
        let keys = column(key, &DataType::Utf8)?;
        let mut typed = Vec::with_capacity(wanted.len());
        for (name, kind) in wanted {
            typed.push((column(name, &kind.data_type())?, *kind));
        }
        for index in 0..RecordBatch::num_rows(&block) {
            if keys.is_valid(index) {
                values.clear();
                for (column, kind) in &typed {
                    encode(column, *kind, index, &mut values);
                }
                each(row, keys.as_string::<i32>().value(index), &values)?;
            }
            row += 1;
        }
    }
}

/// Appends one value: a byte that says whether there is one, then eight bytes, or a length and text.
fn encode(column: &dyn Array, kind: SignalType, row: usize, out: &mut Vec<u8>) {
    out.push(u8::from(column.is_valid(row)));
    if column.is_null(row) {
        return;
    }
    match kind {
        SignalType::Int => {
            out.extend(column.as_primitive::<Int64Type>().value(row).to_le_bytes());
        }
        SignalType::Float => {
            out.extend(column.as_primitive::<Float64Type>().value(row).to_le_bytes());
        }
        SignalType::Text => {
            let text = column.as_string::<i32>().value(row);
            // A Parquet value of 4 GiB or more cannot be read into a string column.
            out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend(text.as_bytes());
        }
    }
}

/// Appends the values that [`rows`] encoded to their columns; `None` where they are no such values.
pub(crate) fn decode(values: &[u8], columns: &mut [SignalColumn]) -> Option<()> {
    let mut rest = values;
    for column in columns {
        let kind = match column {
            SignalColumn::Int(_) => SignalType::Int,
            SignalColumn::Float(_) => SignalType::Float,
            SignalColumn::Text(_) => SignalType::Text,
        };
        column.push(value(kind, &mut rest)?.as_ref());
    }
    rest.is_empty().then_some(())
}

/// The first of the values that [`rows`] encoded, which is of type `kind` and may be null; the rest
/// stays. `None` where it is no such value.
#[expect(clippy::option_option, reason = "nulls are values")]
pub(crate) fn value<'a>(kind: SignalType, rest: &mut &'a [u8]) -> Option<Option<SignalValue<'a>>> {
    let (&present, behind) = rest.split_first()?;
    *rest = behind;
    if present == 0 {
        return Some(None);
    }
    Some(Some(match kind {
        SignalType::Int => {
            let (bytes, behind) = rest.split_first_chunk()?;
            *rest = behind;
            SignalValue::Int(i64::from_le_bytes(*bytes))
        }
        SignalType::Float => {
            let (bytes, behind) = rest.split_first_chunk()?;
            *rest = behind;
            SignalValue::Float(f64::from_le_bytes(*bytes))
        }
        SignalType::Text => {
            let (length, behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            *rest = behind;
            SignalValue::Text(std::str::from_utf8(text).ok()?)
        }
    }))
}
