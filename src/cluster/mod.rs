//! Clusters: where tasks run. The driver hands a phase's pending tasks to one of these; all of them
//! call the same task entry, and one conformance suite holds for all.

pub mod processes;
pub mod threads;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::exec::ExecError;
use crate::exec::engine::Engine;
use crate::exec::manifest::Manifest;

/// Attempts at a task whose failure may pass.
const ATTEMPTS: u32 = 3;

/// A phase to run.
pub struct PhaseJob<'a> {
    /// The plan, ready to run.
    pub engine: &'a Arc<Engine>,
    /// Index of the phase.
    pub phase: usize,
    /// Its name, for messages.
    pub name: &'a str,
    /// Told of each task that is committed.
    pub done: &'a (dyn Fn(&Manifest) + Sync),
}

/// Runs tasks somewhere.
pub trait Cluster {
    /// Runs the tasks `pending` of a phase; returns when all are committed.
    ///
    /// # Errors
    /// When a task fails for good. Others that are running finish first, none is started after.
    fn run_phase(&self, job: &PhaseJob<'_>, pending: &[u32]) -> Result<(), ExecError>;
}

/// Deals tasks to `workers` threads that each call `attempt` until it gives a manifest, fails for
/// good or has failed too often.
fn deal(
    job: &PhaseJob<'_>,
    pending: &[u32],
    workers: usize,
    attempt: &(dyn Fn(u32) -> Result<Manifest, ExecError> + Sync),
) -> Result<(), ExecError> {
    let queue = Queue::new(pending);
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, pending.len().max(1)) {
            scope.spawn(|| {
                while let Some((task, tries)) = queue.take() {
                    match attempt(task) {
                        Ok(manifest) => {
                            (job.done)(&manifest);
                            queue.finished();
                        }
                        Err(error) if error.retryable() && tries + 1 < ATTEMPTS => {
                            tracing::warn!(task, phase = job.name, "trying again: {error}");
                            queue.again(task, tries + 1);
                        }
                        Err(error) => queue.failed(name_task(job, task, error)),
                    }
                }
            });
        }
    });
    match queue.into_error() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn name_task(job: &PhaseJob<'_>, index: u32, error: ExecError) -> ExecError {
    match error {
        named @ ExecError::Task { .. } => named,
        error => ExecError::Task {
            phase: job.name.to_owned(),
            index,
            message: error.to_string(),
            retryable: error.retryable(),
        },
    }
}

/// Tasks that wait, and how it ends.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<(u32, u32)>,
    running: usize,
    error: Option<ExecError>,
}

impl Queue {
    fn new(pending: &[u32]) -> Self {
        let waiting = pending.iter().map(|&task| (task, 0)).collect();
        Self {
            state: Mutex::new(State { waiting, running: 0, error: None }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task and how often it was tried; waits while a running one might come back.
    fn take(&self) -> Option<(u32, u32)> {
        let mut state = self.lock();
        loop {
            if state.error.is_some() {
                return None;
            }
            if let Some(next) = state.waiting.pop_front() {
                state.running += 1;
                return Some(next);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        state.running -= 1;
        change(&mut state);
        self.changed.notify_all();
    }

    fn finished(&self) {
        self.update(|_| {});
    }

    fn again(&self, task: u32, tries: u32) {
        self.update(|state| state.waiting.push_back((task, tries)));
    }

    fn failed(&self, error: ExecError) {
        self.update(|state| {
            state.error.get_or_insert(error);
        });
    }

    fn into_error(self) -> Option<ExecError> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error
    }
}
