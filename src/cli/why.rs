//! `tamis why`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{OutputFormat, print, show, warn_unfinished};
use crate::ledger::run::Run;
use crate::ledger::why::{self, Passage, SignalWhy, StageWhy};

#[derive(Args)]
pub(super) struct Why {
    /// The run directory.
    run: PathBuf,
    /// The record: its id (or the start of it), its URL, or the id it has in the input.
    record: String,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl Why {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        warn_unfinished(&run);
        let found = why::why(&run, &self.record)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&found)?),
            OutputFormat::Text => {
                let pages: Vec<String> = found.iter().map(page).collect();
                print(&pages.join("\n"))
            }
        }
    }
}

/// What stands first on a page.
const FIRST: &[&str] = &[
    "id",
    "source_id",
    "url",
    "source",
    "file",
    "record",
    "verdict",
    "stage",
    "reason",
    "language",
];

fn page(why: &why::Why) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail.
    let first = FIRST.iter().filter_map(|key| why.record.get_key_value(*key));
    let rest = why.record.iter().filter(|(key, _)| !FIRST.contains(&key.as_str()));
    for (key, value) in first.chain(rest) {
        let shown = match value {
            Value::String(text) => show::safe(text, 200),
            other => other.to_string(),
        };
        let _ = writeln!(page, "{key:<12} {shown}");
    }
    for stage in &why.stages {
        let _ = writeln!(page, "\n{}: {}", show::safe(&stage.stage, 80), outcome(stage));
        for signal in &stage.signals {
            let _ = writeln!(page, "    {}", line(signal));
        }
    }
    page
}

fn outcome(stage: &StageWhy) -> String {
    let reason = stage.reason.as_deref().unwrap_or_default();
    let mut text = match stage.outcome {
        Passage::Passed => "passed".to_owned(),
        Passage::Dropped => format!("dropped, {reason}"),
        Passage::WouldDrop => format!("would have dropped it too, {reason}"),
        Passage::NotReached => "never reached".to_owned(),
        Passage::NotInScope => "not in scope".to_owned(),
    };
    if stage.changed {
        text.push_str(", changed the text");
    }
    text
}

fn line(signal: &SignalWhy) -> String {
    let value = match &signal.value {
        Value::String(text) => show::safe(text, 80),
        other => other.to_string(),
    };
    let mut line = format!("{:<20} {value}", signal.name);
    for bound in &signal.bounds {
        let sign = match (bound.key.starts_with("min_"), bound.broken) {
            (true, true) => "<",
            (true, false) => "≥",
            (false, true) => ">",
            (false, false) => "≤",
        };
        let _ = write!(line, "  {sign} {} = {}", bound.key, bound.value);
    }
    line
}
