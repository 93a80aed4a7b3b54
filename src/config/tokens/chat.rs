//! `[tokens.chat]` and `[tokens.prompt]`: conversations and prompts with their answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Documents of sources with `conversation` are rendered through a chat template, with a loss mask;
/// documents of other sources are plain text, all of it learnt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// A Jinja chat template in Hugging Face's dialect. Default: `chat_template.jinja` or the
    /// `chat_template` of `tokenizer_config.json` beside the tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// What is learnt: the assistant's turns with their end-of-turn tokens (what `{% generation %}`
    /// marks, where the template has it), or all.
    #[serde(default)]
    pub loss: LossOn,
    /// Variables of the template, such as `enable_thinking = false`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, serde_json::Value>,
    /// `bos_token` in the template. Default: what `tokenizer_config.json` beside the tokenizer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bos_token: Option<String>,
    /// `eos_token` in the template. Default: as for `bos_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eos_token: Option<String>,
}

/// Documents of sources with `conversation` are a prompt and its target, as FLAN has them: what is
/// said before the last answer, and that answer. The two are tokenized apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    /// What stands between prompt and target, and between the turns of a prompt of several; it is no
    /// part of the target.
    #[serde(default)]
    pub separator: String,
    /// What is learnt: the target with the end-of-document token, or all.
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
