//! Counts that tasks report and the driver adds up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::Reason;
use crate::ops::Figures;
use crate::tokens::count::Count;

/// What one stage did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCounts {
    /// Documents it looked at.
    pub seen: u64,
    /// Documents it dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Bytes of text it looked at.
    pub bytes: u64,
    /// Time spent in it, over all threads, in nanoseconds.
    pub nanos: u64,
    /// For an exchange, by `source NAME` and `language LABEL`: documents it looked at, and dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<String, (u64, u64)>,
    /// What else there is to say of an exchange.
    #[serde(default, skip_serializing_if = "Figures::is_empty")]
    pub figures: Figures,
}

impl StageCounts {
    /// Counts documents of a group.
    pub fn count_loss(&mut self, group: &str, seen: u64, dropped: u64) {
        if let Some(loss) = self.losses.get_mut(group) {
            *loss = (loss.0 + seen, loss.1 + dropped);
        } else {
            self.losses.insert(group.to_owned(), (seen, dropped));
        }
    }
}

/// What a task, a phase or a whole run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Records the readers handed over, counted by them.
    pub read: u64,
    /// Records that are no documents and stand in no ledger, by their kind.
    pub passed_over: BTreeMap<String, u64>,
    /// Ledger rows that are kept.
    pub kept: u64,
    /// Ledger rows that are dropped.
    pub dropped: u64,
    /// Ledger rows that are failed, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Bytes of text read.
    pub text_bytes: u64,
    /// Characters of the kept documents.
    pub chars_kept: u64,
    /// Stages by their index in the plan.
    pub stages: BTreeMap<usize, StageCounts>,
    /// Ids written to training shards.
    pub train_tokens: u64,
    /// Documents in training shards.
    pub train_documents: u64,
    /// Ids written to validation shards.
    pub validation_tokens: u64,
    /// Documents in validation shards.
    pub validation_documents: u64,
    /// Tokens of padding in shards.
    #[serde(skip_serializing_if = "is_zero")]
    pub padding: u64,
    /// Documents that were cut at the end of a row of a shard.
    #[serde(skip_serializing_if = "is_zero")]
    pub cut: u64,
    /// What training shards hold, by `<stage>/<cell>`: their indices.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mixed: BTreeMap<String, Count>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Counters {
    /// Adds what another task did.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        add_map(&mut self.passed_over, &other.passed_over);
        self.kept += other.kept;
        self.dropped += other.dropped;
        add_map(&mut self.failed, &other.failed);
        self.text_bytes += other.text_bytes;
        self.chars_kept += other.chars_kept;
        for (index, counts) in &other.stages {
            let stage = self.stages.entry(*index).or_default();
            stage.seen += counts.seen;
            stage.bytes += counts.bytes;
            stage.nanos += counts.nanos;
            stage.figures.add(&counts.figures);
            for (group, (seen, dropped)) in &counts.losses {
                stage.count_loss(group, *seen, *dropped);
            }
            add_map(&mut stage.dropped, &counts.dropped);
        }
        self.train_tokens += other.train_tokens;
        self.train_documents += other.train_documents;
        self.validation_tokens += other.validation_tokens;
        self.validation_documents += other.validation_documents;
        self.padding += other.padding;
        self.cut += other.cut;
        for (name, count) in &other.mixed {
            *self.mixed.entry(name.clone()).or_default() += *count;
        }
    }

    /// Failed ledger rows.
    #[must_use]
    pub fn failed_total(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// Adds counts to counts.
pub(super) fn add_map(into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>) {
    for (reason, count) in from {
        *into.entry(reason.clone()).or_default() += count;
    }
}

/// Counts one more of a reason, without allocating for known ones.
pub fn count(map: &mut BTreeMap<String, u64>, reason: Reason) {
    if let Some(count) = map.get_mut(reason.as_str()) {
        *count += 1;
    } else {
        map.insert(reason.as_str().to_owned(), 1);
    }
}
