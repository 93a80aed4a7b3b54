//! The validation documents, source by source.
//!
//! Which documents are held out is decided where shards are written. Of each source, those with the
//! smallest identities are scored: the same in every run that holds them out, whatever its seed and
//! however its shards were cut.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::DocumentId;
use crate::ledger;
use crate::store::Store;

use super::documents::{self, Documents, sorted_by};
use super::shards::Tokens;
use super::{TokenSet, TrainError};

/// Validation predicts about so many tokens at most: enough for a standard error of about 0.005
/// nats. Sources share them in proportion to what they have.
pub(crate) const VALIDATION_TOKENS: u64 = 1 << 18;

/// Documents of so many tokens, those with the smallest identities, are looked at: a source with less
/// than about 1 in 100,000 of the tokens may be missing, and the ledger is asked for few.
const CONSIDERED_TOKENS: u64 = VALIDATION_TOKENS * 16;

/// One document gives at most this part of the tokens of its source, where the source has more than
/// are scored.
const PART_OF_A_DOCUMENT: u64 = 8;

/// The validation tokens of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Source {
    /// Its name; empty where no ledger says it.
    pub(crate) name: String,
    /// Documents, the last ones of which may be cut.
    pub(crate) documents: u64,
    /// Bytes of text, where the tokenizer can tell.
    pub(crate) bytes: Option<u64>,
    ids: Vec<i64>,
    /// For each of them, 1 where it is learnt and 0 where not; empty where all are.
    loss: Vec<u8>,
    /// Where documents begin in `ids`.
    starts: Vec<usize>,
}

/// Windows of a source, all of the same length.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    /// How many.
    pub(crate) rows: usize,
    /// Tokens that each predicts.
    pub(crate) length: usize,
    /// Tokens, row-major `[rows, length + 1]`.
    pub(crate) ids: Vec<i64>,
    /// For each of them, 1 where it is learnt and 0 where not; empty where all are.
    pub(crate) loss: Vec<u8>,
    /// For each row, the positions at which documents begin.
    pub(crate) borders: Vec<Vec<u32>>,
}

/// The validation tokens, by source, in the order of names.
pub(crate) struct Validation {
    pub(crate) sources: Vec<Source>,
    length: usize,
}

impl Validation {
    /// Reads the documents to score in windows of `length` + 1 tokens.
    ///
    /// # Errors
    /// When there are fewer than two tokens, or a shard or the ledger is damaged.
    pub(crate) fn open(set: &TokenSet<'_>, length: usize) -> Result<Self, TrainError> {
        let store = set.validation_store;
        let tokens = Tokens::of(set, store, &set.validation)?;
        let documents = Documents::load(store, &set.validation, &tokens)?;
        let numbers = sorted_by(0..documents.len(), |number| documents.identity(number));
        let mut considered = 0;
        let candidates = numbers.iter().take_while(|&&number| {
            let enough = considered >= CONSIDERED_TOKENS;
            considered += u64::from(documents.length(number));
            !enough
        });
        let candidates: Vec<u32> = candidates.copied().collect();
        let total = candidates.iter().map(|&number| u64::from(documents.length(number))).sum();
        let starts = candidates.iter().map(|&number| documents.start(number)).collect();
        let ids = documents::ids(store, &set.validation, &tokens, &starts)?;
        let names = source_names(store, &ids.values().copied().collect())?;
        let mut by_source: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for number in candidates {
            let name = ids.get(&documents.start(number)).and_then(|id| names.get(id));
            by_source.entry(name.map_or("", String::as_str)).or_default().push(number);
        }
        let mut sources = Vec::new();
        for (name, numbers) in by_source {
            let available: u64 =
                numbers.iter().map(|&number| u64::from(documents.length(number))).sum();
            let quota = share(available, total);
            let most = if available > quota { quota / PART_OF_A_DOCUMENT } else { available };
            let mut source = Source {
                name: name.to_owned(),
                // Bits a byte are of whole texts.
                bytes: set.text_bytes.filter(|_| !tokens.masked()).map(|_| 0),
                ..Source::default()
            };
            for number in numbers {
                let taken = source.ids.len() as u64;
                if taken >= quota {
                    break;
                }
                let length = u64::from(documents.length(number));
                let count = length.min(most.max(2)).min(quota - taken);
                let first = source.ids.len();
                source.starts.push(first);
                tokens.read(documents.start(number), count, &mut source.ids)?;
                if tokens.masked() {
                    tokens.read_loss(documents.start(number), count, &mut source.loss);
                }
                source.documents += 1;
                // The last token of a document ends it and is no text.
                let end = source.ids.len() - usize::from(count == length);
                source.bytes = match (source.bytes, set.text_bytes) {
                    (Some(bytes), Some(text_bytes)) => {
                        text_bytes(&source.ids[first..end]).map(|more| bytes + more)
                    }
                    _ => None,
                };
            }
            sources.push(source);
        }
        // Fewer than two tokens of a source predict nothing, nor do those that are not learnt.
        sources.retain(|source| source.targets().next().is_some());
        if sources.is_empty() {
            return Err(TrainError::NoValidationTokens { tokens: tokens.len() });
        }
        Ok(Self { sources, length })
    }

    /// The windows of a source, in groups of equal length of at most `rows`. The last one is shorter
    /// where it does not come out even.
    pub(crate) fn batches(&self, source: usize, rows: usize) -> impl Iterator<Item = Windows> {
        let (source, length) = (&self.sources[source], self.length);
        let predicted = source.ids.len().saturating_sub(1);
        let whole = predicted / length;
        let group = move |first: usize| {
            let rows = rows.max(1).min(whole - first);
            source.windows((first..first + rows).map(|row| row * length), length)
        };
        let rest = predicted % length;
        let last = (rest > 0).then(|| source.windows(std::iter::once(whole * length), rest));
        (0..whole).step_by(rows.max(1)).map(group).chain(last)
    }

    /// The predicted tokens of all sources.
    pub(crate) fn targets(&self) -> impl Iterator<Item = i64> {
        self.sources.iter().flat_map(Source::targets)
    }
}

impl Windows {
    /// How many tokens are predicted and learnt.
    pub(crate) fn learnt(&self) -> u64 {
        if self.loss.is_empty() {
            return (self.rows * self.length) as u64;
        }
        let predicted = self.loss.chunks(self.length + 1).flat_map(|row| &row[1..]);
        predicted.map(|&learnt| u64::from(learnt)).sum()
    }
}

impl Source {
    /// The predicted tokens that are learnt.
    fn targets(&self) -> impl Iterator<Item = i64> {
        let learnt = |place: &usize| self.loss.get(*place).is_none_or(|&learnt| learnt == 1);
        (1..self.ids.len()).filter(learnt).map(|place| self.ids[place])
    }

    /// The windows that begin at `starts` and predict `length` tokens each.
    fn windows(&self, starts: impl ExactSizeIterator<Item = usize>, length: usize) -> Windows {
        let mut windows = Windows { rows: starts.len(), length, ..Windows::default() };
        for start in starts {
            let range = start..start + length + 1;
            windows.ids.extend_from_slice(&self.ids[range.clone()]);
            windows.loss.extend_from_slice(self.loss.get(range.clone()).unwrap_or_default());
            let first = self.starts.partition_point(|&border| border < range.start);
            let borders = self.starts[first..].iter().take_while(|&border| range.contains(border));
            // A length is of 32 bits.
            let narrow = |at: usize| u32::try_from(at - range.start).unwrap_or(u32::MAX);
            windows.borders.push(borders.map(|&border| narrow(border)).collect());
        }
        windows
    }
}

/// The tokens that a source with `available` of `total` has scored.
fn share(available: u64, total: u64) -> u64 {
    if total <= VALIDATION_TOKENS {
        return available;
    }
    let share = u128::from(VALIDATION_TOKENS) * u128::from(available) / u128::from(total);
    u64::try_from(share).unwrap_or(u64::MAX).max(2)
}

/// The sources of documents, as the ledger names them.
fn source_names(
    store: &Store,
    ids: &BTreeSet<DocumentId>,
) -> Result<BTreeMap<DocumentId, String>, TrainError> {
    let rows = ledger::rows::find(store, ids, Some(&["source"]))?;
    let name = |row: &serde_json::Map<String, serde_json::Value>| {
        row.get("source").and_then(|name| name.as_str()).unwrap_or_default().to_owned()
    };
    Ok(rows.iter().map(|(id, row)| (*id, name(row))).collect())
}

#[cfg(test)]
mod tests {
    use super::super::shards::tests::write_shard;
    use super::*;
    use crate::config::tokens::ShardFormat;
    use crate::tokens::format::Width;
    use crate::train::Blend;

    fn open(documents: &[Vec<u32>], length: usize) -> Result<Validation, TrainError> {
        let store = Store::in_memory();
        write_shard(&store, "validation_00000", documents);
        let bytes = |ids: &[i64]| Some(ids.len() as u64 * 3);
        let set = TokenSet {
            store: &store,
            train: Vec::new(),
            blend: Blend::default(),
            validation: vec!["tokens/validation_00000".to_owned()],
            validation_store: &store,
            format: ShardFormat::Megatron,
            width: Width::U16,
            vocab_size: 1_000,
            sequence_length: length,
            text_bytes: Some(&bytes),
            tokenizer: None,
            initial: None,
            tasks: &[],
        };
        Validation::open(&set, length)
    }

    #[test]
    fn validation_takes_what_there_is() {
        let whole = open(&[(0..30).collect()], 4).unwrap();
        let lengths: Vec<_> = whole.batches(0, 2).map(|it| (it.rows, it.length)).collect();
        assert_eq!(lengths, [(2, 4), (2, 4), (2, 4), (1, 4), (1, 1)]);
        assert!(whole.targets().eq(1..30));
        let windows: Vec<i64> = whole.batches(0, 2).flat_map(|it| it.ids).collect();
        assert_eq!(windows[..11], [0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8]);
        let source = &whole.sources[0];
        assert_eq!((source.documents, source.bytes), (1, Some(29 * 3)), "the end is no text");
        let short = open(&[vec![1, 2, 3]], 8).unwrap();
        let expected = Windows {
            rows: 1,
            length: 2,
            ids: vec![1, 2, 3],
            loss: Vec::new(),
            borders: vec![vec![0]],
        };
        assert_eq!(short.batches(0, 2).next(), Some(expected));
        let several = open(&[vec![1, 2, 3], vec![4], vec![5, 6, 7, 8]], 3).unwrap();
        let borders: Vec<_> = several.batches(0, 9).flat_map(|it| it.borders).collect();
        let mut starts: Vec<usize> = several.sources[0].starts.clone();
        starts.sort_unstable();
        let found = borders.iter().enumerate().flat_map(|(row, borders)| {
            borders.iter().map(move |border| row * 3 + *border as usize)
        });
        // A token that two windows share may begin a document in both.
        assert_eq!(found.collect::<BTreeSet<_>>(), starts.into_iter().collect());
        let error = open(&[vec![1]], 8).err().unwrap();
        assert!(error.to_string().contains("validation_fraction"));
    }

    #[test]
    fn of_much_text_several_documents_are_scored() {
        let size = usize::try_from(VALIDATION_TOKENS).unwrap();
        let documents: Vec<Vec<u32>> = (0..20).map(|number| vec![number; size / 2]).collect();
        let validation = open(&documents, 64).unwrap();
        let source = &validation.sources[0];
        assert_eq!((source.ids.len(), source.documents), (size, 8));
    }
}
