//! `tamis test`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{OutputFormat, Usage, note, print, show};
use crate::config::Pipeline;
use crate::config::outcome::Test as Block;
use crate::exec::trial::{Finding, Specimen, Trial};
use crate::model::Assets;

#[derive(Args)]
pub(super) struct Test {
    /// The pipeline files.
    #[arg(required = true)]
    pipelines: Vec<PathBuf>,
    /// Override a value: `--set stage.gopher-quality.min_words=80`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

/// What came of one test.
struct Outcome {
    name: String,
    finding: Finding,
    /// What is wrong; empty where it passed.
    faults: Vec<String>,
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // Models that several files name are loaded once.
        let assets = Assets::default();
        let (mut list, mut failed, mut all) = (Vec::new(), 0, 0);
        for path in &self.pipelines {
            let outcomes = outcomes(path, &self.sets, &assets)?;
            if outcomes.is_empty() {
                note(&format!("{} has no [[test]]", path.display()));
            }
            for outcome in &outcomes {
                all += 1;
                failed += usize::from(!outcome.faults.is_empty());
                match self.format {
                    OutputFormat::Json => list.push(as_json(path, outcome)),
                    OutputFormat::Text => print(&text(path, outcome))?,
                }
            }
        }
        if self.format == OutputFormat::Json {
            print(&show::json(&list)?)?;
        }
        if failed > 0 {
            return Err(Usage(format!("{failed} of {all} tests failed")).into());
        }
        Ok(())
    }
}

fn outcomes(path: &Path, sets: &[String], assets: &Assets) -> anyhow::Result<Vec<Outcome>> {
    let pipeline = Pipeline::load(path, sets)?;
    if pipeline.tests.is_empty() {
        return Ok(Vec::new());
    }
    let trial = Trial::new(&pipeline, assets)?;
    let mut outcomes = Vec::new();
    for (number, test) in (1..).zip(&pipeline.tests) {
        let text = test.text.repeat(test.repeat);
        let specimen =
            Specimen { source: test.source.as_deref(), url: test.url.as_deref(), text: &text };
        let finding = trial.run(specimen)?;
        let faults = faults(test, &finding);
        let name = test.name.clone().unwrap_or_else(|| format!("test {number}"));
        outcomes.push(Outcome { name, finding, faults });
    }
    Ok(outcomes)
}

/// `kept`, or `<stage>:<reason>`.
fn verdict(finding: &Finding) -> String {
    match &finding.dropped {
        None => "kept".to_owned(),
        Some((stage, reason)) => format!("{stage}:{reason}"),
    }
}

fn faults(test: &Block, finding: &Finding) -> Vec<String> {
    let got = verdict(finding);
    let right = match (test.expect.as_str(), &finding.dropped) {
        ("kept", dropped) => dropped.is_none(),
        ("dropped", dropped) => dropped.is_some(),
        (expect, Some((stage, _))) => expect == got || expect == stage,
        (_, None) => false,
    };
    let mut faults = Vec::new();
    if !right {
        let mut fault = format!("expected {}, got {got}", test.expect);
        let others: Vec<String> =
            finding.fails.iter().map(|(stage, reason)| format!("{stage}:{reason}")).collect();
        if others.len() > 1 {
            let _ = write!(fault, " (all that would drop it: {})", others.join(", "));
        }
        faults.push(fault);
    }
    if let Some(expected) = test.expect_text.as_ref().filter(|text| **text != finding.text) {
        faults.push(format!("another text is left:\n{}", difference(expected, &finding.text)));
    }
    faults
}

/// The lines that differ, without what both texts begin and end with.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<&str>, Vec<&str>) =
        (expected.split('\n').collect(), got.split('\n').collect());
    let pairs = expected.iter().zip(&got);
    let start = pairs.take_while(|(left, right)| left == right).count();
    let ends = expected[start..].iter().rev().zip(got[start..].iter().rev());
    let end = ends.take_while(|(left, right)| left == right).count();
    let mut text = String::new();
    for (sign, lines) in [('-', &expected), ('+', &got)] {
        for line in &lines[start..lines.len() - end] {
            let _ = writeln!(text, "      {sign} {}", show::safe(line, 200));
        }
    }
    let _ = write!(text, "      (- expected, + got, from line {})", start + 1);
    text
}

fn text(path: &Path, outcome: &Outcome) -> String {
    let name = show::safe(&outcome.name, 200);
    if outcome.faults.is_empty() {
        return format!("ok    {}: {name}\n", path.display());
    }
    let mut text = format!("FAIL  {}: {name}\n", path.display());
    for fault in &outcome.faults {
        let _ = writeln!(text, "    {fault}");
    }
    // The signals of the stage at fault tell how far the value is from the threshold.
    if let Some((stage, _)) = &outcome.finding.dropped {
        let prefix = format!("{stage}.");
        for (signal, value) in
            outcome.finding.signals.iter().filter(|(s, _)| s.starts_with(&prefix))
        {
            let _ = writeln!(text, "      {signal} = {}", show::safe(&value.to_string(), 80));
        }
    }
    text
}

fn as_json(path: &Path, outcome: &Outcome) -> Value {
    let finding = &outcome.finding;
    let fail = |(stage, reason): &(String, String)| json!({ "stage": stage, "reason": reason });
    json!({
        "pipeline": path.display().to_string(),
        "name": outcome.name,
        "passed": outcome.faults.is_empty(),
        "faults": outcome.faults,
        "verdict": if finding.dropped.is_some() { "dropped" } else { "kept" },
        "stage": finding.dropped.as_ref().map(|(stage, _)| stage),
        "reason": finding.dropped.as_ref().map(|(_, reason)| reason),
        "fails": finding.fails.iter().map(fail).collect::<Vec<_>>(),
        "signals": finding.signals,
        "text": finding.text,
    })
}
