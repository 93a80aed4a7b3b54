//! JSON Lines: one JSON object a line ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259),
//! [jsonlines.org](https://jsonlines.org)); plain, gzip or zstd.
//!
//! Lines end with LF or CRLF; the last one may do without. Lines of nothing but spaces, tabs and CR
//! are no records. A byte order mark at the start of the file is skipped. Of each object only the
//! wanted fields are decoded; the rest is checked and passed over. Of a key that stands twice the
//! last value counts. A line longer than twice [`MAX_DOCUMENT_BYTES`] is `failed(too-large)` and
//! never held in memory. Nesting in the fields passed over has no limit and costs no stack.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decompress::{Chunk, Compression, Content, End, check_size, owns_whole};
use super::{BatchBuilder, Fields, Part, Piece, ReadError, RecordReader, reasons};
use crate::document::{MAX_DOCUMENT_BYTES, Position, Reason};
use crate::store::Store;

/// The longest line: escapes make JSON longer than its text, keys and metadata stand beside it.
const MAX_LINE_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + (64 << 10);

/// Content asked for at a time.
const CHUNK_BYTES: usize = 256 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads JSON Lines.
pub(super) struct JsonlReader {
    /// `None` where the piece owns nothing.
    lines: Option<Lines>,
    parser: Parser,
    records: u64,
}

impl JsonlReader {
    /// Opens a piece. Byte ranges divide plain files; a compressed file belongs to the range that
    /// holds its first byte.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let range = match &piece.part {
            Part::Bytes(range)
                if Content::compression(store, piece)? == Compression::None
                    && range.start < piece.size =>
            {
                Some(range.clone())
            }
            part if owns_whole(part) => Some(0..u64::MAX),
            _ => None,
        };
        let lines = match range {
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

/// Calls `each` with the number and the bytes of every line of a file that is not blank.
///
/// # Errors
/// When the file is damaged, the storage fails, or `each` does.
pub(crate) fn json_lines<E: From<ReadError>>(
    store: &Store,
    piece: &Piece,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut lines = Lines::open(store, piece, 0..u64::MAX)?;
    let mut number = 0;
    while let Some((_, line)) = lines.next()? {
        number += 1;
        match line {
            Line::Text(line) if is_blank(line) => {}
            Line::Text(line) => each(number, line)?,
            Line::Failed(reason) => {
                let detail = format!("line {number}: {}", reason.as_str());
                return Err(ReadError::Table { file: piece.file.clone(), detail }.into());
            }
        }
    }
    Ok(())
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// One line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A line without its LF.
    Text(&'a [u8]),
    /// A line too long, or the lost remainder of the file.
    Failed(Reason),
}

/// A line within the buffer of [`Lines`], or why there is none at this place.
type Located = (Position, Result<Range<usize>, Reason>);

/// Cuts content into lines, each with its position.
pub(super) struct Lines {
    content: Content,
    buffer: Vec<u8>,
    /// What is not handed over yet: `buffer[start..end]`; no LF before `scanned`.
    start: usize,
    scanned: usize,
    end: usize,
    /// Where the members begin within the buffer.
    members: VecDeque<(usize, Position)>,
    /// Lines that start at this offset or behind it belong to another piece.
    owned_until: u64,
    skip: Skip,
    /// Whether the next line is the file's first.
    is_first: bool,
    finished: bool,
    max_line: usize,
}

/// What the bytes up to the next LF are.
#[derive(Clone, Copy)]
enum Skip {
    Nothing,
    /// The end of a line that another piece owns.
    Foreign,
    /// The rest of a line that is too long to be held; it starts here.
    TooLong(Position),
}

impl Lines {
    pub(super) fn open(store: &Store, piece: &Piece, range: Range<u64>) -> Result<Self, ReadError> {
        // A line starts at `range.start` only where an LF stands before it.
        let from = range.start.saturating_sub(1);
        Ok(Self {
            content: Content::open(store, piece, from)?,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            members: VecDeque::new(),
            owned_until: range.end,
            skip: if range.start == 0 { Skip::Nothing } else { Skip::Foreign },
            is_first: range.start == 0,
            finished: false,
            max_line: MAX_LINE_BYTES,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<(Position, Line<'_>)>, ReadError> {
        while !self.finished {
            let unscanned = &self.buffer[self.scanned..self.end];
            if let Some(at) = memchr::memchr(b'\n', unscanned) {
                let line = self.start..self.scanned + at;
                let position = self.position();
                self.start = line.end + 1;
                self.scanned = self.start;
                if let Some(found) = self.line(position, line) {
                    return Ok(Some(self.show(found)));
                }
                continue;
            }
            self.scanned = self.end;
            if let Some(found) = self.refill()? {
                return Ok(Some(self.show(found)));
            }
        }
        Ok(None)
    }

    fn show(&self, (position, line): Located) -> (Position, Line<'_>) {
        let line = match line {
            Ok(range) => Line::Text(&self.buffer[range]),
            Err(reason) => Line::Failed(reason),
        };
        (position, line)
    }

    /// Judges a complete line, which may be the end of one that is skipped.
    fn line(&mut self, position: Position, mut line: Range<usize>) -> Option<Located> {
        let is_first = std::mem::take(&mut self.is_first);
        match std::mem::replace(&mut self.skip, Skip::Nothing) {
            Skip::Foreign => return None,
            Skip::TooLong(start) => return Some((start, Err(reasons::TOO_LARGE))),
            Skip::Nothing => {}
        }
        if position.offset >= self.owned_until {
            self.finished = true;
            return None;
        }
        if line.len() > self.max_line {
            return Some((position, Err(reasons::TOO_LARGE)));
        }
        if is_first && self.buffer[line.clone()].starts_with(BYTE_ORDER_MARK) {
            line.start += BYTE_ORDER_MARK.len();
        }
        Some((position, Ok(line)))
    }

    /// Gets more content behind the unfinished line in the buffer; gives that line, or what stands
    /// in its place, where no more is needed to tell.
    fn refill(&mut self) -> Result<Option<Located>, ReadError> {
        if matches!(self.skip, Skip::Nothing) && self.end - self.start > self.max_line {
            self.skip = Skip::TooLong(self.position());
        }
        if !matches!(self.skip, Skip::Nothing) {
            self.start = self.end;
            if self.content.position().offset >= self.owned_until {
                // The line ends behind the piece, so no other line of it is left.
                self.finished = true;
                return Ok(match self.skip {
                    Skip::TooLong(start) => Some((start, Err(reasons::TOO_LARGE))),
                    Skip::Nothing | Skip::Foreign => None,
                });
            }
        }
        self.make_room();
        match self.content.read(&mut self.buffer[self.end..])? {
            Chunk::Bytes { at, len } => {
                if self.members.back().is_none_or(|(_, last)| last.member != at.member) {
                    self.members.push_back((self.end, at));
                }
                self.end += len;
                Ok(None)
            }
            Chunk::End(end) => Ok(self.finish(end)),
        }
    }

    /// Moves the unfinished line to the front and sees to it that a chunk fits behind it.
    fn make_room(&mut self) {
        if self.start == self.end {
            self.members.clear();
        } else {
            let position = self.position();
            for (at, _) in &mut self.members {
                *at = at.saturating_sub(self.start);
            }
            // Its member began before the buffer does.
            self.members[0].1 = position;
            self.buffer.copy_within(self.start..self.end, 0);
        }
        self.end -= self.start;
        self.start = 0;
        self.scanned = self.end;
        if self.buffer.len() - self.end < CHUNK_BYTES {
            let room = (2 * self.buffer.len()).max(2 * CHUNK_BYTES);
            self.buffer.resize(room, 0);
        } else if self.end < CHUNK_BYTES && self.buffer.len() > 16 * CHUNK_BYTES {
            // One giant line is no reason to hold its memory until the end of the file.
            self.buffer.truncate(2 * CHUNK_BYTES);
            self.buffer.shrink_to_fit();
        }
    }

    /// What the end of the content makes of the unfinished line.
    fn finish(&mut self, end: End) -> Option<Located> {
        let rest = self.start..self.end;
        if matches!(end, End::Complete | End::Garbage) {
            // All members are whole, so the last line is; it only lacks its LF.
            if !rest.is_empty() || matches!(self.skip, Skip::TooLong(_)) {
                let position = self.position();
                self.start = self.end;
                return self.line(position, rest);
            }
        }
        self.finished = true;
        let position = match self.skip {
            Skip::TooLong(start) => start,
            Skip::Nothing | Skip::Foreign => self.position(),
        };
        end.reason().map(|reason| (position, Err(reason)))
    }

    /// Position of the first byte not handed over yet.
    fn position(&mut self) -> Position {
        if self.start == self.end {
            return self.content.position();
        }
        while self.members.get(1).is_some_and(|(at, _)| *at <= self.start) {
            self.members.pop_front();
        }
        match self.members.front() {
            Some((at, position)) => Position {
                member: position.member,
                offset: position.offset + (self.start - at) as u64,
            },
            None => self.content.position(),
        }
    }
}

/// Takes the wanted fields out of JSON objects.
struct Parser {
    wanted: Level,
    text: usize,
    id: usize,
    metadata: Vec<usize>,
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
        let mut wanted = Level::default();
        for (field, path) in paths.iter().enumerate() {
            wanted.add(path, field);
        }
        Self {
            wanted,
            text,
            id,
            metadata,
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

        match found[self.text].map(|text| text.json) {
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
        batch.document(position, values[self.text].unwrap_or_default(), id, &row);
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
