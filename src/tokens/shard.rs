//! The task of a shard phase: one shard, its documents in shuffled order.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema};

use super::format::{self, ShardLayout, ShardName, TokenDocument};
use crate::config::source::Compression;
use crate::config::tokens::{Packing, ShardCompression, ShardFormat};
use crate::document::DocumentId;
use crate::exchange::{Cuts, merge_part};
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
    let (vocab_size, end_of_document, sequence_length) =
        engine.plan.tokens.as_ref().map_or((0, 0, 0), |tokens| {
            (tokens.vocab_size, tokens.end_of_document, tokens.sequence_length)
        });
    let layout = ShardLayout {
        format: ShardFormat::Megatron,
        width: format::width(ShardFormat::Megatron, vocab_size),
        vocab_size,
        end_of_document,
        sequence_length,
        packing: Packing::Documents,
        compression: ShardCompression::Auto,
        masked: false,
    };
    let shard_name = match cuts {
        Cuts::Tokens { train, .. } if part >= train => {
            ShardName { folder: "tokens".to_owned(), validation: true, number: part - train }
        }
        _ => ShardName { folder: "tokens".to_owned(), validation: false, number: part },
    };
    let mut shard = format::create(store, &shard_name, &layout)?;
    let mut placed = Vec::new();
    let mut places = Places::new(name);
    let mut places_file = None;
    merge_part(store, exchange, part, &format!("{work}.merge"), |record| {
        let mut id = [0; 16];
        id.copy_from_slice(&record.key[8..]);
        let id = DocumentId(u128::from_be_bytes(id));
        shard.push(&TokenDocument { id, tokens: &record.payload, loss: None })?;
        shard.places(&mut placed);
        for place in placed.drain(..) {
            places.push(place.id, place.offset, place.length);
        }
        if places.rows >= CHUNK {
            let file = match &mut places_file {
                Some(file) => file,
                None => places_file.insert(Places::create(engine, part)?),
            };
            file.write(&places.take()?)?;
        }
        Ok::<(), ExecError>(())
    })?;
    let finished = shard.finish()?;
    if finished.documents == 0 {
        return Ok((Vec::new(), Counters::default()));
    }
    shard.places(&mut placed);
    for place in placed.drain(..) {
        places.push(place.id, place.offset, place.length);
    }
    let mut file = match places_file {
        Some(file) => file,
        None => Places::create(engine, part)?,
    };
    if places.rows > 0 {
        file.write(&places.take()?)?;
    }
    let (index_file, documents) = file.finish()?;
    let tokens = finished.tokens;
    let output = |role, written: Written, rows| Output { role, written, rows };
    let mut outputs: Vec<Output> = finished
        .files
        .into_iter()
        .map(|written| output(Role::Shard, written, finished.documents))
        .collect();
    outputs.push(output(Role::Index, index_file, documents));
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
