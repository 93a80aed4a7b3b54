//! The spool: all rows of a split put aside between two phases, as a compressed Arrow stream.
//!
//! Kept rows keep their text, others only what the ledger needs. Read once, removed at the end of
//! the run; how rows are cut into batches in it does not matter.

use std::io::BufReader;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, FixedSizeBinaryBuilder,
    RecordBatch, StringArray, StringBuilder, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

use super::ExecError;
use crate::config::outcome::Rejected;
use crate::document::{Batch, Cluster, DocumentId, Position, Reason, Verdict};
use crate::plan::Plan;
use crate::store::{Store, StoreReader, StoreWriter, Written};
use crate::text::Analysis;

/// Columns before metadata and signals.
const FIXED: usize = 16;

/// The spool's columns for the first `signals` signals of a plan.
fn schema(plan: &Plan, signals: usize) -> SchemaRef {
    let field = |name: &str, kind: DataType| Field::new(name, kind, true);
    let mut fields = vec![
        field("id", DataType::FixedSizeBinary(16)),
        field("file", DataType::UInt32),
        field("member", DataType::UInt64),
        field("offset", DataType::UInt64),
        field("source_id", DataType::Utf8),
        field("text", DataType::Utf8),
        field("verdict", DataType::UInt8),
        field("stage", DataType::UInt16),
        field("reason", DataType::Utf8),
        field("chars_in", DataType::UInt64),
        field("hash_in", DataType::UInt64),
        field("cluster", DataType::FixedSizeBinary(16)),
        field("copies", DataType::UInt32),
        field("modified", DataType::UInt64),
        field("audited", DataType::Boolean),
        field("fails", DataType::Utf8),
    ];
    debug_assert_eq!(fields.len(), FIXED);
    fields.extend(plan.metadata.iter().map(|name| field(name, DataType::Utf8)));
    fields.extend(plan.signals[..signals].iter().map(|(name, kind)| field(name, kind.data_type())));
    Arc::new(Schema::new(fields))
}

/// The text column with null where no later stage and no file needs the text.
pub(super) fn held_texts(batch: &Batch, rejected: Rejected) -> StringArray {
    let mut texts = StringBuilder::with_capacity(batch.len(), batch.text_bytes());
    for row in 0..batch.len() {
        let held = match batch.verdicts[row] {
            Verdict::Kept => true,
            Verdict::Dropped { .. } => batch.audited[row] || rejected == Rejected::All,
            Verdict::Failed { .. } => false,
        };
        texts.append_option(held.then(|| batch.text(row)));
    }
    texts.finish()
}

/// `stage:reason` of each stage that would drop a document, as text; `None` where there is none.
fn fails_text(fails: &[(u16, Reason)]) -> Option<String> {
    let fail = |(stage, reason): &(u16, Reason)| format!("{stage}:{reason}");
    (!fails.is_empty()).then(|| fails.iter().map(fail).collect::<Vec<_>>().join(" "))
}

fn fails_from(text: &str) -> Vec<(u16, Reason)> {
    let fail = |part: &str| {
        let (stage, reason) = part.split_once(':')?;
        Some((stage.parse().ok()?, Reason::intern(reason)))
    };
    text.split(' ').filter_map(fail).collect()
}

/// Writes a spool file.
pub(super) struct SpoolWriter {
    writer: StreamWriter<StoreWriter>,
    schema: SchemaRef,
    rows: u64,
}

impl SpoolWriter {
    pub(super) fn create(
        store: &Store,
        path: &str,
        plan: &Plan,
        signals: usize,
    ) -> Result<Self, ExecError> {
        let schema = schema(plan, signals);
        let options =
            IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let writer = StreamWriter::try_new_with_options(store.writer(path)?, &schema, options)?;
        Ok(Self { writer, schema, rows: 0 })
    }

    pub(super) fn push(&mut self, batch: &Batch) -> Result<(), ExecError> {
        let rows = batch.len();
        let mut ids = FixedSizeBinaryBuilder::with_capacity(rows, 16);
        let mut clusters = FixedSizeBinaryBuilder::with_capacity(rows, 16);
        for id in &batch.ids {
            ids.append_value(id.0.to_le_bytes())?;
        }
        for cluster in &batch.clusters {
            match cluster {
                Some(cluster) => clusters.append_value(cluster.id.to_le_bytes())?,
                None => clusters.append_null(),
            }
        }
        let verdict = |verdict: &Verdict| match verdict {
            Verdict::Kept => (0u8, None, None),
            Verdict::Dropped { stage, reason } => (1, Some(*stage), Some(reason.as_str())),
            Verdict::Failed { reason } => (2, None, Some(reason.as_str())),
        };
        let verdicts: Vec<_> = batch.verdicts.iter().map(verdict).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(ids.finish()),
            Arc::new(UInt32Array::from(batch.files.clone())),
            Arc::new(batch.positions.iter().map(|at| Some(at.member)).collect::<UInt64Array>()),
            Arc::new(batch.positions.iter().map(|at| Some(at.offset)).collect::<UInt64Array>()),
            Arc::new(batch.source_ids.clone()),
            Arc::new(batch.texts.clone()),
            Arc::new(verdicts.iter().map(|(kind, _, _)| Some(*kind)).collect::<UInt8Array>()),
            Arc::new(verdicts.iter().map(|(_, stage, _)| *stage).collect::<UInt16Array>()),
            Arc::new(verdicts.iter().map(|(_, _, reason)| *reason).collect::<StringArray>()),
            Arc::new(batch.chars_in.iter().copied().collect::<UInt64Array>()),
            Arc::new(UInt64Array::from(batch.hash_in.clone())),
            Arc::new(clusters.finish()),
            Arc::new(
                batch
                    .clusters
                    .iter()
                    .map(|cluster| cluster.map(|c| c.copies))
                    .collect::<UInt32Array>(),
            ),
            Arc::new(UInt64Array::from(batch.modified.clone())),
            Arc::new(BooleanArray::from(batch.audited.clone())),
            Arc::new(batch.fails.iter().map(|fails| fails_text(fails)).collect::<StringArray>()),
        ];
        columns.extend(batch.metadata.iter().map(|column| Arc::new(column.clone()) as ArrayRef));
        columns.extend(batch.signals.iter().cloned());
        self.rows += rows as u64;
        Ok(self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?)
    }

    pub(super) fn finish(self) -> Result<(Written, u64), ExecError> {
        let rows = self.rows;
        Ok((self.writer.into_inner()?.finish()?, rows))
    }
}

/// Reads a spool file batch by batch.
pub(super) struct SpoolReader {
    reader: StreamReader<BufReader<StoreReader>>,
    metadata: usize,
    next_row: u64,
}

impl SpoolReader {
    pub(super) fn open(store: &Store, path: &str, plan: &Plan) -> Result<Self, ExecError> {
        let size = store.entry(path)?.size;
        let input = BufReader::with_capacity(256 << 10, store.reader(path, 0..size)?);
        Ok(Self {
            reader: StreamReader::try_new(input, None)?,
            metadata: plan.metadata.len(),
            next_row: 0,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Batch>, ExecError> {
        let Some(columns) = self.reader.next().transpose()? else { return Ok(None) };
        let rows = columns.num_rows();
        let first_row = self.next_row;
        self.next_row += rows as u64;
        if columns.num_columns() < FIXED + self.metadata {
            return Err(
                ArrowError::SchemaError("a spool file has too few columns".to_owned()).into()
            );
        }
        let wide = |index: usize, row: usize| -> u128 {
            let values: &FixedSizeBinaryArray = columns.column(index).as_fixed_size_binary();
            let mut bytes = [0; 16];
            bytes.copy_from_slice(values.value(row));
            u128::from_le_bytes(bytes)
        };
        let members = columns.column(2).as_primitive::<UInt64Type>();
        let offsets = columns.column(3).as_primitive::<UInt64Type>();
        let kinds = columns.column(6).as_primitive::<UInt8Type>();
        let stages = columns.column(7).as_primitive::<UInt16Type>();
        let reasons = columns.column(8).as_string::<i32>();
        let copies = columns.column(12).as_primitive::<UInt32Type>();
        let verdict = |row: usize| match kinds.value(row) {
            0 => Verdict::Kept,
            1 => Verdict::Dropped {
                stage: stages.value(row),
                reason: Reason::intern(reasons.value(row)),
            },
            _ => Verdict::Failed { reason: Reason::intern(reasons.value(row)) },
        };
        let cluster = |row: usize| {
            columns
                .column(11)
                .is_valid(row)
                .then(|| Cluster { id: wide(11, row), copies: copies.value(row) })
        };
        let audited = columns.column(14).as_boolean();
        let fails = columns.column(15).as_string::<i32>();
        let failing = |row| {
            if fails.is_valid(row) { fails_from(fails.value(row)) } else { Vec::new() }
        };
        let numbers =
            |index: usize| columns.column(index).as_primitive::<UInt64Type>().values().to_vec();
        Ok(Some(Batch {
            first_row,
            ids: (0..rows).map(|row| DocumentId(wide(0, row))).collect(),
            files: columns.column(1).as_primitive::<UInt32Type>().values().to_vec(),
            positions: (0..rows)
                .map(|row| Position { member: members.value(row), offset: offsets.value(row) })
                .collect(),
            source_ids: columns.column(4).as_string::<i32>().clone(),
            texts: columns.column(5).as_string::<i32>().clone(),
            metadata: columns.columns()[FIXED..FIXED + self.metadata]
                .iter()
                .map(|column| column.as_string::<i32>().clone())
                .collect(),
            signals: columns.columns()[FIXED + self.metadata..].to_vec(),
            verdicts: (0..rows).map(verdict).collect(),
            chars_in: columns.column(9).as_primitive::<UInt64Type>().iter().collect(),
            hash_in: numbers(10),
            clusters: (0..rows).map(cluster).collect(),
            modified: numbers(13),
            audited: (0..rows).map(|row| audited.value(row)).collect(),
            fails: (0..rows).map(failing).collect(),
            analyses: (0..rows).map(|_| Analysis::default()).collect(),
        }))
    }
}
