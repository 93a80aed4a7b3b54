//! The unigram model: what a language model must beat to have learned anything but frequencies.

use super::TrainError;
use super::shards::Tokens;
use super::validation::Validation;

/// Cross-entropy of the validation tokens under the frequencies of the training tokens, in nats a
/// token.
///
/// p(t) = (count(t) + 1) / (tokens + vocabulary): add-one smoothing, so that a token the training
/// text lacks has a probability. The tokens scored are those the model is scored on.
///
/// # Errors
/// When a token lies outside the vocabulary.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact in f64")]
pub(crate) fn unigram_loss(
    train: &Tokens,
    validation: &Validation,
    vocab_size: u32,
) -> Result<f64, TrainError> {
    let mut counts = vec![1_u64; vocab_size as usize];
    train.visit(0, train.len(), |id| counts[id as usize] += 1)?;
    let mut occurrences = vec![0_u64; vocab_size as usize];
    for id in validation.targets().filter_map(|id| usize::try_from(id).ok()) {
        // Ids are below the vocabulary's size: reading checked it.
        occurrences[id] += 1;
    }

    let log_total = libm::log((train.len() + u64::from(vocab_size)) as f64);
    let (mut nats, mut tokens) = (0.0, 0);
    for (count, occurrences) in counts.into_iter().zip(occurrences) {
        nats += occurrences as f64 * (log_total - libm::log(count as f64));
        tokens += occurrences;
    }
    Ok(nats / tokens as f64)
}

#[cfg(test)]
mod tests {
    use super::super::shards::tests::write_shard;
    use super::super::{Blend, TokenSet};
    use super::*;
    use crate::config::tokens::ShardFormat;
    use crate::store::Store;
    use crate::tokens::format::Width;

    #[test]
    fn is_the_smoothed_cross_entropy() {
        let store = Store::in_memory();
        write_shard(&store, "train_00000", &[vec![0, 0, 0, 1]]);
        write_shard(&store, "validation_00000", &[vec![1, 0, 2]]);
        let set = TokenSet {
            store: &store,
            train: vec!["tokens/train_00000".to_owned()],
            blend: Blend::default(),
            validation: vec!["tokens/validation_00000".to_owned()],
            validation_store: &store,
            format: ShardFormat::Megatron,
            width: Width::U16,
            vocab_size: 3,
            sequence_length: 8,
            text_bytes: None,
            tokenizer: None,
            initial: None,
            tasks: &[],
        };
        let validation = Validation::open(&set, 8).unwrap();
        let train = Tokens::open(&store, &set.train, 3).unwrap();
        let loss = unigram_loss(&train, &validation, 3).unwrap();
        // Targets 0 and 2: p = 4/7 and 1/7.
        let expected = -((4.0_f64 / 7.0).ln() + (1.0_f64 / 7.0).ln()) / 2.0;
        assert!((loss - expected).abs() < 1e-12);
    }
}
