//! Whether a run directory still holds what its tasks committed.
//!
//! Every file of the committed manifests is read and held against its length and hash. Shards are
//! read by the reader of their format and counted: what the manifest counted, what `tokens/index`
//! places and what is there must agree. Of a sample of documents, drawn by their ids, the tokens are
//! held against the text in `documents/`.

use std::collections::BTreeMap;
use std::io::Read;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use serde::Serialize;
use tokenizers::pipeline::PipelineToken;
use xxhash_rust::xxh3::Xxh3;

use super::ExecError;
use super::manifest::{Manifest, Output, Role};
use crate::config::tokens::{Packing, ShardFormat, Shuffle};
use crate::document::DocumentId;
use crate::model::Assets;
use crate::plan::{Plan, PlanTokens};
use crate::read::caught;
use crate::store::{Store, StoreError};
use crate::tokens::format::{self, Hints, ReadSequence, ShardError};
use crate::tokens::shard::ShardEntry;
use crate::tokens::tokenizer::Tokenizer;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, below the run directory.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files whose length and hash were checked.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Tasks that are not committed: the run is not at its end.
    pub pending: u64,
    /// Shards that were read.
    pub shards: u64,
    /// Tokens of documents in them.
    pub tokens: u64,
    /// Tokens of padding in them.
    pub padding: u64,
    /// Documents whose tokens were held against their texts.
    pub sampled: u64,
    /// Why no document's tokens could be, where that is so.
    pub not_sampled: Option<String>,
    /// All that is wrong.
    pub problems: Vec<Problem>,
}

impl Verified {
    fn problem(&mut self, path: &str, problem: impl Into<String>) {
        self.problems.push(Problem { path: path.to_owned(), problem: problem.into() });
    }
}

/// Checks the run in `store`; of about `sample` documents also the tokens.
///
/// # Errors
/// When there is no run, or the storage fails. Damage is no error: it is what this tells.
pub fn verify(store: &Store, sample: u64) -> Result<Verified, ExecError> {
    let plan = Plan::load(store)?;
    let mut found = Verified::default();
    let mut documents = Vec::new();
    let mut shards = Vec::new();
    for (index, phase) in plan.phases.iter().enumerate() {
        for task in 0..phase.tasks {
            let Some(manifest) = Manifest::load(store, phase, index, task)? else {
                found.pending += 1;
                continue;
            };
            let mut whole = true;
            for output in &manifest.outputs {
                match output.role {
                    role if role.is_scratch() => continue,
                    Role::Documents => documents.push(output.written.path.clone()),
                    _ => {}
                }
                if let Some(problem) = damage(store, output)? {
                    whole = false;
                    found.problem(&output.written.path, problem);
                } else {
                    found.files += 1;
                    found.bytes += output.written.bytes;
                }
            }
            if whole && !manifest.shards.is_empty() {
                shards.push(manifest);
            }
        }
    }
    let Some(tokens) = &plan.tokens else { return Ok(found) };
    let entries = shards.iter().flat_map(|manifest| &manifest.shards);
    let all: u64 = entries.map(|entry| entry.shard.documents).sum();
    #[expect(clippy::cast_precision_loss, reason = "a share of a sample")]
    let fraction = if all == 0 { 0.0 } else { sample as f64 / all as f64 };
    let mut drawn = Sample { seed: plan.seed, fraction, pieces: BTreeMap::new() };
    for manifest in &shards {
        check_shards(store, tokens, manifest, &mut drawn, &mut found)?;
    }
    if sample > 0 {
        compare(store, tokens, &documents, drawn, &mut found)?;
    }
    Ok(found)
}

/// What differs between a file and its commit.
fn damage(store: &Store, output: &Output) -> Result<Option<String>, ExecError> {
    let written = &output.written;
    let size = match store.entry(&written.path) {
        Ok(entry) => entry.size,
        Err(StoreError::NotFound { .. }) => return Ok(Some("it is missing".to_owned())),
        Err(error) => return Err(error.into()),
    };
    if size != written.bytes {
        let expected = written.bytes;
        return Ok(Some(format!("it has {size} bytes where {expected} were committed")));
    }
    let mut reader = store.reader(&written.path, 0..size)?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = reader.read(&mut buffer).map_err(|source| match source.downcast() {
            Ok(error) => ExecError::Store(error),
            Err(source) => ShardError::Io { path: written.path.clone(), source }.into(),
        })?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let hash = format!("{:016x}", hash.digest());
    Ok((hash != written.xxh3)
        .then(|| format!("its content has the hash {hash} where {} was committed", written.xxh3)))
}

/// Tokens of documents that were drawn.
struct Sample {
    seed: u64,
    fraction: f64,
    pieces: BTreeMap<DocumentId, Vec<Vec<u32>>>,
}

/// A piece of a drawn document, in a shard.
struct Wanted {
    id: DocumentId,
    offset: u64,
    length: u64,
    tokens: Vec<u32>,
}

/// What `tokens/index` says of a shard.
#[derive(Default)]
struct Placed {
    tokens: u64,
    /// The end of the last piece.
    end: u64,
    wanted: Vec<Wanted>,
}

/// Reads the shards of a task and holds them against their manifest and their part of
/// `tokens/index`.
fn check_shards(
    store: &Store,
    tokens: &PlanTokens,
    manifest: &Manifest,
    sample: &mut Sample,
    found: &mut Verified,
) -> Result<(), ExecError> {
    let mut shards: BTreeMap<String, Placed> = BTreeMap::new();
    for index in manifest.outputs.iter().filter(|output| output.role == Role::Index) {
        let index = &index.written.path;
        let read = table(store, index, &["id", "shard", "offset", "length"], |batch| {
            let names = batch.column_by_name("shard")?.as_string_opt::<i32>()?;
            for (row, (id, offset, length)) in places(batch)?.into_iter().enumerate() {
                if !shards.contains_key(names.value(row)) {
                    shards.insert(names.value(row).to_owned(), Placed::default());
                }
                let placed = shards.get_mut(names.value(row))?;
                placed.tokens += length;
                placed.end = placed.end.max(offset.checked_add(length)?);
                if id.chosen(sample.seed, "verify", sample.fraction) {
                    placed.wanted.push(Wanted { id, offset, length, tokens: Vec::new() });
                }
            }
            Some(())
        })?;
        if let Err(problem) = read {
            found.problem(index, problem);
            return Ok(());
        }
    }
    for entry in &manifest.shards {
        let placed = shards.remove(&entry.name).unwrap_or_default();
        check_shard(store, tokens, entry, placed, sample, found)?;
    }
    for name in shards.into_keys() {
        found.problem("tokens/index", format!("it places documents in {name}, which is no shard"));
    }
    Ok(())
}

fn check_shard(
    store: &Store,
    tokens: &PlanTokens,
    entry: &ShardEntry,
    mut placed: Placed,
    sample: &mut Sample,
    found: &mut Verified,
) -> Result<(), ExecError> {
    let Some(path) =
        entry.shard.files.iter().map(|written| &written.path).find(|path| format::is_shard(path))
    else {
        found.problem(&entry.name, "its manifest names no file with its tokens");
        return Ok(());
    };
    let layout = &tokens.layout;
    let hints = Hints { width: Some(layout.width), end_of_document: Some(layout.end_of_document) };
    placed.wanted.sort_by_key(|piece| piece.offset);
    let total = match read_shard(store, path, &hints, &mut placed.wanted) {
        Ok(total) => total,
        Err(ShardError::Store(error)) => return Err(error.into()),
        Err(error) => {
            found.problem(path, error.to_string());
            return Ok(());
        }
    };
    found.shards += 1;
    found.tokens += entry.shard.tokens;
    found.padding += entry.shard.padding;
    let (counted, padding, end) = (entry.shard.tokens, entry.shard.padding, placed.end);
    if placed.tokens != counted {
        let placed = placed.tokens;
        let problem = format!("tokens/index places {placed} tokens, its task counted {counted}");
        found.problem(path, problem);
    }
    if total != counted + padding || end > total {
        let problem = format!(
            "it has {total} tokens where its task counted {counted} and {padding} of padding, and \
             tokens/index places some up to {end}"
        );
        found.problem(path, problem);
    }
    for piece in placed.wanted {
        sample.pieces.entry(piece.id).or_default().push(piece.tokens);
    }
    Ok(())
}

/// Reads all of a shard; gives the number of its tokens, and of each wanted piece the tokens.
fn read_shard(
    store: &Store,
    path: &str,
    hints: &Hints,
    wanted: &mut [Wanted],
) -> Result<u64, ShardError> {
    let mut reader = format::open_with(store, path, hints)?;
    let mut sequence = ReadSequence::default();
    let (mut start, mut first) = (0, 0);
    while reader.next(&mut sequence)? {
        let end = start + sequence.tokens.len() as u64;
        for piece in &mut wanted[first..] {
            if piece.offset >= end {
                break;
            }
            let from = piece.offset.max(start) - start;
            let to = (piece.offset + piece.length).clamp(start, end) - start;
            // Both lie in the sequence, which is in memory.
            let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
            piece.tokens.extend(sequence.tokens.get(range).unwrap_or_default());
        }
        while wanted.get(first).is_some_and(|piece| piece.offset + piece.length <= end) {
            first += 1;
        }
        start = end;
    }
    Ok(start)
}

/// The rows of a batch of `tokens/index`; `None` where they are not what they must be.
fn places(batch: &RecordBatch) -> Option<Vec<(DocumentId, u64, u64)>> {
    let ids = batch.column_by_name("id")?.as_string_opt::<i32>()?;
    let number = |name| batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>();
    let (offsets, lengths) = (number("offset")?, number("length")?);
    (0..batch.num_rows())
        .map(|row| {
            let id = u128::from_str_radix(ids.value(row), 16).ok()?;
            Some((DocumentId(id), offsets.value(row), lengths.value(row)))
        })
        .collect()
}

/// Gives batches of some columns of a Parquet file to `look`; what is wrong with the file.
fn table(
    store: &Store,
    path: &str,
    columns: &[&str],
    mut look: impl FnMut(&RecordBatch) -> Option<()>,
) -> Result<Result<(), String>, ExecError> {
    let bytes = Bytes::from_owner(store.map(path)?);
    let read = caught(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        for batch in builder.with_projection(mask).build()? {
            if look(&batch?).is_none() {
                return Err(ParquetError::General(format!("it has not the columns {columns:?}")));
            }
        }
        Ok(())
    });
    Ok(match read {
        Some(result) => result.map_err(|error| error.to_string()),
        None => Err("it contradicts itself".to_owned()),
    })
}

/// Holds the drawn documents' tokens against their texts.
fn compare(
    store: &Store,
    tokens: &PlanTokens,
    documents: &[String],
    mut drawn: Sample,
    found: &mut Verified,
) -> Result<(), ExecError> {
    let config = &tokens.config;
    let rendered = config.chat.is_some() || config.prompt.is_some() || config.fim.is_some();
    if rendered || config.shuffle == Shuffle::Sequence {
        let reason = "tokens are those of rendered documents, or shuffled in pieces";
        found.not_sampled = Some(reason.to_owned());
        return Ok(());
    }
    let tokenizer = match Assets::default().tokenizer(&tokens.tokenizer) {
        Ok(tokenizer) => tokenizer,
        Err(error) => {
            found.not_sampled = Some(error.to_string());
            return Ok(());
        }
    };
    for path in documents {
        let mut problems = Vec::new();
        let read = table(store, path, &["id", "text"], |batch| {
            let ids = batch.column_by_name("id")?.as_string_opt::<i32>()?;
            let texts = batch.column_by_name("text")?.as_string_opt::<i32>()?;
            for row in 0..batch.num_rows() {
                let id = DocumentId(u128::from_str_radix(ids.value(row), 16).ok()?);
                let Some(pieces) = drawn.pieces.remove(&id) else { continue };
                found.sampled += 1;
                if !agree(&tokenizer, tokens, &pieces, texts.value(row)) {
                    problems.push(format!("the tokens of document {id} are not those of its text"));
                }
            }
            Some(())
        })?;
        problems.extend(read.err());
        for problem in problems {
            found.problem(path, problem);
        }
    }
    for id in drawn.pieces.keys() {
        found.problem(
            "tokens/index",
            format!("document {id} is in the shards, but not in documents/"),
        );
    }
    Ok(())
}

/// Whether the tokens of a document, of all its copies, are those of the text.
fn agree(tokenizer: &Tokenizer, tokens: &PlanTokens, pieces: &[Vec<u32>], text: &str) -> bool {
    let mut encoded: Vec<PipelineToken> = Vec::new();
    if tokenizer.encode_into(text, &mut encoded).is_err() {
        return false;
    }
    let mut copy = PipelineToken::cast_slice(&encoded).to_vec();
    copy.push(tokens.layout.end_of_document);
    if tokens.layout.format == ShardFormat::Llmc {
        copy.rotate_right(1);
    }
    // With best-fit packing the end of a long copy may stand before the full rows of the next one or
    // even of its own, so pieces are told apart by their contents.
    let length = match tokens.layout.packing {
        Packing::BestFit => tokens.layout.sequence_length.max(1) as usize,
        _ => copy.len(),
    };
    let mut expected: Vec<&[u32]> = copy.chunks(length).collect();
    let copies = pieces.len() / expected.len();
    let mut found: Vec<&[u32]> = pieces.iter().map(Vec::as_slice).collect();
    expected = expected.repeat(copies);
    expected.sort_unstable();
    found.sort_unstable();
    copies > 0 && found == expected
}
