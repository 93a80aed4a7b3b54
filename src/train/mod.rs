//! The bundled training loop: a small Llama or GPT-2 on the shards of a run, on `libtorch` through `tch`.
//!
//! It exists to show that curation was worth it: the same small model, trained the same way on two
//! sets of shards, says which is better. So it is exact before it is anything else:
//!
//! * The order of the data is a pure function of the seed ([`data`]); the loader's state is one
//!   integer.
//! * Initial weights come from a counter-based generator of our own ([`random`]), there is no
//!   dropout, and the optimiser's moments are saved ([`optimizer`], [`checkpoint`]): on a CPU with
//!   the same number of threads, a training that was interrupted ends with the same bytes as one
//!   that was not.
//! * Nothing is judged alone: every report holds the loss of a unigram model on the same tokens
//!   ([`baseline`]).
//!
//! | file | what |
//! |---|---|
//! | [`shards`] | Megatron shards → one sequence of tokens |
//! | [`data`] | tokens → windows, in order |
//! | [`model`] | the decoder |
//! | [`loss`] | cross-entropy and its gradient, a chunk of positions at a time |
//! | [`step`] | micro-batches, accumulation, clipping, update; validation |
//! | [`optimizer`] | AdamW |
//! | [`schedule`] | the learning rate of a step |
//! | [`checkpoint`] | saving, resuming, dropping |
//! | [`baseline`] | the unigram model |
//! | [`random`] | numbers that are a function of their key |

use std::time::Instant;

use serde::Serialize;
use tch::{Cuda, Device};

pub use self::blend::Blend;
use crate::config::train::{DeviceChoice, TrainSettings};
use crate::store::{Store, StoreError};

mod baseline;
mod blend;
mod checkpoint;
mod data;
mod loss;
mod model;
mod optimizer;
mod random;
mod schedule;
mod shards;
mod step;
#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
mod tests;

/// The token shards to train on.
pub struct TokenSet<'a> {
    /// Where the shards are.
    pub store: &'a Store,
    /// Training shards in their order: paths in `store` without `.bin` and `.idx`.
    pub train: Vec<String>,
    /// How they are blended.
    pub blend: Blend,
    /// Validation shards, likewise.
    pub validation: Vec<String>,
    /// Token ids are below this.
    pub vocab_size: u32,
    /// Tokens predicted in one sequence.
    pub sequence_length: usize,
}

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
    },
    /// The model was validated.
    Evaluated {
        /// Steps done.
        step: u64,
        /// Mean cross-entropy of the validation tokens, nats a token.
        validation_loss: f64,
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
    /// All parameters.
    pub parameters: u64,
    /// Folder of the last checkpoint in the run.
    pub checkpoint: String,
}

/// Why a training cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A shard or a checkpoint cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A shard is not what it should be.
    #[error("token shard `{path}`: {reason}")]
    Shard {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is not one window of training tokens.
    #[error(
        "the training shards hold {tokens} tokens, less than one sequence of {sequence_length} and \
         the token after it; lower `tokens.sequence_length` or read more documents"
    )]
    TooFewTrainingTokens {
        /// Tokens in the shards.
        tokens: u64,
        /// Tokens predicted in one sequence.
        sequence_length: u64,
    },
    /// There is nothing to validate on.
    #[error(
        "the validation shards hold {tokens} tokens, and a loss needs two; raise \
         `tokens.validation_fraction` or read more documents"
    )]
    NoValidationTokens {
        /// Tokens in the shards.
        tokens: u64,
    },
    /// Settings and shards were made for each other's neighbours.
    #[error("the settings have {key} = {settings} and the shards {shards}; resolve them together")]
    Mismatch {
        /// `vocab_size` or `sequence_length`.
        key: &'static str,
        /// Its value in the settings.
        settings: u64,
        /// Its value in the token set.
        shards: u64,
    },
    /// The device asked for is not there.
    #[error(
        "`train.device` is \"cuda\", but libtorch sees no CUDA device; check the driver, or build \
         against a libtorch with CUDA (`make libtorch-cuda`), or set \"auto\" or \"cpu\""
    )]
    NoCuda,
    /// The training diverged.
    #[error(
        "the training diverged at step {step}: loss {loss}, gradient norm {gradient_norm}; lower \
         `train.learning_rate`, lengthen `train.warmup_tokens` or set `train.clip`"
    )]
    NotFinite {
        /// The step, from 1.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient norm.
        gradient_norm: f64,
    },
    /// A checkpoint of this digest holds another model.
    #[error(
        "`{folder}` has the digest of this training but not its tensor `{name}`; remove the folder"
    )]
    CheckpointShape {
        /// The checkpoint.
        folder: String,
        /// The tensor.
        name: String,
    },
    /// libtorch failed (out of memory, say).
    #[error("libtorch failed: {0}")]
    Torch(#[from] tch::TchError),
    /// A weights file could not be made or taken apart.
    #[error("safetensors: {0}")]
    SafeTensors(#[from] safetensors::SafeTensorError),
    /// A state file could not be made.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl TrainError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.retryable())
    }
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
    let device = device(settings.device)?;
    let (loader, validation) = open(settings, tokens)?;
    let unigram_loss = baseline::unigram_loss(loader.tokens(), &validation, tokens.vocab_size)?;

    let mut trainer = step::Trainer::new(settings, device)?;
    let resumed = checkpoint::resume(run, &mut trainer, digest)?;
    on_event(Event::Started {
        parameters: settings.parameters(),
        non_embedding: settings.non_embedding(),
        steps: settings.steps,
        device: match device {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        },
        resumed_from: resumed.as_ref().map(|(state, _)| state.step),
    });
    let (mut done, mut samples, mut recent, mut saved) = match resumed {
        Some((state, folder)) => (state.step, state.samples, state.recent_losses, folder),
        None => (0, 0, Vec::new(), String::new()),
    };
    let mut validation_loss = None;
    while done < settings.steps {
        done += 1;
        let learning_rate = schedule::learning_rate(settings, done);
        let begun = Instant::now();
        let result = trainer.step(&loader, samples, done, learning_rate)?;
        samples += settings.batch_sequences;
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        on_event(Event::Step {
            step: done,
            loss: result.loss,
            learning_rate,
            gradient_norm: result.gradient_norm,
            tokens_per_second: settings.batch_tokens() as f64 / begun.elapsed().as_secs_f64(),
        });
        #[expect(clippy::cast_possible_truncation, reason = "see `State::recent_losses`")]
        recent.push(result.loss as f32);
        recent.drain(..recent.len().saturating_sub(RECENT));

        validation_loss = None;
        if is_due(done, settings.eval_every, settings.steps) {
            let loss = trainer.validate(&validation)?;
            validation_loss = Some(loss);
            on_event(Event::Evaluated { step: done, validation_loss: loss });
        }
        if is_due(done, settings.checkpoint_every, settings.steps) {
            saved = checkpoint::save(run, &trainer, digest, done, samples, &recent)?;
            on_event(Event::Checkpoint { step: done, path: &saved });
        }
    }
    let validation_loss = match validation_loss {
        Some(loss) => loss,
        // The training had already ended when it was called.
        None => trainer.validate(&validation)?,
    };
    #[expect(clippy::cast_precision_loss, reason = "at most 50")]
    let train_loss =
        recent.iter().map(|loss| f64::from(*loss)).sum::<f64>() / recent.len().max(1) as f64;
    Ok(TrainReport {
        steps: settings.steps,
        tokens: settings.steps * settings.batch_tokens(),
        train_loss,
        validation_loss,
        unigram_loss,
        parameters: settings.parameters(),
        checkpoint: saved,
    })
}

/// Whether something is due after step `done` of `steps`: `every` so many, and at the end.
fn is_due(done: u64, every: u64, steps: u64) -> bool {
    done == steps || (every > 0 && done.is_multiple_of(every))
}

fn device(choice: DeviceChoice) -> Result<Device, TrainError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto if !Cuda::is_available() => Ok(Device::Cpu),
        DeviceChoice::Cuda if !Cuda::is_available() => Err(TrainError::NoCuda),
        DeviceChoice::Auto | DeviceChoice::Cuda => Ok(Device::Cuda(0)),
    }
}

/// Maps and checks the shards.
fn open(
    settings: &TrainSettings,
    tokens: &TokenSet<'_>,
) -> Result<(data::Loader, data::Validation), TrainError> {
    for (key, settings, shards) in [
        ("vocab_size", settings.vocab_size.into(), tokens.vocab_size.into()),
        ("sequence_length", settings.sequence_length.into(), tokens.sequence_length as u64),
    ] {
        if settings != shards {
            return Err(TrainError::Mismatch { key, settings, shards });
        }
    }
    let length = u64::from(settings.sequence_length);
    let map = |prefixes| shards::Tokens::open(tokens.store, prefixes, tokens.vocab_size);
    Ok((
        data::Loader::blended(map(&tokens.train)?, &tokens.blend, length, settings.seed)?,
        data::Validation::new(map(&tokens.validation)?, length)?,
    ))
}
