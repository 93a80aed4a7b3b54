//! `tamis explain-batch`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value};

use super::{OutputFormat, print, show};
use crate::exec::summary::grouped;
use crate::ledger::run::Run;
use crate::tokens::dataset::Dataset;
use crate::train::{self, BatchDocument, ExplainedBatch};

#[derive(Args)]
pub(super) struct ExplainBatch {
    /// The run directory.
    run: PathBuf,
    /// The step, from 1.
    #[arg(long, value_name = "S")]
    step: u64,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

impl ExplainBatch {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(&self.run)?;
        let dataset = Dataset::load(&run.store)?;
        let set = crate::train::TokenSet::of_run(&run.store, &dataset);
        let batch = train::explain_batch(&set, self.step)?;
        match self.format {
            OutputFormat::Json => print(&show::json(&batch)?),
            OutputFormat::Text => print(&text(&batch)),
        }
    }
}

fn text(batch: &ExplainedBatch) -> String {
    let ids: std::collections::BTreeSet<&str> =
        batch.documents.iter().map(|document| document.id.as_str()).collect();
    let mut text = format!(
        "step {} of {}: samples {} to {}, {} documents, {} tokens{}\n",
        grouped(batch.step),
        grouped(batch.steps),
        grouped(batch.samples[0]),
        grouped(batch.samples[1]),
        grouped(ids.len() as u64),
        grouped(batch.tokens),
        if batch.skipped { "; its update was left out as a spike" } else { "" },
    );
    // Writing to a string cannot fail.
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    for document in &batch.documents {
        *sources.entry(cell(&document.ledger, "source")).or_default() += u64::from(document.tokens);
    }
    for (source, tokens) in sources {
        let _ = writeln!(text, "  {}: {} tokens", show::safe(source, 60), grouped(tokens));
    }
    let mut row = None;
    for document in &batch.documents {
        if row.replace(document.row) != Some(document.row) {
            let _ = writeln!(text, "\nrow {}", document.row);
        }
        describe(document, &mut text);
    }
    text
}

fn describe(document: &BatchDocument, text: &mut String) {
    let ledger = &document.ledger;
    let place = match cell(ledger, "url") {
        "" => format!("{}:{}", cell(ledger, "file"), cell(ledger, "record")),
        url => url.to_owned(),
    };
    let _ = writeln!(
        text,
        "  {}  tokens {} to {} of {}  {}  {}",
        document.id,
        document.from,
        document.from + document.tokens - 1,
        document.of,
        show::safe(cell(ledger, "source"), 40),
        show::safe(&place, 100),
    );
    let mut known: Vec<String> = Vec::new();
    for name in ["language", "cluster"] {
        if !cell(ledger, name).is_empty() {
            known.push(format!("{name} {}", show::safe(cell(ledger, name), 60)));
        }
    }
    // Signals are named `stage.signal`; no other column has a dot.
    let signals = ledger.iter().filter(|(name, _)| name.contains('.'));
    known.extend(signals.map(|(name, value)| match value {
        Value::String(value) => format!("{name} {}", show::safe(value, 60)),
        value => format!("{name} {value}"),
    }));
    if !known.is_empty() {
        let _ = writeln!(text, "      {}", known.join("  "));
    }
}

fn cell<'a>(row: &'a Map<String, Value>, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}
