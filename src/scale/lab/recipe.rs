//! Recipes: pipelines, what they keep, and the shards of it.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::shared::Start;
use super::tokenizer::Chosen;
use super::{Lab, LabError};
use crate::cluster::threads::Threads;
use crate::config::Pipeline;
use crate::config::stage::Located;
use crate::config::tokens::{Packing, ShardCompression, ShardFormat, Tokens};
use crate::exec::ExecError;
use crate::exec::driver::{self, RunOptions, Until};
use crate::exec::engine::Engine;
use crate::exec::summary::{Summary, grouped};
use crate::plan::Plan;
use crate::plan::lower::lower;
use crate::store::Store;
use crate::tokens::dataset::Dataset;
use crate::train::{PairedOrder, TokenSet, paired_order};

/// A pipeline of the ladder, before anything of it is run.
pub(super) struct Draft {
    pub(super) name: String,
    /// Added to the seeds of its trainings.
    pub(super) seed: u64,
    pub(super) pipeline: Pipeline,
    /// Its `[tokens]`, which tells the mixture.
    tokens: Option<Located<Tokens>>,
    /// The folder of its run; of equal recipes, that of the first.
    pub(super) folder: String,
    /// Hash of what it does to its input, up to the documents.
    pub(super) digest: String,
    /// What it begins with.
    pub(super) start: Start,
}

/// A recipe with its shards.
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) seed: u64,
    pub(super) folder: String,
    pub(super) summary: Summary,
    pub(super) dataset: Dataset,
}

/// A recipe in the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name.
    pub recipe: String,
    /// The folder of its run.
    pub folder: String,
    /// Records read; behind shared first stages, what these keep.
    pub read: u64,
    /// Documents kept.
    pub documents: u64,
    /// Bytes of their text.
    pub bytes: u64,
    /// Their tokens: what is different among what is trained on.
    pub tokens: u64,
    /// Core-seconds of its stages.
    pub seconds: f64,
}

impl Recipe {
    /// Tokens of its shards.
    pub(super) fn tokens(&self) -> u64 {
        self.dataset.train.count.tokens
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            recipe: self.name.clone(),
            folder: self.folder.clone(),
            read: self.summary.input,
            documents: self.summary.kept,
            bytes: self.summary.text_bytes,
            tokens: self.tokens(),
            seconds: self.summary.stages.iter().fold(0.0, |sum, stage| sum + stage.seconds),
        }
    }
}

/// The recipes of the file.
///
/// # Errors
/// When a pipeline is wrong, or its input is not there.
pub(super) fn load(lab: &Lab<'_>) -> Result<Vec<Draft>, LabError> {
    let mut drafts: Vec<Draft> = Vec::new();
    for recipe in &lab.config.recipes {
        let recipe = &recipe.value;
        let pipeline = Pipeline::load(&recipe.pipeline, &[])?;
        let draft = Draft::new(lab, &drafts, &recipe.name, recipe.seed, pipeline);
        drafts.push(draft.map_err(LabError::of(&recipe.name))?);
    }
    Ok(drafts)
}

impl Draft {
    /// Plans a pipeline; where one of `others` does the same, its folder is taken.
    ///
    /// # Errors
    /// When it is wrong, or its input is not there.
    pub(super) fn new(
        lab: &Lab<'_>,
        others: &[Self],
        name: &str,
        seed: u64,
        mut pipeline: Pipeline,
    ) -> Result<Self, LabError> {
        pipeline.train = None;
        let tokens = pipeline.tokens.take();
        let plan = lower(&pipeline, &lab.assets, None, None)?.plan;
        let digest = plan.phases[plan.final_phase()].digest.clone();
        let value = |tokens: &Option<Located<Tokens>>| tokens.as_ref().map(|it| it.value.clone());
        let equal = others
            .iter()
            .find(|other| other.digest == digest && value(&other.tokens) == value(&tokens));
        let folder = match equal {
            Some(equal) => equal.folder.clone(),
            None => format!("recipes/{}", folder_name(name)),
        };
        let start = Start::of(&pipeline, &plan)?;
        Ok(Self { name: name.to_owned(), seed, pipeline, tokens, folder, digest, start })
    }

    /// Runs it up to its documents, and keeps what the shards are made from.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(super) fn curate(&self, lab: &Lab<'_>) -> Result<(), LabError> {
        let (_, summary) = run(lab, &self.folder, &self.pipeline, Until::Documents)?;
        self.check(lab, &summary)
    }

    /// Runs it, with the tokenizer and the form of shards that all recipes have.
    ///
    /// # Errors
    /// When it cannot be run, or keeps nothing.
    pub(super) fn make(mut self, lab: &Lab<'_>, tokenizer: &Chosen) -> Result<Recipe, LabError> {
        let mixture = self.tokens.take().unwrap_or_else(|| plain(tokenizer));
        let Located { value, spans } = mixture;
        self.pipeline.tokens = Some(Located {
            value: Tokens {
                tokenizer: tokenizer.path.clone(),
                format: ShardFormat::Megatron,
                sequence_length: lab.config.ladder.sequence_length,
                packing: Packing::Documents,
                validation_fraction: 0.0,
                end_of_document: tokenizer.end.clone(),
                compression: ShardCompression::None,
                ..value
            },
            spans,
        });
        let (store, summary) = run(lab, &self.folder, &self.pipeline, Until::Tokens)?;
        self.check(lab, &summary)?;
        let dataset = Dataset::load(&store)?;
        lab.tell(&format!(
            "{}: {} of {} documents, {} tokens",
            self.name,
            grouped(summary.kept),
            grouped(summary.input),
            grouped(dataset.train.count.tokens)
        ));
        let Self { name, seed, folder, .. } = self;
        Ok(Recipe { name, seed, folder, summary, dataset })
    }

    fn check(&self, lab: &Lab<'_>, summary: &Summary) -> Result<(), LabError> {
        if summary.kept > 0 {
            return Ok(());
        }
        Err(LabError::Setting(format!(
            "it keeps none of {} records; `tamis inspect {}` shows why",
            grouped(summary.input),
            lab.path(&self.folder).display()
        )))
    }
}

/// `[tokens]` of a pipeline that has none.
fn plain(tokenizer: &Chosen) -> Located<Tokens> {
    Located {
        value: Tokens::of(tokenizer.path.clone()),
        spans: crate::config::stage::Spans::default(),
    }
}

/// A pipeline that is written here; `path` is what messages show.
///
/// # Errors
/// When it is wrong.
pub(super) fn written(path: &Path, pipeline: &Value) -> Result<Pipeline, LabError> {
    let text = toml::to_string(pipeline).map_err(|error| LabError::Setting(error.to_string()))?;
    Ok(Pipeline::parse(path, &text, &[])?)
}

/// Runs a pipeline in a folder of the ladder, on the threads of this process, or goes on with it.
///
/// # Errors
/// When it is wrong, or cannot be run.
pub(super) fn run(
    lab: &Lab<'_>,
    folder: &str,
    pipeline: &Pipeline,
    until: Until,
) -> Result<(Store, Summary), LabError> {
    let store = Store::open(lab.path(folder))?;
    let lowered = lower(pipeline, &lab.assets, None, Plan::load(&store).ok().as_ref())?;
    lowered.plan.save(&store, &lowered.splits).map_err(ExecError::from)?;
    let resources = lab.options.resources;
    let engine = Engine::new(lowered.plan, store.clone(), resources, None, &lab.assets)?;
    let options = RunOptions {
        until,
        fresh: false,
        // The shards are made from it.
        keep_work: until == Until::Documents,
        progress: &|_| (),
    };
    let summary = driver::run(&Arc::new(engine), &Threads, &options)?;
    Ok((store, summary))
}

/// A folder for a name that may hold anything.
fn folder_name(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    let mut folder: String =
        name.chars().map(|character| if plain(character) { character } else { '-' }).collect();
    // Writing to a string cannot fail.
    let _ = write!(folder, "-{:08x}", xxh3_64(name.as_bytes()) >> 32);
    folder
}

/// Whether the recipes visit what they share in the same order, by each of the seeds that all have.
///
/// # Errors
/// When shards are damaged or too small.
pub(super) fn paired(lab: &Lab<'_>, recipes: &[Recipe]) -> Result<PairedOrder, LabError> {
    let mut stores: Vec<(Store, &Recipe)> = Vec::new();
    for recipe in recipes {
        // Copies of a recipe have its order with its seed, and another one with another.
        if !stores.iter().any(|(_, other)| other.folder == recipe.folder) {
            stores.push((Store::open_existing(lab.path(&recipe.folder))?, recipe));
        }
    }
    let sets: Vec<TokenSet<'_>> =
        stores.iter().map(|(store, recipe)| TokenSet::of_run(store, &recipe.dataset)).collect();
    Ok(paired_order(&sets, lab.config.ladder.sequence_length, lab.config.head.seed)?)
}
