//! `tamis task`: one task of a plan, in this process.

use std::path::PathBuf;

use clap::Args;

use super::Usage;
use crate::config::bytes::ByteSize;
use crate::exec::engine::{Engine, Resources};
use crate::exec::task::run_task;
use crate::model::Assets;
use crate::plan::Plan;
use crate::store::Store;

#[derive(Args)]
pub(super) struct Task {
    /// The run directory.
    #[arg(long)]
    plan: PathBuf,
    /// Index of the phase.
    #[arg(long)]
    phase: usize,
    /// Index of the task.
    #[arg(long)]
    index: u32,
    /// Threads to use.
    #[arg(long)]
    threads: usize,
    /// Memory to use.
    #[arg(long)]
    memory_limit: ByteSize,
    /// Bytes of text in a batch.
    #[arg(long)]
    batch_size: Option<ByteSize>,
}

impl Task {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let store = Store::open_existing(&self.plan)?;
        let plan = Plan::load(&store).map_err(crate::exec::ExecError::from)?;
        let tasks = plan.phases.get(self.phase).map_or(0, |phase| phase.tasks);
        if self.index >= tasks {
            let message = format!("the plan has no task {} in phase {}", self.index, self.phase);
            return Err(Usage(message).into());
        }
        let resources = Resources {
            threads: self.threads,
            memory: self.memory_limit.0,
            batch_bytes: self.batch_size.and_then(|size| usize::try_from(size.0).ok()),
        };
        let engine = Engine::new(plan, store, resources, Some(self.phase), &Assets::default())?;
        run_task(&engine, self.phase, self.index)?;
        Ok(())
    }
}
