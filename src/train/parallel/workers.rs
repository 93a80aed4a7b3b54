//! `tamis train --nproc N`: this process is rank 0 and starts the others itself.
//!
//! They run the same command with the variables that torchrun would set. They end with this process,
//! whatever ends it: the kernel sees to that on Linux, elsewhere the closed connection. What they say
//! to people is held back, and shown of one that died.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::ParallelError;
use super::world::World;
use crate::cluster::processes::die_with_parent;

/// How long the end of a process is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The processes that this one has started, by rank from 1.
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    rank: u32,
    child: Child,
    /// The last line that it said to people.
    said: Arc<Mutex<String>>,
}

impl Workers {
    /// Starts ranks 1 to `world.size` − 1 of `program`.
    ///
    /// # Errors
    /// When the system does not start them.
    pub(crate) fn start(
        program: &std::path::Path,
        arguments: &[OsString],
        world: &World,
    ) -> Result<Self, ParallelError> {
        let mut workers = Self { workers: Vec::new() };
        for rank in 1..world.size {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .env("RANK", rank.to_string())
                .env("LOCAL_RANK", rank.to_string())
                .env("WORLD_SIZE", world.size.to_string())
                .env("LOCAL_WORLD_SIZE", world.local_size.to_string())
                .env("MASTER_ADDR", &world.master)
                .env("MASTER_PORT", world.port.to_string())
                .env_remove("TORCHELASTIC_USE_AGENT_STORE")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            die_with_parent(&mut command);
            let started = command.spawn();
            let mut child = started.map_err(|source| ParallelError::Start { rank, source })?;
            let said = Arc::new(Mutex::new(String::new()));
            if let Some(errors) = child.stderr.take() {
                let said = Arc::clone(&said);
                // Ends with the pipe.
                std::thread::spawn(move || {
                    for line in BufReader::new(errors).lines().map_while(Result::ok) {
                        if let (false, Ok(mut last)) = (line.trim().is_empty(), said.lock()) {
                            *last = line;
                        }
                    }
                });
            }
            workers.workers.push(Worker { rank, child, said });
        }
        Ok(workers)
    }

    /// Looks whether all are running.
    ///
    /// # Errors
    /// When one has ended.
    pub(super) fn check(&mut self) -> Result<(), ParallelError> {
        for worker in &mut self.workers {
            if let Ok(Some(status)) = worker.child.try_wait() {
                return Err(worker.ended(status));
            }
        }
        Ok(())
    }

    /// What `error`, seen through a connection, comes from.
    pub(super) fn explain(&mut self, error: ParallelError) -> ParallelError {
        let ParallelError::Gone { rank, .. } = error else { return error };
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.rank == rank) else {
            return error;
        };
        match worker.wait(PATIENCE) {
            Some(status) => worker.ended(status),
            None => error,
        }
    }

    /// Waits for all to end well.
    ///
    /// # Errors
    /// When one ends otherwise, or not at all.
    pub(super) fn finish(&mut self) -> Result<(), ParallelError> {
        for worker in &mut self.workers {
            match worker.wait(PATIENCE * 4) {
                Some(status) if status.success() => {}
                Some(status) => return Err(worker.ended(status)),
                None => {
                    let (rank, seconds) = (worker.rank, (PATIENCE * 4).as_secs());
                    return Err(ParallelError::Silent { rank, seconds });
                }
            }
        }
        Ok(())
    }
}

impl Worker {
    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                _ => return None,
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> ParallelError {
        let said = self.said.lock().map(|said| said.clone()).unwrap_or_default();
        let said = said.trim_start_matches("error: ");
        let reason = match (status.code(), said) {
            // Ended by a signal: what it said before does not tell why.
            (None, _) | (_, "") => format!("it ended with {status}"),
            (Some(_), said) => said.to_owned(),
        };
        ParallelError::Gone { rank: self.rank, reason }
    }
}

/// None outlives the training.
impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.child.kill();
        }
        for worker in &mut self.workers {
            let _ = worker.child.wait();
        }
    }
}
