//! The description of a data set: `tokens/dataset.json`, its card, the blend, what formats want.

mod blend;
mod card;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::TokensError;
use super::count::{Cells, Count};
use super::format::{self, ShardLayout};
use super::mixture::Mix;
use super::shard::ShardEntry;
use crate::exec::ExecError;
use crate::exec::counters::Counters;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Manifest, Output, Role};
use crate::plan::{PhaseKind, Plan, PlanTokens};
use crate::store::Store;

/// Where the description stands in a run directory.
pub const PATH: &str = "tokens/dataset.json";

/// A data set of token shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Name of the pipeline.
    pub name: String,
    /// Version of tamis.
    pub tamis: String,
    /// Hash of sources, stages, settings, models and tokenizer: equal recipes over equal input give
    /// equal shards.
    pub recipe: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Hash (xxh3-128) of the tokenizer's files.
    pub tokenizer: String,
    /// Format, width of ids, vocabulary, packing.
    pub layout: ShardLayout,
    /// Tokens of one training sequence.
    pub sequence_length: u32,
    /// Fields whose values make a cell.
    pub by: Vec<String>,
    /// Whether the mixture is one stream of shards.
    pub materialized: bool,
    /// What there is for training.
    pub train: Total,
    /// What there is for validation.
    pub validation: Total,
    /// Stages of training; one without a name where there is no curriculum.
    pub stages: Vec<Stage>,
    /// The shards: training first, by cell, in the order of their numbers.
    pub shards: Vec<ShardEntry>,
}

/// Totals of some shards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Tokens and documents; a document that is repeated counts as often.
    #[serde(flatten)]
    pub count: Count,
    /// Rows, where documents are packed into rows.
    pub rows: u64,
    /// Tokens of padding.
    pub padding: u64,
    /// Documents that were cut at the end of a row.
    pub cut: u64,
    /// Shards.
    pub shards: u64,
}

/// A stage of training and its mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its tokens.
    pub tokens: u64,
    /// Its cells.
    pub cells: Vec<CellShare>,
}

/// What a stage takes of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellShare {
    /// The cell's values, joined by `/`.
    pub cell: String,
    /// Folder of its shards below `tokens`; none where the mixture is one stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Tokens and documents there are.
    pub available: Count,
    /// Tokens asked for.
    pub asked: u64,
    /// Their share of the stage.
    pub asked_share: f64,
    /// Tokens in the stream; for a blend those asked for, which a trainer draws.
    pub obtained: u64,
    /// Their share of the stage.
    pub obtained_share: f64,
    /// How often the cell is read: `obtained` of `available`.
    pub epochs: f64,
}

impl Dataset {
    /// The files of all shards, each with its hash.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.shards.iter().flat_map(|shard| &shard.shard.files);
        files.map(|file| (file.path.as_str(), file.xxh3.as_str()))
    }

    /// Reads the description of a run's shards.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn load(store: &Store) -> Result<Self, TokensError> {
        let bytes = store.read(PATH)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| TokensError::Json { path: PATH.to_owned(), source })
    }

    fn new(
        plan: &Plan,
        tokens: &PlanTokens,
        cells: &Cells,
        mix: &Mix,
        mut shards: Vec<ShardEntry>,
        mixed: &BTreeMap<String, Count>,
    ) -> Self {
        shards.sort_by_key(|shard| (shard.place.validation, shard.cell, shard.place.number));
        let total = |validation: bool| {
            let mut total = Total::default();
            for shard in shards.iter().filter(|shard| shard.place.validation == validation) {
                total.count += shard.count();
                total.rows += shard.shard.rows;
                total.padding += shard.shard.padding;
                total.cut += shard.shard.cut;
                total.shards += 1;
            }
            total
        };
        let materialized = tokens.materialized();
        let stages = mix.stages.iter().enumerate().map(|(number, stage)| {
            let obtained = |cell: usize| {
                if materialized {
                    mixed.get(&format!("{number}/{cell}")).copied().unwrap_or_default().tokens
                } else {
                    stage.tokens[cell]
                }
            };
            let (asked_all, obtained_all) =
                (stage.total(), (0..cells.train().len()).map(obtained).sum::<u64>());
            let share = |(index, cell): (usize, &super::count::Cell)| {
                let folder = cell.name.folder();
                let below = folder.strip_prefix("tokens/").map(str::to_owned);
                CellShare {
                    cell: cell.name.to_string(),
                    folder: if materialized { None } else { below },
                    available: cell.count,
                    asked: stage.tokens[index],
                    asked_share: ratio(stage.tokens[index], asked_all),
                    obtained: obtained(index),
                    obtained_share: ratio(obtained(index), obtained_all),
                    epochs: ratio(obtained(index), cell.count.tokens),
                }
            };
            let cells = cells.train().iter().enumerate().map(share).collect();
            Stage { name: stage.name.clone(), tokens: obtained_all, cells }
        });
        let by = tokens.config.mixture.as_ref().map(|mixture| mixture.by.as_slice().to_vec());
        Self {
            name: plan.name.clone(),
            tamis: plan.tamis.clone(),
            recipe: tokens.recipe.clone(),
            seed: plan.seed,
            tokenizer: tokens.tokenizer_hash.clone(),
            layout: tokens.layout.clone(),
            sequence_length: tokens.layout.sequence_length,
            by: by.unwrap_or_default(),
            materialized,
            train: total(false),
            validation: total(true),
            stages: stages.collect(),
            shards,
        }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of tokens are below 2^53")]
    let ratio = part as f64 / whole.max(1) as f64;
    ratio
}

/// Describes the shards that the phase `shards` wrote.
pub(crate) fn run(engine: &Engine, shards: usize) -> Result<Vec<Output>, ExecError> {
    let (store, plan) = (&engine.store, &engine.plan);
    let Some(tokens) = &plan.tokens else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    let mut counters = Counters::default();
    for (index, phase) in plan.phases.iter().enumerate() {
        // Whichever read documents counted them.
        if !matches!(phase.kind, PhaseKind::Rows { .. }) && index != shards {
            continue;
        }
        for task in 0..phase.tasks {
            if let Some(manifest) = Manifest::load(store, phase, index, task)? {
                counters.add(&manifest.counters);
                entries.extend(manifest.shards);
            }
        }
    }
    let cells = Cells::load(store)?;
    let mix = tokens.mix(&cells).map_err(TokensError::from)?;
    let dataset = Dataset::new(plan, tokens, &cells, &mix, entries, &counters.mixed);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut folders: BTreeMap<(&str, bool), Vec<&ShardEntry>> = BTreeMap::new();
    for shard in &dataset.shards {
        let folder = (shard.place.folder.as_str(), shard.place.validation);
        folders.entry(folder).or_default().push(shard);
    }
    for ((folder, validation), shards) in folders {
        let pair = |shard: &ShardEntry| (shard.place.clone(), shard.shard.clone());
        let shards: Vec<_> = shards.into_iter().map(pair).collect();
        files.extend(format::folder_index(&tokens.layout, folder, validation, &shards));
    }
    files.extend(blend::files(&dataset));
    files.push(("tokens/README.md".to_owned(), card::write(plan, &dataset).into_bytes()));
    let json = serde_json::to_vec_pretty(&dataset)
        .map_err(|source| TokensError::Json { path: PATH.to_owned(), source })?;
    files.push((PATH.to_owned(), json));
    let put = |(path, bytes): (String, Vec<u8>)| {
        let written = store.put_hashed(&path, Bytes::from(bytes))?;
        Ok(Output { role: Role::Dataset, written, rows: 1 })
    };
    files.into_iter().map(put).collect()
}
