//! Why a training cannot start or go on.

use tch::Device;

use super::{EvaluationError, ParallelError, step};
use crate::config::train::TrainSettings;
use crate::ledger::LedgerError;
use crate::store::StoreError;
use crate::tokens::TokensError;
use crate::tokens::format::ShardError;

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
    /// There are more windows than are numbered.
    #[error(
        "there are more than 2^32 windows of {length} tokens, and training numbers them with 32 \
         bits; raise `tokens.sequence_length`"
    )]
    TooManyWindows {
        /// Tokens predicted in one.
        length: u32,
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
    /// There are more processes than devices.
    #[error(
        "process {process} of this machine (from 0) has no device of its own: there are {devices}; \
         start as many processes as there are devices"
    )]
    TooFewDevices {
        /// Its number on its machine.
        process: u32,
        /// CUDA devices that it sees.
        devices: i64,
    },
    /// The training diverged.
    #[error(
        "the training diverged at step {step}: loss {loss}, gradient norm {gradient_norm}, after \
         going back {rollbacks} times (`training/ledger.jsonl`); lower `train.learning_rate`, \
         lengthen `train.warmup_tokens` or set `train.clip`"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Its gradient norm.
        gradient_norm: f64,
        /// How often it went back.
        rollbacks: usize,
    },
    /// The run has checkpoints of a training with other settings or data.
    #[error(
        "the run has checkpoints of a training that was not this one; different are:{difference}\n\
         go on with that one by undoing it, or begin anew with `tamis train RUN --fresh`, which \
         removes them"
    )]
    OtherTraining {
        /// A line for each difference.
        difference: String,
    },
    /// The training has no such step.
    #[error("there is no step {step}: the training has steps 1 to {steps}")]
    NoStep {
        /// The step asked for.
        step: u64,
        /// Steps of the training.
        steps: u64,
    },
    /// There is no checkpoint to load.
    #[error("`{path}` has {wanted}; there are: {there}")]
    NoCheckpoint {
        /// The run.
        path: String,
        /// What was asked for.
        wanted: String,
        /// The steps that have one.
        there: String,
    },
    /// A task that the model is to be scored by is wrong.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// Something else than shards does not read.
    #[error("`{path}`: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The index of the shards is not what it should be.
    #[error(transparent)]
    Index(#[from] TokensError),
    /// A shard is damaged.
    #[error(transparent)]
    Format(#[from] ShardError),
    /// The ledger does not read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A line of metrics cannot be written.
    #[error("`{path}` cannot be written: {source}")]
    Metrics {
        /// The file.
        path: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
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
    /// Several processes cannot train together.
    #[error(transparent)]
    Parallel(#[from] ParallelError),
    /// The model does not fit.
    #[error(
        "weights, gradients, moments and the activations of a micro-batch take about {needed_mib} MiB, \
         and the system has {available_mib} MiB left; take a smaller model, shorten \
         `tokens.sequence_length`, or train where there is more memory (`tamis train RUN --dry-run` \
         says what it takes)"
    )]
    TooLarge {
        /// About what it takes.
        needed_mib: u64,
        /// What there is.
        available_mib: u64,
    },
    /// A micro-batch does not fit.
    #[error(
        "libtorch is out of memory: weights, gradients and moments take {state_mib} MiB and a micro-batch \
         of {micro_batch} sequences about {activation_mib} MiB; set \
         `train.activation_checkpointing` = true, shorten `tokens.sequence_length`, or take a smaller \
         model (libtorch: {said})"
    )]
    OutOfMemory {
        /// Of weights, gradients, moments.
        state_mib: u64,
        /// Sequences in a micro-batch.
        micro_batch: u64,
        /// Of its activations.
        activation_mib: u64,
        /// What libtorch said, without its stack.
        said: String,
    },
    /// libtorch failed.
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
    /// Says of a lack of memory what takes it, for a training of `settings`.
    pub(super) fn explained(self, settings: &TrainSettings, device: Device) -> Self {
        let Self::Torch(error) = &self else { return self };
        let said = error.to_string();
        // As its allocators of the CPU and of CUDA say it.
        let lacks = ["can't allocate memory", "out of memory"];
        if !lacks.iter().any(|words| said.contains(words)) {
            return self;
        }
        let micro_batch = step::micro_batch(settings, device);
        Self::OutOfMemory {
            state_mib: settings.state_bytes() >> 20,
            micro_batch,
            activation_mib: (micro_batch * settings.activation_bytes()) >> 20,
            said: said.lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error)
            | Self::Format(ShardError::Store(error))
            | Self::Index(
                TokensError::Store(error) | TokensError::Shard(ShardError::Store(error)),
            )
            | Self::Ledger(LedgerError::Store(error)) => error.retryable(),
            Self::Parallel(error) => error.retryable(),
            _ => false,
        }
    }
}
