//! The texts that losses are measured on.
//!
//! Of each file some texts are drawn by their ids (`evaluation/candidates`). Those of which a
//! twentieth of the runs of 13 words stands in a document that a recipe keeps are left out, for all
//! recipes alike; the others (`evaluation/sets`) become shards (`evaluation/run`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::recipe::{Recipe, run, written};
use super::tokenizer::Chosen;
use super::{Lab, LabError};
use crate::exec::driver::Until;
use crate::exec::summary::grouped;
use crate::ledger::query;
use crate::ledger::run::Run;
use crate::plan::inputs;
use crate::tokens::dataset::Dataset;
use crate::tokens::sample;

/// Share of an evaluation text's runs of words in one document, from which on it is left out.
const SHARE: f64 = 0.05;

/// What losses are measured on.
pub(super) struct Evaluation {
    /// The folder of the run with the shards.
    pub(super) folder: String,
    pub(super) dataset: Dataset,
    pub(super) sets: Vec<Set>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Its name: that of its file.
    pub name: String,
    /// Texts that are scored.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Texts left out, since a recipe keeps them too.
    pub contaminated: u64,
}

/// Draws, checks and encodes the evaluation.
///
/// # Errors
/// When a file is missing or cannot be read, or nothing of it is left.
pub(super) fn prepare(
    lab: &Lab<'_>,
    base: &Path,
    recipes: &[Recipe],
    tokenizer: &Chosen,
) -> Result<Evaluation, LabError> {
    let candidates = candidates(lab, base)?;
    let mut found: BTreeSet<(String, u64)> = BTreeSet::new();
    let mut looked: BTreeSet<&str> = BTreeSet::new();
    for recipe in recipes {
        if looked.insert(&recipe.folder) {
            found.extend(contaminated(lab, recipe, &candidates)?);
        }
    }
    let mut sets = Vec::new();
    for (name, texts) in &candidates {
        let kept: Vec<&String> = (1..)
            .zip(texts)
            .filter(|(line, _)| !found.contains(&(name.clone(), *line)))
            .map(|(_, text)| text)
            .collect();
        if kept.is_empty() {
            return Err(LabError::Setting(format!(
                "[evaluation]: all {} texts drawn from `{name}` stand in what a recipe keeps; give \
                 texts that are in none of the sources",
                texts.len()
            )));
        }
        lab.store
            .put(&format!("evaluation/sets/{name}.jsonl"), lines(kept.iter().copied()).into())?;
        sets.push(Set {
            name: name.clone(),
            documents: kept.len() as u64,
            bytes: kept.iter().map(|text| text.len() as u64).sum(),
            contaminated: (texts.len() - kept.len()) as u64,
        });
    }
    for set in &sets {
        lab.tell(&format!(
            "evaluation {}: {} texts, {} bytes; {} are in a recipe and left out",
            set.name,
            grouped(set.documents),
            grouped(set.bytes),
            grouped(set.contaminated)
        ));
    }
    let folder = "evaluation/run".to_owned();
    let dataset = encode(lab, &folder, &sets, tokenizer)?;
    Ok(Evaluation { folder, dataset, sets })
}

/// The texts drawn, by set; they are written as files too.
fn candidates(lab: &Lab<'_>, base: &Path) -> Result<BTreeMap<String, Vec<String>>, LabError> {
    let config = &lab.config.evaluation;
    let setting = |message: String| LabError::Setting(format!("[evaluation]: {message}"));
    let found = inputs::find(base, &config.sets).map_err(|error| match error {
        inputs::InputError::Store(error) => error.into(),
        error => setting(error.to_string()),
    })?;
    let mut sets = BTreeMap::new();
    for file in &found.files {
        let path = found.store.root().join(&file.path);
        let name = set_name(&file.path);
        // By a seed of its own: other trainings are measured on the same texts.
        let texts =
            sample::draw_from(std::slice::from_ref(&path), "text", 0, config.bytes.0)?.texts;
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.trim().is_empty()).collect();
        if texts.is_empty() {
            return Err(setting(format!("{path} has no text in the field `text`")));
        }
        let target = format!("evaluation/candidates/{name}.jsonl");
        lab.store.put(&target, lines(texts.iter()).into())?;
        if sets.insert(name.clone(), texts).is_some() {
            return Err(setting(format!("two files are called `{name}`; rename one")));
        }
    }
    Ok(sets)
}

/// The file's name up to its kind.
fn set_name(path: &str) -> String {
    const KINDS: [&str; 8] =
        [".json", ".parquet", ".txt", ".arrow", ".csv", ".tsv", ".warc", ".wet"];
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = KINDS.iter().filter_map(|kind| name.find(kind)).filter(|end| *end > 0).min();
    name[..end.unwrap_or(name.len())].to_owned()
}

fn lines<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    texts.fold(String::new(), |mut lines, text| {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", json!({ "text": text }));
        lines
    })
}

/// The candidates that stand in what a recipe keeps, as set and line.
fn contaminated(
    lab: &Lab<'_>,
    recipe: &Recipe,
    candidates: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<(String, u64)>, LabError> {
    let folder = recipe.folder.replacen("recipes", "evaluation/searches", 1);
    let benchmarks: Vec<String> = candidates
        .keys()
        .map(|name| format!("evaluation/candidates/{name}.jsonl"))
        .map(|path| lab.path(path).display().to_string())
        .collect();
    let documents = lab.path(&recipe.folder).join("documents/*.parquet");
    let search = json!({
        "name": "evaluation",
        "source": [{ "name": "recipe", "path": documents.display().to_string() }],
        "stage": [{
            "op": "decontaminate",
            "action": "annotate",
            "method": "ngram",
            "min_score": SHARE,
            "benchmarks": benchmarks,
            "question_fields": ["text"],
            // So that the number of the line is the item's name.
            "id_fields": ["no field is called so"],
        }],
    });
    let path = lab.path(&folder);
    run(lab, &folder, &written(&path.join("pipeline.toml"), &search)?, Until::Tokens)?;
    let searched = Run::open(&path)?;
    let frame =
        query::query(&searched, "SELECT DISTINCT benchmark, item FROM contamination", None)?;
    let mut found = Vec::new();
    if let [benchmarks, items] = frame.columns() {
        let texts = |column: &polars::prelude::Column| {
            let texts = column.str().map_err(|error| LabError::Setting(error.to_string()))?;
            Ok::<_, LabError>(texts.clone())
        };
        for (benchmark, item) in texts(benchmarks)?.iter().zip(texts(items)?.iter()) {
            let (Some(benchmark), Some(item)) = (benchmark, item) else { continue };
            if let Ok(line) = item.parse() {
                found.push((benchmark.to_owned(), line));
            }
        }
    }
    Ok(found)
}

/// The shards of the texts, a source a set.
fn encode(
    lab: &Lab<'_>,
    folder: &str,
    sets: &[Set],
    tokenizer: &Chosen,
) -> Result<Dataset, LabError> {
    let sources: Vec<Value> = sets
        .iter()
        .map(|set| {
            let path = lab.path(format!("evaluation/sets/{}.jsonl", set.name));
            json!({ "name": set.name, "path": path.display().to_string() })
        })
        .collect();
    let mut tokens = json!({
        "tokenizer": tokenizer.path.display().to_string(),
        "sequence_length": lab.config.ladder.sequence_length,
        "validation_fraction": 0.0,
    });
    if let Some(end) = &tokenizer.end {
        tokens["end_of_document"] = json!(end);
    }
    let pipeline = json!({ "name": "evaluation", "source": sources, "tokens": tokens });
    let pipeline = written(&lab.path(folder).join("pipeline.toml"), &pipeline)?;
    let (store, _) = run(lab, folder, &pipeline, Until::Tokens)?;
    Ok(Dataset::load(&store)?)
}
