//! A ladder that is trained: from pipelines to a verdict.
//!
//! Everything stands in one folder, and what is there is not done again:
//!
//! | below the folder | what |
//! |---|---|
//! | `recipes/<name>/` | the run of a recipe: documents, ledger, shards ([`recipe`]) |
//! | `shared/` | what first stages keep that recipes have in common ([`shared`]) |
//! | `tokenizer.json` | the tokenizer of all of them ([`tokenizer`]) |
//! | `evaluation/` | the texts that losses are measured on ([`evaluation`]) |
//! | `trainings/<digest>/` | a training: `job.json`, checkpoints, metrics, `result.json` ([`job`], [`work`]) |
//! | `predictions.json` | what was expected of the largest rung before it was trained |
//! | `runs.csv` | a row a loss ([`results`]) |
//! | `lab.json`, `scale.json`, `scale.html`, pictures | what came of it ([`verdict`]) |
//!
//! The process that was started makes the data and the jobs ([`schedule`]); workers, which are
//! processes of their own, here or on other machines that see the folder, train them. A job is named
//! by the digest of all that decides its result, so that equal ones are trained once.

mod ablation;
mod error;
mod evaluation;
mod job;
mod page;
mod recipe;
pub mod report;
mod results;
mod schedule;
mod shared;
mod tokenizer;
mod verdict;
mod work;

use std::path::{Path, PathBuf};

pub use self::error::LabError;
pub use self::report::Report;
use self::schedule::Schedule;
pub use self::work::work;
use super::analysis::Analysis;
use super::ladder::{Ladder, plan};
use crate::config::scale::Scale;
use crate::exec::engine::Resources;
use crate::model::Assets;
use crate::store::Store;

/// How a ladder is trained; nothing here changes a result.
pub struct Options<'a> {
    /// Its folder.
    pub out: PathBuf,
    /// What curation may use.
    pub resources: Resources,
    /// Trainings at a time on this machine; with 0 workers elsewhere do them all.
    pub workers: usize,
    /// The program that workers are started from.
    pub program: PathBuf,
    /// The day, as `2026-11-29`, for the file of predictions.
    pub date: String,
    /// Whether checkpoints stay when a training has ended.
    pub keep_checkpoints: bool,
    /// Told what happens.
    pub tell: &'a dyn Fn(&str),
}

/// A ladder under way.
struct Lab<'a> {
    config: &'a Scale,
    plan: Ladder,
    options: &'a Options<'a>,
    /// The folder, whatever the paths in pipeline files start from.
    out: PathBuf,
    store: Store,
    assets: Assets,
}

impl Lab<'_> {
    /// A path below the folder.
    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.out.join(below)
    }

    fn tell(&self, message: &str) {
        (self.options.tell)(message);
    }
}

/// Curates, trains and judges what `config` asks for, whose paths start at `base`. Calling it again
/// goes on where it was.
///
/// # Errors
/// When a recipe cannot be run, or a training fails for another reason than its loss.
pub fn run(
    config: &Scale,
    base: &Path,
    options: &Options<'_>,
) -> Result<(Report, Option<Analysis>), LabError> {
    let out = std::path::absolute(&options.out).unwrap_or_else(|_| options.out.clone());
    let store = Store::open(&out)?;
    let assets = Assets::default();
    let lab = Lab { plan: plan(config)?, config, options, out, store, assets };
    let mut drafts = recipe::load(&lab)?;
    shared::share(&lab, &mut drafts)?;
    let tokenizer = tokenizer::settle(&lab, &drafts)?;
    let mut recipes = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let name = draft.name.clone();
        recipes.push(draft.make(&lab, &tokenizer).map_err(LabError::of(&name))?);
    }
    let variants = ablation::make(&lab, &recipes, &tokenizer)?;
    let evaluation = evaluation::prepare(&lab, base, &recipes, &tokenizer)?;
    let paired = recipe::paired(&lab, &recipes)?;
    let schedule = Schedule::new(&lab, &recipes, &variants, &evaluation)?;
    let outcomes = schedule.train()?;
    verdict::report(&schedule, &outcomes, &evaluation, paired)
}
