//! Which documents a step read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::train::TrainSettings;
use crate::ledger;
use crate::store::{Store, StoreError};

use super::interventions::Interventions;
use super::{TokenSet, TrainError, documents, loader};

/// Where the settings of the training stand in a run.
const PATH: &str = "training/settings.json";

/// What a batch follows from, beside shards and interventions.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    training: String,
    settings: TrainSettings,
}

/// Writes down what training a run has.
pub(super) fn save(run: &Store, settings: &TrainSettings, digest: &str) -> Result<(), TrainError> {
    let saved = Saved { training: digest.to_owned(), settings: settings.clone() };
    Ok(run.put(PATH, serde_json::to_vec_pretty(&saved)?.into())?)
}

/// The batch of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedBatch {
    /// The step, from 1.
    pub step: u64,
    /// Steps of the training.
    pub steps: u64,
    /// Global index of the first and the last of its samples.
    pub samples: [u64; 2],
    /// Tokens in it, those counted that neighbouring samples share.
    pub tokens: u64,
    /// Whether its update was left out as a spike.
    pub skipped: bool,
    /// The parts of documents in it, in the order in which they are read.
    pub documents: Vec<BatchDocument>,
}

/// A part of a document in a batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatchDocument {
    /// Row of the batch, from 0.
    pub row: usize,
    /// Its id.
    pub id: String,
    /// Its first token that is read.
    pub from: u32,
    /// How many of its tokens are read.
    pub tokens: u32,
    /// How many it has, the one that ends it counted.
    pub of: u32,
    /// The ledger's row without the empty columns: source, url, cluster, signals.
    pub ledger: Map<String, Value>,
}

/// Finds the documents that step `step` of the training in the run of `set` reads; the training
/// itself need not have come so far.
///
/// # Errors
/// When the run was never trained, has no such step, or its shards, index or ledger do not read.
pub fn explain_batch(set: &TokenSet<'_>, step: u64) -> Result<ExplainedBatch, TrainError> {
    let missing =
        |reason: &str| TrainError::Damaged { path: PATH.to_owned(), reason: reason.to_owned() };
    let saved: Saved = match set.store.read(PATH) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| missing(&format!("it does not read ({error}); train again")))?,
        Err(StoreError::NotFound { .. }) => {
            return Err(missing("it is missing: this run has not been trained on"));
        }
        Err(error) => return Err(error.into()),
    };
    let settings = saved.settings;
    if step == 0 || step > settings.steps {
        return Err(TrainError::NoStep { step, steps: settings.steps });
    }
    let interventions = Interventions::load(set.store, &saved.training)?;
    let mut loader = loader(&settings, set)?;
    let size = settings.batch_sequences;
    let samples = ((step - 1) * size..step * size).map(|nth| interventions.sample(nth));
    let samples: Vec<u64> = samples.collect();
    let pieces: Vec<_> = samples
        .iter()
        .enumerate()
        .flat_map(|(row, &sample)| loader.pieces(sample).into_iter().map(move |piece| (row, piece)))
        .collect();
    let held = loader.documents();
    let starts: BTreeSet<u64> =
        pieces.iter().map(|(_, piece)| held.start(piece.document)).collect();
    let ids = documents::ids(set.store, &set.train, loader.tokens(), &starts)?;
    let rows = ledger::rows::find(set.store, &ids.values().copied().collect(), None)?;
    let document = |(row, piece): &(usize, super::order::Piece)| {
        let id = ids.get(&held.start(piece.document));
        let mut ledger = id.and_then(|id| rows.get(id)).cloned().unwrap_or_default();
        ledger.remove("id");
        BatchDocument {
            row: *row,
            id: id.map(ToString::to_string).unwrap_or_default(),
            from: piece.from,
            tokens: piece.tokens,
            of: held.length(piece.document),
            ledger,
        }
    };
    Ok(ExplainedBatch {
        step,
        steps: settings.steps,
        samples: [samples[0], samples[samples.len() - 1]],
        tokens: pieces.iter().map(|(_, piece)| u64::from(piece.tokens)).sum(),
        skipped: interventions.is_skipped(step),
        documents: pieces.iter().map(document).collect(),
    })
}
