//! `training/ledger.jsonl`: what was done about loss spikes, for a resume to do again.
//!
//! The first line names the training. An entry is written, by one atomic put of the whole file, before
//! it takes effect. All else follows from the entries and the number of a step:
//!
//! * which samples are left out, and so which ones a step reads;
//! * which steps are done without an update;
//! * what the learning rate is multiplied by;
//! * which checkpoints belong to the training as it went on: one written before a rollback does only
//!   if its step does not lie behind the step that was gone back to.
//!
//! So a process that dies anywhere in a recovery leaves either nothing of it or all of it.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError};

use super::TrainError;

/// Where the entries stand in a run.
pub(crate) const PATH: &str = "training/ledger.jsonl";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    training: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// A step's update was left out.
    SkippedStep {
        /// The step, from 1.
        step: u64,
        /// First and last sample it read.
        samples: [u64; 2],
        /// Its loss; `null` where it is not finite.
        loss: Option<f32>,
        /// The norm of its gradient, likewise.
        gradient_norm: Option<f32>,
        /// Its loss in robust standard deviations above the median.
        loss_score: Option<f32>,
        /// The logarithm of the norm likewise.
        gradient_norm_score: Option<f32>,
    },
    /// The training went back and on behind some samples.
    Rollback {
        /// The step that it went back to the end of.
        to_step: u64,
        /// The first step that spiked.
        first_spike: u64,
        /// The step at which it went back.
        at_step: u64,
        /// Samples left out: the first, and the first that is not.
        skipped: [u64; 2],
        /// What the learning rate is multiplied by behind `to_step`, beside other entries' factors.
        rate_factor: f32,
        /// 1 for the first in a row.
        attempt: u32,
    },
}

/// All entries of a training.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Interventions {
    training: String,
    entries: Vec<Entry>,
    /// Samples left out: in order, disjoint.
    skips: Vec<Range<u64>>,
}

impl Interventions {
    /// Entries of the training `digest`; of none where the run has those of another one.
    ///
    /// # Errors
    /// When the file is damaged or the store fails.
    pub(crate) fn load(run: &Store, digest: &str) -> Result<Self, TrainError> {
        let none = Self { training: digest.to_owned(), ..Self::default() };
        let bytes = match run.read(PATH) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(none),
            Err(error) => return Err(error.into()),
        };
        let damaged = |number: usize, error: &dyn std::fmt::Display| TrainError::Damaged {
            path: PATH.to_owned(),
            reason: format!("line {number} does not read: {error}"),
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| damaged(1, &error))?;
        let mut lines = (1..).zip(text.lines());
        let head: Head = match lines.next() {
            Some((_, line)) => serde_json::from_str(line).map_err(|error| damaged(1, &error))?,
            None => return Ok(none),
        };
        if head.training != digest {
            return Ok(none);
        }
        let mut entries = Vec::new();
        for (number, line) in lines {
            entries.push(serde_json::from_str(line).map_err(|error| damaged(number, &error))?);
        }
        Ok(Self::of(digest, entries))
    }

    /// These entries.
    pub(crate) fn of(digest: &str, entries: Vec<Entry>) -> Self {
        let mut interventions = Self { training: digest.to_owned(), entries, skips: Vec::new() };
        let mut skips: Vec<Range<u64>> = interventions
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Rollback { skipped: [from, to], .. } => Some(*from..*to),
                Entry::SkippedStep { .. } => None,
            })
            .collect();
        skips.sort_by_key(|skip| skip.start);
        for skip in skips {
            match interventions.skips.last_mut() {
                Some(last) if skip.start <= last.end => last.end = last.end.max(skip.end),
                _ => interventions.skips.push(skip),
            }
        }
        interventions
    }

    /// Adds an entry, and writes it down before it takes effect.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn commit(&mut self, run: &Store, entry: Entry) -> Result<(), TrainError> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.push(entry);
        let mut text = serde_json::to_string(&Head { training: self.training.clone() })?;
        for entry in &entries {
            text.push('\n');
            text.push_str(&serde_json::to_string(entry)?);
        }
        text.push('\n');
        let training = self.training.clone();
        run.put(PATH, Bytes::from(text))?;
        *self = Self::of(&training, entries);
        Ok(())
    }

    /// Adds an entry that another process has written down.
    pub(crate) fn adopt(&mut self, entry: Entry) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.push(entry);
        *self = Self::of(&std::mem::take(&mut self.training), entries);
    }

    /// The entries, in the order in which they were made.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The global index of the sample that comes after `before` samples that are not left out: what
    /// step *s* reads begins at that of (*s* − 1) × samples a step.
    pub(crate) fn sample(&self, before: u64) -> u64 {
        let mut at = before;
        for skip in &self.skips {
            if skip.start > at {
                break;
            }
            at += skip.end - skip.start;
        }
        at
    }

    /// Samples left out so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skips.iter().map(|skip| skip.end - skip.start).sum()
    }

    /// How often the training went back.
    pub(crate) fn rollbacks(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Rollback { .. })).count()
    }

    /// What the learning rate of step `step` is multiplied by.
    pub(crate) fn rate_factor(&self, step: u64) -> f64 {
        let factor = |entry: &Entry| match entry {
            Entry::Rollback { to_step, rate_factor, .. } if *to_step < step => {
                f64::from(*rate_factor)
            }
            _ => 1.0,
        };
        self.entries.iter().map(factor).product()
    }

    /// Whether step `step` is known to be done without an update.
    pub(crate) fn is_skipped(&self, step: u64) -> bool {
        let mut skipped = false;
        for entry in &self.entries {
            match entry {
                Entry::SkippedStep { step: other, .. } => skipped |= *other == step,
                // Steps behind it were done again, with other samples.
                Entry::Rollback { to_step, .. } => skipped &= step <= *to_step,
            }
        }
        skipped
    }

    /// Whether a checkpoint of step `step`, written when the training had gone back `rollbacks`
    /// times, lies on the way that led here.
    pub(crate) fn accepts(&self, step: u64, rollbacks: usize) -> bool {
        let targets = self.entries.iter().filter_map(|entry| match entry {
            Entry::Rollback { to_step, .. } => Some(*to_step),
            Entry::SkippedStep { .. } => None,
        });
        rollbacks <= self.rollbacks() && targets.skip(rollbacks).all(|target| step <= target)
    }

    /// Which time in a row a rollback for a spike at `first_spike` would be: spikes within `calm`
    /// steps of where the last rollback was decided are taken for the same trouble.
    pub(crate) fn attempt(&self, first_spike: u64, calm: u64) -> u32 {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Rollback { at_step, attempt, .. } => Some((*at_step, *attempt)),
            Entry::SkippedStep { .. } => None,
        });
        match last {
            Some((at_step, attempt)) if first_spike <= at_step + calm => attempt + 1,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollback(to_step: u64, skipped: [u64; 2], rate_factor: f32) -> Entry {
        Entry::Rollback {
            to_step,
            first_spike: to_step + 2,
            at_step: to_step + 4,
            skipped,
            rate_factor,
            attempt: 1,
        }
    }

    fn skipped(step: u64) -> Entry {
        Entry::SkippedStep {
            step,
            samples: [0, 1],
            loss: None,
            gradient_norm: Some(0.1),
            loss_score: None,
            gradient_norm_score: None,
        }
    }

    #[test]
    fn samples_are_counted_around_what_is_left_out() {
        let skips = [[10, 20], [15, 30], [40, 41], [41, 45]];
        let all = Interventions::of("d", skips.map(|skip| rollback(1, skip, 1.0)).to_vec());
        assert_eq!(all.skips, [10..30, 40..45]);
        let expected: Vec<u64> = (0..10).chain(30..40).chain(45..60).collect();
        let found: Vec<u64> = (0..35).map(|before| all.sample(before)).collect();
        assert_eq!(found, expected);
        assert_eq!(all.skipped(), 25);
    }

    #[test]
    fn what_was_before_a_rollback_counts_up_to_where_it_went_back_to() {
        let mut entries = vec![skipped(3), skipped(9), rollback(5, [40, 80], 1.0), skipped(6)];
        let one = Interventions::of("d", entries.clone());
        assert_eq!([3, 9, 6].map(|step| one.is_skipped(step)), [true, false, true]);
        assert!(one.accepts(5, 0) && !one.accepts(6, 0) && one.accepts(6, 1));
        assert!(!one.accepts(1, 2), "a checkpoint that knows more than the ledger");
        entries.push(rollback(4, [32, 90], 0.5));
        let two = Interventions::of("d", entries);
        assert_eq!([3, 6].map(|step| two.is_skipped(step)), [true, false]);
        assert!(two.accepts(4, 1) && !two.accepts(5, 0) && !two.accepts(5, 1));
        let factors = [4, 5].map(|step| two.rate_factor(step).to_string());
        assert_eq!(factors, ["1", "0.5"]);
        assert_eq!([8, 30].map(|step| two.attempt(step, 10)), [2, 1]);
    }

    #[test]
    fn entries_come_back_and_those_of_another_training_do_not() {
        let store = Store::in_memory();
        let mut ours = Interventions::load(&store, "ours").unwrap();
        ours.commit(&store, skipped(3)).unwrap();
        ours.commit(&store, rollback(1, [2, 9], 0.5)).unwrap();
        assert_eq!(Interventions::load(&store, "ours").unwrap(), ours);
        assert_eq!(Interventions::load(&store, "theirs").unwrap().entries(), []);
        store.put(PATH, Bytes::from_static(b"{\"training\":\"ours\"}\n{]\n")).unwrap();
        let error = Interventions::load(&store, "ours").unwrap_err().to_string();
        assert!(error.contains("ledger.jsonl") && error.contains("line 2"), "{error}");
    }
}
