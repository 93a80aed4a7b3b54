//! The task of a shard phase: one shard, its documents in shuffled order.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema};

use super::format::Width;
use super::format::megatron::MegatronIndex;
use crate::config::source::Compression;
use crate::document::DocumentId;
use crate::exchange::{Cuts, ExchangeError, merge_part};
use crate::exec::counters::Counters;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};
use crate::exec::{Codec, ExecError, ParquetFile};
use crate::store::Written;

/// Rows of `tokens/index` written at a time.
const CHUNK: usize = 16 << 10;

/// What a shard is called: `train_00003`.
#[must_use]
pub fn name(part: u32, cuts: Cuts) -> String {
    match cuts {
        Cuts::Tokens { train, .. } if part >= train => format!("validation_{:05}", part - train),
        _ => format!("train_{part:05}"),
    }
}

/// Writes the shard `part` and its rows of `tokens/index`. A shard without a document is not
/// written, since no trainer opens an empty one.
pub(crate) fn run(
    engine: &Engine,
    part: u32,
    cuts: Cuts,
    exchange: &[String],
    work: &str,
) -> Result<(Vec<Output>, Counters), ExecError> {
    let store = &engine.store;
    let name = name(part, cuts);
    let vocab_size = engine.plan.tokens.as_ref().map_or(0, |tokens| tokens.vocab_size);
    let width = Width::of(vocab_size);
    let mut bin = store.writer(&format!("tokens/{name}.bin"))?;
    let mut index = MegatronIndex::new(width);
    let mut places = Places::new(name.clone());
    let io =
        |path: &str, source| ExecError::from(ExchangeError::Io { path: path.to_owned(), source });
    let mut places_file = None;
    let mut tokens = 0u64;
    merge_part(store, exchange, part, &format!("{work}.merge"), |record| {
        let count = record.payload.len() / width.bytes();
        if !index.push(count) {
            let path = format!("tokens/{name}");
            let detail =
                "a shard of more than 2^31 documents or tokens a document; lower shard_size";
            return Err(ExchangeError::Damaged { path, detail }.into());
        }
        bin.write_all(&record.payload).map_err(|source| io("tokens", source))?;
        let mut id = [0; 16];
        id.copy_from_slice(&record.key[8..]);
        places.push(DocumentId(u128::from_be_bytes(id)), tokens, count as u64);
        tokens += count as u64;
        if places.rows >= CHUNK {
            let file = match &mut places_file {
                Some(file) => file,
                None => places_file.insert(Places::create(engine, part)?),
            };
            file.write(&places.take()?)?;
        }
        Ok::<(), ExecError>(())
    })?;
    if tokens == 0 {
        return Ok((Vec::new(), Counters::default()));
    }
    let mut file = match places_file {
        Some(file) => file,
        None => Places::create(engine, part)?,
    };
    if places.rows > 0 {
        file.write(&places.take()?)?;
    }
    let mut idx = store.writer(&format!("tokens/{name}.idx"))?;
    index.write(&mut idx).map_err(|source| io("tokens", source))?;
    let (index_file, documents) = file.finish()?;
    let output = |role, written: Written, rows| Output { role, written, rows };
    let outputs = vec![
        output(Role::Shard, bin.finish()?, documents),
        output(Role::Shard, idx.finish()?, documents),
        output(Role::Index, index_file, documents),
    ];
    let mut counters = Counters::default();
    if matches!(cuts, Cuts::Tokens { train, .. } if part >= train) {
        (counters.validation_tokens, counters.validation_documents) = (tokens, documents);
    } else {
        (counters.train_tokens, counters.train_documents) = (tokens, documents);
    }
    Ok((outputs, counters))
}

/// Rows of `tokens/index`: where each document's tokens lie.
struct Places {
    shard: String,
    ids: StringBuilder,
    shards: StringBuilder,
    offsets: UInt64Builder,
    lengths: UInt64Builder,
    rows: usize,
}

impl Places {
    fn new(shard: String) -> Self {
        Self {
            shard,
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

    fn create(engine: &Engine, part: u32) -> Result<ParquetFile, ExecError> {
        let path = format!("tokens/index/part-{part:05}.parquet");
        let codec = Codec(Compression::Zstd);
        ParquetFile::create(&engine.store, &path, &Self::schema(), codec, &[], &["id"])
    }

    fn push(&mut self, id: DocumentId, offset: u64, length: u64) {
        self.ids.append_value(id.to_string());
        self.shards.append_value(&self.shard);
        self.offsets.append_value(offset);
        self.lengths.append_value(length);
        self.rows += 1;
    }

    fn take(&mut self) -> Result<RecordBatch, ExecError> {
        self.rows = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(self.shards.finish()),
            Arc::new(self.offsets.finish()),
            Arc::new(self.lengths.finish()),
        ];
        Ok(RecordBatch::try_new(Self::schema(), columns)?)
    }
}
