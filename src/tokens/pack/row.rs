//! A row being filled.

use crate::tokens::format::{Sequence, TokenDocument};

/// Pieces of documents, one behind the other.
pub(super) struct Row {
    tokens: Vec<u8>,
    /// Kept where the shard has masks.
    loss: Option<Vec<u8>>,
    ends: Vec<u32>,
    /// Bytes of a token.
    width: usize,
    filled: usize,
}

impl Row {
    pub(super) fn new(masks: bool, width: usize) -> Self {
        let loss = masks.then(Vec::new);
        Self { tokens: Vec::new(), loss, ends: Vec::new(), width, filled: 0 }
    }

    /// Tokens in it.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Adds `count` tokens of a document from `start` on.
    pub(super) fn add(&mut self, document: &TokenDocument<'_>, start: usize, count: usize) {
        let bytes = start * self.width..(start + count) * self.width;
        self.tokens.extend_from_slice(&document.tokens[bytes]);
        self.filled += count;
        if let Some(loss) = &mut self.loss {
            match document.loss {
                Some(mask) => loss.extend_from_slice(&mask[start..start + count]),
                None => loss.resize(self.filled, 1),
            }
        }
        // Rows are at most as long as `sequence_length`, a u32.
        self.ends.push(u32::try_from(self.filled).unwrap_or(u32::MAX));
    }

    /// Fills it up to `length` tokens with `token`, which is not learnt; gives the number of them.
    pub(super) fn pad(&mut self, length: usize, token: &[u8]) -> usize {
        let missing = length.saturating_sub(self.filled);
        for _ in 0..missing {
            self.tokens.extend_from_slice(token);
        }
        self.filled += missing;
        if let Some(loss) = &mut self.loss {
            loss.resize(self.filled, 0);
        }
        missing
    }

    pub(super) fn sequence(&self) -> Sequence<'_> {
        Sequence { tokens: &self.tokens, loss: self.loss.as_deref(), ends: &self.ends }
    }

    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.ends.clear();
        self.filled = 0;
        if let Some(loss) = &mut self.loss {
            loss.clear();
        }
    }
}
