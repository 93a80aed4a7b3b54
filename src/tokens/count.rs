//! Counting: how many tokens each cell has, and where they lie in its order.
//!
//! A flow task counts what it sends, by cell and slice; one task adds it all up. From then on it is
//! known how many shards a cell fills, and at which token of its cell each slice begins.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::TokensError;
use super::cells::{CellName, MAX_CELLS};
use super::record::{Group, Slices};
use crate::exchange::{Cuts, ExchangeError, ExchangeWriter, KEY_BYTES, Merge, Record};
use crate::exec::ExecError;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};
use crate::store::{Store, Written};

/// Where the totals of cells stand in a run directory.
pub const CELLS: &str = "tokens/cells.json";

/// Documents and their tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Tokens, end-of-document tokens included.
    pub tokens: u64,
    /// Documents.
    pub documents: u64,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.documents += other.documents;
    }
}

/// What a flow task sent, by cell and slice.
pub struct Counter {
    slices: Slices,
    counts: HashMap<u64, Count>,
    names: BTreeMap<Group, String>,
}

impl Counter {
    /// Nothing yet.
    #[must_use]
    pub fn new(slices: Slices) -> Self {
        Self { slices, counts: HashMap::new(), names: BTreeMap::new() }
    }

    /// Counts a document of the cell with the written name `name`.
    pub fn add(&mut self, group: Group, name: &str, validation: bool, order: u64, tokens: u64) {
        let count = self.counts.entry(group.block(self.slices.of(order))).or_default();
        *count += Count { tokens, documents: 1 };
        self.names.entry(group).or_insert_with(|| {
            let flag = if validation { '1' } else { '0' };
            format!("{flag}{name}")
        });
    }

    /// Writes the counts of the task `task`: keys are (cell and slice, task); the first record of a
    /// cell has its name.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn finish(
        self,
        store: &Store,
        path: String,
        task: u32,
        budget: usize,
    ) -> Result<(Written, u64), ExchangeError> {
        let mut out = ExchangeWriter::new(store, path, Cuts::Even { parts: 1 }, budget);
        let mut payload = Vec::new();
        let mut last = None;
        let mut counts: Vec<_> = self.counts.into_iter().collect();
        counts.sort_unstable_by_key(|(block, _)| *block);
        for (block, count) in &counts {
            let block = *block;
            let mut key = [0; KEY_BYTES];
            key[..8].copy_from_slice(&block.to_be_bytes());
            key[8..12].copy_from_slice(&task.to_be_bytes());
            payload.clear();
            payload.extend_from_slice(&count.tokens.to_le_bytes());
            payload.extend_from_slice(&count.documents.to_le_bytes());
            let (group, _) = Group::of_block(block);
            if last != Some(group) {
                payload.extend_from_slice(self.names.get(&group).map_or(&[], String::as_bytes));
                last = Some(group);
            }
            out.push(key, &payload)?;
        }
        Ok((out.finish()?, counts.len() as u64))
    }
}

/// A cell's totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its values.
    pub name: CellName,
    /// Whether these are its validation documents.
    pub validation: bool,
    /// Its group among the keys.
    pub group: Group,
    /// What it holds.
    #[serde(flatten)]
    pub count: Count,
}

/// All cells: first those for training, each kind in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// The cells.
    pub cells: Vec<Cell>,
}

impl Cells {
    /// The cells of training documents, which are the first ones.
    #[must_use]
    pub fn train(&self) -> &[Cell] {
        &self.cells[..self.cells.partition_point(|cell| !cell.validation)]
    }

    /// Reads the totals of a run.
    ///
    /// # Errors
    /// When they are missing or damaged.
    pub fn load(store: &Store) -> Result<Self, TokensError> {
        let bytes = store.read(CELLS)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| TokensError::Json { path: CELLS.to_owned(), source })
    }
}

/// For each cell, its slices that hold something: number, tokens before it in the cell, what it
/// holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceTable {
    /// As the cells are ordered.
    pub cells: Vec<Vec<Slice>>,
}

/// A slice of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Its number.
    pub number: u64,
    /// Tokens of the cell before it.
    pub start: u64,
    /// Its tokens.
    pub tokens: u64,
}

impl SliceTable {
    /// Reads the table of a run.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub fn load(store: &Store, path: &str) -> Result<Self, TokensError> {
        let bytes = store.read(path)?;
        serde_json::from_slice(&bytes)
            .map_err(|source| TokensError::Json { path: path.to_owned(), source })
    }
}

/// Adds up the counts of all flow tasks.
pub(crate) fn run(
    engine: &Engine,
    counts: &[String],
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let store = &engine.store;
    let fields = engine.plan.tokens.as_ref().map_or(0, |tokens| tokens.cells.len());
    let (cells, table) = add_up(store, counts, fields, &format!("{work}.merge"))?;
    let put = |path: &str, role, value: serde_json::Result<Vec<u8>>| {
        let bytes = value.map_err(|source| TokensError::Json { path: path.to_owned(), source })?;
        let written = store.put_hashed(path, Bytes::from(bytes))?;
        Ok::<_, ExecError>(Output { role, written, rows: cells.cells.len() as u64 })
    };
    let slices = format!("{work}.slices.json");
    Ok(vec![
        put(CELLS, Role::Cells, serde_json::to_vec_pretty(&cells))?,
        put(&slices, Role::Slices, serde_json::to_vec(&table))?,
    ])
}

fn add_up(
    store: &Store,
    counts: &[String],
    fields: usize,
    scratch: &str,
) -> Result<(Cells, SliceTable), ExecError> {
    let mut merge = Merge::open(store, counts, 0, scratch)?;
    let mut record = Record::default();
    let mut found: Vec<(Cell, Vec<Slice>)> = Vec::new();
    let mut last = None;
    let damaged = |detail| TokensError::Damaged { path: "the counts of tokens".to_owned(), detail };
    while merge.next_into(&mut record)? {
        let word = |bytes: &[u8]| bytes.first_chunk().map(|word| u64::from_le_bytes(*word));
        let mut block = [0; 8];
        block.copy_from_slice(&record.key[..8]);
        let block = u64::from_be_bytes(block);
        let (Some(tokens), Some(documents)) =
            (word(&record.payload), record.payload.get(8..).and_then(word))
        else {
            return Err(damaged("a record is too short").into());
        };
        let name = record.payload.get(16..).unwrap_or_default();
        if !name.is_empty() {
            let name = std::str::from_utf8(name).map_err(|_| damaged("a name is no text"))?;
            let (flag, written) = name.split_at(1);
            let validation = flag == "1";
            let group = CellName::group(written, validation);
            let name = CellName::read(written, fields);
            match found.last() {
                Some((cell, _)) if cell.group == group => {
                    if cell.name != name {
                        let [left, right] = [&cell.name, &name].map(ToString::to_string);
                        return Err(TokensError::SameHash { left, right }.into());
                    }
                }
                _ => {
                    if found.len() == MAX_CELLS * 2 {
                        return Err(TokensError::TooManyCells { most: MAX_CELLS }.into());
                    }
                    let count = Count::default();
                    found.push((Cell { name, validation, group, count }, Vec::new()));
                    last = None;
                }
            }
        }
        let Some((cell, slices)) = found.last_mut() else {
            return Err(damaged("a cell has no name").into());
        };
        if last == Some(block) {
            if let Some(slice) = slices.last_mut() {
                slice.tokens += tokens;
            }
        } else {
            let (_, number) = Group::of_block(block);
            slices.push(Slice { number, start: cell.count.tokens, tokens });
            last = Some(block);
        }
        cell.count += Count { tokens, documents };
    }
    merge.remove_scratch()?;
    found.sort_by(|(left, _), (right, _)| {
        (left.validation, &left.name).cmp(&(right.validation, &right.name))
    });
    let (cells, slices) = found.into_iter().unzip();
    Ok((Cells { cells }, SliceTable { cells: slices }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// However documents are dealt out to tasks, cells and slices have the same totals.
        #[test]
        fn totals_do_not_depend_on_tasks(
            documents in proptest::collection::vec((0usize..4, any::<bool>(), any::<u64>(), 0u64..1000), 0..200),
            tasks in 1usize..5,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let slices = Slices::at_least(8);
            let names = ["web\u{1f}en", "web\u{1f}zh", "books\u{1f}en", "\u{1f}"];
            let mut results = Vec::new();
            for tasks in [1, tasks] {
                let mut paths = Vec::new();
                for task in 0..tasks {
                    let mut counter = Counter::new(slices);
                    for (name, validation, order, tokens) in documents.iter().skip(task).step_by(tasks) {
                        let group = CellName::group(names[*name], *validation);
                        counter.add(group, names[*name], *validation, *order, *tokens);
                    }
                    let path = format!("{tasks}-{task}");
                    counter.finish(&store, path.clone(), u32::try_from(task).unwrap(), 1 << 20).unwrap();
                    paths.push(path);
                }
                results.push(add_up(&store, &paths, 2, "scratch").unwrap());
            }
            prop_assert_eq!(&results[0], &results[1]);
            let (cells, table) = &results[0];
            for (cell, slices) in cells.cells.iter().zip(&table.cells) {
                let written = cell.name.0.join("\u{1f}");
                let own: Vec<_> = documents
                    .iter()
                    .filter(|(name, validation, ..)| names[*name] == written && *validation == cell.validation)
                    .collect();
                prop_assert_eq!(cell.count.documents, own.len() as u64);
                prop_assert_eq!(cell.count.tokens, own.iter().map(|(.., tokens)| tokens).sum::<u64>());
                let mut start = 0;
                for slice in slices {
                    prop_assert_eq!(slice.start, start);
                    start += slice.tokens;
                }
                prop_assert_eq!(start, cell.count.tokens);
                prop_assert!(slices.is_sorted_by(|left, right| left.number < right.number));
            }
            prop_assert!(cells.train().iter().all(|cell| !cell.validation));
        }
    }
}
