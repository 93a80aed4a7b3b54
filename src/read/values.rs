//! Values of Arrow columns as metadata.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The values of a column, or of what `path` leads to within it, as Arrow displays them.
pub(super) fn show(
    column: ArrayRef,
    path: &[String],
    rows: usize,
) -> Result<Vec<Option<String>>, ArrowError> {
    let mut shown = vec![None; rows];
    let mut chain = vec![column];
    for name in path {
        let last = &chain[chain.len() - 1];
        let Some(next) = last.as_struct_opt().and_then(|group| group.column_by_name(name)) else {
            // A path that leads through a list has no one value.
            return Ok(shown);
        };
        chain.push(next.clone());
    }
    let mut array = chain[chain.len() - 1].clone();
    if let DataType::Timestamp(unit, Some(_)) = array.data_type() {
        // Shown in UTC, which is what is stored: names of time zones would need their database.
        let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
        array = arrow::compute::cast(&array, &utc)?;
    }
    let format = ArrayFormatter::try_new(&array, &FormatOptions::default())?;
    for (row, shown) in shown.iter_mut().enumerate() {
        if !chain.iter().any(|array| array.is_null(row)) {
            *shown = Some(format.value(row).try_to_string()?);
        }
    }
    Ok(shown)
}
