//! Tokenizers: text to ids.

use serde::Deserialize;
use std::collections::BTreeMap;
use tokenizers::pipeline::{EncodeOptions, PipelineToken, PipelineTokenizer};

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is not a tokenizer file.
    #[error("it is not a Hugging Face tokenizer.json: {0}")]
    Format(String),
    /// The library failed on a text.
    #[error("a text could not be encoded: {0}")]
    Encode(String),
    /// There is no such token.
    #[error("the tokenizer has no token `{0}`; set `end_of_document` to one that it has")]
    NoToken(String),
    /// None of the usual end tokens is there.
    #[error(
        "the tokenizer has none of {0}; set `end_of_document` to the token that ends a document"
    )]
    NoEndToken(String),
}

/// Names of end-of-document tokens, in the order they are looked for.
const END_TOKENS: &[&str] = &["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"];

/// A loaded tokenizer; shared by all threads.
pub struct Tokenizer {
    inner: PipelineTokenizer,
    options: EncodeOptions,
    ids: BTreeMap<String, u32>,
    vocab_size: u32,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: Vocab,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vocab {
    Ids(BTreeMap<String, u32>),
    /// Unigram: pieces with scores, the id is the place.
    Pieces(Vec<(String, f64)>),
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it is not one, or uses parts that the library does not have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let format = |error: &dyn std::fmt::Display| TokenizerError::Format(error.to_string());
        let text = std::str::from_utf8(bytes).map_err(|error| format(&error))?;
        let file: File = serde_json::from_str(text).map_err(|error| format(&error))?;
        let canonical = tokenizers::canonicalize_str(text).map_err(|error| format(&error))?;
        let inner = tokenizers::from_json(&canonical).map_err(|error| format(&error))?;
        let mut ids = match file.model.vocab {
            Vocab::Ids(ids) => ids,
            Vocab::Pieces(pieces) => {
                (0..).zip(pieces).map(|(id, (piece, _))| (piece, id)).collect()
            }
        };
        ids.extend(file.added_tokens.into_iter().map(|token| (token.content, token.id)));
        let vocab_size = ids.values().max().map_or(0, |&id| id + 1);
        // Special tokens written in a document are text like any other: a page that holds
        // `<|endoftext|>` must not be able to end itself in the training stream.
        let options = EncodeOptions {
            add_special_tokens: false,
            encode_special_tokens: true,
            padding: tokenizers::pipeline::Override::Off,
            truncation: tokenizers::pipeline::Override::Off,
        };
        Ok(Self { inner, options, ids, vocab_size })
    }

    /// One more than the greatest id.
    #[must_use]
    pub fn vocab_size(&self) -> u32 {
        self.vocab_size
    }

    /// The id of the token `name`, written as the tokenizer's file writes it.
    #[must_use]
    pub fn token_id(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    /// The id of the token that ends a document: `name`, or the first usual one.
    ///
    /// # Errors
    /// When the tokenizer has no such token.
    pub fn end_of_document(&self, name: Option<&str>) -> Result<u32, TokenizerError> {
        match name {
            Some(name) => {
                self.ids.get(name).copied().ok_or_else(|| TokenizerError::NoToken(name.to_owned()))
            }
            None => END_TOKENS
                .iter()
                .find_map(|name| self.ids.get(*name).copied())
                .ok_or_else(|| TokenizerError::NoEndToken(END_TOKENS.join(", "))),
        }
    }

    /// Appends the ids of `text` to `out`, without special tokens.
    ///
    /// # Errors
    /// When the model cannot express the text (a vocabulary without byte fallback, say).
    pub fn encode_into(
        &self,
        text: &str,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        self.inner
            .encode_into(text, &self.options, out)
            .map_err(|error| TokenizerError::Encode(error.to_string()))
    }

    /// Text of ids, for people to look at.
    ///
    /// # Errors
    /// When an id is not the tokenizer's.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(|error| TokenizerError::Encode(error.to_string()))
    }
}
