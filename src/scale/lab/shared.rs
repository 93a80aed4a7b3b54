//! The work that recipes have in common, done once.
//!
//! Recipes over the same sources whose first stages are the same, and look at one document at a time,
//! share these: they are run once, source by source, and the recipes go on from what they keep. Ids
//! and the order of documents stay, so everything behind comes out as it would.

use std::collections::BTreeSet;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::recipe::{self, Draft};
use super::{Lab, LabError};
use crate::config::Pipeline;
use crate::config::source::{FormatChoice, KeptField, Paths, Source};
use crate::exec::driver::Until;
use crate::ops::OpKind;
use crate::plan::Plan;
use crate::plan::lower::check;

/// What decides the result of a recipe's first stages.
pub(super) struct Start {
    /// Sources, with the folder that their paths start from, and the seed.
    sources: String,
    /// Each stage that looks at one document at a time, up to the first that does not.
    stages: Vec<String>,
}

impl Start {
    /// Of a pipeline and its plan.
    ///
    /// # Errors
    /// When the sources have no JSON.
    pub(super) fn of(pipeline: &Pipeline, plan: &Plan) -> Result<Self, LabError> {
        let folder = pipeline.text.path.parent().unwrap_or(Path::new(""));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let sources: Vec<&Source> = pipeline.sources.iter().map(|source| &source.value).collect();
        let sources = serde_json::to_string(&(folder, sources, pipeline.seed))?;
        let single =
            pipeline.stages.iter().zip(&plan.stages).take_while(|(stage, _)| {
                matches!(stage.op.kind, OpKind::Document | OpKind::Partition)
            });
        // Models by their paths: the folder and what it holds are the same.
        let stages = single
            .map(|(_, stage)| serde_json::to_string(stage))
            .collect::<Result<Vec<String>, _>>()?;
        Ok(Self { sources, stages })
    }

    /// How many of the first stages are the same.
    fn common(&self, other: &Self) -> usize {
        if self.sources != other.sources {
            return 0;
        }
        self.stages.iter().zip(&other.stages).take_while(|(own, other)| own == other).count()
    }
}

/// Lets the recipes that have first stages in common go on from what these keep.
///
/// # Errors
/// When they cannot be run.
pub(super) fn share(lab: &Lab<'_>, drafts: &mut [Draft]) -> Result<(), LabError> {
    let mut done: BTreeSet<String> = BTreeSet::new();
    let most: Vec<usize> = drafts
        .iter()
        .map(|draft| {
            let others = drafts.iter().filter(|other| other.folder != draft.folder);
            others.map(|other| draft.start.common(&other.start)).max().unwrap_or(0)
        })
        .collect();
    for (draft, stages) in drafts.iter_mut().zip(most) {
        if stages == 0 || draft.pipeline.sources.iter().any(|it| it.conversation.is_some()) {
            continue;
        }
        let key = format!("{}\n{}", draft.start.sources, draft.start.stages[..stages].join("\n"));
        let folder = format!("shared/{:016x}", xxh3_128(key.as_bytes()) >> 64);
        let rest = behind(lab, draft, stages, &folder)?;
        // A later stage may ask for a signal of these.
        if check(&rest, &lab.assets).is_err() {
            continue;
        }
        if done.insert(folder.clone()) {
            lab.tell(&format!("{}: its first {stages} stages, which are shared", draft.name));
            for number in 0..draft.pipeline.sources.len() {
                run(lab, draft, stages, number, &folder).map_err(LabError::of(&draft.name))?;
            }
        }
        draft.pipeline = rest;
    }
    Ok(())
}

/// The pipeline of a draft again, as its file has it.
fn again(draft: &Draft) -> Result<Pipeline, LabError> {
    let mut pipeline = Pipeline::load(&draft.pipeline.text.path, &[])?;
    pipeline.train = None;
    pipeline.tokens = None;
    Ok(pipeline)
}

/// Runs the first stages on one source.
fn run(
    lab: &Lab<'_>,
    draft: &Draft,
    stages: usize,
    number: usize,
    folder: &str,
) -> Result<(), LabError> {
    let mut pipeline = again(draft)?;
    let source = pipeline.sources.swap_remove(number);
    pipeline.stages.truncate(stages);
    pipeline
        .stages
        .retain_mut(|stage| stage.only.take().is_none_or(|only| only.contains(&source.value.name)));
    pipeline.sources = vec![source];
    pipeline.documents = None;
    pipeline.tests.clear();
    recipe::run(lab, &format!("{folder}/{number}"), &pipeline, Until::Tokens)?;
    Ok(())
}

/// The pipeline of a draft behind its first stages.
fn behind(lab: &Lab<'_>, draft: &Draft, stages: usize, folder: &str) -> Result<Pipeline, LabError> {
    let mut pipeline = again(draft)?;
    pipeline.stages.drain(..stages);
    for (number, source) in pipeline.sources.iter_mut().enumerate() {
        let documents = lab.path(format!("{folder}/{number}/documents/*.parquet"));
        let documents = std::path::absolute(&documents).unwrap_or(documents);
        let kept = source.value.kept().into_iter().map(str::to_owned).collect::<Vec<String>>();
        source.value = Source {
            name: source.value.name.clone(),
            path: Paths::One(documents.display().to_string()),
            format: FormatChoice::Parquet,
            id_field: Some("id".to_owned()),
            keep_ids: true,
            keep_fields: Some(kept.into_iter().map(KeptField::Same).collect()),
            split_size: source.value.split_size,
            corpus: None,
            text_field: None,
            conversation: None,
            delimiter: None,
            quote: None,
            columns: None,
            documents: None,
            http_errors: None,
            check_digests: None,
        };
    }
    Ok(pipeline)
}
