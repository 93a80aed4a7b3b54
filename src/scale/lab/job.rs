//! Trainings as files that workers find: what is to be done, who does it, what came of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::LabError;
use crate::config::train::TrainConfig;
use crate::store::{Store, StoreError};
use crate::train::SourceLoss;

/// Where the trainings are.
pub(super) const FOLDER: &str = "trainings";
/// Stands there when there will be no more jobs.
pub(super) const FINISHED: &str = "trainings/finished";
const JOB: &str = "job.json";
const RESULT: &str = "result.json";

/// A worker says so often that it is alive.
const BEAT: Duration = Duration::from_secs(10);
/// One that has not said it for so long is taken for dead.
const SILENCE: Duration = Duration::from_mins(2);

/// A training to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Job {
    /// Hash of all that decides its result.
    pub(super) digest: String,
    /// Hash of settings and shards, by which a training knows its checkpoints.
    pub(super) training: String,
    /// What is trained, without what is decided by size.
    pub(super) config: TrainConfig,
    pub(super) sequence_length: u32,
    pub(super) vocab_size: u32,
    /// Folder of the run with the shards, below that of the ladder.
    pub(super) shards: String,
    /// Folder of the run with the evaluation's.
    pub(super) evaluation: String,
    /// Tokens at which losses are wanted.
    pub(super) points: Vec<u64>,
    /// Whether checkpoints stay.
    #[serde(default)]
    pub(super) keep_checkpoints: bool,
    /// Operations, for the order in which jobs are taken.
    pub(super) flops: f64,
}

/// What came of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) points: Vec<Point>,
    /// Tokens of its shards.
    pub(super) unique_tokens: u64,
    /// Hash over the documents of all samples, in their order.
    pub(super) sample_chain: String,
    /// Core-seconds.
    pub(super) seconds: f64,
    /// Why there are no losses, where it diverged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) diverged: Option<String>,
}

/// Losses on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) tokens: u64,
    pub(super) sets: Vec<SourceLoss>,
}

impl Job {
    /// Its folder.
    pub(super) fn folder(&self) -> String {
        format!("{FOLDER}/{}", &self.digest[..16.min(self.digest.len())])
    }

    /// What came of it, if it was done.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn outcome(&self, store: &Store) -> Result<Option<Outcome>, LabError> {
        read(store, &format!("{}/{RESULT}", self.folder()))
    }

    /// Writes it, where it is not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, store: &Store) -> Result<(), LabError> {
        let path = format!("{}/{JOB}", self.folder());
        Ok(store.put(&path, Bytes::from(serde_json::to_vec_pretty(self)?))?)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn withdraw(&self, store: &Store) -> Result<(), LabError> {
        Ok(store.delete(&format!("{}/{JOB}", self.folder()))?)
    }

    /// Writes what came of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(&self, store: &Store, outcome: &Outcome) -> Result<(), LabError> {
        let path = format!("{}/{RESULT}", self.folder());
        Ok(store.put(&path, Bytes::from(serde_json::to_vec_pretty(outcome)?))?)
    }
}

/// The digest of a job: of its training and of what it is measured on.
pub(super) fn digest(training: &str, evaluation: &str) -> String {
    format!("{:032x}", xxh3_128(format!("{training} measured on {evaluation}").as_bytes()))
}

fn read<T: DeserializeOwned>(store: &Store, path: &str) -> Result<Option<T>, LabError> {
    match store.read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| LabError::Damaged { path: path.to_owned(), source }),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The jobs that are not done, the most expensive first.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn open_jobs(store: &Store) -> Result<Vec<Job>, LabError> {
    let paths: Vec<String> = store.list(FOLDER)?.into_iter().map(|entry| entry.path).collect();
    let there: std::collections::BTreeSet<&str> = paths.iter().map(String::as_str).collect();
    let mut jobs = Vec::new();
    for path in &paths {
        let Some(folder) = path.strip_suffix(JOB) else { continue };
        if !there.contains(format!("{folder}{RESULT}").as_str()) {
            jobs.extend(read::<Job>(store, path)?);
        }
    }
    jobs.sort_by(|left: &Job, right: &Job| {
        right.flops.total_cmp(&left.flops).then_with(|| left.digest.cmp(&right.digest))
    });
    Ok(jobs)
}

/// Who does a job. Claims are numbered: the one with the highest number holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    host: String,
    process: u32,
    /// Rises as long as it lives.
    beat: u64,
}

/// What a worker has seen of other workers' claims: when their last beat was first seen.
#[derive(Default)]
pub(super) struct Watch {
    seen: HashMap<String, (Holder, Instant)>,
}

impl Watch {
    /// Takes a job that nobody does, or whose worker is dead.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(super) fn claim(&mut self, store: &Store, job: &Job) -> Result<Option<Claim>, LabError> {
        let prefix = format!("{}/claim-", job.folder());
        let number = |path: &str| path.strip_prefix(&prefix)?.parse::<u32>().ok();
        let last = store.list(&job.folder())?.iter().filter_map(|it| number(&it.path)).max();
        if let Some(last) = last {
            let path = format!("{prefix}{last}");
            let Some(holder) = read::<Holder>(store, &path)? else { return Ok(None) };
            if !self.is_dead(&path, holder) {
                return Ok(None);
            }
        }
        let path = format!("{prefix}{}", last.map_or(0, |last| last + 1));
        let holder = Holder { host: host(), process: std::process::id(), beat: 0 };
        let bytes = Bytes::from(serde_json::to_vec(&holder)?);
        let mine = store.put_if_absent(&path, bytes)?;
        Ok(mine.then(|| Claim::new(store.clone(), path, holder)))
    }

    fn is_dead(&mut self, path: &str, holder: Holder) -> bool {
        if holder.host == host() && !lives(holder.process) {
            return true;
        }
        match self.seen.get(path) {
            Some((before, since)) if *before == holder => since.elapsed() > SILENCE,
            _ => {
                self.seen.insert(path.to_owned(), (holder, Instant::now()));
                false
            }
        }
    }
}

/// A job that is this worker's; its beat goes on until it is dropped.
pub(super) struct Claim {
    ended: Arc<AtomicBool>,
    beat: Option<JoinHandle<()>>,
}

impl Claim {
    fn new(store: Store, path: String, mut holder: Holder) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let beat = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::park_timeout(BEAT);
                holder.beat += 1;
                // A beat that cannot be written is missed; several are a worker that is taken for dead.
                if let Ok(bytes) = serde_json::to_vec(&holder) {
                    let _ = store.put(&path, Bytes::from(bytes));
                }
            }
        });
        Self { ended, beat: Some(beat) }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(beat) = self.beat.take() {
            beat.thread().unpark();
            // It cannot panic.
            let _ = beat.join();
        }
    }
}

/// The name of this machine.
fn host() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer has the length that is said.
    #[expect(unsafe_code, reason = "the standard library does not tell the machine's name")]
    let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(0);
    if failed == 0 { String::from_utf8_lossy(&name[..end]).into_owned() } else { String::new() }
}

/// Whether a process of this machine lives.
fn lives(process: u32) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else { return false };
    // SAFETY: signal 0 asks only.
    #[expect(unsafe_code, reason = "the standard library does not ask for foreign processes")]
    let asked = unsafe { libc::kill(process, 0) };
    asked == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job {
            digest: "0123456789abcdef0123".to_owned(),
            training: "t".to_owned(),
            config: TrainConfig::default(),
            sequence_length: 8,
            vocab_size: 9,
            shards: "recipes/a".to_owned(),
            evaluation: "evaluation/run".to_owned(),
            points: vec![80, 160],
            keep_checkpoints: false,
            flops: 1e9,
        }
    }

    fn outcome() -> Outcome {
        Outcome {
            points: Vec::new(),
            unique_tokens: 7,
            sample_chain: "c".to_owned(),
            seconds: 1.5,
            diverged: Some("loss NaN".to_owned()),
        }
    }

    #[test]
    fn a_job_is_taken_once_and_done_once() {
        let store = Store::in_memory();
        let job = job();
        job.save(&store).unwrap();
        assert_eq!(open_jobs(&store).unwrap(), std::slice::from_ref(&job));
        let (mut here, mut there) = (Watch::default(), Watch::default());
        let mine = here.claim(&store, &job).unwrap();
        assert!(mine.is_some() && there.claim(&store, &job).unwrap().is_none());
        assert!(job.outcome(&store).unwrap().is_none());
        job.finish(&store, &outcome()).unwrap();
        assert_eq!(job.outcome(&store).unwrap(), Some(outcome()));
        assert!(open_jobs(&store).unwrap().is_empty());
    }

    #[test]
    fn a_dead_workers_job_is_taken_over() {
        let store = Store::in_memory();
        let job = job();
        // No process has the highest number there is.
        let dead = Holder { host: host(), process: u32::MAX >> 1, beat: 3 };
        let path = format!("{}/claim-4", job.folder());
        store.put(&path, serde_json::to_vec(&dead).unwrap().into()).unwrap();
        let claim = Watch::default().claim(&store, &job).unwrap();
        assert!(claim.is_some());
        assert!(store.exists(&format!("{}/claim-5", job.folder())).unwrap());
        // That of another machine is watched for a while first.
        drop(claim);
        let other = Holder { host: "elsewhere".to_owned(), process: 1, beat: 3 };
        let path = format!("{}/claim-6", job.folder());
        store.put(&path, serde_json::to_vec(&other).unwrap().into()).unwrap();
        let mut watch = Watch::default();
        assert!(watch.claim(&store, &job).unwrap().is_none());
        let seen = watch.seen.get_mut(&path).unwrap();
        seen.1 = Instant::now().checked_sub(SILENCE * 2).unwrap();
        assert!(watch.claim(&store, &job).unwrap().is_some());
    }
}
