//! A fitted vocabulary as a `tokenizer.json`.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};

use super::super::byte_level;
use super::super::encodings::{GPT2, Pattern};
use super::Fitted;

#[derive(Serialize)]
struct File<'a> {
    version: &'static str,
    truncation: Value,
    padding: Value,
    added_tokens: Vec<Value>,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    model: Model<'a>,
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    dropout: Value,
    unk_token: Value,
    continuing_subword_prefix: Value,
    end_of_word_suffix: Value,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "in_order")]
    vocab: &'a [String],
    merges: Vec<[&'a str; 2]>,
}

/// Tokens as an object, in the order of their ids.
fn in_order<S: Serializer>(tokens: &&[String], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(tokens.len()))?;
    for (id, token) in tokens.iter().enumerate() {
        map.serialize_entry(token, &id)?;
    }
    map.end()
}

pub(super) fn written(fitted: &Fitted, pattern: &Pattern) -> String {
    let spelled = fitted.tokens.iter().map(|token| byte_level::spelled(token));
    let vocab: Vec<String> = fitted.special.iter().cloned().chain(spelled).collect();
    let byte_level = |use_regex: bool| {
        json!({
            "type": "ByteLevel",
            "add_prefix_space": false,
            "trim_offsets": true,
            "use_regex": use_regex
        })
    };
    let pre_tokenizer = if pattern.regex == GPT2 {
        byte_level(true)
    } else {
        let split = json!({
            "type": "Split",
            "pattern": { "Regex": pattern.regex },
            "behavior": "Isolated",
            "invert": false
        });
        json!({ "type": "Sequence", "pretokenizers": [split, byte_level(false)] })
    };
    let added = fitted.special.iter().enumerate().map(|(id, content)| {
        json!({
            "id": id,
            "content": content,
            "single_word": false,
            "lstrip": false,
            "rstrip": false,
            "normalized": false,
            "special": true
        })
    });
    let name = |id: u32| vocab[id as usize].as_str();
    let file = File {
        version: "1.0",
        truncation: Value::Null,
        padding: Value::Null,
        added_tokens: added.collect(),
        normalizer: Value::Null,
        pre_tokenizer,
        post_processor: Value::Null,
        decoder: byte_level(true),
        model: Model {
            kind: "BPE",
            dropout: Value::Null,
            unk_token: Value::Null,
            continuing_subword_prefix: Value::Null,
            end_of_word_suffix: Value::Null,
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: false,
            merges: fitted.merges.iter().map(|&(left, right)| [name(left), name(right)]).collect(),
            vocab: &vocab,
        },
    };
    // Strings and numbers always have a form in JSON.
    let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
    text.push('\n');
    text
}
