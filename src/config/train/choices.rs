//! What `[train]` lets one choose from: sizes, forms, optimisers, schedules, devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named size of model. The name is N, the number of parameters without the embeddings.
///
/// | preset | layers | width | heads | N |
/// |---|---|---|---|---|
/// | `30k` | 2 | 32 | 2 | 26,784 |
/// | `100k` | 2 | 64 | 2 | 106,816 |
/// | `300k` | 3 | 96 | 3 | 332,448 |
/// | `1m` | 5 | 128 | 4 | 1,004,928 |
/// | `3m` | 7 | 192 | 6 | 3,099,456 |
/// | `10m` | 6 | 384 | 6 | 10,621,824 |
/// | `30m` | 10 | 512 | 8 | 31,631,872 |
/// | `100m` | 14 | 768 | 12 | 99,112,704 |
/// | `300m` | 24 | 1,024 | 16 | 303,612,928 |
/// | `1b` | 20 | 2,048 | 16 | 1,008,027,648 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Preset {
    /// 2 layers of width 32.
    #[serde(rename = "30k")]
    K30,
    /// 2 layers of width 64.
    #[serde(rename = "100k")]
    K100,
    /// 3 layers of width 96.
    #[serde(rename = "300k")]
    K300,
    /// 5 layers of width 128.
    #[serde(rename = "1m")]
    M1,
    /// 7 layers of width 192.
    #[serde(rename = "3m")]
    M3,
    /// 6 layers of width 384.
    #[serde(rename = "10m")]
    M10,
    /// 10 layers of width 512.
    #[serde(rename = "30m")]
    M30,
    /// 14 layers of width 768.
    #[serde(rename = "100m")]
    M100,
    /// 24 layers of width 1,024.
    #[serde(rename = "300m")]
    M300,
    /// 20 layers of width 2,048.
    #[serde(rename = "1b")]
    B1,
}

impl Preset {
    /// All, from small to large.
    pub const ALL: [Self; 10] = [
        Self::K30,
        Self::K100,
        Self::K300,
        Self::M1,
        Self::M3,
        Self::M10,
        Self::M30,
        Self::M100,
        Self::M300,
        Self::B1,
    ];

    /// Its name in a pipeline file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::K30 => "30k",
            Self::K100 => "100k",
            Self::K300 => "300k",
            Self::M1 => "1m",
            Self::M3 => "3m",
            Self::M10 => "10m",
            Self::M30 => "30m",
            Self::M100 => "100m",
            Self::M300 => "300m",
            Self::B1 => "1b",
        }
    }

    /// `(layers, width, heads, kv_heads)`.
    #[must_use]
    pub fn shape(self) -> (u32, u32, u32, u32) {
        match self {
            Self::K30 => (2, 32, 2, 2),
            Self::K100 => (2, 64, 2, 2),
            Self::K300 => (3, 96, 3, 3),
            Self::M1 => (5, 128, 4, 4),
            Self::M3 => (7, 192, 6, 6),
            Self::M10 => (6, 384, 6, 6),
            Self::M30 => (10, 512, 8, 8),
            Self::M100 => (14, 768, 12, 12),
            Self::M300 => (24, 1024, 16, 16),
            Self::B1 => (20, 2048, 16, 16),
        }
    }
}

/// How the learning rate falls from its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Half a cosine down to a tenth of the peak.
    Cosine,
    /// A straight line to 0.
    Linear,
    /// The peak until the end.
    Constant,
    /// Warm-up, stable, decay: the peak for most of the run, then over the last fifth of the steps
    /// to 0 as 1 − √progress (<https://arxiv.org/abs/2405.18392>).
    Wsd,
    /// Several trainings in one (<https://arxiv.org/abs/2410.05192>): at each of `horizons` it decays
    /// as `wsd` does, over the last fifth of all steps up to there, and goes on from the decayed
    /// weights at the peak. Checkpoints before and after each decay are kept, and each horizon is
    /// validated: one run gives the loss at several numbers of tokens.
    WsdS,
}

/// What turns gradients into updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerChoice {
    /// AdamW (<https://arxiv.org/abs/1711.05101>).
    #[default]
    AdamW,
    /// Muon (<https://kellerjordan.github.io/posts/muon/>) for the matrices of the blocks, scaled so
    /// that AdamW's learning rate and weight decay serve (<https://arxiv.org/abs/2502.16982>); AdamW
    /// for the rest. Half the memory of AdamW's moments for those matrices, more arithmetic.
    Muon,
}

/// Number format of weights and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats throughout.
    Fp32,
    /// Matrix products and attention in bfloat16 (8 bits of mantissa) by explicit casts; weights,
    /// residual stream, norms, softmax of the loss, gradients' sums and optimiser stay in 32 bits.
    Bf16,
}

/// The form of the decoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// RMSNorm, rotary positions, SwiGLU, grouped-query attention, no biases
    /// (<https://arxiv.org/abs/2302.13971>); with `qk_norm` that of Qwen3
    /// (<https://arxiv.org/abs/2505.09388>).
    #[default]
    Llama,
    /// GPT-2 (Radford et al., 2019): LayerNorm and matrices with biases, learned positions, GELU in
    /// its tanh form, tied embeddings. For comparisons with other loops; N of a preset is larger by
    /// a few per cent, since the feed-forward layer is four times as wide as the model.
    Gpt2,
}

/// Where to train.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// The first CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The first CUDA device; an error where there is none.
    Cuda,
}
