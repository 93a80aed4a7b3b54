//! Checkpoints that other tools can load and that a training resumes from exactly.
//!
//! ```text
//! checkpoints/step-00000500/
//!   model.safetensors       weights under Hugging Face's names
//!   config.json             what `transformers` needs to know of it
//!   tokenizer.json          the tokenizer of the shards, and tokenizer_config.json: special tokens,
//!                           chat template; where the tokenizer is known
//!   optimizer.safetensors   the optimiser's moments: first.<name>, second.<name>, momentum.<name>
//!   state.json              progress (step, samples, chain of sample ids, spike detector), digest,
//!                           sizes and hashes of the others
//! ```
//! `state.json` is written last and by one atomic put: a folder without it, or with files other than
//! it says, is no checkpoint. It is removed first where a checkpoint is replaced or dropped. Writing
//! goes on beside the steps that follow ([`super::saver`]).

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::train::TrainSettings;
use crate::store::{Store, StoreError};

use super::interventions::Interventions;
use super::model::export::hugging_face_config;
use super::model::{Parameter, WEIGHTS};
use super::session::Progress;
use super::step::Trainer;
use super::tokenizer::CheckpointTokenizer;
use super::{TrainError, schedule};

/// The folder of all checkpoints in the run.
const FOLDER: &str = "checkpoints";
/// Version of `state.json`.
const FORMAT: u32 = 2;

/// `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    format: u32,
    /// The digest of the training: only an equal one may resume from here.
    digest: String,
    #[serde(flatten)]
    progress: Progress,
    /// The files beside this one.
    files: BTreeMap<String, FileState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FileState {
    bytes: u64,
    xxh3: String,
}

/// A checkpoint as it will be written: the trainer goes on meanwhile.
pub(crate) struct Packed {
    folder: String,
    digest: String,
    settings: TrainSettings,
    progress: Progress,
    interventions: Interventions,
    files: Vec<(&'static str, Bytes)>,
}

impl Packed {
    /// Copies `trainer` and how far it has come.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn new(
        trainer: &Trainer<'_>,
        digest: &str,
        progress: &Progress,
        interventions: &Interventions,
    ) -> Result<Self, TrainError> {
        let parameters = &trainer.model.parameters;
        let weights = parameters.iter().map(|it| (it.name.clone(), &it.shape[..], &it.tensor));
        let moments =
            parameters.iter().zip(&trainer.optimizer.moments).flat_map(|(it, moments)| {
                let named = moments.named();
                named.map(|(label, tensor)| (format!("{label}.{}", it.name), &it.shape[..], tensor))
            });
        let config = serde_json::to_vec_pretty(&hugging_face_config(trainer.settings))?;
        Ok(Self {
            folder: format!("{FOLDER}/step-{:08}", progress.step),
            digest: digest.to_owned(),
            settings: trainer.settings.clone(),
            progress: progress.clone(),
            interventions: interventions.clone(),
            files: vec![
                ("model.safetensors", to_safetensors(weights)?.into()),
                ("config.json", config.into()),
                ("optimizer.safetensors", to_safetensors(moments)?.into()),
            ],
        })
    }

    /// With the tokenizer of the shards beside it, where it is known.
    ///
    /// # Errors
    /// When the model's description cannot be completed.
    pub(crate) fn with_tokenizer(
        mut self,
        tokenizer: Option<&CheckpointTokenizer>,
    ) -> Result<Self, TrainError> {
        let Some(tokenizer) = tokenizer else { return Ok(self) };
        for (name, bytes) in &mut self.files {
            if *name == "config.json" {
                *bytes = tokenizer.complete(bytes)?;
            }
        }
        self.files.extend(tokenizer.files.iter().cloned());
        Ok(self)
    }

    /// Steps done.
    pub(crate) fn step(&self) -> u64 {
        self.progress.step
    }

    /// Writes it, and drops all but the newest checkpoints of this training; returns the folder.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn save(self, run: &Store) -> Result<String, TrainError> {
        let Self { folder, digest, settings, progress, interventions, files: contents } = self;
        run.delete(&format!("{folder}/state.json"))?;
        let mut files = BTreeMap::new();
        for (name, bytes) in contents {
            let state = FileState { bytes: bytes.len() as u64, xxh3: hash(&bytes) };
            files.insert(name.to_owned(), state);
            run.put(&format!("{folder}/{name}"), bytes)?;
        }
        let step = progress.step;
        let state = State { format: FORMAT, digest: digest.clone(), progress, files };
        run.put(&format!("{folder}/state.json"), Bytes::from(serde_json::to_vec_pretty(&state)?))?;
        drop_old(run, &digest, &settings, step, &interventions)?;
        Ok(folder)
    }
}

/// Loads the newest whole checkpoint of the training `digest` into `trainer`; `None` where there is
/// none. What is found but not usable is warned of; what was written before the training went back
/// further is passed over.
///
/// # Errors
/// When the store or libtorch fails.
pub(crate) fn resume(
    run: &Store,
    trainer: &mut Trainer<'_>,
    digest: &str,
    interventions: &Interventions,
) -> Result<Option<(Progress, String)>, TrainError> {
    for folder in folders(run)?.into_iter().rev() {
        let state = match read_state(run, &folder)? {
            Ok(state) => state,
            Err(reason) => {
                tracing::warn!("checkpoint {folder} is ignored: {reason}");
                continue;
            }
        };
        if state.digest != digest {
            tracing::warn!(
                "checkpoint {folder} is ignored: it belongs to a training with other settings or \
                 tokens"
            );
            continue;
        }
        if !interventions.accepts(state.progress.step, state.progress.rollbacks) {
            continue;
        }
        match load(run, &folder, &state, trainer)? {
            Ok(()) => return Ok(Some((state.progress, folder))),
            Err(reason) => tracing::warn!("checkpoint {folder} is ignored: {reason}"),
        }
    }
    Ok(None)
}

/// Whether the run has a checkpoint of the training `digest`.
///
/// # Errors
/// When the store fails.
pub(crate) fn any_of(run: &Store, digest: &str) -> Result<bool, TrainError> {
    /// All that is looked at, whatever version wrote it.
    #[derive(Deserialize)]
    struct Digest {
        digest: String,
    }
    for folder in folders(run)? {
        match run.read(&format!("{folder}/state.json")) {
            Ok(bytes) => {
                let found = serde_json::from_slice::<Digest>(&bytes);
                if found.is_ok_and(|found| found.digest == digest) {
                    return Ok(true);
                }
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Removes the checkpoints of all trainings.
///
/// # Errors
/// When the store fails.
pub(crate) fn remove_all(run: &Store) -> Result<(), TrainError> {
    for folder in folders(run)? {
        remove(run, &folder)?;
    }
    Ok(())
}

/// Removes a checkpoint, what makes it one first.
fn remove(run: &Store, folder: &str) -> Result<(), TrainError> {
    run.delete(&format!("{folder}/state.json"))?;
    run.delete_below(folder)?;
    Ok(())
}

/// The checkpoint folders, oldest first; whole or not.
fn folders(run: &Store) -> Result<Vec<String>, TrainError> {
    let mut folders: Vec<(u64, String)> = run
        .list(FOLDER)?
        .into_iter()
        .filter_map(|entry| {
            let (folder, _) = entry.path.rsplit_once('/')?;
            let step = folder.strip_prefix(FOLDER)?.strip_prefix("/step-")?;
            Some((step.parse().ok()?, folder.to_owned()))
        })
        .collect();
    folders.sort();
    folders.dedup();
    Ok(folders.into_iter().map(|(_, folder)| folder).collect())
}

/// The checkpoints that were finished, oldest first: steps and folders.
///
/// # Errors
/// When the store fails.
pub(crate) fn finished(run: &Store) -> Result<Vec<(u64, String)>, TrainError> {
    let mut finished = Vec::new();
    for folder in folders(run)? {
        if let Ok(state) = read_state(run, &folder)? {
            finished.push((state.progress.step, folder));
        }
    }
    Ok(finished)
}

/// `state.json` of a folder, or why it is none.
fn read_state(run: &Store, folder: &str) -> Result<Result<State, String>, TrainError> {
    let path = format!("{folder}/state.json");
    let bytes = match run.read(&path) {
        Ok(bytes) => bytes,
        Err(StoreError::NotFound { .. }) => {
            return Ok(Err("it was never finished".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(match serde_json::from_slice::<State>(&bytes) {
        Ok(state) if state.format == FORMAT => Ok(state),
        Ok(state) => Err(format!("its format is {}, this program writes {FORMAT}", state.format)),
        Err(error) => Err(format!("its state.json is damaged: {error}")),
    })
}

/// Reads weights and moments; `Ok(Err(reason))` where a file is damaged. The trainer is changed only
/// once everything has been checked.
fn load(
    run: &Store,
    folder: &str,
    state: &State,
    trainer: &mut Trainer<'_>,
) -> Result<Result<(), String>, TrainError> {
    for (name, expected) in &state.files {
        match run.map(&format!("{folder}/{name}")) {
            Ok(bytes) if bytes.len() as u64 == expected.bytes && hash(&bytes) == expected.xxh3 => {}
            Ok(_) => return Ok(Err(format!("{name} is damaged"))),
            Err(StoreError::NotFound { .. }) => return Ok(Err(format!("{name} is missing"))),
            Err(error) => return Err(error.into()),
        }
    }
    let model = run.map(&format!("{folder}/model.safetensors"))?;
    let optimizer = run.map(&format!("{folder}/optimizer.safetensors"))?;
    let model = SafeTensors::deserialize(&model)?;
    let optimizer = SafeTensors::deserialize(&optimizer)?;
    let _guard = tch::no_grad_guard();
    let moments = &mut trainer.optimizer.moments;
    for (parameter, moments) in trainer.model.parameters.iter_mut().zip(moments) {
        let Parameter { name, shape, tensor, .. } = parameter;
        let copy = |target: &mut Tensor, source: TensorView<'_>| {
            if source.dtype() != Dtype::F32 || !same_shape(source.shape(), shape) {
                return Err(TrainError::CheckpointShape {
                    folder: folder.to_owned(),
                    name: name.clone(),
                });
            }
            Ok(target.f_copy_(&Tensor::f_from_data_size(source.data(), shape, WEIGHTS)?)?)
        };
        copy(tensor, model.tensor(name)?)?;
        for (label, target) in moments.named_mut() {
            copy(target, optimizer.tensor(&format!("{label}.{name}"))?)?;
        }
    }
    Ok(Ok(()))
}

/// Whether the checkpoint of step `step` is kept for good: every so many steps, and where `wsd-s` begins
/// and ends a decay.
pub(crate) fn is_kept(settings: &TrainSettings, step: u64) -> bool {
    settings.keep_every > 0 && step.is_multiple_of(settings.keep_every)
        || schedule::is_landmark(settings, step)
}

/// Removes checkpoints of this training: all but its newest `keep_last`, the newest one that a spike
/// found later can go back to, and those kept for good; and unfinished folders. Those of other
/// trainings stay.
fn drop_old(
    run: &Store,
    digest: &str,
    settings: &TrainSettings,
    step: u64,
    interventions: &Interventions,
) -> Result<(), TrainError> {
    // The training goes back from the first of the spikes, which may lie as far behind.
    let spikes = &settings.spikes;
    let back = spikes.rollback_steps + 2 * u64::from(spikes.patience);
    let mut kept = 0;
    let mut target_kept = false;
    for folder in folders(run)?.into_iter().rev() {
        let drop = match read_state(run, &folder)? {
            Ok(state) if state.digest != digest => false,
            // Later steps of this training can only be leftovers: found damaged, or written before
            // it went back.
            Ok(State { progress, .. })
                if progress.step <= step
                    && interventions.accepts(progress.step, progress.rollbacks) =>
            {
                let target = progress.step + back <= step;
                kept += 1;
                let wanted = is_kept(settings, progress.step);
                kept > settings.keep_last && !wanted && (!target || target_kept || !spikes.enabled)
                    || {
                        target_kept |= target;
                        false
                    }
            }
            _ => true,
        };
        if drop {
            remove(run, &folder)?;
        }
    }
    Ok(())
}

/// Whether a file's tensor has the shape of a weight.
pub(crate) fn same_shape(found: &[usize], expected: &[i64]) -> bool {
    let expected = expected.iter().map(|size| usize::try_from(*size));
    expected.eq(found.iter().map(|size| Ok(*size)))
}

fn hash(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// Serializes 32-bit tensors with the metadata that `transformers` asks for.
fn to_safetensors<'a>(
    tensors: impl Iterator<Item = (String, &'a [i64], &'a Tensor)>,
) -> Result<Vec<u8>, TrainError> {
    let mut copies = Vec::new();
    for (name, shape, tensor) in tensors {
        #[expect(clippy::cast_possible_truncation, reason = "the shape of a tensor in memory")]
        let shape: Vec<usize> = shape.iter().map(|size| size.cast_unsigned() as usize).collect();
        let count = shape.iter().product::<usize>();
        let mut bytes = vec![0; 4 * count];
        tensor
            .f_detach()?
            .f_to_device(Device::Cpu)?
            .f_contiguous()?
            .f_copy_data_u8(&mut bytes, count)?;
        copies.push((name, shape, bytes));
    }
    let views = copies
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views, Some(metadata))?)
}
