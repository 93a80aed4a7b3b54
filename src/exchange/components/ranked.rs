//! Union–find over the nodes that have an edge, numbered by their rank among these: a bit for each
//! node, and a count before each block of bits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::flat::Forest;
use super::{Components, Stats};
use crate::exchange::ExchangeError;

const BLOCK_WORDS: usize = 8;
const BLOCK: u64 = BLOCK_WORDS as u64 * 64;

/// Every so many ranks, the block is remembered.
const SAMPLE: usize = 256;

fn bytes(nodes: u64) -> u64 {
    nodes.div_ceil(BLOCK) * (BLOCK_WORDS as u64 * 8 + 4)
}

/// Whether there is memory for the bits; the number of nodes with an edge decides then.
pub(super) fn may_fit(graph: &Components<'_>) -> bool {
    graph.nodes < BLOCK << 32 && bytes(graph.nodes) <= graph.memory as u64
}

/// See [`Components::each`]; `None` where the nodes with an edge are too many.
pub(super) fn each<E: From<ExchangeError>>(
    graph: &Components<'_>,
    mut each: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<Option<Stats>, E> {
    // A bit for each node is less than the memory that was asked about.
    let words = usize::try_from(graph.nodes.div_ceil(BLOCK)).unwrap_or(usize::MAX) * BLOCK_WORDS;
    let bits: Vec<AtomicU64> = std::iter::repeat_with(AtomicU64::default).take(words).collect();
    graph.batches(|edges| {
        for &(left, right) in edges {
            for node in [left, right] {
                let (word, bit) = split(node);
                if bits[word].load(Relaxed) & bit == 0 {
                    bits[word].fetch_or(bit, Relaxed);
                }
            }
        }
    })?;
    let present: u64 = bits.iter().map(|word| u64::from(word.load(Relaxed).count_ones())).sum();
    let held = bytes(graph.nodes) + present * 4 + present.div_ceil(SAMPLE as u64) * 4;
    let Ok(count) = u32::try_from(present) else { return Ok(None) };
    if held > graph.memory as u64 {
        return Ok(None);
    }
    let ranks = Ranks::new(bits.into_iter().map(AtomicU64::into_inner).collect());
    let forest = Forest::new(count, graph.pool);
    graph.batches(|edges| forest.link_all(edges, |node| ranks.rank(node)))?;
    let stats = forest.settle(graph.pool);
    // Each node here has an edge, so that none is left out.
    for (node, (_, root)) in ranks.nodes().zip(forest.members()) {
        each(node, ranks.node(root))?;
    }
    Ok(Some(stats))
}

/// The word of a node's bit, and the bit.
fn split(node: u64) -> (usize, u64) {
    // As many words exist as memory was found for.
    (usize::try_from(node / 64).unwrap_or(usize::MAX), 1 << (node % 64))
}

/// A set of fewer than 2^32 nodes.
struct Ranks {
    bits: Vec<u64>,
    /// Nodes before each block.
    before: Vec<u32>,
    /// The block that every so manieth node is in.
    samples: Vec<u32>,
}

impl Ranks {
    fn new(bits: Vec<u64>) -> Self {
        let mut before = Vec::with_capacity(bits.len() / BLOCK_WORDS);
        let mut samples = Vec::new();
        let mut total = 0_u32;
        for (number, block) in (0..).zip(bits.chunks(BLOCK_WORDS)) {
            before.push(total);
            total += block.iter().map(|word| word.count_ones()).sum::<u32>();
            while samples.len() * SAMPLE < total as usize {
                samples.push(number);
            }
        }
        Self { bits, before, samples }
    }

    /// How many smaller nodes are in the set.
    fn rank(&self, node: u64) -> u32 {
        let (word, bit) = split(node);
        let block = word / BLOCK_WORDS;
        let whole = &self.bits[block * BLOCK_WORDS..word];
        self.before[block]
            + whole.iter().map(|word| word.count_ones()).sum::<u32>()
            + (self.bits[word] & (bit - 1)).count_ones()
    }

    /// The node of that rank.
    fn node(&self, rank: u32) -> u64 {
        let mut block = self.samples[rank as usize / SAMPLE] as usize;
        while self.before.get(block + 1).is_some_and(|&before| before <= rank) {
            block += 1;
        }
        let mut left = rank - self.before[block];
        let mut at = block * BLOCK_WORDS;
        while left >= self.bits[at].count_ones() {
            left -= self.bits[at].count_ones();
            at += 1;
        }
        let mut word = self.bits[at];
        for _ in 0..left {
            word &= word - 1;
        }
        at as u64 * 64 + u64::from(word.trailing_zeros())
    }

    /// All of them, ascending.
    fn nodes(&self) -> impl Iterator<Item = u64> {
        (0..).zip(&self.bits).flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let lowest = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(at * 64 + u64::from(lowest))
            })
        })
    }
}
