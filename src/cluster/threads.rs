//! `threads`: tasks run in this process, as many at a time as it has threads.

use super::{Cluster, PhaseJob, deal};
use crate::exec::ExecError;
use crate::exec::task::run_task;

/// Runs tasks on threads of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

impl Cluster for Threads {
    fn run_phase(&self, job: &PhaseJob<'_>, pending: &[u32]) -> Result<(), ExecError> {
        let workers = job.engine.resources.threads;
        deal(job, pending, workers, &|task| run_task(job.engine, job.phase, task))
    }
}
