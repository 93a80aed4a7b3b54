//! The columns of an MDS shard, and their values in a sample.

use std::borrow::Cow;
use std::ops::Range;

use arrow::datatypes::{ArrowPrimitiveType, Float16Type};
use serde::Deserialize;
use serde_json::Value as Json;

use super::super::{BatchBuilder, Fields, reasons};
use crate::document::{Position, Reason};

/// What stands in front of the samples.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(rename = "column_names")]
    names: Vec<String>,
    #[serde(rename = "column_encodings")]
    encodings: Vec<String>,
    #[serde(rename = "column_sizes")]
    sizes: Vec<Option<u32>>,
}

/// How to find the wanted fields in a sample.
pub(super) struct Columns {
    /// Length of each column; `None` where the samples tell it.
    sizes: Vec<Option<u32>>,
    text: Source,
    id: Source,
    metadata: Vec<Source>,
    places: Vec<Range<usize>>,
}

/// Where a field stands.
#[derive(Debug, Clone)]
enum Source {
    Nowhere,
    Column { index: usize, encoding: Encoding, path: Vec<String> },
}

/// How a column is encoded, as far as it can be text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Text,
    Bytes,
    Json,
    Unsigned,
    Signed,
    Float,
    Other,
}

impl Encoding {
    fn of(name: &str) -> Self {
        match name {
            "str" | "str_int" | "str_float" | "str_decimal" => Self::Text,
            "bytes" => Self::Bytes,
            "json" => Self::Json,
            "int" | "int8" | "int16" | "int32" | "int64" => Self::Signed,
            "uint8" | "uint16" | "uint32" | "uint64" => Self::Unsigned,
            "float16" | "float32" | "float64" => Self::Float,
            _ => Self::Other,
        }
    }
}

impl Columns {
    /// `None` where the description of the columns contradicts itself.
    pub(super) fn new(config: &Config, fields: &Fields) -> Option<Self> {
        let count = config.names.len();
        if config.encodings.len() != count || config.sizes.len() != count {
            return None;
        }
        let find = |field: &String| {
            let names = || config.names.iter().enumerate();
            let whole = names().find(|(_, name)| *name == field).map(|(index, _)| (index, vec![]));
            let found = whole.or_else(|| {
                names().find_map(|(index, name)| {
                    let rest = field.strip_prefix(name.as_str())?.strip_prefix('.')?;
                    let is_json = config.encodings[index] == "json";
                    is_json.then(|| (index, rest.split('.').map(str::to_owned).collect()))
                })
            });
            found.map_or(Source::Nowhere, |(index, path)| {
                let encoding = Encoding::of(&config.encodings[index]);
                Source::Column { index, encoding, path }
            })
        };
        Some(Self {
            sizes: config.sizes.clone(),
            text: find(&fields.text),
            id: find(&fields.id),
            metadata: fields.metadata.iter().map(find).collect(),
            places: Vec::with_capacity(count),
        })
    }

    /// Adds a sample to the batch.
    pub(super) fn add(
        &mut self,
        batch: &mut BatchBuilder,
        position: Position,
        sample: &[u8],
    ) -> Result<(), Reason> {
        self.places = places(&self.sizes, sample, std::mem::take(&mut self.places))
            .ok_or(reasons::CORRUPT)?;
        let value = |source: &Source| source.value(sample, &self.places);
        if let Source::Column { encoding, .. } = &self.text
            && !matches!(encoding, Encoding::Text | Encoding::Bytes | Encoding::Json)
        {
            return Err(reasons::TEXT_NOT_STRING);
        }
        let text = match value(&self.text)? {
            None => return Err(reasons::MISSING_TEXT),
            Some(Value::Text(text)) => text,
            Some(Value::Shown(_)) => return Err(reasons::TEXT_NOT_STRING),
            Some(Value::Bytes) => return Err(reasons::INVALID_UTF8),
        };
        let id = value(&self.id)?;
        let metadata = self.metadata.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        let metadata: Vec<_> =
            metadata.iter().map(|value| value.as_ref().and_then(Value::shown)).collect();
        batch.document(position, &text, id.as_ref().and_then(Value::shown), &metadata);
        Ok(())
    }
}

/// Where the columns stand in a sample: first the lengths of those that have no fixed one, then all
/// of them. `None` where the sample has another length than its columns.
fn places(
    sizes: &[Option<u32>],
    sample: &[u8],
    mut places: Vec<Range<usize>>,
) -> Option<Vec<Range<usize>>> {
    places.clear();
    let (mut lengths, _) = sample.as_chunks::<4>();
    let mut at = 4 * sizes.iter().filter(|size| size.is_none()).count();
    for size in sizes {
        let length = if let Some(size) = size {
            *size
        } else {
            let (length, rest) = lengths.split_first()?;
            lengths = rest;
            u32::from_le_bytes(*length)
        };
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        places.push(at..end);
        at = end;
    }
    (at == sample.len()).then_some(places)
}

enum Value<'a> {
    /// A text, or the string of a JSON value.
    Text(Cow<'a, str>),
    /// Anything else that can be shown.
    Shown(String),
    /// Bytes that are not UTF-8 and that nobody called text.
    Bytes,
}

impl Value<'_> {
    fn shown(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Shown(shown) => Some(shown),
            Self::Bytes => None,
        }
    }
}

impl Source {
    fn value<'a>(
        &self,
        sample: &'a [u8],
        places: &[Range<usize>],
    ) -> Result<Option<Value<'a>>, Reason> {
        let Self::Column { index, encoding, path } = self else { return Ok(None) };
        let bytes = &sample[places[*index].clone()];
        let text = || std::str::from_utf8(bytes);
        Ok(match encoding {
            Encoding::Text => Some(Value::Text(text().map_err(|_| reasons::INVALID_UTF8)?.into())),
            Encoding::Bytes => Some(text().map_or(Value::Bytes, |text| Value::Text(text.into()))),
            Encoding::Json => {
                let mut json: Json =
                    serde_json::from_slice(bytes).map_err(|_| reasons::MALFORMED_JSON)?;
                for name in path {
                    json = json.get_mut(name).map(Json::take).unwrap_or_default();
                }
                match json {
                    Json::Null => None,
                    Json::String(text) => Some(Value::Text(text.into())),
                    other => Some(Value::Shown(other.to_string())),
                }
            }
            Encoding::Signed | Encoding::Unsigned => {
                integer(bytes, *encoding == Encoding::Signed).map(Value::Shown)
            }
            Encoding::Float => float(bytes).map(Value::Shown),
            Encoding::Other => None,
        })
    }
}

fn integer(bytes: &[u8], signed: bool) -> Option<String> {
    let fill = if signed && bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 16];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i128::from_le_bytes(wide).to_string())
}

fn float(bytes: &[u8]) -> Option<String> {
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    match bytes.len() {
        2 => Some(Half::from_le_bytes(bytes.try_into().ok()?).to_string()),
        4 => Some(f32::from_le_bytes(bytes.try_into().ok()?).to_string()),
        8 => Some(f64::from_le_bytes(bytes.try_into().ok()?).to_string()),
        _ => None,
    }
}
