//! Encoders of the BERT family, from the files that `transformers` saves.
//!
//! `BertForSequenceClassification` (FineWeb-Edu's classifier is one) and the `RoBERTa` form of it, which
//! XLM-R shares ([BERT](https://arxiv.org/abs/1810.04805), [RoBERTa](https://arxiv.org/abs/1907.11692)):
//! post-norm blocks, absolute positions, the first token's vector through a head of one or two layers.

use std::collections::HashMap;

use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use tch::{Device, Kind, TchError, Tensor};

/// What is read of `config.json`.
#[derive(Debug, Deserialize)]
struct Config {
    model_type: String,
    num_hidden_layers: usize,
    num_attention_heads: i64,
    hidden_size: i64,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "epsilon")]
    layer_norm_eps: f64,
    #[serde(default)]
    pad_token_id: i64,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn epsilon() -> f64 {
    1e-12
}

fn absolute() -> String {
    "absolute".to_owned()
}

/// A family's names and ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Bert,
    /// Positions are counted from behind the padding's number, and the head has no pooler.
    Roberta,
}

/// The weights, and how they are put together.
pub(super) struct Encoder {
    weights: HashMap<String, Tensor>,
    family: Family,
    layers: usize,
    heads: i64,
    width: i64,
    epsilon: f64,
    padding: i64,
    /// How the first activation of each block is computed.
    approximate: &'static str,
    /// Most tokens that have a position.
    positions: i64,
}

impl Encoder {
    /// Reads `config.json` and `model.safetensors`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub(super) fn read(config: &[u8], weights: &[u8], device: Device) -> Result<Self, String> {
        let config: Config =
            serde_json::from_slice(config).map_err(|error| format!("config.json: {error}"))?;
        let family = match config.model_type.as_str() {
            "bert" => Family::Bert,
            "roberta" | "xlm-roberta" | "camembert" => Family::Roberta,
            other => {
                return Err(format!(
                    "config.json: `{other}` models are not known, only bert, roberta and \
                     xlm-roberta; trace yours to TorchScript (`torch.jit.trace`)"
                ));
            }
        };
        let approximate = match config.hidden_act.as_str() {
            "gelu" => "none",
            "gelu_new" | "gelu_pytorch_tanh" => "tanh",
            other => return Err(format!("config.json: hidden_act `{other}` is not known")),
        };
        if config.position_embedding_type != "absolute" {
            let kind = config.position_embedding_type;
            return Err(format!(
                "config.json: positions are `{kind}`, only absolute ones are known"
            ));
        }
        if config.num_attention_heads < 1 || config.hidden_size % config.num_attention_heads != 0 {
            return Err("config.json: the heads do not divide hidden_size".to_owned());
        }
        let mut encoder = Self {
            weights: HashMap::new(),
            family,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            width: config.hidden_size,
            epsilon: config.layer_norm_eps,
            padding: config.pad_token_id,
            approximate,
            positions: 0,
        };
        let file = SafeTensors::deserialize(weights).map_err(|error| error.to_string())?;
        // As base models are saved, names begin with the family's; here they all do not.
        let prefix = if family == Family::Bert { "bert." } else { "roberta." };
        for (name, view) in file.tensors() {
            let kind = match view.dtype() {
                Dtype::F32 => Kind::Float,
                Dtype::F16 => Kind::Half,
                Dtype::BF16 => Kind::BFloat16,
                // Position numbers and the like.
                _ => continue,
            };
            let shape: Vec<i64> = view.shape().iter().map(|&n| n.try_into().unwrap_or(0)).collect();
            let load = || -> Result<Tensor, TchError> {
                Tensor::f_from_data_size(view.data(), &shape, kind)?
                    .f_to_kind(Kind::Float)?
                    .f_to_device(device)
            };
            let tensor = load().map_err(|error| format!("tensor `{name}`: {error}"))?;
            encoder.weights.insert(name.strip_prefix(prefix).unwrap_or(&name).to_owned(), tensor);
        }
        encoder.check()?;
        let rows = encoder.weight("embeddings.position_embeddings.weight")?.size()[0];
        encoder.positions = match family {
            Family::Bert => rows,
            Family::Roberta => rows - encoder.padding - 1,
        };
        Ok(encoder)
    }

    /// Tokens that a text may have.
    pub(super) fn positions(&self) -> i64 {
        self.positions
    }

    /// Whether every tensor is there and has the right shape.
    fn check(&self) -> Result<(), String> {
        let width = self.width;
        let is = |name: &str, shape: &[Option<i64>]| -> Result<(), String> {
            let size = self.weight(name)?.size();
            let fits = size.len() == shape.len()
                && size.iter().zip(shape).all(|(have, want)| want.is_none_or(|want| *have == want));
            if fits { Ok(()) } else { Err(format!("tensor `{name}` has the shape {size:?}")) }
        };
        let table =
            |name: &str| is(&format!("embeddings.{name}_embeddings.weight"), &[None, Some(width)]);
        let norm = |name: &str| {
            is(&format!("{name}.weight"), &[Some(width)])?;
            is(&format!("{name}.bias"), &[Some(width)])
        };
        let square = |name: &str| {
            is(&format!("{name}.weight"), &[Some(width), Some(width)])?;
            is(&format!("{name}.bias"), &[Some(width)])
        };
        for name in ["word", "position", "token_type"] {
            table(name)?;
        }
        norm("embeddings.LayerNorm")?;
        for layer in 0..self.layers {
            let at = format!("encoder.layer.{layer}");
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                square(&format!("{at}.attention.{part}"))?;
            }
            norm(&format!("{at}.attention.output.LayerNorm"))?;
            is(&format!("{at}.intermediate.dense.weight"), &[None, Some(width)])?;
            is(&format!("{at}.intermediate.dense.bias"), &[None])?;
            is(&format!("{at}.output.dense.weight"), &[Some(width), None])?;
            is(&format!("{at}.output.dense.bias"), &[Some(width)])?;
            norm(&format!("{at}.output.LayerNorm"))?;
        }
        let (first, last) = self.head();
        square(first)?;
        is(&format!("{last}.weight"), &[None, Some(width)])?;
        is(&format!("{last}.bias"), &[None])
    }

    /// The two layers of the head.
    fn head(&self) -> (&'static str, &'static str) {
        match self.family {
            Family::Bert => ("pooler.dense", "classifier"),
            Family::Roberta => ("classifier.dense", "classifier.out_proj"),
        }
    }

    fn weight(&self, name: &str) -> Result<&Tensor, String> {
        self.weights.get(name).ok_or_else(|| format!("there is no tensor `{name}`"))
    }

    /// The numbers of the head, `[documents, labels]`, for ids and mask `[documents, tokens]`.
    ///
    /// # Errors
    /// When libtorch fails (an id beyond the vocabulary, say).
    pub(super) fn forward(&self, ids: &Tensor, mask: &Tensor) -> Result<Tensor, TchError> {
        let missing = |reason: String| TchError::Torch(reason);
        let weight = |name: String| self.weight(&name).map_err(missing);
        let linear = |input: &Tensor, name: &str| -> Result<Tensor, TchError> {
            let bias = weight(format!("{name}.bias"))?;
            input.f_linear(weight(format!("{name}.weight"))?, Some(bias))
        };
        let norm = |input: &Tensor, name: &str| -> Result<Tensor, TchError> {
            let [gain, bias] = [weight(format!("{name}.weight"))?, weight(format!("{name}.bias"))?];
            input.f_layer_norm([self.width], Some(gain), Some(bias), self.epsilon, false)
        };
        let table = |name: &str, ids: &Tensor| -> Result<Tensor, TchError> {
            let table = weight(format!("embeddings.{name}_embeddings.weight"))?;
            Tensor::f_embedding(table, ids, -1, false, false)
        };
        let shape = ids.size();
        let (rows, length) = (shape[0], shape[1]);
        let positions = match self.family {
            Family::Bert => {
                Tensor::f_arange(length, (Kind::Int64, ids.device()))?.f_unsqueeze(0)?
            }
            // As there: what counts is whether a token is the padding, not the mask.
            Family::Roberta => {
                let filled = ids.f_ne(self.padding)?.f_to_kind(Kind::Int64)?;
                filled.f_cumsum(1, Kind::Int64)?.f_mul(&filled)?.f_add_scalar(self.padding)?
            }
        };
        let mut stream = table("word", ids)?
            .f_add(&table("position", &positions)?)?
            .f_add(&table("token_type", &ids.f_zeros_like()?)?)?;
        stream = norm(&stream, "embeddings.LayerNorm")?;
        let seen = mask.f_to_kind(Kind::Bool)?.f_reshape([rows, 1, 1, length])?;
        let head = self.width / self.heads;
        for layer in 0..self.layers {
            let at = format!("encoder.layer.{layer}");
            let split = |part: &str| -> Result<Tensor, TchError> {
                linear(&stream, &format!("{at}.attention.self.{part}"))?
                    .f_reshape([rows, length, self.heads, head])?
                    .f_transpose(1, 2)
            };
            let mixed = Tensor::f_scaled_dot_product_attention(
                &split("query")?,
                &split("key")?,
                &split("value")?,
                Some(&seen),
                0.0,
                false,
                None,
                false,
            )?
            .f_transpose(1, 2)?
            .f_reshape([rows, length, self.width])?;
            let mixed = linear(&mixed, &format!("{at}.attention.output.dense"))?;
            let input = norm(&stream.f_add(&mixed)?, &format!("{at}.attention.output.LayerNorm"))?;
            let inner =
                linear(&input, &format!("{at}.intermediate.dense"))?.f_gelu(self.approximate)?;
            let outer = linear(&inner, &format!("{at}.output.dense"))?;
            stream = norm(&input.f_add(&outer)?, &format!("{at}.output.LayerNorm"))?;
        }
        let (first, last) = self.head();
        linear(&linear(&stream.f_select(1, 0)?, first)?.f_tanh()?, last)
    }
}
