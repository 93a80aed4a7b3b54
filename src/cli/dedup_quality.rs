//! `tamis dedup-quality`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{OutputFormat, print, show};
use crate::exec::summary::grouped;
use crate::ledger::dedup_quality::{self, LabelCounts, Quality, Question};
use crate::ledger::run::Run;

const LABELS: &str = "\
Labels are JSON Lines (plain, gzip or zstd) or Parquet, of one of these kinds:

  pairs     {\"a\": id, \"b\": id, \"label\": 0 or 1}; with --threshold, a column of similarities
            stands in place of the label
  clusters  {\"id\": id, \"cluster\": name}; null is a document that is alone

An id is a record's id in the ledger, its id in the input (`id_field`), or its URL.

A predicted pair is two documents with the same `<stage>.cluster`. Predicted pairs without a label
do not count, unless --complete says that they are negative. A removal is a removed document with
the kept one of its cluster; it counts where the labels say something of the two. Its recall is the
share of documents with an earlier duplicate (in the order of the ledger) that are removed. The
adjusted Rand index compares clusters; of --complete pairs, connected components of positive ones.";

#[derive(Args)]
#[command(after_help = LABELS)]
pub(super) struct DedupQuality {
    /// The run directory.
    run: PathBuf,
    /// File of labels, or a glob of them.
    #[arg(long, value_name = "FILE")]
    truth: String,
    /// The stage to judge [default: the only one that makes clusters].
    #[arg(long)]
    stage: Option<String>,
    /// Similarity from which a pair is positive, in place of a column `label`.
    #[arg(long, value_name = "T")]
    threshold: Option<f64>,
    /// Column of similarities [default: the only column of numbers].
    #[arg(long, value_name = "COLUMN")]
    by: Option<String>,
    /// Pairs that the file does not list are negative.
    #[arg(long)]
    complete: bool,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl DedupQuality {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        let question = Question {
            truth: self.truth,
            stage: self.stage,
            threshold: self.threshold,
            by: self.by,
            complete: self.complete,
        };
        let quality = dedup_quality::judge(&run, &question)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&quality)?),
            OutputFormat::Text => print(&text(&quality, &question.truth)),
        }
    }
}

fn text(quality: &Quality, truth: &str) -> String {
    let Quality { run, labels, pairs, .. } = quality;
    let mut text =
        format!("{} against {}\n", show::safe(&quality.stage, 80), show::safe(truth, 100));
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "run        {} documents seen, {} of them in {} clusters, {} removed",
        grouped(run.documents),
        grouped(run.in_clusters),
        grouped(run.clusters),
        grouped(run.removed)
    );
    let _ = writeln!(text, "labels     {}", about(labels));
    let _ = writeln!(text, "\n           precision  recall      F1");
    let _ = writeln!(
        text,
        "pairs         {}  {}  {}  {} right, {} wrong, {} missed{}",
        share(pairs.precision),
        share(pairs.recall),
        share(pairs.f1),
        grouped(pairs.true_positive),
        grouped(pairs.false_positive),
        grouped(pairs.false_negative),
        unlabelled(pairs.unlabelled)
    );
    match &quality.removals {
        Some(removals) => {
            let _ = writeln!(
                text,
                "removals      {}  {}          {} right, {} wrong{}; {} of {} with an earlier duplicate",
                share(removals.precision),
                share(removals.recall),
                grouped(removals.positive),
                grouped(removals.negative),
                unlabelled(removals.unlabelled),
                grouped(removals.of_these_removed),
                grouped(removals.with_earlier_partner)
            );
        }
        None => text.push_str("removals   none: the stage dropped nothing\n"),
    }
    if let Some(index) = quality.adjusted_rand {
        let of =
            if labels.complete { " (against connected components of positive pairs)" } else { "" };
        let _ = writeln!(text, "\nadjusted Rand index  {index:.4}{of}");
    }
    text
}

fn about(labels: &LabelCounts) -> String {
    let mut text = format!(
        "{} {}",
        grouped(labels.rows),
        match labels.kind {
            "pairs" => "pairs",
            _ => "documents of clusters",
        }
    );
    if let (Some(by), Some(threshold)) = (&labels.by, labels.threshold) {
        let _ = write!(text, ", positive from {} {threshold} on", show::safe(by, 40));
    }
    if labels.complete {
        text.push_str(", all others negative");
    }
    let _ = write!(
        text,
        ": {} of {} pairs positive; {} ids",
        grouped(labels.positive),
        grouped(labels.pairs),
        grouped(labels.ids)
    );
    for (count, what) in [
        (labels.not_in_run, "not in the run"),
        (labels.not_seen, "not seen by the stage"),
        (labels.ambiguous, "of several records"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {} {what} (left out)", grouped(count));
        }
    }
    if labels.contradictory > 0 {
        let _ =
            write!(text, "; {} pairs labelled both ways (left out)", grouped(labels.contradictory));
    }
    text
}

fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "     –".to_owned(), |share| format!("{share:.4}"))
}

fn unlabelled(count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {} without a label", grouped(count)) }
}
