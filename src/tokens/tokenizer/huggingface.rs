//! `tokenizer.json` of the Hugging Face library.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::engine::Engine;
use super::files::File;
use super::splitter::Splitter;
use super::table::Table;
use super::{MOST_IDS, Parts, TokenizerError, byte_level};

/// Longest token: the library keeps lengths in 16 bits.
const LONGEST_TOKEN: usize = u16::MAX as usize;

pub(super) fn load(file: &File) -> Result<Parts, TokenizerError> {
    let mut value = file.json()?;
    let model = value.get("model").and_then(Value::as_object);
    let model = model.ok_or_else(|| {
        file.wrong(
            "there is no `model` in it, so it is no tokenizer.json; a `vocab.json` needs that name",
        )
    })?;
    if let Some(kind) = model.get("type").and_then(Value::as_str)
        && !["BPE", "Unigram", "WordPiece", "WordLevel"].contains(&kind)
    {
        let known = "BPE, Unigram, WordPiece and WordLevel are known";
        return Err(file.unsupported(format!("a model of type `{kind}` ({known})")));
    }
    tokenizers::canonicalize_value(&mut value)
        .map_err(|error| file.unsupported(error.to_string()))?;
    from_canonical(file, &value)
}

/// Builds the tokenizer that a file in the library's own form (version 2.0) describes.
pub(super) fn from_canonical(file: &File, value: &Value) -> Result<Parts, TokenizerError> {
    let model = &value["model"];
    let vocabulary = vocabulary(file, model)?;
    check_added(file, value)?;
    let byte_level = model["byte_level"] == Value::Bool(true);
    if model["type"] == "BPE" {
        check_merges(file, model, &vocabulary)?;
    }
    // What the checks above let through may still meet an assertion of the library.
    let built = catch_unwind(AssertUnwindSafe(|| tokenizers::from_json(&value.to_string())));
    let inner = match built {
        Ok(built) => built.map_err(|error| file.wrong(error.to_string()))?,
        Err(_) => return Err(file.wrong("the library cannot build a tokenizer of it")),
    };
    let splitter = Splitter::new(&inner).map_err(|error| file.unsupported(error.to_string()))?;
    let mut ids = vocabulary;
    let size = ids.values().max().map_or(0, |&id| id + 1);
    let table = byte_level.then(|| {
        let tokens: Vec<_> =
            ids.iter().map(|(token, &id)| (id, byte_level::bytes(token))).collect();
        Table::new(size, tokens.iter().map(|(id, bytes)| (*id, &bytes[..])))
    });
    // The library numbers added tokens itself, as its older versions do: a number in the file
    // that is not the next one is not taken over.
    let added = inner.get_added_vocabulary().get_added_tokens_decoder();
    ids.extend(added.into_iter().map(|(id, token)| (token.content.clone(), id)));
    let engine = Engine::new(inner, splitter, table);
    Ok(Parts { engine, apart: BTreeMap::new(), ids })
}

/// Ids by token.
fn vocabulary(file: &File, model: &Value) -> Result<BTreeMap<String, u32>, TokenizerError> {
    let mut ids = BTreeMap::new();
    match &model["vocab"] {
        Value::Object(entries) => {
            for (token, id) in entries {
                ids.insert(token.clone(), number(file, token, id)?);
            }
        }
        Value::Array(pieces) => {
            for (id, piece) in (0..MOST_IDS).zip(pieces) {
                let Some(token) = piece.get(0).and_then(Value::as_str) else {
                    return Err(file.wrong(format!("piece {id} of `model.vocab` has no text")));
                };
                ids.insert(token.to_owned(), id);
            }
        }
        _ => return Err(file.wrong("`model.vocab` is not there")),
    }
    if ids.is_empty() {
        return Err(file.wrong("`model.vocab` is empty"));
    }
    match ids.keys().find(|token| token.len() > LONGEST_TOKEN) {
        Some(token) => {
            let start: String = token.chars().take(20).collect();
            Err(file.unsupported(format!("a token of {} bytes (`{start}…`)", token.len())))
        }
        None => Ok(ids),
    }
}

fn number(file: &File, token: &str, id: &Value) -> Result<u32, TokenizerError> {
    let number = id.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|&id| id < MOST_IDS);
    number.ok_or_else(|| {
        file.wrong(format!(
            "the token `{token}` has the id {id}; ids are whole numbers below {MOST_IDS}, so the \
             file is damaged"
        ))
    })
}

fn check_added(file: &File, value: &Value) -> Result<(), TokenizerError> {
    for token in value["added_tokens"].as_array().into_iter().flatten() {
        let Some(content) = token["content"].as_str() else {
            return Err(file.wrong("an added token has no `content`"));
        };
        number(file, content, &token["id"])?;
    }
    Ok(())
}

/// The library takes it that merges join tokens into tokens.
fn check_merges(
    file: &File,
    model: &Value,
    ids: &BTreeMap<String, u32>,
) -> Result<(), TokenizerError> {
    let Some(merges) = model["merges"].as_array() else {
        return Err(file.wrong("`model.merges` is not there"));
    };
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default();
    // Files that list every way to make a token have millions of parts to look up.
    let tokens: HashSet<&str> = ids.keys().map(String::as_str).collect();
    let mut product = String::new();
    for (number, merge) in (1..).zip(merges) {
        let (left, right) = (merge[0].as_str(), merge[1].as_str());
        let (Some(left), Some(right)) = (left, right) else {
            return Err(file.wrong(format!("merge {number} is no pair of tokens")));
        };
        let Some(rest) = right.get(prefix.len()..) else {
            let reason = format!("merge {number}: `{right}` does not begin with `{prefix}`");
            return Err(file.wrong(reason));
        };
        product.clear();
        product.push_str(left);
        product.push_str(rest);
        for token in [left, right, &product] {
            if !tokens.contains(token) {
                return Err(file.wrong(format!(
                    "merge {number} (`{left}` and `{right}`) needs the token `{token}`, which the \
                     vocabulary has not; vocabulary and merges belong to different tokenizers, or \
                     the file is cut"
                )));
            }
        }
    }
    Ok(())
}
