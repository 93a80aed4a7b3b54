//! A worker: takes jobs of a ladder and trains them, until there are no more.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::LabError;
use super::job::{FINISHED, Job, Outcome, Point, Watch, open_jobs};
use crate::model::Assets;
use crate::plan::Plan;
use crate::store::Store;
use crate::tokens::dataset::Dataset;
use crate::train::{self, Fingerprint, TokenSet, TrainError, validations};

/// Between two looks at the folder, where there was nothing to do.
const PAUSE: Duration = Duration::from_millis(500);

/// Trains what the ladder in the folder `out` asks for, one job at a time and on one thread, so that
/// results do not depend on the machine's number of cores.
///
/// # Errors
/// When the folder cannot be read, or a training fails for another reason than its loss.
pub fn work(out: &Path, tell: &dyn Fn(&str)) -> Result<(), LabError> {
    let store = Store::open_existing(out)?;
    tch::set_num_threads(1);
    let mut watch = Watch::default();
    let assets = Assets::default();
    loop {
        let mut idle = true;
        for job in open_jobs(&store)? {
            let Some(claim) = watch.claim(&store, &job)? else { continue };
            // It may have been done since the list was made.
            if job.outcome(&store)?.is_none() {
                let outcome = train(out, &job, &assets)?;
                job.finish(&store, &outcome)?;
                tell(&format!("{}: {:.0} s", job.folder(), outcome.seconds));
            }
            drop(claim);
            idle = false;
            // More may have come that is to be done first.
            break;
        }
        if idle {
            if store.exists(FINISHED)? {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
    }
}

fn train(out: &Path, job: &Job, assets: &Assets) -> Result<Outcome, LabError> {
    let shards = Store::open_existing(out.join(&job.shards))?;
    let evaluation = Store::open_existing(out.join(&job.evaluation))?;
    let (dataset, measured) = (Dataset::load(&shards)?, Dataset::load(&evaluation)?);
    let settings = job
        .config
        .resolve(job.sequence_length as usize, job.vocab_size)
        .map_err(|error| LabError::Setting(error.to_string()))?;
    let plan = Plan::load(&evaluation).map_err(crate::exec::ExecError::from)?;
    let tokenizer = plan.tokens.map(|tokens| assets.tokenizer(&tokens.tokenizer)).transpose()?;
    let text_bytes = |ids: &[i64]| tokenizer.as_ref()?.text_bytes(ids);
    let mut set = TokenSet::of_run(&shards, &dataset);
    set.validation_store = &evaluation;
    set.validation = TokenSet::of_run(&evaluation, &measured).train;
    set.text_bytes = Some(&text_bytes);
    let store = Store::open(out.join(job.folder()))?;
    let fingerprint = Fingerprint::new(&settings, &set.blend, dataset.files())?;
    if fingerprint.digest() != job.training {
        return Err(LabError::Setting(format!(
            "the shards in {} are not those that {} was made for; start the ladder again",
            job.shards,
            job.folder()
        )));
    }
    fingerprint.claim(&store, false)?;
    let before = processor_seconds();
    let trained = train::train(&settings, &set, &store, fingerprint.digest(), &mut |_| ());
    let mut outcome = Outcome {
        points: Vec::new(),
        unique_tokens: dataset.train.count.tokens,
        sample_chain: String::new(),
        seconds: processor_seconds() - before,
        diverged: None,
    };
    match trained {
        Ok(report) => {
            outcome.sample_chain = report.sample_chain;
            outcome.points = points(&store, &job.points)?;
        }
        // The same again would come to the same.
        Err(error @ TrainError::Diverged { .. }) => outcome.diverged = Some(error.to_string()),
        Err(error) => return Err(error.into()),
    }
    if !job.keep_checkpoints {
        store.delete_below("checkpoints")?;
    }
    Ok(outcome)
}

/// The losses at the numbers of tokens that are wanted.
fn points(store: &Store, wanted: &[u64]) -> Result<Vec<Point>, LabError> {
    let all = validations(store)?;
    let wanted = all.into_iter().filter(|validated| wanted.contains(&validated.tokens));
    Ok(wanted.map(|it| Point { tokens: it.tokens, sets: it.sources }).collect())
}

/// Seconds that this process has computed.
fn processor_seconds() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is of the kind that is asked for, and zeros are one.
    #[expect(unsafe_code, reason = "the standard library does not tell the processor's time")]
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds and microseconds")]
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
