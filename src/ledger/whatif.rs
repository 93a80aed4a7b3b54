//! `tamis whatif`: what other thresholds would change, from the ledger alone.
//!
//! A stage's decision follows from its signals, so for every row that the stage looked at the
//! ledger says what it would decide with other thresholds. A document that falls now, or falls at
//! another stage than before, is counted exactly. One that is let through now has a fate at the
//! stages behind that nobody has asked for, unless it belongs to the audit sample, a sample drawn by
//! document id: from those the share that passes is estimated. Nothing can be told beyond an
//! exchange, where documents meet: there a count ends.

mod estimate;
mod settings;
mod tally;

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use self::settings::Changed;
use self::tally::{Question, Tally};
use super::LedgerError;
use super::fate::{self, Stages};
use super::run::Run;

pub use self::estimate::Estimate;
pub use self::settings::Change;

/// What would be.
#[derive(Debug, Serialize)]
pub struct WhatIf {
    /// The settings changed.
    pub changes: Vec<Change>,
    /// The exchange stage before which the count ends; `None` where it goes to the end.
    pub up_to: Option<String>,
    /// Whether every number is exact.
    pub exact: bool,
    /// Documents that pass all stages up to there, as it is.
    pub before: u64,
    /// Documents that would.
    pub after: Estimate,
    /// Documents that pass as it is and would not, exact; by what became of them: `kept`, or the
    /// stage that drops them later.
    pub lost: BTreeMap<String, u64>,
    /// Documents that do not pass as it is and would.
    pub gained: Gained,
    /// The stages with changed settings.
    pub stages: Vec<StageEffect>,
    /// What a re-run would cost.
    pub rerun: Rerun,
}

/// How many documents would pass that do not as it is.
#[derive(Debug, Serialize)]
pub struct Gained {
    /// Their number.
    pub number: Estimate,
    /// Those of which it is known.
    pub certain: u64,
    /// Documents let through of which the ledger does not know what later stages would do.
    pub unknown: u64,
    /// Documents of the audit sample in the same place.
    pub sample: u64,
    /// How many of those later stages let pass.
    pub sample_passing: u64,
}

/// What happens at a changed stage; all of it exact.
#[derive(Debug, Serialize)]
pub struct StageEffect {
    /// The stage.
    pub stage: String,
    /// Documents that reach it and would fall there, by what becomes of them as it is: `kept`, or
    /// the stage that drops them.
    pub falls: BTreeMap<String, u64>,
    /// Documents that fall there and would be let through.
    pub released: u64,
}

/// What it takes to know all of it.
#[derive(Debug, Serialize)]
pub struct Rerun {
    /// Records to read.
    pub records: Option<u64>,
    /// Time that the stages took on one core, in seconds.
    pub cpu_seconds: Option<f64>,
}

/// What the overrides `sets` (`stage.<name>.<key>=<value>`) would change.
///
/// # Errors
/// When a key cannot be changed without a re-run, or the ledger does not read.
pub fn whatif(run: &Run, sets: &[String]) -> Result<WhatIf, LedgerError> {
    run.complete()?;
    let plan = &run.plan;
    let stages = Stages::new(plan);
    let rerun = rerun(run)?;
    let (settings, changed) = settings::changed(plan, sets, &rerun)?;
    let segment = segment(&stages, plan.stages.len(), &changed, run)?;
    let question = Question { plan, stages: &stages, changed: &changed, segment: segment.clone() };
    let mut columns = fate::COLUMNS.to_vec();
    columns.extend(
        changed.iter().flat_map(|stage| stage.columns.iter().map(|(_, full)| full.as_str())),
    );
    let tallies = (0..run.ledger.parts())
        .into_par_iter()
        .map(|part| {
            let mut tally = Tally::new(changed.len());
            for batch in run.ledger.read(part, &columns)? {
                question.count(&batch?, &mut tally)?;
            }
            Ok(tally)
        })
        .collect::<Result<Vec<_>, LedgerError>>()?;
    let mut tally = Tally::new(changed.len());
    for part in &tallies {
        tally.add(part);
    }
    let lost: u64 = tally.lost.values().sum();
    let certain = tally.certain + tally.sample_passing;
    let released = estimate::of(tally.unknown, tally.sample, tally.sample_passing);
    let number = released.plus(certain);
    let named = |counts: &BTreeMap<Option<usize>, u64>| {
        let name = |stage: &Option<usize>| {
            stage.map_or_else(|| "kept".to_owned(), |stage| plan.stages[stage].name.clone())
        };
        counts.iter().map(|(stage, count)| (name(stage), *count)).collect::<BTreeMap<_, _>>()
    };
    Ok(WhatIf {
        changes: settings,
        up_to: plan.stages.get(segment.end).map(|stage| stage.name.clone()),
        exact: tally.unknown == 0,
        before: tally.before,
        after: number.plus(tally.before - lost),
        lost: named(&tally.lost),
        gained: Gained {
            number,
            certain,
            unknown: tally.unknown,
            sample: tally.sample,
            sample_passing: tally.sample_passing,
        },
        stages: changed
            .iter()
            .zip(&tally.stages)
            .map(|(stage, counts)| StageEffect {
                stage: plan.stages[stage.index].name.clone(),
                falls: named(&counts.falls),
                released: counts.released,
            })
            .collect(),
        rerun,
    })
}

/// The stages between the two exchanges that enclose the changed ones.
fn segment(
    stages: &Stages,
    count: usize,
    changed: &[Changed],
    run: &Run,
) -> Result<std::ops::Range<usize>, LedgerError> {
    let around = |stage: usize| {
        let start = (0..stage).rev().find(|&s| stages.is_exchange(s)).map_or(0, |s| s + 1);
        let end = (stage..count).find(|&s| stages.is_exchange(s)).unwrap_or(count);
        start..end
    };
    let Some(first) = changed.first() else { return Ok(0..count) };
    let segment = around(first.index);
    match changed.iter().find(|stage| !segment.contains(&stage.index)) {
        None => Ok(segment),
        Some(other) => Err(LedgerError::Question(format!(
            "`{}` and `{}` stand on two sides of an exchange, where documents meet; ask about one of them at a time",
            run.plan.stages[first.index].name, run.plan.stages[other.index].name
        ))),
    }
}

fn rerun(run: &Run) -> Result<Rerun, LedgerError> {
    let summary = run.summary()?;
    Ok(Rerun {
        records: summary.as_ref().map(|summary| summary.input),
        cpu_seconds: summary.map(|summary| summary.stages.iter().map(|stage| stage.seconds).sum()),
    })
}

impl Rerun {
    /// The cost in words.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.records, self.cpu_seconds) {
            (Some(records), Some(seconds)) => format!(
                "a re-run reads {} records; the stages took {seconds:.1} CPU-seconds in this run",
                crate::exec::summary::grouped(records)
            ),
            _ => "a re-run reads all records".to_owned(),
        }
    }
}
