//! Apache Parquet ([format](https://parquet.apache.org/docs/file-format/)): a row is a record, its
//! row number in the file its position.
//!
//! Only the wanted columns are read, one row group at a time. A field is a top-level column of just
//! that name or, with dots, a field of nested groups. Texts may be any column of strings or bytes,
//! whatever its encoding. Other types stand as Arrow displays them when they are metadata.
//!
//! Where a page cannot be decoded, the rest of its row group is one `failed(corrupt)` row and
//! reading goes on with the next group, so that the rows do not depend on how a file is divided.
//! A file without a readable footer is one such row at 0. A row group's wanted columns are held in
//! compressed form; encrypted files cannot be read.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

mod footer;
mod guard;

use self::footer::read_footer;
pub use self::footer::{RowGroup, row_groups};
pub use self::guard::silence_caught_panics;
pub(crate) use self::guard::{caught, guarded};
use super::decompress::{changed, check_size, owns_whole};
use super::values::{show, show_json};
use super::{BatchBuilder, Fields, Part, Piece, ReadError, RecordReader, reasons};
use crate::conversation::{Given, Shape};
use crate::document::{Position, Reason};
use crate::store::Store;

/// Rows decoded at a time.
const BLOCK_ROWS: usize = 256;

/// Reads Parquet.
pub(super) struct ParquetReader {
    store: Store,
    piece: Piece,
    /// `None` where the footer cannot be read.
    file: Option<File>,
    /// Row groups not yet begun.
    groups: Range<usize>,
    /// Row number of the first row of the next group.
    next_group_row: u64,
    group: Option<Group>,
    /// A failed row that stands for the whole file.
    lost: bool,
    records: u64,
}

/// What is known of a file from its footer.
struct File {
    footer: Arc<ParquetMetaData>,
    /// `None` where no field needs it, or where Arrow does not know some type of the file: then the
    /// row groups cannot be decoded.
    arrow: Option<ArrowReaderMetadata>,
    text: Source,
    id: Source,
    metadata: Vec<Source>,
    /// The shape of conversations and its fields, where these are wanted in place of a text.
    conversation: Option<(Shape, Vec<Source>)>,
}

/// Where the values of a field come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// No such column.
    Nowhere,
    /// A column of strings or bytes.
    Strings {
        leaf: usize,
        /// Whether the file says that these are strings.
        declared: bool,
    },
    /// Any other column or group of columns: its leaves, and the names that lead to it.
    Other { leaves: Vec<usize>, path: Vec<String> },
}

impl ParquetReader {
    /// Opens a piece.
    pub(super) fn open(store: &Store, fields: &Fields, piece: &Piece) -> Result<Self, ReadError> {
        check_size(store, piece)?;
        let footer = read_footer(store, &piece.file, piece.size)?;
        let file = footer.map(|footer| File::new(footer, fields));
        let rows = |group: &RowGroupMetaData| group.num_rows().unsigned_abs();
        let known = file.as_ref().map_or(&[][..], |file| file.footer.row_groups());
        let (groups, first_row) = match &piece.part {
            Part::RowGroups { groups, first_row } => {
                let wide = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
                let groups = wide(groups.start)..wide(groups.end);
                let before = known.get(..groups.start).unwrap_or_default();
                let planned = before.iter().map(rows).sum::<u64>() == *first_row;
                if known.len() < groups.end || !planned {
                    return Err(changed(piece, "it has other row groups".to_owned()));
                }
                (groups, *first_row)
            }
            part if owns_whole(part) => (0..known.len(), 0),
            _ => (0..0, 0),
        };
        Ok(Self {
            store: store.clone(),
            piece: piece.clone(),
            lost: file.is_none() && owns_whole(&piece.part),
            file,
            groups,
            next_group_row: first_row,
            group: None,
            records: 0,
        })
    }
}

impl RecordReader for ParquetReader {
    fn fill(&mut self, batch: &mut BatchBuilder) -> Result<bool, ReadError> {
        while !batch.is_full() {
            if std::mem::take(&mut self.lost) {
                batch.failed(Position::plain(0), reasons::CORRUPT);
                self.records += 1;
            }
            let Some(file) = &self.file else {
                return Ok(false);
            };
            let Some(group) = &mut self.group else {
                let Some(index) = self.groups.next() else {
                    return Ok(false);
                };
                let group =
                    Group::open(&self.store, &self.piece, file, index, self.next_group_row)?;
                self.next_group_row = group.end;
                self.group = Some(group);
                continue;
            };
            self.records += group.hand_over(batch);
            if group.row == group.end {
                self.group = None;
            }
        }
        Ok(true)
    }

    fn records(&self) -> u64 {
        self.records
    }
}

impl File {
    fn new(footer: ParquetMetaData, fields: &Fields) -> Self {
        let footer = Arc::new(footer);
        let schema = footer.file_metadata().schema_descr();
        let id = find(schema, &fields.id);
        let metadata: Vec<Source> =
            fields.metadata.iter().map(|field| find(schema, field)).collect();
        let conversation = fields.conversation.as_ref().map(|shape| {
            (shape.clone(), shape.paths().iter().map(|field| find(schema, field)).collect())
        });
        let text = match &conversation {
            None => find(schema, &fields.text),
            Some(_) => Source::Nowhere,
        };
        // Types that Arrow does not know must not stop a file whose wanted columns are all strings.
        let any_other = std::iter::once(&id)
            .chain(&metadata)
            .chain(conversation.iter().flat_map(|(_, parts): &(_, Vec<Source>)| parts))
            .any(|source| matches!(source, Source::Other { .. }));
        let options = ArrowReaderOptions::new();
        let arrow = any_other
            .then(|| guarded(|| ArrowReaderMetadata::try_new(footer.clone(), options)))
            .flatten();
        Self { footer, arrow, text, id, metadata, conversation }
    }

    /// The fields of conversations.
    fn parts(&self) -> &[Source] {
        self.conversation.as_ref().map_or(&[], |(_, parts)| parts)
    }

    /// Why no row can be a document, whatever stands in it.
    fn hopeless(&self) -> Option<Reason> {
        match (&self.conversation, &self.text) {
            (Some((_, parts)), _) => {
                parts.iter().all(|part| *part == Source::Nowhere).then_some(reasons::MISSING_TEXT)
            }
            (None, Source::Nowhere) => Some(reasons::MISSING_TEXT),
            (None, Source::Other { .. }) => Some(reasons::TEXT_NOT_STRING),
            (None, Source::Strings { .. }) => None,
        }
    }
}

/// Finds a field among the columns: at the top by its whole name, else along its dots.
fn find(schema: &SchemaDescriptor, field: &str) -> Source {
    let names_of = |leaf: &ColumnDescriptor| -> Option<usize> {
        let parts = leaf.path().parts();
        (1..=parts.len()).find(|&count| parts[..count].join(".") == field)
    };
    let found: Vec<(usize, usize)> = schema
        .columns()
        .iter()
        .enumerate()
        .filter_map(|(index, leaf)| Some((names_of(leaf)?, index)))
        .collect();
    let Some(&(names, first)) = found.iter().min() else {
        return Source::Nowhere;
    };
    let leaf = schema.column(first);
    let path = leaf.path().parts()[..names].to_vec();
    if matches!(leaf.logical_type_ref(), Some(LogicalType::Unknown)) {
        // All values are null: what Arrow writes where it never saw one.
        return Source::Nowhere;
    }
    if names == leaf.path().parts().len()
        && leaf.physical_type() == Type::BYTE_ARRAY
        && leaf.max_rep_level() == 0
    {
        let declared = match (leaf.logical_type_ref(), leaf.converted_type()) {
            (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _)
            | (None, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Some(true),
            (None, ConvertedType::NONE) => Some(false),
            _ => None,
        };
        if let Some(declared) = declared {
            return Source::Strings { leaf: first, declared };
        }
    }
    let same = |&&(_, index): &&(usize, usize)| {
        schema.column(index).path().parts().get(..names) == Some(&path[..])
    };
    Source::Other { leaves: found.iter().filter(same).map(|&(_, index)| index).collect(), path }
}

/// A row group being read.
struct Group {
    /// Row numbers: the next row's, and the one behind the last.
    row: u64,
    end: u64,
    state: State,
}

enum State {
    /// All rows fail alike; nothing needs to be decoded to know that.
    Same(Reason),
    /// The remaining rows are lost.
    Lost,
    Decoding {
        columns: Box<Columns>,
        /// Rows decoded, and how many of them are handed over.
        block: Box<Block>,
        taken: usize,
    },
}

impl Group {
    fn open(
        store: &Store,
        piece: &Piece,
        file: &File,
        index: usize,
        row: u64,
    ) -> Result<Self, ReadError> {
        let footer = file.footer.row_group(index);
        let state = if let Some(reason) = file.hopeless() {
            State::Same(reason)
        } else {
            let chunks = Chunks::read(store, piece, file, footer)?;
            guarded(|| Columns::open(file, index, &chunks)).map_or(State::Lost, |columns| {
                State::Decoding { columns: Box::new(columns), block: Box::default(), taken: 0 }
            })
        };
        Ok(Self { row, end: row + footer.num_rows().unsigned_abs(), state })
    }

    /// Gives rows to the batch until it is full or the block or group is at its end; tells how many.
    fn hand_over(&mut self, batch: &mut BatchBuilder) -> u64 {
        let before = self.row;
        match &mut self.state {
            State::Same(reason) => {
                while self.row < self.end && !batch.is_full() {
                    batch.failed(Position::plain(self.row), *reason);
                    self.row += 1;
                }
            }
            State::Lost => {
                if self.row < self.end {
                    batch.failed(Position::plain(self.row), reasons::CORRUPT);
                    self.row = self.end;
                    return 1;
                }
            }
            State::Decoding { columns, block, taken } => {
                if *taken == block.rows {
                    let left = usize::try_from(self.end - self.row).unwrap_or(usize::MAX);
                    *taken = 0;
                    if left > 0 {
                        match guarded(|| columns.decode(left.min(BLOCK_ROWS))) {
                            Some(decoded) => **block = decoded,
                            None => self.state = State::Lost,
                        }
                    }
                    return 0;
                }
                // Here and not in the loop: a batch that is full is seen only after a row is added.
                let mut metadata = Vec::with_capacity(block.metadata.len());
                while *taken < block.rows && !batch.is_full() {
                    let position = Position::plain(self.row);
                    if let Err(reason) = block.add(*taken, position, batch, &mut metadata) {
                        batch.failed(position, reason);
                    }
                    *taken += 1;
                    self.row += 1;
                }
            }
        }
        self.row - before
    }
}

/// The wanted column chunks of a row group, as stored; a clone shares them.
#[derive(Clone)]
struct Chunks {
    size: u64,
    chunks: Vec<(u64, Bytes)>,
}

impl Chunks {
    fn read(
        store: &Store,
        piece: &Piece,
        file: &File,
        group: &RowGroupMetaData,
    ) -> Result<Self, ReadError> {
        let mut leaves: Vec<usize> = [&file.text, &file.id]
            .into_iter()
            .chain(&file.metadata)
            .chain(file.parts())
            .flat_map(|source| match source {
                Source::Nowhere => Vec::new(),
                Source::Strings { leaf, .. } => vec![*leaf],
                Source::Other { leaves, .. } => leaves.clone(),
            })
            .collect();
        leaves.sort_unstable();
        leaves.dedup();
        let ranges: Vec<_> = leaves
            .into_iter()
            .map(|leaf| {
                // The footer was found sane, so this neither panics nor leaves the file.
                let (start, length) = group.column(leaf).byte_range();
                start..start + length
            })
            .collect();
        let chunks = store.read_ranges(&piece.file, &ranges)?;
        let starts = ranges.iter().map(|range| range.start);
        Ok(Self { size: piece.size, chunks: starts.zip(chunks).collect() })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Chunks {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let inside = self.chunks.iter().find_map(|(at, chunk)| {
            let skip = usize::try_from(start.checked_sub(*at)?).ok()?;
            // Not `<=`: where one chunk ends the next one may begin.
            (skip < chunk.len()).then(|| chunk.slice(skip..))
        });
        let bytes = inside.ok_or_else(|| ParquetError::EOF("outside of the column".into()))?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let inside = self.chunks.iter().find_map(|(at, chunk)| {
            let skip = usize::try_from(start.checked_sub(*at)?).ok()?;
            let end = skip.checked_add(length)?;
            (end <= chunk.len()).then(|| chunk.slice(skip..end))
        });
        inside.ok_or_else(|| ParquetError::EOF("outside of the column".into()))
    }
}

/// The wanted columns of a row group, being decoded.
struct Columns {
    text: Column,
    id: Column,
    metadata: Vec<Column>,
    conversation: Option<(Shape, Vec<Column>)>,
}

enum Column {
    Nowhere,
    Strings {
        reader: Box<ColumnReaderImpl<ByteArrayType>>,
        /// Definition level of a value that is not null.
        full: i16,
        declared: bool,
    },
    Other {
        reader: Box<ParquetRecordBatchReader>,
        path: Vec<String>,
        /// Whether values are wanted as JSON.
        json: bool,
    },
}

impl Columns {
    fn open(file: &File, group: usize, chunks: &Chunks) -> ParquetResult<Self> {
        let open = |source: &Source| Column::open(file, group, chunks, source, false);
        let part = |source: &Source| Column::open(file, group, chunks, source, true);
        let conversation = match &file.conversation {
            Some((shape, parts)) => {
                Some((shape.clone(), parts.iter().map(part).collect::<ParquetResult<Vec<_>>>()?))
            }
            None => None,
        };
        Ok(Self {
            text: open(&file.text)?,
            id: open(&file.id)?,
            metadata: file.metadata.iter().map(open).collect::<ParquetResult<_>>()?,
            conversation,
        })
    }

    fn decode(&mut self, rows: usize) -> ParquetResult<Block> {
        let metadata = self.metadata.iter_mut().map(|column| column.decode(rows));
        let conversation = match &mut self.conversation {
            Some((shape, parts)) => Some((
                shape.clone(),
                parts
                    .iter_mut()
                    .map(|column| column.decode(rows))
                    .collect::<ParquetResult<Vec<_>>>()?,
            )),
            None => None,
        };
        Ok(Block {
            rows,
            conversation,
            metadata: metadata.collect::<ParquetResult<_>>()?,
            text: self.text.decode(rows)?,
            id: self.id.decode(rows)?,
        })
    }
}

impl Column {
    fn open(
        file: &File,
        group: usize,
        chunks: &Chunks,
        source: &Source,
        json: bool,
    ) -> ParquetResult<Self> {
        let footer = file.footer.row_group(group);
        match (source, &file.arrow) {
            (Source::Strings { leaf, declared }, _) => {
                let column = footer.column(*leaf);
                let rows = usize::try_from(footer.num_rows())?;
                let pages =
                    SerializedPageReader::new(Arc::new(chunks.clone()), column, rows, None)?;
                let description = column.column_descr_ptr();
                Ok(Self::Strings {
                    full: description.max_def_level(),
                    declared: *declared,
                    reader: Box::new(ColumnReaderImpl::new(description, Box::new(pages))),
                })
            }
            (Source::Other { leaves, path }, Some(arrow)) => {
                let schema = file.footer.file_metadata().schema_descr();
                let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
                    chunks.clone(),
                    arrow.clone(),
                )
                .with_row_groups(vec![group])
                .with_projection(ProjectionMask::leaves(schema, leaves.iter().copied()))
                .with_batch_size(BLOCK_ROWS)
                .build()?;
                Ok(Self::Other { reader: Box::new(reader), path: path.clone(), json })
            }
            (Source::Other { .. }, None) => Err(ParquetError::General("unknown types".into())),
            (Source::Nowhere, _) => Ok(Self::Nowhere),
        }
    }

    fn decode(&mut self, rows: usize) -> ParquetResult<Values> {
        match self {
            Self::Nowhere => Ok(Values::Null),
            Self::Strings { reader, full, declared } => {
                let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(rows));
                let levels_out = (*full > 0).then_some(&mut levels);
                let (read, _, _) = reader.read_records(rows, levels_out, None, &mut values)?;
                if read != rows {
                    return Err(ParquetError::EOF("a column is too short".into()));
                }
                if *full == 0 {
                    levels.resize(rows, 0);
                }
                let mut values = values.into_iter();
                let spread =
                    levels.iter().map(|level| if level == full { values.next() } else { None });
                Ok(Values::Strings { values: spread.collect(), declared: *declared })
            }
            Self::Other { reader, path, json } => {
                let batch = reader
                    .next()
                    .transpose()?
                    .filter(|batch| batch.num_rows() == rows)
                    .ok_or_else(|| ParquetError::EOF("a column is too short".into()))?;
                let column = batch.column_by_name(&path[0]).cloned();
                let column = column.ok_or_else(|| ParquetError::General("no column".into()))?;
                let values = if *json { show_json } else { show };
                Ok(Values::Shown(values(column, &path[1..], rows)?))
            }
        }
    }
}

/// Some rows of the wanted columns.
#[derive(Default)]
struct Block {
    rows: usize,
    text: Values,
    id: Values,
    metadata: Vec<Values>,
    conversation: Option<(Shape, Vec<Values>)>,
}

#[derive(Default)]
enum Values {
    #[default]
    Null,
    Strings {
        values: Vec<Option<ByteArray>>,
        declared: bool,
    },
    Shown(Vec<Option<String>>),
}

impl Values {
    fn get(&self, row: usize) -> Result<Option<&str>, Reason> {
        match self {
            Self::Null => Ok(None),
            Self::Shown(values) => Ok(values[row].as_deref()),
            Self::Strings { values, declared } => {
                let Some(bytes) = &values[row] else {
                    return Ok(None);
                };
                match std::str::from_utf8(bytes.data()) {
                    Ok(text) => Ok(Some(text)),
                    Err(_) if *declared => Err(reasons::INVALID_UTF8),
                    // Bytes that nobody called text are no reason to lose the document.
                    Err(_) => Ok(None),
                }
            }
        }
    }
}

impl Block {
    fn add<'b>(
        &'b self,
        row: usize,
        position: Position,
        batch: &mut BatchBuilder,
        metadata: &mut Vec<Option<&'b str>>,
    ) -> Result<(), Reason> {
        metadata.clear();
        for values in &self.metadata {
            metadata.push(values.get(row)?);
        }
        if let Some((shape, parts)) = &self.conversation {
            let part = |values: &'b Values| {
                let value = values.get(row)?;
                let shown = matches!(values, Values::Shown(_));
                Ok(value.map(|value| if shown { Given::Json(value) } else { Given::Text(value) }))
            };
            let parts: Vec<_> = parts.iter().map(part).collect::<Result<_, Reason>>()?;
            return batch.conversation(position, (shape, &parts), self.id.get(row)?, metadata);
        }
        let text = match &self.text {
            Values::Strings { values, .. } => values[row].as_ref(),
            Values::Null | Values::Shown(_) => None,
        };
        let text = text.ok_or(reasons::MISSING_TEXT)?.data();
        let text = std::str::from_utf8(text).map_err(|_| reasons::INVALID_UTF8)?;
        batch.document(position, text, self.id.get(row)?, metadata);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
