//! Comma-separated values ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)) and their like with
//! tabs, semicolons or bars; plain or compressed.
//!
//! The first record names the columns, unless the source names them. A record ends with LF or CRLF;
//! blank lines are none; its position is that of its first byte. The delimiter is the source's, a
//! tab for files called `.tsv` or `.tab`, else that of `,`, tab, `;` and `|` which stands most often
//! in the first line. A field in quotes may hold delimiters and newlines, a quote in it is doubled;
//! a quote within a field that does not start with one is a character like others. Of columns with
//! one name the first counts. A field with nothing in it, not even quotes, is null.
//!
//! A record with more or fewer fields than there are columns is `failed(ragged-row)`; one with other
//! characters behind a quoted field `failed(malformed-csv)`, and reading goes on with the next line;
//! a quote that nothing closes takes the rest of the file with it. A record longer than twice
//! [`MAX_DOCUMENT_BYTES`](crate::document::MAX_DOCUMENT_BYTES) is `failed(too-large)` and never held
//! in memory. Since any newline may be quoted, a file is one split.

mod records;

use self::records::{Record, Records};
use super::decompress::{check_size, owns_whole};
use super::{BatchBuilder, Fields, Piece, ReadError, RecordReader, reasons};
use crate::document::{Position, Reason};
use crate::store::Store;

/// Reads CSV.
pub(super) struct CsvReader {
    /// `None` where the piece owns nothing.
    records: Option<Records>,
    columns: Columns,
    named: bool,
    count: u64,
}

/// Which fields are wanted, and what was found of them.
struct Columns {
    quote: Option<u8>,
    delimiter: u8,
    /// The text, the id and the metadata, by name.
    wanted: Vec<String>,
    /// For each column of the file, whether it is wanted.
    taken: Vec<bool>,
    /// For each of the wanted fields its column.
    places: Vec<Option<usize>>,
    values: Vec<Value>,
}

/// A field as it was found.
#[derive(Debug, Default, Clone)]
struct Value {
    present: bool,
    bytes: Vec<u8>,
}

impl CsvReader {
    /// Opens a file. It cannot be divided: the piece that holds its first byte has it all.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let layout = &fields.layout;
        let quote = layout.quote.byte();
        let delimiter = layout.delimiter.or_else(|| delimiter_of_name(&piece.file));
        let mut records = None;
        if owns_whole(&piece.part) {
            records = Some(Records::open(store, piece, delimiter, quote)?);
        }
        let delimiter = records.as_ref().map_or(b',', Records::delimiter);
        let wanted = [&fields.text, &fields.id].into_iter().chain(&fields.metadata);
        let mut columns = Columns {
            quote,
            delimiter,
            wanted: wanted.cloned().collect(),
            taken: Vec::new(),
            places: Vec::new(),
            values: Vec::new(),
        };
        let named = !layout.columns.is_empty();
        if named {
            let given = layout.columns.iter().map(|name| name.as_bytes().to_vec());
            columns.name(&given.collect::<Vec<_>>());
        }
        Ok(Self { records, columns, named, count: 0 })
    }
}

impl RecordReader for CsvReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        let Some(records) = &mut self.records else {
            return Ok(false);
        };
        while !batch.is_full() {
            match records.next()? {
                None => return Ok(false),
                Some((_, Record::Fields(record))) if !self.named => {
                    self.columns.header(record);
                    self.named = true;
                    continue;
                }
                Some((position, Record::Fields(record))) => {
                    if let Err(reason) = self.columns.add(batch, position, record) {
                        batch.failed(position, reason);
                    }
                }
                Some((position, Record::Failed(reason))) => {
                    batch.failed(position, reason);
                    if !self.named {
                        // Nobody can tell what the fields of the others are.
                        self.records = None;
                        self.count += 1;
                        return Ok(false);
                    }
                }
            }
            self.count += 1;
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.count
    }
}

fn delimiter_of_name(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    let (_, extension) = super::format::stem(&name).rsplit_once('.')?;
    matches!(extension, "tsv" | "tab").then_some(b'\t')
}

impl Columns {
    fn header(&mut self, record: &[u8]) {
        let mut names = Vec::new();
        let (quote, delimiter) = (self.quote, self.delimiter);
        for field in (Cutter { rest: Some(record), quote, delimiter }) {
            let mut name = Value::default();
            name.set(field, quote);
            names.push(name.bytes);
        }
        self.name(&names);
    }

    fn name(&mut self, names: &[Vec<u8>]) {
        let place = |wanted: &String| names.iter().position(|name| name == wanted.as_bytes());
        self.places = self.wanted.iter().map(place).collect();
        self.taken = (0..names.len()).map(|column| self.places.contains(&Some(column))).collect();
        self.values = vec![Value::default(); names.len()];
    }

    fn add(
        &mut self,
        batch: &mut BatchBuilder,
        position: Position,
        record: &[u8],
    ) -> Result<(), Reason> {
        let mut count = 0;
        let cutter = Cutter { rest: Some(record), quote: self.quote, delimiter: self.delimiter };
        for field in cutter {
            if self.taken.get(count) == Some(&true) {
                self.values[count].set(field, self.quote);
            }
            count += 1;
        }
        if count != self.taken.len() {
            return Err(reasons::RAGGED_ROW);
        }
        let value = |place: &Option<usize>| match place {
            Some(column) => self.values[*column].text(),
            None => Ok(None),
        };
        let [text, id, metadata @ ..] = self.places.as_slice() else {
            return Err(reasons::MISSING_TEXT);
        };
        let text = value(text)?.ok_or(reasons::MISSING_TEXT)?;
        let metadata = metadata.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        batch.document(position, text, value(id)?, &metadata);
        Ok(())
    }
}

impl Value {
    /// Takes a field's value, without its quotes.
    fn set(&mut self, field: &[u8], quote: Option<u8>) {
        if self.bytes.capacity() > 4 << 20 {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.present = !field.is_empty();
        let inner = quote.and_then(|quote| {
            let inner = field.strip_prefix(&[quote])?;
            Some((quote, inner.strip_suffix(&[quote]).unwrap_or(inner)))
        });
        let Some((quote, mut rest)) = inner else {
            self.bytes.extend_from_slice(field);
            return;
        };
        while let Some(at) = memchr::memchr(quote, rest) {
            // A quote in quotes is doubled, or the record would not have been cut as it was.
            self.bytes.extend_from_slice(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        self.bytes.extend_from_slice(rest);
    }

    fn text(&self) -> Result<Option<&str>, Reason> {
        if !self.present {
            return Ok(None);
        }
        std::str::from_utf8(&self.bytes).map(Some).map_err(|_| reasons::INVALID_UTF8)
    }
}

/// Cuts a well-formed record into fields as they stand, quotes and all.
struct Cutter<'a> {
    rest: Option<&'a [u8]>,
    quote: Option<u8>,
    delimiter: u8,
}

impl<'a> Iterator for Cutter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut from = 0;
        if let Some(quote) = self.quote.filter(|quote| rest.first() == Some(quote)) {
            from = 1;
            while let Some(at) = memchr::memchr(quote, &rest[from..]) {
                from += at + 1;
                if rest.get(from) != Some(&quote) {
                    break;
                }
                from += 1;
            }
        }
        match memchr::memchr(self.delimiter, &rest[from..]) {
            Some(at) => {
                self.rest = Some(&rest[from + at + 1..]);
                Some(&rest[..from + at])
            }
            None => self.rest.take(),
        }
    }
}

#[cfg(test)]
mod tests;
