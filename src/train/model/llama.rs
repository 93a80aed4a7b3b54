//! A decoder of the Llama family (<https://arxiv.org/abs/2302.13971>).
//!
//! Per block: RMSNorm (<https://arxiv.org/abs/1910.07467>), attention with rotary positions and
//! grouped queries (<https://arxiv.org/abs/2305.13245>), RMSNorm, SwiGLU
//! (<https://arxiv.org/abs/2002.05202>). No biases, no dropout. With `qk_norm` each head's query and
//! key pass through an RMSNorm before they are turned, as in Qwen3
//! (<https://arxiv.org/abs/2505.09388>).

use std::ops::Range;

use tch::{Device, Tensor};

use super::super::TrainError;
use super::cached::Past;
use super::rotary::Rotary;
use super::{Attention, Draft, Parameter, Rows};
use crate::config::train::TrainSettings;

/// Added to the mean square in RMSNorm (`rms_norm_eps`).
pub(super) const NORM_EPSILON: f64 = 1e-6;

/// The weights: embedding, per layer what [`Block`] lists, last norm, and the output matrix if it is
/// not tied.
pub(super) fn drafts(settings: &TrainSettings) -> Vec<Draft> {
    let [width, ffn, vocab] =
        [settings.width, settings.ffn_width, settings.vocab_size].map(i64::from);
    let heads = Attention::new(settings);
    let kv_width = heads.size() * heads.kv_heads;
    let deviation = settings.initializer_range;
    let mut drafts = vec![Draft::embedding("model.embed_tokens.weight", [vocab, width], deviation)];
    for layer in 0..settings.layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        let matrix = |part, shape| Draft::matrix(name(part), shape, deviation);
        let norm = |part, size| Draft::vector(name(part), size, 1.0);
        drafts.extend([
            norm("input_layernorm", width),
            matrix("self_attn.q_proj", [width, width]),
            matrix("self_attn.k_proj", [kv_width, width]),
            matrix("self_attn.v_proj", [kv_width, width]),
            matrix("self_attn.o_proj", [width, width]),
        ]);
        if settings.qk_norm {
            drafts.extend([
                norm("self_attn.q_norm", heads.size()),
                norm("self_attn.k_norm", heads.size()),
            ]);
        }
        drafts.extend([
            norm("post_attention_layernorm", width),
            matrix("mlp.gate_proj", [ffn, width]),
            matrix("mlp.up_proj", [ffn, width]),
            matrix("mlp.down_proj", [width, ffn]),
        ]);
    }
    drafts.push(Draft::vector("model.norm.weight".to_owned(), width, 1.0));
    if !settings.tie_embeddings {
        drafts.push(Draft::output("lm_head.weight", [vocab, width], deviation));
    }
    drafts
}

/// The weights of a block.
struct Block<'a> {
    norm: &'a Parameter,
    /// Of queries, keys, values.
    projections: [&'a Parameter; 3],
    output: &'a Parameter,
    /// Of queries and keys.
    head_norms: Option<[&'a Parameter; 2]>,
    mlp_norm: &'a Parameter,
    gate: &'a Parameter,
    up: &'a Parameter,
    down: &'a Parameter,
}

impl<'a> Block<'a> {
    /// Of the weights of one layer, in the order of [`drafts`].
    fn of(weights: &'a [Parameter]) -> Self {
        let [norm, query, key, value, output, head_norms @ .., mlp_norm, gate, up, down] = weights
        else {
            unreachable!("drafts() lists them");
        };
        Self {
            norm,
            projections: [query, key, value],
            output,
            head_norms: match head_norms {
                [query, key] => Some([query, key]),
                _ => None,
            },
            mlp_norm,
            gate,
            up,
            down,
        }
    }
}

/// What the forward pass needs beside the weights.
pub(super) struct Llama {
    layers: usize,
    heads: Attention,
    rotary: Rotary,
}

impl Llama {
    pub(super) fn new(settings: &TrainSettings, device: Device) -> Result<Self, TrainError> {
        let heads = Attention::new(settings);
        let length = settings.sequence_length.into();
        let rotary = Rotary::new(length, heads.size(), heads.kind, device)?;
        Ok(Self { layers: settings.layers as usize, heads, rotary })
    }

    /// The stream that the first block reads.
    pub(super) fn embed(body: &[Parameter], ids: &Tensor) -> Result<Tensor, TrainError> {
        let [embedding, ..] = body else {
            unreachable!("drafts() lists an embedding");
        };
        Ok(Tensor::f_embedding(&embedding.tensor, ids, -1, false, false)?)
    }

    /// Of `body`, the weights of block `layer`.
    pub(super) fn block_weights(&self, body: &[Parameter], layer: usize) -> Range<usize> {
        // Beside the blocks there are an embedding and a norm.
        let size = (body.len() - 2) / self.layers;
        1 + layer * size..1 + (layer + 1) * size
    }

    /// The stream behind a block of these weights.
    pub(super) fn block(
        &self,
        weights: &[Parameter],
        stream: &Tensor,
        rows: Rows<'_>,
    ) -> Result<Tensor, TrainError> {
        self.block_behind(weights, stream, rows, None)
    }

    /// [`Llama::block`], where `past` holds keys and values of the positions before.
    pub(super) fn block_behind(
        &self,
        weights: &[Parameter],
        stream: &Tensor,
        rows: Rows<'_>,
        past: Option<&mut Past>,
    ) -> Result<Tensor, TrainError> {
        let block = Block::of(weights);
        let rotary =
            self.rotary.range(past.as_ref().map_or(0, |past| past.length()), rows.length)?;
        let stream = stream.f_add(&self.attention(&block, stream, &rotary, rows, past)?)?;
        let input = self.norm(&stream, block.mlp_norm)?;
        let gate = self.linear(&input, block.gate)?.f_silu()?;
        let gated = gate.f_mul(&self.linear(&input, block.up)?)?;
        Ok(stream.f_add(&self.linear(&gated, block.down)?)?)
    }

    /// What the output matrix reads.
    pub(super) fn finish(body: &[Parameter], stream: &Tensor) -> Result<Tensor, TrainError> {
        let [.., last_norm] = body else {
            unreachable!("drafts() lists a norm");
        };
        rms_norm(stream, &last_norm.tensor)
    }

    fn attention(
        &self,
        block: &Block<'_>,
        stream: &Tensor,
        rotary: &Rotary,
        rows: Rows<'_>,
        past: Option<&mut Past>,
    ) -> Result<Tensor, TrainError> {
        let Attention { heads, kv_heads, .. } = self.heads;
        let input = self.norm(stream, block.norm)?;
        let project = |which: usize, count| {
            let projected = self.linear(&input, block.projections[which])?;
            self.heads.split(&projected, rows, count)
        };
        let [mut query, mut key] = [project(0, heads)?, project(1, kv_heads)?];
        if let Some([query_norm, key_norm]) = block.head_norms {
            query = self.norm(&query, query_norm)?;
            key = self.norm(&key, key_norm)?;
        }
        let value = project(2, kv_heads)?.f_transpose(1, 2)?;
        let query = rotary.rotate(&query.f_transpose(1, 2)?)?;
        let key = rotary.rotate(&key.f_transpose(1, 2)?)?;
        let (key, value) = match past {
            Some(past) => past.extend(&key, &value)?,
            None => (key, value),
        };
        self.linear(&self.heads.attend(&query, &key, &value, rows)?, block.output)
    }

    /// The norm over the last dimension, rounded for the matrix that follows.
    fn norm(&self, input: &Tensor, weight: &Parameter) -> Result<Tensor, TrainError> {
        let input = input.f_to_kind(super::WEIGHTS)?;
        Ok(rms_norm(&input, &weight.tensor)?.f_to_kind(self.heads.kind)?)
    }

    fn linear(&self, input: &Tensor, weight: &Parameter) -> Result<Tensor, TrainError> {
        Ok(input.f_linear(&weight.tensor.f_to_kind(self.heads.kind)?, None::<Tensor>)?)
    }
}

fn rms_norm(input: &Tensor, weight: &Tensor) -> Result<Tensor, TrainError> {
    Ok(input.f_rms_norm(weight.size(), Some(weight), NORM_EPSILON)?)
}
