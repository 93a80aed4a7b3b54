//! Connected components of a graph whose edges lie in exchange files.
//!
//! Three ways lead to the one result, which depends on the set of edges alone; memory decides:
//!
//! | way | bytes in memory | edges are read | runs on |
//! |---|---|---|---|
//! | [`flat`]: union–find over all nodes | 4 a node | once | all threads |
//! | [`ranked`]: union–find over the nodes that have an edge | 0.133 a node, 4 a node with an edge | twice | all threads |
//! | [`external`]: ranges of nodes, one after the other | what is given | see there | one thread |

mod external;
mod flat;
mod ranked;

use rayon::ThreadPool;
use rayon::prelude::*;

use super::{ExchangeError, Key, PartReader, Record};
use crate::store::Store;

/// Edges handled at once: enough cache misses to wait for at a time, few enough for the first cache.
const BATCH: usize = 256;

/// A graph: nodes are numbers from 0, edges the records of exchange files.
pub struct Components<'a> {
    /// Where the files are.
    pub store: &'a Store,
    /// Files of edges, part 0 of each; the more of them, the more threads can read. [`edge_key`]
    /// makes the keys; edges may come twice, in either direction, or lead back to their node.
    pub files: &'a [String],
    /// Number of nodes: all in edges are smaller.
    pub nodes: u64,
    /// Bytes that may be held, beside some MiB for files that are being read and written.
    pub memory: usize,
    /// What the paths of temporary files begin with. They are removed at the end, and left to the
    /// caller's sweep on failure.
    pub scratch: String,
    /// The threads that work.
    pub pool: &'a ThreadPool,
}

/// What the components of a graph are like; nodes on their own do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Number of components.
    pub components: u64,
    /// Nodes in them.
    pub members: u64,
    /// Nodes in the largest.
    pub largest: u64,
}

impl Stats {
    fn with(self, size: u64) -> Self {
        Self {
            components: self.components + 1,
            members: self.members + size,
            largest: self.largest.max(size),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            components: self.components + other.components,
            members: self.members + other.members,
            largest: self.largest.max(other.largest),
        }
    }
}

/// The key of the edge between two nodes, the same in both directions.
#[must_use]
pub fn edge_key(left: u64, right: u64) -> Key {
    let mut key = Key::default();
    key[..8].copy_from_slice(&left.min(right).to_be_bytes());
    key[8..16].copy_from_slice(&left.max(right).to_be_bytes());
    key
}

fn word(key: &Key, at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&key[at..at + 8]);
    u64::from_be_bytes(word)
}

impl Components<'_> {
    /// Calls `each` with every node of a component of two or more and the smallest node of that
    /// component, in ascending order of nodes.
    ///
    /// # Errors
    /// When a file is missing or damaged or holds a node out of range, a temporary file cannot be
    /// written, or `each` fails.
    pub fn each<E: From<ExchangeError>>(
        &self,
        mut each: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<Stats, E> {
        if flat::fits(self) {
            return flat::each(self, each);
        }
        if ranked::may_fit(self)
            && let Some(stats) = ranked::each(self, &mut each)?
        {
            return Ok(stats);
        }
        let width = external::width(self);
        external::each(self, width, each).map(|(stats, _)| stats)
    }

    /// Calls `take` with the edges of all files but the loops, a batch at a time, from all threads.
    fn batches(&self, take: impl Fn(&[(u64, u64)]) + Sync) -> Result<(), ExchangeError> {
        self.pool.install(|| {
            self.files.par_iter().with_max_len(1).try_for_each(|path| {
                let mut batch = Vec::with_capacity(BATCH);
                self.edges::<ExchangeError>(path, |left, right| {
                    batch.push((left, right));
                    if batch.len() == BATCH {
                        take(&batch);
                        batch.clear();
                    }
                    Ok(())
                })?;
                take(&batch);
                Ok(())
            })
        })
    }

    /// Calls `each` with the edges of one file but the loops, their smaller node first.
    fn edges<E: From<ExchangeError>>(
        &self,
        path: &str,
        mut each: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        records(self.store, path, 0, |record| {
            let (left, right) = (word(&record.key, 0), word(&record.key, 8));
            if left.max(right) >= self.nodes {
                let detail = "an edge to a node that does not exist";
                return Err(ExchangeError::Damaged { path: path.to_owned(), detail }.into());
            }
            if left == right { Ok(()) } else { each(left.min(right), left.max(right)) }
        })
    }
}

/// Calls `each` with the records of one part of one file.
fn records<E: From<ExchangeError>>(
    store: &Store,
    path: &str,
    part: u32,
    mut each: impl FnMut(&Record) -> Result<(), E>,
) -> Result<(), E> {
    let Some(mut reader) = PartReader::one(store, path, part)? else { return Ok(()) };
    let mut record = Record::default();
    while reader.next_into(&mut record)? {
        each(&record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
