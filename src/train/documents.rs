//! The documents of the shards: whose tokens lie where.
//!
//! A run's `tokens/index` says it. Of each document are kept 64 bits of its identity, its first
//! token and its length: 20 bytes.

use std::collections::HashMap;
use std::ops::Range;

use crate::document::DocumentId;
use crate::store::Store;
use crate::tokens::index;

use super::TrainError;
use super::random::stream;
use super::shards::Tokens;

/// Documents in the order in which their tokens lie in the shards.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    identities: Vec<u64>,
    starts: Vec<u64>,
    lengths: Vec<u32>,
}

/// 64 bits of a document's identity: the same in every run that holds the document.
///
/// Where a mixture repeats it, its copies in the order of the shards are told apart by
/// [`Documents::number_copies`].
pub(crate) fn identity(id: DocumentId) -> u64 {
    id.random(0, "training order")
}

impl Documents {
    /// Reads where the documents of the shards `stems` lie, which are those of `tokens`.
    ///
    /// # Errors
    /// When the index is missing, or does not fit the shards.
    pub(crate) fn load(
        store: &Store,
        stems: &[String],
        tokens: &Tokens,
    ) -> Result<Self, TrainError> {
        let shards: HashMap<&str, usize> = below_tokens(stems).zip(0..).collect();
        let mut documents = Self::default();
        index::visit(store, |row| {
            let Some(&shard) = shards.get(row.shard) else { return Ok(()) };
            let range = tokens.range(shard);
            let start = range.start.checked_add(row.offset);
            let end = start.and_then(|start| start.checked_add(row.length));
            let (Some(start), Some(_), Ok(length)) =
                (start, end.filter(|&end| end <= range.end), u32::try_from(row.length))
            else {
                return Err(wrong(stems, shard, &format!("document {} ends behind it", row.id)));
            };
            if length > 0 {
                documents.push(identity(row.id), start, length);
            }
            Ok(())
        })?;
        documents.sort();
        documents.check(stems, tokens)?;
        documents.number_copies();
        Ok(documents)
    }

    pub(super) fn push(&mut self, identity: u64, start: u64, length: u32) {
        self.identities.push(identity);
        self.starts.push(start);
        self.lengths.push(length);
    }

    /// Puts documents in the order of their tokens, where they are not: tasks write the index in it.
    fn sort(&mut self) {
        if self.starts.is_sorted() {
            return;
        }
        let columns = self.starts.iter().zip(&self.identities).zip(&self.lengths);
        let mut rows: Vec<(u64, u64, u32)> =
            columns.map(|((start, identity), length)| (*start, *identity, *length)).collect();
        rows.sort_unstable();
        for (at, (start, identity, length)) in rows.into_iter().enumerate() {
            (self.starts[at], self.identities[at], self.lengths[at]) = (start, identity, length);
        }
    }

    /// Checks that each token of the shards is of one document.
    fn check(&self, stems: &[String], tokens: &Tokens) -> Result<(), TrainError> {
        if u32::try_from(self.starts.len()).is_err() {
            let reason = "there are more than 2^32 documents, and training numbers them with 32 \
                          bits; read fewer, or pack them into rows";
            return Err(TrainError::Shard {
                path: index::FOLDER.to_owned(),
                reason: reason.into(),
            });
        }
        let mut at = 0;
        for (start, length) in self.starts.iter().zip(&self.lengths) {
            if *start != at {
                break;
            }
            at += u64::from(*length);
        }
        if at == tokens.len() {
            return Ok(());
        }
        let shard = (0..stems.len()).find(|&shard| tokens.range(shard).contains(&at)).unwrap_or(0);
        let token = at - tokens.range(shard).start;
        Err(wrong(stems, shard, &format!("no document holds token {token}, or two do")))
    }

    /// Gives the copies of a document, but for the first, identities of their own: a mixture that
    /// repeats documents spreads them, and so does their order here.
    fn number_copies(&mut self) {
        let all = 0..self.len();
        let sorted = sorted_by(all, |number| self.identities[number as usize]);
        // Found first and changed then, since what is compared changes.
        let mut copies: Vec<(u32, u64)> = Vec::new();
        for group in
            sorted.chunk_by(|l, r| self.identities[*l as usize] == self.identities[*r as usize])
        {
            copies.extend(group.iter().copied().zip(0..).skip(1));
        }
        for (number, copy) in copies {
            let identity = &mut self.identities[number as usize];
            *identity = stream(*identity, copy);
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        // `check` refused more.
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    /// The identity of document `number`.
    pub(crate) fn identity(&self, number: u32) -> u64 {
        self.identities[number as usize]
    }

    /// The first token of document `number` among those of all shards.
    pub(crate) fn start(&self, number: u32) -> u64 {
        self.starts[number as usize]
    }

    /// The number of tokens of document `number`.
    pub(crate) fn length(&self, number: u32) -> u32 {
        self.lengths[number as usize]
    }

    /// The documents whose tokens lie in `tokens`.
    pub(crate) fn within(&self, tokens: &Range<u64>) -> Range<u32> {
        let at = |token: u64| {
            u32::try_from(self.starts.partition_point(|&start| start < token)).unwrap_or(u32::MAX)
        };
        at(tokens.start)..at(tokens.end)
    }
}

/// The ids of documents, by where they start: the index is read again, since a training keeps 64
/// bits of an id only.
///
/// # Errors
/// When the index does not read.
pub(crate) fn ids(
    store: &Store,
    stems: &[String],
    tokens: &Tokens,
    starts: &std::collections::BTreeSet<u64>,
) -> Result<HashMap<u64, DocumentId>, TrainError> {
    let shards: HashMap<&str, usize> = below_tokens(stems).zip(0..).collect();
    let mut found = HashMap::new();
    index::visit(store, |row| {
        if let Some(&shard) = shards.get(row.shard) {
            let start = tokens.range(shard).start + row.offset;
            if starts.contains(&start) && row.length > 0 {
                found.insert(start, row.id);
            }
        }
        Ok::<_, TrainError>(())
    })?;
    Ok(found)
}

fn below_tokens(stems: &[String]) -> impl Iterator<Item = &str> {
    stems.iter().map(|stem| stem.strip_prefix("tokens/").unwrap_or(stem))
}

fn wrong(stems: &[String], shard: usize, what: &str) -> TrainError {
    TrainError::Shard {
        path: format!("{}.bin", stems.get(shard).map_or("?", String::as_str)),
        reason: format!("{what} by `{}`; run again with --fresh", index::FOLDER),
    }
}

/// The numbers of `range` in the order of `key`, equal keys in the order of numbers.
///
/// Numbers are dealt into buckets by the high bits of their keys, which are taken for random, and the
/// buckets are sorted: beside the result, memory is taken for one bucket a thread.
pub(crate) fn sorted_by(range: Range<u32>, key: impl Fn(u32) -> u64 + Sync) -> Vec<u32> {
    use rayon::prelude::*;

    let count = range.len();
    let bits = count.checked_ilog2().unwrap_or(0).saturating_sub(8).clamp(1, 16);
    let bucket = |number: u32| usize::try_from(key(number) >> (64 - bits)).unwrap_or(usize::MAX);
    let mut ends = vec![0_usize; 1 << bits];
    for number in range.clone() {
        ends[bucket(number)] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut sorted = vec![0; count];
    for number in range {
        let place = &mut ends[bucket(number)];
        sorted[*place] = number;
        *place += 1;
    }
    let mut buckets = Vec::with_capacity(ends.len());
    let (mut rest, mut start) = (&mut sorted[..], 0);
    for end in ends {
        let (bucket, after) = std::mem::take(&mut rest).split_at_mut(end - start);
        buckets.push(bucket);
        (rest, start) = (after, end);
    }
    buckets.into_par_iter().for_each(|bucket| {
        let mut keyed: Vec<(u64, u32)> =
            bucket.iter().map(|&number| (key(number), number)).collect();
        keyed.sort_unstable();
        for (place, (_, number)) in bucket.iter_mut().zip(keyed) {
            *place = number;
        }
    });
    sorted
}
