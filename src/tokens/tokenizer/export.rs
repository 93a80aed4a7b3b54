//! Any tokenizer as a `tokenizer.json` that Hugging Face's library reads (version 1.0 of its form),
//! for checkpoints.

use bytes::Bytes;
use serde_json::{Value, json};

use super::files::{File, Kind};
use super::{END_TOKENS, TokenizerError, files, tiktoken, vocabulary};

/// The `tokenizer.json` of the tokenizer of these files (see
/// [`Tokenizer::from_files`](super::Tokenizer::from_files)); equal files give equal bytes.
///
/// What would make `transformers` encode otherwise than the shards were encoded is left out: tokens
/// put around every text, truncation, padding.
///
/// # Errors
/// When the library has no words for the tokenizer.
pub(crate) fn hugging_face(files: &[(String, Bytes)]) -> Result<Bytes, TokenizerError> {
    let file = files::first(files)?;
    let companion = |name: &str| files::named(files, name);
    let value = match Kind::of(&file) {
        Some(Kind::HuggingFace) => return plain(&file),
        Some(Kind::Ranks) => tiktoken::export(&file, companion)?,
        Some(Kind::Vocabulary) => vocabulary::export(&file, companion)?,
        Some(Kind::SentencePiece) | None => return Err(TokenizerError::Kind { file: file.name }),
    };
    Ok(value.to_string().into())
}

/// The file as it is, but for what changes texts as a whole.
fn plain(file: &File) -> Result<Bytes, TokenizerError> {
    let mut value = file.json()?;
    if value["version"] != "1.0" {
        let reason =
            "a tokenizer.json of another version than 1.0, which transformers does not read";
        return Err(file.unsupported(reason));
    }
    let mut changed = false;
    for key in ["truncation", "padding"] {
        changed |= !value[key].is_null();
        value[key] = Value::Null;
    }
    // ByteLevel moves the places of tokens in the text and adds none.
    if !value["post_processor"].is_null() && value["post_processor"]["type"] != "ByteLevel" {
        changed = true;
        value["post_processor"] = Value::Null;
    }
    if changed { Ok(value.to_string().into()) } else { Ok(file.bytes.clone()) }
}

/// A byte-level BPE in the library's form. `special` are tokens of the vocabulary.
pub(super) fn byte_level(
    pre_tokenizer: &Value,
    model: &Value,
    special: impl Iterator<Item = (String, u32)>,
) -> Value {
    let added: Vec<Value> = special
        .map(|(name, id)| {
            json!({
                "id": id,
                "content": name,
                "single_word": false,
                "lstrip": false,
                "rstrip": false,
                "normalized": false,
                "special": true,
            })
        })
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": null,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": true,
            "trim_offsets": true,
            "use_regex": true,
        },
        "model": model,
    })
}

/// Words by GPT-2's pattern.
pub(super) fn gpt2_words() -> Value {
    json!({
        "type": "ByteLevel",
        "add_prefix_space": false,
        "trim_offsets": true,
        "use_regex": true,
    })
}

/// Words by a pattern, then bytes.
pub(super) fn words(regex: &str) -> Value {
    json!({
        "type": "Sequence",
        "pretokenizers": [
            {
                "type": "Split",
                "pattern": { "Regex": regex },
                "behavior": "Removed",
                "invert": true,
            },
            {
                "type": "ByteLevel",
                "add_prefix_space": false,
                "trim_offsets": true,
                "use_regex": false,
            },
        ],
    })
}

/// Of a vocabulary, the tokens that end documents.
pub(super) fn end_tokens(vocabulary: &Value) -> impl Iterator<Item = (String, u32)> {
    END_TOKENS.iter().filter_map(|name| {
        let id = vocabulary.get(name)?.as_u64()?;
        Some(((*name).to_owned(), u32::try_from(id).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: &[u8] = include_bytes!("../../../data-samples/tokenizers/gpt2.json");

    fn export(name: &str, bytes: &[u8]) -> Result<Bytes, TokenizerError> {
        hugging_face(&[(name.to_owned(), Bytes::copy_from_slice(bytes))])
    }

    #[test]
    fn a_file_of_the_library_is_copied_but_for_what_changes_texts() {
        let plain = export("t.json", GPT2).unwrap();
        let mut value: Value = serde_json::from_slice(GPT2).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap()["model"], value["model"]);
        value["post_processor"] = json!({ "type": "TemplateProcessing" });
        value["padding"] = json!({ "strategy": "BatchLongest" });
        let cleaned = export("t.json", value.to_string().as_bytes()).unwrap();
        let cleaned: Value = serde_json::from_slice(&cleaned).unwrap();
        assert!(cleaned["post_processor"].is_null() && cleaned["padding"].is_null());
        assert_eq!(cleaned["added_tokens"], value["added_tokens"]);
        value["version"] = "2.0".into();
        let error = export("t.json", value.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains("1.0"), "{error}");
    }

    #[test]
    fn ranks_become_the_librarys_form_with_the_same_ids() {
        // A vocabulary of the 256 bytes, `ab`, `abc` and a special token behind a hole.
        let base64 = |bytes: &[u8]| {
            const LETTERS: &[u8; 64] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut out = String::new();
            for group in bytes.chunks(3) {
                let mut three = [0; 3];
                three[..group.len()].copy_from_slice(group);
                let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
                for place in 0..4 {
                    let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
                    out.push(if place > group.len() { '=' } else { char::from(letter) });
                }
            }
            out
        };
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        tokens.extend([b"ab".to_vec(), b"abc".to_vec()]);
        let ranks: Vec<String> = (0..)
            .zip(&tokens)
            .map(|(rank, token)| format!("{} {rank}\n", base64(token)))
            .collect::<Vec<String>>();
        let pattern = json!({ "pat_str": r"\p{L}+|[^\p{L}]", "special_tokens": { "<eos>": 300 } });
        let files = [
            ("t.tiktoken".to_owned(), Bytes::from(ranks.concat())),
            ("t.pattern.json".to_owned(), Bytes::from(pattern.to_string())),
        ];
        let exported = hugging_face(&files).unwrap();
        assert_eq!(exported, hugging_face(&files).unwrap());
        let own = super::super::Tokenizer::from_files(&files).unwrap();
        let read = super::super::Tokenizer::from_bytes("tokenizer.json", &exported).unwrap();
        assert_eq!(own.tokens().collect::<Vec<_>>(), read.tokens().collect::<Vec<_>>());
        let ids = |tokenizer: &super::super::Tokenizer| {
            let mut ids = Vec::new();
            tokenizer.encode_into("abc xabab 字", &mut ids).unwrap();
            ids.into_iter().map(u32::from).collect::<Vec<u32>>()
        };
        assert_eq!(ids(&own), ids(&read));
        assert_eq!(read.token_id("<eos>"), Some(300));
    }
}
