//! Digests: what a phase's results depend on, in 128 bits.
//!
//! Ops with their versions and settings, contents of models and tokenizers, names, sizes and tags of
//! input files, and the phases before. Never absolute paths, `--out`, `--on`, `--threads` or
//! `memory_limit`: those change no result.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::{FlowInput, FlowOutput, Phase, PhaseKind, Plan};
use crate::model::{AssetError, asset_hash};
use crate::ops::AnySettings;

/// Raised when the engine itself gives other results for the same plan than before.
const ENGINE_VERSION: u32 = 6;

/// Hash of the names, sizes and tags of input files, fed in document order.
pub(super) struct InputDigest(Xxh3);

impl InputDigest {
    pub(super) fn new() -> Self {
        Self(Xxh3::new())
    }

    pub(super) fn file(&mut self, source: &str, path: &str, size: u64, tag: &str) {
        for part in [source, path, tag] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part.as_bytes());
        }
        self.0.update(&size.to_le_bytes());
    }

    pub(super) fn splits(&mut self, splits: &str) {
        self.0.update(splits.as_bytes());
    }

    pub(super) fn finish(&self) -> String {
        format!("{:032x}", self.0.digest128())
    }
}

/// An op's settings with the content of files in place of their paths.
pub(super) fn settings(settings: &dyn AnySettings) -> Result<Value, AssetError> {
    let mut value = settings.to_json();
    if let (Some(object), Some(_)) = (value.as_object_mut(), settings.table()) {
        // Its files are hashed on their own.
        object.remove("path");
    }
    if let (Some(object), Some(_)) = (value.as_object_mut(), settings.index()) {
        // What it holds is hashed where it is met.
        object.remove("index");
    }
    let mut hashes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (key, path) in settings.assets() {
        hashes.entry(key).or_default().push(Value::String(asset_hash(path)?));
    }
    for (key, mut hashes) in hashes {
        if let Some(paths) = value[key].as_object_mut() {
            // Paths by name: hashes by name, as `assets` gives them in the order of the names.
            let names: Vec<String> = paths.keys().cloned().collect();
            value[key] = names.into_iter().zip(hashes).collect::<serde_json::Map<_, _>>().into();
            continue;
        }
        // A key with a list of paths gets a list of hashes, in the order of the paths.
        let hashes = match (&value[key], hashes.len()) {
            (Value::Array(_), _) | (_, 2..) => Value::Array(hashes),
            _ => hashes.swap_remove(0),
        };
        value[key] = hashes;
    }
    Ok(value)
}

/// Everything outside the phases that digests are made of.
pub(super) struct Parts {
    pub inputs: String,
    /// Settings of each stage as [`settings`] gives them.
    pub stages: Vec<Value>,
}

/// Hash of what is done to the input, wherever it and the models lie: sources, stages, tokens.
pub(super) fn recipe(plan: &Plan, parts: &Parts, tokens: &Value) -> String {
    let sources = plan.sources.iter().map(|source| json!([source.name, source.fields]));
    let stages = plan.stages.iter().zip(&parts.stages).map(|(stage, settings)| {
        // Not its digest, which holds the tags that a storage gives.
        let pieces = stage.table.iter().flat_map(|table| &table.pieces);
        let table: Vec<_> = pieces.map(|piece| json!([piece.file, piece.size])).collect();
        json!([stage.op, stage.version, settings, stage.only, stage.when, stage.action, table])
    });
    let text = json!([plan.seed, sources.collect::<Vec<_>>(), stages.collect::<Vec<_>>(), tokens,]);
    format!("{:032x}", xxh3_128(text.to_string().as_bytes()))
}

/// Phases with their digests, each of which covers those before it.
pub(super) fn phases(plan: &Plan, parts: &Parts, kinds: Vec<(PhaseKind, u32)>) -> Vec<Phase> {
    let mut digests: Vec<String> = Vec::new();
    let mut phases = Vec::new();
    for (kind, tasks) in kinds {
        let digest = phase(plan, parts, &kind, tasks, &digests);
        digests.push(digest.clone());
        phases.push(Phase { kind, tasks, digest });
    }
    phases
}

fn phase(plan: &Plan, parts: &Parts, kind: &PhaseKind, tasks: u32, before: &[String]) -> String {
    let stage = |index: usize| {
        let stage = &plan.stages[index];
        json!([
            stage.name,
            stage.op,
            stage.version,
            parts.stages[index],
            stage.only,
            stage.when,
            stage.action,
            stage.table.as_ref().map(|table| &table.digest)
        ])
    };
    let own = match kind {
        PhaseKind::Flow { input, stages, output } => json!({
            "input": match input {
                FlowInput::Source => json!({
                    "files": parts.inputs,
                    "sources": plan.sources.iter().map(|source| json!([source.name, source.fields])).collect::<Vec<_>>(),
                    "metadata": plan.metadata,
                }),
                FlowInput::Spool { documents, verdicts, .. } => json!([before[*documents], before[*verdicts]]),
            },
            "stages": plan.order[stages.clone()].iter().map(|&index| stage(index)).collect::<Vec<_>>(),
            "outcomes": json!([plan.seed, plan.audit, plan.ledger, plan.rejected]),
            "output": match output {
                FlowOutput::Exchange { stage: index, cuts } => json!([stage(*index), cuts]),
                FlowOutput::Final { tokens } => json!({
                    "documents": plan.documents,
                    "tokens": plan.tokens.as_ref().filter(|_| *tokens).map(|tokens| json!([
                        tokens.tokenizer_hash,
                        tokens.layout.end_of_document,
                        tokens.layout.width,
                        tokens.config.validation_fraction,
                        tokens.form,
                        tokens.cells,
                        tokens.slices,
                        plan.seed,
                    ])),
                }),
            },
        }),
        PhaseKind::Send { stage: index, step, documents, answers, cuts } => {
            json!([before[*documents], before[*answers], stage(*index), step, cuts])
        }
        PhaseKind::Recall { stage: index, step, answers, cuts } => {
            let pieces = plan.stages[*index].index.as_ref().map(|index| &index.pieces);
            json!([answers.map(|from| &before[from]), stage(*index), step, cuts, pieces])
        }
        PhaseKind::Meet { stage: index, step, from, table, recalled, cuts, .. } => {
            let others = [table, recalled].map(|from| from.map(|from| &before[from]));
            json!([before[*from], others, stage(*index), step, cuts])
        }
        PhaseKind::Table { stage: index, cuts } => json!([stage(*index), cuts]),
        PhaseKind::Count { from } => json!([before[*from]]),
        PhaseKind::Deal { from, count } => {
            let tokens = plan.tokens.as_ref();
            let mixture = tokens.map(|tokens| (&tokens.config.mixture, &tokens.config.curriculum));
            json!([before[*from], before[*count], mixture, plan.seed])
        }
        PhaseKind::Rows { from, count } | PhaseKind::Shard { from, count } => {
            let tokens = plan.tokens.as_ref();
            let shards =
                tokens.map(|tokens| (&tokens.layout, tokens.shard_tokens, tokens.config.shuffle));
            json!([before[*from], before[*count], shards])
        }
        PhaseKind::Dataset { shards, .. } => json!([
            before[*shards],
            plan.name,
            plan.tokens.as_ref().map(|tokens| json!([
                tokens.recipe,
                tokens.config.mixture,
                tokens.config.curriculum,
                tokens.layout.sequence_length,
            ])),
        ]),
    };
    let text = json!([ENGINE_VERSION, own, tasks]).to_string();
    format!("{:032x}", xxh3_128(text.as_bytes()))
}
