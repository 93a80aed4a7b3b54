//! Apache Arrow IPC ([format](https://arrow.apache.org/docs/format/Columnar.html)), files and
//! streams (what Hugging Face `datasets` keeps in its cache): a row is a record, its row number the
//! position.
//!
//! Only the wanted columns are read and decoded, one record batch at a time; of a nested column all
//! of its top. A field is a top-level column of just that name or, with dots, a field of nested
//! structs. Texts may be strings or bytes in any layout, plain or in a dictionary, with lz4 or zstd
//! buffers or none. Other types stand as Arrow displays them when they are metadata.
//!
//! Where a batch cannot be decoded, it is one `failed(corrupt)` row and reading goes on with the next
//! one. Where no batch can be found any more, the remainder is one such row: for a stream cut off
//! `failed(truncated)`. A file without a footer is read as a stream, as far as it goes. A batch whose
//! wanted columns are above 2 GiB is `failed(too-large)`.

mod columns;
mod frames;
mod layout;

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{MessageHeader, root_as_message};

use self::columns::{Block, Columns};
pub use self::frames::record_batches;
use self::frames::{Frames, Head, Next, is_known};
use super::decompress::{changed, check_size, owns_whole};
use super::parquet::caught;
use super::{BatchBuilder, Fields, Part, Piece, ReadError, RecordReader, reasons};
use crate::document::{Position, Reason};
use crate::store::Store;

/// Rows made ready at a time.
const BLOCK_ROWS: usize = 256;

/// Reads Arrow IPC.
pub(super) struct ArrowReader {
    /// `None` once all is read.
    frames: Option<Frames>,
    fields: Fields,
    /// `None` before the schema.
    columns: Option<Columns>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Row number of the next row.
    row: u64,
    state: State,
    records: u64,
}

enum State {
    Between,
    /// All rows before `end` fail alike; nothing needs to be decoded to know that.
    Same {
        end: u64,
        reason: Reason,
    },
    /// The rows before `end` are lost together.
    Lost {
        end: u64,
        reason: Reason,
    },
    Decoded {
        batch: RecordBatch,
        block: Box<Block>,
        first: usize,
        ready: usize,
        taken: usize,
    },
}

impl ArrowReader {
    /// Opens a piece.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let (groups, row) = match &piece.part {
            Part::RowGroups { groups, first_row } => (Some(groups.clone()), *first_row),
            _ => (None, 0),
        };
        let mut reader = Self {
            frames: None,
            fields: fields.clone(),
            columns: None,
            dictionaries: HashMap::new(),
            row,
            state: State::Between,
            records: 0,
        };
        if groups.is_some() || owns_whole(&piece.part) {
            let divided = || changed(piece, "it has other record batches".to_owned());
            let (frames, footer) = Frames::open(store, piece, groups)?.ok_or_else(divided)?;
            reader.columns = footer.map(|footer| Columns::new(&footer.schema, fields));
            reader.frames = Some(frames);
        }
        Ok(reader)
    }

    /// Goes on to the next rows; `None` at the end.
    fn advance(&mut self) -> Result<Option<State>, ReadError> {
        while let Some(frames) = &mut self.frames {
            let head = match frames.next()? {
                Next::Message(head) => head,
                Next::End => {
                    self.frames = None;
                    // A file that has not even a schema is none.
                    let reason = reasons::CORRUPT;
                    return Ok(self
                        .columns
                        .is_none()
                        .then_some(State::Lost { end: self.row, reason }));
                }
                Next::Lost(reason) => {
                    self.frames = None;
                    return Ok(Some(State::Lost { end: self.row, reason }));
                }
            };
            match self.message(&head)? {
                Ok(None) => {}
                Ok(Some(state)) => return Ok(Some(state)),
                Err(reason) => {
                    self.frames = None;
                    return Ok(Some(State::Lost { end: self.row, reason }));
                }
            }
        }
        Ok(None)
    }

    /// Takes a message in; an error where nothing behind it can be told any more.
    fn message(&mut self, head: &Head) -> Result<Result<Option<State>, Reason>, ReadError> {
        let Some(frames) = &mut self.frames else { return Ok(Ok(None)) };
        // Checked when the head was read.
        let Ok(message) = root_as_message(&head.meta) else { return Ok(Err(reasons::CORRUPT)) };
        let version = message.version();
        match (message.header_type(), &self.columns) {
            (MessageHeader::Schema, None) if is_known(version) => {
                let schema = caught(|| {
                    let schema = message.header_as_schema()?;
                    schema.endianness().equals_to_target_endianness().then_some(())?;
                    try_fb_to_schema(schema).ok()
                });
                let Some(schema) = schema.flatten() else { return Ok(Err(reasons::CORRUPT)) };
                self.columns = Some(Columns::new(&schema, &self.fields));
                Ok(frames.skip(head.body)?.map(|()| None))
            }
            (MessageHeader::DictionaryBatch, Some(columns)) => {
                if !columns.dictionaries || columns.hopeless().is_some() {
                    return Ok(frames.skip(head.body)?.map(|()| None));
                }
                let Some(batch) = message.header_as_dictionary_batch() else {
                    return Ok(Err(reasons::CORRUPT));
                };
                let id = batch.id();
                let schema = caught(|| values_schema(&columns.schema, id)).flatten();
                let (Some(schema), Some(data)) = (schema, batch.data()) else {
                    return Ok(Err(reasons::CORRUPT));
                };
                let ranges = caught(|| layout::wanted(&data, &schema, version, &[0], head.body));
                let ranges = ranges.unwrap_or(Err(reasons::CORRUPT));
                let body = match ranges {
                    Ok(ranges) => frames.body(head.body, &ranges)?,
                    Err(_) => frames.skip(head.body)?.and(Err(reasons::TOO_LARGE)),
                };
                if let Err(reason) = body
                    && reason != reasons::TOO_LARGE
                {
                    return Ok(Err(reason));
                }
                let read = body.is_ok_and(|body| {
                    let dictionaries = &mut self.dictionaries;
                    let decoded = caught(|| {
                        layout::check_claims(&data, &schema, version, &[0], &body).ok()?;
                        read_dictionary(&body, batch, &columns.schema, dictionaries, &version).ok()
                    });
                    decoded.flatten().is_some()
                });
                if !read {
                    // The batches that need it cannot be decoded then.
                    self.dictionaries.remove(&id);
                }
                Ok(Ok(None))
            }
            (MessageHeader::RecordBatch, Some(columns)) => {
                let rows = caught(|| {
                    let batch = message.header_as_record_batch()?;
                    layout::rows(&batch, &columns.schema, version).map(|rows| (batch, rows))
                });
                let Some((batch, rows)) = rows.flatten() else { return Ok(Err(reasons::CORRUPT)) };
                let end = self.row.saturating_add(rows);
                if let Some(reason) = columns.hopeless() {
                    let passed = frames.skip(head.body)?;
                    return Ok(passed.map(|()| Some(State::Same { end, reason })));
                }
                let (schema, roots) = (&columns.schema, &columns.roots);
                let ranges = caught(|| layout::wanted(&batch, schema, version, roots, head.body));
                let body = match ranges.unwrap_or(Err(reasons::CORRUPT)) {
                    Ok(ranges) => match frames.body(head.body, &ranges)? {
                        Ok(body) => Ok(body),
                        Err(reasons::TOO_LARGE) => Err(reasons::TOO_LARGE),
                        lost @ Err(_) => return Ok(lost.map(|_| None)),
                    },
                    Err(reason) => match frames.skip(head.body)? {
                        Ok(()) => Err(reason),
                        Err(reason) => return Ok(Err(reason)),
                    },
                };
                let decoded = body.and_then(|body| {
                    let decoded = caught(|| {
                        layout::check_claims(&batch, schema, version, roots, &body)?;
                        let dictionaries = &self.dictionaries;
                        let schema = schema.clone();
                        read_record_batch(&body, batch, schema, dictionaries, Some(roots), &version)
                            .map_err(|_| reasons::CORRUPT)
                    });
                    decoded.unwrap_or(Err(reasons::CORRUPT))
                });
                Ok(Ok(Some(match decoded {
                    Ok(batch) => {
                        let block = Box::default();
                        State::Decoded { batch, block, first: 0, ready: 0, taken: 0 }
                    }
                    // Nothing is lost with an empty batch, and its row would be the next one's.
                    Err(_) if rows == 0 => return Ok(Ok(None)),
                    Err(reason) => State::Lost { end, reason },
                })))
            }
            _ => Ok(Err(reasons::CORRUPT)),
        }
    }

    /// Gives rows to the batch until it is full or the state is done with.
    fn hand_over(&mut self, out: &mut BatchBuilder) {
        let before = self.row;
        match &mut self.state {
            State::Between => {}
            State::Same { end, reason } => {
                while self.row < *end && !out.is_full() {
                    out.failed(Position::plain(self.row), *reason);
                    self.row += 1;
                }
                if self.row == *end {
                    self.state = State::Between;
                }
            }
            State::Lost { end, reason } => {
                out.failed(Position::plain(self.row), *reason);
                self.records += 1;
                self.row = *end;
                self.state = State::Between;
                return;
            }
            State::Decoded { batch, block, first, ready, taken } => {
                if taken == ready {
                    *first += *taken;
                    let left = batch.num_rows() - *first;
                    if left == 0 {
                        self.state = State::Between;
                        return;
                    }
                    (*ready, *taken) = (left.min(BLOCK_ROWS), 0);
                    let Some(columns) = &self.columns else { return };
                    let slice = batch.slice(*first, *ready);
                    if let Some(made) = caught(|| columns.block(&slice).ok()).flatten() {
                        **block = made;
                    } else {
                        let end = self.row + left as u64;
                        self.state = State::Lost { end, reason: reasons::CORRUPT };
                        return;
                    }
                }
                while taken < ready && !out.is_full() {
                    let position = Position::plain(self.row);
                    if let Err(reason) = block.add(*taken, position, out) {
                        out.failed(position, reason);
                    }
                    *taken += 1;
                    self.row += 1;
                }
            }
        }
        self.records += self.row - before;
    }
}

impl RecordReader for ArrowReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        while !batch.is_full() {
            if matches!(self.state, State::Between) {
                match self.advance()? {
                    Some(state) => self.state = state,
                    None => return Ok(false),
                }
            }
            self.hand_over(batch);
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

/// A schema of one column: the values of the dictionary with this number.
fn values_schema(schema: &Schema, id: i64) -> Option<Schema> {
    #[expect(
        deprecated,
        reason = "the reader of the crate knows dictionaries by this number alone"
    )]
    let fields = schema.fields_with_dict_id(id);
    match fields.first()?.data_type() {
        DataType::Dictionary(_, values) => {
            Some(Schema::new(vec![Field::new("", values.as_ref().clone(), true)]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
