//! Writes a ledger file.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Float64Builder, Int64Builder, RecordBatch,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};

use crate::config::source::Compression;
use crate::document::{Batch, Reason, SignalType, Verdict};
use crate::exec::{Codec, ExecError, ParquetFile};
use crate::plan::Plan;
use crate::read::split::Split;
use crate::store::{Store, Written};
use xxhash_rust::xxh3::xxh3_64;

/// Rows written at a time, and rows of a row group; a multiple of it.
const CHUNK: usize = 4096;
const GROUP: usize = 128 << 10;

/// One signal's column.
pub enum SignalBuilder {
    /// Of whole numbers.
    Int(Int64Builder),
    /// Of floats.
    Float(Float64Builder),
    /// Of texts.
    Text(StringBuilder),
}

impl SignalBuilder {
    /// An empty column.
    #[must_use]
    pub fn new(kind: SignalType) -> Self {
        match kind {
            SignalType::Int => Self::Int(Int64Builder::new()),
            SignalType::Float => Self::Float(Float64Builder::new()),
            SignalType::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends the value of a row of a column of the type.
    pub fn push(&mut self, values: &ArrayRef, row: usize) {
        let valid = values.is_valid(row);
        match self {
            Self::Int(column) => {
                column.append_option(valid.then(|| values.as_primitive::<Int64Type>().value(row)));
            }
            Self::Float(column) => {
                column
                    .append_option(valid.then(|| values.as_primitive::<Float64Type>().value(row)));
            }
            Self::Text(column) => {
                column.append_option(valid.then(|| values.as_string::<i32>().value(row)));
            }
        }
    }

    /// The column, and another begins.
    pub fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(column) => Arc::new(column.finish()),
            Self::Float(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
        }
    }
}

/// Columns before the signals.
#[derive(Default)]
struct Fixed {
    id: StringBuilder,
    source_id: StringBuilder,
    source: StringBuilder,
    file: StringBuilder,
    record: StringBuilder,
    url: StringBuilder,
    language: StringBuilder,
    verdict: StringBuilder,
    stage: StringBuilder,
    reason: StringBuilder,
    chars_in: UInt64Builder,
    chars_out: UInt64Builder,
    hash_in: UInt64Builder,
    hash_out: UInt64Builder,
    modified_by: StringBuilder,
    tokens: UInt32Builder,
    cluster: StringBuilder,
    copies: UInt32Builder,
    audited: BooleanBuilder,
    fails: StringBuilder,
}

/// Writes the ledger rows of one split.
pub struct LedgerWriter {
    file: ParquetFile,
    schema: SchemaRef,
    stages: Vec<String>,
    /// Editing stages, by their bit.
    editors: Vec<String>,
    language: Option<usize>,
    url: Option<usize>,
    fixed: Fixed,
    signals: Vec<SignalBuilder>,
    rows: usize,
    group_rows: usize,
}

impl LedgerWriter {
    /// Starts the file at `path`.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn create(store: &Store, path: &str, plan: &Plan) -> Result<Self, ExecError> {
        let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
        let number = |name: &str| Field::new(name, DataType::UInt64, true);
        let small = |name: &str| Field::new(name, DataType::UInt32, true);
        let mut fields = vec![
            text("id", false),
            text("source_id", true),
            text("source", false),
            text("file", false),
            text("record", false),
            text("url", true),
            text("language", true),
            text("verdict", false),
            text("stage", true),
            text("reason", true),
            number("chars_in"),
            number("chars_out"),
            number("hash_in"),
            number("hash_out"),
            text("modified_by", true),
            small("tokens"),
            text("cluster", true),
            small("copies"),
            Field::new("audited", DataType::Boolean, true),
            text("fails", true),
        ];
        let signal = |(name, kind): &(String, SignalType)| Field::new(name, kind.data_type(), true);
        fields.extend(plan.signals.iter().map(signal));
        let schema = Arc::new(Schema::new(fields));
        let file = ParquetFile::create(
            store,
            path,
            &schema,
            Codec(Compression::Zstd),
            &["record", "source_id", "url"],
            &["id", "hash_in", "hash_out"],
        )?;
        let language = plan.stages.iter().rev().find(|stage| stage.op == "language");
        Ok(Self {
            file,
            schema,
            stages: plan.stages.iter().map(|stage| stage.name.clone()).collect(),
            editors: plan
                .stages
                .iter()
                .filter(|stage| stage.edit.is_some())
                .map(|stage| stage.name.clone())
                .collect(),
            language: language.map(|stage| stage.signals.start),
            url: plan.metadata.iter().position(|field| field == "url"),
            fixed: Fixed::default(),
            signals: plan.signals.iter().map(|(_, kind)| SignalBuilder::new(*kind)).collect(),
            rows: 0,
            group_rows: 0,
        })
    }

    /// Adds the row of one record; `tokens` counts the ids written for it.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn push(
        &mut self,
        source: &str,
        split: &Split,
        batch: &Batch,
        row: usize,
        tokens: Option<u32>,
    ) -> Result<(), ExecError> {
        let fixed = &mut self.fixed;
        fixed.id.append_value(batch.ids[row].hex(&mut [0; 32]));
        fixed.source_id.append_option(text(&batch.source_ids, row));
        fixed.source.append_value(source);
        let piece = split.pieces.get(batch.files[row] as usize);
        fixed.file.append_value(piece.map_or("", |piece| piece.file.as_str()));
        fixed.record.append_value(batch.positions[row].to_string());
        fixed.url.append_option(self.url.and_then(|url| text(&batch.metadata[url], row)));
        let language = self.language.map(|index| batch.signals[index].as_string::<i32>());
        fixed.language.append_option(language.and_then(|language| text(language, row)));
        let kept = batch.verdicts[row].is_kept();
        let (verdict, stage, reason) = match batch.verdicts[row] {
            Verdict::Kept => ("kept", None, None),
            Verdict::Dropped { stage, reason } => {
                ("dropped", self.stages.get(usize::from(stage)), Some(reason))
            }
            Verdict::Failed { reason } => ("failed", None, Some(reason)),
        };
        fixed.verdict.append_value(verdict);
        fixed.stage.append_option(stage);
        fixed.reason.append_option(reason.map(Reason::as_str));
        let read = !matches!(batch.verdicts[row], Verdict::Failed { .. });
        fixed.chars_in.append_option(batch.chars_in[row]);
        let body = kept.then(|| batch.text(row));
        fixed.chars_out.append_option(body.map(|text| text.chars().count() as u64));
        // Hashes do not compress: a row of a document that is not kept goes without them, and the
        // one of an unchanged text stands once.
        fixed.hash_in.append_option(kept.then(|| batch.hash_in[row]));
        let hash_out = body.map(|text| xxh3_64(text.as_bytes()));
        fixed.hash_out.append_option(hash_out.filter(|hash| *hash != batch.hash_in[row]));
        fixed.modified_by.append_option(editors(&self.editors, batch.modified[row]));
        fixed.tokens.append_option(tokens);
        let cluster = batch.clusters[row];
        fixed.cluster.append_option(cluster.map(|cluster| format!("{:032x}", cluster.id)));
        fixed.copies.append_option(cluster.map(|cluster| cluster.copies));
        // Null rather than false: the column costs nothing where the sample is small.
        fixed.audited.append_option((read && batch.audited[row]).then_some(true));
        fixed.fails.append_option(fails(&self.stages, &batch.fails[row]));
        for (column, values) in self.signals.iter_mut().zip(&batch.signals) {
            column.push(values, row);
        }
        self.rows += 1;
        if self.rows >= CHUNK {
            self.write_chunk()?;
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> Result<(), ExecError> {
        if self.rows == 0 {
            return Ok(());
        }
        let fixed = &mut self.fixed;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(fixed.id.finish()),
            Arc::new(fixed.source_id.finish()),
            Arc::new(fixed.source.finish()),
            Arc::new(fixed.file.finish()),
            Arc::new(fixed.record.finish()),
            Arc::new(fixed.url.finish()),
            Arc::new(fixed.language.finish()),
            Arc::new(fixed.verdict.finish()),
            Arc::new(fixed.stage.finish()),
            Arc::new(fixed.reason.finish()),
            Arc::new(fixed.chars_in.finish()),
            Arc::new(fixed.chars_out.finish()),
            Arc::new(fixed.hash_in.finish()),
            Arc::new(fixed.hash_out.finish()),
            Arc::new(fixed.modified_by.finish()),
            Arc::new(fixed.tokens.finish()),
            Arc::new(fixed.cluster.finish()),
            Arc::new(fixed.copies.finish()),
            Arc::new(fixed.audited.finish()),
            Arc::new(fixed.fails.finish()),
        ];
        columns.extend(self.signals.iter_mut().map(SignalBuilder::finish));
        self.file.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        self.group_rows += std::mem::take(&mut self.rows);
        if self.group_rows >= GROUP {
            self.file.end_group()?;
            self.group_rows = 0;
        }
        Ok(())
    }

    /// Makes the file visible; gives what was written and how many rows.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn finish(mut self) -> Result<(Written, u64), ExecError> {
        self.write_chunk()?;
        self.file.finish()
    }
}

/// Names of the editing stages whose bits are set, in order.
fn editors(names: &[String], modified: u64) -> Option<String> {
    let changed = names.iter().enumerate().filter(|(bit, _)| modified >> bit & 1 == 1);
    let names: Vec<&str> = changed.map(|(_, name)| name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// `stage:reason` of every stage that would drop the document, in the order they ran.
fn fails(stages: &[String], fails: &[(u16, Reason)]) -> Option<String> {
    let name = |stage: u16| stages.get(usize::from(stage)).map_or("", String::as_str);
    let parts: Vec<_> =
        fails.iter().map(|(stage, reason)| format!("{}:{reason}", name(*stage))).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn text(column: &arrow::array::StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}
