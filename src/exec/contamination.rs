//! `contamination/`: every benchmark item found in a document, a row each, gathered from the ledger
//! when its last part is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, RecordBatch, StringArray, StringBuilder,
    UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::{Deserialize, Serialize};

use super::summary::grouped;
use super::{Codec, ExecError, ParquetFile};
use crate::config::source::Compression;
use crate::ops::decontaminate::found::{Detail, SIGNAL, read};
use crate::plan::Plan;
use crate::store::Store;

/// The folder.
pub(super) const FOLDER: &str = "contamination";

/// Rows written at a time, and of a row group.
const CHUNK: usize = 4096;

/// What of a benchmark was found in the documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contamination {
    /// The stage that looked.
    pub stage: String,
    /// The benchmark.
    pub benchmark: String,
    /// Items that it has.
    pub items: u64,
    /// Those that stand in a document.
    pub found: u64,
    /// Documents with one of them.
    pub documents: u64,
    /// Places where they stand.
    pub matches: u64,
}

/// A stage whose findings are gathered.
struct Source {
    stage: String,
    /// The column of the ledger that holds them.
    column: String,
    benchmarks: BTreeMap<String, Found>,
}

#[derive(Default)]
struct Found {
    items: u64,
    ids: BTreeSet<String>,
    documents: u64,
    matches: u64,
}

/// Columns of the ledger that every row repeats.
const REPEATED: [&str; 7] = ["id", "source_id", "source", "file", "record", "url", "verdict"];

/// Writes the table of a run whose ledger is whole, and counts it; a plan without such a stage gets
/// none.
///
/// # Errors
/// When the ledger cannot be read, or the storage fails.
pub(super) fn report(store: &Store, plan: &Plan) -> Result<Vec<Contamination>, ExecError> {
    store.delete_below(FOLDER)?;
    let mut sources = sources(plan)?;
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = Rows::create(store)?;
    let mut paths: Vec<String> =
        store.list("ledger")?.into_iter().map(|entry| entry.path).collect();
    paths.sort_unstable();
    for path in paths.iter().filter(|path| path.ends_with(".parquet")) {
        let columns: Vec<&str> = sources.iter().map(|source| source.column.as_str()).collect();
        for batch in ledger(store, path, &columns)? {
            gather(&batch?, &mut sources, &mut rows)?;
        }
    }
    rows.finish()?;
    let counted = sources.into_iter().flat_map(|source| {
        let stage = source.stage;
        source.benchmarks.into_iter().map(move |(benchmark, found)| Contamination {
            stage: stage.clone(),
            benchmark,
            items: found.items,
            found: found.ids.len() as u64,
            documents: found.documents,
            matches: found.matches,
        })
    });
    Ok(counted.collect())
}

/// The stages that compare with benchmarks.
fn sources(plan: &Plan) -> Result<Vec<Source>, ExecError> {
    let mut sources = Vec::new();
    for stage in &plan.stages {
        let failed = |source| ExecError::Stage { stage: stage.name.clone(), source };
        let benchmarks = stage.typed_settings().map_err(failed)?.benchmarks().map_err(failed)?;
        if benchmarks.is_empty() {
            continue;
        }
        let found = |(name, items)| (name, Found { items, ..Found::default() });
        sources.push(Source {
            stage: stage.name.clone(),
            column: format!("{}.{SIGNAL}", stage.name),
            benchmarks: benchmarks.into_iter().map(found).collect(),
        });
    }
    Ok(sources)
}

/// The rows of a ledger file, of the columns needed.
fn ledger(
    store: &Store,
    path: &str,
    columns: &[&str],
) -> Result<ParquetRecordBatchReader, ExecError> {
    let bytes = Bytes::from_owner(store.map(path)?);
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let fields = builder.schema().fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| {
        let name = field.name().as_str();
        REPEATED.contains(&name) || columns.contains(&name)
    });
    let wanted: Vec<usize> = wanted.map(|(index, _)| index).collect();
    // By number: a name with a dot in it would be taken for a path.
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    Ok(builder.with_projection(mask).with_batch_size(CHUNK).build()?)
}

/// Adds what the rows of a batch have.
fn gather(batch: &RecordBatch, sources: &mut [Source], rows: &mut Rows) -> Result<(), ExecError> {
    let column = |name: &str| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
    let details: Vec<Option<&StringArray>> =
        sources.iter().map(|source| column(&source.column)).collect();
    if details.iter().flatten().all(|column| column.null_count() == column.len()) {
        return Ok(());
    }
    let repeated = REPEATED.map(column);
    for row in 0..batch.num_rows() {
        for (source, details) in sources.iter_mut().zip(&details) {
            let Some(signal) = details.filter(|column| column.is_valid(row)) else { continue };
            let Some(found) = read(signal.value(row)) else { continue };
            let mut seen = BTreeSet::new();
            for detail in &found {
                let counts = source.benchmarks.entry(detail.0.clone()).or_default();
                counts.matches += 1;
                counts.documents += u64::from(seen.insert(&detail.0));
                if !counts.ids.contains(&detail.1) {
                    counts.ids.insert(detail.1.clone());
                }
                let values = repeated.map(|column| {
                    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
                });
                rows.push(&source.stage, detail, values)?;
            }
        }
    }
    Ok(())
}

/// The table being written.
struct Rows {
    file: ParquetFile,
    schema: SchemaRef,
    /// Stage, benchmark, item, parts, and the columns repeated.
    texts: [StringBuilder; 4 + REPEATED.len()],
    score: Float64Builder,
    places: [UInt64Builder; 2],
    held: usize,
}

impl Rows {
    fn create(store: &Store) -> Result<Self, ExecError> {
        let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
        let mut fields = vec![
            text("stage", false),
            text("benchmark", false),
            text("item", false),
            Field::new("score", DataType::Float64, false),
            Field::new("start_char", DataType::UInt64, false),
            Field::new("end_char", DataType::UInt64, false),
            text("parts", false),
        ];
        fields.extend(REPEATED.map(|name| text(name, true)));
        let schema = Arc::new(Schema::new(fields));
        let path = format!("{FOLDER}/part-00000.parquet");
        let codec = Codec(Compression::Zstd);
        Ok(Self {
            file: ParquetFile::create(store, &path, &schema, codec, &["record"], &[])?,
            schema,
            texts: std::array::from_fn(|_| StringBuilder::new()),
            score: Float64Builder::new(),
            places: [UInt64Builder::new(), UInt64Builder::new()],
            held: 0,
        })
    }

    fn push(
        &mut self,
        stage: &str,
        Detail(benchmark, item, start, end, score, parts): &Detail,
        repeated: [Option<&str>; REPEATED.len()],
    ) -> Result<(), ExecError> {
        let own = [stage, benchmark, item, parts].map(Some);
        for (column, value) in self.texts.iter_mut().zip(own.into_iter().chain(repeated)) {
            column.append_option(value);
        }
        self.score.append_value(*score);
        for (column, place) in self.places.iter_mut().zip([start, end]) {
            column.append_value(*place);
        }
        self.held += 1;
        if self.held == CHUNK { self.chunk() } else { Ok(()) }
    }

    fn chunk(&mut self) -> Result<(), ExecError> {
        let mut texts = self.texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = texts.by_ref().take(3).collect();
        columns.push(Arc::new(self.score.finish()));
        columns.extend(self.places.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
        columns.extend(texts);
        self.file.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        self.file.end_group()?;
        self.held = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<(), ExecError> {
        if self.held > 0 {
            self.chunk()?;
        }
        self.file.finish().map(|_| ())
    }
}

/// What was found, as people see it.
#[must_use]
pub fn table(found: &[Contamination]) -> String {
    let mut text = String::new();
    if found.is_empty() {
        return text;
    }
    let name = |name: &str| name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
    let width = found.iter().map(|found| name(&found.benchmark).chars().count()).max();
    let width = width.unwrap_or(0).max(9);
    let _ = writeln!(
        text,
        "{:<width$}  {:>9}  {:>9}  {:>9}  {:>9}",
        "benchmark", "items", "found", "documents", "matches"
    );
    for found in found {
        let _ = writeln!(
            text,
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>9}",
            name(&found.benchmark),
            grouped(found.items),
            grouped(found.found),
            grouped(found.documents),
            grouped(found.matches)
        );
    }
    text
}
