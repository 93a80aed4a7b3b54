//! The wanted columns of a row group, decoded some rows at a time.

use std::sync::Arc;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::serialized_reader::SerializedPageReader;

use super::{BLOCK_ROWS, Block, Chunks, Origin, Source, guarded};
use crate::document::Reason;
use crate::read::values::show;
use crate::read::{BatchBuilder, ReadError, reasons};

/// The wanted columns of a row group, being decoded.
pub(super) struct Columns {
    /// `None` until the first text is wanted.
    text: Option<Column>,
    /// Rows whose texts were not wanted and are still to be skipped.
    passed: usize,
    id: Column,
    metadata: Vec<Column>,
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
    },
}

impl Columns {
    /// Opens the columns in `chunks`; the text's among them where `all`.
    pub(super) fn open(from: Origin<'_>, chunks: &Chunks, all: bool) -> ParquetResult<Self> {
        let open = |source: &Source| Column::open(from, chunks, source);
        Ok(Self {
            text: all.then(|| open(&from.file.text)).transpose()?,
            passed: 0,
            id: open(&from.file.id)?,
            metadata: from.file.metadata.iter().map(open).collect::<ParquetResult<_>>()?,
        })
    }

    /// The next `rows` rows, the first of which is `first`; `None` where they are damaged.
    pub(super) fn decode(
        &mut self,
        from: Origin<'_>,
        rows: usize,
        first: u64,
        batch: &BatchBuilder,
    ) -> Result<Option<Block>, ReadError> {
        let Some(mut block) = guarded(|| self.fields(rows)) else { return Ok(None) };
        block.wanted = batch.selection().map(|selection| block.ask(&*selection, first, batch));
        if block.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&true)) {
            self.passed += rows;
            return Ok(Some(block));
        }
        if self.text.is_none() {
            let source = &from.file.text;
            let chunks = Chunks::read(from, [source].into_iter())?;
            self.text = guarded(|| Column::open(from, &chunks, source));
        }
        let (Some(text), passed) = (&mut self.text, &mut self.passed) else { return Ok(None) };
        let wanted = block.wanted.as_deref();
        let decoded = guarded(|| match wanted {
            None => text.decode(rows),
            Some(wanted) => text.decode_some(wanted, passed),
        });
        let Some(decoded) = decoded else { return Ok(None) };
        block.text = decoded;
        Ok(Some(block))
    }

    /// The next rows without their texts.
    fn fields(&mut self, rows: usize) -> ParquetResult<Block> {
        let metadata = self.metadata.iter_mut().map(|column| column.decode(rows));
        Ok(Block {
            rows,
            metadata: metadata.collect::<ParquetResult<_>>()?,
            id: self.id.decode(rows)?,
            ..Block::default()
        })
    }
}

impl Column {
    fn open(from: Origin<'_>, chunks: &Chunks, source: &Source) -> ParquetResult<Self> {
        let footer = from.footer();
        match (source, &from.file.arrow) {
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
                let schema = from.file.footer.file_metadata().schema_descr();
                let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
                    chunks.clone(),
                    arrow.clone(),
                )
                .with_row_groups(vec![from.index])
                .with_projection(ProjectionMask::leaves(schema, leaves.iter().copied()))
                .with_batch_size(BLOCK_ROWS)
                .build()?;
                Ok(Self::Other { reader: Box::new(reader), path: path.clone() })
            }
            (Source::Other { .. }, None) => Err(ParquetError::General("unknown types".into())),
            (Source::Nowhere, _) => Ok(Self::Nowhere),
        }
    }

    fn decode(&mut self, rows: usize) -> ParquetResult<Values> {
        match self {
            Self::Nowhere => Ok(Values::Null),
            Self::Strings { reader, full, declared } => {
                let mut values = Vec::with_capacity(rows);
                strings(reader, *full, rows, &mut values)?;
                Ok(Values::Strings { values, declared: *declared })
            }
            Self::Other { reader, path } => {
                let batch = reader
                    .next()
                    .transpose()?
                    .filter(|batch| batch.num_rows() == rows)
                    .ok_or_else(too_short)?;
                let column = batch.column_by_name(&path[0]).cloned();
                let column = column.ok_or_else(|| ParquetError::General("no column".into()))?;
                Ok(Values::Shown(show(column, &path[1..], rows)?))
            }
        }
    }
    /// Some of the next rows, and null for the others. `passed` rows before them are skipped first;
    /// what is passed over at the end is left to the next call, so that whole pages can be.
    fn decode_some(&mut self, wanted: &[bool], passed: &mut usize) -> ParquetResult<Values> {
        // Texts are strings: nothing else is opened as one.
        let Self::Strings { reader, full, declared } = self else {
            return self.decode(wanted.len());
        };
        let mut values = Vec::with_capacity(wanted.len());
        for run in wanted.chunk_by(|left, right| left == right) {
            if run[0] {
                let skipped = reader.skip_records(*passed)?;
                if skipped != std::mem::take(passed) {
                    return Err(too_short());
                }
                strings(reader, *full, run.len(), &mut values)?;
            } else {
                *passed += run.len();
                values.resize(values.len() + run.len(), None);
            }
        }
        Ok(Values::Strings { values, declared: *declared })
    }
}

fn too_short() -> ParquetError {
    ParquetError::EOF("a column is too short".into())
}

/// Appends the next `rows` strings, null where the definition level is not `full`.
fn strings(
    reader: &mut ColumnReaderImpl<ByteArrayType>,
    full: i16,
    rows: usize,
    out: &mut Vec<Option<ByteArray>>,
) -> ParquetResult<()> {
    let (mut levels, mut values) = (Vec::new(), Vec::with_capacity(rows));
    let levels_out = (full > 0).then_some(&mut levels);
    let (read, _, _) = reader.read_records(rows, levels_out, None, &mut values)?;
    if read != rows {
        return Err(too_short());
    }
    if full == 0 {
        levels.resize(rows, 0);
    }
    let mut values = values.into_iter();
    out.extend(levels.iter().map(|level| if *level == full { values.next() } else { None }));
    Ok(())
}

#[derive(Default)]
pub(super) enum Values {
    #[default]
    Null,
    Strings {
        values: Vec<Option<ByteArray>>,
        declared: bool,
    },
    Shown(Vec<Option<String>>),
}

impl Values {
    pub(super) fn get(&self, row: usize) -> Result<Option<&str>, Reason> {
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
