//! `processes`: each task is a process of its own (`tamis task …`), so that a crash or a lack of
//! memory costs one attempt at one task. The same command is what other machines will run.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Cluster, PhaseJob, deal};
use crate::exec::ExecError;
use crate::exec::manifest::Manifest;

/// Exit code of a worker whose failure may pass (`EX_TEMPFAIL`).
const TEMPORARY: i32 = 75;

/// Runs tasks in processes of this program.
#[derive(Debug, Clone)]
pub struct Processes {
    /// The program; its hidden `task` command runs one task.
    pub program: PathBuf,
}

impl Cluster for Processes {
    fn run_phase(&self, job: &PhaseJob<'_>, pending: &[u32]) -> Result<(), ExecError> {
        let resources = job.engine.resources;
        let at_a_time = resources.threads.min(pending.len()).max(1);
        // Fewer tasks than threads: the rest of the threads goes to the tasks there are.
        let threads = (resources.threads / at_a_time).max(1);
        let memory = resources.memory / at_a_time as u64;
        deal(job, pending, at_a_time, &|task| self.task(job, task, threads, memory))
    }
}

impl Processes {
    fn task(
        &self,
        job: &PhaseJob<'_>,
        task: u32,
        threads: usize,
        memory: u64,
    ) -> Result<Manifest, ExecError> {
        let engine = job.engine;
        let mut command = Command::new(&self.program);
        command
            .arg("task")
            .arg("--plan")
            .arg(engine.store.root())
            .args(["--phase", &job.phase.to_string()])
            .args(["--index", &task.to_string()])
            .args(["--threads", &threads.to_string()])
            .args(["--memory-limit", &memory.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(bytes) = engine.resources.batch_bytes {
            command.args(["--batch-size", &bytes.to_string()]);
        }
        die_with_parent(&mut command);
        let output = command.output().map_err(ExecError::Process)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
            let message = last.last().map_or_else(
                || output.status.to_string(),
                |line| line.trim_start_matches("error: ").to_owned(),
            );
            return Err(ExecError::Task {
                phase: job.name.to_owned(),
                index: task,
                message,
                // Ended by a signal: out of memory, or a machine going down.
                retryable: output.status.code().is_none_or(|code| code == TEMPORARY),
            });
        }
        let phase = &engine.plan.phases[job.phase];
        Manifest::load(&engine.store, phase, job.phase, task)?.ok_or_else(|| ExecError::Task {
            phase: job.name.to_owned(),
            index: task,
            message: "the worker ended well but committed nothing".to_owned(),
            retryable: true,
        })
    }
}

/// Lets the kernel end the child when the driver dies, so that a killed run leaves no workers.
#[cfg(target_os = "linux")]
pub(crate) fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl and getppid are.
    #[expect(unsafe_code, reason = "there is no safe way to set PR_SET_PDEATHSIG")]
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // The parent may have died before the call took effect.
            if libc::getppid().cast_unsigned() == parent {
                Ok(())
            } else {
                Err(std::io::Error::other("the driver is gone"))
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn die_with_parent(_command: &mut Command) {}
