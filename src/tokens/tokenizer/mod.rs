//! Tokenizers: text to ids.
//!
//! Three kinds of files are read, see [`Tokenizer::from_files`]. All become one form, and the engine
//! of [tokenizers](https://github.com/huggingface/tokenizers) 1.0 turns text into ids. Ids are those
//! of the library a file was made for: `benches/parity/token_ids.py` compares.

mod byte_level;
mod encodings;
mod engine;
mod error;
mod exact;
#[cfg_attr(not(feature = "train"), allow(dead_code, reason = "written beside checkpoints"))]
pub(crate) mod export;
pub(crate) mod files;
pub mod fit;
mod forms;
mod huggingface;
mod newer;
mod sentencepiece;
mod splitter;
mod table;
mod tiktoken;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use tokenizers::pipeline::PipelineToken;

pub use self::engine::Context;
use self::engine::Engine;
pub use self::error::TokenizerError;
use self::files::Kind;

/// Names of end-of-document tokens, in the order they are looked for.
const END_TOKENS: &[&str] =
    &["<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>"];

/// Ids are below this: tables are as long as the greatest id, and a damaged file may hold any.
const MOST_IDS: u32 = 1 << 24;

/// A loaded tokenizer; shared by all threads.
pub struct Tokenizer {
    engine: Engine,
    /// Of tokens that the engine does not know: tiktoken's special tokens.
    apart: BTreeMap<u32, String>,
    ids: BTreeMap<String, u32>,
    vocab_size: u32,
}

/// What the readers of the file formats make.
struct Parts {
    engine: Engine,
    apart: BTreeMap<u32, String>,
    /// Ids by name: as the vocabulary writes tokens.
    ids: BTreeMap<String, u32>,
}

impl Tokenizer {
    /// Reads a tokenizer of one file.
    ///
    /// # Errors
    /// As [`Tokenizer::from_files`].
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, TokenizerError> {
        Self::from_files(&[(name.to_owned(), Bytes::copy_from_slice(bytes))])
    }

    /// Reads a tokenizer from its files: the one that was asked for, then those beside it. Each may
    /// be gzip'd. The kind is told by the content:
    ///
    /// * `tokenizer.json` of [tokenizers](https://github.com/huggingface/tokenizers): BPE, Unigram,
    ///   `WordPiece`, `WordLevel`;
    /// * ranks of [tiktoken](https://github.com/openai/tiktoken), by name (`cl100k_base.tiktoken`)
    ///   or number one of OpenAI's, or with a `NAME.pattern.json` that holds `pat_str` and
    ///   `special_tokens`;
    /// * `vocab.json` of GPT-2, with `merges.txt`.
    ///
    /// A model of [SentencePiece](https://github.com/google/sentencepiece) is refused, with what to
    /// do.
    ///
    /// # Errors
    /// When a file is damaged, one is missing, or the library lacks what they ask for.
    pub fn from_files(files: &[(String, Bytes)]) -> Result<Self, TokenizerError> {
        let file = files::first(files)?;
        let companion = |name: &str| files::named(files, name);
        let parts = match Kind::of(&file) {
            Some(Kind::HuggingFace) => huggingface::load(&file)?,
            Some(Kind::Ranks) => tiktoken::load(&file, companion)?,
            Some(Kind::Vocabulary) => vocabulary::load(&file, companion)?,
            Some(Kind::SentencePiece) => return Err(sentencepiece::refused(&file)),
            None => return Err(TokenizerError::Kind { file: file.name }),
        };
        let vocab_size = parts.ids.values().max().map_or(0, |&id| id + 1);
        Ok(Self { engine: parts.engine, apart: parts.apart, ids: parts.ids, vocab_size })
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

    /// Its tokens, written as its file writes them, and their ids.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, u32)> {
        self.ids.iter().map(|(token, id)| (token.as_str(), *id))
    }

    /// The id of the token that ends a document: `name`, or the first usual one.
    ///
    /// # Errors
    /// When the tokenizer has no such token.
    pub fn end_of_document(&self, name: Option<&str>) -> Result<u32, TokenizerError> {
        match name {
            Some(name) => {
                self.token_id(name).ok_or_else(|| TokenizerError::NoToken(name.to_owned()))
            }
            None => END_TOKENS
                .iter()
                .find_map(|name| self.token_id(name))
                .ok_or_else(|| TokenizerError::NoEndToken(END_TOKENS.join(", "))),
        }
    }

    /// What one thread needs to encode; it goes back to the tokenizer when dropped, with the words
    /// it has learnt. One for many texts saves a lock for each.
    #[must_use]
    pub fn context(&self) -> Context<'_> {
        self.engine.context()
    }

    /// Appends the ids of `text` to `out`, without special tokens: those written in the text are
    /// text like any other, since a page that holds `<|endoftext|>` must not be able to end itself
    /// in the training stream.
    ///
    /// # Errors
    /// When the model cannot express the text (a vocabulary without byte fallback, say).
    pub fn encode_into(
        &self,
        text: &str,
        out: &mut Vec<PipelineToken>,
    ) -> Result<(), TokenizerError> {
        self.context().encode_into(text, out)
    }

    /// Bytes of the text that ids stand for; none where one is not the tokenizer's.
    #[cfg(feature = "train")]
    pub(crate) fn text_bytes(&self, ids: &[i64]) -> Option<u64> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        self.decode(&ids).ok().map(|text| text.len() as u64)
    }

    /// Text of ids, for people to look at.
    ///
    /// # Errors
    /// When an id is not the tokenizer's.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        if let Some(&id) = ids.iter().find(|&&id| id >= self.vocab_size) {
            return Err(TokenizerError::NoId(id));
        }
        let mut text = String::new();
        for part in ids.chunk_by(|left, right| {
            !self.apart.contains_key(left) && !self.apart.contains_key(right)
        }) {
            match self.apart.get(&part[0]) {
                Some(name) => text.push_str(name),
                None => text.push_str(&self.engine.decode(part)?),
            }
        }
        Ok(text)
    }
}
