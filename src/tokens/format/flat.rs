//! Shards for random access: formats whose tokens lie back to back in one file.

use super::read::{Tokens, damaged};
use super::{ShardError, Width, megatron};
use crate::store::{Mapped, Store};

/// The tokens of one shard, mapped.
pub(crate) struct FlatShard {
    pub path: String,
    pub width: Width,
    /// Number of tokens.
    pub tokens: u64,
    bytes: Mapped,
    /// Bytes before the first token.
    start: usize,
}

impl FlatShard {
    pub(super) fn new(path: String, bytes: Mapped, start: usize, width: Width) -> Self {
        let tokens = ((bytes.len() - start) / width.bytes()) as u64;
        Self { path, width, tokens, bytes, start }
    }

    /// The bytes of the tokens from `from` to before `to`; `None` where there are fewer.
    pub(crate) fn bytes(&self, from: u64, to: u64) -> Option<&[u8]> {
        let at = |token: u64| {
            usize::try_from(token).ok()?.checked_mul(self.width.bytes())?.checked_add(self.start)
        };
        self.bytes.get(at(from)?..at(to)?)
    }
}

/// Opens the Megatron shard `PREFIX.bin`, its index checked completely.
///
/// # Errors
/// When a file is missing or not what its format says.
pub(crate) fn open_flat(store: &Store, prefix: &str) -> Result<FlatShard, ShardError> {
    let tokens: Tokens = megatron::open(store, prefix)?;
    if tokens.masked() {
        let detail = "it has loss masks, which training does not know yet";
        return Err(damaged(&format!("{prefix}.loss.bin"), detail));
    }
    Ok(tokens.into_flat())
}
