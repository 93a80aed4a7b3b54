//! `[tokens]`: tokenization, mixture and token shards.

mod chat;
mod check;
mod fim;
mod mixture;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::chat::{Chat, LossOn, Prompt};
pub(super) use self::check::check;
pub use self::fim::Fim;
pub use self::mixture::{Amount, CurriculumStage, Curve, Fields, Mixture};
use super::bytes::ByteSize;
use crate::store::resolved;

/// Tokenizes the kept documents and writes them, shuffled, as shards that trainers load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// A tokenizer, relative to the pipeline file: a Hugging Face `tokenizer.json`, tiktoken ranks
    /// (`o200k_base.tiktoken`), GPT-2's `vocab.json` with `merges.txt`, or a folder that holds one.
    pub tokenizer: PathBuf,
    /// Format of the shards.
    #[serde(default)]
    pub format: ShardFormat,
    /// Tokens of one training sequence; what `[train]` reads at a time, and the length of a row
    /// where `packing` makes rows.
    #[serde(default = "default_sequence_length")]
    pub sequence_length: u32,
    /// How documents become the rows of a shard.
    #[serde(default)]
    pub packing: Packing,
    /// Share of the documents that goes to the validation shards, chosen by document id.
    #[serde(default = "default_validation_fraction")]
    pub validation_fraction: f64,
    /// The token put behind each document. Default: the first of `<|endoftext|>`, `<|end_of_text|>`,
    /// `</s>`, `<eos>` that the tokenizer has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_document: Option<String>,
    /// Bytes of token data in one shard, to a document; 1 GiB where `shard_tokens` is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_size: Option<ByteSize>,
    /// Tokens in one shard, to a document; in place of `shard_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard_tokens: Option<u64>,
    /// Compression of the shards, where the format has it (`mds`, `parquet`).
    #[serde(default)]
    pub compression: ShardCompression,
    /// What is shuffled over the whole corpus.
    #[serde(default)]
    pub shuffle: Shuffle,
    /// Conversations instead of plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
    /// Prompts and targets instead of plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Prompt>,
    /// Fill-in-the-middle for code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fim: Option<Fim>,
    /// Cells of the corpus and how much of each is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
    /// Stages of training with mixtures of their own, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<CurriculumStage>,
}

/// Byte layout of the shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShardFormat {
    /// `.bin` and `.idx` of [Megatron-LM](https://github.com/NVIDIA/Megatron-LM), one sequence a
    /// document.
    #[default]
    Megatron,
    /// MosaicML [streaming](https://github.com/mosaicml/streaming): rows of tokens, with
    /// `index.json`.
    Mds,
    /// [nanoGPT](https://github.com/karpathy/nanoGPT): token ids without a header.
    Nanogpt,
    /// [llm.c](https://github.com/karpathy/llm.c): a header of 1 KiB, the end-of-document token
    /// *before* each document; also what modded-nanogpt reads.
    Llmc,
    /// [datatrove](https://github.com/huggingface/datatrove) and nanotron: `.ds` with `.ds.index`.
    Datatrove,
    /// Parquet with `input_ids`, `doc_ids` and, where there are masks, `loss_mask`.
    Parquet,
    /// NumPy arrays, with document borders beside them.
    Npy,
}

impl ShardFormat {
    /// The name in a pipeline file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Megatron => "megatron",
            Self::Mds => "mds",
            Self::Nanogpt => "nanogpt",
            Self::Llmc => "llmc",
            Self::Datatrove => "datatrove",
            Self::Parquet => "parquet",
            Self::Npy => "npy",
        }
    }
}

/// How documents become the rows of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Documents one behind the other, each as long as it is: the trainer's reader cuts windows.
    #[default]
    Documents,
    /// Rows of `sequence_length` tokens, cut where a row is full; a shard's last row is padded.
    Concatenate,
    /// Rows of `sequence_length` tokens; documents that fit in a row are not cut, by best-fit
    /// decreasing over a window of documents ([Ding et al. 2024](https://arxiv.org/abs/2404.10830)).
    BestFit,
}

/// Compression of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShardCompression {
    /// None; for Parquet, zstd.
    #[default]
    Auto,
    /// None at all.
    None,
    /// Zstandard.
    Zstd,
}

/// What is shuffled over the whole corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shuffle {
    /// Documents.
    #[default]
    Document,
    /// Documents, and then the rows that they were packed into.
    Sequence,
}

impl Tokens {
    /// Shards of all there is, with this tokenizer.
    #[must_use]
    pub fn of(tokenizer: PathBuf) -> Self {
        Self {
            tokenizer,
            format: ShardFormat::default(),
            sequence_length: default_sequence_length(),
            packing: Packing::default(),
            validation_fraction: default_validation_fraction(),
            end_of_document: None,
            shard_size: None,
            shard_tokens: None,
            compression: ShardCompression::default(),
            shuffle: Shuffle::default(),
            chat: None,
            prompt: None,
            fim: None,
            mixture: None,
            curriculum: Vec::new(),
        }
    }

    /// Makes paths relative to the pipeline file's folder `base` ones from here.
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        self.tokenizer = resolved(base, &self.tokenizer);
        if let Some(chat) = &mut self.chat {
            chat.template = chat.template.as_ref().map(|path| resolved(base, path));
        }
    }

    /// Tokens of a shard whose tokens take `width` bytes each.
    #[must_use]
    pub fn tokens_a_shard(&self, width: u64) -> u64 {
        let bytes = self.shard_size.map_or(DEFAULT_SHARD_BYTES, |size| size.0);
        self.shard_tokens.unwrap_or(bytes / width.max(1)).max(1)
    }
}

/// Size of a shard where nothing is said.
const DEFAULT_SHARD_BYTES: u64 = 1 << 30;

fn default_sequence_length() -> u32 {
    1024
}

fn default_validation_fraction() -> f64 {
    0.005
}
