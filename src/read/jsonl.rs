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
        while !batch.is_full() && !batch.is_exhausted() {
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

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// One line, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// A line without its LF.
    Text(&'a [u8]),
    /// A line too long, or the lost remainder of the file.
    Failed(Reason),
}

/// A line within the buffer of [`Lines`], or why there is none at this place.
type Located = (Position, Result<Range<usize>, Reason>);

/// Cuts content into lines, each with its position.
struct Lines {
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
    fn open(store: &Store, piece: &Piece, range: Range<u64>) -> Result<Self, ReadError> {
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

    fn next(&mut self) -> Result<Option<(Position, Line<'_>)>, ReadError> {
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
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::Format;
    use super::super::decompress::testing::{self, Row, at, drain, fields, file, gzip, zstd};
    use super::*;

    fn rows_of(bytes: &[u8], part: Part) -> Vec<Row> {
        testing::rows(Format::Jsonl, &fields("text", &["url", "meta.a"]), bytes, part)
    }

    fn rows(bytes: &[u8]) -> Vec<Row> {
        rows_of(bytes, Part::Whole)
    }

    /// The result of a file's only record.
    fn one(line: &str) -> Result<String, &'static str> {
        let mut rows = rows(line.as_bytes());
        assert_eq!(rows.len(), 1, "{line}");
        rows.remove(0).text
    }

    /// The positions and texts of a file.
    fn short(bytes: &[u8]) -> Vec<(Position, Result<String, &'static str>)> {
        rows(bytes).into_iter().map(|row| (row.position, row.text)).collect()
    }

    fn metadata(line: &str, wanted: &[&str]) -> Vec<Option<String>> {
        let fields = fields("text", wanted);
        testing::rows(Format::Jsonl, &fields, line.as_bytes(), Part::Whole).remove(0).metadata
    }

    #[test]
    fn lines_of_all_kinds() {
        let file = b"\xef\xbb\xbf{\"text\":\"a\"}\r\n \t\r\n\n{\"text\":\"b\"}";
        let plain = Position::plain;
        let expected = [(plain(0), Ok("a".to_owned())), (plain(22), Ok("b".to_owned()))];
        assert_eq!(short(file), expected);
        assert_eq!(short(b""), []);
        assert_eq!(short(&gzip(b"")), []);
        assert_eq!(short(b"\xef\xbb\xbf\n"), []);
    }

    #[test]
    fn each_bad_record_has_its_reason() {
        let deep = "[".repeat(100_000);
        for (line, reason) in [
            (r#"{"id":1}"#, "missing-text"),
            (r#"{"text":null}"#, "missing-text"),
            (r#"{"text":["a"]}"#, "text-not-a-string"),
            (r#"{"text":1e999}"#, "text-not-a-string"),
            (r#"["text"]"#, "malformed-json"),
            (r#"{"text":"a"} {}"#, "malformed-json"),
            (r#"{"text":"a",}"#, "malformed-json"),
            (r#"{"text":"a"#, "malformed-json"),
            (r#"{"text":"\ud800"}"#, "malformed-json"),
            (r#"{"text":"a","b":NaN}"#, "malformed-json"),
            (&deep, "malformed-json"),
            (&format!(r#"{{"text":"a","b":{deep}"#), "malformed-json"),
        ] {
            assert_eq!(one(line), Err(reason), "{}", &line[..line.len().min(40)]);
        }
        assert_eq!(short(b"{\"text\":\"a\",\"b\":\"\xe9\"}")[0].1, Err("invalid-utf8"));
    }

    #[test]
    fn nesting_that_is_passed_over_has_no_limit() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(one(&format!(r#"{{"x":{deep},"text":"a"}}"#)), Ok("a".to_owned()));
        let kept = metadata(&format!(r#"{{"x":{deep},"text":"a"}}"#), &["x", "x.y"]);
        assert_eq!(kept, [Some(deep), None]);
    }

    #[test]
    fn texts_are_unescaped() {
        assert_eq!(
            one(r#"{"te\u0078t":"a\n\u00e9\ud83d\ude00\"\\"}"#),
            Ok("a\né😀\"\\".to_owned())
        );
        assert_eq!(one(r#"{"text":"first","text":"last"}"#), Ok("last".to_owned()));
        assert_eq!(one(r#"{"text":""}"#), Ok(String::new()));
        let nested = testing::rows(
            Format::Jsonl,
            &fields("content.text", &["content"]),
            br#"{"content": {"text": "a b", "n": [1, "\" ]"]}}"#,
            Part::Whole,
        );
        assert_eq!(nested[0].text, Ok("a b".to_owned()));
        let compact = r#"{"text":"a b","n":[1,"\" ]"]}"#;
        assert_eq!(nested[0].metadata, [Some(compact.to_owned())]);
    }

    #[test]
    fn ids_are_strings_or_numbers() {
        for (json, id) in [
            ("\"a\\tb\"", Some("a\tb")),
            ("-7", Some("-7")),
            ("1.50", Some("1.50")),
            ("true", None),
            ("null", None),
            ("[1]", None),
        ] {
            let row = rows(format!(r#"{{"id":{json},"text":""}}"#).as_bytes()).remove(0);
            assert_eq!(row.id.as_deref(), id, "{json}");
        }
        let both = testing::rows(
            Format::Jsonl,
            &fields("text", &["id", "text"]),
            br#"{"id":7,"text":"x"}"#,
            Part::Whole,
        );
        assert_eq!(both[0].id.as_deref(), Some("7"));
        assert_eq!(both[0].metadata, [Some("7".to_owned()), Some("x".to_owned())]);
    }

    #[test]
    fn fields_with_dots() {
        let some = |text: &str| vec![Some(text.to_owned())];
        for (json, value) in [
            (r#""m":{"u":"in"}"#, some("in")),
            (r#""m.u":"exact","m":{"u":"in"}"#, some("exact")),
            (r#""m":{"u":"in"},"m.u":"exact""#, some("exact")),
            (r#""m":{"u":"in"},"m.u":null"#, vec![None]),
            (r#""m":{"u":"in"},"m":{}"#, vec![None]),
            (r#""m":{"u":"in"},"m":3"#, vec![None]),
            (r#""m":[{"u":"in"}]"#, vec![None]),
            (r#""m":{"u":true}"#, some("true")),
            (r#""m":{"u":1.0}"#, some("1.0")),
        ] {
            assert_eq!(metadata(&format!(r#"{{{json},"text":""}}"#), &["m.u"]), value, "{json}");
        }
        let deep = r#"{"a":{"b":{"c":1}},"text":""}"#;
        assert_eq!(
            metadata(deep, &["a.b.c", "a.b"]),
            [Some("1".to_owned()), Some(r#"{"c":1}"#.to_owned())]
        );
        assert_eq!(metadata(r#"{"a":{"b.c":2},"text":""}"#, &["a.b.c"]), some("2"));
    }

    #[test]
    fn a_line_too_long_is_skipped_and_not_held() {
        let long = format!("{{\"text\":\"{}\"}}", "x".repeat(9 << 20));
        let content = format!("{{\"text\":\"a\"}}\n{long}\n{{\"text\":\"b\"}}\n{long}");
        let starts = [0, 13, 13 + long.len() as u64 + 1, 26 + long.len() as u64 + 1];
        for (bytes, member) in
            [(content.clone().into_bytes(), Position::PLAIN), (gzip(content.as_bytes()), 0)]
        {
            let (_folder, store, piece) = file(&bytes, Part::Whole);
            let mut reader = JsonlReader::open(&store, &fields("text", &[]), &piece).unwrap();
            reader.lines.as_mut().unwrap().max_line = 12;
            let rows = drain(&mut reader, 0);
            let texts: Vec<_> = rows.iter().map(|row| row.text.clone()).collect();
            assert_eq!(
                texts,
                [Ok("a".to_owned()), Err("too-large"), Ok("b".to_owned()), Err("too-large")]
            );
            assert!(rows.iter().zip(starts).all(|(row, start)| row.position == at(member, start)));
            assert!(reader.lines.unwrap().buffer.len() <= 4 * CHUNK_BYTES);
        }
    }

    #[test]
    fn a_cut_or_damaged_stream_ends_in_one_failed_row() {
        let lines = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}";
        for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
            let (whole, first) = (pack(lines.as_bytes()), pack(b"{\"text\":\"a\"}\n{\"te"));
            let good = |text: &str, offset| (at(0, offset), Ok(text.to_owned()));
            // Without its checksum, the member's last line is not known to be whole.
            let mut expected = vec![good("a", 0), good("b", 13), (at(0, 26), Err("truncated"))];
            assert_eq!(short(&whole[..whole.len() - 1]), expected);
            let mut damaged = whole.clone();
            *damaged.last_mut().unwrap() ^= 1;
            expected[2].1 = Err("corrupt");
            assert_eq!(short(&damaged), expected);
            expected[2] = good("c", 26);
            expected.push((at(1, 0), Err("corrupt")));
            assert_eq!(short(&[&whole[..], b"garbage"].concat()), expected);
            // The lost line began in the member before.
            let second = pack(b"xt\":\"b\"}\n");
            let cut = [&first[..], &second[..12]].concat();
            assert_eq!(short(&cut), [good("a", 0), (at(0, 13), Err("truncated"))]);
            assert_eq!(short(&[first, second].concat()), [good("a", 0), good("b", 13)]);
        }
    }

    #[test]
    fn no_flipped_byte_goes_unseen() {
        let content = "{\"text\":\"some words\"}\n".repeat(9);
        for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
            let file = [pack(content.as_bytes()), pack(b"{\"text\":\"end\"}")].concat();
            let good = rows(&file);
            for index in 0..file.len() {
                let mut file = file.clone();
                file[index] ^= 0x11;
                let rows = rows(&file);
                assert!(rows == good || rows.iter().any(|row| row.text.is_err()), "byte {index}");
            }
        }
    }

    fn any_content() -> impl Strategy<Value = Vec<u8>> {
        let piece = select(vec![
            "\n",
            "\r\n",
            " ",
            "\u{feff}",
            "{\"text\":\"a\"}",
            "{\"text\":\"b\\n\"}\n",
            "x",
            "{",
            "é",
            "\n\n",
        ]);
        vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
    }

    fn cuts(content: &[u8], cuts: &[usize]) -> Vec<usize> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (content.len() + 1)).collect();
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        cuts
    }

    proptest! {
        #[test]
        fn byte_ranges_divide_a_file(content in any_content(), at in vec(0_usize..1000, 0..8)) {
            let mut divided = Vec::new();
            for range in cuts(&content, &at).windows(2) {
                divided.extend(rows_of(&content, Part::Bytes(range[0] as u64..range[1] as u64)));
            }
            prop_assert_eq!(divided, rows(&content));
        }

        #[test]
        fn positions_lead_to_the_lines(
            texts in vec("[a-z \\\\\"é\u{1}]{0,30}", 0..30),
            at in vec(0_usize..5000, 0..8),
            gz in any::<bool>(),
        ) {
            let mut content = String::new();
            for text in &texts {
                content += &serde_json::json!({"text": text}).to_string();
                content += "\n";
            }
            let cuts = cuts(content.as_bytes(), &at);
            let members: Vec<&[u8]> =
                cuts.windows(2).map(|cut| &content.as_bytes()[cut[0]..cut[1]]).collect();
            let pack = if gz { gzip } else { zstd };
            let file: Vec<u8> = members.iter().flat_map(|member| pack(member)).collect();
            let read = rows(&file);
            prop_assert_eq!(read.len(), texts.len());
            for (row, text) in read.iter().zip(&texts) {
                prop_assert_eq!(row.text.as_ref(), Ok(text));
                let member = row.position.member as usize;
                let offset = usize::try_from(row.position.offset).unwrap();
                prop_assert!(offset < members[member].len());
                let line = content[cuts[member] + offset..].lines().next().unwrap();
                prop_assert_eq!(line, serde_json::json!({"text": text}).to_string());
            }
        }
    }
}
