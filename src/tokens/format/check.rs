//! What cannot be, told before any work.

use super::{ShardLayout, llmc, mds};
use crate::config::tokens::{Packing, ShardCompression, ShardFormat};

/// Why there can be no shards like that. Names the key to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The format has no place for masks.
    #[error(
        "`format = \"{0}\"` has no place for the loss masks of conversations and prompts; choose megatron, mds, datatrove, parquet or npy"
    )]
    Masks(&'static str),
    /// The format's readers cut windows of their own.
    #[error(
        "readers of `format = \"{0}\"` cut windows anywhere, so rows made by `packing` would be lost; set `packing = \"documents\"`, or choose megatron, mds, datatrove, parquet or npy"
    )]
    Rows(&'static str),
    /// The format knows no compression.
    #[error(
        "`format = \"{0}\"` cannot be compressed; leave `compression` out, or choose mds or parquet"
    )]
    Compression(&'static str),
    /// The readers' integers are too narrow.
    #[error(
        "`format = \"{format}\"` holds ids below {limit}, the tokenizer has {vocab_size}; choose nanogpt, llmc, datatrove or npy"
    )]
    Vocabulary {
        /// The format.
        format: &'static str,
        /// The first id it cannot hold.
        limit: u64,
        /// Ids of the tokenizer.
        vocab_size: u32,
    },
    /// A shard is larger than the format allows.
    #[error(
        "a shard of `format = \"{format}\"` holds {limit}, these would have {wanted}; lower `shard_size` or `shard_tokens`"
    )]
    Shard {
        /// The format.
        format: &'static str,
        /// What it holds.
        limit: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// Rows of nothing.
    #[error("`sequence_length` must be at least 1 where `packing` makes rows")]
    Length,
}

/// Checks that shards of `shard_tokens` tokens can be written like that.
///
/// # Errors
/// When the format has no place for what is asked of it.
pub fn check(layout: &ShardLayout, shard_tokens: u64) -> Result<(), LayoutError> {
    let format = layout.format.name();
    let bare = matches!(layout.format, ShardFormat::Nanogpt | ShardFormat::Llmc);
    let rows = layout.packing != Packing::Documents;
    if bare && layout.masked {
        return Err(LayoutError::Masks(format));
    }
    if bare && rows {
        return Err(LayoutError::Rows(format));
    }
    if rows && layout.sequence_length == 0 {
        return Err(LayoutError::Length);
    }
    let compresses = matches!(layout.format, ShardFormat::Mds | ShardFormat::Parquet);
    if layout.compression == ShardCompression::Zstd && !compresses {
        return Err(LayoutError::Compression(format));
    }
    let signed =
        matches!(layout.format, ShardFormat::Megatron | ShardFormat::Mds | ShardFormat::Parquet);
    let limit = 1u64 << 31;
    if signed && u64::from(layout.vocab_size) > limit {
        return Err(LayoutError::Vocabulary { format, limit, vocab_size: layout.vocab_size });
    }
    let too_large = |limit, wanted| Err(LayoutError::Shard { format, limit, wanted });
    if layout.format == ShardFormat::Llmc && shard_tokens > llmc::MAX_TOKENS {
        return too_large("less than 2^31 tokens", format!("{shard_tokens} tokens"));
    }
    let bytes_a_token = layout.width.bytes() as u64 + u64::from(layout.has_masks());
    let bytes = shard_tokens.saturating_mul(bytes_a_token);
    if layout.format == ShardFormat::Mds && bytes > mds::MAX_BYTES {
        return too_large("less than 4 GiB", format!("{bytes} bytes"));
    }
    Ok(())
}
