//! Components in bounded memory: the nodes are cut into ranges, and a sweep down and one up over
//! the ranges, each over what files hold for it, settle everything.
//!
//! *Down.* An edge waits at the range of its larger node. When the turn is at a range, all that is
//! left are edges inside it and edges to smaller ranges. Union–find over the range joins what the
//! former connect; then each group so found hangs itself under the smallest of the nodes outside
//! that it has edges to, and hands its other edges on to that node: they wait at ranges below. A
//! group without edges to the outside is the top of a component. Group sizes travel along.
//!
//! *Up.* The top of a component is its root. A range whose groups know their roots tells them to
//! the groups that hang under its nodes.
//!
//! So there are no rounds to converge: with `n` ranges, an edge is written at most `n` times, and
//! each range retires one edge a group. (Graphs that come near to this bound are hard to think of.
//! As a rule an edge moves once or twice, since edges that became equal are one from then on.)

use super::{Components, Stats, records, word};
use crate::exchange::writer::SortedFile;
use crate::exchange::{Cuts, ExchangeError, ExchangeWriter, Key, PartReader, Record};
use crate::store::Store;

/// No node.
const NONE: u64 = u64::MAX;

/// Bytes for each node of a range on the way down.
const NODE_BYTES: usize = 4 + 8 + 8;

/// How many nodes a range can have: half of the memory is for them, the other for sorting.
pub(super) fn width(graph: &Components<'_>) -> u32 {
    // Ranges must be fewer than 2^32; that many nodes are far away.
    let least = graph.nodes / u64::from(u32::MAX) + 1;
    let most = (graph.memory / 2 / NODE_BYTES) as u64;
    u32::try_from(most.max(least)).unwrap_or(u32::MAX)
}

/// Ranges of nodes and the files that connect them.
struct Sweep<'a> {
    store: &'a Store,
    scratch: &'a str,
    nodes: u64,
    width: u32,
    /// Edges (larger node, smaller node), at the larger one's range.
    edges: Vec<String>,
    /// Groups that hang (the node they hang under, the group), at the former's range; with the
    /// group's size.
    hanging: Vec<String>,
    /// Of each range that has any, its nodes and their groups; a group's name is its smallest node.
    groups: Vec<Option<String>>,
    /// Roots (group, its root), at the group's range.
    roots: Vec<String>,
}

/// See [`Components::each`]. Returned with the statistics: how many edges were handed on.
pub(super) fn each<E: From<ExchangeError>>(
    graph: &Components<'_>,
    width: u32,
    mut each: impl FnMut(u64, u64) -> Result<(), E>,
) -> Result<(Stats, u64), E> {
    let mut sweep = Sweep {
        store: graph.store,
        scratch: &graph.scratch,
        nodes: graph.nodes,
        width,
        edges: Vec::new(),
        hanging: Vec::new(),
        groups: Vec::new(),
        roots: Vec::new(),
    };
    let mut first = sweep.writer("edges-of-all", 0, graph.memory / 2);
    for path in graph.files {
        graph.edges::<ExchangeError>(path, |small, large| first.push(large, small, &[]))?;
    }
    sweep.edges.extend(first.finish()?);

    let ranges = u32::try_from(graph.nodes.div_ceil(u64::from(width))).unwrap_or(u32::MAX);
    let mut stats = Stats::default();
    let mut moved = 0;
    let mut range = Range::default();
    for number in (0..ranges).rev() {
        let (found, handed) = sweep.down(number, &mut range, graph.memory)?;
        stats = stats.and(found);
        moved += handed;
    }
    drop(range);
    sweep.groups.reverse();
    let mut known = Vec::new();
    for number in 0..ranges {
        sweep.up(number, &mut known, graph.memory / 4, &mut each)?;
    }
    let files = [&sweep.edges, &sweep.hanging, &sweep.roots].into_iter().flatten();
    for path in files.chain(sweep.groups.iter().flatten()) {
        sweep.store.delete(path).map_err(ExchangeError::from)?;
    }
    Ok((stats, moved))
}

impl Sweep<'_> {
    /// The first node of a range, and how many it has.
    fn range(&self, number: u32) -> (u64, usize) {
        let first = u64::from(number) * u64::from(self.width);
        // At most `width`.
        let nodes = (self.nodes - first).min(u64::from(self.width));
        (first, usize::try_from(nodes).unwrap_or(usize::MAX))
    }

    /// Whether one of the files has something for the range.
    fn any(&self, files: &[String], number: u32) -> Result<bool, ExchangeError> {
        for path in files {
            if PartReader::one(self.store, path, number)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn writer(&self, what: &str, number: u32, budget: usize) -> Writer {
        let path = format!("{}-{what}{number}", self.scratch);
        let out = ExchangeWriter::new(self.store, path.clone(), Cuts::Splits, budget).unique();
        Writer { out, path, width: u64::from(self.width), records: 0 }
    }

    /// Groups the nodes of a range and hangs the groups up. Returns the components whose top is
    /// here, and the number of edges handed on.
    fn down(
        &mut self,
        number: u32,
        range: &mut Range,
        memory: usize,
    ) -> Result<(Stats, u64), ExchangeError> {
        if !self.any(&self.edges, number)? && !self.any(&self.hanging, number)? {
            self.groups.push(None);
            return Ok((Stats::default(), 0));
        }
        let (first, nodes) = self.range(number);
        range.clear(first, nodes);
        for path in &self.edges {
            records(self.store, path, number, |record| {
                let (large, small) = ends(&record.key);
                range.edge(large, small);
                Ok::<_, ExchangeError>(())
            })?;
        }
        for path in &self.hanging {
            records(self.store, path, number, |record| {
                range.grow(ends(&record.key).0, size(record));
                Ok::<_, ExchangeError>(())
            })?;
        }
        let path = format!("{}-groups{number}", self.scratch);
        let mut groups = SortedFile::create(self.store, &path, Cuts::Even { parts: 1 })?;
        range.settle(|node, group| groups.push(&key(0, node, group), &[]))?;
        groups.finish()?;
        self.groups.push(Some(path));

        let mut stats = Stats::default();
        let mut hanging = self.writer("hanging", number, memory / 8);
        for (group, least, size) in range.groups() {
            if least == NONE {
                stats = stats.with(size);
            } else {
                hanging.push(least, group, &size.to_le_bytes())?;
            }
        }
        self.hanging.extend(hanging.finish()?);

        let mut edges = self.writer("edges", number, memory / 4);
        for path in &self.edges {
            records(self.store, path, number, |record| {
                let (large, small) = ends(&record.key);
                let least = range.least(large);
                if small < first && small != least {
                    edges.push(small, least, &[])?;
                }
                Ok::<_, ExchangeError>(())
            })?;
        }
        let handed = edges.records;
        self.edges.extend(edges.finish()?);
        Ok((stats, handed))
    }

    /// Reports the nodes of a range with their roots, and lets those know that hang under them.
    fn up<E: From<ExchangeError>>(
        &mut self,
        number: u32,
        known: &mut Vec<u64>,
        budget: usize,
        each: &mut impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(groups) = &self.groups[number as usize] else { return Ok(()) };
        let (first, nodes) = self.range(number);
        let place = |node: u64| usize::try_from(node - first).unwrap_or(usize::MAX);
        known.clear();
        known.resize(nodes, NONE);
        for path in &self.roots {
            records(self.store, path, number, |record| {
                let (group, root) = ends(&record.key);
                known[place(group)] = root;
                Ok::<_, ExchangeError>(())
            })?;
        }
        records(self.store, groups, 0, |record| {
            let (node, group) = ends(&record.key);
            // A group's first node comes first.
            let root = known[place(group)].min(group);
            known[place(node)] = root;
            each(node, root)
        })?;
        let mut roots = self.writer("roots", number, budget);
        for path in &self.hanging {
            records(self.store, path, number, |record| {
                let (under, group) = ends(&record.key);
                roots.push(group, known[place(under)], &[])
            })?;
        }
        self.roots.extend(roots.finish()?);
        Ok(())
    }
}

/// Pairs of nodes, at the range of the first.
struct Writer {
    out: ExchangeWriter,
    path: String,
    width: u64,
    records: u64,
}

impl Writer {
    fn push(&mut self, at: u64, other: u64, payload: &[u8]) -> Result<(), ExchangeError> {
        // There are fewer than 2^32 ranges, see `width`.
        let range = u32::try_from(at / self.width).unwrap_or(u32::MAX);
        self.records += 1;
        self.out.push(key(range, at, other), payload)
    }

    /// The file, unless it is empty.
    fn finish(self) -> Result<Option<String>, ExchangeError> {
        if self.records == 0 {
            return Ok(None);
        }
        self.out.finish()?;
        Ok(Some(self.path))
    }
}

fn key(part: u32, left: u64, right: u64) -> Key {
    let mut key = Key::default();
    key[..4].copy_from_slice(&part.to_be_bytes());
    key[4..12].copy_from_slice(&left.to_be_bytes());
    key[12..20].copy_from_slice(&right.to_be_bytes());
    key
}

fn ends(key: &Key) -> (u64, u64) {
    (word(key, 4), word(key, 12))
}

fn size(record: &Record) -> u64 {
    record.payload.as_array().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Union–find over one range of nodes.
#[derive(Default)]
struct Range {
    first: u64,
    parents: Vec<u32>,
    /// The smallest node outside that each node, and in the end each group, has an edge to.
    least: Vec<u64>,
    /// Of nodes that belong to a component, how many hang there, itself included; in the end of
    /// each group. 0 of all other nodes.
    sizes: Vec<u64>,
}

impl Range {
    fn clear(&mut self, first: u64, nodes: usize) {
        self.first = first;
        self.parents.clear();
        self.parents.extend((0..).take(nodes));
        self.least.clear();
        self.least.resize(nodes, NONE);
        self.sizes.clear();
        self.sizes.resize(nodes, 0);
    }

    fn place(&self, node: u64) -> u32 {
        // Less than `width`.
        u32::try_from(node - self.first).unwrap_or(u32::MAX)
    }

    /// Adds an edge from a node in the range to a smaller one.
    fn edge(&mut self, large: u64, small: u64) {
        self.grow(large, 0);
        if small < self.first {
            let at = self.place(large) as usize;
            self.least[at] = self.least[at].min(small);
            return;
        }
        self.grow(small, 0);
        let (left, right) = (self.find(self.place(large)), self.find(self.place(small)));
        self.parents[left.max(right) as usize] = left.min(right);
    }

    /// Adds what hangs under a node.
    fn grow(&mut self, node: u64, size: u64) {
        let at = self.place(node) as usize;
        self.sizes[at] = self.sizes[at].max(1) + size;
    }

    fn find(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.parents[node as usize];
            let above = self.parents[parent as usize];
            if above == parent {
                return parent;
            }
            self.parents[node as usize] = above;
            node = above;
        }
    }

    /// Gathers in each group's smallest node what is known of its nodes. Calls `each` with every
    /// node of a component and its group.
    fn settle<E>(&mut self, mut each: impl FnMut(u64, u64) -> Result<(), E>) -> Result<(), E> {
        for (place, node) in (0..).zip(self.first..).take(self.parents.len()) {
            let at = place as usize;
            if self.sizes[at] == 0 {
                continue;
            }
            // Those before are settled, and every parent is before.
            let group = self.parents[self.parents[at] as usize];
            self.parents[at] = group;
            if group != place {
                self.sizes[group as usize] += self.sizes[at];
                self.least[group as usize] = self.least[group as usize].min(self.least[at]);
            }
            each(node, self.first + u64::from(group))?;
        }
        Ok(())
    }

    /// The groups with the smallest node outside and their sizes.
    fn groups(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let nodes = (0..).zip(&self.parents).zip(self.least.iter().zip(&self.sizes));
        let groups = nodes.filter(|&((at, &parent), (_, &size))| at == parent && size > 0);
        groups.map(|((at, _), (&least, &size))| (self.first + u64::from(at), least, size))
    }

    /// The smallest node outside of a node's group.
    fn least(&self, node: u64) -> u64 {
        self.least[self.parents[self.place(node) as usize] as usize]
    }
}
