//! A checkpoint as a model to be asked, for evaluation and generation, or as weights that another
//! training begins with.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use xxhash_rust::xxh3::xxh3_128;

use super::evaluation::{ItemScore, Task, TaskScore};
use super::model::export::hugging_face_config;
use super::model::{Model, WEIGHTS};
use super::tokenizer::{TOKENIZER, TOKENIZER_CONFIG};
use super::{TrainError, checkpoint, device};
use crate::config::train::{DeviceChoice, TrainConfig, TrainSettings};
use crate::store::{Store, StoreError};

/// A model with its weights.
pub struct Loaded {
    pub(crate) model: Model,
    /// Its shape.
    pub settings: TrainSettings,
    /// Its folder in the store; empty where that is the store itself.
    pub folder: String,
    /// The token before a text, and that behind it, where its `config.json` says them.
    pub begin: Option<u32>,
    /// See [`Loaded::begin`].
    pub end: Option<u32>,
}

/// The folder of a checkpoint: `store` itself, where that is one, or the one of `step` in a run, by
/// default the newest.
///
/// # Errors
/// When there is none.
pub fn find_checkpoint(store: &Store, step: Option<u64>) -> Result<String, TrainError> {
    if store.exists("config.json")? && store.exists("model.safetensors")? {
        return Ok(String::new());
    }
    let there = checkpoint::finished(store)?;
    let found = match step {
        None => there.last(),
        Some(step) => there.iter().find(|(of, _)| *of == step),
    };
    found.map(|(_, folder)| folder.clone()).ok_or_else(|| TrainError::NoCheckpoint {
        path: store.root().to_string(),
        wanted: step.map_or("no checkpoint".to_owned(), |step| format!("none of step {step}")),
        there: match &there[..] {
            [] => "none: train first (`tamis train`)".to_owned(),
            there => {
                let steps: Vec<String> = there.iter().map(|(step, _)| step.to_string()).collect();
                steps.join(", ")
            }
        },
    })
}

impl Loaded {
    /// Reads the checkpoint `folder`.
    ///
    /// # Errors
    /// When a file is missing, damaged, or of a model of another form.
    pub fn open(store: &Store, folder: &str, wanted: DeviceChoice) -> Result<Self, TrainError> {
        let (config, settings) = described(store, folder)?;
        let token = |key: &str| {
            let id = config[key].as_u64().and_then(|id| u32::try_from(id).ok());
            id.filter(|&id| id < settings.vocab_size)
        };
        let (begin, end) = (token("bos_token_id"), token("eos_token_id"));
        let device = device(wanted, 0)?;
        let model = weights(store, folder, &settings, device, "config.json")?;
        Ok(Self { model, settings, folder: folder.to_owned(), begin, end })
    }

    /// The files of its tokenizer, as far as they lie beside it.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn tokenizer(&self, store: &Store) -> Result<Option<bytes::Bytes>, TrainError> {
        match store.read(&inside(&self.folder, TOKENIZER)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of the tokens before and behind a text in `tokenizer_config.json`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn token_names(&self, store: &Store) -> Result<[Option<String>; 2], TrainError> {
        let bytes = match store.read(&inside(&self.folder, TOKENIZER_CONFIG)) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok([None, None]),
            Err(error) => return Err(error.into()),
        };
        let config: Value = serde_json::from_slice(&bytes)?;
        Ok(["bos_token", "eos_token"].map(|key| {
            let value = &config[key];
            value.as_str().or_else(|| value["content"].as_str()).map(str::to_owned)
        }))
    }
}

/// A checkpoint whose weights a training begins with.
pub struct Initial {
    store: Store,
    folder: String,
    settings: TrainSettings,
    /// xxh3-128 of its weights, for [`TrainSettings::from`].
    pub hash: String,
}

impl Initial {
    /// The newest checkpoint of the run `path`, or the checkpoint `path`.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let store = Store::open_existing(path)?;
        let folder = find_checkpoint(&store, None)?;
        let (_, settings) = described(&store, &folder)?;
        let hash = xxh3_128(&store.map(&inside(&folder, WEIGHTS_FILE))?);
        Ok(Self { store, folder, settings, hash: format!("{hash:032x}") })
    }

    /// Gives `config` the shape of the checkpoint, where it does not say one itself.
    pub fn give_shape(&self, config: &mut TrainConfig) {
        if config.preset.is_some() {
            return;
        }
        let shape = &self.settings;
        config.architecture.get_or_insert(shape.architecture);
        config.layers.get_or_insert(shape.layers);
        config.width.get_or_insert(shape.width);
        config.heads.get_or_insert(shape.heads);
        config.kv_heads.get_or_insert(shape.kv_heads);
        config.ffn_width.get_or_insert(shape.ffn_width);
        config.qk_norm.get_or_insert(shape.qk_norm);
        config.tie_embeddings.get_or_insert(shape.tie_embeddings);
    }

    /// The model with these weights.
    ///
    /// # Errors
    /// When they are damaged, or of another shape than `settings`.
    pub(crate) fn model(
        &self,
        settings: &TrainSettings,
        device: Device,
    ) -> Result<Model, TrainError> {
        let asks = "the training";
        let mut model = weights(&self.store, &self.folder, settings, device, asks)?;
        for parameter in &mut model.parameters {
            parameter.tensor = parameter.tensor.f_set_requires_grad(true)?;
        }
        Ok(model)
    }
}

const WEIGHTS_FILE: &str = "model.safetensors";

/// The `config.json` of a checkpoint, and the model it describes.
fn described(store: &Store, folder: &str) -> Result<(Value, TrainSettings), TrainError> {
    let path = inside(folder, "config.json");
    let wrong = |reason: String| TrainError::Damaged { path: path.clone(), reason };
    let config: Value =
        serde_json::from_slice(&store.read(&path)?).map_err(|error| wrong(error.to_string()))?;
    let settings = settings(&config).map_err(wrong)?;
    Ok((config, settings))
}

fn inside(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The shape that a `config.json` describes, if it is one that this program writes.
fn settings(config: &Value) -> Result<TrainSettings, String> {
    let number = |key: &str| {
        let number = config[key].as_u64().and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| format!("it has no whole number `{key}`"))
    };
    let kind = config["model_type"].as_str().unwrap_or_default();
    let keys = match kind {
        "llama" | "qwen3" => {
            ["num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"]
        }
        "gpt2" => ["n_layer", "n_embd", "n_head", "n_inner"],
        other => {
            return Err(format!(
                "its model_type is `{other}`; known are llama, qwen3 and gpt2, as tamis writes them"
            ));
        }
    };
    let [layers, width, heads, ffn_width] =
        [number(keys[0])?, number(keys[1])?, number(keys[2])?, number(keys[3])?];
    let mut train = serde_json::json!({
        "layers": layers,
        "width": width,
        "heads": heads,
        "ffn_width": ffn_width,
        "steps": 1,
        "warmup_tokens": 0,
    });
    let length = if kind == "gpt2" {
        train["architecture"] = "gpt2".into();
        number("n_positions")?
    } else {
        train["kv_heads"] = number("num_key_value_heads")?.into();
        train["qk_norm"] = (kind == "qwen3").into();
        train["tie_embeddings"] = (config["tie_word_embeddings"] == true).into();
        number("max_position_embeddings")?
    };
    train["batch_tokens"] = length.into();
    let train: TrainConfig = serde_json::from_value(train).map_err(|error| error.to_string())?;
    let settings =
        train.resolve(length as usize, number("vocab_size")?).map_err(|error| error.to_string())?;
    // What is computed must be what it says.
    let ours = hugging_face_config(&settings);
    for key in [
        "rms_norm_eps",
        "rope_theta",
        "rope_scaling",
        "layer_norm_epsilon",
        "hidden_act",
        "attention_bias",
        "mlp_bias",
        "activation_function",
        "head_dim",
    ] {
        if !config[key].is_null() && config[key] != ours[key] {
            return Err(format!(
                "its `{key}` is {}, and tamis computes {}",
                config[key], ours[key]
            ));
        }
    }
    Ok(settings)
}

fn weights(
    store: &Store,
    folder: &str,
    settings: &TrainSettings,
    device: Device,
    asks: &str,
) -> Result<Model, TrainError> {
    let path = inside(folder, WEIGHTS_FILE);
    let bytes = store.map(&path)?;
    let damaged = |reason: String| TrainError::Damaged { path: path.clone(), reason };
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    Model::of(settings, device, |name, shape| {
        let view = tensors
            .tensor(name)
            .map_err(|_| damaged(format!("it has no tensor `{name}`, which {asks} asks for")))?;
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::F16 => Kind::Half,
            other => return Err(damaged(format!("`{name}` is of {other:?}"))),
        };
        if !checkpoint::same_shape(view.shape(), shape) {
            let found = view.shape();
            let reason = format!("`{name}` has the shape {found:?}, and {asks} asks for {shape:?}");
            return Err(damaged(reason));
        }
        Ok(Tensor::f_from_data_size(view.data(), shape, kind)?.f_to_kind(WEIGHTS)?)
    })
}

impl Loaded {
    /// Scores a task.
    ///
    /// # Errors
    /// When libtorch fails.
    pub fn score(&self, task: &Task) -> Result<(TaskScore, Vec<ItemScore>), TrainError> {
        task.score(&self.model)
    }
}
