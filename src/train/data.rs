//! Windows of tokens, in an order that is a pure function of the seed.
//!
//! The tokens of all shards are one long sequence, cut into windows of `sequence_length` + 1 tokens
//! of which neighbours share one: window *i* reads tokens *i·L* … *i·L + L* and predicts the last *L*
//! of them, so every token but the first is predicted exactly once an epoch. Document borders are
//! ordinary tokens.
//!
//! The state of the loader is one integer, the samples consumed: sample *s* is window
//! `permutation(seed, s / windows)[s % windows]`. Nothing else decides what a step sees. Where shards
//! are a blend of cells, [`super::blend`] says which window it is.

use super::TrainError;
use super::blend::{Blend, Windows};
use super::random::{mix, stream};
use super::shards::Tokens;

/// Training windows in their visiting order.
pub(crate) struct Loader {
    tokens: Tokens,
    length: u64,
    windows: u64,
    blend: Option<Windows>,
    seed: u64,
}

impl Loader {
    /// Windows of `length` + 1 tokens.
    ///
    /// # Errors
    /// When there are fewer tokens than one window takes.
    pub(crate) fn new(tokens: Tokens, length: u64, seed: u64) -> Result<Self, TrainError> {
        let windows = tokens.len().saturating_sub(1) / length;
        if windows == 0 {
            return Err(TrainError::TooFewTrainingTokens {
                tokens: tokens.len(),
                sequence_length: length,
            });
        }
        Ok(Self { tokens, length, windows, blend: None, seed })
    }

    /// Windows of `length` + 1 tokens of cells that are blended.
    ///
    /// # Errors
    /// When there are fewer tokens than one window takes, all told or of a cell that is asked for.
    pub(crate) fn blended(
        tokens: Tokens,
        blend: &Blend,
        length: u64,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let mut loader = Self::new(tokens, length, seed)?;
        if !blend.stages.is_empty() {
            loader.blend = Some(Windows::new(blend, length, seed)?);
        }
        Ok(loader)
    }

    /// The window that sample number `sample` of the training reads.
    pub(crate) fn window(&self, sample: u64) -> u64 {
        let (epoch, position) = (sample / self.windows, sample % self.windows);
        permute(position, self.windows, stream(self.seed, epoch))
    }

    /// The tokens of samples `first` … `first + count`, row-major `[count, length + 1]`.
    ///
    /// # Errors
    /// When an id lies outside the vocabulary.
    pub(crate) fn batch(&self, first: u64, count: u64) -> Result<Vec<i64>, TrainError> {
        let mut out = Vec::new();
        for sample in first..first + count {
            let start = match &self.blend {
                Some(blend) => blend.start(sample),
                None => self.window(sample) * self.length,
            };
            self.tokens.read(start, self.length + 1, &mut out)?;
        }
        Ok(out)
    }

    /// All training tokens, for the unigram baseline.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

/// Where `position` of `0..size` goes under the permutation that `key` names.
///
/// A balanced Feistel network over the smallest even number of bits that holds `size`; a result
/// outside the range goes through it again (cycle walking, <https://eprint.iacr.org/2001/012>: at
/// most four turns on average). It needs no memory, so that an epoch of 10¹¹ windows costs nothing
/// to start or to resume.
pub(super) fn permute(position: u64, size: u64, key: u64) -> u64 {
    const ROUNDS: u64 = 6;
    if size < 2 {
        return position;
    }
    let half = (64 - (size - 1).leading_zeros()).div_ceil(2);
    let mask = (1_u64 << half) - 1;
    let mut at = position;
    loop {
        let (mut left, mut right) = (at >> half, at & mask);
        for round in 0..ROUNDS {
            let turned = left ^ (mix(right ^ stream(key, round)) & mask);
            (left, right) = (right, turned);
        }
        at = left << half | right;
        if at < size {
            return at;
        }
    }
}

/// The validation windows, in their fixed order.
pub(crate) struct Validation {
    tokens: Tokens,
    /// `(first token, tokens predicted)` of each window.
    windows: Vec<(u64, u64)>,
}

/// Validation predicts at most this many tokens: enough for a standard error of about 0.005 nats.
/// Beyond it, windows are taken at even distances from the whole.
pub(crate) const VALIDATION_TOKENS: u64 = 1 << 18;

impl Validation {
    /// All windows of `length` + 1 tokens, the last one shorter where it does not come out even.
    ///
    /// # Errors
    /// When there are fewer than two tokens: nothing to predict.
    pub(crate) fn new(tokens: Tokens, length: u64) -> Result<Self, TrainError> {
        if tokens.len() < 2 {
            return Err(TrainError::NoValidationTokens { tokens: tokens.len() });
        }
        let predicted = tokens.len() - 1;
        let count = predicted.div_ceil(length);
        let kept = count.min((VALIDATION_TOKENS / length).max(1));
        let windows = (0..kept)
            .map(|window| {
                // Exact for any size: window·count may pass 2^64 only beyond 2^46 windows.
                let start = window * count / kept * length;
                (start, length.min(predicted - start))
            })
            .collect();
        Ok(Self { tokens, windows })
    }

    /// The windows, in groups of equal length of at most `rows`: `(rows, length, tokens)` with the
    /// tokens row-major `[rows, length + 1]`.
    pub(crate) fn batches(
        &self,
        rows: usize,
    ) -> impl Iterator<Item = Result<(usize, u64, Vec<i64>), TrainError>> {
        self.windows
            .chunk_by(|left, right| left.1 == right.1)
            .flat_map(move |equal| equal.chunks(rows.max(1)))
            .map(|group| {
                let mut out = Vec::new();
                for (start, length) in group {
                    self.tokens.read(*start, length + 1, &mut out)?;
                }
                Ok((group.len(), group[0].1, out))
            })
    }

    /// Calls `visit` with each predicted token, in order.
    ///
    /// # Errors
    /// When an id lies outside the vocabulary.
    pub(crate) fn visit_targets(&self, mut visit: impl FnMut(u32)) -> Result<(), TrainError> {
        for (start, length) in &self.windows {
            self.tokens.visit(start + 1, *length, &mut visit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::super::shards::tests::write_shard;
    use super::*;
    use crate::store::Store;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        (folder, store)
    }

    #[test]
    fn windows_run_across_shards_and_share_one_token() {
        let (_folder, store) = store();
        write_shard(&store, "a", &[vec![0, 1, 2], vec![3]]);
        write_shard(&store, "b", &[vec![4, 5, 6, 7, 8]]);
        let prefixes = ["a".to_owned(), "b".to_owned()];
        let tokens = Tokens::open(&store, &prefixes, 9).unwrap();
        let loader = Loader::new(tokens, 3, 1).unwrap();
        assert_eq!(loader.windows, 2);
        let mut epoch = loader.batch(0, 2).unwrap();
        if loader.window(0) == 1 {
            epoch.rotate_left(4);
        }
        assert_eq!(epoch, [0, 1, 2, 3, 3, 4, 5, 6]);
    }

    #[test]
    fn every_epoch_is_another_permutation() {
        for size in [1, 2, 3, 5, 64, 1_000, 4_097] {
            let mut orders = Vec::new();
            for epoch in 0..3 {
                let key = stream(17, epoch);
                let order: Vec<u64> = (0..size).map(|at| permute(at, size, key)).collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..size));
                orders.push(order);
            }
            assert!(size < 64 || (orders[0] != orders[1] && orders[1] != orders[2]));
        }
    }

    #[test]
    fn the_order_never_changes() {
        // Frozen: a change here silently reorders every resumed training.
        let order: Vec<u64> = (0..8).map(|at| permute(at, 1_000, stream(17, 0))).collect();
        assert_eq!(order, FROZEN_ORDER);
    }
    const FROZEN_ORDER: [u64; 8] = [668, 171, 430, 885, 451, 226, 736, 328];

    #[test]
    fn validation_takes_what_there_is() {
        let (_folder, store) = store();
        let open = |documents: &[Vec<u16>]| {
            write_shard(&store, "v", documents);
            Tokens::open(&store, &["v".to_owned()], 100).unwrap()
        };
        let lengths = |validation: &Validation| -> Vec<(usize, u64)> {
            let batches = validation.batches(2).map(|batch| batch.unwrap());
            batches.map(|(rows, length, _)| (rows, length)).collect()
        };
        let whole = Validation::new(open(&[(0..30).collect()]), 4).unwrap();
        assert_eq!(lengths(&whole), [(2, 4), (2, 4), (2, 4), (1, 4), (1, 1)]);
        let mut targets = Vec::new();
        whole.visit_targets(|id| targets.push(id)).unwrap();
        assert!(targets.into_iter().eq(1..30));
        let short = Validation::new(open(&[vec![1, 2, 3]]), 8).unwrap();
        assert_eq!(lengths(&short), [(1, 2)]);
        let error = Validation::new(open(&[vec![1]]), 8).err().unwrap();
        assert!(error.to_string().contains("validation_fraction"));
    }

    #[test]
    fn validation_is_capped_with_even_distances() {
        let (_folder, store) = store();
        write_shard(&store, "v", &[vec![7; (VALIDATION_TOKENS * 3) as usize + 1]]);
        let tokens = Tokens::open(&store, &["v".to_owned()], 100).unwrap();
        let validation = Validation::new(tokens, 64).unwrap();
        assert_eq!(validation.windows.len() as u64, VALIDATION_TOKENS / 64);
        assert_eq!(validation.windows[1], (3 * 64, 64));
    }
}
