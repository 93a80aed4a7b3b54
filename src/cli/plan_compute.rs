//! `tamis plan-compute`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::{OutputFormat, Usage, fit, print, show};
use crate::report::svg::short;
use crate::scale::compute::{ACCELERATORS, Advice, GOOD_EPOCHS, Given, advise, budget, laws};

const ABOUT: &str = "\
Each law says how a budget C = 6·N·D is best divided between parameters and tokens. Kaplan's N is
without embeddings. Batch and learning rate are published rules of thumb for other data and models
than yours: places to begin a search. SCALING.md has the sources.";

/// Tell what a budget of compute is best spent on: parameters, tokens, batch, learning rate.
#[derive(Args)]
#[command(after_help = ABOUT)]
pub(super) struct PlanCompute {
    /// The budget, in floating-point operations.
    #[arg(long, value_name = "OPERATIONS", conflicts_with_all = ["gpus", "days"], required_unless_present = "gpus")]
    flops: Option<f64>,
    /// Number of accelerators.
    #[arg(long, value_name = "N", requires = "days")]
    gpus: Option<f64>,
    /// Days that they are there.
    #[arg(long, value_name = "N", requires = "gpus")]
    days: Option<f64>,
    /// The accelerator: v100, a100, h100, h200, mi300x, b200, or its operations a second.
    #[arg(long, value_name = "NAME", default_value = "h100")]
    gpu: String,
    /// Share of the accelerator's operations that a training uses.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    utilisation: f64,
    /// Different tokens that there are: more counts as repeated.
    #[arg(long, value_name = "TOKENS")]
    available: Option<f64>,
    /// Your own laws: a scale.json of `tamis fit --out`, or an object of E, A, B, alpha, beta.
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value = "text")]
    format: OutputFormat,
}

/// The plan.
#[derive(Serialize)]
struct Plan {
    flops: f64,
    available: Option<f64>,
    laws: Vec<Advice>,
    warnings: Vec<String>,
}

impl PlanCompute {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let flops = self.budget()?;
        if let Some(available) = self.available {
            positive("--available", available)?;
        }
        let own = match &self.fit {
            Some(path) => laws(&fit::read(path)?)
                .map_err(|error| Usage(format!("{}: {error}", path.display())))?,
            None => Vec::new(),
        };
        let advice = advise(flops, self.available, &own);
        let plan = Plan {
            flops,
            available: self.available,
            warnings: warnings(&advice, &own),
            laws: advice,
        };
        match self.format {
            OutputFormat::Json => print(&show::json(&plan)?),
            OutputFormat::Text => print(&text(&plan)),
        }
    }

    fn budget(&self) -> Result<f64, Usage> {
        if let Some(flops) = self.flops {
            return positive("--flops", flops);
        }
        let known = ACCELERATORS.iter().find(|(name, _)| *name == self.gpu);
        let peak = match known {
            Some((_, peak)) => *peak,
            None => self.gpu.parse().map_err(|_| {
                let names: Vec<&str> = ACCELERATORS.iter().map(|(name, _)| *name).collect();
                Usage(format!(
                    "--gpu {}: known are {}; else give operations a second, such as 9.9e14",
                    self.gpu,
                    names.join(", ")
                ))
            })?,
        };
        if !(self.utilisation > 0.0 && self.utilisation <= 1.0) {
            return Err(Usage(format!(
                "--utilisation {}: give a share above 0 and at most 1",
                self.utilisation
            )));
        }
        let gpus = positive("--gpus", self.gpus.unwrap_or_default())?;
        let days = positive("--days", self.days.unwrap_or_default())?;
        Ok(budget(positive("--gpu", peak)?, gpus, days, self.utilisation))
    }
}

fn positive(option: &str, value: f64) -> Result<f64, Usage> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    Err(Usage(format!("{option} {value}: give a number above 0")))
}

fn warnings(advice: &[Advice], own: &[Given]) -> Vec<String> {
    let mut warnings = Vec::new();
    for advice in advice {
        if let Some(epochs) = advice.epochs.filter(|epochs| *epochs > GOOD_EPOCHS) {
            warnings.push(format!(
                "{}: the text is read {epochs:.1} times; beyond {GOOD_EPOCHS} times repetition \
                 costs (https://arxiv.org/abs/2305.16264)",
                advice.law
            ));
        }
        let given = own.iter().find(|given| given.name == advice.law);
        if let Some(largest) = given.and_then(|given| given.largest)
            && advice.params > 10.0 * largest
        {
            warnings.push(format!(
                "{}: {:.0} times the largest size it was fitted to",
                advice.law,
                advice.params / largest
            ));
        }
    }
    warnings
}

fn text(plan: &Plan) -> String {
    let mut text = format!("budget  {} operations\n", short(plan.flops));
    if let Some(available) = plan.available {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "text    {} different tokens", short(available));
    }
    let header = ["law", "params", "tokens", "tokens / param", "loss", "epochs"];
    let rows: Vec<Vec<Value>> = plan
        .laws
        .iter()
        .map(|advice| {
            vec![
                json!(advice.law),
                json!(short(advice.params)),
                json!(short(advice.tokens)),
                json!(format!("{:.1}", advice.tokens / advice.params)),
                json!(advice.loss.map_or_else(String::new, |loss| format!("{loss:.3}"))),
                json!(advice.epochs.map_or_else(String::new, |epochs| format!("{epochs:.2}"))),
            ]
        })
        .collect();
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
    text.push_str("\nbatch and learning rate, to begin with:\n");
    let header = ["law", "rule", "tokens a step", "peak learning rate"];
    let rows: Vec<Vec<Value>> = plan
        .laws
        .iter()
        .flat_map(|advice| {
            advice.settings.iter().map(|settings| {
                vec![
                    json!(advice.law),
                    json!(settings.rule),
                    json!(short(settings.batch_tokens)),
                    json!(format!("{:.2e}", settings.learning_rate)),
                ]
            })
        })
        .collect();
    text.push_str(&show::table(&header.map(str::to_owned), &rows));
    for warning in &plan.warnings {
        let _ = writeln!(text, "  ! {warning}");
    }
    text
}
