//! Parquet, for `datasets` and whatever else reads tables.
//!
//! A row is a document or, with packing, a row of `sequence_length` tokens:
//! * `input_ids`, list of `uint16` (vocabularies up to 65,536) or `int32`;
//! * `doc_ids` (rows only), list of `int32`: the number of the document in the row, token by token,
//!   -1 for padding: what an attention mask within documents compares;
//! * `seq_lengths` (rows only), list of `int32`: lengths of the pieces, padding last; they add up to
//!   the row, as TRL's padding-free collator wants it;
//! * `loss_mask` (where there are masks), list of `uint8`: 1 for each token that is learnt.
//!
//! Pages are compressed with Zstandard unless `compression = "none"`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, PrimitiveArray, RecordBatch,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, UInt8Type, UInt16Type};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::file::{ShardFile, failed};
use super::read::{ReadSequence, ShardFacts, ShardReader, damaged};
use super::{Closed, Sequence, SequenceWriter, ShardError, ShardLayout, ShardName, Width};
use crate::config::tokens::{Packing, ShardCompression, ShardFormat};
use crate::read::caught;
use crate::store::Store;

/// Tokens and rows written at a time: whichever comes first. Parquet gives other bytes for other
/// batches, so the rule must not depend on anything but the rows.
const CHUNK: (usize, usize) = (256 << 10, 16 << 10);
/// Chunks of a row group.
const GROUP: usize = 16;
/// Rows decoded at a time.
const BLOCK: usize = 64;

/// A column of lists.
struct Lists<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    offsets: Vec<i32>,
}

impl<T: ArrowPrimitiveType> Lists<T> {
    fn new() -> Self {
        Self { values: Vec::new(), offsets: vec![0] }
    }

    fn field(name: &str) -> Field {
        Field::new(name, DataType::List(Self::element()), false)
    }

    fn element() -> Arc<Field> {
        Arc::new(Field::new("element", T::DATA_TYPE, false))
    }

    /// Ends a row.
    fn end(&mut self) {
        // A chunk ends long before; a longer document was refused.
        self.offsets.push(i32::try_from(self.values.len()).unwrap_or(i32::MAX));
    }

    fn take(&mut self) -> ArrayRef {
        let values = PrimitiveArray::<T>::from_iter_values(self.values.drain(..));
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let offsets = OffsetBuffer::new(offsets.into());
        Arc::new(ListArray::new(Self::element(), offsets, Arc::new(values), None))
    }
}

/// Ids in either width.
enum Ids {
    Narrow(Lists<UInt16Type>),
    Wide(Lists<Int32Type>),
}

impl Ids {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Narrow(lists) => {
                let ids = bytes.as_chunks::<2>().0;
                lists.values.extend(ids.iter().map(|id| u16::from_le_bytes(*id)));
                lists.end();
            }
            Self::Wide(lists) => {
                let ids = bytes.as_chunks::<4>().0;
                lists.values.extend(ids.iter().map(|id| i32::from_le_bytes(*id)));
                lists.end();
            }
        }
    }
}

/// Writes a table of tokens.
pub(super) struct ParquetWriter {
    path: String,
    writer: ArrowWriter<ShardFile>,
    schema: SchemaRef,
    ids: Ids,
    documents: Option<(Lists<Int32Type>, Lists<Int32Type>)>,
    loss: Option<Lists<UInt8Type>>,
    width: usize,
    tokens: usize,
    rows: usize,
    chunks: usize,
}

impl ParquetWriter {
    pub(super) fn create(
        store: &Store,
        name: &ShardName,
        layout: &ShardLayout,
    ) -> Result<Self, ShardError> {
        let path = format!("{}.parquet", name.stem());
        let (ids, field) = match layout.width {
            Width::U16 => (Ids::Narrow(Lists::new()), Lists::<UInt16Type>::field("input_ids")),
            _ => (Ids::Wide(Lists::new()), Lists::<Int32Type>::field("input_ids")),
        };
        let mut fields = vec![field];
        let rows = layout.packing != Packing::Documents;
        if rows {
            fields.extend(["doc_ids", "seq_lengths"].map(Lists::<Int32Type>::field));
        }
        if layout.has_masks() {
            fields.push(Lists::<UInt8Type>::field("loss_mask"));
        }
        let schema = Arc::new(Schema::new(fields));
        let codec = match layout.compression {
            ShardCompression::None => Compression::UNCOMPRESSED,
            _ => Compression::ZSTD(ZstdLevel::default()),
        };
        let properties = WriterProperties::builder()
            .set_compression(codec)
            // Neither version nor host may enter the bytes.
            .set_created_by("tamis".to_owned())
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(None)
            // Ids take nearly all their values; a dictionary of them would only be built and dropped.
            .set_column_dictionary_enabled("input_ids.list.element".into(), false)
            .build();
        let file = ShardFile::create(store, path.clone())?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(|error| wrong(&path, error))?;
        Ok(Self {
            path,
            writer,
            schema,
            ids,
            documents: rows.then(|| (Lists::new(), Lists::new())),
            loss: layout.has_masks().then(Lists::new),
            width: layout.width.bytes(),
            tokens: 0,
            rows: 0,
            chunks: 0,
        })
    }

    fn write_chunk(&mut self) -> Result<(), ShardError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut columns = vec![match &mut self.ids {
            Ids::Narrow(lists) => lists.take(),
            Ids::Wide(lists) => lists.take(),
        }];
        if let Some((ids, lengths)) = &mut self.documents {
            columns.extend([ids.take(), lengths.take()]);
        }
        columns.extend(self.loss.as_mut().map(Lists::take));
        (self.tokens, self.rows) = (0, 0);
        let wrong = |error| wrong(&self.path, error);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        self.writer.write(&batch.map_err(|error| wrong(error.into()))?).map_err(wrong)?;
        self.chunks += 1;
        if self.chunks.is_multiple_of(GROUP) {
            self.writer.flush().map_err(wrong)?;
        }
        Ok(())
    }
}

impl SequenceWriter for ParquetWriter {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        let count = sequence.tokens.len() / self.width;
        if i32::try_from(self.tokens + count).is_err() {
            return Err(ShardError::Full {
                path: self.path.clone(),
                detail: "a document has more than 2^31 tokens, which no list in Parquet has"
                    .to_owned(),
            });
        }
        self.ids.add(sequence.tokens);
        if let Some((ids, lengths)) = &mut self.documents {
            let mut start = 0;
            for (number, &end) in (0..).zip(sequence.ends) {
                ids.values.resize(ids.values.len() + (end - start) as usize, number);
                lengths.values.push(i32::try_from(end - start).unwrap_or(i32::MAX));
                start = end;
            }
            let padding = count - start as usize;
            if padding > 0 {
                ids.values.resize(ids.values.len() + padding, -1);
                lengths.values.push(i32::try_from(padding).unwrap_or(i32::MAX));
            }
            ids.end();
            lengths.end();
        }
        if let Some(lists) = &mut self.loss {
            match sequence.loss {
                Some(loss) => lists.values.extend_from_slice(loss),
                None => lists.values.resize(lists.values.len() + count, 1),
            }
            lists.end();
        }
        self.tokens += count;
        self.rows += 1;
        if self.tokens >= CHUNK.0 || self.rows >= CHUNK.1 { self.write_chunk() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Closed, ShardError> {
        self.write_chunk()?;
        let file = self.writer.into_inner().map_err(|error| wrong(&self.path, error))?;
        Ok(Closed { files: vec![file.finish()?], index: None })
    }
}

/// What the Parquet crate says as an error of shards.
fn wrong(path: &str, error: ParquetError) -> ShardError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => failed(path, *source),
            Err(source) => failed(path, std::io::Error::other(source)),
        },
        error => failed(path, std::io::Error::other(error)),
    }
}

/// Reads a table of tokens.
pub(super) struct ParquetReader {
    path: String,
    rows: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    row: usize,
    facts: ShardFacts,
}

impl ParquetReader {
    pub(super) fn open(store: &Store, path: &str) -> Result<Self, ShardError> {
        let bytes = Bytes::from_owner(store.map(path)?);
        // The crate promises errors for damaged files, but some damage trips an assertion.
        let opened = caught(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
            let schema = Arc::clone(builder.schema());
            Ok::<_, ParquetError>((schema, builder.with_batch_size(BLOCK).build()?))
        });
        let (schema, rows) = match opened {
            Some(Ok(opened)) => opened,
            Some(Err(error)) => return Err(damaged(path, &error.to_string())),
            None => return Err(damaged(path, "its footer contradicts itself")),
        };
        let kind = |name: &str| match schema.field_with_name(name).map(Field::data_type) {
            Ok(DataType::List(element)) => Some(element.data_type().clone()),
            _ => None,
        };
        let width = match kind("input_ids") {
            Some(DataType::UInt16) => Width::U16,
            Some(DataType::Int32) => Width::I32,
            _ => {
                let detail = "it has no column `input_ids` of lists of uint16 or int32";
                return Err(damaged(path, detail));
            }
        };
        let facts = ShardFacts {
            format: ShardFormat::Parquet,
            width,
            row_length: None,
            masked: kind("loss_mask") == Some(DataType::UInt8),
        };
        Ok(Self { path: path.to_owned(), rows, batch: None, row: 0, facts })
    }
}

/// The values of a list; `None` where it is null or of another type.
fn list<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
    row: usize,
) -> Option<Vec<T::Native>> {
    let lists = batch.column_by_name(name)?.as_list_opt::<i32>()?;
    let values = lists.is_valid(row).then(|| lists.value(row))?;
    let values = values.as_primitive_opt::<T>()?;
    (values.null_count() == 0).then(|| values.values().to_vec())
}

fn fill(batch: &RecordBatch, row: usize, sequence: &mut ReadSequence) -> Option<()> {
    if let Some(ids) = list::<UInt16Type>(batch, "input_ids", row) {
        sequence.tokens.extend(ids.into_iter().map(u32::from));
    } else {
        for id in list::<Int32Type>(batch, "input_ids", row)? {
            sequence.tokens.push(u32::try_from(id).ok()?);
        }
    }
    if let Some(loss) = &mut sequence.loss {
        loss.extend(list::<UInt8Type>(batch, "loss_mask", row)?);
        (loss.len() == sequence.tokens.len()).then_some(())?;
    }
    let count = u32::try_from(sequence.tokens.len()).ok()?;
    if batch.column_by_name("doc_ids").is_none() {
        sequence.ends.push(count);
        return Some(());
    }
    let ids = list::<Int32Type>(batch, "doc_ids", row)?;
    (ids.len() == sequence.tokens.len()).then_some(())?;
    let mut end = 0;
    for (number, run) in (0..).zip(ids.chunk_by(|left, right| left == right)) {
        let length = u32::try_from(run.len()).ok()?;
        end += length;
        match run[0] {
            -1 if end == count => sequence.padding = length,
            id if id == number => sequence.ends.push(end),
            _ => return None,
        }
    }
    Some(())
}

impl ShardReader for ParquetReader {
    fn facts(&self) -> &ShardFacts {
        &self.facts
    }

    fn next(&mut self, sequence: &mut ReadSequence) -> Result<bool, ShardError> {
        sequence.clear(self.facts.masked);
        loop {
            if let Some(batch) = self.batch.as_ref().filter(|batch| self.row < batch.num_rows()) {
                let filled = caught(|| fill(batch, self.row, sequence)).flatten();
                self.row += 1;
                return match filled {
                    Some(()) => Ok(true),
                    None => Err(damaged(&self.path, "the columns of a row contradict each other")),
                };
            }
            self.row = 0;
            let Some(read) = caught(|| self.rows.next()) else {
                return Err(damaged(&self.path, "a page contradicts itself"));
            };
            self.batch = match read {
                None => return Ok(false),
                Some(Ok(batch)) => Some(batch),
                Some(Err(error)) => return Err(damaged(&self.path, &error.to_string())),
            };
        }
    }
}
