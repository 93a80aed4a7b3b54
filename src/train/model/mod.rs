//! Decoders with the names and shapes of Hugging Face's classes, so that a checkpoint is what
//! `transformers` writes itself.
//!
//! | file | form |
//! |---|---|
//! | [`llama`] | `LlamaForCausalLM`; with norms on queries and keys `Qwen3ForCausalLM` |
//! | [`gpt2`] | `GPT2LMHeadModel` |
//! | [`rotary`] | positions of the former |
//! | [`cached`] | token after token, for generation |
//! | [`export`] | `config.json` |
//!
//! [`Model::hidden`] stops before the output matrix: the logits of a whole batch are the largest
//! tensor of a small model by far and never exist at once (see [`super::loss`]).
//!
//! With `precision = "bf16"` the factors of matrix products and attention are cast by hand, as nanochat
//! does it: libtorch's autocast cannot be asked for bfloat16 through `tch`, and casts that stand in
//! the code are casts that can be read. Weights, residual stream and norms keep 32 bits.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::config::train::{Architecture, Precision, TrainSettings};

use super::TrainError;
use super::random::normals;

pub(crate) mod cached;
pub(crate) mod export;
mod gpt2;
mod llama;
mod rotary;

/// The number format of weights.
pub(crate) const WEIGHTS: Kind = Kind::Float;

/// A named weight.
pub(crate) struct Parameter {
    /// Hugging Face's name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    /// The value; a leaf that requires gradients.
    pub(crate) tensor: Tensor,
    pub(crate) role: Role,
}

/// What a weight is for, which says how it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Looked up, not multiplied; the output matrix too where they are tied.
    Embedding,
    /// A matrix of a block.
    Matrix,
    /// An untied output matrix.
    Output,
    /// A norm or a bias.
    Vector,
}

impl Role {
    /// Whether weight decay applies.
    pub(crate) fn decays(self) -> bool {
        matches!(self, Self::Matrix | Self::Output)
    }
}

/// A weight before it is made.
struct Draft {
    name: String,
    shape: Vec<i64>,
    start: Start,
    role: Role,
}

/// Initial values.
enum Start {
    Constant(f32),
    /// Normal with this standard deviation.
    Normal(f64),
}

impl Draft {
    fn matrix(name: String, shape: [i64; 2], deviation: f64) -> Self {
        Self { name, shape: shape.to_vec(), start: Start::Normal(deviation), role: Role::Matrix }
    }

    fn embedding(name: &str, shape: [i64; 2], deviation: f64) -> Self {
        Self { role: Role::Embedding, ..Self::matrix(name.to_owned(), shape, deviation) }
    }

    fn output(name: &str, shape: [i64; 2], deviation: f64) -> Self {
        Self { role: Role::Output, ..Self::matrix(name.to_owned(), shape, deviation) }
    }

    fn vector(name: String, size: i64, value: f32) -> Self {
        Self { name, shape: vec![size], start: Start::Constant(value), role: Role::Vector }
    }

    /// The values are a function of `(seed, name)` alone, so that they do not depend on libtorch's
    /// generator, its threads or the device.
    fn make(self, seed: u64, device: Device) -> Result<Parameter, TrainError> {
        let Self { name, shape, start, role } = self;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "shapes are positive and fit memory"
        )]
        let count = shape.iter().product::<i64>() as usize;
        let values = match start {
            Start::Constant(value) => vec![value; count],
            Start::Normal(deviation) => normals(seed, &name, count, deviation),
        };
        let tensor = Tensor::f_from_slice(&values)?
            .f_reshape(&shape)?
            .f_to_device(device)?
            .f_set_requires_grad(true)?;
        Ok(Parameter { name, shape, tensor, role })
    }
}

/// The weights and what the forward pass needs beside them.
pub(crate) struct Model {
    /// In the order in which the forward pass uses them; the embedding is the first, an untied output
    /// matrix the last.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) device: Device,
    form: Form,
    tied: bool,
    pub(crate) layers: usize,
    /// See [`compute_kind`].
    kind: Kind,
}

enum Form {
    Llama(llama::Llama),
    Gpt2(gpt2::Gpt2),
}

impl Model {
    /// The model with its initial weights.
    ///
    /// # Errors
    /// When libtorch cannot make a tensor (out of memory, say).
    pub(crate) fn new(settings: &TrainSettings, device: Device) -> Result<Self, TrainError> {
        Self::made(settings, device, |draft| draft.make(settings.seed, device))
    }

    /// The model with weights that `weight` gives by name and shape, to be asked and not trained.
    ///
    /// # Errors
    /// When `weight` or libtorch fails.
    pub(crate) fn of(
        settings: &TrainSettings,
        device: Device,
        mut weight: impl FnMut(&str, &[i64]) -> Result<Tensor, TrainError>,
    ) -> Result<Self, TrainError> {
        Self::made(settings, device, |draft| {
            let tensor = weight(&draft.name, &draft.shape)?.f_to_device(device)?;
            Ok(Parameter { name: draft.name, shape: draft.shape, tensor, role: draft.role })
        })
    }

    fn made(
        settings: &TrainSettings,
        device: Device,
        make: impl FnMut(Draft) -> Result<Parameter, TrainError>,
    ) -> Result<Self, TrainError> {
        let (drafts, form) = match settings.architecture {
            Architecture::Llama => {
                (llama::drafts(settings), Form::Llama(llama::Llama::new(settings, device)?))
            }
            Architecture::Gpt2 => {
                (gpt2::drafts(settings), Form::Gpt2(gpt2::Gpt2::new(settings, device)))
            }
        };
        Ok(Self {
            parameters: drafts.into_iter().map(make).collect::<Result<_, _>>()?,
            device,
            form,
            tied: settings.tie_embeddings,
            layers: settings.layers as usize,
            kind: compute_kind(settings),
        })
    }

    /// The logits `[positions, vocabulary]` in 32 bits of `hidden` `[positions, width]`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor, TrainError> {
        let [hidden, head] = [hidden, self.head()].map(|factor| factor.f_to_kind(self.kind));
        Ok(hidden?.f_mm(&head?.f_tr()?)?.f_to_kind(Kind::Float)?)
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
        let untied = usize::from(!self.tied);
        &self.parameters[..self.parameters.len() - untied]
    }

    /// The normed output of the last block, `[rows, length, width]` in 32 bits, for token ids
    /// `[rows, length]`; the logits are its product with [`Model::head`].
    ///
    /// # Errors
    /// When libtorch fails (out of memory, say).
    pub(crate) fn hidden(&self, ids: &Tensor, rows: Rows<'_>) -> Result<Tensor, TrainError> {
        let mut stream = self.embed(ids, rows)?;
        for layer in 0..self.layers {
            stream = self.block(layer, &stream, rows)?;
        }
        self.finish(&stream)
    }

    /// The residual stream that the first block reads, `[rows, length, width]`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn embed(&self, ids: &Tensor, rows: Rows<'_>) -> Result<Tensor, TrainError> {
        match &self.form {
            Form::Llama(_) => llama::Llama::embed(self.body(), ids),
            Form::Gpt2(form) => form.embed(self.body(), ids, rows, 0),
        }
    }

    /// The stream behind block `layer`.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn block(
        &self,
        layer: usize,
        stream: &Tensor,
        rows: Rows<'_>,
    ) -> Result<Tensor, TrainError> {
        let weights = &self.parameters[self.block_weights(layer)];
        match &self.form {
            Form::Llama(form) => form.block(weights, stream, rows),
            Form::Gpt2(form) => form.block(weights, stream, rows),
        }
    }

    /// Where the weights of block `layer` stand in [`Model::body`]: behind the embeddings, and before
    /// the last norm.
    pub(crate) fn block_weights(&self, layer: usize) -> Range<usize> {
        match &self.form {
            Form::Llama(form) => form.block_weights(self.body(), layer),
            Form::Gpt2(_) => gpt2::Gpt2::block_weights(layer),
        }
    }

    /// The stream normed.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn finish(&self, stream: &Tensor) -> Result<Tensor, TrainError> {
        match &self.form {
            Form::Llama(_) => llama::Llama::finish(self.body(), stream),
            Form::Gpt2(_) => gpt2::Gpt2::finish(self.body(), stream),
        }
    }
}

/// The rows that a forward pass reads.
#[derive(Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "rows of a batch")]
pub(crate) struct Rows<'a> {
    pub(crate) rows: i64,
    /// Tokens in each.
    pub(crate) length: i64,
    /// Which positions each one sees, `[rows, 1, length, length]`; `None`: itself and all before it.
    pub(crate) mask: Option<&'a Tensor>,
}

/// The number of each position's document in its row, `[rows, length]`: `borders` are, for each row, the
/// positions at which documents begin.
///
/// # Errors
/// When libtorch cannot make the tensor.
pub(crate) fn documents(
    borders: &[Vec<u32>],
    length: i64,
    device: Device,
) -> Result<Tensor, TrainError> {
    let rows = borders.len().cast_signed() as i64;
    let mut documents = Vec::new();
    for borders in borders {
        let mut document = -1;
        let mut borders = borders.iter().map(|&border| i64::from(border)).peekable();
        for at in 0..length {
            while borders.next_if(|&border| border <= at).is_some() {
                document += 1;
            }
            documents.push(document);
        }
    }
    Ok(Tensor::f_from_slice(&documents)?.f_reshape([rows, length])?.f_to_device(device)?)
}

/// The mask of attention that stays within [`documents`]: true where a position may look, at itself
/// and what is before it in its document.
///
/// # Errors
/// When libtorch cannot make the tensor.
pub(crate) fn document_mask(documents: &Tensor) -> Result<Tensor, TrainError> {
    let (rows, length) = documents.size2()?;
    let [asks, seen] = [[rows, 1, length, 1], [rows, 1, 1, length]];
    let same = documents.f_reshape(asks)?.f_eq_tensor(&documents.f_reshape(seen)?)?;
    Ok(same.f_tril(0)?)
}

/// The number format that matrices are multiplied in.
pub(crate) fn compute_kind(settings: &TrainSettings) -> Kind {
    match settings.precision {
        Precision::Fp32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
    }
}

/// The sizes of attention, and the format it is computed in.
struct Attention {
    width: i64,
    heads: i64,
    kv_heads: i64,
    kind: Kind,
}

impl Attention {
    fn new(settings: &TrainSettings) -> Self {
        Self {
            width: settings.width.into(),
            heads: settings.heads.into(),
            kv_heads: settings.kv_heads.into(),
            kind: compute_kind(settings),
        }
    }

    /// Entries of one head.
    fn size(&self) -> i64 {
        self.width / self.heads
    }

    /// `[rows, length, n × size]` to `[rows, length, n, size]`.
    fn split(&self, projected: &Tensor, rows: Rows<'_>, heads: i64) -> Result<Tensor, TrainError> {
        Ok(projected.f_reshape([rows.rows, rows.length, heads, self.size()])?)
    }

    /// What each position gathers from those it sees: `[rows, length, width]` for queries
    /// `[rows, heads, length, size]`, and keys and values of `kv_heads`.
    fn attend(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        rows: Rows<'_>,
    ) -> Result<Tensor, TrainError> {
        let mixed = Tensor::f_scaled_dot_product_attention(
            query,
            key,
            value,
            rows.mask,
            0.0,
            rows.mask.is_none(),
            None,
            self.heads != self.kv_heads,
        )?;
        Ok(mixed.f_transpose(1, 2)?.f_reshape([rows.rows, rows.length, self.width])?)
    }
}
