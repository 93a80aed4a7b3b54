//! `training/metrics.jsonl`: a line a step; the same for TensorBoard beside it.
//!
//! Lines are appended as steps are done. A training that goes on from a checkpoint cuts the file back
//! to its step first, so that each step stands there once. In an object store, where nothing can be
//! appended to, the file is written anew with every checkpoint.

use std::fs::{File, OpenOptions};
use std::io::Write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};

use super::{SourceLoss, TrainError, tensorboard};

/// Where the lines stand in a run.
pub(crate) const PATH: &str = "training/metrics.jsonl";

/// What a step measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The step, from 1.
    pub(crate) step: u64,
    /// When it ended, in seconds since 1970.
    pub(crate) time: f64,
    /// Training tokens up to its end.
    pub(crate) tokens: u64,
    /// Mean cross-entropy of its batch before the update, nats a token; `null` where not finite.
    pub(crate) loss: Option<f64>,
    /// Its learning rate.
    pub(crate) learning_rate: f64,
    /// Global norm of its gradient before clipping; `null` where not finite.
    pub(crate) gradient_norm: Option<f64>,
    /// Its tokens by wall-clock seconds.
    pub(crate) tokens_per_second: f64,
    /// Its floating-point operations a second, as a share of those of a large matrix product on the
    /// same devices.
    #[serde(default)]
    pub(crate) utilisation: f64,
    /// Seconds of it in which the batch was read.
    #[serde(default)]
    pub(crate) loading_seconds: f64,
    /// Whether its update was left out as a spike.
    pub(crate) skipped: bool,
    /// Mean cross-entropy of the validation tokens behind it, where they were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation_loss: Option<f64>,
    /// The same in bits a byte of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) validation_bits_per_byte: Option<f64>,
    /// The validation of each source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) validation: Vec<SourceLoss>,
}

/// A validation on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The step behind which it was.
    pub step: u64,
    /// Training tokens up to there.
    pub tokens: u64,
    /// Mean cross-entropy of the step's batch, nats a token; none where not finite.
    pub loss: Option<f64>,
    /// What each source came to.
    pub sources: Vec<SourceLoss>,
}

/// All validations of the training in `run`, in the order of their steps.
///
/// # Errors
/// When the metrics cannot be read.
pub fn validations(run: &Store) -> Result<Vec<Validated>, TrainError> {
    let bytes = run.read(PATH)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut found = Vec::new();
    for line in lines {
        let Line { step, tokens, loss, validation, .. } = serde_json::from_slice(line)?;
        if !validation.is_empty() {
            found.push(Validated { step, tokens, loss, sources: validation });
        }
    }
    Ok(found)
}

/// The files.
pub(crate) struct Metrics<'a> {
    run: &'a Store,
    lines: Appended,
    events: Appended,
}

impl<'a> Metrics<'a> {
    /// Opens the files, cut back to the lines of steps up to `step`.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub(crate) fn open(run: &'a Store, step: u64) -> Result<Self, TrainError> {
        let mut kept = Vec::new();
        let mut events = tensorboard::head();
        match run.read(PATH) {
            Ok(bytes) => {
                // A line that a crash cut off is behind the last checkpoint.
                for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                    match serde_json::from_slice::<Line>(line) {
                        Ok(read) if read.step <= step && line.ends_with(b"\n") => {
                            kept.extend_from_slice(line);
                            events.extend(tensorboard::step(&read));
                        }
                        _ => break,
                    }
                }
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let lines = Appended::new(run, PATH, kept)?;
        Ok(Self { run, lines, events: Appended::new(run, tensorboard::PATH, events)? })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn push(&mut self, line: &Line) -> Result<(), TrainError> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.lines.push(bytes)?;
        self.events.push(tensorboard::step(line))
    }

    /// Makes sure that the lines are where others can see them.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn flush(&self) -> Result<(), TrainError> {
        self.lines.flush(self.run)?;
        self.events.flush(self.run)
    }
}

/// A file that grows.
struct Appended {
    path: &'static str,
    /// The file, where the run is a folder.
    file: Option<File>,
    /// All of it, where it is none.
    held: Vec<u8>,
}

impl Appended {
    /// The file with this content.
    fn new(run: &Store, path: &'static str, content: Vec<u8>) -> Result<Self, TrainError> {
        run.put(path, Bytes::copy_from_slice(&content))?;
        let Some(folder) = run.root().folder() else {
            return Ok(Self { path, file: None, held: content });
        };
        let file = OpenOptions::new().append(true).open(folder.join(path));
        let file = file.map_err(|source| TrainError::Metrics { path, source })?;
        Ok(Self { path, file: Some(file), held: Vec::new() })
    }

    fn push(&mut self, mut bytes: Vec<u8>) -> Result<(), TrainError> {
        let path = self.path;
        if let Some(file) = &mut self.file {
            return file.write_all(&bytes).map_err(|source| TrainError::Metrics { path, source });
        }
        self.held.append(&mut bytes);
        Ok(())
    }

    fn flush(&self, run: &Store) -> Result<(), TrainError> {
        if self.file.is_none() {
            run.put(self.path, Bytes::copy_from_slice(&self.held))?;
        }
        Ok(())
    }
}

/// A number as JSON has it.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
