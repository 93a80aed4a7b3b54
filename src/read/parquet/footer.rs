//! The footer of a Parquet file: what row groups there are, read from its end and checked.

use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::guard::guarded;
use crate::read::ReadError;
use crate::store::Store;

/// Bytes read at once from the end of a file: mostly the whole footer.
const TAIL_BYTES: u64 = 64 << 10;

/// A row group, as the planner divides files by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Number of rows.
    pub rows: u64,
    /// Compressed bytes of all its columns.
    pub bytes: u64,
}

/// The row groups of a file; `None` where its footer cannot be read: then it is one piece, which
/// becomes one failed row.
///
/// # Errors
/// When the file is missing or the storage fails.
pub fn row_groups(
    store: &Store,
    path: &str,
    size: u64,
) -> Result<Option<Vec<RowGroup>>, ReadError> {
    let Some(footer) = read_footer(store, path, size)? else {
        return Ok(None);
    };
    let groups = footer.row_groups().iter().map(|group| RowGroup {
        rows: group.num_rows().unsigned_abs(),
        bytes: group.compressed_size().unsigned_abs(),
    });
    Ok(Some(groups.collect()))
}

pub(super) fn read_footer(
    store: &Store,
    path: &str,
    size: u64,
) -> Result<Option<ParquetMetaData>, ReadError> {
    let tail = store.read_range(path, size.saturating_sub(TAIL_BYTES)..size)?;
    let [.., a, b, c, d, b'P', b'A', b'R', b'1'] = tail[..] else {
        return Ok(None);
    };
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let Some(start) = (size - 8).checked_sub(length) else {
        return Ok(None);
    };
    let footer = if size - start <= tail.len() as u64 {
        // The footer's length is below that of the tail.
        let length = usize::try_from(length).unwrap_or_default();
        tail.slice(tail.len() - 8 - length..tail.len() - 8)
    } else {
        store.read_range(path, start..size - 8)?
    };
    Ok(guarded(|| {
        let footer = ParquetMetaDataReader::decode_metadata(&footer)?;
        check_footer(&footer, size)?;
        Ok(footer)
    }))
}

/// Finds counts that contradict each other or the file, so that damage cannot make up rows.
fn check_footer(footer: &ParquetMetaData, size: u64) -> ParquetResult<()> {
    let sane = footer.row_groups().iter().all(|group| {
        group.num_rows() >= 0
            && group.columns().iter().all(|column| {
                let (start, length) = column.byte_range();
                // Nested columns have more values than rows, never fewer.
                column.num_values() >= group.num_rows()
                    && start.checked_add(length).is_some_and(|end| end <= size)
            })
    });
    let columns = footer.file_metadata().schema_descr().num_columns();
    if sane && columns > 0 {
        Ok(())
    } else {
        Err(ParquetError::General("counts contradict each other".into()))
    }
}
