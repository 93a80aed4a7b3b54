//! A decoder of the Llama family (<https://arxiv.org/abs/2302.13971>), with the names and shapes of
//! Hugging Face's `LlamaForCausalLM`.
//!
//! Per block: RMSNorm (<https://arxiv.org/abs/1910.07467>), attention with rotary positions
//! (<https://arxiv.org/abs/2104.09864>) and grouped queries (<https://arxiv.org/abs/2305.13245>),
//! RMSNorm, SwiGLU (<https://arxiv.org/abs/2002.05202>). No biases, no dropout. [`Model::hidden`]
//! stops before the output matrix: the logits of a whole batch are the largest tensor of a small
//! model by far and never exist at once (see [`super::loss`]).

use tch::{Device, Kind, Tensor};

use crate::config::train::TrainSettings;

use super::TrainError;
use super::random::normals;

/// Added to the mean square in RMSNorm (`rms_norm_eps`).
pub(crate) const NORM_EPSILON: f64 = 1e-6;
/// Base of the rotary frequencies (`rope_theta`).
pub(crate) const ROPE_THETA: f64 = 10_000.0;
/// Standard deviation of the initial weights (`initializer_range`), as `OLMo` 2 has it
/// (<https://arxiv.org/abs/2501.00656>).
pub(crate) const INITIAL_DEVIATION: f64 = 0.02;

/// The tensors of a block, in the order the block uses them.
const BLOCK: [&str; 9] = [
    "input_layernorm",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "post_attention_layernorm",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// A named weight.
pub(crate) struct Parameter {
    /// Hugging Face's name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    /// The value; a leaf that requires gradients.
    pub(crate) tensor: Tensor,
    /// Whether weight decay applies: to the matrices of the blocks and an untied output matrix.
    pub(crate) decays: bool,
}

/// The weights and what the forward pass needs beside them.
pub(crate) struct Model {
    /// Embedding, [`BLOCK`] per layer, last norm, and the output matrix if it is not tied.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) device: Device,
    layers: usize,
    width: i64,
    heads: i64,
    kv_heads: i64,
    tied: bool,
    /// Cosines and sines of the rotary angles, `[sequence_length, head size / 2]` each.
    rotary: (Tensor, Tensor),
}

impl Model {
    /// The model with its initial weights: norms 1, the rest normal by `(seed, name)` alone, so that
    /// they do not depend on libtorch's generator, its threads or the device.
    ///
    /// # Errors
    /// When libtorch cannot make a tensor (out of memory, say).
    pub(crate) fn new(settings: &TrainSettings, device: Device) -> Result<Self, TrainError> {
        let [layers, width, heads, kv_heads, ffn, vocab] = [
            settings.layers,
            settings.width,
            settings.heads,
            settings.kv_heads,
            settings.ffn_width,
            settings.vocab_size,
        ]
        .map(i64::from);
        let kv_width = width / heads * kv_heads;
        let mut names = vec![("model.embed_tokens".to_owned(), vec![vocab, width])];
        for layer in 0..layers {
            let shapes = [
                vec![width],
                vec![width, width],
                vec![kv_width, width],
                vec![kv_width, width],
                vec![width, width],
                vec![width],
                vec![ffn, width],
                vec![ffn, width],
                vec![width, ffn],
            ];
            names.extend(
                BLOCK
                    .iter()
                    .zip(shapes)
                    .map(|(part, shape)| (format!("model.layers.{layer}.{part}"), shape)),
            );
        }
        names.push(("model.norm".to_owned(), vec![width]));
        if !settings.tie_embeddings {
            names.push(("lm_head".to_owned(), vec![vocab, width]));
        }
        let parameters = names
            .into_iter()
            .map(|(name, shape)| {
                let name = format!("{name}.weight");
                let values = initial_values(&name, &shape, settings);
                let tensor = Tensor::f_from_slice(&values)?
                    .f_reshape(&shape)?
                    .f_to_device(device)?
                    .f_set_requires_grad(true)?;
                let decays = shape.len() == 2 && !name.contains("embed_tokens");
                Ok(Parameter { name, shape, tensor, decays })
            })
            .collect::<Result<Vec<_>, TrainError>>()?;
        Ok(Self {
            parameters,
            device,
            layers: settings.layers as usize,
            width,
            heads,
            kv_heads,
            tied: settings.tie_embeddings,
            rotary: rotary(i64::from(settings.sequence_length), width / heads, device)?,
        })
    }

    /// Where the output matrix stands in [`Model::parameters`].
    pub(crate) fn head_index(&self) -> usize {
        if self.tied { 0 } else { self.parameters.len() - 1 }
    }

    /// The output matrix, `[vocabulary, width]`.
    pub(crate) fn head(&self) -> &Tensor {
        &self.parameters[self.head_index()].tensor
    }

    /// The parameters that [`Model::hidden`] reads: all but an untied output matrix.
    pub(crate) fn body(&self) -> &[Parameter] {
        &self.parameters[..self.layers * BLOCK.len() + 2]
    }

    /// The normed output of the last block, `[rows, length, width]`, for token ids
    /// `[rows, length]`; the logits are its product with [`Model::head`].
    ///
    /// # Errors
    /// When libtorch fails (out of memory, say).
    pub(crate) fn hidden(
        &self,
        ids: &Tensor,
        rows: i64,
        length: i64,
    ) -> Result<Tensor, TrainError> {
        let [embedding, inner @ .., last_norm] = self.body() else {
            unreachable!("new() makes an embedding and a norm");
        };
        let rotary = (self.rotary.0.f_narrow(0, 0, length)?, self.rotary.1.f_narrow(0, 0, length)?);
        let shape = [rows, length];
        let mut stream = Tensor::f_embedding(&embedding.tensor, ids, -1, false, false)?;
        for [norm, query, key, value, output, mlp_norm, gate, up, down] in
            inner.as_chunks::<{ BLOCK.len() }>().0
        {
            let input = self.norm(&stream, norm)?;
            let query = self.split(&linear(&input, query)?, shape, self.heads)?;
            let key = self.split(&linear(&input, key)?, shape, self.kv_heads)?;
            let value = self.split(&linear(&input, value)?, shape, self.kv_heads)?;
            let mixed = Tensor::f_scaled_dot_product_attention(
                &rotate(&query, &rotary)?,
                &rotate(&key, &rotary)?,
                &value,
                None::<Tensor>,
                0.0,
                true,
                None,
                self.heads != self.kv_heads,
            )?
            .f_transpose(1, 2)?
            .f_reshape([rows, length, self.width])?;
            stream = stream.f_add(&linear(&mixed, output)?)?;

            let input = self.norm(&stream, mlp_norm)?;
            let gated = linear(&input, gate)?.f_silu()?.f_mul(&linear(&input, up)?)?;
            stream = stream.f_add(&linear(&gated, down)?)?;
        }
        self.norm(&stream, last_norm)
    }

    fn norm(&self, input: &Tensor, weight: &Parameter) -> Result<Tensor, TrainError> {
        Ok(input.f_rms_norm([self.width], Some(&weight.tensor), NORM_EPSILON)?)
    }

    /// `[rows, length, n × head size]` to `[rows, n, length, head size]`.
    fn split(
        &self,
        projected: &Tensor,
        [rows, length]: [i64; 2],
        heads: i64,
    ) -> Result<Tensor, TrainError> {
        Ok(projected
            .f_reshape([rows, length, heads, self.width / self.heads])?
            .f_transpose(1, 2)?)
    }
}

fn linear(input: &Tensor, weight: &Parameter) -> Result<Tensor, TrainError> {
    Ok(input.f_linear(&weight.tensor, None::<Tensor>)?)
}

/// Turns the pairs (i, i + half) of each head by the angle of their position.
fn rotate(heads: &Tensor, (cosine, sine): &(Tensor, Tensor)) -> Result<Tensor, TrainError> {
    let halves = heads.f_chunk(2, -1)?;
    let [first, second] = &halves[..] else {
        unreachable!("heads have an even size");
    };
    let turned = [
        first.f_mul(cosine)?.f_sub(&second.f_mul(sine)?)?,
        second.f_mul(cosine)?.f_add(&first.f_mul(sine)?)?,
    ];
    Ok(Tensor::f_cat(&turned, -1)?)
}

/// Cosines and sines of position × θ^(−2i / head size). The frequency and the angle are rounded to
/// 32 bits as `transformers` rounds them, so that an exported model computes the same.
fn rotary(length: i64, head: i64, device: Device) -> Result<(Tensor, Tensor), TrainError> {
    let mut angles = Vec::new();
    for position in 0..length {
        for pair in 0..head / 2 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "positions are small integers; 32 bits are what is wanted"
            )]
            angles.push(
                position as f32 * libm::pow(ROPE_THETA, -2.0 * pair as f64 / head as f64) as f32,
            );
        }
    }
    let table = |function: fn(f32) -> f32| -> Result<Tensor, TrainError> {
        let values: Vec<f32> = angles.iter().map(|angle| function(*angle)).collect();
        Ok(Tensor::f_from_slice(&values)?.f_reshape([length, head / 2])?.f_to_device(device)?)
    };
    Ok((table(libm::cosf)?, table(libm::sinf)?))
}

fn initial_values(name: &str, shape: &[i64], settings: &TrainSettings) -> Vec<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shapes are positive and fit memory"
    )]
    let count = shape.iter().product::<i64>() as usize;
    if shape.len() == 1 {
        vec![1.0; count]
    } else {
        normals(settings.seed, name, count, INITIAL_DEVIATION)
    }
}

/// The number format of weights.
pub(crate) const WEIGHTS: Kind = Kind::Float;
