//! `vocab.json` and `merges.txt` of GPT-2.

use serde_json::{Map, Value, json};

use super::files::File;
use super::{Parts, TokenizerError, encodings, export, huggingface};

/// Tokenizer classes of transformers whose files these are.
const CLASSES: &[&str] = &["GPT2", "Roberta", "Bart", "OPT", "Phi", "CodeGen", "GPTNeoX"];

pub(super) fn load(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<Parts, TokenizerError> {
    let (vocabulary, merges) = read(file, companion)?;
    let value = json!({
        "version": "2.0",
        "pre_tokenizer": {
            "type": "Split",
            "pattern": { "Regex": encodings::GPT2 },
            "behavior": "Isolated",
            "invert": false
        },
        "model": {
            "type": "BPE",
            "byte_level": true,
            "vocab": vocabulary,
            "merges": merges,
        },
    });
    huggingface::from_canonical(file, &value)
}

/// The same as a `tokenizer.json` of version 1.0.
#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "written beside checkpoints"))]
pub(super) fn export(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<Value, TokenizerError> {
    let (vocabulary, merges) = read(file, companion)?;
    let special: Vec<_> = export::end_tokens(&vocabulary).collect();
    let model = json!({ "type": "BPE", "vocab": vocabulary, "merges": merges });
    Ok(export::byte_level(&export::gpt2_words(), &model, special.into_iter()))
}

/// Ids by token, and the merges.
fn read(
    file: &File,
    companion: impl Fn(&str) -> Result<Option<File>, TokenizerError>,
) -> Result<(Value, Vec<[String; 2]>), TokenizerError> {
    let plain = file.name.strip_suffix(".gz").unwrap_or(&file.name);
    let prefix = plain.strip_suffix("vocab.json").unwrap_or_default();
    let vocabulary = file.json()?;
    if !vocabulary.is_object() {
        return Err(file.wrong("it is no object of tokens and ids"));
    }
    check_class(file, companion(&format!("{prefix}tokenizer_config.json"))?)?;
    let name = format!("{prefix}merges.txt");
    let merges = companion(&name)?
        .ok_or_else(|| TokenizerError::Missing { file: file.name.clone(), missing: name })?;
    let merges = pairs(&merges, &vocabulary)?;
    Ok((vocabulary, merges))
}

/// Other models have files of these names with another pattern (Qwen's, say).
fn check_class(file: &File, config: Option<File>) -> Result<(), TokenizerError> {
    let Some(config) = config else { return Ok(()) };
    let config: Map<String, Value> = match config.json()? {
        Value::Object(config) => config,
        _ => return Err(config.wrong("it is no JSON object")),
    };
    let class = config.get("tokenizer_class").and_then(Value::as_str).unwrap_or("GPT2Tokenizer");
    let known = class.strip_suffix("Fast").unwrap_or(class).strip_suffix("Tokenizer");
    if known.is_some_and(|known| CLASSES.contains(&known)) {
        return Ok(());
    }
    Err(file.unsupported(format!(
        "`tokenizer_config.json` says that it belongs to `{class}`, and {} alone does not tell how \
         that splits text; use the model's `tokenizer.json`",
        file.name
    )))
}

/// The merges, a line each.
fn pairs(file: &File, vocabulary: &Value) -> Result<Vec<[String; 2]>, TokenizerError> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(file.text()?.lines()) {
        if line.starts_with("#version") || line.is_empty() {
            continue;
        }
        let Some((left, right)) = line.split_once(' ').filter(|(_, right)| !right.contains(' '))
        else {
            return Err(file.line(number, "it is not two tokens with a space between"));
        };
        let product = format!("{left}{right}");
        for token in [left, right, &product] {
            if vocabulary.get(token).is_none() {
                let reason = format!(
                    "the vocabulary has no `{token}`; the two files belong to different \
                     tokenizers, or the line is cut"
                );
                return Err(file.line(number, reason));
            }
        }
        pairs.push([left.to_owned(), right.to_owned()]);
    }
    if pairs.is_empty() {
        return Err(file.wrong("there is no merge in it"));
    }
    // Each token of more than one character comes out of a merge, but for special ones.
    let made: std::collections::BTreeSet<String> = pairs.iter().map(|pair| pair.concat()).collect();
    let tokens = vocabulary.as_object().into_iter().flat_map(Map::keys);
    let alone = tokens
        .filter(|token| token.chars().nth(1).is_some() && !token.starts_with('<'))
        .filter(|token| !made.contains(*token))
        .count();
    if alone > pairs.len() / 10 {
        return Err(file.wrong(format!(
            "{alone} tokens of the vocabulary come out of no merge; the file is cut, or belongs to \
             another tokenizer"
        )));
    }
    Ok(pairs)
}
