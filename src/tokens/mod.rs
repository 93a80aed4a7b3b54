//! Tokens: from kept documents to shuffled shards.
//!
//! A document is tokenized in the last flow phase, beside the writing of its text. Its ids travel
//! under a key drawn from its identity and the seed; sorting by that key *is* the shuffle, over the
//! whole corpus, and equal ranges of keys are the shards.

pub mod encode;
pub mod format;
pub mod shard;
pub mod tokenizer;

pub use self::encode::{Encoder, TokenBatch};
use crate::document::DocumentId;
use crate::exchange::{KEY_BYTES, Key};

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
