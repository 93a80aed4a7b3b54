//! The bundled training loop: a small Llama or GPT-2 on the shards of a run, on `libtorch` through `tch`.
//!
//! It exists to show that curation was worth it: the same small model, trained the same way on two
//! sets of shards, says which is better. So it is exact before it is anything else:
//!
//! * The order of the data is a pure function of the seed, the epoch and the documents' ids
//!   ([`order`]); the loader's state is one integer ([`data`]); a hash over the documents of all
//!   samples stands in every checkpoint and in the report ([`chain`]).
//! * Initial weights come from a counter-based generator of our own ([`random`]), there is no
//!   dropout, and the optimiser's moments are saved ([`optimizer`], [`checkpoint`]): on a CPU with
//!   the same number of threads, a training that was interrupted ends with the same bytes as one
//!   that was not.
//! * A loss spike is found, gone back from and left behind without anybody watching ([`spike`],
//!   [`session`]); what was done is written down before it takes effect ([`interventions`]), and the
//!   documents that were left out are reported ([`quarantine`]).
//! * Nothing is judged alone: every report holds the loss of a unigram model on the same tokens
//!   ([`baseline`]).
//!
//! | file | what |
//! |---|---|
//! | [`set`] | the shards of a run |
//! | [`shards`] | shards → one sequence of tokens |
//! | [`documents`] | `tokens/index` → whose tokens lie where |
//! | [`order`] | pieces of documents in the order of an epoch |
//! | [`blend`] | which cell a sample reads |
//! | [`paired`] | whether recipes have the same order |
//! | [`data`] | the number of a sample → its tokens |
//! | [`chain`] | the hash over all samples |
//! | [`validation`] | the documents held out, by source |
//! | [`model`] | the decoder |
//! | [`loss`] | cross-entropy and its gradient, a chunk of positions at a time |
//! | [`step`] | micro-batches, accumulation, clipping, update; validation |
//! | [`session`] | a training under way |
//! | [`spike`] | which steps spike |
//! | [`interventions`] | what was done about it |
//! | [`quarantine`] | the documents that were left out |
//! | [`evaluation`] | multiple choice and cloze, scored by likelihood |
//! | [`load`], [`generate`] | a checkpoint to be asked; texts that it writes |
//! | [`metrics`], [`tensorboard`] | a line a step |
//! | [`optimizer`], [`muon`] | AdamW, and Muon for matrices |
//! | [`schedule`] | the learning rate of a step |
//! | [`fingerprint`] | what a training depends on |
//! | [`checkpoint`], [`saver`] | saving, resuming, dropping; writing meanwhile |
//! | [`memory`] | whether it fits |
//! | [`tokenizer`] | the tokenizer beside a checkpoint |
//! | [`baseline`] | the unigram model |
//! | [`error`] | why a training cannot start or go on |
//! | [`random`] | numbers that are a function of their key |
//! | [`parallel`] | several processes |

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

pub use self::blend::Blend;
pub use self::error::TrainError;
pub use self::evaluation::{EvaluationError, Task, TaskScore};
pub use self::explain::{BatchDocument, ExplainedBatch, explain_batch};
pub use self::fingerprint::Fingerprint;
pub use self::load::{Initial, Loaded, find_checkpoint};
pub use self::metrics::{Validated, validations};
pub use self::paired::{PairedOrder, paired_order};
pub use self::parallel::ParallelError;
use self::parallel::{Group, Seat};
pub use self::set::{TextBytes, TokenSet};
pub use self::tokenizer::CheckpointTokenizer;
use crate::config::train::{DeviceChoice, TrainSettings};
use crate::store::Store;

mod adamw;
mod baseline;
mod blend;
#[cfg(any(fused, gloo))]
mod caught;
mod chain;
mod checkpoint;
mod data;
mod documents;
mod error;
pub mod evaluation;
mod explain;
mod fingerprint;
pub mod generate;
mod interventions;
mod load;
mod loss;
mod memory;
mod metrics;
mod micro_batch;
mod model;
mod muon;
mod optimizer;
mod order;
mod paired;
pub(crate) mod parallel;
mod peak;
mod quarantine;
mod random;
mod saver;
mod schedule;
mod session;
mod set;
mod shards;
mod spike;
mod step;
mod tensorboard;
#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "small numbers; files of their own; what is skipped is said"
)]
mod tests;
mod tokenizer;
mod validation;

/// Raised when the same settings and shards give another order of the data than before: it belongs
/// into the digest of a training.
const ORDER: &str = "pieces of documents by hash, 2";

/// Something to tell the user, as it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// The model stands; steps follow.
    Started {
        /// All parameters.
        parameters: u64,
        /// Parameters without embeddings.
        non_embedding: u64,
        /// Steps of the whole training.
        steps: u64,
        /// `cpu` or `cuda:0`.
        device: String,
        /// Processes that train together.
        processes: u32,
        /// The step of the checkpoint that the training goes on from.
        resumed_from: Option<u64>,
    },
    /// A step is done.
    Step {
        /// Its number, from 1.
        step: u64,
        /// Mean cross-entropy of its batch before the update, nats a token.
        loss: f64,
        /// Its learning rate.
        learning_rate: f64,
        /// Global norm of its gradient before clipping.
        gradient_norm: f64,
        /// Its training tokens by wall-clock seconds.
        tokens_per_second: f64,
        /// Its floating-point operations a second, as a share of those of a large matrix product on
        /// the same devices.
        utilisation: f64,
    },
    /// The model was validated.
    Evaluated {
        /// Steps done.
        step: u64,
        /// Mean cross-entropy of the validation tokens, nats a token.
        validation_loss: f64,
        /// The same in bits a byte of text.
        bits_per_byte: Option<f64>,
    },
    /// A task was scored.
    Scored {
        /// Steps done.
        step: u64,
        /// What it came to.
        score: &'a TaskScore,
    },
    /// A step spiked, and its update is left out.
    Skipped {
        /// The step.
        step: u64,
        /// Its loss.
        loss: f64,
        /// The norm of its gradient.
        gradient_norm: f64,
    },
    /// The training is about to go back: nothing of it is decided yet.
    Recovering {
        /// The step it has come to.
        step: u64,
        /// The step it goes back to.
        to_step: u64,
    },
    /// It is decided that the training goes back.
    Recovered {
        /// The step it goes back to.
        to_step: u64,
        /// Samples left out.
        skipped: u64,
        /// Which time in a row it is, from 1.
        attempt: u32,
    },
    /// A checkpoint was committed.
    Checkpoint {
        /// Steps done.
        step: u64,
        /// Its folder in the run.
        path: &'a str,
    },
}

/// What a finished training came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainReport {
    /// Optimiser steps.
    pub steps: u64,
    /// Training tokens seen, repetitions included.
    pub tokens: u64,
    /// Mean cross-entropy of the last (at most 50) steps' batches, nats a token.
    pub train_loss: f64,
    /// Mean cross-entropy of the validation tokens, nats a token.
    pub validation_loss: f64,
    /// The same for a unigram model of the training tokens, with add-one smoothing.
    pub unigram_loss: f64,
    /// The validation loss in bits a byte of text, which does not depend on the tokenizer.
    pub validation_bits_per_byte: Option<f64>,
    /// The validation loss of each source.
    pub validation: Vec<SourceLoss>,
    /// What the tasks of `[[train.evaluate]]` came to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evaluation: Vec<TaskScore>,
    /// Hash over the documents of every sample, in order: equal trainings have equal ones.
    pub sample_chain: String,
    /// Samples left out after loss spikes.
    pub skipped_samples: u64,
    /// How often the training went back.
    pub rollbacks: u64,
    /// All parameters.
    pub parameters: u64,
    /// Folder of the last checkpoint in the run.
    pub checkpoint: String,
}

/// The validation loss of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceLoss {
    /// The source; empty where the run has no ledger.
    pub source: String,
    /// Documents scored, the last ones of which may be cut.
    pub documents: u64,
    /// Tokens predicted, end-of-document tokens included.
    pub tokens: u64,
    /// Bytes of text of the documents scored.
    pub bytes: Option<u64>,
    /// Mean cross-entropy, nats a token.
    pub loss: f64,
    /// All nats, those of end-of-document tokens included, in bits by [`SourceLoss::bytes`].
    pub bits_per_byte: Option<f64>,
}

impl SourceLoss {
    #[expect(clippy::cast_precision_loss, reason = "some 2^18 tokens")]
    fn new(source: &validation::Source, nats: f64, tokens: u64) -> Self {
        Self {
            source: source.name.clone(),
            documents: source.documents,
            tokens,
            bytes: source.bytes,
            loss: nats / tokens as f64,
            bits_per_byte: bits_per_byte(nats, source.bytes),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "some 2^20 bytes")]
fn bits_per_byte(nats: f64, bytes: Option<u64>) -> Option<f64> {
    bytes.filter(|&bytes| bytes > 0).map(|bytes| nats / std::f64::consts::LN_2 / bytes as f64)
}

/// Nats a token and bits a byte of all sources together.
#[expect(clippy::cast_precision_loss, reason = "some 2^18 tokens")]
fn total(sources: &[SourceLoss]) -> (f64, Option<f64>) {
    let nats: f64 = sources.iter().map(|source| source.loss * source.tokens as f64).sum();
    let tokens: u64 = sources.iter().map(|source| source.tokens).sum();
    let bytes = sources.iter().map(|source| source.bytes).sum::<Option<u64>>();
    (nats / tokens as f64, bits_per_byte(nats, bytes))
}

/// Losses that [`TrainReport::train_loss`] averages.
const RECENT: usize = 50;

/// Trains on `tokens`, keeping checkpoints in `run`; goes on from the newest whole checkpoint whose
/// digest is `digest`, and at the end returns what came of it. Calling it again after it has ended
/// validates the last checkpoint and reports the same.
///
/// `digest` must name everything that decides the result: the settings and the content of the
/// shards. Checkpoints of another digest are left alone, with a warning.
///
/// # Errors
/// When shards are missing, damaged or too small, the device is not there, the loss stops being
/// finite, or storage or libtorch fails. All checkpoints up to then stay.
pub fn train(
    settings: &TrainSettings,
    tokens: &TokenSet<'_>,
    run: &Store,
    digest: &str,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<TrainReport, TrainError> {
    train_at(Seat::alone(), settings, tokens, run, digest, on_event)
}

/// [`train`] as one of several processes, which all call it alike. They come to the same report; only
/// the first one writes and tells events.
///
/// # Errors
/// As [`train`]; when the processes do not find each other, or one of them ends.
pub(crate) fn train_at(
    seat: Seat,
    settings: &TrainSettings,
    tokens: &TokenSet<'_>,
    run: &Store,
    digest: &str,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<TrainReport, TrainError> {
    let device = device(settings.device, seat.local_rank())?;
    memory::check(settings, device)?;
    let (loader, validation) = open(settings, tokens)?;
    let explained = |error: TrainError| error.explained(settings, device);
    let trainer = step::Trainer::new(settings, device, tokens.initial).map_err(explained)?;
    let mut session = session::Session {
        settings,
        set: tokens,
        run,
        digest,
        device,
        loader,
        validation,
        trainer,
        interventions: interventions::Interventions::default(),
        metrics: None,
        peak: f64::INFINITY,
        progress: session::Progress::default(),
        saved: String::new(),
        saver: saver::Saver::default(),
        group: Group::join(seat, digest, settings.ordered_sums, device)?,
        scores: None,
    };
    let mut silent = |_: Event<'_>| ();
    let on_event = if session.group.is_first() { on_event } else { &mut silent };
    run_session(&mut session, on_event).map_err(|error| session.group.fail(explained(error)))
}

/// The training of processes that have met.
fn run_session(
    session: &mut session::Session<'_>,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<TrainReport, TrainError> {
    let (settings, first) = (session.settings, session.group.is_first());
    let mut unigram_loss = 0.0;
    if first {
        let (tokens, vocab_size) = (session.loader.tokens(), session.set.vocab_size);
        unigram_loss = baseline::unigram_loss(tokens, &session.validation, vocab_size)?;
        explain::save(session.run, settings, session.digest)?;
        let one = peak::peak(model::compute_kind(settings), session.device)?;
        session.peak = one * f64::from(session.group.size());
    }
    session.begin()?;
    on_event(Event::Started {
        parameters: settings.parameters(),
        non_embedding: settings.non_embedding(),
        steps: settings.steps,
        device: match session.device {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        },
        processes: session.group.size(),
        resumed_from: Some(session.progress.step).filter(|&step| step > 0),
    });
    let validation = match session.go(on_event)? {
        Some(validation) => validation,
        // The training had already ended when it was called.
        None => session.trainer.validate(&session.validation, &mut session.group)?,
    };
    session.group.finish()?;
    let (validation_loss, validation_bits_per_byte) = total(&validation);
    if first && session.scores.is_none() {
        session.evaluate(settings.steps, on_event)?;
    }
    let evaluation = session.scores.take().unwrap_or_default();
    let progress = &session.progress;
    let recent = &progress.recent_losses;
    #[expect(clippy::cast_precision_loss, reason = "at most 50")]
    let train_loss =
        recent.iter().map(|loss| f64::from(*loss)).sum::<f64>() / recent.len().max(1) as f64;
    Ok(TrainReport {
        steps: settings.steps,
        tokens: settings.steps * settings.batch_tokens(),
        train_loss,
        validation_loss,
        unigram_loss,
        validation_bits_per_byte,
        validation,
        evaluation,
        sample_chain: progress.sample_chain.to_string(),
        skipped_samples: session.interventions.skipped(),
        rollbacks: session.interventions.rollbacks() as u64,
        parameters: settings.parameters(),
        checkpoint: session.saved.clone(),
    })
}

/// The device of process `local_rank` of this machine.
fn device(choice: DeviceChoice, local_rank: u32) -> Result<Device, TrainError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if !Cuda::is_available() => Ok(Device::Cpu),
        DeviceChoice::Cuda if !Cuda::is_available() => Err(TrainError::NoCuda),
        // Launchers may let each process see its own device alone.
        DeviceChoice::Auto | DeviceChoice::Cuda if Cuda::device_count() == 1 => Ok(Device::Cuda(0)),
        DeviceChoice::Auto | DeviceChoice::Cuda => {
            let (device, devices) = (local_rank as usize, Cuda::device_count());
            if i64::from(local_rank) < devices {
                Ok(Device::Cuda(device))
            } else {
                Err(TrainError::TooFewDevices { process: local_rank, devices })
            }
        }
    }
}

/// Maps and checks the shards.
fn open(
    settings: &TrainSettings,
    set: &TokenSet<'_>,
) -> Result<(data::Loader, validation::Validation), TrainError> {
    for (key, settings, shards) in [
        ("vocab_size", settings.vocab_size.into(), set.vocab_size.into()),
        ("sequence_length", settings.sequence_length.into(), set.sequence_length as u64),
    ] {
        if settings != shards {
            return Err(TrainError::Mismatch { key, settings, shards });
        }
    }
    let loader = loader(settings, set)?;
    Ok((loader, validation::Validation::open(set, set.sequence_length)?))
}

/// The training samples.
fn loader(settings: &TrainSettings, set: &TokenSet<'_>) -> Result<data::Loader, TrainError> {
    let loader = loader_of(set, settings.sequence_length, settings.seed)?;
    Ok(loader.masking_repeats(settings.mask_repeats))
}

/// The samples of `length` + 1 tokens in the order of `seed`.
fn loader_of(set: &TokenSet<'_>, length: u32, seed: u64) -> Result<data::Loader, TrainError> {
    let tokens = shards::Tokens::of(set, set.store, &set.train)?;
    let documents = documents::Documents::load(set.store, &set.train, &tokens)?;
    data::Loader::new(tokens, documents, &set.blend, length, seed)
}
