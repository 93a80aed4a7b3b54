//! The driver: one loop over the phases, for every engine. Starting it again is how a run resumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ExecError;
use super::contamination;
use super::counters::Counters;
use super::engine::Engine;
use super::manifest::{Manifest, Role, committed};
use super::recall;
use super::summary::Summary;
use crate::cluster::{Cluster, PhaseJob};
use crate::plan::{FlowInput, FlowOutput, Phase, PhaseKind, Plan, PlanError};
use crate::store::Store;
use crate::tokens::count::CELLS;
use crate::tokens::dataset::Dataset;

/// Which files a finished phase left for later ones; written by the driver, read by tasks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PhaseOutputs {
    /// Spool files by split.
    pub spool: Vec<String>,
    /// Rows of each split.
    #[serde(default)]
    pub rows: Vec<u64>,
    /// Exchange files by task.
    pub exchange: Vec<String>,
    /// Counts of tokens by task.
    #[serde(default)]
    pub counts: Vec<String>,
    /// The table of slices.
    #[serde(default)]
    pub slices: Option<String>,
}

impl PhaseOutputs {
    fn is_empty(&self) -> bool {
        self.spool.is_empty() && self.exchange.is_empty() && self.slices.is_none()
    }

    fn path(phase: &Phase, index: usize) -> String {
        format!("{}/outputs.json", phase.work(index))
    }

    pub(super) fn load(store: &Store, phase: &Phase, index: usize) -> Result<Self, ExecError> {
        let path = Self::path(phase, index);
        let outputs = serde_json::from_slice(&store.read(&path)?)
            .map_err(|source| PlanError::Format { path, source })?;
        Ok(outputs)
    }

    fn save(&self, store: &Store, phase: &Phase, index: usize) -> Result<(), ExecError> {
        let path = Self::path(phase, index);
        let bytes = serde_json::to_vec(self)
            .map_err(|source| PlanError::Format { path: path.clone(), source })?;
        Ok(store.put(&path, Bytes::from(bytes))?)
    }
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// To `documents/` and `ledger/`.
    Documents,
    /// To `tokens/`, where the plan has them.
    Tokens,
}

/// What the driver tells while it runs.
pub enum Progress<'a> {
    /// A phase begins; `done` of its tasks were committed before.
    Phase {
        /// Its name.
        name: &'a str,
        /// Its tasks.
        tasks: u32,
        /// Those done already.
        done: u32,
    },
    /// A task of the current phase is committed.
    Task(&'a Manifest),
}

/// Settings of one run that change no result.
pub struct RunOptions<'a> {
    /// How far to go.
    pub until: Until,
    /// Forget everything committed.
    pub fresh: bool,
    /// Keep `work/` at the end.
    pub keep_work: bool,
    /// Told what happens.
    pub progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// Runs the phases of `engine`'s plan that are not committed yet, on `cluster`.
///
/// # Errors
/// When a task fails for good; what is committed stays, and the next run goes on from there.
pub fn run(
    engine: &Arc<Engine>,
    cluster: &dyn Cluster,
    options: &RunOptions<'_>,
) -> Result<Summary, ExecError> {
    let start = Instant::now();
    let (store, plan) = (&engine.store, &engine.plan);
    store.check_commits()?;
    clear_stale(store, plan, options.fresh)?;
    let last = match options.until {
        Until::Documents => plan.final_phase(),
        Until::Tokens => plan.phases.len() - 1,
    };
    let needed = needed_phases(store, plan, last)?;
    let mut totals = Counters::default();
    let mut wall = BTreeMap::new();
    for (index, phase) in plan.phases.iter().enumerate().take(last + 1) {
        let done = committed(store, phase, index)?;
        let pending: Vec<u32> = (0..phase.tasks).filter(|&task| !done[task as usize]).collect();
        let name = phase.name(index);
        if needed.contains(&index) && !pending.is_empty() {
            let already = phase.tasks - u32::try_from(pending.len()).unwrap_or(phase.tasks);
            (options.progress)(Progress::Phase { name: &name, tasks: phase.tasks, done: already });
            let start = Instant::now();
            let job = PhaseJob {
                engine,
                phase: index,
                name: &name,
                done: &|manifest| (options.progress)(Progress::Task(manifest)),
            };
            cluster.run_phase(&job, &pending)?;
            wall.insert(
                name.clone(),
                u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            );
        }
        let mut outputs = PhaseOutputs::default();
        for task in 0..phase.tasks {
            let Some(manifest) = Manifest::load(store, phase, index, task)? else { continue };
            totals.add(&manifest.counters);
            for output in manifest.outputs {
                match output.role {
                    Role::Spool => {
                        outputs.spool.push(output.written.path);
                        outputs.rows.push(output.rows);
                    }
                    Role::Exchange => outputs.exchange.push(output.written.path),
                    Role::Counts => outputs.counts.push(output.written.path),
                    Role::Slices => outputs.slices = Some(output.written.path),
                    _ => {}
                }
            }
        }
        if needed.contains(&index) && !outputs.is_empty() {
            outputs.save(store, phase, index)?;
        }
    }
    let failed = totals.failed_total();
    if totals.read != totals.kept + totals.dropped + failed {
        let Counters { read, kept, dropped, .. } = totals;
        return Err(ExecError::Unbalanced { read, kept, dropped, failed });
    }
    let tokens = options.until >= Until::Tokens && plan.tokens.is_some();
    let wall_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut summary = Summary::new(plan, &totals, tokens, wall_ms, wall);
    if let (Some(summary), true) = (&mut summary.tokens, last + 1 == plan.phases.len()) {
        let dataset = Dataset::load(store)?;
        if !dataset.by.is_empty() {
            summary.mixture = dataset.stages;
        }
    }
    summary.contamination = contamination::report(store, plan)?;
    summary.save(store)?;
    recall::publish(store, plan)?;
    // Kept while shards are still to be made from it.
    if !options.keep_work && last + 1 == plan.phases.len() {
        store.delete_below("work")?;
    }
    Ok(summary)
}

/// Removes what another plan left in the run directory, and what killed writers staged.
fn clear_stale(store: &Store, plan: &Plan, fresh: bool) -> Result<(), ExecError> {
    if fresh {
        for folder in ["manifests", "work"] {
            store.delete_below(folder)?;
        }
    }
    let current: BTreeSet<String> =
        plan.phases.iter().enumerate().map(|(index, phase)| phase.manifests(index)).collect();
    let mut present = BTreeSet::new();
    for entry in store.list("manifests")? {
        if let Some((folder, _)) = entry.path.rsplit_once('/') {
            present.insert(folder.to_owned());
        }
    }
    for stale in present.difference(&current) {
        store.delete_below(stale)?;
    }
    let held: BTreeSet<String> =
        plan.phases.iter().enumerate().map(|(index, phase)| phase.work(index)).collect();
    let mut work = BTreeSet::new();
    for entry in store.list("work")? {
        work.extend(entry.path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
    }
    for stale in work.difference(&held) {
        store.delete_below(stale)?;
    }
    for (index, phase) in plan.phases.iter().enumerate() {
        if present.contains(&phase.manifests(index)) {
            continue;
        }
        // Nothing of this phase is committed, so what stands in its folders is another plan's.
        match phase.kind {
            PhaseKind::Flow { output: FlowOutput::Final { .. }, .. } => {
                store.delete_below("documents")?;
                store.delete_below("ledger")?;
                store.delete_below("rejected")?;
                store.delete_below(contamination::FOLDER)?;
                store.delete_below("attributes")?;
                store.delete_below("tokens")?;
            }
            PhaseKind::Count { .. } => store.delete_below("tokens")?,
            PhaseKind::Shard { .. } => {
                for entry in store.list("tokens")? {
                    if entry.path != CELLS {
                        store.delete(&entry.path)?;
                    }
                }
            }
            PhaseKind::Dataset { .. } => store.delete_below("tokens/blend")?,
            _ => {}
        }
    }
    if plan.tokens.is_none() {
        store.delete_below("tokens")?;
    }
    Ok(store.sweep("")?)
}

/// The phases that have to run or whose files are read by one that has to. Commits whose files are
/// gone (`work/` is removed at the end of a run) are taken back where their files are needed.
fn needed_phases(store: &Store, plan: &Plan, last: usize) -> Result<BTreeSet<usize>, ExecError> {
    let mut needed = BTreeSet::new();
    for index in (0..=last).rev() {
        let phase = &plan.phases[index];
        let wanted = plan.phases[..=last]
            .iter()
            .enumerate()
            .any(|(later, phase)| needed.contains(&later) && reads(&phase.kind, index));
        let mut complete = true;
        for (task, done) in (0..).zip(committed(store, phase, index)?) {
            let Some(manifest) =
                done.then(|| Manifest::load(store, phase, index, task)).transpose()?.flatten()
            else {
                complete = false;
                continue;
            };
            let mut gone = false;
            for output in &manifest.outputs {
                if (wanted || !output.role.is_scratch()) && !store.exists(&output.written.path)? {
                    gone = true;
                }
            }
            if gone {
                Manifest::revoke(store, phase, index, task)?;
                complete = false;
            }
        }
        if wanted || !complete {
            needed.insert(index);
        }
    }
    Ok(needed)
}

/// Whether a phase reads what the phase `from` wrote.
fn reads(kind: &PhaseKind, from: usize) -> bool {
    match kind {
        // A data set is described from what stays.
        PhaseKind::Flow { input: FlowInput::Source, .. }
        | PhaseKind::Table { .. }
        | PhaseKind::Dataset { .. } => false,
        PhaseKind::Flow { input: FlowInput::Spool { documents, verdicts, .. }, .. } => {
            from == *documents || from == *verdicts
        }
        PhaseKind::Recall { answers, .. } => *answers == Some(from),
        PhaseKind::Send { documents, answers, .. } => from == *documents || from == *answers,
        PhaseKind::Meet { from: source, documents, table, recalled, .. } => {
            let others = [*table, *recalled];
            from == *source || from == *documents || others.contains(&Some(from))
        }
        PhaseKind::Count { from: source } => from == *source,
        PhaseKind::Deal { from: source, count }
        | PhaseKind::Rows { from: source, count }
        | PhaseKind::Shard { from: source, count } => from == *source || from == *count,
    }
}
