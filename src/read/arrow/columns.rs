//! The wanted columns of an Arrow schema, and their values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, LargeBinaryArray, RecordBatch,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::super::values::{show, show_json};
use super::super::{BatchBuilder, Fields, reasons};
use crate::conversation::{Given, Shape};
use crate::document::{Position, Reason};

/// What is wanted of the batches of a file.
pub(super) struct Columns {
    /// The schema to decode with: strings are bytes in it, because one string that is not UTF-8 must
    /// not take its batch with it.
    pub(super) schema: SchemaRef,
    /// The columns at the top that hold what is wanted, by number, in order.
    pub(super) roots: Vec<usize>,
    /// Whether dictionaries are needed to decode them.
    pub(super) dictionaries: bool,
    pub(super) text: Source,
    id: Source,
    metadata: Vec<Source>,
    /// The shape of conversations and its fields, where these are wanted in place of a text.
    conversation: Option<(Shape, Vec<Source>)>,
}

/// Where the values of a field come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// No such column.
    Nowhere,
    /// A column of strings or bytes.
    Strings {
        /// The column at the top, by its number among the roots, and the names within it.
        root: usize,
        path: Vec<String>,
        /// Whether the file says that these are strings.
        declared: bool,
    },
    /// A column of any other type, and what the whole column at the top was declared as.
    Other { root: usize, path: Vec<String>, declared: DataType },
}

impl Columns {
    pub(super) fn new(schema: &Schema, fields: &Fields) -> Self {
        let mut roots = Vec::new();
        let shape = fields.conversation.as_ref();
        let parts = shape.map(Shape::paths).unwrap_or_default();
        let wanted = [&fields.text, &fields.id].into_iter().chain(&fields.metadata).chain(&parts);
        let mut sources: Vec<Source> =
            wanted.map(|field| find(schema, field, &mut roots)).collect();
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        for source in &mut sources {
            if let Source::Strings { root, .. } | Source::Other { root, .. } = source {
                let number = roots[*root];
                *root = sorted.binary_search(&number).unwrap_or_default();
            }
        }
        let as_bytes: Vec<FieldRef> = schema.fields().iter().map(in_bytes).collect();
        let parts = sources.split_off(2 + fields.metadata.len());
        let metadata = sources.split_off(2);
        let id = sources.pop().unwrap_or(Source::Nowhere);
        let text = sources.pop().unwrap_or(Source::Nowhere);
        Self {
            schema: Arc::new(Schema::new(as_bytes)),
            dictionaries: sorted.iter().any(|root| has_dictionary(schema.field(*root).data_type())),
            roots: sorted,
            text,
            id,
            metadata,
            conversation: shape.map(|shape| (shape.clone(), parts)),
        }
    }

    /// Why no row can be a document, whatever stands in it.
    pub(super) fn hopeless(&self) -> Option<Reason> {
        match (&self.conversation, &self.text) {
            (Some((_, parts)), _) => {
                parts.iter().all(|part| *part == Source::Nowhere).then_some(reasons::MISSING_TEXT)
            }
            (None, Source::Nowhere) => Some(reasons::MISSING_TEXT),
            (None, Source::Other { .. }) => Some(reasons::TEXT_NOT_STRING),
            (None, Source::Strings { .. }) => None,
        }
    }

    /// Some decoded rows, ready to be handed over.
    pub(super) fn block(&self, batch: &RecordBatch) -> Result<Block, ArrowError> {
        let values = |source: &Source| Values::new(source, batch, false);
        let part = |source: &Source| Values::new(source, batch, true);
        let conversation = match &self.conversation {
            Some((shape, parts)) => Some((
                shape.clone(),
                parts.iter().map(part).collect::<Result<Vec<_>, ArrowError>>()?,
            )),
            None => None,
        };
        Ok(Block {
            conversation,
            text: values(&self.text)?,
            id: values(&self.id)?,
            metadata: self.metadata.iter().map(values).collect::<Result<_, _>>()?,
        })
    }
}

/// Finds a field: at the top by its whole name, else along its dots.
fn find(schema: &Schema, field: &str, roots: &mut Vec<usize>) -> Source {
    let names = schema.fields().iter().map(|column| column.name().as_str());
    let whole = names.clone().position(|name| name == field).map(|root| (root, Vec::new()));
    let found = whole.or_else(|| {
        names.enumerate().find_map(|(root, name)| {
            let rest = field.strip_prefix(name)?.strip_prefix('.')?;
            Some((root, within(schema.field(root).data_type(), rest)?))
        })
    });
    let Some((index, path)) = found else {
        return Source::Nowhere;
    };
    let top = schema.field(index).data_type();
    let mut kind = top;
    for name in &path {
        if let DataType::Struct(fields) = kind
            && let Some((_, field)) = fields.find(name)
        {
            kind = field.data_type();
        }
    }
    let declared = match kind {
        // All values are null: what Arrow writes where it never saw one.
        DataType::Null => return Source::Nowhere,
        DataType::Dictionary(_, values) => is_text(values),
        kind => is_text(kind),
    };
    let root = roots.iter().position(|root| *root == index).unwrap_or_else(|| {
        roots.push(index);
        roots.len() - 1
    });
    match declared {
        Some(declared) => Source::Strings { root, path, declared },
        None => Source::Other { root, path, declared: top.clone() },
    }
}

/// The names of the fields that a dotted path leads through.
fn within(kind: &DataType, path: &str) -> Option<Vec<String>> {
    let DataType::Struct(fields) = kind else { return None };
    if let Some((_, field)) = fields.find(path) {
        return Some(vec![field.name().clone()]);
    }
    fields.iter().find_map(|field| {
        let rest = path.strip_prefix(field.name().as_str())?.strip_prefix('.')?;
        let mut names = vec![field.name().clone()];
        names.extend(within(field.data_type(), rest)?);
        Some(names)
    })
}

/// Whether a column holds texts, declared as such or not; `None` where it holds other things.
fn is_text(kind: &DataType) -> Option<bool> {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(true),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(false),
        _ => None,
    }
}

fn has_dictionary(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_dictionary(field.data_type())),
        DataType::Union(fields, _) => {
            fields.iter().any(|(_, field)| has_dictionary(field.data_type()))
        }
        DataType::RunEndEncoded(_, inner)
        | DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _)
        | DataType::Map(inner, _) => has_dictionary(inner.data_type()),
        _ => false,
    }
}

/// The field with bytes in place of strings, which are stored alike.
fn in_bytes(field: &FieldRef) -> FieldRef {
    let kind = bytes_of(field.data_type());
    // Keeps the number of the field's dictionary.
    Arc::new(Field::clone(field).with_data_type(kind))
}

fn bytes_of(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8 => DataType::Binary,
        DataType::LargeUtf8 => DataType::LargeBinary,
        DataType::Utf8View => DataType::BinaryView,
        DataType::Dictionary(keys, values) => {
            DataType::Dictionary(keys.clone(), Box::new(bytes_of(values)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(in_bytes).collect()),
        DataType::List(inner) => DataType::List(in_bytes(inner)),
        DataType::LargeList(inner) => DataType::LargeList(in_bytes(inner)),
        other => other.clone(),
    }
}

/// Some rows of the wanted columns.
#[derive(Default)]
pub(super) struct Block {
    text: Values,
    id: Values,
    metadata: Vec<Values>,
    conversation: Option<(Shape, Vec<Values>)>,
}

#[derive(Default)]
enum Values {
    #[default]
    Null,
    Strings(Strings),
    Shown(Vec<Option<String>>),
}

/// A column of bytes, perhaps behind a dictionary, within any number of groups.
struct Strings {
    /// The column and the groups that it lies in: where one is null there is no value.
    chain: Vec<ArrayRef>,
    keys: Option<Vec<usize>>,
    values: Bytes,
    declared: bool,
}

enum Bytes {
    Binary(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
}

impl Values {
    fn new(source: &Source, batch: &RecordBatch, json: bool) -> Result<Self, ArrowError> {
        match source {
            Source::Nowhere => Ok(Self::Null),
            Source::Strings { root, path, declared } => {
                let mut chain = vec![batch.column(*root).clone()];
                for name in path {
                    let group = chain[chain.len() - 1].as_struct_opt();
                    let next = group.and_then(|group| group.column_by_name(name)).cloned();
                    let lost = || ArrowError::SchemaError(format!("no field `{name}`"));
                    chain.push(next.ok_or_else(lost)?);
                }
                Ok(Self::Strings(Strings::new(chain, *declared)?))
            }
            Source::Other { root, path, declared } => {
                let mut column = batch.column(*root).clone();
                if column.data_type() != declared {
                    // What is not UTF-8 becomes null here.
                    column = cast(&column, declared)?;
                }
                let values = if json { show_json } else { show };
                Ok(Self::Shown(values(column, path, batch.num_rows())?))
            }
        }
    }

    fn get(&self, row: usize) -> Result<Option<&str>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Shown(values) => Ok(values[row].as_deref()),
            Self::Strings(strings) => {
                let Some(bytes) = strings.get(row) else { return Ok(None) };
                match std::str::from_utf8(bytes) {
                    Ok(text) => Ok(Some(text)),
                    Err(_) if strings.declared => Err(reasons::INVALID_UTF8),
                    // Bytes that nobody called text are no reason to lose the document.
                    Err(_) => Ok(None),
                }
            }
        }
    }
}

impl Strings {
    fn new(chain: Vec<ArrayRef>, declared: bool) -> Result<Self, ArrowError> {
        let mut values = chain[chain.len() - 1].clone();
        let mut keys = None;
        if let Some(dictionary) = values.as_any_dictionary_opt() {
            // An empty dictionary has no keys to bring into range; all rows are null then.
            keys = Some(if dictionary.values().is_empty() {
                vec![0; dictionary.len()]
            } else {
                dictionary.normalized_keys()
            });
            values = dictionary.values().clone();
        }
        let values = match values.data_type() {
            DataType::Binary => Bytes::Binary(values.as_binary::<i32>().clone()),
            DataType::LargeBinary => Bytes::Large(values.as_binary::<i64>().clone()),
            DataType::BinaryView => Bytes::View(values.as_binary_view().clone()),
            kind => return Err(ArrowError::SchemaError(format!("{kind} is no text"))),
        };
        Ok(Self { chain, keys, values, declared })
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        if self.chain.iter().any(|array| array.is_null(row)) {
            return None;
        }
        let row = self.keys.as_ref().map_or(row, |keys| keys[row]);
        match &self.values {
            Bytes::Binary(values) => values.is_valid(row).then(|| values.value(row)),
            Bytes::Large(values) => values.is_valid(row).then(|| values.value(row)),
            Bytes::View(values) => values.is_valid(row).then(|| values.value(row)),
        }
    }
}

impl Block {
    /// Hands a row over as a document.
    pub(super) fn add<'b>(
        &'b self,
        row: usize,
        position: Position,
        batch: &mut BatchBuilder,
    ) -> Result<(), Reason> {
        if let Some((shape, parts)) = &self.conversation {
            let part = |values: &'b Values| {
                let value = values.get(row)?;
                let shown = matches!(values, Values::Shown(_));
                Ok(value.map(|value| if shown { Given::Json(value) } else { Given::Text(value) }))
            };
            let parts: Vec<_> = parts.iter().map(part).collect::<Result<_, Reason>>()?;
            let metadata = self
                .metadata
                .iter()
                .map(|values| values.get(row))
                .collect::<Result<Vec<_>, _>>()?;
            return batch.conversation(position, (shape, &parts), self.id.get(row)?, &metadata);
        }
        let text = match &self.text {
            Values::Strings(strings) => strings.get(row).ok_or(reasons::MISSING_TEXT)?,
            Values::Null | Values::Shown(_) => return Err(reasons::MISSING_TEXT),
        };
        let text = std::str::from_utf8(text).map_err(|_| reasons::INVALID_UTF8)?;
        let metadata =
            self.metadata.iter().map(|values| values.get(row)).collect::<Result<Vec<_>, _>>()?;
        batch.document(position, text, self.id.get(row)?, &metadata);
        Ok(())
    }
}
