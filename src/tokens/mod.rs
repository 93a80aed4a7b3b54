//! Tokens: from kept documents to shuffled shards.
//!
//! A document is tokenized in the last flow phase, beside the writing of its text. Its ids travel
//! under a key drawn from its identity and the seed; sorting by that key *is* the shuffle, over the
//! whole corpus, and equal ranges of keys are the shards.

pub mod format;
pub mod sample;
pub mod shard;
pub mod tokenizer;

use tokenizers::pipeline::PipelineToken;

use self::format::Width;
use self::tokenizer::{Tokenizer, TokenizerError};
use crate::document::{Batch, DocumentId};
use crate::exchange::{KEY_BYTES, Key};

/// The tokens of a batch's kept documents, as the bytes that shards hold.
pub struct TokenBatch {
    bytes: Vec<u8>,
    /// End of each row's bytes.
    ends: Vec<usize>,
    width: Width,
}

impl TokenBatch {
    /// Encodes the kept documents of a batch, each with `end_of_document` behind it.
    ///
    /// # Errors
    /// When a text cannot be expressed in the tokenizer's vocabulary.
    pub fn encode(
        tokenizer: &Tokenizer,
        end_of_document: u32,
        batch: &Batch,
    ) -> Result<Self, TokenizerError> {
        let width = Width::of(tokenizer.vocab_size());
        let mut encoded = Self {
            bytes: Vec::with_capacity(batch.text_bytes() / 2),
            ends: Vec::with_capacity(batch.len()),
            width,
        };
        let mut ids: Vec<PipelineToken> = Vec::new();
        for row in 0..batch.len() {
            if batch.verdicts[row].is_kept() {
                ids.clear();
                tokenizer.encode_into(batch.text(row), &mut ids)?;
                ids.push(end_of_document.into());
                width.append(PipelineToken::cast_slice(&ids), &mut encoded.bytes);
            }
            encoded.ends.push(encoded.bytes.len());
        }
        Ok(encoded)
    }

    /// The bytes of a row's tokens.
    #[must_use]
    pub fn bytes(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    /// The number of a row's tokens, its end-of-document token included.
    #[must_use]
    pub fn count(&self, row: usize) -> u32 {
        u32::try_from(self.bytes(row).len() / self.width.bytes()).unwrap_or(u32::MAX)
    }
}

/// Where a document comes in the shuffle: validation or not, a random number, its id to break ties.
#[must_use]
pub fn shuffle_key(id: DocumentId, seed: u64, validation_fraction: f64) -> Key {
    #[expect(clippy::cast_precision_loss, reason = "2^-64 steps are fine enough for a share")]
    let draw = id.random(seed, "validation") as f64 / 2f64.powi(64);
    let validation = u64::from(draw < validation_fraction);
    let order = (validation << 63) | (id.random(seed, "shuffle") >> 1);
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&order.to_be_bytes());
    key[8..].copy_from_slice(&id.0.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Cuts;

    #[test]
    fn the_validation_share_is_kept_and_shards_are_even() {
        let cuts = Cuts::Tokens { train: 4, validation: 1 };
        let mut counts = [0u32; 5];
        for number in 0..20_000u128 {
            let key = shuffle_key(DocumentId(number), 17, 0.1);
            counts[cuts.part(&key) as usize] += 1;
        }
        assert!((1850..2150).contains(&counts[4]), "{counts:?}");
        for count in &counts[..4] {
            assert!((4200..4800).contains(count), "{counts:?}");
        }
        let none = (0..1000).all(|number| shuffle_key(DocumentId(number), 17, 0.0)[0] < 0x80);
        assert!(none, "no validation document without a share");
    }
}
