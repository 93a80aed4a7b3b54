//! `[tokens]`: tokenization and token shards.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bytes::ByteSize;

/// Tokenizes the kept documents and writes them, shuffled, as shards that trainers load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// A Hugging Face `tokenizer.json`, relative to the pipeline file.
    pub tokenizer: PathBuf,
    /// Format of the shards.
    #[serde(default)]
    pub format: ShardFormat,
    /// Tokens of one training sequence; what `[train]` reads at a time.
    #[serde(default = "default_sequence_length")]
    pub sequence_length: u32,
    /// Share of the documents that goes to the validation shards, chosen by document id.
    #[serde(default = "default_validation_fraction")]
    pub validation_fraction: f64,
    /// The token put behind each document. Default: the first of `<|endoftext|>`, `<|end_of_text|>`,
    /// `</s>`, `<eos>` that the tokenizer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_document: Option<String>,
    /// About how large the token data of one shard becomes, judged by the size of the input.
    #[serde(default = "default_shard_size")]
    pub shard_size: ByteSize,
}

/// Byte layout of the shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShardFormat {
    /// `.bin` and `.idx` of [Megatron-LM](https://github.com/NVIDIA/Megatron-LM), one sequence a
    /// document.
    #[default]
    Megatron,
}

fn default_sequence_length() -> u32 {
    1024
}

fn default_validation_fraction() -> f64 {
    0.005
}

fn default_shard_size() -> ByteSize {
    ByteSize(1 << 30)
}
