//! `tamis inspect`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{OutputFormat, note, print, show, warn_unfinished};
use crate::exec::summary::grouped;
use crate::ledger::inspect::{self, Sample, Wanted};
use crate::ledger::run::Run;

#[derive(Args)]
pub(super) struct Inspect {
    /// The run directory.
    run: PathBuf,
    /// Only records that this stage dropped.
    #[arg(long)]
    stage: Option<String>,
    /// Only records dropped or failed for this reason.
    #[arg(long)]
    reason: Option<String>,
    /// Only records with this verdict.
    #[arg(long, value_enum)]
    verdict: Option<VerdictName>,
    /// How many records to draw.
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    number: usize,
    /// Draw others: the draw depends on this and on the ids alone [default: the run's seed].
    #[arg(long)]
    seed: Option<u64>,
    /// Characters of text to show of each.
    #[arg(long, default_value_t = 300, value_name = "N")]
    chars: usize,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerdictName {
    /// In documents/.
    Kept,
    /// Taken out by a stage.
    Dropped,
    /// Not read as a document.
    Failed,
}

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        warn_unfinished(&run);
        let verdict = self.verdict.map(|verdict| match verdict {
            VerdictName::Kept => "kept",
            VerdictName::Dropped => "dropped",
            VerdictName::Failed => "failed",
        });
        let wanted = Wanted {
            verdict,
            stage: self.stage,
            reason: self.reason,
            number: self.number,
            seed: self.seed.unwrap_or(run.plan.seed),
        };
        let mut sample = inspect::inspect(&run, &wanted)?;
        if let Some(missing) = &sample.missing {
            note(missing);
        }
        match self.format {
            OutputFormat::Json => {
                for text in sample.records.iter_mut().filter_map(|record| record.text.as_mut()) {
                    if let Some((end, _)) = text.char_indices().nth(self.chars) {
                        text.truncate(end);
                    }
                }
                print(&show::json(&sample)?)
            }
            OutputFormat::Text => print(&text(&sample, self.chars)),
        }
    }
}

fn text(sample: &Sample, chars: usize) -> String {
    let mut text = format!(
        "{} of {} matching records\n",
        grouped(sample.records.len() as u64),
        grouped(sample.matching)
    );
    for record in &sample.records {
        let mut verdict = record.verdict.clone();
        // Writing to a string cannot fail.
        if let Some(stage) = &record.stage {
            let _ = write!(verdict, " by {stage}");
        }
        if let Some(reason) = &record.reason {
            let _ = write!(verdict, ", {reason}");
        }
        let place = match &record.url {
            Some(url) => url.clone(),
            None => format!("{}:{}:{}", record.source, record.file, record.record),
        };
        let _ = writeln!(
            text,
            "\n{}  {}  {}",
            record.id,
            show::safe(&verdict, 100),
            show::safe(&place, 100)
        );
        match (&record.text, record.text_from) {
            (Some(body), from) => {
                let from = if from == Some("source") { "(as read) " } else { "" };
                let _ = writeln!(text, "  {from}{}", show::safe(body, chars));
            }
            (None, _) if record.verdict == "failed" => text.push_str("  (no text was read)\n"),
            (None, _) => text.push_str("  (the text is gone)\n"),
        }
    }
    text
}
