//! The summary of a run: `summary.json`, and the funnel that people see.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ExecError;
use super::contamination::{self, Contamination};
use super::counters::Counters;
use crate::plan::{Plan, PlanError, PlanStage};
use crate::store::Store;
use crate::tokens::dataset::Stage;

const PATH: &str = "summary.json";

/// What a run did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the pipeline.
    pub name: String,
    /// Version of tamis.
    pub tamis: String,
    /// Digest of the last phase: two runs with the same have the same documents and tokens.
    pub digest: String,
    /// Records read; the sum of the next three.
    pub input: u64,
    /// Records that are no documents and stand in no ledger, by their kind: a WARC file's requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<String, u64>,
    /// Documents kept.
    pub kept: u64,
    /// Documents dropped.
    pub dropped: u64,
    /// Records that could not be read as documents.
    pub failed: u64,
    /// The failed ones by reason.
    pub failures: BTreeMap<String, u64>,
    /// Bytes of text read.
    pub text_bytes: u64,
    /// The stages, in order.
    pub stages: Vec<StageSummary>,
    /// Sources and languages that a stage took more of than it was told to expect.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// What of benchmarks was found in the documents, where a stage looked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contamination: Vec<Contamination>,
    /// What the shards hold, where shards were made.
    pub tokens: Option<TokenSummary>,
    /// Time of this call, in milliseconds (a resumed run counts only its own).
    pub wall_ms: u64,
    /// Time of each phase that ran, in milliseconds.
    pub phases_ms: BTreeMap<String, u64>,
}

/// What one stage did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageSummary {
    /// The stage's name.
    pub stage: String,
    /// Its op.
    pub op: String,
    /// Documents it looked at.
    pub seen: u64,
    /// Documents it dropped.
    pub dropped: u64,
    /// The dropped ones by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Bytes of text it looked at.
    pub bytes: u64,
    /// Time in the stage over all threads, in seconds.
    pub seconds: f64,
    /// What else there is to say of an exchange: figures that add up, and the largest ones.
    #[serde(default)]
    pub figures: BTreeMap<String, u64>,
}

/// A source or a language that lost more documents to a stage than its setting `alarm` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Alarm {
    /// The stage's name.
    pub stage: String,
    /// `source NAME` or `language LABEL`.
    pub group: String,
    /// Documents of the group that the stage looked at.
    pub seen: u64,
    /// Documents of them that it dropped.
    pub dropped: u64,
    /// The share that is dropped.
    pub share: f64,
    /// The share that was expected at most.
    pub expected: f64,
}

/// Documents that a language needs before its losses count: labels of a few are often wrong.
const LANGUAGE_DOCUMENTS: u64 = 100;

/// The alarms of one stage.
fn alarms(stage: &PlanStage, losses: &BTreeMap<String, (u64, u64)>) -> Vec<Alarm> {
    let settings = stage.typed_settings().ok();
    let Some(expected) = settings.and_then(|settings| settings.alarm()) else { return Vec::new() };
    let alarm = |(group, &(seen, dropped)): (&String, &(u64, u64))| {
        #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
        let share = dropped as f64 / seen.max(1) as f64;
        let counts = group.starts_with("source ") || seen >= LANGUAGE_DOCUMENTS;
        let stage = stage.name.clone();
        let alarm = Alarm { stage, group: group.clone(), seen, dropped, share, expected };
        (counts && share > expected).then_some(alarm)
    };
    losses.iter().filter_map(alarm).collect()
}

/// What the token shards hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Ids in training shards, end-of-document tokens included.
    pub train: u64,
    /// Documents in training shards.
    pub train_documents: u64,
    /// Ids in validation shards.
    pub validation: u64,
    /// Documents in validation shards.
    pub validation_documents: u64,
    /// Tokens of padding, where documents are packed into rows.
    #[serde(default)]
    pub padding: u64,
    /// Documents that were cut at the end of a row.
    #[serde(default)]
    pub cut: u64,
    /// What each stage of training takes of each cell, where there is a mixture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixture: Vec<Stage>,
}

impl Summary {
    pub(super) fn new(
        plan: &Plan,
        totals: &Counters,
        tokens: bool,
        wall_ms: u64,
        phases_ms: BTreeMap<String, u64>,
    ) -> Self {
        let mut alarming = Vec::new();
        let stage = |(index, stage): (usize, &PlanStage)| {
            let counts = totals.stages.get(&index).cloned().unwrap_or_default();
            alarming.extend(alarms(stage, &counts.losses));
            let mut figures = counts.figures.sums;
            figures.extend(counts.figures.maxima);
            #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
            let seconds = counts.nanos as f64 / 1e9;
            StageSummary {
                stage: stage.name.clone(),
                op: stage.op.clone(),
                seen: counts.seen,
                dropped: counts.dropped.values().sum(),
                reasons: counts.dropped,
                bytes: counts.bytes,
                seconds,
                figures,
            }
        };
        let stages = plan.stages.iter().enumerate().map(stage).collect();
        Self {
            name: plan.name.clone(),
            tamis: plan.tamis.clone(),
            digest: plan.phases.last().map(|phase| phase.digest.clone()).unwrap_or_default(),
            input: totals.read,
            passed_over: totals.passed_over.clone(),
            kept: totals.kept,
            dropped: totals.dropped,
            failed: totals.failed_total(),
            failures: totals.failed.clone(),
            text_bytes: totals.text_bytes,
            stages,
            alarms: alarming,
            contamination: Vec::new(),
            tokens: tokens.then_some(TokenSummary {
                train: totals.train_tokens,
                train_documents: totals.train_documents,
                validation: totals.validation_tokens,
                validation_documents: totals.validation_documents,
                padding: totals.padding,
                cut: totals.cut,
                mixture: Vec::new(),
            }),
            wall_ms,
            phases_ms,
        }
    }

    pub(super) fn save(&self, store: &Store) -> Result<(), ExecError> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|source| PlanError::Format { path: PATH.to_owned(), source })?;
        Ok(store.put(PATH, Bytes::from(bytes))?)
    }

    /// The funnel: what each stage left of the input, and why it dropped what it dropped.
    #[must_use]
    pub fn funnel(&self) -> String {
        let width = self.stages.iter().map(|stage| stage.stage.len()).max().unwrap_or(0).max(11);
        let reasons_width = 52;
        let mut text = String::new();
        let mut line = |stage: &str, left: &str, dropped: &str, why: &str, speed: &str| {
            let cells = format!(
                "{stage:<width$}  {left:>8}  {dropped:>8}  {why:<reasons_width$}  {speed:>9}"
            );
            let _ = writeln!(text, "{}", cells.trim_end());
        };
        line("stage", "kept", "dropped", "top reasons (share of the input)", "docs/s");
        let mut left = self.input - self.failed;
        line(
            "read",
            &self.percent(left),
            &self.percent(self.failed),
            &self.top(&self.failures),
            "",
        );
        for stage in &self.stages {
            left = left.saturating_sub(stage.dropped);
            #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
            let speed = (stage.seconds > 0.0).then(|| short(stage.seen as f64 / stage.seconds));
            line(
                &stage.stage,
                &self.percent(left),
                &self.percent(stage.dropped),
                &self.top(&stage.reasons),
                &speed.unwrap_or_default(),
            );
        }
        text
    }

    /// What of benchmarks was found in the documents.
    #[must_use]
    pub fn contamination(&self) -> String {
        contamination::table(&self.contamination)
    }

    /// The mixture: what was asked of each cell, and what the shards hold.
    #[must_use]
    pub fn mixture(&self) -> String {
        let stages = self.tokens.as_ref().map_or(&[][..], |tokens| &tokens.mixture);
        let cells = stages.iter().flat_map(|stage| &stage.cells);
        let width = cells.map(|cell| cell.cell.chars().count()).max().unwrap_or(0).clamp(4, 40);
        let mut text = String::new();
        for stage in stages {
            let name = if stage.name.is_empty() { "cell" } else { &stage.name };
            let _ = writeln!(
                text,
                "{name:<width$}  {:>14}  {:>9}  {:>9}  {:>8}",
                "tokens", "asked", "obtained", "read"
            );
            for cell in &stage.cells {
                let shown: String =
                    cell.cell.chars().filter(|c| !c.is_control()).take(40).collect();
                let _ = writeln!(
                    text,
                    "{shown:<width$}  {:>14}  {:>7.3} %  {:>7.3} %  {:>6.2} ×",
                    grouped(cell.available.tokens),
                    cell.asked_share * 100.0,
                    cell.obtained_share * 100.0,
                    cell.epochs
                );
            }
        }
        text
    }

    /// A line for each alarm.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let line = |alarm: &Alarm| {
            format!(
                "{} lost {:.1} % of its {} documents to {}, more than the {:.0} % that its `alarm` allows; `tamis inspect` shows them",
                alarm.group,
                alarm.share * 100.0,
                grouped(alarm.seen),
                alarm.stage,
                alarm.expected * 100.0
            )
        };
        self.alarms.iter().map(line).collect()
    }

    /// One line about the whole run.
    #[must_use]
    pub fn headline(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
        let seconds = self.wall_ms as f64 / 1000.0;
        let mut text = format!(
            "{} records in = {} kept + {} dropped + {} failed, in {seconds:.1} s",
            grouped(self.input),
            grouped(self.kept),
            grouped(self.dropped),
            grouped(self.failed),
        );
        if !self.passed_over.is_empty() {
            let kinds = self.passed_over.iter();
            let kinds = kinds.map(|(kind, count)| format!("{} {kind}", grouped(*count)));
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            let _ = write!(text, "; passed over because they are no documents: {kinds}");
        }
        if let Some(tokens) = &self.tokens {
            let _ = write!(
                text,
                "; {} training tokens of {} documents, {} validation tokens of {}",
                grouped(tokens.train),
                grouped(tokens.train_documents),
                grouped(tokens.validation),
                grouped(tokens.validation_documents),
            );
            if tokens.padding > 0 || tokens.cut > 0 {
                let _ = write!(
                    text,
                    " ({} tokens of padding, {} documents cut)",
                    grouped(tokens.padding),
                    grouped(tokens.cut)
                );
            }
        }
        text
    }

    fn percent(&self, count: u64) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let share = count as f64 / self.input.max(1) as f64;
        format!("{:.1} %", share * 100.0)
    }

    fn top(&self, reasons: &BTreeMap<String, u64>) -> String {
        let mut sorted: Vec<_> = reasons.iter().collect();
        sorted.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), (*reason).clone()));
        let shown = sorted
            .iter()
            .take(2)
            .map(|(reason, count)| format!("{reason} {}", self.percent(**count)));
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if sorted.len() > 2 {
            text.push_str(", …");
        }
        text
    }
}

/// A number with thin groups: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number in two or three digits: `412k`.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1}M", n / 1e6),
        n if n >= 1e4 => format!("{:.0}k", n / 1e3),
        n if n >= 1e3 => format!("{:.1}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(short(412_345.0), "412k");
        assert_eq!(short(1_500.0), "1.5k");
        assert_eq!(short(12.3), "12");
    }
}
