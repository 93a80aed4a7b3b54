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
    let in_lists = |values: &ArrayRef, place: &dyn Fn(usize) -> usize| {
        let (first, last) = (place(0), place(rows));
        let values = values.slice(first, last - first);
        let mut values = jsons(&values)?.into_iter();
        let next = |row| Json::List(values.by_ref().take(place(row + 1) - place(row)).collect());
        Ok::<_, ArrowError>((0..rows).map(next).collect::<Vec<_>>())
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
            in_lists(list.values(), &at)?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let at = |row: usize| usize::try_from(list.value_offsets()[row]).unwrap_or(0);
            in_lists(list.values(), &at)?
        }
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(list.value_length()).unwrap_or(0);
            in_lists(list.values(), &|row| row * length)?
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Field, Schema};
    use arrow::ipc::writer::StreamWriter;
    use parquet::arrow::ArrowWriter;

    use super::super::decompress::testing::{fields, rows};
    use super::super::{Format, Part};
    use super::*;
    use crate::conversation::Shape;

    fn group(columns: Vec<(&str, ArrayRef)>) -> ArrayRef {
        let field = |(name, column): (&str, ArrayRef)| {
            (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
        };
        Arc::new(StructArray::from(columns.into_iter().map(field).collect::<Vec<_>>()))
    }

    fn list(values: ArrayRef, lengths: &[usize]) -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(item, offsets, values, None))
    }

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    /// Many rows, so that they come in several blocks.
    const TIMES: usize = 300;

    /// The same conversations from JSON Lines, Parquet and Arrow, whose groups have the fields of all
    /// rows together.
    #[test]
    fn conversations_are_the_same_from_every_format() {
        let once = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":null,\
             \"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\":1.0,\"n\":[7,8]}}}]},\
             {\"role\":\"tool\",\"content\":\"r\"},{\"role\":\"assistant\",\"content\":\"a\"}],\
             \"tools\":\"[{\\\"name\\\":\\\"f\\\"}]\"}\n\
             {\"messages\":[{\"role\":\"assistant\",\"content\":\"é\"}]}\n{\"messages\":null}\n";
        let lines = once.repeat(TIMES);
        let repeat = |one: &[Option<&str>]| {
            let all: Vec<_> = std::iter::repeat_n(one, TIMES).flatten().copied().collect();
            text(&all)
        };
        let calls = 5 * TIMES;
        let mut lengths = Vec::new();
        for _ in 0..TIMES {
            lengths.extend([0, 1, 0, 0, 0]);
        }
        let arguments = group(vec![
            ("x", Arc::new(Float64Array::from(vec![1.0; TIMES]))),
            ("n", list(Arc::new(Int64Array::from([7, 8].repeat(TIMES))), &vec![2; TIMES])),
            ("never", text(&vec![None; TIMES])),
        ]);
        let call = group(vec![
            ("id", text(&vec![Some("c"); TIMES])),
            (
                "function",
                group(vec![("name", text(&vec![Some("f"); TIMES])), ("arguments", arguments)]),
            ),
        ]);
        let made = list(call, &lengths);
        let made = made.as_list::<i32>();
        let none = (0..calls).map(|message| message % 5 == 1);
        let made: ArrayRef = Arc::new(ListArray::new(
            Arc::new(Field::new("item", made.value_type(), true)),
            made.offsets().clone(),
            made.values().clone(),
            Some(none.collect::<Vec<bool>>().into()),
        ));
        let message = group(vec![
            ("role", repeat(&["user", "assistant", "tool", "assistant", "assistant"].map(Some))),
            ("content", repeat(&[Some("q"), None, Some("r"), Some("a"), Some("é")])),
            ("tool_calls", made),
        ]);
        let messages = list(message, &[4, 1, 0].repeat(TIMES));
        let tools = repeat(&[Some("[{\"name\":\"f\"}]"), None, None]);
        let schema = Arc::new(Schema::new(vec![
            Field::new("messages", messages.data_type().clone(), true),
            Field::new("tools", tools.data_type().clone(), true),
        ]));
        let batch = RecordBatch::try_new(schema.clone(), vec![messages, tools]).unwrap();
        let mut parquet = ArrowWriter::try_new(Vec::new(), schema.clone(), None).unwrap();
        parquet.write(&batch).unwrap();
        let parquet = parquet.into_inner().unwrap();
        let mut stream = StreamWriter::try_new(Vec::new(), &schema).unwrap();
        stream.write(&batch).unwrap();
        let stream = stream.into_inner().unwrap();

        let mut fields = fields("messages", &[]);
        fields.conversation = Some(Shape {
            messages: Some("messages".to_owned()),
            tools: Some("tools".to_owned()),
            ..Shape::default()
        });
        let texts = |format, bytes: &[u8]| -> Vec<Result<String, &'static str>> {
            rows(format, &fields, bytes, Part::Whole).into_iter().map(|row| row.text).collect()
        };
        let expected = texts(Format::Jsonl, lines.as_bytes());
        assert_eq!(expected.len(), 3 * TIMES);
        let first = "\
⟦tool definition⟧ {\"name\": \"f\"}
⟦user⟧ q
⟦assistant⟧
⟦call⟧ f
⟦call id⟧ c
⟦arguments⟧ {\"x\": 1.0, \"n\": [7, 8]}
⟦tool⟧ r
⟦assistant⟧ a";
        assert_eq!(expected[0].as_deref(), Ok(first));
        assert_eq!(expected[1].as_deref(), Ok("⟦assistant⟧ é"));
        assert_eq!(expected[2].as_deref(), Err(&"conversation-empty"));
        assert_eq!(texts(Format::Parquet, &parquet), expected);
        assert_eq!(texts(Format::Arrow, &stream), expected);
    }
}
