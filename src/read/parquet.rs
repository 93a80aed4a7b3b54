//! Apache Parquet ([format](https://parquet.apache.org/docs/file-format/)): a row is a record, its
//! row number in the file its position.
//!
//! Only the wanted columns are read, one row group at a time. A field is a top-level column of just
//! that name or, with dots, a field of nested groups. Texts may be any column of strings or bytes,
//! whatever its encoding. Other types stand as Arrow displays them when they are metadata.
//!
//! Where the pipeline's first stages tell by kept fields alone which records go on
//! ([`Selection`](super::Selection)), those fields are decoded first and texts for the wanted rows
//! only: a row group with none has its texts not even fetched, a page with none is not decompressed.
//! What is wrong with a text that nobody wants is then not seen, so such a record is dropped like its
//! neighbours and not `failed`.
//!
//! Where a page cannot be decoded, the rest of its row group is one `failed(corrupt)` row and
//! reading goes on with the next group, so that the rows do not depend on how a file is divided.
//! A file without a readable footer is one such row at 0. A row group's wanted columns are held in
//! compressed form; encrypted files cannot be read.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::StringArray;
use bytes::{Buf, Bytes};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

mod columns;
mod footer;
mod guard;

use self::columns::{Columns, Values};
use self::footer::read_footer;
pub use self::footer::{RowGroup, row_groups};
pub use self::guard::silence_caught_panics;
pub(crate) use self::guard::{caught, guarded};
use super::decompress::{changed, check_size, owns_whole};
use super::{BatchBuilder, Fields, Part, Piece, ReadError, RecordReader, Selection, reasons};
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
                let all = batch.selection().is_none();
                let from = Origin { store: &self.store, piece: &self.piece, file, index };
                let group = Group::open(from, self.next_group_row, all)?;
                self.next_group_row = group.end;
                self.group = Some(group);
                continue;
            };
            let from = Origin { store: &self.store, piece: &self.piece, file, index: group.index };
            self.records += group.hand_over(from, batch)?;
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

/// Where a row group comes from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    store: &'a Store,
    piece: &'a Piece,
    file: &'a File,
    /// Its number in the file.
    index: usize,
}

impl Origin<'_> {
    fn footer(&self) -> &RowGroupMetaData {
        self.file.footer.row_group(self.index)
    }
}

/// A row group being read.
struct Group {
    /// Its number in the file.
    index: usize,
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
    /// Opens a row group whose first row is `row`; `all` where every text is wanted.
    fn open(from: Origin<'_>, row: u64, all: bool) -> Result<Self, ReadError> {
        let file = from.file;
        let state = if let Some(reason) = file.hopeless() {
            State::Same(reason)
        } else {
            let fields = [&file.id].into_iter().chain(&file.metadata).chain(file.parts());
            let chunks = Chunks::read(from, fields.chain(all.then_some(&file.text)))?;
            guarded(|| Columns::open(from, &chunks, all)).map_or(State::Lost, |columns| {
                State::Decoding { columns: Box::new(columns), block: Box::default(), taken: 0 }
            })
        };
        let end = row + from.footer().num_rows().unsigned_abs();
        Ok(Self { index: from.index, row, end, state })
    }

    /// Gives rows to the batch until it is full or the block or group is at its end; tells how many.
    fn hand_over(&mut self, from: Origin<'_>, batch: &mut BatchBuilder) -> Result<u64, ReadError> {
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
                    return Ok(1);
                }
            }
            State::Decoding { columns, block, taken } => {
                if *taken == block.rows {
                    let left = usize::try_from(self.end - self.row).unwrap_or(usize::MAX);
                    *taken = 0;
                    if left > 0 {
                        match columns.decode(from, left.min(BLOCK_ROWS), self.row, batch)? {
                            Some(decoded) => **block = decoded,
                            None => self.state = State::Lost,
                        }
                    }
                    return Ok(0);
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
        Ok(self.row - before)
    }
}

/// The wanted column chunks of a row group, as stored; a clone shares them.
#[derive(Clone)]
struct Chunks {
    size: u64,
    chunks: Vec<(u64, Bytes)>,
}

impl Chunks {
    /// Fetches the columns of `sources`.
    fn read<'a>(
        from: Origin<'_>,
        sources: impl Iterator<Item = &'a Source>,
    ) -> Result<Self, ReadError> {
        let mut leaves: Vec<usize> = sources
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
                let (start, length) = from.footer().column(leaf).byte_range();
                start..start + length
            })
            .collect();
        let chunks = from.store.read_ranges(&from.piece.file, &ranges)?;
        let starts = ranges.iter().map(|range| range.start);
        Ok(Self { size: from.piece.size, chunks: starts.zip(chunks).collect() })
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

/// The rows of a block: all fields but the text of a row that nobody wants.
#[derive(Default)]
struct Block {
    rows: usize,
    text: Values,
    id: Values,
    metadata: Vec<Values>,
    conversation: Option<(Shape, Vec<Values>)>,
    /// Whose text is wanted; all where `None`.
    wanted: Option<Vec<bool>>,
}

impl Block {
    fn add<'b>(
        &'b self,
        row: usize,
        position: Position,
        batch: &mut BatchBuilder,
        metadata: &mut Vec<Option<&'b str>>,
    ) -> Result<(), Reason> {
        if let Some((shape, parts)) = &self.conversation {
            metadata.clear();
            for values in &self.metadata {
                metadata.push(values.get(row)?);
            }
            let part = |values: &'b Values| {
                let value = values.get(row)?;
                let shown = matches!(values, Values::Shown(_));
                Ok(value.map(|value| if shown { Given::Json(value) } else { Given::Text(value) }))
            };
            let parts: Vec<_> = parts.iter().map(part).collect::<Result<_, Reason>>()?;
            return batch.conversation(position, (shape, &parts), self.id.get(row)?, metadata);
        }
        let wanted = self.wanted.as_ref().is_none_or(|wanted| wanted[row]);
        let text = if wanted { Some(self.text(row)?) } else { None };
        metadata.clear();
        for values in &self.metadata {
            metadata.push(values.get(row)?);
        }
        let id = self.id.get(row)?;
        match text {
            Some(text) => batch.document(position, text, id, metadata),
            None => batch.unread(position, id, metadata),
        }
        Ok(())
    }

    fn text(&self, row: usize) -> Result<&str, Reason> {
        let text = match &self.text {
            Values::Strings { values, .. } => values[row].as_ref(),
            Values::Null | Values::Shown(_) => None,
        };
        let text = text.ok_or(reasons::MISSING_TEXT)?.data();
        std::str::from_utf8(text).map_err(|_| reasons::INVALID_UTF8)
    }

    /// Asks which texts are wanted of these rows, the first of which is `first`.
    fn ask(&self, selection: &dyn Selection, first: u64, batch: &BatchBuilder) -> Vec<bool> {
        let rows = self.rows;
        let mut odd = vec![false; rows];
        let asked = caught(|| {
            let columns = selection.fields().iter().map(|&field| {
                let value = |row: usize| {
                    // A value that fails its record: so that it fails as it does elsewhere.
                    self.metadata[field].get(row).unwrap_or_else(|_| {
                        odd[row] = true;
                        None
                    })
                };
                (0..rows).map(value).collect::<StringArray>()
            });
            let columns: Vec<StringArray> = columns.collect();
            let ids = (first..).take(rows).map(|row| batch.id(Position::plain(row)));
            selection.wanted(&ids.collect::<Vec<_>>(), &columns)
        });
        let mut wanted = asked.unwrap_or_else(|| vec![true; rows]);
        for (wanted, odd) in wanted.iter_mut().zip(odd) {
            *wanted |= odd;
        }
        wanted
    }
}

#[cfg(test)]
mod tests;
