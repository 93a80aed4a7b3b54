//! `[train]`: the bundled training loop, as the user writes it ([`TrainConfig`]) and as it will run
//! ([`TrainSettings`]).
//!
//! Compiled in every build, so that a pipeline with `[train]` can be checked without libtorch. What
//! the user leaves out is decided here, by size, from the formulas of `OLMo`'s model ladder
//! (<https://arxiv.org/abs/2412.04403>; `model_ladder` in <https://github.com/allenai/OLMo-core>).

mod evaluate;
mod spikes;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::resolved;

pub use self::choices::{Architecture, DeviceChoice, OptimizerChoice, Precision, Preset, Schedule};
pub use self::evaluate::{EvaluateConfig, TaskKind};
pub use self::spikes::{SpikeSettings, SpikesConfig};

mod choices;
mod length;
mod size;

/// Trains a small language model on the shards of this run.
///
/// `tamis run` ends with it, and `tamis train RUN` runs it alone. Needs a build with the feature
/// `train` and shards of whole documents in the format `megatron`, `nanogpt`, `llmc`, `mds` or
/// `parquet`; where these have loss masks (conversations), the tokens masked in alone are learnt. The
/// model is a decoder of the Llama family (RMSNorm, rotary positions, SwiGLU, grouped-query attention) and is saved as
/// `checkpoints/step-*/{model.safetensors, config.json}`, which Hugging Face `transformers` loads as
/// `LlamaForCausalLM` (with `qk_norm` as `Qwen3ForCausalLM`, with `architecture = "gpt2"` as
/// `GPT2LMHeadModel`). AdamW runs with β₁ = 0.9, β₂ = 0.99 (0.95 from 524,288 tokens a batch on) and
/// ε = 1e-8.
///
/// In the defaults below *N* is the number of parameters without the embeddings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Size of the model, named by its N (about): sets `layers`, `width`, `heads` and `kv_heads`,
    /// each of which may be overridden. Default: `1m`, unless the shape is given by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The form of the decoder. Default: `llama`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Transformer blocks. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// Width of the residual stream (`hidden_size`). Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Attention heads; must divide `width` into heads of even size. Default: the preset's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<u32>,
    /// Heads of keys and values (grouped-query attention, <https://arxiv.org/abs/2305.13245>); must
    /// divide `heads`, and GPT-2 has as many as `heads`. Default: `heads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<u32>,
    /// Inner width of the feed-forward layer (SwiGLU, <https://arxiv.org/abs/2002.05202>).
    /// Default: 8/3 of `width`, rounded up to a multiple of 32; for GPT-2 4 × `width`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ffn_width: Option<u32>,
    /// Whether queries and keys pass through an RMSNorm, one for all heads of a layer, before their
    /// positions are turned in: attention cannot grow without bound, so that higher learning rates
    /// hold (<https://arxiv.org/abs/2309.14322>). The form of Qwen3
    /// (<https://arxiv.org/abs/2505.09388>); not for GPT-2. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qk_norm: Option<bool>,
    /// Whether the output matrix is the embedding matrix. Default: false, as `OLMo` has it; GPT-2 is
    /// always tied. A tied
    /// matrix halves the file of a small model, but the model learns more slowly: preset `100k`
    /// with GPT-2's vocabulary, 410,000 tokens of novels, validation loss 5.55 untied, 5.87 tied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_embeddings: Option<bool>,
    /// Whether attention stays within documents: a position sees what is before it in its own
    /// document, and not the other documents of its row. Costs time, since the mask has to be read;
    /// positions are still counted from the start of the row. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_masking: Option<bool>,
    /// Optimiser steps. Give this or `tokens`, not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Training tokens, rounded up to whole steps; more than the shards hold means several epochs,
    /// each in its own order. Default: 20 N, the compute-optimal ratio of Chinchilla
    /// (<https://arxiv.org/abs/2203.15556>) counted on N as `OLMo`'s ladder does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Tokens an optimiser step, a multiple of the sequence length. Default: 327,680 ×
    /// (N / 108e6)^⅔ (`OLMo`'s ladder), rounded to whole sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<u64>,
    /// Peak learning rate, above 0 and at most 1. Default: 0.00235 × (N / 108e6)^-⅓ (`OLMo`'s
    /// ladder).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Tokens over which the learning rate rises linearly from 0, rounded up to whole steps.
    /// Default: N (`OLMo`'s ladder), but at most a tenth of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_tokens: Option<u64>,
    /// How the learning rate falls after the warm-up. Default: `cosine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// For `schedule = "wsd-s"`: the numbers of training tokens at which the rate has decayed, rising,
    /// each at least 5/4 of the one before; rounded up to whole steps. The last one is the length of
    /// the training, so `steps` and `tokens` are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizons: Option<Vec<u64>>,
    /// Standard deviation of the initial weights, above 0 and at most 1. Default: 0.02, as OLMo 2
    /// (<https://arxiv.org/abs/2501.00656>) and GPT-2 have it. The √(2 / (5 · `width`)) of "small init"
    /// (<https://arxiv.org/abs/1910.05895>) helped a width of 16 and hurt one of 48, each at its best
    /// learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initializer_range: Option<f64>,
    /// What turns gradients into updates. Default: `adamw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerChoice>,
    /// Weight of the z-loss: (ln Σ exp logits)² is added to the loss times this, and keeps logits from
    /// drifting (<https://arxiv.org/abs/2204.02311>, section 5); 1e-4 and 1e-5 are usual. The losses
    /// reported are without it. Default: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub z_loss: Option<f64>,
    /// Whether nothing is learnt of samples that repeat an n-gram of 1 to 13 tokens 32 times or more at
    /// a stretch, which often make loss spikes (OLMo 2, <https://arxiv.org/abs/2501.00656>). Default:
    /// false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_repeats: Option<bool>,
    /// Weight decay of the matrices, from 0 up to but not including 1; norms and embeddings never
    /// decay. Default: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Gradients are scaled down to this global L2 norm where it is exceeded; 0 turns it off.
    /// Default: 1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Number format of weights and arithmetic. Default: `fp32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Seed of the initial weights and of the order of the data. Default: the pipeline's `seed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Steps between two validations; 0 validates at the end alone. Default: a tenth of the steps,
    /// at most 1,000. Has no influence on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_every: Option<u64>,
    /// Steps between two checkpoints; 0 saves at the end alone. Default: a quarter of the steps, at
    /// most 1,000. Has no influence on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// How many of the last checkpoints are kept, beside one that a loss spike can go back to. With 1
    /// a training begins anew where that one is damaged. Default: 2. Has no influence on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u32>,
    /// Of the checkpoints, those at multiples of this number of steps are kept for good; 0 keeps none
    /// beside the last. Default: 0. Has no influence on the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_every: Option<u64>,
    /// Whether activations are forgotten between blocks and computed again for the backward pass
    /// (<https://arxiv.org/abs/1604.06174>): a third more arithmetic, for memory that no longer grows
    /// with the number of layers but for one stream each. Default: false. Has no influence on the
    /// model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_checkpointing: Option<bool>,
    /// Whether gradients are summed in an order that depends on the samples of a step alone, so that a
    /// training has the same bytes for any number of processes (`tamis train --nproc`), which then
    /// compute with one thread each: slower, to verify by. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_sums: Option<bool>,
    /// Where to train. Default: `auto`, which takes the first CUDA device, of several processes each its
    /// own, and else the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceChoice>,
    /// A run with checkpoints, or a checkpoint, relative to the pipeline file, whose weights the
    /// training begins with: for fine-tuning. It gives the shape too, where that is not written here.
    /// The optimiser begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Loss spikes: how they are found and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spikes: Option<SpikesConfig>,
    /// Tasks that the model is scored by on the way and at the end. They have no influence on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evaluate: Vec<EvaluateConfig>,
}

/// A training run with nothing left to decide.
///
/// Serializes to what determines the weights, for the digest of the training: `eval_every`,
/// `checkpoint_every`, `keep_last`, `keep_every`, `activation_checkpointing` and `device` are left out,
/// so that changing them goes on with the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "settings that are on or off")]
pub struct TrainSettings {
    /// The form of the decoder.
    pub architecture: Architecture,
    /// Transformer blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub width: u32,
    /// Attention heads.
    pub heads: u32,
    /// Heads of keys and values.
    pub kv_heads: u32,
    /// Inner width of the feed-forward layer.
    pub ffn_width: u32,
    /// Whether queries and keys are normed.
    pub qk_norm: bool,
    /// Whether the output matrix is the embedding matrix.
    pub tie_embeddings: bool,
    /// Rows of the embedding matrix.
    pub vocab_size: u32,
    /// Tokens predicted in one sequence.
    pub sequence_length: u32,
    /// Whether attention stays within documents.
    pub document_masking: bool,
    /// Optimiser steps.
    pub steps: u64,
    /// Sequences an optimiser step.
    pub batch_sequences: u64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// How the learning rate falls after the warm-up.
    pub schedule: Schedule,
    /// Steps at which [`Schedule::WsdS`] has decayed, the last of which is `steps`.
    pub horizons: Vec<u64>,
    /// Standard deviation of the initial weights.
    #[serde(default = "usual_initializer_range")]
    pub initializer_range: f64,
    /// What turns gradients into updates.
    pub optimizer: OptimizerChoice,
    /// Weight of the z-loss.
    pub z_loss: f64,
    /// Whether nothing is learnt of samples that repeat themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mask_repeats: bool,
    /// Weight decay of the matrices.
    pub weight_decay: f64,
    /// Largest global gradient norm; 0 for no clipping.
    pub clip: f64,
    /// Decay of AdamW's first moment.
    pub beta1: f64,
    /// Decay of AdamW's second moment.
    pub beta2: f64,
    /// AdamW's ε.
    pub epsilon: f64,
    /// Number format of weights and arithmetic.
    pub precision: Precision,
    /// Seed of the initial weights and of the order of the data.
    pub seed: u64,
    /// Hash of the weights that it begins with, where they are not drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How loss spikes are found and answered.
    pub spikes: SpikeSettings,
    /// Whether gradients are summed in an order of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered_sums: bool,
    /// Steps between two validations; 0 for the end alone.
    #[serde(skip)]
    pub eval_every: u64,
    /// Steps between two checkpoints; 0 for the end alone.
    #[serde(skip)]
    pub checkpoint_every: u64,
    /// How many of the last checkpoints are kept.
    #[serde(skip)]
    pub keep_last: u32,
    /// Steps between two checkpoints that are kept for good; 0 for none.
    #[serde(skip)]
    pub keep_every: u64,
    /// Whether activations are computed again for the backward pass.
    #[serde(skip)]
    pub activation_checkpointing: bool,
    /// Where to train.
    #[serde(skip)]
    pub device: DeviceChoice,
}

/// A value in `[train]` that cannot be trained with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`train.{key}`: {problem}; {hint}")]
pub struct TrainConfigError {
    /// The key to change, without `train.`.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

fn wrong<T>(
    key: &'static str,
    problem: impl Into<String>,
    hint: impl Into<String>,
) -> Result<T, TrainConfigError> {
    Err(TrainConfigError { key, problem: problem.into(), hint: hint.into() })
}

/// Largest number of layers, and width, that is taken for intended.
const MAX_LAYERS: u32 = 1_000;
const MAX_WIDTH: u32 = 1 << 17;

impl TrainConfig {
    /// Makes paths relative to the folder `base` of the pipeline file ones from here.
    pub(crate) fn resolve_paths(&mut self, base: &std::path::Path) {
        for task in &mut self.evaluate {
            task.resolve_paths(base);
        }
        if let Some(from) = &mut self.from {
            *from = resolved(base, &from);
        }
    }

    /// Decides everything the user left open, for sequences of `sequence_length` tokens of a
    /// vocabulary of `vocab_size`.
    ///
    /// # Errors
    /// When a value is out of its range or two contradict each other; names the key.
    pub fn resolve(
        &self,
        sequence_length: usize,
        vocab_size: u32,
    ) -> Result<TrainSettings, TrainConfigError> {
        let sequence_length = match u32::try_from(sequence_length) {
            Ok(length) if (1..=1 << 20).contains(&length) => length,
            _ => {
                return Err(TrainConfigError {
                    key: "batch_tokens",
                    problem: format!("sequences of {sequence_length} tokens cannot be trained on"),
                    hint: "set `tokens.sequence_length` from 1 to 1048576".to_owned(),
                });
            }
        };
        if !(2..=1 << 30).contains(&vocab_size) {
            return wrong(
                "preset",
                format!("a vocabulary of {vocab_size} tokens cannot be trained on"),
                "check `tokens.tokenizer`",
            );
        }
        let architecture = self.architecture.unwrap_or_default();
        let [layers, width, heads, kv_heads, ffn_width] = self.shape(architecture)?;
        let (qk_norm, tie_embeddings) = self.options(architecture)?;
        let n = size::non_embedding(
            architecture,
            [layers, width, heads, kv_heads, ffn_width].map(u64::from),
            qk_norm,
        );
        let batch_sequences = self.batch_sequences(n, sequence_length)?;
        let batch_tokens = batch_sequences * u64::from(sequence_length);
        let schedule = self.schedule.unwrap_or(Schedule::Cosine);
        let horizons = self.horizons(schedule, batch_tokens)?;
        let steps = match horizons.last() {
            Some(&last) => last,
            None => self.steps(n, batch_tokens)?,
        };
        let warmup_steps = match self.warmup_tokens {
            Some(tokens) => tokens.div_ceil(batch_tokens),
            None => n.div_ceil(batch_tokens).min(steps / 10),
        };
        if warmup_steps > steps {
            return wrong(
                "warmup_tokens",
                format!("the warm-up takes {warmup_steps} steps and the training {steps}"),
                "lower it, or raise `steps` or `tokens`",
            );
        }
        let spikes = self.spikes.clone().unwrap_or_default().resolve(steps, batch_tokens);
        let spikes = spikes.or_else(|(key, problem, hint)| wrong(key, problem, hint))?;
        Ok(TrainSettings {
            architecture,
            layers,
            width,
            heads,
            kv_heads,
            ffn_width,
            qk_norm,
            tie_embeddings,
            vocab_size,
            sequence_length,
            document_masking: self.document_masking.unwrap_or(false),
            steps,
            batch_sequences,
            learning_rate: self.learning_rate(n)?,
            warmup_steps,
            schedule,
            horizons,
            initializer_range: in_range(
                "initializer_range",
                self.initializer_range.unwrap_or_else(usual_initializer_range),
                |range| range > 0.0 && range <= 1.0,
            )?,
            optimizer: self.optimizer.unwrap_or_default(),
            z_loss: in_range("z_loss", self.z_loss.unwrap_or(0.0), |value| {
                (0.0..=1.0).contains(&value)
            })?,
            mask_repeats: self.mask_repeats.unwrap_or(false),
            weight_decay: in_range("weight_decay", self.weight_decay.unwrap_or(0.1), |value| {
                (0.0..1.0).contains(&value)
            })?,
            clip: in_range("clip", self.clip.unwrap_or(1.0), |value| value >= 0.0)?,
            beta1: 0.9,
            beta2: if batch_tokens < 524_288 { 0.99 } else { 0.95 },
            epsilon: 1e-8,
            precision: self.precision.unwrap_or(Precision::Fp32),
            seed: self.seed.unwrap_or(0),
            from: None,
            spikes,
            ordered_sums: self.ordered_sums.unwrap_or(false),
            eval_every: self.eval_every.unwrap_or_else(|| steps.div_ceil(10).min(1_000)),
            checkpoint_every: self.checkpoint_every.unwrap_or_else(|| steps.div_ceil(4).min(1_000)),
            keep_last: match self.keep_last {
                Some(0) => return wrong("keep_last", "is 0", "give at least 1"),
                kept => kept.unwrap_or(2),
            },
            keep_every: self.keep_every.unwrap_or(0),
            activation_checkpointing: self.activation_checkpointing.unwrap_or(false),
            device: self.device.unwrap_or_default(),
        })
    }

    /// `[layers, width, heads, kv_heads, ffn_width]`, checked.
    fn shape(&self, architecture: Architecture) -> Result<[u32; 5], TrainConfigError> {
        let by_hand = self.layers.is_some() || self.width.is_some() || self.heads.is_some();
        let preset = match self.preset {
            // What `from` begins with has a shape, which is known where its file is read.
            None if by_hand && self.from.is_none() => None,
            preset => Some(preset.unwrap_or(Preset::M1).shape()),
        };
        let pick = |key, given: Option<u32>, of_preset: Option<u32>| match given.or(of_preset) {
            Some(0) => wrong(key, "is 0", "give at least 1"),
            Some(value) => Ok(value),
            None => wrong(
                key,
                "is missing, and there is no `preset` to take it from",
                "give `layers`, `width` and `heads`, or a `preset`",
            ),
        };
        let layers = pick("layers", self.layers, preset.map(|shape| shape.0))?;
        let width = pick("width", self.width, preset.map(|shape| shape.1))?;
        let heads = pick("heads", self.heads, preset.map(|shape| shape.2))?;
        // A preset's kv_heads make sense with its own heads only.
        let of_preset = preset.filter(|shape| shape.2 == heads).map_or(heads, |shape| shape.3);
        let kv_heads = pick("kv_heads", self.kv_heads, Some(of_preset))?;
        if layers > MAX_LAYERS {
            return wrong(
                "layers",
                format!("{layers} is too many"),
                format!("give at most {MAX_LAYERS}"),
            );
        }
        if width > MAX_WIDTH {
            return wrong(
                "width",
                format!("{width} is too wide"),
                format!("give at most {MAX_WIDTH}"),
            );
        }
        if width % heads != 0 || (width / heads) % 2 != 0 {
            return wrong(
                "heads",
                format!("{heads} heads do not divide width {width} into heads of even size"),
                "rotary positions need pairs: choose `width` as `heads` × an even number",
            );
        }
        if heads % kv_heads != 0 {
            return wrong(
                "kv_heads",
                format!("{kv_heads} does not divide `heads` = {heads}"),
                "give a divisor of `heads`",
            );
        }
        if architecture == Architecture::Gpt2 && kv_heads != heads {
            return wrong(
                "kv_heads",
                format!("GPT-2 has as many as `heads` = {heads}"),
                "leave it out, or take `architecture` = \"llama\"",
            );
        }
        let of_architecture = match architecture {
            Architecture::Llama => (width * 8).div_ceil(3).next_multiple_of(32),
            Architecture::Gpt2 => width * 4,
        };
        let ffn_width = pick("ffn_width", self.ffn_width, Some(of_architecture))?;
        if ffn_width > MAX_WIDTH * 4 {
            return wrong(
                "ffn_width",
                format!("{ffn_width} is too wide"),
                format!("give at most {}", MAX_WIDTH * 4),
            );
        }
        Ok([layers, width, heads, kv_heads, ffn_width])
    }

    /// `(qk_norm, tie_embeddings)`, checked.
    fn options(&self, architecture: Architecture) -> Result<(bool, bool), TrainConfigError> {
        let hint = "leave it out, or take `architecture` = \"llama\"";
        match (architecture, self.qk_norm, self.tie_embeddings) {
            (Architecture::Llama, norm, tied) => Ok((norm.unwrap_or(false), tied.unwrap_or(false))),
            (Architecture::Gpt2, Some(true), _) => {
                wrong("qk_norm", "GPT-2 does not norm queries and keys", hint)
            }
            (Architecture::Gpt2, _, Some(false)) => {
                wrong("tie_embeddings", "GPT-2's output matrix is its embedding matrix", hint)
            }
            (Architecture::Gpt2, ..) => Ok((false, true)),
        }
    }

    fn batch_sequences(&self, n: u64, sequence_length: u32) -> Result<u64, TrainConfigError> {
        let length = u64::from(sequence_length);
        match self.batch_tokens {
            None => {
                let tokens = 327_680.0 * libm::pow(as_f64(n) / 108e6, 2.0 / 3.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rounded positive number of sequences, far below 2^63"
                )]
                Ok((libm::round(tokens / f64::from(sequence_length)) as u64).max(1))
            }
            Some(tokens) if tokens > 0 && tokens % length == 0 => Ok(tokens / length),
            Some(tokens) => wrong(
                "batch_tokens",
                format!("{tokens} is not a multiple of `sequence_length` = {length}"),
                format!("try {}", (tokens / length).max(1) * length),
            ),
        }
    }

    fn learning_rate(&self, n: u64) -> Result<f64, TrainConfigError> {
        match self.learning_rate {
            None => Ok(0.0047 / 2.0 * libm::pow(as_f64(n) / 108e6, -1.0 / 3.0)),
            Some(rate) => in_range("learning_rate", rate, |rate| rate > 0.0 && rate <= 1.0),
        }
    }
}

/// What models have whose settings do not say it.
fn usual_initializer_range() -> f64 {
    0.02
}

fn in_range(
    key: &'static str,
    value: f64,
    allowed: impl Fn(f64) -> bool,
) -> Result<f64, TrainConfigError> {
    if value.is_finite() && allowed(value) {
        return Ok(value);
    }
    let hint = match key {
        "learning_rate" => "give a number above 0 and at most 1, for example 0.01",
        "initializer_range" => "give a number above 0 and at most 1, for example 0.02",
        "weight_decay" => "give a number from 0 up to but not including 1",
        "z_loss" => "give a number from 0 to 1, for example 1e-4",
        _ => "give a number of at least 0",
    };
    wrong(key, format!("{value} is out of range"), hint)
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
