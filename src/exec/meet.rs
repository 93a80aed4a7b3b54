//! The task of a meet phase: documents with equal keys meet, in document order.

use super::ExecError;
use super::engine::Engine;
use super::manifest::{Output, Role};
use super::task::Inputs;
use crate::exchange::{Cuts, ExchangeError, ExchangeWriter, KEY_BYTES, Key, Record, merge_part};

/// Where a document stands: number of its split, row in it. Ordered like the documents.
pub(super) fn place(split: u32, row: u64) -> Result<[u8; 8], ExecError> {
    let row = u32::try_from(row).map_err(|_| ExchangeError::Damaged {
        path: format!("split {split}"),
        detail: "more than 2^32 records in one split; lower split_size",
    })?;
    let mut place = [0; 8];
    place[..4].copy_from_slice(&split.to_be_bytes());
    place[4..].copy_from_slice(&row.to_be_bytes());
    Ok(place)
}

/// What a document learns from an exchange: which of how many copies it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub row: u32,
    pub cluster: u128,
    pub nth: u32,
    pub copies: u32,
}

/// The row that a verdict, of whatever kind, is about.
pub(crate) fn row(record: &Record) -> u32 {
    let mut row = [0; 4];
    row.copy_from_slice(&record.key[4..8]);
    u32::from_be_bytes(row)
}

impl Verdict {
    fn encode(self, split: [u8; 4]) -> (Key, [u8; 8]) {
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&split);
        key[4..8].copy_from_slice(&self.row.to_be_bytes());
        key[8..].copy_from_slice(&self.cluster.to_be_bytes());
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&self.nth.to_le_bytes());
        payload[4..].copy_from_slice(&self.copies.to_le_bytes());
        (key, payload)
    }

    pub(super) fn decode(record: &Record) -> Result<Self, ExecError> {
        let mut cluster = [0; 16];
        cluster.copy_from_slice(&record.key[8..]);
        let Ok(payload) = <[u8; 8]>::try_from(record.payload.as_slice()) else {
            let detail = "a verdict of another length";
            return Err(ExchangeError::Damaged { path: "verdicts".to_owned(), detail }.into());
        };
        let mut words = [[0; 4]; 2];
        words.as_flattened_mut().copy_from_slice(&payload);
        let [nth, copies] = words;
        Ok(Self {
            row: row(record),
            cluster: u128::from_be_bytes(cluster),
            nth: u32::from_le_bytes(nth),
            copies: u32::from_le_bytes(copies),
        })
    }
}

/// Documents of a cluster that are held in memory: eight bytes each, and clusters of hundreds of
/// millions of copies exist (empty texts, say).
const HELD: usize = 1 << 20;

/// One part of the exchange: reads keys in order, writes verdicts by split.
pub(super) fn run(
    engine: &Engine,
    part: u32,
    inputs: &Inputs,
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let store = &engine.store;
    let budget = engine.resources.exchange_bytes();
    let out = ExchangeWriter::new(store, format!("{work}.verdicts"), Cuts::Splits, budget);
    let mut clusters =
        Clusters { out, rows: 0, key: None, copies: 0, held: Vec::new(), large: Vec::new() };
    merge_part(store, &inputs.exchange, part, &format!("{work}.keys"), |record| {
        clusters.push(record)
    })?;
    clusters.close()?;
    if !clusters.large.is_empty() {
        // The copies of a large cluster are known only now; a second pass writes their verdicts.
        let large = std::mem::take(&mut clusters.large);
        let mut nth = 0;
        let mut last = None;
        merge_part(store, &inputs.exchange, part, &format!("{work}.again"), |record| {
            let (key, place) = split_key(&record.key);
            nth = if last == Some(key) { nth + 1 } else { 0 };
            last = Some(key);
            match large.binary_search_by_key(&key, |(key, _)| *key) {
                Ok(found) => clusters.write(key, place, nth, large[found].1),
                Err(_) => Ok(()),
            }
        })?;
    }
    let rows = clusters.rows;
    let written = clusters.out.finish()?;
    Ok(vec![Output { role: Role::Exchange, written, rows }])
}

fn split_key(key: &Key) -> (u128, [u8; 8]) {
    let mut hash = [0; 16];
    hash.copy_from_slice(&key[..16]);
    let mut place = [0; 8];
    place.copy_from_slice(&key[16..]);
    (u128::from_be_bytes(hash), place)
}

struct Clusters {
    out: ExchangeWriter,
    rows: u64,
    key: Option<u128>,
    copies: u32,
    held: Vec<[u8; 8]>,
    /// Keys and copies of clusters too large to hold, in key order.
    large: Vec<(u128, u32)>,
}

impl Clusters {
    fn push(&mut self, record: &Record) -> Result<(), ExecError> {
        let (key, place) = split_key(&record.key);
        if self.key != Some(key) {
            self.close()?;
            self.key = Some(key);
        }
        self.copies = self.copies.saturating_add(1);
        if self.held.len() < HELD {
            self.held.push(place);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), ExecError> {
        let copies = std::mem::take(&mut self.copies);
        let held = std::mem::take(&mut self.held);
        let Some(key) = self.key.take() else { return Ok(()) };
        if copies as usize > held.len() {
            self.large.push((key, copies));
        } else if copies > 1 {
            // A document that meets no other gets no verdict: it is kept.
            for (nth, place) in (0..).zip(&held) {
                self.write(key, *place, nth, copies)?;
            }
        }
        self.held = held;
        self.held.clear();
        Ok(())
    }

    fn write(
        &mut self,
        cluster: u128,
        place: [u8; 8],
        nth: u32,
        copies: u32,
    ) -> Result<(), ExecError> {
        let [s0, s1, s2, s3, r0, r1, r2, r3] = place;
        let row = u32::from_be_bytes([r0, r1, r2, r3]);
        let (key, payload) = Verdict { row, cluster, nth, copies }.encode([s0, s1, s2, s3]);
        self.rows += 1;
        Ok(self.out.push(key, &payload)?)
    }
}
