//! Union–find in one flat array of 32-bit parents, by all threads at once and without locks.
//!
//! A root is only ever linked under a smaller one, so that in the end each tree's root is its
//! smallest node, whatever the order in which edges come.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::{BATCH, Components, Stats};
use crate::exchange::ExchangeError;

/// Nodes that a thread settles at once.
const STRETCH: usize = 1 << 16;

/// Whether an array over all nodes is possible.
pub(super) fn fits(graph: &Components<'_>) -> bool {
    u32::try_from(graph.nodes).is_ok() && graph.nodes * 4 <= graph.memory as u64
}

/// See [`Components::each`].
pub(super) fn each<E: From<ExchangeError>>(
    graph: &Components<'_>,
    mut each: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<Stats, E> {
    // It fits, or `fits` was not asked.
    let forest = Forest::new(u32::try_from(graph.nodes).unwrap_or(u32::MAX), graph.pool);
    graph.batches(|batch| forest.link_all(batch, narrow))?;
    let stats = forest.settle(graph.pool);
    for (node, root) in forest.members() {
        each(u64::from(node), u64::from(root))?;
    }
    Ok(stats)
}

#[expect(clippy::cast_possible_truncation, reason = "all nodes are smaller than 2^32 here")]
fn narrow(node: u64) -> u32 {
    node as u32
}

/// A parent for each node, smaller than the node; or, of a root, what is said at the calls.
pub(super) struct Forest {
    parents: Vec<AtomicU32>,
}

// Relaxed is enough everywhere: nothing but the numbers themselves passes between threads, an
// ancestor read late is still an ancestor, and a root's entry changes by atomic exchange alone.
impl Forest {
    /// Every node a root: its own parent.
    pub(super) fn new(nodes: u32, pool: &ThreadPool) -> Self {
        let parents = pool.install(|| (0..nodes).into_par_iter().map(AtomicU32::new).collect());
        Self { parents }
    }

    fn parent(&self, node: u32) -> u32 {
        self.parents[node as usize].load(Relaxed)
    }

    /// Joins the ends of each edge, numbered by `number`.
    pub(super) fn link_all(&self, edges: &[(u64, u64)], number: impl Fn(u64) -> u32) {
        let mut numbers = [(0, 0); BATCH];
        for edges in edges.chunks(BATCH) {
            // Loads that do not wait for each other bring what the loop below needs into the cache.
            let mut seen = 0;
            for (&(left, right), numbers) in edges.iter().zip(&mut numbers) {
                *numbers = (number(left), number(right));
                seen ^= self.parent(numbers.0) ^ self.parent(numbers.1);
            }
            black_box(seen);
            for &(left, right) in &numbers[..edges.len()] {
                self.link(left, right);
            }
        }
    }

    fn link(&self, mut left: u32, mut right: u32) {
        loop {
            left = self.find(left);
            right = self.find(right);
            if left == right {
                return;
            }
            let (small, large) = (left.min(right), left.max(right));
            let entry = &self.parents[large as usize];
            if entry.compare_exchange(large, small, Relaxed, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// The root above, halving the way to it.
    fn find(&self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent(node);
            let above = self.parent(parent);
            if above == parent {
                return parent;
            }
            // No exchange: what another thread put there meanwhile is an ancestor as well.
            self.parents[node as usize].store(above, Relaxed);
            node = above;
        }
    }

    /// Lets every node point at its root, and a root of `n` nodes at the `n - 1`th node behind it,
    /// which exists as all of its nodes are behind it: so a root's entry is not below itself, and
    /// says the size. No more linking after this.
    pub(super) fn settle(&self, pool: &ThreadPool) -> Stats {
        pool.install(|| {
            self.parents.par_chunks(STRETCH).enumerate().for_each(|(stretch, entries)| {
                let mut roots = [0; BATCH];
                for (batch, entries) in entries.chunks(BATCH).enumerate() {
                    let first = stretch * STRETCH + batch * BATCH;
                    self.settle_batch(first, entries, &mut roots);
                }
            });
            let sizes = self.parents.par_iter().enumerate().map(|(node, entry)| {
                let ahead = u64::from(entry.load(Relaxed)).saturating_sub(node as u64);
                if ahead == 0 { Stats::default() } else { Stats::default().with(ahead + 1) }
            });
            sizes.reduce(Stats::default, Stats::and)
        })
    }

    fn settle_batch(&self, first: usize, entries: &[AtomicU32], roots: &mut [u32; BATCH]) {
        let mut found = 0;
        for (at, entry) in entries.iter().enumerate() {
            let node = first + at;
            let mut root = entry.load(Relaxed);
            if (root as usize) < node {
                loop {
                    let above = self.parent(root);
                    if above >= root {
                        break;
                    }
                    root = above;
                }
                entry.store(root, Relaxed);
                roots[found] = root;
                found += 1;
            }
        }
        // Apart from the loop above, whose loads an atomic addition would hold up.
        for same in roots[..found].chunk_by(|left, right| left == right) {
            // A batch is short.
            let count = u32::try_from(same.len()).unwrap_or(u32::MAX);
            self.parents[same[0] as usize].fetch_add(count, Relaxed);
        }
    }

    /// The nodes in trees of two or more with their roots, ascending; after [`Forest::settle`].
    pub(super) fn members(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(&self.parents).filter_map(|(node, entry)| {
            let entry = entry.load(Relaxed);
            (entry != node).then_some((node, entry.min(node)))
        })
    }
}
