//! Texts that a model writes, token after token.
//!
//! With temperature 0 each token is the likeliest one. Else it is drawn from the softmax of the logits
//! divided by the temperature, of the `top_k` likeliest tokens, of the fewest likeliest that together
//! have the probability `top_p` (<https://arxiv.org/abs/1904.09751>); in this order, as
//! `transformers` does. Draws come from our own generator, keyed by seed, number of the text and place
//! in it: the same seed gives the same text.

use super::TrainError;
use super::load::Loaded;
use super::model::cached::Cache;
use super::random::stream;

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Above 0; or 0 for the likeliest token.
    pub temperature: f64,
    /// So many of the likeliest tokens; 0 for all.
    pub top_k: usize,
    /// The probability that the tokens drawn from have together, above 0 to 1.
    pub top_p: f64,
    /// Key of the draws.
    pub seed: u64,
}

/// Continues `prompt`, which must not be empty, by at most `most` tokens, or until the model writes
/// `end`, which is not given. `sample` is the number of the text, for texts of one prompt.
/// `on_token` sees each token as it is drawn, and stops the text by an error. Whether `end` was
/// reached is returned.
///
/// A text longer than the model's sequence goes on from the last half of it.
///
/// # Errors
/// When libtorch or `on_token` fails.
pub fn generate<E: From<TrainError>>(
    loaded: &Loaded,
    prompt: &[u32],
    sampling: &Sampling,
    sample: u64,
    most: usize,
    end: Option<u32>,
    on_token: &mut dyn FnMut(u32) -> Result<(), E>,
) -> Result<bool, E> {
    let length = loaded.settings.sequence_length as usize;
    let key = stream(stream(sampling.seed, 0x7465_7874), sample);
    let mut text: Vec<i64> = prompt.iter().map(|&id| i64::from(id)).collect();
    text.drain(..text.len().saturating_sub(length));
    let mut cache = Cache::default();
    let mut unread = text.clone();
    for place in 0..most as u64 {
        if text.len() > length {
            text.drain(..text.len() - (length / 2).max(1));
            (cache, unread) = (Cache::default(), text.clone());
        }
        let logits = loaded.model.read(&unread, &mut cache)?;
        let token = draw(&logits, sampling, stream(key, place));
        if Some(token) == end {
            return Ok(true);
        }
        on_token(token)?;
        text.push(token.into());
        unread = vec![token.into()];
    }
    Ok(false)
}

/// The token that `random` picks.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn draw(logits: &[f32], sampling: &Sampling, random: u64) -> u32 {
    let mut order: Vec<u32> = (0..).take(logits.len()).collect();
    let logit = |id: u32| logits[id as usize];
    // The likeliest first, of equals the one with the least id.
    let by = |left: &u32, right: &u32| logit(*right).total_cmp(&logit(*left)).then(left.cmp(right));
    let best = order.iter().copied().min_by(by).unwrap_or_default();
    if sampling.temperature <= 0.0 {
        return best;
    }
    order.sort_unstable_by(by);
    if sampling.top_k > 0 {
        order.truncate(sampling.top_k);
    }
    let greatest = f64::from(logit(best));
    let weight = |id: u32| libm::exp((f64::from(logit(id)) - greatest) / sampling.temperature);
    let mut sums = Vec::with_capacity(order.len());
    let mut sum = 0.0;
    for &id in &order {
        sum += weight(id);
        sums.push(sum);
    }
    let kept = sums.partition_point(|&before| before < sampling.top_p * sum) + 1;
    sums.truncate(kept);
    let total = sums.last().copied().unwrap_or(0.0);
    let point = (random >> 11) as f64 / (1_u64 << 53) as f64 * total;
    let place = sums.partition_point(|&end| end <= point).min(sums.len().saturating_sub(1));
    order.get(place).copied().unwrap_or(best)
}

/// Tokens as text, piece by piece: a character is given once all of its bytes are there.
#[derive(Debug, Default)]
pub struct TextStream {
    ids: Vec<u32>,
    /// Tokens before this one are given; those from `context` on are decoded again, since a token's
    /// text may depend on the one before.
    given: usize,
    context: usize,
}

impl TextStream {
    /// Begins behind a prompt.
    #[must_use]
    pub fn behind(prompt: &[u32]) -> Self {
        let context = prompt.len().saturating_sub(8);
        let ids = prompt[context..].to_vec();
        Self { given: ids.len(), context: 0, ids }
    }

    /// Adds a token; gives the text that it completes, which may be none.
    ///
    /// # Errors
    /// When `decode` fails.
    pub fn push<E>(
        &mut self,
        id: u32,
        decode: impl Fn(&[u32]) -> Result<String, E>,
    ) -> Result<String, E> {
        self.ids.push(id);
        self.take(decode, false)
    }

    /// What is left: an incomplete character becomes U+FFFD.
    ///
    /// # Errors
    /// When `decode` fails.
    pub fn finish<E>(&mut self, decode: impl Fn(&[u32]) -> Result<String, E>) -> Result<String, E> {
        self.take(decode, true)
    }

    fn take<E>(
        &mut self,
        decode: impl Fn(&[u32]) -> Result<String, E>,
        end: bool,
    ) -> Result<String, E> {
        let before = decode(&self.ids[self.context..self.given])?;
        let all = decode(&self.ids[self.context..])?;
        if !end && all.ends_with('\u{fffd}') {
            return Ok(String::new());
        }
        (self.context, self.given) = (self.given, self.ids.len());
        Ok(all.get(before.len()..).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Sampling = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, seed: 1 };

    #[test]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "small numbers; shares of 0 and of 1 are exact"
    )]
    fn draws_follow_the_probabilities() {
        let logits: Vec<f32> = [0.1_f64, 0.6, 0.3].map(|p| libm::log(p) as f32).to_vec();
        let share = |sampling: Sampling, id: u32| {
            let hits = (0..20_000).filter(|&at| draw(&logits, &sampling, stream(9, at)) == id);
            hits.count() as f64 / 20_000.0
        };
        for (id, expected) in [(0, 0.1), (1, 0.6), (2, 0.3)] {
            assert!((share(PLAIN, id) - expected).abs() < 0.012, "{id}");
        }
        let two = Sampling { top_k: 2, ..PLAIN };
        assert!(share(two, 0) == 0.0 && (share(two, 1) - 2.0 / 3.0).abs() < 0.012);
        // 0.6 alone is not enough for 0.7, and is for 0.5.
        assert!(share(Sampling { top_p: 0.7, ..PLAIN }, 2) > 0.3);
        assert!(share(Sampling { top_p: 0.5, ..PLAIN }, 1) == 1.0);
        assert!(share(Sampling { temperature: 0.0, ..PLAIN }, 1) == 1.0);
        // √0.6 : √0.3 : √0.1
        let warm = share(Sampling { temperature: 2.0, ..PLAIN }, 1);
        assert!((warm - 0.7746 / (0.7746 + 0.5477 + 0.3162)).abs() < 0.012, "{warm}");
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "bytes")]
    fn characters_are_given_whole() {
        // A token a byte.
        let decode = |ids: &[u32]| -> Result<String, ()> {
            let bytes: Vec<u8> = ids.iter().map(|&id| id as u8).collect();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = "né 字🙂 x";
        let mut stream = TextStream::behind(&[65, 66]);
        let mut pieces = Vec::new();
        for byte in text.bytes() {
            pieces.push(stream.push(byte.into(), decode).unwrap());
        }
        assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}')));
        assert_eq!(pieces.concat(), text);
        assert_eq!(stream.push(0xe5, decode), Ok(String::new()));
        assert_eq!(stream.finish(decode), Ok("\u{fffd}".to_owned()));
    }
}
