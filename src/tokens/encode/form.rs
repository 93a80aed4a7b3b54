//! What documents become, resolved from `[tokens]`: templates read, control tokens found.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::chat::specials_of;
use super::fim::FimForm;
use super::pieces::Special;
use crate::config::tokens::{Chat, LossOn, Prompt, Tokens};
use crate::conversation::Json;
use crate::model::read_asset;
use crate::tokens::tokenizer::Tokenizer;

/// What documents become. It holds all that ids depend on beside the tokenizer, so that a plan's
/// digest covers them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// Conversations through a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatForm>,
    /// Conversations as prompt and target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// Fill-in-the-middle of other documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fim: Option<FimForm>,
}

/// A chat template with what belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatForm {
    /// Jinja source.
    pub template: String,
    /// `bos_token` in it.
    pub bos_token: String,
    /// `eos_token` in it.
    pub eos_token: String,
    /// Other variables.
    pub variables: BTreeMap<String, serde_json::Value>,
    /// What is learnt.
    pub loss: LossOn,
    /// Control tokens that the template may write.
    pub specials: Vec<Special>,
}

/// What is wrong with `[tokens]` where it says what documents become.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FormError {
    /// The key of `[tokens]` it is about.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

impl Form {
    /// Reads what `[tokens]` names and finds the tokens it needs.
    ///
    /// # Errors
    /// When a file is missing or a token is.
    pub fn resolve(config: &Tokens, tokenizer: &Tokenizer) -> Result<Self, FormError> {
        let wrong = |key| move |message| FormError { key, message };
        let chat = config.chat.as_ref().map(|chat| ChatForm::resolve(chat, config, tokenizer));
        let fim = config.fim.as_ref().map(|fim| FimForm::new(fim, tokenizer));
        let form = Self {
            chat: chat.transpose().map_err(wrong("chat"))?,
            prompt: config.prompt.clone(),
            fim: fim.transpose().map_err(wrong("fim"))?,
        };
        if let Some(chat) = &form.chat {
            super::chat::ChatEncoder::new(chat)
                .map_err(|error| wrong("chat")(format!("[tokens.chat]: {error}")))?;
        }
        Ok(form)
    }
}

impl ChatForm {
    fn resolve(chat: &Chat, config: &Tokens, tokenizer: &Tokenizer) -> Result<Self, String> {
        let beside = |name: &str| config.tokenizer.with_file_name(name);
        let settings = json_beside(&beside("tokenizer_config.json"))?;
        let template = match &chat.template {
            Some(path) => text_of(path)?,
            None => match text_of(&beside("chat_template.jinja")) {
                Ok(text) => text,
                Err(_) => named_template(settings.as_ref()).ok_or_else(|| {
                    format!(
                        "[tokens.chat]: there is no chat template: neither `template` is given, \
                         nor is `chat_template.jinja` or a `tokenizer_config.json` with a \
                         `chat_template` beside `{}`",
                        config.tokenizer.display()
                    )
                })?,
            },
        };
        let token = |given: &Option<String>, key: &str| -> Result<String, String> {
            let known = || {
                let value = settings.as_ref()?.get(key)?;
                let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
                Some(text.to_owned())
            };
            match given.clone().or_else(known) {
                Some(name) if tokenizer.token_id(&name).is_none() => {
                    Err(format!("[tokens.chat] {key}: the tokenizer has no token `{name}`"))
                }
                Some(name) => Ok(name),
                None if template.contains(key) => Err(format!(
                    "[tokens.chat]: the template writes `{key}`, and no `tokenizer_config.json` \
                     beside the tokenizer says what that is; set `{key}`"
                )),
                None => Ok(String::new()),
            }
        };
        Ok(Self {
            bos_token: token(&chat.bos_token, "bos_token")?,
            eos_token: token(&chat.eos_token, "eos_token")?,
            variables: chat.variables.clone(),
            loss: chat.loss,
            specials: specials(&config.tokenizer, &template, tokenizer),
            template,
        })
    }
}

/// The template of a `tokenizer_config.json`: one, or the one that is called `default`.
fn named_template(settings: Option<&Json>) -> Option<String> {
    let value = settings?.get("chat_template")?;
    if let Json::List(named) = value {
        let default = |one: &&Json| one.get("name").and_then(Json::as_str) == Some("default");
        let template = named.iter().find(default)?.get("template")?;
        return template.as_str().map(str::to_owned);
    }
    value.as_str().map(str::to_owned)
}

/// The tokenizer's control tokens. A `tokenizer.json` lists them; of other files, what the template
/// writes between `<|` and `|>` and the tokenizer has.
fn specials(path: &Path, template: &str, tokenizer: &Tokenizer) -> Vec<Special> {
    let listed =
        text_of(path).ok().and_then(|text| Json::parse(&text)).map(|file| specials_of(&file));
    if let Some(listed) = listed.filter(|listed| !listed.is_empty()) {
        return listed;
    }
    let mut found: Vec<Special> = Vec::new();
    for (start, _) in template.match_indices("<|") {
        let Some(length) = template[start..].find("|>") else { continue };
        let content = &template[start..start + length + 2];
        let new = !found.iter().any(|special| special.content == content);
        if let Some(id) = tokenizer.token_id(content).filter(|_| new) {
            let content = content.to_owned();
            found.push(Special { content, id, lstrip: false, rstrip: false });
        }
    }
    found
}

/// The text of a file, unpacked where it is gzip.
fn text_of(path: &Path) -> Result<String, String> {
    let bytes = read_asset(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let cannot =
        |error: &dyn std::fmt::Display| format!("cannot read `{}`: {error}", path.display());
    if bytes.starts_with(&[0x1f, 0x8b]) {
        /// No tokenizer file is as large as this.
        const MOST: u64 = 1 << 30;
        flate2::read::MultiGzDecoder::new(bytes.as_ref())
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(|error| cannot(&error))?;
    } else {
        let found = std::str::from_utf8(&bytes).map_err(|error| cannot(&error))?;
        text.push_str(found);
    }
    Ok(text)
}

fn json_beside(path: &Path) -> Result<Option<Json>, String> {
    let Ok(text) = text_of(path) else { return Ok(None) };
    let parsed = Json::parse(&text);
    parsed.map(Some).ok_or_else(|| format!("[tokens.chat]: `{}` is not JSON", path.display()))
}
