//! Values of Arrow columns as metadata and as JSON.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::conversation::Json;

/// The values of a column, or of what `path` leads to within it, as Arrow displays them.
pub(super) fn show(
    column: ArrayRef,
    path: &[String],
    rows: usize,
) -> Result<Vec<Option<String>>, ArrowError> {
    let mut shown = vec![None; rows];
    let Some(chain) = follow(column, path) else {
        return Ok(shown);
    };
    let array = in_utc(&chain[chain.len() - 1])?;
    let format = ArrayFormatter::try_new(&array, &FormatOptions::default())?;
    for (row, shown) in shown.iter_mut().enumerate() {
        if !chain.iter().any(|array| array.is_null(row)) {
            *shown = Some(format.value(row).try_to_string()?);
        }
    }
    Ok(shown)
}

/// The columns that a path leads through; `None` where it leads through a list, which has no one
/// value.
fn follow(column: ArrayRef, path: &[String]) -> Option<Vec<ArrayRef>> {
    let mut chain = vec![column];
    for name in path {
        let last = &chain[chain.len() - 1];
        let next = last.as_struct_opt().and_then(|group| group.column_by_name(name))?.clone();
        chain.push(next);
    }
    Some(chain)
}

/// Times in UTC, which is what is stored: names of time zones would need their database.
fn in_utc(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(array, &DataType::Timestamp(*unit, Some("+00:00".into())))
        }
        _ => Ok(array.clone()),
    }
}

/// The values of a column, or of what `path` leads to within it, as JSON.
///
/// A field of a group that is null is left out: the group has the fields of all rows together, so
/// that null says that this row has none.
pub(super) fn show_json(
    column: ArrayRef,
    path: &[String],
    rows: usize,
) -> Result<Vec<Option<String>>, ArrowError> {
    let mut shown = vec![None; rows];
    let Some(chain) = follow(column, path) else {
        return Ok(shown);
    };
    let values = jsons(&chain[chain.len() - 1])?;
    for (row, (shown, value)) in shown.iter_mut().zip(values).enumerate() {
        if !chain.iter().any(|array| array.is_null(row)) {
            let mut text = String::new();
            value.write(&mut text);
            *shown = Some(text);
        }
    }
    Ok(shown)
}

/// Each value of a column.
fn jsons(array: &ArrayRef) -> Result<Vec<Json>, ArrowError> {
    let rows = array.len();
    // Only what the lists of these rows hold: the values may be those of many more.
    let lists = |values: &ArrayRef, place: &dyn Fn(usize) -> usize| {
        let (first, last) = (place(0), place(rows));
        let values = values.slice(first, last - first);
        let mut values = jsons(&values)?.into_iter();
        let list = |row| Json::List(values.by_ref().take(place(row + 1) - place(row)).collect());
        Ok::<_, ArrowError>((0..rows).map(list).collect::<Vec<_>>())
    };
    let mut values = match array.data_type() {
        DataType::Null => vec![Json::Null; rows],
        DataType::Boolean => {
            let values = array.as_boolean();
            (0..rows).map(|row| Json::Bool(values.value(row))).collect()
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>();
            values.values().iter().map(|&value| Json::Int(value.into())).collect()
        }
        kind if kind.is_integer() => {
            let values = cast(array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            values.values().iter().map(|&value| Json::Int(value.into())).collect()
        }
        kind if kind.is_floating() => {
            let values = cast(array, &DataType::Float64)?;
            let values = values.as_primitive::<Float64Type>();
            values.values().iter().map(|&value| Json::Float(value)).collect()
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let at = |row: usize| usize::try_from(list.value_offsets()[row]).unwrap_or(0);
            lists(list.values(), &at)?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let at = |row: usize| usize::try_from(list.value_offsets()[row]).unwrap_or(0);
            lists(list.values(), &at)?
        }
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(list.value_length()).unwrap_or(0);
            lists(list.values(), &|row| row * length)?
        }
        DataType::Struct(fields) => {
            let group = array.as_struct();
            let mut rows = vec![Vec::with_capacity(fields.len()); rows];
            for (field, column) in fields.iter().zip(group.columns()) {
                for (row, value) in rows.iter_mut().zip(jsons(column)?) {
                    if value != Json::Null {
                        row.push((field.name().clone(), value));
                    }
                }
            }
            rows.into_iter().map(Json::Object).collect()
        }
        _ => {
            let texts = in_utc(array)?;
            let format = ArrayFormatter::try_new(&texts, &FormatOptions::default())?;
            let text = |row| Ok(Json::Text(format.value(row).try_to_string()?));
            (0..rows).map(text).collect::<Result<_, ArrowError>>()?
        }
    };
    for (row, value) in values.iter_mut().enumerate() {
        if array.is_null(row) {
            *value = Json::Null;
        }
    }
    Ok(values)
}
