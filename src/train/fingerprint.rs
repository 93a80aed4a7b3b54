//! What a training depends on, so that nobody goes on with it on other data by mistake.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use crate::config::train::TrainSettings;
use crate::store::{Store, StoreError};

use super::{Blend, ORDER, TrainError, checkpoint};

/// Where it stands in a run.
const PATH: &str = "training/fingerprint.json";

/// Differences of one kind that are listed; of more, their number is said.
const LISTED: usize = 8;

/// What decides the weights: the settings, the order of the data and the bytes of the shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The digest of the rest.
    training: String,
    order: String,
    settings: Map<String, Value>,
    /// The blend; empty where all is read as it is.
    blend: String,
    /// xxh3 of each file of the shards.
    shards: BTreeMap<String, String>,
}

impl Fingerprint {
    /// Of settings, a blend, and the files of all shards with their hashes.
    ///
    /// # Errors
    /// When the settings have no JSON.
    pub fn new<'a>(
        settings: &TrainSettings,
        blend: &Blend,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, TrainError> {
        let shards = files.map(|(path, hash)| (path.to_owned(), hash.to_owned())).collect();
        let settings = match serde_json::to_value(settings)? {
            Value::Object(settings) => settings,
            // A structure is an object.
            _ => Map::new(),
        };
        let blend = if blend.stages.is_empty() { String::new() } else { format!("{blend:?}") };
        let mut fingerprint =
            Self { training: String::new(), order: ORDER.to_owned(), settings, blend, shards };
        let digest = xxh3_128(&serde_json::to_vec(&fingerprint)?);
        fingerprint.training = format!("{digest:032x}");
        Ok(fingerprint)
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.training
    }

    /// Writes it into `run`. A run whose checkpoints are of another training is left as it is, unless
    /// `fresh`, which removes them.
    ///
    /// # Errors
    /// When there is another training, or the store fails.
    pub fn claim(&self, run: &Store, fresh: bool) -> Result<(), TrainError> {
        let before: Option<Self> = match run.read(PATH) {
            // One that does not read says nothing that could be compared.
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(before) = before.filter(|before| before.training != self.training) {
            if fresh {
                checkpoint::remove_all(run)?;
            } else if checkpoint::any_of(run, &before.training)? {
                return Err(TrainError::OtherTraining { difference: before.difference(self) });
            }
        } else if fresh {
            checkpoint::remove_all(run)?;
        }
        Ok(run.put(PATH, serde_json::to_vec_pretty(self)?.into())?)
    }

    /// What is different in `now`, a line each.
    fn difference(&self, now: &Self) -> String {
        let mut lines = Vec::new();
        let plain = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        let keys: std::collections::BTreeSet<&String> =
            self.settings.keys().chain(now.settings.keys()).collect();
        for key in keys {
            let (before, now) = (self.settings.get(key), now.settings.get(key));
            if before != now {
                lines.push(format!("train.{key}: {} before, {} now", plain(before), plain(now)));
            }
        }
        if self.order != now.order {
            let (before, now) = (&self.order, &now.order);
            lines.push(format!("order of the data: \"{before}\" before, \"{now}\" now"));
        }
        if self.blend != now.blend {
            lines.push("the mixture of cells".to_owned());
        }
        let paths: std::collections::BTreeSet<&String> =
            self.shards.keys().chain(now.shards.keys()).collect();
        let changed: Vec<String> = paths
            .into_iter()
            .filter_map(|path| match (self.shards.get(path), now.shards.get(path)) {
                (Some(before), Some(now)) if before == now => None,
                (Some(_), Some(_)) => Some(format!("{path}: other bytes")),
                (Some(_), None) => Some(format!("{path}: gone")),
                (None, _) => Some(format!("{path}: new")),
            })
            .collect();
        let more = changed.len().saturating_sub(LISTED);
        lines.extend(changed.into_iter().take(LISTED));
        if more > 0 {
            lines.push(format!("and {more} files more"));
        }
        let mut text = String::new();
        for line in lines {
            let _ = write!(text, "\n  {line}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::train::TrainConfig;

    fn fingerprint(toml: &str, files: &[(&str, &str)]) -> Fingerprint {
        let settings = toml::from_str::<TrainConfig>(toml).unwrap().resolve(16, 99).unwrap();
        Fingerprint::new(&settings, &Blend::default(), files.iter().copied()).unwrap()
    }

    #[test]
    fn another_training_is_refused_with_what_differs_unless_it_begins_anew() {
        let run = Store::in_memory();
        let first = fingerprint("steps = 5", &[("a.bin", "1"), ("b.bin", "2")]);
        first.claim(&run, false).unwrap();
        let other = fingerprint("steps = 6", &[("a.bin", "1"), ("b.bin", "3"), ("c.bin", "4")]);
        other.claim(&run, false).expect("nothing was trained yet");
        first.claim(&run, false).unwrap();

        let state = serde_json::json!({ "digest": first.digest() }).to_string();
        run.put("checkpoints/step-00000001/state.json", state.into()).unwrap();
        first.claim(&run, false).expect("it goes on");
        let error = other.claim(&run, false).unwrap_err().to_string();
        for part in ["train.steps: 5 before, 6 now", "b.bin: other bytes", "c.bin: new", "--fresh"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("a.bin") && !error.contains("seed"), "{error}");
        other.claim(&run, true).unwrap();
        assert!(run.list("checkpoints").unwrap().is_empty());
        other.claim(&run, false).unwrap();
    }
}
