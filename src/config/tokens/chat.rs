//! `[tokens.chat]` and `[tokens.prompt]`: conversations and prompts with their answers.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documents that are conversations: rendered through a chat template, with a loss mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// A Jinja chat template in Hugging Face's dialect. Default: `chat_template.jinja` or the
    /// `chat_template` of `tokenizer_config.json` beside the tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// What is learnt.
    #[serde(default)]
    pub loss: LossOn,
}

/// Documents that are a prompt and its target, as FLAN has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What stands between prompt and target.
    #[serde(default)]
    pub separator: String,
    /// What is learnt.
    #[serde(default)]
    pub loss: LossOn,
}

/// Which tokens a trainer learns from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LossOn {
    /// The assistant's turns, or the targets, with the token that ends them.
    #[default]
    Assistant,
    /// All tokens.
    All,
}
