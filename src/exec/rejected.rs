//! `rejected/`: the text of dropped documents, for people who want to read what was thrown away.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::ExecError;
use super::documents::Cuts;
use super::parquet_file::{Codec, ParquetFile};
use crate::config::outcome::Rejected;
use crate::document::{Batch, Verdict};
use crate::plan::Plan;
use crate::store::{Store, Written};

/// Writes one file of dropped documents: `id, source, url, stage, reason, text`. The text of a
/// document of the audit sample is the one that the last stage saw, of another the one that the
/// stage that dropped it saw.
pub(super) struct RejectedWriter {
    file: ParquetFile,
    schema: SchemaRef,
    stages: Vec<String>,
    url: Option<usize>,
    sample_only: bool,
    columns: [StringBuilder; 6],
    cuts: Cuts,
}

impl RejectedWriter {
    pub(super) fn create(store: &Store, path: &str, plan: &Plan) -> Result<Self, ExecError> {
        let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
        let schema = Arc::new(Schema::new(vec![
            text("id", false),
            text("source", false),
            text("url", true),
            text("stage", false),
            text("reason", false),
            text("text", false),
        ]));
        let codec = Codec(plan.documents.compression);
        let file = ParquetFile::create(store, path, &schema, codec, &["url"], &["id", "text"])?;
        Ok(Self {
            file,
            schema,
            stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
            url: plan.metadata.iter().position(|field| field == "url"),
            sample_only: plan.rejected == Rejected::Sample,
            columns: std::array::from_fn(|_| StringBuilder::new()),
            cuts: Cuts::default(),
        })
    }

    /// Adds the row where it is dropped and wanted.
    pub(super) fn push(
        &mut self,
        source: &str,
        batch: &Batch,
        row: usize,
    ) -> Result<(), ExecError> {
        let Verdict::Dropped { stage, reason } = batch.verdicts[row] else { return Ok(()) };
        if self.sample_only && !batch.audited[row] {
            return Ok(());
        }
        let text = batch.text(row);
        let address = self.url.map(|url| &batch.metadata[url]);
        let [id, from, url, by, why, body] = &mut self.columns;
        id.append_value(batch.ids[row].hex(&mut [0; 32]));
        from.append_value(source);
        url.append_option(address.filter(|url| url.is_valid(row)).map(|url| url.value(row)));
        by.append_value(self.stages.get(usize::from(stage)).map_or("", String::as_str));
        why.append_value(reason.as_str());
        body.append_value(text);
        if self.cuts.chunk_is_full(text.len()) {
            self.write_chunk()?;
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> Result<(), ExecError> {
        if let Some(ends_group) = self.cuts.end_chunk() {
            let columns =
                self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
            self.file.write(&batch)?;
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
