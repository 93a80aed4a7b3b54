//! `[tokens]` in a plan: the tokenizer looked at, cells resolved, phases behind the last flow.

use serde_json::{Value, json};

use super::{PhaseKind, Plan, PlanTokens};
use crate::config::diagnostic::ConfigError;
use crate::config::tokens::{Shuffle, Tokens};
use crate::config::{Pipeline, stage::Located};
use crate::model::{AssetError, Assets, tokenizer_hash};
use crate::ops::Columns;
use crate::store::is_url;
use crate::tokens::cells::CellField;
use crate::tokens::encode::Form;
use crate::tokens::format::{self, ShardLayout};
use crate::tokens::record::Slices;

/// Slices of a cell for each shard that the whole input might fill: a task reads at most two that it
/// needs in part only.
const SLICES_A_SHARD: u64 = 16;

/// The fewest slices.
const FEWEST_SLICES: u64 = 64;

/// The fewest tokens for which a task is worth while: each of them opens the files of all others.
const SMALLEST_TASK: u64 = 1 << 20;

/// The most tasks that write shards: each opens the files of all tasks that read, so of a corpus of
/// 30,000 files they make 10^8 reads; a task writes its shards from one merge.
const MOST_TASKS: u64 = 1 << 12;

/// What is wrong with `[tokens]`, as far as the tokenizer and the columns say it.
pub(super) fn check(
    pipeline: &Pipeline,
    tokens: &Located<Tokens>,
    assets: &Assets,
    columns: &Columns,
) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let spans = &tokens.spans;
    if let Err((place, message)) = fields(tokens, columns) {
        let span = spans.of(place);
        errors.push(ConfigError::new(format!("[tokens.mixture] by: {message}"), span));
    }
    let tokenizer = match assets.tokenizer(&tokens.tokenizer) {
        Ok(tokenizer) => tokenizer,
        Err(error) => {
            let span = spans.of("tokenizer");
            errors.push(ConfigError::new(format!("[tokens]: {error}"), span));
            return errors;
        }
    };
    if let Err(error) = tokenizer.end_of_document(tokens.end_of_document.as_deref()) {
        let span = spans.of("end_of_document");
        errors.push(ConfigError::new(format!("[tokens]: {error}"), span));
    }
    if let Err(error) = Form::resolve(tokens, &tokenizer) {
        errors.push(ConfigError::new(error.to_string(), spans.of(error.key)));
    }
    let layout = layout(tokens, tokenizer.vocab_size(), 0);
    let shard_tokens = tokens.tokens_a_shard(layout.width.bytes() as u64);
    if let Err(error) = format::check(&layout, shard_tokens) {
        let span = spans.of(error.key());
        errors.push(ConfigError::new(format!("[tokens]: {error}"), span));
    }
    let length = tokens.sequence_length as usize;
    if let Some(train) = &pipeline.train {
        if let Err(error) = train.resolve(length, tokenizer.vocab_size()) {
            errors.push(ConfigError::new(error.to_string(), train.spans.of(error.key)));
        }
        if !layout.trains() {
            let message = "[train] reads `megatron`, `nanogpt`, `llmc`, `mds` and `parquet` shards \
                           of whole documents only";
            errors.push(
                ConfigError::new(message.to_owned(), spans.table.clone()).help(
                    "run with --until tokens, or train with a trainer that reads these shards",
                ),
            );
        }
    }
    errors
}

/// The fields that make a cell; what is wrong comes with the key it is about.
fn fields(tokens: &Tokens, columns: &Columns) -> Result<Vec<CellField>, (&'static str, String)> {
    let Some(mixture) = &tokens.mixture else { return Ok(Vec::new()) };
    let names = mixture.by.as_slice().iter();
    names.map(|name| CellField::find(name, columns).map_err(|error| ("mixture", error))).collect()
}

/// `[tokens]` as tasks see it, but for the recipe's hash.
pub(super) fn plan(
    tokens: &Tokens,
    assets: &Assets,
    columns: &Columns,
    input_bytes: u64,
) -> Result<PlanTokens, AssetError> {
    let tokenizer = assets.tokenizer(&tokens.tokenizer)?;
    let wrong = |source| AssetError::Tokenizer { path: tokens.tokenizer.clone(), source };
    let end_of_document =
        tokenizer.end_of_document(tokens.end_of_document.as_deref()).map_err(wrong)?;
    let path = match tokens.tokenizer.to_str() {
        Some(text) if is_url(text) => tokens.tokenizer.clone(),
        _ => std::path::absolute(&tokens.tokenizer).unwrap_or_else(|_| tokens.tokenizer.clone()),
    };
    let vocab_size = tokenizer.vocab_size();
    let layout = layout(tokens, vocab_size, end_of_document);
    let shard_tokens = tokens.tokens_a_shard(layout.width.bytes() as u64);
    let shards = tokens_of(input_bytes).div_ceil(shard_tokens);
    Ok(PlanTokens {
        tokenizer_hash: tokenizer_hash(&tokens.tokenizer)?,
        tokenizer: path,
        form: Form::resolve(tokens, &tokenizer).unwrap_or_default(),
        layout,
        shard_tokens,
        slices: Slices::at_least((shards * SLICES_A_SHARD).max(FEWEST_SLICES)),
        // `check` has been asked before, for these and for the form.
        cells: fields(tokens, columns).unwrap_or_default(),
        recipe: String::new(),
        config: tokens.clone(),
    })
}

fn layout(tokens: &Tokens, vocab_size: u32, end_of_document: u32) -> ShardLayout {
    ShardLayout {
        format: tokens.format,
        width: format::width(tokens.format, vocab_size),
        vocab_size,
        end_of_document,
        sequence_length: tokens.sequence_length,
        packing: tokens.packing,
        compression: tokens.compression,
        masked: tokens.chat.is_some() || tokens.prompt.is_some(),
    }
}

/// About how many tokens the input might give, of which nothing more is known: stored text is about
/// half its size, and a token about 4 bytes.
fn tokens_of(input_bytes: u64) -> u64 {
    input_bytes / 2
}

/// The settings that a recipe's hash covers: what shards are made of, not where files lie.
pub(super) fn recipe(tokens: &PlanTokens) -> Value {
    let mut config = serde_json::to_value(&tokens.config).unwrap_or_default();
    if let Some(config) = config.as_object_mut() {
        config.remove("tokenizer");
        // The template itself stands in the form.
        config.remove("chat");
    }
    json!([tokens.tokenizer_hash, config, tokens.form])
}

/// The phases behind the one that writes documents, which is the phase `from`.
pub(super) fn phases(plan: &Plan, from: usize) -> Vec<(PhaseKind, u32)> {
    let Some(tokens) = &plan.tokens else { return Vec::new() };
    let bytes: u64 = plan.sources.iter().map(|source| source.bytes).sum();
    let size = tokens.shard_tokens.max(SMALLEST_TASK);
    let tasks = tokens_of(bytes).div_ceil(size).clamp(1, MOST_TASKS);
    let tasks = u32::try_from(tasks).unwrap_or(u32::MAX);
    let count = from + 1;
    let mut phases = vec![(PhaseKind::Count { from }, 1)];
    let mut sent = from;
    if tokens.materialized() {
        phases.push((PhaseKind::Deal { from, count }, tasks));
        sent = from + phases.len();
    }
    if tokens.config.shuffle == Shuffle::Sequence {
        phases.push((PhaseKind::Rows { from: sent, count }, tasks));
        sent = from + phases.len();
    }
    phases.push((PhaseKind::Shard { from: sent, count }, tasks));
    phases.push((PhaseKind::Dataset { count, shards: from + phases.len() }, 1));
    phases
}
