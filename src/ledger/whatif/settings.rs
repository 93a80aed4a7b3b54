//! Overrides of settings, for a plan that has run.

use serde::Serialize;
use serde_json::Value;

use super::Rerun;
use crate::config::diagnostic::nearest;
use crate::config::schema::op_schema;
use crate::config::stage::StageKeys;
use crate::exec::sample;
use crate::ledger::LedgerError;
use crate::model::Assets;
use crate::ops::{AnySettings, BuildContext, Columns, OpEntry, find};
use crate::plan::Plan;

/// A changed setting.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// The stage.
    pub stage: String,
    /// The setting.
    pub key: String,
    /// What it is.
    pub from: Value,
    /// What it would be.
    pub to: Value,
}

/// A stage with changed settings.
pub(super) struct Changed {
    /// Its index.
    pub(super) index: usize,
    pub(super) old: Box<dyn AnySettings>,
    pub(super) new: Box<dyn AnySettings>,
    /// Its signals: name within the stage, and column.
    pub(super) columns: Vec<(String, String)>,
}

/// Reads the overrides; gives the stages they change, in the order of the file.
pub(super) fn changed(
    plan: &Plan,
    sets: &[String],
    rerun: &Rerun,
) -> Result<(Vec<Change>, Vec<Changed>), LedgerError> {
    if sets.is_empty() {
        return Err(LedgerError::Question(
            "nothing to ask: give --set stage.<name>.<key>=<value>, such as --set stage.gopher-quality.min_words=80"
                .to_owned(),
        ));
    }
    let mut changes: Vec<Change> = Vec::new();
    let mut settings: Vec<Option<Value>> = vec![None; plan.stages.len()];
    for set in sets {
        let (index, key, to) = parse(plan, set, rerun)?;
        let table = settings[index].get_or_insert_with(|| plan.stages[index].settings.clone());
        let stage = plan.stages[index].name.clone();
        let from = plan.stages[index].settings.get(&key).cloned().unwrap_or_default();
        if let Some(table) = table.as_object_mut() {
            table.insert(key.clone(), to.clone());
        }
        changes.retain(|change| change.stage != stage || change.key != key);
        changes.push(Change { stage, key, from, to });
    }
    let assets = Assets::default();
    let mut stages = Vec::new();
    for (index, table) in settings.into_iter().enumerate() {
        let Some(table) = table else { continue };
        let stage = &plan.stages[index];
        let wrong =
            |error: String| LedgerError::Question(format!("stage `{}`: {error}", stage.name));
        let new =
            (entry(plan, index)?.from_json)(table).map_err(|error| wrong(error.to_string()))?;
        let columns = Columns {
            metadata: plan.metadata.clone(),
            signals: plan.signals[..stage.signals.start].to_vec(),
        };
        let sources: Vec<String> = plan.sources.iter().map(|source| source.name.clone()).collect();
        let context =
            BuildContext { assets: &assets, columns: &columns, seed: plan.seed, sources: &sources };
        // Finds values that cannot work, as a run would.
        new.build(&context).map_err(|error| wrong(error.to_string()))?;
        let prefix = format!("{}.", stage.name);
        let signals = plan.signals[stage.signals.clone()].iter();
        let names = signals
            .map(|(full, _)| (full.strip_prefix(&prefix).unwrap_or(full).to_owned(), full.clone()));
        stages.push(Changed {
            index,
            old: stage.typed_settings().map_err(|e| sample::failed(stage, e))?,
            new,
            columns: names.collect(),
        });
    }
    Ok((changes, stages))
}

fn entry(plan: &Plan, stage: usize) -> Result<&'static OpEntry, LedgerError> {
    let op = &plan.stages[stage].op;
    find(op).ok_or_else(|| {
        LedgerError::Question(format!(
            "this version of tamis has no op `{op}`; ask the version that ran it"
        ))
    })
}

/// Reads `stage.<name>.<key>=<value>`.
fn parse(plan: &Plan, set: &str, rerun: &Rerun) -> Result<(usize, String, Value), LedgerError> {
    let question = |text: String| LedgerError::Question(text);
    let form = || {
        question(format!(
            "`--set {set}`: write stage.<name>.<key>=<value>, such as stage.gopher-quality.min_words=80"
        ))
    };
    let (path, value) = set.split_once('=').ok_or_else(form)?;
    let Some(path) = path.trim().strip_prefix("stage.") else {
        return Err(question(format!(
            "`--set {set}`: only settings of stages can be asked about (stage.<name>.<key>=<value>); anything else takes a re-run, and {}",
            rerun.text()
        )));
    };
    let (name, key) = path.split_once('.').ok_or_else(form)?;
    let Some(index) = plan.stages.iter().position(|stage| stage.name == name) else {
        let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
        return Err(question(match nearest(name, &names) {
            Some(near) => format!("the run has no stage `{name}`; did you mean `{near}`?"),
            None => format!("the run has no stage `{name}`; it has: {}", names.join(", ")),
        }));
    };
    let entry = entry(plan, index)?;
    let schema = op_schema(entry);
    let keys: Vec<&str> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    if !entry.thresholds.contains(&key) {
        if !keys.contains(&key) && !StageKeys::NAMES.contains(&key) {
            return Err(question(match nearest(key, &keys) {
                Some(near) => {
                    format!("stage `{name}` has no setting `{key}`; did you mean `{near}`?")
                }
                None => {
                    format!("stage `{name}` has no setting `{key}`; it has: {}", keys.join(", "))
                }
            }));
        }
        let can = if entry.thresholds.is_empty() {
            format!("no setting of `{}` can", entry.name)
        } else {
            format!("these can: {}", entry.thresholds.join(", "))
        };
        return Err(question(format!(
            "what `{key}` changes cannot be told from the signals of stage `{name}` ({can}); {}",
            rerun.text()
        )));
    }
    // Values are TOML, and what is no TOML value is a string, as everywhere with --set.
    let table: Option<toml::Table> = toml::from_str(&format!("value = {value}")).ok();
    let value = table.and_then(|mut table| serde_json::to_value(table.remove("value")?).ok());
    let value = value.unwrap_or_else(|| Value::from(set.split_once('=').map_or("", |(_, v)| v)));
    Ok((index, key.to_owned(), value))
}
