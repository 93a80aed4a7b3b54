//! JSON Lines: one JSON object a line ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259),
//! [jsonlines.org](https://jsonlines.org)); plain, gzip, zstd or lz4.
//!
//! Lines end with LF or CRLF; the last one may do without. Lines of nothing but spaces, tabs and CR
//! are no records. A byte order mark at the start of the file is skipped. Of each object only the
//! wanted fields are decoded; the rest is checked and passed over. Of a key that stands twice the
//! last value counts. A line longer than twice [`MAX_DOCUMENT_BYTES`] is `failed(too-large)` and
//! never held in memory. Nesting in the fields passed over has no limit and costs no stack.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decompress::check_size;
use super::lines::{CHUNK_BYTES, Line, Lines, is_blank};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::conversation::{Given, Shape};
use crate::document::{Position, Reason};
use crate::store::Store;

/// Reads JSON Lines.
pub(super) struct JsonlReader {
    /// `None` where the piece owns nothing.
    lines: Option<Lines>,
    parser: Parser,
    records: u64,
}

impl JsonlReader {
    /// Opens a piece.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let lines = match piece.part.bytes() {
            Some(range) => Some(Lines::open(store, piece, range)?),
            None => None,
        };
        Ok(Self { lines, parser: Parser::new(fields), records: 0 })
    }
}

impl RecordReader for JsonlReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        let Some(lines) = &mut self.lines else {
            return Ok(false);
        };
        while !batch.is_full() {
            match lines.next()? {
                None => return Ok(false),
                Some((_, Line::Text(line))) if is_blank(line) => continue,
                Some((position, Line::Text(line))) => self.parser.add(batch, position, line),
                Some((position, Line::Failed(reason))) => batch.failed(position, reason),
            }
            self.records += 1;
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

/// Takes the wanted fields out of JSON objects.
struct Parser {
    wanted: Level,
    text: usize,
    id: usize,
    metadata: Vec<usize>,
    /// The shape of conversations and its fields, where these are wanted in place of a text.
    conversation: Option<(Shape, Vec<usize>)>,
    // The rest is kept between records for its memory only.
    found: Vec<Option<Found<'static>>>,
    values: Vec<Option<&'static str>>,
    row: Vec<Option<&'static str>>,
    unescaped: Vec<String>,
}

/// The wanted keys of an object.
#[derive(Default)]
struct Level {
    keys: Vec<Key>,
}

struct Key {
    name: String,
    /// The field that this key's value is.
    field: Option<usize>,
    /// The fields that lie within it.
    below: Level,
}

/// The JSON of a field, and how deep it was found: a key that has dots in it wins over nesting.
#[derive(Clone, Copy)]
struct Found<'a> {
    json: &'a str,
    depth: usize,
}

impl Parser {
    fn new(fields: &Fields) -> Self {
        let mut paths: Vec<&str> = Vec::new();
        let mut number = |path| {
            paths.iter().position(|&known| known == path).unwrap_or_else(|| {
                paths.push(path);
                paths.len() - 1
            })
        };
        let text = number(fields.text.as_str());
        let id = number(fields.id.as_str());
        let metadata = fields.metadata.iter().map(|field| number(field)).collect();
        let shape = fields.conversation.as_ref().map(|shape| (shape, shape.paths()));
        let conversation = shape.as_ref().map(|(shape, paths)| {
            ((*shape).clone(), paths.iter().map(|path| number(path)).collect())
        });
        let mut wanted = Level::default();
        for (field, path) in paths.iter().enumerate() {
            wanted.add(path, field);
        }
        Self {
            wanted,
            text,
            id,
            metadata,
            conversation,
            found: Vec::new(),
            values: Vec::new(),
            row: Vec::new(),
            unescaped: vec![String::new(); paths.len()],
        }
    }

    /// Adds a line's record to the batch.
    fn add(&mut self, batch: &mut BatchBuilder, position: Position, line: &[u8]) {
        if let Err(reason) = self.try_add(batch, position, line) {
            batch.failed(position, reason);
        }
    }

    fn try_add(
        &mut self,
        batch: &mut BatchBuilder,
        position: Position,
        line: &[u8],
    ) -> Result<(), Reason> {
        let line = std::str::from_utf8(line).map_err(|_| reasons::INVALID_UTF8)?;
        let mut found = recycle(std::mem::take(&mut self.found));
        found.resize(self.unescaped.len(), None);
        let mut json = serde_json::Deserializer::from_str(line);
        let object = Object { wanted: &self.wanted, depth: 0, found: &mut found };
        object
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|_| reasons::MALFORMED_JSON)?;

        let spoken = self.conversation.is_some();
        match found[self.text].map(|text| text.json) {
            _ if spoken => {}
            None | Some("null") => return Err(reasons::MISSING_TEXT),
            Some(json) if !json.starts_with('"') => return Err(reasons::TEXT_NOT_STRING),
            Some(_) => {}
        }
        let mut values = recycle(std::mem::take(&mut self.values));
        for (found, unescaped) in found.iter().zip(&mut self.unescaped) {
            let value = match found {
                Some(found) => plain_text(found.json, unescaped)?,
                None => None,
            };
            values.push(value);
        }
        let id = found[self.id]
            .filter(|id| id.json.starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9')))
            .and(values[self.id]);
        let mut row = recycle(std::mem::take(&mut self.row));
        row.extend(self.metadata.iter().map(|&field| values[field]));
        if let Some((shape, places)) = &self.conversation {
            let part = |&place: &usize| {
                let json = found[place]?.json;
                Some(if json.starts_with('"') {
                    Given::Text(values[place].unwrap_or_default())
                } else {
                    Given::Json(json)
                })
            };
            let parts: Vec<_> = places.iter().map(part).collect();
            batch.conversation(position, (shape, &parts), id, &row)?;
        } else {
            batch.document(position, values[self.text].unwrap_or_default(), id, &row);
        }
        self.found = recycle(found);
        self.values = recycle(values);
        self.row = recycle(row);
        Ok(())
    }
}

/// An empty vector with the memory of another one, for things that live shorter or longer. The
/// standard library collects in place here; if it did not, this would merely allocate.
fn recycle<A, B>(mut old: Vec<Option<A>>) -> Vec<Option<B>> {
    old.clear();
    old.into_iter().map(|_| None).collect()
}

/// The text of a value: a string unescaped, a list or an object without white space, a number or a
/// boolean as it stands; `None` for null.
fn plain_text<'a>(json: &'a str, buffer: &'a mut String) -> Result<Option<&'a str>, Reason> {
    match json.as_bytes() {
        b"null" => Ok(None),
        [b'"', inner @ .., b'"'] => {
            if memchr::memchr(b'\\', inner).is_none() {
                return Ok(json.get(1..json.len() - 1));
            }
            if buffer.capacity() > 16 * CHUNK_BYTES {
                *buffer = String::new();
            }
            serde_json::Deserializer::from_str(json)
                .deserialize_str(Unescape(buffer))
                .map_err(|_| reasons::MALFORMED_JSON)?;
            Ok(Some(buffer))
        }
        [b'[' | b'{', ..] => {
            compact(json, buffer);
            Ok(Some(buffer))
        }
        _ => Ok(Some(json)),
    }
}

/// Copies JSON without the white space between its tokens. Nothing else changes: neither the order
/// of keys nor how numbers are written.
fn compact(json: &str, out: &mut String) {
    out.clear();
    let (mut in_string, mut escaped) = (false, false);
    out.extend(json.chars().filter(|&char| {
        let keep = in_string || !matches!(char, ' ' | '\t' | '\r' | '\n');
        if char == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && char == '\\' && !escaped;
        keep
    }));
}

struct Unescape<'b>(&'b mut String);

impl Visitor<'_> for Unescape<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.clear();
        self.0.push_str(text);
        Ok(())
    }
}

impl Level {
    fn add(&mut self, path: &str, field: usize) {
        self.key(path).field = Some(field);
        if let Some((head, rest)) = path.split_once('.') {
            self.key(head).below.add(rest, field);
        }
    }

    fn key(&mut self, name: &str) -> &mut Key {
        let known = self.keys.iter().position(|key| key.name == name);
        let index = known.unwrap_or_else(|| {
            self.keys.push(Key { name: name.to_owned(), field: None, below: Level::default() });
            self.keys.len() - 1
        });
        &mut self.keys[index]
    }

    /// Forgets what was found in an object that now comes again.
    fn forget(&self, found: &mut [Option<Found<'_>>], depth: usize) {
        for key in &self.keys {
            if let Some(field) = key.field {
                found[field].take_if(|found| found.depth > depth);
            }
            key.below.forget(found, depth);
        }
    }
}

/// Reads an object's wanted keys and passes over the others.
struct Object<'w, 'f, 'a> {
    wanted: &'w Level,
    depth: usize,
    found: &'f mut [Option<Found<'a>>],
}

impl<'a> DeserializeSeed<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth;
        while let Some(key) = map.next_key_seed(KeyName(self.wanted))? {
            let Some(key) = key else {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            let json = map.next_value::<&'a RawValue>()?.get();
            if let Some(field) = key.field {
                let deeper = self.found[field].is_none_or(|found| found.depth >= depth);
                if deeper {
                    self.found[field] = Some(Found { json, depth });
                }
            }
            key.below.forget(self.found, depth);
            if !key.below.keys.is_empty() && json.starts_with('{') {
                let below =
                    Object { wanted: &key.below, depth: depth + 1, found: &mut *self.found };
                below
                    .deserialize(&mut serde_json::Deserializer::from_str(json))
                    .map_err(serde::de::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// Finds a key among the wanted ones without copying it.
struct KeyName<'w>(&'w Level);

impl<'w, 'a> DeserializeSeed<'a> for KeyName<'w> {
    type Value = Option<&'w Key>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'w> Visitor<'_> for KeyName<'w> {
    type Value = Option<&'w Key>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.keys.iter().find(|key| key.name == name))
    }
}

#[cfg(test)]
mod tests;
