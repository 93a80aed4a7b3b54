//! The tasks that write shards: documents in shuffled order, handed to a format.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema};
use serde::{Deserialize, Serialize};

use super::count::Count;
use super::cut::{ShardPlan, share};
use super::format::{
    self, FinishedShard, Place, ShardLayout, ShardName, ShardWriter, TokenDocument,
};
use super::record::{TokenRecord, read_runs};
use super::rows;
use super::stream::{self, RecordStream};
use crate::config::source::Compression;
use crate::exec::counters::Counters;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};
use crate::exec::{Codec, ExecError, ParquetFile};
use crate::store::Written;

/// Rows of `tokens/index` written at a time.
const CHUNK: usize = 16 << 10;

/// A finished shard, as manifests and `dataset.json` have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Its name below `tokens`, without what the format adds: `web/train_00003`.
    pub name: String,
    /// Index of its cell, where all its documents are of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<usize>,
    /// Index of its stage of the curriculum, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<usize>,
    /// Where it belongs.
    #[serde(flatten)]
    pub place: ShardName,
    /// What is in it.
    #[serde(flatten)]
    pub shard: FinishedShard,
}

impl ShardEntry {
    /// Tokens and documents.
    #[must_use]
    pub fn count(&self) -> Count {
        Count { tokens: self.shard.tokens, documents: self.shard.documents }
    }
}

/// What the tasks write from.
pub(crate) struct Sharding<'a> {
    pub plans: &'a [ShardPlan],
    pub layout: &'a ShardLayout,
    /// The documents, or rows of them.
    pub exchange: &'a [String],
    /// Whether they are rows.
    pub rows: bool,
}

impl Sharding<'_> {
    /// What the exchange holds for `plans`: neighbours, of one group.
    pub(super) fn stream(
        &self,
        engine: &Engine,
        plans: &[ShardPlan],
        work: &str,
    ) -> Result<Option<RecordStream>, ExecError> {
        RecordStream::open(&engine.store, self.exchange, plans, self.layout.width.bytes(), work)
    }
}

/// What a task wrote.
#[derive(Default)]
pub(crate) struct Shards {
    pub outputs: Vec<Output>,
    pub counters: Counters,
    pub entries: Vec<ShardEntry>,
}

/// Writes the shards of task `task` of `tasks`, and its rows of `tokens/index`.
pub(crate) fn run(
    engine: &Engine,
    sharding: &Sharding<'_>,
    (task, tasks): (u32, u32),
    work: &str,
) -> Result<Shards, ExecError> {
    let weights: Vec<u64> = sharding.plans.iter().map(|plan| plan.tokens).collect();
    let mut places = PlacesFile::new(format!("tokens/index/part-{task:05}.parquet"));
    let mut shards = Shards::default();
    let own = &sharding.plans[share(&weights, task, tasks)];
    for plans in own.chunk_by(|left, right| left.group == right.group) {
        let Some(mut stream) = sharding.stream(engine, plans, work)? else { continue };
        for plan in plans {
            let counters = &mut shards.counters;
            let entry = write(engine, sharding, plan, &mut stream, &mut places, counters)?;
            shards.entries.extend(entry);
        }
        stream.close()?;
    }
    let counters = &mut shards.counters;
    for entry in &shards.entries {
        let Count { tokens, documents } = entry.count();
        if entry.place.validation {
            counters.validation_tokens += tokens;
            counters.validation_documents += documents;
        } else {
            counters.train_tokens += tokens;
            counters.train_documents += documents;
        }
        counters.padding += entry.shard.padding;
        counters.cut += entry.shard.cut;
        let output = |written: &Written| Output {
            role: Role::Shard,
            written: written.clone(),
            rows: documents,
        };
        shards.outputs.extend(entry.shard.files.iter().map(output));
    }
    if let Some((written, rows)) = places.finish()? {
        shards.outputs.push(Output { role: Role::Index, written, rows });
    }
    Ok(shards)
}

/// Writes one shard; `None` where no document is in it, since no trainer opens an empty one.
fn write(
    engine: &Engine,
    sharding: &Sharding<'_>,
    plan: &ShardPlan,
    stream: &mut RecordStream,
    places: &mut PlacesFile,
    counters: &mut Counters,
) -> Result<Option<ShardEntry>, ExecError> {
    let store = &engine.store;
    let place =
        ShardName { folder: plan.folder.clone(), validation: plan.validation, number: plan.number };
    let name = place.below_tokens();
    let finished = if sharding.rows {
        let mut take_over = |moved: &mut Vec<Place>| {
            places.add(moved, &name);
            places.write_full(engine)
        };
        rows::write(store, sharding, plan, &place, stream, &mut take_over)?
    } else {
        let mut writer: Option<Box<dyn ShardWriter>> = None;
        let mut documents = Documents::new(stream, sharding.layout, plan);
        while let Some(document) = documents.next()? {
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(format::create(store, &place, sharding.layout)?),
            };
            writer.push(&document)?;
            places.take(writer.as_mut(), &name);
            places.write_full(engine)?;
        }
        documents.count(counters);
        match writer {
            Some(mut writer) => {
                let finished = writer.finish()?;
                places.take(writer.as_mut(), &name);
                Some(finished)
            }
            None => None,
        }
    };
    places.write(engine)?;
    let (cell, stage) = (plan.cell, plan.stage);
    Ok(finished.map(|shard| ShardEntry { name, cell, stage, place, shard }))
}

/// The documents of a shard, in shuffled order.
pub(super) struct Documents<'a> {
    plan: &'a ShardPlan,
    stream: &'a mut RecordStream,
    mask: Vec<u8>,
    /// Bytes of a token.
    width: usize,
    /// Training documents by cell.
    mixed: BTreeMap<usize, Count>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(
        stream: &'a mut RecordStream,
        layout: &ShardLayout,
        plan: &'a ShardPlan,
    ) -> Self {
        let width = layout.width.bytes();
        Self { plan, stream, mask: Vec::new(), width, mixed: BTreeMap::new() }
    }

    /// The next document.
    pub(super) fn next(&mut self) -> Result<Option<TokenDocument<'_>>, ExecError> {
        let Some(record) = self.stream.next(self.plan)? else { return Ok(None) };
        let document = TokenRecord::read(&record.payload).ok_or_else(stream::short)?;
        let count = document.tokens.len() / self.width;
        let masked = !document.runs.is_empty();
        if masked {
            self.mask = read_runs(document.runs, count)
                .ok_or_else(|| stream::damaged("a loss mask is too short"))?;
        }
        if !self.plan.validation {
            let cell = self.plan.cell.or(usize::try_from(document.cell).ok()).unwrap_or(0);
            *self.mixed.entry(cell).or_default() += Count { tokens: count as u64, documents: 1 };
        }
        Ok(Some(TokenDocument {
            id: document.id,
            tokens: document.tokens,
            loss: masked.then_some(&self.mask[..]),
        }))
    }

    /// Counts what was read.
    pub(super) fn count(self, counters: &mut Counters) {
        for (cell, count) in self.mixed {
            let name = format!("{}/{cell}", self.plan.stage.unwrap_or(0));
            *counters.mixed.entry(name).or_default() += count;
        }
    }
}

/// The rows of `tokens/index` that a task writes: where each document's tokens lie.
struct PlacesFile {
    path: String,
    file: Option<ParquetFile>,
    moved: Vec<Place>,
    ids: StringBuilder,
    shards: StringBuilder,
    offsets: UInt64Builder,
    lengths: UInt64Builder,
    rows: usize,
}

impl PlacesFile {
    fn new(path: String) -> Self {
        Self {
            path,
            file: None,
            moved: Vec::new(),
            ids: StringBuilder::new(),
            shards: StringBuilder::new(),
            offsets: UInt64Builder::new(),
            lengths: UInt64Builder::new(),
            rows: 0,
        }
    }

    fn schema() -> Arc<Schema> {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("shard", DataType::Utf8, false),
            Field::new("offset", DataType::UInt64, false),
            Field::new("length", DataType::UInt64, false),
        ]))
    }

    /// Takes over what a writer has decided.
    fn take(&mut self, writer: &mut dyn ShardWriter, shard: &str) {
        let mut moved = std::mem::take(&mut self.moved);
        writer.places(&mut moved);
        self.add(&mut moved, shard);
        self.moved = moved;
    }

    /// Takes over places.
    fn add(&mut self, moved: &mut Vec<Place>, shard: &str) {
        for place in moved.drain(..) {
            self.ids.append_value(place.id.hex(&mut [0; 32]));
            self.shards.append_value(shard);
            self.offsets.append_value(place.offset);
            self.lengths.append_value(place.length);
            self.rows += 1;
        }
    }

    fn write_full(&mut self, engine: &Engine) -> Result<(), ExecError> {
        if self.rows >= CHUNK { self.write(engine) } else { Ok(()) }
    }

    /// Writes the rows that are there.
    fn write(&mut self, engine: &Engine) -> Result<(), ExecError> {
        if self.rows == 0 {
            return Ok(());
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(self.shards.finish()),
            Arc::new(self.offsets.finish()),
            Arc::new(self.lengths.finish()),
        ];
        self.rows = 0;
        let batch = RecordBatch::try_new(Self::schema(), columns)?;
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let codec = Codec(Compression::Zstd);
            let schema = Self::schema();
            let file =
                ParquetFile::create(&engine.store, &self.path, &schema, codec, &[], &["id"])?;
            self.file.insert(file)
        };
        file.write(&batch)
    }

    fn finish(self) -> Result<Option<(Written, u64)>, ExecError> {
        self.file.map(ParquetFile::finish).transpose()
    }
}
