//! The tokenizer beside a checkpoint, so that `AutoTokenizer` of `transformers` loads it from there.

use bytes::Bytes;
use serde_json::{Value, json};

use super::TrainError;
use crate::model::{AssetError, tokenizer_files};
use crate::plan::PlanTokens;
use crate::tokens::tokenizer::{Tokenizer, export};

/// `tokenizer.json` in a checkpoint.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// What `transformers` wants to know besides.
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// What checkpoints hold of the tokenizer of their shards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckpointTokenizer {
    /// Files by name; none where Hugging Face's library has no words for the tokenizer.
    pub(crate) files: Vec<(&'static str, Bytes)>,
    /// The token that begins a text: the one behind the document before, unless a chat template
    /// says otherwise.
    pub(crate) begin: u32,
    /// The token that ends a text.
    pub(crate) end: u32,
}

impl CheckpointTokenizer {
    /// Of the tokenizer that shards were made with. One that the library cannot express is left out
    /// with a warning.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn of(
        tokens: &PlanTokens,
        tokenizer: &Tokenizer,
        sequence_length: u32,
    ) -> Result<Self, AssetError> {
        let name = |id: u32| tokenizer.tokens().find(|(_, of)| *of == id).map(|(name, _)| name);
        let end = name(tokens.layout.end_of_document).unwrap_or_default();
        let mut config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end,
            "eos_token": end,
            "clean_up_tokenization_spaces": false,
            "model_max_length": sequence_length,
        });
        if let Some(chat) = &tokens.form.chat {
            for (key, token) in [("bos_token", &chat.bos_token), ("eos_token", &chat.eos_token)] {
                if tokenizer.token_id(token).is_some() {
                    config[key] = Value::from(token.as_str());
                }
            }
            config["chat_template"] = Value::from(chat.template.as_str());
        }
        let id = |key: &str| {
            let id = config[key].as_str().and_then(|name| tokenizer.token_id(name));
            id.unwrap_or(tokens.layout.end_of_document)
        };
        let [begin, end] = [id("bos_token"), id("eos_token")];
        let files = match export::hugging_face(&tokenizer_files(&tokens.tokenizer)?) {
            Ok(json) => vec![(TOKENIZER, json), (TOKENIZER_CONFIG, config.to_string().into())],
            Err(error) => {
                tracing::warn!("checkpoints will have no tokenizer.json: {error}");
                Vec::new()
            }
        };
        Ok(Self { files, begin, end })
    }

    /// The token that begins a text.
    #[must_use]
    pub fn begin(&self) -> u32 {
        self.begin
    }

    /// `config.json` with what generation wants to know.
    pub(crate) fn complete(&self, config: &Bytes) -> Result<Bytes, TrainError> {
        let mut config: Value = serde_json::from_slice(config)?;
        config["bos_token_id"] = self.begin.into();
        config["eos_token_id"] = self.end.into();
        Ok(serde_json::to_vec_pretty(&config)?.into())
    }
}
