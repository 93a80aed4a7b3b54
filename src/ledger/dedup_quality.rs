//! `tamis dedup-quality`: the clusters and removals of a dedup stage against labels.
//!
//! What is held grows with the labels and with the documents that share a cluster; pairs are counted
//! from the sizes of groups and never listed.

mod figures;
mod truth;

use std::collections::HashMap;

use arrow::array::{Array, AsArray, StringArray};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use self::figures::{Counts, components, group_pairs, pairs_among, ratio};
use self::truth::{Labels, Truth};
use super::LedgerError;
use super::fate::{COLUMNS, Fates, Stages};
use super::run::Run;
use crate::document::SignalType;

/// What is asked.
#[derive(Debug, Default)]
pub struct Question {
    /// File of labels, or a glob of them.
    pub truth: String,
    /// The stage to judge; the only dedup stage where `None`.
    pub stage: Option<String>,
    /// Similarity from which a pair is positive; the column `label` says so where `None`.
    pub threshold: Option<f64>,
    /// Column of similarities; the only column of numbers where `None`.
    pub by: Option<String>,
    /// Whether pairs that the file does not list are negative.
    pub complete: bool,
}

/// How good a dedup stage is.
#[derive(Debug, Serialize)]
pub struct Quality {
    /// The stage.
    pub stage: String,
    /// Its op.
    pub op: String,
    /// What it was held against.
    pub labels: LabelCounts,
    /// What it did.
    pub run: RunCounts,
    /// Pairs in one cluster against positive pairs.
    pub pairs: PairQuality,
    /// Adjusted Rand index of the clusters; `None` where the labels do not say it.
    pub adjusted_rand: Option<f64>,
    /// Removals, each with the kept document of its cluster; `None` where nothing was removed.
    pub removals: Option<RemovalQuality>,
}

/// What the file of labels holds.
#[derive(Debug, Serialize)]
pub struct LabelCounts {
    /// `pairs` or `clusters`.
    pub kind: &'static str,
    /// Column of similarities, where a threshold makes the labels.
    pub by: Option<String>,
    /// From where on a similarity is positive.
    pub threshold: Option<f64>,
    /// Whether pairs that are not listed count as negative.
    pub complete: bool,
    /// Rows of the file.
    pub rows: u64,
    /// Different ids in it.
    pub ids: u64,
    /// Ids of no record of the run.
    pub not_in_run: u64,
    /// Ids that several records have; they are left out.
    pub ambiguous: u64,
    /// Ids of documents that the stage did not look at; they are left out.
    pub not_seen: u64,
    /// Pairs that are labelled both ways, which are left out.
    pub contradictory: u64,
    /// Pairs left to judge by (of clusters: all pairs of labelled documents).
    pub pairs: u64,
    /// Positive ones among them.
    pub positive: u64,
}

/// What the stage did.
#[derive(Debug, Serialize)]
pub struct RunCounts {
    /// Documents it looked at.
    pub documents: u64,
    /// Clusters of two and more.
    pub clusters: u64,
    /// Documents in them.
    pub in_clusters: u64,
    /// Pairs of documents in one cluster.
    pub pairs: u64,
    /// Documents it removed.
    pub removed: u64,
}

/// Pairs of documents: predicted are those in one cluster.
#[derive(Debug, Serialize)]
pub struct PairQuality {
    /// Predicted and positive.
    pub true_positive: u64,
    /// Predicted and negative.
    pub false_positive: u64,
    /// Positive and not predicted.
    pub false_negative: u64,
    /// Predicted, but without a label.
    pub unlabelled: u64,
    /// Share of the predicted that is positive.
    pub precision: Option<f64>,
    /// Share of the positive that is predicted.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
}

/// Removed documents.
#[derive(Debug, Serialize)]
pub struct RemovalQuality {
    /// Removed, and labelled like the kept document of the cluster.
    pub positive: u64,
    /// Removed, and labelled as different from it.
    pub negative: u64,
    /// Removed, but nothing is said of it and the kept one.
    pub unlabelled: u64,
    /// Share of the labelled removals that is positive.
    pub precision: Option<f64>,
    /// Documents with a positive partner earlier in the ledger.
    pub with_earlier_partner: u64,
    /// Those of them that are removed.
    pub of_these_removed: u64,
    /// Share of them that is removed.
    pub recall: Option<f64>,
}

/// Judges a stage.
///
/// # Errors
/// When the question does not fit the run, the labels do not read, or none of them is of this run.
pub fn judge(run: &Run, question: &Question) -> Result<Quality, LedgerError> {
    let stage = stage(run, question.stage.as_deref())?;
    run.complete()?;
    let labels = truth::read(question)?;
    if question.complete && matches!(labels.truth, Truth::Clusters(_)) {
        return Err(LedgerError::Question(
            "--complete is about pairs; the file of labels holds clusters, which say all there is to know of their documents: leave it away".to_owned(),
        ));
    }
    let facts = scan(run, stage, &labels)?;
    let missing = facts.nodes.iter().filter(|node| **node == Node::Missing).count();
    if missing == facts.nodes.len() {
        let (shown, rest) = (labels.first.as_deref().unwrap_or_default(), missing - 1);
        return Err(LedgerError::Question(format!(
            "no record of this run has an id, source_id or url of `{}`: looked for `{shown}` and {rest} others; where the ids are the input's own, set `id_field` of the source and run again",
            question.truth
        )));
    }
    Ok(match &labels.truth {
        Truth::Pairs(pairs) => by_pairs(run, stage, question, &labels, &facts, pairs),
        Truth::Clusters(members) => by_clusters(run, stage, &labels, &facts, members),
    })
}

/// The stage called `wanted`, or the only one that makes clusters.
fn stage(run: &Run, wanted: Option<&str>) -> Result<usize, LedgerError> {
    let stages = Stages::new(&run.plan);
    let signal = |name: String| {
        run.plan.signals.iter().any(|(full, kind)| *full == name && *kind == SignalType::Text)
    };
    let makes_clusters = |index: &usize| {
        let name = &run.plan.stages[*index].name;
        stages.is_exchange(*index) && signal(format!("{name}.cluster"))
    };
    let found: Vec<usize> = (0..run.plan.stages.len()).filter(makes_clusters).collect();
    let list = || {
        let list: Vec<_> =
            found.iter().map(|index| format!("`{}`", run.plan.stages[*index].name)).collect();
        list.join(", ")
    };
    let question = |text: String| Err(LedgerError::Question(text));
    match (wanted, found.as_slice()) {
        (_, []) => question(
            "no stage of this run makes clusters; add one, such as `minhash-dedup`, and run again"
                .to_owned(),
        ),
        (None, [one]) => Ok(*one),
        (None, _) => {
            question(format!("several stages make clusters: {}; name one by --stage", list()))
        }
        (Some(wanted), _) => {
            let named = found.iter().find(|index| run.plan.stages[**index].name == wanted);
            match (named, stages.index(wanted)) {
                (Some(index), _) => Ok(*index),
                (None, Some(_)) => question(format!(
                    "the stage `{wanted}` makes no clusters; those that do: {}",
                    list()
                )),
                (None, None) => question(format!(
                    "the run has no stage `{wanted}`; its dedup stages: {}",
                    list()
                )),
            }
        }
    }
}

/// What an id of the labels stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Missing,
    Ambiguous,
    /// A record that the stage did not look at, by its row in the ledger.
    Unseen(u64),
    /// A document, by its row in the ledger.
    Seen(u64),
}

/// A labelled document that the stage looked at.
struct Labelled {
    row: u64,
    cluster: Option<u128>,
    removed: bool,
}

#[derive(Default)]
struct Cluster {
    size: u64,
    /// The first row that the stage did not remove.
    kept: Option<u64>,
}

/// What the ledger says.
struct Facts {
    documents: u64,
    clusters: HashMap<u128, Cluster>,
    removed: Vec<(u64, Option<u128>)>,
    nodes: Vec<Node>,
    /// In the order of rows.
    labelled: Vec<Labelled>,
}

impl Facts {
    fn labelled(&self, row: u64) -> Option<&Labelled> {
        let found = self.labelled.binary_search_by_key(&row, |document| document.row);
        found.ok().map(|index| &self.labelled[index])
    }

    fn row(&self, node: u32) -> Option<u64> {
        match self.nodes.get(node as usize) {
            Some(Node::Seen(row)) => Some(*row),
            _ => None,
        }
    }

    fn count(&self, wanted: impl Fn(&Node) -> bool) -> u64 {
        self.nodes.iter().filter(|node| wanted(node)).count() as u64
    }

    fn predicted(&self) -> u64 {
        self.clusters.values().map(|cluster| pairs_among(cluster.size)).sum()
    }

    fn counts(&self) -> RunCounts {
        RunCounts {
            documents: self.documents,
            clusters: self.clusters.len() as u64,
            in_clusters: self.clusters.values().map(|cluster| cluster.size).sum(),
            pairs: self.predicted(),
            removed: self.removed.len() as u64,
        }
    }

    /// Removals, by what `positive` says of a removed row and the kept one of its cluster, and
    /// documents with an earlier partner, in the order of rows.
    fn removals(
        &self,
        positive: impl Fn(u64, u64) -> Option<bool>,
        with_earlier_partner: &[u64],
    ) -> Option<RemovalQuality> {
        if self.removed.is_empty() {
            return None;
        }
        let mut counts = [0u64; 3];
        for (row, cluster) in &self.removed {
            let kept = cluster.and_then(|cluster| self.clusters.get(&cluster)?.kept);
            let said = kept.and_then(|kept| positive(*row, kept));
            counts[said.map_or(2, |said| usize::from(!said))] += 1;
        }
        let [positive, negative, unlabelled] = counts;
        let removed = |row: &&u64| self.labelled(**row).is_some_and(|document| document.removed);
        let of_these_removed = with_earlier_partner.iter().filter(removed).count() as u64;
        let with_earlier_partner = with_earlier_partner.len() as u64;
        Some(RemovalQuality {
            positive,
            negative,
            unlabelled,
            precision: ratio(positive, positive + negative),
            with_earlier_partner,
            of_these_removed,
            recall: ratio(of_these_removed, with_earlier_partner),
        })
    }
}

/// Reads the ledger once.
fn scan(run: &Run, stage: usize, labels: &Labels) -> Result<Facts, LedgerError> {
    let name = &run.plan.stages[stage].name;
    let (cluster, copies) = (format!("{name}.cluster"), format!("{name}.copies"));
    let mut columns = vec!["id", "source_id", "url", &cluster, &copies];
    columns.extend(COLUMNS);
    let stages = Stages::new(&run.plan);
    let mut facts = Facts {
        documents: 0,
        clusters: HashMap::new(),
        removed: Vec::new(),
        nodes: vec![Node::Missing; labels.ids.len()],
        labelled: Vec::new(),
    };
    let mut row = 0u64;
    for part in 0..run.ledger.parts() {
        for batch in run.ledger.read(part, &columns)? {
            let batch = batch?;
            let fates = Fates::new(&stages, &batch)?;
            let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
            let keys: Vec<&StringArray> =
                ["id", "source_id", "url"].iter().filter_map(|name| text(name)).collect();
            let clusters = text(&cluster).ok_or_else(|| {
                LedgerError::Damaged(format!(
                    "the ledger has no column `{cluster}`; run again with --fresh"
                ))
            })?;
            let copies = batch.column_by_name(&copies);
            for index in 0..batch.num_rows() {
                let cluster =
                    clusters.is_valid(index).then(|| xxh3_128(clusters.value(index).as_bytes()));
                let fate = fates.row(index)?;
                // A document that met no other has one copy, one that was not asked has none.
                let seen = cluster.is_some()
                    || match copies {
                        Some(copies) => copies.is_valid(index),
                        None => stages.reached(stage, &fate) && stages.applies(stage, fate.source),
                    };
                let removed = seen && fate.fails_at(stage).is_some();
                if seen {
                    facts.documents += 1;
                }
                if let Some(cluster) = cluster {
                    let cluster = facts.clusters.entry(cluster).or_default();
                    cluster.size += 1;
                    if !removed && cluster.kept.is_none() {
                        cluster.kept = Some(row);
                    }
                }
                if removed {
                    facts.removed.push((row, cluster));
                }
                let mut labelled = false;
                for key in keys.iter().filter(|key| key.is_valid(index)) {
                    let hash = xxh3_128(key.value(index).as_bytes());
                    let Some(&node) = labels.ids.get(&hash) else { continue };
                    let node = &mut facts.nodes[node as usize];
                    let found = if seen { Node::Seen(row) } else { Node::Unseen(row) };
                    *node = match *node {
                        Node::Missing => found,
                        // The same record under another of its names.
                        known if known == found => known,
                        _ => Node::Ambiguous,
                    };
                    labelled |= seen;
                }
                if labelled {
                    facts.labelled.push(Labelled { row, cluster, removed });
                }
                row += 1;
            }
        }
    }
    Ok(facts)
}

fn quality(
    run: &Run,
    stage: usize,
    labels: LabelCounts,
    facts: &Facts,
    counts: &Counts,
    unlabelled: u64,
) -> Quality {
    let stage = &run.plan.stages[stage];
    Quality {
        stage: stage.name.clone(),
        op: stage.op.clone(),
        labels,
        run: facts.counts(),
        pairs: PairQuality {
            true_positive: counts.both,
            false_positive: counts.predicted - counts.both,
            false_negative: counts.positive - counts.both,
            unlabelled,
            precision: ratio(counts.both, counts.predicted),
            recall: ratio(counts.both, counts.positive),
            f1: ratio(2 * counts.both, counts.predicted + counts.positive),
        },
        adjusted_rand: None,
        removals: None,
    }
}

fn label_counts(kind: &'static str, labels: &Labels, facts: &Facts) -> LabelCounts {
    LabelCounts {
        kind,
        by: labels.by.clone(),
        threshold: None,
        complete: false,
        rows: labels.rows,
        ids: labels.ids.len() as u64,
        not_in_run: facts.count(|node| *node == Node::Missing),
        ambiguous: facts.count(|node| *node == Node::Ambiguous),
        not_seen: facts.count(|node| matches!(node, Node::Unseen(_))),
        contradictory: 0,
        pairs: 0,
        positive: 0,
    }
}

fn by_pairs(
    run: &Run,
    stage: usize,
    question: &Question,
    labels: &Labels,
    facts: &Facts,
    pairs: &[(u32, u32, bool)],
) -> Quality {
    let in_rows = |(a, b, positive): &(u32, u32, bool)| {
        let (a, b) = (facts.row(*a)?, facts.row(*b)?);
        (a != b).then_some((a.min(b), a.max(b), *positive))
    };
    let mut listed: Vec<(u64, u64, bool)> = pairs.iter().filter_map(in_rows).collect();
    listed.sort_unstable();
    listed.dedup();
    let before = listed.len();
    // Of a pair labelled both ways both rows go.
    let same = |x: &(u64, u64, bool), y: &(u64, u64, bool)| (x.0, x.1) == (y.0, y.1);
    let runs = listed.chunk_by(same);
    let listed: Vec<_> = runs.filter(|run| run.len() == 1).map(|run| run[0]).collect();

    let together = |a: u64, b: u64| {
        let cluster = |row| facts.labelled(row)?.cluster;
        cluster(a).is_some_and(|of_a| cluster(b) == Some(of_a))
    };
    let (mut both, mut positive, mut labelled_together) = (0, 0, 0);
    for (a, b, label) in &listed {
        let together = u64::from(together(*a, *b));
        labelled_together += together;
        positive += u64::from(*label);
        both += together * u64::from(*label);
    }
    let (predicted, all) = if question.complete {
        (facts.predicted(), pairs_among(facts.documents))
    } else {
        (labelled_together, listed.len() as u64)
    };
    let counts = Counts { both, predicted, positive, all };
    let labels = LabelCounts {
        threshold: question.threshold,
        complete: question.complete,
        contradictory: (before - listed.len()) as u64 / 2,
        pairs: all,
        positive,
        ..label_counts("pairs", labels, facts)
    };
    let unlabelled =
        if question.complete { 0 } else { facts.predicted().saturating_sub(labelled_together) };
    let mut quality = quality(run, stage, labels, facts, &counts, unlabelled);
    let positives = || listed.iter().filter(|(.., positive)| *positive);
    if question.complete {
        let edges: Vec<(u64, u64)> = positives().map(|(a, b, _)| (*a, *b)).collect();
        let members = components(&edges);
        let cluster = |row| facts.labelled(row).and_then(|document| document.cluster);
        let counts = Counts {
            both: group_pairs(
                members.iter().filter_map(|(row, component)| Some((*component, cluster(*row)?))),
            ),
            predicted,
            positive: group_pairs(members.iter().map(|(_, component)| *component)),
            all,
        };
        quality.adjusted_rand = counts.adjusted_rand();
    }
    // The later of each positive pair.
    let mut later: Vec<u64> = positives().map(|(_, later, _)| *later).collect();
    later.sort_unstable();
    later.dedup();
    let label = |removed: u64, kept: u64| {
        let pair = (removed.min(kept), removed.max(kept));
        match listed.binary_search_by_key(&pair, |(a, b, _)| (*a, *b)) {
            Ok(found) => Some(listed[found].2),
            Err(_) => question.complete.then_some(false),
        }
    };
    quality.removals = facts.removals(label, &later);
    quality
}

fn by_clusters(
    run: &Run,
    stage: usize,
    labels: &Labels,
    facts: &Facts,
    members: &[(u32, Option<u32>)],
) -> Quality {
    let in_rows =
        |(node, cluster): &(u32, Option<u32>)| Some((facts.row(*node)?, (*node, *cluster)));
    let mut truth: Vec<(u64, (u32, Option<u32>))> = members.iter().filter_map(in_rows).collect();
    truth.sort_unstable();
    // One document under two of its names.
    truth.dedup_by_key(|(row, _)| *row);
    let labelled = || {
        truth
            .iter()
            .filter_map(|(row, (_, cluster))| Some((facts.labelled(*row)?.cluster, *cluster)))
    };
    let counts = Counts {
        both: group_pairs(labelled().filter_map(|(ours, theirs)| Some((ours?, theirs?)))),
        predicted: group_pairs(labelled().filter_map(|(ours, _)| ours)),
        positive: group_pairs(labelled().filter_map(|(_, theirs)| theirs)),
        all: pairs_among(truth.len() as u64),
    };
    let unlabelled = facts.predicted().saturating_sub(counts.predicted);
    let labels = LabelCounts {
        pairs: counts.all,
        positive: counts.positive,
        ..label_counts("clusters", labels, facts)
    };
    let mut quality = quality(run, stage, labels, facts, &counts, unlabelled);
    quality.adjusted_rand = counts.adjusted_rand();
    // All but the first of each cluster.
    let mut of_clusters: Vec<(u32, u64)> =
        truth.iter().filter_map(|(row, (_, cluster))| Some(((*cluster)?, *row))).collect();
    of_clusters.sort_unstable();
    let groups = of_clusters.chunk_by(|(left, _), (right, _)| left == right);
    let mut later: Vec<u64> =
        groups.flat_map(|group| group[1..].iter().map(|(_, row)| *row)).collect();
    later.sort_unstable();
    let cluster = |row: u64| {
        let found = truth.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        Some(truth[found].1.1)
    };
    let label = |removed: u64, kept: u64| {
        let (removed, kept) = (cluster(removed)?, cluster(kept)?);
        Some(removed.is_some() && removed == kept)
    };
    quality.removals = facts.removals(label, &later);
    quality
}
