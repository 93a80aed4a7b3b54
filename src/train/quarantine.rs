//! `training/quarantine.jsonl`: the documents whose samples were left out after a loss spike.
//!
//! The first line names the training; then each line is a document, in the order in which its tokens
//! would have been read. `in_spike` says whether a step that spiked read it: the others only stood
//! near. What usually makes a spike is counted: short n-grams repeated over and over (`OLMo 2` leaves
//! out what repeats one of 1 to 13 tokens 32 times or more, <https://arxiv.org/abs/2501.00656>), and
//! the entropy of the document's tokens, which is near 0 for a repeated token and high for noise.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger;
use crate::store::{Store, StoreError};

use super::data::Loader;
use super::order::Piece;
use super::{TokenSet, TrainError, documents};

/// Where the report stands in a run.
pub(crate) const PATH: &str = "training/quarantine.jsonl";

/// The longest n-gram whose repetitions are counted.
const LONGEST: usize = 13;

/// So many repetitions at a stretch are too many for `OLMo 2`.
pub(crate) const MOST_REPEATS: usize = 32;

/// A document that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quarantined {
    /// The number of the rollback that left it out, from 1.
    pub(crate) rollback: usize,
    /// Its id.
    pub(crate) id: String,
    /// Its source, URL and cluster, where the ledger knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster: Option<String>,
    /// Whether a step that spiked read it.
    pub(crate) in_spike: bool,
    /// The first and the last of the samples left out that it is in.
    pub(crate) samples: [u64; 2],
    /// Its tokens, end of document included.
    pub(crate) tokens: u32,
    /// Entropy of its tokens, in bits a token.
    pub(crate) entropy: f32,
    /// Tokens of the n-gram that is repeated most often at a stretch.
    pub(crate) ngram: usize,
    /// How often it stands there.
    pub(crate) repeats: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    training: String,
}

/// Adds the documents of the samples `skipped` to the report, as those of rollback `rollback`; those
/// in `spiked` were read by a step that spiked. Calling it again changes nothing.
///
/// # Errors
/// When the index, the ledger or the store cannot be read or written.
pub(crate) fn report(
    set: &TokenSet<'_>,
    loader: &mut Loader,
    digest: &str,
    (run, rollback): (&Store, usize),
    skipped: Range<u64>,
    spiked: &BTreeSet<u64>,
) -> Result<(), TrainError> {
    let mut order = Vec::new();
    let mut found: HashMap<u32, ([u64; 2], bool)> = HashMap::new();
    for sample in skipped {
        for piece in loader.pieces(sample) {
            let (samples, in_spike) = found.entry(piece.document).or_insert_with(|| {
                order.push(piece.document);
                ([sample; 2], false)
            });
            samples[1] = sample;
            *in_spike |= spiked.contains(&sample);
        }
    }
    let documents = loader.documents();
    let starts: BTreeSet<u64> = order.iter().map(|&number| documents.start(number)).collect();
    let ids = documents::ids(set.store, &set.train, loader.tokens(), &starts)?;
    let rows = ledger::rows::find(
        set.store,
        &ids.values().copied().collect(),
        Some(&["source", "url", "cluster"]),
    )?;
    let mut lines = earlier(run, digest, rollback)?;
    let mut tokens = Vec::new();
    for number in order {
        let (documents, (samples, in_spike)) = (loader.documents(), found[&number]);
        let length = documents.length(number);
        let id = ids.get(&documents.start(number)).copied();
        let row = id.and_then(|id| rows.get(&id));
        let cell = |name| row.and_then(|row| row.get(name)).and_then(Value::as_str);
        tokens.clear();
        loader.read(Piece { document: number, from: 0, tokens: length }, &mut tokens)?;
        let (ngram, repeats) = repeated(&tokens);
        let document = Quarantined {
            rollback,
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            source: cell("source").map(str::to_owned),
            url: cell("url").map(str::to_owned),
            cluster: cell("cluster").map(str::to_owned),
            in_spike,
            samples,
            tokens: length,
            entropy: entropy(&tokens),
            ngram,
            repeats,
        };
        lines.push(serde_json::to_string(&document)?);
    }
    lines.push(String::new());
    Ok(run.put(PATH, Bytes::from(lines.join("\n")))?)
}

/// The lines of rollbacks before, the one that names the training first.
fn earlier(run: &Store, digest: &str, rollback: usize) -> Result<Vec<String>, TrainError> {
    let head = serde_json::to_string(&Head { training: digest.to_owned() })?;
    let text = match run.read(PATH) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(StoreError::NotFound { .. }) => String::new(),
        Err(error) => return Err(error.into()),
    };
    let mut lines = text.lines();
    let ours = lines.next() == Some(head.as_str());
    let before = |line: &&str| {
        serde_json::from_str(line).is_ok_and(|line: Quarantined| line.rollback < rollback)
    };
    let kept = lines.filter(|line| ours && before(line)).map(str::to_owned);
    Ok(std::iter::once(head.clone()).chain(kept).collect())
}

/// Entropy of the tokens, in bits a token.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "for people")]
fn entropy(tokens: &[i64]) -> f32 {
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    for token in tokens {
        *counts.entry(*token).or_default() += 1;
    }
    let total = tokens.len().max(1) as f64;
    let bits = |&count: &u32| {
        let share = f64::from(count) / total;
        -share * libm::log2(share)
    };
    counts.values().map(bits).sum::<f64>() as f32
}

/// The n-gram of 1 to 13 tokens that is repeated most often at a stretch: its length, and how often
/// it stands there. The shortest of several.
pub(crate) fn repeated(tokens: &[i64]) -> (usize, usize) {
    let mut best = (0, 0);
    for period in 1..=LONGEST.min(tokens.len()) {
        let mut run = 0;
        for (token, before) in tokens[period..].iter().zip(tokens) {
            run = if token == before { run + 1 } else { 0 };
            if run / period + 1 > best.1 {
                best = (period, run / period + 1);
            }
        }
        if best.1 == 0 {
            best = (period, 1);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_ngrams_are_counted() {
        assert_eq!(repeated(&[]), (0, 0));
        assert_eq!(repeated(&[7]), (1, 1));
        assert_eq!(repeated(&[1, 2, 3, 4]), (1, 1));
        assert_eq!(repeated(&[1, 5, 5, 5, 5, 2]), (1, 4));
        let text: Vec<i64> = [9, 8].into_iter().chain([1, 2, 3].repeat(20)).chain([4]).collect();
        assert_eq!(repeated(&text), (3, 20));
    }

    #[test]
    fn entropy_is_in_bits() {
        assert!(entropy(&[5; 40]).abs() < 1e-6);
        assert!((entropy(&[1, 2, 3, 4]) - 2.0).abs() < 1e-6);
    }
}
