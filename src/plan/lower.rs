//! Lowering: a pipeline to a plan.

use std::path::Path;

use super::digest::{self, InputDigest};
use super::{
    FlowInput, FlowOutput, Phase, PhaseKind, Plan, PlanIndex, PlanSource, PlanStage, PlanTable,
};
use super::{files, inputs, order, tokens};
use crate::config::diagnostic::nearest;
use crate::config::outcome::Order;
use crate::config::stage::Stage;
use crate::config::{ConfigError, ConfigErrors, Pipeline};
use crate::exchange::{Cuts, IndexError, Version};
use crate::exec::ExecError;
use crate::model::Assets;
use crate::ops::{BuildContext, Columns, Condition, OpError, Step, Target};
use crate::read::split::{Split, SplitPlanner};
use crate::read::{Format, ReadError};
use crate::store::{Location, Store};

/// Stored input bytes behind one part of a hash exchange of a large input. Parts are merged as
/// streams, so that this bounds no memory: it keeps parts fewer than files.
const BYTES_A_PART: u64 = 4 << 30;

/// The most stages of a pipeline that may change texts: a bit each.
const MAX_EDITS: usize = 64;

/// Why a pipeline cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// Something in the file cannot work.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The input could not be looked at.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sample that `order = "cost"` looks at could not be run.
    #[error("the sample for `order = \"cost\"`: {0}")]
    Sample(#[source] Box<ExecError>),
}

/// A plan and the splits that belong to it.
pub struct Lowered {
    /// The plan.
    pub plan: Plan,
    /// Its splits.
    pub splits: Vec<Split>,
}

/// Checks everything that can be checked without reading the input: builds each op (which loads its
/// models and type-checks its SQL) and the tokenizer.
///
/// # Errors
/// Every mistake at once.
pub fn check(pipeline: &Pipeline, assets: &Assets) -> Result<(), ConfigErrors> {
    let mut errors = Vec::new();
    let mut columns = Columns { metadata: metadata(pipeline), signals: Vec::new() };
    let sources: Vec<String> = pipeline.sources.iter().map(|source| source.name.clone()).collect();
    for stage in &pipeline.stages {
        let context =
            BuildContext { assets, columns: &columns, seed: pipeline.seed, sources: &sources };
        if let Err(error) = stage.settings.build(&context) {
            errors.push(stage.error(&error));
        }
        if let Some(when) = &stage.when
            && let Err(error) = Condition::compile(when, &columns)
        {
            errors.push(ConfigError::new(
                format!("stage `{}`: {error}", stage.name).replace("sql:", "when:"),
                stage.spans.of("when"),
            ));
        }
        match stage.columns(&columns) {
            Ok(added) => columns.signals.extend(added),
            Err(error) => errors.push(stage.error(&error)),
        }
    }
    let editing = pipeline.stages.iter().filter(|stage| stage.op.edits);
    if let Some(stage) = editing.clone().nth(MAX_EDITS) {
        errors.push(ConfigError::new(
            format!("more than {MAX_EDITS} stages that may change texts"),
            stage.spans.of("op"),
        ));
    }
    if let Some(documents) = &pipeline.documents {
        let known: Vec<&str> = columns.signals.iter().map(|(name, _)| name.as_str()).collect();
        for name in documents.signals.iter().filter(|name| !known.contains(&name.as_str())) {
            let help = match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.join(", ")),
            };
            let message = format!("[documents]: no stage computes the signal `{name}`");
            errors.push(ConfigError::new(message, documents.spans.of("signals")).help(help));
        }
    }
    if let Some(located) = &pipeline.tokens {
        errors.extend(tokens::check(pipeline, located, assets, &columns));
    }
    if errors.is_empty() { Ok(()) } else { Err(pipeline.text.errors(errors)) }
}

/// Kept fields of all sources, `url` first.
fn metadata(pipeline: &Pipeline) -> Vec<String> {
    let mut fields = vec!["url".to_owned()];
    for field in pipeline.sources.iter().flat_map(|source| source.kept()) {
        if !fields.iter().any(|known| known == field) {
            fields.push(field.to_owned());
        }
    }
    fields
}

/// Makes the plan of a pipeline that passed [`check`].
///
/// # Errors
/// When input is missing or cannot be looked at.
pub fn lower(
    pipeline: &Pipeline,
    assets: &Assets,
    limit: Option<u64>,
    previous: Option<&Plan>,
) -> Result<Lowered, LowerError> {
    check(pipeline, assets)?;
    let Input { sources, splits, digest: inputs } =
        plan_input(pipeline, &metadata(pipeline), limit)?;
    let Draft { mut plan, settings } = draft(pipeline, assets, sources)?;
    plan.splits = u32::try_from(splits.len()).unwrap_or(u32::MAX);
    let parts = digest::Parts { inputs, stages: settings };
    let recipe = plan.tokens.as_ref().map(tokens::recipe);
    let recipe = recipe.map(|tokens| digest::recipe(&plan, &parts, &tokens));
    if let (Some(tokens), Some(recipe)) = (&mut plan.tokens, recipe) {
        tokens.recipe = recipe;
    }
    let kinds = phases(pipeline, &plan);
    plan.phases = digest::phases(&plan, &parts, kinds);
    for (stage, config) in pipeline.stages.iter().enumerate() {
        let Some((root, settings)) = config.settings.index() else { continue };
        plan.stages[stage].index = Some(index(&plan, stage, &root, settings).map_err(|error| {
            let error = OpError::Setting { key: "index", reason: error.to_string() };
            LowerError::Config(pipeline.text.errors(vec![config.error(&error)]))
        })?);
        // Later stages depend on what this one meets.
        let kinds = phases(pipeline, &plan);
        plan.phases = digest::phases(&plan, &parts, kinds);
    }
    if pipeline.order == Order::Cost {
        order::by_cost(&mut plan, &splits, assets, previous)?;
        let kinds = plan.phases.into_iter().map(|phase| (phase.kind, phase.tasks)).collect();
        plan.phases = Vec::new();
        plan.phases = digest::phases(&plan, &parts, kinds);
    }
    Ok(Lowered { plan, splits })
}

/// What the index of a stage holds for a run, which may have added to it before.
fn index(
    plan: &Plan,
    stage: usize,
    root: &Path,
    settings: serde_json::Value,
) -> Result<PlanIndex, IndexError> {
    let sends = |phase: &&Phase| match &phase.kind {
        PhaseKind::Flow { output: FlowOutput::Exchange { stage: sent, .. }, .. } => *sent == stage,
        _ => false,
    };
    // What the stage is shown and how it looks at it name what the run adds.
    let segment =
        plan.phases.iter().find(sends).map_or(String::new(), |phase| phase.digest.clone());
    let store = Store::open(root)?;
    let (version, found) = Version::latest(&store, &plan.stages[stage].op, &settings)?;
    let before = found.before(&segment);
    let pieces = before.iter().flat_map(|segment| segment.pieces.iter().cloned()).collect();
    let root = store.root().clone();
    Ok(PlanIndex { root, settings, version, pieces, segment })
}

/// The plan of a pipeline's stages, in the order of the file, for documents that do not come from
/// its sources: without splits, phases and tokens.
///
/// # Errors
/// As [`check`].
pub fn without_input(pipeline: &Pipeline, assets: &Assets) -> Result<Plan, LowerError> {
    check(pipeline, assets)?;
    let sources = pipeline.sources.iter().map(|source| PlanSource {
        name: source.name.clone(),
        root: Location::default(),
        fields: source.fields(&metadata(pipeline)),
        formats: Vec::new(),
        files: 0,
        bytes: 0,
    });
    let mut plan = draft(pipeline, assets, sources.collect())?.plan;
    plan.tokens = None;
    Ok(plan)
}

/// A plan without phases, and what its digests are made of.
struct Draft {
    plan: Plan,
    settings: Vec<serde_json::Value>,
}

fn draft(
    pipeline: &Pipeline,
    assets: &Assets,
    sources: Vec<PlanSource>,
) -> Result<Draft, LowerError> {
    let wrong = |error: ConfigError| LowerError::Config(pipeline.text.errors(vec![error]));
    let metadata = metadata(pipeline);
    let asset = |error: crate::model::AssetError| wrong(ConfigError::new(error.to_string(), 0..0));
    let mut columns = Columns { metadata: metadata.clone(), signals: Vec::new() };
    let mut stages = Vec::new();
    let mut settings = Vec::new();
    let mut edits = 0..64;
    for stage in &pipeline.stages {
        let first = columns.signals.len();
        let added = stage.columns(&columns).map_err(|error| wrong(stage.error(&error)))?;
        columns.signals.extend(added);
        settings.push(digest::settings(stage.settings.as_ref()).map_err(asset)?);
        stages.push(PlanStage {
            name: stage.name.clone(),
            op: stage.op.name.to_owned(),
            version: stage.op.version,
            settings: stage.settings.to_json(),
            only: stage.only.as_ref().map(|only| indices(pipeline, only)),
            when: stage.when.clone(),
            action: stage.action,
            signals: first..columns.signals.len(),
            table: table(stage).map_err(|error| wrong(stage.error(&error)))?,
            index: None,
            edit: if stage.op.edits { edits.next() } else { None },
        });
    }
    let bytes = sources.iter().map(|source| source.bytes).sum();
    let config = pipeline.tokens.as_ref();
    let tokens = config.map(|config| tokens::plan(config, assets, &columns, bytes)).transpose();
    let plan = Plan {
        tamis: env!("CARGO_PKG_VERSION").to_owned(),
        name: pipeline.name.clone(),
        seed: pipeline.seed,
        sources,
        metadata,
        order: (0..stages.len()).collect(),
        stages,
        signals: columns.signals,
        audit: pipeline.audit.fraction,
        ledger: pipeline.ledger,
        rejected: pipeline.rejected,
        order_digest: None,
        documents: pipeline
            .documents
            .as_ref()
            .map(|documents| documents.value.clone())
            .unwrap_or_default(),
        tokens: tokens.map_err(asset)?,
        splits: 0,
        phases: Vec::new(),
    };
    Ok(Draft { plan, settings })
}

/// The input of a plan.
struct Input {
    sources: Vec<PlanSource>,
    splits: Vec<Split>,
    digest: String,
}

/// Finds the files of all sources and cuts them into splits.
fn plan_input(
    pipeline: &Pipeline,
    metadata: &[String],
    limit: Option<u64>,
) -> Result<Input, LowerError> {
    let base = pipeline.text.path.parent().unwrap_or(Path::new(""));
    let mut inputs = InputDigest::new();
    let mut sources = Vec::new();
    let mut splits = Vec::new();
    let mut missing = Vec::new();
    for (index, source) in (0u32..).zip(&pipeline.sources) {
        let paths = source.path.as_slice();
        let found = match inputs::find(base, paths) {
            Ok(found) => found,
            // Nothing is wrong with the file: the storage may answer next time.
            Err(inputs::InputError::Store(error)) if error.retryable() => {
                return Err(ReadError::from(error).into());
            }
            Err(error) => {
                missing.push(
                    ConfigError::new(format!("source `{}`: {error}", source.name), source.spans.of("path"))
                        .help("paths are relative to the pipeline file; `*` stays within a folder, `**` crosses folders"),
                );
                continue;
            }
        };
        let files = match files::of_source(source, &found, &mut inputs)? {
            Ok(files) => files,
            Err(error) => {
                missing.push(error);
                continue;
            }
        };
        let mut planner = SplitPlanner::new(&found.store, index, source.split_size.0, limit);
        for (file, format) in &files {
            inputs.file(&source.name, &file.path, file.size, &file.tag);
            planner.add(file, *format)?;
        }
        splits.extend(planner.finish());
        let mut formats: Vec<Format> = Vec::new();
        for (_, format) in &files {
            if !formats.contains(format) {
                formats.push(*format);
            }
        }
        sources.push(PlanSource {
            name: source.name.clone(),
            root: found.store.root().clone(),
            fields: source.fields(metadata),
            formats,
            files: files.len() as u64,
            bytes: files.iter().map(|(file, _)| file.size).sum(),
        });
    }
    if !missing.is_empty() {
        return Err(LowerError::Config(pipeline.text.errors(missing)));
    }
    for split in &splits {
        inputs.splits(&serde_json::to_string(split).unwrap_or_default());
    }
    Ok(Input { sources, splits, digest: inputs.finish() })
}

/// Stored bytes of an external table that one task reads, about.
const TABLE_BYTES: u64 = 64 << 20;

/// The files of the external table of a stage, cut into pieces.
fn table(stage: &Stage) -> Result<Option<PlanTable>, OpError> {
    let Some(path) = stage.settings.table() else { return Ok(None) };
    let wrong = |reason: String| OpError::Setting { key: "path", reason };
    let found = inputs::find(Path::new(""), &[path.display().to_string()])
        .map_err(|error| wrong(error.to_string()))?;
    let mut hash = InputDigest::new();
    let mut planner = SplitPlanner::new(&found.store, 0, TABLE_BYTES, None);
    for file in &found.files {
        hash.file("", &file.path, file.size, &file.tag);
        planner.add(file, Format::Parquet).map_err(|error| wrong(error.to_string()))?;
    }
    let pieces = planner.finish().into_iter().flat_map(|split| split.pieces).collect();
    Ok(Some(PlanTable { root: found.store.root().clone(), pieces, digest: hash.finish() }))
}

fn indices(pipeline: &Pipeline, names: &[String]) -> Vec<u32> {
    let sources = (0u32..).zip(&pipeline.sources);
    sources.filter(|(_, source)| names.contains(&source.name)).map(|(index, _)| index).collect()
}

/// Cuts the stages at exchanges.
fn phases(pipeline: &Pipeline, plan: &Plan) -> Vec<(PhaseKind, u32)> {
    let bytes: u64 = plan.sources.iter().map(|source| source.bytes).sum();
    let mut phases: Vec<(PhaseKind, u32)> = Vec::new();
    let mut input = FlowInput::Source;
    let mut first = 0;
    let cutting = pipeline.stages.iter().enumerate().filter(|(_, stage)| stage.op.kind.cuts());
    for (stage, config) in cutting {
        let cuts = Cuts::Even { parts: parts(bytes, BYTES_A_PART).max(few_parts(bytes)) };
        let output = FlowOutput::Exchange { stage, cuts };
        phases.push((PhaseKind::Flow { input, stages: first..stage, output }, plan.splits));
        let documents = phases.len() - 1;
        let table = plan.stages[stage].table.as_ref().map(|table| {
            let tasks = u32::try_from(table.pieces.len()).unwrap_or(u32::MAX);
            phases.push((PhaseKind::Table { stage, cuts }, tasks));
            phases.len() - 1
        });
        let steps = config.settings.steps();
        let joining = [Step::Send, Step::Meet(Target::Documents)];
        let steps = if table.is_some() { &joining } else { steps };
        let pieces = plan.stages[stage].index.as_ref().map_or(0, |index| index.pieces.len());
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        let recall = |phases: &mut Vec<(PhaseKind, u32)>, step, answers| {
            (pieces > 0).then(|| {
                phases.push((PhaseKind::Recall { stage, step, answers, cuts }, pieces));
                phases.len() - 1
            })
        };
        // The phases whose records meet next, and the parts they are in.
        let (mut from, mut sent) = (documents, cuts);
        let mut recalled = recall(&mut phases, 0, None);
        for (step, kind) in steps.iter().enumerate().skip(1) {
            match kind {
                Step::Send => {
                    let answers = from;
                    recalled = recall(&mut phases, step, Some(answers));
                    let kind = PhaseKind::Send { stage, step, documents, answers, cuts };
                    phases.push((kind, plan.splits));
                    sent = cuts;
                }
                Step::Meet(target) => {
                    let tasks = if let Cuts::Even { parts } = sent { parts } else { 1 };
                    sent = match target {
                        Target::Documents => Cuts::Splits,
                        Target::One => Cuts::Even { parts: 1 },
                    };
                    let recalled = recalled.take();
                    let cuts = sent;
                    let kind =
                        PhaseKind::Meet { stage, step, from, documents, table, recalled, cuts };
                    phases.push((kind, tasks));
                }
            }
            from = phases.len() - 1;
        }
        input = FlowInput::Spool { documents, verdicts: from, stage };
        first = stage + 1;
    }
    let output = FlowOutput::Final { tokens: plan.tokens.is_some() };
    phases.push((PhaseKind::Flow { input, stages: first..plan.stages.len(), output }, plan.splits));
    phases.extend(tokens::phases(plan, phases.len() - 1));
    phases
}

/// Parts that let some cores work where the input is small.
fn few_parts(bytes: u64) -> u32 {
    parts(bytes, 16 << 20).min(16)
}

fn parts(bytes: u64, target: u64) -> u32 {
    u32::try_from(bytes.div_ceil(target).max(1)).unwrap_or(u32::MAX)
}
