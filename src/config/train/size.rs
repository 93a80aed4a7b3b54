//! How large a model is, and what a training of it takes: pure arithmetic on the settings.

use super::{Architecture, Precision, TrainSettings};

/// Bytes of a 32-bit number.
const SINGLE: u64 = 4;

impl TrainSettings {
    /// `[layers, width, heads, kv_heads, ffn_width]`.
    fn shape(&self) -> [u64; 5] {
        [self.layers, self.width, self.heads, self.kv_heads, self.ffn_width].map(u64::from)
    }

    /// Parameters without the embeddings (of tokens and positions, and without an untied output
    /// matrix): the N of scaling laws.
    #[must_use]
    pub fn non_embedding(&self) -> u64 {
        non_embedding(self.architecture, self.shape(), self.qk_norm)
    }

    /// All parameters.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let width = u64::from(self.width);
        let matrix = u64::from(self.vocab_size) * width;
        let positions = match self.architecture {
            Architecture::Llama => 0,
            Architecture::Gpt2 => u64::from(self.sequence_length) * width,
        };
        self.non_embedding() + positions + matrix * if self.tie_embeddings { 1 } else { 2 }
    }

    /// Tokens an optimiser step.
    #[must_use]
    pub fn batch_tokens(&self) -> u64 {
        self.batch_sequences * u64::from(self.sequence_length)
    }

    /// Tokens of the whole training.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.steps.saturating_mul(self.batch_tokens())
    }

    /// Floating-point operations of a training token, forward and backward: 6 N + 12 · layers · width
    /// · sequence length (`PaLM`, appendix B, <https://arxiv.org/abs/2204.02311>). N here counts the
    /// output matrix, which multiplies, and not the embedding, which is looked up.
    #[must_use]
    pub fn flops_per_token(&self) -> u64 {
        let [layers, width, ..] = self.shape();
        let n = self.non_embedding() + u64::from(self.vocab_size) * width;
        6 * n + 12 * layers * width * u64::from(self.sequence_length)
    }

    /// Bytes that weights, gradients and AdamW's two moments take; with `bf16` also the rounded
    /// copies of the weights.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        let copies = match self.precision {
            Precision::Fp32 => 0,
            Precision::Bf16 => SINGLE / 2,
        };
        self.parameters() * (4 * SINGLE + copies)
    }

    /// Bytes (about) of a training whose micro-batches have `rows` sequences: weights, gradients,
    /// moments, activations.
    #[must_use]
    pub fn training_bytes(&self, rows: u64) -> u64 {
        self.state_bytes() + rows * self.activation_bytes()
    }

    /// Bytes of activations (about) that one sequence keeps for its backward pass, the logits aside.
    #[must_use]
    pub fn activation_bytes(&self) -> u64 {
        let [layers, width, _, _, ffn] = self.shape();
        // What autograd keeps, counted in tensors of that width: 14 in the attention and norms, 5 in
        // SwiGLU. GPT-2's feed-forward layer keeps 3 of a greater width.
        SINGLE * layers * (14 * width + 5 * ffn) * u64::from(self.sequence_length)
    }
}

/// Parameters of all blocks and the last norm.
///
/// Llama: per block Q and O (width²), K and V (width × `kv_heads` × head size), the three matrices of
/// SwiGLU and two norms, with `qk_norm` two more of a head's size. GPT-2: the same attention, two
/// matrices, and a bias to each matrix and norm.
pub(super) fn non_embedding(
    architecture: Architecture,
    [layers, width, heads, kv_heads, ffn_width]: [u64; 5],
    qk_norm: bool,
) -> u64 {
    let kv_width = width / heads * kv_heads;
    let attention = 2 * width * width + 2 * width * kv_width;
    match architecture {
        Architecture::Llama => {
            let head_norms = if qk_norm { 2 * (width / heads) } else { 0 };
            layers * (attention + head_norms + 3 * width * ffn_width + 2 * width) + width
        }
        Architecture::Gpt2 => {
            let biases = 4 * width + ffn_width + width;
            layers * (attention + biases + 2 * width * ffn_width + 4 * width) + 2 * width
        }
    }
}
