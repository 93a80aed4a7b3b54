//! GPT-2 (Radford et al., 2019, "Language Models are Unsupervised Multitask Learners"), as
//! `GPT2LMHeadModel`: for comparisons with other loops.
//!
//! Learned positions; per block LayerNorm, attention, LayerNorm, and a feed-forward layer with GELU in
//! its tanh form (<https://arxiv.org/abs/1606.08415>), biases everywhere; the output matrix is the
//! embedding matrix. No dropout. Matrices are kept as OpenAI kept them (`Conv1D`): `[inputs,
//! outputs]`, the transpose of other models', so that a checkpoint needs no conversion.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::super::TrainError;
use super::cached::Past;
use super::{Attention, Draft, Parameter, Rows};
use crate::config::train::TrainSettings;

/// Added to the variance in LayerNorm (`layer_norm_epsilon`).
pub(super) const NORM_EPSILON: f64 = 1e-5;

/// Weights and biases of a block: those of [`drafts`].
const BLOCK: usize = 12;

/// The weights: embeddings of tokens and positions, [`BLOCK`] per layer, last norm.
pub(super) fn drafts(settings: &TrainSettings) -> Vec<Draft> {
    let [width, ffn, vocab, length] =
        [settings.width, settings.ffn_width, settings.vocab_size, settings.sequence_length]
            .map(i64::from);
    // As OpenAI's: the more is added to the stream, the less each time.
    let deviation = settings.initializer_range;
    let added = deviation / libm::sqrt(2.0 * f64::from(settings.layers));
    let mut drafts = vec![
        Draft::embedding("transformer.wte.weight", [vocab, width], deviation),
        Draft::embedding("transformer.wpe.weight", [length, width], deviation),
    ];
    let norm = |part: &str| {
        with_bias(Draft::vector(format!("transformer.{part}.weight"), width, 1.0), width)
    };
    for layer in 0..settings.layers {
        let norm = |part| norm(&format!("h.{layer}.{part}"));
        let matrix = |part: &str, shape: [i64; 2], deviation| {
            let name = format!("transformer.h.{layer}.{part}.weight");
            with_bias(Draft::matrix(name, shape, deviation), shape[1])
        };
        drafts.extend(norm("ln_1"));
        drafts.extend(matrix("attn.c_attn", [width, 3 * width], deviation));
        drafts.extend(matrix("attn.c_proj", [width, width], added));
        drafts.extend(norm("ln_2"));
        drafts.extend(matrix("mlp.c_fc", [width, ffn], deviation));
        drafts.extend(matrix("mlp.c_proj", [ffn, width], added));
    }
    drafts.extend(norm("ln_f"));
    drafts
}

/// A weight and its bias of `outputs` zeros.
fn with_bias(weight: Draft, outputs: i64) -> [Draft; 2] {
    let part = weight.name.trim_end_matches("weight");
    let bias = Draft::vector(format!("{part}bias"), outputs, 0.0);
    [weight, bias]
}

/// What the forward pass needs beside the weights.
pub(super) struct Gpt2 {
    heads: Attention,
    device: Device,
}

impl Gpt2 {
    pub(super) fn new(settings: &TrainSettings, device: Device) -> Self {
        Self { heads: Attention::new(settings), device }
    }

    /// The stream that the first block reads. The first position of a row is `start`.
    pub(super) fn embed(
        &self,
        body: &[Parameter],
        ids: &Tensor,
        rows: Rows<'_>,
        start: i64,
    ) -> Result<Tensor, TrainError> {
        let [tokens, positions, ..] = body else {
            unreachable!("drafts() lists two embeddings");
        };
        let end = start + rows.length;
        let at = Tensor::f_arange_start(start, end, (Kind::Int64, self.device))?;
        let positions = Tensor::f_embedding(&positions.tensor, &at, -1, false, false)?;
        let tokens = Tensor::f_embedding(&tokens.tensor, ids, -1, false, false)?;
        Ok(tokens.f_add(&positions)?)
    }

    /// Of the body, the weights of block `layer`.
    pub(super) fn block_weights(layer: usize) -> Range<usize> {
        2 + layer * BLOCK..2 + (layer + 1) * BLOCK
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

    /// [`Gpt2::block`], where `past` holds keys and values of the positions before.
    pub(super) fn block_behind(
        &self,
        weights: &[Parameter],
        stream: &Tensor,
        rows: Rows<'_>,
        past: Option<&mut Past>,
    ) -> Result<Tensor, TrainError> {
        let [norm, norm_bias, joint, joint_bias, output, output_bias, mlp @ ..] = weights else {
            unreachable!("drafts() lists them");
        };
        let [mlp_norm, mlp_norm_bias, up, up_bias, down, down_bias] = mlp else {
            unreachable!("drafts() lists them");
        };
        let input = self.norm(stream, norm, norm_bias)?;
        let joint = self.linear(&input, joint, joint_bias)?;
        let parts = joint.f_chunk(3, -1)?;
        let head = |part: usize| -> Result<Tensor, TrainError> {
            let split = self.heads.split(&parts[part], rows, self.heads.heads)?;
            Ok(split.f_transpose(1, 2)?)
        };
        let (key, value) = match past {
            Some(past) => past.extend(&head(1)?, &head(2)?)?,
            None => (head(1)?, head(2)?),
        };
        let mixed = self.heads.attend(&head(0)?, &key, &value, rows)?;
        let stream = stream.f_add(&self.linear(&mixed, output, output_bias)?)?;

        let input = self.norm(&stream, mlp_norm, mlp_norm_bias)?;
        let inner = self.linear(&input, up, up_bias)?.f_gelu("tanh")?;
        Ok(stream.f_add(&self.linear(&inner, down, down_bias)?)?)
    }

    /// What the output matrix reads.
    pub(super) fn finish(body: &[Parameter], stream: &Tensor) -> Result<Tensor, TrainError> {
        let [.., weight, bias] = body else {
            unreachable!("drafts() lists a norm");
        };
        layer_norm(stream, weight, bias)
    }

    /// The norm, rounded for the matrix that follows.
    fn norm(
        &self,
        input: &Tensor,
        weight: &Parameter,
        bias: &Parameter,
    ) -> Result<Tensor, TrainError> {
        Ok(layer_norm(input, weight, bias)?.f_to_kind(self.heads.kind)?)
    }

    fn linear(
        &self,
        input: &Tensor,
        weight: &Parameter,
        bias: &Parameter,
    ) -> Result<Tensor, TrainError> {
        let kind = self.heads.kind;
        let weight = weight.tensor.f_to_kind(kind)?.f_tr()?;
        Ok(input.f_linear(&weight, Some(bias.tensor.f_to_kind(kind)?))?)
    }
}

fn layer_norm(input: &Tensor, weight: &Parameter, bias: &Parameter) -> Result<Tensor, TrainError> {
    let (shape, weight, bias) = (&weight.shape, Some(&weight.tensor), Some(&bias.tensor));
    Ok(input.f_layer_norm(shape, weight, bias, NORM_EPSILON, true)?)
}
