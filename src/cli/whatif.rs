//! `tamis whatif`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::{OutputFormat, print, show};
use crate::exec::summary::grouped;
use crate::ledger::run::Run;
use crate::ledger::whatif::{self, Estimate};

#[derive(Args)]
pub(super) struct WhatIf {
    /// The run directory.
    run: PathBuf,
    /// The settings to ask about: `--set stage.gopher-quality.min_words=80`.
    #[arg(long = "set", value_name = "stage.NAME.KEY=VALUE")]
    sets: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl WhatIf {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        let answer = whatif::whatif(&run, &self.sets)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&answer)?),
            OutputFormat::Text => print(&text(&answer)),
        }
    }
}

fn text(answer: &whatif::WhatIf) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for change in &answer.changes {
        let _ = writeln!(
            text,
            "stage.{}.{}: {} → {}",
            change.stage, change.key, change.from, change.to
        );
    }
    for stage in &answer.stages {
        let _ = writeln!(
            text,
            "\nat {}: {} more fall{}, {} are let through (exact)",
            stage.stage,
            grouped(stage.falls.values().sum()),
            were(&stage.falls),
            grouped(stage.released)
        );
    }
    let what = match &answer.up_to {
        Some(stage) => format!("documents that reach {stage}"),
        None => "documents kept".to_owned(),
    };
    let lost: u64 = answer.lost.values().sum();
    let gained = &answer.gained;
    let _ = writeln!(text, "\n{what}");
    let _ = writeln!(text, "  as it is     {}", grouped(answer.before));
    let _ = writeln!(text, "  lost         {} (exact){}", grouped(lost), were(&answer.lost));
    let _ = writeln!(text, "  gained       {}", estimate(&gained.number));
    let _ = writeln!(text, "  would be     {}", estimate(&answer.after));
    if gained.unknown > 0 && gained.sample > 0 {
        let _ = writeln!(
            text,
            "\nof {} documents let through, later stages never looked at {};\nof {} like them in the audit sample {} pass all of them",
            grouped(gained.certain + gained.unknown + gained.sample - gained.sample_passing),
            grouped(gained.unknown),
            grouped(gained.sample),
            grouped(gained.sample_passing),
        );
    } else if gained.unknown > 0 {
        let _ = writeln!(
            text,
            "\nlater stages never looked at {} of the documents let through, and none like them is in the audit sample;\na larger [audit] fraction or `ledger = \"full\"` tells more",
            grouped(gained.unknown)
        );
    }
    if let Some(stage) = &answer.up_to {
        let _ = writeln!(
            text,
            "\nwhat {stage} and all behind it make of the change, tokens included, takes a re-run"
        );
    }
    let _ = writeln!(text, "\n{}", answer.rerun.text());
    text
}

fn were(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(outcome, count)| match outcome.as_str() {
            "kept" => format!("{} kept as it is", grouped(*count)),
            stage => format!("{} dropped later by {stage}", grouped(*count)),
        })
        .collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn estimate(number: &Estimate) -> String {
    let (low, high) = (grouped(number.low), grouped(number.high));
    match number.estimate {
        _ if number.is_exact() => format!("{low} (exact)"),
        Some(best) => format!("about {} ({low} to {high} with 95 % confidence)", grouped(best)),
        None => format!("{low} to {high} (nothing is known between)"),
    }
}
