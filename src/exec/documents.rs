//! `documents/`: the curated text, in document order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::ExecError;
use super::parquet_file::{Codec, ParquetFile};
use crate::document::Batch;
use crate::ledger::SignalBuilder;
use crate::plan::Plan;
use crate::store::{Store, Written};

/// Rows and bytes of text written at a time, and rows and bytes of a row group: whichever comes
/// first, counted row by row so that the cuts do not depend on batches.
const CHUNK: (usize, usize) = (1024, 8 << 20);
const GROUP: (usize, usize) = (64 << 10, 64 << 20);

/// Counts rows and bytes, and says where a chunk and a row group end.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    rows: usize,
    bytes: usize,
    group_rows: usize,
    group_bytes: usize,
}

impl Cuts {
    /// Counts a row with `bytes` of text; whether the chunk ends behind it.
    pub(super) fn chunk_is_full(&mut self, bytes: usize) -> bool {
        self.rows += 1;
        self.bytes += bytes;
        self.rows >= CHUNK.0 || self.bytes >= CHUNK.1
    }

    /// Begins another chunk; whether the row group ends too, `None` where the chunk has no row.
    pub(super) fn end_chunk(&mut self) -> Option<bool> {
        if self.rows == 0 {
            return None;
        }
        self.group_rows += std::mem::take(&mut self.rows);
        self.group_bytes += std::mem::take(&mut self.bytes);
        let ends = self.group_rows >= GROUP.0 || self.group_bytes >= GROUP.1;
        if ends {
            (self.group_rows, self.group_bytes) = (0, 0);
        }
        Some(ends)
    }
}

/// Writes one file of kept documents: `id, source_id, source, <kept fields>, text, <signals>`.
pub(super) struct DocumentsWriter {
    file: ParquetFile,
    schema: SchemaRef,
    columns: Vec<StringBuilder>,
    /// Signals asked for: their columns in a batch, and here.
    signals: Vec<(usize, SignalBuilder)>,
    cuts: Cuts,
}

impl DocumentsWriter {
    pub(super) fn create(store: &Store, path: &str, plan: &Plan) -> Result<Self, ExecError> {
        let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
        let mut fields = vec![text("id", false), text("source_id", true), text("source", false)];
        // An input field named like one of ours must not make two columns of one name.
        let free = |field: &str| !["id", "source_id", "source", "text"].contains(&field);
        fields.extend(plan.metadata.iter().map(|field| {
            if free(field) { text(field, true) } else { text(&format!("{field}_kept"), true) }
        }));
        fields.push(text("text", false));
        let columns = fields.iter().map(|_| StringBuilder::new()).collect();
        let mut signals = Vec::new();
        for name in &plan.documents.signals {
            // Checked when the plan was made.
            if let Some(at) = plan.signals.iter().position(|(signal, _)| signal == name) {
                let kind = plan.signals[at].1;
                fields.push(Field::new(name, kind.data_type(), true));
                signals.push((at, SignalBuilder::new(kind)));
            }
        }
        let schema = Arc::new(Schema::new(fields));
        let codec = Codec(plan.documents.compression);
        let file = ParquetFile::create(store, path, &schema, codec, &[], &["id", "text"])?;
        Ok(Self { file, schema, columns, signals, cuts: Cuts::default() })
    }

    pub(super) fn push(
        &mut self,
        source: &str,
        batch: &Batch,
        row: usize,
    ) -> Result<(), ExecError> {
        let text = batch.text(row);
        let [id, source_id, source_name, metadata @ .., body] = self.columns.as_mut_slice() else {
            return Ok(());
        };
        id.append_value(batch.ids[row].hex(&mut [0; 32]));
        let known = batch.source_ids.is_valid(row).then(|| batch.source_ids.value(row));
        source_id.append_option(known);
        source_name.append_value(source);
        for (column, values) in metadata.iter_mut().zip(&batch.metadata) {
            column.append_option(values.is_valid(row).then(|| values.value(row)));
        }
        body.append_value(text);
        for (at, column) in &mut self.signals {
            column.push(&batch.signals[*at], row);
        }
        if self.cuts.chunk_is_full(text.len()) {
            self.write_chunk()?;
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> Result<(), ExecError> {
        if let Some(ends_group) = self.cuts.end_chunk() {
            let texts = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
            let signals = self.signals.iter_mut().map(|(_, column)| column.finish());
            let columns = texts.chain(signals).collect();
            self.file.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
            if ends_group {
                self.file.end_group()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(Written, u64), ExecError> {
        self.write_chunk()?;
        self.file.finish()
    }
}
