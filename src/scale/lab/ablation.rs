//! Recipes with one stage less, with one stage alone, or with chance in a stage's place.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::recipe::{Draft, Recipe, written};
use super::tokenizer::Chosen;
use super::{Lab, LabError};
use crate::config::Pipeline;
use crate::config::scale::{AblateConfig, Way};
use crate::config::stage::Stage;
use crate::scale::as_f64;

/// A variant of a recipe.
pub(super) struct Variant {
    /// Name of the recipe.
    pub(super) of: String,
    /// The stage it is about; none for the recipe without any stage.
    pub(super) stage: Option<String>,
    pub(super) way: Way,
    /// Number of the rung it is trained on.
    pub(super) rung: usize,
    /// What it keeps.
    pub(super) recipe: Recipe,
    /// Core-seconds and documents of the stage in the recipe.
    pub(super) cost: StageCost,
}

/// What a stage takes and drops in its recipe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCost {
    /// Documents it saw.
    pub seen: u64,
    /// Those it dropped.
    pub dropped: u64,
    /// Core-seconds.
    pub seconds: f64,
}

/// Makes the variants that the file asks for; one that cannot be is told and left out.
///
/// # Errors
/// When `[[ablate]]` names a stage or a size that is not there, or storage fails.
pub(super) fn make(
    lab: &Lab<'_>,
    recipes: &[Recipe],
    tokenizer: &Chosen,
) -> Result<Vec<Variant>, LabError> {
    let mut variants = Vec::new();
    for ablation in &lab.config.ablations {
        let config = &ablation.value;
        let rung = rung(lab, config)?;
        // The file was checked for it.
        let Some(base) = recipes.iter().find(|recipe| recipe.name == config.recipe) else {
            continue;
        };
        let file = lab.config.recipes.iter().find(|recipe| recipe.value.name == config.recipe);
        let Some(file) = file.map(|recipe| &recipe.value.pipeline) else { continue };
        let load = || Pipeline::load(file, &[]);
        let names: Vec<String> = load()?.stages.iter().map(|stage| stage.name.clone()).collect();
        let wanted = config.stages.as_ref().unwrap_or(&names);
        if let Some(unknown) = wanted.iter().find(|name| !names.contains(name)) {
            return Err(LabError::Setting(format!(
                "[[ablate]]: the recipe `{}` has no stage `{unknown}`; it has {}",
                config.recipe,
                names.join(", ")
            )));
        }
        let mut add = |stage: Option<&String>, way, name: String, pipeline| {
            let cost = stage.map_or_else(StageCost::default, |stage| cost(base, stage));
            let made = Draft::new(lab, &[], &name, base.seed, pipeline)
                .and_then(|draft| draft.make(lab, tokenizer));
            match made {
                Ok(recipe) => variants.push(Variant {
                    of: base.name.clone(),
                    stage: stage.cloned(),
                    way,
                    rung,
                    recipe,
                    cost,
                }),
                Err(LabError::Store(error)) => return Err(LabError::Store(error)),
                Err(error) => lab.tell(&format!("{name} is left out: {}", chain(&error))),
            }
            Ok(())
        };
        for way in &config.ways {
            if *way == Way::AddOne {
                let mut pipeline = load()?;
                pipeline.stages.clear();
                add(None, *way, format!("{} without stages", base.name), pipeline)?;
            }
            for name in wanted {
                let mut pipeline = load()?;
                let is_it = |stage: &Stage| stage.name == *name;
                let Some(at) = pipeline.stages.iter().position(is_it) else { continue };
                let text = match way {
                    Way::LeaveOneOut => {
                        pipeline.stages.remove(at);
                        format!("{} without {name}", base.name)
                    }
                    Way::AddOne => {
                        pipeline.stages.retain(is_it);
                        format!("{} with {name} alone", base.name)
                    }
                    Way::RandomDrop => {
                        let StageCost { seen, dropped, .. } = cost(base, name);
                        // What drops nothing is no filter.
                        if dropped == 0 {
                            continue;
                        }
                        pipeline.stages[at] = sample(name, kept_share(seen, dropped))?;
                        format!("{} with chance for {name}", base.name)
                    }
                };
                add(Some(name), *way, text, pipeline)?;
            }
        }
    }
    Ok(variants)
}

/// The rung of an ablation: the one asked for, or the largest but one.
fn rung(lab: &Lab<'_>, config: &AblateConfig) -> Result<usize, LabError> {
    let params = &lab.config.ladder.params;
    let Some(asked) = config.params else { return Ok(params.len().saturating_sub(2)) };
    let near = |size: &f64| (size / asked - 1.0).abs() < 1e-6;
    params.iter().position(near).ok_or_else(|| {
        LabError::Setting(format!(
            "[[ablate]]: params = {asked} is none of the ladder's sizes {params:?}"
        ))
    })
}

fn cost(base: &Recipe, name: &str) -> StageCost {
    let stage = base.summary.stages.iter().find(|stage| stage.stage == name);
    stage.map_or_else(StageCost::default, |stage| StageCost {
        seen: stage.seen,
        dropped: stage.dropped,
        seconds: stage.seconds,
    })
}

fn kept_share(seen: u64, dropped: u64) -> f64 {
    1.0 - as_f64(dropped) / as_f64(seen.max(1))
}

/// A stage that keeps this share of the documents, chosen by their ids.
fn sample(salt: &str, fraction: f64) -> Result<Stage, LabError> {
    let chance = json!({
        "name": "chance",
        "source": [{ "name": "none", "path": "none.jsonl" }],
        "stage": [{ "op": "sample", "name": salt, "fraction": fraction, "salt": salt }],
    });
    let mut pipeline = written(std::path::Path::new("chance.toml"), &chance)?;
    pipeline.stages.pop().ok_or_else(|| LabError::Setting("a sample has one stage".to_owned()))
}

/// An error with its causes, on one line.
fn chain(error: &LabError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}
