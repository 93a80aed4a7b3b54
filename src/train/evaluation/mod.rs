//! Tasks scored by the likelihood of their answers, as lm-evaluation-harness scores them
//! (<https://github.com/EleutherAI/lm-evaluation-harness>): `benches/parity/harness.py` compares each
//! log-likelihood.
//!
//! | file | what |
//! |---|---|
//! | [`item`] | items of a JSONL file, their prompts and answers |
//! | [`task`] | prompts as tokens; what likelihoods come to |
//! | [`score`] | tokens → log-likelihoods |
//!
//! Tasks are read and encoded before a training starts, so that a fault in them is found then. Of
//! equal inputs only one is computed: the four letters of an item of MMLU cost one row.

mod item;
mod score;
mod task;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::task::{ItemScore, Task, TaskScore};
use super::TrainError;
use crate::model::AssetError;
use crate::store::{Store, StoreError};
use crate::tokens::tokenizer::TokenizerError;

/// Where the scores of a training stand in its run, a line a task and step.
pub(crate) const PATH: &str = "training/evaluation.jsonl";

/// A line of [`PATH`].
#[derive(Serialize, Deserialize)]
struct Line {
    step: u64,
    #[serde(flatten)]
    score: TaskScore,
}

/// Why a task cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// A file cannot be read.
    #[error("task `{task}`: {source}")]
    Read {
        /// The task.
        task: String,
        /// What went wrong.
        #[source]
        source: AssetError,
    },
    /// An item is not what the task says.
    #[error("task `{task}`: `{path}` line {line}: {reason}")]
    Item {
        /// The task.
        task: String,
        /// Its file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The task contradicts itself.
    #[error("task `{task}`: {reason}")]
    Task {
        /// The task.
        task: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A text has no tokens.
    #[error("task `{task}`: a text cannot be encoded: {source}")]
    Encode {
        /// The task.
        task: String,
        /// What the tokenizer said.
        #[source]
        source: TokenizerError,
    },
}

/// Adds the scores behind step `step` to [`PATH`], in place of what stands there of this step and
/// later ones: a training that resumes or goes back comes by them again.
///
/// # Errors
/// When the store fails.
pub(super) fn append(run: &Store, step: u64, scores: &[TaskScore]) -> Result<(), TrainError> {
    if scores.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    match run.read(PATH) {
        Ok(bytes) => {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                if serde_json::from_slice::<Line>(line).is_ok_and(|line| line.step < step) {
                    lines.extend_from_slice(line);
                }
            }
        }
        Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for score in scores {
        serde_json::to_writer(&mut lines, &Line { step, score: score.clone() })?;
        lines.push(b'\n');
    }
    Ok(run.put(PATH, lines.into())?)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of their own")]
mod tests;
