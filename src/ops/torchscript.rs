//! `torchscript`: users' neural classifiers.

#[cfg(feature = "train")]
mod encoder;
#[cfg(feature = "train")]
mod network;
#[cfg(all(test, feature = "train"))]
mod tests;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BuildContext, Decision, Op, OpError, OpKind, Settings, SignalLookup};
use crate::config::train::DeviceChoice;
use crate::document::{Reason, Signal, SignalType};
use crate::store::resolved;

/// Scores each document with a neural network: a TorchScript module, or an encoder of the BERT family
/// with a head for regression or classes.
///
/// Made for classifiers like that of [FineWeb-Edu](https://arxiv.org/abs/2406.17557): `score` is one
/// number that the module gives, `int_score` that number cut to 0 to 5 and rounded. The module is what
/// `torch.jit.trace` or `torch.jit.script` saves; it takes `input_ids` and `attention_mask`, both
/// 64-bit integers of the shape (documents, tokens), and gives numbers of the shape (documents) or
/// (documents, labels), alone or as the first of a tuple. A `model.safetensors` with its `config.json`
/// beside it, as `transformers` saves `BertForSequenceClassification` and the like of RoBERTa and XLM-R,
/// needs no tracing. Needs a build with the feature `train` (`make libtorch`).
///
/// Texts become the first `max_length` tokens, those that begin and end a sequence among them (of a
/// long text only the first 64 · `max_length` bytes are looked at). Documents of like length share a
/// batch. So that a score does not depend on which, each batch has `batch_size` rows of 32, 64, 128 …
/// tokens, filled with padding, and scores are rounded to four decimals; a score within a rounding
/// error of such a step can still differ between kinds of processors.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Torchscript {
    /// The module's file (`.pt`) or the weights (`.safetensors`), relative to the pipeline file.
    pub model: PathBuf,
    /// `config.json` beside weights.
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// Tokens that the module sees of a document, at most.
    #[serde(default = "max_length")]
    pub max_length: usize,
    /// Documents of a batch.
    #[serde(default = "batch_size")]
    pub batch_size: usize,
    /// The token before the text; by default `[CLS]` or `<s>` where there is one, `""` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<String>,
    /// The token behind the text; by default `[SEP]` or `</s>` where there is one, `""` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The token that fills rows; by default `[PAD]` or `<pad>`, else the token 0. The attention mask
    /// is 0 there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<String>,
    /// Which of the module's numbers is the score, from 0.
    #[serde(default)]
    pub output: i64,
    /// What makes a score of the module's numbers.
    #[serde(default)]
    pub activation: Activation,
    /// Where it runs.
    #[serde(default)]
    pub device: DeviceChoice,
    /// The least score that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
    /// The greatest score that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_score: Option<f64>,
    /// The least `int_score` that passes (FineWeb-Edu: 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_int_score: Option<i64>,
}

/// What makes a score of a module's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Activation {
    /// The number itself.
    #[default]
    None,
    /// The logistic function.
    Sigmoid,
    /// The number's share among all.
    Softmax,
}

fn max_length() -> usize {
    512
}

fn batch_size() -> usize {
    8
}

const LOW: Reason = Reason::new("low-score");
const HIGH: Reason = Reason::new("high-score");

/// As FineWeb-Edu: cut to 0 to 5, and halves to the even number.
#[expect(clippy::cast_possible_truncation, reason = "from 0 to 5")]
fn int_score(score: f64) -> i64 {
    score.clamp(0.0, 5.0).round_ties_even() as i64
}

impl Torchscript {
    fn check(&self) -> Result<(), OpError> {
        let wrong = |key, reason: &str| Err(OpError::Setting { key, reason: reason.to_owned() });
        if !(4..=65_536).contains(&self.max_length) {
            return wrong("max_length", "from 4 to 65536 tokens");
        }
        if !(1..=4096).contains(&self.batch_size) {
            return wrong("batch_size", "from 1 to 4096 documents");
        }
        if self.output < 0 {
            return wrong("output", "labels are counted from 0");
        }
        Ok(())
    }

    fn decide(&self, score: Option<f64>) -> Decision {
        let Some(score) = score else { return Decision::Keep };
        let low = self.min_score.is_some_and(|least| score < least);
        if low || self.min_int_score.is_some_and(|least| int_score(score) < least) {
            Decision::Drop(LOW)
        } else if self.max_score.is_some_and(|most| score > most) {
            Decision::Drop(HIGH)
        } else {
            Decision::Keep
        }
    }
}

impl Settings for Torchscript {
    const NAME: &'static str = "torchscript";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Partition;
    const SIGNALS: &'static [Signal] = &[
        Signal {
            name: "score",
            kind: SignalType::Float,
            about: "what the module gives; null where that is no number",
        },
        Signal {
            name: "int_score",
            kind: SignalType::Int,
            about: "the score cut to 0 to 5 and rounded",
        },
        Signal { name: "tokens", kind: SignalType::Int, about: "tokens that the module saw" },
    ];
    const REASONS: &'static [Reason] = &[LOW, HIGH];
    const COST: u32 = 20_000_000;
    const THRESHOLDS: &'static [&'static str] = &["min_score", "max_score", "min_int_score"];

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        let config = self.config.iter().map(|path| ("model", path.as_path()));
        config.chain([("model", &*self.model), ("tokenizer", &*self.tokenizer)]).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        for path in [&mut self.model, &mut self.tokenizer] {
            *path = resolved(base, std::mem::take(path));
        }
        let is_weights = self.model.extension().is_some_and(|kind| kind == "safetensors");
        self.config = is_weights.then(|| self.model.with_file_name("config.json"));
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(self.decide(signals.number("score")))
    }

    #[cfg(feature = "train")]
    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        self.check()?;
        Ok(Op::Partition(Box::new(network::Network::new(self, context)?)))
    }

    #[cfg(not(feature = "train"))]
    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        self.check()?;
        let reason = "this build of tamis has no libtorch; build with `--features train` (see \
                      `make libtorch`)";
        Err(OpError::Setting { key: "op", reason: reason.to_owned() })
    }
}
